"""Ids and access lists of workspace directories and files. Paths are from the workspace's root, without slashes around them."""

import secrets
from collections.abc import Collection, Sequence

import msgspec

from modelkeep.domain.workspace_paths import ObjectLevel
from modelkeep.limits import IDS_PER_STATEMENT, INLINE_ROWS
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Tx, WriteTx, among


class ObjectPermission(msgspec.Struct, frozen=True):
    """A principal's level directly on an object."""

    object_id: int
    principal_id: str
    name: str
    kind: str
    """USER, GROUP or SERVICE_PRINCIPAL"""
    display_name: str
    level: ObjectLevel


async def record(tx: WriteTx, workspace: str, path: str, object_id: int | None = None) -> None:
    """Give the object an id: this one, or a new one. An object that has an id keeps it."""
    await tx.run(
        "INSERT INTO workspace_objects (workspace_id, path, object_id) VALUES (:workspace, :path, :id) ON CONFLICT DO NOTHING",
        workspace=workspace,
        path=path,
        id=secrets.randbits(52) if object_id is None else object_id,
    )


async def lock(tx: WriteTx, workspace: str, path: str) -> None:
    """Hold a recorded object's row until commit: other changes of its access list wait."""
    await tx.run(
        "UPDATE workspace_objects SET path = path WHERE workspace_id = :workspace AND path = :path",
        workspace=workspace,
        path=path,
    )


async def ids_of(tx: Tx, workspace: str, paths: Sequence[str]) -> dict[str, int]:
    """By path; without those that have no id."""
    ids: dict[str, int] = {}
    for start in range(0, len(paths), IDS_PER_STATEMENT):
        marks, part = among(paths[start : start + IDS_PER_STATEMENT])
        read = tx.all if len(part) <= INLINE_ROWS else tx.scan
        rows = await read(
            f"SELECT path, object_id FROM workspace_objects WHERE workspace_id = :workspace AND path IN ({marks})",
            workspace=workspace,
            **part,
        )
        ids.update((row[0], row[1]) for row in rows)
    return ids


async def path_of(tx: Tx, workspace: str, object_id: int) -> str | None:
    row = await tx.one(
        "SELECT path FROM workspace_objects WHERE workspace_id = :workspace AND object_id = :id",
        workspace=workspace,
        id=object_id,
    )
    return row[0] if row else None


async def level(tx: Tx, workspace: str, object_ids: Collection[int], principal_id: str) -> ObjectLevel:
    """The highest level of the principal and its groups on any of the objects."""
    marks, ids = among(object_ids)
    row = await tx.one(
        f"SELECT MAX(level) FROM workspace_permissions WHERE workspace_id = :workspace AND object_id IN ({marks}) "
        f"AND principal_id IN {acts_as(':principal')}",
        workspace=workspace,
        principal=principal_id,
        **ids,
    )
    return ObjectLevel(row[0] or 0) if row else ObjectLevel.NONE


async def levels_of_users(tx: Tx, workspace: str, object_ids: Collection[int]) -> dict[int, ObjectLevel]:
    """What somebody gave the workspace's own group `users`, by object."""
    marks, ids = among(object_ids)
    rows = await tx.all(
        f"SELECT object_id, level FROM workspace_users_levels WHERE workspace_id = :workspace AND object_id IN ({marks})",
        workspace=workspace,
        **ids,
    )
    return {row[0]: ObjectLevel(row[1]) for row in rows}


async def permissions(tx: Tx, workspace: str, object_ids: Collection[int]) -> list[ObjectPermission]:
    """Access lists, by the principals' names; without the group `users` (`levels_of_users`)."""
    marks, ids = among(object_ids)
    rows = await tx.scan(
        "SELECT a.object_id, p.id, p.name, p.kind, p.display_name, a.level FROM workspace_permissions a "
        f"JOIN principals p ON p.id = a.principal_id WHERE a.workspace_id = :workspace AND a.object_id IN ({marks}) "
        "ORDER BY p.name_key, a.object_id",
        workspace=workspace,
        **ids,
    )
    return [ObjectPermission(row[0], row[1], row[2], row[3], row[4], ObjectLevel(row[5])) for row in rows]


