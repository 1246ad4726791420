"""The files of versions, volumes, runs, logged models and traces: reading, writing one by one, URLs for single files.

A version's files are written while it is PENDING and read once it is READY; the others stay open, the last write wins.
Bytes never flow while a write transaction is open: they have arrived before, and it makes them a file, or they go.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import msgspec

from modelkeep.blobs.port import Blobs, Segment
from modelkeep.core.context import BaseCtx, ReadCtx, ServiceCtx, WriteCtx
from modelkeep.core.operations.files import direct_storage, workspace_access
from modelkeep.core.operations.files.direct_storage import Deleted, UnfinishedBytes, VendedUrl, Written
from modelkeep.core.operations.models.version_states import check_pending, check_ready
from modelkeep.domain import workspace_paths
from modelkeep.domain.errors import AlreadyExists, FileNotFound, RegistryError, WrongState
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import ArtifactFile, ModelVersion, Securable
from modelkeep.domain.names import FullName
from modelkeep.domain.paths import ArtifactPath
from modelkeep.store import files, jobs, versions
from modelkeep.store.db import Database, Tx, new_id

SMALL = 64 * 1024
"""bytes of the largest file that is kept in the database, where storage is a folder"""
LINGER_MS = 10 * 60_000  # a run's replaced file may still be on its way to someone


class FileRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A file or directory of a model version (`name`, `version`), of a volume (`name`), of a run, logged model or trace
    (`kind`, `id`), or of the workspace itself (`kind`: domain/workspace_paths.py)."""

    path: ArtifactPath
    name: FullName | None = None
    version: int = 0
    kind: str = ""
    id: str = ""
    set_id: str = ""
    """The artifact set that a signed URL was made for: what is named must still have it. '' asks for no certain one."""


class OpenFile(FileRequest, frozen=True, kw_only=True):
    pass


class VendDownload(FileRequest, frozen=True, kw_only=True):
    pass


class WriteRequest(FileRequest, frozen=True, kw_only=True):
    overwrite: bool = True


class WriteFile(WriteRequest, frozen=True, kw_only=True):
    pass


class WriteSmallFile(WriteRequest, frozen=True, kw_only=True):
    """Of a version or volume, in a folder: so few bytes that all of them are here before it is decided."""

    data: bytes


class DeleteFile(WriteRequest, frozen=True, kw_only=True):
    pass


class VendUpload(WriteRequest, frozen=True, kw_only=True):
    """A URL on this server."""


class VendDirectUpload(WriteRequest, frozen=True, kw_only=True):
    """A URL on the store itself: what lies there under this path goes first."""


class Opened(msgspec.Struct, frozen=True):
    """A file to read."""

    set_id: str
    file: ArtifactFile

    @property
    def segments(self) -> list[Segment]:
        return files.segments(self.file)


class WriteTarget(msgspec.Struct, frozen=True):
    """Where a request may write."""

    set_id: str
    direct: bool
    """Clients write to the store themselves: until finalize its listing, and not our rows, is the manifest."""
    of_version: bool

    def object(self, path: ArtifactPath) -> str:
        """The name for a new object: files that stay open are never replaced in place."""
        return path.text if self.of_version else f"{new_id()}/{path}"


class InStore(msgspec.Struct, frozen=True):
    """What `look` saw before the transaction."""

    set_id: str
    exists: bool
    """The store that clients write to themselves has something at the path."""


# --- who may, and where ----------------------------------------------------------------------------------------------


async def may_read(ctx: ServiceCtx, db: Database, req: FileRequest, model: Securable | None) -> None:
    """The workspace decides on runs, logged models and traces; of a version, the table has decided."""
    if model is None:
        await _ask_workspace(ctx, db, req, write=False)


async def may_write(ctx: ServiceCtx, db: Database, req: FileRequest, model: Securable | None) -> None:
    """As `may_read`."""
    if model is None:
        await _ask_workspace(ctx, db, req, write=True)


