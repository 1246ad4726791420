"""The HTTP server: uvicorn as this program needs it, with a wide window for bodies and files sent by the kernel."""

import asyncio
import functools
import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from uvicorn.protocols.http import httptools_impl

from modelkeep.core.errors import InvalidArgument, Unavailable
from modelkeep.wire.app import AT_ONCE, App

SENDFILE = "modelkeep.sendfile"
_WINDOW = 1 << 20  # bytes
_KEEP_ALIVE_S = 75  # longer than clients' pools keep a connection unused, so that none meets one just closed

_STALLED_S = 300
_MAX_URL = 65_535  # bytes; httptools' own limit

# uvicorn stops reading from a socket whenever this much of a body waits. Its 64 KiB make every read of a fast upload
# stop and go; a full read's worth costs a fifth less CPU per byte, and memory stays bounded by it.
httptools_impl.HIGH_WATER_LIMIT = _WINDOW  # pyright: ignore[reportPrivateImportUsage]

# Threads of their own: slow disks must not starve the database's.
_pool = ThreadPoolExecutor(8, "sendfile")


def at_once(cycle: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """A whole answer in one write: two ASGI messages through `send` cost several times as much.

    `cycle` is uvicorn's RequestResponseCycle. Raises ValueError for a header that would break the answer in two.
    """
    if cycle.disconnected:
        return
    parts = [httptools_impl.STATUS_LINE[status]]
    for name, value in (*cycle.default_headers, *headers):
        if b"\n" in value or b"\r" in value:
            raise ValueError(f"a line break in the value of the header {name!r}")
        parts += (name, b": ", value, b"\r\n")
    parts += (b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", body)
    cycle.transport.write(b"".join(parts))
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


async def send_file(cycle: Any, path: Path, offset: int, count: int) -> None:
    """Send `count` bytes of a file as (part of) the body of the answer whose head, with its length, was sent.

    `cycle` is uvicorn's RequestResponseCycle. No byte passes through Python; a slow client holds no thread.
    """
    loop = asyncio.get_running_loop()
    fd = await loop.run_in_executor(_pool, os.open, path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        await _head_gone(cycle)
        # uvloop and asyncio refuse to watch the descriptor of one of their own transports, and take a duplicate.
        sock = os.dup(cycle.transport.get_extra_info("socket").fileno())
        try:
            await _copy(loop, cycle, sock, fd, offset, count)
        finally:
            os.close(sock)
    finally:
        await loop.run_in_executor(_pool, os.close, fd)


async def _head_gone(cycle: Any) -> None:
    """What uvicorn has written to the transport must leave before bytes go around it."""
    delay = 0.0
    while cycle.transport.get_write_buffer_size() and not cycle.disconnected:
        await asyncio.sleep(delay)
        delay = 0.002


async def _copy(loop: asyncio.AbstractEventLoop, cycle: Any, sock: int, fd: int, offset: int, count: int) -> None:
    while count and not cycle.disconnected:
        try:
            sent = await loop.run_in_executor(_pool, os.sendfile, sock, fd, offset, min(count, _WINDOW))
        except BlockingIOError:
            if await _room(loop, sock):
                continue
            cycle.disconnected = True
            cycle.transport.abort()
            return
        except (BrokenPipeError, ConnectionResetError):
            cycle.disconnected = True  # as uvicorn itself notes it: nothing more is sent, and nobody complains
            cycle.transport.close()
            return
        if not sent:
            raise Unavailable("A stored file is shorter than recorded. Its operator should run `modelkeep check`.")
        offset, count = offset + sent, count - sent
        cycle.expected_content_length -= sent  # uvicorn checks at the end that what was announced was sent


async def _room(loop: asyncio.AbstractEventLoop, sock: int) -> bool:
    """Wait until the socket takes more; False where its reader took nothing for minutes."""
    ready = loop.create_future()
    loop.add_writer(sock, lambda: ready.done() or ready.set_result(None))
    try:
        await asyncio.wait_for(ready, _STALLED_S)
    except TimeoutError:
        return False
    finally:
        loop.remove_writer(sock)
    return True


class Protocol(httptools_impl.HttpToolsProtocol):
    """Offers `at_once` to the application, and `send_file` on plain connections (TLS has to pass through Python)."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._plain = transport.get_extra_info("sslcontext") is None

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        extensions: dict[str, Any] = {AT_ONCE: functools.partial(at_once, cycle)}
        if self._plain:
            extensions[SENDFILE] = functools.partial(send_file, cycle)
        cycle.scope["extensions"] = extensions
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or has a URL that the parser does not take: in the words of the API, as for any bad request."""
        if len(getattr(self, "url", b"")) > _MAX_URL:
            msg = f"The address and its query are longer than {_MAX_URL} bytes. Send fewer or shorter parameters."
        else:
            msg = "The request is not valid HTTP. Check what the client sends, and any proxy between."
        body = msgspec.json.encode({"error_code": InvalidArgument.code, "message": msg})
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(httptools_impl.STATUS_LINE[400] + head + body)
        self.transport.close()


def configuration(app: App, host: str, port: int, *, behind_proxy: bool = False) -> uvicorn.Config:
    """`behind_proxy`: a proxy on loopback says who called (X-Forwarded-For); otherwise no caller may choose its address."""
    return uvicorn.Config(
        app, host=host, port=port, http=Protocol, ws="none", lifespan="off", access_log=False, log_config=None,
        server_header=False, backlog=2048, timeout_keep_alive=_KEEP_ALIVE_S, timeout_graceful_shutdown=5,
        proxy_headers=behind_proxy,
    )  # fmt: skip


def listener(host: str, port: int) -> socket.socket:
    """Raises OSError where the address is in use, or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle on
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


async def serve(
    app: App,
    host: str,
    port: int,
    *,
    behind_proxy: bool = False,
    listeners: Sequence[socket.socket] = (),
    started: Callable[[uvicorn.Server], None] | None = None,
) -> None:
    """Answer requests until a signal says stop. `started` is told the server, whose `should_exit` stops it, too.

    `listeners`: all sockets to listen on, where there are more than the one of `host` and `port`."""
    server = uvicorn.Server(configuration(app, host, port, behind_proxy=behind_proxy))
    if started is not None:
        started(server)
    await server.serve(sockets=list(listeners) or None)
