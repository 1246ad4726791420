"""One HTTP request and one answer, as every dialect sees them: a thin typed skin over ASGI."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from modelkeep.domain.errors import InvalidArgument
from modelkeep.http.bodies import memory, too_large, unpacked
from modelkeep.limits import JSON_BYTES, SMALL_BODY_BYTES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = b"application/json"

# Extensions of the ASGI scope that our own server offers.
AT_ONCE = "modelkeep.at_once"
"""(status, headers, body): a whole answer in one write"""
SENDFILE = "modelkeep.sendfile"
"""async (path, offset, count): bytes of a file, sent by the kernel, as part of the body that was announced"""
CANCELLABLE = "modelkeep.cancellable"
"""(): this request changes nothing, so its work ends when its client leaves"""


class Disconnected(Exception):
    """The client went away before it had sent the whole body."""


class RequestWorkspace(msgspec.Struct, frozen=True):
    """A workspace as a request came to it."""

    workspace_id: str
    address: str
    """scheme://host[:port] as it is configured, without a slash at the end: all URLs of this server begin so"""
    headers: tuple[tuple[bytes, bytes], ...] = ((b"x-content-type-options", b"nosniff"),)
    """of every answer"""


NOWHERE = RequestWorkspace("", "")


class Request:
    """What arrived. `path` is percent-decoded exactly once (by the server); `raw_path` is as sent."""

    __slots__ = (
        "_body",
        "_memory",
        "_receive",
        "caller",
        "headers",
        "id",
        "method",
        "path",
        "raw_path",
        "scope",
        "site",
        "waited",
    )

    def __init__(self, scope: Scope, receive: Receive, request_id: str) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_path: bytes = scope.get("raw_path") or b""
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.id = request_id
        self.site = NOWHERE
        self.caller = ""
        """The principal's id, once it has signed in"""
        self._receive = receive
        self._body: bytes | None = None
        self._memory = 0
        """Bytes that this request has of the memory for large bodies"""
        self.waited = 0.0
        """Seconds in which the body had not arrived: the client's time, and not ours"""

    @property
    def query_string(self) -> bytes:
        return self.scope["query_string"]

    @property
    def source(self) -> str:
        """The peer's address, or '' on a Unix socket."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def length(self) -> int:
        """bytes of the body, -1 where the client does not say"""
        length = self.header(b"content-length")
        return int(length) if length.isdecimal() else -1

    @property
    def has_body(self) -> bool:
        """Whether the head announces a body that is not empty."""
        return self.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in self.headers

    def check_path(self) -> None:
        """Raises InvalidArgument where the path is no percent-encoded UTF-8: two such paths would be read as one."""
        if "\ufffd" not in self.path:
            return
        try:
            unquote_to_bytes(self.raw_path).decode()
        except UnicodeDecodeError as error:
            raise InvalidArgument("The path must be percent-encoded UTF-8.") from error

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def let_cancel(self) -> None:
        """This request changes nothing: its work ends when its client leaves."""
        offer = self.scope.get("extensions", {}).get(CANCELLABLE)
        if offer is not None:
            offer()

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises Disconnected when the client leaves early."""
        more_body = True
        while more_body:
            waits_since = time.perf_counter()
            message = await self._receive()
            self.waited += time.perf_counter() - waits_since
            if message["type"] == "http.disconnect":
                raise Disconnected
            more_body = message.get("more_body", False)
            if chunk := message.get("body", b""):
                yield chunk

    async def body(self, limit: int = JSON_BYTES) -> bytes:
        """The whole body, unpacked where it came as gzip, the same at each call; raises InvalidArgument above `limit` bytes
        (never 413: clients retry that for minutes), and Throttled where too many large ones are in memory."""
        if self._body is None:
            self._body = await self.raw_body(limit)
            if self._body and (coding := self.header(b"content-encoding")):
                self._body = await unpacked(self.caller, self._body, coding, limit)
                if (extra := len(self._body) - max(self._memory, SMALL_BODY_BYTES)) > 0:
                    self._take_memory(extra)
        return self._body

    async def raw_body(self, limit: int = JSON_BYTES) -> bytes:
        """As `body`, once, as it was sent: the bytes of a file are the caller's own."""
        if self.length > limit:
            raise too_large(limit)
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            if size > SMALL_BODY_BYTES:
                self._take_memory(size - self._memory)
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _take_memory(self, amount: int) -> None:
        memory.take(self.caller or self.source, amount)
        self._memory += amount

    def release(self) -> None:
        """Nobody needs the body any more."""
        if self._memory:
            memory.give_back(self.caller or self.source, self._memory)
            self._memory = 0


class Response(msgspec.Struct):
    """What is answered. A streamed body must know its length, or leave it out on purpose (chunked)."""

    status: int
    body: bytes | AsyncIterator[bytes] = b""
    headers: list[tuple[bytes, bytes]] = []
    length: int | None = None
    """bytes of a streamed body, when known"""


def json_response(value: Any, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> Response:
    """`value` (structs, dicts, lists, scalars) as a JSON answer."""
    return Response(status, msgspec.json.encode(value), [(b"content-type", JSON), *(headers or [])])
