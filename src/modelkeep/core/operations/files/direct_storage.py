"""Stores that clients talk to themselves: how this server changes what lies there, with no transaction open meanwhile.

A transaction decides, records and announces a change (`begin`); `finish` then asks the store, and another transaction ends
the change. Until then finalize waits, so it never lists what is about to change. A killed process leaves a change that lapses.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import msgspec

from modelkeep import limits
from modelkeep.blobs.port import DirectBlobs, Segment, SignedUrl
from modelkeep.core.context import BaseCtx, ServiceCtx, WriteCtx
from modelkeep.domain.errors import LimitExceeded, NotSent, RegistryError, Unavailable
from modelkeep.domain.model import ArtifactFile
from modelkeep.domain.time_slices import in_signer
from modelkeep.store import announced_changes, files
from modelkeep.store.db import Database, WriteTx

_PART = 16 * 1024 * 1024  # bytes; all parts but the last have this size, as some stores insist
_MOST_PARTS = 9_999  # and a last one: S3's own limit


class UnfinishedBytes(msgspec.Struct, frozen=True):
    """Bytes that are no file yet."""

    set_id: str
    segment: Segment
    small: bytes | None = None
    """Still to be written to a direct store, in one PUT"""
    upload: str = ""
    parts: tuple[tuple[int, str], ...] = ()
    """Already there as parts of this upload"""
    exists: bool = False
    """Something lies at this path of a direct store; looked at only where it must not be replaced."""


class SetChange(msgspec.Struct, frozen=True):
    """A change of a set that was announced."""

    set_id: str
    id: str


class VendedUrl(msgspec.Struct, frozen=True):
    """What a URL is made for; `url` where it is the store's own, None where this server is to sign one."""

    set_id: str
    url: SignedUrl | None = None
    object: str = ""
    """The store is to sign a URL for this object; '' for none."""
    change: SetChange | None = None
    """What lies there goes first."""


class Written(msgspec.Struct, frozen=True):
    """A file as the transaction decided on it."""

    file: ArtifactFile
    stored: UnfinishedBytes
    overwrite: bool
    change: SetChange | None
    """Set where the bytes are still to be published in a store that clients write to themselves."""


class Deleted(msgspec.Struct, frozen=True):
    path: str
    change: SetChange | None


def store(ctx: ServiceCtx) -> DirectBlobs:
    return cast(DirectBlobs, ctx.services.blobs)


def url_s(ctx: BaseCtx) -> int:
    """How long a URL lives, in seconds."""
    return max(1, ctx.config.url_ms // 1000)


async def begin(ctx: WriteCtx, set_id: str) -> SetChange:
    """Announce a change of a set that the caller holds open."""
    return SetChange(set_id, await announced_changes.begin(ctx.tx, set_id, ctx.now, ctx.now + limits.FILE_CHANGE_MS))


@asynccontextmanager
async def changing(db: Database, change: SetChange) -> AsyncGenerator[None]:
    """The call to the store. The caller ends the change where it succeeds; where the store refuses, it ends here.

    Where nobody knows what the store did (it does not answer, the caller is cancelled), it lapses."""
    try:
        yield
    except RegistryError as error:
        if not isinstance(error, Unavailable) or isinstance(error, NotSent):
            async with db.write() as tx:
                await end(tx, change)
        raise


async def end(tx: WriteTx, change: SetChange) -> None:
    await announced_changes.end(tx, change.set_id, change.id)


async def stage(ctx: ServiceCtx, set_id: str, path: str, body: AsyncIterator[bytes]) -> UnfinishedBytes:
    """Nothing is visible at `path` yet: a small file waits in memory, a large one as parts, for `publish`.
    Raises LimitExceeded."""
    blobs, digest, size, rest = store(ctx), hashlib.sha256(), 0, bytearray()
    upload, parts = "", list[tuple[int, str]]()
    async for chunk in body:
        digest.update(chunk)
        size += len(chunk)
        rest += chunk
        while len(rest) > _PART:
            if not upload:
                upload = await blobs.start_multipart(set_id, path)
                ctx.undo(partial(blobs.abort_multipart, set_id, path, upload))
            part = bytes(memoryview(rest)[:_PART])
            del rest[:_PART]
            if len(parts) == _MOST_PARTS:
                raise LimitExceeded("The file is too large for one PUT. Set MODELKEEP_FILES_API=1 to send parts.")
            parts.append((len(parts) + 1, await blobs.write_part(set_id, path, upload, len(parts) + 1, part)))
    segment = Segment(path, size, digest.hexdigest())
    if not upload:
        return UnfinishedBytes(set_id, segment, small=bytes(rest))
    parts.append((len(parts) + 1, await blobs.write_part(set_id, path, upload, len(parts) + 1, bytes(rest))))
    return UnfinishedBytes(set_id, segment, upload=upload, parts=tuple(parts))


async def _publish(ctx: ServiceCtx, path: str, stored: UnfinishedBytes, *, overwrite: bool) -> None:
    """Make it what lies at `path`. Raises AlreadyExists where something does and `overwrite` is False."""
    if stored.small is not None:
        await store(ctx).put(stored.set_id, path, stored.small, overwrite=overwrite)
    else:
        await store(ctx).complete_multipart(stored.set_id, path, stored.upload, stored.parts, overwrite=overwrite)


# --- what comes after the transaction ---------------------------------------------------------------------------------


async def sign_download(ctx: ServiceCtx, db: Database, vended: VendedUrl) -> VendedUrl:
    if not vended.object:
        return vended
    url = await in_signer(store(ctx).presign_get, vended.set_id, vended.object, url_s(ctx))
    return msgspec.structs.replace(vended, url=url)


async def sign_upload(ctx: ServiceCtx, db: Database, vended: VendedUrl) -> VendedUrl:
    if vended.change is not None:
        await _remove(ctx, db, vended.change, vended.object)
    url = await in_signer(store(ctx).presign_put, vended.set_id, vended.object, url_s(ctx))
    return msgspec.structs.replace(vended, url=url)


async def _remove(ctx: ServiceCtx, db: Database, change: SetChange, path: str) -> None:
    async with changing(db, change):
        await store(ctx).delete(change.set_id, [path])
    async with db.write(ctx.actor.id) as tx:
        await end(tx, change)


async def publish(ctx: ServiceCtx, db: Database, written: Written) -> ArtifactFile:
    """In a direct store, make the bytes what lies at the path; only then is the file in our manifest."""
    if (change := written.change) is not None:
        async with changing(db, change):
            await _publish(ctx, written.file.path, written.stored, overwrite=written.overwrite)
        async with db.write(ctx.actor.id) as tx:
            await files.lock_open(tx, change.set_id)
            await files.put_file(tx, change.set_id, written.file)
            await end(tx, change)
    return written.file


async def remove_object(ctx: ServiceCtx, db: Database, deleted: Deleted) -> None:
    """In a direct store; elsewhere a job does it."""
    if deleted.change is not None:
        await _remove(ctx, db, deleted.change, deleted.path)
