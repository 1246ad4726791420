"""Registered models: make, read, list, rename, delete; their aliases and tags."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.governance.tag_policies import check_governed
from modelkeep.core.operations.models.protected_aliases import check_movable
from modelkeep.domain.authorization import Requirement, decide, holds
from modelkeep.domain.errors import AlreadyExists, LimitExceeded, NotEmpty, NotFound, WrongState
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, RegisteredModel, Securable, Status
from modelkeep.domain.names import FullName, check_alias, check_comment, check_in_urls, check_spaces, check_tag, missing
from modelkeep.domain.paging import page_size
from modelkeep.domain.privileges import Privilege
from modelkeep.store import deletion, files, jobs, securable_lists, securables, versions

MAX_PAGE = 1000
T = TypeVar("T")

READ: Requirement = holds(Privilege.EXECUTE, admin=True)
"""What reading a model, its versions and their files needs."""


class CreateModel(msgspec.Struct, frozen=True):
    name: FullName
    comment: str = ""
    tags: dict[str, str] = {}
    deployment_job_id: str = ""
    spelled: str = ""
    """Its own name before it was folded, where the caller's dialect gives that back"""


class GetModel(msgspec.Struct, frozen=True):
    name: FullName


class ListModels(msgspec.Struct, frozen=True):
    """All of the metastore, or of one schema, that the caller may read."""

    schema: FullName | None = None
    max_results: int | None = None
    page_token: str = ""


class BrowseModel(GetModel, frozen=True):
    """As GetModel; a caller who holds no more than BROWSE on the catalog gets metadata."""


class BrowseModels(ListModels, frozen=True):
    """As ListModels, with the models that the caller may only browse."""


class Browsed(msgspec.Struct, Generic[T], frozen=True):
    """An entity, and whether the caller sees it through BROWSE alone: then the answer has only its metadata."""

    entity: T
    only: bool


class RenameModel(msgspec.Struct, frozen=True):
    name: FullName
    new_name: FullName
    spelled: str = ""
    """As in CreateModel"""


class DeleteModel(msgspec.Struct, frozen=True):
    name: FullName
    force: bool = True
    """False refuses where versions exist."""


class SetAlias(msgspec.Struct, frozen=True):
    name: FullName
    alias: str
    version: int


class DeleteAlias(msgspec.Struct, frozen=True):
    name: FullName
    alias: str


class ChangeTags(msgspec.Struct, frozen=True):
    """Set and remove tags of a securable, or of one version of a model."""

    name: FullName
    version: int | None = None
    set: dict[str, str] = {}
    remove: tuple[str, ...] = ()


class AssignTag(msgspec.Struct, frozen=True):
    """A tag that the securable does not have yet."""

    name: FullName
    key: str
    value: str = ""


class ReassignTag(AssignTag, frozen=True):
    """Another value for a tag that it has."""


class ListTags(msgspec.Struct, frozen=True):
    """By key."""

    name: FullName
    max_results: int | None = None
    page_token: str = ""


class ListCatalogTags(ListTags, frozen=True):
    pass


class ListSchemaTags(ListTags, frozen=True):
    pass


class ListObjectTags(ListTags, frozen=True):
    """Of a model, function, volume or table."""


async def fetch(ctx: ReadCtx, name: FullName) -> Securable:
    """The securable as this transaction has it now. Raises NotFound if it was renamed or deleted since it was resolved."""
    securable = await securables.by_name(ctx.tx, name)
    if securable is None:
        raise missing(str(name), name.leaf)
    return securable


async def create_model(ctx: WriteCtx, req: CreateModel, schema: Securable) -> RegisteredModel:
    check_spaces(req.name, ctx.config.home)
    check_in_urls(req.name)
    spec = {"deployment_job_id": req.deployment_job_id} if req.deployment_job_id else {}
    comment = check_comment(req.comment)
    id = await securables.insert(
        ctx.tx,
        securables.NewSecurable(schema, req.name, ctx.actor.id, ctx.actor.name, ctx.now, comment, spec, req.spelled),
    )
    ctx.touch("MODEL", id, str(req.name))
    model = await fetch(ctx, req.name)
    if req.tags:
        await check_tags(ctx, req.tags)
        await versions.put_tags(ctx.tx, model, None, req.tags, ctx.actor.name, ctx.now)
        model = await fetch(ctx, req.name)
    return RegisteredModel(model, {})


async def get_model(ctx: ReadCtx, req: GetModel, model: Securable) -> RegisteredModel:
    return await versions.registered(ctx.tx, model)


