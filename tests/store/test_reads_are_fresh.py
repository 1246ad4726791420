"""What a reader has learned of one state of the database is forgotten with the next commit, whoever makes it."""

import sys
from pathlib import Path

import anyio
import pytest
from world import World, name

from modelkeep.core.operations.governance import grants
from modelkeep.core.operations.models import models, versions
from modelkeep.domain.errors import NotFound, PermissionDenied
from modelkeep.store.sqlite import SqliteDatabase

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M = "prod.ml.churn"
ASKED = versions.GetVersionByAlias(name(M), "champion")


async def test_a_decided_read_is_decided_again_after_every_change(w: World) -> None:
    await w.model(M, reader="EXECUTE")
    await w.grant("reader", "USE_SCHEMA", "prod.ml")
    await w.grant("reader", "USE_CATALOG", "prod")
    reader, owner = w.as_("reader"), w.as_("admin")
    await w.actor("admin")
    with pytest.raises(NotFound):
        await reader.do(ASKED)
    for number in (1, 2):
        await w.version(M)
        await owner.do(models.SetAlias(name(M), "champion", number))
        assert [(await reader.do(ASKED)).version for _ in range(3)] == [number] * 3
    await owner.do(grants.ChangeGrants(name(M), (grants.GrantChange("reader", remove=("EXECUTE",)),)))
    with pytest.raises(PermissionDenied):
        await reader.do(ASKED)


async def test_a_commit_of_another_process_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "modelkeep.db"
    db = SqliteDatabase(path)
    await db.open()
    await db.script(["CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (1)"])
    other = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('UPDATE t SET x = x + 1'); c.commit()"
    try:
        for expected in (1, 2, 3):
            for _ in range(2):
                async with db.read() as tx:
                    assert await tx.one("SELECT x FROM t") == (expected,)
                    assert tx.cache_get("k") in (None, expected)
                    tx.cache_put("k", expected)
                async with db.single() as tx:
                    assert await tx.one("SELECT x FROM t") == (expected,)
            await anyio.run_process([sys.executable, "-c", other, str(path)])
    finally:
        await db.close()


async def test_a_transaction_keeps_its_snapshot_while_others_commit(tmp_path: Path) -> None:
    db = SqliteDatabase(tmp_path / "modelkeep.db")
    await db.open()
    await db.script(["CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (1)"])
    try:
        async with db.read() as old:
            async with db.write() as tx:
                await tx.run("UPDATE t SET x = 2")
            async with db.read() as new:
                assert await new.one("SELECT x FROM t") == (2,)
            assert await old.one("SELECT x FROM t") == (1,)
        async with db.read() as later:
            assert await later.one("SELECT x FROM t") == (2,)
    finally:
        await db.close()
