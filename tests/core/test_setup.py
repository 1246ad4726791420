"""Catalogs, schemas, principals, tokens and grants: what each request does and answers."""

import pytest
from world import World, name

from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.governance import grants
from modelkeep.core.operations.identity import identities, principals
from modelkeep.core.operations.models import models
from modelkeep.domain.errors import BadName, InvalidArgument, NotFound, PermissionDenied

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M = "prod.ml.churn"


async def test_a_first_start_has_main_default_and_an_admin(lite: World) -> None:
    assert [c.full_name for c in (await lite.as_("admin").do(catalogs.ListCatalogs())).items] == ["main"]
    assert [s.full_name for s in (await lite.as_("admin").do(catalogs.ListSchemas(name("main")))).items] == [
        "main.default"
    ]
    me = await lite.as_("admin").do(identities.GetMyIdentity())
    assert (me.principal.name, [g.name for g in me.groups]) == ("admin", ["account users", "admins"])
    assert (await lite.as_("admin").do(catalogs.GetMetastore())).owner == "admins"


async def test_what_is_made_belongs_to_its_maker(lite: World) -> None:
    await lite.grant("ann", "CREATE_CATALOG@")
    catalog = await lite.as_("ann").do(
        catalogs.CreateCatalog(name=name("prod"), comment="ours", spec={"properties": '{"a":"b"}'})
    )
    assert (catalog.owner, catalog.created_by, catalog.comment, catalog.spec) == (
        "ann",
        "ann",
        "ours",
        {"properties": '{"a":"b"}'},
    )
    schema = await lite.as_("ann").do(catalogs.CreateSchema(name=name("prod.ml")))
    model = await lite.as_("ann").do(models.CreateModel(name(M), "first", {"mlflow.x": "y"}, "9"))
    assert (schema.owner, model.securable.owner, model.securable.tags) == ("ann", "ann", {"mlflow.x": "y"})
    assert model.securable.spec == {"deployment_job_id": "9"} and model.securable.full_name == M


async def test_an_empty_field_is_removed_from_a_spec_and_others_stay(lite: World) -> None:
    await lite.catalog("prod")
    admin = lite.as_("admin")
    await admin.do(catalogs.UpdateCatalogSpec(name("prod"), {"a": "1", "b": "2"}))
    assert (await admin.do(catalogs.UpdateCatalogSpec(name("prod"), {"a": ""}))).spec == {"b": "2"}