async def _ask_workspace(ctx: ServiceCtx, db: Database, req: FileRequest, *, write: bool) -> None:
    if req.kind == workspace_paths.KIND:
        async with db.read() as tx:
            await _ask_access_lists(ctx, tx, req, write=write)
        return
    tracking = ctx.services.tracking
    if tracking is None or not req.kind:
        raise FileNotFound("No artifacts are kept under this path.")
    await tracking.may(ctx.actor, req.kind, req.id, write=write)


async def _ask_access_lists(ctx: BaseCtx, tx: Tx, req: FileRequest, *, write: bool) -> None:
    if write:
        await workspace_access.check_write(ctx, tx, req.path)
    else:
        await workspace_access.check(ctx, tx, req.path, workspace_paths.ObjectLevel.CAN_READ)


async def _version(ctx: BaseCtx, tx: Tx, req: FileRequest, model: Securable) -> ModelVersion:
    version = await versions.by_number(tx, model, req.version)
    if version is None:
        raise FileNotFound(f"Model version '{req.version}' of Routine or Model '{req.name}' does not exist.")
    ctx.touch("MODEL_VERSION", version.id, f"{version.model}/{version.version}")
    return version


def _same_set(req: FileRequest, set_id: str) -> str:
    """A name and number may by now belong to another model's version: the URL is not for that one."""
    if req.set_id and req.set_id != set_id:
        raise FileNotFound("The files that this URL was made for are gone. Ask for a new URL.")
    return set_id


async def _of_volume(tx: Tx, req: FileRequest, volume: Securable) -> str:
    artifact_set = await files.set_of(tx, files.volume_key(volume.id))
    if artifact_set is None:
        raise WrongState(f"Volume '{req.name}' is external: its files are at its storage_location, and not here.")
    return _same_set(req, artifact_set.id)


async def readable(ctx: ReadCtx, req: FileRequest, model: Securable | None) -> str:
    """The artifact set to read from, '' where nothing was ever written. Raises FileNotFound, WrongState."""
    if model is not None and model.kind is Kind.VOLUME:
        return await _of_volume(ctx.tx, req, model)
    if model is None:
        artifact_set = await files.set_of(ctx.tx, files.tracked_key(ctx.actor.workspace, req.kind, req.id))
        ctx.touch(req.kind.upper(), req.id or f"/{req.path}", req.id or f"/{req.path}")
        return artifact_set.id if artifact_set else ""
    version = await _version(ctx, ctx.tx, req, model)
    check_ready(version)
    return _same_set(req, version.artifact_set_id)


async def writable(ctx: BaseCtx, tx: Tx, req: FileRequest, model: Securable | None) -> WriteTarget:
    """Where to write. Raises FileNotFound, WrongState."""
    if model is not None and model.kind is Kind.VOLUME:
        return WriteTarget(await _of_volume(tx, req, model), False, False)
    if model is None:
        artifact_set = await files.set_of(tx, files.tracked_key(ctx.actor.workspace, req.kind, req.id))
        ctx.touch(req.kind.upper(), req.id or f"/{req.path}", req.id or f"/{req.path}")
        return WriteTarget(artifact_set.id if artifact_set else "", False, False)
    version = await _version(ctx, tx, req, model)
    check_pending(version)
    return WriteTarget(_same_set(req, version.artifact_set_id), ctx.config.direct, True)


async def locked(ctx: WriteCtx, req: FileRequest, model: Securable | None) -> WriteTarget:
    """As `writable`, with the set held open until commit: finalize waits, or has been. Raises FileNotFound."""
    site = await writable(ctx, ctx.tx, req, model)
    if not site.set_id:
        raise FileNotFound("Nothing was written here yet.")
    await files.lock_open(ctx.tx, site.set_id)
    if model is None and req.kind == workspace_paths.KIND:
        await _ask_access_lists(ctx, ctx.tx, req, write=True)  # they may have changed since the bytes began to arrive
    return site


