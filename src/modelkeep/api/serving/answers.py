"""What answers of the serving endpoints API look like (databricks-sdk, service/serving.py)."""

from typing import Literal, NotRequired, TypedDict


class EndpointState(TypedDict):
    """`_and_wait` of databricks-sdk reads `config_update` of every answer."""

    ready: Literal["READY", "NOT_READY"]
    config_update: Literal["NOT_UPDATING", "IN_PROGRESS", "UPDATE_FAILED", "UPDATE_CANCELED"]


class DeploymentState(TypedDict):
    deployment: str
    deployment_state_message: str


class ServedEntity(TypedDict):
    """`served_version`: of one that follows an alias, the number of the version that it serves."""

    name: str
    entity_name: str
    entity_version: str
    served_version: NotRequired[str]
    creator: str
    creation_timestamp: int
    workload_size: str
    workload_type: str
    scale_to_zero_enabled: bool
    environment_vars: NotRequired[dict[str, str]]
    state: DeploymentState


class TrafficRouteAnswer(TypedDict):
    served_model_name: str
    traffic_percentage: int


class TrafficConfig(TypedDict):
    routes: list[TrafficRouteAnswer]


class ConfigAnswer(TypedDict):
    config_version: int
    served_entities: list[ServedEntity]
    traffic_config: TrafficConfig


class PendingConfigAnswer(ConfigAnswer):
    start_time: int


class EndpointTag(TypedDict):
    key: str
    value: str


class EndpointAnswer(TypedDict):
    """Times are epoch milliseconds."""

    id: str
    name: str
    creator: str
    creation_timestamp: int
    last_updated_timestamp: int
    state: EndpointState
    config: NotRequired[ConfigAnswer]
    pending_config: NotRequired[PendingConfigAnswer]
    tags: list[EndpointTag]
    description: str
    permission_level: str
    endpoint_url: str
    route_optimized: bool


class EndpointList(TypedDict):
    endpoints: list[EndpointAnswer]


class EndpointTags(TypedDict):
    tags: list[EndpointTag]


class EndpointHeldLevel(TypedDict):
    permission_level: str
    inherited: bool


class EndpointAccessEntry(TypedDict):
    """One of the names; `display_name` of users and service principals."""

    user_name: NotRequired[str]
    group_name: NotRequired[str]
    service_principal_name: NotRequired[str]
    display_name: NotRequired[str]
    all_permissions: list[EndpointHeldLevel]


class EndpointAccess(TypedDict):
    object_id: str
    object_type: str
    access_control_list: list[EndpointAccessEntry]


class EndpointAccessLevel(TypedDict):
    permission_level: str
    description: str


class EndpointAccessLevels(TypedDict):
    permission_levels: list[EndpointAccessLevel]
