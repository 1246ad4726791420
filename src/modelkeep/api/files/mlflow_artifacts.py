"""Artifacts of plain MLflow clients: a version's files under `mlflow-artifacts:/Models/...`, and those of runs, logged models
and traces, whose listings the workspace answers (workspace/files.py).

Bytes travel through these very addresses: a client that sends a stream cannot repeat it at the target of a redirect.
"""

import re
from pathlib import PurePosixPath, PureWindowsPath
from posixpath import basename
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec

from modelkeep.api.errors import plain
from modelkeep.api.files import answers
from modelkeep.api.files.content import OUTSIDE, content
from modelkeep.api.files.file_targets import FileTarget, TrackedPath, locate
from modelkeep.api.files.presigned_urls import Urls
from modelkeep.api.files.routes import check_whole
from modelkeep.api.model_shapes import PLAIN_PREFIXES
from modelkeep.core.engine import Engine
from modelkeep.core.operations.files import directories, files, uploads
from modelkeep.domain import listed_names
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import ExternalStorage, FileNotFound, InvalidArgument, NotFound, PermissionDenied
from modelkeep.domain.names import FullName, parse_short_name, parse_version
from modelkeep.domain.paths import ArtifactPath
from modelkeep.domain.signed_tokens import Signer
from modelkeep.http.binding import fields_of
from modelkeep.http.messages import Request, Response, json_response
from modelkeep.http.routing import Answer, Route
from modelkeep.store.directories import DirectoryEntry

ROOT = "/2.0/mlflow-artifacts"
_MODELS = "Models/"
_PAGE = 1000
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")


class TrackedArtifacts(Protocol):
    """The workspace."""

    async def handle(self, request: Request, actor: Actor) -> Response | None: ...

    async def proxied(self, actor: Actor, path: str, *, write: bool) -> TrackedPath:
        """What `<experiment>/<run>/artifacts/...` names, allowed to this actor. Raises NotFound, PermissionDenied."""
        ...


class ArtifactPathField(msgspec.Struct, frozen=True):
    path: str = ""


