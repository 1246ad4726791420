"""What parallel requests must not break, on both databases: numbers, artifact sets, aliases, memberships, first starts."""

import asyncio
from typing import Any

import msgspec
import pytest
from world import World, name

from modelkeep.core.operation import Federation
from modelkeep.core.operations.catalog import catalogs, volumes, workspaces
from modelkeep.core.operations.governance import tag_policies
from modelkeep.core.operations.identity import access_requests as access
from modelkeep.core.operations.identity import federation, principals
from modelkeep.core.operations.models import finalize, models, versions
from modelkeep.domain.errors import (
    Conflict,
    InvalidArgument,
    LimitExceeded,
    NotEmpty,
    NotFound,
    RegistryError,
    WrongState,
)
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import METASTORE, FullName
from modelkeep.jobs.check import findings
from modelkeep.jobs.tasks import WorkerContext, purge
from modelkeep.store import access_requests as access_rows
from modelkeep.store import deletion, files, jobs, securables
from modelkeep.store import principals as principal_rows
from modelkeep.store.bootstrap import deployment
from modelkeep.store.db import migrate, new_id, now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M = "prod.ml.churn"


async def _all(w: World, *requests: msgspec.Struct) -> list[Any]:
    """All at once; a failure is its exception. Nothing but a RegistryError may come out."""
    await w.actor("admin")
    results = await asyncio.gather(*(w.as_("admin").do(request) for request in requests), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, RegistryError):
            raise result
    return results


async def _agrees(w: World) -> None:
    """Database and storage tell the same story once every purge has run."""
    background = WorkerContext(w.db, w.blobs, w.registry.auditor, 0)
    for (key,) in await w.rows("SELECT key FROM jobs WHERE task = 'purge'"):
        await purge(background, key)
    assert [text async for text in findings(w.db, w.blobs)] == []


async def test_64_parallel_creates_get_64_consecutive_numbers(w: World) -> None:
    await w.model(M)
    result = await _all(w, *(versions.CreateVersion(name=name(M)) for _ in range(64)))
    assert sorted(v.version for v in result) == list(range(1, 65))
    assert (await w.find(M)).last_version == 64
    assert await w.rows("SELECT COUNT(DISTINCT artifact_set_id) FROM model_versions") == [(64,)]


async def test_the_first_files_of_a_run_share_one_set(w: World) -> None:
    """MLflow uploads the files of a model side by side."""
    keys = [files.tracked_key("1", "logged_model", f"m-{number}") for number in range(5)]
    result = await asyncio.gather(*(files.own_set(w.db, "logged_model", now_ms(), key) for key in keys * 8))
    assert len(set(result)) == len(keys)
    assert result == result[: len(keys)] * 8
    assert await w.rows("SELECT COUNT(*) FROM artifact_sets WHERE kind = 'logged_model'") == [(len(keys),)]


async def test_a_number_is_never_given_twice_even_after_its_version_is_deleted(w: World) -> None:
    await w.model(M)
    await w.version(M)
    await w.as_("admin").do(versions.DeleteVersion(name(M), 1))
    assert (await w.version(M)).version == 2


async def test_one_of_parallel_creates_of_a_model_wins(w: World) -> None:
    await w.schema("prod.ml")
    results = await _all(w, *(models.CreateModel(name(M)) for _ in range(8)))
    assert sorted(getattr(r, "code", "made") for r in results) == ["RESOURCE_ALREADY_EXISTS"] * 7 + ["made"]


async def test_a_deletion_delivered_twice_at_once_releases_the_files_once(w: World) -> None:
    for round_ in range(6):
        text = f"prod.ml.m{round_}"
        await w.model(text)
        original = await w.version(text)
        copy = await w.as_("admin").do(versions.CopyVersion(name(text), 1, name(text)))
        assert copy.artifact_set_id == original.artifact_set_id
        await _all(w, *(versions.DeleteVersion(name(text), 1) for _ in range(4)))
        assert await w.rows("SELECT state, refs FROM artifact_sets WHERE id = :id", id=original.artifact_set_id) == [
            ("live", 1)
        ]
    await _agrees(w)


async def test_deleting_a_model_twice_at_once_releases_the_files_once(w: World) -> None:
    for round_ in range(6):
        text, other = f"prod.ml.m{round_}", f"prod.ml.other{round_}"
        await w.model(text)
        await w.model(other)
        original = await w.version(text)
        await w.as_("admin").do(versions.CopyVersion(name(text), 1, name(other)))
        await _all(w, *(models.DeleteModel(name(text)) for _ in range(3)), versions.DeleteVersion(name(text), 1))
        assert await w.rows("SELECT state, refs FROM artifact_sets WHERE id = :id", id=original.artifact_set_id) == [
            ("live", 1)
        ]
    await _agrees(w)


