"""Server-side copies on both databases: into a model that is missing, of pointers, by whom, and two at once."""

import asyncio

import pytest
from world import World, name

from modelkeep.core.operations.audit.audit_log import FindAudit
from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.governance.explain import Explain, Explanation
from modelkeep.core.operations.models import models, versions
from modelkeep.core.operations.models.versions import CopyVersion, RegisterVersion
from modelkeep.domain.errors import InvalidArgument, NotFound, PermissionDenied, RegistryError, WrongState
from modelkeep.domain.model import ModelVersion, Securable

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio
SOURCE, NEW = "dev.ml.churn", "prod.ml.churn"


async def built(w: World, *, may: str = "CREATE_MODEL@prod.ml") -> None:
    """A READY version that ann may read, and a schema in which she may do what `may` says."""
    await w.model(SOURCE, owner="owner")
    await w.schema("prod.ml")
    await w.grant("owner", "USE_CATALOG@dev+USE_SCHEMA@dev.ml")
    await w.version(SOURCE)
    await w.grant("ann", f"USE_CATALOG@dev+USE_SCHEMA@dev.ml+EXECUTE@{SOURCE}+USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    if may:
        await w.grant("ann", may)


async def there(w: World, text: str = NEW) -> bool:
    try:
        await w.as_("admin").do(models.GetModel(name(text)))
    except NotFound:
        return False
    return True


async def test_a_missing_destination_is_created(w: World) -> None:
    await built(w)
    copy: ModelVersion = await w.as_("ann").do(CopyVersion(name(SOURCE), 1, name(NEW)))
    assert (copy.model, copy.version, copy.source) == (NEW, 1, f"models:/{SOURCE}/1")
    model: Securable = (await w.as_("ann").do(models.GetModel(name(NEW)))).securable
    assert (model.owner, model.created_by) == ("ann", "ann")
    await w.user("root", account_admin=True)
    events = [e for e in (await w.as_("root").do(FindAudit())).items if e.actor == "ann" and e.outcome == "ok"]
    writes = [(e.event, {t.name for t in e.targets}) for e in events if e.event.endswith((".create", ".copy"))]
    assert sorted(event for event, _ in writes) == ["model.create", "version.copy"]
    assert all(NEW in targets for _, targets in writes)


@pytest.mark.parametrize(
    ("may", "refusal"),
    [
        ("", "User does not have CREATE MODEL on Schema 'prod.ml'."),
        ("EXECUTE@prod.ml", "User does not have CREATE MODEL on Schema 'prod.ml'."),
        ("CREATE_MODEL_VERSION@prod.ml", "User does not have CREATE MODEL on Schema 'prod.ml'."),
    ],
)
async def test_who_may_not_create_it_is_refused_and_nothing_is_left(w: World, may: str, refusal: str) -> None:
    await built(w, may=may)
    with pytest.raises(PermissionDenied, match=refusal):
        await w.as_("ann").do(CopyVersion(name(SOURCE), 1, name(NEW)))
    assert not await there(w)


async def test_other_privileges_that_create_models_do(w: World) -> None:
    await built(w, may="CREATE_FUNCTION@prod")
    assert (await w.as_("ann").do(CopyVersion(name(SOURCE), 1, name(NEW)))).version == 1


async def test_a_refused_copy_leaves_no_model(w: World) -> None:
    await built(w)
    await w.pending(SOURCE)
    refusals: list[tuple[CopyVersion, type[RegistryError]]] = [
        (CopyVersion(name(SOURCE), 2, name(NEW)), WrongState),
        (CopyVersion(name(SOURCE), 9, name(NEW)), NotFound),
        (CopyVersion(name("dev.ml.secret"), 1, name(NEW)), PermissionDenied),
        (CopyVersion(name(SOURCE), 1, name("prod.absent.m")), NotFound),
        (CopyVersion(name(SOURCE), 1, name("absent.ml.m")), NotFound),
    ]
    await w.model("dev.ml.secret", owner="owner")
    for request, refusal in refusals:
        with pytest.raises(refusal):
            await w.as_("ann").do(request)
        assert not await there(w)


async def test_one_without_a_signature_leaves_no_model_where_the_catalog_asks_for_one(w: World) -> None:
    await built(w)
    await w.model("dev.ml.bare", owner="ann")
    pointer = RegisterVersion(name=name("dev.ml.bare"), source="s3://elsewhere/m")
    await w.as_("ann").do(pointer)
    signed = catalogs.UpdateCatalogSpec(name("prod"), {"properties": '{"require_signature":"true"}'})
    await w.as_("admin").do(signed)
    with pytest.raises(InvalidArgument, match="signature"):
        await w.as_("ann").do(CopyVersion(name("dev.ml.bare"), 1, name(NEW)))
    assert not await there(w)


async def test_two_copies_at_once_make_one_model_with_two_versions(w: World) -> None:
    await built(w)
    await w.grant("bob", f"USE_CATALOG@dev+USE_SCHEMA@dev.ml+EXECUTE@{SOURCE}+USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    await w.grant("bob", "CREATE_MODEL@prod.ml+CREATE_MODEL_VERSION@prod.ml")
    await w.grant("ann", "CREATE_MODEL_VERSION@prod.ml")
    for who in ("ann", "bob"):
        await w.as_(who).do(models.GetModel(name(SOURCE)))
    for number in range(4):
        new = f"{NEW}{number}"
        copies = await asyncio.gather(
            *(w.as_(who).do(CopyVersion(name(SOURCE), 1, name(new))) for who in ("ann", "bob", "ann"))
        )
        assert sorted(copy.version for copy in copies) == [1, 2, 3]
        page = await w.as_("admin").do(versions.ListVersions(name(new)))
        assert len(page.items) == 3


async def test_a_copy_of_a_pointer_names_its_origin_and_keeps_its_location(w: World) -> None:
    await built(w)
    await w.model("dev.ml.bare", owner="ann")
    await w.as_("ann").do(RegisterVersion(name=name("dev.ml.bare"), source="s3://elsewhere/m"))
    copy: ModelVersion = await w.as_("ann").do(CopyVersion(name("dev.ml.bare"), 1, name(NEW)))
    assert (copy.source, copy.location) == ("models:/dev.ml.bare/1", "s3://elsewhere/m")
    again: ModelVersion = await w.as_("ann").do(CopyVersion(name(NEW), 1, name("prod.ml.again")))
    assert (again.source, again.location) == (f"models:/{NEW}/1", "s3://elsewhere/m")
    # The location outlives the origin.
    await w.as_("ann").do(models.DeleteModel(name("dev.ml.bare")))
    await w.as_("ann").do(models.DeleteModel(name(NEW)))
    left: ModelVersion = await w.as_("ann").do(versions.GetVersion(name("prod.ml.again"), 1))
    assert left.location == "s3://elsewhere/m"


async def test_explain_knows_the_destination_that_is_there(w: World) -> None:
    await built(w)
    await w.as_("ann").do(CopyVersion(name(SOURCE), 1, name(NEW)))
    result: Explanation = await w.as_("admin").do(Explain(name(NEW), "copy_version", "ann", "destination"))
    assert result.allowed
