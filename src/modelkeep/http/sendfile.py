"""Files sent by the kernel: no byte passes through Python, and a slow client holds no thread."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from modelkeep.domain.errors import Unavailable
from modelkeep.http.progress import Progress, in_flight
from modelkeep.limits import STALLED_S

_WINDOW = 1 << 20  # bytes of one call
T = TypeVar("T")

# Threads of their own: slow disks must not starve the database's.
_pool = ThreadPoolExecutor(8, "sendfile")


class Receiver(Protocol):
    """The request whose answer the file is."""

    transport: asyncio.Transport
    disconnected: bool

    def sent(self, count: int) -> None: ...


async def send_file(receiver: Receiver, path: Path, offset: int, count: int) -> None:
    """Raises Unavailable where the file is shorter than `offset` + `count`."""
    fd = await _opened(path)
    try:
        await _head_gone(receiver)
        # uvloop and asyncio refuse to watch the descriptor of one of their own transports, and take a duplicate.
        sock = os.dup(receiver.transport.get_extra_info("socket").fileno())
        try:
            await _copy(receiver, sock, fd, offset, count)
        finally:
            os.close(sock)
    finally:
        _pool.submit(os.close, fd)


async def _opened(path: Path) -> int:
    work = asyncio.get_running_loop().run_in_executor(_pool, os.open, path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return await _finished(work)
    except asyncio.CancelledError:
        if not work.cancelled() and work.exception() is None:
            _pool.submit(os.close, work.result())
        raise


async def _finished(work: asyncio.Future[T]) -> T:
    """Its result. A thread goes on where its caller is cancelled: its descriptors must stay open until it ends."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((work,))
        raise


async def _head_gone(receiver: Receiver) -> None:
    """What was written to the transport must leave before bytes go around it."""
    delay = 0.0
    while receiver.transport.get_write_buffer_size() and not receiver.disconnected:
        await asyncio.sleep(delay)
        delay = 0.002


async def _copy(receiver: Receiver, sock: int, fd: int, offset: int, count: int) -> None:
    loop = asyncio.get_running_loop()
    progress = Progress(STALLED_S)
    while count and not receiver.disconnected:
        call: Callable[..., int] = os.sendfile
        try:
            sent = await _finished(loop.run_in_executor(_pool, call, sock, fd, offset, min(count, _WINDOW)))
        except BlockingIOError:
            if await _moves(loop, sock, progress):
                continue
            _abort(receiver)
            return
        except (BrokenPipeError, ConnectionResetError):
            _abort(receiver)
            return
        if not sent:
            raise Unavailable("A stored file is shorter than recorded. Its operator should run `modelkeep check`.")
        offset, count = offset + sent, count - sent
        receiver.sent(sent)


def _abort(receiver: Receiver) -> None:
    receiver.disconnected = True  # nothing more is sent, and nobody complains
    receiver.transport.abort()


async def _moves(loop: asyncio.AbstractEventLoop, sock: int, progress: Progress) -> bool:
    """Wait until the socket takes more, for a window at most; False where its reader takes too little."""
    before, begun = in_flight(sock), loop.time()
    ready: asyncio.Future[Any] = loop.create_future()
    loop.add_writer(sock, lambda: ready.done() or ready.set_result(None))
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(ready, STALLED_S)
    finally:
        loop.remove_writer(sock)
    progress.moved(max(before - in_flight(sock), 0))
    return not progress.too_slow(loop.time() - begun)
