"""How bytes pass between the event loop and the threads that touch storage: in order, one step ahead, never more."""

import asyncio
from collections.abc import AsyncIterator, Generator, Sequence
from concurrent.futures import Future, wait
from typing import Any, Protocol

import msgspec

from modelkeep import limits
from modelkeep.blobs.port import Segment
from modelkeep.blobs.storage_threads import StorageLane
from modelkeep.domain.errors import InvalidArgument

_BATCH_CHUNKS = 1024  # a peer that sends a few bytes at a time must not fill memory with tiny objects


class Part(msgspec.Struct, frozen=True):
    """The bytes [start, end) of one stored object; never empty."""

    object: str
    start: int
    end: int


def cut(segments: Sequence[Segment], start: int, end: int) -> list[Part]:
    """What to read, and where, for the bytes [start, end) of `segments` laid end to end.

    Raises InvalidArgument where the range is not inside them.
    """
    if not 0 <= start <= end <= sum(segment.size for segment in segments):
        raise InvalidArgument(f"The byte range {start}-{end} is not inside this file. Ask for one that is.")
    parts: list[Part] = []
    before = 0
    for segment in segments:
        first, last = max(start - before, 0), min(end - before, segment.size)
        if first < last:
            parts.append(Part(segment.object, first, last))
        before += segment.size
    return parts


class Sink(Protocol):
    """One object being written. Called from threads, never by two at once."""

    def write(self, chunks: list[bytes]) -> None: ...

    def finish(self, chunks: list[bytes]) -> Segment:
        """Write the last chunks, then make the object visible."""
        ...

    def discard(self) -> None:
        """Leave nothing behind. Called at most once, after a failure of anything above or of the source."""
        ...


async def pour(lane: StorageLane, chunks: AsyncIterator[bytes], sink: Sink, batch_bytes: int) -> Segment:
    """Send `chunks` to `sink` in batches of about `batch_bytes`: one is written while the next arrives.

    Whatever fails, cancellation included, the sink is discarded before the failure goes on; where the storage does not
    answer, soon after. Raises Unavailable where one step takes too long, however long the whole may take.
    """
    batch: list[bytes] = []
    size = 0
    step: Future[Any] = Future()
    step.set_result(None)
    try:
        async for chunk in chunks:
            batch.append(chunk)
            size += len(chunk)
            if size >= batch_bytes or len(batch) >= _BATCH_CHUNKS:
                await lane.result(limits.STORE_STALL_S, step)
                step = lane.submit(sink.write, batch)
                batch, size = [], 0
        await lane.result(limits.STORE_STALL_S, step)
        step = lane.submit(sink.finish, batch)
        return await lane.result(limits.STORE_STALL_S, step)
    except BaseException:
        discarded = asyncio.wrap_future(lane.always(_discard, step, sink))
        await asyncio.wait((discarded,), timeout=limits.STORE_METADATA_S)
        raise


def _discard(step: Future[Any], sink: Sink) -> None:
    wait([step])  # a cancelled await does not stop its thread, and that thread still uses the sink
    sink.discard()


async def draw(lane: StorageLane, pieces: Generator[bytes, None, None], size: int) -> AsyncIterator[bytes]:
    """The `size` bytes that `pieces` yields; the next piece is read in a thread while this one is used."""
    if not size:
        return
    step: Future[bytes] = lane.submit(pieces.__next__)
    try:
        while True:
            piece = await lane.result(limits.STORE_STALL_S, step)
            size -= len(piece)
            if size <= 0:
                yield piece
                return
            step = lane.submit(pieces.__next__)
            yield piece
    finally:
        step.add_done_callback(lambda _: pieces.close())  # never while its thread runs
