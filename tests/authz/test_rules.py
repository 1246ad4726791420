"""The rules that people rely on, one by one: who reads (asked three ways), what must not escalate, what a stranger learns."""

from typing import Any

import msgspec
import pytest
from authz.rows import build, rows
from world import Rehearsal, RolledBack, World, chunks, engine_on, name

from modelkeep.core.operations.audit import audit_log
from modelkeep.core.operations.catalog import catalogs, explorer
from modelkeep.core.operations.files import credentials
from modelkeep.core.operations.governance import explain, grants
from modelkeep.core.operations.identity import principals
from modelkeep.core.operations.models import lineage, models, versions
from modelkeep.core.table import BY_REQUEST
from modelkeep.domain.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied, RegistryError
from modelkeep.domain.model import Grant, Page
from modelkeep.domain.names import METASTORE, FullName
from modelkeep.store import principals as store

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M = "prod.ml.churn"
USE = "USE_CATALOG@prod+USE_SCHEMA@prod.ml"

# What is granted to reader (or to a group around them) -> may they read prod.ml.churn?
READS = {
    "": False,
    USE: False,
    f"EXECUTE@{M}": False,
    f"EXECUTE@{M}+USE_CATALOG@prod": False,
    f"EXECUTE@{M}+USE_SCHEMA@prod.ml": False,
    f"EXECUTE@{M}+{USE}": True,
    f"EXECUTE@{M}+USE_CATALOG@prod+USE_SCHEMA@prod": True,
    f"EXECUTE@prod.ml+{USE}": True,
    f"EXECUTE@prod+{USE}": True,
    f"EXECUTE@prod.other+{USE}": False,
    f"EXECUTE@prod.ml.other+{USE}": False,
    f"APPLY_TAG@{M}+CREATE_MODEL_VERSION@{M}+{USE}": False,
    f"MANAGE@{M}+{USE}": False,
    "MANAGE@prod": False,
    f"MANAGE@prod+EXECUTE@{M}": True,
    f"MANAGE@prod.ml+EXECUTE@{M}+USE_CATALOG@prod": True,
    f"ALL_PRIVILEGES@{M}": False,
    f"ALL_PRIVILEGES@{M}+{USE}": True,
    "ALL_PRIVILEGES@prod.ml": False,
    "ALL_PRIVILEGES@prod.ml+USE_CATALOG@prod": True,
    "ALL_PRIVILEGES@prod": True,
    "BROWSE@prod": False,
    "CREATE_CATALOG@": False,
}


@pytest.mark.parametrize("through", ["user", "nested group", "account users"])
async def test_decision_list_and_effective_grants_agree(lite: World, through: str) -> None:
    await lite.model(M)
    await lite.model("prod.ml.other")
    await lite.model("prod.other.model")
    for number, (notation, may) in enumerate(READS.items()):
        reader, holder = await _reader(lite, through, number)
        await lite.grant(holder, notation)
        decided = await _may(lite, reader, models.GetModel(name(M)))
        listed = M in {m.full_name for m in (await lite.as_(reader).do(models.ListModels())).items}
        effective_grants: list[Grant] = await lite.as_("admin").do(grants.GetEffectiveGrants(name(M), holder))
        usage = [await lite.as_("admin").do(grants.GetEffectiveGrants(name(at), holder)) for at in ("prod", "prod.ml")]
        effective = (
            _holds(effective_grants, "EXECUTE") and _opens(usage[0], "USE_CATALOG") and _opens(usage[1], "USE_SCHEMA")
        )
        assert (decided, listed, effective) == (may, may, may), notation
        if through == "account users":  # the next line must begin from nothing
            await _take_all(lite, holder)


async def _reader(w: World, through: str, number: int) -> tuple[str, str]:
    """Who asks, and who is granted something."""
    reader = f"reader {number}"
    await w.user(reader)
    if through == "user":
        return reader, reader
    if through == "account users":
        return reader, "account users"
    await w.group(f"inner {number}", reader)
    await w.group(f"outer {number}")
    await w.as_("admin").do(principals.AddMember(f"outer {number}", f"inner {number}"))
    return reader, f"outer {number}"


async def _take_all(w: World, holder: str) -> None:
    async with w.db.write() as tx:
        await tx.run("DELETE FROM grants WHERE principal_id = (SELECT id FROM principals WHERE name = :n)", n=holder)


def _holds(grant_list: list[Grant], privilege: str) -> bool:
    return bool({privilege, "ALL_PRIVILEGES"} & {g.privilege for g in grant_list})


def _opens(grant_list: list[Grant], usage: str) -> bool:
    return _holds(grant_list, usage) or "MANAGE" in {g.privilege for g in grant_list}


