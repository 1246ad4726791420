"""Users, groups, service principals and personal access tokens."""

import hashlib
import secrets

import msgspec

from modelkeep import limits
from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.identity.token_origins import origin_of
from modelkeep.core.operations.identity.token_users import check_may_use_tokens
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound, PermissionDenied
from modelkeep.domain.model import Page, Principal, Token
from modelkeep.domain.names import check_principal_name, fold_principal
from modelkeep.domain.paging import page_size
from modelkeep.domain.suggestions import near
from modelkeep.limits import PRINCIPALS_PER_PAGE, TOKENS_PER_PAGE
from modelkeep.store import principals, tokens
from modelkeep.store.bootstrap import ADMINS

KINDS = ("USER", "GROUP", "SERVICE_PRINCIPAL")
TOKEN_PREFIX = "mk_"
MAX_NAME = 255
"""Characters of a principal's name."""
MAX_TOKEN_MS = 730 * 24 * 3_600_000


class CreatePrincipal(msgspec.Struct, frozen=True):
    kind: str
    name: str
    display_name: str = ""
    account_admin: bool = False


class ListPrincipals(msgspec.Struct, frozen=True):
    kind: str
    text: str = ""
    """in the name or the display name"""
    max_results: int | None = None
    page_token: str = ""


class NamePrincipal(msgspec.Struct, frozen=True):
    principal: str


class DeletePrincipal(NamePrincipal, frozen=True):
    kind: str = ""
    """of this kind only; '' is any"""


class ListMembers(NamePrincipal, frozen=True):
    max_results: int | None = None
    page_token: str = ""


class SetActive(msgspec.Struct, frozen=True):
    principal: str
    active: bool
    kind: str = ""
    """of this kind only; '' is any"""


class ChangeMember(msgspec.Struct, frozen=True):
    group: str
    member: str


class AddMember(ChangeMember, frozen=True):
    pass


class RemoveMember(ChangeMember, frozen=True):
    pass


class CreateToken(msgspec.Struct, frozen=True):
    """For the caller itself, or for another principal (account admins)."""

    comment: str = ""
    lifetime_ms: int | None = None
    principal: str = ""


class ListTokens(msgspec.Struct, frozen=True):
    """Personal tokens of one principal, and its sessions and access tokens that are valid."""

    principal: str = ""
    usable: bool = False
    """only personal tokens that are neither revoked nor expired: at most `limits.TOKENS_PER_PRINCIPAL`"""
    max_results: int | None = None
    page_token: str = ""


class RevokeToken(msgspec.Struct, frozen=True):
    id: str


class RevokeOrigin(msgspec.Struct, frozen=True):
    """All tokens that came from one origin, and what came from those."""

    origin_id: str


class UpdateToken(msgspec.Struct, frozen=True):
    id: str
    comment: str


class NewToken(msgspec.Struct, frozen=True):
    """The only time that the secret is seen."""

    token: str
    info: Token


class ListAllTokens(msgspec.Struct, frozen=True):
    """Everybody's that are not revoked, for account admins; of one creator where one is named."""

    creator: int | None = None
    creator_name: str = ""


class GetToken(msgspec.Struct, frozen=True):
    id: str


class CreateTokenFor(msgspec.Struct, frozen=True):
    """On behalf of a service principal, by its application id."""

    application_id: str
    comment: str = ""
    lifetime_ms: int | None = None