async def permit(
    tx: WriteTx, workspace: str, object_id: int, levels: dict[str, ObjectLevel], *, by: str, at: int
) -> None:
    """Give principals, by their ids, these levels in place of what they had directly. `at`: epoch ms."""
    await tx.run_many(
        "INSERT INTO workspace_permissions (workspace_id, object_id, principal_id, level, created_at, created_by) "
        "VALUES (:workspace, :object, :principal, :level, :at, :by) ON CONFLICT (workspace_id, object_id, principal_id) "
        "DO UPDATE SET level = excluded.level, created_at = excluded.created_at, created_by = excluded.created_by",
        [
            {"workspace": workspace, "object": object_id, "principal": id, "level": int(level), "at": at, "by": by}
            for id, level in sorted(levels.items())
        ],
    )


async def forbid(tx: WriteTx, workspace: str, object_id: int, principal_ids: Collection[str]) -> None:
    """One that has nothing is no error."""
    if principal_ids:
        marks, ids = among(sorted(principal_ids))
        await tx.bulk(
            "DELETE FROM workspace_permissions WHERE workspace_id = :workspace AND object_id = :object "
            f"AND principal_id IN ({marks})",
            workspace=workspace,
            object=object_id,
            **ids,
        )


async def set_users_level(
    tx: WriteTx, workspace: str, object_id: int, level: ObjectLevel | None, *, by: str, at: int
) -> None:
    """Of the group `users`; None: as if nobody had set it."""
    if level is None:
        await tx.run(
            "DELETE FROM workspace_users_levels WHERE workspace_id = :workspace AND object_id = :object",
            workspace=workspace,
            object=object_id,
        )
        return
    await tx.run(
        "INSERT INTO workspace_users_levels (workspace_id, object_id, level, created_at, created_by) "
        "VALUES (:workspace, :object, :level, :at, :by) ON CONFLICT (workspace_id, object_id) "
        "DO UPDATE SET level = excluded.level, created_at = excluded.created_at, created_by = excluded.created_by",
        workspace=workspace,
        object=object_id,
        level=int(level),
        at=at,
        by=by,
    )


async def remove(tx: WriteTx, workspace: str, path: str, limit: int) -> bool:
    """Remove up to `limit` rows of each table about the object at `path` and all below it. True where something may be left."""
    where = "workspace_id = :workspace AND (path = :path OR (path >= :first AND path < :last))"
    params = {"workspace": workspace, "path": path, "first": f"{path}/", "last": f"{path}0", "limit": limit}
    objects = f"SELECT object_id FROM workspace_objects WHERE {where}"
    for table, key in (("workspace_permissions", ", principal_id"), ("workspace_users_levels", "")):
        removed = await tx.bulk(
            f"DELETE FROM {table} WHERE workspace_id = :workspace AND (object_id{key}) IN "
            f"(SELECT object_id{key} FROM {table} WHERE workspace_id = :workspace AND object_id IN ({objects}) LIMIT :limit)",
            **params,
        )
        if removed >= limit:
            return True
    removed = await tx.bulk(
        f"DELETE FROM workspace_objects WHERE workspace_id = :workspace AND path IN "
        f"(SELECT path FROM workspace_objects WHERE {where} ORDER BY path LIMIT :limit)",
        **params,
    )
    return removed >= limit


async def entry_points(tx: Tx, workspace: str, principal_id: str, directory: str, limit: int) -> list[str]:
    """Objects directly in a directory ('' is the root) on which the principal, one of its groups or `users` has a level."""
    first, last = (f"{directory}/", f"{directory}0") if directory else ("", "\U0010ffff")
    rows = await tx.scan(
        "SELECT o.path FROM workspace_objects o WHERE o.workspace_id = :workspace AND o.object_id IN ("
        "SELECT a.object_id FROM workspace_permissions a WHERE a.workspace_id = :workspace "
        f"AND a.principal_id IN {acts_as(':principal')} "
        "UNION SELECT u.object_id FROM workspace_users_levels u WHERE u.workspace_id = :workspace AND u.level > 0) "
        "AND o.path >= :first AND o.path < :last AND SUBSTR(o.path, :begin) NOT LIKE '%/%' ORDER BY o.path LIMIT :limit",
        workspace=workspace,
        first=first,
        last=last,
        begin=len(first) + 1,
        principal=principal_id,
        limit=limit,
    )
    return [row[0] for row in rows]
