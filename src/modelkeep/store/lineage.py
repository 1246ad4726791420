"""Lineage edges as rows."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.model import LineageEdge, ModelVersion, Securable
from modelkeep.limits import LINEAGE_ROWS_PER_PAGE
from modelkeep.store.db import Tx, WriteTx, among, new_id
from modelkeep.store.securable_lists import ADMIN, KNOW_MODEL, READ_MODEL
from modelkeep.store.securables import CATALOG_ABOVE, SCHEMA_ABOVE

_EDGE = (
    "l.version, l.direction, l.entity_type, l.entity_name, l.entity_id, l.context, l.created_at, l.created_by, "
    "l.entity_version"
)


class EdgePage(NamedTuple):
    edges: list[LineageEdge]
    following: tuple[int, str] | None
    """The (turn, id) behind which the list continues; None at its end"""


async def add(tx: WriteTx, model_id: str, edge: LineageEdge, turn: int = 0) -> int:
    """1; 0 for an edge that is there already, by any author. `turn`: the how manyth edge of its author, 0 for the
    version's creator."""
    return await tx.run(
        "INSERT INTO lineage (id, model_id, version, direction, entity_type, entity_name, entity_id, context, created_at, "
        "created_by, turn, entity_version, securable_id) "
        "VALUES (:id, :model, :version, :direction, :type, :name, :entity, :context, :at, :by, :turn, :entity_version, "
        f"{_SECURABLE_ID}) ON CONFLICT DO NOTHING",
        id=new_id(),
        model=model_id,
        version=edge.version,
        direction=edge.direction,
        type=edge.entity_type,
        name=edge.entity_name,
        entity=edge.entity_id,
        context=edge.context,
        at=edge.created_at,
        by=edge.created_by,
        turn=turn,
        entity_version=edge.entity_version,
        **_parts(edge),
    )


_SECURABLE_ID = (
    "COALESCE((SELECT o.id FROM securables c JOIN securables s ON s.parent_id = c.id AND s.space = 'schema' AND s.name_key = :n1 "
    "JOIN securables o ON o.parent_id = s.id AND o.kind = :kind AND o.name_key = :n2 "
    "WHERE c.space = 'catalog' AND c.name_key = :n0), '')"
)
"""Of the table or function that the edge names: the edge follows it through renames, and outlives it."""


def _parts(edge: LineageEdge) -> dict[str, str]:
    names = edge.entity_name.lower().split(".") if edge.entity_type in ("TABLE", "FUNCTION") else []
    catalog, schema, name = names if len(names) == 3 else ("", "", "")
    return {"n0": catalog, "n1": schema, "n2": name, "kind": edge.entity_type}


async def count_of_author(tx: Tx, model_id: str, version: int, direction: str, author: str) -> int:
    row = await tx.one(
        "SELECT COUNT(*) FROM lineage WHERE model_id = :model AND version = :version AND direction = :direction "
        "AND created_by = :author",
        model=model_id,
        version=version,
        direction=direction,
        author=author,
    )
    return row[0] if row else 0


async def of_version(
    tx: Tx, model: Securable, version: int, direction: str, after: tuple[int, str], limit: int
) -> EdgePage:
    """The creator's own first, then those of the others in turn."""
    rows = await tx.all(
        f"SELECT {_EDGE}, l.turn, l.id FROM lineage l WHERE l.model_id = :model AND l.version = :version "
        "AND l.direction = :direction AND (l.turn, l.id) > (:turn, :id) ORDER BY l.turn, l.id LIMIT :limit",
        model=model.id,
        version=version,
        direction=direction,
        turn=after[0],
        id=after[1],
        limit=limit + 1,
    )
    edges = [LineageEdge(model.full_name, *row[:-2]) for row in rows[:limit]]
    following = (rows[limit - 1][-2], rows[limit - 1][-1]) if len(rows) > limit else None
    return EdgePage(edges, following)


async def copies(tx: Tx, actor: Actor, version: ModelVersion, after: tuple[int, str], limit: int) -> EdgePage:
    """The versions that were copied from this one, of models that the actor may read."""
    return await _consumers(tx, actor, _Entity("MODEL_VERSION", "entity_id", version.id), after, limit)


async def consumers(tx: Tx, actor: Actor, entity_type: str, name: str, after: tuple[int, str], limit: int) -> EdgePage:
    """The versions that have this entity upstream, of models that the actor may read, in the order they were written in."""
    return await _consumers(tx, actor, _Entity(entity_type, "entity_name", name), after, limit)


class _Entity(msgspec.Struct, frozen=True):
    """What versions have upstream, by its id or its name."""

    type: str
    column: Literal["entity_id", "entity_name"]
    value: str


async def _consumers(tx: Tx, actor: Actor, entity: _Entity, after: tuple[int, str], limit: int) -> EdgePage:
    """Looks at so many rows, visible to the caller or not, and no more; the page then is short and not the last."""
    column = entity.column
    condition = f" AND l.{column} <> ''" if column == "entity_id" else ""  # as its index says
    rows = await tx.scan(
        f"SELECT c.name_key || '.' || s.name_key || '.' || x.name_key, {_EDGE}, l.id, CASE WHEN {READ_MODEL} THEN 1 ELSE 0 END "
        "FROM lineage l JOIN securables x ON x.id = l.model_id "
        f"JOIN securables s ON {SCHEMA_ABOVE} JOIN securables c ON {CATALOG_ABOVE} "
        f"WHERE l.entity_type = :type AND l.{column} = :value{condition} AND l.direction = 'UPSTREAM' AND l.id > :after "
        "ORDER BY l.id LIMIT :budget",
        type=entity.type,
        value=entity.value,
        actor=actor.id,
        workspace=actor.workspace,
        after=after[1],
        budget=LINEAGE_ROWS_PER_PAGE,
    )
    edges: list[LineageEdge] = []
    for index, row in enumerate(rows):
        if row[-1]:
            edges.append(LineageEdge(*row[:-2]))
        if len(edges) == limit and index + 1 < len(rows):
            return EdgePage(edges, (0, row[-2]))
    return EdgePage(edges, (0, rows[-1][-2]) if len(rows) == LINEAGE_ROWS_PER_PAGE else None)


async def known_sources(tx: Tx, actor: Actor, version_ids: Sequence[str]) -> set[str] | None:
    """Of these versions, those whose model the actor may know of; None means all, even deleted ones (a metastore admin)."""
    return await _known(tx, actor, "v.id", "model_versions v JOIN securables x ON x.id = v.model_id", version_ids)


async def known_models(tx: Tx, actor: Actor, model_ids: Sequence[str]) -> set[str] | None:
    """Of these models, those that the actor may know of; None as for `known_sources`."""
    return await _known(tx, actor, "x.id", "securables x", model_ids)


async def _known(tx: Tx, actor: Actor, id: str, source: str, wanted_ids: Sequence[str]) -> set[str] | None:
    marks, ids = among(wanted_ids)
    read = tx.all if len(wanted_ids) == 1 else tx.scan
    rows = await read(
        f"SELECT '' WHERE {ADMIN} UNION ALL SELECT {id} FROM {source} "
        f"JOIN securables s ON {SCHEMA_ABOVE} JOIN securables c ON {CATALOG_ABOVE} "
        f"WHERE {id} IN ({marks}) AND {KNOW_MODEL}",
        actor=actor.id,
        workspace=actor.workspace,
        **ids,
    )
    known = {row[0] for row in rows}
    return None if "" in known else known
