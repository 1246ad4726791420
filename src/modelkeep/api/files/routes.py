"""The Files API under /api/2.0/fs, and the signed URLs that it hands out.

Clients: mlflow/store/artifact/presigned_url_artifact_repo.py, databricks/sdk/mixins/files.py.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.api.errors import Error, databricks
from modelkeep.api.files import answers, unquoted_paths
from modelkeep.api.files.content import OUTSIDE, content, entity_tag
from modelkeep.api.files.file_targets import FileTarget, TrackedPaths, locate
from modelkeep.api.files.presigned_urls import OBJECTS, ObjectUrl, Urls, full_name
from modelkeep.blobs.port import SignedUrl
from modelkeep.core.engine import Engine
from modelkeep.core.operations.files import directories, files, uploads
from modelkeep.core.operations.files.files import FileRequest, VendedUrl
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import AlreadyExists, FileNotFound, InvalidArgument, NotFound, RegistryError
from modelkeep.domain.model import ArtifactFile, Page
from modelkeep.domain.paths import ArtifactPath
from modelkeep.domain.signed_tokens import Signer
from modelkeep.http.binding import fields_of, read_fields
from modelkeep.http.messages import Request, Response, json_response
from modelkeep.http.routing import Answer, Route
from modelkeep.store.directories import DirectoryEntry

PREFIX = "/api/2.0/fs"
_DIRECTORIES = f"{PREFIX}/directories".encode()


class FilesPathField(msgspec.Struct, frozen=True):
    path: str


class ListFields(msgspec.Struct, frozen=True):
    page_size: int | None = None
    page_token: str = ""


class PutFields(msgspec.Struct, frozen=True):
    overwrite: bool = True
    """databricks-sdk, `files.upload`: "If true or unspecified, an existing file will be overwritten." """


class PostFields(msgspec.Struct, frozen=True):
    action: str = ""
    overwrite: bool = True
    """As in PutFields: the SDK sends a large file so, by the same method."""
    upload_type: str = ""
    session_token: str = ""
    parts: tuple[uploads.PartTag, ...] = ()


class UploadFields(msgspec.Struct, frozen=True):
    path: str
    session_token: str
    start_part_number: int = 1
    count: int = 1


def routes(engine: Engine, signer: Signer, places: TrackedPaths | None = None) -> list[Route]:
    """`places`: the workspaces, where they are on."""
    handlers = FilesApi(engine, Urls(engine.db, signer, engine.config.url_ms), places)
    directory, file, target = f"{PREFIX}/directories/{{path*}}", f"{PREFIX}/files/{{path*}}", f"{OBJECTS}/{{token}}"
    signed_url, none, file_bytes = Answer(type=answers.Url), Answer(204, content=""), "application/octet-stream"
    read = (Answer(content=file_bytes), Answer(206, content=file_bytes), OUTSIDE)
    listed = (Answer(type=answers.Directory),)
    every = [
        Route(
            "POST",
            f"{PREFIX}/create-upload-url",
            FilesPathField,
            handler=handlers.create_upload_url,
            answers=(signed_url,),
        ),
        Route(
            "POST",
            f"{PREFIX}/create-download-url",
            FilesPathField,
            handler=handlers.create_download_url,
            answers=(signed_url,),
        ),
        Route(
            "POST",
            f"{PREFIX}/create-upload-part-urls",
            UploadFields,
            handler=handlers.create_upload_part_urls,
            answers=(Answer(type=answers.PartUrls),),
        ),
        Route(
            "POST",
            f"{PREFIX}/create-abort-upload-url",
            UploadFields,
            handler=handlers.create_abort_upload_url,
            answers=(Answer(type=answers.AbortUrl),),
        ),
        Route("GET", directory, ListFields, handler=handlers.list_directory, answers=listed),
        Route("HEAD", directory, ListFields, handler=handlers.list_directory, answers=listed),
        Route("PUT", directory, handler=handlers.make_directory, answers=(none,)),
        Route("DELETE", directory, handler=handlers.delete_directory, answers=(none,)),
        Route("GET", file, handler=handlers.read_file, answers=read),
        Route("HEAD", file, handler=handlers.read_file, answers=read),
        Route("PUT", file, PutFields, handler=handlers.write_file, sends=file_bytes, answers=(none,)),
        Route("DELETE", file, handler=handlers.delete_file, answers=(none,)),
        Route("POST", file, PostFields, handler=handlers.upload, answers=(Answer(type=answers.Uploaded),)),
    ]
    refused = tuple(Answer(status) for status in (400, 403, 404, 409, 503))
    done = (Answer(type=dict), *refused)
    signed = [
        Route("GET", target, handler=handlers.serve_presigned_url, public=True, answers=(*read, *refused)),
        Route("HEAD", target, handler=handlers.serve_presigned_url, public=True, answers=(*read, *refused)),
        Route("PUT", target, handler=handlers.serve_presigned_url, public=True, sends=file_bytes, answers=done),
        Route("DELETE", target, handler=handlers.serve_presigned_url, public=True, answers=done),
    ]
    return [*(msgspec.structs.replace(route, render=render) for route in every), *signed]


def render(error: RegistryError) -> tuple[int, Error]:
    """Clients test for the word NOT_FOUND to tell a file from a directory, and catch AlreadyExists (databricks-sdk, FilesExt)."""
    status, body = databricks(error)
    for kind, code in ((NotFound, "NOT_FOUND"), (AlreadyExists, "ALREADY_EXISTS")):
        if isinstance(error, kind):
            return status, {**body, "error_code": code}
    return status, body


class FilesApi:
    """The handlers."""

    def __init__(self, engine: Engine, urls: Urls, places: TrackedPaths | None) -> None:
        self._engine = engine
        self._urls = urls
        self._places = places

    async def _target(self, text: str, actor: Actor, *, write: bool) -> FileTarget:
        return await locate(text, actor, self._places, write=write)

    async def _of_path(self, path: dict[str, str], actor: Actor, *, write: bool) -> FileTarget:
        return await self._target(f"/{path['path']}", actor, write=write)

    async def _do(self, request: Request, actor: Actor, operation: FileRequest, *, body: bool = False) -> Any:
        return await self._engine.execute(
            actor, operation, request_id=request.id, body=request.stream() if body else None
        )

    # --- URLs --------------------------------------------------------------------------------------------------------

    def _url(
        self,
        request: Request,
        actor: Actor,
        method: str,
        operation: FileRequest,
        vended: VendedUrl,
        **part_of_upload: Any,
    ) -> SignedUrl:
        """The store's own, where it has one, or ours."""
        if vended.url is not None:
            return vended.url
        return SignedUrl(
            request.site.address + self._urls.make(actor, method, operation, set_id=vended.set_id, **part_of_upload)
        )

    async def create_upload_url(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        fields: FilesPathField = await fields_of(request, FilesPathField)
        target = _file(await self._target(fields.path, actor, write=True), fields.path)
        direct = self._engine.services.blobs.direct and target.version > 0
        operation = target.ask(files.VendDirectUpload if direct else files.VendUpload)
        vended = await self._do(request, actor, operation)
        return json_response(_url_answer(self._url(request, actor, "PUT", operation, vended)))

    async def create_download_url(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        fields: FilesPathField = await fields_of(request, FilesPathField)
        operation = _file(await self._target(fields.path, actor, write=False), fields.path).ask(files.VendDownload)
        vended = await self._do(request, actor, operation)
        return json_response(_url_answer(self._url(request, actor, "GET", operation, vended)))

    async def serve_presigned_url(self, request: Request, _: Actor, path: dict[str, str]) -> Response:
        """What a signed URL is for. A credential that comes along is not looked at."""
        url, actor = await self._urls.check(path["token"], request.method, request.source, request.site.workspace_id)
        target = FileTarget("", ArtifactPath.file(url.path), full_name(url), url.version, url.kind, url.id)
        if url.method == "GET":
            opened = await self._do(request, actor, target.ask(files.OpenFile, set_id=url.set_id))
            return await content(request, self._engine.services.blobs, opened)
        if url.method == "PUT":
            return await self._receive(request, actor, target, url)
        if url.upload_id:
            await self._do(request, actor, target.ask(uploads.AbortUpload, set_id=url.set_id, upload_id=url.upload_id))
        else:
            await self._do(request, actor, target.ask(files.DeleteFile, set_id=url.set_id))
        return json_response({})

    async def _receive(self, request: Request, actor: Actor, target: FileTarget, url: ObjectUrl) -> Response:
        check_whole(request)
        if url.upload_id:
            part = target.ask(uploads.WritePart, set_id=url.set_id, upload_id=url.upload_id, number=url.part)
            stored = await self._do(request, actor, part, body=True)
        else:
            stored = await self._write(request, actor, target, set_id=url.set_id)
        return json_response({}, headers=[(b"etag", entity_tag(stored.sha256))])

    async def _write(self, request: Request, actor: Actor, target: FileTarget, **options: Any) -> ArtifactFile:
        """A few bytes are taken in before it is decided on them: that is one look at the database, and not three."""
        blobs = self._engine.services.blobs
        if target.name is not None and not blobs.direct and 0 <= request.length <= files.SMALL:
            small = target.ask(files.WriteSmallFile, data=await request.raw_body(), **options)
            return await self._do(request, actor, small)
        return await self._do(request, actor, target.ask(files.WriteFile, **options), body=True)

    # --- directories -------------------------------------------------------------------------------------------------

    async def list_directory(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        fields: ListFields = await fields_of(request, ListFields)
        text = f"/{path['path']}"
        quotes = not unquoted_paths.does_not_quote(request, text)
        try:
            target, page = await self._list(request, actor, text, fields)
        except FileNotFound:
            meant = None if quotes else unquoted_paths.meant(request.raw_path.removeprefix(_DIRECTORIES))
            if meant is None or meant == text:
                raise
            target, page = await self._list(request, actor, meant, fields)
        contents = [_entry(target, entry, quotes=quotes) for entry in page.items]
        return json_response({"contents": contents, "next_page_token": page.next_token})

    async def _list(
        self, request: Request, actor: Actor, text: str, fields: ListFields
    ) -> tuple[FileTarget, Page[DirectoryEntry]]:
        target = await self._target(text, actor, write=False)
        operation = target.ask(directories.ListDirectory, max_results=fields.page_size, page_token=fields.page_token)
        return target, await self._do(request, actor, operation)

    async def make_directory(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        target = await self._of_path(path, actor, write=True)
        await self._do(request, actor, target.ask(directories.MakeDirectory))
        return Response(204)

    async def delete_directory(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        target = await self._of_path(path, actor, write=True)
        await self._do(request, actor, target.ask(directories.DeleteDirectory))
        return Response(204)

    # --- files -------------------------------------------------------------------------------------------------------

    async def read_file(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        target = _file(await self._of_path(path, actor, write=False), path["path"])
        opened = await self._do(request, actor, target.ask(files.OpenFile))
        return await content(request, self._engine.services.blobs, opened)

    async def write_file(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        fields: PutFields = read_fields(
            Route("", "", PutFields), {}, request.query_string, b"", ""
        )  # the body is the file
        check_whole(request)
        target = _file(await self._of_path(path, actor, write=True), path["path"])
        await self._write(request, actor, target, overwrite=fields.overwrite)
        return Response(204)

    async def delete_file(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        target = _file(await self._of_path(path, actor, write=True), path["path"])
        await self._do(request, actor, target.ask(files.DeleteFile))
        return Response(204)

    # --- multipart ---------------------------------------------------------------------------------------------------

    async def upload(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """The POST of a file: begins or completes a multipart upload. Raises InvalidArgument."""
        fields: PostFields = await fields_of(request, PostFields)
        target = _file(await self._of_path(path, actor, write=True), path["path"])
        if fields.action == "initiate-upload":
            upload_id = await self._do(request, actor, target.ask(uploads.StartUpload, overwrite=fields.overwrite))
            return json_response({"multipart_upload": {"session_token": upload_id}})
        if fields.action == "complete-upload" and fields.upload_type in ("", "multipart"):
            operation = target.ask(uploads.CompleteUpload, upload_id=fields.session_token, parts=fields.parts)
            await self._do(request, actor, operation)
            return json_response({})
        raise InvalidArgument("Say action=initiate-upload, or action=complete-upload with upload_type=multipart.")

    async def create_upload_part_urls(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        fields: UploadFields = await fields_of(request, UploadFields)
        target = _file(await self._target(fields.path, actor, write=True), fields.path)
        operation = target.ask(
            uploads.VendParts, upload_id=fields.session_token, first=fields.start_part_number, count=fields.count
        )
        vended: Sequence[VendedUrl] = await self._do(request, actor, operation)
        urls = list[answers.PartUrl]()
        for number, part in enumerate(vended, fields.start_part_number):
            url = self._url(request, actor, "PUT", operation, part, upload_id=operation.upload_id, part=number)
            urls.append({**_url_answer(url), "part_number": number})
        return json_response({"upload_part_urls": urls})

    async def create_abort_upload_url(self, request: Request, actor: Actor, _: dict[str, str]) -> Response:
        fields: UploadFields = await fields_of(request, UploadFields)
        target = _file(await self._target(fields.path, actor, write=True), fields.path)
        operation = target.ask(files.VendUpload)
        vended = await self._do(request, actor, operation)
        url = self._url(request, actor, "DELETE", operation, vended, upload_id=fields.session_token)
        return json_response({"abort_upload_url": _url_answer(url)})


def _file(target: FileTarget, text: str) -> FileTarget:
    """Raises InvalidArgument where the path is a root, or ends with a slash."""
    if text.endswith("/") or not target.path.text:
        ArtifactPath.file("")
    return target


def check_whole(request: Request) -> None:
    """A part of a file cannot be replaced (RFC 9110, 14.5). Raises InvalidArgument."""
    if request.header(b"content-range"):
        raise InvalidArgument("A file is sent whole. Leave out Content-Range, or use a multipart upload.")


def _url_answer(url: SignedUrl) -> answers.Url:
    return {"url": url.url, "headers": [{"name": name, "value": value} for name, value in url.headers.items()]}


def _entry(directory: FileTarget, entry: DirectoryEntry, *, quotes: bool) -> answers.FilesEntry:
    """`quotes`: the client quotes what it puts into a URL."""
    info: answers.FilesEntry = {
        "path": f"{directory.path_as_sent}/{entry.name}",
        "name": entry.name,
        "is_directory": entry.is_directory,
    }
    if not entry.is_directory:
        info["file_size"] = entry.size
        info["last_modified"] = entry.modified_at
    elif not quotes:
        info["path"] = directory.root + unquoted_paths.askable(info["path"].removeprefix(directory.root))
    return info