async def list_models(ctx: ReadCtx, req: ListModels, schema: Securable | None) -> Page[Securable]:
    schema_id = schema.id if schema else ""
    scope = f"MODEL|{schema_id}|{ctx.actor.id}"
    after = ctx.config.page_tokens.open_name(scope, req.page_token)
    rows, following = await securable_lists.page_of_models(
        ctx.tx, schema_id, ctx.actor, securable_lists.Slice(after, page_size(req.max_results, 100, MAX_PAGE))
    )
    return Page(tuple(model for model, _ in rows), ctx.config.page_tokens.seal(scope, following) if following else "")


async def browse_model(ctx: ReadCtx, req: BrowseModel, model: Securable) -> Browsed[RegisteredModel]:
    return Browsed(await versions.registered(ctx.tx, model), not may_read(ctx, req.name))


def may_read(ctx: ReadCtx, name: FullName) -> bool:
    """More than browse. The operation's own requirement has already let the name pass."""
    return decide(READ, ctx.chains[name.chain_key]).allowed


async def browse_models(ctx: ReadCtx, req: BrowseModels, schema: Securable | None) -> Page[Browsed[Securable]]:
    schema_id = schema.id if schema else ""
    scope = f"browse|{schema_id}|{ctx.actor.id}"
    after, limit = ctx.config.page_tokens.open_name(scope, req.page_token), page_size(req.max_results, 100, MAX_PAGE)
    rows, following = await securable_lists.page_of_models(
        ctx.tx, schema_id, ctx.actor, securable_lists.Slice(after, limit, browse=True)
    )
    return Page(
        tuple(Browsed(*row) for row in rows), ctx.config.page_tokens.seal(scope, following) if following else ""
    )


async def rename_model(ctx: WriteCtx, req: RenameModel, model: Securable, schema: Securable) -> RegisteredModel:
    """Only the name changes: versions, files, grants, aliases and tags hang on the model's id."""
    check_spaces(req.new_name, ctx.config.home)
    if req.new_name != req.name:
        check_in_urls(req.new_name)
    ctx.changed("name", str(req.name), str(req.new_name))
    if req.new_name != req.name or req.spelled not in ("", model.name):
        await securables.rename(ctx.tx, model, req.new_name, ctx.actor.name, ctx.now, req.spelled)
    return await versions.registered(ctx.tx, await fetch(ctx, req.new_name))


async def delete_model(ctx: WriteCtx, req: DeleteModel, model: Securable) -> None:
    """With all versions; files go when no other version refers to them. Raises NotEmpty."""
    await securables.lock(ctx.tx, model)
    count = await versions.count(ctx.tx, model.id)
    if count and not req.force:
        raise NotEmpty(
            f"Routine or Model '{req.name}' has {count} versions. Delete them first, or ask with force.",
            kind=model.kind,
        )
    ctx.changed("versions", count, 0)
    await deletion.detach(ctx.tx, model)
    await remove_detached(ctx, model)


async def remove_detached(ctx: WriteCtx, securable: Securable) -> None:
    """What a detached securable leaves: at once where it is little, else by a job."""
    if not await deletion.remove(ctx.tx, ctx.dialect, securable.id):
        await jobs.enqueue(ctx.tx, deletion.TASK, securable.id)


async def release_files(ctx: WriteCtx, sets: Sequence[str]) -> None:
    """One reference less for each; a set without any is purged by a job, queued in this very transaction."""
    await jobs.enqueue_all(ctx.tx, "purge", await files.release_all(ctx.tx, ctx.dialect, sets))


async def set_alias(ctx: WriteCtx, req: SetAlias, model: Securable) -> None:
    """A PENDING version can have aliases: clients set them while the server still copies the files. A failed one cannot.
    Raises WrongState."""
    check_alias(req.alias)
    await securables.lock(ctx.tx, model)
    await check_movable(ctx, model, (req.alias,))
    version = await versions.by_number(ctx.tx, model, req.version)
    if version is None:
        raise no_version(req.name, req.version)
    if version.status == Status.FAILED:
        raise WrongState(
            f"Version {req.version} of '{req.name}' is {version.status}: nobody can load it, so no alias can name it. "
            "Register the model again, and set the alias on that version."
        )
    await store_alias(ctx, model, req.name, req.alias, req.version)


async def store_alias(ctx: WriteCtx, holder: Securable, name: FullName, alias: str, version: int) -> None:
    """Move or add an alias of a locked model or prompt, to a version that exists. `name`: as the caller wrote it.

    Raises LimitExceeded."""
    noun = "prompt" if holder.kind is Kind.PROMPT else "model"
    limit = ctx.config.limits.aliases_per_model
    if await versions.count_aliases(ctx.tx, holder, alias) >= limit:
        raise LimitExceeded(
            f"{noun.capitalize()} '{name}' has {limit} aliases, the most a {noun} can have. Delete one first."
        )
    ctx.changed(f"alias {alias}", await versions.alias_target(ctx.tx, holder, alias), version)
    await versions.set_alias(ctx.tx, holder, alias, version)


