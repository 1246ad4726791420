"""Workspace files: a tree of files for each workspace, with a home for each principal (`Users/<name>`) and `Shared` for all.

Bundles and the Databricks CLI keep their state there. The rules: a principal reads and writes in its home and in `Shared`; the
workspace's admins everywhere; others where an access list says so (workspace_access.py). Files are those of one artifact set,
under the paths that callers name.
"""

import msgspec

from modelkeep.blobs.port import Segment
from modelkeep.core.context import ReadCtx, ServiceCtx, WriteCtx
from modelkeep.core.operations.files import workspace_access
from modelkeep.core.operations.files.files import LINGER_MS, FileRequest, WriteRequest
from modelkeep.core.operations.files.workspace_access import (
    artifact_set_id,
    check,
    is_directory,
    level_by_lists,
    set_key,
)
from modelkeep.domain.errors import AlreadyExists, FileNotFound, InvalidArgument, LimitExceeded, NotEmpty
from modelkeep.domain.paths import ArtifactPath
from modelkeep.domain.workspace_paths import KIND, SHARED, USERS, ObjectLevel, home_of
from modelkeep.limits import DELETE_ROWS, WORKSPACE_ACCESS_ENTRIES, WORKSPACE_DIRECTORY_ENTRIES
from modelkeep.store import directories, files, jobs, workspace_objects
from modelkeep.store.db import Database, WriteTx
from modelkeep.store.directories import DirectoryEntry

_PAGE = 1_000
NO_ID = -1


class ListWorkspaceFiles(FileRequest, frozen=True, kw_only=True):
    """The objects directly in a directory, or the one file at the path."""


class GetWorkspaceFile(FileRequest, frozen=True, kw_only=True):
    pass


class MakeWorkspaceDirectory(WriteRequest, frozen=True, kw_only=True):
    pass


class DeleteWorkspaceFile(WriteRequest, frozen=True, kw_only=True):
    recursive: bool = False


class WorkspaceEntry(msgspec.Struct, frozen=True):
    """A file or directory, by its whole path."""

    path: str
    is_directory: bool
    size: int = 0
    """bytes"""
    modified_at: int = 0
    """epoch ms; 0 for a directory"""
    object_id: int = NO_ID
    """In the permissions API; an object of a directory that is being deleted has none."""


class DeletedTree(msgspec.Struct, frozen=True):
    """What the transaction of a deletion left to `finish`."""

    set_id: str
    directory: str
    """'' where nothing is left"""


def missing(path: ArtifactPath) -> FileNotFound:
    return FileNotFound(f"Path (/{path}) doesn't exist.")


async def prepare_set(ctx: ServiceCtx, db: Database, req: WriteRequest) -> str:
    """The id of the workspace's artifact set, which is made where it is missing."""
    async with db.read() as tx:
        await check(ctx, tx, req.path, ObjectLevel.CAN_MANAGE)
    return await files.own_set(db, KIND, ctx.now, set_key(ctx))


async def get_workspace_file(ctx: ReadCtx, req: GetWorkspaceFile) -> WorkspaceEntry:
    """Raises FileNotFound."""
    await check(ctx, ctx.tx, req.path, ObjectLevel.CAN_READ)
    path = req.path.text
    ids = await workspace_access.object_ids(ctx, ctx.tx, [path])
    set_id = await artifact_set_id(ctx, ctx.tx)
    file = await files.file(ctx.tx, set_id, path) if path else None
    if file is not None:
        return WorkspaceEntry(path, False, file.size, file.modified_at, ids.get(path, NO_ID))
    if await is_directory(ctx, ctx.tx, set_id, path):
        return WorkspaceEntry(path, True, object_id=ids.get(path, NO_ID))
    raise missing(req.path)


async def list_workspace_files(ctx: ReadCtx, req: ListWorkspaceFiles) -> list[WorkspaceEntry]:
    """By name. Raises FileNotFound, LimitExceeded."""
    entry = await get_workspace_file(ctx, GetWorkspaceFile(path=req.path, kind=KIND))
    if not entry.is_directory:
        return [entry]
    path = req.path.text
    if path in ("", USERS) and not await _sees_all(ctx, path):
        names = {SHARED, USERS} if not path else {home_of(ctx.actor)}
        names.update(
            await workspace_objects.entry_points(
                ctx.tx, ctx.actor.workspace, ctx.actor.id, path, WORKSPACE_DIRECTORY_ENTRIES
            )
        )
        entries = [await _visible(ctx, name) for name in sorted(names)]
    else:
        entries = [_whole(path, entry) for entry in await _children(ctx, path)]
    if not path:
        entries += [WorkspaceEntry(name, True) for name in (SHARED, USERS) if all(e.path != name for e in entries)]
    ids = await workspace_access.object_ids(ctx, ctx.tx, [entry.path for entry in entries])
    entries = [msgspec.structs.replace(entry, object_id=ids.get(entry.path, NO_ID)) for entry in entries]
    return sorted(entries, key=lambda entry: entry.path)


