"""Deletions of any size: nobody sees a deleted securable from the answer on, and what it leaves goes in bounded steps."""

import asyncio
from typing import Any

import msgspec
import pytest
from authz.rows import build, rows
from world import Counting, Rehearsal, RolledBack, World, chunks, engine_on, name

from modelkeep import limits
from modelkeep.core.operations.catalog import catalogs, objects, volumes
from modelkeep.core.operations.identity import access_requests as access
from modelkeep.core.operations.identity import principals
from modelkeep.core.operations.models import models, prompts, versions
from modelkeep.core.table import BY_REQUEST
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import Conflict, NotEmpty, NotFound, RegistryError
from modelkeep.domain.kinds import Kind
from modelkeep.jobs.check import findings
from modelkeep.jobs.tasks import WorkerContext
from modelkeep.jobs.worker import Worker
from modelkeep.store import deletion, securables
from modelkeep.store.db import new_id

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

ROOTS = {
    "a catalog": catalogs.DeleteContainer(name("prod"), True),
    "a schema": catalogs.DeleteContainer(name("prod.ml"), True),
    "a model": models.DeleteModel(name("prod.ml.churn")),
    "a volume": objects.DeleteObject(name("prod.ml.raw!VOLUME")),
    "a prompt": prompts.DeletePrompt(name("prod.ml.greet!PROMPT")),
}
WATCHERS = ("metastore admin", "owner of all three", "EXECUTE on catalog, USE")
TABLES = (
    "securables",
    "model_versions",
    "prompt_versions",
    "prompt_links",
    "aliases",
    "tags",
    "lineage",
    "grants",
    "access_requests",
    "access_destinations",
    "protected_aliases",
    "alias_movers",
    "catalog_bindings",
    "artifact_sets",
    "artifact_files",
    "uploads",
    "upload_parts",
)


async def _drain(w: World) -> None:
    worker = Worker(WorkerContext(w.db, w.blobs, w.registry.auditor, 3_600_000))
    while await worker.work_one():
        pass


async def _answers(w: World, ids: dict[str, str], actor: Actor) -> dict[str, Any]:
    """What each operation of the table answers the actor; changes are rolled back."""
    engine = engine_on(w, Rehearsal(w.db))  # type: ignore[arg-type]
    engine.auditor = w.registry.auditor
    answers: dict[str, Any] = {}
    for row in rows(ids):
        op = BY_REQUEST[type(row.request)]
        if op.audit.startswith(("audit.", "job.")) or op.name in ("list_jobs", "get_activity", "summarize_activity"):
            continue  # they tell what happened
        try:
            result = await engine.execute(actor, row.request, body=None if row.body is None else chunks(row.body))
        except RolledBack:
            answers[row.label] = "done"
        except RegistryError as error:
            answers[row.label] = (type(error).__name__, error.message)
        else:
            fixed = op.effect == "read" and op.prepare is None and op.record == "buffered"
            answers[row.label] = msgspec.json.encode(result, enc_hook=str) if fixed else "done"
    return answers


