"""Prompts of a schema: their versions, aliases and tags. A version's template never changes, and its number is never used again."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.governance.tag_policies import check_governed
from modelkeep.core.operations.models import models
from modelkeep.core.operations.models.models import Browsed
from modelkeep.core.operations.models.protected_aliases import check_movable
from modelkeep.domain.authorization import Requirement, decide, holds
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotEmpty, NotFound
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Prompt, PromptVersion, Securable
from modelkeep.domain.names import (
    MAX_VERSION,
    FullName,
    check_alias,
    check_comment,
    check_prompt_name,
    check_tag,
    check_unchanged,
)
from modelkeep.domain.paging import page_size
from modelkeep.domain.privileges import Privilege
from modelkeep.domain.prompt_templates import PART_OF_VERSION, RESPONSE_FORMAT_TAG, TYPE_TAG, type_of
from modelkeep.limits import PROMPT_PAGE_CHARACTERS
from modelkeep.store import deletion, prompts, securables, versions
from modelkeep.store.db import new_id

READ: Requirement = holds(Privilege.EXECUTE, admin=True)
LATEST = "latest"
"""The alias that nobody sets: clients ask for it where they name no version."""
MAX_PAGE = 1000


class CreatePrompt(msgspec.Struct, frozen=True):
    name: FullName
    comment: str = ""
    tags: dict[str, str] = {}


class GetPrompt(msgspec.Struct, frozen=True):
    name: FullName


class BrowsePrompt(GetPrompt, frozen=True):
    """As GetPrompt; a caller who holds no more than BROWSE on the catalog gets metadata."""


class UpdatePrompt(msgspec.Struct, frozen=True):
    """A comment of None changes nothing."""

    name: FullName
    comment: str | None = None
    etag: str = ""
    """Of the comment that was read; a newer one is not overwritten"""


class RenamePrompt(msgspec.Struct, frozen=True):
    name: FullName
    new_name: FullName


class DeletePrompt(msgspec.Struct, frozen=True):
    name: FullName
    force: bool = True
    """False refuses where versions exist."""


class CreatePromptVersion(msgspec.Struct, frozen=True):
    name: FullName
    template: str
    """As `templates.read_template` gives it."""
    comment: str = ""
    tags: dict[str, str] = {}


class PromptVersionRequest(msgspec.Struct, frozen=True):
    """One version, by its number."""

    name: FullName
    version: int


class GetPromptVersion(PromptVersionRequest, frozen=True):
    pass


class DeletePromptVersion(PromptVersionRequest, frozen=True):
    pass


class GetPromptVersionByAlias(msgspec.Struct, frozen=True):
    name: FullName
    alias: str
    """`latest` is the newest version, wherever it points."""


class UpdatePromptVersion(PromptVersionRequest, frozen=True):
    """A comment of None changes nothing. A template may be sent back as it is."""

    comment: str | None = None
    template: str | None = None


class ListPromptVersions(msgspec.Struct, frozen=True):
    """Newest first. A page may be short and not the last."""

    name: FullName
    max_results: int | None = None
    page_token: str = ""


class ChangePromptVersionTags(PromptVersionRequest, frozen=True):
    set: dict[str, str] = {}
    remove: tuple[str, ...] = ()


class SetPromptAlias(msgspec.Struct, frozen=True):
    name: FullName
    alias: str
    version: int


class DeletePromptAlias(msgspec.Struct, frozen=True):
    name: FullName
    alias: str


# --- prompts ---------------------------------------------------------------------------------------------------------


async def create_prompt(ctx: WriteCtx, req: CreatePrompt, schema: Securable) -> Prompt:
    check_prompt_name(req.name)
    comment = check_comment(req.comment)
    id = await securables.insert(
        ctx.tx, securables.NewSecurable(schema, req.name, ctx.actor.id, ctx.actor.name, ctx.now, comment, {})
    )
    ctx.touch(Kind.PROMPT, id, str(req.name))
    prompt = await models.fetch(ctx, req.name)
    if req.tags:
        await models.check_tags(ctx, req.tags)
        await versions.put_tags(ctx.tx, prompt, None, req.tags, ctx.actor.name, ctx.now)
        prompt = await models.fetch(ctx, req.name)
    return Prompt(prompt, {})


async def get_prompt(ctx: ReadCtx, req: GetPrompt, prompt: Securable) -> Prompt:
    return (await prompts.with_aliases(ctx.tx, (prompt,)))[0]


async def browse_prompt(ctx: ReadCtx, req: BrowsePrompt, prompt: Securable) -> Browsed[Prompt]:
    return Browsed(await get_prompt(ctx, req, prompt), not decide(READ, ctx.chains[req.name.chain_key]).allowed)


async def update_prompt(ctx: WriteCtx, req: UpdatePrompt, prompt: Securable) -> Prompt:
    if req.etag:
        await securables.lock(ctx.tx, prompt)
        prompt = await models.fetch(ctx, req.name)
        check_unchanged(prompt.comment, req.etag, str(req.name))
    if req.comment is not None:
        ctx.changed("comment", prompt.comment, req.comment)
        comment = check_comment(req.comment)
        await securables.update(ctx.tx, prompt, ctx.actor.name, ctx.now, comment=comment)
    return (await prompts.with_aliases(ctx.tx, (await models.fetch(ctx, req.name),)))[0]


async def rename_prompt(ctx: WriteCtx, req: RenamePrompt, prompt: Securable, schema: Securable) -> Securable:
    """Only the name changes: versions, aliases, tags, grants and links hang on the prompt's id. Raises BadName."""
    ctx.changed("name", str(req.name), str(req.new_name))
    if req.new_name != req.name:
        check_prompt_name(req.new_name)
        await securables.rename(ctx.tx, prompt, req.new_name, ctx.actor.name, ctx.now)
    return await models.fetch(ctx, req.new_name)


