"""PostgreSQL with pg_trgm: a search reads its index and no whole table, and finds what reading everything finds.

The PostgreSQL of the other tests comes without extensions, so this one needs the system's, with its contrib package.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from backends import LOOPBACK, Postgres, accepts, free_ports, running
from scanning import scanned
from world import Counting, World, drop, engine_on, name, new_place, world

from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.catalog.explorer import SearchSecurables
from modelkeep.core.operations.catalog.model_search import SearchModels, SearchVersions
from modelkeep.domain.kinds import Kind
from modelkeep.store import explorer as store
from modelkeep.store import text_index

pytestmark = pytest.mark.anyio

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
_TRIGRAMS = sorted(Path("/usr/share/postgresql").glob("*/extension/pg_trgm.control"))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    if not _PROGRAMS or not _TRIGRAMS:
        pytest.skip("the system has no PostgreSQL with pg_trgm")
    (port,) = free_ports(1)
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="modelkeep-postgres-") as home:
        data, programs = Path(home, "data"), _PROGRAMS[-1].parent
        if user:
            data.mkdir()
            for folder in (Path(home), data):
                shutil.chown(folder, user)
        initdb = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        subprocess.run(initdb, check=True, user=user, cwd=home, stdout=subprocess.DEVNULL)
        flags = [
            "-c",
            f"listen_addresses={LOOPBACK}",
            "-c",
            f"port={port}",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        ]
        command = [str(programs / "postgres"), "-D", str(data), *flags]
        postgres = Postgres(port)
        with running(command, Path(home), lambda: accepts(postgres), signal.SIGINT, user):
            yield postgres


@pytest.fixture
async def w(server: Postgres, tmp_path: Path) -> AsyncIterator[World]:
    place = await new_place(tmp_path, server)
    async with world(place) as opened_world:
        yield opened_world
    drop(place, server)


async def _seed(w: World) -> None:
    await w.own("", "admin")
    await w.model("c0.s0.m0")
    await w.as_("admin").do(catalogs.UpdateComment(name("c0.s0.m0"), "Finds Straße and ÉTÉ in 50%_cards"))
    schema = await w.find("c0.s0")
    async with w.db.write() as tx:
        stamps = "created_at, created_by, updated_at, updated_by"
        columns = f"id, kind, space, parent_id, catalog_id, schema_id, name, name_key, owner_id, {stamps}"
        named = "'model_' || i, 'model_' || i"
        await tx.run(
            f"INSERT INTO securables ({columns}) SELECT 's' || i, 'SCHEMA', 'schema', :catalog, :catalog, NULL, 'schema' || i, "
            "'schema' || i, :owner, 0, '', 0, '' FROM generate_series(1, 200) i",
            catalog=schema.catalog_id,
            owner=schema.owner_id,
        )
        await tx.run(
            f"INSERT INTO securables ({columns}) SELECT 'm' || i, 'MODEL', 'routine', 's' || 1 + i % 200, :catalog, 's' || 1 + i % 200, "
            f"{named}, :owner, 0, '', 0, '' FROM generate_series(1, 20000) i",
            catalog=schema.catalog_id,
            owner=schema.owner_id,
        )
        await tx.run(
            "INSERT INTO model_versions (id, model_id, version, status, created_at, created_by, updated_at, updated_by) "
            "SELECT 'v' || i, 'm' || i, 1, 'READY', 0, '', 0, '' FROM generate_series(1, 20000) i"
        )
        await tx.run("ANALYZE")


async def test_searches_read_the_index_and_no_whole_table(w: World) -> None:
    await _seed(w)
    async with w.db.read() as tx:
        assert await text_index.indexed(tx, w.db.dialect)
    counting = Counting(w.db)
    engine, admin = engine_on(w, counting), await w.actor("admin")  # type: ignore[arg-type]
    counting.sent.clear()
    for request in (
        SearchSecurables("el_1999"),
        SearchSecurables("straße"),
        SearchSecurables("model_777 c0"),
        SearchSecurables("no such"),
        SearchModels("name LIKE '%el_1999'", 50),
        SearchVersions("name LIKE '%el_1999'", 50),
        SearchModels("tags.k LIKE '%abc%'", 50),
    ):
        await engine.execute(admin, request)
    walks, used = list[str](), 0
    async with w.db.write() as tx:
        for sql, params in counting.sent:
            plan = [row[0] for row in await tx.all(f"EXPLAIN (ANALYZE, TIMING OFF) {sql}", **params)]
            used += any("search_texts_names" in line or "search_texts_trigrams" in line for line in plan)
            # One catalog holds all models here, so for what lies in a catalog (b) the planner may read them all. A hash join
            # looks at the first row of one side before it sees that the other side is empty.
            read = r"Seq Scan on (securables [^b]|search_texts|model_versions).*actual rows=([0-9.]+)"
            scans = [re.search(read, line) for line in plan]
            walks += [f"{scan[0]} of {sql[:300]}" for scan in scans if scan and float(scan[2]) > 1]
    assert used > 8
    assert not walks, "\n".join(walks)


async def test_what_is_found_is_what_reading_everything_finds(w: World) -> None:
    await _seed(w)
    chance, actor = random.Random(3), await w.actor("admin")
    for text in ("el_1999", "straße", "été", "50%_cards", "model_777 c0", "c0.s0.model_123", "no such", "x_", "..."):
        sought = store.Sought(tuple(text.split()), (Kind.MODEL,), newest_first=chance.choice((True, False)))
        async with w.db.read() as tx:
            expected = await scanned(tx, actor, sought)
            page, _ = await store.find(tx, w.db.dialect, actor, sought, None, 200)
        assert [(securable.full_name, only) for securable, only in page] == expected[:200], text
