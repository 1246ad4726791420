"""Messages that MLflow's two registry protocols share: databricks_uc_registry_messages.proto and model_registry.proto (mlflow/protos)."""

import msgspec

from modelkeep.api.model_shapes import Id, Tag


class Name(msgspec.Struct, frozen=True):
    name: str


class CreateModel(msgspec.Struct, frozen=True):
    name: str
    description: str = ""
    tags: tuple[Tag, ...] = ()
    deployment_job_id: Id = ""


class SetTag(msgspec.Struct, frozen=True):
    name: str
    key: str
    value: str = ""


class DeleteTag(msgspec.Struct, frozen=True):
    name: str
    key: str


class Alias(msgspec.Struct, frozen=True):
    name: str
    alias: str


class SetAlias(msgspec.Struct, frozen=True):
    name: str
    alias: str
    version: str | int


class Version(msgspec.Struct, frozen=True):
    name: str
    version: str | int


class UpdateVersion(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    description: str | None = None


class SetVersionTag(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    key: str
    value: str = ""


class DeleteVersionTag(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    key: str
