"""Which workspaces an isolated catalog can be reached through. An open one can through all of them."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.models import models
from modelkeep.domain.authorization import Binding
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.model import CatalogBinding, Page, Securable
from modelkeep.domain.names import FullName
from modelkeep.domain.paging import page_size
from modelkeep.store import workspaces

MAX_PAGE = 1000


class GetBindings(msgspec.Struct, frozen=True):
    """By the workspace's id; of an open catalog what would hold if it were isolated."""

    name: FullName
    max_results: int | None = None
    page_token: str = ""


class ChangeBindings(msgspec.Struct, frozen=True):
    name: FullName
    add: tuple[CatalogBinding, ...] = ()
    remove: tuple[str, ...] = ()
    """ids of workspaces"""


class IsolateCatalog(msgspec.Struct, frozen=True):
    """True binds the catalog to the workspace of the request, as Databricks does; False opens it to all."""

    name: FullName
    isolated: bool


async def get_bindings(ctx: ReadCtx, req: GetBindings, catalog: Securable) -> Page[CatalogBinding]:
    scope = f"bindings of {catalog.id}|{ctx.actor.id}"
    position = ctx.config.page_tokens.open(scope, req.page_token, (str,))
    limit = page_size(req.max_results, MAX_PAGE, MAX_PAGE)
    bindings = await workspaces.bindings(ctx.tx, catalog.id, str(position[0]) if position else "", limit + 1)
    next_token = (
        ctx.config.page_tokens.seal(scope, (bindings[limit - 1].workspace_id,)) if len(bindings) > limit else ""
    )
    return Page(tuple(bindings[:limit]), next_token)


async def change_bindings(ctx: WriteCtx, req: ChangeBindings, catalog: Securable) -> list[CatalogBinding]:
    """All of the changes, or none. Raises InvalidArgument for a workspace that does not exist."""
    if not req.add and not req.remove:
        raise InvalidArgument(
            "The request changes nothing. Name workspaces to bind the catalog to, or to unbind it from."
        )
    before = {b.workspace_id: b.access for b in await workspaces.bindings(ctx.tx, catalog.id, "", MAX_PAGE)}
    await workspaces.unbind(ctx.tx, catalog.id, req.remove)
    for binding in req.add:
        if await workspaces.by_id(ctx.tx, binding.workspace_id) is None:
            raise InvalidArgument(f"Workspace {binding.workspace_id} does not exist.")
        await workspaces.bind(ctx.tx, catalog.id, binding.workspace_id, Binding(binding.access))
    after = await workspaces.bindings(ctx.tx, catalog.id, "", MAX_PAGE)
    ctx.changed("bindings", before, {b.workspace_id: b.access for b in after})
    return after


async def isolate_catalog(ctx: WriteCtx, req: IsolateCatalog, catalog: Securable) -> Securable:
    ctx.changed("isolated", catalog.isolated, req.isolated)
    if req.isolated != catalog.isolated:
        await workspaces.isolate(ctx.tx, catalog.id, req.isolated)
        if req.isolated:
            await workspaces.bind(ctx.tx, catalog.id, ctx.actor.workspace, Binding.READ_WRITE)
    return await models.fetch(ctx, req.name)
