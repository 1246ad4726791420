"""Lineage between any two things: who may record it, and what is left of it after renames and deletions."""

from typing import Any

import pytest
from world import World, name

from modelkeep import limits
from modelkeep.core.operations.catalog import objects, tables
from modelkeep.core.operations.lineage import external_metadata, graph, links
from modelkeep.core.operations.lineage.run_events import Dataset, RecordRunEvent, RunEventCounts
from modelkeep.core.operations.models import lineage, models
from modelkeep.domain.errors import AlreadyExists, InvalidArgument, LimitExceeded, NotFound, PermissionDenied
from modelkeep.domain.kinds import Kind
from modelkeep.domain.lineage import Node, Outside, outside_key
from modelkeep.domain.names import FullName

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio
BOARD = FullName(("board",), Kind.EXTERNAL_METADATA)
USE = "USE_CATALOG@prod+USE_SCHEMA@prod.ml"
M = "prod.ml.churn"


def table(text: str) -> FullName:
    return FullName(tuple(text.split(".")), Kind.TABLE)


def topic(text: str) -> Node:
    return Node(outside=Outside.DATASET, text=f"kafka://k/{text}")


async def house(w: World) -> None:
    """Tables raw and features of keeper's, who may do everything in prod.ml, with the model churn and the metadata `board`."""
    await w.schema("prod.ml")
    await w.grant("keeper", f"{USE}+CREATE_TABLE@prod.ml+CREATE_MODEL@prod.ml")
    await w.grant("keeper", "CREATE_EXTERNAL_METADATA")
    keeper = w.as_("keeper")
    for text in ("raw", "features"):
        await keeper.do(
            tables.CreateTable(table(f"prod.ml.{text}"), tables.Definition("EXTERNAL", "DELTA", f"s3://lake/{text}"))
        )
    fields = external_metadata.Description("TABLEAU", "dashboard")
    await keeper.do(external_metadata.CreateExternalMetadata(BOARD, fields))


def names(result: graph.LineageGraph) -> set[str]:
    return {("*" if node.deleted else "") + (node.name or "?") for node in result.nodes}


async def around(w: World, who: str, node: Node, depth: int = 5) -> graph.LineageGraph:
    return await w.as_(who).do(graph.ReadGraph(node=node, depth=depth))


async def test_a_graph_goes_over_several_steps_and_follows_a_rename(w: World) -> None:
    await house(w)
    keeper = w.as_("keeper")
    await keeper.do(models.CreateModel(name(M)))
    await w.version(M, by="keeper", upstream=(lineage.Entity("TABLE", "prod.ml.features", context="training"),))
    await keeper.do(
        links.RecordLink(source=topic("clicks"), target=Node(table("prod.ml.raw"))),
        links.RecordLink(source=Node(table("prod.ml.raw")), target=Node(table("prod.ml.features"))),
        links.RecordLink(source=Node(name(M), 1), target=Node(BOARD)),
    )
    await keeper.do(objects.RenameObject(table("prod.ml.features"), table("prod.ml.inputs")))
    everything = {"kafka://k/clicks", "prod.ml.raw", "prod.ml.inputs", f"{M}/1", "board"}
    for node in (Node(BOARD), Node(name(M), 1), Node(table("prod.ml.inputs")), topic("clicks")):
        assert names(await around(w, "keeper", node)) == everything
    near = await around(w, "keeper", Node(table("prod.ml.inputs")), depth=1)
    assert names(near) == {"prod.ml.raw", "prod.ml.inputs", f"{M}/1"}
    assert {edge.context for edge in near.edges} == {"", "training"}


async def test_what_a_caller_may_not_know_of_has_no_name_and_ends_the_walk(w: World) -> None:
    await house(w)
    await w.as_("keeper").do(
        links.RecordLink(source=topic("clicks"), target=Node(table("prod.ml.raw"))),
        links.RecordLink(source=Node(table("prod.ml.raw")), target=Node(BOARD), properties={"secret": "x"}),
    )
    result = await around(w, "stranger", Node(BOARD))
    assert names(result) == {"board", "?"}
    assert [(edge.properties, edge.created_by) for edge in result.edges] == [("{}", "")]
    page = await w.as_("stranger").do(links.ListLineageLinks(node=Node(BOARD), upstream=True))
    assert page.items == ()
    await w.grant("stranger", f"SELECT@prod.ml.raw!TABLE+{USE}")
    assert names(await around(w, "stranger", Node(BOARD))) == {"board", "prod.ml.raw", "kafka://k/clicks"}


