"""Decisions stay true under change: no rename, transfer, deletion or new securable under an old name hands a right on."""

from typing import Any

import anyio
import msgspec
import pytest
from authz.rows import COMPUTED, DEFINED
from world import Counting, World, engine_on, name

from modelkeep.core.operations.catalog import catalogs, functions, objects, tables, volumes
from modelkeep.core.operations.governance import explain, grants, tag_policies
from modelkeep.core.operations.identity import access_requests, principals
from modelkeep.core.operations.models import models, protected_aliases
from modelkeep.domain.errors import Conflict, InvalidArgument, NotFound, PermissionDenied, RegistryError
from modelkeep.domain.names import METASTORE
from modelkeep.domain.privileges import Privilege

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio


class Kept(msgspec.Struct, frozen=True):
    """One kind of securable: how it is made, read, renamed and deleted, and the privilege that reads it."""

    text: str
    renamed: str
    privilege: str
    create: Any
    get: Any
    rename: Any
    delete: Any


def _container(kind: Any, get: Any, rename: Any, text: str, renamed: str, privilege: str) -> Kept:
    return Kept(
        text,
        renamed,
        privilege,
        lambda: kind(name=name(text)),
        lambda at: get(name(at)),
        lambda: rename(name(text), name(renamed)),
        lambda: catalogs.DeleteContainer(name(text), True),
    )


def _object(kind: str, text: str, privilege: str, create: Any) -> Kept:
    at, new = f"{text}!{kind}", f"{text}_new!{kind}"
    return Kept(
        at,
        new,
        privilege,
        lambda: create(name(at)),
        lambda where: objects.GetObject(name(where)),
        lambda: objects.RenameObject(name(at), name(new)),
        lambda: objects.DeleteObject(name(at)),
    )


MODEL = "prod.ml.churn"
KINDS = {
    "catalog": _container(
        catalogs.CreateCatalog, catalogs.GetCatalog, catalogs.RenameCatalog, "dev", "dev_new", "USE_CATALOG"
    ),
    "schema": _container(
        catalogs.CreateSchema, catalogs.GetSchema, catalogs.RenameSchema, "prod.ai", "prod.ai_new", "USE_SCHEMA"
    ),
    "model": Kept(
        MODEL,
        f"{MODEL}_new",
        "EXECUTE",
        lambda: models.CreateModel(name(MODEL)),
        lambda at: models.GetModel(name(at)),
        lambda: models.RenameModel(name(MODEL), name(f"{MODEL}_new")),
        lambda: models.DeleteModel(name(MODEL)),
    ),
    "function": _object("FUNCTION", "prod.ml.score", "EXECUTE", lambda at: functions.CreateFunction(at, COMPUTED)),
    "volume": _object("VOLUME", "prod.ml.raw", "READ_VOLUME", volumes.CreateVolume),
    "table": _object("TABLE", "prod.ml.features", "SELECT", lambda at: tables.CreateTable(at, DEFINED)),
}


async def _may(w: World, who: str, request: msgspec.Struct) -> bool:
    try:
        await w.as_(who).do(request)
    except PermissionDenied:
        return False
    return True


