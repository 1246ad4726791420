"""Tables as metadata: what the files of a table elsewhere are, so that lineage, grants and tags have something to hang on."""

from typing import Annotated, Literal

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.catalog import objects
from modelkeep.core.operations.models import models
from modelkeep.core.operations.tables import placement
from modelkeep.domain.authorization import decide
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.locations import check_outside
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import FullName, check_comment, check_in_urls, missing
from modelkeep.domain.paging import page_size
from modelkeep.domain.patterns import pattern
from modelkeep.store import securable_lists, securables

Number = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
ColumnType = Literal[
    "BOOLEAN",
    "BYTE",
    "SHORT",
    "INT",
    "LONG",
    "FLOAT",
    "DOUBLE",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP_NTZ",
    "STRING",
    "BINARY",
    "DECIMAL",
    "INTERVAL",
    "ARRAY",
    "STRUCT",
    "MAP",
    "VARIANT",
    "CHAR",
    "NULL",
    "USER_DEFINED_TYPE",
    "TABLE_TYPE",
]
"""Those that every client knows: one unknown word makes unitycatalog-client refuse a whole list."""
Format = Literal["DELTA", "CSV", "JSON", "AVRO", "PARQUET", "ORC", "TEXT"]
"""As above."""


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    type_text: str = ""
    type_json: str = ""
    type_name: ColumnType | None = None
    type_precision: Number | None = None
    type_scale: Number | None = None
    type_interval_type: str | None = None
    position: Number | None = None
    comment: str | None = None
    nullable: bool | None = None
    partition_index: Number | None = None


class Definition(msgspec.Struct, frozen=True):
    """What a table says of itself; nothing of it is ever opened."""

    table_type: str
    data_source_format: Format
    storage_location: str
    columns: tuple[Column, ...] = ()
    properties: dict[str, str] = {}


class CreateTable(msgspec.Struct, frozen=True):
    name: FullName
    definition: Definition
    comment: str = ""


class ChangeTable(msgspec.Struct, frozen=True):
    """What an external table says of itself. None leaves a field as it is."""

    name: FullName
    columns: tuple[Column, ...] | None = None
    properties: dict[str, str] | None = None


class TableExists(msgspec.Struct, frozen=True):
    """Is there a table of this name that the caller may read?"""

    name: FullName


class ListTableSummaries(msgspec.Struct, frozen=True):
    """The tables of a catalog whose schema and name match these patterns of SQL's LIKE ('' matches all)."""

    catalog: FullName
    schema_pattern: str = ""
    table_pattern: str = ""
    max_results: int | None = None
    page_token: str = ""


def definition(table: Securable) -> Definition:
    return msgspec.json.decode(table.spec["definition"], type=Definition)


async def create_table(ctx: WriteCtx, req: CreateTable, schema: Securable) -> Securable:
    """A table by its definition. Raises InvalidArgument."""
    table = req.definition
    if table.table_type != "EXTERNAL":
        raise InvalidArgument(
            f"table_type is {table.table_type[:100]!r}, and no table data are kept here. Register the table as EXTERNAL, with the "
            "storage_location of its files."
        )
    check_outside(table.storage_location, ctx.config.managed)
    check_in_urls(req.name)
    folder = await placement.place(ctx, Kind.TABLE, table.storage_location)
    id = await securables.insert(
        ctx.tx,
        securables.NewSecurable(
            schema,
            req.name,
            ctx.actor.id,
            ctx.actor.name,
            ctx.now,
            check_comment(req.comment),
            {"definition": msgspec.json.encode(table).decode()},
        ),
    )
    await placement.keep(ctx, id, Kind.TABLE, folder)
    ctx.touch(req.name.kind, id, str(req.name))
    return await models.fetch(ctx, req.name)


async def change_table(ctx: WriteCtx, req: ChangeTable, table: Securable) -> Securable:
    """The columns of a managed table follow from its commits. Raises InvalidArgument."""
    await securables.lock(ctx.tx, table)
    current = await securables.by_name(ctx.tx, req.name)
    if current is None:
        raise missing(str(req.name), Kind.TABLE)
    old = definition(current)
    if old.table_type != "EXTERNAL":
        raise InvalidArgument(f"'{req.name}' is a managed table. Its columns and properties change with its commits.")
    new = msgspec.structs.replace(
        old,
        columns=old.columns if req.columns is None else req.columns,
        properties=old.properties if req.properties is None else req.properties,
    )
    ctx.changed("columns", len(old.columns), len(new.columns))
    ctx.changed("properties", sorted(old.properties)[:20], sorted(new.properties)[:20])
    spec = msgspec.json.encode({**current.spec, "definition": msgspec.json.encode(new).decode()}).decode()
    await securables.update(ctx.tx, current, ctx.actor.name, max(ctx.now, current.updated_at + 1), spec=spec)
    return await models.fetch(ctx, req.name)


async def table_exists(ctx: ReadCtx, req: TableExists, schema: Securable) -> bool:
    """False also for a table that the caller may not read: this is no way to learn of it."""
    chain = ctx.chains[req.name.chain_key]
    return len(chain) > len(req.name.parts) and decide(objects.READ, chain).allowed


async def list_table_summaries(ctx: ReadCtx, req: ListTableSummaries, catalog: Securable) -> Page[Securable]:
    """A page is matched after it was read, so it may be short, even empty, and not the last."""
    scope = f"summaries|{catalog.id}|{req.schema_pattern}|{req.table_pattern}|{ctx.actor.id}"
    position = ctx.config.page_tokens.open_name(scope, req.page_token)
    schema, table = (pattern(said.lower() or "%", escape="") for said in (req.schema_pattern, req.table_pattern))
    rows, following = await securable_lists.page_of_objects(
        ctx.tx,
        Kind.TABLE,
        catalog,
        ctx.actor,
        securable_lists.Slice(position, page_size(req.max_results, objects.MAX_PAGE, objects.MAX_PAGE)),
    )
    parts = [(row, row.full_name.split(".")) for row, _ in rows]
    matching = tuple(row for row, (_, s, t) in parts if schema(s) and table(t))
    return Page(matching, ctx.config.page_tokens.seal(scope, following) if following else "")