async def test_copies_and_deletions_at_once_leave_no_ready_version_without_files(w: World) -> None:
    await w.model("prod.ml.other")
    for round_ in range(8):
        text = f"prod.ml.m{round_}"
        await w.model(text)
        await w.version(text)
        copies = [versions.CopyVersion(name(text), 1, name("prod.ml.other")) for _ in range(3)]
        await _all(w, *copies[:1], versions.DeleteVersion(name(text), 1), *copies[1:])
    bad = await w.rows(
        "SELECT v.id FROM model_versions v LEFT JOIN artifact_sets s ON s.id = v.artifact_set_id "
        "WHERE v.status = 'READY' AND (s.id IS NULL OR s.state <> 'live')"
    )
    assert bad == []
    await _agrees(w)


async def test_a_version_created_while_its_model_goes_either_exists_in_it_or_is_refused(w: World) -> None:
    for round_ in range(6):
        text = f"prod.ml.m{round_}"
        await w.model(text)
        await w.version(text)
        creates = [versions.CreateVersion(name=name(text)) for _ in range(3)]
        results = await _all(w, *creates[:1], models.DeleteModel(name(text)), *creates[1:])
        assert not isinstance(results[1], RegistryError)
        assert all(isinstance(r, NotFound | Conflict) or r.version > 1 for r in (results[0], *results[2:]))
    assert await w.count("model_versions") == 0
    await _agrees(w)


async def test_a_model_created_while_its_schema_goes_never_hangs_in_the_air(w: World) -> None:
    for round_ in range(6):
        await w.schema(f"prod.s{round_}")
        text = f"prod.s{round_}"
        results = await _all(
            w,
            models.CreateModel(name(f"{text}.m")),
            catalogs.DeleteContainer(name(text)),
            models.CreateModel(name(f"{text}.n")),
        )
        assert all(not isinstance(r, RegistryError) or isinstance(r, NotFound | Conflict) for r in results)
    homeless = await w.rows(
        "SELECT x.id FROM securables x LEFT JOIN securables p ON p.id = x.parent_id WHERE p.id IS NULL AND x.kind <> 'METASTORE'"
    )
    assert homeless == []


async def test_an_empty_container_is_deleted_or_gets_its_child_never_both(w: World) -> None:
    """Both answers, against what is there: a deletion without force deletes nothing that was answered as created."""
    for round_ in range(12):
        await w.schema(f"prod.s{round_}")
        text = f"prod.s{round_}"
        create = [
            models.CreateModel(name(f"{text}.x{round_}")),
            volumes.CreateVolume(name(f"{text}.x{round_}!VOLUME")),
            catalogs.CreateSchema(name=name(f"c{round_}.x{round_}")),
        ][round_ % 3]
        if round_ % 3 == 2:
            text = f"c{round_}"
            await w.catalog(text)
        created, deleted = await _all(w, create, catalogs.DeleteContainer(name(text)))
        assert isinstance(created, RegistryError) is not isinstance(deleted, RegistryError), (created, deleted)
        there = await w.rows("SELECT name FROM securables WHERE name_key = :key", key=f"x{round_}")
        assert bool(there) is not isinstance(created, RegistryError)


async def test_a_deletion_waits_for_the_child_that_is_being_created(w: World) -> None:
    await w.schema("prod.ml")
    for number, kind in enumerate(("MODEL", "VOLUME", "TABLE", "FUNCTION")):
        await w.actor("admin")
        async with w.db.write() as tx:
            parent = await securables.by_name(tx, name("prod.ml"))
            assert parent is not None
            child = FullName(("prod", "ml", f"x{number}"), Kind(kind))
            await securables.insert(
                tx, securables.NewSecurable(parent, child, parent.owner_id, "test", now_ms(), "", {})
            )
            deleting = asyncio.create_task(w.as_("admin").do(catalogs.DeleteContainer(name("prod.ml"))))
            await asyncio.sleep(0.3)
            assert not deleting.done()
        with pytest.raises(NotEmpty):
            await deleting
        async with w.db.write() as tx:
            row = await securables.by_name(tx, child)
            assert row is not None
            await deletion.detach(tx, row)
            assert await deletion.remove(tx, w.db.dialect, row.id)


