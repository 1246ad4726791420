"""PostgreSQL through psycopg: a pool, server-prepared statements, read-only transactions for reads."""

import re
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from modelkeep.core.errors import Conflict, Unavailable
from modelkeep.store.db import Row, UniqueViolation
from modelkeep.store.postgres_probe import Probe

if TYPE_CHECKING:
    import psycopg
    import psycopg_pool

_MIGRATION_LOCK = 7_203_511_885_027_131  # any number that only this program uses


@lru_cache(maxsize=1024)
def _translate(sql: str) -> str:
    """`:name` to psycopg's `%(name)s`."""
    return re.sub(r"(?<![:\w]):([a-z_]\w*)", r"%(\1)s", sql.replace("%", "%%"))


class _Tx:
    def __init__(self, connection: "psycopg.AsyncConnection[Row]") -> None:
        self._connection = connection

    async def _execute(self, sql: str, params: dict[str, Any]) -> "psycopg.AsyncCursor[Row]":
        import psycopg

        try:
            return await self._connection.execute(_translate(sql).encode(), params)
        except psycopg.errors.UniqueViolation as error:
            raise UniqueViolation(error.diag.constraint_name or str(error)) from error
        except psycopg.errors.ForeignKeyViolation as error:
            raise Conflict("Something that this request refers to was made or deleted meanwhile. Try again.") from error

    async def all(self, sql: str, /, **params: Any) -> list[Row]:
        return await (await self._execute(sql, params)).fetchall()

    async def one(self, sql: str, /, **params: Any) -> Row | None:
        return await (await self._execute(sql, params)).fetchone()

    async def scan(self, sql: str, /, **params: Any) -> list[Row]:
        return await self.all(sql, **params)

    def recall(self, key: Hashable) -> None:
        """Nothing: another node may have committed since, and only a statement could tell."""

    def keep(self, key: Hashable, value: Any) -> None:
        pass

    async def run(self, sql: str, /, **params: Any) -> int:
        return (await self._execute(sql, params)).rowcount

    async def run_many(self, sql: str, rows: list[dict[str, Any]], /) -> None:
        if len(rows) == 1:  # a pipeline for it would take longer
            await self._execute(sql, rows[0])
            return
        async with self._connection.cursor() as cursor:
            await cursor.executemany(_translate(sql).encode(), rows)


class PostgresDatabase:
    """A PostgreSQL database, by its URL."""

    dialect = "postgresql"

    def __init__(self, url: str, *, max_connections: int = 10) -> None:
        self._url = url
        self._max = max_connections
        self._probe = Probe(url)
        self._pool: psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Row]] | None = None

    async def open(self) -> None:
        try:
            import psycopg_pool
        except ImportError as error:
            raise Unavailable("PostgreSQL needs the extra: pip install 'modelkeep[postgres]'.") from error
        self._pool = psycopg_pool.AsyncConnectionPool(self._url, min_size=1, max_size=self._max, open=False, timeout=10)
        try:
            await self._pool.open(wait=True, timeout=10)
        except psycopg_pool.PoolTimeout as error:
            await self._pool.close()
            raise Unavailable("PostgreSQL does not answer. Check MODELKEEP_DATABASE_URL and the server.") from error

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None
        await self._probe.close()

    async def check(self, seconds: float) -> None:
        if self._pool is None:
            raise Unavailable("The database is closed: the server is stopping.")
        await self._probe.check(seconds)

    @asynccontextmanager
    async def _transaction(self, *, read_only: bool, single: bool = False) -> AsyncGenerator[_Tx]:
        import psycopg
        import psycopg_pool

        if self._pool is None:
            raise Unavailable("The database is closed: the server is stopping.")
        try:
            async with self._pool.connection() as connection:
                await connection.set_autocommit(single)
                await connection.set_read_only(read_only)
                await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ if read_only else None)
                yield _Tx(connection)
        except (psycopg_pool.PoolTimeout, psycopg.OperationalError) as error:
            raise Unavailable("The database does not answer. Try again in a moment.") from error

    def read(self) -> Any:
        return self._transaction(read_only=True)

    def single(self) -> Any:
        return self._transaction(read_only=True, single=True)

    def write(self) -> Any:
        return self._transaction(read_only=False)

    async def script(self, statements: list[str]) -> None:
        async with self._transaction(read_only=False) as tx:
            await tx.run(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            for statement in statements:
                await tx.run(statement)
