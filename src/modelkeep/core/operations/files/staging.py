"""Files that clients handed over by themselves, and how finalize takes them: as a copy that nobody else can reach.

What lay in staging at one moment is copied into a set of its own. So a client that still has credentials for the staging set,
or finalizes twice at once, changes nothing that another finalize has checked. A copy may outlast the request: clients repeat
that (MLflow does so after a 503, and after 120 s without an answer), and then meet the copy that is under way.
"""

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from typing import cast

import msgspec

from modelkeep.blobs.port import DirectBlobs, ListedObject, Segment
from modelkeep.blobs.shared_folder import SharedFolder
from modelkeep.core.context import BaseCtx, ServiceCtx
from modelkeep.domain.errors import InvalidArgument, RegistryError, Unavailable
from modelkeep.domain.model import ArtifactFile, ModelVersion
from modelkeep.domain.paths import ArtifactPath
from modelkeep.store import files, jobs
from modelkeep.store.db import Database, WriteTx, new_id

_SPARE_MS = 3_600_000  # what a finalize may take to copy, and clocks may differ


class Taken(msgspec.Struct, frozen=True):
    """The files of a version in a set that is not yet the version's."""

    set_id: str
    manifest: tuple[ArtifactFile, ...]


def lifetime_ms(ctx: BaseCtx) -> int:
    """How long a staging set must outlive its version, after its last request: writes may still arrive until then."""
    return _SPARE_MS + ctx.config.credential_s * 1000


async def stage(tx: WriteTx, set_id: str, ctx: BaseCtx) -> None:
    """Remember a staging set, and to free it when it is of no use any more."""
    await files.stage_set(tx, set_id, ctx.now)
    await jobs.enqueue(tx, "unstage", set_id, delay_ms=lifetime_ms(ctx))


async def take(ctx: ServiceCtx, db: Database, version: ModelVersion) -> Taken | None:
    """What clients handed over for a PENDING version, copied; None where they did not, and wrote by URLs if at all.

    Raises InvalidArgument for files that no artifact can be, or that came in two ways."""
    if (listed := await _in_staging(ctx, db, version)) is not None:
        return await _copied(ctx, db, version, listed)
    if ctx.services.shared is not None:
        return await _read(ctx, db, version, ctx.services.shared)
    return None


async def _in_staging(ctx: ServiceCtx, db: Database, version: ModelVersion) -> Sequence[ListedObject] | None:
    if ctx.services.issuer is None:
        return None
    async with db.read() as tx:
        staged = await files.get_set(tx, version.id)
    return (await ctx.services.blobs.list_set(version.id) or None) if staged else None


async def _copied(ctx: ServiceCtx, db: Database, version: ModelVersion, listed: Sequence[ListedObject]) -> Taken:
    """Inside the store, whatever the size."""
    blobs = cast(DirectBlobs, ctx.services.blobs)
    if await blobs.list_set(version.artifact_set_id):
        raise _both(version)
    for file in listed:
        ArtifactPath.file(file.object)  # a client with credentials may choose names that no URL would have
    set_id = await ctx.services.copies.join((version.id, *listed), partial(_copy, ctx, db, version, listed))
    if set_id is None:
        raise Unavailable(
            f"The files of version {version.version} of '{version.model}' are still being copied inside the store. Finalize "
            "again: that goes on with this copy."
        )
    ctx.undo(partial(_free, ctx, db, set_id))
    return Taken(
        set_id,
        tuple(
            ArtifactFile(
                f.object,
                f.size,
                "",
                f.checksum,
                files.segments_json([Segment(f.object, f.size)]),
                f.modified_ms or ctx.now,
            )
            for f in await blobs.list_set(set_id)
        ),
    )


async def _copy(ctx: ServiceCtx, db: Database, version: ModelVersion, listed: Sequence[ListedObject]) -> str:
    """The new set. Where this fails and nobody asks again, the job that was queued with the set frees it."""
    set_id = await _new_set(ctx, db)
    try:
        await cast(DirectBlobs, ctx.services.blobs).copy(version.id, listed, set_id)
    except RegistryError:
        await _free(ctx, db, set_id)
        raise
    return set_id


async def _read(ctx: ServiceCtx, db: Database, version: ModelVersion, shared: SharedFolder) -> Taken | None:
    """Through this server, hashed."""
    set_id, taken = "", list[ArtifactFile]()
    async with aclosing(shared.written_files(version.id)) as incoming:
        async for path, chunks in incoming:
            ArtifactPath.file(path)
            if not set_id:
                set_id = await _new_set(ctx, db)
                ctx.undo(partial(_free, ctx, db, set_id))
            segment = await ctx.services.blobs.write(set_id, path, chunks)
            taken.append(ArtifactFile(path, segment.size, segment.sha256, "", files.segments_json([segment]), ctx.now))
    if not set_id:
        return None
    async with db.read() as tx:
        if await files.manifest(tx, version.artifact_set_id):
            raise _both(version)
    return Taken(set_id, tuple(sorted(taken, key=lambda file: file.path)))


def _both(version: ModelVersion) -> InvalidArgument:
    return InvalidArgument(
        f"The files of version {version.version} of '{version.model}' came in two ways: by URLs, and by temporary "
        "credentials or a folder. Register a new version and upload all of them in one way."
    )


async def _new_set(ctx: ServiceCtx, db: Database) -> str:
    set_id = new_id()
    async with db.write(ctx.actor.id) as tx:
        await stage(tx, set_id, ctx)
    return set_id


async def _free(ctx: ServiceCtx, db: Database, set_id: str) -> None:
    """Unless it became the version's after all: a commit may succeed without telling."""
    async with db.write(ctx.actor.id) as tx:
        artifact_set = await files.get_set(tx, set_id)
        if artifact_set is not None and artifact_set.kind == "staging" and await files.release(tx, set_id):
            await jobs.enqueue(tx, "purge", set_id)
