"""Catalogs, schemas and the metastore: make, read, list, change, delete."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.models import models
from modelkeep.core.operations.models.models import Browsed
from modelkeep.core.operations.tables import placement
from modelkeep.domain.authorization import Requirement, decide
from modelkeep.domain.errors import InvalidArgument, NotEmpty
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import DEFAULT_SCHEMA, METASTORE, FullName, check_comment, check_in_urls, check_unchanged
from modelkeep.domain.paging import page_size
from modelkeep.domain.privileges import Privilege
from modelkeep.domain.suggestions import near
from modelkeep.store import deletion, principals, securable_lists, securables

MAX_PAGE = 1000
_RESERVED = ((Kind.CATALOG, "system"), (Kind.SCHEMA, "information_schema"))

SEE: dict[Kind, Requirement] = {
    Kind.CATALOG: Requirement(any_of=(Privilege.USE_CATALOG, Privilege.MANAGE), admin=True),
    Kind.SCHEMA: Requirement(any_of=(Privilege.USE_SCHEMA, Privilege.MANAGE), admin=True),
}
"""What it takes to get a container; BROWSE on the catalog gets its metadata."""


class CreateContainer(msgspec.Struct, frozen=True, kw_only=True):
    """A catalog or a schema."""

    name: FullName
    comment: str = ""
    spec: dict[str, str] = {}


class CreateCatalog(CreateContainer, frozen=True, kw_only=True):
    pass


class CreateSchema(CreateContainer, frozen=True, kw_only=True):
    pass


class GetSecurable(msgspec.Struct, frozen=True):
    """A catalog or schema, by its full name."""

    name: FullName


class GetCatalog(GetSecurable, frozen=True):
    pass


class GetSchema(GetSecurable, frozen=True):
    pass


class BrowseCatalog(GetCatalog, frozen=True):
    """As GetCatalog; a caller who holds no more than BROWSE gets metadata."""


class BrowseSchema(GetSchema, frozen=True):
    """As BrowseCatalog."""


class GetMetastore(msgspec.Struct, frozen=True):
    name: FullName = METASTORE


class ListCatalogs(msgspec.Struct, frozen=True):
    max_results: int | None = None
    page_token: str = ""
    unbound: bool = False
    """Those too that the workspace does not reach, where the caller may change their bindings."""
    name: FullName = METASTORE


class BrowseCatalogs(ListCatalogs, frozen=True):
    """As ListCatalogs, with those that the caller may only browse."""


class ListSchemas(msgspec.Struct, frozen=True):
    catalog: FullName
    max_results: int | None = None
    page_token: str = ""


class BrowseSchemas(ListSchemas, frozen=True):
    """As BrowseCatalogs."""


class UpdateComment(msgspec.Struct, frozen=True):
    """Of a catalog, schema or registered model; an absent comment of None changes nothing."""

    name: FullName
    comment: str
    etag: str = ""
    """Of the comment that the caller has read: a newer one is not overwritten."""


class UpdateCatalogComment(UpdateComment, frozen=True):
    """A metastore admin may change a catalog's owner, and nothing else of it (databricks-sdk, CatalogsAPI.update)."""


class UpdateSpec(msgspec.Struct, frozen=True):
    """Merge into the kind's own fields."""

    name: FullName
    spec: dict[str, str]


class UpdateCatalogSpec(UpdateSpec, frozen=True):
    pass


class TransferOwnership(msgspec.Struct, frozen=True):
    name: FullName
    owner: str


class RenameContainer(msgspec.Struct, frozen=True):
    name: FullName
    new_name: FullName


class RenameCatalog(RenameContainer, frozen=True):
    pass


class RenameSchema(RenameContainer, frozen=True):
    pass


class DeleteContainer(msgspec.Struct, frozen=True):
    name: FullName
    force: bool = False


