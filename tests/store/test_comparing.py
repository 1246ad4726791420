"""Rows that are compared give other requests their turn, also within one row, and comparing ends at a deadline."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest
from world import World, name

from modelkeep.api.sql import sandbox
from modelkeep.api.sql.execute import run
from modelkeep.api.sql.grammar import read
from modelkeep.api.sql.scan import SqlSession, TooMuch
from modelkeep.core.operations.catalog import catalogs, model_search
from modelkeep.core.operations.catalog.model_search import SearchModels, SearchVersions
from modelkeep.core.operations.models import models
from modelkeep.domain import time_slices
from modelkeep.domain.errors import InvalidArgument, LimitExceeded
from modelkeep.store import model_search as rows

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M = "c0.s0.m0"
HOME = name("main.default")
CONDITIONS = 60
COMMENT = "aé" * 5_000
LIKE = "%a_a_a_b%"


def _filter(comparator: str = "ILIKE") -> str:
    return " AND ".join([f"tags.k {comparator} '%a_a%'"] * CONDITIONS)


async def _turns(work: Awaitable[object]) -> int:
    """How often others had their turn while this ran."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    try:
        await work
    finally:
        task.cancel()
    return turns


async def _seed(w: World) -> SqlSession:
    await w.model(M, admin="EXECUTE+USE_CATALOG@c0+USE_SCHEMA@c0.s0")
    await w.version(M)
    admin = w.as_("admin")
    await admin.do(models.ChangeTags(name(M), None, {"k": COMMENT}))
    await admin.do(models.ChangeTags(name(M), 1, {"k": COMMENT}))
    await admin.do(catalogs.UpdateComment(name(M), COMMENT))
    return SqlSession(w.engine, await w.actor("admin"), "", HOME)


@pytest.mark.parametrize(
    "request_",
    [
        SearchModels(_filter()),
        SearchVersions(_filter()),
        SearchModels(_filter("LIKE")),
        SearchVersions(f"name = '{M}' AND {_filter()}"),
    ],
)
async def test_a_search_shares_the_event_loop_within_one_row(
    lite: World, request_: msgspec.Struct, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _seed(lite)
    monkeypatch.setattr(time_slices, "COMPARE_SLICE_S", -1.0)
    assert await _turns(lite.as_("admin").do(request_)) >= CONDITIONS


@pytest.mark.parametrize("like", ["comment LIKE", "comment ILIKE", "NOT comment LIKE"])
async def test_a_statement_shares_the_event_loop_within_one_row(
    lite: World, like: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await _seed(lite)
    monkeypatch.setattr(time_slices, "COMPARE_SLICE_S", -1.0)
    where = " OR ".join([f"NOT ({like} '%a_a%' OR {like} '{LIKE}')"] * 30)
    statement = read(f"SELECT model_name FROM system.information_schema.registered_models WHERE {where}")
    assert await _turns(run(session, statement)) >= 5


@pytest.mark.parametrize("request_", [SearchModels(_filter()), SearchVersions(_filter())])
async def test_a_search_ends_at_its_deadline(
    lite: World, request_: msgspec.Struct, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _seed(lite)
    monkeypatch.setattr(time_slices, "COMPARE_SLICE_S", -1.0)
    monkeypatch.setattr(model_search, "Pace", lambda: time_slices.Pace(-1.0))
    with pytest.raises(LimitExceeded, match=r"longer than 10 seconds\. Narrow its filter"):
        await lite.as_("admin").do(request_)


async def test_a_list_of_patterns_is_as_long_as_one(lite: World) -> None:
    session = await _seed(lite)
    with pytest.raises(InvalidArgument, match="A pattern has at most 512 characters"):
        await run(session, read(f"SHOW CATALOGS LIKE '{'|'.join(['c*0'] * 200)}'"))
    done = await run(session, read(f"SHOW CATALOGS LIKE '{'|'.join(['c*0'] * 128)}'"))
    assert done.rows == [("c0",)]


async def test_a_statement_keeps_so_many_characters(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await _seed(lite)
    monkeypatch.setattr(sandbox, "SQL_KEPT_CHARACTERS", 5_000)
    view = "FROM system.information_schema.registered_models"
    for statement in (
        f"SELECT * {view}",
        f"SELECT comment {view}",
        f"SELECT model_name {view} ORDER BY comment, model_name",
    ):
        with pytest.raises(TooMuch, match="keeps have more than 5000 characters"):
            await run(session, read(statement))
    for statement in (
        f"SELECT COUNT(*) {view}",
        f"SELECT model_name {view} ORDER BY model_name",
        f"SELECT * {view} LIMIT 1",
    ):
        await run(session, read(f"{statement}"))


async def test_no_statement_of_a_walk_brings_many_rows(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the page is: what a statement brings is made into answers on the event loop."""
    for i in range(30):
        await lite.model(f"c0.s0.m{i}")
        await lite.pending(f"c0.s0.m{i}", {})
    await lite.own("", "admin")
    sizes: list[int] = []
    in_order = rows.versions_in_order

    async def counting(*arguments: Any) -> Any:
        brought = await in_order(*arguments)
        sizes.append(len(brought))
        return brought

    monkeypatch.setattr(rows, "versions_in_order", counting)
    monkeypatch.setattr(model_search, "SEARCH_STEP_ROWS", 7)
    for request in (SearchVersions(), SearchVersions("source_path LIKE '%x%'"), SearchVersions(order_by=("name",))):
        await lite.as_("admin").do(request)
    assert max(sizes) <= 7
    assert sum(sizes) == 3 * 30


@pytest.mark.parametrize("comparers", [1, 2, 5])
async def test_one_request_compares_at_a_time(comparers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many compare, others wait for one slice."""
    now, since_turn, most = 0.0, 0.0, 0.0

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now

    async def compare() -> None:
        nonlocal now, since_turn, most
        own = time_slices.Pace(1e9)
        for _ in range(100):
            now += time_slices.COMPARE_SLICE_S / 4
            since_turn += time_slices.COMPARE_SLICE_S / 4
            most = max(most, since_turn)
            await own.breathe()

    async def others() -> None:
        nonlocal now, since_turn
        while True:
            now += time_slices.COMPARE_SLICE_S / 50
            since_turn = 0.0
            await asyncio.sleep(0)

    monkeypatch.setattr(time_slices, "time", Clock)
    monkeypatch.setattr(time_slices, "_slices", time_slices._Slices())  # pyright: ignore[reportPrivateUsage]
    other = asyncio.create_task(others())
    await asyncio.gather(*(compare() for _ in range(comparers)))
    other.cancel()
    assert most < 3 * time_slices.COMPARE_SLICE_S
