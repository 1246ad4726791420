"""What versions of prompts were used by: runs, logged models and traces, as clients report it.

A link is a note of a use. It needs EXECUTE on the prompt, and the right to change the run, logged model or trace; it is seen by
those who may read both.
"""

import asyncio
from contextlib import suppress
from typing import Literal

import msgspec

from modelkeep.core.context import BaseCtx, ReadCtx, ServiceCtx, WriteCtx
from modelkeep.core.operation import Target
from modelkeep.core.operations.models.prompts import fetch_version
from modelkeep.domain.authorization import holds
from modelkeep.domain.errors import InvalidArgument, NotFound, PermissionDenied
from modelkeep.domain.model import Page, PromptLink, Securable
from modelkeep.domain.names import FullName
from modelkeep.domain.paging import page_size
from modelkeep.domain.privileges import Privilege
from modelkeep.limits import PROMPT_LINKS, PROMPT_LINKS_AT_ONCE
from modelkeep.store import prompts, securables
from modelkeep.store.db import Database, Tx, new_id

MAX_PAGE = 50
_AT_ONCE = 5  # calls of the tracking server
_NEWEST = "~"  # after every id
_USES = Target("name", holds(Privilege.EXECUTE, admin=True), writes=False)


class LinkedVersion(msgspec.Struct, frozen=True):
    name: FullName
    version: int


class LinkPrompts(msgspec.Struct, frozen=True):
    """Each of these versions with each of these runs, logged models or traces. All of them, or none."""

    versions: tuple[LinkedVersion, ...]
    kind: Literal["run", "logged_model", "trace"]
    ids: tuple[str, ...]


class ListPromptLinks(msgspec.Struct, frozen=True):
    """Newest first, of all versions of one prompt: those that the caller may read, in this workspace. A page may be short and
    not the last."""

    name: FullName
    max_results: int | None = None
    page_token: str = ""


async def check_targets(ctx: ServiceCtx, db: Database, req: LinkPrompts) -> None:
    """May the caller change each run, logged model or trace? Raises InvalidArgument, NotFound, PermissionDenied."""
    if not req.versions or not req.ids:
        raise InvalidArgument("Name at least one prompt version, and one run, logged model or trace.")
    if len(req.versions) * len(req.ids) > PROMPT_LINKS_AT_ONCE:
        raise InvalidArgument(
            f"{len(req.versions)} prompt versions with {len(req.ids)} others are too many links; at most "
            f"{PROMPT_LINKS_AT_ONCE} are made at once."
        )
    if ctx.services.tracking is None:
        raise NotFound("Runs, logged models and traces are of a workspace, and this server runs without one.")
    for id in dict.fromkeys(req.ids):
        await ctx.services.tracking.may(ctx.actor, req.kind, id, write=True)


async def link_prompts(ctx: WriteCtx, req: LinkPrompts) -> None:
    """A link that exists already is no error: clients deliver a POST twice."""
    names = sorted({version.name for version in req.versions}, key=str)
    targets = {name: await ctx.reach(_USES, name) for name in names}
    for prompt in targets.values():
        ctx.touch(prompt.kind, prompt.id, prompt.full_name)
        await securables.lock(ctx.tx, prompt)
    for linked in dict.fromkeys(req.versions):
        prompt = targets[linked.name]
        version = await fetch_version(ctx, prompt, linked.version)
        for id in dict.fromkeys(req.ids):
            link = PromptLink(new_id(), version.version, ctx.actor.workspace, req.kind, id, ctx.now, ctx.actor.name)
            added = await prompts.link(ctx.tx, version.prompt_id, link)
            if added and await prompts.count_links(ctx.tx, prompt, PROMPT_LINKS + 1) > PROMPT_LINKS:
                await prompts.forget_oldest_link(ctx.tx, prompt)


async def check_links(
    ctx: ServiceCtx, db: Database, req: ListPromptLinks, prompt: Securable
) -> dict[str, tuple[str, str]]:
    """(experiment id, name) of the other end, by link, for those links of the page whose other end the caller may read."""
    async with db.read() as tx:
        links = await _links(tx, ctx, req, prompt)
    tracking, readable = ctx.services.tracking, dict[str, tuple[str, str]]()
    here = [link for link in links if link.workspace_id == ctx.actor.workspace]
    for start in range(0, len(here) if tracking else 0, _AT_ONCE):
        some_links = here[start : start + _AT_ONCE]
        ends = await asyncio.gather(*(_end(ctx, link) for link in some_links))
        readable |= {link.id: end for link, end in zip(some_links, ends, strict=True) if end is not None}
    return readable


async def _end(ctx: ServiceCtx, link: PromptLink) -> tuple[str, str] | None:
    assert ctx.services.tracking is not None
    with suppress(NotFound, PermissionDenied):
        return await ctx.services.tracking.describe(ctx.actor, link.kind, link.target_id)
    return None


async def list_prompt_links(ctx: ReadCtx, req: ListPromptLinks, prompt: Securable) -> Page[PromptLink]:
    readable: dict[str, tuple[str, str]] = ctx.prepared
    links = await _links(ctx.tx, ctx, req, prompt)
    full = len(links) == page_size(req.max_results, MAX_PAGE, MAX_PAGE)
    token = ctx.config.page_tokens.seal(_scope(ctx, prompt), (links[-1].id,)) if full else ""
    return Page(tuple(_described(link, *readable[link.id]) for link in links if link.id in readable), token)


def _described(link: PromptLink, experiment_id: str, name: str) -> PromptLink:
    return msgspec.structs.replace(link, experiment_id=experiment_id, name=name)


async def _links(tx: Tx, ctx: BaseCtx, req: ListPromptLinks, prompt: Securable) -> list[PromptLink]:
    """A page, readable or not. Raises BadPageToken."""
    position = ctx.config.page_tokens.open(_scope(ctx, prompt), req.page_token, (str,)) or (_NEWEST,)
    return await prompts.links_of(tx, prompt, str(position[0]), page_size(req.max_results, MAX_PAGE, MAX_PAGE))


def _scope(ctx: BaseCtx, prompt: Securable) -> str:
    return f"links of {prompt.id}|{ctx.actor.id}"
