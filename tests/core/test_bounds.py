"""Limits that no other test names: what lies just within one passes, what lies just beyond it does not."""

import asyncio
import contextlib
import secrets

import pytest

from modelkeep.core.operations.models import lineage
from modelkeep.core.operations.models.lineage import Entity
from modelkeep.domain.errors import BadPageToken, InvalidArgument, Throttled
from modelkeep.domain.paging import PageTokens
from modelkeep.domain.redaction import changes_json
from modelkeep.http import bodies
from modelkeep.http.chunked import Chunked
from modelkeep.http.head import BadRequest
from modelkeep.http.rate_limits import RateLimiter
from modelkeep.limits import (
    AUDIT_CHANGE_CHARS,
    AUDIT_LIST_ITEMS,
    CHUNKS_PER_TURN,
    LINEAGE_EDGES_PER_CALL,
    LONG_READS,
    LONG_READS_OF_CALLER,
    MAX_CHUNK_LINE_BYTES,
    PAGE_TOKEN_CHARS,
    RATE_BUCKETS,
    TRACKING_CALLS_OF_PRINCIPAL,
    TRACKING_WAITING_OF_PRINCIPAL,
)
from modelkeep.tracking.concurrent_calls import CallTurns


@pytest.mark.parametrize("beyond", [0, 400, 100_000])
def test_a_page_token_has_so_many_characters(beyond: int) -> None:
    tokens = PageTokens(secrets.token_bytes(32))
    text = "x" * (PAGE_TOKEN_CHARS * 3 // 4 - 300 + beyond)
    token = tokens.seal("list", (text,))
    assert (len(token) > PAGE_TOKEN_CHARS) is (beyond > 0)
    if beyond:
        with pytest.raises(BadPageToken):
            tokens.open("list", token, (str,))
    else:
        assert tokens.open("list", token, (str,)) == (text,)


@pytest.mark.parametrize("line", [b"1", b"1;a", b"1;a=b"])
def test_the_line_of_a_chunk_is_bounded(line: bytes) -> None:
    longest = line + b"x" * (MAX_CHUNK_LINE_BYTES - len(line) - 2) if b";" in line else line
    piece, _ = Chunked().decode(longest + b"\r\na\r\n")
    assert piece == b"a"
    with pytest.raises(BadRequest):
        Chunked().decode(line + b";" + b"x" * MAX_CHUNK_LINE_BYTES)


@pytest.mark.parametrize("count", [CHUNKS_PER_TURN - 1, CHUNKS_PER_TURN, 3 * CHUNKS_PER_TURN])
def test_so_many_chunks_are_decoded_in_one_turn(count: int) -> None:
    chunks, decoded, turns = Chunked(), b"", 0
    rest = b"1\r\na\r\n" * count + b"0\r\n\r\n"
    while not chunks.done:
        piece, rest = chunks.decode(rest)
        assert len(piece) <= CHUNKS_PER_TURN
        decoded, turns = decoded + piece, turns + 1
    assert decoded == b"a" * count
    assert turns >= count / CHUNKS_PER_TURN


def test_so_many_lineage_entities_are_recorded_at_once() -> None:
    entities = tuple(Entity("TABLE", f"t{i}") for i in range(LINEAGE_EDGES_PER_CALL + 1))
    lineage._check_count(entities[1:])  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(InvalidArgument, match=f"at most {LINEAGE_EDGES_PER_CALL}"):
        lineage._check_count(entities)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("callers", [1, 3, LONG_READS])
def test_so_many_long_bodies_wait_for_their_thread(callers: int) -> None:
    line = bodies.Share(LONG_READS, LONG_READS_OF_CALLER)
    taken = 0
    with contextlib.suppress(Throttled):
        while True:
            line.take(str(taken % callers), 1)
            taken += 1
    assert taken == min(LONG_READS, callers * LONG_READS_OF_CALLER)


@pytest.mark.parametrize(
    "value", ["x" * (AUDIT_CHANGE_CHARS * 2), ["x" * 100] * 1_000, {str(i): "y" * 100 for i in range(1_000)}]
)
def test_a_change_in_the_audit_log_is_cut(value: object) -> None:
    text = changes_json({"field": (None, value)})
    assert len(text) < 2 * AUDIT_CHANGE_CHARS + 120 * AUDIT_LIST_ITEMS
    assert "characters)" in text or "in all" in text


def test_callers_beyond_a_number_are_forgotten() -> None:
    rates = RateLimiter(1, 1, lambda: 0.0)
    for i in range(RATE_BUCKETS + 50):
        rates.take(str(i))
    assert len(rates._buckets) == RATE_BUCKETS  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Throttled):
        rates.take(str(RATE_BUCKETS + 49))


@pytest.mark.anyio
@pytest.mark.parametrize("principals", [1, 2])
async def test_so_many_tracking_calls_of_a_principal_are_under_way(principals: int) -> None:
    turns = CallTurns(TRACKING_CALLS_OF_PRINCIPAL, TRACKING_WAITING_OF_PRINCIPAL)
    working, over = 0, asyncio.Event()

    async def call(principal: int) -> None:
        nonlocal working
        async with turns.take(str(principal)):
            working += 1
            await over.wait()

    most = TRACKING_CALLS_OF_PRINCIPAL + TRACKING_WAITING_OF_PRINCIPAL
    tasks = [asyncio.create_task(call(i % principals)) for i in range((most + 5) * principals)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert working == TRACKING_CALLS_OF_PRINCIPAL * principals
    refused = [task for task in tasks if task.done()]
    assert len(refused) == 5 * principals
    over.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, Throttled) for result in results) == 5 * principals