async def test_an_owner_hands_over_and_has_then_no_more_rights(lite: World) -> None:
    await lite.model(M, owner="ann", ann="USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    await lite.group("team", "bob")
    await lite.grant("team", "USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    with pytest.raises(InvalidArgument, match="does not exist"):
        await lite.as_("ann").do(catalogs.TransferOwnership(name(M), "nobody"))
    assert (await lite.as_("ann").do(catalogs.TransferOwnership(name(M), "TEAM"))).owner == "team"
    with pytest.raises(PermissionDenied):
        await lite.as_("ann").do(models.DeleteModel(name(M)))
    await lite.as_("bob").do(models.DeleteModel(name(M)))


async def test_several_requests_are_one_change(lite: World) -> None:
    await lite.model(M, owner="ann", ann="USE_CATALOG@prod+USE_SCHEMA@prod.ml+CREATE_MODEL@prod.ml")
    ann = lite.as_("ann")
    described, renamed = catalogs.UpdateComment(name(M), "new"), models.RenameModel(name(M), name("prod.ml.b"))
    with pytest.raises(PermissionDenied):
        await ann.do(described, renamed, catalogs.UpdateCatalogComment(name("prod"), "x"))
    assert (await lite.find(M)).comment == ""
    done = await ann.do(described, renamed, models.GetModel(name("prod.ml.b")))
    assert (done.securable.comment, done.securable.name) == ("new", "b")


async def test_renaming_to_the_same_name_is_no_error(lite: World) -> None:
    await lite.model(M)
    await lite.own("prod.ml", "admin")
    assert (await lite.as_("admin").do(models.RenameModel(name(M), name(M)))).securable.name == "churn"


# --- principals and tokens -------------------------------------------------------------------------------------------


async def test_bad_principals_are_refused(lite: World) -> None:
    admin = lite.as_("admin")
    for bad in ("", " x", "x ", "a\nb", "x" * 256, "\u202ex"):
        with pytest.raises(BadName):
            await admin.do(principals.CreatePrincipal("USER", bad))
    with pytest.raises(InvalidArgument, match="one of USER"):
        await admin.do(principals.CreatePrincipal("ROBOT", "r2"))
    with pytest.raises(NotFound, match="'nobody' does not exist"):
        await admin.do(principals.SetActive("nobody", True))
    with pytest.raises(NotFound, match="Group 'admin'"):
        await admin.do(principals.ListMembers("admin"))


async def test_what_is_built_in_stays(lite: World) -> None:
    admin = lite.as_("admin")
    for request in (
        principals.DeletePrincipal("account users"),
        principals.SetActive("account users", False),
        principals.DeletePrincipal("admin"),
        principals.SetActive("admin", False),
        principals.DeletePrincipal("admins"),
        principals.AddMember("account users", "admin"),
    ):
        with pytest.raises(InvalidArgument):
            await admin.do(request)


async def test_a_token_belongs_to_who_it_was_made_for(lite: World) -> None:
    await lite.user("ann")
    ann = lite.as_("ann")
    token = await ann.do(principals.CreateToken("mine", 1000))
    assert (
        token.token.startswith("mk_")
        and token.info.principal == "ann"
        and token.info.expires_at == token.info.created_at + 1000
    )
    with pytest.raises(PermissionDenied):
        await ann.do(principals.CreateToken(principal="admin"))
    with pytest.raises(PermissionDenied):
        await ann.do(principals.ListTokens("admin"))
    for lifetime in (0, -1, 10**15):
        with pytest.raises(InvalidArgument, match="lives from"):
            await ann.do(principals.CreateToken("x", lifetime))
    await lite.group("team")
    with pytest.raises(InvalidArgument, match="group has no tokens"):
        await lite.as_("admin").do(principals.CreateToken(principal="team"))
    other = await lite.as_("admin").do(principals.CreateToken())
    for id in (other.info.id, "none"):
        with pytest.raises(NotFound, match="Token"):
            await ann.do(principals.RevokeToken(id))
    await ann.do(principals.RevokeToken(token.info.id))
    assert {t.id: t.revoked_at is not None for t in (await ann.do(principals.ListTokens())).items}[token.info.id]


# --- grants ----------------------------------------------------------------------------------------------------------


async def test_grants_say_where_they_come_from_and_browse_is_not_inherited(lite: World) -> None:
    await lite.model(
        M, ann="EXECUTE@prod.ml.churn+MANAGE@prod.ml+BROWSE@prod+CREATE_SCHEMA@prod+EXECUTE@prod+CREATE_CATALOG@"
    )
    effective_grants = await lite.as_("admin").do(grants.GetEffectiveGrants(name(M), "ann"))
    assert {(g.privilege, g.from_kind, g.from_name) for g in effective_grants} == {
        ("EXECUTE", "", ""),
        ("MANAGE", "SCHEMA", "prod.ml"),
        ("EXECUTE", "CATALOG", "prod"),
    }
    direct = await lite.as_("admin").do(grants.GetGrants(name("prod")))
    assert [(g.principal, g.privilege) for g in direct] == [
        ("ann", "BROWSE"),
        ("ann", "CREATE_SCHEMA"),
        ("ann", "EXECUTE"),
    ]


async def test_privileges_are_read_in_either_spelling(lite: World) -> None:
    await lite.model(M)
    await lite.user("ann")
    value = await lite.as_("admin").do(
        grants.ChangeGrants(name(M), (grants.GrantChange("ann", ("apply tag", "CREATE_MODEL_VERSION")),))
    )
    assert [g.privilege for g in value] == ["APPLY_TAG", "CREATE_MODEL_VERSION"]
    left = await lite.as_("admin").do(
        grants.ChangeGrants(name(M), (grants.GrantChange("ann", (), ("Apply_Tag", "EXECUTE")),))
    )
    assert [g.privilege for g in left] == ["CREATE_MODEL_VERSION"]


async def test_adding_and_taking_at_once_adds(lite: World) -> None:
    await lite.model(M)
    await lite.user("ann")
    left = await lite.as_("admin").do(
        grants.ChangeGrants(name(M), (grants.GrantChange("ann", ("EXECUTE",), ("EXECUTE",)),))
    )
    assert [grant.privilege for grant in left] == ["EXECUTE"]


async def test_whoever_does_not_manage_sees_only_his_own_and_his_groups_grants(lite: World) -> None:
    await lite.model(M, ann="EXECUTE+USE_CATALOG@prod+USE_SCHEMA@prod.ml", bob="EXECUTE")
    await lite.group("team", "ann")
    await lite.grant("team", f"APPLY_TAG@{M}")
    result = await lite.as_("ann").do(grants.GetGrants(name(M)))
    assert [(g.principal, g.privilege) for g in result] == [("ann", "EXECUTE"), ("team", "APPLY_TAG")]
    assert await lite.as_("ann").do(grants.GetGrants(name(M), "bob")) == []