async def test_a_finalize_delivered_twice_at_once_is_answered_twice(w: World) -> None:
    await w.model(M)
    for _ in range(5):
        version = await w.pending(M)
        results = await _all(w, *(finalize.FinalizeVersion(name(M), version.version) for _ in range(3)))
        assert [getattr(r, "status", str(r)) for r in results] == ["READY"] * 3
    await _agrees(w)


async def test_finalize_against_delete_leaves_no_half(w: World) -> None:
    await w.model(M)
    for _ in range(6):
        version = await w.pending(M)
        await _all(
            w, finalize.FinalizeVersion(name(M), version.version), versions.DeleteVersion(name(M), version.version)
        )
    assert await w.count("model_versions") == 0
    await _agrees(w)


async def test_an_alias_set_while_its_version_goes_never_dangles(w: World) -> None:
    await w.model(M)
    for _ in range(8):
        version = await w.version(M)
        alias = [models.SetAlias(name(M), f"a{i}", version.version) for i in range(3)]
        await _all(w, *alias[:1], versions.DeleteVersion(name(M), version.version), *alias[1:])
    assert await w.count("aliases") == 0
    await _agrees(w)


async def test_parallel_aliases_keep_to_the_limit(w: World) -> None:
    await w.model(M)
    await w.version(M)
    results = await _all(w, *(models.SetAlias(name(M), f"a{i}", 1) for i in range(14)))
    assert sorted(getattr(r, "code", "set") for r in results) == ["INVALID_PARAMETER_VALUE"] * 4 + ["set"] * 10
    assert await w.count("aliases") == 10


async def test_an_alias_moved_at_once_ends_on_one_version_that_knows_it(w: World) -> None:
    await w.model(M)
    for _ in range(4):
        await w.version(M)
    await _all(w, *(models.SetAlias(name(M), "champion", 1 + i % 4) for i in range(12)))
    (target,) = await w.rows("SELECT version FROM aliases")
    assert await w.rows("SELECT version FROM model_versions WHERE aliases <> '[]'") == [target]


async def test_parallel_tags_lose_nothing(w: World) -> None:
    await w.model(M)
    await _all(w, *(models.ChangeTags(name(M), None, {f"k{i}": "v"}) for i in range(12)))
    assert (await w.find(M)).tags == {f"k{i}": "v" for i in range(12)}
    assert await w.count("tags") == 12


async def test_memberships_changed_at_once_leave_the_closure_true(w: World) -> None:
    for group in ("a", "b", "c"):
        await w.group(group)
    await w.user("ann")
    for _ in range(5):
        results = await _all(
            w,
            principals.AddMember("a", "b"),
            principals.AddMember("b", "c"),
            principals.AddMember("c", "ann"),
            principals.AddMember("c", "a"),
            principals.RemoveMember("a", "b"),
        )
        assert all(not isinstance(r, RegistryError) or isinstance(r, InvalidArgument) for r in results)
        assert await closure(w) == await closure_anew(w)
        for group, member in (("a", "b"), ("b", "c"), ("c", "ann"), ("c", "a")):
            await w.as_("admin").do(principals.RemoveMember(group, member))


async def test_a_membership_change_waits_for_the_one_before_it(w: World) -> None:
    """ann joins the inner group while that group leaves the outer one: she must not keep the outer one's rights."""
    await w.group("outer")
    await w.group("inner")
    await w.user("ann")
    await w.as_("admin").do(principals.AddMember("outer", "inner"))
    async with w.db.write() as tx:
        inner, ann = [await principal_rows.by_name(tx, who) for who in ("inner", "ann")]
        assert inner and ann
        await principal_rows.add_member(tx, inner, ann)
        leaving = asyncio.create_task(w.as_("admin").do(principals.RemoveMember("outer", "inner")))
        await asyncio.sleep(0.3)
        assert not leaving.done()
    await leaving
    assert await closure(w) == await closure_anew(w)


async def closure(w: World) -> set[tuple[str, str]]:
    """What everybody acts as; and the rows themselves are of groups alone."""
    of_others = await w.rows(
        "SELECT p.name, g.name FROM membership_closure c JOIN principals p ON p.id = c.member_id JOIN principals g ON g.id = c.group_id "
        "WHERE p.kind <> 'GROUP' AND p.id <> g.id AND g.name <> 'account users'"
    )
    assert of_others == []
    return set(await w.rows("SELECT member_id, group_id FROM acts_as"))  # type: ignore[arg-type]