async def _may(w: World, who: str, request: msgspec.Struct) -> bool:
    try:
        await w.as_(who).do(request)
    except PermissionDenied:
        return False
    return True


# --- traps -----------------------------------------------------------------------------------------------------------


async def test_who_makes_something_in_a_container_needs_its_usage(lite: World) -> None:
    await lite.schema("prod.ml")
    await lite.grant("maker", "CREATE_MODEL@prod.ml+CREATE_SCHEMA@prod+USE_CATALOG@prod")
    with pytest.raises(PermissionDenied, match=r"USE SCHEMA on Schema 'prod\.ml'"):
        await lite.as_("maker").do(models.CreateModel(name("prod.ml.new")))
    await lite.grant("outsider", "CREATE_SCHEMA@prod")
    with pytest.raises(PermissionDenied, match=r"USE CATALOG on Catalog 'prod'"):
        await lite.as_("outsider").do(catalogs.CreateSchema(name=name("prod.new")))
    await lite.as_("maker").do(catalogs.CreateSchema(name=name("prod.new")))


async def test_a_manager_may_grant_himself_a_privilege_and_that_is_recorded(lite: World) -> None:
    await lite.model(M, mandy=f"MANAGE+{USE}")
    assert not await _may(lite, "mandy", models.GetModel(name(M)))
    await lite.as_("mandy").do(grants.ChangeGrants(name(M), (grants.GrantChange("mandy", ("EXECUTE",)),)))
    assert await _may(lite, "mandy", models.GetModel(name(M)))
    (event,) = (await lite.as_("admin").do(audit_log.FindAudit(event="grants.change"))).items
    assert event.actor == "mandy" and event.outcome == "ok"
    assert event.changes == '{"grants of mandy":[["MANAGE"],["EXECUTE","MANAGE"]]}'
    assert (await lite.find(M)).id in {target.id for target in event.targets}


@pytest.mark.parametrize("container", ["prod", "prod.ml"])
async def test_the_owner_of_a_container_reads_no_model_until_he_grants_it_to_himself(
    lite: World, container: str
) -> None:
    await lite.model(M)
    await lite.version(M)
    await lite.own(container, "olga")
    await lite.grant("olga", "USE_CATALOG@prod")
    for request in (models.GetModel(name(M)), versions.GetVersion(name(M), 1), credentials.ReadCredentials(name(M), 1)):
        assert not await _may(lite, "olga", request)
    await lite.as_("olga").do(grants.ChangeGrants(name(M), (grants.GrantChange("olga", ("EXECUTE",)),)))
    for request in (models.GetModel(name(M)), versions.GetVersion(name(M), 1), credentials.ReadCredentials(name(M), 1)):
        assert await _may(lite, "olga", request)


async def test_a_version_from_another_model_needs_read_there_and_leaves_no_trace_without(lite: World) -> None:
    await lite.model("secret.ml.m")
    await lite.version("secret.ml.m")
    await lite.model(M, eve=f"CREATE_MODEL_VERSION+{USE}")
    stolen = versions.CreateVersion(
        name=name(M), source="models:/secret.ml.m/1", source_model=name("secret.ml.m"), source_version="1"
    )
    with pytest.raises(PermissionDenied, match="USE CATALOG on Catalog 'secret'"):
        await lite.as_("eve").do(stolen)
    await lite.grant("eve", "USE_CATALOG@secret+USE_SCHEMA@secret.ml+MANAGE@secret.ml.m")
    with pytest.raises(PermissionDenied, match="EXECUTE on Routine or Model"):
        await lite.as_("eve").do(stolen)
    assert await lite.rows("SELECT last_version FROM securables WHERE name_key = 'churn'") == [(0,)]
    assert await lite.rows("SELECT COUNT(*) FROM artifact_sets") == [(1,)]
    await lite.grant("eve", "EXECUTE@secret.ml.m")
    assert (await lite.as_("eve").do(stolen)).version == 1


async def test_revoking_all_privileges_takes_the_single_ones_too_and_leaves_manage(lite: World) -> None:
    await lite.model(M, rob="ALL_PRIVILEGES+EXECUTE+APPLY_TAG+MANAGE")
    await lite.as_("admin").do(grants.ChangeGrants(name(M), (grants.GrantChange("rob", (), ("ALL PRIVILEGES",)),)))
    left = await lite.as_("admin").do(grants.GetGrants(name(M), "rob"))
    assert [g.privilege for g in left] == ["MANAGE"]


