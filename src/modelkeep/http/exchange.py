"""One request and its answer, between the connection and the application (ASGI)."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from modelkeep.domain.errors import RegistryError
from modelkeep.http.head import RequestHead
from modelkeep.http.messages import AT_ONCE, CANCELLABLE, SENDFILE
from modelkeep.http.sendfile import close_soon, send_file
from modelkeep.limits import BODY_WINDOW_BYTES
from modelkeep.observe.logs import log

Message = MutableMapping[str, Any]
Application = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_JOINED_BYTES = 64 * 1024  # a larger body is written by itself: joining it to its head would copy it
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_BODILESS = frozenset({204, 304})


def status_line(status: int) -> bytes:
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def refusal(status: int, code: str, message: str, date: bytes) -> bytes:
    """A whole answer that closes its connection, in the words of the API."""
    body = msgspec.json.encode({"error_code": code, "message": message})
    head = b"%scontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (date, len(body))
    return status_line(status) + head + body


class ConnectionLink(Protocol):
    """The connection, as a request sees it."""

    transport: asyncio.Transport

    @property
    def date(self) -> bytes: ...

    def read_on(self) -> None:
        """The application waits for the body."""
        ...

    def hold_on(self) -> None:
        """Enough of the body waits."""
        ...

    async def drain(self) -> None:
        """Wait until the peer has taken most of what was written."""
        ...

    def answered(self, exchange: "Exchange") -> None: ...


class Exchange:
    """A request in flight. Its application gets `at_once` and `send_file` as extensions of the ASGI scope."""

    __slots__ = (
        "_body",
        "_chunked",
        "_event",
        "_expects",
        "_unsent",
        "cancellable",
        "disconnected",
        "done",
        "head_only",
        "keep_alive",
        "link",
        "more_body",
        "old",
        "scope",
        "started",
        "task",
        "transport",
        "waiting",
    )

    def __init__(self, link: ConnectionLink, head: RequestHead) -> None:
        self.link = link
        self.transport = link.transport
        self.scope = head.scope
        self.keep_alive = head.keep_alive
        self.old = head.old
        self.more_body = head.length != 0
        self.head_only = head.scope["method"] == "HEAD"
        self.cancellable = False
        """Whether its work ends when its client leaves. What changes something is always brought to its end."""
        self.disconnected = self.done = self.started = self.waiting = False
        self.task: asyncio.Task[None] | None = None
        self._body = bytearray()
        self._expects = head.expects
        self._event: asyncio.Event | None = None
        self._chunked = False
        self._unsent = 0
        self.scope["extensions"] = {AT_ONCE: self.at_once, SENDFILE: self.send_file, CANCELLABLE: self.let_cancel}

    async def run(self, application: Application) -> None:
        try:
            await application(self.scope, self.receive, self.send)
        except Exception:
            log.exception("the application failed")
        finally:
            # They refer to this exchange, and it to the scope: the request would stay in memory until a collection of cycles.
            self.scope.pop("extensions", None)
            if not (self.done or self.disconnected):
                self._give_up()

    def _give_up(self) -> None:
        """The application ended without a whole answer."""
        if self.started:
            self.transport.abort()  # a shorter answer than announced must not look like a whole one
            return
        self.keep_alive = False
        self.started = True
        message = "Modelkeep failed before it could answer. Its log has the cause."
        self.transport.write(refusal(500, RegistryError.code, message, self.link.date))
        self._end()

    # --- called by the connection ------------------------------------------------------------------------------------

    def body(self, piece: bytes) -> None:
        if self.done or self.disconnected:
            return  # nobody will read it
        self._body += piece
        if self.crowded:
            self.link.hold_on()
        self._wake()

    def body_complete(self) -> None:
        self.more_body = False
        self._wake()

    def left(self) -> None:
        """The client is gone, or given up."""
        self.disconnected = True
        self._body = bytearray()
        self._wake()
        if self.cancellable and self.task is not None and not self.done:
            self.task.cancel()

    @property
    def crowded(self) -> bool:
        """Enough of the body waits."""
        return len(self._body) > BODY_WINDOW_BYTES

    @property
    def unsure(self) -> bool:
        """The client may or may not send the body that it announced, since the server never answered `100 Continue`."""
        return self._expects and self.more_body

    def _wake(self) -> None:
        if self._event is not None:
            self._event.set()

    # --- called by the application -----------------------------------------------------------------------------------

    def let_cancel(self) -> None:
        """What this request does may be cut short when its client leaves: it changes nothing."""
        self.cancellable = True
        if self.disconnected and self.task is not None:
            self.task.cancel()

    async def receive(self) -> Message:
        if self._expects and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._expects = False
        while not (self._body or self.disconnected or self.done) and self.more_body:
            if self._event is None:
                self._event = asyncio.Event()
            self._event.clear()
            self.waiting = True
            self.link.read_on()
            try:
                await self._event.wait()
            finally:
                self.waiting = False
        if self.done or self.disconnected:
            return {"type": "http.disconnect"}
        piece, self._body = bytes(self._body), bytearray()
        return {"type": "http.request", "body": piece, "more_body": self.more_body}

    def at_once(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """A whole answer in one write: two ASGI messages through `send` cost several times as much.

        Raises ValueError for a header that would break the answer in two."""
        if self.disconnected:
            return
        head = self._head(status, headers)
        self.started = True
        if len(body) <= _JOINED_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.write(head)
            self.transport.write(body)
        self._end()

    def _head(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        if self.unsure:
            self.keep_alive = False
        parts = [status_line(status), self.link.date]
        for name, value in headers:
            if b"\n" in value or b"\r" in value:
                raise ValueError(f"a line break in the value of the header {name!r}")
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        return b"".join(parts)

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """`count` bytes of a file as (part of) the body of the answer whose head, with its length, was sent. Closes the file."""
        try:
            await self.link.drain()
        except BaseException:
            close_soon(descriptor)
            raise
        await send_file(self, descriptor, offset, count)

    def sent(self, count: int) -> None:
        """Bytes of the body went around the transport."""
        self._unsent -= count

    async def send(self, message: Message) -> None:
        """Raises RuntimeError where the body is not of the length that was announced."""
        await self.link.drain()
        if self.disconnected or self.done:
            return
        if message["type"] == "http.response.start":
            self._start(message["status"], list(message["headers"]))
            return
        body, more_body = message.get("body", b""), message.get("more_body", False)
        if not self.head_only:
            self._write_body(body, more_body=more_body)
        if not more_body:
            self._end()

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        length = next((int(value) for name, value in headers if name == b"content-length"), None)
        self._unsent = length or 0
        if length is None and not self.head_only and status not in _BODILESS:
            if self.old:
                self.keep_alive = False  # the end of the connection is the end of the body
            else:
                headers.append((b"transfer-encoding", b"chunked"))
            self._chunked = True
        self.transport.write(self._head(status, headers))
        self.started = True

    def _write_body(self, body: bytes, *, more_body: bool) -> None:
        if self._chunked:
            if body:
                self.transport.writelines((body,) if self.old else (b"%x\r\n" % len(body), body, b"\r\n"))
            if not (more_body or self.old):
                self.transport.write(b"0\r\n\r\n")
            return
        self._unsent -= len(body)
        if self._unsent < 0 or (self._unsent and not more_body):
            raise RuntimeError("the body is not of the length that its head announced")
        if body:
            self.transport.write(body)

    def _end(self) -> None:
        self.done = True
        self._body = bytearray()  # nobody reads it now, and what waits to be read keeps the connection from reading on
        self._wake()
        self.link.answered(self)
