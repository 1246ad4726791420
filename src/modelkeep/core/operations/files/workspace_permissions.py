"""Access lists of workspace directories and files. A notebook is a file here.

What a place gives (the home of a principal, the workspace's admins) is listed, and cannot be taken away.
"""

from typing import Literal

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.files.workspace_access import (
    artifact_set_id,
    chain_of,
    check,
    is_directory,
    level_of,
    object_ids,
    record,
)
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound
from modelkeep.domain.model import Principal
from modelkeep.domain.names import fold_principal
from modelkeep.domain.paths import ArtifactPath
from modelkeep.domain.workspace_paths import (
    KIND,
    ROOT_OBJECT_ID,
    SHARED,
    USERS,
    ObjectLevel,
    always_there,
    object_id_of_place,
)
from modelkeep.limits import WORKSPACE_ACCESS_ENTRIES
from modelkeep.store import experiments, files, principals, workspace_objects
from modelkeep.store.bootstrap import ADMINS
from modelkeep.store.principals import WORKSPACE_USERS

ObjectType = Literal["directories", "files", "notebooks"]


class NamedLevel(msgspec.Struct, frozen=True):
    """A principal by its name, of one of these kinds, and its level."""

    name: str
    kinds: tuple[str, ...]
    level: ObjectLevel


class GetWorkspacePermissions(msgspec.Struct, frozen=True):
    type: ObjectType
    object_id: int


class SetWorkspacePermissions(msgspec.Struct, frozen=True):
    """`replace`: all others lose what they had directly; otherwise these levels are added or changed."""

    type: ObjectType
    object_id: int
    levels: tuple[NamedLevel, ...]
    replace: bool


class PermissionEntry(msgspec.Struct, frozen=True):
    name: str
    kind: str
    """USER, GROUP or SERVICE_PRINCIPAL"""
    display_name: str
    level: ObjectLevel
    directory_id: int | None = None
    """Of the directory that it is inherited from; None: of the object itself"""


class WorkspacePermissions(msgspec.Struct, frozen=True):
    entries: tuple[PermissionEntry, ...]


async def get_workspace_permissions(ctx: ReadCtx, req: GetWorkspacePermissions) -> WorkspacePermissions:
    """Raises NotFound, PermissionDenied."""
    return await _listed(ctx, await _managed(ctx, req))


async def set_workspace_permissions(ctx: WriteCtx, req: SetWorkspacePermissions) -> WorkspacePermissions:
    """Raises InvalidArgument, LimitExceeded, NotFound, PermissionDenied."""
    _check_count(len(req.levels))
    if set_id := await artifact_set_id(ctx, ctx.tx):
        await files.lock_open(ctx.tx, set_id)  # a deletion of the object waits, or has been
    path = await _managed(ctx, req)
    workspace = ctx.actor.workspace
    await record(ctx, path)
    await workspace_objects.lock(ctx.tx, workspace, path)
    levels, users = await _parsed(ctx, req.levels)
    before = {p.principal_id: p for p in await workspace_objects.permissions(ctx.tx, workspace, [req.object_id])}
    gone = before.keys() - levels.keys() if req.replace else set[str]()
    _check_count(len(before.keys() | levels.keys()) - len(gone))
    await workspace_objects.forbid(ctx.tx, workspace, req.object_id, gone)
    level_by_id = {id: level for id, (_, level) in levels.items()}
    await workspace_objects.permit(ctx.tx, workspace, req.object_id, level_by_id, by=ctx.actor.name, at=ctx.now)
    for id in gone:
        ctx.changed(before[id].name, before[id].level.name, None)
    for id, (name, level) in levels.items():
        ctx.changed(name, before[id].level.name if id in before else None, level.name)
    if users is not None or req.replace:
        await _set_users_level(ctx, req.object_id, path, users)
    return await _listed(ctx, path)


async def _set_users_level(ctx: WriteCtx, object_id: int, path: str, level: ObjectLevel | None) -> None:
    """Shared is for all until somebody says otherwise, so that nothing is a level there."""
    workspace = ctx.actor.workspace
    before = (await workspace_objects.levels_of_users(ctx.tx, workspace, [object_id])).get(object_id)
    level = ObjectLevel.NONE if level is None and path == SHARED else level
    await workspace_objects.set_users_level(ctx.tx, workspace, object_id, level, by=ctx.actor.name, at=ctx.now)
    ctx.changed(WORKSPACE_USERS, before and before.name, level and level.name)


async def _managed(ctx: ReadCtx, req: GetWorkspacePermissions | SetWorkspacePermissions) -> str:
    """The path of an object that the caller manages. One that the caller may not read is missing to him.
    Raises NotFound, PermissionDenied."""
    missing = NotFound(
        f"{req.type}/{req.object_id} does not exist. Take the object_id that /api/2.0/workspace/get-status answers.",
        kind=KIND.upper(),
    )
    path = await _path_of(ctx, req.object_id)
    if path is None or await level_of(ctx, ctx.tx, path) < ObjectLevel.CAN_READ:
        raise missing
    set_id = await artifact_set_id(ctx, ctx.tx)
    file = await files.file(ctx.tx, set_id, path) if path else None
    if (file is None) is not (req.type == "directories") or not (
        file is not None or await is_directory(ctx, ctx.tx, set_id, path)
    ):
        raise missing
    await check(ctx, ctx.tx, ArtifactPath(path), ObjectLevel.CAN_MANAGE)
    ctx.touch(KIND.upper(), f"/{path}", f"/{path}")
    return path


