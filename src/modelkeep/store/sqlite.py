"""SQLite: reads run on the event loop (7 to 40 µs each), one writer at a time, commits (an fsync) in a thread.

Changes that wait for the writer at the same moment are committed as one: each is a savepoint, undone alone where it fails,
and none is answered, nor seen by anyone, before the commit of all is on the disk.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from modelkeep.core.errors import Unavailable
from modelkeep.store.db import Row, UniqueViolation, now_ms
from modelkeep.store.files_on_disk import FilesOnDisk

_INLINE_ROWS = 50  # more than these are written in a thread, so that no request waits for a flush
_ROOM, _LARGE, _ENTRY = (
    16 << 20,
    64 << 10,
    1 << 10,
)  # characters that a reader keeps, those of one thing at most, and the least counted
_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_NOT_STORED = "The change was not stored ({}). Try again in a moment."
_CLOSED = "The database is closed: the server is stopping."
_BUSY_MS = 10_000  # another process (the CLI, a second server) may hold the write lock for a moment

_T = TypeVar("_T")


class _Tx:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def all(self, sql: str, /, **params: Any) -> list[Row]:
        return self._connection.execute(sql, params).fetchall()

    async def one(self, sql: str, /, **params: Any) -> Row | None:
        return self._connection.execute(sql, params).fetchone()

    async def scan(self, sql: str, /, **params: Any) -> list[Row]:
        return await asyncio.to_thread(lambda: self._connection.execute(sql, params).fetchall())


class _Reader:
    """A connection for reading, and what was learned of the state of the database that it saw last."""

    __slots__ = ("connection", "known", "room", "state")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.known: dict[Hashable, Any] = {}
        self.room = _ROOM
        self.state = -1

    def look(self) -> None:
        """SQLite counts every commit, of whatever process, in `data_version`: nothing is answered from an older state."""
        state = self.connection.execute("PRAGMA data_version").fetchone()[0]
        if state != self.state:
            self.known.clear()
            self.room = _ROOM
            self.state = state


class _ReadTx(_Tx):
    """One snapshot. A row read of this very state is not read again: a busy alias asks for the same ones each time."""

    def __init__(self, reader: _Reader) -> None:
        super().__init__(reader.connection)
        self._reader = reader
        self._read = 0

    async def all(self, sql: str, /, **params: Any) -> list[Row]:
        rows = await super().all(sql, **params)
        self._read += sum(map(_size, rows))
        return rows

    async def scan(self, sql: str, /, **params: Any) -> list[Row]:
        rows = await super().scan(sql, **params)
        self._read += sum(map(_size, rows))
        return rows

    async def one(self, sql: str, /, **params: Any) -> Row | None:
        key = (sql, *params, *params.values())
        if (row := self._reader.known.get(key)) is not None:
            return row
        row = await super().one(sql, **params)
        if row is not None:
            self._read += _size(row)
            self.keep(key, row)
        return row

    def recall(self, key: Hashable) -> Any:
        return self._reader.known.get(key)

    def keep(self, key: Hashable, value: Any) -> None:
        """Unless this transaction has read so much that the value may be large."""
        if self._read <= _LARGE and self._reader.room > 0:
            self._reader.room -= self._read + _ENTRY
            self._reader.known[key] = value


def _size(row: Row) -> int:
    return sum(len(x) for x in row if isinstance(x, (str, bytes)))


class _WriteTx(_Tx):
    async def all(self, sql: str, /, **params: Any) -> list[Row]:
        try:
            return self._connection.execute(sql, params).fetchall()
        except sqlite3.IntegrityError as error:
            raise _integrity(error) from error

    async def one(self, sql: str, /, **params: Any) -> Row | None:
        rows = await self.all(sql, **params)  # RETURNING must be read to its end before it counts
        return rows[0] if rows else None

    async def run(self, sql: str, /, **params: Any) -> int:
        try:
            return self._connection.execute(sql, params).rowcount
        except sqlite3.IntegrityError as error:
            raise _integrity(error) from error

    async def run_many(self, sql: str, rows: list[dict[str, Any]], /) -> None:
        if len(rows) > _INLINE_ROWS:
            await asyncio.to_thread(_execute_many, self._connection, sql, rows)
        else:
            _execute_many(self._connection, sql, rows)


# Both close their cursor: one that a thread lets go of later resets its statement, which may be running again by then.


def _execute(connection: sqlite3.Connection, sql: str) -> None:
    connection.execute(sql).close()


def _execute_many(connection: sqlite3.Connection, sql: str, rows: list[dict[str, Any]]) -> None:
    connection.executemany(sql, rows).close()


def _lower(text: str | None) -> str | None:
    return text and text.lower()


def _untaken(error: sqlite3.Error) -> str:
    return f"the database did not take it: {error}"


def _integrity(error: sqlite3.IntegrityError) -> Exception:
    return UniqueViolation(str(error)) if "UNIQUE" in str(error) else error


class _Reading:
    """A read transaction's block. A plain class: @asynccontextmanager costs as much as a statement, on every request."""

    __slots__ = ("_connect", "_idle", "_reader", "_snapshot")

    def __init__(self, idle: list[_Reader], connect: Callable[..., sqlite3.Connection], *, snapshot: bool) -> None:
        self._idle = idle
        self._connect = connect
        self._snapshot = snapshot

    async def __aenter__(self) -> _ReadTx:
        self._reader = reader = self._idle.pop() if self._idle else _Reader(self._connect(query_only=True))
        if self._snapshot:
            reader.connection.execute("BEGIN")
        reader.look()  # the first read of the transaction: its snapshot is of this state
        return _ReadTx(reader)

    async def __aexit__(self, *_: object) -> None:
        if self._snapshot:
            self._reader.connection.execute("ROLLBACK")
        self._idle.append(self._reader)


