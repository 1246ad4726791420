"""PostgreSQL through psycopg: a pool for short reads, one for changes and one for scans, so that none starves another.

Behind PgBouncer in transaction mode, a transaction is the largest thing that one session sees: each then sets its deadlines itself.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from modelkeep import limits
from modelkeep.domain.errors import Unavailable
from modelkeep.observe import metrics
from modelkeep.store.db import Params, Row, Value, scans_for
from modelkeep.store.postgres_errors import AWAY, CONTENDED, FULL, UNKNOWN, meaning
from modelkeep.store.postgres_pool import Bounds, Deadline, Pool, server_ms
from modelkeep.store.postgres_probe import DatabaseProbe
from modelkeep.store.scan_lanes import ScanLane
from modelkeep.store.writer_turns import WriterTurns

if TYPE_CHECKING:
    import psycopg

_MIGRATION_LOCK = 7_203_511_885_027_131  # any number that only this program uses
_POOLER_HINT = "PostgreSQL refuses the session's settings. If it is behind PgBouncer in transaction mode, set MODELKEEP_DATABASE_POOLER=1."
_IDLE, _OPEN, _FAILED = 0, 2, 3  # of libpq's PGTransactionStatusType
_T = TypeVar("_T")


@lru_cache(maxsize=1024)
def _translate(sql: str) -> bytes:
    """`:name` to psycopg's `%(name)s`."""
    return re.sub(r"(?<![:\w]):([a-z_]\w*)", r"%(\1)s", sql.replace("%", "%%")).encode()


class _Tx:
    """`scan_s`: how long a scan may take; longer than other statements where it differs from the pool's own deadline."""

    def __init__(self, connection: "psycopg.AsyncConnection[Row]", pool: Pool, scan_s: float) -> None:
        self._connection = connection
        self._deadline = Deadline(connection, pool.work)
        self._seconds = pool.bounds.statement_s
        self._scan_s = scan_s
        self._read_only = pool.read_only
        self.changed = False
        """Whether a statement ran that may have changed something."""

    async def all(self, sql: str, /, **params: Value) -> list[Row]:
        return await self._run(lambda cursor: cursor.fetchall(), sql, params)

    async def one(self, sql: str, /, **params: Value) -> Row | None:  # house: name because `all` has a sibling
        return await self._run(lambda cursor: cursor.fetchone(), sql, params)

    async def scan(self, sql: str, /, **params: Value) -> list[Row]:
        await self._allow(self._scan_s)
        return await self._run(lambda cursor: cursor.fetchall(), sql, params, scan=True)

    def cache_get(self, key: Hashable) -> None:
        """Nothing: another node may have committed since, and only a statement could tell."""

    def cache_put(self, key: Hashable, value: Any) -> None:
        pass

    async def run(self, sql: str, /, **params: Value) -> int:
        return await self._run(_rowcount, sql, params)

    async def bulk(self, sql: str, /, **params: Value) -> int:
        await self._allow(limits.SLOW_S)
        return await self.run(sql, **params)

    async def run_many(self, sql: str, rows: Sequence[Mapping[str, Value]], /) -> None:
        if len(rows) == 1:  # a pipeline for it would take longer
            await self.run(sql, **rows[0])
            return
        if len(rows) > limits.INLINE_ROWS:
            await self._allow(limits.SLOW_S)
        self.changed = True
        async with self._connection.cursor() as cursor:
            await self.guarded(cursor.executemany(_translate(sql), rows))

    async def command(self, sql: str) -> None:
        """A command without parameters, as one message: it may hold several."""
        await self.guarded(self._connection.execute(sql.encode(), prepare=False))

    async def guarded(self, statement: Awaitable[_T], *, scan: bool = False) -> _T:
        """Its result within the deadline, or what its failure means."""
        import psycopg

        try:
            return await self._deadline.within(self._seconds, statement)
        except psycopg.Error as error:
            if (better := meaning(error, self._seconds, scan=scan)) is None:
                raise
            raise better from error

    async def _run(
        self,
        result: Callable[["psycopg.AsyncCursor[Row]"], Awaitable[_T]],
        sql: str,
        params: Params,
        *,
        scan: bool = False,
    ) -> _T:
        self.changed = self.changed or not (self._read_only or sql.lstrip().startswith("SELECT"))
        return await result(await self.guarded(self._connection.execute(_translate(sql), params), scan=scan))

    async def _allow(self, seconds: float) -> None:
        """From here on statements of this transaction may take so long."""
        if seconds != self._seconds:
            self._seconds = seconds
            if not self._connection.autocommit:  # else there is no transaction that it would be local to
                await self.command(f"SET LOCAL statement_timeout = {server_ms(seconds)}")


async def _rowcount(cursor: "psycopg.AsyncCursor[Row]") -> int:
    return cursor.rowcount


class PostgresBounds(msgspec.Struct, frozen=True):
    """Connections for each kind of work, and deadlines in seconds."""

    readers: int = limits.POSTGRES_READERS
    writers: int = limits.POSTGRES_WRITERS
    scanners: int = limits.POSTGRES_SCANNERS
    statement_s: float = limits.DATABASE_S
    scan_s: float = limits.SCAN_S
    wait_s: float = limits.POSTGRES_WAIT_S
    """for a connection"""


