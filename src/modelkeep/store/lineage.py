"""Lineage edges as rows."""

from modelkeep.core.authz import Actor
from modelkeep.core.model import LineageEdge, Securable
from modelkeep.store.db import Tx, WriteTx, new_id
from modelkeep.store.securables import READ_MODEL

_MAX = 1_000
_EDGE = "l.version, l.direction, l.entity_type, l.entity_name, l.entity_id, l.context, l.created_at"


async def add(tx: WriteTx, model_id: str, edge: LineageEdge, by: str) -> None:
    await tx.run(
        "INSERT INTO lineage (id, model_id, version, direction, entity_type, entity_name, entity_id, context, created_at, created_by) "
        "VALUES (:id, :model, :version, :direction, :type, :name, :entity, :context, :at, :by) ON CONFLICT DO NOTHING",
        id=new_id(), model=model_id, version=edge.version, direction=edge.direction, type=edge.entity_type, name=edge.entity_name,
        entity=edge.entity_id, context=edge.context, at=edge.created_at, by=by,
    )  # fmt: skip


async def of_version(tx: Tx, model: Securable, version: int) -> list[LineageEdge]:
    rows = await tx.all(
        f"SELECT {_EDGE} FROM lineage l WHERE l.model_id = :model AND l.version = :version ORDER BY l.direction, l.id LIMIT {_MAX}",
        model=model.id, version=version,
    )  # fmt: skip
    return [LineageEdge(model.full_name, *row) for row in rows]


async def consumers(
    tx: Tx, actor: Actor, entity_type: str, *, entity_name: str = "", entity_id: str = ""
) -> list[LineageEdge]:
    """Versions that have this entity upstream, of models that the actor may read."""
    column, value = ("entity_id", entity_id) if entity_id else ("entity_name", entity_name)
    rows = await tx.scan(
        f"SELECT c.name_key || '.' || s.name_key || '.' || x.name_key, {_EDGE} FROM lineage l JOIN securables x ON x.id = l.model_id "
        "JOIN securables s ON s.id = x.schema_id JOIN securables c ON c.id = x.catalog_id "
        f"WHERE l.entity_type = :type AND l.{column} = :value AND l.direction = 'UPSTREAM' AND {READ_MODEL} "
        f"ORDER BY l.id LIMIT {_MAX}",
        type=entity_type, value=value, actor=actor.id, workspace=actor.workspace,
    )  # fmt: skip
    return [LineageEdge(*row) for row in rows]