async def test_a_new_model_under_an_old_name_inherits_nothing(lite: World) -> None:
    await lite.model(M, owner="alice", alice=f"{USE}+CREATE_MODEL@prod.ml", bob=f"EXECUTE+{USE}")
    await lite.version(M, by="alice")
    alice = lite.as_("alice")
    await alice.do(models.SetAlias(name(M), "champion", 1))
    await alice.do(models.ChangeTags(name(M), None, {"team": "a"}))
    await alice.do(models.RenameModel(name(M), name("prod.ml.old")))
    model = await alice.do(models.CreateModel(name(M)))
    assert model.aliases == {} and model.securable.tags == {} and model.securable.last_version == 0
    assert not await _may(lite, "bob", models.GetModel(name(M)))
    old = await lite.as_("bob").do(models.GetModel(name("prod.ml.old")))
    assert old.aliases == {"champion": 1} and old.securable.tags == {"team": "a"}
    await alice.do(models.DeleteModel(name(M)))
    await alice.do(models.CreateModel(name(M)))
    assert not await _may(lite, "bob", models.GetModel(name(M)))
    assert await alice.do(grants.GetGrants(name(M))) == []


async def test_a_new_principal_under_an_old_name_inherits_nothing(lite: World) -> None:
    await lite.model(M, bob=f"EXECUTE+{USE}")
    await lite.group("readers", "bob")
    admin = lite.as_("admin")
    await admin.do(principals.DeletePrincipal("bob"))
    await admin.do(principals.CreatePrincipal("USER", "Bob"))
    assert not await _may(lite, "bob", models.GetModel(name(M)))
    assert await admin.do(principals.ListMembers("readers")) == Page(())


async def test_making_versions_does_not_let_one_connect_a_job_that_runs_as_the_owner(lite: World) -> None:
    await lite.model(M, eve=f"CREATE_MODEL_VERSION+EXECUTE+APPLY_TAG+{USE}")
    with pytest.raises(PermissionDenied, match="not an owner"):
        await lite.as_("eve").do(catalogs.UpdateSpec(name(M), {"deployment_job_id": "666"}))


async def test_what_cannot_be_granted_there_is_refused(lite: World) -> None:
    await lite.model(M)
    for where, privilege in (
        (M, "BROWSE"),
        (M, "USE_CATALOG"),
        ("prod.ml", "BROWSE"),
        ("prod", "CREATE_CATALOG"),
        ("", "EXECUTE"),
    ):
        with pytest.raises(InvalidArgument, match="cannot be granted"):
            await lite.as_("admin").do(grants.ChangeGrants(name(where), (grants.GrantChange("admin", (privilege,)),)))
    with pytest.raises(InvalidArgument, match="not known"):
        await lite.as_("admin").do(grants.ChangeGrants(name(M), (grants.GrantChange("admin", ("FLY",)),)))
    with pytest.raises(NotFound, match="Could not find principal"):
        await lite.as_("admin").do(grants.ChangeGrants(name(M), (grants.GrantChange("nobody", ("EXECUTE",)),)))


async def test_grants_change_all_or_nothing(lite: World) -> None:
    await lite.model(M)
    await lite.user("bob")
    changes = (grants.GrantChange("bob", ("EXECUTE",)), grants.GrantChange("nobody", ("EXECUTE",)))
    with pytest.raises(NotFound):
        await lite.as_("admin").do(grants.ChangeGrants(name(M), changes))
    assert await lite.as_("admin").do(grants.GetGrants(name(M))) == []


async def test_account_users_belongs_to_no_group(lite: World) -> None:
    await lite.group("staff")
    with pytest.raises(InvalidArgument, match="account users"):
        await lite.as_("admin").do(principals.AddMember("staff", "account users"))


async def test_groups_are_not_deactivated_since_that_would_take_nothing_from_their_members(lite: World) -> None:
    await lite.group("staff", "bob")
    with pytest.raises(InvalidArgument, match="group"):
        await lite.as_("admin").do(principals.SetActive("staff", False))


async def test_the_last_account_admin_stays_one(lite: World) -> None:
    with pytest.raises(InvalidArgument, match="account admin"):
        await lite.as_("admin").do(principals.RemoveMember("admins", "admin"))
    await lite.user("second")
    await lite.as_("admin").do(principals.AddMember("admins", "second"))
    await lite.as_("second").do(principals.RemoveMember("admins", "admin"))
    with pytest.raises(PermissionDenied):
        await lite.as_("admin").do(audit_log.FindAudit())


