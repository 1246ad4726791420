"""Operations on more rows than one transaction may change: several transactions, each an operation of the table by itself.

Each step is authorized and recorded like any other request, and between two of them other principals take their turns at
writing. A request that dies half way leaves what its steps did, in an order that is safe (first what takes rights away), and
the same request sent again ends in the same state. The alternative, rows that are written aside and switched on by one
statement, would cost every decision a join."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.domain.errors import Conflict, Unavailable
from modelkeep.limits import STEPS_WAIT_S


class Overtaken(Conflict):
    """Another request changed more meanwhile than the last step may repair."""


class StepLock:
    """One operation in steps at a time, in this process: two that change the same group would undo each other's steps."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def hold(self) -> AsyncGenerator[None]:
        """Raises Unavailable after `STEPS_WAIT_S` seconds."""
        try:
            async with asyncio.timeout(STEPS_WAIT_S):
                await self._lock.acquire()
        except TimeoutError as error:
            raise Unavailable("Other large changes are under way. Try again in a moment.") from error
        try:
            yield
        finally:
            self._lock.release()


class Steps:
    """What an operation's `steps` may do: read, and perform other operations one by one."""

    __slots__ = ("_lock", "_perform", "_read")

    def __init__(
        self,
        read: Callable[[], AbstractAsyncContextManager[ReadCtx]],
        perform: Callable[[msgspec.Struct], Awaitable[Any]],
        lock: StepLock,
    ) -> None:
        self._read = read
        self._perform = perform
        self._lock = lock

    def read(self) -> AbstractAsyncContextManager[ReadCtx]:
        """A transaction that reads, for a caller who may do the operation. A RegistryError that is raised within is recorded."""
        return self._read()

    async def perform(self, request: msgspec.Struct) -> Any:
        """The result of one operation, in a transaction of its own. Raises RegistryError."""
        return await self._perform(request)

    def alone(self) -> AbstractAsyncContextManager[None]:
        """No other operation of this process is in its steps meanwhile."""
        return self._lock.hold()
