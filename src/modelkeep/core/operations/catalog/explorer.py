"""What the web pages ask beyond other clients: one search over all kinds, a version's files with hashes, what is stored."""

import msgspec

from modelkeep.core.context import ReadCtx, ServiceCtx
from modelkeep.core.operations.audit.audit_log import may_audit
from modelkeep.core.operations.models.description_drafts import UNSET
from modelkeep.core.operations.models.versions import VersionRequest, fetch_version
from modelkeep.domain.errors import InvalidArgument, RegistryError
from modelkeep.domain.kinds import Kind, parse_kind
from modelkeep.domain.model import ArtifactFile, Page, Securable, Status
from modelkeep.domain.paging import page_size
from modelkeep.store import explorer, principals, prompts, tag_policies, tokens, versions, workspaces
from modelkeep.store.db import Database
from modelkeep.store.explorer import Sought, StoredSets
from modelkeep.store.text_index import KINDS

MAX_WORDS = 8
MAX_QUERY = 500  # characters
MAX_FOUND = 200
MAX_FILES = 1000


class SearchSecurables(msgspec.Struct, frozen=True):
    """Catalogs, schemas and what lies in them, that the caller sees or may browse: `query` is words, `tag` is `key` or `key:value`."""

    query: str = ""
    kinds: tuple[str, ...] = ()
    """none: all"""
    tag: str = ""
    owner: str = ""
    newest_first: bool = False
    """Else those first whose name fits best."""
    max_results: int | None = None
    page_token: str = ""


class ListFiles(VersionRequest, frozen=True):
    """All files of a version, by path."""

    max_results: int | None = None
    page_token: str = ""


class GetStorage(msgspec.Struct, frozen=True):
    pass


class GetMe(msgspec.Struct, frozen=True):
    pass


class Me(msgspec.Struct, frozen=True):
    """Who asks, with the groups that he is in, directly or not."""

    name: str
    display_name: str
    kind: str
    account_admin: bool
    """Himself, or by a group"""
    groups: tuple[str, ...]
    workspace_id: str
    workspace: str
    """The name of the workspace that the request came through"""
    no_drafts: str
    """Why nobody drafts descriptions here; '' where a language model does"""
    governs_tags: bool
    """May make governed tags, or manages one"""
    reads_audit: bool
    """May read the whole audit log"""
    token_expires_at: int | None
    """When the credential of this request expires, in epoch milliseconds; null for one that never does"""


class FoundSecurable(msgspec.Struct, frozen=True):
    """Without tags and aliases where the caller sees it through BROWSE alone."""

    securable: Securable
    aliases: dict[str, int]
    browse_only: bool = False


class Storage(msgspec.Struct, frozen=True):
    """Where files are, whether that answers ('' or the sentence that says why not), and what is there."""

    places: tuple[str, ...]
    problem: str
    database: str
    stored: tuple[StoredSets, ...]


async def get_me(ctx: ReadCtx, req: GetMe) -> Me:
    principal = await principals.by_name(ctx.tx, ctx.actor.name)
    display = principal.display_name if principal else ""
    groups = tuple(sorted(await principals.groups_of(ctx.tx, ctx.actor.id)))
    here = await workspaces.by_id(ctx.tx, ctx.actor.workspace)
    credential = await tokens.credential(ctx.tx, ctx.actor.token_id)
    return Me(
        ctx.actor.name,
        display,
        ctx.actor.kind,
        ctx.actor.account_admin,
        groups,
        ctx.actor.workspace,
        here.name if here else ctx.actor.workspace,
        "" if ctx.config.writer else UNSET,
        ctx.actor.account_admin or await tag_policies.governs(ctx.tx, ctx.actor.id),
        await may_audit(ctx),
        credential.expires_at if credential else None,
    )


async def search_securables(ctx: ReadCtx, req: SearchSecurables) -> Page[FoundSecurable]:
    sought, limit = _sought(req), page_size(req.max_results, 50, MAX_FOUND)
    scope = f"search|{sought}|{ctx.actor.id}"
    after = ctx.config.page_tokens.open(scope, req.page_token, (int, str, str))
    position = None if after is None else (int(after[0]), str(after[1]), str(after[2]))
    page, following = await explorer.find(ctx.tx, ctx.dialect, ctx.actor, sought, position, limit)
    registered = await versions.all_registered(ctx.tx, [s for s, only in page if s.kind is Kind.MODEL and not only])
    found_prompts = await prompts.with_aliases(ctx.tx, [s for s, only in page if s.kind is Kind.PROMPT and not only])
    aliases = {entity.securable.id: entity.aliases for entity in (*registered, *found_prompts)}
    items = tuple(
        FoundSecurable(msgspec.structs.replace(s, tags_json="{}"), {}, browse_only=True)
        if only
        else FoundSecurable(s, aliases.get(s.id, {}))
        for s, only in page
    )
    return Page(items, ctx.config.page_tokens.seal(scope, following) if following else "")


def _searched_kind(text: str) -> Kind:
    """A function is no model here: their pages differ. Raises InvalidArgument."""
    return Kind.FUNCTION if text.upper() == Kind.FUNCTION else parse_kind(text)


def _sought(req: SearchSecurables) -> Sought:
    """Raises InvalidArgument."""
    words = tuple(req.query.lower().split())
    if len(words) > MAX_WORDS or len(req.query) > MAX_QUERY:
        raise InvalidArgument(f"A search has at most {MAX_WORDS} words and {MAX_QUERY} characters.")
    kinds = tuple(_searched_kind(kind) for kind in req.kinds)
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise InvalidArgument(f"A search finds catalogs, schemas and what lies in them, and no {unknown[0].lower()}.")
    key, colon, value = req.tag.lower().partition(":")
    return Sought(
        words, kinds or KINDS, (key, value if colon else None) if key else None, req.owner.lower(), req.newest_first
    )


async def list_files(ctx: ReadCtx, req: ListFiles, model: Securable) -> Page[ArtifactFile]:
    """None before the version is READY: until then they come and go."""
    version = await fetch_version(ctx, model, req.name, req.version)
    scope, limit = f"files of {version.id}|{ctx.actor.id}", page_size(req.max_results, MAX_FILES, MAX_FILES)
    after = ctx.config.page_tokens.open(scope, req.page_token, (str,)) or ("",)
    if version.status != Status.READY or not version.artifact_set_id:
        return Page(())
    page = await explorer.files_after(ctx.tx, version.artifact_set_id, str(after[0]), limit + 1)
    return Page(
        tuple(page[:limit]),
        ctx.config.page_tokens.seal(scope, (page[limit - 1].path,)) if len(page) > limit else "",
    )


async def ask_storage(ctx: ServiceCtx, db: Database, req: GetStorage) -> str:
    """'' where it answers."""
    try:
        await ctx.services.blobs.ready()
    except RegistryError as error:
        return error.message
    return ""


async def get_storage(ctx: ReadCtx, req: GetStorage) -> Storage:
    stored = await explorer.stored(ctx.tx)
    return Storage(ctx.config.managed, ctx.prepared or "", ctx.dialect, tuple(stored))