async def delete_prompt(ctx: WriteCtx, req: DeletePrompt, prompt: Securable) -> None:
    """With all versions. Raises NotEmpty."""
    await securables.lock(ctx.tx, prompt)
    if not req.force and await prompts.has_versions(ctx.tx, prompt):
        raise NotEmpty(f"Prompt '{req.name}' has versions. Delete them first, then the prompt.", kind=Kind.PROMPT)
    await deletion.detach(ctx.tx, prompt)
    await models.remove_detached(ctx, prompt)


# --- versions --------------------------------------------------------------------------------------------------------


async def create_prompt_version(ctx: WriteCtx, req: CreatePromptVersion, prompt: Securable) -> PromptVersion:
    await models.check_tags(ctx, _own(req.tags))
    comment = check_comment(req.comment)
    number = await versions.next_number(ctx.tx, prompt, ctx.actor.name, ctx.now)
    version = PromptVersion(
        new_id(),
        prompt.id,
        number,
        comment,
        req.template,
        len(req.template),
        "[]",
        "{}",
        ctx.now,
        ctx.actor.name,
        ctx.now,
        ctx.actor.name,
        prompt.full_name,
    )
    await prompts.insert(ctx.tx, version)
    tags = {**req.tags, TYPE_TAG: type_of(req.template)}
    await prompts.put_tags(ctx.tx, prompt, version, tags, ctx.actor.name, ctx.now)
    ctx.changed("version", None, number)
    return await fetch_version(ctx, prompt, number)


async def fetch_version(ctx: ReadCtx, prompt: Securable, number: int) -> PromptVersion:
    """Raises NotFound."""
    version = await prompts.by_number(ctx.tx, prompt, number)
    if version is None:
        raise NotFound(f"Prompt version '{number}' of Prompt '{prompt.full_name}' does not exist.", kind=Kind.PROMPT)
    return version


async def get_prompt_version(ctx: ReadCtx, req: GetPromptVersion, prompt: Securable) -> PromptVersion:
    return await fetch_version(ctx, prompt, req.version)


async def get_prompt_version_by_alias(ctx: ReadCtx, req: GetPromptVersionByAlias, prompt: Securable) -> PromptVersion:
    """The version that the alias points to; `latest` is the newest. Raises NotFound."""
    if req.alias.lower() == LATEST:
        version = await prompts.newest(ctx.tx, prompt)
    else:
        version = await prompts.by_alias(ctx.tx, prompt, req.alias)
    if version is None:
        raise NotFound(f"Alias '{req.alias[:255]}' of Prompt '{req.name}' does not exist.", kind=Kind.PROMPT)
    return version


