"""What the dialects share about models: how a model, a version's source and the place of its files are written."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Literal, NotRequired, TypedDict

import msgspec

from modelkeep.core.operations.files.credentials import Vended
from modelkeep.domain.errors import InvalidArgument, NotThreeLevels
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import ModelVersion, Status
from modelkeep.domain.names import METASTORE, FullName, check_platform_tag, parse_full_name, parse_version

Id = Annotated[str, msgspec.Meta(max_length=255)]
"""Of something outside the registry (a run, a job, a workspace): kept as opaque text."""


PLAIN_PREFIXES = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/ml/ajax-api/2.0/mlflow")
"""Of plain MLflow clients, of MLflow's UI, and of that UI as it is served here"""


class Tag(msgspec.Struct, frozen=True):
    """Of a create."""

    key: Annotated[str, msgspec.Meta(max_length=255)]
    value: Annotated[str, msgspec.Meta(max_length=100_000)] = ""


def platform_tags(tags: Sequence[Tag]) -> dict[str, str]:
    """Of a create: MLflow's own keys pass there, as they do in Databricks. Raises InvalidArgument."""
    for tag in tags:
        if not tag.key.startswith("mlflow."):
            check_platform_tag(tag.key, tag.value)
    return {tag.key: tag.value for tag in tags}


def platform_tag(key: str, value: str) -> dict[str, str]:
    """One to set. Raises InvalidArgument."""
    check_platform_tag(key, value)
    return {key: value}


def model_name(text: str) -> FullName:
    """Exactly three levels. Raises NotThreeLevels, BadName."""
    return parse_full_name(text, Kind.MODEL)


def model_in(catalog: str, schema: str, name: str) -> FullName:
    """A model's name that came in three fields. Raises NotThreeLevels, BadName."""
    if not catalog or not schema:
        raise NotThreeLevels(
            f"Bad model name '{name[:300]}': please specify all three levels of the model: "
            "catalog_name, schema_name and name.",
            kind=Kind.MODEL,
        )
    return METASTORE.child(catalog).child(schema).child(name)


def new_model_name(old: FullName, text: str) -> FullName:
    """A bare name, or a full name in the same schema. Raises InvalidArgument."""
    new = old.parent.child(text) if "." not in text else model_name(text)
    if new.parent != old.parent:
        raise InvalidArgument(
            f"A rename stays in its schema '{old.parent}'. To move a model, copy its versions with "
            "`copy_model_version`."
        )
    return new


_MODELS_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[^/]+))")


def source_model(source: str) -> tuple[FullName | None, str]:
    """The registered model that a source names here; any other source is text that the server never opens."""
    match = _MODELS_URI.fullmatch(source)
    if match is None or match["name"].count(".") != 2:
        return None, ""
    version = f"@{match['alias']}" if match["alias"] else str(parse_version(match["version"]))
    return model_name(match["name"]), version


def location(model: str, version: int | None = None) -> str:
    """What clients are shown as the place of the files: stable, and never a path of the server's disk."""
    return f"dbfs:/Models/{model.replace('.', '/')}" + (f"/{version}" if version else "")


Place = Callable[[ModelVersion], str]
"""Writes the location of a version's files for a client."""


def named(version: ModelVersion) -> str:
    return location(version.model, version.version)


class FileAccess(msgspec.Struct, frozen=True):
    """How clients that know no signed URLs get to files."""

    way: Literal["", "credentials", "folder"] = ""
    """'' is none at all"""
    uri: Place = named
    """where to write a PENDING version's files, or to read a READY one's"""

    def place(self, version: ModelVersion) -> str:
        """For any answer. It names a directory of the folder only to the caller for whom it was created."""
        return self.uri(version) if self.way == "credentials" and version.status != Status.FAILED else named(version)


class AwsCredentials(TypedDict):
    """Of the store's STS, for one version, as every dialect names them."""

    access_key_id: str
    secret_access_key: str
    session_token: str


class KeyValue(TypedDict):
    key: str
    value: str


class NameValue(TypedDict):
    name: str
    value: str


def check_mask(mask: str, field: str, others: Collection[str]) -> None:
    """An `update_mask` that changes this field. It may also name other fields of the message, those that say what is meant:
    terraform-provider-databricks sends `destinations,securable`. Raises InvalidArgument."""
    named = {part.strip() for part in mask.split(",")}
    if not named & {field, "*"} or not named <= {field, "*", *others}:
        raise InvalidArgument(f"update_mask is {mask[:100]!r}; all that can be updated is {field}.")


class NextPage(TypedDict):
    """Absent on the last page: the specifications know no null."""

    next_page_token: NotRequired[str]


def next_page(token: str) -> NextPage:
    """`token`: '' on the last page."""
    return {"next_page_token": token} if token else {}


class AliasedVersion(TypedDict):
    alias: str
    version: str


class StorageMode(TypedDict):
    """Clients ask for signed URLs or take the keys, where there are some, until `expiration_time` (epoch ms)."""

    storage_mode: str
    expiration_time: int
    aws_temp_credentials: NotRequired[AwsCredentials]


def storage_mode(vended: Vended) -> StorageMode:
    """DEFAULT_STORAGE makes clients (2.13.1 and newer) ask for signed URLs, whatever lies behind them, and ignore the keys.
    Older ones do not know the field, and take the keys."""
    mode: StorageMode = {"storage_mode": "DEFAULT_STORAGE", "expiration_time": vended.expires_at}
    if keys := vended.credentials:
        mode["aws_temp_credentials"] = {
            "access_key_id": keys.access_key_id,
            "secret_access_key": keys.secret_access_key,
            "session_token": keys.session_token,
        }
    return mode