async def test_a_deleted_table_leaves_a_tombstone_to_who_recorded_it(w: World) -> None:
    await house(w)
    await w.grant("ann", f"SELECT@prod.ml.raw!TABLE+{USE}")
    await w.grant("ann", "MODIFY@board!EXTERNAL_METADATA")
    await w.as_("keeper").do(links.RecordLink(source=Node(table("prod.ml.features")), target=Node(BOARD)))
    await w.as_("ann").do(links.RecordLink(source=Node(table("prod.ml.raw")), target=Node(BOARD)))
    await w.as_("keeper").do(objects.DeleteObject(table("prod.ml.raw")))
    assert names(await around(w, "ann", Node(BOARD))) == {"board", "*prod.ml.raw", "?"}
    assert names(await around(w, "keeper", Node(BOARD))) == {"board", "?", "prod.ml.features"}
    definition = tables.Definition("EXTERNAL", "DELTA", "s3://lake/again")
    await w.as_("keeper").do(tables.CreateTable(table("prod.ml.raw"), definition))
    assert names(await around(w, "keeper", Node(table("prod.ml.raw")))) == {"prod.ml.raw"}  # another table


async def test_a_version_shows_its_sources_to_its_readers_whether_or_not_they_are_tables_here(w: World) -> None:
    await house(w)
    await w.as_("keeper").do(models.CreateModel(name(M)))
    upstream = (lineage.Entity("TABLE", "prod.ml.raw"), lineage.Entity("TABLE", "other.x.t"))
    await w.version(M, by="keeper", upstream=upstream)
    await w.grant("ann", f"EXECUTE@{M}+{USE}")
    before = await around(w, "ann", Node(name(M), 1))
    await w.as_("keeper").do(objects.DeleteObject(table("prod.ml.raw")))
    assert names(await around(w, "ann", Node(name(M), 1))) == names(before) == {f"{M}/1", "prod.ml.raw", "other.x.t"}
    assert "*prod.ml.raw" in names(await around(w, "keeper", Node(name(M), 1)))


@pytest.mark.parametrize(
    ("holds", "target"),
    [
        ("SELECT@prod.ml.features!TABLE", Node(table("prod.ml.features"))),
        ("EXECUTE@prod.ml.churn", Node(name(M), 1)),
        ("BROWSE@board!EXTERNAL_METADATA", Node(BOARD)),
        ("READ_FILES@lake!EXTERNAL_LOCATION", Node(outside=Outside.PATH, text="file:///lake/x")),
    ],
)
async def test_an_edge_into_something_needs_what_writing_it_needs(w: World, holds: str, target: Node) -> None:
    from modelkeep.core.operations.tables.external_locations import CreateExternalLocation

    await house(w)
    await w.as_("keeper").do(models.CreateModel(name(M)))
    await w.version(M, by="keeper")
    await w.own("", "admin")
    lake = FullName(("lake",), Kind.EXTERNAL_LOCATION)
    await w.as_("admin").do(CreateExternalLocation(name=lake, url="file:///lake"))
    await w.grant("ann", f"{holds}+{USE}")
    for request in (
        links.RecordLink(source=topic("t"), target=target),
        links.UpdateLink(source=topic("t"), target=target),
        links.RemoveLink(source=topic("t"), target=target),
    ):
        with pytest.raises(PermissionDenied):
            await w.as_("ann").do(request)
    writes = {"SELECT": "MODIFY", "EXECUTE": "CREATE_MODEL_VERSION", "BROWSE": "MODIFY", "READ_FILES": "WRITE_FILES"}
    privilege, at, securable = holds.partition("@")
    await w.grant("ann", f"{writes[privilege]}{at}{securable}")
    await w.as_("ann").do(links.RecordLink(source=topic("t"), target=target))
    with pytest.raises(AlreadyExists, match="recorded already"):
        await w.as_("ann").do(links.RecordLink(source=topic("t"), target=target))
    changed = await w.as_("ann").do(links.UpdateLink(source=topic("t"), target=target, properties={"a": "b"}))
    assert changed.properties == '{"a":"b"}'
    await w.as_("ann").do(links.RemoveLink(source=topic("t"), target=target))
    with pytest.raises(NotFound, match="No lineage from"):
        await w.as_("ann").do(links.RemoveLink(source=topic("t"), target=target))


