"""One connection: one request at a time, in order. What its peer sends ahead, does not send, or does not read is bounded."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from modelkeep.domain.errors import InvalidArgument
from modelkeep.http.chunked import Chunked
from modelkeep.http.exchange import Application, Exchange, refusal
from modelkeep.http.head import CHUNKED, HEAD_END, BadRequest, HeadParser, check_incomplete
from modelkeep.http.progress import Progress, in_flight
from modelkeep.limits import BODY_S, HEAD_S, KEEP_ALIVE_S, LINGER_BYTES, LINGER_S, PEER_WINDOW_S, PIPELINE_BYTES

HEAD, BODY, BUSY, LINGER = "head", "body", "busy", "linger"
_LATE = "The request did not arrive in time. Send it again, and check the network and any proxy between."


class Keeper(Protocol):
    """The server, as its connections see it."""

    application: Application
    clock: Callable[[], float]
    date: bytes
    """the header field, with its line break"""
    draining: bool

    def start(self, connection: "Connection", exchange: Exchange) -> None: ...

    def opened(self, connection: "Connection") -> None: ...

    def closed(self, connection: "Connection") -> None: ...

    def refused(self, reason: str, source: str) -> None: ...


class Connection(asyncio.Protocol):
    """The bytes of a connection, as requests and answers."""

    transport: asyncio.Transport

    def __init__(self, keeper: Keeper, source: str) -> None:
        """`source`: the peer's address."""
        self.source = source
        self.phase = HEAD
        self.exchange: Exchange | None = None
        self.opened = self.lost = False
        self._keeper = keeper
        self._since = keeper.clock()
        """When the last byte of a body came, the first of a head, or when the last answer was complete"""
        self._parser = HeadParser()
        self._ahead = bytearray()
        """what came and was not read yet"""
        self._left = 0
        """bytes of the body that have not come, where its length is known"""
        self._chunks: Chunked | None = None
        self._served = 0
        self._paused = self._full = False
        self._drained: asyncio.Event | None = None
        self._unsent = 0
        """bytes of answers that the peer had not taken at the last check, while some of them waited in memory"""
        self._checked = self._since
        self._incoming, self._outgoing = Progress(PEER_WINDOW_S), Progress(PEER_WINDOW_S)
        self._lingered = 0

    # --- called by the event loop ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.opened = True
        self._keeper.opened(self)
        address = transport.get_extra_info("peername")
        self._client = (address[0], address[1]) if address else None
        address = transport.get_extra_info("sockname")
        self._server = (address[0], address[1]) if address else None

    def data_received(self, data: bytes) -> None:
        phase = self.phase
        if phase is HEAD and not self._full:
            self._read_head(data)
        elif phase is BODY:
            self._since = self._keeper.clock()
            self._incoming.moved(len(data))
            self._read_body(data)
        elif phase is not LINGER:
            self._ahead += data
            if len(self._ahead) > PIPELINE_BYTES:
                self.hold_on()
        else:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES:
                self.transport.abort()

    def eof_received(self) -> bool:
        """A peer that sends no more has left: nothing on the wire tells one that would still read from one that is gone."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.resume_writing()
        if self.exchange is not None:
            self.exchange.left()
        self._ahead = bytearray()
        self._keeper.closed(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._outgoing.restart()  # the peer took most of what waited
        if self._drained is not None:
            self._drained.set()
            self._drained = None
        if self.phase is HEAD and self._ahead and not self.lost:
            self._read_ahead()

    # --- called by the request in flight -----------------------------------------------------------------------------

    @property
    def date(self) -> bytes:
        return self._keeper.date

    def read_on(self) -> None:
        if self.phase is BODY:
            self._since = self._keeper.clock()
        if self._paused and not self.lost:
            self._paused = False
            self.transport.resume_reading()

    def hold_on(self) -> None:
        if not self._paused and not self.lost:
            self._paused = True
            self.transport.pause_reading()

    async def drain(self) -> None:
        if self._full and not self.lost:
            if self._drained is None:
                self._drained = asyncio.Event()
            await self._drained.wait()

    def answered(self, exchange: Exchange) -> None:
        """The answer is complete: the next request may begin, or the connection ends."""
        if self.lost or self.phase is LINGER:
            return
        if not exchange.keep_alive or self._keeper.draining:
            self._end()
            return
        if self.phase is BUSY:
            self._next()
        else:
            self.read_on()  # what is left of the body belongs to nobody, and goes by

    # --- the next request --------------------------------------------------------------------------------------------

    def _next(self) -> None:
        self.exchange = None
        self.phase = HEAD
        self._served += 1
        self._since = self._keeper.clock()
        if not self._ahead:
            self.read_on()
        elif not self._full:  # else when the peer has read what it got
            self._read_ahead()

    def _read_ahead(self) -> None:
        data, self._ahead = bytes(self._ahead), bytearray()
        self._read_head(data)
        if len(self._ahead) <= PIPELINE_BYTES:
            self.read_on()

    def _read_head(self, data: bytes) -> None:
        try:
            if self._ahead:
                start = len(self._ahead)
                self._ahead += data
                end = self._ahead.find(HEAD_END, max(start - 3, 0))
                if end < 0:
                    check_incomplete(self._ahead, start)
                    return
                data, self._ahead = bytes(self._ahead), bytearray()
            else:
                if data[:1] in (b"\r", b"\n"):
                    data = data.lstrip(b"\r\n")  # after the body of the last request; of no meaning (RFC 9112, 2.2)
                    if not data:
                        return
                end = data.find(HEAD_END)
                if end < 0:
                    self._since = self._keeper.clock()
                    self._ahead += data
                    check_incomplete(self._ahead, 0)
                    self.read_on()
                    return
            self._begin(data, end + len(HEAD_END))
        except BadRequest as error:
            self._refuse(error)

    def _begin(self, data: bytes, end: int) -> None:
        """The request whose head ends at `end`. Raises BadRequest."""
        rest = data[end:]
        head = self._parser.parse(data[:end] if rest else data)
        scope = head.scope
        scope["client"], scope["server"], scope["scheme"] = self._client, self._server, "http"
        self.exchange = exchange = Exchange(self, head)
        if head.length:
            self.phase = BODY
            self._since = self._keeper.clock()
            self._incoming.restart()
            self._chunks = Chunked() if head.length == CHUNKED else None
            self._left = max(head.length, 0)
        else:
            self.phase = BUSY
            self._ahead += rest
        self._keeper.start(self, exchange)
        if head.length and rest:
            self._read_body(rest)

    def _read_body(self, data: bytes) -> None:
        exchange = self.exchange
        assert exchange is not None
        if self._chunks is not None:
            self._decode(data)
            return
        piece, rest = (data, b"") if len(data) <= self._left else (data[: self._left], data[self._left :])
        self._left -= len(piece)
        exchange.body(piece)
        if not self._left:
            self._body_complete(rest)

    def _decode(self, data: bytes) -> None:
        chunks = self._chunks
        assert chunks is not None and self.exchange is not None
        if self._ahead:
            data, self._ahead = bytes(self._ahead) + data, bytearray()
        try:
            piece, rest = chunks.decode(data)
        except BadRequest as error:
            self._refuse(error)
            return
        if piece:
            self.exchange.body(piece)
        if chunks.done:
            self._body_complete(rest)
            return
        self._ahead += rest
        if chunks.yielded:
            self.hold_on()
            asyncio.get_running_loop().call_soon(self._decode_on)

    def _decode_on(self) -> None:
        if self.phase is BODY and not self.lost:
            if self.exchange is None or not self.exchange.crowded:
                self.read_on()
            self._decode(b"")

    def _body_complete(self, rest: bytes) -> None:
        exchange = self.exchange
        assert exchange is not None
        self.phase = BUSY
        self._chunks = None
        self._ahead += rest
        exchange.body_complete()
        if exchange.done:
            self.answered(exchange)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _refuse(self, error: BadRequest) -> None:
        """Answer in the words of the API, and close."""
        self._keeper.refused(error.reason, self.source)
        exchange = self.exchange
        if exchange is None or not (exchange.started or exchange.done):
            self.transport.write(refusal(error.status, InvalidArgument.code, error.message, self.date))
        self._end()
        if exchange is not None:
            exchange.left()

    def _end(self) -> None:
        """Send what is written, then close. A peer that still sends is listened to for a moment: a reset on what nobody
        reads would destroy the answer on its way."""
        sending = self.phase is not BUSY or bool(self._ahead)
        self._ahead = bytearray()
        if not sending or self.transport.is_closing():
            self.phase = LINGER
            self.transport.close()
            return
        self.phase = LINGER
        self._since = self._keeper.clock()
        self.read_on()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    @property
    def idle(self) -> bool:
        """Between two requests."""
        return self.phase is HEAD and not self._ahead

    def close(self) -> None:
        """At once where nothing is in flight; otherwise with the end of the answer."""
        if self.phase is HEAD:
            self.phase = LINGER
            self.transport.close()
        elif self.exchange is not None:
            self.exchange.keep_alive = False

    def check_times(self, now: float) -> None:
        """Called every second: a peer that takes too long is given up."""
        passed, self._checked = now - self._checked, now
        if self._reads_too_slowly(passed):
            self._give_up("slow_reader")
        elif self.phase is HEAD and not self._full:
            if now - self._since > (HEAD_S if self._ahead or not self._served else KEEP_ALIVE_S):
                self._late("slow_head") if self._ahead else self.close()
        elif self.phase is BODY and not self._paused:
            if self._incoming.too_slow(passed) or now - self._since > BODY_S:
                self._late("slow_body")
        elif self.phase is LINGER and now - self._since > LINGER_S and not self._unsent:
            self.transport.abort()

    def _reads_too_slowly(self, passed_s: float) -> bool:
        """Of what waits for the peer in memory."""
        before, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if self._unsent:
            self._unsent += in_flight(self.transport.get_extra_info("socket").fileno())
        if not (before and self._unsent):
            self._outgoing.restart()
            return False
        self._outgoing.moved(max(before - self._unsent, 0))
        return self._outgoing.too_slow(passed_s)

    def _late(self, reason: str) -> None:
        exchange = self.exchange
        if exchange is not None and (exchange.started or exchange.done):
            self._give_up(reason)
        elif exchange is None or exchange.waiting:
            self._refuse(BadRequest(reason, _LATE, 408))

    def _give_up(self, reason: str) -> None:
        self._keeper.refused(reason, self.source)
        self.transport.abort()
