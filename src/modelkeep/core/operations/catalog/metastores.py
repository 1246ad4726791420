"""The metastore itself: reading it as its administrator, renaming it, and the limits that are enforced in it."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.models import models
from modelkeep.domain.errors import NotFound
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import METASTORE, FullName, fold
from modelkeep.domain.paging import page_size
from modelkeep.store import quotas, securable_lists, securables

ALIASES, TAGS = "alias-quota", "tag-quota"
MAX_PAGE = 500


class ReadMetastore(msgspec.Struct, frozen=True):
    """As an administrator. Every signed-in principal may read its summary (GetMetastore)."""

    name: FullName = METASTORE


class RenameMetastore(msgspec.Struct, frozen=True):
    new_name: str
    name: FullName = METASTORE


class TransferMetastore(msgspec.Struct, frozen=True):
    """Make a user, group or service principal the metastore admin."""

    owner: str
    name: FullName = METASTORE


class GetAssignment(msgspec.Struct, frozen=True):
    """The metastore that the caller's workspace is attached to."""

    name: FullName = METASTORE


class MetastoreAssignment(msgspec.Struct, frozen=True):
    metastore: Securable
    workspace_id: str


class GetQuota(msgspec.Struct, frozen=True):
    name: FullName
    quota: str


class ListQuotas(msgspec.Struct, frozen=True):
    """How many aliases each model has: of the rest, no number is limited but that of tags, which GetQuota tells."""

    max_results: int | None = None
    page_token: str = ""
    name: FullName = METASTORE


class Quota(msgspec.Struct, frozen=True):
    on: Securable
    name: str
    count: int
    limit: int


async def read_metastore(ctx: ReadCtx, req: ReadMetastore, metastore: Securable) -> Securable:
    return metastore


async def rename_metastore(ctx: WriteCtx, req: RenameMetastore, metastore: Securable) -> Securable:
    new = fold(req.new_name, Kind.METASTORE)
    ctx.changed("name", metastore.name, new)
    await securables.update(ctx.tx, metastore, ctx.actor.name, ctx.now, name=new, name_key=new)
    return await models.fetch(ctx, req.name)


async def transfer_metastore(ctx: WriteCtx, req: TransferMetastore, metastore: Securable) -> Securable:
    return await catalogs.transfer_ownership(ctx, catalogs.TransferOwnership(req.name, req.owner), metastore)


async def get_assignment(ctx: ReadCtx, req: GetAssignment, metastore: Securable) -> MetastoreAssignment:
    return MetastoreAssignment(metastore, ctx.actor.workspace)


async def get_quota(ctx: ReadCtx, req: GetQuota, securable: Securable) -> Quota:
    """How much of one limit a securable uses. Raises NotFound."""
    limits = ctx.config.limits
    if req.quota == ALIASES and securable.kind in (Kind.MODEL, Kind.PROMPT):
        counts = await quotas.alias_counts(ctx.tx, [securable.id])
        return Quota(securable, ALIASES, counts.get(securable.id, 0), limits.aliases_per_model)
    if req.quota == TAGS and securable.kind is not Kind.METASTORE:
        return Quota(securable, TAGS, len(securable.tags), limits.tags_per_securable)
    known = f"{TAGS}, and on a model or prompt {ALIASES}"
    raise NotFound(
        f"There is no limit '{req.quota[:100]}' on {RULES[securable.kind].label} '{securable.full_name}'. Enforced are {known}."
    )


async def list_quotas(ctx: ReadCtx, req: ListQuotas, metastore: Securable) -> Page[Quota]:
    scope = f"quotas|{ctx.actor.id}"
    position = ctx.config.page_tokens.open_name(scope, req.page_token)
    rows, following = await securable_lists.page_of_models(
        ctx.tx, "", ctx.actor, securable_lists.Slice(position, page_size(req.max_results, 100, MAX_PAGE))
    )
    counts = await quotas.alias_counts(ctx.tx, [model.id for model, _ in rows])
    limit = ctx.config.limits.aliases_per_model
    items = tuple(Quota(model, ALIASES, counts.get(model.id, 0), limit) for model, _ in rows)
    return Page(items, ctx.config.page_tokens.seal(scope, following) if following else "")
