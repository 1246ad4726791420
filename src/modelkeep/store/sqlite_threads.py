"""SQLite's threads: one for the writer, a few for scans, one for our own work. What runs in them can be stopped."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from modelkeep.domain.errors import LimitExceeded, Unavailable
from modelkeep.observe import metrics
from modelkeep.store.db import Params, Row, Value

_T = TypeVar("_T")
_AGAIN_S = 0.05
STOPPED = (
    "Reading this took longer than {:g} seconds and was stopped. Narrow it (a catalog, a schema, a model, fewer words), "
    "or try again when the server has less to do."
)


class Threads:
    """Threads that statements run in; nothing else does, so none of them waits for another kind of work."""

    def __init__(self, work: str, threads: int) -> None:
        """`work`: its label in the metrics and in the threads' names."""
        self.work = work
        self._executor = ThreadPoolExecutor(threads, f"modelkeep-{work}")

    async def run(self, call: Callable[..., _T], *args: Any) -> _T:
        """The call's result. It has ended when this ends, however this ends."""
        return await finished(asyncio.wrap_future(self._executor.submit(call, *args)))

    async def statement(
        self, connection: sqlite3.Connection, seconds: float, call: Callable[..., _T], *args: Any
    ) -> _T:
        """As `run`; stopped after `seconds`, or when nobody waits for it any longer. Raises LimitExceeded."""
        loop = asyncio.get_running_loop()
        submitted = self._executor.submit(call, *args)
        stopper = _Stopper(connection, submitted, self.work)
        timer = loop.call_later(seconds, stopper.overdue)
        begun = loop.time()
        try:
            return await finished(asyncio.wrap_future(submitted), stopper.left)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            if stopper.late:
                raise LimitExceeded(STOPPED.format(seconds)) from error
            raise Unavailable("The database is closed: the server is stopping.") from error
        finally:
            timer.cancel()
            stopper.done()
            metrics.database_seconds.labels(self.work).observe(loop.time() - begun)

    def close(self) -> None:
        self._executor.shutdown(wait=False)


class _Stopper:
    """Interrupts a connection's statement: again and again, since an interrupt before its begin has no effect."""

    def __init__(self, connection: sqlite3.Connection, submitted: Future[Any], work: str) -> None:
        self._connection = connection
        self._submitted = submitted
        self._work = work
        self._timer: asyncio.TimerHandle | None = None
        self.late = False

    def overdue(self) -> None:
        self.late = True
        metrics.database_deadlines.labels(self._work).inc()
        self._interrupt()

    def left(self) -> None:
        """Nobody waits any longer."""
        if not self._submitted.cancel():
            self._interrupt()

    def done(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _interrupt(self) -> None:
        self._connection.interrupt()
        self._timer = asyncio.get_running_loop().call_later(_AGAIN_S, self._interrupt)


async def finished(work: asyncio.Future[_T], left: Callable[[], None] | None = None) -> _T:
    """Its result. It is finished even where the caller that waits is cancelled meanwhile: only then is it known what became of it.
    `left` is called then, to hasten its end."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if left is not None:
            left()
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((work,))
        if not work.cancelled():
            work.exception()  # nobody is left whom it would interest
        raise


def fetch_all(connection: sqlite3.Connection, sql: str, params: Params) -> list[Row]:
    cursor = connection.execute(sql, params)
    try:
        return cursor.fetchall()
    finally:
        cursor.close()


# These close their cursor: one that a thread lets go of later resets its statement, which may be running again by then.


def execute(connection: sqlite3.Connection, sql: str) -> None:
    connection.execute(sql).close()


def execute_one(connection: sqlite3.Connection, sql: str, params: Params) -> int:
    cursor = connection.execute(sql, params)
    try:
        return cursor.rowcount
    finally:
        cursor.close()


def execute_many(connection: sqlite3.Connection, sql: str, rows: Sequence[Mapping[str, Value]]) -> None:
    connection.executemany(sql, rows).close()
