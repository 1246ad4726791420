"""The heartbeat of a lease: it is extended while the work runs, and the work is cancelled when it is lost. Its SQL: store/jobs.py."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from modelkeep import limits
from modelkeep.observe.logs import log

_T = TypeVar("_T")
_EXTENDS = 3
"""How often a lease is extended in the time that it lasts."""
_LEAST_S = 1
"""How long an `extend` may take at least, even where the lease may have run out by our clock: the database's clock decides."""


class LeaseLost(Exception):
    """Another holder may have the lease by now. The work was cancelled."""


async def under_lease(work: Awaitable[_T], extend: Callable[[], Awaitable[bool]], lease_ms: int) -> _T:
    """The result of `work`. `extend` prolongs the lease by `lease_ms`, and returns False where it belongs to another holder.

    A failure of `extend` is tried again until the lease has run out. Raises LeaseLost, and whatever `work` raises."""
    task = asyncio.ensure_future(work)
    until = time.monotonic() + lease_ms / 1000
    try:
        while True:
            await asyncio.wait({task}, timeout=lease_ms / 1000 / _EXTENDS)
            if task.cancelled():  # by itself: the waiting task was not
                raise RuntimeError("The task was cancelled from within.")
            if task.done():
                return task.result()
            began = time.monotonic()
            try:
                async with asyncio.timeout(max(until - began, _LEAST_S)):
                    mine = await extend()
            except Exception as error:
                log.warning("a lease could not be extended", reason=str(error) or type(error).__name__)
                mine = time.monotonic() < until
            else:
                until = began + lease_ms / 1000
            if not mine:
                raise LeaseLost("The lease was lost.")
    finally:
        await cancelled({task})


async def cancelled(tasks: Iterable["asyncio.Future[Any]"]) -> None:
    """Cancel those that still run, and wait for their end, though not for ever."""
    running = {task for task in tasks if not task.done()}
    for task in running:
        task.cancel()
    if running:
        _, deaf = await asyncio.wait(running, timeout=limits.JOBS_CANCEL_S)
        if deaf:
            log.warning("cancelled work goes on", count=len(deaf))