async def delete_alias(ctx: WriteCtx, req: DeleteAlias, model: Securable) -> None:
    await remove_alias(ctx, model, req.alias)


async def remove_alias(ctx: WriteCtx, holder: Securable, alias: str) -> None:
    """An absent alias is no error: clients deliver a DELETE twice."""
    await securables.lock(ctx.tx, holder)
    await check_movable(ctx, holder, (alias,))
    ctx.changed(f"alias {alias}", await versions.delete_alias(ctx.tx, holder, alias), None)


async def change_tags(ctx: WriteCtx, req: ChangeTags, securable: Securable) -> None:
    """Sets and removes tags of a securable or of a version; governed tags need ASSIGN. Raises LimitExceeded."""
    await securables.lock(ctx.tx, securable)
    version = None if req.version is None else await versions.by_number(ctx.tx, securable, req.version)
    if req.version is not None and version is None:
        raise no_version(req.name, req.version)
    before = version.tags if version else (await fetch(ctx, req.name)).tags
    for key, value in req.set.items():
        check_tag(key, value)
    after = {**{key: value for key, value in before.items() if key not in req.remove}, **req.set}
    limit = ctx.config.limits.tags_per_securable
    if len(after) > max(limit, len(before)):
        raise LimitExceeded(f"'{req.name}' would have {len(after)} tags; at most {limit} are allowed.")
    for key in {*req.set, *req.remove}:
        ctx.changed(f"tag {key}", before.get(key), after.get(key))
    if after != before:
        await check_governed(ctx, before, after)
        await versions.put_tags(ctx.tx, securable, version, after, ctx.actor.name, ctx.now)


async def assign_tag(ctx: WriteCtx, req: AssignTag, securable: Securable) -> None:
    """The same tag with the same value is no error: clients deliver a POST twice. Raises AlreadyExists."""
    tags = await _tags_now(ctx, req.name, securable)
    if tags.get(req.key, req.value) != req.value:
        raise AlreadyExists(f"'{req.name}' has a tag '{req.key}' with another value. Update the tag instead.")
    await change_tags(ctx, ChangeTags(req.name, None, {req.key: req.value}), securable)


async def reassign_tag(ctx: WriteCtx, req: ReassignTag, securable: Securable) -> None:
    if req.key not in await _tags_now(ctx, req.name, securable):
        raise no_tag(req.name, req.key)
    await change_tags(ctx, ChangeTags(req.name, None, {req.key: req.value}), securable)


async def _tags_now(ctx: WriteCtx, name: FullName, securable: Securable) -> dict[str, str]:
    await securables.lock(ctx.tx, securable)
    return (await fetch(ctx, name)).tags


async def list_tags(ctx: ReadCtx, req: ListTags, securable: Securable) -> Page[tuple[str, str]]:
    scope = f"tags of {securable.id}|{ctx.actor.id}"
    after = ctx.config.page_tokens.open(scope, req.page_token, (str,)) or ("",)
    limit = page_size(req.max_results, 100, MAX_PAGE)
    rest = sorted((key, value) for key, value in securable.tags.items() if key > str(after[0]))
    return Page(
        tuple(rest[:limit]), ctx.config.page_tokens.seal(scope, (rest[limit - 1][0],)) if len(rest) > limit else ""
    )


async def check_tags(ctx: ReadCtx, tags: dict[str, str]) -> None:
    """Tags that come with a create: the count is limited, and governed ones are for who may assign them.
    Raises LimitExceeded."""
    for key, value in tags.items():
        check_tag(key, value)
    limit = ctx.config.limits.tags_per_securable
    if len(tags) > limit:
        raise LimitExceeded(f"{len(tags)} tags were given; at most {limit} are allowed.")
    await check_governed(ctx, {}, tags)


def no_version(name: FullName, version: int | str) -> NotFound:
    return NotFound(f"Model version '{version}' of Routine or Model '{name}' does not exist.", kind="MODEL")


def no_tag(name: FullName, key: str) -> NotFound:
    return NotFound(f"'{name}' has no tag '{key[:255]}'.", kind="TAG")


def no_alias(name: FullName, alias: str) -> NotFound:
    return NotFound(f"Alias '{alias[:255]}' of Routine or Model '{name}' does not exist.", kind="MODEL")