async def list_prompt_versions(ctx: ReadCtx, req: ListPromptVersions, prompt: Securable) -> Page[PromptVersion]:
    scope = f"prompt versions of {prompt.id}|{ctx.actor.id}"
    position = ctx.config.page_tokens.open(scope, req.page_token, (int,)) or (MAX_VERSION,)
    limit = page_size(req.max_results, 100, MAX_PAGE)
    page = await prompts.page_of(ctx.tx, prompt, int(position[0]), limit + 1, PROMPT_PAGE_CHARACTERS)
    items = tuple(page[:limit])
    has_next_page = bool(items) and (
        len(page) > limit or await prompts.has_versions_below(ctx.tx, prompt, items[-1].version)
    )
    return Page(items, ctx.config.page_tokens.seal(scope, (items[-1].version,)) if has_next_page else "")


async def update_prompt_version(ctx: WriteCtx, req: UpdatePromptVersion, prompt: Securable) -> PromptVersion:
    """Another commit message. The template never changes. Raises InvalidArgument."""
    version = await fetch_version(ctx, prompt, req.version)
    if req.template not in (None, version.template):
        raise InvalidArgument("The template of a version does not change. Register another version.")
    if req.comment is not None:
        ctx.changed("comment", version.comment, req.comment)
        await prompts.set_comment(ctx.tx, version, check_comment(req.comment), ctx.actor.name, ctx.now)
    return await fetch_version(ctx, prompt, req.version)


async def delete_prompt_version(ctx: WriteCtx, req: DeletePromptVersion, prompt: Securable) -> None:
    await securables.touch(ctx.tx, prompt, ctx.actor.name, ctx.now)
    version = await fetch_version(ctx, prompt, req.version)
    await check_movable(ctx, prompt, version.aliases)  # they go with it
    ctx.changed("version", version.version, None)
    await prompts.delete(ctx.tx, version)


# --- aliases and tags ------------------------------------------------------------------------------------------------


async def set_prompt_alias(ctx: WriteCtx, req: SetPromptAlias, prompt: Securable) -> None:
    check_alias(req.alias)
    await securables.lock(ctx.tx, prompt)
    await check_movable(ctx, prompt, (req.alias,))
    await fetch_version(ctx, prompt, req.version)
    await models.store_alias(ctx, prompt, req.name, req.alias, req.version)


async def delete_prompt_alias(ctx: WriteCtx, req: DeletePromptAlias, prompt: Securable) -> None:
    await models.remove_alias(ctx, prompt, req.alias)


async def change_prompt_version_tags(ctx: WriteCtx, req: ChangePromptVersionTags, prompt: Securable) -> None:
    """Sets and removes tags of a version, except those that are part of it. Raises InvalidArgument, LimitExceeded."""
    await securables.lock(ctx.tx, prompt)
    version = await fetch_version(ctx, prompt, req.version)
    before = version.tags
    for key, value in req.set.items():
        check_tag(key, value)
    after = {**{key: value for key, value in before.items() if key not in req.remove}, **req.set}
    for key in (TYPE_TAG, RESPONSE_FORMAT_TAG):
        if before.get(key) != after.get(key):
            raise InvalidArgument(
                f"Tag '{key}' says what the version is, and versions do not change. Register another version."
            )
    limit, count = ctx.config.limits.tags_per_securable, len(_own(after))
    if count > max(limit, len(_own(before))):
        raise LimitExceeded(
            f"Version {req.version} of '{req.name}' would have {count} tags; at most {limit} are allowed."
        )
    for key in {*req.set, *req.remove}:
        ctx.changed(f"tag {key}", before.get(key), after.get(key))
    if after != before:
        await check_governed(ctx, before, after)
        await prompts.put_tags(ctx.tx, prompt, version, after, ctx.actor.name, ctx.now)


def _own(tags: dict[str, str]) -> dict[str, str]:
    """The tags without those that belong to the version itself."""
    return {key: value for key, value in tags.items() if not key.startswith(PART_OF_VERSION)}
