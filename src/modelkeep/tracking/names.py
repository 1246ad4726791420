"""How a run, logged model or trace is called, for those who may read it."""

from modelkeep.domain.authorization import Actor
from modelkeep.store.experiments import Level
from modelkeep.tracking.answers import Json
from modelkeep.tracking.proxy import Refused, TrackingProxy
from modelkeep.tracking.route_rules import TrackedKind

TRACE_NAME = "mlflow.traceName"


async def describe(proxy: TrackingProxy, actor: Actor, kind: str, id: str) -> tuple[str, str]:
    """(experiment id, name); the name is '' where it has none. Raises NotFound, PermissionDenied, Unavailable."""
    experiment_id = await proxy.access.require(actor, TrackedKind(kind), id, Level.READ)
    try:
        return experiment_id, await _name(proxy, TrackedKind(kind), id)
    except Refused:  # deleted meanwhile
        return experiment_id, ""


async def _name(proxy: TrackingProxy, kind: TrackedKind, id: str) -> str:
    if kind is TrackedKind.RUN:
        run = await proxy.ask("GET", "/api/2.0/mlflow/runs/get", query=f"run_id={id}")
        return str(run["run"]["info"].get("run_name", ""))
    if kind is TrackedKind.LOGGED_MODEL:
        model = await proxy.ask("GET", f"/api/2.0/mlflow/logged-models/{id}")
        return str(model["model"]["info"].get("name", ""))
    trace = await proxy.ask("GET", f"/api/3.0/mlflow/traces/{id}")
    tags: Json = trace["trace"]["trace_info"].get("tags", {})
    return str(tags.get(TRACE_NAME, ""))
