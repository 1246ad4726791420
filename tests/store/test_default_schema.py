"""The schema `default` that comes with a new catalog, on both databases."""

import asyncio
from typing import Any

import pytest
from world import World, name

from modelkeep.core.operations.audit.audit_log import FindAudit
from modelkeep.core.operations.catalog import catalogs, volumes
from modelkeep.core.operations.catalog.catalogs import (
    CreateCatalog,
    CreateSchema,
    DeleteContainer,
    GetSchema,
    ListSchemas,
)
from modelkeep.core.operations.governance.grants import ChangeGrants, GrantChange
from modelkeep.core.operations.identity import access_requests
from modelkeep.core.operations.models import models, protected_aliases
from modelkeep.domain.errors import Conflict, NotEmpty, NotFound
from modelkeep.store.access_requests import Destination

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio
CATALOG, SCHEMA = "fresh", "fresh.default"


async def create_schema(w: World, who: str = "ann") -> None:
    await w.grant(who, "CREATE_CATALOG@")
    await w.as_(who).do(CreateCatalog(name=name(CATALOG)))


async def test_it_is_there_and_belongs_to_who_made_the_catalog(w: World) -> None:
    await create_schema(w)
    schema = await w.as_("ann").do(GetSchema(name(SCHEMA)))
    assert (schema.owner, schema.comment, schema.created_by) == ("ann", "", "ann")
    await w.user("root", account_admin=True)
    page = await w.as_("root").do(FindAudit())
    events = [(e.event, e.actor, {t.name for t in e.targets}) for e in page.items if CATALOG in str(e.targets)]
    (first, by, what), (other, too, which) = sorted(events, key=lambda event: event[0])
    assert (first, by, other, too) == ("catalog.create", "ann", "schema.create", "ann")
    assert CATALOG in what and SCHEMA in which


async def test_terraform_deletes_it_at_once(w: World) -> None:
    await create_schema(w)
    await w.as_("ann").do(DeleteContainer(name(SCHEMA)))
    assert (await w.as_("ann").do(ListSchemas(name(CATALOG)))).items == ()
    await w.as_("ann").do(DeleteContainer(name(CATALOG)))


async def test_untouched_it_does_not_keep_a_catalog(w: World) -> None:
    await create_schema(w)
    await w.as_("ann").do(DeleteContainer(name(CATALOG)))
    with pytest.raises(NotFound):
        await w.as_("ann").do(GetSchema(name(SCHEMA)))
    async with w.db.read() as tx:
        assert await tx.all("SELECT id FROM securables WHERE name IN ('fresh', 'default') AND kind = 'DELETED'") == []
    await create_schema(w)


TOUCHES: dict[str, Any] = {
    "a model": models.CreateModel(name("fresh.default.m")),
    "a volume": volumes.CreateVolume(name("fresh.default.v!VOLUME"), "MANAGED"),
    "a comment": catalogs.UpdateComment(name(SCHEMA), "ours"),
    "properties": catalogs.UpdateSpec(name(SCHEMA), {"properties": '{"a":"b"}'}),
    "a tag": models.ChangeTags(name(SCHEMA), set={"a": "b"}),
    "a grant": ChangeGrants(name(SCHEMA), (GrantChange("ann", ("EXECUTE",)),)),
    "an inert grant": ChangeGrants(name(SCHEMA), (GrantChange("ann", ("REFRESH",)),)),
    "a protected alias": protected_aliases.ProtectAlias(name(SCHEMA), "champion", ("ann",)),
    "a destination": access_requests.ChangeAccessDestinations(name(SCHEMA), (Destination("a@x.io", "EMAIL"),)),
    "an owner": catalogs.TransferOwnership(name(SCHEMA), "ann"),
}


@pytest.mark.parametrize("touch", TOUCHES)
async def test_used_it_keeps_the_catalog(w: World, touch: str) -> None:
    await create_schema(w)
    await asyncio.sleep(0.002)  # the clock of the registry counts milliseconds
    await w.as_("ann").do(TOUCHES[touch])
    with pytest.raises(NotEmpty, match="Catalog 'fresh' is not empty"):
        await w.as_("ann").do(DeleteContainer(name(CATALOG)))
    assert (await w.as_("ann").do(GetSchema(name(SCHEMA)))).full_name == SCHEMA
    await w.as_("ann").do(DeleteContainer(name(CATALOG), True))


async def test_another_schema_or_another_default_keeps_the_catalog(w: World) -> None:
    await create_schema(w)
    await w.as_("ann").do(CreateSchema(name=name("fresh.team")))
    with pytest.raises(NotEmpty):
        await w.as_("ann").do(DeleteContainer(name(CATALOG)))
    await w.as_("ann").do(DeleteContainer(name("fresh.team")))
    await w.as_("ann").do(DeleteContainer(name(SCHEMA)))
    await asyncio.sleep(0.002)
    await w.as_("ann").do(CreateSchema(name=name(SCHEMA)))
    with pytest.raises(NotEmpty):
        await w.as_("ann").do(DeleteContainer(name(CATALOG)))


async def test_a_model_that_is_made_meanwhile_is_never_lost(w: World) -> None:
    """Either the model is there with its catalog, or neither is."""
    await create_schema(w)
    for _ in range(5):
        results = await asyncio.gather(
            w.as_("ann").do(models.CreateModel(name("fresh.default.m"))),
            w.as_("ann").do(DeleteContainer(name(CATALOG))),
            return_exceptions=True,
        )
        if isinstance(results[0], BaseException):
            assert isinstance(results[0], NotFound | Conflict) and results[1] is None, results
        else:
            assert isinstance(results[1], NotEmpty), results
            await w.as_("ann").do(models.GetModel(name("fresh.default.m")))
            await w.as_("ann").do(DeleteContainer(name(CATALOG), True))
        await create_schema(w)
