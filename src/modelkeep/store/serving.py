"""Model serving endpoints as rows: their configurations, what they serve, and who may do what with them."""

from collections.abc import Sequence

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import AlreadyExists
from modelkeep.domain.model import Principal
from modelkeep.domain.serving import EntityStatus, ServingEndpoint
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Row, Tx, UniqueViolation, WriteTx, among

_FIELDS = tuple(ServingEndpoint.__struct_fields__[:14])
_COLUMNS = ", ".join(f"e.{name.removesuffix('_json')}" for name in _FIELDS)
_LEVEL = (
    f"(SELECT MAX(p.level) FROM {acts_as(':actor')} me JOIN serving_permissions p ON p.principal_id = me.group_id "
    "WHERE p.endpoint_id = e.id)"
)
MANAGE = 3


def _endpoint(row: Row, level: int) -> ServingEndpoint:
    columns: Row = (*row[: len(_FIELDS)], level)
    return ServingEndpoint(*columns)


def _level(actor: Actor, row: Row) -> int:
    """The creator and the workspace's admins manage an endpoint."""
    if actor.workspace_admin or row[3] == actor.id:
        return MANAGE
    return row[len(_FIELDS)] or 0


async def by_name(tx: Tx, actor: Actor, name: str) -> ServingEndpoint | None:
    """In the actor's workspace, with the actor's level: one statement."""
    row = await tx.one(
        f"SELECT {_COLUMNS}, {_LEVEL} FROM serving_endpoints e WHERE e.workspace_id = :workspace AND e.name_key = :key",
        workspace=actor.workspace,
        key=name.lower(),
        actor=actor.id,
    )
    return _endpoint(row, _level(actor, row)) if row else None


async def by_id(tx: Tx, actor: Actor, endpoint_id: str) -> ServingEndpoint | None:
    """As `by_name`."""
    row = await tx.one(
        f"SELECT {_COLUMNS}, {_LEVEL} FROM serving_endpoints e WHERE e.workspace_id = :workspace AND e.id = :id",
        workspace=actor.workspace,
        id=endpoint_id,
        actor=actor.id,
    )
    return _endpoint(row, _level(actor, row)) if row else None


async def visible(tx: Tx, actor: Actor, limit: int) -> list[ServingEndpoint]:
    """Those of the workspace that the actor may view, by name."""
    rows = await tx.scan(
        f"SELECT {_COLUMNS}, {_LEVEL} FROM serving_endpoints e WHERE e.workspace_id = :workspace ORDER BY e.name_key LIMIT :limit",
        workspace=actor.workspace,
        actor=actor.id,
        limit=limit,
    )
    return [_endpoint(row, level) for row in rows if (level := _level(actor, row))]


async def every(tx: Tx) -> list[ServingEndpoint]:
    """Of all workspaces, with the states of what they serve: for the engine."""
    rows = await tx.scan(f"SELECT {_COLUMNS} FROM serving_endpoints e ORDER BY e.id")
    return await with_statuses(tx, [_endpoint(row, 0) for row in rows])


async def with_statuses(tx: Tx, endpoints: Sequence[ServingEndpoint]) -> list[ServingEndpoint]:
    """The same with the states of their served entities and the present names of their models."""
    if not endpoints:
        return []
    by_key: dict[tuple[str, int], list[EntityStatus]] = {}
    ids = [endpoint.id for endpoint in endpoints]
    for start in range(0, len(ids), 200):
        marks, params = among(ids[start : start + 200])
        read = tx.all if len(ids) == 1 else tx.scan  # one endpoint has few served entities
        for row in await read(
            "SELECT endpoint_id, pending, name, model_id, version, state, message FROM served_entities "
            f"WHERE endpoint_id IN ({marks}) ORDER BY endpoint_id, pending, name",
            **params,
        ):
            by_key.setdefault((row[0], row[1]), []).append(EntityStatus(*row[2:]))
    return [
        msgspec.structs.replace(
            endpoint,
            statuses=tuple(by_key.get((endpoint.id, 0), ())),
            pending_statuses=tuple(by_key.get((endpoint.id, 1), ())),
        )
        for endpoint in endpoints
    ]


async def count(tx: Tx, workspace_id: str) -> int:
    row = await tx.one("SELECT COUNT(*) FROM serving_endpoints WHERE workspace_id = :workspace", workspace=workspace_id)
    return row[0] if row else 0


async def insert(tx: WriteTx, endpoint: ServingEndpoint) -> None:
    """Raises AlreadyExists."""
    fields = {name.removesuffix("_json"): getattr(endpoint, name) for name in _FIELDS}
    try:
        await tx.run(
            f"INSERT INTO serving_endpoints (name_key, {', '.join(fields)}) "
            f"VALUES (:name_key, {', '.join(f':{name}' for name in fields)})",
            name_key=endpoint.name.lower(),
            **fields,
        )
    except UniqueViolation as error:
        raise AlreadyExists(f"A serving endpoint named '{endpoint.name}' already exists.") from error