async def test_auditors_read_the_whole_log_and_nothing_else(lite: World) -> None:
    await lite.group("inner", "alice")
    async with lite.db.write() as tx:
        outer, inner = (
            await store.insert(tx, "GROUP", "watchers", "test", 0),
            await store.by_name(tx, "inner"),
        )
        assert inner is not None
        await store.add_member(tx, outer, inner)
    await lite.user("watchers too")
    engine = engine_on(lite, lite.db, auditors="Watchers")
    alice, other = await lite.actor("alice"), await lite.actor("watchers too")
    for request in (audit_log.FindAudit(), audit_log.ExportAudit(), audit_log.ListArchives()):
        await engine.execute(alice, request)
        for engine_, actor in ((engine, other), (lite.engine, alice)):
            with pytest.raises(PermissionDenied, match="account admins"):
                await engine_.execute(actor, request)
    answers = [await engine.execute(actor, explorer.GetMe()) for actor in (alice, other, await lite.actor("admin"))]
    assert [me.reads_audit for me in answers] == [True, False, True]
    for request in (audit_log.ListJobs(), principals.SetActive("other", False), catalogs.CreateCatalog(name=name("x"))):
        with pytest.raises(PermissionDenied):
            await engine.execute(alice, request)
    with pytest.raises(PermissionDenied, match=r"CREATE CATALOG on Metastore\."):
        await engine.execute(alice, catalogs.CreateCatalog(name=name("x")))
    await lite.as_("admin").do(principals.RemoveMember("inner", "alice"))
    with pytest.raises(PermissionDenied, match="account admins"):
        await engine.execute(alice, audit_log.FindAudit())
    assert not (await engine.execute(alice, explorer.GetMe())).reads_audit


async def test_explain_gives_the_reason_of_the_refusal_itself(lite: World) -> None:
    await build(lite)
    admin = lite.as_("admin")
    await lite.own("", "admins")
    requests = [
        ("USE-both", "get_version", M, models.GetModel(name(M))),
        ("stranger", "get_version", M, models.GetModel(name(M))),
        ("CREATE-MODEL-on-schema-USE-CATALOG-only", "create_model", "prod.ml", models.CreateModel(name("prod.ml.new"))),
        ("CREATE-SCHEMA-on-catalog-no-USE", "create_schema", "prod", catalogs.CreateSchema(name=name("prod.new"))),
        ("owner-of-model-USE", "rename_model", M, models.RenameModel(name(M), name("prod.ml.new"))),
        ("BROWSE-on-catalog", "get_catalog", "prod", catalogs.GetCatalog(name("prod"))),
    ]
    for who, operation, on, request in requests:
        explained = await admin.do(explain.Explain(name(on), operation, who))
        with pytest.raises(PermissionDenied) as refused:
            await lite.as_(who).do(request)
        assert (explained.allowed, explained.reason) == (False, refused.value.message), (who, operation)
    assert (await admin.do(explain.Explain(name("prod.ml"), "create_model", "CREATE-MODEL-on-schema-USE"))).allowed


# --- what a stranger learns ------------------------------------------------------------------------------------------

CLOSED = (
    "stranger",
    "USE-SCHEMA",
    "owner-of-model-no-USE",
    "owner-of-model-USE-CATALOG-only",
    "USE-CATALOG",
    "BROWSE-on-catalog",
)


def _missing(request: msgspec.Struct, *, models_only: bool = False) -> list[msgspec.Struct]:
    """The same request about what does not exist: another model, another schema."""
    results: list[msgspec.Struct] = []
    for old, new in ((M, "prod.ml.nothing"), ("prod.ml", "prod.nothing"))[: 1 if models_only else 2]:
        changes: dict[str, Any] = {}
        for field in request.__struct_fields__:
            value = getattr(request, field)
            if isinstance(value, FullName) and str(value).startswith(old):
                changes[field] = FullName(name(new + str(value).removeprefix(old)).parts, value.kind)
        if changes:
            results.append(msgspec.structs.replace(request, **changes))
    return results


async def _answer(w: World, engine: Any, who: str, request: msgspec.Struct) -> tuple[str, str]:
    """(code, sentence without the names that were asked for)"""
    try:
        await engine.execute(await w.actor(who), request, body=chunks(b"x"))
    except RolledBack:
        return "done", ""
    except RegistryError as error:
        text = error.message
        for item in ("prod.ml.nothing", M, "prod.nothing", "prod.ml", "production", "prod"):
            text = text.replace(f"'{item}", "'~")
        return error.code, text.replace("~.churn", "~").replace("~.new", "~")
    return "done", ""