async def prepared_site(ctx: ServiceCtx, db: Database, req: WriteRequest, model: Securable | None) -> WriteTarget:
    """Where bytes will go, before they flow. Raises what `writable` and `check_free` raise."""
    await may_write(ctx, db, req, model)
    async with db.read() as tx:
        site = await writable(ctx, tx, req, model)
        await check_free(tx, site, req, exists=False)
    if await taken(ctx, site, req):
        raise AlreadyExists(f"The file '{req.path}' exists already. Send overwrite=true to replace it.")
    if not site.set_id:
        key = files.tracked_key(ctx.actor.workspace, req.kind, req.id)
        site = msgspec.structs.replace(site, set_id=await files.own_set(db, req.kind, ctx.now, key))
    return site


async def taken(ctx: ServiceCtx, site: WriteTarget, req: WriteRequest) -> bool:
    """A direct store has something at a path that must not be replaced."""
    return site.direct and not req.overwrite and await direct_storage.store(ctx).exists(site.set_id, req.path.text)


async def check_free(tx: Tx, site: WriteTarget, req: WriteRequest, *, exists: bool) -> str:
    """The segments (JSON) of the file that is to be replaced, '' where there is none. `exists`: in a direct store.

    A file must not stand where a directory is, nor below a file. Raises AlreadyExists."""
    replaced, other = await files.place(tx, site.set_id, req.path.text, req.path.parents)
    if not req.overwrite and (exists if site.direct else replaced):
        raise AlreadyExists(f"The file '{req.path}' exists already. Send overwrite=true to replace it.")
    if other:
        raise AlreadyExists(f"'{req.path}' cannot be a file, for '{other}' exists: a path is a file or a directory.")
    return replaced


async def look(ctx: ServiceCtx, db: Database, req: FileRequest, model: Securable | None) -> InStore:
    """Before the transaction: may the caller write, and what does a direct store have at the path?"""
    await may_write(ctx, db, req, model)
    async with db.read() as tx:
        site = await writable(ctx, tx, req, model)
    return InStore(site.set_id, site.direct and await direct_storage.store(ctx).exists(site.set_id, req.path.text))


def still_there(site: WriteTarget, seen: InStore) -> bool:
    """What `look` saw, in the transaction. Raises WrongState where it looked at another set."""
    if site.set_id != seen.set_id:
        raise WrongState("The version changed meanwhile. Try again.")
    return seen.exists


# --- reading ---------------------------------------------------------------------------------------------------------


async def open_file(ctx: ReadCtx, req: OpenFile | VendDownload, model: Securable | None) -> Opened:
    """Where the bytes of a file are. Raises FileNotFound."""
    set_id = await readable(ctx, req, model)
    file = await files.file(ctx.tx, set_id, req.path.text)
    if file is None:
        raise FileNotFound(f"There is no file '{req.path}'.")
    return Opened(set_id, file)


async def vend_download(ctx: ReadCtx, req: VendDownload, model: Securable | None) -> VendedUrl:
    opened = await open_file(ctx, req, model)
    segments = opened.segments
    if model is None or not ctx.config.direct or len(segments) != 1:
        return VendedUrl(opened.set_id)
    return VendedUrl(opened.set_id, object=segments[0].object)


# --- writing ---------------------------------------------------------------------------------------------------------


async def vend_upload(ctx: ReadCtx, req: VendUpload, model: Securable | None) -> VendedUrl:
    return VendedUrl((await writable(ctx, ctx.tx, req, model)).set_id)


async def vend_direct_upload(ctx: WriteCtx, req: VendDirectUpload, model: Securable | None) -> VendedUrl:
    """The URL makes a new object and never replaces one: a file that is sent again goes first, while finalize waits."""
    site = await locked(ctx, req, model)
    await files.remove_file(ctx.tx, site.set_id, req.path.text)
    change = await direct_storage.begin(ctx, site.set_id) if still_there(site, ctx.prepared) else None
    return VendedUrl(site.set_id, object=req.path.text, change=change)


async def store_bytes(ctx: ServiceCtx, db: Database, req: WriteFile, model: Securable | None) -> UnfinishedBytes:
    """The body, stored and not yet a file."""
    assert ctx.body is not None
    site = await prepared_site(ctx, db, req, model)
    if site.direct:
        stored = await direct_storage.stage(ctx, site.set_id, req.path.text, ctx.body)
        return msgspec.structs.replace(stored, exists=await taken(ctx, site, req))
    segment = await ctx.services.blobs.write(site.set_id, site.object(req.path), ctx.body)
    ctx.undo(partial(discard, db, ctx.services.blobs, site.set_id, req.path.text, segment))
    return UnfinishedBytes(site.set_id, segment)


