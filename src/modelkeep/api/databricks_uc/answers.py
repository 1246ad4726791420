"""The answers of `databricks-uc`: the writers are checked against these types, and the API's description is made of them."""

from typing import Any, NotRequired, TypedDict

from modelkeep.api.model_shapes import AliasedVersion, KeyValue, NameValue, StorageMode


class DatabricksUcRegisteredModel(TypedDict):
    """Times are epoch milliseconds. Searches leave aliases and tags out."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    description: str
    deployment_job_id: str
    deployment_job_state: str
    aliases: NotRequired[list[AliasedVersion]]
    tags: NotRequired[list[KeyValue]]


class DatabricksUcModelVersion(TypedDict):
    """Times are epoch milliseconds. Searches leave aliases, tags, parameters and metrics out."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    description: str
    source: str
    run_id: str
    run_experiment_id: str
    run_tracking_server_id: str
    status: str
    status_message: str
    storage_location: str
    model_id: str
    feature_deps: NotRequired[str]
    """As it came with the version: `databricks-uc` has it in the request alone."""
    model_params: NotRequired[list[NameValue]]
    model_metrics: NotRequired[list[dict[str, Any]]]
    aliases: NotRequired[list[AliasedVersion]]
    tags: NotRequired[list[KeyValue]]


class DatabricksUcOneModel(TypedDict):
    registered_model: DatabricksUcRegisteredModel


class DatabricksUcModels(TypedDict):
    registered_models: list[DatabricksUcRegisteredModel]
    next_page_token: str


class DatabricksUcOneVersion(TypedDict):
    model_version: DatabricksUcModelVersion


class DatabricksUcVersions(TypedDict):
    model_versions: list[DatabricksUcModelVersion]
    next_page_token: str


class DatabricksUcArtifactUri(TypedDict):
    artifact_uri: str


class DatabricksUcCredentials(TypedDict):
    credentials: StorageMode


class ArtifactRepository(TypedDict):
    is_databricks_sdk_models_artifact_repository_enabled: bool


class DatabricksUcPrompt(TypedDict):
    """Times are RFC 3339."""

    name: str
    creation_timestamp: str
    last_updated_timestamp: str
    description: str
    aliases: list[AliasedVersion]
    tags: list[KeyValue]


class DatabricksUcPromptVersion(TypedDict):
    """Times are RFC 3339. `template` is the JSON text of a string, or of a list of chat messages."""

    name: str
    version: str
    creation_timestamp: str
    last_updated_timestamp: str
    description: str
    template: str
    aliases: list[AliasedVersion]
    tags: list[KeyValue]


class Prompts(TypedDict):
    prompts: list[DatabricksUcPrompt]
    next_page_token: str


class PromptVersions(TypedDict):
    prompt_versions: list[DatabricksUcPromptVersion]
    next_page_token: str