def hash_token(secret: str) -> str:
    """What is stored and looked up: SHA-256 of 256 random bits needs no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def named(ctx: ReadCtx, name: str, kind: str = "") -> Principal:
    """The principal of this name, of this kind unless it is ''. Raises NotFound."""
    principal = await principals.by_name(ctx.tx, name)
    if principal is None or (kind and principal.kind != kind):
        label = kind.capitalize().replace("_", " ") or "Principal"
        if principal is not None:
            other = principal.kind.lower().replace("_", " ")
            raise NotFound(f"{label} '{name[:255]}' does not exist: that is a {other}.", kind="PRINCIPAL")
        raise NotFound(
            f"{label} '{name[:255]}' does not exist." + near(name, await principals.like(ctx.tx, name)),
            kind="PRINCIPAL",
        )
    return principal


async def create_principal(ctx: WriteCtx, req: CreatePrincipal) -> Principal:
    """A new user, group or service principal. Names are one space for all three. Raises InvalidArgument."""
    if req.kind not in KINDS:
        raise InvalidArgument(f"A principal is one of {', '.join(KINDS)}.")
    principal = await principals.insert(
        ctx.tx,
        req.kind,
        check_principal_name(req.name),
        ctx.actor.name,
        ctx.now,
        principals.PrincipalDetails(display_name=req.display_name, account_admin=req.account_admin),
    )
    ctx.touch(req.kind, principal.id, principal.name)
    return principal


async def list_principals(ctx: ReadCtx, req: ListPrincipals) -> Page[Principal]:
    """By name, those whose name or display name has the text in it. Raises InvalidArgument."""
    if len(req.text) > MAX_NAME:
        raise InvalidArgument(f"`filter` has at most {MAX_NAME} characters, got {len(req.text)}.")
    page_tokens, scope = ctx.config.page_tokens, f"principals|{req.kind}|{req.text}|{ctx.actor.id}"
    after = page_tokens.open(scope, req.page_token, (str,)) or ("",)
    limit = page_size(req.max_results, PRINCIPALS_PER_PAGE, PRINCIPALS_PER_PAGE)
    items, rest = await principals.page(ctx.tx, req.kind, req.text, str(after[0]), limit)
    return Page(tuple(items), page_tokens.seal(scope, (rest,)) if rest else "")


async def delete_principal(ctx: WriteCtx, req: DeletePrincipal) -> None:
    await principals.lock_account(ctx.tx)
    principal = await named(ctx, req.principal, req.kind)
    keep_built_in(ctx, principal)
    ctx.touch(principal.kind, principal.id, principal.name)
    await principals.delete(ctx.tx, principal)
    await keep_an_admin(ctx)


def keep_built_in(ctx: ReadCtx, principal: Principal) -> None:
    """Raises InvalidArgument for what nobody may delete or deactivate, the caller himself included."""
    if principal.name == ADMINS and principal.kind == "GROUP":
        raise InvalidArgument(f"The group '{ADMINS}' is built in: its members are the account admins.")
    if principal.name == principals.ACCOUNT_USERS:
        raise InvalidArgument(
            f"The group '{principals.ACCOUNT_USERS}' is built in: it holds everyone and cannot be changed."
        )
    if principal.id == ctx.actor.id:
        raise InvalidArgument("You cannot do this to yourself. Ask another account admin.")


async def set_active(ctx: WriteCtx, req: SetActive) -> Principal:
    """Lets a principal sign in, or not; tokens of a deactivated one are refused. Raises InvalidArgument."""
    await principals.lock_account(ctx.tx)
    principal = await named(ctx, req.principal, req.kind)
    keep_built_in(ctx, principal)
    if principal.kind == "GROUP":
        raise InvalidArgument(
            "A group cannot be deactivated: that would take nothing from its members. Remove them from it."
        )
    ctx.touch(principal.kind, principal.id, principal.name)
    ctx.changed("active", principal.active, req.active)
    await principals.set_active(ctx.tx, principal, req.active)
    await keep_an_admin(ctx)
    return await named(ctx, req.principal)


async def list_members(ctx: ReadCtx, req: ListMembers) -> Page[Principal]:
    group = await named(ctx, req.principal, "GROUP")
    page_tokens, scope = ctx.config.page_tokens, f"members|{group.id}|{ctx.actor.id}"
    after = page_tokens.open(scope, req.page_token, (str,)) or ("",)
    limit = page_size(req.max_results, PRINCIPALS_PER_PAGE, PRINCIPALS_PER_PAGE)
    items, rest = await principals.members(ctx.tx, group, str(after[0]), limit)
    return Page(tuple(items), page_tokens.seal(scope, (rest,)) if rest else "")


async def add_member(ctx: WriteCtx, req: AddMember) -> None:
    """Adds a user, service principal or group to a group. Raises InvalidArgument."""
    await principals.lock_account(ctx.tx)
    group, member = await named(ctx, req.group, "GROUP"), await named(ctx, req.member)
    if group.name == principals.ACCOUNT_USERS:
        raise InvalidArgument(f"Everyone is in '{principals.ACCOUNT_USERS}' already; it takes no members.")
    if member.name == principals.ACCOUNT_USERS:
        raise InvalidArgument(
            f"'{principals.ACCOUNT_USERS}' cannot be put into a group. Grant to it what everyone should have."
        )
    ctx.touch(group.kind, group.id, group.name)
    ctx.touch(member.kind, member.id, member.name)
    await principals.add_member(ctx.tx, group, member)


async def remove_member(ctx: WriteCtx, req: RemoveMember) -> None:
    await principals.lock_account(ctx.tx)
    group, member = await named(ctx, req.group, "GROUP"), await named(ctx, req.member)
    ctx.touch(group.kind, group.id, group.name)
    ctx.touch(member.kind, member.id, member.name)
    await principals.remove_member(ctx.tx, group, member)
    await keep_an_admin(ctx)


async def keep_an_admin(ctx: ReadCtx) -> None:
    """Raises InvalidArgument if a change, made under the account's lock, has left none."""
    if not await principals.any_account_admin(ctx.tx):
        raise InvalidArgument("Nobody would be an account admin any more. Make someone else one first.")


