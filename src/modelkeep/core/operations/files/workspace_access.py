"""What a caller may do with a workspace file or directory: by its place (domain/workspace_paths.py), or by an access list of it
or of a directory above it. Access lists add, and take nothing away."""

from collections.abc import Sequence

from modelkeep.core.context import BaseCtx, WriteCtx
from modelkeep.domain.errors import FileNotFound, InvalidArgument
from modelkeep.domain.paths import ArtifactPath
from modelkeep.domain.workspace_paths import (
    KIND,
    SHARED,
    USERS,
    ObjectLevel,
    always_there,
    level_of_place,
    level_of_users,
    object_id_of_place,
    refusal,
)
from modelkeep.store import directories, files, workspace_objects
from modelkeep.store.db import Tx


async def artifact_set_id(ctx: BaseCtx, tx: Tx) -> str:
    """The workspace's artifact set; '' where nothing was ever written."""
    artifact_set = await files.set_of(tx, set_key(ctx))
    return artifact_set.id if artifact_set else ""


def set_key(ctx: BaseCtx) -> str:
    return files.tracked_key(ctx.actor.workspace, KIND, "")


async def is_directory(ctx: BaseCtx, tx: Tx, set_id: str, path: str) -> bool:
    if always_there(ctx.actor, path) or await files.file(tx, set_id, f"{path}/") is not None:
        return True
    below, _ = await directories.children(tx, set_id, path, "", 1)
    return bool(below)


# --- who may ---------------------------------------------------------------------------------------------------------


async def level_by_lists(ctx: BaseCtx, tx: Tx, path: str) -> ObjectLevel:
    """The highest level that an access list gives the caller at the path."""
    workspace = ctx.actor.workspace
    chain = await object_ids(ctx, tx, chain_of(path))
    users = await workspace_objects.levels_of_users(tx, workspace, chain.values())
    level = await workspace_objects.level(tx, workspace, chain.values(), ctx.actor.id)
    return max(level, *(level_of_users(directory, path, users.get(id)) for directory, id in chain.items()))


async def level_of(ctx: BaseCtx, tx: Tx, path: str) -> ObjectLevel:
    """What the caller may do at the path."""
    level = level_of_place(ctx.actor, path)
    return level if level is ObjectLevel.CAN_MANAGE else max(level, await level_by_lists(ctx, tx, path))


async def check(ctx: BaseCtx, tx: Tx, path: ArtifactPath, needed: ObjectLevel) -> None:
    """Raises PermissionDenied, which says nothing about whether the object exists."""
    if level_of_place(ctx.actor, path.text) < needed and await level_by_lists(ctx, tx, path.text) < needed:
        raise refusal(ctx.actor, path, needed)


async def check_write(ctx: BaseCtx, tx: Tx, path: ArtifactPath) -> None:
    """To change a file that exists takes CAN_EDIT, to make one CAN_MANAGE. Raises PermissionDenied; FileNotFound where its
    directory does not exist; InvalidArgument where that is a file."""
    level, set_id = await level_of(ctx, tx, path.text), await artifact_set_id(ctx, tx)
    exists = level >= ObjectLevel.CAN_EDIT and await files.file(tx, set_id, path.text) is not None
    if level < (ObjectLevel.CAN_EDIT if exists else ObjectLevel.CAN_MANAGE):
        raise refusal(ctx.actor, path, ObjectLevel.CAN_MANAGE)
    if exists:
        return
    directory = path.text.rpartition("/")[0]
    if await files.file(tx, set_id, directory) is not None:
        raise InvalidArgument(f"'/{directory}' is a file, and no directory.")
    if not await is_directory(ctx, tx, set_id, directory):
        raise FileNotFound(f"Path (/{directory}) doesn't exist.")


# --- the ids of objects ----------------------------------------------------------------------------------------------


def chain_of(path: str) -> tuple[str, ...]:
    """The root, the directories above, and the path itself."""
    return ("", *ArtifactPath(path).parents, path) if path else ("",)


async def object_ids(ctx: BaseCtx, tx: Tx, paths: Sequence[str]) -> dict[str, int]:
    """By path, without what has no id. Some directories have one before anybody made them."""
    ids = await workspace_objects.ids_of(tx, ctx.actor.workspace, paths)
    return {
        path: ids.get(path, object_id_of_place(ctx.actor.workspace, path))
        for path in paths
        if path in ids or has_id_by_place(path)
    }


def has_id_by_place(path: str) -> bool:
    """The root, the folders `Users` and `Shared`, and homes."""
    top, _, rest = path.partition("/")
    return path in ("", USERS, SHARED) or (top == USERS and "/" not in rest)


async def record(ctx: WriteCtx, path: str) -> None:
    """Give the object and the directories above it ids where they have none."""
    workspace, paths = ctx.actor.workspace, chain_of(path)
    ids = await workspace_objects.ids_of(ctx.tx, workspace, paths)
    for new in (above for above in paths if above and above not in ids):
        id = object_id_of_place(workspace, new) if has_id_by_place(new) else None
        await workspace_objects.record(ctx.tx, workspace, new, id)
