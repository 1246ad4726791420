"""Model serving endpoints: names, configurations, states and permission levels, as Databricks' serving API has them."""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from modelkeep.domain.errors import InvalidArgument, LimitExceeded
from modelkeep.domain.names import check_alias, parse_version
from modelkeep.limits import SERVED_ENTITIES, SERVING_ENVIRONMENT_BYTES, SERVING_ENVIRONMENT_VARIABLES

UpdateState = Literal["NOT_UPDATING", "IN_PROGRESS", "UPDATE_FAILED", "UPDATE_CANCELED"]
EntityState = Literal["DEPLOYMENT_CREATING", "DEPLOYMENT_READY", "DEPLOYMENT_FAILED", "DEPLOYMENT_RECOVERING"]
Level = Literal["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"]
LEVELS: tuple[Level, ...] = ("CAN_VIEW", "CAN_QUERY", "CAN_MANAGE")
"""Each includes those before it; stored as its place, from 1."""
SIZES = {"Small": 4, "Medium": 16, "Large": 64}
"""Requests at once of each `workload_size`, the upper ends of Databricks' ranges."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
_ENTITY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_RESERVED_VARIABLES = ("LD_", "PYTHON", "MLFLOW_", "MODELKEEP_", "DATABRICKS_", "AWS_", "__")
_FIXED_VARIABLES = frozenset({"PATH", "HOME", "TMPDIR", "VIRTUAL_ENV"})
_RESERVED_PREFIX = "databricks-"


class ConfiguredEntity(msgspec.Struct, frozen=True):
    """One served entity of a configuration. `version` is a number, or '@' and an alias that the endpoint follows."""

    name: str
    model_id: str
    entity_name: str
    """The model's full name when the configuration was made."""
    version: str
    workload_size: str = "Small"
    workload_type: str = "CPU"
    scale_to_zero: bool = False
    environment: dict[str, str] = {}

    @property
    def alias(self) -> str:
        """'' where the configuration names a version by its number."""
        return self.version[1:] if self.version.startswith("@") else ""


class TrafficRoute(msgspec.Struct, frozen=True):
    """The share of requests of one served entity."""

    served_name: str
    percentage: int


class EndpointConfig(msgspec.Struct, frozen=True):
    """`created_at`: epoch ms."""

    entities: tuple[ConfiguredEntity, ...]
    routes: tuple[TrafficRoute, ...]
    created_by: str
    created_at: int

    def entity(self, name: str) -> ConfiguredEntity | None:
        return next((entity for entity in self.entities if entity.name == name), None)


class EntityStatus(msgspec.Struct, frozen=True):
    """What became of a served entity. `version` 0: not resolved yet."""

    name: str
    model_id: str
    version: int = 0
    state: EntityState = "DEPLOYMENT_CREATING"
    message: str = ""


class ServingEndpoint(msgspec.Struct, frozen=True):
    """A model serving endpoint. Times are epoch milliseconds."""

    id: str
    workspace_id: str
    name: str
    creator_id: str
    creator: str
    description: str
    tags_json: str
    config_json: str
    config_version: int
    pending_json: str
    update_state: UpdateState
    created_at: int
    updated_at: int
    updated_by: str
    level: int = 0
    """The actor's: 0, or the place in LEVELS from 1."""
    statuses: tuple[EntityStatus, ...] = ()
    pending_statuses: tuple[EntityStatus, ...] = ()
    model_names: tuple[tuple[str, str], ...] = ()
    """(model id, full name of this moment) of those that still exist"""

    @property
    def tags(self) -> dict[str, str]:
        return msgspec.json.decode(self.tags_json, type=dict[str, str])

    @property
    def config(self) -> EndpointConfig | None:
        """In force; None before the first one is ready."""
        return msgspec.json.decode(self.config_json, type=EndpointConfig) if self.config_json else None

    @property
    def pending(self) -> EndpointConfig | None:
        return msgspec.json.decode(self.pending_json, type=EndpointConfig) if self.pending_json else None

    @property
    def ready(self) -> bool:
        """Whether it answers: a configuration is in force and all of its entities are deployed."""
        return bool(self.config_json) and all(status.state == "DEPLOYMENT_READY" for status in self.statuses)


