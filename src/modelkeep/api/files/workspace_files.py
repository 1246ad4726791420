"""Workspace files as Databricks' Workspace API spells them: `/api/2.0/workspace/*` and `/api/2.0/workspace-files/*`.

Clients: the Databricks CLI and bundles (libs/filer/workspace_files_client.go), databricks-sdk (service/workspace.py,
mixins/workspace.py), Terraform's `databricks_directory` and `databricks_workspace_file`. All objects are files and directories:
a notebook's source is kept as the file that was sent.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import msgspec

from modelkeep.api.errors import Error, databricks
from modelkeep.api.files import answers
from modelkeep.api.files.content import content
from modelkeep.core.engine import Engine
from modelkeep.core.operations.files import files, workspace_files
from modelkeep.core.operations.files.workspace_files import WorkspaceEntry
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import AlreadyExists, FileNotFound, InvalidArgument, NotEmpty, RegistryError
from modelkeep.domain.paths import ArtifactPath
from modelkeep.domain.workspace_paths import KIND
from modelkeep.http.binding import fields_of, read_fields
from modelkeep.http.bodies import read_in_turn
from modelkeep.http.messages import Request, Response, json_response
from modelkeep.http.origin import json_type
from modelkeep.http.routing import Answer, Route
from modelkeep.limits import WORKSPACE_FILE_BYTES, WORKSPACE_IMPORT_BYTES

_PREFIX = "/Workspace"
_ENVELOPE_BYTES = 64 << 10
"""JSON or multipart around the content."""
_EXPORTED = ("", "AUTO", "SOURCE", "RAW")


class PathFields(msgspec.Struct, frozen=True):
    path: str


class DeleteFields(msgspec.Struct, frozen=True):
    path: str
    recursive: bool = False


class ExportFields(msgspec.Struct, frozen=True):
    path: str
    format: str = ""
    direct_download: bool = False


class ImportFields(msgspec.Struct, frozen=True):
    path: str
    content: str = ""
    """base64"""
    format: str = ""
    language: str = ""
    overwrite: bool = False


class ImportFileFields(msgspec.Struct, frozen=True):
    overwrite: bool = False


def routes(engine: Engine) -> list[Route]:
    handlers = WorkspaceFiles(engine)
    api, by_path = "/api/2.0/workspace", "/api/2.0/workspace-files"
    empty, file_bytes = (Answer(type=dict),), "application/octet-stream"
    every = [
        Route(
            "POST", f"{api}/mkdirs", PathFields, handler=handlers.make_directory, answers=empty, render=workspace_import
        ),
        Route(
            "GET",
            f"{api}/get-status",
            PathFields,
            handler=handlers.get_status,
            answers=(Answer(type=answers.WorkspaceObject),),
        ),
        Route("GET", f"{api}/list", PathFields, handler=handlers.list_objects, answers=(Answer(type=answers.Objects),)),
        Route("POST", f"{api}/delete", DeleteFields, handler=handlers.delete, answers=empty),
        Route(
            "GET", f"{api}/export", ExportFields, handler=handlers.export, answers=(Answer(type=answers.ExportedFile),)
        ),
        Route(
            "POST",
            f"{api}/import",
            ImportFields,
            handler=handlers.import_object,
            answers=empty,
            render=workspace_import,
        ),
        Route(
            "POST",
            f"{by_path}/import-file/{{path*}}",
            ImportFileFields,
            handler=handlers.import_file,
            sends=file_bytes,
            answers=empty,
        ),
        Route("GET", f"{by_path}/{{path*}}", handler=handlers.read_file, answers=(Answer(content=file_bytes),)),
    ]
    return [msgspec.structs.replace(route, render=route.render or workspace) for route in every]


def workspace(error: RegistryError) -> tuple[int, Error]:
    """The codes and statuses that the clients above branch on."""
    status, body = databricks(error)
    if isinstance(error, FileNotFound):
        return status, {**body, "error_code": "RESOURCE_DOES_NOT_EXIST"}
    if isinstance(error, NotEmpty):
        return 400, {**body, "error_code": "DIRECTORY_NOT_EMPTY"}
    return status, body


def workspace_import(error: RegistryError) -> tuple[int, Error]:
    """As `workspace`, but 400 for what exists: the Workspace API answers so, `import-file` answers 409."""
    status, body = workspace(error)
    return (400, body) if isinstance(error, AlreadyExists) else (status, body)


class _Path(msgspec.Struct, frozen=True):
    path: ArtifactPath
    prefix: str
    """'/Workspace' where the caller wrote it: answers name objects as the caller does."""

    def display_path(self, path: str) -> str:
        return f"{self.prefix}/{path}"


def parse_path(text: str) -> _Path:
    """`text` is decoded. Repeated slashes count as one. Raises InvalidArgument."""
    names = [name for name in text.split("/") if name]
    if not text.startswith("/"):
        raise InvalidArgument(f"Path ({text[:200]}) must begin with a slash.")
    prefix = _PREFIX if names[:1] == ["Workspace"] else ""
    return _Path(ArtifactPath.parse("/".join(names[1:] if prefix else names)), prefix)


class WorkspaceFiles:
    """The handlers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def _do(
        self, request: Request, actor: Actor, operation: Any, path: _Path, body: AsyncIterator[bytes] | None = None
    ) -> Any:
        """Existing files are named by their whole path, as the Workspace API does."""
        try:
            return await self._engine.execute(actor, operation, request_id=request.id, body=body)
        except FileNotFound as error:
            raise FileNotFound(f"Path ({path.display_path(path.path.text)}) doesn't exist.") from error
        except AlreadyExists as error:
            raise AlreadyExists(
                f"{error.message.rstrip('.')}. Path ({path.display_path(path.path.text)}) already exists."
            ) from error

    async def _entry(self, request: Request, actor: Actor, path: _Path) -> WorkspaceEntry:
        return await self._do(request, actor, workspace_files.GetWorkspaceFile(path=path.path, kind=KIND), path)

    async def make_directory(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        """A directory with its parents; one that exists stays as it is. Raises InvalidArgument."""
        path = parse_path((await fields_of(request, PathFields)).path)
        entry = None
        try:
            entry = await self._entry(request, actor, path)
        except FileNotFound:
            await self._do(request, actor, workspace_files.MakeWorkspaceDirectory(path=path.path, kind=KIND), path)
        if entry is not None and not entry.is_directory:
            raise InvalidArgument(f"Path ({path.display_path(entry.path)}) already exists. It is a file.")
        return json_response({})

    async def get_status(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        path = parse_path((await fields_of(request, PathFields)).path)
        return json_response(_info(path, await self._entry(request, actor, path)))

    async def list_objects(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        path = parse_path((await fields_of(request, PathFields)).path)
        operation = workspace_files.ListWorkspaceFiles(path=path.path, kind=KIND)
        entries: list[WorkspaceEntry] = await self._do(request, actor, operation, path)
        return json_response({"objects": [_info(path, entry) for entry in entries]} if entries else {})

    async def delete(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        fields: DeleteFields = await fields_of(request, DeleteFields)
        path = parse_path(fields.path)
        operation = workspace_files.DeleteWorkspaceFile(path=path.path, kind=KIND, recursive=fields.recursive)
        await self._do(request, actor, operation, path)
        return json_response({})

    async def export(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        """The bytes of a file in base64. Raises InvalidArgument."""
        fields: ExportFields = await fields_of(request, ExportFields)
        if fields.format not in _EXPORTED:
            raise InvalidArgument(
                f"Files are exported as they are. Leave format={fields.format[:40]} out, or send AUTO."
            )
        path = parse_path(fields.path)
        entry = await self._entry(request, actor, path)
        if entry.is_directory:
            raise InvalidArgument(
                f"'{path.display_path(entry.path)}' is a directory. List it, and export its files one by one."
            )
        if fields.direct_download:
            return await self._content(request, actor, path)
        if entry.size > WORKSPACE_IMPORT_BYTES:
            raise InvalidArgument(
                f"The file has {entry.size} bytes; as JSON at most {WORKSPACE_IMPORT_BYTES} are exported. "
                "Send direct_download=true."
            )
        opened = await self._open(request, actor, path)
        if (data := opened.file.data) is None:
            chunks = self._engine.services.blobs.read(opened.set_id, opened.segments, 0, opened.file.size)
            data = b"".join([chunk async for chunk in chunks])
        text = await read_in_turn(request.caller, data, base64.b64encode, data)
        return json_response({"content": text.decode(), "file_type": _extension(entry.path)})

    async def _content(self, request: Request, actor: Actor, path: _Path) -> Response:
        return await content(request, self._engine.services.blobs, await self._open(request, actor, path))

    async def _open(self, request: Request, actor: Actor, path: _Path) -> files.Opened:
        return await self._do(request, actor, files.OpenFile(path=path.path, kind=KIND), path)

    async def read_file(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        return await self._content(request, actor, parse_path(f"/{path['path']}"))

    async def import_object(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        """JSON with base64, or a form with a file, as databricks-sdk's `upload` sends it. Raises InvalidArgument."""
        form = request.header(b"content-type").startswith("multipart/form-data")
        if form and not request.header(b"authorization").lower().startswith("bearer "):
            raise InvalidArgument(
                "Send a form with an Authorization: Bearer header: other sites can make a browser send forms."
            )
        limit = WORKSPACE_IMPORT_BYTES + _ENVELOPE_BYTES if form else WORKSPACE_IMPORT_BYTES * 4 // 3 + _ENVELOPE_BYTES
        body = await request.body(limit)
        read = _read_form if form else _read_json
        content_type = request.header(b"content-type") if form else json_type(request)
        fields, data = await read_in_turn(request.caller, body, read, body, content_type)
        if len(data) > WORKSPACE_IMPORT_BYTES:
            raise InvalidArgument(
                f"The file has {len(data)} bytes, and {WORKSPACE_IMPORT_BYTES} at most are imported so. Use workspace-files/import-file."
            )
        await self._write(request, actor, parse_path(fields.path), _once(data), overwrite=fields.overwrite)
        return json_response({})

    async def import_file(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        fields: ImportFileFields = read_fields(Route("", "", ImportFileFields), {}, request.query_string, b"", "")
        if request.length > WORKSPACE_FILE_BYTES:
            raise _too_large()
        stream = _bounded(request.stream(), WORKSPACE_FILE_BYTES)
        await self._write(request, actor, parse_path(f"/{path['path']}"), stream, overwrite=fields.overwrite)
        return json_response({})

    async def _write(
        self, request: Request, actor: Actor, path: _Path, body: AsyncIterator[bytes], *, overwrite: bool
    ) -> None:
        """Raises FileNotFound where the directory does not exist: clients then make it, and try again."""
        ArtifactPath.file(path.path.text)
        operation = files.WriteFile(path=path.path, kind=KIND, overwrite=overwrite)
        try:
            await self._do(request, actor, operation, path, body)
        except FileNotFound as error:
            directory = path.path.text.rpartition("/")[0]
            raise FileNotFound(f"Path ({path.display_path(directory)}) doesn't exist.") from error


def _info(path: _Path, entry: WorkspaceEntry) -> answers.WorkspaceObject:
    info: answers.WorkspaceObject = {
        "object_type": "DIRECTORY" if entry.is_directory else "FILE",
        "path": path.display_path(entry.path),
    }
    if entry.object_id != workspace_files.NO_ID:
        info["object_id"] = entry.object_id
        info["resource_id"] = str(entry.object_id)
    if not entry.is_directory:
        info["size"] = entry.size
        info["created_at"] = info["modified_at"] = entry.modified_at
    return info


def _extension(path: str) -> str:
    name, dot, extension = path.rpartition("/")[2].rpartition(".")
    return extension if dot and name else "file"


def _read_json(body: bytes, content_type: str) -> tuple[ImportFields, bytes]:
    """Runs in the thread that reads JSON. Raises InvalidArgument."""
    fields: ImportFields = read_fields(Route("POST", "", ImportFields), {}, b"", body, content_type)
    try:
        return fields, base64.b64decode(fields.content, validate=True)
    except ValueError as error:
        raise InvalidArgument("Field 'content' is not base64.") from error


def _read_form(body: bytes, content_type: str) -> tuple[ImportFields, bytes]:
    """As `_read_json`; the content comes as it is."""
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body
    )
    parts = list(message.iter_parts()) if message.is_multipart() else []
    values: dict[str, bytes] = {}
    for part in parts:
        name = _field_name(part)
        if name in values:
            raise InvalidArgument(f"Field '{name[:100]}' is given twice in the form.")
        payload = part.get_payload(decode=True)
        values[name] = payload if isinstance(payload, bytes) else b""
    data = values.pop("content", None)
    if data is None:
        raise InvalidArgument("The form has no file named 'content'.")
    return _form_fields(values), data


def _form_fields(values: Mapping[str, bytes]) -> ImportFields:
    try:
        texts = {name: value.decode() for name, value in values.items()}
    except UnicodeDecodeError as error:
        raise InvalidArgument("A field of the form is not UTF-8.") from error
    return read_fields(Route("POST", "", ImportFields), {}, b"", msgspec.json.encode(texts), "application/json")


def _field_name(part: Message) -> str:
    return str(part.get_param("name", "", header="content-disposition"))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


async def _bounded(stream: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise _too_large()
        yield chunk


def _too_large() -> InvalidArgument:
    return InvalidArgument(f"A workspace file has at most {WORKSPACE_FILE_BYTES} bytes. Keep larger ones in a volume.")
