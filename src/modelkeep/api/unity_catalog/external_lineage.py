"""External lineage, as databricks-sdk's `w.external_lineage` calls it: one edge at a time, one end of which is external metadata."""

from typing import Any, Literal

import msgspec

from modelkeep.api.model_shapes import model_name, next_page
from modelkeep.api.unity_catalog import lineage_answers as answers
from modelkeep.api.unity_catalog.external_metadata import metadata_name
from modelkeep.core.operations.lineage import links as core
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.lineage import MODEL_VERSION, LineageEnd, LineageLink, Node, Outside
from modelkeep.domain.model import Page
from modelkeep.domain.names import parse_full_name, parse_version
from modelkeep.domain.times import rfc3339
from modelkeep.http.routing import Route

PATH = "/api/2.0/lineage-tracking/external-lineage"
_ONE_OF = "Name one of table, model_version, path and external_metadata."


class LineageNamedEnd(msgspec.Struct, frozen=True):
    name: str


class LineageVersionEnd(msgspec.Struct, frozen=True):
    name: str
    version: str


class LineagePathEnd(msgspec.Struct, frozen=True):
    url: str


class LineageEndFields(msgspec.Struct, frozen=True):
    """One of them."""

    table: LineageNamedEnd | None = None
    model_version: LineageVersionEnd | None = None
    path: LineagePathEnd | None = None
    external_metadata: LineageNamedEnd | None = None


class ColumnPair(msgspec.Struct, frozen=True):
    source: str
    target: str


class CreateRelationship(msgspec.Struct, frozen=True):
    source: LineageEndFields
    target: LineageEndFields
    columns: tuple[ColumnPair, ...] = ()
    properties: dict[str, str] = {}
    id: str = ""
    """Of no effect: the server makes it"""


class UpdateRelationship(msgspec.Struct, frozen=True):
    source: LineageEndFields
    target: LineageEndFields
    update_mask: str
    columns: tuple[ColumnPair, ...] = ()
    properties: dict[str, str] = {}
    id: str = ""


class DeleteRelationship(msgspec.Struct, frozen=True):
    """A query, in which databricks-sdk joins the names of nested fields with periods."""

    source_table: str = msgspec.field(default="", name="external_lineage_relationship.source.table.name")
    source_model: str = msgspec.field(default="", name="external_lineage_relationship.source.model_version.name")
    source_version: str = msgspec.field(default="", name="external_lineage_relationship.source.model_version.version")
    source_path: str = msgspec.field(default="", name="external_lineage_relationship.source.path.url")
    source_metadata: str = msgspec.field(default="", name="external_lineage_relationship.source.external_metadata.name")
    target_table: str = msgspec.field(default="", name="external_lineage_relationship.target.table.name")
    target_model: str = msgspec.field(default="", name="external_lineage_relationship.target.model_version.name")
    target_version: str = msgspec.field(default="", name="external_lineage_relationship.target.model_version.version")
    target_path: str = msgspec.field(default="", name="external_lineage_relationship.target.path.url")
    target_metadata: str = msgspec.field(default="", name="external_lineage_relationship.target.external_metadata.name")
    id: str = msgspec.field(default="", name="external_lineage_relationship.id")


class ListRelationships(msgspec.Struct, frozen=True):
    lineage_direction: Literal["UPSTREAM", "DOWNSTREAM"]
    table: str = msgspec.field(default="", name="object_info.table.name")
    model: str = msgspec.field(default="", name="object_info.model_version.name")
    version: str = msgspec.field(default="", name="object_info.model_version.version")
    path: str = msgspec.field(default="", name="object_info.path.url")
    metadata: str = msgspec.field(default="", name="object_info.external_metadata.name")
    page_size: int | None = None
    page_token: str = ""


def _node(table: str, model: str, version: str, path: str, metadata: str) -> Node:
    """Raises InvalidArgument unless it is one of them."""
    if sum(map(bool, (table, model, path, metadata))) != 1:
        raise InvalidArgument(_ONE_OF)
    if table:
        return Node(parse_full_name(table, Kind.TABLE))
    if model:
        return Node(model_name(model), parse_version(version))
    if path:
        return Node(outside=Outside.PATH, text=path)
    return Node(metadata_name(metadata))


def _object(x: LineageEndFields) -> Node:
    model, version = (x.model_version.name, x.model_version.version) if x.model_version else ("", "")
    return _node(
        x.table.name if x.table else "",
        model,
        version,
        x.path.url if x.path else "",
        x.external_metadata.name if x.external_metadata else "",
    )


