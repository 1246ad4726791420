"""Deleting securables of any size: one statement detaches a securable from the tree, bounded steps remove what it leaves.

A detached row has the kind DELETED, no parent, and a name that nobody can ask for: its old name is free at once. What lies below
it keeps its rows until a step removes them, and is not part of the tree any more: statements that join a schema or catalog by its
id ask for its name space too (`SCHEMA_ABOVE`, `CATALOG_ABOVE` in store/securables.py), which a detached row has lost.
"""

from collections.abc import Sequence

from modelkeep import limits
from modelkeep.domain.kinds import RULES
from modelkeep.domain.model import Securable
from modelkeep.domain.names import DEFAULT_SCHEMA, missing
from modelkeep.store import delta_tables, files, jobs
from modelkeep.store.db import Tx, WriteTx, among, now_ms
from modelkeep.store.securables import COLUMNS, of_row

TASK = "delete_detached"
PURGE_TABLE = "purge_table"
"""The task that deletes the files of a managed table, once nobody can write them any more."""
_LEAVES = ", ".join(f"'{kind}'" for kind, rules in RULES.items() if rules.depth == 3)
_DEPENDENTS = (
    ("aliases", "model_id", "model_id, alias"),
    ("tags", "securable_id", "securable_id, version, key"),
    ("lineage", "model_id", "id"),
    ("prompt_links", "prompt_id", "id"),
    ("prompt_versions", "prompt_id", "id"),
    ("grants", "securable_id", "securable_id, principal_id, privilege"),
    ("inert_grants", "securable_id", "securable_id, principal_id, privilege"),
    ("access_requests", "securable_id", "id"),
)
"""(table, column of the securable's id, primary key) of rows of which a securable may have many; the others go by cascade."""
_ABOUT = ("grants", "inert_grants", "protected_aliases", "access_destinations", "access_requests")
"""Tables with what people say about a securable"""


async def untouched_default(tx: Tx, catalog: Securable) -> Securable | None:
    """The schema that came with the catalog, where it is as it was: made in the same moment, never changed, nothing granted on it."""
    without = " ".join(f"AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.securable_id = x.id)" for table in _ABOUT)
    row = await tx.one(
        f"SELECT {COLUMNS} FROM securables x WHERE x.parent_id = :catalog AND x.space = 'schema' AND x.name_key = :name "
        "AND x.created_at = :created AND x.updated_at = x.created_at AND x.comment = '' AND x.tags = '{}' AND x.spec = '{}' "
        f"{without}",
        catalog=catalog.id,
        name=DEFAULT_SCHEMA,
        created=catalog.created_at,
    )
    return of_row(row, f"{catalog.full_name}.{DEFAULT_SCHEMA}") if row else None


async def has_children(tx: Tx, securable: Securable) -> bool:
    return await tx.one("SELECT 1 FROM securables WHERE parent_id = :id LIMIT 1", id=securable.id) is not None


async def detach(tx: WriteTx, securable: Securable) -> None:
    """Take the securable, and so all that lies below it, out of the tree. On PostgreSQL this waits for anybody who creates something
    in it at this moment, so `has_children` is worth asking afterwards. Raises NotFound where it is gone already."""
    changed = await tx.run(
        "UPDATE securables SET kind = 'DELETED', space = 'deleted', name_key = id, parent_id = NULL, catalog_id = NULL, "
        "schema_id = NULL WHERE id = :id AND kind <> 'DELETED'",
        id=securable.id,
    )
    if not changed:
        raise missing(securable.full_name, securable.kind)


async def remove(tx: WriteTx, dialect: str, root: str) -> bool:
    """Remove up to `limits.DELETE_ROWS` rows of a detached securable and of what lies below it, leaves first. True where nothing
    is left. The files of versions and volumes are freed by jobs."""
    left = limits.DELETE_ROWS
    while left > 0:
        ids = await _below(tx, root, left) or [root]
        left = await _remove_dependents(tx, dialect, ids, left)
        if left > 0:
            ids = ids[:left]
            await _free(tx, dialect, await _volume_sets(tx, ids))
            for table_id in sorted(await delta_tables.drop_folders(tx, ids, now_ms())):
                await jobs.enqueue(tx, PURGE_TABLE, table_id, delay_ms=limits.TABLE_PURGE_DELAY_MS)
            marks, params = among(ids)
            await tx.bulk(f"DELETE FROM securables WHERE id IN ({marks})", **params)
            left -= len(ids)
            if ids == [root]:
                return True
    return False


async def _below(tx: Tx, root: str, limit: int) -> list[str]:
    """Models and other leaves of a catalog; where there are none, its schemas, or the leaves of a schema."""
    for where in (f"catalog_id = :root AND kind IN ({_LEAVES})", "parent_id = :root"):
        if rows := await tx.all(f"SELECT id FROM securables WHERE {where} LIMIT :limit", root=root, limit=limit):
            return [row[0] for row in rows]
    return []


async def _remove_dependents(tx: WriteTx, dialect: str, ids: Sequence[str], left: int) -> int:
    """How many of the `left` rows may still be removed."""
    marks, params = among(ids)
    for table, column, key in _DEPENDENTS:
        left -= await tx.bulk(
            f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {column} IN ({marks}) LIMIT :limit)",
            limit=left,
            **params,
        )
        if left <= 0:
            return left
    rows = await tx.all(
        "DELETE FROM model_versions WHERE id IN (SELECT id FROM model_versions WHERE model_id IN "
        f"({marks}) LIMIT :limit) RETURNING artifact_set_id",
        limit=left,
        **params,
    )
    await _free(tx, dialect, [row[0] for row in rows if row[0]])
    return left - len(rows)


async def _volume_sets(tx: Tx, ids: Sequence[str]) -> list[str]:
    marks, params = among(files.volume_key(id) for id in ids)
    return [row[0] for row in await tx.all(f"SELECT id FROM artifact_sets WHERE owner_key IN ({marks})", **params)]


async def _free(tx: WriteTx, dialect: str, set_ids: Sequence[str]) -> None:
    await jobs.enqueue_all(tx, "purge", await files.release_all(tx, dialect, set_ids))


async def waits(tx: Tx) -> list[str]:
    """The ids of all detached securables."""
    return [row[0] for row in await tx.all("SELECT id FROM securables WHERE kind = 'DELETED' ORDER BY id")]
