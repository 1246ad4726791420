"""The files of runs, logged models and traces: which path means what, listings, and URLs for one file. No bytes pass here."""

import re
from typing import Protocol
from urllib.parse import unquote

import msgspec

from modelkeep.core.authz import Actor
from modelkeep.core.errors import InvalidArgument, NotFound

MAX_PATH = 1024  # characters
MAX_PATHS = 2000  # in one request for credentials (the client's own batch)
TRACE_DATA = "traces.json"  # mlflow/store/artifact/artifact_repo.py
ATTACHMENTS = "attachments"

_INTERNAL = re.compile(
    r"/WorkspaceInternal/Mlflow/Artifacts/(?P<experiment>[^/]+)/(?P<folder>Runs|LoggedModels)/(?P<id>[^/]+)/artifacts"
    r"(?:/(?P<path>.*))?"
)
_PROXIED = re.compile(r"(?P<experiment>[^/]+)/(?:(?P<folder>models|traces)/)?(?P<id>[^/]+)/artifacts(?:/(?P<path>.*))?")
_KINDS = {"Runs": "run", "LoggedModels": "logged_model", None: "run", "models": "logged_model", "traces": "trace"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


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

    def signed_url(self, actor: Actor, method: str, kind: str, id: str, path: str) -> str:
        """A short-lived URL (absolute, or beginning with / on this server) for one GET, PUT or DELETE of one file."""
        ...


class Place(msgspec.Struct, frozen=True):
    """A file or directory of a run, logged model or trace."""

    experiment_id: str
    kind: str
    id: str
    path: str
    """'' is the root"""


def clean(path: str) -> str:
    """A path inside an artifact root, already percent-decoded once; '' is the root. Raises InvalidArgument.

    Whatever another parser could still read as a way out (dots, backslashes, an escape left after decoding, a drive,
    a leading slash) is refused, never repaired.
    """
    bare = path.removesuffix("/")
    if len(path) > MAX_PATH:
        raise InvalidArgument(f"An artifact path has at most {MAX_PATH} characters.")
    for text in (path, unquote(path), unquote(unquote(path))):
        parts = text.removesuffix("/").split("/")
        odd = _CONTROL.search(text) or text.startswith("/") or re.match(r"[A-Za-z]:", text)
        if odd or ".." in parts or "." in parts or (bare and "" in parts):
            raise InvalidArgument(
                f"Bad artifact path {path[:200]!r}: give names separated by single slashes, from the artifact root."
            )
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument("An artifact path must be valid Unicode.") from error
    return bare


def clean_file(path: str) -> str:
    """As `clean`, and not the root."""
    found = clean(path)
    if not found:
        raise InvalidArgument("Name the file by its path from the artifact root.")
    return found


def internal_place(path: str) -> Place | None:
    """What `/WorkspaceInternal/Mlflow/Artifacts/...` names; None where it is no such path. Raises InvalidArgument."""
    return _place(_INTERNAL.fullmatch(path.removesuffix("/")))


def proxied_place(path: str) -> Place:
    """What `<experiment>/<run>/artifacts/...` of a plain http client names. Raises InvalidArgument, NotFound."""
    place = _place(_PROXIED.fullmatch(path.removesuffix("/")))
    if place is None:
        raise NotFound("No artifacts are kept under this path.")
    return place


def _place(match: re.Match[str] | None) -> Place | None:
    if match is None:
        return None
    return Place(match["experiment"], _KINDS[match["folder"]], match["id"], clean(match["path"] or ""))