class _Group:
    """Changes that one commit makes durable."""

    __slots__ = ("commit", "lost")

    def __init__(self) -> None:
        self.commit: asyncio.Future[str] | None = None
        """Set where others waited when the first change was done: it comes after theirs."""
        self.lost = ""
        """Why the database itself undid them all, if it did (a full disk)"""


class SqliteDatabase:
    """One file, in WAL mode."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = FilesOnDisk(path)
        self._idle: list[_Reader] = []
        self._writer: sqlite3.Connection | None = None
        self._lock = asyncio.Lock()  # given in turn: to a group's commit after those that waited before it
        self._waiting = 0
        self._group: _Group | None = None

    async def open(self) -> None:
        self._writer = self._connect()
        self._writer.execute("PRAGMA journal_mode=WAL")
        self._writer.execute("SELECT 1 FROM sqlite_master LIMIT 1").close()
        self._files.remember()

    async def check(self, seconds: float) -> None:
        if self._writer is None:
            raise Unavailable(_CLOSED)
        if problem := self._files.problem():
            raise Unavailable(problem)
        try:
            async with asyncio.timeout(seconds), self.single() as tx:
                await tx.one("SELECT 1 FROM sqlite_master LIMIT 1")
        except TimeoutError as error:
            raise Unavailable("The database does not answer. Try again in a moment.") from error
        except sqlite3.Error as error:
            raise Unavailable(f"The database cannot be read ({error}).") from error

    async def close(self) -> None:
        async with self._lock:
            readers = (reader.connection for reader in self._idle)
            for connection in (*readers, *([self._writer] if self._writer else [])):
                connection.close()
            self._idle, self._writer = [], None

    def _connect(self, *, query_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=_BUSY_MS / 1000
        )
        # SQLite's own LOWER knows ASCII alone. No index is made of it, so another one may take its place.
        connection.create_function("LOWER", 1, _lower, deterministic=True)
        connection.create_function("now_ms", 0, now_ms)  # of PostgreSQL, a migration makes it
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-16384", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        if query_only:
            connection.execute("PRAGMA query_only=ON")
        return connection

    def read(self) -> _Reading:
        return _Reading(self._idle, self._connect, snapshot=True)

    def single(self) -> _Reading:
        return _Reading(self._idle, self._connect, snapshot=False)

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[_WriteTx]:
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        failed = ""
        try:
            writer, group = await self._join()
            try:
                yield _WriteTx(writer)
                if group.commit is not None:
                    writer.execute("RELEASE change")
            except BaseException as error:
                self._undo(writer, group, error)
                if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _DISK:
                    raise Unavailable(_NOT_STORED.format(_untaken(error))) from error
                raise
            if group.commit is None and self._waiting:
                group.commit = asyncio.ensure_future(self._commit_in_turn(writer, group))
            elif group.commit is None:
                failed = await self._commit(writer)
        finally:
            self._lock.release()
        if group.commit is not None:
            failed = await _finished(group.commit)
        if failed:
            raise Unavailable(failed)

    async def _join(self) -> tuple[sqlite3.Connection, _Group]:
        """The group that the next change belongs to: a new transaction, or, in one that has changes already, a savepoint."""
        if (writer := self._writer) is None:
            raise Unavailable(_CLOSED)
        if (group := self._group) is None:
            if problem := self._files.problem():
                raise Unavailable(problem)
            await _begin(writer)
            group = self._group = _Group()
        else:
            writer.execute("SAVEPOINT change")
        return writer, group

    def _undo(self, writer: sqlite3.Connection, group: _Group, error: BaseException) -> None:
        """This change alone; all of the group's where it is the only one, or where the database undid them by itself."""
        if group.commit is not None and writer.in_transaction:
            writer.execute("ROLLBACK TO change")
            writer.execute("RELEASE change")
            return
        group.lost, self._group = str(error) or "it was interrupted", None
        if writer.in_transaction:
            writer.execute("ROLLBACK")

    async def _commit_in_turn(self, writer: sqlite3.Connection, group: _Group) -> str:
        async with self._lock:
            return _NOT_STORED.format(group.lost) if group.lost else await self._commit(writer)

    async def _commit(self, writer: sqlite3.Connection) -> str:
        """Why it failed; '' where it did not. The lock is held. Nothing counts as stored in files that are gone afterwards."""
        self._group = None
        if problem := self._files.problem():
            writer.execute("ROLLBACK")
            return problem
        try:
            await _in_thread(_execute, writer, "COMMIT")
        except sqlite3.Error as error:
            return _NOT_STORED.format(_untaken(error))
        finally:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
        return self._files.problem()

    async def script(self, statements: list[str]) -> None:
        async with self.write() as tx:
            for statement in statements:
                await tx.run(statement)


async def _begin(writer: sqlite3.Connection) -> None:
    """At once where no other process writes: a thread takes longer than the lock. Else a thread waits, not the event loop."""
    writer.execute("PRAGMA busy_timeout=0")
    try:
        writer.execute("BEGIN IMMEDIATE")
        return
    except sqlite3.OperationalError:  # locked; whatever else it is, the next one says
        pass
    finally:
        writer.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    try:
        await _in_thread(_execute, writer, "BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        raise Unavailable(f"The database did not take the change ({error}). Try again in a moment.") from error
    except asyncio.CancelledError:
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        raise


async def _in_thread(call: Callable[..., None], *args: Any) -> None:
    await _finished(asyncio.get_running_loop().run_in_executor(None, call, *args))


async def _finished(work: asyncio.Future[_T]) -> _T:
    """Its result. It is finished even where whoever waits is cancelled meanwhile: only then is it known what became of it."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((work,))
        raise
