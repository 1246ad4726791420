"""The head of a request: complete before the parser sees it, so that every cost is linear and every size is known."""

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote

import httptools
import msgspec

from modelkeep.limits import MAX_HEADER_BYTES, MAX_HEADERS, MAX_URL_BYTES

HEAD_END = b"\r\n\r\n"
CHUNKED = -1
_BARE_LF = re.compile(rb"(?<!\r)\n")
_NOTED = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})
_INVALID = "The request is not valid HTTP. Check what the client sends, and any proxy between."
_LONG_URL = f"The address and its query are longer than {MAX_URL_BYTES} bytes. Send fewer or shorter parameters."
_LARGE = f"The headers have more than {MAX_HEADERS} fields or {MAX_HEADER_BYTES} bytes. Send fewer or shorter ones."


class BadRequest(Exception):
    """A request that is refused before anybody reads what it asks."""

    def __init__(self, reason: str, message: str = _INVALID, status: int = 400) -> None:
        super().__init__(message)
        self.reason = reason
        """One word, for the log and the metrics."""
        self.message = message
        self.status = status


class RequestHead(msgspec.Struct):
    """What the server itself needs of a request's head."""

    scope: MutableMapping[str, Any]
    """ASGI's, without the addresses of the connection"""
    length: int
    """bytes of the body, or CHUNKED"""
    keep_alive: bool
    old: bool
    """HTTP/1.0: the client knows no chunks"""
    expects: bool
    """The client waits for `100 Continue` before it sends the body."""


def check_incomplete(data: bytearray, start: int) -> None:
    """Refuse what will be no head, or too large a one, before the rest of it arrives. Raises BadRequest.

    `start`: where the bytes begin that were not checked before."""
    if not (65 <= data[0] <= 90) or _BARE_LF.search(data, start):
        raise BadRequest("malformed")
    if len(data) > MAX_URL_BYTES:
        line_end = data.find(b"\r\n", 0, MAX_URL_BYTES + 64)
        if line_end < 0:
            raise BadRequest("long_url", _LONG_URL)
        if len(data) - line_end > MAX_HEADER_BYTES:
            raise BadRequest("large_headers", _LARGE, 431)


class HeadParser:
    """Reads one head after the other. httptools does the work; only whole heads are given to it."""

    def __init__(self) -> None:
        self._parser: httptools.HttpRequestParser | None = None
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._noted: dict[bytes, bytes] = {}
        self._twice = b""
        self._keep_alive = False

    # Called by httptools.

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self._headers.append((name, value))
        if name in _NOTED:
            if name in self._noted:
                self._twice = name
            self._noted[name] = value.strip()

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._keep_alive = (
            self._parser.should_keep_alive()
        )  # forgotten with the end of the message, which may follow at once

    def parse(self, data: bytes) -> RequestHead:
        """`data` is one head, with the empty line at its end. Raises BadRequest."""
        self._begin()
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        parser = self._parser
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No other protocol is spoken here, so the offer is ignored and the request is one like any other (RFC 9110,
            # 7.8). This parser would take the body for that protocol.
            self._parser = None
        except httptools.HttpParserError as error:
            self._parser = None
            raise BadRequest("malformed") from error
        self._check_size(len(data))
        version = parser.get_http_version()
        length = self._length(version)
        keep_alive = version == "1.1" and self._keep_alive
        if length or not keep_alive:
            self._parser = None  # it would wait for a body, which never passes through it
        return RequestHead(self._scope(parser, version), length, keep_alive, version == "1.0", self._expects(version))

    def _check_size(self, size: int) -> None:
        if len(self._url) > MAX_URL_BYTES:
            raise BadRequest("long_url", _LONG_URL)
        if size - len(self._url) > MAX_HEADER_BYTES or len(self._headers) > MAX_HEADERS:
            raise BadRequest("large_headers", _LARGE, 431)

    def _length(self, version: str) -> int:
        """Bytes of the body, or CHUNKED. Raises BadRequest where two readers might disagree on it."""
        if version not in ("1.1", "1.0"):
            raise BadRequest("malformed")
        if self._twice:
            name = self._twice.decode().title()
            raise BadRequest("malformed", f"The request has two {name} headers. Send one.")
        if b"host" not in self._noted and version == "1.1":
            raise BadRequest("malformed", "The request has no Host header. Send one.")
        length, coding = self._noted.get(b"content-length"), self._noted.get(b"transfer-encoding")
        if coding is not None:
            if length is not None or version != "1.1" or coding.lower() != b"chunked":
                raise BadRequest("malformed")
            return CHUNKED
        if length is None:
            return 0
        if not length.isdigit() or len(length) > 18:
            raise BadRequest("malformed")
        return int(length)

    def _expects(self, version: str) -> bool:
        return version == "1.1" and self._noted.get(b"expect", b"").lower() == b"100-continue"

    def _scope(self, parser: httptools.HttpRequestParser, version: str) -> dict[str, Any]:
        try:
            url = httptools.parse_url(self._url)
            path = url.path.decode("ascii")
        except (httptools.HttpParserError, UnicodeDecodeError, AttributeError) as error:
            raise BadRequest("malformed") from error
        whole = not self._url.startswith((b"/", b"*"))  # scheme and host before the path
        if whole and url.host.lower() != self._noted.get(b"host", b"").partition(b":")[0].lower():
            raise BadRequest("malformed", "The address of the request and its Host header disagree.")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "method": parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "root_path": "",
            "headers": self._headers,
        }