@pytest.mark.parametrize("root", ROOTS)
async def test_before_its_rows_are_gone_every_operation_answers_as_after(
    w: World, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if w.db.dialect == "postgresql" and root not in ("a catalog", "a schema"):
        pytest.skip("the statements are the same")
    ids = await build(w)
    actors = [await w.actor(who.replace(" ", "-").replace(",", "")) for who in WATCHERS]
    whole = await _answers(w, ids, actors[0])
    with monkeypatch.context() as patch:
        patch.setattr(limits, "DELETE_ROWS", 0)
        await w.as_("metastore-admin").do(ROOTS[root])
    assert await w.count("jobs WHERE task = 'delete_detached'") == 1
    waiting = [await _answers(w, ids, actor) for actor in actors]
    assert waiting[0] != whole
    await _drain(w)
    assert await w.count("jobs") == 0
    for actor, before in zip(actors, waiting, strict=True):
        after = await _answers(w, ids, actor)
        assert {label: before[label] for label in after if before[label] != after[label]} == {}, actor.name


async def _many(w: World, schema: str, count: int, *, versions_each: int = 2) -> None:
    """A schema with so many models, each with versions, an alias, a tag, a grant and lineage."""
    parent, above = await w.schema(schema), await w.find(schema.split(".")[0])
    ids = [new_id() for _ in range(count)]
    numbered = [(id, number, new_id()) for id in ids for number in range(1, versions_each + 1)]
    common = {"schema": parent.id, "catalog": above.id, "owner": parent.owner_id}
    async with w.db.write() as tx:
        await tx.run_many(
            "INSERT INTO securables (id, kind, space, parent_id, catalog_id, schema_id, name, name_key, owner_id, created_at, "
            "created_by, updated_at, updated_by) VALUES (:id, 'MODEL', 'routine', :schema, :catalog, :schema, :name, :name, "
            ":owner, 0, '', 0, '')",
            [{"id": id, "name": f"m{i}", **common} for i, id in enumerate(ids, 1)],
        )
        await tx.run_many(
            "INSERT INTO artifact_sets (id, kind, state, created_at) VALUES (:set, 'version', 'live', 0)",
            [{"set": set_id} for _, _, set_id in numbered],
        )
        await tx.run_many(
            "INSERT INTO model_versions (id, model_id, version, status, artifact_set_id, created_at, created_by, updated_at, "
            "updated_by) VALUES (:set, :id, :number, 'READY', :set, 0, '', 0, '')",
            [{"id": id, "number": number, "set": set_id} for id, number, set_id in numbered],
        )
        await tx.run(
            "UPDATE securables SET last_version = :count WHERE parent_id = :id", count=versions_each, id=parent.id
        )
        for table, columns, values in (
            ("aliases", "model_id, alias, version", "x.id, 'champion', 1"),
            ("tags", "securable_id, version, key, value", "x.id, 0, 'team', 'a'"),
            (
                "lineage",
                "id, model_id, version, direction, entity_type, entity_name, created_at, created_by",
                "x.id, x.id, 1, 'UPSTREAM', 'TABLE', 'a.b.c', 0, ''",
            ),
            (
                "grants",
                "securable_id, principal_id, privilege, kind, created_at, created_by",
                "x.id, x.owner_id, 'EXECUTE', 'MODEL', 0, ''",
            ),
        ):
            statement = f"INSERT INTO {table} ({columns}) SELECT {values} FROM securables x WHERE x.parent_id = :id"
            await tx.run(statement, id=parent.id)


async def _counts(w: World) -> dict[str, int]:
    return {table: await w.count(table) for table in TABLES}


@pytest.mark.parametrize("whole", ["the schema", "the catalog"])
async def test_a_container_goes_with_every_row_and_the_request_costs_the_same_for_any_number(
    w: World, whole: str
) -> None:
    await w.as_("admin").do(catalogs.GetMetastore())
    before, sent = await _counts(w), list[int]()
    for count in (250, 500):
        await _many(w, "big.s", count)
        counting = Counting(w.db)
        engine = engine_on(w, counting)  # type: ignore[arg-type]
        root = name("big.s" if whole == "the schema" else "big")
        await engine.execute(await w.actor("admin"), catalogs.DeleteContainer(root, True))
        sent.append(len(counting.sent))
        steps = await _steps(w)
        assert max(steps) < 50 and len(steps) > count * 7 / limits.DELETE_ROWS - 3
        await w.as_("admin").do(catalogs.DeleteContainer(name("big"), True)) if whole == "the schema" else None
        await _drain(w)
        assert await _counts(w) == before
        assert await w.count("jobs") == 0
    assert sent[0] == sent[1] < 50


async def _steps(w: World) -> list[int]:
    """Statements of each step that removes what was detached, until nothing is left. Leaves the job."""
    (root,) = [id async for id in _detached(w)]
    steps: list[int] = []
    done = False
    while not done:
        counting = Counting(w.db)
        before = await _removable(w)
        async with counting.write() as tx:
            done = await deletion.remove(tx, w.db.dialect, root)
        assert before - await _removable(w) <= limits.DELETE_ROWS
        steps.append(len(counting.sent))
    return steps


async def _removable(w: World) -> int:
    counts = await _counts(w)
    return sum(counts[table] for table in TABLES if not table.startswith("artifact_"))


async def _detached(w: World) -> Any:
    async with w.db.read() as tx:
        for id in await deletion.waits(tx):
            yield id


async def test_a_model_with_thousands_of_versions_costs_its_request_no_more(w: World) -> None:
    sent: list[int] = []
    for count in (300, 900):
        await _many(w, "prod.s", 1, versions_each=count)
        counting = Counting(w.db)
        engine = engine_on(w, counting)  # type: ignore[arg-type]
        with pytest.raises(NotEmpty, match=f"has {count} versions"):
            await engine.execute(await w.actor("admin"), models.DeleteModel(name("prod.s.m1"), force=False))
        counting.sent.clear()
        await engine.execute(await w.actor("admin"), models.DeleteModel(name("prod.s.m1")))
        sent.append(len(counting.sent))
        (changes,) = (
            await w.rows(
                "SELECT changes FROM audit WHERE operation = 'delete_model' AND outcome = 'ok' ORDER BY at DESC, id DESC"
            )
        )[0]
        assert msgspec.json.decode(changes)["versions"] == [count, 0]
        await _drain(w)
        assert await w.count("model_versions") == await w.count("artifact_sets") == 0
    assert sent[0] == sent[1] < 50


async def test_files_that_others_share_stay_and_the_others_are_freed(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = w.as_("admin")
    await w.model("prod.ml.churn")
    await w.model("prod.other.copy")
    first, second = await w.version("prod.ml.churn"), await w.version("prod.ml.churn")
    for _ in range(3):
        await admin.do(versions.CopyVersion(name("prod.ml.churn"), 1, name("prod.ml.churn")))
    await admin.do(versions.CopyVersion(name("prod.ml.churn"), 1, name("prod.other.copy")))
    await admin.do(volumes.CreateVolume(name("prod.ml.raw!VOLUME")))
    monkeypatch.setattr(limits, "DELETE_ROWS", 2)
    await admin.do(catalogs.DeleteContainer(name("prod.ml"), True))
    await _drain(w)
    sets = await w.rows("SELECT id, state, refs FROM artifact_sets")
    assert sets == [(first.artifact_set_id, "live", 1)]
    assert await w.blobs.list_set(second.artifact_set_id) == []
    assert [text async for text in findings(w.db, w.blobs)] == []
    copy = await admin.do(versions.GetVersion(name("prod.other.copy"), 1))
    assert copy.artifact_set_id == first.artifact_set_id


async def test_the_name_is_free_with_the_answer_and_the_new_one_has_nothing_of_the_old(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = w.as_("admin")
    await _many(w, "prod.ml", 5)
    await w.grant("reader", "USE_SCHEMA+EXECUTE@prod.ml")
    old = await w.find("prod.ml")
    monkeypatch.setattr(limits, "DELETE_ROWS", 0)
    await admin.do(catalogs.DeleteContainer(name("prod.ml"), True))
    await admin.do(catalogs.CreateSchema(name=name("prod.ml")))
    await w.model("prod.ml.m1")
    monkeypatch.undo()
    await admin.do(models.SetAlias(name("prod.ml.m1"), "later", (await w.version("prod.ml.m1")).version))
    new = await w.find("prod.ml")
    assert new.id != old.id
    await _drain(w)
    assert await w.rows("SELECT name_key FROM securables WHERE kind = 'MODEL'") == [("m1",)]
    assert await w.rows("SELECT alias FROM aliases") == [("later",)]
    assert await w.rows(f"SELECT 1 FROM grants WHERE securable_id IN ('{old.id}', '{new.id}')") == []


async def test_a_catalog_that_holds_nothing_but_what_is_deleted_is_empty(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = w.as_("admin")
    await _many(w, "prod.ml", 3)
    monkeypatch.setattr(limits, "DELETE_ROWS", 0)
    with pytest.raises(NotEmpty):
        await admin.do(catalogs.DeleteContainer(name("prod"), False))
    await admin.do(catalogs.DeleteContainer(name("prod.ml"), True))
    await admin.do(catalogs.DeleteContainer(name("prod"), False))
    monkeypatch.undo()
    await _drain(w)
    assert await w.count("securables WHERE name_key LIKE 'm_' OR kind = 'DELETED'") == 0


async def test_who_owned_only_what_is_deleted_can_be_deleted(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = w.as_("admin")
    await w.model("prod.ml.churn", owner="leaver")
    await w.own("prod.ml", "leaver")
    monkeypatch.setattr(limits, "DELETE_ROWS", 0)
    await admin.do(catalogs.DeleteContainer(name("prod.ml"), True))
    await admin.do(principals.DeletePrincipal("leaver"))
    monkeypatch.undo()
    await _drain(w)
    assert await w.count("securables WHERE kind IN ('DELETED', 'MODEL')") == 0


async def test_a_request_for_access_to_what_is_deleted_is_not_shown(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await w.model("prod.ml.churn")
    await w.grant("asker", "BROWSE@prod")
    await w.as_("asker").do(
        access.AskAccess((access.Ask((access.RequestedPrivileges(name("prod.ml.churn"), ("EXECUTE",)),)),))
    )
    access_requests = await w.as_("admin").do(access.ListAccessRequests())
    assert len(access_requests.items) == 1
    monkeypatch.setattr(limits, "DELETE_ROWS", 0)
    await w.as_("admin").do(catalogs.DeleteContainer(name("prod.ml"), True))
    for who in ("admin", "asker"):
        assert (await w.as_(who).do(access.ListAccessRequests())).items == ()


# --- races -----------------------------------------------------------------------------------------------------------


async def _outcome(call: Any) -> str:
    try:
        await call
    except RegistryError as error:
        return type(error).__name__
    return "ok"


@pytest.mark.parametrize("force", [True, False])
async def test_what_is_created_while_its_container_goes_is_there_or_refused(w: World, force: bool) -> None:
    admin = w.as_("admin")
    await w.catalog("prod")
    for i in range(8):
        await admin.do(catalogs.CreateSchema(name=name("prod.ml")))
        calls = [
            _outcome(admin.do(catalogs.DeleteContainer(name("prod.ml"), force))),
            _outcome(admin.do(models.CreateModel(name("prod.ml.churn")))),
        ]
        outcomes = await asyncio.gather(*(calls if i % 2 else reversed(calls)))
        deleted, created = outcomes if i % 2 else reversed(outcomes)
        there = await _outcome(admin.do(models.GetModel(name("prod.ml.churn"))))
        if deleted == "ok":
            assert there == "NotFound" and (created in ("Conflict", "NotFound") or force), outcomes
        else:
            assert (deleted, created, there, force) == ("NotEmpty", "ok", "ok", False), outcomes
            await admin.do(catalogs.DeleteContainer(name("prod.ml"), True))
        await _drain(w)
        assert await w.count("securables WHERE kind IN ('DELETED', 'MODEL') OR name_key = 'ml'") == 0


async def test_nothing_is_created_in_a_container_whose_deletion_is_about_to_commit(w: World) -> None:
    if w.db.dialect == "sqlite":
        pytest.skip("one writer at a time")
    await w.schema("prod.ml")
    schema, catalog = await w.find("prod.ml"), await w.find("prod")
    for root in (schema, catalog):
        async with w.db.write() as tx:
            await deletion.detach(tx, root)
            creating = asyncio.create_task(w.as_("admin").do(models.CreateModel(name(f"prod.ml.m{new_id()[-6:]}"))))
            await asyncio.wait({creating}, timeout=0.2)
            assert root is catalog or not creating.done()
        if root is schema:
            with pytest.raises(Conflict):
                await creating
            await w.as_("admin").do(catalogs.CreateSchema(name=name("prod.ml")))
        else:
            await asyncio.wait({creating})
    async with w.db.write() as tx:
        for id in await deletion.waits(tx):
            assert await deletion.remove(tx, w.db.dialect, id)
    assert await w.count("securables WHERE kind IN ('DELETED', 'MODEL')") == 0


@pytest.mark.parametrize(
    "other",
    [
        models.DeleteModel(name("prod.ml.churn")),
        versions.CreateVersion(name=name("prod.ml.churn")),
        models.SetAlias(name("prod.ml.churn"), "a", 1),
        models.ChangeTags(name("prod.ml.churn"), None, {"a": "b"}),
        models.RenameModel(name("prod.ml.churn"), name("prod.ml.other")),
        catalogs.UpdateComment(name("prod.ml.churn"), "x"),
    ],
)
async def test_a_change_of_a_model_that_is_being_deleted_is_done_or_finds_nothing(w: World, other: Any) -> None:
    admin = w.as_("admin")
    for i in range(4):
        await w.model("prod.ml.churn")
        await w.version("prod.ml.churn")
        calls = [_outcome(admin.do(models.DeleteModel(name("prod.ml.churn")))), _outcome(admin.do(other))]
        outcomes = await asyncio.gather(*(calls if i % 2 else reversed(calls)))
        assert set(outcomes) <= {"ok", "NotFound", "Conflict"} and "ok" in outcomes
        if isinstance(other, models.DeleteModel):
            assert sorted(outcomes) == ["NotFound", "ok"]
        if isinstance(other, models.RenameModel):
            await _outcome(admin.do(models.DeleteModel(name("prod.ml.other"))))
        await _drain(w)
        assert await w.count("securables WHERE kind IN ('DELETED', 'MODEL')") == 0
        assert await w.count("model_versions") == await w.count("artifact_sets") == 0


async def test_a_deletion_that_was_interrupted_goes_on(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await _many(w, "prod.ml", 30)
    monkeypatch.setattr(limits, "DELETE_ROWS", 7)
    await w.as_("admin").do(catalogs.DeleteContainer(name("prod.ml"), True))
    (root,) = [id async for id in _detached(w)]
    for _ in range(3):
        async with w.db.write() as tx:
            assert not await deletion.remove(tx, w.db.dialect, root)
    await _drain(w)
    assert await w.count("model_versions") == await w.count("securables WHERE kind IN ('DELETED', 'MODEL')") == 0


async def test_detached_twice_is_missing(w: World) -> None:
    await w.model("prod.ml.churn")
    model = await w.find("prod.ml.churn")
    async with w.db.write() as tx:
        await deletion.detach(tx, model)
    with pytest.raises(NotFound):
        async with w.db.write() as tx:
            await deletion.detach(tx, model)
    with pytest.raises(NotFound):
        async with w.db.write() as tx:
            await securables.lock(tx, model)
    async with w.db.read() as tx:
        assert await securables.name_of(tx, model.id) is None
        assert await securables.by_id(tx, model.id) is None
    assert model.kind == Kind.MODEL
