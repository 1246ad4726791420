"""Edges between any two things as rows, and the neighbours of one thing, those of versions' own edges included."""

from modelkeep.domain.lineage import MODEL_VERSION, LineageEnd, LineageLink, outside_key
from modelkeep.store.db import Row, Tx, WriteTx
from modelkeep.store.securables import CATALOG_ABOVE, SCHEMA_ABOVE

_LINK = (
    "n.id, n.source_kind, n.source_key, n.source_name, n.target_kind, n.target_key, n.target_name, n.columns, n.properties, "
    "n.context, n.created_at, n.created_by"
)
_MODEL_NAME = "c.name_key || '.' || s.name_key || '.' || x.name_key"
_OF_VERSION = (
    "lineage l JOIN model_versions v ON v.model_id = l.model_id AND v.version = l.version JOIN securables x ON x.id = l.model_id "
    f"JOIN securables s ON {SCHEMA_ABOVE} JOIN securables c ON {CATALOG_ABOVE}"
)
_EDGE = (
    f"l.id, v.id, {_MODEL_NAME} || '/' || v.version, l.entity_type, l.entity_name, l.entity_id, l.securable_id, l.context, "
    "l.created_at, l.created_by, l.entity_version"
)


async def put(tx: WriteTx, link: LineageLink, *, replace: bool) -> int:
    """1, and 0 for a link that was there and stays as it is. `replace`: one that is there takes these columns, properties and context."""
    action = (
        "DO UPDATE SET columns = excluded.columns, properties = excluded.properties, context = excluded.context, "
        "updated_at = excluded.updated_at"
        if replace
        else "DO NOTHING"
    )
    return await tx.run(
        "INSERT INTO lineage_links (id, source_kind, source_key, source_name, target_kind, target_key, target_name, columns, "
        "properties, context, created_at, created_by, updated_at) VALUES (:id, :source_kind, :source_key, :source_name, "
        ":target_kind, :target_key, :target_name, :columns, :properties, :context, :at, :by, :at) "
        f"ON CONFLICT (source_key, target_key) {action}",
        id=link.id,
        source_kind=link.source.kind,
        source_key=link.source.key,
        source_name=link.source.name,
        target_kind=link.target.kind,
        target_key=link.target.key,
        target_name=link.target.name,
        columns=link.columns,
        properties=link.properties,
        context=link.context,
        at=link.created_at,
        by=link.created_by,
    )


async def between(tx: Tx, source: LineageEnd, target: LineageEnd) -> LineageLink | None:
    row = await tx.one(
        f"SELECT {_LINK} FROM lineage_links n WHERE n.source_key = :source AND n.target_key = :target",
        source=source.key,
        target=target.key,
    )
    return _link(row) if row else None


async def remove(tx: WriteTx, link: LineageLink) -> None:
    await tx.run("DELETE FROM lineage_links WHERE id = :id", id=link.id)


async def count_of_author(tx: Tx, author: str) -> int:
    row = await tx.one("SELECT COUNT(*) FROM lineage_links WHERE created_by = :author", author=author)
    return row[0] if row else 0


async def page(tx: Tx, end: LineageEnd, *, upstream: bool, after: str, limit: int) -> list[LineageLink]:
    """Links into (upstream) or out of this end, by id."""
    column = "target_key" if upstream else "source_key"
    rows = await tx.scan(
        f"SELECT {_LINK} FROM lineage_links n WHERE n.{column} = :key AND n.id > :after ORDER BY n.id LIMIT :limit",
        key=end.key,
        after=after,
        limit=limit,
    )
    return [_link(row) for row in rows]


async def neighbours(tx: Tx, end: LineageEnd, *, upstream: bool, limit: int) -> list[LineageLink]:
    """The edges into (upstream) or out of this end: links, and what versions say of themselves. Up to `limit` of each kind."""
    links = await page(tx, end, upstream=upstream, after="", limit=limit)
    direction = "UPSTREAM" if upstream else "DOWNSTREAM"
    if end.kind == MODEL_VERSION:
        links += await _edges(tx, f"v.id = :key AND l.direction = '{direction}'", end, limit, of_version=True)
        if not upstream:
            copies = "l.entity_type = 'MODEL_VERSION' AND l.entity_id = :key AND l.entity_id <> '' AND l.direction = 'UPSTREAM'"
            links += await _edges(tx, copies, end, limit)
        return links
    # What a version came from lies above it: seen from there, the version is downstream.
    seen = "DOWNSTREAM" if upstream else "UPSTREAM"
    if end.key.startswith(f"{end.kind}:"):
        of_end = "l.entity_type = :kind AND l.entity_name = :name AND l.securable_id = ''"
    else:
        of_end = "l.securable_id = :key AND l.securable_id <> ''"
    links += await _edges(tx, f"{of_end} AND l.direction = '{seen}'", end, limit)
    return links


async def _edges(tx: Tx, where: str, end: LineageEnd, limit: int, *, of_version: bool = False) -> list[LineageLink]:
    rows = await tx.scan(
        f"SELECT {_EDGE}, l.direction FROM {_OF_VERSION} WHERE {where} ORDER BY l.id LIMIT :limit",
        key=end.key,
        limit=limit,
        **({"kind": end.kind, "name": end.name} if ":kind" in where else {}),
    )
    return [_of_version(row, end, of_version=of_version) for row in rows]


def _of_version(row: Row, end: LineageEnd, *, of_version: bool) -> LineageLink:
    id, version_id, version_name, kind, name, entity_id, securable_id, context, at, by, read, direction = row
    version = LineageEnd(MODEL_VERSION, version_id, version_name)
    if of_version:
        key = entity_id if kind == MODEL_VERSION and entity_id else securable_id or outside_key(kind, name)
        other = LineageEnd(kind, key, name)
    else:
        other = end
    source, target = (other, version) if direction == "UPSTREAM" else (version, other)
    return LineageLink(id, source, target, "[]", "{}", context, at, by, read, of_version=True)


def _link(row: Row) -> LineageLink:
    return LineageLink(row[0], LineageEnd(*row[1:4]), LineageEnd(*row[4:7]), *row[7:])
