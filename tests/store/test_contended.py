"""A change that the database undid for the sake of another (a deadlock) is run again, a few times, as a whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from world import World, engine_on, name

from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.models import models, versions
from modelkeep.limits import CONTENDED_TRIES
from modelkeep.store.db import Contended, Database, WriteTx

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M = "prod.ml.churn"


class Undoing:
    """Undoes the first so many changes when all their statements have run."""

    def __init__(self, db: Database, times: int) -> None:
        self._db = db
        self._left = times
        self.dialect = db.dialect
        self.read = db.read

    @asynccontextmanager
    async def write(self, principal: str = "") -> AsyncIterator[WriteTx]:
        async with self._db.write(principal) as tx:
            yield tx
            if self._left > 0:
                self._left -= 1
                raise Contended("The change met another one at the same moment. Try again.")


def changes(w: World) -> list[tuple[Any, str, tuple[Any, ...]]]:
    """Requests, and what tells how often each has happened."""
    return [
        (models.CreateModel(name("prod.ml.other")), "SELECT COUNT(*) FROM securables WHERE name = :n", ("other",)),
        (versions.CreateVersion(name=name(M)), "SELECT COUNT(*) FROM model_versions WHERE source = :n", ("",)),
        (models.ChangeTags(name(M), set={"k": "v"}), "SELECT COUNT(*) FROM tags WHERE key = :n", ("k",)),
        (
            catalogs.CreateSchema(name=name("prod.second")),
            "SELECT COUNT(*) FROM securables WHERE name = :n",
            ("second",),
        ),
    ]


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("times", [1, CONTENDED_TRIES - 1, CONTENDED_TRIES])
async def test_it_happens_once_or_not_at_all(w: World, index: int, times: int) -> None:
    await w.model(M)
    request, sql, (value,) = changes(w)[index]
    engine = engine_on(w, Undoing(w.db, times))  # type: ignore[arg-type]
    actor = await w.actor("admin")
    events = "SELECT COUNT(*) FROM audit WHERE outcome = 'ok' AND operation <> ''"
    before = (await w.rows(events))[0][0]
    if times == CONTENDED_TRIES:
        with pytest.raises(Contended):
            await engine.execute(actor, request)
    else:
        await engine.execute(actor, request)
    happened = int(times < CONTENDED_TRIES)
    assert await w.rows(sql, n=value) == [(happened,)]
    assert (await w.rows(events))[0][0] - before == happened


async def test_two_that_take_the_same_things_the_other_way_round_both_happen(w: World) -> None:
    other = "prod.ml.other"
    await w.model(M)
    await w.model(other)
    await w.actor("admin")
    admin = w.as_("admin")

    def change(key: str, *on: str) -> Any:
        return admin.do(*(models.ChangeTags(name(item), set={key: "v"}) for item in on))

    for round_ in range(8):
        done = await asyncio.gather(
            change(f"a{round_}", M, other), change(f"b{round_}", other, M), return_exceptions=True
        )
        assert [error for error in done if isinstance(error, BaseException)] == []
        assert await w.rows("SELECT COUNT(*) FROM tags WHERE key IN (:a, :b)", a=f"a{round_}", b=f"b{round_}") == [(4,)]
