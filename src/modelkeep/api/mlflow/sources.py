"""What the source of a new version is for plain MLflow: a version here, files of a run or logged model here, or a pointer elsewhere."""

import re
from urllib.parse import unquote

import msgspec

from modelkeep.api.mlflow.stages import NO_STAGES
from modelkeep.core.operation import SourceOrigin
from modelkeep.core.operations.models.versions import NEWEST
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import METASTORE, FullName, parse_short_name, parse_version
from modelkeep.domain.paths import ArtifactPath


class VersionSource(msgspec.Struct, frozen=True):
    """A pointer has none of these."""

    model: FullName | None = None
    version: str = ""
    """A number, '@' and an alias, or NEWEST"""
    origin: SourceOrigin | None = None
    volume: FullName | None = None
    """Set where the origin is a directory of it"""


LATEST = "latest"
"""MLflow's word for the newest version, in any case (mlflow/store/model_registry/sqlalchemy_store.py,
`get_model_version_by_alias`). Only for plain MLflow: in Unity Catalog it is an alias that nobody can set."""
_MODEL = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+))/*")
_LOGGED = re.compile(r"models:/(?P<id>m-[A-Za-z0-9]{1,64})(?:/(?P<path>.*))?", re.DOTALL)
_PLACE = re.compile(
    r"(?:runs:/(?P<bare>[^/]+)"
    r"|(?:mlflow-artifacts:|dbfs:/databricks/mlflow-tracking)/+[^/]+/(?:(?P<folder>models|logged_models)/)?(?P<id>[^/]+)/artifacts)"
    r"(?:/(?P<path>.*))?",
    re.DOTALL,
)
_FILES = re.compile(r"(?:mlflow-artifacts|dbfs):/Models/([^/]+)/([^/]+)/([^/]+)/([0-9]+)/*")
_VOLUME = re.compile(r"dbfs:/+Volumes/([^/]+)/([^/]+)/([^/]+)(?:/(?P<path>.*))?", re.DOTALL)
_POINTER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,}:(?!/*$).+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z0-9_-]{1,100}")
_UP = re.compile(r"(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:[/\\?#]|%2f|%5c|$)", re.IGNORECASE)


def read_source(source: str, home: FullName, *, prompt: bool) -> VersionSource:
    """Raises InvalidArgument for what no client could follow, NotFound for what should be here and cannot."""
    if match := _LOGGED.fullmatch(source):
        return VersionSource(origin=SourceOrigin("logged_model", match["id"], _path(match["path"])))
    if match := _MODEL.fullmatch(source):
        named = (match["version"] or match["alias"]).lower()
        if named == LATEST:  # `models:/name/latest` and `models:/name@latest`
            return VersionSource(parse_short_name(match["name"], home), NEWEST)
        if match["version"] and not match["version"].isdecimal():
            raise InvalidArgument(f"The source '{source[:300]}' names no version. {NO_STAGES}")
        version = f"@{match['alias']}" if match["alias"] else str(parse_version(match["version"]))
        return VersionSource(parse_short_name(match["name"], home), version)
    if match := _FILES.fullmatch(source):
        name = ".".join(unquote(part) for part in match.groups()[:3])
        return VersionSource(parse_short_name(name, home), str(parse_version(match[4])))
    if match := _VOLUME.fullmatch(source):
        volume = METASTORE.child(match[1]).child(match[2]).child(match[3], Kind.VOLUME)
        return VersionSource(origin=SourceOrigin("volume", path=_path(match["path"])), volume=volume)
    if match := _PLACE.fullmatch(source):
        kind = "logged_model" if match["folder"] else "run"
        return VersionSource(origin=SourceOrigin(kind, match["bare"] or match["id"], _path(match["path"])))
    _check_pointer(source, prompt)
    return VersionSource()


def _path(text: str | None) -> str:
    return ArtifactPath.parse((text or "").rstrip("/")).text


def _check_pointer(source: str, prompt: bool) -> None:
    if prompt and _WORD.fullmatch(source):
        return  # the text of a prompt is in its tags
    if source.startswith(("models:", "runs:", "mlflow-artifacts:/")) and not source.startswith("mlflow-artifacts://"):
        raise NotFound(f"The source '{source[:300]}' is not one of this deployment.")
    if not _POINTER.fullmatch(source) or source.lower().startswith("file:") or _UP.search(source):
        raise InvalidArgument(
            f"Invalid model version source: '{source[:300]}'. A local or relative path means nothing to other clients: log "
            "the model to a run first, then register it from there."
        )
