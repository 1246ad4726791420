"""Old audit records go from the database into Parquet files in the storage, and the hash chain goes with them.

A file is written first, read back, and only then entered in `audit_archives`, in one transaction; records are removed after
that, slice by slice, and the database lets go of no other. So a crash at any point leaves a record in the table, or in a file
that is entered, or for a moment in both, where the file's counts. Two archivers cannot enter the same link.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import msgspec

from modelkeep.blobs.port import Blobs
from modelkeep.domain.errors import FileNotFound, InvalidArgument, WrongState
from modelkeep.domain.model import ArtifactFile
from modelkeep.jobs import parquet
from modelkeep.store import archives, audit, files, jobs
from modelkeep.store.archives import Archive
from modelkeep.store.audit import GENESIS, ChainLink, Verdict
from modelkeep.store.db import Database, UniqueViolation, new_id, now_ms

_FILE = 10_000  # links of a file at most
_DAY_MS = 24 * 3_600_000  # how long fewer wait for more to come, beyond the time that records are kept


async def archive(db: Database, blobs: Blobs, before: int, *, sent: int | None = None) -> Archive | None:
    """Put the oldest links into one file, of those whose event is older than `before` (epoch ms); None where it is not yet
    worth one. `sent`: the last link that was sent elsewhere; newer ones wait. Raises WrongState where the chain is broken."""
    async with db.read() as tx:
        last = await archives.last(tx)
        after, previous = (last.last_seq, last.last_hash) if last else (0, GENESIS)
        links = await audit.links(tx, after, window=_FILE)
    due = [link for link in links if link.event.at < before and (sent is None or link.seq <= sent)]
    due = [link for index, link in enumerate(due) if link.seq == links[index].seq]  # up to the first that is not due
    if not due or (len(due) < _FILE and due[0].event.at >= before - _DAY_MS):
        return None
    _check(after, previous, due)
    data = await asyncio.to_thread(parquet.encode, due)
    return await _enter(db, blobs, previous, due, data)


def _check(after: int, previous: str, links: list[ChainLink]) -> None:
    """What is broken stays where it is, for people to look at."""
    for seq, link in enumerate(links, after + 1):
        if link.seq != seq or audit.link(previous, link.event) != link.hash:
            raise WrongState(
                f"Link {seq} of the audit chain is broken: nothing is archived. Run `modelkeep audit verify`."
            )
        previous = link.hash


async def _enter(db: Database, blobs: Blobs, previous: str, links: list[ChainLink], data: bytes) -> Archive | None:
    set_id = await files.own_set(db, "audit", now_ms(), archives.SET_KEY)
    first, last = links[0], links[-1]
    # A name of its own for each attempt: nobody ever writes over a file that is entered.
    path = f"audit-{first.seq:012d}-{last.seq:012d}-{new_id()[-12:]}.parquet"
    segment = await blobs.write(set_id, path, _once(data))
    digest = hashlib.sha256(data).hexdigest()
    file = ArtifactFile(path, len(data), digest, "", files.segments_json([segment]), now_ms())
    if hashlib.sha256(await _bytes(blobs, set_id, file)).hexdigest() != digest:
        raise WrongState(f"The storage does not give back what was written to '{path}'.")
    new = Archive(
        first.seq, last.seq, previous, first.hash, last.hash, first.event.at, last.event.at, set_id, path, now_ms()
    )
    try:
        async with db.write() as tx:
            await archives.insert(tx, new)
            await files.put_file(tx, set_id, file)
    except UniqueViolation:  # somebody else was faster; and of any other failure nobody knows whether it was entered
        async with db.write() as tx:
            await jobs.enqueue(tx, "drop", f"{set_id}/{segment.object}")
        return None
    return new


async def remove(db: Database) -> int:
    """Remove from the database what is archived; how many records."""
    removed = 0
    while True:
        async with db.read() as tx:
            last = await archives.last(tx)
            if last is None or not await archives.any_archived(tx, last.last_seq):
                return removed
        async with db.write() as tx:
            removed += await archives.remove_archived(tx, last.last_seq)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _bytes(blobs: Blobs, set_id: str, file: ArtifactFile) -> bytes:
    return b"".join([chunk async for chunk in blobs.read(set_id, files.segments(file), 0, file.size)])


# --- proof -----------------------------------------------------------------------------------------------------------


class Proof(msgspec.Struct, frozen=True):
    verdict: Verdict
    archived: int
    """links that lie in storage"""


async def verify(db: Database, blobs: Blobs, *, head: str = "") -> Proof:
    """Recompute the whole chain, through the archives and on into the table. `head`: a hash to look for on the way."""
    seq, previous, head_seq = 0, GENESIS, 0
    while True:
        async with db.read() as tx:
            newer = [archive for archive in await archives.every(tx) if archive.last_seq > seq]
            if not newer:
                verdict = await audit.verify(tx, seq, previous, look_for=head)
                return Proof(msgspec.structs.replace(verdict, expected_link=head_seq or verdict.expected_link), seq)
        for archive in newer:  # read without a transaction; what is archived meanwhile comes with the next turn
            try:
                hit = await _verify_file(db, blobs, archive, seq, previous, head)
            except (InvalidArgument, FileNotFound) as error:
                return Proof(Verdict(seq, 0, error.message, previous, head_seq), seq)
            seq, previous, head_seq = archive.last_seq, archive.last_hash, head_seq or hit


async def _verify_file(db: Database, blobs: Blobs, archive: Archive, seq: int, previous: str, head: str) -> int:
    """The number of the link whose hash is `head`, or 0. Raises InvalidArgument, FileNotFound with what is broken."""
    what = f"Archive '{archive.path}' (links {archive.first_seq} to {archive.last_seq})"
    if (archive.first_seq, archive.previous) != (seq + 1, previous):
        raise InvalidArgument(f"{what} does not go on where the chain before it ends, at link {seq}.")
    async with db.read() as tx:
        file = await files.file(tx, archive.set_id, archive.path)
    if file is None:
        raise InvalidArgument(f"{what} is not in the manifest any more.")
    try:
        data = await _bytes(blobs, archive.set_id, file)
    except FileNotFound as error:
        raise InvalidArgument(f"{what} is gone from the storage.") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise InvalidArgument(f"{what} is not the file that was written.")
    head_seq = 0
    for row in await asyncio.to_thread(parquet.decode, data):
        previous, seq = audit.link(previous, row.event), seq + 1
        if (row.seq, row.hash) != (seq, previous):
            raise InvalidArgument(f"{what}: link {seq} is not what was sealed.")
        head_seq = seq if previous == head else head_seq
    if (seq, previous) != (archive.last_seq, archive.last_hash):
        raise InvalidArgument(f"{what} ends at link {seq}, and not with the hash that is recorded.")
    return head_seq
