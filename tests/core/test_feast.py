"""What Feast's MLflow integration writes on a run becomes the version's lineage, and its version tag is taken."""

from typing import Any

import msgspec
import pytest
from world import World, chunks, name

from modelkeep.core.operation import SourceDataset, SourceOrigin, SourceRun
from modelkeep.core.operations.files.files import WriteFile
from modelkeep.core.operations.models import lineage, models, versions
from modelkeep.core.operations.models.feast_features import FILE
from modelkeep.core.operations.models.lineage import FindConsumers, GetLineage
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.names import check_platform_tag
from modelkeep.domain.paths import ArtifactPath
from modelkeep.limits import FEAST_FEATURES_BYTES, LINEAGE_EDGES_PER_CALL

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio
M = "prod.ml.churn"
TAGS = {
    "feast.project": "shop",
    "feast.feature_service": "churn_v1",
    "feast.feature_views": "orders, visits",
    "feast.feature_refs": "orders:count,orders:total,visits:days",
    "feast.entity_count": "12",
}


def edges(**tags: str) -> set[tuple[str, str, str]]:
    run = SourceRun("7", (), (), feast=tuple((f"feast.{key}", value) for key, value in tags.items()))
    return {(entity.type, entity.name, entity.context) for entity in lineage.of_run(run)}


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"feature_service": "s"}, {("FEATURE_SERVICE", "s", "feature")}),
        ({"project": "p", "feature_service": "s"}, {("FEATURE_SERVICE", "p/s", "feature")}),
        ({"feature_views": "a,b"}, {("FEATURE_VIEW", "a", "feature"), ("FEATURE_VIEW", "b", "feature")}),
        ({"feature_refs": "a:x,a:y,b:z"}, {("FEATURE_VIEW", "a", "x, y"), ("FEATURE_VIEW", "b", "z")}),
        # Unreadable parts are left out.
        # Feast cuts a long list in the middle of a word.
        ({"feature_refs": "a:x,b:...", "feature_views": "a,bb..."}, {("FEATURE_VIEW", "a", "x")}),
        ({"feature_refs": ":x,a:,,b", "feature_views": " , ", "feature_service": "  ", "project": "p"}, set()),
        ({}, set()),
    ],
)
def test_tags_become_feature_services_and_views(tags: dict[str, str], expected: set[tuple[str, str, str]]) -> None:
    assert edges(**tags) == expected


@pytest.mark.parametrize("key", ["feast.feature_service", "feast.project", "feast.x"])
def test_its_tags_are_taken_and_no_others_with_a_period(key: str) -> None:
    check_platform_tag(key, "v")
    for bad in (key.replace("feast.", "beast."), f"x{key}", key.replace(".", "", 1) + "."):
        with pytest.raises(InvalidArgument, match="must not contain"):
            check_platform_tag(bad, "v")


class Tracking:
    """A workspace with one run of alice's, whose features came from Feast and which read very many tables."""

    def __init__(self, tables: int) -> None:
        inputs = [
            SourceDataset("d", "delta_table", f'{{"delta_table_name": "raw.t.n{i}"}}', "training")
            for i in range(tables)
        ]
        self.run = SourceRun("7", (), (), tuple(inputs), "r", feast=tuple(TAGS.items()))

    async def source_run(self, actor: Any, run_id: str) -> SourceRun | None:
        return self.run if actor.name == "alice" and run_id == "r" else None

    async def source_logged_model(self, actor: Any, model_id: str) -> SourceRun | None:
        return SourceRun("7", (), (), source_run_id="r") if actor.name == "alice" and model_id == "m-1" else None

    async def may(self, actor: Any, kind: str, id: str, *, write: bool) -> None:
        raise NotFound("no")

    async def places(self, actor: Any, origin: SourceOrigin) -> tuple[SourceOrigin, ...]:
        raise NotFound("no")


