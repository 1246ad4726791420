"""Messages that MLflow's two registry protocols share: databricks_uc_registry_messages.proto and model_registry.proto (mlflow/protos)."""

import msgspec

from modelkeep.api.model_shapes import Id, Tag


class RegisteredModelName(msgspec.Struct, frozen=True):
    name: str


class CreateRegisteredModel(msgspec.Struct, frozen=True):
    name: str
    description: str = ""
    tags: tuple[Tag, ...] = ()
    deployment_job_id: Id = ""


class SetRegisteredModelTag(msgspec.Struct, frozen=True):
    name: str
    key: str
    value: str = ""


class DeleteRegisteredModelTag(msgspec.Struct, frozen=True):
    name: str
    key: str


class RegisteredModelAlias(msgspec.Struct, frozen=True):
    name: str
    alias: str


class SetRegisteredModelAlias(msgspec.Struct, frozen=True):
    name: str
    alias: str
    version: str | int


class ModelVersionName(msgspec.Struct, frozen=True):
    name: str
    version: str | int


class UpdateModelVersion(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    description: str | None = None


class SetModelVersionTag(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    key: str
    value: str = ""


class DeleteModelVersionTag(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    key: str
