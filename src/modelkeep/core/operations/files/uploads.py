"""Multipart uploads: each step is authorized anew, and an upload belongs to one principal, one set and one path.

In a folder the parts are the file: completing an upload lists them as its segments, whatever their size.
"""

import hashlib
from collections.abc import Sequence
from functools import partial

import msgspec

from modelkeep import limits
from modelkeep.blobs.port import Segment
from modelkeep.core.context import BaseCtx, ReadCtx, ServiceCtx, WriteCtx
from modelkeep.core.operations.files import direct_storage
from modelkeep.core.operations.files.direct_storage import SetChange, VendedUrl
from modelkeep.core.operations.files.files import (
    WriteRequest,
    WriteTarget,
    check_free,
    discard,
    free,
    locked,
    may_write,
    prepared_site,
    put,
    still_there,
    writable,
)
from modelkeep.domain.errors import FileNotFound, InvalidArgument, LimitExceeded
from modelkeep.domain.model import ArtifactFile, Securable
from modelkeep.domain.time_slices import in_signer
from modelkeep.store import files, uploads_of_principal
from modelkeep.store.db import Database, Tx
from modelkeep.store.files import Upload

MAX_PARTS = 10_000


class StartUpload(WriteRequest, frozen=True, kw_only=True):
    pass


class UploadRequest(WriteRequest, frozen=True, kw_only=True):
    upload_id: str


class VendParts(UploadRequest, frozen=True, kw_only=True):
    """URLs for `count` parts from `first` on."""

    first: int
    count: int = 1


class WritePart(UploadRequest, frozen=True, kw_only=True):
    number: int


class PartTag(msgspec.Struct, frozen=True):
    """What the client says of a part that it sent; quotes around the ETag do not count."""

    part_number: int
    etag: str


class CompleteUpload(UploadRequest, frozen=True, kw_only=True):
    parts: tuple[PartTag, ...]


class AbortUpload(UploadRequest, frozen=True, kw_only=True):
    pass


class PartsVended(msgspec.Struct, frozen=True):
    """What URLs of parts are made for."""

    upload: Upload
    numbers: range
    direct: bool


class Completed(msgspec.Struct, frozen=True):
    """An upload whose parts are still to be joined in a direct store."""

    upload: Upload
    parts: dict[int, str]
    overwrite: bool
    change: SetChange


class Started(msgspec.Struct, frozen=True):
    site: WriteTarget
    store_upload: str = ""


def check_number(number: int) -> None:
    """Raises InvalidArgument."""
    if not 1 <= number <= MAX_PARTS:
        raise InvalidArgument(f"Part numbers go from 1 to {MAX_PARTS}, got {number}. Send larger parts.")


def _no_upload() -> FileNotFound:
    return FileNotFound("There is no such upload of this file by you: it was completed, aborted, or never begun.")


async def _own(ctx: BaseCtx, tx: Tx, site: WriteTarget, req: UploadRequest) -> Upload:
    """The upload, where it is this caller's, to this very file. Raises FileNotFound."""
    upload = await files.upload(tx, req.upload_id)
    expected = (ctx.actor.id, site.set_id, req.path.text)
    if upload is None or (upload.principal_id, upload.set_id, upload.path) != expected:
        raise _no_upload()
    return upload


async def prepare_upload(ctx: ServiceCtx, db: Database, req: StartUpload, model: Securable | None) -> Started:
    site = await prepared_site(ctx, db, req, model)
    if not site.direct:
        return Started(site)
    upload = await direct_storage.store(ctx).start_multipart(site.set_id, req.path.text)
    ctx.undo(partial(direct_storage.store(ctx).abort_multipart, site.set_id, req.path.text, upload))
    return Started(site, upload)


async def start_upload(ctx: WriteCtx, req: StartUpload, model: Securable | None) -> str:
    """The upload's id. Raises LimitExceeded."""
    started: Started = ctx.prepared
    site = await locked(ctx, req, model)
    if site != started.site:
        raise _no_upload()
    await check_free(ctx.tx, site, req, exists=False)
    most = limits.UPLOADS_PER_PRINCIPAL
    if await uploads_of_principal.count(ctx.tx, ctx.actor.id, most) >= most:
        raise LimitExceeded(f"At most {most} uploads of one principal can be under way. Complete or abort some first.")
    return await files.start_upload(ctx.tx, site.set_id, req.path.text, ctx.actor.id, started.store_upload, ctx.now)


async def vend_parts(ctx: ReadCtx, req: VendParts, model: Securable | None) -> PartsVended:
    """The parts of an upload whose URLs `finish` makes. Raises InvalidArgument."""
    site = await writable(ctx, ctx.tx, req, model)
    upload = await _own(ctx, ctx.tx, site, req)
    if not 1 <= req.count <= 100:
        raise InvalidArgument(f"Ask for 1 to 100 part URLs at a time, not {req.count}.")
    check_number(req.first)
    check_number(req.first + req.count - 1)
    return PartsVended(upload, range(req.first, req.first + req.count), site.direct)


async def sign_parts(ctx: ServiceCtx, db: Database, vended: PartsVended) -> tuple[VendedUrl, ...]:
    """One for each part number, in order."""
    set_id = vended.upload.set_id
    if not vended.direct:
        return tuple(VendedUrl(set_id) for _ in vended.numbers)
    return await in_signer(_signed_parts, ctx, vended)