async def test_a_source_must_be_known(w: World) -> None:
    await house(w)
    await w.grant("ann", "MODIFY@board!EXTERNAL_METADATA")
    for source in (Node(table("prod.ml.raw")), Node(table("no.such.table")), Node(name(M), 1)):
        with pytest.raises((PermissionDenied, NotFound)):
            await w.as_("ann").do(links.RecordLink(source=source, target=Node(BOARD)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"columns": ("c",) * (limits.EXTERNAL_METADATA_COLUMNS + 1)}, "columns are kept"),
        ({"columns": ("c" * 256,)}, "columns are kept"),
        ({"entity_type": ""}, "entity_type has 1 to 255"),
        ({"entity_type": "e" * 256}, "entity_type has 1 to 255"),
        ({"url": "u" * 2_001}, "url has at most"),
        ({"properties": {str(n): "" for n in range(limits.LINEAGE_PROPERTIES + 1)}}, "properties are kept"),
    ],
)
async def test_metadata_that_is_too_large_is_neither_created_nor_put_in(
    w: World, fields: dict[str, Any], words: str
) -> None:
    await house(w)
    description = external_metadata.Description(**{"system_type": "KAFKA", "entity_type": "topic", **fields})
    new = FullName(("new",), Kind.EXTERNAL_METADATA)
    with pytest.raises(InvalidArgument, match=words):
        await w.as_("keeper").do(external_metadata.CreateExternalMetadata(new, description))
    with pytest.raises(InvalidArgument, match=words):
        await w.as_("keeper").do(external_metadata.UpdateExternalMetadata(name=BOARD, **fields))


# --- run events ------------------------------------------------------------------------------------------------------


async def tell(w: World, who: str, *ends: tuple[Dataset, ...]) -> RunEventCounts:
    return await w.as_(who).do(RecordRunEvent("spark/etl", *ends))


def ours(text: str, namespace: str = "unitycatalog://host") -> Dataset:
    return Dataset(namespace, text)


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (ours("prod.ml.raw"), "prod.ml.raw"),
        (ours("PROD.ML.Raw", "databricks://x"), "prod.ml.raw"),
        (ours("`prod`.`ml`.`raw`"), "prod.ml.raw"),
        (Dataset("s3://lake", "raw"), "prod.ml.raw"),
        (Dataset("s3://lake", "/raw/"), "prod.ml.raw"),
        (Dataset("s3://elsewhere", "x", ("prod.ml.raw",)), "prod.ml.raw"),
        (Dataset("postgres://db", "prod.ml.raw"), "postgres://db/prod.ml.raw"),
        (Dataset("s3://lake", "raw/part"), "s3://lake/raw/part"),
        (ours("prod.ml.missing"), "unitycatalog://host/prod.ml.missing"),
        (ours("ml.raw"), "unitycatalog://host/ml.raw"),
        (Dataset("modelkeep", "models:/prod.ml.churn/9"), "modelkeep/models:/prod.ml.churn/9"),
        (Dataset("", "?"), "/?"),
    ],
)
async def test_a_dataset_is_the_table_of_its_name_or_folder_or_a_thing_of_its_own(
    w: World, dataset: Dataset, expected: str
) -> None:
    await house(w)
    assert await tell(w, "keeper", (dataset,), (ours("prod.ml.features"),)) == RunEventCounts(1, 0)
    assert names(await around(w, "keeper", Node(table("prod.ml.features")))) == {expected, "prod.ml.features"}


async def test_a_version_is_a_dataset_too(w: World) -> None:
    await house(w)
    await w.as_("keeper").do(models.CreateModel(name(M)))
    await w.version(M, by="keeper")
    version = Dataset("modelkeep", f"models:/{M}/1")
    assert await tell(w, "keeper", (version,), (Dataset("kafka://k", "scores"),)) == RunEventCounts(1, 0)
    assert names(await around(w, "keeper", Node(name(M), 1))) == {f"{M}/1", "kafka://k/scores"}


async def test_an_output_without_right_is_dropped_and_the_rest_is_kept(w: World) -> None:
    await house(w)
    await w.grant("ann", f"SELECT@prod.ml.raw!TABLE+MODIFY@prod.ml.features!TABLE+{USE}")
    outputs = (ours("prod.ml.raw"), ours("prod.ml.features"), Dataset("kafka://k", "t"))
    assert await tell(w, "ann", (Dataset("x", "y"),), outputs) == RunEventCounts(2, 1)
    assert names(await around(w, "keeper", Node(table("prod.ml.raw")))) == {"prod.ml.raw"}
    # What the caller may not know of is as unknown as what is not there: kept by its name alone.
    assert await tell(w, "stranger", (Dataset("x", "y"),), (ours("prod.ml.raw"),)) == RunEventCounts(1, 0)
    assert await tell(w, "stranger", (Dataset("x", "y"),), (ours("prod.ml.none"),)) == RunEventCounts(1, 0)
    assert names(await around(w, "keeper", Node(table("prod.ml.raw")))) == {"prod.ml.raw"}


