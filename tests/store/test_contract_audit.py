"""The audit log and its chain, jobs and leases, on both databases."""

import sqlite3
from typing import Any

import msgspec
import pytest
from world import World, engine_on, name

from modelkeep import limits
from modelkeep.core.auditor import Auditor
from modelkeep.core.operations.audit import audit_log
from modelkeep.core.operations.catalog import catalogs, model_search
from modelkeep.core.operations.files import credentials
from modelkeep.core.operations.identity import principals
from modelkeep.core.operations.models import models, versions
from modelkeep.domain.errors import PermissionDenied, Unavailable
from modelkeep.jobs.tasks import TASKS, WorkerContext
from modelkeep.jobs.worker import Worker
from modelkeep.store import audit
from modelkeep.store.db import now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M = "prod.ml.churn"
LATER = 2**62


async def _sealed(w: World, count: int = 5) -> audit.Verdict:
    """`count` events, sealed."""
    for i in range(count):
        await w.as_("admin").do(catalogs.CreateCatalog(name=name(f"c{i}")))
    async with w.db.write() as tx:
        await audit.seal(tx, LATER)
    verdict = await _verify(w)
    assert (verdict.broken, verdict.unsealed) == ("", 0) and verdict.sealed == await w.count("audit")
    return verdict


async def _verify(w: World) -> audit.Verdict:
    async with w.db.read() as tx:
        return await audit.verify(tx)


async def _tamper(w: World, *statements: str) -> None:
    """As someone with the database's own password could: past the triggers."""
    triggers = ("audit_no_update", "audit_no_delete", "seals_no_update", "seals_no_delete")
    drop = [f"DROP TRIGGER {t}" for t in triggers]
    if w.db.dialect == "postgresql":
        drop = [
            f"DROP TRIGGER {t}_{of}_only ON {on}"
            for t, on in (("audit", "audit"), ("seals", "audit_seals"))
            for of in ("append", "archived")
        ]
    async with w.db.write() as tx:
        for statement in (*drop, *statements):
            await tx.run(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "UPDATE audit_seals SET hash = ''",
        "DELETE FROM audit_seals",
    ],
)
async def test_the_log_is_append_only(w: World, statement: str) -> None:
    await _sealed(w, 1)
    with pytest.raises(Exception, match="append-only"):
        async with w.db.write() as tx:
            await tx.run(statement)
    assert (await _verify(w)).broken == ""


async def test_a_rewritten_chain_lacks_the_head_that_was_written_down(w: World) -> None:
    before = await _sealed(w)
    async with w.db.read() as tx:
        assert (await audit.head(tx)) == audit.ChainHead(before.sealed, before.head)
    await _tamper(
        w,
        "UPDATE audit SET actor = 'mallory' WHERE id = (SELECT audit_id FROM audit_seals WHERE seq = 2)",
        "INSERT INTO audit_pending (audit_id, at) SELECT s.audit_id, a.at FROM audit_seals s JOIN audit a ON a.id = s.audit_id",
        "DELETE FROM audit_seals",
    )
    async with w.db.write() as tx:
        await audit.seal(tx, LATER)
    async with w.db.read() as tx:
        verdict = await audit.verify(tx, look_for=before.head)
    assert (verdict.broken, verdict.sealed, verdict.expected_link) == ("", before.sealed, 0), (
        "it is whole, and another one"
    )


@pytest.mark.parametrize("column", ["actor", "event", "reason", "request", "changes", "outcome", "source", "token_id"])
async def test_an_edited_event_is_named(w: World, column: str) -> None:
    await _sealed(w)
    (id,) = (await w.rows("SELECT audit_id FROM audit_seals WHERE seq = 3"))[0]
    value = '{"x":1}' if column in ("request", "changes") else "edited"
    await _tamper(w, f"UPDATE audit SET {column} = '{value}' WHERE id = '{id}'")
    assert (await _verify(w)).broken == f"Link 3: event {id} is not what was sealed."