async def _create(w: World, subject: Kept) -> None:
    """By maker, with a reader who holds the privilege itself, through a group."""
    await w.schema("prod.ml")
    await w.grant(
        "maker", "USE_CATALOG@prod+USE_SCHEMA@prod.ml+CREATE_CATALOG@+CREATE_SCHEMA@prod+CREATE_MODEL@prod.ml"
    )
    await w.grant("maker", "CREATE_FUNCTION@prod.ml+CREATE_VOLUME@prod.ml+CREATE_TABLE@prod.ml")
    await w.grant("account users", "USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    await w.group("readers", "reader")
    await w.as_("maker").do(subject.create())
    await w.as_("maker").do(
        grants.ChangeGrants(name(subject.text), (grants.GrantChange("readers", (subject.privilege,)),))
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_a_rename_keeps_rights_and_the_old_name_has_none(lite: World, kind: str) -> None:
    subject = KINDS[kind]
    await _create(lite, subject)
    maker = lite.as_("maker")
    if kind in ("function", "volume", "table"):  # metastore admins and owners
        await maker.do(models.ChangeTags(name(subject.text), None, {"team": "a"}))
    await maker.do(subject.rename())
    assert await _may(lite, "reader", subject.get(subject.renamed))
    with pytest.raises(NotFound):
        await maker.do(subject.get(subject.text)) if kind != "catalog" else await lite.as_("admin").do(
            subject.get(subject.text)
        )
    await maker.do(subject.create())
    assert not await _may(lite, "reader", subject.get(subject.text))
    assert await maker.do(grants.GetGrants(name(subject.text))) == []
    assert (await lite.find(subject.text)).tags == {}
    # A revoke under the new name holds for the next request, and takes nothing from what bears the old one now.
    await maker.do(grants.ChangeGrants(name(subject.text), (grants.GrantChange("reader", (subject.privilege,)),)))
    await maker.do(
        grants.ChangeGrants(name(subject.renamed), (grants.GrantChange("readers", (), (subject.privilege,)),))
    )
    assert not await _may(lite, "reader", subject.get(subject.renamed))
    assert await _may(lite, "reader", subject.get(subject.text))


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_deleted_takes_every_right_with_it(lite: World, kind: str) -> None:
    subject = KINDS[kind]
    await _create(lite, subject)
    maker = lite.as_("maker")
    await maker.do(catalogs.TransferOwnership(name(subject.text), "readers"))
    await lite.as_("reader").do(subject.delete())
    await maker.do(subject.create())
    assert not await _may(lite, "reader", subject.get(subject.text))
    assert not await _may(lite, "reader", subject.delete())
    assert (await lite.find(subject.text)).owner == "maker"
    assert await maker.do(grants.GetEffectiveGrants(name(subject.text), "readers")) == []


@pytest.mark.parametrize("heir", ["user", "group", "service principal"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_new_owner_has_what_the_old_one_loses(lite: World, kind: str, heir: str) -> None:
    subject = KINDS[kind]
    await _create(lite, subject)
    who = acts = "heir"
    if heir == "group":
        who, acts = "heirs", "member"
        await lite.group("inner", "member")
        await lite.group("heirs")
        await lite.as_("admin").do(principals.AddMember("heirs", "inner"))
    elif heir == "service principal":
        await lite.as_("admin").do(principals.CreatePrincipal("SERVICE_PRINCIPAL", "heir"))
    else:
        await lite.user("heir")
    give = grants.ChangeGrants(name(subject.text), (grants.GrantChange("readers", ("MANAGE",)),))
    assert not await _may(lite, acts, give)
    await lite.as_("maker").do(catalogs.TransferOwnership(name(subject.text), who))
    assert not await _may(lite, "maker", give)
    assert not await _may(lite, "maker", catalogs.TransferOwnership(name(subject.text), "maker"))
    assert await _may(lite, acts, give)
    assert await _may(lite, "reader", subject.get(subject.text))  # who was granted something keeps it
    if heir == "group":
        await lite.as_("admin").do(principals.RemoveMember("heirs", "inner"))
        assert not await _may(lite, acts, give)
    with pytest.raises(InvalidArgument, match="does not exist"):
        await lite.as_("admin").do(catalogs.TransferOwnership(name(subject.text), "nobody at all"))


@pytest.mark.parametrize("container", ["prod", "prod.ml"])
async def test_what_the_owner_of_a_container_may_and_may_not_do(lite: World, container: str) -> None:
    await _create(lite, KINDS["model"])
    await lite.own(container, "olga")
    olga = lite.as_("olga")
    for request in (
        models.GetModel(name(MODEL)),
        catalogs.UpdateComment(name(MODEL), "mine"),
        models.ChangeTags(name(MODEL), None, {"a": "b"}),
        models.RenameModel(name(MODEL), name(f"{MODEL}2")),
    ):
        assert not await _may(lite, "olga", request), request
    may = await olga.do(explain.WhatMayI(name(MODEL)))
    allowed = {operation for operation, subject in may.items() if subject is True}
    assert {
        "change_grants",
        "transfer_ownership",
        "delete_model",
        "set_alias",
        "delete_version",
        "get_activity",
    } <= allowed
    assert not {"get_model", "update_comment", "change_tags", "rename_model", "open_file", "create_version"} & allowed
    await olga.do(grants.ChangeGrants(name(MODEL), (grants.GrantChange("olga", ("EXECUTE",)),)))
    assert await _may(lite, "olga", models.GetModel(name(MODEL)))
    await olga.do(models.DeleteModel(name(MODEL)))


# --- lists, checks, effective permissions, explanations --------------------------------------------------------------


async def test_explanations_agree_with_what_happens(lite: World) -> None:
    """For each way of holding something: allowed is what the request ends with, each thing that is met has a reason, and taking
    away what is named as the reason takes the access."""
    await _create(lite, KINDS["model"])
    admin = lite.as_("admin")
    await lite.own("", "admins")
    for number, notation in enumerate(
        (
            "",
            f"EXECUTE@{MODEL}",
            "EXECUTE@prod.ml",
            "ALL_PRIVILEGES@prod",
            f"MANAGE@{MODEL}",
            f"APPLY_TAG@{MODEL}",
            "BROWSE@prod",
        )
    ):
        who = f"somebody {number}"
        await lite.user(who)
        await lite.grant(who, notation)
        for operation, request in (
            ("get_model", models.GetModel(name(MODEL))),
            ("browse_model", models.BrowseModel(name(MODEL))),
            ("change_tags", models.ChangeTags(name(MODEL), None, {"x": who})),
            ("update_comment", catalogs.UpdateComment(name(MODEL), who)),
            ("change_grants", grants.ChangeGrants(name(MODEL), ())),
            ("explain", explain.Explain(name(MODEL), "get_model", "maker")),
            (
                "ask_access",
                access_requests.AskAccess(
                    (access_requests.Ask((access_requests.RequestedPrivileges(name(MODEL), ("EXECUTE",)),)),)
                ),
            ),
        ):
            result = await admin.do(explain.Explain(name(MODEL), operation, who))
            assert result.allowed == await _may(lite, who, request), (notation, operation)
            assert result.allowed == all(step.met for step in result.steps)
            for step in result.steps if operation != "ask_access" else ():  # whoever gets there may
                assert step.met == bool(step.given_by) and step.met != bool(step.ask), step
            for way in result.steps[-1].given_by if result.allowed else ():
                assert way.what in Privilege.__members__ and way.principal == who


async def test_what_is_not_about_a_securable_is_not_explained_as_if_it_were(lite: World) -> None:
    await lite.user("ann")
    for operation, kind, word in (
        ("create_tag_policy", InvalidArgument, "CREATE on tag policies"),
        ("withdraw_access", InvalidArgument, "to be the requester"),
        ("get_modle", InvalidArgument, "Near it: 'get_model'"),
        ("get_model", InvalidArgument, "not about a Metastore"),
    ):
        with pytest.raises(kind, match=word):
            await lite.as_("ann").do(explain.Explain(METASTORE, operation))
    assert not (await lite.as_("ann").do(explain.Explain(METASTORE, "create_principal"))).allowed
    assert (await lite.as_("admin").do(explain.Explain(METASTORE, "create_principal"))).steps[0].given_by[0].groups == (
        "admins",
    )
    assert (await lite.as_("ann").do(explain.Explain(METASTORE, "search_models"))).allowed


async def test_explain_of_oneself_tells_a_stranger_nothing_that_a_refusal_would_not(lite: World) -> None:
    await _create(lite, KINDS["model"])
    await lite.catalog("closed", owner="owner")
    await lite.model("closed.s.m")
    result = await lite.as_("stranger").do(explain.Explain(name("closed.s.m"), "get_model"))
    for missing in ("closed.s.nothing", "closed.nothing.m"):
        assert await lite.as_("stranger").do(explain.Explain(name(missing), "get_model")) == result
    assert len(result.steps) == 1 and not result.allowed
    with pytest.raises(NotFound):
        await lite.as_("stranger").do(explain.Explain(name("prod.ml.nothing"), "get_model"))
    concealing = engine_on(lite, lite.db, conceal=True)
    actor = await lite.actor("stranger")
    request = (
        lambda at: explain.Explain(name(at), "get_model"),
        lambda at: access_requests.AskAccess(
            (access_requests.Ask((access_requests.RequestedPrivileges(name(at), ("EXECUTE",)),)),)
        ),
        lambda at: access_requests.GetAccessDestinations(name(at)),
        lambda at: explain.WhatMayI(name(at)),
    )
    for ask in request:
        answers: list[str] = []
        for at in (MODEL, "prod.ml.nothing", "closed.s.m", "nowhere.s.m"):
            with pytest.raises(RegistryError) as refused:
                await concealing.execute(actor, ask(at))
            assert isinstance(refused.value, NotFound)
            answers.append(refused.value.message.replace(at, "~"))
        assert len(set(answers)) == 1, answers


async def test_what_one_may_do_costs_one_statement(lite: World) -> None:
    await _create(lite, KINDS["model"])
    counted = Counting(lite.db)
    actor = await lite.actor("reader")
    await engine_on(lite, counted).execute(actor, explain.WhatMayI(name(MODEL)))  # type: ignore[arg-type]
    assert len(counted.sent) == 1


async def test_the_metastore_may_be_asked_for_and_explained(lite: World) -> None:
    await lite.user("ann")
    assert (await lite.as_("ann").do(explain.WhatMayI(METASTORE)))["create_catalog"] is not True
    result = await lite.as_("ann").do(explain.Explain(METASTORE, "create_catalog"))
    assert not result.allowed and result.steps[0].ask == ("admins",)
    (request,) = await lite.as_("ann").do(
        access_requests.AskAccess(
            (access_requests.Ask((access_requests.RequestedPrivileges(METASTORE, ("CREATE_CATALOG",)),)),)
        )
    )
    await lite.as_("admin").do(access_requests.DecideAccess(request.requests[0], True))
    await lite.as_("ann").do(catalogs.CreateCatalog(name=name("hers")))
    result = await lite.as_("ann").do(explain.Explain(METASTORE, "create_catalog"))
    assert result.allowed and result.steps[0].given_by[0].what == "CREATE_CATALOG"


async def test_governance_on_both_databases(w: World) -> None:
    """What of it is SQL: one pass through every statement."""
    await w.group("inner", "ann")
    await w.group("outer")
    admin = w.as_("admin")
    await admin.do(principals.AddMember("outer", "inner"))
    await w.model(MODEL, owner="bob", bob="USE_CATALOG@prod+USE_SCHEMA@prod.ml", outer="USE_CATALOG@prod+BROWSE@prod")
    await w.version(MODEL, by="bob")

    ann, bob = w.as_("ann"), w.as_("bob")
    policy = await admin.do(tag_policies.CreateTagPolicy("grade", "d", ("a",)))
    with pytest.raises(PermissionDenied):
        await bob.do(models.ChangeTags(name(MODEL), None, {"grade": "a"}))
    rules = await admin.do(tag_policies.GetTagRules(policy.id))
    await w.group("graders", "bob")
    await admin.do(tag_policies.SetTagRules(policy.id, rules.etag, (("ASSIGN", "graders"), ("ASSIGN", "graders"))))
    await bob.do(models.ChangeTags(name(MODEL), None, {"grade": "a"}))
    assert [p.key for p in (await ann.do(tag_policies.ListTagPolicies())).items] == ["grade"]
    await admin.do(tag_policies.UpdateTagPolicy("grade", allowed=("b",)))
    of_all = await admin.do(tag_policies.GetTagRules())
    after = await admin.do(tag_policies.SetTagRules("", of_all.etag, (("CREATE", "ann"), ("MANAGE", "graders"))))
    assert {(rule.role, rule.principal) for rule in after.rules} == {("CREATE", "ann"), ("MANAGE", "graders")}
    with pytest.raises(Conflict):
        await admin.do(tag_policies.SetTagRules("", of_all.etag, ()))
    await ann.do(tag_policies.CreateTagPolicy("hers"))
    await bob.do(tag_policies.DeleteTagPolicy("hers"))
    await admin.do(tag_policies.DeleteTagPolicy("grade"))
    await admin.do(protected_aliases.ProtectAlias(name("prod.ml"), "champion", ("outer", "outer")))
    with pytest.raises(PermissionDenied, match="outer"):
        await bob.do(models.SetAlias(name(MODEL), "champion", 1))
    assert [p.principals for p in await bob.do(protected_aliases.ListProtectedAliases(name(MODEL)))] == [("outer",)]
    await admin.do(protected_aliases.UnprotectAlias(name("prod.ml"), "champion"))
    await bob.do(models.SetAlias(name(MODEL), "champion", 1))
    ask = access_requests.AskAccess(
        (access_requests.Ask((access_requests.RequestedPrivileges(name(MODEL), ("EXECUTE",)),)),)
    )
    (first,), (again,) = await ann.do(ask), await ann.do(ask)
    assert first.requests == again.requests
    assert [r.request.id for r in (await bob.do(access_requests.ListAccessRequests())).items] == list(first.requests)
    await bob.do(
        access_requests.ChangeAccessDestinations(name(MODEL), (access_requests.Destination("x@y.io", "EMAIL"),))
    )
    assert (await ann.do(access_requests.GetAccessDestinations(name(MODEL)))).found[0].id == "x@y.io"
    assert (await bob.do(access_requests.DecideAccess(first.requests[0], True))).request.state == "APPROVED"
    (third,) = await ann.do(ask)
    assert third.requests != first.requests
    await ann.do(access_requests.WithdrawAccess(third.requests[0]))
    result = await admin.do(explain.Explain(name(MODEL), "get_model", "ann"))
    assert [step.met for step in result.steps] == [True, False, True]
    assert result.steps[0].given_by[0].groups == ("inner", "outer") and result.steps[1].ask[0] == "admin"
    with pytest.raises(NotFound, match="Near it: 'ann'"):
        await admin.do(grants.ChangeGrants(name(MODEL), (grants.GrantChange("annn", ("EXECUTE",)),)))


async def test_many_at_once(w: World) -> None:
    """Asking, deciding, protecting and replacing rules, by several at the same moment: one wins, nobody meets a fault."""
    await w.model(MODEL, asker="USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    asker, admin = w.as_("asker"), w.as_("admin")
    await w.actor("asker"), await w.actor("admin")
    policy = await admin.do(tag_policies.CreateTagPolicy("grade"))
    etag = (await admin.do(tag_policies.GetTagRules(policy.id))).etag
    of_all = (await admin.do(tag_policies.GetTagRules())).etag
    ask = access_requests.AskAccess(
        (access_requests.Ask((access_requests.RequestedPrivileges(name(MODEL), ("EXECUTE",)),)),)
    )

    async def together(caller: Any, request: msgspec.Struct, times: int = 5) -> list[Any]:
        ended: list[Any] = []

        async def once() -> None:
            try:
                ended.append(await caller.do(request))
            except RegistryError as error:
                ended.append(error)

        async with anyio.create_task_group() as group:
            for _ in range(times):
                group.start_soon(once)
        return ended

    query = await together(asker, ask)
    ids = {item[0].requests for item in query}
    assert len(ids) == 1
    ((id,),) = ids
    decided = await together(admin, access_requests.DecideAccess(id, True))
    assert sorted(type(item).__name__ for item in decided) == ["VisibleAccessRequest", *["WrongState"] * 4]
    for policy_id, known in ((policy.id, etag), ("", of_all)):
        ended = await together(admin, tag_policies.SetTagRules(policy_id, known, (("ASSIGN", "asker"),)))
        assert sorted(type(item).__name__ for item in ended) == [*["Conflict"] * 4, "TagRules"]
    for request in (
        protected_aliases.ProtectAlias(name(MODEL), "champion", ("asker", "admin")),
        access_requests.ChangeAccessDestinations(name(MODEL), (access_requests.Destination("a@b.io", "EMAIL"),)),
    ):
        assert not [item for item in await together(admin, request) if isinstance(item, RegistryError)]