def check_endpoint_name(name: str) -> str:
    """Raises InvalidArgument."""
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"ServingEndpoint name {name[:100]!r} is not valid: names have 1 to 63 letters, digits, hyphens and underscores."
        )
    if name.lower().startswith(_RESERVED_PREFIX):
        raise InvalidArgument(f"ServingEndpoint names must not begin with '{_RESERVED_PREFIX}'. Choose another name.")
    return name


def check_entity_version(text: str) -> str:
    """A version's number, or '@' and an alias. Raises InvalidArgument, BadName."""
    return f"@{check_alias(text[1:])}" if text.startswith("@") else str(parse_version(text))


def default_entity_name(model: str, version: str) -> str:
    """`<model>-<version>`, as Databricks names a served entity without a name."""
    leaf = re.sub(r"[^A-Za-z0-9_.-]", "_", model.rpartition(".")[2])
    return f"{leaf[:200]}-{version.removeprefix('@')}"[:255]


def check_entities(entities: Sequence[ConfiguredEntity]) -> None:
    """Raises InvalidArgument, LimitExceeded."""
    if not entities:
        raise InvalidArgument("An endpoint's config names at least one model in served_entities.")
    if len(entities) > SERVED_ENTITIES:
        raise LimitExceeded(f"An endpoint serves at most {SERVED_ENTITIES} entities; this config has {len(entities)}.")
    names = set[str]()
    for entity in entities:
        if not _ENTITY_NAME.fullmatch(entity.name):
            raise InvalidArgument(
                f"Served entity name {entity.name[:100]!r} is not valid: use letters, digits, '-', '_' and '.'."
            )
        if entity.name in names:
            raise InvalidArgument(f"Two served entities are called '{entity.name}'. Give each a name of its own.")
        names.add(entity.name)
        _check_entity(entity)


def _check_entity(entity: ConfiguredEntity) -> None:
    if entity.workload_size not in SIZES:
        raise InvalidArgument(f"workload_size '{entity.workload_size[:40]}' is not one of {', '.join(SIZES)}.")
    if entity.workload_type != "CPU":
        raise InvalidArgument(f"workload_type '{entity.workload_type[:40]}' is not available here. Use CPU.")
    variables = entity.environment
    size = sum(len(key) + len(value) for key, value in variables.items())
    if len(variables) > SERVING_ENVIRONMENT_VARIABLES or size > SERVING_ENVIRONMENT_BYTES:
        raise LimitExceeded(
            f"environment_vars has at most {SERVING_ENVIRONMENT_VARIABLES} variables and {SERVING_ENVIRONMENT_BYTES} characters."
        )
    for key, value in variables.items():
        if not _VARIABLE.fullmatch(key) or key in _FIXED_VARIABLES or key.startswith(_RESERVED_VARIABLES):
            raise InvalidArgument(f"Environment variable {key[:100]!r} cannot be set. Choose another name.")
        if "{{secrets/" in value.replace(" ", ""):
            raise InvalidArgument(
                f"Environment variable '{key}' refers to a secret, and there are no secret scopes here."
            )
        if "\0" in value:
            raise InvalidArgument(f"Environment variable '{key}' has a NUL character.")


def traffic(entities: Sequence[ConfiguredEntity], routes: Sequence[TrafficRoute]) -> tuple[TrafficRoute, ...]:
    """The routes as configured; all to a single entity where there are none. Raises InvalidArgument."""
    if not routes and len(entities) == 1:
        return (TrafficRoute(entities[0].name, 100),)
    names = [route.served_name for route in routes]
    for route in routes:
        if all(entity.name != route.served_name for entity in entities):
            raise InvalidArgument(f"traffic_config names '{route.served_name[:100]}', which is no served entity of it.")
        if not 0 <= route.percentage <= 100:
            raise InvalidArgument("traffic_percentage is a whole number from 0 to 100.")
    if len(set(names)) < len(names):
        raise InvalidArgument("traffic_config names a served entity twice. Give each one route.")
    total = sum(route.percentage for route in routes)
    if total != 100:
        raise InvalidArgument(f"The traffic percentages of an endpoint add up to 100; these add up to {total}.")
    return tuple(routes)