async def upstream(w: World, version: int) -> set[tuple[str, str]]:
    page = await w.as_("alice").do(GetLineage(name(M), version))
    return {(edge.entity_type, edge.entity_name) for edge in page.items if edge.direction == "UPSTREAM"}


async def test_a_version_came_from_its_features_for_who_may_read_the_run(lite: World) -> None:
    usage = "USE_CATALOG@prod+USE_SCHEMA@prod.ml"
    await lite.model(M, owner="alice", alice=usage, eve=f"CREATE_MODEL_VERSION+{usage}")
    lite.engine.services = msgspec.structs.replace(lite.engine.services, tracking=Tracking(0))
    features = {("FEATURE_SERVICE", "shop/churn_v1"), ("FEATURE_VIEW", "shop/orders"), ("FEATURE_VIEW", "shop/visits")}
    for fields in ({"run_id": "r"}, {"logged_model_id": "m-1"}):
        version = await lite.as_("alice").do(versions.CreateVersion(name=name(M), **fields))
        assert await upstream(lite, version.version) == features
    unseen = await lite.as_("eve").do(versions.CreateVersion(name=name(M), run_id="r"))
    assert await upstream(lite, unseen.version) == set()
    await lite.as_("alice").do(models.ChangeTags(name(M), 1, {"feast.feature_service": "churn_v1"}))
    consumers = await lite.as_("alice").do(FindConsumers("FEATURE_SERVICE", "shop/churn_v1"))
    assert {edge.version for edge in consumers.items} == {1, 2}


async def test_no_run_has_too_many_sources_to_be_registered(lite: World) -> None:
    await lite.model(M, owner="alice", alice="USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    tracking = Tracking(LINEAGE_EDGES_PER_CALL + 5)
    lite.engine.services = msgspec.structs.replace(lite.engine.services, tracking=tracking)
    version = await lite.as_("alice").do(versions.CreateVersion(name=name(M), run_id="r"))
    assert len(await upstream(lite, version.version)) > 50


async def put_run_file(w: World, data: bytes) -> None:
    """Into the root of run r, as Feast's client does."""
    request = WriteFile(path=ArtifactPath.parse(FILE), kind="run", id="r")
    await w.engine.execute(await w.actor("alice"), request, body=chunks(data))


class Writable(Tracking):
    async def may(self, actor: Any, kind: str, id: str, *, write: bool) -> None:
        assert (actor.name, kind, id) == ("alice", "run", "r")


@pytest.mark.parametrize(
    ("data", "views"),
    [
        (b'["orders:count","extra:x","extra:y"]', {"shop/orders", "shop/visits", "shop/extra"}),
        (b'["extra:x", ":", "b", "c:", "d:...", "e:z..."]', {"shop/orders", "shop/visits", "shop/extra"}),
        (b'["a\\u0000b:x", "\\ud800:x"]', {"shop/orders", "shop/visits"}),
        (b"[" * 5_000, {"shop/orders", "shop/visits"}),
        (b'{"extra:x": 1}', {"shop/orders", "shop/visits"}),
        (b"", {"shop/orders", "shop/visits"}),
        (b'["extra:x", 5]', {"shop/orders", "shop/visits"}),
        (b"\xff", {"shop/orders", "shop/visits"}),
        (b'["' + b"x" * FEAST_FEATURES_BYTES + b':y"]', {"shop/orders", "shop/visits"}),
    ],
)
async def test_its_file_of_features_is_read_if_it_is_one(lite: World, data: bytes, views: set[str]) -> None:
    await lite.model(M, owner="alice", alice="USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    lite.engine.services = msgspec.structs.replace(lite.engine.services, tracking=Writable(0))
    await put_run_file(lite, data)
    version = await lite.as_("alice").do(versions.CreateVersion(name=name(M), run_id="r"))
    assert {entity for kind, entity in await upstream(lite, version.version) if kind == "FEATURE_VIEW"} == views