async def create_catalog(ctx: WriteCtx, req: CreateCatalog, parent: Securable) -> Securable:
    """With an empty schema `default`, as Databricks makes it: terraform-provider-databricks deletes that right afterwards, and fails
    where there is none."""
    catalog = await _create(ctx, req, parent)
    await ctx.perform(CreateSchema(name=req.name.child(DEFAULT_SCHEMA)))
    return catalog


async def create_schema(ctx: WriteCtx, req: CreateSchema, parent: Securable) -> Securable:
    return await _create(ctx, req, parent)


async def _create(ctx: WriteCtx, req: CreateContainer, parent: Securable) -> Securable:
    _refuse_reserved(req.name)
    check_in_urls(req.name)
    kind, root = req.name.kind, req.spec.get(placement.ROOT_FIELD)
    folder = await placement.place_root(ctx, kind, root) if root else None
    spec = {**req.spec, placement.ROOT_FIELD: str(folder.url)} if folder else req.spec
    id = await securables.insert(
        ctx.tx,
        securables.NewSecurable(
            parent, req.name, ctx.actor.id, ctx.actor.name, ctx.now, check_comment(req.comment), spec
        ),
    )
    if folder is not None:
        own = placement.Placement(placement.container_location(folder.url, kind, id), folder.location_id)
        await placement.keep(ctx, id, kind, own)
    ctx.touch(req.name.kind, id, str(req.name))
    return await models.fetch(ctx, req.name)


def _refuse_reserved(name: FullName) -> None:
    """SQL finds views of its own under these names. Raises InvalidArgument."""
    if (name.kind, name.parts[-1]) in _RESERVED:
        raise InvalidArgument(f"The name '{name.parts[-1]}' is reserved for what SQL reads there. Choose another one.")


async def get_container(ctx: ReadCtx, req: GetSecurable, container: Securable) -> Securable:
    return container


async def get_metastore(ctx: ReadCtx, req: GetMetastore, metastore: Securable) -> Securable:
    return metastore


async def browse_container(ctx: ReadCtx, req: BrowseCatalog | BrowseSchema, container: Securable) -> Browsed[Securable]:
    return Browsed(container, not decide(SEE[container.kind], ctx.chains[req.name.chain_key]).allowed)


async def list_catalogs(ctx: ReadCtx, req: ListCatalogs, metastore: Securable) -> Page[Securable]:
    return _seen(await _page(ctx, Kind.CATALOG, metastore.id, req))


async def browse_catalogs(ctx: ReadCtx, req: BrowseCatalogs, metastore: Securable) -> Page[Browsed[Securable]]:
    return await _page(ctx, Kind.CATALOG, metastore.id, req, browse=True)


async def list_schemas(ctx: ReadCtx, req: ListSchemas, catalog: Securable) -> Page[Securable]:
    return _seen(await _page(ctx, Kind.SCHEMA, catalog.id, req))


async def browse_schemas(ctx: ReadCtx, req: BrowseSchemas, catalog: Securable) -> Page[Browsed[Securable]]:
    return await _page(ctx, Kind.SCHEMA, catalog.id, req, browse=True)


def _seen(page: Page[Browsed[Securable]]) -> Page[Securable]:
    return Page(tuple(item.entity for item in page.items), page.next_token)


async def _page(
    ctx: ReadCtx, kind: Kind, parent_id: str, req: ListCatalogs | ListSchemas, *, browse: bool = False
) -> Page[Browsed[Securable]]:
    unbound = isinstance(req, ListCatalogs) and req.unbound
    scope = f"{kind}|{parent_id}|{browse}|{unbound}|{ctx.actor.id}"
    after, limit = ctx.config.page_tokens.open_name(scope, req.page_token), page_size(req.max_results, 100, MAX_PAGE)
    rows, following = await securable_lists.page_of_containers(
        ctx.tx, kind, parent_id, ctx.actor, securable_lists.Slice(after, limit, browse=browse), unbound=unbound
    )
    return Page(
        tuple(Browsed(*row) for row in rows), ctx.config.page_tokens.seal(scope, following) if following else ""
    )


