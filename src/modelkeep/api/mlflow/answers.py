"""The answers of face A: the writers are checked against these types, and the API's description is made of them."""

from typing import Any, TypedDict

from modelkeep.api.model_shapes import AliasedVersion, KeyValue, NameValue


class ModelVersion(TypedDict):
    """Times are epoch milliseconds. `aliases` are names."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    current_stage: str
    description: str
    source: str
    run_id: str
    run_link: str
    status: str
    status_message: str
    tags: list[KeyValue]
    aliases: list[str]
    model_id: str
    model_params: list[NameValue]
    model_metrics: list[dict[str, Any]]


class RegisteredModel(TypedDict):
    """Times are epoch milliseconds. `latest_versions` holds the newest one."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    description: str
    latest_versions: list[ModelVersion]
    tags: list[KeyValue]
    aliases: list[AliasedVersion]
    deployment_job_id: str
    deployment_job_state: str


class OneModel(TypedDict):
    registered_model: RegisteredModel


class RegisteredModelOfDatabricks(RegisteredModel):
    id: str


class ModelOfDatabricks(TypedDict):
    registered_model_databricks: RegisteredModelOfDatabricks


class Models(TypedDict):
    registered_models: list[RegisteredModel]
    next_page_token: str


class OneVersion(TypedDict):
    model_version: ModelVersion


class LatestVersions(TypedDict):
    model_versions: list[ModelVersion]


class Versions(TypedDict):
    model_versions: list[ModelVersion]
    next_page_token: str


class ArtifactUri(TypedDict):
    artifact_uri: str