def _signed_parts(ctx: ServiceCtx, vended: PartsVended) -> tuple[VendedUrl, ...]:
    upload, presign, seconds = vended.upload, direct_storage.store(ctx).presign_part, direct_storage.url_s(ctx)
    return tuple(
        VendedUrl(upload.set_id, presign(upload.set_id, upload.path, upload.store_upload, number, seconds))
        for number in vended.numbers
    )


async def store_part(ctx: ServiceCtx, db: Database, req: WritePart, model: Securable | None) -> Segment:
    """The body, stored and not yet a part. Raises InvalidArgument."""
    assert ctx.body is not None
    check_number(req.number)
    await may_write(ctx, db, req, model)
    async with db.read() as tx:
        site = await writable(ctx, tx, req, model)
        upload = await _own(ctx, tx, site, req)
    if site.direct:
        raise InvalidArgument("Parts of this upload go to the store itself. Ask for part URLs.")
    segment = await ctx.services.blobs.write(site.set_id, site.object(req.path), ctx.body)
    ctx.undo(partial(discard, db, ctx.services.blobs, site.set_id, upload.path, segment))
    if not segment.size:
        raise InvalidArgument("A part must not be empty.")
    return segment


async def write_part(ctx: WriteCtx, req: WritePart, model: Securable | None) -> Segment:
    """The part as stored; the same number again replaces it."""
    segment: Segment = ctx.prepared
    site = await locked(ctx, req, model)
    upload = await _own(ctx, ctx.tx, site, req)
    replaced = await files.put_part(ctx.tx, upload.id, req.number, segment)
    if replaced is not None:
        await free(ctx, site, files.segments_json([replaced]))
    return segment


async def complete_upload(ctx: WriteCtx, req: CompleteUpload, model: Securable | None) -> Completed | None:
    """The parts, in the order of their numbers, are the file. Sent again after it succeeded, it succeeds again."""
    site = await locked(ctx, req, model)
    named = _named(req.parts)
    try:
        upload = await _own(ctx, ctx.tx, site, req)
    except FileNotFound:
        done = await files.file(ctx.tx, site.set_id, req.path.text)
        if done is not None and done.checksum == _checksum(list(named.values())):
            return None
        raise
    replaced = await check_free(ctx.tx, site, req, exists=still_there(site, ctx.prepared))
    if site.direct:
        ctx.changed(f"file {upload.path}", None, f"{len(named)} parts")
        return Completed(upload, named, req.overwrite, await direct_storage.begin(ctx, site.set_id))
    await _join(ctx, site, upload, named, replaced)
    await files.end_upload(ctx.tx, upload.id)
    return None


async def complete_in_store(ctx: ServiceCtx, db: Database, completed: Completed | None) -> None:
    if completed is None:
        return
    upload, change = completed.upload, completed.change
    async with direct_storage.changing(db, change):
        await direct_storage.store(ctx).complete_multipart(
            upload.set_id,
            upload.path,
            upload.store_upload,
            sorted(completed.parts.items()),
            overwrite=completed.overwrite,
        )
    async with db.write(ctx.actor.id) as tx:
        await files.end_upload(tx, upload.id)
        await direct_storage.end(tx, change)


def _named(parts: Sequence[PartTag]) -> dict[int, str]:
    named = {part.part_number: part.etag.removeprefix("W/").strip('"') for part in parts}
    if not named or len(named) != len(parts) or len(named) > MAX_PARTS:
        raise InvalidArgument(f"Complete an upload with 1 to {MAX_PARTS} parts, each named once.")
    return dict(sorted(named.items()))


async def _join(ctx: WriteCtx, site: WriteTarget, upload: Upload, named: dict[int, str], replaced: str) -> None:
    sent = await files.parts(ctx.tx, upload.id)
    for number, etag in named.items():
        if number not in sent or sent[number].sha256 != etag:
            raise InvalidArgument(f"Part {number} was not sent, or got another ETag. Send the part again.")
    segments = [sent[number] for number in named]
    unnamed = [segment for number, segment in sent.items() if number not in named]
    await free(ctx, site, files.segments_json(unnamed))
    sha256 = segments[0].sha256 if len(segments) == 1 else ""  # of several, the `hash` job finds it
    await put(
        ctx,
        site,
        ArtifactFile(
            upload.path,
            sum(segment.size for segment in segments),
            sha256,
            _checksum([segment.sha256 for segment in segments]),
            files.segments_json(segments),
            ctx.now,
        ),
        replaced,
    )


def _checksum(hashes: list[str]) -> str:
    """Of the parts' own: equal for the same bytes cut in the same way."""
    return f"{hashlib.sha256(''.join(hashes).encode()).hexdigest()}-{len(hashes)}"


async def abort_upload(ctx: WriteCtx, req: AbortUpload, model: Securable | None) -> Upload | None:
    """An upload that has ended is no error: clients abort to be sure. In a direct store it ends with its parts."""
    site = await writable(ctx, ctx.tx, req, model)
    try:
        upload = await _own(ctx, ctx.tx, site, req)
    except FileNotFound:
        return None
    if site.direct:
        return upload
    await free(ctx, site, files.segments_json(list((await files.parts(ctx.tx, upload.id)).values())))
    await files.end_upload(ctx.tx, upload.id)
    return None


async def abort_in_store(ctx: ServiceCtx, db: Database, upload: Upload | None) -> None:
    if upload is None:
        return
    await direct_storage.store(ctx).abort_multipart(upload.set_id, upload.path, upload.store_upload)
    async with db.write(ctx.actor.id) as tx:
        await files.end_upload(tx, upload.id)
