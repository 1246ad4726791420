"""Bodies in memory, and where they are read: a large or an intricate one never on the event loop, and nobody's fill it all."""

import asyncio
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from modelkeep.domain.errors import InvalidArgument, Throttled
from modelkeep.http.rate_limits import RateLimiter
from modelkeep.limits import (
    BODIES_BURST_BYTES,
    BODIES_BYTES,
    BODIES_BYTES_PER_SECOND,
    BODIES_OF_CALLER_BYTES,
    GZIP_RATIO,
    INLINE_JSON_BYTES,
    INLINE_JSON_PARTS,
    JSON_KEYS,
    JSON_REST,
    JSON_REST_S,
    LONG_READS,
    LONG_READS_OF_CALLER,
    SMALL_BODY_BYTES,
)

T = TypeVar("T")
_MANY = "Too many large request bodies are being read. Wait until yours are answered, or send smaller ones."


class Share:
    """An amount that callers share; none of them gets all of it."""

    def __init__(self, total: int, of_caller: int, rates: RateLimiter | None = None) -> None:
        """`rates`: how much a caller may take in the course of time, given back or not."""
        self.rates = rates
        self.total = total
        self.of_caller = of_caller
        self.taken: Counter[str] = Counter()
        self.all_taken = 0

    def take(self, caller: str, amount: int) -> None:
        """Raises Throttled."""
        if self.rates is not None:
            self.rates.take(caller, amount)
        if self.all_taken + amount > self.total or self.taken[caller] + amount > self.of_caller:
            raise Throttled(_MANY)
        self.all_taken += amount
        self.taken[caller] += amount

    def give_back(self, caller: str, amount: int) -> None:
        self.all_taken -= amount
        self.taken[caller] -= amount
        if not self.taken[caller]:
            del self.taken[caller]


memory = Share(
    BODIES_BYTES,
    BODIES_OF_CALLER_BYTES,
    RateLimiter(BODIES_BYTES_PER_SECOND, BODIES_BURST_BYTES, unit="bytes of large JSON bodies"),
)
"""Bytes of bodies above SMALL_BODY_BYTES."""
_line = Share(LONG_READS, LONG_READS_OF_CALLER)
_thread = ThreadPoolExecutor(1, "json")


class _Turns:
    """What the thread runs, with rests between. The decoder keeps the interpreter to itself for a whole text, so one long body
    right after the other would leave the event loop a moment after each."""

    def __init__(self) -> None:
        self._next = 0.0

    def run(self, call: Callable[..., T], *args: Any) -> T:
        time.sleep(max(0.0, self._next - time.perf_counter()))
        begin = time.perf_counter()
        try:
            return call(*args)
        finally:
            now = time.perf_counter()
            self._next = now + min(JSON_REST * (now - begin), JSON_REST_S)


_turns = _Turns()


def intricate(body: bytes) -> bool:
    """Whether reading it takes long enough for others to notice: bytes are counted in no time, objects are made in some."""
    if len(body) <= INLINE_JSON_BYTES:
        return False
    parts = body.count(b":") + body.count(b"{") + body.count(b"[")
    return len(body) > SMALL_BODY_BYTES or parts > INLINE_JSON_PARTS or body.count(b",") > 4 * INLINE_JSON_PARTS


async def read_in_turn(caller: str, body: bytes, call: Callable[..., T], *args: Any, keys_limit: int = JSON_KEYS) -> T:
    """`call(*args)`, which reads `body`; in a thread where that takes long. `keys_limit`: fields in all its objects.

    Raises Throttled, InvalidArgument, and what `call` raises."""
    if not intricate(body):
        return call(*args)
    if (keys := body.count(b'":') + body.count(b'" :')) > keys_limit:
        raise InvalidArgument(f"The body has {keys} fields, and {keys_limit} at most are read. Send it in parts.")
    _line.take(caller, 1)
    try:
        return await asyncio.get_running_loop().run_in_executor(_thread, _turns.run, call, *args)
    finally:
        _line.give_back(caller, 1)


async def unpacked(caller: str, body: bytes, coding: str, limit: int) -> bytes:
    """The body without its `Content-Encoding`, in a thread where that is much work. Raises InvalidArgument, Throttled."""
    coding = coding.strip().lower()
    if coding == "identity":
        return body
    if coding not in ("gzip", "x-gzip"):
        raise InvalidArgument(f"Content-Encoding '{coding[:50]}' is not read. Send the body as it is, or as gzip.")
    if len(body) <= INLINE_JSON_BYTES:
        return _gunzip(body, limit)
    _line.take(caller, 1)
    try:
        return await asyncio.get_running_loop().run_in_executor(_thread, _turns.run, _gunzip, body, limit)
    finally:
        _line.give_back(caller, 1)


def _gunzip(body: bytes, limit: int) -> bytes:
    most = min(limit, max(SMALL_BODY_BYTES, GZIP_RATIO * len(body)))
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # gzip's own header and checksum
    try:
        data = reader.decompress(body, most + 1)
    except zlib.error as error:
        raise InvalidArgument("The body is not valid gzip.") from error
    if len(data) > limit:
        raise too_large(limit)
    if len(data) > most:
        raise InvalidArgument(f"The body is packed more than {GZIP_RATIO} times. Send it as it is.")
    if not reader.eof or reader.unused_data:
        raise InvalidArgument("The body is not one whole gzip stream.")
    return data


def too_large(limit: int) -> InvalidArgument:
    """The refusal of a body above `limit` bytes."""
    return InvalidArgument(f"The request body is larger than {limit} bytes. Send less in one request.")


async def once(call: Callable[..., T], *args: Any) -> T:
    """What `call(*args)` answers, which is the same each time: made in the thread that reads JSON, and remembered."""
    known = _known.get((call, args))
    if known is None:
        known = _known[call, args] = await asyncio.get_running_loop().run_in_executor(_thread, call, *args)
    return known


_known: dict[tuple[Callable[..., Any], tuple[Any, ...]], Any] = {}
"""As many as there are scripts, styles and documents of ours."""