# --- tokens ----------------------------------------------------------------------------------------------------------


async def create_token(ctx: WriteCtx, req: CreateToken) -> NewToken:
    """A personal access token for the caller, or for another principal if the caller is an account admin.
    Raises InvalidArgument."""
    holder = await named(ctx, _self_or_admin(ctx, req.principal))
    if holder.kind == "GROUP":
        raise InvalidArgument("A group has no tokens; make one for a user or a service principal.")
    return await issue_token(ctx, holder, req.comment, req.lifetime_ms)


async def issue_token(ctx: WriteCtx, holder: Principal, comment: str, lifetime_ms: int | None) -> NewToken:
    """A new token. It lives as long as the caller asks for, at most as long as the setting and its origin allow, and ends with
    its origin if it is bound to one. Raises InvalidArgument, PermissionDenied, Unauthenticated."""
    await check_may_use_tokens(ctx, holder)
    most = limits.TOKENS_PER_PRINCIPAL
    if await tokens.count(ctx.tx, holder.id, ctx.now, most) >= most:
        raise LimitExceeded(
            f"'{holder.name}' has {most} tokens, the most that one principal can have. Revoke one first."
        )
    longest_ms = ctx.config.token_ms
    if lifetime_ms is not None and not 0 < lifetime_ms <= longest_ms:
        raise InvalidArgument(f"A token lives from 1 to {longest_ms // 1000} seconds.")
    origin = await origin_of(ctx, holder)
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    expires = ctx.now + (lifetime_ms or longest_ms)
    if origin.expires_at is not None:
        expires = min(expires, origin.expires_at)
    id = await tokens.insert(
        ctx.tx,
        tokens.TokenRow(
            holder.id,
            hash_token(secret),
            comment[:255],
            ctx.actor.name,
            ctx.now,
            expires,
            ctx.actor.id,
            origin_kind=origin.kind,
            origin_id=origin.id,
            bound=origin.bound,
        ),
    )
    row = await tokens.by_id(ctx.tx, id)
    assert row is not None
    ctx.touch("TOKEN", id, comment[:255])
    ctx.touch(holder.kind, holder.id, holder.name)
    return NewToken(secret, row[0])


