"""Functions, volumes and tables alike: get, list, browse, rename, delete."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.models import models
from modelkeep.core.operations.models.models import Browsed
from modelkeep.domain.authorization import Requirement, decide, holds
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import FullName, check_in_urls
from modelkeep.domain.paging import page_size
from modelkeep.domain.privileges import Privilege
from modelkeep.store import deletion, securable_lists, securables

MAX_PAGE = 1000

READ: Requirement = holds(Privilege.READ_VOLUME, Privilege.SELECT, Privilege.EXECUTE, admin=True)
"""Each kind knows one of them, and the others cannot be granted on it."""


class GetObject(msgspec.Struct, frozen=True):
    """A function, volume or table: the kind is the name's."""

    name: FullName


class BrowseObject(GetObject, frozen=True):
    """As GetObject; a caller who holds no more than BROWSE on the catalog gets metadata."""


class ListObjects(msgspec.Struct, frozen=True):
    """Those of one kind in a schema that the caller may read."""

    schema: FullName
    kind: Kind
    max_results: int | None = None
    page_token: str = ""


class BrowseObjects(ListObjects, frozen=True):
    """As ListObjects, with those that the caller may only browse."""


class RenameObject(msgspec.Struct, frozen=True):
    name: FullName
    new_name: FullName


class DeleteObject(msgspec.Struct, frozen=True):
    name: FullName


async def get_object(ctx: ReadCtx, req: GetObject, securable: Securable) -> Securable:
    return securable


async def browse_object(ctx: ReadCtx, req: BrowseObject, securable: Securable) -> Browsed[Securable]:
    return Browsed(securable, not decide(READ, ctx.chains[req.name.chain_key]).allowed)


async def list_objects(ctx: ReadCtx, req: ListObjects, schema: Securable) -> Page[Securable]:
    page = await _page(ctx, req, schema, browse=False)
    return Page(tuple(item.entity for item in page.items), page.next_token)


async def browse_objects(ctx: ReadCtx, req: BrowseObjects, schema: Securable) -> Page[Browsed[Securable]]:
    return await _page(ctx, req, schema, browse=True)


async def _page(ctx: ReadCtx, req: ListObjects, schema: Securable, *, browse: bool) -> Page[Browsed[Securable]]:
    """By name. Raises BadPageToken, InvalidArgument."""
    scope = f"{req.kind}|{schema.id}|{browse}|{ctx.actor.id}"
    position = ctx.config.page_tokens.open_name(scope, req.page_token)
    rows, following = await securable_lists.page_of_objects(
        ctx.tx,
        req.kind,
        schema,
        ctx.actor,
        securable_lists.Slice(position, page_size(req.max_results, 100, MAX_PAGE), browse=browse),
    )
    return Page(
        tuple(Browsed(*row) for row in rows), ctx.config.page_tokens.seal(scope, following) if following else ""
    )


async def rename_object(ctx: WriteCtx, req: RenameObject, securable: Securable) -> Securable:
    """Only the name changes: files, grants and tags hang on the id."""
    ctx.changed("name", str(req.name), str(req.new_name))
    if req.new_name != req.name:
        check_in_urls(req.new_name)
        await securables.rename(ctx.tx, securable, req.new_name, ctx.actor.name, ctx.now)
    return await models.fetch(ctx, req.new_name)


async def delete_object(ctx: WriteCtx, req: DeleteObject, securable: Securable) -> None:
    """A volume goes with its files: a job frees the bytes."""
    await deletion.detach(ctx.tx, securable)
    await models.remove_detached(ctx, securable)
