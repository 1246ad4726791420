"""What a process knows of an endpoint: its configurations, with a deployment of each served entity, and pure questions about them."""

import msgspec

from modelkeep.domain.errors import WrongState
from modelkeep.domain.model import ModelVersion
from modelkeep.domain.serving import ConfiguredEntity, EndpointConfig, EntityState, EntityStatus, ServingEndpoint
from modelkeep.serving.scoring_server import ScoringServer


class EntityDeployment:
    """A served entity with its processes. `server` serves; `successor` loads the version that comes next."""

    def __init__(self, entity: ConfiguredEntity) -> None:
        self.entity = entity
        self.server: ScoringServer | None = None
        self.version: ModelVersion | None = None
        self.successor: ScoringServer | None = None
        self.successor_version: ModelVersion | None = None
        self.failed: tuple[str, str, float] = ("", "", 0.0)
        """(version id, reason, loop time) of a successor that did not load"""
        self.problem = ""
        """What stands against serving what the entity means; the version that serves goes on"""
        self.refusal = ""
        """Why it must not serve at all"""
        self.needs_process = not entity.scale_to_zero
        """It does not scale to zero, or a query came"""

    def status(self) -> EntityStatus:
        server = self.server
        number = self.version.version if self.version else 0
        state: EntityState = "DEPLOYMENT_CREATING"
        message = self.problem
        if self.refusal:
            state, message = "DEPLOYMENT_FAILED", self.refusal
        elif server is None:
            scaled = bool(number) and not self.needs_process
            state = "DEPLOYMENT_READY" if scaled else "DEPLOYMENT_FAILED" if message else state
            message = message or ("Scaled to zero." if scaled else "")
        elif server.state == "ready":
            state = "DEPLOYMENT_READY"
        elif server.state == "recovering":
            state, message = "DEPLOYMENT_RECOVERING", server.reason
        elif server.state == "failed":
            state, message = "DEPLOYMENT_FAILED", server.reason
        return EntityStatus(self.entity.name, self.entity.model_id, number, state, message)


class Configured:
    """A configuration with its deployments by served entity's name."""

    def __init__(self, json: str, config: EndpointConfig) -> None:
        self.json = json
        self.config = config
        self.deployments = {entity.name: EntityDeployment(entity) for entity in config.entities}


class Live:
    """What this process knows of one endpoint."""

    def __init__(self) -> None:
        self.in_force: Configured | None = None
        self.pending: Configured | None = None
        self.last_failed: list[EntityDeployment] = []
        """Of the last update that failed: for its build logs"""


def configured(json: str) -> Configured:
    """Of a configuration's JSON, with nothing deployed yet."""
    return Configured(json, msgspec.json.decode(json, type=EndpointConfig))


def servers_of(live: Live) -> list[ScoringServer]:
    """All processes of an endpoint."""
    deployments = [*(live.in_force.deployments.values() if live.in_force else ())]
    servers = {id(s): s for d in deployments for s in (d.server, d.successor) if s}
    servers |= {id(d.server): d.server for d in (live.pending.deployments.values() if live.pending else ()) if d.server}
    return list(servers.values())


def pending_servers(live: Live) -> list[ScoringServer]:
    """Processes of a pending configuration that do not serve already."""
    deployments = live.pending.deployments.values() if live.pending else ()
    return [d.server for d in deployments if d.server and not serves(live, d.server)]


def serves(live: Live, server: ScoringServer) -> bool:
    """Is the process one of the configuration in force?"""
    return live.in_force is not None and any(d.server is server for d in live.in_force.deployments.values())


def reusable(configured: Configured | None, entity: ConfiguredEntity, version: ModelVersion) -> ScoringServer | None:
    """A process in force that is just what a pending entity needs."""
    for deployment in configured.deployments.values() if configured else ():
        before = deployment.entity
        if (
            id_of(deployment.version) == version.id
            and deployment.server is not None
            and deployment.server.state == "ready"
            and (before.environment, before.workload_size) == (entity.environment, entity.workload_size)
        ):
            return deployment.server
    return None


def pending_status(deployment: EntityDeployment) -> EntityStatus:
    """Of a pending entity, which needs a process that has loaded its version once."""
    server, number = deployment.server, deployment.version.version if deployment.version else 0
    entity = deployment.entity
    if deployment.refusal:
        return EntityStatus(entity.name, entity.model_id, number, "DEPLOYMENT_FAILED", deployment.refusal)
    if server is not None and server.state == "failed":
        return EntityStatus(entity.name, entity.model_id, number, "DEPLOYMENT_FAILED", server.reason)
    ready = server is not None and server.state == "ready"
    return EntityStatus(entity.name, entity.model_id, number, "DEPLOYMENT_READY" if ready else "DEPLOYMENT_CREATING")


def check_hope(endpoint: ServingEndpoint, deployment: EntityDeployment) -> None:
    """Raises WrongState where waiting is of no use."""
    server = deployment.server
    reason = deployment.refusal or (server.reason if server is not None and server.crash_looping else "")
    if not reason and server is None and deployment.version is None:
        reason = deployment.problem
    if reason:
        raise WrongState(f"Serving endpoint '{endpoint.name}' cannot answer. {reason}")


def first_reason(endpoint: ServingEndpoint) -> str:
    """Of an update that failed."""
    return next((status.message for status in endpoint.pending_statuses if status.message), "")


def not_loaded(version: ModelVersion, reason: str) -> str:
    """Why an entity does not serve what its alias leads to."""
    return f"Version {version.version} cannot be loaded, so the version before it serves on. {reason}"


def id_of(version: ModelVersion | None) -> str:
    """'' for none."""
    return version.id if version else ""
