"""Is this process alive, and should requests be sent to it? Answered in bounded time, whatever does not answer.

Reads need the database alone. What they can do without (storage, tracking) is checked beside the probes, one check at a
time, and named as degraded.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec

from modelkeep import limits
from modelkeep.domain.errors import RegistryError

Ask = Callable[[], Awaitable[str]]
"""Why a part does not work; '' where it does."""


class Readiness(msgspec.Struct, frozen=True):
    """The answer to a readiness probe."""

    status: Literal["ok", "degraded", "unavailable", "draining"]
    message: str = ""
    degraded: tuple[str, ...] = ()
    """The parts that do not work while reads do"""

    @property
    def ready(self) -> bool:
        return self.status in ("ok", "degraded")


class ProcessHealth:
    """Of one process."""

    def __init__(
        self,
        database: Callable[[float], Awaitable[None]],
        parts: Mapping[str, Ask],
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        """`database`: raises RegistryError, after so many seconds at the latest. `parts`: by the names that probes show."""
        self._database = database
        self._parts = {name: _Part(ask) for name, ask in parts.items()}
        self._draining = draining

    async def readiness(self) -> Readiness:
        """Within HEALTH_DATABASE_S and HEALTH_FIRST_S."""
        if self._draining():
            return Readiness("draining", "The server is stopping.")
        try:
            await self._database(limits.HEALTH_DATABASE_S)
        except RegistryError as error:
            return Readiness("unavailable", error.message)
        reasons = await asyncio.gather(*(part.reason() for part in self._parts.values()))
        away = {name: reason for name, reason in zip(self._parts, reasons, strict=True) if reason}
        if not away:
            return Readiness("ok")
        return Readiness("degraded", " ".join(away.values()), tuple(away))

    async def close(self) -> None:
        """End the questions that are still out."""
        for part in self._parts.values():
            await part.close()


class _Part:
    """One dependency: what it answered last, and the question that is out."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._reason = ""
        self._task: asyncio.Task[None] | None = None
        self._asked_at = -limits.HEALTH_EVERY_S
        self._answered = False

    async def reason(self) -> str:
        """What is known, which a question begun now may change for the next probe. The first one waits a moment."""
        now = time.monotonic()
        every = limits.HEALTH_AGAIN_S if self._reason else limits.HEALTH_EVERY_S
        if (self._task is None or self._task.done()) and now - self._asked_at >= every:
            self._asked_at = now
            self._task = asyncio.create_task(self._look())
        if self._task is not None and not self._task.done():
            wait = 0.0 if self._answered else limits.HEALTH_FIRST_S
            await asyncio.wait((self._task,), timeout=wait)
            if not self._task.done() and time.monotonic() - self._asked_at >= limits.HEALTH_SILENT_S:
                return self._reason or f"No answer for {limits.HEALTH_SILENT_S:g} seconds."
        return self._reason

    async def _look(self) -> None:
        try:
            self._reason = await self._ask()
        except RegistryError as error:
            self._reason = error.message
        except Exception as error:
            self._reason = f"The check failed: {type(error).__name__}."
        self._answered = True

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
