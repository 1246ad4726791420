"""Edges between any two things, one by one: recorded, changed, removed and listed."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.lineage import nodes
from modelkeep.domain.errors import AlreadyExists, InvalidArgument, LimitExceeded, NotFound
from modelkeep.domain.lineage import LineageEnd, LineageLink, Node
from modelkeep.domain.model import Page
from modelkeep.domain.paging import page_size
from modelkeep.limits import LINEAGE_COLUMNS, LINEAGE_EDGES_PER_PAGE, LINEAGE_LINKS_PER_AUTHOR, LINEAGE_PROPERTIES
from modelkeep.store import lineage_links as rows
from modelkeep.store.db import new_id


class ColumnLink(msgspec.Struct, frozen=True):
    """A column of the target that came from one of the source."""

    source: str
    target: str


class RecordLink(msgspec.Struct, frozen=True, kw_only=True):
    source: Node
    target: Node
    columns: tuple[ColumnLink, ...] = ()
    properties: dict[str, str] = {}


class UpdateLink(msgspec.Struct, frozen=True, kw_only=True):
    """None leaves a field as it is."""

    source: Node
    target: Node
    columns: tuple[ColumnLink, ...] | None = None
    properties: dict[str, str] | None = None


class RemoveLink(msgspec.Struct, frozen=True, kw_only=True):
    source: Node
    target: Node


class ListLineageLinks(msgspec.Struct, frozen=True, kw_only=True):
    """What leads into (upstream) or out of a node, of things that the caller may know of."""

    node: Node
    upstream: bool
    max_results: int | None = None
    page_token: str = ""


async def record_link(ctx: WriteCtx, req: RecordLink) -> LineageLink:
    """Records one connection between two ends. Raises AlreadyExists."""
    source, target = await _ends(ctx, req)
    await check_author(ctx, 1)
    link = new_link(ctx, source, target, _columns(req.columns), _properties(req.properties))
    if not await rows.put(ctx.tx, link, replace=False):
        raise AlreadyExists(f"The lineage from '{source.name}' to '{target.name}' is recorded already.", kind="lineage")
    return link


async def update_link(ctx: WriteCtx, req: UpdateLink) -> LineageLink:
    link = await _existing(ctx, *await _ends(ctx, req))
    changed = msgspec.structs.replace(
        link,
        columns=link.columns if req.columns is None else _columns(req.columns),
        properties=link.properties if req.properties is None else _properties(req.properties),
    )
    ctx.changed("columns", link.columns, changed.columns)
    ctx.changed("properties", link.properties, changed.properties)
    await rows.put(ctx.tx, changed, replace=True)
    return changed


async def remove_link(ctx: WriteCtx, req: RemoveLink) -> None:
    await rows.remove(ctx.tx, await _existing(ctx, *await _ends(ctx, req)))


async def list_lineage_links(ctx: ReadCtx, req: ListLineageLinks) -> Page[LineageLink]:
    """A page may be short, even empty, and not the last: ends that the caller may not know of are left out."""
    end = await nodes.source_end(ctx, req.node)
    tokens, scope = ctx.config.page_tokens, f"links|{end.key}|{req.upstream}|{ctx.actor.id}"
    limit = page_size(req.max_results, LINEAGE_EDGES_PER_PAGE, LINEAGE_EDGES_PER_PAGE)
    (after,) = tokens.open(scope, req.page_token, (str,)) or ("",)
    candidates = await rows.page(ctx.tx, end, upstream=req.upstream, after=str(after), limit=limit + 1)
    links = candidates[:limit]
    seen = await nodes.seen_of(ctx, [other(link, upstream=req.upstream) for link in links])
    visible = tuple(named(link, seen) for link in links if _visible(ctx, link, seen, upstream=req.upstream))
    return Page(visible, tokens.seal(scope, (links[-1].id,)) if len(candidates) > limit else "")


def other(link: LineageLink, *, upstream: bool) -> LineageEnd:
    """The end that a walk in this direction comes to."""
    return link.source if upstream else link.target


def _visible(ctx: ReadCtx, link: LineageLink, seen: dict[str, nodes.Seen], *, upstream: bool) -> bool:
    known = seen.get(other(link, upstream=upstream).key)
    return known is not None and (not known.deleted or link.created_by == ctx.actor.name)


def named(link: LineageLink, seen: dict[str, nodes.Seen]) -> LineageLink:
    """With the names of this moment."""
    ends = {key: known.end for key, known in seen.items()}
    return msgspec.structs.replace(
        link, source=ends.get(link.source.key, link.source), target=ends.get(link.target.key, link.target)
    )


# --- what they share -------------------------------------------------------------------------------------------------


async def _ends(ctx: ReadCtx, req: RecordLink | UpdateLink | RemoveLink) -> tuple[LineageEnd, LineageEnd]:
    source, target = await nodes.source_end(ctx, req.source), await nodes.target_end(ctx, req.target)
    if source.key == target.key:
        raise InvalidArgument("Source and target are the same. Lineage leads from one thing to another.")
    for end in (source, target):
        ctx.touch(end.kind, end.key, end.name)
    return source, target


async def check_author(ctx: WriteCtx, count: int) -> None:
    """Raises LimitExceeded."""
    if await rows.count_of_author(ctx.tx, ctx.actor.name) + count > LINEAGE_LINKS_PER_AUTHOR:
        raise LimitExceeded(
            f"'{ctx.actor.name}' has recorded {LINEAGE_LINKS_PER_AUTHOR} lineage edges, and one principal can record no more. Remove some."
        )


def new_link(
    ctx: WriteCtx,
    source: LineageEnd,
    target: LineageEnd,
    columns: str = "[]",
    properties: str = "{}",
    context: str = "",
) -> LineageLink:
    return LineageLink(new_id(), source, target, columns, properties, context, ctx.now, ctx.actor.name)


async def _existing(ctx: ReadCtx, source: LineageEnd, target: LineageEnd) -> LineageLink:
    link = await rows.between(ctx.tx, source, target)
    if link is None:
        raise NotFound(f"No lineage from '{source.name}' to '{target.name}' is recorded.", kind="lineage")
    return link


def _columns(columns: tuple[ColumnLink, ...]) -> str:
    if len(columns) > LINEAGE_COLUMNS:
        raise InvalidArgument(f"{len(columns)} columns are related; at most {LINEAGE_COLUMNS} are kept of one edge.")
    if any(len(text) > 255 for column in columns for text in (column.source, column.target)):
        raise InvalidArgument("A column's name has at most 255 characters.")
    return msgspec.json.encode(columns).decode()


def _properties(properties: dict[str, str]) -> str:
    if len(properties) > LINEAGE_PROPERTIES:
        raise InvalidArgument(f"{len(properties)} properties were sent; at most {LINEAGE_PROPERTIES} are kept.")
    if any(len(text) > 1_000 for item in properties.items() for text in item):
        raise InvalidArgument("A property's key and value have at most 1000 characters each.")
    return msgspec.json.encode(properties).decode()
