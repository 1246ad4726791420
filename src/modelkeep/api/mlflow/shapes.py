"""The messages of plain MLflow REST: what clients send to a registry, and what they parse (mlflow/protos/model_registry.proto)."""

from typing import Annotated

import msgspec

from modelkeep.api.mlflow import answers
from modelkeep.api.model_shapes import Id, Tag
from modelkeep.domain.model import ModelVersion, RegisteredModel
from modelkeep.domain.names import FullName, short_name


class MlflowUpdateModel(msgspec.Struct, frozen=True):
    """Absent means unchanged, "" means cleared."""

    name: str
    description: str | None = None
    deployment_job_id: Id | None = None


class MlflowRenameModel(msgspec.Struct, frozen=True):
    name: str
    new_name: str


class MlflowSearch(msgspec.Struct, frozen=True):
    filter: str = ""
    max_results: int | None = None
    order_by: tuple[Annotated[str, msgspec.Meta(max_length=200)], ...] = ()
    page_token: str = ""


class MlflowListModels(msgspec.Struct, frozen=True):
    """Of databricks-sdk's `w.model_registry.list_models`"""

    max_results: int | None = None
    page_token: str = ""


class MlflowLatestVersionsRequest(msgspec.Struct, frozen=True):
    name: str
    stages: tuple[str, ...] = ()


class MlflowCreateVersion(msgspec.Struct, frozen=True):
    name: str
    source: str
    run_id: Id = ""
    tags: tuple[Tag, ...] = ()
    run_link: str = ""
    description: str = ""
    model_id: Id = ""


class Transition(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    stage: str = ""
    archive_existing_versions: bool = False


def tag_list(tags: dict[str, str]) -> list[answers.KeyValue]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def model(entity: RegisteredModel, home: FullName) -> answers.MlflowRegisteredModel:
    """A RegisteredModel message. Without stages there is one latest version."""
    securable = entity.securable
    job = securable.spec.get("deployment_job_id", "")
    return {
        "name": short_name(securable.full_name, securable.name, home),
        "creation_timestamp": securable.created_at,
        "last_updated_timestamp": securable.updated_at,
        "user_id": securable.created_by,
        "description": securable.comment,
        "latest_versions": [version(entity.latest, home)] if entity.latest else [],
        "tags": tag_list(securable.tags),
        "aliases": [{"alias": alias, "version": str(number)} for alias, number in entity.aliases.items()],
        "deployment_job_id": job,
        "deployment_job_state": "CONNECTED" if job else "NOT_SET_UP",
    }


def version(entity: ModelVersion, home: FullName) -> answers.MlflowModelVersion:
    """A ModelVersion message. `version` is a string, `aliases` are names."""
    return {
        "name": short_name(entity.model, entity.spelled, home),
        "version": str(entity.version),
        "creation_timestamp": entity.created_at,
        "last_updated_timestamp": entity.updated_at,
        "user_id": entity.created_by,
        "current_stage": "None",
        "description": entity.comment,
        "source": entity.source,
        "run_id": entity.run_id,
        "run_link": entity.run_link,
        "status": entity.status,
        "status_message": entity.status_message,
        "tags": tag_list(entity.tags),
        "aliases": entity.aliases,
        "model_id": entity.logged_model_id,
        "model_params": [{"name": p.name, "value": p.value} for p in entity.params],
        "model_metrics": [msgspec.to_builtins(m) for m in entity.metrics],
    }