async def test_a_removed_event_a_removed_link_and_a_cut_tail_are_named(w: World) -> None:
    whole = await _sealed(w)
    (third,) = (await w.rows("SELECT audit_id FROM audit_seals WHERE seq = 3"))[0]
    (last,) = (await w.rows("SELECT audit_id FROM audit_seals ORDER BY seq DESC LIMIT 1"))[0]
    await _tamper(w, f"DELETE FROM audit_seals WHERE audit_id = '{last}'")
    assert (await _verify(w)).broken == f"Event {last} is neither sealed nor waiting to be: its link was cut off."
    async with w.db.write() as tx:
        await tx.run(f"DELETE FROM audit WHERE id = '{last}'")
    cut = await _verify(w)  # whoever kept the head knows; the chain alone cannot
    assert (cut.broken, cut.sealed) == ("", whole.sealed - 1) and cut.head != whole.head
    async with w.db.write() as tx:
        await tx.run(f"DELETE FROM audit WHERE id = '{third}'")
    assert (await _verify(w)).broken == f"Link 3: its event {third} is missing."
    async with w.db.write() as tx:
        await tx.run("DELETE FROM audit_seals WHERE seq = 3")
    assert (await _verify(w)).broken == "Link 3 is missing."


async def test_a_forged_event_in_the_past_is_no_part_of_the_chain(w: World) -> None:
    await _sealed(w)
    await _tamper(
        w,
        "INSERT INTO audit SELECT '00' || SUBSTR(id, 3), at, event, operation, actor_id, 'mallory', token_id, source, "
        "request_id, targets, request, changes, outcome, reason, workspace_id FROM audit LIMIT 1",
    )
    assert "neither sealed nor waiting" in (await _verify(w)).broken


async def test_sealing_goes_on_where_it_stopped_and_in_batches(w: World) -> None:
    await _sealed(w, 2)
    template = (await w.as_("admin").do(audit_log.FindAudit(max_results=1))).items[0]
    many = [msgspec.structs.replace(template, id=f"{i:036d}", at=i) for i in range(1, 1203)]
    async with w.db.write() as tx:
        await audit.add(tx, many)
    counts: list[int] = []
    while True:
        async with w.db.write() as tx:
            counts.append(await audit.seal(tx, LATER))
        if not counts[-1]:
            break
    assert counts[:3] == [500, 500, counts[2]] and sum(counts) >= 1202
    verdict = await _verify(w)
    assert (verdict.broken, verdict.unsealed, verdict.sealed) == ("", 0, await w.count("audit"))


async def test_fresh_events_wait_for_their_neighbours(w: World) -> None:
    before = now_ms()
    await w.as_("admin").do(catalogs.CreateCatalog(name=name("c")))
    async with w.db.write() as tx:
        assert await audit.seal(tx, before) == 0
    verdict = await _verify(w)
    assert verdict.broken == "" and verdict.unsealed >= 1


async def test_every_change_and_every_refusal_leaves_its_record(w: World) -> None:
    await w.model(M)
    await w.as_("admin").do(catalogs.UpdateComment(name(M), "new"))
    with pytest.raises(PermissionDenied):
        await w.as_("eve").do(models.DeleteModel(name(M)))
    (refused, changed) = (await w.as_("admin").do(audit_log.FindAudit(event="*", max_results=2))).items
    assert (refused.actor, refused.event, refused.outcome) == ("eve", "model.delete", "PERMISSION_DENIED")
    assert refused.reason == "User does not have USE CATALOG on Catalog 'prod'." and [
        t.name for t in refused.targets
    ] == [M]
    assert (changed.actor, changed.event, changed.changes) == ("admin", "securable.update", '{"comment":["","new"]}')
    assert [(t.kind, t.id) for t in changed.targets] == [("MODEL", (await w.find(M)).id)]


