"""HTTP to a model's process over its Unix socket: raw connections that are used again, answers as streams.

A client library costs more than a small model's whole prediction, and this is one kind of request to one kind of server.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httptools

from modelkeep.limits import SERVING_HEAD_BYTES, SERVING_IDLE_CONNECTIONS

_READ_BYTES = 256 << 10


class ProcessGone(Exception):
    """The process ended, or closed the connection, before its answer was whole."""


class ModelAnswer:
    """The head of an answer; its body comes from `chunks`, once."""

    def __init__(self, connection: "_Connection", pool: "Connections") -> None:
        self.status = 0
        self.content_type = ""
        self._connection = connection
        self._pool = pool

    @property
    def complete(self) -> bool:
        """All of it has come, if not been taken."""
        return self._connection.complete

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body as it comes. Raises ProcessGone. The connection is used again where the body was read to its end."""
        try:
            while True:
                for chunk in self._connection.take():
                    yield chunk
                if self._connection.complete:
                    break
                await self._connection.read()
        finally:
            self._pool.give_back(self._connection)


class Connections:
    """Those to one process."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._idle: deque[_Connection] = deque()

    async def post(self, path: str, body: bytes, content_type: str) -> ModelAnswer:
        """Raises ProcessGone. Cancelled, its connection closes."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return await self._send(head.encode("latin-1"), body)

    async def get(self, path: str) -> int:
        """The status."""
        answer = await self._send(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode(), b"")
        async for _ in answer.chunks():
            pass
        return answer.status

    async def _send(self, head: bytes, body: bytes) -> ModelAnswer:
        while self._idle:
            connection = self._idle.pop()
            if not connection.usable:
                connection.close()
                continue
            try:
                return await self._exchange(connection, head, body)
            except ProcessGone:
                # The process may close a connection that waits, in the very moment in which it is used again. A process that
                # ended takes no new connection.
                if connection.head_begun:
                    raise
        try:
            reader, writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            raise ProcessGone from error
        return await self._exchange(_Connection(reader, writer), head, body)

    async def _exchange(self, connection: "_Connection", head: bytes, body: bytes) -> ModelAnswer:
        try:
            answer = ModelAnswer(connection, self)
            connection.begin(answer)
            connection.writer.write(head + body if len(body) < _READ_BYTES else head)
            if len(body) >= _READ_BYTES:
                connection.writer.write(body)
            await connection.writer.drain()
            while not connection.head_complete:
                await connection.read()
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError):
                raise ProcessGone from error
            raise
        return answer

    def give_back(self, connection: "_Connection") -> None:
        if connection.complete and connection.usable and len(self._idle) < SERVING_IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Those that wait; those in use close when their answers end."""
        while self._idle:
            self._idle.pop().close()


class _Connection:
    """One connection, and the parser of the answer that is on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head_complete = False
        self.head_begun = False
        self.complete = False
        self._keep_alive = True
        self._chunks: list[bytes] = []
        self._head_bytes = 0
        self._answer: ModelAnswer
        self._parser: Any = None

    @property
    def usable(self) -> bool:
        return self._keep_alive and not self.reader.at_eof() and not self.writer.is_closing()

    def begin(self, answer: ModelAnswer) -> None:
        self._answer = answer
        self.head_begun = self.head_complete = self.complete = False
        self._chunks, self._head_bytes = [], 0
        self._parser = httptools.HttpResponseParser(self)

    def take(self) -> list[bytes]:
        """What of the body has come and was not taken yet."""
        chunks, self._chunks = self._chunks, []
        return chunks

    async def read(self) -> None:
        """Raises ProcessGone."""
        try:
            data = await self.reader.read(_READ_BYTES)
        except OSError as error:
            raise ProcessGone from error
        if not data:
            raise ProcessGone
        self.head_begun = True
        if not self.head_complete:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise ProcessGone from error
        if not self.head_complete and self._head_bytes > SERVING_HEAD_BYTES:
            raise ProcessGone

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may be closed
            self.writer.close()

    # what the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._answer.content_type = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        self._keep_alive = self._parser.should_keep_alive()
        self.head_complete = True

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        self.complete = True