class VersionFile(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    path: str = ""


class CreateArtifactUpload(msgspec.Struct, frozen=True):
    path: str
    """of the file on the client's disk: the request names the directory that it goes to, and this its name"""
    num_parts: int = 1


class ArtifactUpload(msgspec.Struct, frozen=True):
    path: str
    upload_id: str
    parts: tuple[uploads.PartTag, ...] = ()


class MlflowArtifacts:
    """The handlers."""

    def __init__(self, engine: Engine, urls: Urls, tracking: TrackedArtifacts | None, home: FullName) -> None:
        self._engine = engine
        self._urls = urls
        self._tracking = tracking
        self._home = home

    async def _do(self, request: Request, actor: Actor, operation: files.FileRequest) -> Any:
        return await self._engine.execute(actor, operation, request_id=request.id)

    async def _give(self, request: Request, actor: Actor, target: FileTarget) -> Response:
        try:
            opened = await self._do(request, actor, _file(target).ask(files.OpenFile))
        except FileNotFound:
            meant = listed_names.meant(target.path.text)
            if meant == target.path.text or not listed_names.decodes(request.header(b"user-agent")):
                raise
            target = msgspec.structs.replace(target, path=ArtifactPath(meant))
            opened = await self._do(request, actor, target.ask(files.OpenFile))
        return await content(request, self._engine.services.blobs, opened)

    # --- a version's files -------------------------------------------------------------------------------------------

    async def list_files(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        """A directory; entries by their bare names. A file, or nothing, is an empty one."""
        fields: ArtifactPathField = await fields_of(request, ArtifactPathField)
        if not fields.path.startswith(_MODELS):
            return await self._elsewhere(request, actor)
        # The client takes the name from a URI, where it is quoted, and adds the rest as it is.
        parts = fields.path.split("/", 5)
        target = await _in_version("/".join([*map(unquote, parts[:5]), *parts[5:]]), actor)
        entries = await self._entries(request, actor, target)
        if not listed_names.decodes(request.header(b"user-agent")):
            return json_response({"files": [_entry(basename(path), entry) for path, entry in entries]})
        if not entries and (meant := listed_names.meant(target.path.text)) != target.path.text:
            target = msgspec.structs.replace(target, path=ArtifactPath(meant))
            entries = await self._entries(request, actor, target)
        return json_response({"files": [_entry(listed_names.listed(basename(path)), entry) for path, entry in entries]})

    async def read_file(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        return await self._give(request, actor, await _in_version(f"{_MODELS}{path['path']}", actor))

    async def refuse_change(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """Answers each change of a registered version's files: they are frozen. Raises PermissionDenied."""
        raise PermissionDenied("The files of a model version are final. Register a new version from a run instead.")

    async def _elsewhere(self, request: Request, actor: Actor) -> Response:
        answer = await self._tracking.handle(request, actor) if self._tracking else None
        if answer is None:
            raise NotFound("No artifacts are kept under this path.")
        return answer

    async def _entries(self, request: Request, actor: Actor, target: FileTarget) -> list[tuple[str, DirectoryEntry]]:
        entries, token = list[tuple[str, DirectoryEntry]](), ""
        prefix = f"{target.path}/" if target.path.text else ""
        while True:
            operation = target.ask(directories.ListDirectory, max_results=_PAGE, page_token=token)
            try:
                page = await self._do(request, actor, operation)
            except (FileNotFound, ExternalStorage):
                return []
            entries += [(prefix + entry.name, entry) for entry in page.items]
            if not (token := page.next_token):
                return entries

    # --- the same for `databricks` workspace-registry clients --------------------------------------------------------

    async def list_version(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        target = await self._named(request)
        infos = [_entry(path, entry) for path, entry in await self._entries(request, actor, target)]
        return json_response({"files": infos})

    async def signed_download(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        operation = _file(await self._named(request)).ask(files.VendDownload)
        vended: files.VendedUrl = await self._do(request, actor, operation)
        signed_path = self._urls.make(actor, "GET", operation, set_id=vended.set_id)
        url = vended.url.url if vended.url else request.site.address + signed_path
        return json_response({"signed_uri": url, "headers": []})

    async def read_named(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        """As MLflow's UI asks for a file."""
        return await self._give(request, actor, await self._named(request))

    async def _named(self, request: Request) -> FileTarget:
        f: VersionFile = await fields_of(request, VersionFile)
        return FileTarget(
            "", ArtifactPath.normalized(f.path), parse_short_name(f.name, self._home), parse_version(f.version)
        )

    # --- the files of runs, logged models and traces -----------------------------------------------------------------

    async def read_tracked(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        return await self._give(request, actor, await self._tracked(actor, path["path"], write=False))

    async def write_tracked(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        check_whole(request)
        target = await self._tracked(actor, path["path"], write=True)
        await self._engine.execute(actor, target.ask(files.WriteFile), request_id=request.id, body=request.stream())
        return json_response({})

    async def delete_tracked(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        target = await self._tracked(actor, path["path"], write=True)
        await self._do(request, actor, target.ask(files.DeleteFile))
        return json_response({})

    async def _tracked(self, actor: Actor, path: str, *, write: bool) -> FileTarget:
        if self._tracking is None:
            raise NotFound("No artifacts are kept under this path.")
        place = await self._tracking.proxied(actor, path, write=write)
        return _file(FileTarget("", ArtifactPath.parse(place.path), kind=place.kind, id=place.id))

    # --- uploads in parts --------------------------------------------------------------------------------------------

    async def create_upload(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        fields = await fields_of(request, CreateArtifactUpload)
        uploads.check_number(fields.num_parts)
        target = await self._of_run(actor, path["path"], fields.path)
        upload_id = await self._do(request, actor, target.ask(uploads.StartUpload))
        credentials = list[dict[str, Any]]()
        for first in range(1, fields.num_parts + 1, 100):
            count = min(100, fields.num_parts + 1 - first)
            operation = target.ask(uploads.VendParts, upload_id=upload_id, first=first, count=count)
            for number, part in enumerate(await self._do(request, actor, operation), first):
                url = self._urls.make(actor, "PUT", operation, set_id=part.set_id, upload_id=upload_id, part=number)
                credentials.append({"url": request.site.address + url, "part_number": number, "headers": {}})
        return json_response({"upload_id": upload_id, "credentials": credentials})

    async def complete_upload(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        fields = await fields_of(request, ArtifactUpload)
        target = await self._of_run(actor, path["path"], fields.path)
        await self._do(
            request, actor, target.ask(uploads.CompleteUpload, upload_id=fields.upload_id, parts=fields.parts)
        )
        return json_response({})

    async def abort_upload(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        fields = await fields_of(request, ArtifactUpload)
        target = await self._of_run(actor, path["path"], fields.path)
        await self._do(request, actor, target.ask(uploads.AbortUpload, upload_id=fields.upload_id))
        return json_response({})

    async def _of_run(self, actor: Actor, directory: str, local: str) -> FileTarget:
        path = "/".join((directory.rstrip("/"), _file_name(local)))
        if path.startswith(_MODELS):
            raise PermissionDenied("The files of a model version are final. Register a new version from a run instead.")
        return await self._tracked(actor, path, write=True)


async def _in_version(path: str, actor: Actor) -> FileTarget:
    """`Models/...`, in a version as MLflow's own server reads paths: `./a` and `d//a` are `a` and `d/a`."""
    return await locate(f"/{path}", actor, None, write=False, parse=ArtifactPath.normalized)


def _file_name(local: str) -> str:
    """The last part of a path on the client's disk. A backslash ends a directory where the path begins as none but Windows'
    does; elsewhere it is part of a name."""
    return (PureWindowsPath(local) if _WINDOWS.match(local) else PurePosixPath(local)).name


def _file(target: FileTarget) -> FileTarget:
    if not target.path.text:
        raise InvalidArgument("Name a file, not a directory.")
    return target


def _entry(path: str, entry: DirectoryEntry) -> dict[str, Any]:
    return {"path": path, "is_dir": entry.is_directory} | ({} if entry.is_directory else {"file_size": entry.size})


def routes(engine: Engine, signer: Signer, tracking: TrackedArtifacts | None, home: FullName) -> list[Route]:
    handlers = MlflowArtifacts(engine, Urls(engine.db, signer, engine.config.url_ms), tracking, home)
    bytes_, files_ = Answer(content="application/octet-stream"), Answer(type=answers.ArtifactList)
    read, done = (bytes_, msgspec.structs.replace(bytes_, status=206), OUTSIDE), (Answer(type=dict),)
    table = [Route("GET", "/ml/model-versions/get-artifact", VersionFile, handler=handlers.read_named, answers=read)]
    for prefix in ("/api", "/ajax-api"):
        root = f"{prefix}{ROOT}"
        file, tracked = f"{root}/artifacts/{_MODELS}{{path*}}", f"{root}/artifacts/{{path*}}"
        table += [
            Route("GET", f"{root}/artifacts", ArtifactPathField, handler=handlers.list_files, answers=(files_,)),
            Route("GET", file, handler=handlers.read_file, answers=read),
            Route("PUT", file, handler=handlers.refuse_change, answers=done),
            Route("DELETE", file, handler=handlers.refuse_change, answers=done),
            Route("GET", tracked, handler=handlers.read_tracked, answers=read),
            Route("PUT", tracked, handler=handlers.write_tracked, sends="application/octet-stream", answers=done),
            Route("DELETE", tracked, handler=handlers.delete_tracked, answers=done),
            Route(
                "POST",
                f"{root}/mpu/create/{{path*}}",
                handler=handlers.create_upload,
                answers=(Answer(type=answers.Parts),),
            ),
            Route("POST", f"{root}/mpu/complete/{{path*}}", handler=handlers.complete_upload, answers=done),
            Route("POST", f"{root}/mpu/abort/{{path*}}", handler=handlers.abort_upload, answers=done),
        ]
    for prefix in PLAIN_PREFIXES:
        versions = f"{prefix}/model-versions"
        table += [
            Route("GET", f"{versions}/list-artifacts", VersionFile, handler=handlers.list_version, answers=(files_,)),
            Route(
                "GET",
                f"{versions}/get-signed-download-uri",
                VersionFile,
                handler=handlers.signed_download,
                answers=(Answer(type=answers.SignedUri),),
            ),
        ]
    return [msgspec.structs.replace(route, render=plain) for route in table]