async def _path_of(ctx: ReadCtx, object_id: int) -> str | None:
    workspace = ctx.actor.workspace
    if (path := await workspace_objects.path_of(ctx.tx, workspace, object_id)) is not None:
        return path
    for place in ("", USERS, SHARED, f"{USERS}/{ctx.actor.name}"):
        if object_id_of_place(workspace, place) == object_id and always_there(ctx.actor, place):
            return None if await workspace_objects.ids_of(ctx.tx, workspace, [place]) else place
    return None


async def _parsed(
    ctx: ReadCtx, levels: tuple[NamedLevel, ...]
) -> tuple[dict[str, tuple[str, ObjectLevel]], ObjectLevel | None]:
    """Names and levels by principal id, and the level of the group `users`. Admins always manage, so they get no row.
    Raises NotFound, InvalidArgument."""
    named = await principals.by_names(ctx.tx, [entry.name for entry in levels])
    by_id: dict[str, tuple[str, ObjectLevel]] = {}
    for entry in levels:
        principal = await _principal(ctx, entry, named)
        if principal.id in by_id:
            raise InvalidArgument(f"'{entry.name[:255]}' is in access_control_list twice.")
        if principal.name == ADMINS and entry.level is not ObjectLevel.CAN_MANAGE:
            raise InvalidArgument(f"The group '{ADMINS}' always has CAN_MANAGE. Leave it out of access_control_list.")
        by_id[principal.id] = principal.name, entry.level
    users = by_id.pop(WORKSPACE_USERS, None)
    rows = {id: (name, level) for id, (name, level) in by_id.items() if name != ADMINS}
    return rows, users[1] if users else None


async def _principal(ctx: ReadCtx, entry: NamedLevel, named: dict[str, Principal]) -> Principal:
    """Raises NotFound, InvalidArgument."""
    key = fold_principal(entry.name)
    principal = named.get(key) or await principals.in_access_list(ctx.tx, entry.name)
    if principal is None and key == WORKSPACE_USERS:
        principal = Principal(WORKSPACE_USERS, "GROUP", WORKSPACE_USERS, WORKSPACE_USERS, True, False, 0)
    if principal is None or principal.kind not in entry.kinds:
        raise NotFound(f"Principal '{entry.name[:255]}' does not exist.", kind="PRINCIPAL")
    return principal


def _check_count(count: int) -> None:
    if count > WORKSPACE_ACCESS_ENTRIES:
        raise LimitExceeded(
            f"{count} principals would be named; at most {WORKSPACE_ACCESS_ENTRIES} are allowed. Name a group."
        )


# --- what is answered ------------------------------------------------------------------------------------------------


async def _listed(ctx: ReadCtx, path: str) -> WorkspacePermissions:
    """The lists of the object and of the directories above it, what follows from the place, and the admins."""
    workspace = ctx.actor.workspace
    ids = await object_ids(ctx, ctx.tx, chain_of(path))
    own = ids[path]
    entries = [
        PermissionEntry(p.name, p.kind, p.display_name, p.level, None if p.object_id == own else p.object_id)
        for p in await workspace_objects.permissions(ctx.tx, workspace, ids.values())
    ]
    users = await workspace_objects.levels_of_users(ctx.tx, workspace, ids.values())
    if path.partition("/")[0] == SHARED:
        users.setdefault(ids[SHARED], ObjectLevel.CAN_MANAGE)
    entries += [
        PermissionEntry(WORKSPACE_USERS, "GROUP", WORKSPACE_USERS, level, None if id == own else id)
        for id, level in users.items()
        if level is not ObjectLevel.NONE
    ]
    entries += await _of_home(ctx, path, ids)
    entries.append(PermissionEntry(ADMINS, "GROUP", ADMINS, ObjectLevel.CAN_MANAGE, ROOT_OBJECT_ID if path else None))
    for admin in await experiments.inherited(ctx.tx, workspace):
        if admin.principal != ADMINS:
            entries.append(
                PermissionEntry(
                    admin.principal,
                    admin.kind,
                    admin.display_name,
                    ObjectLevel.CAN_MANAGE,
                    ROOT_OBJECT_ID if path else None,
                )
            )
    return WorkspacePermissions(tuple(entries))


async def _of_home(ctx: ReadCtx, path: str, ids: dict[str, int]) -> list[PermissionEntry]:
    top, _, rest = path.partition("/")
    owner = rest.partition("/")[0] if top == USERS else ""
    principal = await principals.by_name(ctx.tx, owner) if owner else None
    if principal is None or principal.name != owner:
        return []
    home = f"{USERS}/{owner}"
    inherited_from = None if home == path else ids[home]
    return [
        PermissionEntry(principal.name, principal.kind, principal.display_name, ObjectLevel.CAN_MANAGE, inherited_from)
    ]
