"""The HTTP server: it listens, gives places to connections, and stops without cutting what is under way."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate

import msgspec

from modelkeep.domain.errors import Unavailable
from modelkeep.http.connection import Connection
from modelkeep.http.connection_slots import ConnectionSlots, raise_descriptor_limit, room
from modelkeep.http.exchange import Application, Exchange, refusal
from modelkeep.http.lifecycle import Lifecycle
from modelkeep.http.proxies import TrustedProxies, behind_proxies
from modelkeep.limits import ACCEPT_PAUSE_S, ACCEPTS_PER_TURN, SWEEP_S
from modelkeep.observe import metrics
from modelkeep.observe.logs import limited, log

_BACKLOG = 2048
_ABORT_S = 10.0
"""What changes something and is still at work when the drain is over gets this long: then the process ends, as at a crash."""
_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_CROWDED = "There are too many connections. Close those that are not needed, or try again in a moment."


class Options(msgspec.Struct, frozen=True):
    """An operator's choices."""

    max_connections: int = 4096
    connections_per_address: int = 512
    """0 is no limit"""
    proxies: TrustedProxies = TrustedProxies()
    """They say who called; nobody else may choose its address."""
    lame_duck_s: float = 0.0
    drain_s: float = 60.0


def listener(host: str, port: int) -> socket.socket:
    """Raises OSError where the address is in use, or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


class HttpServer:
    """Answers requests on its listeners until `stop` is called."""

    def __init__(
        self,
        application: Application,
        listeners: Sequence[socket.socket],
        options: Options | None = None,
        lifecycle: Lifecycle | None = None,
    ) -> None:
        self.options = options = options or Options()
        self.lifecycle = lifecycle or Lifecycle()
        self.application = behind_proxies(application, options.proxies)
        self.clock: Callable[[], float] = time.monotonic
        self.date = b""
        self.draining = False
        self.started = asyncio.Event()
        self.places = ConnectionSlots(
            room(raise_descriptor_limit(), options.max_connections),
            options.connections_per_address,
            options.proxies,
        )
        self._listeners = list(listeners)
        self._connections: dict[Connection, None] = {}
        self._opening: dict[asyncio.Task[object], Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping, self._hurry = asyncio.Event(), asyncio.Event()

    # --- from start to stop ------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Returns when `stop` was called, or a signal came, and everything under way has ended or its time is over."""
        loop = asyncio.get_running_loop()
        self.clock = loop.time
        signals = [number for number in (signal.SIGINT, signal.SIGTERM) if self._listen_to(loop, number)]
        self._sweep()
        for listening in self._listeners:
            loop.add_reader(listening, self._accept, listening)
        self.started.set()
        try:
            await self._stopping.wait()
            await self._drain(loop)
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def _listen_to(self, loop: asyncio.AbstractEventLoop, number: int) -> bool:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread; Windows
            loop.add_signal_handler(number, self.stop)
            return True
        return False

    def stop(self) -> None:
        """Begin to stop; called again, stop at once."""
        if self._stopping.is_set():
            self._hurry.set()
        self.lifecycle.draining = True
        self._stopping.set()

    async def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        log.info("Modelkeep is stopping", connections=self.places.total)
        await self._unless_hurried(self.options.lame_duck_s)
        self.draining = True
        for listening in self._listeners:
            loop.remove_reader(listening)
            listening.close()
        for connection in list(self._connections):
            connection.close()
        deadline = loop.time() + self.options.drain_s
        while self.places.total and loop.time() < deadline and not self._hurry.is_set():
            await self._unless_hurried(0.05)
        if self.places.total:
            log.warning("requests are cut short by the stop", connections=self.places.total)
        for connection in list(self._connections):
            connection.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_ABORT_S)

    async def _unless_hurried(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), seconds)

    def _sweep(self) -> None:
        """Every second: the date, and who takes too long."""
        if not self.draining or self._connections:
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
        self.date = b"date: %s\r\n" % formatdate(time.time(), usegmt=True).encode()
        metrics.connections.set(self.places.total)
        now = self.clock()
        for connection in list(self._connections):
            connection.check_times(now)

    # --- connections -------------------------------------------------------------------------------------------------

    def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, address = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_DESCRIPTOR:
                    raise
                self._pause(loop, listening, error)
                return
            source: str = address[0]
            if refused := self._no_place(source):
                self._turn_away(sock, refused, source)
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.places.take(source)
            connection = Connection(self, source)
            task = loop.create_task(loop.connect_accepted_socket(lambda protocol=connection: protocol, sock))
            self._opening[task] = connection
            task.add_done_callback(self._not_opened)

    def _not_opened(self, task: "asyncio.Task[object]") -> None:
        connection = self._opening.pop(task)
        if (task.cancelled() or task.exception() is not None) and not connection.opened:
            self.places.give_back(connection.source)

    def _pause(self, loop: asyncio.AbstractEventLoop, listening: socket.socket, error: OSError) -> None:
        metrics.connections_refused.labels("no_descriptor").inc()
        limited(
            logging.ERROR, "no descriptor is free for a new connection", error=str(error), connections=self.places.total
        )
        loop.remove_reader(listening)

        def resume() -> None:
            if not self.draining:
                loop.add_reader(listening, self._accept, listening)

        loop.call_later(ACCEPT_PAUSE_S, resume)

    def _no_place(self, source: str) -> str:
        """Why this address gets no connection; '' where it does. An idle one makes room for it."""
        if self.places.crowded(source):
            return "per_address"
        if self.places.full:
            idle = next((connection for connection in self._connections if connection.idle), None)
            if idle is None:
                return "total"
            idle.close()
        return ""

    def _turn_away(self, sock: socket.socket, reason: str, source: str) -> None:
        metrics.connections_refused.labels(reason).inc()
        limited(
            logging.WARNING, "a connection was refused", reason=reason, source=source, connections=self.places.total
        )
        with contextlib.suppress(OSError):
            sock.setblocking(False)
            sock.send(refusal(Unavailable.status, Unavailable.code, _CROWDED, self.date))
        sock.close()

    # --- called by connections ---------------------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        self._connections[connection] = None

    def start(self, connection: Connection, exchange: Exchange) -> None:
        task = exchange.task = asyncio.get_running_loop().create_task(exchange.run(self.application))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def closed(self, connection: Connection) -> None:
        """Its place is free, once the work that it began has ended: leaving early is no way to have more at work."""
        self._connections.pop(connection, None)
        exchange = connection.exchange
        if exchange is None or exchange.task is None or exchange.task.done():
            self.places.give_back(connection.source)
        else:
            exchange.task.add_done_callback(lambda _: self.places.give_back(connection.source))

    def refused(self, reason: str, source: str) -> None:
        metrics.refused_early.labels(reason).inc()
        limited(logging.INFO, "a request was refused before it was read", reason=reason, source=source)
