"""How long work whose size a caller chooses may have the event loop: in slices, up to a deadline, or in one thread."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from modelkeep.domain.errors import LimitExceeded, RegistryError
from modelkeep.limits import COMPARE_S, COMPARE_SLICE_S

_T = TypeVar("_T")
_PARSER = ThreadPoolExecutor(1, "parser")
_OBJECTS = ThreadPoolExecutor(2, "objects")
_SIGNER = ThreadPoolExecutor(2, "signer")


class _Slices:
    """One slice at a time, for all who compare, and one for each turn of the event loop: others are back after each."""

    def __init__(self) -> None:
        self._busy_until = 0.0
        self._taken_in: asyncio.AbstractEventLoop | None = None
        """The event loop in whose present turn a slice was taken"""

    async def take(self) -> float:
        """When the caller's next slice ends, by `time.monotonic`."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        while (rest := self._busy_until - time.monotonic()) > 0 or self._taken_in is loop:  # noqa: ASYNC110
            await asyncio.sleep(max(rest, 0))
        self._taken_in = loop
        loop.call_soon(self._turn_over)
        self._busy_until = time.monotonic() + COMPARE_SLICE_S
        return self._busy_until

    def _turn_over(self) -> None:
        self._taken_in = None


_slices = _Slices()


class Pace:
    """Of one request. Ask it between two steps that are short, whatever the caller sent."""

    __slots__ = ("_deadline", "_slice_end", "_too_long")

    def __init__(self, seconds: float = COMPARE_S, too_long: Callable[[], RegistryError] | None = None) -> None:
        """`too_long` makes what is raised after so many seconds."""
        self._too_long = too_long or _too_long
        self._deadline = time.monotonic() + seconds
        self._slice_end = time.monotonic() + COMPARE_SLICE_S / 5  # what is short does not wait for its turn

    async def breathe(self) -> None:
        """Gives other requests their turn where this one had its slice. Raises `too_long` after the deadline."""
        now = time.monotonic()
        if now < self._slice_end:
            return
        if now > self._deadline:
            raise self._too_long()
        self._slice_end = await _slices.take()


def _too_long() -> RegistryError:
    return LimitExceeded(
        f"The search took longer than {COMPARE_S:.0f} seconds. Narrow its filter: name one model with =, or compare fewer tags."
    )


async def in_parser(call: Callable[..., _T], *args: object) -> _T:
    """Runs a parser in the one thread for it: long texts queue there and not on the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_PARSER, call, *args)


async def off_loop(call: Callable[..., _T], *args: object) -> _T:
    """Runs work that takes a fraction of a second at most, and that a transaction or an answer waits for: the parsers' thread
    may be busy for seconds."""
    return await asyncio.get_running_loop().run_in_executor(_OBJECTS, call, *args)


async def in_signer(call: Callable[..., _T], *args: object) -> _T:
    """Signs URLs of a store: a millisecond each, and a call to the cloud's metadata service where the store's keys have expired."""
    return await asyncio.get_running_loop().run_in_executor(_SIGNER, call, *args)
