"""Workspace files: a tree of files for each workspace, with a home for each principal (`Users/<name>`) and `Shared` for all.

Bundles and the Databricks CLI keep their state there. The rules: a principal reads and writes in its home and in `Shared`; the
workspace's admins everywhere. Files are those of one artifact set, under the paths that callers name.
"""

import msgspec

from modelkeep.blobs.port import Segment
from modelkeep.core.context import BaseCtx, ReadCtx, ServiceCtx, WriteCtx
from modelkeep.core.operations.files.files import LINGER_MS, FileRequest, WriteRequest
from modelkeep.domain.errors import AlreadyExists, FileNotFound, InvalidArgument, LimitExceeded, NotEmpty
from modelkeep.domain.paths import ArtifactPath
from modelkeep.domain.workspace_paths import KIND, SHARED, USERS, always_there, check, home_of
from modelkeep.limits import DELETE_ROWS, WORKSPACE_DIRECTORY_ENTRIES
from modelkeep.store import directories, files, jobs
from modelkeep.store.db import Database, Tx, WriteTx
from modelkeep.store.directories import DirectoryEntry

_PAGE = 1_000


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


class DeletedTree(msgspec.Struct, frozen=True):
    """What the transaction of a deletion left to `finish`."""

    set_id: str
    directory: str
    """'' where nothing is left"""


def missing(path: ArtifactPath) -> FileNotFound:
    return FileNotFound(f"Path (/{path}) doesn't exist.")


async def _set_id(ctx: BaseCtx, tx: Tx) -> str:
    """The workspace's artifact set; '' where nothing was ever written."""
    artifact_set = await files.set_of(tx, _key(ctx))
    return artifact_set.id if artifact_set else ""


def _key(ctx: BaseCtx) -> str:
    return files.tracked_key(ctx.actor.workspace, KIND, "")


async def prepare_set(ctx: ServiceCtx, db: Database, req: WriteRequest) -> str:
    """The id of the workspace's artifact set, which is made where it is missing."""
    check(ctx.actor, req.path, write=True)
    return await files.own_set(db, KIND, ctx.now, _key(ctx))


async def get_workspace_file(ctx: ReadCtx, req: GetWorkspaceFile) -> WorkspaceEntry:
    """Raises FileNotFound."""
    check(ctx.actor, req.path, write=False)
    set_id = await _set_id(ctx, ctx.tx)
    file = await files.file(ctx.tx, set_id, req.path.text) if req.path.text else None
    if file is not None:
        return WorkspaceEntry(file.path, False, file.size, file.modified_at)
    if always_there(ctx.actor, req.path.text) or await _is_directory(ctx.tx, set_id, req.path.text):
        return WorkspaceEntry(req.path.text, True)
    raise missing(req.path)


async def _is_directory(tx: Tx, set_id: str, path: str) -> bool:
    if await files.file(tx, set_id, f"{path}/") is not None:
        return True
    below, _ = await directories.children(tx, set_id, path, "", 1)
    return bool(below)


async def list_workspace_files(ctx: ReadCtx, req: ListWorkspaceFiles) -> list[WorkspaceEntry]:
    """By name. Raises FileNotFound, LimitExceeded."""
    entry = await get_workspace_file(ctx, GetWorkspaceFile(path=req.path, kind=KIND))
    if not entry.is_directory:
        return [entry]
    path = req.path.text
    if path in ("", USERS) and not ctx.actor.workspace_admin:
        visible = (SHARED, USERS) if not path else (home_of(ctx.actor),)
        return [WorkspaceEntry(name, True) for name in visible]
    entries = [_whole(path, entry) for entry in await _children(ctx, path)]
    if not path:
        entries += [WorkspaceEntry(name, True) for name in (SHARED, USERS) if all(e.path != name for e in entries)]
    return sorted(entries, key=lambda entry: entry.path)


async def _children(ctx: ReadCtx, path: str) -> list[DirectoryEntry]:
    set_id, entries, after = await _set_id(ctx, ctx.tx), list[DirectoryEntry](), ""
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
    for path in (*req.path.parents, req.path.text):
        if await files.file(ctx.tx, set_id, path) is not None:
            raise AlreadyExists(f"'/{path}' is a file, so it cannot be a directory: it already exists.")
        if await directories.make_directory(ctx.tx, set_id, path, ctx.now):
            ctx.changed(f"directory /{path}", None, "present")
    ctx.touch(KIND.upper(), f"/{req.path}", f"/{req.path}")


async def delete_workspace_file(ctx: WriteCtx, req: DeleteWorkspaceFile) -> DeletedTree:
    """A file, or a directory: one that is not empty only with `recursive`. Raises FileNotFound, NotEmpty, InvalidArgument."""
    set_id, path = ctx.prepared, req.path.text
    if path in ("", USERS, SHARED):
        raise InvalidArgument(f"'/{path}' cannot be deleted. Name something in it.")
    await files.lock_open(ctx.tx, set_id)
    ctx.touch(KIND.upper(), f"/{path}", f"/{path}")
    ctx.changed(f"/{path}", "present", None)
    if segments := await files.remove_file(ctx.tx, set_id, path):
        await _free(ctx.tx, set_id, [segments])
        return DeletedTree(set_id, "")
    below, _ = await directories.children(ctx.tx, set_id, path, "", 1)
    if below and not req.recursive:
        raise NotEmpty(f"Folder (/{path}) is not empty. Delete what is in it, or send recursive=true.")
    if not below and await files.file(ctx.tx, set_id, f"{path}/") is None:
        raise missing(req.path)
    return DeletedTree(set_id, path if await _delete_step(ctx.tx, set_id, path) else "")


async def finish_deletion(ctx: ServiceCtx, db: Database, deleted: DeletedTree) -> None:
    """What is left of a large directory, in steps, so that no transaction grows with it."""
    left = bool(deleted.directory)
    while left:
        async with db.write(ctx.actor.id) as tx:
            left = await _delete_step(tx, deleted.set_id, deleted.directory)


async def _delete_step(tx: WriteTx, set_id: str, directory: str) -> bool:
    """True where something may be left."""
    segments = await directories.remove_below(tx, set_id, directory, DELETE_ROWS)
    await _free(tx, set_id, segments)
    return len(segments) == DELETE_ROWS


async def _free(tx: WriteTx, set_id: str, segments: list[str]) -> None:
    for segment in (segment for text in segments for segment in msgspec.json.decode(text, type=list[Segment])):
        await jobs.enqueue(tx, "drop", f"{set_id}/{segment.object}", delay_ms=LINGER_MS)
