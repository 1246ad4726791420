"""SQLite's connections for reading: a bounded number, each with what it learned of the state of the database that it saw last."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from modelkeep import limits
from modelkeep.domain.errors import Unavailable
from modelkeep.observe import metrics
from modelkeep.store.db import Row, Value
from modelkeep.store.scan_lanes import ScanLane
from modelkeep.store.sqlite_threads import Threads, fetch_all

BUSY = "The database is busy: no connection became free in time. Try again in a moment."
_BROKEN = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_PROTOCOL,
}
Connect = Callable[[int], sqlite3.Connection]
"""A new connection that cannot write, with a cache of so many KiB"""


def broken(error: BaseException) -> bool:
    """Is it the database's or the disk's failure, and no mistake in a statement?"""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN


def unreadable(error: BaseException) -> Unavailable:
    return Unavailable(f"The database cannot be read ({error}). Try again in a moment.")


class ReaderConnection:
    """A connection for reading, and what was learned of the state of the database that it saw last."""

    __slots__ = ("connection", "hot", "known", "room", "state")

    def __init__(self, connection: sqlite3.Connection, *, hot: bool = False) -> None:
        self.connection = connection
        self.hot = hot
        self.known: dict[Hashable, Any] = {}
        self.room = self._whole_room()
        self.state = -1

    def look(self) -> None:
        """SQLite counts every commit, of whatever process, in `data_version`: nothing is answered from an older state."""
        state = self.connection.execute("PRAGMA data_version").fetchone()[0]
        if state != self.state:
            self.known.clear()
            self.room = self._whole_room()
            self.state = state

    def _whole_room(self) -> int:
        return limits.HOT_ROWS_CHARS if self.hot else limits.COLD_ROWS_CHARS


class Readers:
    """Opened one by one as they are needed, up to `most`. Who comes when all are in use waits in turn."""

    def __init__(self, connect: Connect, most: int, hot: int, wait_s: float) -> None:
        """`hot`: how many have the large caches; they are taken first. `wait_s`: how long anybody waits for one."""
        self._connect = connect
        self._most = most
        self._hot = hot
        self._wait_s = wait_s
        self._all: set[ReaderConnection] = set()
        self._line: deque[asyncio.Future[ReaderConnection]] = deque()
        self.idle: list[ReaderConnection] = []

    async def take(self) -> ReaderConnection:
        """One for the caller alone, until `give` or `drop`. Raises Unavailable."""
        if self.idle:
            return self.idle.pop()
        if len(self._all) < self._most:
            return self._opened()
        turn: asyncio.Future[ReaderConnection] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with asyncio.timeout(self._wait_s):
                return await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give(turn.result())  # it came at the moment of giving up
            else:
                self._line.remove(turn)
            if isinstance(error, TimeoutError):
                metrics.database_deadlines.labels("read").inc()
                raise Unavailable(BUSY) from error
            raise
        finally:
            metrics.database_wait.labels("read").observe(loop.time() - begun)

    def give(self, reader: ReaderConnection) -> None:
        """Back, to the first who waits for one."""
        if reader not in self._all:  # closed meanwhile
            reader.connection.close()
            return
        for turn in self._line:
            if not turn.done():
                self._line.remove(turn)
                turn.set_result(reader)
                return
        self.idle.insert(len(self.idle) if reader.hot else 0, reader)

    def drop(self, reader: ReaderConnection) -> None:
        """Closed instead of given back: it failed. The next in line gets a new one."""
        self._all.discard(reader)
        reader.connection.close()
        waits = next((turn for turn in self._line if not turn.done()), None)
        if waits is not None:
            self._line.remove(waits)
            try:
                waits.set_result(self._opened())
            except (Unavailable, sqlite3.Error) as error:
                waits.set_exception(error)

    def close(self) -> None:
        """Those in use are stopped now and closed when they come back."""
        for reader in self._all:
            reader.connection.interrupt()
        for reader in self.idle:
            reader.connection.close()
        self._all, self.idle = set(), []

    def _opened(self) -> ReaderConnection:
        hot = sum(reader.hot for reader in self._all) < self._hot
        connection = self._connect(limits.HOT_CACHE_KIB if hot else limits.COLD_CACHE_KIB)
        reader = ReaderConnection(connection, hot=hot)
        self._all.add(reader)
        return reader


class SqliteReadTx:
    """One snapshot. A row read of this very state is not read again: a busy alias asks for the same ones each time."""

    def __init__(self, reader: ReaderConnection, threads: Threads, scan_s: float) -> None:
        self._connection = reader.connection
        self._reader = reader
        self._threads = threads
        self._scan_s = scan_s
        self._read = 0

    async def all(self, sql: str, /, **params: Value) -> list[Row]:
        rows = self._connection.execute(sql, params).fetchall()
        self._read += sum(map(_size, rows))
        return rows

    async def scan(self, sql: str, /, **params: Value) -> list[Row]:
        rows = await self._threads.statement(self._connection, self._scan_s, fetch_all, self._connection, sql, params)
        self._read += sum(map(_size, rows))
        return rows

    async def one(self, sql: str, /, **params: Value) -> Row | None:  # house: name because `all` has a sibling
        key = (sql, *params, *params.values())
        if (row := self._reader.known.get(key)) is not None:
            return row
        row = self._connection.execute(sql, params).fetchone()
        if row is not None:
            self._read += _size(row)
            self.cache_put(key, row)
        return row

    def cache_get(self, key: Hashable) -> Any:
        return self._reader.known.get(key)

    def cache_put(self, key: Hashable, value: Any) -> None:
        """Unless this transaction has read so much that the value may be large."""
        if self._read <= limits.KEPT_CHARS and self._reader.room > 0:
            self._reader.room -= self._read + limits.KEPT_LEAST_CHARS
            self._reader.known[key] = value


def _size(row: Row) -> int:
    return sum(len(x) for x in row if isinstance(x, (str, bytes)))


class Reading:
    """A read transaction's block. A plain class: @asynccontextmanager costs as much as a statement, on every request."""

    __slots__ = ("_reader", "_readers", "_scan_s", "_snapshot", "_threads")

    def __init__(self, readers: Readers, threads: Threads, scan_s: float, *, snapshot: bool) -> None:
        self._readers = readers
        self._threads = threads
        self._scan_s = scan_s
        self._snapshot = snapshot

    async def __aenter__(self) -> SqliteReadTx:
        readers = self._readers
        self._reader = reader = readers.idle.pop() if readers.idle else await readers.take()
        try:
            if self._snapshot:
                reader.connection.execute("BEGIN")
            reader.look()  # the first read of the transaction: its snapshot is of this state
        except BaseException as error:
            readers.drop(reader)
            if broken(error):
                raise unreadable(error) from error
            raise
        return SqliteReadTx(reader, self._threads, self._scan_s)

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if self._snapshot:
                self._reader.connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._readers.drop(self._reader)
        else:
            self._readers.give(self._reader)
        if error is not None and broken(error):
            raise unreadable(error) from error


class Scanning(Reading):
    """A read transaction in which scans of a principal run: it begins when the lane admits it."""

    __slots__ = ("_lane", "_principal")

    def __init__(self, readers: Readers, threads: Threads, scan_s: float, lane: ScanLane, principal: str) -> None:
        super().__init__(readers, threads, scan_s, snapshot=True)
        self._lane = lane
        self._principal = principal

    async def __aenter__(self) -> SqliteReadTx:
        await self._lane.enter(self._principal)
        try:
            return await super().__aenter__()
        except BaseException:
            self._lane.leave(self._principal)
            raise

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            self._lane.leave(self._principal)
