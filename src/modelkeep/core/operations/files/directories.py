"""Directories of files: they come and go with what they hold, and in volumes also by themselves."""

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.files.files import FileRequest, WriteRequest, locked, readable, writable
from modelkeep.domain.errors import AlreadyExists, FileNotFound, NotEmpty
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.paging import page_size
from modelkeep.domain.paths import ROOT
from modelkeep.store import directories, files
from modelkeep.store.directories import DirectoryEntry

MAX_PAGE = 1000


class ListDirectory(FileRequest, frozen=True, kw_only=True):
    max_results: int | None = None
    page_token: str = ""


class MakeDirectory(WriteRequest, frozen=True, kw_only=True):
    pass


class DeleteDirectory(WriteRequest, frozen=True, kw_only=True):
    pass


async def list_directory(ctx: ReadCtx, req: ListDirectory, place: Securable | None) -> Page[DirectoryEntry]:
    """The entries directly in a directory, by name. Raises FileNotFound where it is a file or nothing."""
    set_id = await readable(ctx, req, place)
    scope = f"files|{set_id}|{req.path}|{ctx.actor.id}"
    after = ctx.config.page_tokens.open(scope, req.page_token, (str,))
    entries, next_name = await directories.children(
        ctx.tx, set_id, req.path.text, str(after[0]) if after else "", page_size(req.max_results, MAX_PAGE, MAX_PAGE)
    )
    empty = not entries and after is None and req.path != ROOT
    if empty and await files.file(ctx.tx, set_id, f"{req.path}/") is None:
        raise FileNotFound(f"There is no directory '{req.path}'.")
    return Page(tuple(entries), ctx.config.page_tokens.seal(scope, (next_name,)) if next_name else "")


async def make_directory(ctx: WriteCtx, req: MakeDirectory, place: Securable | None) -> None:
    """In a volume it exists from now on, with its parents. Elsewhere a caller who may write gets success: files may follow.
    Raises AlreadyExists."""
    if place is None or place.kind is not Kind.VOLUME:
        await writable(ctx, ctx.tx, req, place)
        return
    site = await locked(ctx, req, place)
    for path in (*req.path.parents, req.path.text) if req.path != ROOT else ():
        if await files.file(ctx.tx, site.set_id, path) is not None:
            raise AlreadyExists(f"'{path}' is a file: a path is a file or a directory.")
        if await directories.make_directory(ctx.tx, site.set_id, path, ctx.now):
            ctx.changed(f"directory {path}", None, "present")


async def delete_directory(ctx: WriteCtx, req: DeleteDirectory, place: Securable | None) -> None:
    """One that was never made is gone already. Raises NotEmpty."""
    site = await writable(ctx, ctx.tx, req, place)
    entries, _ = await directories.children(ctx.tx, site.set_id, req.path.text, "", 1)
    if entries:
        raise NotEmpty(f"The directory '{req.path}' holds files. Delete them first.")
    if await files.remove_file(ctx.tx, site.set_id, f"{req.path}/"):
        ctx.changed(f"directory {req.path}", "present", None)