async def test_activity_follows_a_securable_through_its_names(w: World) -> None:
    await w.model(M)
    await w.own("prod.ml", "admin")
    await w.as_("admin").do(models.RenameModel(name(M), name("prod.ml.b")))
    await w.as_("admin").do(models.CreateModel(name(M)))
    events = (await w.as_("admin").do(audit_log.GetActivity(name("prod.ml.b")))).items
    assert [e.event for e in events] == ["model.rename"]
    assert [e.event for e in (await w.as_("admin").do(audit_log.GetActivity(name(M)))).items] == ["model.create"]


async def test_no_secret_is_ever_recorded(w: World) -> None:
    token = await w.as_("admin").do(principals.CreateToken("ci"))
    events = await w.rows("SELECT * FROM audit")
    assert all(token.token not in str(column) for row in events for column in row)


async def test_the_log_is_paged_newest_first_and_filtered(w: World) -> None:
    await _sealed(w, 7)
    result, token = list[str](), ""
    while True:
        page = await w.as_("admin").do(audit_log.FindAudit(event="catalog.create", max_results=3, page_token=token))
        result += [e.targets[-1].name for e in page.items]
        if not (token := page.next_token):
            break
    assert result == [f"c{i}" for i in reversed(range(7))]
    assert len((await w.as_("admin").do(audit_log.FindAudit(event="catalog.*"))).items) == 7
    assert (await w.as_("admin").do(audit_log.FindAudit(actor="nobody"))).items == ()
    assert (await w.as_("admin").do(audit_log.FindAudit(since=2**70))).items == ()
    assert (
        len((await w.as_("admin").do(audit_log.FindAudit(event="catalog.create", until=2**70, since=-(2**70)))).items)
        == 7
    )


# --- what is buffered ------------------------------------------------------------------------------------------------


async def test_reads_are_written_at_the_next_flush_and_counted(w: World) -> None:
    await w.model(M)
    for _ in range(3):
        await w.as_("admin").do(models.GetModel(name(M)))
    assert await w.rows("SELECT COUNT(*) FROM audit WHERE event = 'model.get'") == [(0,)]
    await w.registry.auditor.flush()
    assert await w.rows("SELECT changes FROM audit WHERE event = 'model.get'") == [('{"count": [0, 3]}',)]


async def test_vendings_are_one_record_a_version_and_minute_with_a_count(w: World) -> None:
    await w.model(M)
    await w.version(M)
    for _ in range(5):
        await w.as_("admin").do(credentials.ReadCredentials(name(M), 1))
    await w.registry.auditor.flush()
    await w.as_("admin").do(credentials.ReadCredentials(name(M), 1))
    await w.registry.auditor.flush(minute_over=True)
    rows = await w.rows("SELECT changes FROM audit WHERE event = 'version.vend_read'")
    assert sum(_count(row[0]) for row in rows) == 6 and len(rows) <= 2
    assert await w.count("vendings") == 0


def _count(changes: str) -> int:
    return msgspec.json.decode(changes)["count"][1]


