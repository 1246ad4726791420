"""What a path of the Files API names: a file of a model version (`/Models/...`), of a volume (`/Volumes/...`), or a workspace's."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec

from modelkeep.core.operations.files.files import FileRequest
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import FileNotFound, InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import METASTORE, FullName, parse_version
from modelkeep.domain.paths import ArtifactPath

_R = TypeVar("_R", bound=FileRequest)


class TrackedPath(Protocol):
    """A file or directory of a run, logged model or trace."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def path(self) -> str: ...


class TrackedPaths(Protocol):
    """The workspace: it knows which of its paths belong together, and who may go there."""

    async def internal(self, actor: Actor, path: str, *, write: bool) -> TrackedPath | None:
        """None where `path` is no workspace path. Raises InvalidArgument, NotFound, PermissionDenied."""
        ...


class FileTarget(msgspec.Struct, frozen=True):
    """A parsed path."""

    path_as_sent: str
    """The path as the caller wrote it, with the caller's casing and without a slash at its end."""
    path: ArtifactPath
    name: FullName | None = None
    version: int = 0
    kind: str = ""
    id: str = ""

    @property
    def root(self) -> str:
        """The part of `path_as_sent` above the path in the artifact set"""
        return self.path_as_sent.removesuffix(f"/{self.path}")

    def ask(self, request: type[_R], **fields: Any) -> _R:
        """A request about this file or directory."""
        return request(path=self.path, name=self.name, version=self.version, kind=self.kind, id=self.id, **fields)


def _nowhere(text: str) -> FileNotFound:
    begin = "/Models/<catalog>/<schema>/<model>/<version> or /Volumes/<catalog>/<schema>/<volume>"
    return FileNotFound(f"Nothing is kept at '{text[:300]}'. Paths begin with {begin}.")


Parse = Callable[[str], ArtifactPath]


async def locate(
    text: str, actor: Actor, places: TrackedPaths | None, *, write: bool, parse: Parse = ArtifactPath.parse
) -> FileTarget:
    """`text` is percent-decoded once; `parse` reads the part of it in a version. Raises FileNotFound, InvalidArgument, and
    what the workspace raises."""
    if len(text) > 4096:
        raise InvalidArgument("The path is too long.")
    path_as_sent = text.removesuffix("/")
    if text.startswith("/Models/"):
        return _version(text, path_as_sent, parse)
    if text.startswith("/Volumes/"):
        return _volume(text, path_as_sent)
    if places is not None and text.startswith("/WorkspaceInternal/"):
        place = await places.internal(actor, text, write=write)
        if place is not None:
            return FileTarget(path_as_sent, ArtifactPath.parse(place.path), kind=place.kind, id=place.id)
    raise _nowhere(text)


def _version(text: str, path_as_sent: str, parse: Parse) -> FileTarget:
    parts = text.split("/", 6)[2:]
    if len(parts) < 4 or not all(parts[:4]):
        raise _nowhere(text)
    path = parse(parts[4] if len(parts) > 4 else "")
    return FileTarget(path_as_sent, path, _name(parts, Kind.MODEL), parse_version(parts[3]))


def _volume(text: str, path_as_sent: str) -> FileTarget:
    parts = text.split("/", 5)[2:]
    if len(parts) < 3 or not all(parts[:3]):
        raise _nowhere(text)
    return FileTarget(path_as_sent, ArtifactPath.parse(parts[3] if len(parts) > 3 else ""), _name(parts, Kind.VOLUME))


def _name(parts: list[str], leaf: Kind) -> FullName:
    return METASTORE.child(parts[0]).child(parts[1]).child(parts[2], leaf)
