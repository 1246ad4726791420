"""The files of runs, logged models and traces: which path means what, and what the bytes' keeper must offer."""

import re
from collections.abc import Callable
from typing import Protocol

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import NotFound
from modelkeep.domain.paths import ArtifactPath

MAX_PATHS = 2000  # in one request for credentials (the client's own batch)
TRACE_DATA = "traces.json"  # mlflow/store/artifact/artifact_repo.py
ATTACHMENTS = "attachments"

_INTERNAL = re.compile(
    r"/WorkspaceInternal/Mlflow/Artifacts/(?P<experiment>[^/]+)/(?P<folder>Runs|LoggedModels)/(?P<id>[^/]+)/artifacts"
    r"(?:/(?P<path>.*))?",
    re.DOTALL,
)
_PROXIED = re.compile(
    r"(?P<experiment>[^/]+)/(?:(?P<folder>models|traces)/)?(?P<id>[^/]+)/artifacts(?:/(?P<path>.*))?", re.DOTALL
)
_KINDS = {"Runs": "run", "LoggedModels": "logged_model", None: "run", "models": "logged_model", "traces": "trace"}


class FileInfo(msgspec.Struct, frozen=True):
    """One entry of a directory."""

    path: str
    """from the root of the run's, model's or trace's artifacts"""
    is_dir: bool
    size: int = 0
    """bytes; 0 for a directory"""


class ArtifactFiles(Protocol):
    """Where the bytes are. `kind`: run, logged_model or trace. Permission was checked by the caller."""

    async def list(self, kind: str, id: str, directory: str) -> list[FileInfo]:
        """The entries directly in the directory ('' is the root); empty where there is no such directory."""
        ...

    async def write(self, actor: Actor, request_id: str, kind: str, id: str, path: str, data: bytes) -> None:
        """Put one file there, in the place of an older one."""
        ...

    def signed_url(self, actor: Actor, method: str, kind: str, id: str, path: str) -> str:
        """A short-lived URL (absolute, or beginning with / on this server) for one GET, PUT or DELETE of one file."""
        ...


class ArtifactPlace(msgspec.Struct, frozen=True):
    """A file or directory of a run, logged model or trace."""

    experiment_id: str
    kind: str
    id: str
    path: str
    """'' is the root"""


def internal_place(path: str) -> ArtifactPlace | None:
    """What `/WorkspaceInternal/Mlflow/Artifacts/...` names; None where it is no such path. Raises InvalidArgument."""
    return _place(_INTERNAL.fullmatch(path.removesuffix("/")), ArtifactPath.parse)


def proxied_place(path: str) -> ArtifactPlace:
    """What `<experiment>/<run>/artifacts/...` of a plain http client names: as MLflow's server reads it, `d//a` and `./d/a`
    are `d/a`. Raises InvalidArgument, NotFound."""
    place = _place(_PROXIED.fullmatch(path.removesuffix("/")), ArtifactPath.normalized)
    if place is None:
        raise NotFound("No artifacts are kept under this path.")
    return place


def _place(match: re.Match[str] | None, parse: Callable[[str], ArtifactPath]) -> ArtifactPlace | None:
    if match is None:
        return None
    path = parse(match["path"] or "").text
    return ArtifactPlace(match["experiment"], _KINDS[match["folder"]], match["id"], path)