async def test_a_vending_is_recorded_with_its_first_and_last_time(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await w.model(M)
    await w.version(M)
    minute = 60_000 * (now_ms() // 60_000 - 10)
    auditor, other = w.registry.auditor, Auditor(w.db)
    for node, at in ((auditor, 5_000), (other, 2_000), (auditor, 9_000), (other, 30_000), (auditor, 12_000)):
        monkeypatch.setattr("modelkeep.core.auditor.now_ms", lambda at=at: minute + at)
        w.engine.auditor = node
        await w.as_("admin").do(credentials.ReadCredentials(name(M), 1))
        await node.flush()
    monkeypatch.undo()
    await auditor.flush()
    rows = await w.rows("SELECT at, changes FROM audit WHERE event = 'version.vend_read'")
    assert [(at, msgspec.json.decode(changes)) for at, changes in rows] == [
        (minute + 30_000, {"count": [0, 5], "at": [minute + 2_000, minute + 30_000]})
    ]


async def test_many_different_reads_of_one_caller_become_few_records_and_none_is_lost(w: World) -> None:
    others = [f"prod.ml.m{i}" for i in range(limits.AUDIT_READS_APART + 10)]
    for model in (M, *others):
        await w.model(model)
    admin, reader = w.as_("admin"), w.as_("reader")
    await w.grant("reader", "USE_CATALOG+USE_SCHEMA+EXECUTE@prod")
    for i in range(300):
        await admin.do(model_search.SearchModels(f"name LIKE '%{i}%'"))
        await admin.do(model_search.SearchModels("name LIKE '%same%'"))
    await reader.do(model_search.SearchModels("name LIKE '%1%'"))
    for model in others:
        await admin.do(models.GetModel(name(model)))
    await w.registry.auditor.flush()
    rows = await w.rows("SELECT actor, changes FROM audit WHERE operation = 'search_models'")
    by_actor = {who: [changes for actor, changes in rows if actor == who] for who in ("admin", "reader")}
    counted = sum(_count(changes) if "count" in changes else 1 for changes in by_actor["admin"])
    assert counted == 600 and len(by_actor["admin"]) <= limits.AUDIT_READS_APART + 1 and len(by_actor["reader"]) == 1
    read = await w.rows("SELECT COUNT(DISTINCT targets) FROM audit WHERE event = 'model.get'")
    assert read == [(len(others),)], "who read what is never put together"
    await admin.do(model_search.SearchModels("name LIKE '%later%'"))
    await w.registry.auditor.flush()
    assert await w.count("audit WHERE request LIKE '%later%'") == 1


async def test_a_flush_that_fails_loses_nothing(w: World) -> None:
    await w.model(M)
    await w.version(M)
    flaky = Flaky(w.db)
    auditor = Auditor(flaky)  # type: ignore[arg-type]
    engine = engine_on(w, w.db)
    engine.auditor = auditor
    admin = await w.actor("admin")
    await engine.execute(admin, models.GetModel(name(M)))
    await engine.execute(admin, credentials.ReadCredentials(name(M), 1))
    for _ in range(2):
        with pytest.raises(Unavailable):
            await auditor.flush(minute_over=True)
        await engine.execute(admin, credentials.ReadCredentials(name(M), 1))
    flaky.down = False
    await auditor.flush(minute_over=True)
    assert await w.rows("SELECT COUNT(*) FROM audit WHERE event = 'model.get'") == [(1,)]
    counts = await w.rows("SELECT changes FROM audit WHERE event = 'version.vend_read'")
    assert sum(_count(row[0]) for row in counts) == 3


class Flaky:
    """A database that is away for writes until it is not."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self.down = True

    def read(self) -> Any:
        return self._db.read()

    def write(self, principal: str = "") -> Any:
        if self.down:
            raise Unavailable("The database does not answer. Try again in a moment.")
        return self._db.write()


async def test_a_worker_purges_what_was_deleted_and_a_second_run_changes_nothing(w: World) -> None:
    await w.model(M)
    version = await w.version(M)
    await w.as_("admin").do(versions.DeleteVersion(name(M), 1))
    background = WorkerContext(w.db, w.blobs, w.registry.auditor, 0)
    worker = Worker(background)
    while await worker.work_one():
        pass
    assert await w.count("jobs") == 0
    assert await w.blobs.list_set(version.artifact_set_id) == [] and await w.count("artifact_sets") == 0
    await TASKS["purge"](background, version.artifact_set_id)


async def test_sqlite_keeps_what_it_committed(lite: World) -> None:
    mode = await lite.rows("PRAGMA journal_mode")
    sync = await lite.rows("PRAGMA synchronous")
    assert (mode, sync) == ([("wal",)], [(2,)]) and sqlite3.sqlite_version_info >= (3, 35)
