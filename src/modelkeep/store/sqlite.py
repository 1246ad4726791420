"""SQLite: reads run on the event loop (7 to 40 µs each), scans in threads of their own; one writer at a time, whose commits
(an fsync) run in another thread.

Changes that wait for the writer at the same moment are committed as one: each is a savepoint, undone alone where it fails,
and none is answered, nor seen by anyone, before the commit of all is on the disk. Principals take turns (`store/writer_turns.py`).
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from modelkeep import limits
from modelkeep.domain.errors import Unavailable
from modelkeep.observe import metrics
from modelkeep.store.db import Row, UniqueViolation, Value, now_ms, scans_for
from modelkeep.store.files_on_disk import FilesOnDisk
from modelkeep.store.scan_lanes import ScanLane
from modelkeep.store.sqlite_readers import BUSY, Readers, Reading, Scanning, unreadable
from modelkeep.store.sqlite_threads import Threads, execute, execute_many, execute_one, fetch_all, finished
from modelkeep.store.writer_turns import WriterTurns

_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_NOT_STORED = "The change was not stored ({}). Try again in a moment."
_CLOSED = "The database is closed: the server is stopping."


class _WriteTx:
    def __init__(self, connection: sqlite3.Connection, threads: Threads) -> None:
        self._connection = connection
        self._threads = threads

    async def all(self, sql: str, /, **params: Value) -> list[Row]:
        try:
            return self._connection.execute(sql, params).fetchall()
        except sqlite3.IntegrityError as error:
            raise _integrity(error) from error

    async def one(self, sql: str, /, **params: Value) -> Row | None:  # house: name because `all` has a sibling
        rows = await self.all(sql, **params)  # RETURNING must be read to its end before it counts
        return rows[0] if rows else None

    async def scan(self, sql: str, /, **params: Value) -> list[Row]:
        return await self._threads.statement(self._connection, limits.SLOW_S, fetch_all, self._connection, sql, params)

    async def run(self, sql: str, /, **params: Value) -> int:
        try:
            return self._connection.execute(sql, params).rowcount
        except sqlite3.IntegrityError as error:
            raise _integrity(error) from error

    async def bulk(self, sql: str, /, **params: Value) -> int:
        # Not interrupted where its caller leaves: that would undo the others' changes of the same commit, too.
        try:
            return await self._threads.run(execute_one, self._connection, sql, params)
        except sqlite3.IntegrityError as error:
            raise _integrity(error) from error

    async def run_many(self, sql: str, rows: Sequence[Mapping[str, Value]], /) -> None:
        if len(rows) > limits.INLINE_ROWS:
            await self._threads.run(execute_many, self._connection, sql, rows)
        else:
            execute_many(self._connection, sql, rows)


def _lower(text: str | None) -> str | None:
    return text and text.lower()


def _untaken(error: sqlite3.Error) -> str:
    return f"the database did not take it: {error}"


def _integrity(error: sqlite3.IntegrityError) -> Exception:
    return UniqueViolation(str(error)) if "UNIQUE" in str(error) else error


class _Group:
    """Changes that one commit makes durable."""

    __slots__ = ("changes", "commit")

    def __init__(self) -> None:
        self.changes = 0
        """Changes that were done, or undone alone."""
        self.commit: asyncio.Future[str] | None = None
        """Why the commit failed, '' where it did not. Set where others waited when the first change was done."""


class SqliteDatabase:
    """One file, in WAL mode."""

    dialect = "sqlite"

    def __init__(self, path: Path, *, scan_s: float = limits.SCAN_S, wait_s: float = limits.DATABASE_S) -> None:
        """`scan_s`: how long a principal's scan may read; `wait_s`: how long anybody waits for a connection or a lock."""
        self._path = path
        self._files = FilesOnDisk(path)
        self._scan_s = scan_s
        self._wait_s = wait_s
        self._readers = Readers(self._reader, limits.SQLITE_READERS, limits.SQLITE_HOT_READERS, wait_s)
        self._scanners = Readers(self._reader, limits.SCANS_AT_ONCE, 0, wait_s)
        self._lane = ScanLane(
            limits.SCANS_AT_ONCE, of_principal=limits.SCANS_OF_PRINCIPAL, waiting=limits.SCANS_WAITING, wait_s=wait_s
        )
        self._writer: sqlite3.Connection | None = None
        self._turns = WriterTurns(1, 1, give_up=self._release)
        self._group: _Group | None = None
        self._committing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._writing, self._scans = Threads("commit", 1), Threads("scan", limits.SCANS_AT_ONCE)
        self._background = Threads("background", limits.BACKGROUND_THREADS)
        self._writer = self._connect(str(self._path), limits.HOT_CACHE_KIB)
        self._writer.execute("PRAGMA journal_mode=WAL")
        self._writer.execute("SELECT 1 FROM sqlite_master LIMIT 1").close()
        self._files.remember()

    async def check(self, seconds: float) -> None:
        """Can this database read and store now? `seconds`: the longest wait. Raises Unavailable."""
        if self._writer is None:
            raise Unavailable(_CLOSED)
        if problem := self._files.problem():
            raise Unavailable(problem)
        try:
            async with asyncio.timeout(seconds), self.single() as tx:
                await tx.all("SELECT 1 FROM sqlite_master LIMIT 1")
        except TimeoutError as error:
            raise Unavailable("The database does not answer. Try again in a moment.") from error
        except sqlite3.Error as error:
            raise Unavailable(f"The database cannot be read ({error}).") from error

    async def close(self) -> None:
        await self._acquire("")
        try:
            self._readers.close()
            self._scanners.close()
            if self._writer is not None:
                self._writer.close()
                self._writer = None
                self._files.close()
                for thread in (self._writing, self._scans, self._background):
                    thread.close()
        finally:
            self._turns.leave("")

    def _connect(self, path: str, cache_kib: int, *, uri: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, uri=uri, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=self._wait_s
        )
        # SQLite's own LOWER knows ASCII alone. No index is made of it, so another one may take its place.
        connection.create_function("LOWER", 1, _lower, deterministic=True)
        connection.create_function("now_ms", 0, now_ms)  # of PostgreSQL, a migration makes it
        for pragma in ("synchronous=FULL", "foreign_keys=ON", f"cache_size=-{cache_kib}", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _reader(self, cache_kib: int) -> sqlite3.Connection:
        """Raises Unavailable where the files at the paths are no longer those that were opened."""
        try:
            connection = self._connect(f"{self._path.absolute().as_uri()}?mode=rw", cache_kib, uri=True)
            connection.execute("PRAGMA query_only=ON")
        except sqlite3.OperationalError as error:
            raise Unavailable(self._files.problem() or unreadable(error).message) from error
        if problem := self._files.problem():
            connection.close()
            raise Unavailable(problem)
        return connection

    def read(self) -> Reading:
        self._check_open()
        if principal := scans_for():
            return Scanning(self._scanners, self._scans, self._scan_s, self._lane, principal)
        return Reading(self._readers, self._background, limits.BACKGROUND_SCAN_S, snapshot=True)

    def single(self) -> Reading:
        self._check_open()
        return Reading(self._readers, self._background, limits.BACKGROUND_SCAN_S, snapshot=False)

    def _check_open(self) -> None:
        if self._writer is None:
            raise Unavailable(_CLOSED)

    @asynccontextmanager
    async def write(self, principal: str = "") -> AsyncGenerator[_WriteTx]:
        """One change. Principals take turns. Raises Unavailable."""
        await self._acquire(principal)
        failed = ""
        try:
            writer, group = await self._join()
            try:
                yield _WriteTx(writer, self._writing)
                if group.commit is not None:
                    writer.execute("RELEASE change")
            except BaseException as error:
                self._undo(writer, group, error)
                if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _DISK:
                    raise Unavailable(_NOT_STORED.format(_untaken(error))) from error
                raise
            finally:
                group.changes += 1
            if group.commit is None and self._turns.anyone_waits():
                group.commit = asyncio.get_running_loop().create_future()
            elif group.commit is None:
                failed = await self._commit(writer)
        finally:
            self._release(principal)
        if group.commit is not None:
            failed = await finished(group.commit)
        if failed:
            raise Unavailable(failed)

    async def _acquire(self, principal: str) -> None:
        """Raises Unavailable where the others take too long."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            await self._turns.enter(principal, self._wait_s)
        except TimeoutError as error:
            metrics.database_deadlines.labels("commit").inc()
            raise Unavailable(BUSY) from error
        finally:
            metrics.database_wait.labels("commit").observe(loop.time() - begun)

    def _release(self, principal: str) -> None:
        """The writer goes to the next change; where none waits, or the group is large enough, the group is committed first."""
        group, writer = self._group, self._writer
        pending = group.commit if group is not None else None
        open_group = group is not None and group.changes < limits.CHANGES_OF_COMMIT and self._turns.anyone_waits()
        if pending is None or open_group or writer is None:
            self._turns.leave(principal)
        else:
            self._committing = asyncio.ensure_future(self._commit_group(writer, pending, principal))

    async def _commit_group(self, writer: sqlite3.Connection, result: asyncio.Future[str], principal: str) -> None:
        try:
            result.set_result(await self._commit(writer))
        except BaseException as error:
            result.set_exception(error)
            raise
        finally:
            self._turns.leave(principal)

    async def _join(self) -> tuple[sqlite3.Connection, _Group]:
        """The group that the next change belongs to: a new transaction, or, in one that has changes already, a savepoint."""
        if (writer := self._writer) is None:
            raise Unavailable(_CLOSED)
        if (group := self._group) is None:
            if problem := self._files.problem():
                raise Unavailable(problem)
            await self._begin(writer)
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
        self._group = None
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        if group.commit is not None:
            group.commit.set_result(_NOT_STORED.format(str(error) or "it was interrupted"))

    async def _commit(self, writer: sqlite3.Connection) -> str:
        """Why it failed; '' where it did not. Nothing counts as stored in files that are gone afterwards."""
        self._group = None
        if problem := self._files.problem():
            writer.execute("ROLLBACK")
            return problem
        try:
            await self._writing.run(execute, writer, "COMMIT")
        except sqlite3.Error as error:
            return _NOT_STORED.format(_untaken(error))
        finally:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
        return self._files.problem()

    async def _begin(self, writer: sqlite3.Connection) -> None:
        """At once where no other process writes: a thread takes longer than the lock. Else a thread waits, not the event loop."""
        writer.execute("PRAGMA busy_timeout=0")
        try:
            writer.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:  # locked; whatever else it is, the next one says
            pass
        finally:
            writer.execute(f"PRAGMA busy_timeout={int(self._wait_s * 1000)}")
        try:
            await self._writing.run(execute, writer, "BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"The database did not take the change ({error}). Try again in a moment.") from error
        except asyncio.CancelledError:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise

    async def script(self, statements: list[str]) -> None:
        async with self.write() as tx:
            for statement in statements:
                await tx.run(statement)
