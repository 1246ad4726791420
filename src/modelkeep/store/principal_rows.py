"""All rows that go with a principal when it is deleted, counted and removed a bounded number at a time."""

from modelkeep.domain.model import Principal
from modelkeep.store import memberships
from modelkeep.store.db import Tx, WriteTx
from modelkeep.store.securables import attached

_HELD = (
    ("memberships", "member_id", "group_id"),
    ("grants", "principal_id", "securable_id"),
    ("inert_grants", "principal_id", "securable_id"),
    ("tokens", "principal_id", "id"),
    ("experiment_permissions", "principal_id", "experiment_id"),
    ("experiment_creators", "principal_id", "name"),
    ("workspace_permissions", "principal_id", "object_id"),
    ("alias_movers", "principal_id", "securable_id"),
    ("access_requests", "principal_id", "id"),
    ("access_requests", "requester_id", "id"),
    ("external_identities", "principal_id", "id"),
    ("serving_permissions", "principal_id", "endpoint_id"),
)
"""(table, column that names the principal, column that tells its rows apart, nearly). What is not here has a limit of its own."""

_DETACHED = f"owner_id = :id AND NOT ({attached('securables')})"


async def owned(tx: Tx, principal_id: str) -> str:
    """The name of something that the principal owns and nobody has deleted; '' where there is none."""
    row = await tx.one(
        f"SELECT name FROM securables WHERE owner_id = :id AND {attached('securables')} LIMIT 1", id=principal_id
    )
    return row[0] if row else ""


async def count(tx: Tx, principal_id: str, most: int) -> int:
    """How many rows go with the principal, counted up to `most`."""
    parts = [f"SELECT 1 FROM {table} WHERE {column} = :id" for table, column, _ in _HELD]
    parts += ["SELECT 1 FROM memberships WHERE group_id = :id", f"SELECT 1 FROM securables WHERE {_DETACHED}"]
    ((rows,),) = await tx.scan(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM ({' UNION ALL '.join(parts)}) r LIMIT :most) n",
        id=principal_id,
        most=most,
    )
    return rows


async def remove(tx: WriteTx, principal: Principal, most: int) -> int:
    """Remove about `most` rows; how many those were, 0 where none is left. The caller holds the account's lock."""
    rows = await tx.scan(
        "SELECT member_id FROM memberships WHERE group_id = :id LIMIT :most", id=principal.id, most=most
    )
    await memberships.remove(tx, principal, [row[0] for row in rows])
    removed = len(rows)
    for table, column, key in _HELD:
        if removed < most and not (table == "memberships" and principal.kind == "GROUP"):  # those change the closure
            removed += await tx.bulk(
                f"DELETE FROM {table} WHERE {column} = :id AND {key} IN "
                f"(SELECT {key} FROM {table} WHERE {column} = :id LIMIT :most)",
                id=principal.id,
                most=most - removed,
            )
    if removed < most:
        removed += await give_up_detached(tx, principal.id, most - removed)
    return removed


async def give_up_detached(tx: WriteTx, principal_id: str, most: int) -> int:
    """What is deleted already, and waits for a job to remove it, gets another owner: it has one only because each row needs one."""
    return await tx.bulk(
        "UPDATE securables SET owner_id = (SELECT m.owner_id FROM securables m WHERE m.kind = 'METASTORE') "
        f"WHERE id IN (SELECT id FROM securables WHERE {_DETACHED} LIMIT :most)",
        id=principal_id,
        most=most,
    )
