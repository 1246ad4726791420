"""What the background does: purge, hash and sweep artifact sets, fail what never finalized. Each may run twice.

A task that answers a number is run again after as many milliseconds."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec

from modelkeep import limits
from modelkeep.blobs.port import Blobs, DirectBlobs
from modelkeep.blobs.shared_folder import SharedFolder
from modelkeep.core.auditor import Act, Auditor
from modelkeep.core.operations.models import finalize, lineage
from modelkeep.core.operations.models.version_copies import requires_signature
from modelkeep.core.token_last_used import TokenLastUsedRecorder
from modelkeep.domain.errors import Conflict, InvalidArgument
from modelkeep.domain.mlmodel import ModelFile
from modelkeep.domain.model import ArtifactFile, ModelVersion, Securable, Status
from modelkeep.jobs import table_purge
from modelkeep.jobs.otlp import Collector
from modelkeep.jobs.table_purge import TablePurge
from modelkeep.observe.disk import DiskGuard
from modelkeep.store import (
    announced_changes,
    authorizations,
    deletion,
    files,
    jobs,
    securables,
    signin,
    tokens,
    versions,
)
from modelkeep.store.audit import AuditTarget
from modelkeep.store.bootstrap import SYSTEM
from modelkeep.store.db import Database, now_ms

_EXPORT_MS = 24 * 3_600_000  # how long a copy in the shared folder stays after the last request for it
_AT_ONCE = 200  # files that one transaction forgets
_LOOK_MS = 600_000
_FULL_DISK_MS = 60_000  # until copies into a disk that is almost full are tried again
_SIGNED_IN_MS = 24 * 3_600_000  # how long expired sessions and access tokens, and finished sign-ins, are remembered
_UPLOAD_MS = 24 * 3_600_000  # how long a multipart upload may stay unfinished


class WorkerContext(msgspec.Struct, frozen=True):
    """What tasks work with."""

    db: Database
    blobs: Blobs
    auditor: Auditor
    pending_ms: int
    staging_ms: int = 3_600_000
    """How long a staging set stays after the last request for it, where its version is no longer PENDING."""
    shared: SharedFolder | None = None
    uses: TokenLastUsedRecorder = msgspec.field(default_factory=TokenLastUsedRecorder)
    audit_ms: int = 0
    """How long audit records stay in the database; 0: for ever."""
    disk: DiskGuard | None = None
    """Looks at the disks, where the server runs."""
    otlp: Collector | None = None
    """Where audit records are sent."""
    tables: TablePurge | None = None
    """Where the server runs: deletes the folders of dropped tables."""


async def purge(at: WorkerContext, set_id: str) -> int | None:
    """Free the bytes of a set without references; only then forget it, so that a crash between leaves it to be done again.

    Not while a change of its objects is under way, which could make one after that."""
    async with at.db.read() as tx:
        artifact_set = await files.get_set(tx, set_id)
        revision = await announced_changes.revision(tx, set_id, now_ms())
    if revision.under_way:
        return now_ms() + limits.FILE_CHANGE_MS
    if artifact_set is None or artifact_set.state != "deleting":
        return None
    await at.blobs.delete_set(set_id)
    while True:  # in steps that nobody waits long for
        async with at.db.write() as tx:
            if await files.forget_files(tx, set_id, _AT_ONCE) < _AT_ONCE:
                return await files.forget_set(tx, set_id)


async def delete_detached(at: WorkerContext, securable_id: str) -> None:
    """Remove what a deleted catalog, schema or model has left, in transactions that nobody waits long for."""
    while True:
        async with at.db.write() as tx:
            if await deletion.remove(tx, at.db.dialect, securable_id):
                return
        await asyncio.sleep(limits.DELETE_PAUSE_MS / 1000)


async def hash_set(at: WorkerContext, set_id: str) -> None:
    """Read each file once whose bytes did not pass through this server, and fill in its SHA-256."""
    async with at.db.read() as tx:
        manifest = await files.manifest(tx, set_id)
    for file in manifest:
        if file.sha256:
            continue
        digest = hashlib.sha256()
        async for chunk in files.read(at.db, at.blobs, set_id, file, file.size):
            digest.update(chunk)
        async with at.db.write() as tx:
            await files.set_sha256(tx, set_id, file.path, digest.hexdigest())
    async with at.db.write() as tx:
        await files.mark_hashed(tx, set_id)


async def sweep(at: WorkerContext, set_id: str) -> None:
    """Delete objects of a frozen set that are in no manifest: written late by URLs that were still out."""
    async with at.db.read() as tx:
        artifact_set = await files.get_set(tx, set_id)
        known = {segment.object for file in await files.manifest(tx, set_id) for segment in files.segments(file)}
    if artifact_set is None or artifact_set.state != "live":
        return
    strays = [listed.object for listed in await at.blobs.list_set(set_id) if listed.object not in known]
    if strays:
        await at.blobs.delete(set_id, strays)


async def bring(at: WorkerContext, key: str) -> int | None:
    """Copy the files of a run or logged model into a PENDING version's set, and make it READY, or FAILED with the reason.

    `key`: version id, the set that the files are in ('' where nothing was ever written), and their directory.
    Raises InvalidArgument."""
    if at.disk is not None and at.disk.reason:
        return _FULL_DISK_MS
    version_id, source_set, root = key.split("/", 2)
    async with at.db.read() as tx:
        version = await versions.by_id(tx, version_id)
        source_files = await files.below(tx, source_set, root) if source_set else []
        model = await securables.by_id(tx, version.model_id) if version else None
        needed = model is not None and await requires_signature(tx, model)
    if version is None or model is None or version.status != Status.PENDING:
        return None
    prefix = f"{root}/" if root else ""
    try:
        if not source_files:
            raise InvalidArgument(
                "The source has no files here, and so no MLmodel file. Log the model, then register it."
            )
        model_file = await finalize.check_manifest(
            at.db, at.blobs, source_set, source_files, needed=needed, root=prefix
        )
        manifest = [await _copy(at, version, source_set, file, file.path.removeprefix(prefix)) for file in source_files]
    except InvalidArgument as error:
        await _fail(at, version, error.message)
        return None
    await _finish(at, version, model, manifest, model_file)
    return None


async def _copy(
    at: WorkerContext, version: ModelVersion, source_set: str, file: ArtifactFile, path: str
) -> ArtifactFile:
    chunks = files.read(at.db, at.blobs, source_set, file, file.size)
    segment = await at.blobs.write(version.artifact_set_id, path, chunks)
    copied = ArtifactFile(path, segment.size, segment.sha256, "", files.segments_json([segment]), now_ms())
    async with at.db.write() as tx:
        await files.lock_open(tx, version.artifact_set_id)
        await files.put_file(tx, version.artifact_set_id, copied)
    return copied


async def _fail(at: WorkerContext, version: ModelVersion, reason: str) -> None:
    now = now_ms()
    async with at.db.write() as tx:
        failed = await versions.fail(tx, version.id, reason, version.created_by, now)
        if failed and await files.release(tx, version.artifact_set_id):
            await jobs.enqueue(tx, "purge", version.artifact_set_id)
    if failed:
        await at.auditor.record(
            SYSTEM, Act("version.finalize", "bring", _target(version), "INVALID_PARAMETER_VALUE", reason)
        )


async def _finish(
    at: WorkerContext, version: ModelVersion, model: Securable, manifest: list[ArtifactFile], model_file: ModelFile
) -> None:
    now = now_ms()
    async with at.db.write() as tx:
        await securables.lock(tx, model)
        await files.freeze(tx, version.artifact_set_id, manifest)
        warning = finalize.what_clients_miss(manifest)
        if not await versions.set_status(
            tx, version, Status.READY, warning, version.created_by, now, signature=finalize.kept_signature(model_file)
        ):
            raise Conflict("The version is no longer PENDING_REGISTRATION.")
        await lineage.record_resources(tx, model, version, lineage.of_resources(model_file.resources), now)
        await jobs.enqueue(tx, "sweep", version.artifact_set_id)  # what an attempt that died has left behind
    await at.auditor.record(SYSTEM, Act("version.finalize", "bring", _target(version)))


def _target(version: ModelVersion) -> list[AuditTarget]:
    return [AuditTarget("MODEL_VERSION", version.id, f"{version.model}/{version.version}")]


async def drop(at: WorkerContext, key: str) -> None:
    """Delete replaced objects, given as `set/object`."""
    set_id, _, name = key.partition("/")
    await at.blobs.delete(set_id, [name])


async def unstage(at: WorkerContext, set_id: str) -> int | None:
    """Free a staging set that nobody needs or can write to any more; until then, in how many ms to look again."""
    now = now_ms()
    async with at.db.write() as tx:
        staging_set = await files.get_set(tx, set_id)
        if staging_set is None or staging_set.kind != "staging":
            return None
        if await versions.status_of(tx, set_id) == Status.PENDING or staging_set.created_at + at.staging_ms > now:
            return max(_LOOK_MS, staging_set.created_at + at.staging_ms - now)
        if await files.release(tx, set_id):
            await jobs.enqueue(tx, "purge", set_id)
    return None


async def clear_shared(at: WorkerContext, shared: SharedFolder) -> None:
    """Directories of versions that are finalized or gone, and copies without a request for a day."""
    for place in await shared.places():
        async with at.db.read() as tx:
            status = await versions.status_of(tx, place.version_id)
        needed_status = Status.PENDING if place.kind == "write" else Status.READY
        idle = now_ms() - place.used_s * 1000 > _EXPORT_MS
        if status != needed_status or (place.kind == "read" and idle):
            await shared.remove(place)
    await shared.tidy()


async def abort(at: WorkerContext, upload_id: str) -> None:
    """End a multipart upload that was left behind, and free its parts."""
    async with at.db.read() as tx:
        upload = await files.upload(tx, upload_id)
    if upload is None:
        return
    if upload.store_upload:
        await cast(DirectBlobs, at.blobs).abort_multipart(upload.set_id, upload.path, upload.store_upload)
    async with at.db.write() as tx:
        parts = (await files.parts(tx, upload.id)).values()
        await jobs.enqueue_all(tx, "drop", [f"{upload.set_id}/{segment.object}" for segment in parts])
        await files.end_upload(tx, upload.id)


async def reap(at: WorkerContext) -> None:
    """PENDING for too long becomes FAILED_REGISTRATION, and its files are freed; uploads that were left behind are ended.

    Nothing here waits for the storage: what needs it is a job."""
    now = now_ms()
    await table_purge.give_up_stagings(at.db)
    async with at.db.read() as tx:
        stale = await versions.pending_since(tx, now - at.pending_ms)
        uploads = await files.uploads_before(tx, now - _UPLOAD_MS)
    for version_id, set_id, name in stale:
        async with at.db.write() as tx:
            if await versions.fail(tx, version_id, "The files were never finalized.", SYSTEM.name, now):
                if set_id and await files.release(tx, set_id):
                    await jobs.enqueue(tx, "purge", set_id)
            else:
                continue
        await at.auditor.record(SYSTEM, Act("version.expire", "reap", [AuditTarget("MODEL_VERSION", version_id, name)]))
    if uploads:
        async with at.db.write() as tx:
            await jobs.enqueue_all(tx, "abort", [upload.id for upload in uploads])
    async with at.db.write() as tx:
        await tokens.forget_expired(tx, now - _SIGNED_IN_MS)
        await signin.forget_used(tx, now - _SIGNED_IN_MS)
        await authorizations.forget(tx, now - _SIGNED_IN_MS)


async def purge_table(at: WorkerContext, table_id: str) -> int | None:
    """Delete the files of a dropped managed table, once nobody can write them any more."""
    return _LOOK_MS if at.tables is None else await table_purge.purge(at.db, at.tables, table_id)


TASKS: dict[str, Callable[[WorkerContext, str], Awaitable[int | None]]] = {
    "purge": purge,
    "hash": hash_set,
    "sweep": sweep,
    "drop": drop,
    "unstage": unstage,
    "bring": bring,
    "abort": abort,
    deletion.TASK: delete_detached,
    deletion.PURGE_TABLE: purge_table,
}
