"""The answers of plain MLflow REST: the writers are checked against these types, and the API's description is made of them."""

from typing import Any, TypedDict

from modelkeep.api.model_shapes import AliasedVersion, KeyValue, NameValue


class MlflowModelVersion(TypedDict):
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


class MlflowRegisteredModel(TypedDict):
    """Times are epoch milliseconds. `latest_versions` holds the newest one."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    description: str
    latest_versions: list[MlflowModelVersion]
    tags: list[KeyValue]
    aliases: list[AliasedVersion]
    deployment_job_id: str
    deployment_job_state: str


class MlflowOneModel(TypedDict):
    registered_model: MlflowRegisteredModel


class RegisteredModelOfDatabricks(MlflowRegisteredModel):
    id: str


class ModelOfDatabricks(TypedDict):
    registered_model_databricks: RegisteredModelOfDatabricks


class MlflowModels(TypedDict):
    registered_models: list[MlflowRegisteredModel]
    next_page_token: str


class MlflowOneVersion(TypedDict):
    model_version: MlflowModelVersion


class MlflowLatestVersions(TypedDict):
    model_versions: list[MlflowModelVersion]


class MlflowVersions(TypedDict):
    model_versions: list[MlflowModelVersion]
    next_page_token: str


class MlflowArtifactUri(TypedDict):
    artifact_uri: str
