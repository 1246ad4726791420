"""Searching tables, volumes and functions by words, on both databases, with the rights that each kind needs."""

import pytest
from world import World, name

from modelkeep.core.operations.catalog import catalogs, explorer, functions, objects, tables, volumes
from modelkeep.core.operations.catalog.explorer import SearchSecurables
from modelkeep.core.operations.governance import grants
from modelkeep.core.operations.models import models
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio
LEAVES = {Kind.TABLE: "claims", Kind.VOLUME: "claims_pdf", Kind.FUNCTION: "score_claims"}
READS = {Kind.TABLE: "SELECT", Kind.VOLUME: "READ_VOLUME", Kind.FUNCTION: "EXECUTE"}
DEFINITION = functions.FunctionDefinition(
    input_params=functions.Parameters(),
    data_type="DOUBLE",
    full_data_type="DOUBLE",
    routine_body="SQL",
    routine_definition="1",
    parameter_style="S",
    is_deterministic=True,
    sql_data_access="NO_SQL",
    is_null_call=False,
    security_type="DEFINER",
    specific_name="score_claims",
)


async def set_up(w: World) -> None:
    await w.catalog("prod")
    await w.schema("prod.fraud")
    admin = w.as_("admin")
    definition = tables.Definition("EXTERNAL", "DELTA", "s3://bucket/claims")
    await admin.do(tables.CreateTable(name("prod.fraud.claims!TABLE"), definition, "One row a Payout"))
    await admin.do(volumes.CreateVolume(name("prod.fraud.claims_pdf!VOLUME"), "MANAGED"))
    await admin.do(functions.CreateFunction(name("prod.fraud.score_claims!FUNCTION"), DEFINITION))


async def matches(w: World, who: str = "admin", **request: object) -> list[tuple[str, bool]]:
    page = await w.as_(who).do(SearchSecurables(**request))  # type: ignore[arg-type]
    return [(item.securable.full_name.rpartition(".")[2], item.browse_only) for item in page.items]


async def test_each_kind_is_found_by_name_comment_tag_and_container(w: World) -> None:
    await set_up(w)
    assert await matches(w, query="claims", kinds=tuple(map(str, LEAVES))) == [
        ("claims", False),
        ("claims_pdf", False),
        ("score_claims", False),
    ]
    assert await matches(w, query="payout") == [("claims", False)]
    for kind, leaf in LEAVES.items():
        assert await matches(w, query="fraud", kinds=(str(kind),)) == [(leaf, False)]
        await w.as_("admin").do(models.ChangeTags(name(f"prod.fraud.{leaf}!{kind}"), None, {"team": f"{leaf}_owners"}))
        assert await matches(w, tag=f"team:{leaf}_owners") == [(leaf, False)]
        assert await matches(w, query=f"{leaf}_owners") == [(leaf, False)]
    await w.as_("admin").do(
        objects.RenameObject(name("prod.fraud.claims_pdf!VOLUME"), name("prod.fraud.letters!VOLUME"))
    )
    await w.as_("admin").do(catalogs.UpdateComment(name("prod.fraud.letters!VOLUME"), "scanned"))
    assert await matches(w, query="letters") == await matches(w, query="scanned") == [("letters", False)]
    await w.as_("admin").do(objects.DeleteObject(name("prod.fraud.letters!VOLUME")))
    assert await matches(w, query="letters") == []


@pytest.mark.parametrize("kind", LEAVES)
async def test_each_kind_needs_its_own_privilege(w: World, kind: Kind) -> None:
    await set_up(w)
    await w.user("ann")
    catalog = name("prod")
    admin = w.as_("admin")
    assert await matches(w, "ann", query="claims") == []
    await admin.do(grants.ChangeGrants(catalog, (grants.GrantChange("ann", add=("USE_CATALOG", "USE_SCHEMA")),)))
    assert await matches(w, "ann", query="claims") == []
    for on in (name(f"prod.fraud.{LEAVES[kind]}!{kind}"), name("prod.fraud"), catalog):
        await admin.do(grants.ChangeGrants(on, (grants.GrantChange("ann", add=(READS[kind],)),)))
        assert await matches(w, "ann", query="claims") == [(LEAVES[kind], False)]
        await admin.do(grants.ChangeGrants(on, (grants.GrantChange("ann", remove=(READS[kind],)),)))
        assert await matches(w, "ann", query="claims") == []
    await admin.do(grants.ChangeGrants(catalog, (grants.GrantChange("ann", add=("BROWSE",)),)))
    assert await matches(w, "ann", query="claims", kinds=(str(kind),)) == [(LEAVES[kind], True)]


async def test_kinds_outside_of_catalogs_are_refused(w: World) -> None:
    for kind in ("METASTORE", "EXTERNAL_LOCATION", "STORAGE_CREDENTIAL"):
        with pytest.raises(InvalidArgument, match="what lies in them"):
            await w.as_("admin").do(explorer.SearchSecurables(kinds=(kind,)))