async def test_below_a_closed_parent_nobody_learns_what_exists(lite: World) -> None:
    ids = await build(lite)
    engine = engine_on(lite, Rehearsal(lite.db))  # type: ignore[arg-type]
    engine.auditor = lite.registry.auditor
    compared = 0
    for row in rows(ids):
        for who in CLOSED:
            answer = await _answer(lite, engine, who, row.request)
            if "USE CATALOG on" in answer[1] or "USE SCHEMA on" in answer[1]:
                for request in _missing(row.request, models_only="USE SCHEMA" in answer[1]):
                    assert await _answer(lite, engine, who, request) == answer, (row.label, who)
                    compared += 1
    assert compared > 100


async def test_in_conceal_mode_forbidden_and_missing_are_the_same_answer(lite: World) -> None:
    ids = await build(lite)
    engine = engine_on(lite, Rehearsal(lite.db), conceal=True)  # type: ignore[arg-type]
    engine.auditor = lite.registry.auditor
    everyone = ("open.ml.model",)
    compared = 0
    for row in rows(ids):
        named = [
            v for f in row.request.__struct_fields__ if isinstance(v := getattr(row.request, f), FullName) and v.parts
        ]
        operation = BY_REQUEST[type(row.request)]
        if operation.decides or any(on.need.browse for on in operation.targets):
            continue  # whoever browses may know
        if not named or not str(named[0]).startswith(M) or operation.creates or any(str(n) in everyone for n in named):
            continue
        for who in (*CLOSED, "USE-both", "APPLY-TAG-on-model-no-USE"):
            answer = await _answer(lite, engine, who, row.request)
            assert answer[0] in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"), (row.label, who, answer)
            for request in _missing(row.request):
                assert await _answer(lite, engine, who, request) == answer, (row.label, who)
                compared += 1
            elsewhere = {
                f: name("nowhere.ml.churn") for f in row.request.__struct_fields__ if getattr(row.request, f) == name(M)
            }
            code, text = await _answer(lite, engine, who, msgspec.structs.replace(row.request, **elsewhere))
            assert (code, text.replace("'nowhere.ml.churn'", "'~'")) == answer, (row.label, who)
    assert compared > 100


async def test_conceal_mode_still_says_what_is_no_secret(lite: World) -> None:
    await build(lite)
    engine = engine_on(lite, lite.db, conceal=True)
    stranger = await lite.actor("stranger")
    for request in (principals.CreatePrincipal("USER", "x"), catalogs.CreateCatalog(name=name("x"))):
        with pytest.raises(PermissionDenied):
            await engine.execute(stranger, request)
    with pytest.raises(PermissionDenied):
        await engine.execute(stranger, grants.ChangeGrants(METASTORE, ()))
    events = (await lite.as_("admin").do(audit_log.FindAudit(outcome="refused", actor="stranger"))).items
    assert {e.outcome for e in events} == {"PERMISSION_DENIED"}


async def test_the_audit_log_knows_the_real_reason_of_a_concealed_refusal(lite: World) -> None:
    await build(lite)
    engine = engine_on(lite, lite.db, conceal=True)
    with pytest.raises(NotFound):
        await engine.execute(await lite.actor("USE-both"), models.GetModel(name(M)))
    (event,) = (await lite.as_("admin").do(audit_log.FindAudit(outcome="refused", actor="USE-both"))).items
    assert event.outcome == "PERMISSION_DENIED" and "EXECUTE" in event.reason


async def test_who_holds_something_is_told_that_the_model_exists_and_who_does_not_is_asked_for_create_model(
    lite: World,
) -> None:
    await build(lite)
    for who in (
        "EXECUTE-on-model-USE",
        "APPLY-TAG-on-model-USE",
        "CREATE-MODEL-VERSION-on-model-USE",
        "MANAGE-on-model-USE",
    ):
        with pytest.raises(AlreadyExists, match="already exists"):
            await lite.as_(who).do(models.CreateModel(name(M)))
    with pytest.raises(PermissionDenied, match="CREATE MODEL on Schema"):
        await lite.as_("USE-both").do(models.CreateModel(name(M)))


async def test_lineage_never_names_what_the_caller_may_not_read(lite: World) -> None:
    await build(lite)
    await lite.as_("owner-of-all-three").do(versions.CopyVersion(name(M), 1, name("open.ml.model")))
    await lite.model("hidden.ml.copy", owner="owner-of-all-three")
    await lite.grant("owner-of-all-three", "USE_CATALOG@hidden+USE_SCHEMA@hidden.ml")
    await lite.as_("owner-of-all-three").do(versions.CopyVersion(name(M), 1, name("hidden.ml.copy")))
    seen = await lite.as_("EXECUTE-on-model-USE").do(lineage.GetLineage(name(M), 1))
    assert {e.entity_name for e in seen.items if e.direction == "DOWNSTREAM"} == {"open.ml.model/2"}