async def test_an_event_twice_is_one_edge(w: World) -> None:
    await house(w)
    for _ in range(3):
        await tell(w, "keeper", (ours("prod.ml.raw"), ours("prod.ml.features")), (ours("prod.ml.features"),))
    result = await around(w, "keeper", Node(table("prod.ml.features")))
    assert [(edge.context, edge.created_by) for edge in result.edges] == [("spark/etl", "keeper")]


# --- bounds ----------------------------------------------------------------------------------------------------------


async def test_amounts_are_bounded(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await house(w)
    many = tuple(Dataset("x", str(number)) for number in range(limits.RUN_EVENT_DATASETS + 1))
    with pytest.raises(InvalidArgument, match=f"at most {limits.RUN_EVENT_DATASETS} of each"):
        await tell(w, "keeper", many, ())
    with pytest.raises(InvalidArgument, match=f"at most {limits.RUN_EVENT_EDGES} are kept"):
        await tell(w, "keeper", many[:40], many[41:70])
    for depth in (0, limits.LINEAGE_DEPTH + 1):
        with pytest.raises(InvalidArgument, match=f"1 to {limits.LINEAGE_DEPTH} steps"):
            await around(w, "keeper", Node(BOARD), depth)
    record = links.RecordLink(source=topic("t"), target=Node(BOARD))
    for changes, words in (
        ({"columns": (links.ColumnLink("a", "b"),) * (limits.LINEAGE_COLUMNS + 1)}, "at most 1000"),
        ({"columns": (links.ColumnLink("a" * 256, "b"),)}, "at most 255"),
        ({"properties": {str(n): "" for n in range(limits.LINEAGE_PROPERTIES + 1)}}, "at most 50"),
        ({"properties": {"a": "b" * 1_001}}, "at most 1000"),
        ({"target": topic("t")}, "the same"),
        ({"target": Node(outside=Outside.PATH, text="")}, "path is empty"),
        ({"target": Node(FullName(("prod",)))}, "Lineage leads into"),
    ):
        fields: dict[str, Any] = {"source": record.source, "target": record.target, **changes}
        with pytest.raises(InvalidArgument, match=words):
            await w.as_("keeper").do(links.RecordLink(**fields))
    monkeypatch.setattr(links, "LINEAGE_LINKS_PER_AUTHOR", 1)
    await w.as_("keeper").do(record)
    with pytest.raises(LimitExceeded, match="can record no more"):
        await w.as_("keeper").do(links.RecordLink(source=topic("u"), target=Node(BOARD)))
    assert await tell(w, "keeper", (), ()) == RunEventCounts(0, 0)


async def test_a_graph_that_is_too_large_says_so(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await house(w)
    for number in range(6):
        await w.as_("keeper").do(links.RecordLink(source=topic(str(number)), target=Node(BOARD)))
    assert not (await around(w, "keeper", Node(BOARD))).truncated
    monkeypatch.setattr(graph, "LINEAGE_NODES", 4)
    result = await around(
        w, "keeper", Node(BOARD), depth=4
    )  # another question than the one whose answer may be remembered
    assert result.truncated and len(result.nodes) == 4 and len(result.edges) == 3
    monkeypatch.setattr(graph, "LINEAGE_NODES", limits.LINEAGE_NODES)
    monkeypatch.setattr(graph, "LINEAGE_EDGES_OF_NODE", 5)
    result = await around(w, "keeper", Node(BOARD), depth=3)
    assert result.truncated and len(result.nodes) == 6


async def test_links_come_in_pages(w: World) -> None:
    await house(w)
    for number in range(5):
        await w.as_("keeper").do(links.RecordLink(source=topic(str(number)), target=Node(BOARD)))
    seen, token = list[str](), ""
    while True:
        page = await w.as_("keeper").do(
            links.ListLineageLinks(node=Node(BOARD), upstream=True, max_results=2, page_token=token)
        )
        seen += [link.source.name for link in page.items]
        if not (token := page.next_token):
            break
    assert seen == [f"kafka://k/{number}" for number in range(5)]


@pytest.mark.parametrize("length", [1, 195, 200, 5_000])
def test_keys_are_short_and_tell_names_apart(length: int) -> None:
    keys = {outside_key("PATH", "x" * length), outside_key("DATASET", "x" * length), outside_key("PATH", "y" * length)}
    assert len(keys) == 3 and all(len(key) <= 200 for key in keys)
