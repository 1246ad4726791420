"""Grants on both databases: one request's order of effects, inert privileges, and what goes with a deletion."""

import pytest
from world import World, name

from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.governance.explain import Explain, Explanation
from modelkeep.core.operations.governance.grants import ChangeGrants, GetEffectiveGrants, GetGrants, GrantChange
from modelkeep.core.operations.models import models
from modelkeep.domain.errors import PermissionDenied

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio
SCHEMA, MODEL = "prod.ml", "prod.ml.churn"


async def grants_at(w: World, at: str = SCHEMA) -> set[tuple[str, bool]]:
    return {(g.privilege, g.inert) for g in await w.as_("admin").do(GetGrants(name(at)))}


async def test_removals_come_first_and_inert_ones_are_apart(w: World) -> None:
    await w.model(MODEL)
    await w.grant("ann", f"EXECUTE+SELECT@{SCHEMA}")
    changes = (
        GrantChange("ann", ("USE_SCHEMA", "refresh"), ("ALL_PRIVILEGES",)),
        GrantChange("ANN", ("EXTERNAL USE SCHEMA",)),
    )
    await w.as_("admin").do(ChangeGrants(name(SCHEMA), changes))
    assert await grants_at(w) == {("USE_SCHEMA", False), ("REFRESH", True), ("EXTERNAL_USE_SCHEMA", False)}
    await w.as_("admin").do(ChangeGrants(name(SCHEMA), (GrantChange("ann", (), ("ALL PRIVILEGES",)),)))
    assert await grants_at(w) == {("EXTERNAL_USE_SCHEMA", False)}


async def test_inert_ones_are_shown_where_they_are_and_decide_nothing(w: World) -> None:
    await w.model(MODEL)
    await w.group("team", "ann")
    for at in ("prod", SCHEMA, MODEL):
        await w.as_("admin").do(ChangeGrants(name(at), (GrantChange("team", ("REFRESH", "USAGE", "ALL")),)))
    with pytest.raises(PermissionDenied):
        await w.as_("ann").do(models.GetModel(name(MODEL)))
    effective_grants = await w.as_("admin").do(GetEffectiveGrants(name(MODEL), "team"))
    assert {(g.privilege, g.from_kind, g.inert) for g in effective_grants} == {
        (p, "", True) for p in ("REFRESH", "USAGE", "ALL")
    }
    result: Explanation = await w.as_("admin").do(Explain(name(MODEL), "get_model", "ann"))
    assert not result.allowed
    assert {(way.what, way.securable_name, way.principal) for way in result.without_effect} == {
        (word, at, "team") for word in ("REFRESH", "USAGE", "ALL") for at in ("prod", SCHEMA, MODEL)
    }


async def test_they_go_with_what_they_are_on(w: World) -> None:
    await w.user("ann")
    await w.model(MODEL)
    await w.as_("admin").do(ChangeGrants(name(MODEL), (GrantChange("ann", ("REFRESH",)),)))
    await w.as_("admin").do(catalogs.DeleteContainer(name("prod"), True))
    await w.model(MODEL)
    assert await grants_at(w, MODEL) == set()
    async with w.db.read() as tx:
        rows = await tx.all("SELECT x.id FROM inert_grants g JOIN securables x ON x.id = g.securable_id")
    assert rows == []