async def discard(db: Database, blobs: Blobs, set_id: str, path: str, segment: Segment) -> None:
    """Delete an object, unless it became part of a file after all: a commit may succeed without telling."""
    with suppress(RegistryError):  # then it stays as an orphan, which `modelkeep check` finds
        async with db.read() as tx:
            if await files.uses(tx, set_id, path, segment.object):
                return
        await blobs.delete(set_id, [segment.object])


async def write_file(ctx: WriteCtx, req: WriteFile, model: Securable | None) -> Written:
    """Publishes the bytes that `prepare` stored under the file's path, in place of those before. Raises WrongState."""
    stored: UnfinishedBytes = ctx.prepared
    site = await locked(ctx, req, model)
    if site.set_id != stored.set_id:
        raise WrongState("The version changed while the file arrived. Upload it again.")
    replaced = await check_free(ctx.tx, site, req, exists=stored.exists)
    if req.kind == workspace_paths.KIND:
        await workspace_access.record(ctx, req.path.text)
    segment = stored.segment
    segments = files.segments_json([segment])
    file = ArtifactFile(req.path.text, segment.size, segment.sha256, "", segments, ctx.now)
    if site.direct:
        note(ctx, file)
        return Written(file, stored, req.overwrite, await direct_storage.begin(ctx, site.set_id))
    return Written(await put(ctx, site, file, replaced), stored, req.overwrite, None)


async def write_small_file(ctx: WriteCtx, req: WriteSmallFile, model: Securable) -> ArtifactFile:
    """The bytes become part of their row: one wait for the disk, and not three."""
    site = await locked(ctx, req, model)
    replaced = await check_free(ctx.tx, site, req, exists=False)
    digest = hashlib.sha256(req.data).hexdigest()
    file = ArtifactFile(req.path.text, len(req.data), digest, "", files.NO_SEGMENTS, ctx.now, req.data)
    return await put(ctx, site, file, replaced)


async def put(ctx: WriteCtx, site: WriteTarget, file: ArtifactFile, replaced: str) -> ArtifactFile:
    """Make it a file of the set; the objects of what it replaces (segments, JSON) are freed."""
    note(ctx, file)
    await files.put_file(ctx.tx, site.set_id, file)
    await free(ctx, site, replaced, keep=files.segments(file))
    return file


def note(ctx: WriteCtx, file: ArtifactFile) -> None:
    ctx.changed(f"file {file.path}", None, f"{file.size} bytes, SHA-256 {file.sha256 or 'pending'}")


async def free(ctx: WriteCtx, site: WriteTarget, segments_json: str, keep: Sequence[Segment] = ()) -> None:
    """Queue the deletion of a file's objects ('' has none), in this transaction."""
    objects_in_use = {segment.object for segment in keep}
    for segment in msgspec.json.decode(segments_json or "[]", type=list[Segment]):
        if segment.object not in objects_in_use:
            wait = 0 if site.of_version else LINGER_MS
            await jobs.enqueue(ctx.tx, "drop", f"{site.set_id}/{segment.object}", delay_ms=wait)


async def delete_file(ctx: WriteCtx, req: DeleteFile, model: Securable | None) -> Deleted:
    """Removes a file of an open set. Raises FileNotFound."""
    site = await locked(ctx, req, model)
    exists = still_there(site, ctx.prepared)
    removed = await files.remove_file(ctx.tx, site.set_id, req.path.text)
    if not (removed or exists):
        raise FileNotFound(f"There is no file '{req.path}'.")
    ctx.changed(f"file {req.path}", "present", None)
    if site.direct:
        return Deleted(req.path.text, await direct_storage.begin(ctx, site.set_id))
    await free(ctx, site, removed)
    return Deleted(req.path.text, None)
