"""Threads of one dependency: bounded, with a deadline for each call, and a circuit that stops asking what does not answer.

A thread that waits for a frozen store cannot be stopped, so it is one of few that nothing else needs. Its caller waits until
the deadline. While the store does not answer, further calls are refused at once, and one at a time tries again.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from modelkeep import limits
from modelkeep.domain.errors import NotSent, RegistryError, Unavailable

_T = TypeVar("_T")


class Circuit:
    """Open while a dependency lets calls run out of time. Used from the event loop alone."""

    def __init__(
        self, what: str, *, failures: int = limits.CIRCUIT_FAILURES, open_s: float = limits.CIRCUIT_OPEN_S
    ) -> None:
        """`what`: begins a sentence ("The store"). `failures`: calls in a row without an answer that open the circuit."""
        self.what = what
        self._limit, self._open_s = failures, open_s
        self._failures = 0
        self._closed_from = 0.0

    @property
    def open(self) -> bool:
        return self._failures >= self._limit

    def enter(self) -> None:
        """Before a call. Raises NotSent while the circuit is open, except for one call every `open_s` seconds."""
        if not self.open:
            return
        if (now := time.monotonic()) < self._closed_from:
            raise NotSent(f"{self.what} does not answer at the moment. Try again in a few seconds.")
        self._closed_from = now + self._open_s

    def answered(self) -> None:
        self._failures = 0

    def silent(self) -> None:
        self._failures += 1
        self._closed_from = time.monotonic() + self._open_s


class StorageLane:
    """A pool of threads whose calls have deadlines."""

    def __init__(self, name: str, threads: int, circuit: Circuit, *, waiting: int = limits.LANE_WAITING) -> None:
        """`waiting`: calls that may wait for a thread; more are refused."""
        self._pool = ThreadPoolExecutor(threads, name)
        self._circuit = circuit
        self._most = threads + waiting
        self._running: set[Future[Any]] = set()

    async def run(self, seconds: float, call: Callable[..., _T], *args: object) -> _T:
        """What the call returns. Raises Unavailable where that takes longer, NotSent where it was not even begun."""
        return await self.result(seconds, self.submit(call, *args))

    def submit(self, call: Callable[..., _T], *args: object) -> "Future[_T]":
        """For a caller that does something else meanwhile, then waits with `result`. Raises NotSent."""
        self._circuit.enter()
        if len(self._running) >= self._most:
            raise NotSent(f"{self._circuit.what} is busy: too many calls wait for it. Try again in a few seconds.")
        return self.always(call, *args)

    def always(self, call: Callable[..., _T], *args: object) -> "Future[_T]":
        """As `submit`, never refused: for what cleans up."""
        future = self._pool.submit(call, *args)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    async def result(self, seconds: float, future: "Future[_T]") -> _T:
        """What a call that was submitted returns. Raises what it raises, and as `run`."""
        waiter = asyncio.wrap_future(future)
        begun = time.monotonic()
        try:
            await asyncio.wait((waiter,), timeout=seconds)
        finally:
            begun_by_none = not waiter.done() and future.cancel()  # and none will
        if not waiter.done():
            self._circuit.silent()
            waiter.add_done_callback(_look)
            error = NotSent if begun_by_none else Unavailable
            raise error(f"{self._circuit.what} did not answer within {seconds:g} seconds. Try again in a moment.")
        try:
            result = waiter.result()
        except Unavailable:
            if time.monotonic() - begun >= seconds / 2:  # the driver's own time limits
                self._circuit.silent()
            raise
        except RegistryError:
            self._circuit.answered()
            raise
        self._circuit.answered()
        return result


def _look(future: "asyncio.Future[Any]") -> None:
    """At what comes too late for anybody: asyncio would log that nobody did."""
    if not future.cancelled():
        future.exception()