async def closure_anew(w: World) -> set[tuple[str, str]]:
    """From the memberships alone."""
    parents: dict[str, set[str]] = {}
    for group, member in await w.rows("SELECT group_id, member_id FROM memberships"):
        parents.setdefault(member, set()).add(group)
    ((everyone,),) = await w.rows("SELECT id FROM principals WHERE name = 'account users'")
    values: set[tuple[str, str]] = set()
    for principal, kind in await w.rows("SELECT id, kind FROM principals"):
        reached, todo = set[str](), [principal]
        while todo:
            if (item := todo.pop()) not in reached:
                reached.add(item)
                todo += parents.get(item, ())
        values |= {(principal, item) for item in reached}
        if kind != "GROUP":
            values.add((principal, everyone))
    return values


async def test_two_processes_start_a_new_deployment_at_once(
    dialect: str, tmp_path: Any, request: pytest.FixtureRequest
) -> None:
    from modelkeep.store.postgres import PostgresDatabase
    from modelkeep.store.sqlite import SqliteDatabase

    for round_ in range(3):
        if dialect == "postgresql":
            url = request.getfixturevalue("postgres").new_database()
            postgres_databases = [PostgresDatabase(url) for _ in range(2)]
        else:
            postgres_databases = [SqliteDatabase(tmp_path / f"{round_}.db") for _ in range(2)]
        for db in postgres_databases:
            await db.open()
        await asyncio.gather(*(migrate(db) for db in postgres_databases))
        facts = await asyncio.gather(*(deployment(db) for db in postgres_databases))
        assert facts[0] == facts[1]
        async with postgres_databases[0].read() as tx:
            assert await tx.one("SELECT COUNT(*) FROM securables WHERE kind = 'METASTORE'") == (1,)
        for db in postgres_databases:
            await db.close()


async def test_a_job_is_taken_once(w: World) -> None:
    async with w.db.write() as tx:
        for i in range(10):
            await jobs.enqueue(tx, "purge", f"set{i}")

    async def take() -> list[str]:
        taken: list[str] = []
        while True:
            async with w.db.write() as tx:
                job = await jobs.take(tx, w.db.dialect, "files", new_id(), 60_000)
            if job is None:
                return taken
            taken.append(job.key)

    result = await asyncio.gather(*(take() for _ in range(4)))
    assert sorted(key for keys in result for key in keys) == [f"set{i}" for i in range(10)]


async def test_a_writer_that_gives_up_while_it_waits_leaves_the_database_usable(w: World) -> None:
    await w.actor("admin")
    async with w.db.write() as tx:
        await tx.run("UPDATE securables SET comment = 'one' WHERE kind = 'METASTORE'")
        waiting = asyncio.create_task(w.as_("admin").do(catalogs.UpdateComment(METASTORE, "two")))
        await asyncio.sleep(0.05)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await w.as_("admin").do(catalogs.CreateCatalog(name=name("next")))


@pytest.mark.parametrize("ticks", range(1, 9))
async def test_a_request_cancelled_at_any_moment_is_done_or_not_and_the_next_one_works(w: World, ticks: int) -> None:
    await w.actor("admin")
    running = asyncio.create_task(w.as_("admin").do(catalogs.CreateCatalog(name=name("maybe"))))
    for _ in range(ticks):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await w.as_("admin").do(catalogs.CreateCatalog(name=name("next")))
    there = await w.rows("SELECT COUNT(*) FROM securables WHERE name_key = 'maybe'")
    recorded = await w.rows("SELECT COUNT(*) FROM audit WHERE operation = 'create_catalog' AND request LIKE '%maybe%'")
    assert there == recorded


async def test_a_copy_of_what_is_being_deleted_is_refused(w: World) -> None:
    await w.model(M)
    version = await w.version(M)
    async with w.db.write() as tx:
        await tx.run("UPDATE artifact_sets SET state = 'deleting', refs = 0 WHERE id = :id", id=version.artifact_set_id)
    with pytest.raises(WrongState, match="cannot be copied"):
        await w.as_("admin").do(versions.CopyVersion(name(M), 1, name(M)))
    assert (await w.find(M)).last_version == 1


# --- changes that write back what they read ---------------------------------------------------------------------------