class PostgresDatabase:
    """A PostgreSQL database, by its URL."""

    dialect = "postgresql"

    def __init__(self, url: str, bounds: PostgresBounds | None = None, *, pooler: bool = False) -> None:
        """`pooler`: it is behind PgBouncer in transaction mode."""
        bounds = bounds or PostgresBounds()
        writers, scanners, wait_s = bounds.writers, bounds.scanners, bounds.wait_s
        self._url = url
        self._pooler = pooler
        short, long = Bounds(bounds.statement_s, wait_s), Bounds(bounds.scan_s, wait_s)
        self._readers = Pool(url, "read", bounds.readers, short, read_only=True, pooler=pooler)
        self._writers = Pool(url, "write", writers, short, read_only=False, pooler=pooler)
        self._scanners = Pool(url, "scan", scanners, long, read_only=True, pooler=pooler)
        self._lane = ScanLane(
            scanners, of_principal=limits.SCANS_OF_PRINCIPAL, waiting=limits.SCANS_WAITING, wait_s=wait_s
        )
        self._turns = WriterTurns(writers, max(1, writers // 2))
        self._probe = DatabaseProbe(url)

    @property
    def pools(self) -> tuple[Pool, ...]:
        return self._readers, self._writers, self._scanners

    async def open(self) -> None:
        """Opens the pools. Raises Unavailable."""
        try:
            import psycopg_pool
        except ImportError as error:
            raise Unavailable("PostgreSQL needs the extra: pip install 'modelkeep[postgres]'.") from error
        await self._try_settings()
        opened = await asyncio.gather(*(pool.open(limits.DATABASE_S) for pool in self.pools), return_exceptions=True)
        for error in filter(None, opened):
            await self.close()
            if isinstance(error, psycopg_pool.PoolTimeout):
                raise Unavailable("PostgreSQL does not answer. Check MODELKEEP_DATABASE_URL and the server.") from error
            raise error

    async def _try_settings(self) -> None:
        """A pool goes on trying for ten seconds and does not say why; this does. Raises Unavailable."""
        import psycopg

        try:
            connection = await psycopg.AsyncConnection.connect(self._url, **self._readers.arguments())  # type: ignore[arg-type]
            await connection.close()
        except psycopg.OperationalError as error:
            if "startup parameter" in str(error):
                raise Unavailable(_POOLER_HINT) from error

    async def close(self) -> None:
        for pool in self.pools:
            await pool.close()
        await self._probe.close()

    async def check(self, seconds: float) -> None:
        """Can this database read and store now? `seconds`: the longest wait. Raises Unavailable."""
        if not self._readers.is_open:
            raise Unavailable("The database is closed: the server is stopping.")
        await self._probe.check(seconds)

    def read(self) -> AbstractAsyncContextManager[_Tx]:
        if principal := scans_for():
            return self._scanning(principal)
        return self._transaction(self._readers, limits.BACKGROUND_SCAN_S)

    @asynccontextmanager
    async def _scanning(self, principal: str) -> AsyncGenerator[_Tx]:
        await self._lane.enter(principal)
        try:
            async with self._transaction(self._scanners, self._scanners.bounds.statement_s) as tx:
                yield tx
        finally:
            self._lane.leave(principal)

    @asynccontextmanager
    async def single(self) -> AsyncGenerator[_Tx]:
        connection = await self._readers.take()
        try:
            await connection.set_autocommit(True)
            yield _Tx(connection, self._readers, self._readers.bounds.statement_s)
        finally:
            if connection.pgconn.transaction_status == _IDLE:
                await connection.set_autocommit(False)
            await self._readers.give(connection)

    @asynccontextmanager
    async def write(self, principal: str = "") -> AsyncGenerator[_Tx]:
        """One change. Principals take turns. Raises Unavailable."""
        try:
            await self._turns.enter(principal, self._writers.bounds.wait_s)
        except TimeoutError as error:
            metrics.database_deadlines.labels("write").inc()
            raise Unavailable(FULL) from error
        try:
            async with self._transaction(self._writers, self._writers.bounds.statement_s) as tx:
                yield tx
        finally:
            self._turns.leave(principal)

    @asynccontextmanager
    async def _transaction(self, pool: Pool, scan_s: float) -> AsyncGenerator[_Tx]:
        connection = await pool.take()
        begun = asyncio.get_running_loop().time()
        try:
            tx = _Tx(connection, pool, scan_s)
            try:
                if self._pooler:
                    await tx.command(
                        "; ".join(f"SET LOCAL {name} = {value}" for name, value in pool.bounds.settings().items())
                    )
                yield tx
            except BaseException:
                if tx.changed or connection.pgconn.transaction_status != _OPEN:
                    await _roll_back(tx, connection)
                else:
                    await _commit(tx, connection)
                raise
            await _commit(tx, connection)
        finally:
            metrics.database_seconds.labels(pool.work).observe(asyncio.get_running_loop().time() - begun)
            await pool.give(connection)

    async def script(self, statements: list[str]) -> None:
        async with self.write() as tx:
            await tx.command("SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
            await tx._allow(limits.MIGRATION_S)  # pyright: ignore[reportPrivateUsage]
            await tx.run(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            for statement in statements:
                await tx.run(statement)


async def _commit(tx: _Tx, connection: "psycopg.AsyncConnection[Row]") -> None:
    if connection.pgconn.transaction_status == _FAILED:  # the server would take the COMMIT and roll back
        await _roll_back(tx, connection)
        raise Unavailable(CONTENDED)
    try:
        await tx.guarded(connection.commit())
    except Unavailable as error:
        if error.message == AWAY:
            raise Unavailable(UNKNOWN) from error
        raise


async def _roll_back(tx: _Tx, connection: "psycopg.AsyncConnection[Row]") -> None:
    """Where that is not possible the connection goes, and the server undoes it by itself. psycopg forgets the connection's
    prepared statements (a rollback may undo what they are about), so that all of them are planned again, for 2 ms each: what
    was only read is committed instead, or one caller whose reads are refused would slow down everybody's."""
    if connection.closed:
        return
    try:
        await tx.guarded(connection.rollback())
    except Unavailable:
        await connection.close()