def _ends(source: Node, target: Node) -> dict[str, Node]:
    if not any(node.name is not None and node.name.kind is Kind.EXTERNAL_METADATA for node in (source, target)):
        raise InvalidArgument(
            "External lineage has external metadata at one end. Create that first, then name it here."
        )
    return {"source": source, "target": target}


def _columns(pairs: tuple[ColumnPair, ...]) -> tuple[core.ColumnLink, ...]:
    return tuple(core.ColumnLink(pair.source, pair.target) for pair in pairs)


def _create(f: CreateRelationship) -> core.RecordLink:
    ends = _ends(_object(f.source), _object(f.target))
    return core.RecordLink(**ends, columns=_columns(f.columns), properties=f.properties)


def _update(f: UpdateRelationship) -> core.UpdateLink:
    chosen = {"columns", "properties"} if f.update_mask == "*" else {part.strip() for part in f.update_mask.split(",")}
    if not chosen <= {"columns", "properties", "source", "target", "id"} or not chosen & {"columns", "properties"}:
        raise InvalidArgument(
            f"update_mask is {f.update_mask[:100]!r}; columns and properties of a relationship can change."
        )
    ends = _ends(_object(f.source), _object(f.target))
    return core.UpdateLink(
        **ends,
        columns=_columns(f.columns) if "columns" in chosen else None,
        properties=f.properties if "properties" in chosen else None,
    )


def _delete(f: DeleteRelationship) -> core.RemoveLink:
    source = _node(f.source_table, f.source_model, f.source_version, f.source_path, f.source_metadata)
    target = _node(f.target_table, f.target_model, f.target_version, f.target_path, f.target_metadata)
    return core.RemoveLink(**_ends(source, target))


def _list(f: ListRelationships) -> core.ListLineageLinks:
    return core.ListLineageLinks(
        node=_node(f.table, f.model, f.version, f.path, f.metadata),
        upstream=f.lineage_direction == "UPSTREAM",
        max_results=f.page_size,
        page_token=f.page_token,
    )


def _end(end: LineageEnd) -> answers.LineageObject:
    if end.kind == MODEL_VERSION:
        model, _, version = end.name.rpartition("/")
        return {"model_version": {"name": model, "version": version}}
    if end.kind == Kind.EXTERNAL_METADATA:
        return {"external_metadata": {"name": end.name}}
    return {"table": {"name": end.name}} if end.kind == Kind.TABLE else {"path": {"url": end.name}}


def _relationship(link: LineageLink, _: Any = None) -> answers.LineageRelationship:
    answer: answers.LineageRelationship = {"id": link.id, "source": _end(link.source), "target": _end(link.target)}
    if columns := msgspec.json.decode(link.columns, type=list[answers.ColumnRelationship]):
        answer["columns"] = columns
    if properties := msgspec.json.decode(link.properties, type=dict[str, str]):
        answer["properties"] = properties
    return answer


def _info(link: LineageLink, *, upstream: bool) -> answers.LineageInfo:
    answer: answers.LineageInfo = {"external_lineage_info": _relationship(link)}
    end, at = core.other(link, upstream=upstream), rfc3339(link.created_at)
    if end.kind == Kind.TABLE:
        catalog, schema, name = end.name.split(".")
        answer["table_info"] = {"catalog_name": catalog, "schema_name": schema, "name": name, "event_time": at}
    elif end.kind == MODEL_VERSION:
        model, _, version = end.name.rpartition("/")
        answer["model_info"] = {"model_name": model, "version": int(version), "event_time": at}
    elif end.kind == Kind.EXTERNAL_METADATA:
        answer["external_metadata_info"] = {"name": end.name, "event_time": at}
    else:
        answer["file_info"] = {"path": end.name, "event_time": at}
    return answer


def _page(result: Page[LineageLink], f: ListRelationships) -> answers.LineagePage:
    upstream = f.lineage_direction == "UPSTREAM"
    links = [_info(link, upstream=upstream) for link in result.items]
    return {"external_lineage_relationships": links, **next_page(result.next_token)}


def routes() -> list[Route]:
    return [
        Route("POST", PATH, CreateRelationship, _create, _relationship),
        Route("GET", PATH, ListRelationships, _list, _page),
        Route("PATCH", PATH, UpdateRelationship, _update, _relationship),
        Route("DELETE", PATH, DeleteRelationship, _delete),
    ]
