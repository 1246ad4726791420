"""Files sent by the kernel: no byte passes through Python, and a slow client holds no thread."""

import asyncio
import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

from modelkeep.domain.errors import Unavailable
from modelkeep.http.progress import Progress, in_flight
from modelkeep.limits import STALLED_S, STORE_STALL_S

_WINDOW = 1 << 20  # bytes of one call

# Threads of their own: slow disks must not starve the database's.
_pool = ThreadPoolExecutor(8, "sendfile")


class Receiver(Protocol):
    """The request whose answer the file is."""

    transport: asyncio.Transport
    disconnected: bool

    def sent(self, count: int) -> None: ...


async def send_file(receiver: Receiver, descriptor: int, offset: int, count: int) -> None:
    """Closes the descriptor. Raises Unavailable where the file is shorter than `offset` + `count`, or its disk does not answer
    for `STORE_STALL_S` seconds."""
    file = _OpenFile(descriptor)
    try:
        await _head_gone(receiver)
        # uvloop and asyncio refuse to watch the descriptor of one of their own transports, and take a duplicate.
        file.socket = os.dup(receiver.transport.get_extra_info("socket").fileno())
        await _copy(receiver, file, offset, count)
    finally:
        file.close()


def close_soon(descriptor: int) -> None:
    """In a thread: a file system that hangs may hang here, too."""
    _pool.submit(os.close, descriptor)


class _OpenFile:
    """A file and the socket that it goes to. Both stay open while a thread is at work with them, whatever its caller does."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.socket = -1
        self._work: Future[int] | None = None

    async def send(self, offset: int, count: int) -> int:
        """How many bytes the socket took. Raises BlockingIOError where it takes none, Unavailable, and what the kernel says."""
        self._work = work = _pool.submit(os.sendfile, self.socket, self._descriptor, offset, count)
        waiter = asyncio.wrap_future(work)
        done, _ = await asyncio.wait((waiter,), timeout=STORE_STALL_S)
        if not done:
            waiter.cancel()
            raise Unavailable(
                f"The storage folder did not answer within {STORE_STALL_S:g} seconds. Try again in a moment."
            )
        return waiter.result()

    def close(self) -> None:
        if self._work is None or self._work.done():
            self._close()
        else:
            self._work.add_done_callback(lambda _: self._close())

    def _close(self) -> None:
        if self.socket >= 0:
            os.close(self.socket)
        close_soon(self._descriptor)


async def _head_gone(receiver: Receiver) -> None:
    """What was written to the transport must leave before bytes go around it."""
    delay = 0.0
    while receiver.transport.get_write_buffer_size() and not receiver.disconnected:
        await asyncio.sleep(delay)
        delay = 0.002


async def _copy(receiver: Receiver, file: _OpenFile, offset: int, count: int) -> None:
    loop = asyncio.get_running_loop()
    progress = Progress(STALLED_S)
    while count and not receiver.disconnected:
        try:
            sent = await file.send(offset, min(count, _WINDOW))
        except BlockingIOError:
            if await _moves(loop, file.socket, progress):
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