async def update_comment(ctx: WriteCtx, req: UpdateComment, securable: Securable) -> Securable:
    if req.etag:
        await securables.lock(ctx.tx, securable)
        securable = await models.fetch(ctx, req.name)
        check_unchanged(securable.comment, req.etag, str(req.name))
    ctx.changed("comment", securable.comment, req.comment)
    await securables.update(ctx.tx, securable, ctx.actor.name, ctx.now, comment=check_comment(req.comment))
    return await models.fetch(ctx, req.name)


async def update_spec(ctx: WriteCtx, req: UpdateSpec, securable: Securable) -> Securable:
    await securables.lock(ctx.tx, securable)
    before = (await models.fetch(ctx, req.name)).spec
    spec = {key: value for key, value in {**before, **req.spec}.items() if value}
    for key in req.spec:
        ctx.changed(key, before.get(key), spec.get(key))
    await securables.update(ctx.tx, securable, ctx.actor.name, ctx.now, spec=msgspec.json.encode(spec).decode())
    return await models.fetch(ctx, req.name)


async def transfer_ownership(ctx: WriteCtx, req: TransferOwnership, securable: Securable) -> Securable:
    """Another principal becomes the owner. Raises InvalidArgument."""
    principal = await principals.in_access_list(ctx.tx, req.owner)
    if principal is None:
        raise InvalidArgument(
            f"Principal '{req.owner[:255]}' does not exist. Name a user, group or service principal."
            + near(req.owner, await principals.like(ctx.tx, req.owner))
        )
    ctx.changed("owner", securable.owner, principal.name)
    await securables.update(ctx.tx, securable, ctx.actor.name, ctx.now, owner_id=principal.id)
    return await models.fetch(ctx, req.name)


async def rename_catalog(ctx: WriteCtx, req: RenameCatalog, catalog: Securable) -> Securable:
    return await _rename(ctx, req, catalog)


async def rename_schema(ctx: WriteCtx, req: RenameSchema, schema: Securable, catalog: Securable) -> Securable:
    return await _rename(ctx, req, schema)


async def _rename(ctx: WriteCtx, req: RenameContainer, container: Securable) -> Securable:
    _refuse_reserved(req.new_name)
    if req.new_name != req.name:
        check_in_urls(req.new_name)
    ctx.changed("name", str(req.name), str(req.new_name))
    await securables.rename(ctx.tx, container, req.new_name, ctx.actor.name, ctx.now)
    return await models.fetch(ctx, req.new_name)


async def _remove_default(ctx: WriteCtx, catalog: Securable) -> None:
    schema = await deletion.untouched_default(ctx.tx, catalog)
    if schema is None:
        return
    ctx.touch(schema.kind, schema.id, schema.full_name)
    await deletion.detach(ctx.tx, schema)
    if await deletion.has_children(ctx.tx, schema):
        raise _not_empty(catalog, catalog.full_name)
    await models.remove_detached(ctx, schema)


async def delete_container(ctx: WriteCtx, req: DeleteContainer, container: Securable) -> None:
    """With all that lies in it: nobody sees it from here on, and its name is free; rows and files go in steps of a job.
    The schema that came with a catalog goes without force, too, where nobody has used it."""
    await deletion.detach(ctx.tx, container)
    if container.kind is Kind.CATALOG and not req.force:
        await _remove_default(ctx, container)
    if not req.force and await deletion.has_children(ctx.tx, container):
        raise _not_empty(container, str(req.name))
    await models.remove_detached(ctx, container)


def _not_empty(container: Securable, name: str) -> NotEmpty:
    return NotEmpty(
        f"{RULES[container.kind].label} '{name}' is not empty. Delete what is in it first, or ask with force (CASCADE in SQL).",
        kind=container.kind,
    )
