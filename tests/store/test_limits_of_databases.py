"""Limits of the databases and of what operations read from them, each reached with a lower value, and read where it applies."""

from contextlib import AsyncExitStack
from typing import Any

import pytest
from world import World, name

from modelkeep import limits
from modelkeep.core.operations.audit import audit_log
from modelkeep.core.operations.catalog import model_search as search
from modelkeep.core.operations.governance import grants
from modelkeep.core.operations.identity import principals
from modelkeep.core.operations.models import lineage, versions
from modelkeep.domain.errors import LimitExceeded, Unavailable
from modelkeep.store import jobs, model_search, postgres, text_index

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000000) SELECT COUNT(*) FROM n"


async def test_a_scan_of_our_own_work_ends(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BACKGROUND_SCAN_S", 0.1)
    with pytest.raises((Unavailable, LimitExceeded)):
        async with w.db.read() as tx:
            await tx.scan(ENDLESS)
    monkeypatch.undo()
    async with w.db.read() as tx:
        assert await tx.one("SELECT 1") == (1,)


async def test_a_statement_of_a_change_ends(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SLOW_S", 0.1)
    with pytest.raises((Unavailable, LimitExceeded)):
        async with w.db.write() as tx:
            if w.db.dialect == "postgresql":
                await tx.bulk(ENDLESS)
            await tx.scan(ENDLESS)
    monkeypatch.undo()
    async with w.db.write() as tx:
        assert await tx.one("SELECT 1") == (1,)


async def test_scans_that_wait(w: World) -> None:
    """What the lane does beyond: tests/store/test_scans.py."""
    assert w.db._lane._waiting == limits.SCANS_WAITING  # type: ignore[attr-defined]  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownMemberType]


async def test_connections_of_postgresql(w: World) -> None:
    if not isinstance(w.db, postgres.PostgresDatabase):
        assert w.db._background._executor._max_workers == limits.BACKGROUND_THREADS  # type: ignore[attr-defined]  # pyright: ignore
        return
    for pool in w.db.pools:
        assert pool._pool is not None  # pyright: ignore[reportPrivateUsage]
        assert pool._pool.max_waiting == limits.POSTGRES_WAITING  # pyright: ignore[reportPrivateUsage]
        assert pool._pool.reconnect_timeout == limits.CONNECT_S  # pyright: ignore[reportPrivateUsage]
    assert w.db.pools[-1].most == limits.POSTGRES_SCANNERS
    async with w.db.write() as tx:
        ((idle,),) = await tx.all("SELECT setting FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'")
    assert int(idle) == limits.IDLE_IN_TRANSACTION_S * 1000


async def test_statements_of_a_migration(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    if not isinstance(w.db, postgres.PostgresDatabase):
        return  # SQLite's have no deadline: no other process can hold the file while they run
    allowed: list[float] = []
    plain = postgres._Tx._allow  # pyright: ignore[reportPrivateUsage]

    async def noted(self: Any, seconds: float) -> None:
        allowed.append(seconds)
        await plain(self, seconds)

    monkeypatch.setattr(postgres._Tx, "_allow", noted)  # pyright: ignore[reportPrivateUsage]
    await w.db.script(["SELECT 1"])
    assert allowed == [limits.MIGRATION_S]


# --- SQLite's readers ------------------------------------------------------------------------------------------------


async def test_the_first_readers_have_the_large_caches(lite: World) -> None:
    sizes: list[int] = []
    async with AsyncExitStack() as stack:
        for _ in range(limits.SQLITE_HOT_READERS + 1):
            tx = await stack.enter_async_context(lite.db.read())
            sizes.append((await tx.all("PRAGMA cache_size"))[0][0])
    assert sizes == [-limits.HOT_CACHE_KIB] * limits.SQLITE_HOT_READERS + [-limits.COLD_CACHE_KIB]


@pytest.mark.parametrize(("limit", "readers"), [("HOT_ROWS_CHARS", 0), ("COLD_ROWS_CHARS", limits.SQLITE_HOT_READERS)])
async def test_what_a_reader_keeps(lite: World, limit: str, readers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of the smallest values, each of which counts for KEPT_LEAST_CHARS."""
    monkeypatch.setattr(limits, limit, 3 * limits.KEPT_LEAST_CHARS)
    await lite.user("somebody")  # a new state, which each reader begins anew
    async with AsyncExitStack() as stack:
        for _ in range(readers):
            await stack.enter_async_context(lite.db.read())
        tx = await stack.enter_async_context(lite.db.read())
        for key in range(5):
            tx.cache_put(("key", key), key + 1)
        assert [tx.cache_get(("key", key)) for key in range(5)] == [1, 2, 3, None, None]


async def test_what_was_read_with_much_is_not_kept(lite: World) -> None:
    for length, result in ((limits.KEPT_CHARS, "value"), (limits.KEPT_CHARS + 1, None)):
        async with lite.db.read() as tx:
            await tx.one("SELECT :text", text="x" * length)
            tx.cache_put(("of", length), "value")
            assert tx.cache_get(("of", length)) == result


# --- pages and searches ----------------------------------------------------------------------------------------------


async def test_principals_on_one_page(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert principals.PRINCIPALS_PER_PAGE == limits.PRINCIPALS_PER_PAGE
    monkeypatch.setattr(principals, "PRINCIPALS_PER_PAGE", 2)
    await w.group("crowd", "u1", "u2", "u3")
    for item in (principals.ListPrincipals("USER", "u", 1000), principals.ListMembers("crowd", 1000)):
        page = await w.as_("admin").do(item)
        assert [item.name for item in page.items] == ["u1", "u2"] and page.next_token


async def test_jobs_on_one_page(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit_log.JOBS_PER_PAGE == limits.JOBS_PER_PAGE
    monkeypatch.setattr(audit_log, "JOBS_PER_PAGE", 2)
    async with w.db.write() as tx:
        for number in range(3):
            await jobs.enqueue(tx, "purge", f"set {number}")
    page = await w.as_("admin").do(audit_log.ListJobs(max_results=1000))
    assert len(page.items) == 2 and page.next_token


async def test_edges_on_one_page(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lineage.LINEAGE_EDGES_PER_PAGE == limits.LINEAGE_EDGES_PER_PAGE
    monkeypatch.setattr(lineage, "LINEAGE_EDGES_PER_PAGE", 2)
    await w.model("c0.s0.m0")
    await w.version("c0.s0.m0")
    async with w.db.write() as tx:
        ((model,),) = await tx.all("SELECT id FROM securables WHERE name_key = 'm0'")
        for number in range(3):
            await tx.run(
                "INSERT INTO lineage (id, model_id, version, direction, entity_type, entity_name, created_at, created_by) "
                "VALUES (:id, :model, 1, 'UPSTREAM', 'TABLE', :id, 0, 'admin')",
                id=f"a.b.t{number}",
                model=model,
            )
    page = await w.as_("admin").do(lineage.GetLineage(name("c0.s0.m0"), 1, max_results=1000))
    assert len(page.items) == 2 and page.next_token


@pytest.mark.parametrize("most", [None, 0])
async def test_versions_that_a_search_sorts(w: World, most: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit it reads them in another order, with the same answer."""
    assert model_search.SEARCH_VERSIONS == limits.SEARCH_VERSIONS
    if most is not None:
        monkeypatch.setattr(model_search, "SEARCH_VERSIONS", most)
    counted: list[int] = []
    plain = text_index.has_at_most

    async def noted(tx: Any, source: Any, at_most: int) -> bool:
        counted.append(at_most)
        return await plain(tx, source, at_most)

    monkeypatch.setattr(text_index, "has_at_most", noted)
    await w.model("c0.s0.m0")
    for _ in range(3):
        await w.version("c0.s0.m0")
    request = search.SearchVersions("name LIKE '%m0%'", 10, order_by=("version_number DESC",))
    page = await w.as_("admin").do(request)
    assert [item.version for item in page.items] == [3, 2, 1]
    assert all(item == (limits.SEARCH_VERSIONS if most is None else most) for item in counted)


async def test_feature_dependencies_of_a_version(w: World) -> None:
    await w.model("c0.s0.m0")
    for length in (limits.FEATURE_DEPS_CHARACTERS, limits.FEATURE_DEPS_CHARACTERS + 1):
        request = versions.CreateVersion(name=name("c0.s0.m0"), feature_deps="x" * length)
        if length <= limits.FEATURE_DEPS_CHARACTERS:
            await w.as_("admin").do(request)
            continue
        with pytest.raises(LimitExceeded, match=f"at most {limits.FEATURE_DEPS_CHARACTERS} are kept"):
            await w.as_("admin").do(request)


async def test_principals_whose_grants_one_request_changes(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert grants.PRINCIPALS_PER_CHANGE == limits.PRINCIPALS_PER_CHANGE
    monkeypatch.setattr(grants, "PRINCIPALS_PER_CHANGE", 3)
    await w.model("c0.s0.m0")
    await w.group("crowd", "u1", "u2", "u3", "u4")
    everybody = [grants.GrantChange(f"u{number}", ("EXECUTE",)) for number in range(1, 5)]
    await w.as_("admin").do(grants.ChangeGrants(name("c0.s0.m0"), tuple(everybody[:3])))
    for changes in (everybody, everybody * 2, [grants.GrantChange("u1", (), ("EXECUTE",))] * 4):
        with pytest.raises(LimitExceeded, match="at most 3 principals"):
            await w.as_("admin").do(grants.ChangeGrants(name("c0.s0.m0"), tuple(changes)))
    assert await w.count("grants") == 3
