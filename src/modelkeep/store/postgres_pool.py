"""A bounded pool of connections to PostgreSQL for one kind of work. None of them waits for ever, whatever the server does."""

import asyncio
import select
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

from modelkeep import limits
from modelkeep.domain.errors import Throttled, Unavailable
from modelkeep.observe import metrics
from modelkeep.store.db import Row
from modelkeep.store.postgres_errors import AWAY, FULL
from modelkeep.store.postgres_probe import hang_up

if TYPE_CHECKING:
    import psycopg
    import psycopg_pool

_T = TypeVar("_T")
_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}


class Bounds:
    """The deadlines of one pool's statements."""

    def __init__(self, statement_s: float, wait_s: float) -> None:
        self.statement_s = statement_s
        self.wait_s = wait_s

    def settings(self) -> dict[str, int]:
        """The server's own, in milliseconds. They end a statement a little earlier than we do: the connection then stays."""
        return {
            "statement_timeout": server_ms(self.statement_s),
            "lock_timeout": server_ms(min(self.statement_s, self.wait_s)),
            "idle_in_transaction_session_timeout": limits.IDLE_IN_TRANSACTION_S * 1000,
        }


def server_ms(seconds: float) -> int:
    return max(1, int(seconds * 900))


class Pool:
    """`work`: its label in the metrics."""

    def __init__(self, url: str, work: str, most: int, bounds: Bounds, *, read_only: bool, pooler: bool) -> None:
        self.work = work
        self.read_only = read_only
        self.bounds = bounds
        self.most = most
        self._url = url
        self._pooler = pooler
        self._pool: psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Row]] | None = None

    @property
    def is_open(self) -> bool:
        return self._pool is not None

    @property
    def opened(self) -> int:
        """Connections that there are."""
        return self._pool.get_stats().get("pool_size", 0) if self._pool is not None else 0

    def arguments(self) -> dict[str, Any]:
        """Of a connection. Behind a pooler, which gives each transaction another session, nothing of the session counts."""
        import psycopg.conninfo

        arguments: dict[str, Any] = {
            "connect_timeout": limits.CONNECT_S,
            "application_name": "modelkeep",
            "tcp_user_timeout": int(self.bounds.statement_s * 1000),
            "prepare_threshold": None if self._pooler else 5,
        } | _KEEPALIVE
        if not self._pooler:
            own = psycopg.conninfo.conninfo_to_dict(self._url).get("options") or ""
            ours = (f"-c {name}={value}" for name, value in self.bounds.settings().items())
            arguments["options"] = " ".join(filter(None, (str(own), *ours)))
        return arguments

    async def open(self, seconds: float) -> None:
        """Raises psycopg_pool.PoolTimeout."""
        import psycopg_pool

        self._pool = psycopg_pool.AsyncConnectionPool(
            self._url,
            kwargs=self.arguments(),
            configure=self._configure,
            min_size=1,
            max_size=self.most,
            max_waiting=limits.POSTGRES_WAITING,
            open=False,
            timeout=self.bounds.wait_s,
            reconnect_timeout=limits.CONNECT_S,
        )
        await self._pool.open(wait=True, timeout=seconds)

    async def _configure(self, connection: "psycopg.AsyncConnection[Row]") -> None:
        """How its transactions begin: only here, never as a setting of the session."""
        import psycopg

        await connection.set_read_only(self.read_only)
        if self.read_only:
            await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close(timeout=1)

    async def take(self) -> "psycopg.AsyncConnection[Row]":
        """One for the caller alone, until `give`. Raises Unavailable, Throttled."""
        import psycopg_pool

        if (pool := self._pool) is None:
            raise Unavailable("The database is closed: the server is stopping.")
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            while True:
                connection = await pool.getconn(max(0.001, begun + self.bounds.wait_s - loop.time()))
                if not _lost(connection):
                    return connection
                await connection.close()
                await pool.putconn(connection)  # another one is made in its place
        except psycopg_pool.TooManyRequests as error:
            raise Throttled(FULL) from error
        except psycopg_pool.PoolTimeout as error:
            metrics.database_deadlines.labels(self.work).inc()
            raise Unavailable(FULL if self._busy(pool) else AWAY) from error
        except psycopg_pool.PoolClosed as error:
            raise Unavailable("The database is closed: the server is stopping.") from error
        finally:
            metrics.database_wait.labels(self.work).observe(loop.time() - begun)

    async def give(self, connection: "psycopg.AsyncConnection[Row]") -> None:
        """Back; closed where it is in the middle of something."""
        if connection.pgconn.transaction_status != 0:  # idle
            await connection.close()
        if self._pool is not None:
            await self._pool.putconn(connection)
        else:
            await connection.close()

    def _busy(self, pool: "psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Row]]") -> bool:
        return pool.get_stats().get("pool_size", 0) >= self.most


class Deadline:
    """Of the statements of one connection, one after the other."""

    def __init__(self, connection: "psycopg.AsyncConnection[Row]", work: str) -> None:
        self._connection = connection
        self._work = work

    async def within(self, seconds: float, statement: Awaitable[_T]) -> _T:
        """Its result. At the deadline the connection is hung up, since a server that is frozen takes no cancellation."""
        timer = asyncio.get_running_loop().call_later(seconds, self._pass)
        try:
            return await statement
        finally:
            timer.cancel()

    def _pass(self) -> None:
        metrics.database_deadlines.labels(self._work).inc()
        hang_up(self._connection)


def _lost(connection: "psycopg.AsyncConnection[Row]") -> bool:
    """Did the server end it while it was idle? Read from the socket alone: an idle server says nothing but farewell."""
    import psycopg

    try:
        poll = select.poll()
        poll.register(connection.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))
    except (psycopg.Error, OSError):  # it is closed
        return True
