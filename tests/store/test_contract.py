"""What both databases promise: transactions, names and their chains, principals, tokens, grants, versions, aliases, tags, sets."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from world import World, name

from modelkeep.core.operations.catalog import catalogs, model_search
from modelkeep.core.operations.identity.principals import (
    AddMember,
    CreatePrincipal,
    CreateToken,
    DeletePrincipal,
    RemoveMember,
    RevokeToken,
    hash_token,
)
from modelkeep.core.operations.models import finalize, models, versions
from modelkeep.domain.authorization import SecurableWithGrants
from modelkeep.domain.errors import (
    AlreadyExists,
    FileNotFound,
    InvalidArgument,
    LimitExceeded,
    NotEmpty,
    NotFound,
    WrongState,
)
from modelkeep.domain.model import ArtifactFile
from modelkeep.jobs import check, tasks
from modelkeep.serve.process import background
from modelkeep.store import files, grants, principals, securables
from modelkeep.store import versions as version_rows
from modelkeep.store.db import UniqueViolation, WriteTx, now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M = "prod.ml.churn"


# --- transactions ----------------------------------------------------------------------------------------------------


async def test_a_write_that_raises_leaves_nothing(w: World) -> None:
    with pytest.raises(ZeroDivisionError):
        async with w.db.write() as tx:
            await principals.insert(tx, "USER", "ghost", "test", 0)
            raise ZeroDivisionError
    assert await w.rows("SELECT name FROM principals WHERE name = 'ghost'") == []


async def test_many_rows_can_be_written_again_and_again(w: World) -> None:
    """In threads, each of which must be done with the statement before the next one runs it."""
    rows = [{"state": f"s{i}", "at": i} for i in range(200)]
    for _ in range(6):
        async with w.db.write() as tx:
            for _ in range(20):
                await tx.run_many("DELETE FROM used_sign_ins WHERE state = :state AND at = :at", rows)


async def test_a_read_transaction_cannot_write(w: World) -> None:
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        async with w.db.read() as tx:
            await tx.all("UPDATE principals SET active = 0 RETURNING id")
    assert await w.rows("SELECT COUNT(*) FROM principals WHERE active = 0") == [(0,)]


async def test_a_read_transaction_sees_one_moment(w: World) -> None:
    async with w.db.read() as tx:
        before = await tx.all("SELECT name FROM principals ORDER BY name")
        await w.user("late")
        assert await tx.all("SELECT name FROM principals ORDER BY name") == before
    assert ("late",) in await w.rows("SELECT name FROM principals")


async def test_a_write_sees_its_own_rows_and_others_do_not_until_it_commits(w: World) -> None:
    async with w.db.write() as tx:
        await principals.insert(tx, "USER", "new", "test", 0)
        assert await principals.by_name(tx, "NEW")
        assert await w.rows("SELECT name FROM principals WHERE name = 'new'") == []
    assert await w.rows("SELECT name FROM principals WHERE name = 'new'") == [("new",)]


async def test_a_unique_constraint_is_one_exception_on_both(w: World) -> None:
    row = "INSERT INTO deployment (key, value) VALUES ('twice', '')"
    with pytest.raises(UniqueViolation):
        async with w.db.write() as tx:
            await tx.run(row)
            await tx.run(row)
    with pytest.raises(UniqueViolation):
        async with w.db.write() as tx:
            await tx.run(row)
            await tx.one(f"{row} RETURNING key")
    assert await w.rows("SELECT key FROM deployment WHERE key = 'twice'") == []


async def test_text_comes_back_as_it_went(w: World) -> None:
    for text in ("", "100%", ":name", "'", '"', "a\nb", "ünï", "\U0001f600", "%s", "\\", "x" * 60_000):
        async with w.db.write() as tx:
            await tx.run("UPDATE securables SET comment = :text WHERE kind = 'METASTORE'", text=text)
        assert await w.rows("SELECT comment FROM securables WHERE kind = 'METASTORE'") == [(text,)]


async def test_names_sort_by_their_bytes(w: World) -> None:
    for part in ("b", "a-b", "a_b", "ab", "ä", "z", "1"):
        await w.catalog(part)
    listed = [c.name for c in (await w.as_("admin").do(catalogs.ListCatalogs())).items]
    assert listed == sorted(listed, key=str.encode)


# --- securables ------------------------------------------------------------------------------------------------------


async def _chain(w: World, who: str, text: str) -> list[SecurableWithGrants]:
    actor = await w.actor(who)
    async with w.db.read() as tx:
        return await securables.chain(tx, w.db.dialect, actor, name(text))


async def test_a_chain_goes_as_far_as_the_name_exists(w: World) -> None:
    await w.model(M)
    assert [link.securable.full_name for link in await _chain(w, "admin", M)] == ["", "prod", "prod.ml", M]
    assert [link.securable.full_name for link in await _chain(w, "admin", "prod.ml.nothing")] == ["", "prod", "prod.ml"]
    assert [link.securable.full_name for link in await _chain(w, "admin", "prod.nothing.churn")] == ["", "prod"]
    assert [link.securable.full_name for link in await _chain(w, "admin", "nothing.ml.churn")] == [""]
    assert [link.securable.full_name for link in await _chain(w, "admin", "")] == [""]


async def test_a_chain_says_what_the_actor_and_his_groups_own_and_hold_on_each_link(w: World) -> None:
    await w.group("inner", "ann")
    await w.group("outer")
    await w.as_("admin").do(AddMember("outer", "inner"))
    await w.model(M, owner="outer", ann="EXECUTE+USE_CATALOG@prod", bob="MANAGE")
    await w.grant("inner", "APPLY_TAG", M)
    await w.grant("account users", "USE_SCHEMA@prod.ml")
    links = await _chain(w, "ann", M)
    assert [link.owned for link in links] == [False, False, False, True]
    assert [set(link.granted) for link in links] == [set(), {"USE_CATALOG"}, {"USE_SCHEMA"}, {"EXECUTE", "APPLY_TAG"}]
    assert [set(link.granted) for link in await _chain(w, "bob", M)] == [set(), set(), {"USE_SCHEMA"}, {"MANAGE"}]
    target = links[-1].securable
    assert (target.owner, target.id, target.parent_id) == ("outer", (await w.find(M)).id, (await w.find("prod.ml")).id)


async def test_two_securables_of_one_name_are_refused(w: World) -> None:
    await w.model(M)
    admin = w.as_("admin")
    with pytest.raises(AlreadyExists, match=r"Routine or Model 'prod\.ml\.churn' already exists"):
        await admin.do(models.CreateModel(name(M)))
    with pytest.raises(AlreadyExists, match="Schema"):
        await admin.do(catalogs.CreateSchema(name=name("prod.ml")))
    with pytest.raises(AlreadyExists, match="Catalog"):
        await admin.do(catalogs.CreateCatalog(name=name("prod")))
    await w.model("prod.ml.other")
    await w.own("prod.ml", "admin")
    with pytest.raises(AlreadyExists):
        await admin.do(models.RenameModel(name(M), name("prod.ml.other")))
    assert (await w.find(M)).name == "churn"


async def test_a_rename_changes_one_row_and_no_id(w: World) -> None:
    await w.model(M, bob="EXECUTE")
    version = await w.version(M)
    admin = w.as_("admin")
    await admin.do(models.SetAlias(name(M), "champion", 1))
    await admin.do(models.ChangeTags(name(M), None, {"team": "a"}))
    before = await w.find(M)
    await admin.do(catalogs.RenameCatalog(name("prod"), name("live")))
    await admin.do(catalogs.RenameSchema(name("live.ml"), name("live.ai")))
    await admin.do(models.RenameModel(name("live.ai.churn"), name("live.ai.leave")))
    after = await w.find("live.ai.leave")
    assert (after.id, after.tags, after.last_version) == (before.id, {"team": "a"}, 1)
    result = await admin.do(versions.GetVersionByAlias(name("live.ai.leave"), "champion"))
    assert (result.id, result.artifact_set_id, result.model) == (version.id, version.artifact_set_id, "live.ai.leave")
    assert await w.rows("SELECT privilege FROM grants WHERE securable_id = :id", id=before.id) == [("EXECUTE",)]
    with pytest.raises(NotFound):
        await admin.do(models.GetModel(name(M)))


async def test_deleting_a_catalog_by_force_leaves_no_row_and_no_reference(w: World) -> None:
    await w.model(M, bob="EXECUTE+USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    await w.model("prod.other.model")
    await w.version(M)
    version = await w.version("prod.other.model")
    await w.model("safe.ml.copy")
    await w.as_("admin").do(versions.CopyVersion(name("prod.other.model"), 1, name("safe.ml.copy")))
    await w.as_("admin").do(models.SetAlias(name(M), "champion", 1))
    await w.as_("admin").do(models.ChangeTags(name(M), 1, {"a": "b"}))
    with pytest.raises(NotEmpty):
        await w.as_("admin").do(catalogs.DeleteContainer(name("prod")))
    await w.as_("admin").do(catalogs.DeleteContainer(name("prod"), True))
    for table in ("aliases", "tags", "grants"):
        assert await w.count(table) == 0, table
    assert await w.rows("SELECT model_id FROM model_versions") == [((await w.find("safe.ml.copy")).id,)]
    assert await w.rows("SELECT id, refs FROM artifact_sets WHERE state = 'live'") == [(version.artifact_set_id, 1)]
    assert await w.rows("SELECT COUNT(*) FROM artifact_sets WHERE state = 'deleting'") == [(1,)]
    assert await w.rows("SELECT COUNT(*) FROM jobs WHERE task = 'purge'") == [(1,)]
    assert [c[0] for c in await w.rows("SELECT name FROM securables WHERE kind = 'CATALOG' ORDER BY name")] == [
        "main",
        "safe",
    ]


# --- principals, tokens, grants --------------------------------------------------------------------------------------


async def test_principals_are_one_name_space_whatever_their_case(w: World) -> None:
    await w.user("Ann@Example.com")
    for kind in ("USER", "GROUP", "SERVICE_PRINCIPAL"):
        with pytest.raises(AlreadyExists, match="already exists"):
            await w.as_("admin").do(CreatePrincipal(kind, "ann@example.COM"))
    async with w.db.read() as tx:
        principal = await principals.by_name(tx, "ANN@EXAMPLE.COM")
    assert principal is not None and principal.name == "Ann@Example.com"


async def test_an_owner_cannot_be_deleted(w: World) -> None:
    await w.model(M, owner="ann")
    with pytest.raises(InvalidArgument, match="still owns 'churn'"):
        await w.as_("admin").do(DeletePrincipal("ann"))


async def test_a_deleted_principal_takes_its_tokens_grants_and_memberships_along(w: World) -> None:
    await w.model(M, ann="EXECUTE")
    await w.group("staff", "ann")
    await w.actor("ann")
    await w.as_("admin").do(DeletePrincipal("ann"))
    assert await w.count("grants") == 0
    assert (
        await w.rows(
            "SELECT m.member_id FROM memberships m JOIN principals g ON g.id = m.group_id WHERE g.name = 'staff'"
        )
        == []
    )
    assert await w.rows(
        "SELECT COUNT(*) FROM tokens t LEFT JOIN principals p ON p.id = t.principal_id WHERE p.id IS NULL"
    ) == [(0,)]


async def _bearer(w: World, secret: str, at: int) -> Any:
    async with w.db.read() as tx:
        return await principals.actor_of_token(tx, hash_token(secret), at, "1.2.3.4", "1")


async def test_a_token_is_its_bearer_until_it_expires_is_revoked_or_its_principal_is_switched_off(w: World) -> None:
    await w.user("ann")
    now = now_ms()
    token = await w.as_("admin").do(CreateToken("ci", 60_000, "ann"))
    actor = await _bearer(w, token.token, now)
    assert (actor.name, actor.kind, actor.account_admin, actor.token_id, actor.source) == (
        "ann",
        "USER",
        False,
        token.info.id,
        "1.2.3.4",
    )
    assert await _bearer(w, token.token, now + 120_000) == "The access token has expired."
    assert await _bearer(w, token.token + "x", now) == "The access token is not known here."
    await w.deactivate("ann")
    assert await _bearer(w, token.token, now) == "The token's principal is deactivated."
    await w.as_("admin").do(RevokeToken(token.info.id))
    assert await _bearer(w, token.token, now) == "The access token was revoked."
    stored = await w.rows("SELECT * FROM tokens")
    assert all(token.token not in str(column) for row in stored for column in row)


async def test_an_account_admin_is_one_by_membership_while_it_lasts(w: World) -> None:
    await w.group("inner", "ann")
    assert not (await w.actor("ann")).account_admin
    await w.as_("admin").do(AddMember("admins", "inner"))
    assert (await w.actor("ann")).account_admin
    await w.as_("admin").do(RemoveMember("inner", "ann"))
    assert not (await w.actor("ann")).account_admin


async def test_granting_twice_is_one_grant_and_taking_what_is_not_there_is_nothing(w: World) -> None:
    model = await w.model(M)
    ann = await w.user("ann")
    async with w.db.write() as tx:
        for at in (1, 2):
            await grants.change(tx, model, grants.GrantPairs([(ann.id, "EXECUTE")], []), "test", at)
            assert await grants.privileges_of(tx, model, [ann.id]) == {ann.id: {"EXECUTE"}}
        for _ in range(2):
            await grants.change(tx, model, grants.GrantPairs([], [(ann.id, "EXECUTE"), (ann.id, "MANAGE")]), "test", 3)
            assert await grants.privileges_of(tx, model, [ann.id]) == {ann.id: set()}


async def test_a_group_cannot_contain_itself(w: World) -> None:
    for group in ("a", "b", "c"):
        await w.group(group)
    admin = w.as_("admin")
    await admin.do(AddMember("a", "b"))
    await admin.do(AddMember("b", "c"))
    for group, member in (("a", "a"), ("b", "a"), ("c", "a"), ("c", "b")):
        with pytest.raises(InvalidArgument, match="cannot contain itself"):
            await admin.do(AddMember(group, member))


# --- versions, aliases, tags -----------------------------------------------------------------------------------------


async def test_an_alias_moves_and_each_version_knows_its_own(w: World) -> None:
    await w.model(M)
    admin = w.as_("admin")
    for _ in range(3):
        await w.version(M)
    for version in (1, 3, 2, 2):
        await admin.do(models.SetAlias(name(M), "champion", version))
        await admin.do(models.SetAlias(name(M), f"kept{version}", version))
    assert (await admin.do(models.GetModel(name(M)))).aliases == {"champion": 2, "kept1": 1, "kept2": 2, "kept3": 3}
    known = {v.version: v.aliases for v in (await admin.do(versions.ListVersions(name(M)))).items}
    assert known == {1: ["kept1"], 2: ["champion", "kept2"], 3: ["kept3"]}
    await admin.do(models.DeleteAlias(name(M), "champion"))
    await admin.do(models.DeleteAlias(name(M), "champion"))
    assert (await admin.do(versions.GetVersion(name(M), 2))).aliases == ["kept2"]
    with pytest.raises(NotFound, match="Alias 'champion'"):
        await admin.do(versions.GetVersionByAlias(name(M), "champion"))


async def test_aliases_count_case_and_end_with_their_version(w: World) -> None:
    await w.model(M)
    admin = w.as_("admin")
    for alias in ("a", "A"):
        await w.version(M)
        await admin.do(models.SetAlias(name(M), alias, 1 if alias == "a" else 2))
    assert (await admin.do(versions.GetVersionByAlias(name(M), "A"))).version == 2
    await admin.do(versions.DeleteVersion(name(M), 1))
    assert (await admin.do(models.GetModel(name(M)))).aliases == {"A": 2}
    with pytest.raises(NotFound, match="Model version '1'"):
        await admin.do(models.SetAlias(name(M), "a", 1))


async def test_the_eleventh_alias_is_refused_and_moving_the_tenth_is_not(w: World) -> None:
    await w.model(M)
    await w.version(M)
    await w.version(M)
    for i in range(10):
        await w.as_("admin").do(models.SetAlias(name(M), f"a{i}", 1))
    with pytest.raises(LimitExceeded, match="10 aliases"):
        await w.as_("admin").do(models.SetAlias(name(M), "a10", 1))
    await w.as_("admin").do(models.SetAlias(name(M), "a9", 2))


async def test_tags_as_rows_and_as_json_say_the_same(w: World) -> None:
    await w.model(M)
    await w.version(M, tags={"mlflow.note": "x"})
    admin = w.as_("admin")
    for request in (
        models.ChangeTags(name(M), None, {"a": "1", "b": "2"}),
        models.ChangeTags(name(M), None, {"a": "3"}, ("b", "c")),
        models.ChangeTags(name(M), 1, {"A": "1"}),
        models.ChangeTags(name(M), 1, {"a": ""}, ("mlflow.note",)),
    ):
        await admin.do(request)
    model = await w.find(M)
    version = await admin.do(versions.GetVersion(name(M), 1))
    assert (model.tags, version.tags) == ({"a": "3"}, {"A": "1", "a": ""})
    rows = await w.rows("SELECT securable_id, version, key, value FROM tags ORDER BY version, key")
    assert rows == [(model.id, 0, "a", "3"), (model.id, 1, "A", "1"), (model.id, 1, "a", "")]


async def test_the_longest_tag_is_kept_and_found(w: World) -> None:
    """Its value has no repetition that an index could be shortened by."""
    key = "\U0001f9e0" * 255
    value = "".join(chr(0x4E00 + hash_ % 20_000) for hash_ in range(7, 100_000 * 7919, 7919))[:100_000]
    long = value[:9_000]  # as a filter may be
    await w.model(M)
    await w.model("prod.ml.other")
    await w.as_("admin").do(models.ChangeTags(name(M), None, {key: value, "k": long}))
    await w.as_("admin").do(models.ChangeTags(name("prod.ml.other"), None, {"k": long[:-1] + "x"}))
    result = await w.as_("admin").do(model_search.SearchModels(f"tags.k = '{long}'", order_by=("name",)))
    assert [(model.securable.full_name, model.securable.tags[key]) for model in result.items] == [(M, value)]


async def test_the_51st_tag_is_refused(w: World) -> None:
    await w.schema("prod.ml")
    tags = {f"k{i}": "v" for i in range(50)}
    await w.as_("admin").do(catalogs.UpdateComment(name("prod.ml"), ""))
    await w.as_("admin").do(models.ChangeTags(name("prod.ml"), None, tags))
    with pytest.raises(LimitExceeded, match="51 tags"):
        await w.as_("admin").do(models.ChangeTags(name("prod.ml"), None, {"more": "v"}))
    assert (await w.find("prod.ml")).tags == tags


async def test_search_walks_all_versions_page_by_page(w: World) -> None:
    for text in ("a.b.c", "a.b.d"):
        await w.model(text)
        for i in range(3):
            await w.pending(text, {}, run_id=f"run{i}", source=f"dbfs:/{text}/{i}", tags={"n": str(i)})
    result, token = list[tuple[str, int]](), ""
    while True:
        page = await w.as_("admin").do(model_search.SearchVersions("", 2, token))
        result += [(v.model, v.version) for v in page.items]
        if not (token := page.next_token):
            break
    assert result == [(m, v) for m in ("a.b.c", "a.b.d") for v in (1, 2, 3)]
    for text, expected in (
        ("name = 'A.B.c'", {("a.b.c", v) for v in (1, 2, 3)}),
        ("name != 'a.b.c' AND run_id = 'run1'", {("a.b.d", 2)}),
        ("source_path LIKE 'dbfs:/a.b._/0'", {("a.b.c", 1), ("a.b.d", 1)}),
        ("tags.n = '2' AND name LIKE '%.d'", {("a.b.d", 3)}),
        ("tag.`n` ILIKE '2%'", {("a.b.c", 3), ("a.b.d", 3)}),
        ("version_number = 2 AND name = 'a.b.c'", {("a.b.c", 2)}),
        ("tags.none != 'x'", set()),
        ("name = 'nothing.at.all'", set()),
    ):
        page = await w.as_("admin").do(model_search.SearchVersions(text))
        assert {(v.model, v.version) for v in page.items} == expected, text


# --- artifact sets ---------------------------------------------------------------------------------------------------


def _file(path: str, size: int = 1, sha256: str = "00") -> ArtifactFile:
    return ArtifactFile(path, size, sha256, "", "[]", 0)


async def test_a_set_is_open_then_live_then_deleting_and_never_goes_back(w: World) -> None:
    async with w.db.write() as tx:
        id = await files.create_set(tx, "version", 0)
        await files.put_file(tx, id, _file("b"))
        await files.put_file(tx, id, _file("a/b", 2, ""))
        with pytest.raises(WrongState):
            await files.share(tx, id)
        manifest = await files.manifest(tx, id)
        assert [f.path for f in manifest] == ["a/b", "b"]
        await files.freeze(tx, id, manifest)
    async with w.db.read() as tx:
        result = await files.get_set(tx, id)
    assert result is not None and (result.state, result.refs, result.size, result.hashed) == ("live", 1, 3, False)
    changes: tuple[Callable[[WriteTx], Awaitable[object]], ...] = (
        lambda tx: files.freeze(tx, id, []),
        lambda tx: files.lock_open(tx, id),
    )
    for change in changes:
        with pytest.raises(WrongState):
            async with w.db.write() as tx:
                await change(tx)
    async with w.db.write() as tx:
        await files.share(tx, id)
        assert [await files.release(tx, id), await files.release(tx, id)] == [False, True]
        with pytest.raises(WrongState):
            await files.share(tx, id)
        await files.forget_set(tx, id)
        assert await files.get_set(tx, id) is None and await files.manifest(tx, id) == []


async def test_the_bytes_of_a_small_file_lie_in_its_row(w: World) -> None:
    data, at = bytes(range(256)) * 100, now_ms()
    async with w.db.write() as tx:
        id = await files.create_set(tx, "run", at, "set of small ones")
        await files.put_file(tx, id, ArtifactFile("a", len(data), "00", "", files.NO_SEGMENTS, at, data))
        await files.put_file(tx, id, ArtifactFile("none", 0, "00", "", files.NO_SEGMENTS, at, b""))
    async with w.db.read() as tx:
        result, listed = await files.file(tx, id, "a"), await files.manifest(tx, id)
    assert result is not None and result.data == data
    assert [(file.path, file.size, file.data) for file in listed] == [("a", len(data), None), ("none", 0, None)]
    assert [b"".join([part async for part in files.read(w.db, w.blobs, id, file, file.size)]) for file in listed] == [
        data,
        b"",
    ]
    assert b"".join([part async for part in files.read(w.db, w.blobs, id, listed[0], 5)]) == data[:5]
    assert [text async for text in check.findings(w.db, w.blobs)] == []
    async with w.db.write() as tx:
        await tx.run("UPDATE artifact_files SET data = :short WHERE path = 'a'", short=data[:7])
        await tx.run("UPDATE artifact_files SET data = NULL WHERE path = 'none'")
    assert [text async for text in check.findings(w.db, w.blobs)] == [
        f"File 'a' of artifact set {id}: 25600 bytes are recorded, its row holds 7."
    ]
    async with w.db.write() as tx:
        await tx.run("UPDATE artifact_files SET data = NULL WHERE path = 'a'")
    assert [text async for text in check.findings(w.db, w.blobs)] == [
        f"File 'a' of artifact set {id}: 25600 bytes are recorded, its row holds 0."
    ]
    with pytest.raises(FileNotFound, match="meanwhile"):
        [part async for part in files.read(w.db, w.blobs, id, listed[0], 5)]


async def test_deleting_the_last_version_of_a_set_queues_its_purge(w: World) -> None:
    await w.model(M)
    version = await w.version(M)
    await w.as_("admin").do(versions.CopyVersion(name(M), 1, name(M)))
    await w.as_("admin").do(versions.DeleteVersion(name(M), 1))
    assert await w.rows("SELECT state, refs FROM artifact_sets") == [("live", 1)]
    assert await w.rows("SELECT key FROM jobs WHERE task = 'purge'") == []
    await w.as_("admin").do(versions.DeleteVersion(name(M), 2))
    assert await w.rows("SELECT state FROM artifact_sets") == [("deleting",)]
    assert await w.rows("SELECT key FROM jobs WHERE task = 'purge'") == [(version.artifact_set_id,)]


async def test_a_large_set_is_forgotten_in_steps(w: World) -> None:
    async with w.db.write() as tx:
        id = await files.create_set(tx, "version", 0)
        for number in range(450):
            file = ArtifactFile(f"f{number}", 1, "00", "", files.NO_SEGMENTS, 0, b"x")
            await files.put_file(tx, id, file)
        assert await files.release(tx, id)
        assert await files.forget_files(tx, id, 200) == 200
        assert len(await files.manifest(tx, id)) == 250
    await tasks.purge(background(w.registry), id)
    async with w.db.read() as tx:
        assert await files.get_set(tx, id) is None and await files.manifest(tx, id) == []


async def test_a_copied_upload_that_equals_its_source_shares_the_source_s_set(w: World) -> None:
    await w.model(M)
    source = await w.version(M)
    fields = {"source": f"models:/{M}/1", "source_model": name(M), "source_version": "1"}
    same = await w.version(M, **fields)
    other = await w.version(M, {"MLmodel": (await _mlmodel(w, source)) + b"# edited\n", "model.pkl": b"x"}, **fields)
    assert same.artifact_set_id == source.artifact_set_id and '"kind":"copy"' in same.copied_from
    assert other.artifact_set_id != source.artifact_set_id and "modified copy" in other.copied_from
    assert await w.rows("SELECT refs FROM artifact_sets WHERE id = :id", id=source.artifact_set_id) == [(2,)]


async def _mlmodel(w: World, version: Any) -> bytes:
    async with w.db.read() as tx:
        result = await files.file(tx, version.artifact_set_id, "MLmodel")
    assert result is not None
    return b"".join(
        [chunk async for chunk in w.blobs.read(version.artifact_set_id, files.segments(result), 0, result.size)]
    )


async def test_a_pending_version_fails_once_and_never_becomes_ready(w: World) -> None:
    await w.model(M)
    version = await w.pending(M)
    async with w.db.write() as tx:
        assert await version_rows.fail(tx, version.id, "late", "test", now_ms())
        assert not await version_rows.fail(tx, version.id, "late", "test", now_ms())
    with pytest.raises(WrongState, match="FAILED_REGISTRATION"):
        await w.as_("admin").do(finalize.FinalizeVersion(name(M), 1))
    done = await w.version(M)
    async with w.db.write() as tx:
        assert not await version_rows.fail(tx, done.id, "late", "test", now_ms())
    assert (await w.as_("admin").do(finalize.FinalizeVersion(name(M), 2))).status == "READY"


async def test_many_readers_while_someone_writes(w: World) -> None:
    await w.model(M)
    async with w.db.write() as tx:
        await tx.run("UPDATE securables SET comment = 'new' WHERE name_key = 'churn'")
        reads = await asyncio.gather(
            *(w.rows("SELECT comment FROM securables WHERE name_key = 'churn'") for _ in range(20))
        )
        assert reads == [[("",)]] * 20
