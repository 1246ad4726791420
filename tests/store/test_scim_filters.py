"""SCIM's filters over many principals: as large as a bound says, and never alone on the event loop."""

import asyncio
from functools import partial
from typing import Any

import pytest
from world import World

from modelkeep.core.operations.identity import identities
from modelkeep.core.operations.identity.identities import ListIdentities
from modelkeep.domain import time_slices
from modelkeep.domain.scim.filters import parse_filter
from modelkeep.domain.scim.schema import TYPES, ScimRequestError
from modelkeep.limits import SCIM_FILTER_CHARACTERS, SCIM_FILTER_TERMS
from modelkeep.store import principals

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

COUNT = 300


def terms(count: int, join: str = " or ") -> str:
    return join.join(f'userName co "x{index}"' for index in range(count))


@pytest.mark.parametrize(
    "shape",
    ["{0}", "not ({0})", "(({0}))", "userName pr and ({0})", "emails[{1}]", "active eq true and emails[{1}] and ({0})"],
)
@pytest.mark.parametrize("join", [" or ", " and "])
def test_a_filter_has_so_many_comparisons_and_no_more(shape: str, join: str) -> None:
    def text(count: int) -> str:
        return shape.format(terms(count, join), terms(count, join).replace("userName", "value"))

    parse_filter(text(SCIM_FILTER_TERMS // 2 - 1), TYPES["USER"])
    with pytest.raises(ScimRequestError, match=f"more than {SCIM_FILTER_TERMS} comparisons"):
        parse_filter(text(SCIM_FILTER_TERMS + 1), TYPES["USER"])


def test_a_filter_has_so_many_characters_and_no_more() -> None:
    with pytest.raises(ScimRequestError, match="longer than"):
        parse_filter(f'userName eq "{"x" * SCIM_FILTER_CHARACTERS}"', TYPES["USER"])


async def crowd(w: World) -> None:
    async with w.db.write() as tx:
        group = await principals.insert(tx, "GROUP", "team", "test", 0)
        for index in range(COUNT):
            user = await principals.insert(tx, "USER", f"user{index:04}", "test", 0)
            await principals.add_member(tx, group, user)


@pytest.mark.parametrize(
    ("filter", "sort_by", "count"),
    [
        (f'{terms(SCIM_FILTER_TERMS - 1)} or userName sw "user"', "", COUNT),
        ('displayName co "zzz" or userName ew "7"', "userName", COUNT // 10),
        ('groups.display eq "team"', "", COUNT),
        ('userName sw "user" and not (groups.display eq "team")', "", 0),
        ("", "groups", COUNT + 1),
    ],
)
async def test_others_get_their_turn_while_principals_are_compared(
    w: World, filter: str, sort_by: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crowd(w)
    monkeypatch.setattr(time_slices, "COMPARE_SLICE_S", 0.0)
    turns, most, running = 0, 0, True
    handed: list[int] = []
    real = identities._fitting  # pyright: ignore[reportPrivateUsage]

    def counted(condition: Any, rows: list[Any]) -> Any:
        handed.append(len(rows))
        return real(condition, rows)

    monkeypatch.setattr(identities, "_fitting", counted)

    async def others() -> None:
        nonlocal turns
        while running:
            turns += 1
            await asyncio.sleep(0)

    await w.actor("admin")
    other = asyncio.create_task(others())
    result = await w.as_("admin").do(ListIdentities("USER", filter, 1, 1000, sort_by))
    running = False
    await other
    assert result.total == count
    assert turns >= COUNT, "one for each row, at the least"
    most = max(handed, default=0)
    assert most <= identities.SCIM_ROWS_AT_ONCE
    assert bool(handed) == ("groups" in filter)


@pytest.mark.parametrize(
    ("filter", "sort_by"), [(terms(3), ""), ('groups.display eq "x"', ""), ("", "userName"), ("active eq true", "id")]
)
async def test_a_list_that_takes_too_long_ends(
    w: World, filter: str, sort_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crowd(w)
    monkeypatch.setattr(time_slices, "COMPARE_SLICE_S", -1.0)
    monkeypatch.setattr(identities, "Pace", partial(time_slices.Pace, -1.0))
    with pytest.raises(ScimRequestError, match="takes too long"):
        await w.as_("admin").do(ListIdentities("USER", filter, 1, 1000, sort_by))
