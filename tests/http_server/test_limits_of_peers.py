"""Limits of connections, bodies and log lines that are tuned inside of the server, each reached and passed."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from modelkeep.domain.errors import InvalidArgument, Throttled
from modelkeep.http import bodies, connection, server
from modelkeep.http.bodies import intricate, read_in_turn
from modelkeep.http.connection import LINGER, Connection
from modelkeep.http.connection_slots import room
from modelkeep.http.progress import Progress
from modelkeep.http.rate_limits import RateLimiter
from modelkeep.http.server import HttpServer
from modelkeep.limits import (
    ACCEPT_PAUSE_S,
    ACCEPTS_PER_TURN,
    BODIES_BURST_BYTES,
    BODIES_BYTES,
    BODIES_BYTES_PER_SECOND,
    BODIES_OF_CALLER_BYTES,
    INLINE_JSON_BYTES,
    INLINE_JSON_PARTS,
    JSON_KEYS,
    JSON_REST,
    JSON_REST_S,
    LINGER_S,
    LOG_KINDS,
    LOG_MESSAGE_CHARS,
    MIN_SPARE_DESCRIPTORS,
    PEER_BYTES_PER_SECOND,
    PIPELINE_BYTES,
)
from modelkeep.observe import logs

Fake: Any = SimpleNamespace


# --- bodies ----------------------------------------------------------------------------------------------------------


def test_fields_of_a_body() -> None:
    async def case() -> None:
        fits = b"{" + b'"k":1,' * JSON_KEYS + b"}"
        assert await read_in_turn("caller", fits, len, fits) == len(fits)
        with pytest.raises(InvalidArgument, match=f"{JSON_KEYS} at most are read"):
            await read_in_turn("caller", fits + b'"k":1', len, fits)

    asyncio.run(case())


def test_which_bodies_the_event_loop_reads() -> None:
    assert not intricate(b"[" * INLINE_JSON_BYTES) and intricate(b"[" * (INLINE_JSON_BYTES + 1))
    padding = b" " * INLINE_JSON_BYTES
    for part in (b"[", b"{", b":"):
        assert not intricate(padding + part * INLINE_JSON_PARTS)
        assert intricate(padding + part * (INLINE_JSON_PARTS + 1))
    assert not intricate(padding + b"," * 4 * INLINE_JSON_PARTS)
    assert intricate(padding + b"," * (4 * INLINE_JSON_PARTS + 1))


@pytest.mark.parametrize(("took", "rest"), [(0.01, 0.01 * JSON_REST), (10.0, JSON_REST_S), (JSON_REST_S, JSON_REST_S)])
def test_rests_of_the_thread_that_reads_bodies(took: float, rest: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now, rests = [100.0], list[float]()
    monkeypatch.setattr(bodies, "time", Fake(perf_counter=lambda: now[0], sleep=rests.append))
    turns = bodies._Turns()  # pyright: ignore[reportPrivateUsage]
    turns.run(lambda: now.__setitem__(0, now[0] + took))
    turns.run(lambda: None)
    assert rests[0] == 0 and rests[1] == pytest.approx(rest)


def test_memory_of_bodies() -> None:
    memory = bodies.Share(bodies.memory.total, bodies.memory.of_caller)
    memory.take("a", BODIES_OF_CALLER_BYTES)
    with pytest.raises(Throttled):
        memory.take("a", 1)
    memory.take("b", BODIES_BYTES - BODIES_OF_CALLER_BYTES)
    with pytest.raises(Throttled):
        memory.take("c", 1)
    memory.give_back("b", 1)
    memory.take("c", 1)


def test_bytes_of_bodies_in_the_course_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    rates = bodies.memory.rates
    assert isinstance(rates, RateLimiter)
    monkeypatch.setattr(rates, "_clock", lambda: now[0])
    rates.take("a test", BODIES_BURST_BYTES)
    with pytest.raises(Throttled, match="bytes of large JSON bodies"):
        rates.take("a test", 1)
    now[0] += 1
    rates.take("a test", BODIES_BYTES_PER_SECOND)
    with pytest.raises(Throttled):
        rates.take("a test", 1)


# --- connections -----------------------------------------------------------------------------------------------------


def test_descriptors_that_are_left_to_others() -> None:
    assert room(MIN_SPARE_DESCRIPTORS + 30, 1_000) == 30
    assert room(8 * MIN_SPARE_DESCRIPTORS, 1_000) == 6 * MIN_SPARE_DESCRIPTORS
    assert room(10, 1_000) == 1


def test_average_that_a_peer_must_keep() -> None:
    progress = Progress(10.0)
    progress.moved(PEER_BYTES_PER_SECOND * 10)
    assert not progress.too_slow(10.0)
    progress.moved(PEER_BYTES_PER_SECOND * 10 - 1)
    assert progress.too_slow(10.0)


def test_requests_that_are_sent_ahead() -> None:
    items: list[bool] = []
    peer: Any = Fake(phase=object(), _full=False, _ahead=bytearray(), hold_on=lambda: items.append(True))
    Connection.data_received(peer, b"x" * PIPELINE_BYTES)
    assert not items
    Connection.data_received(peer, b"x")
    assert items == [True]


def test_a_refused_peer_may_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[bool] = []
    peer: Any = Fake(
        phase=LINGER,
        _since=0.0,
        _checked=0.0,
        _unsent=0,
        _full=False,
        _reads_too_slowly=lambda _: False,
        transport=Fake(abort=lambda: cut.append(True)),
    )
    Connection.check_times(peer, LINGER_S)
    assert not cut
    Connection.check_times(peer, LINGER_S + 0.1)
    assert cut == [True]
    assert connection.LINGER_S == LINGER_S


def test_connections_taken_in_one_turn() -> None:
    accepted: list[int] = []

    def accept() -> tuple[Any, tuple[str, int]]:
        accepted.append(1)
        return Fake(), ("192.0.2.1", 1)

    keeper: Any = Fake(_no_place=lambda _: "full", _turn_away=lambda *_: None)

    async def case() -> None:
        HttpServer._accept(keeper, Fake(accept=accept))  # pyright: ignore[reportPrivateUsage]

    asyncio.run(case())
    assert len(accepted) == ACCEPTS_PER_TURN


def test_pause_without_a_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "limited", lambda *_, **__: None)
    later: list[tuple[float, Any]] = []
    watched: list[Any] = []
    loop: Any = Fake(
        remove_reader=watched.append, call_later=lambda *pair: later.append(pair), add_reader=lambda *_: watched.clear()
    )
    keeper: Any = Fake(places=Fake(total=1), draining=False, _accept=None)
    HttpServer._pause(keeper, loop, Fake(), OSError("none is free"))  # pyright: ignore[reportPrivateUsage]
    ((seconds, resume),) = later
    assert seconds == ACCEPT_PAUSE_S and watched
    resume()
    assert not watched


# --- lines of the log ------------------------------------------------------------------------------------------------


def test_messages_of_libraries_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(logs, "_limited", lambda kind, level, event, fields: lines.append(event))
    bridge = logs._Bridge()  # pyright: ignore[reportPrivateUsage]
    for length in (LOG_MESSAGE_CHARS, LOG_MESSAGE_CHARS + 1):
        bridge.emit(logging.LogRecord("library", logging.ERROR, "file", 1, "x" * length, None, None))
    assert [len(line) for line in lines] == [LOG_MESSAGE_CHARS, LOG_MESSAGE_CHARS]


def test_kinds_of_lines_that_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_windows", {})
    monkeypatch.setattr(logs, "log", Fake(log=lambda *_, **__: None))
    for number in range(LOG_KINDS + 1):
        logs.limited(logging.INFO, f"event {number}")
    windows = logs._windows  # pyright: ignore[reportPrivateUsage]
    assert len(windows) == LOG_KINDS + 1
    logs.limited(logging.INFO, "one more")
    assert len(windows) == 1