async def begin_update(tx: WriteTx, endpoint_id: str, pending_json: str, by: str, at: int) -> bool:
    """A new configuration is pending from now on. False where another one is, or the endpoint is gone."""
    changed = await tx.run(
        "UPDATE serving_endpoints SET pending = :pending, update_state = 'IN_PROGRESS', updated_at = :at, updated_by = :by "
        "WHERE id = :id AND pending = ''",
        id=endpoint_id,
        pending=pending_json,
        at=at,
        by=by,
    )
    return changed == 1


async def set_statuses(tx: WriteTx, endpoint_id: str, statuses: Sequence[EntityStatus], *, pending: bool) -> None:
    """In place of those that were there."""
    await tx.run(
        "DELETE FROM served_entities WHERE endpoint_id = :id AND pending = :pending",
        id=endpoint_id,
        pending=int(pending),
    )
    await tx.run_many(
        "INSERT INTO served_entities (endpoint_id, pending, name, model_id, version, state, message) "
        "VALUES (:id, :pending, :name, :model, :version, :state, :message)",
        [
            {
                "id": endpoint_id,
                "pending": int(pending),
                "name": status.name,
                "model": status.model_id,
                "version": status.version,
                "state": status.state,
                "message": status.message,
            }
            for status in statuses
        ],
    )


async def update_statuses(tx: WriteTx, endpoint_id: str, config_json: str, statuses: Sequence[EntityStatus]) -> bool:
    """The states of what is in force, unless another configuration is by now."""
    if not await _lock(tx, endpoint_id, "config", config_json):
        return False
    await set_statuses(tx, endpoint_id, statuses, pending=False)
    return True


async def update_pending_statuses(
    tx: WriteTx, endpoint_id: str, pending_json: str, statuses: Sequence[EntityStatus]
) -> bool:
    """As `update_statuses`, of what is pending."""
    if not await _lock(tx, endpoint_id, "pending", pending_json):
        return False
    await set_statuses(tx, endpoint_id, statuses, pending=True)
    return True


async def _lock(tx: WriteTx, endpoint_id: str, column: str, value: str) -> bool:
    sql = f"UPDATE serving_endpoints SET {column} = {column} WHERE id = :id AND {column} = :value"
    return await tx.run(sql, id=endpoint_id, value=value) == 1


async def activate(tx: WriteTx, endpoint_id: str, pending_json: str, statuses: Sequence[EntityStatus], at: int) -> bool:
    """What was pending is in force. False where it is not pending any more."""
    changed = await tx.run(
        "UPDATE serving_endpoints SET config = pending, pending = '', config_version = config_version + 1, "
        "update_state = 'NOT_UPDATING', updated_at = :at WHERE id = :id AND pending = :pending",
        id=endpoint_id,
        pending=pending_json,
        at=at,
    )
    if changed != 1:
        return False
    await set_statuses(tx, endpoint_id, (), pending=True)
    await set_statuses(tx, endpoint_id, statuses, pending=False)
    return True


async def fail_update(tx: WriteTx, endpoint_id: str, pending_json: str, statuses: Sequence[EntityStatus]) -> bool:
    """What was pending is dropped; its states stay, to say why. What is in force goes on."""
    changed = await tx.run(
        "UPDATE serving_endpoints SET pending = '', update_state = 'UPDATE_FAILED' WHERE id = :id AND pending = :pending",
        id=endpoint_id,
        pending=pending_json,
    )
    if changed != 1:
        return False
    await set_statuses(tx, endpoint_id, statuses, pending=True)
    return True


async def set_tags(tx: WriteTx, endpoint_id: str, tags_json: str, by: str, at: int) -> None:
    await tx.run(
        "UPDATE serving_endpoints SET tags = :tags, updated_at = :at, updated_by = :by WHERE id = :id",
        id=endpoint_id,
        tags=tags_json,
        at=at,
        by=by,
    )


async def permissions(tx: Tx, endpoint_id: str) -> list[tuple[Principal, int]]:
    """Those that were given, by the principal's name: with the level, from 1."""
    rows = await tx.scan(
        "SELECT p.id, p.kind, p.name, p.display_name, p.active, p.account_admin, p.created_at, s.level "
        "FROM serving_permissions s JOIN principals p ON p.id = s.principal_id "
        "WHERE s.endpoint_id = :id ORDER BY p.name_key",
        id=endpoint_id,
    )
    return [(Principal(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5]), row[6]), row[7]) for row in rows]


async def set_permissions(tx: WriteTx, endpoint_id: str, levels: dict[str, int], by: str, at: int) -> None:
    """`levels`: by principal id, in place of all that were given."""
    await tx.run("DELETE FROM serving_permissions WHERE endpoint_id = :id", id=endpoint_id)
    await tx.run_many(
        "INSERT INTO serving_permissions (endpoint_id, principal_id, level, created_at, created_by) "
        "VALUES (:id, :principal, :level, :at, :by)",
        [
            {"id": endpoint_id, "principal": principal_id, "level": level, "at": at, "by": by}
            for principal_id, level in sorted(levels.items())
        ],
    )


async def delete(tx: WriteTx, endpoint_id: str) -> None:
    """With its served entities and permissions."""
    for table in ("served_entities", "serving_permissions"):
        await tx.run(f"DELETE FROM {table} WHERE endpoint_id = :id", id=endpoint_id)
    await tx.run("DELETE FROM serving_endpoints WHERE id = :id", id=endpoint_id)