async def create_token_for(ctx: WriteCtx, req: CreateTokenFor) -> NewToken:
    holder = await named(ctx, req.application_id, "SERVICE_PRINCIPAL")
    return await issue_token(ctx, holder, req.comment, req.lifetime_ms)


def _self_or_admin(ctx: ReadCtx, principal: str) -> str:
    if principal and principal != ctx.actor.name and not ctx.actor.account_admin:
        raise PermissionDenied("Only account admins may handle the tokens of others.")
    return principal or ctx.actor.name


async def list_tokens(ctx: ReadCtx, req: ListTokens) -> Page[Token]:
    holder = await named(ctx, _self_or_admin(ctx, req.principal))
    page_tokens, scope = ctx.config.page_tokens, f"tokens|{holder.id}|{req.usable}|{ctx.actor.id}"
    at, id = page_tokens.open(scope, req.page_token, (int, str)) or (None, "")
    limit = page_size(req.max_results, TOKENS_PER_PAGE, TOKENS_PER_PAGE)
    before = None if at is None else (int(at), str(id))
    items = await tokens.of_principal(ctx.tx, holder.id, ctx.now, before, limit + 1, usable=req.usable)
    rest = len(items) > limit
    items = items[:limit]
    return Page(tuple(items), page_tokens.seal(scope, (items[-1].created_at, items[-1].id)) if rest else "")


async def list_all_tokens(ctx: ReadCtx, req: ListAllTokens) -> list[Token]:
    """Databricks' answer has no pages. Raises LimitExceeded where it would be too long."""
    most = limits.MANAGED_TOKENS
    items = await tokens.unrevoked(ctx.tx, req.creator, fold_principal(req.creator_name), most + 1)
    if len(items) > most:
        raise LimitExceeded(
            f"More than {most} tokens match. Name their creator with created_by_id or created_by_username."
        )
    return items


async def get_token(ctx: ReadCtx, req: GetToken) -> Token:
    return (await _own(ctx, req.id))[0]


async def update_token(ctx: WriteCtx, req: UpdateToken) -> Token:
    token, _ = await _own(ctx, req.id)
    ctx.touch("TOKEN", req.id, token.principal)
    ctx.changed("comment", token.comment, req.comment[:255])
    await tokens.comment(ctx.tx, req.id, req.comment[:255])
    return (await _own(ctx, req.id))[0]


async def revoke_token(ctx: WriteCtx, req: RevokeToken) -> None:
    token, _ = await _own(ctx, req.id)
    ctx.touch("TOKEN", req.id, token.principal)
    await tokens.revoke(ctx.tx, req.id, ctx.now)


async def revoke_origin(ctx: WriteCtx, req: RevokeOrigin) -> int:
    """How many valid tokens that ended: one's own, or everybody's to an account admin. Raises NotFound."""
    principal_id = "" if ctx.actor.account_admin else ctx.actor.id
    if not req.origin_id or not await tokens.has_origin(ctx.tx, req.origin_id, principal_id):
        raise NotFound(f"No token came from '{req.origin_id[:100]}'.", kind="TOKEN")
    count = await tokens.revoke_origin(ctx.tx, req.origin_id, principal_id, ctx.now)
    ctx.touch("TOKEN", req.origin_id, req.origin_id)
    ctx.changed("tokens", count, 0)
    return count


async def _own(ctx: ReadCtx, id: str) -> tuple[Token, str]:
    """One's own token, or anybody's to an account admin: to others it does not exist. Raises NotFound."""
    row = await tokens.by_id(ctx.tx, id)
    if row is None or (row[1] != ctx.actor.id and not ctx.actor.account_admin):
        raise NotFound(f"Token '{id[:100]}' does not exist.", kind="TOKEN")
    return row