async def _visible(ctx: ReadCtx, path: str) -> WorkspaceEntry:
    file = await files.file(ctx.tx, await artifact_set_id(ctx, ctx.tx), path)
    return WorkspaceEntry(path, True) if file is None else WorkspaceEntry(path, False, file.size, file.modified_at)


async def _sees_all(ctx: ReadCtx, path: str) -> bool:
    return ctx.actor.workspace_admin or await level_by_lists(ctx, ctx.tx, path) >= ObjectLevel.CAN_READ


async def _children(ctx: ReadCtx, path: str) -> list[DirectoryEntry]:
    set_id, entries, after = await artifact_set_id(ctx, ctx.tx), list[DirectoryEntry](), ""
    while True:
        page, after = await directories.children(ctx.tx, set_id, path, after, _PAGE)
        entries += page
        if not after:
            return entries
        if len(entries) >= WORKSPACE_DIRECTORY_ENTRIES:
            raise LimitExceeded(
                f"The directory '/{path}' has more than {WORKSPACE_DIRECTORY_ENTRIES} entries. List its subdirectories."
            )


def _whole(directory: str, entry: DirectoryEntry) -> WorkspaceEntry:
    path = f"{directory}/{entry.name}" if directory else entry.name
    return WorkspaceEntry(path, entry.is_directory, entry.size, entry.modified_at)


async def make_workspace_directory(ctx: WriteCtx, req: MakeWorkspaceDirectory) -> None:
    """With those above it; one that exists stays as it is. Raises AlreadyExists where a file is on the way."""
    set_id: str = ctx.prepared
    await files.lock_open(ctx.tx, set_id)
    await check(ctx, ctx.tx, req.path, ObjectLevel.CAN_MANAGE)
    for path in (*req.path.parents, req.path.text):
        if await files.file(ctx.tx, set_id, path) is not None:
            raise AlreadyExists(f"'/{path}' is a file, so it cannot be a directory: it already exists.")
        if await directories.make_directory(ctx.tx, set_id, path, ctx.now):
            ctx.changed(f"directory /{path}", None, "present")
    await workspace_access.record(ctx, req.path.text)
    ctx.touch(KIND.upper(), f"/{req.path}", f"/{req.path}")


async def delete_workspace_file(ctx: WriteCtx, req: DeleteWorkspaceFile) -> DeletedTree:
    """A file, or a directory: one that is not empty only with `recursive`. Raises FileNotFound, NotEmpty, InvalidArgument."""
    set_id, path = ctx.prepared, req.path.text
    if path in ("", USERS, SHARED):
        raise InvalidArgument(f"'/{path}' cannot be deleted. Name something in it.")
    await files.lock_open(ctx.tx, set_id)
    await check(ctx, ctx.tx, req.path, ObjectLevel.CAN_MANAGE)
    ctx.touch(KIND.upper(), f"/{path}", f"/{path}")
    ctx.changed(f"/{path}", "present", None)
    if segments := await files.remove_file(ctx.tx, set_id, path):
        await _free(ctx.tx, set_id, [segments])
        await workspace_objects.remove(ctx.tx, ctx.actor.workspace, path, WORKSPACE_ACCESS_ENTRIES + 1)
        return DeletedTree(set_id, "")
    below, _ = await directories.children(ctx.tx, set_id, path, "", 1)
    if below and not req.recursive:
        raise NotEmpty(f"Folder (/{path}) is not empty. Delete what is in it, or send recursive=true.")
    if not below and await files.file(ctx.tx, set_id, f"{path}/") is None:
        raise missing(req.path)
    return DeletedTree(set_id, path if await _delete_step(ctx.tx, ctx.actor.workspace, set_id, path) else "")


async def finish_deletion(ctx: ServiceCtx, db: Database, deleted: DeletedTree) -> None:
    """What is left of a large directory, in steps, so that no transaction grows with it."""
    left = bool(deleted.directory)
    while left:
        async with db.write(ctx.actor.id) as tx:
            left = await _delete_step(tx, ctx.actor.workspace, deleted.set_id, deleted.directory)


async def _delete_step(tx: WriteTx, workspace: str, set_id: str, directory: str) -> bool:
    """True where something may be left. Access lists go first: what is made again under a name begins without one."""
    if await workspace_objects.remove(tx, workspace, directory, DELETE_ROWS):
        return True
    segments = await directories.remove_below(tx, set_id, directory, DELETE_ROWS)
    await _free(tx, set_id, segments)
    return len(segments) == DELETE_ROWS


async def _free(tx: WriteTx, set_id: str, segments: list[str]) -> None:
    for segment in (segment for text in segments for segment in msgspec.json.decode(text, type=list[Segment])):
        await jobs.enqueue(tx, "drop", f"{set_id}/{segment.object}", delay_ms=LINGER_MS)
