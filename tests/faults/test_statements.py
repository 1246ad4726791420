"""A database that fails at any statement of any change, or at its commit: nothing of the change stays, in rows or in storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from authz.rows import Row, build, rows
from world import MODEL_FILES, CountingTx, Rehearsal, RolledBack, World, chunks, engine_on, name

from modelkeep.core.operations.models import finalize
from modelkeep.core.table import BY_REQUEST
from modelkeep.domain.errors import RegistryError, Unavailable
from modelkeep.jobs.check import findings
from modelkeep.jobs.tasks import WorkerContext
from modelkeep.jobs.worker import Worker
from modelkeep.store.db import Database

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

CALLERS = ("owner-of-all-three", "metastore-admin", "account-admin", "CREATE-CATALOG-on-metastore", "maker")
M = "prod.ml.churn"


class Faulty:
    """Fails at the n-th step, counted from 0: each statement is a step, and so is each commit of a change."""

    def __init__(self, db: Database, fails_at: int) -> None:
        self._db = db
        self.dialect = db.dialect
        self._left = fails_at
        self.reached = False

    def step(self) -> None:
        self._left -= 1
        if self._left < 0 and not self.reached:
            self.reached = True
            raise Unavailable("The database does not answer. Try again in a moment.")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        async with self._db.read() as tx:
            yield FaultyTx(tx, self)

    @asynccontextmanager
    async def write(self, principal: str = "") -> AsyncIterator[Any]:
        try:
            async with self._db.write(principal) as tx:
                yield FaultyTx(tx, self)
                self.step()
        except RolledBack:
            self._left = 10**9  # the change went through: what follows is only the rehearsal's end
            raise


class FaultyTx(CountingTx):
    def __init__(self, tx: Any, faulty: Faulty) -> None:
        super().__init__(tx, [])
        self._faulty = faulty

    async def all(self, sql: str, /, **params: Any) -> list[tuple[Any, ...]]:
        self._faulty.step()
        return await super().all(sql, **params)

    async def one(self, sql: str, /, **params: Any) -> tuple[Any, ...] | None:  # house: name because it is the store's
        self._faulty.step()
        return await super().one(sql, **params)

    async def scan(self, sql: str, /, **params: Any) -> list[tuple[Any, ...]]:
        self._faulty.step()
        return await super().scan(sql, **params)

    async def run(self, sql: str, /, **params: Any) -> int:
        self._faulty.step()
        return await super().run(sql, **params)

    async def bulk(self, sql: str, /, **params: Any) -> int:
        self._faulty.step()
        return await super().bulk(sql, **params)

    async def run_many(self, sql: str, rows: Any, /) -> None:
        self._faulty.step()
        await super().run_many(sql, rows)


async def _everything(w: World) -> tuple[Any, ...]:
    """All rows of all tables, and all objects in storage."""
    tables = await w.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    results = [sorted(await w.rows(f"SELECT * FROM {table}"), key=repr) for (table,) in tables]
    objects = sorted([(item, [o.object for o in await w.blobs.list_set(item)]) async for item in w.blobs.sets()])
    return tables, results, objects


async def _caller(w: World, row: Row) -> str:
    """Who may do it."""
    rehearsal = engine_on(w, Rehearsal(w.db))  # type: ignore[arg-type]
    for who in CALLERS:
        try:
            await rehearsal.execute(await w.actor(who), row.request, body=_body(row))
        except RolledBack:
            return who
        except RegistryError:
            continue
    return ""


def _body(row: Row) -> AsyncIterator[bytes] | None:
    return None if row.body is None else chunks(row.body)


async def test_a_fault_at_any_step_of_any_change_leaves_nothing_of_it(lite: World) -> None:
    ids = await build(lite)
    for who in CALLERS:
        await lite.actor(who)
    tried, without = 0, list[str]()
    for row in rows(ids):
        if BY_REQUEST[type(row.request)].effect != "write":
            continue
        who = await _caller(lite, row)
        if not who:
            without.append(row.label)
            continue
        tried += await _fault_everywhere(lite, row, who)
    assert tried > 400
    # What nobody may do in this world: names that are taken, schemas that are missing, uploads of another.
    assert all("exists" in label or "missing" in label or "another's" in label for label in without), without


async def _fault_everywhere(w: World, row: Row, who: str) -> int:
    actor = await w.actor(who)
    before = await _everything(w)
    for step in range(500):
        # Beyond the last step nothing fails: the rehearsal then takes back what was done.
        faulty = Faulty(Rehearsal(w.db), step)  # type: ignore[arg-type]
        with pytest.raises((Unavailable, RolledBack)):
            await engine_on(w, faulty).execute(actor, row.request, body=_body(row))  # type: ignore[arg-type]
        if not faulty.reached:
            return step
        assert await _everything(w) == before, f"{row.label}: step {step} left something"
    raise AssertionError(f"{row.label} does not end")


async def test_what_a_dying_process_stored_and_did_not_record_is_gone_after_finalize(lite: World) -> None:
    await lite.model(M)
    version = await lite.pending(M)
    await lite.blobs.write(version.artifact_set_id, "model.pkl", chunks(b"half"))
    await lite.as_("admin").do(finalize.FinalizeVersion(name(M), 1))
    worker = Worker(WorkerContext(lite.db, lite.blobs, lite.registry.auditor, 0))
    while await worker.work_one():
        pass
    assert [text async for text in findings(lite.db, lite.blobs)] == []
    assert len(await lite.blobs.list_set(version.artifact_set_id)) == len(MODEL_FILES)
