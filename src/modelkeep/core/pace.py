"""How long work whose size a caller chooses may have the event loop: in slices, up to a deadline, or in one thread."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from modelkeep.core.errors import LimitExceeded, RegistryError
from modelkeep.limits import COMPARE_S, COMPARE_SLICE_S

_T = TypeVar("_T")
_PARSER = ThreadPoolExecutor(1, "parser")


class Pace:
    """Of one request. Ask it between two steps that are short, whatever the caller sent."""

    __slots__ = ("_deadline", "_slice_end", "_too_long")

    def __init__(self, seconds: float = COMPARE_S, too_long: Callable[[], RegistryError] | None = None) -> None:
        """`too_long` makes what is raised after so many seconds."""
        self._too_long = too_long or _too_long
        self._deadline = time.monotonic() + seconds
        self._slice_end = time.monotonic() + COMPARE_SLICE_S

    async def breathe(self) -> None:
        """Gives other requests their turn where this one had its slice. Raises `too_long` after the deadline."""
        now = time.monotonic()
        if now < self._slice_end:
            return
        if now > self._deadline:
            raise self._too_long()
        await asyncio.sleep(0)
        self._slice_end = time.monotonic() + COMPARE_SLICE_S


def _too_long() -> RegistryError:
    return LimitExceeded(
        f"The search took longer than {COMPARE_S:.0f} seconds. Narrow its filter: name one model with =, or compare fewer tags."
    )


async def in_parser(call: Callable[..., _T], *args: object) -> _T:
    """Runs a parser in the one thread for it: long texts queue there and not on the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_PARSER, call, *args)