async def test_changes_of_two_fields_at_once_lose_neither(w: World) -> None:
    """Each request changes one field of what it has read: both are answered, so both are there in the end."""
    admin = w.as_("admin")
    await w.model(M)
    async with w.db.write() as tx:
        await principal_rows.insert(tx, "SERVICE_PRINCIPAL", "robot", "test", now_ms())
    ((robot,),) = await w.rows("SELECT number FROM principals WHERE name = 'robot'")
    settings = msgspec.structs.replace(
        w.engine.services.settings, federation=Federation(frozenset({"https://issuer"}), "a")
    )
    w.engine.services = msgspec.structs.replace(w.engine.services, settings=settings)
    rule = federation.FederationRule(issuer="https://issuer", subject="job", audiences=("a",))
    await admin.do(federation.CreatePolicy(str(robot), rule=rule, policy_id="ci"))
    await admin.do(tag_policies.CreateTagPolicy("grade", "", ()))
    for round_ in range(6):
        text = f"r{round_}"
        change = [
            msgspec.structs.replace(rule, description=text),
            msgspec.structs.replace(rule, subject=text),
        ]
        workspace = await admin.do(workspaces.CreateWorkspace(f"ws{round_}", f"ws{round_}.x.io"))
        answers = await _all(
            w,
            tag_policies.UpdateTagPolicy("grade", text, None),
            tag_policies.UpdateTagPolicy("grade", None, (text,)),
            federation.UpdatePolicy(str(robot), policy_id="ci", rule=change[0], fields=("description",)),
            federation.UpdatePolicy(str(robot), policy_id="ci", rule=change[1], fields=("subject",)),
            workspaces.UpdateWorkspace(workspace.id, f"new{round_}", None),
            workspaces.UpdateWorkspace(workspace.id, None, f"new{round_}.x.io"),
            catalogs.UpdateSpec(name(M), {"deployment_job_id": text}),
            catalogs.UpdateSpec(name(M), {"other": text}),
        )
        assert not any(isinstance(answer, RegistryError) for answer in answers), answers
        policy = await admin.do(tag_policies.GetTagPolicy("grade"))
        assert (policy.description, policy.allowed) == (text, (text,))
        trusted = await admin.do(federation.GetPolicy(str(robot), policy_id="ci"))
        assert (trusted.description, trusted.subject) == (text, text)
        changed = await admin.do(workspaces.GetWorkspace(workspace.id))
        assert (changed.name, changed.url.rpartition("/")[2]) == (f"new{round_}", f"new{round_}.x.io")
        assert (await w.find(M)).spec == {"deployment_job_id": text, "other": text}


async def test_a_change_of_what_is_being_renamed_is_done_or_not_there(w: World) -> None:
    """The name that the request resolved may be gone when it holds the row: 404, and nothing of it is done."""
    for round_ in range(8):
        old, new = f"prod.ml.old{round_}", f"prod.ml.new{round_}"
        await w.model(old)
        await w.version(old)
        results = await _all(
            w,
            catalogs.UpdateComment(name(old), "changed"),
            models.ChangeTags(name(old), None, {"k": "v"}),
            models.RenameModel(name(old), name(new)),
            models.SetAlias(name(old), "champion", 1),
            catalogs.TransferOwnership(name(old), "admin"),
        )
        assert not isinstance(results[2], RegistryError)
        assert all(not isinstance(r, RegistryError) or isinstance(r, NotFound) for r in results), results
        model = await w.find(new)
        assert (model.comment == "changed") is not isinstance(results[0], NotFound)
        assert bool(model.tags) is not isinstance(results[1], NotFound)


async def test_requests_for_access_keep_to_the_limit_of_their_requester(w: World) -> None:
    """On securables of their own: the request that waits counts the one before it."""
    await w.user("ann")
    for number in range(3):
        await w.schema(f"prod.s{number}")
    await w.grant("ann", "BROWSE@prod")
    actor = await w.actor("ann")
    asks = [
        access.AskAccess((access.Ask((access.RequestedPrivileges(name(f"prod.s{number}"), ("USE_SCHEMA",)),)),))
        for number in range(3)
    ]
    async with w.db.write() as tx:
        await principal_rows.hold(tx, actor.id)
        metastore = await securables.by_name(tx, METASTORE)
        assert metastore is not None
        for number in range(access.PENDING_ACCESS_REQUESTS_PER_REQUESTER):
            other = await principal_rows.insert(tx, "GROUP", f"g{number}", "test", now_ms())
            await access_rows.put(
                tx, access_rows.NewAccessRequest(metastore.id, other.id, actor.id, ["CREATE_CATALOG"], "", now_ms())
            )
        asking = [asyncio.create_task(w.engine.execute(actor, ask)) for ask in asks]
        await asyncio.sleep(0.3)
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(answer) for answer in answers] == [LimitExceeded] * 3, answers
    pending = await w.rows(
        "SELECT COUNT(*) FROM access_requests WHERE requester_id = :id AND state = 'PENDING'", id=actor.id
    )
    assert pending == [(access.PENDING_ACCESS_REQUESTS_PER_REQUESTER,)]
