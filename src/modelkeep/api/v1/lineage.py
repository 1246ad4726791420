"""The graph around a table, version or dataset, as pages and scripts read it."""

from typing import Any, Literal, TypedDict

import msgspec

from modelkeep.core.operations.lineage import graph as core
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import BESIDE_CATALOGS, RULES, Kind
from modelkeep.domain.lineage import MODEL_VERSION, Node, Outside
from modelkeep.domain.names import METASTORE, parse_full_name, parse_version
from modelkeep.http.routing import Route

PATH = "/api/modelkeep/v1/lineage/graph"
NodeType = Literal["TABLE", "VOLUME", "FUNCTION", "MODEL_VERSION", "EXTERNAL_METADATA", "PATH", "DATASET"]


class GraphQuery(msgspec.Struct, frozen=True):
    type: NodeType
    name: str
    """Of a version `catalog.schema.model/number`, of a dataset `namespace/name`"""
    direction: Literal["UPSTREAM", "DOWNSTREAM", "BOTH"] = "BOTH"
    depth: int = 1


class V1GraphNode(TypedDict):
    id: str
    type: str
    name: str
    deleted: bool
    hidden: bool


class V1GraphEdge(TypedDict):
    source: str
    target: str
    context: str
    source_version: str
    columns: list[dict[str, str]]
    properties: dict[str, str]
    created_at: int
    created_by: str
    of_version: bool


class V1Graph(TypedDict):
    nodes: list[V1GraphNode]
    edges: list[V1GraphEdge]
    truncated: bool


def node(type: str, name: str) -> Node:
    """Raises BadName, InvalidArgument."""
    if not name:
        raise InvalidArgument("name is empty. Write the full name of the table, version or dataset.")
    if type in Outside.__members__:
        return Node(outside=Outside(type), text=name)
    if type == MODEL_VERSION:
        model, _, version = name.rpartition("/")
        return Node(parse_full_name(model, Kind.MODEL), parse_version(version))
    kind = Kind(type)
    if kind in BESIDE_CATALOGS:
        return Node(METASTORE.child(name, kind))
    assert RULES[kind].depth == 3
    return Node(parse_full_name(name, kind))


def read_graph(f: GraphQuery) -> core.ReadGraph:
    return core.ReadGraph(
        node=node(f.type, f.name),
        upstream=f.direction != "DOWNSTREAM",
        downstream=f.direction != "UPSTREAM",
        depth=f.depth,
    )


def _graph(result: core.LineageGraph, _: Any) -> V1Graph:
    return {
        "nodes": [
            {"id": n.id, "type": n.type, "name": n.name, "deleted": n.deleted, "hidden": n.hidden} for n in result.nodes
        ],
        "edges": [
            {
                "source": e.source,
                "target": e.target,
                "context": e.context,
                "source_version": e.source_version,
                "columns": msgspec.json.decode(e.columns, type=list[dict[str, str]]),
                "properties": msgspec.json.decode(e.properties, type=dict[str, str]),
                "created_at": e.created_at,
                "created_by": e.created_by,
                "of_version": e.of_version,
            }
            for e in result.edges
        ],
        "truncated": result.truncated,
    }


def routes() -> list[Route]:
    return [Route("GET", PATH, GraphQuery, read_graph, _graph)]
