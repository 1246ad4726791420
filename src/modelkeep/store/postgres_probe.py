"""Does PostgreSQL answer? A connection of its own asks, so that neither a full pool nor a frozen server delays the answer."""

import asyncio
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from modelkeep.domain.errors import Unavailable

if TYPE_CHECKING:
    import psycopg


class DatabaseProbe:
    """Callers at the same moment share one question."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.AsyncConnection | None = None
        self._probed: psycopg.AsyncConnection | None = None
        self._running: asyncio.Task[None] | None = None

    async def check(self, seconds: float) -> None:
        """Raises Unavailable with the reason, after `seconds` at the latest."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._ask())
        running = self._running
        done, _ = await asyncio.wait((running,), timeout=seconds)
        if not done:
            if self._running is running:
                self._give_up()
            raise Unavailable(f"PostgreSQL did not answer within {seconds:g} seconds.")
        if running.cancelled():
            raise Unavailable("PostgreSQL did not answer in time.")
        running.result()

    async def close(self) -> None:
        if self._running is not None and not self._running.done():
            running = self._running
            self._give_up()
            await asyncio.wait((running,), timeout=1)
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _ask(self) -> None:
        import psycopg

        reused = self._connection is not None
        try:
            try:
                await self._select()
            except psycopg.Error:
                if not reused:
                    raise
                await self._select()  # the server closed the old connection; a new one tells
        except psycopg.Error as error:
            raise Unavailable("PostgreSQL does not answer. Check the server and its address.") from error

    async def _select(self) -> None:
        import psycopg

        connection, self._connection = self._connection, None
        if connection is None:
            connection = await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, prepare_threshold=None, application_name="modelkeep check"
            )
        self._probed = connection
        try:
            await (await connection.execute("SELECT 1")).fetchone()
        except BaseException:
            await connection.close()
            raise
        self._connection = connection

    def _give_up(self) -> None:
        """Ends the question: at the socket, where one is open, since a frozen server does not take a cancellation either."""
        if self._probed is not None:
            hang_up(self._probed)
        if self._running is not None:
            self._running.cancel()
        self._running = self._probed = None


def hang_up(connection: "psycopg.AsyncConnection[Any]") -> None:
    """Shut the connection's socket: a task that waits for an answer on it gets an OperationalError at once."""
    import psycopg

    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as own:
        own.shutdown(socket.SHUT_RDWR)
