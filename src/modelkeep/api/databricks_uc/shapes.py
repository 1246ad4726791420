"""The messages of `databricks-uc`: what the client sends, and what it parses (mlflow/protos/databricks_uc_registry_messages.proto)."""

from typing import Any, cast

import msgspec

from modelkeep.api.databricks_uc import answers
from modelkeep.api.model_shapes import Id, Place, Tag, named
from modelkeep.domain.model import ModelVersion, RegisteredModel, Securable


class DatabricksUcDependency(msgspec.Struct, frozen=True):
    """`type` such as DATABRICKS_TABLE, `name` a full name."""

    type: str = ""
    name: str = ""


class DatabricksUcUpdateModel(msgspec.Struct, frozen=True):
    """Absent means unchanged, "" means cleared."""

    name: str
    new_name: str | None = None
    description: str | None = None
    deployment_job_id: Id | None = None


class DatabricksUcPage(msgspec.Struct, frozen=True):
    max_results: int | None = None
    page_token: str = ""


class DatabricksUcSearchVersions(msgspec.Struct, frozen=True):
    filter: str = ""
    max_results: int | None = None
    page_token: str = ""


class DatabricksUcCreateVersion(msgspec.Struct, frozen=True):
    name: str
    source: str = ""
    run_id: Id = ""
    description: str = ""
    run_tracking_server_id: Id = ""
    feature_deps: str = ""
    tags: tuple[Tag, ...] = ()
    model_version_dependencies: tuple[DatabricksUcDependency, ...] = ()
    model_id: Id = ""


class DatabricksUcCredentialsRequest(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    operation: str = "MODEL_VERSION_OPERATION_READ"


class DatabricksUcEmitLineage(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    model_version_lineage_info: dict[str, Any] = {}


def tag_list(tags: dict[str, str]) -> list[answers.KeyValue]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def model(entity: RegisteredModel) -> answers.DatabricksUcRegisteredModel:
    """A RegisteredModel message."""
    message = model_brief(entity.securable)
    message["aliases"] = [{"alias": alias, "version": str(number)} for alias, number in entity.aliases.items()]
    message["tags"] = tag_list(entity.securable.tags)
    return message


def model_brief(securable: Securable) -> answers.DatabricksUcRegisteredModel:
    """Without aliases and tags, as in search results: the client drops them there."""
    job = securable.spec.get("deployment_job_id", "")
    return {
        "name": securable.full_name,
        "creation_timestamp": securable.created_at,
        "last_updated_timestamp": securable.updated_at,
        "user_id": securable.created_by,
        "description": securable.comment,
        "deployment_job_id": job,
        "deployment_job_state": "CONNECTED" if job else "NOT_SET_UP",
    }


def version(entity: ModelVersion, place: Place = named) -> answers.DatabricksUcModelVersion:
    """A ModelVersion message. `version` is a string in this dialect."""
    message = version_brief(entity, place)
    message["aliases"] = [{"alias": alias, "version": str(entity.version)} for alias in entity.aliases]
    message["tags"] = tag_list(entity.tags)
    if entity.feature_deps:
        message["feature_deps"] = entity.feature_deps
    # As they are stored, which is the message's own form: to read and write them once more is work for every load by alias.
    message["model_params"] = cast("Any", msgspec.Raw(entity.params_json.encode()))
    message["model_metrics"] = cast("Any", msgspec.Raw(entity.metrics_json.encode()))
    return message


def version_brief(entity: ModelVersion, place: Place = named) -> answers.DatabricksUcModelVersion:
    return {
        "name": entity.model,
        "version": str(entity.version),
        "creation_timestamp": entity.created_at,
        "last_updated_timestamp": entity.updated_at,
        "user_id": entity.created_by,
        "description": entity.comment,
        "source": entity.source,
        "run_id": entity.run_id,
        "run_experiment_id": entity.experiment_id,
        "run_tracking_server_id": entity.workspace_id,
        "status": entity.status,
        "status_message": entity.status_message,
        "storage_location": place(entity),
        "model_id": entity.logged_model_id,
    }
