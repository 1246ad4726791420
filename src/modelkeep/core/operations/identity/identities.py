"""Users, groups and service principals as identity providers handle them: by number, listed by filter, changed as a whole."""

from typing import Any

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.identity.group_members import MemberChange, apply_members, ids_of
from modelkeep.core.operations.identity.principals import keep_an_admin, keep_built_in
from modelkeep.core.steps import Overtaken
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.model import Identity, Principal
from modelkeep.domain.names import check_principal_name, fold_principal
from modelkeep.domain.scim.conditions import Condition, equal_to, matches, mentions, values
from modelkeep.domain.scim.filters import parse_filter
from modelkeep.domain.scim.patch import PatchOperation, apply
from modelkeep.domain.scim.resources import DesiredPrincipal, public_resource, read_wanted, resource
from modelkeep.domain.scim.schema import TYPES, AttributePath, ResourceType, ScimRequestError, find_path, fold, misfit
from modelkeep.domain.time_slices import Pace, in_parser, off_loop
from modelkeep.limits import (
    MEMBERS_PER_STEP,
    SCIM_INLINE_RELATED,
    SCIM_RELATED_PER_PAGE,
    SCIM_ROWS_AT_ONCE,
)
from modelkeep.store import identities, principals
from modelkeep.store.bootstrap import ADMINS
from modelkeep.store.db import new_id

MAX_PAGE = 1_000
_RELATED = frozenset({"groups", "members"})


class ListIdentities(msgspec.Struct, frozen=True):
    """`start` counts from 1."""

    kind: str
    filter: str = ""
    start: int = 1
    count: int = MAX_PAGE
    sort_by: str = ""
    descending: bool = False


class GetIdentity(msgspec.Struct, frozen=True):
    kind: str
    id: str


class GetMyIdentity(msgspec.Struct, frozen=True):
    pass


class CreateIdentity(msgspec.Struct, frozen=True):
    kind: str
    wanted: DesiredPrincipal  # house: name because the audit log records requests by field


class ReplaceIdentity(msgspec.Struct, frozen=True):
    kind: str
    id: str
    wanted: DesiredPrincipal  # house: name because the audit log records requests by field
    members: MemberChange | None = None
    """In place of those in `wanted`, where the members come in steps."""


class PatchIdentity(msgspec.Struct, frozen=True):
    kind: str
    id: str
    changes: tuple[PatchOperation, ...]
    members: MemberChange | None = None
    """Where the members come in steps; `changes` then has none."""


class DeleteIdentity(msgspec.Struct, frozen=True):
    kind: str
    id: str


class IdentityPage(msgspec.Struct, frozen=True):
    """One page; `total` counts all that match."""

    items: tuple[Identity, ...]
    total: int
    start: int


# --- reading ---------------------------------------------------------------------------------------------------------


def _seen(ctx: ReadCtx, identity: Identity) -> Identity:
    """Everybody may read what it takes to name a grantee; people's addresses are for account admins and themselves."""
    if ctx.actor.account_admin or identity.principal.id == ctx.actor.id:
        return identity
    return msgspec.structs.replace(identity, external_id="", given_name="", family_name="", emails=(), entitlements=())


async def list_identities(ctx: ReadCtx, req: ListIdentities) -> IdentityPage:
    of, start, count = TYPES[req.kind], max(req.start, 1), min(max(req.count, 0), MAX_PAGE)
    condition = parse_filter(req.filter, of) if req.filter.strip() else None
    if condition is None and not req.sort_by:
        if req.descending:
            raise misfit("invalidValue", "sortOrder needs sortBy.")
        items = await identities.page(ctx.tx, req.kind, start - 1, count)
        total = await identities.count(ctx.tx, req.kind)
        items = await _bounded(ctx, [_seen(ctx, identity) for identity in items])
        return IdentityPage(tuple(await identities.related(ctx.tx, items)), total, start)
    path = find_path(of, req.sort_by, "invalidValue") if req.sort_by else None
    pace = Pace(too_long=_too_long)
    candidates = await _narrowed(ctx, req.kind, condition, pace)
    sorted_by_related = path is not None and path.attribute is not None and path.attribute.name in _RELATED
    if complete := mentions(condition, _RELATED) or sorted_by_related:
        candidates = await identities.related(ctx.tx, candidates)
    if condition is not None:
        candidates = await _matching(condition, candidates, pace, complete=complete)
    if path is not None:
        candidates = await _sorted(path, candidates, pace, descending=req.descending)
    items = candidates[start - 1 : start - 1 + count]
    if not complete:
        items = await identities.related(ctx.tx, await _bounded(ctx, items))
    return IdentityPage(tuple(items), len(candidates), start)


async def _bounded(ctx: ReadCtx, items: list[Identity]) -> list[Identity]:
    """As many of a page as have no more than `limits.SCIM_RELATED_PER_PAGE` members together, one at the least: clients ask for
    the rest by its index (RFC 7644, 3.4.2.4)."""
    sizes = await identities.member_counts(
        ctx.tx, [identity.principal.id for identity in items if identity.principal.kind == "GROUP"]
    )
    total = 0
    for index, identity in enumerate(items):
        total += sizes.get(identity.principal.id, 0)
        if index and total > SCIM_RELATED_PER_PAGE:
            return items[:index]
    return items


def _too_long() -> ScimRequestError:
    return misfit("tooMany", "The filter takes too long. Narrow it with `and`, and name one attribute with eq.")


async def _matching(condition: Condition, candidates: list[Identity], pace: Pace, *, complete: bool) -> list[Identity]:
    """In slices. `complete`: with groups and members, of which each may have thousands; then in the parsers' thread."""
    if not complete:
        matching: list[Identity] = []
        for identity in candidates:
            await pace.breathe()
            if matches(condition, public_resource(identity)):
                matching.append(identity)
        return matching
    matching = []
    for start in range(0, len(candidates), SCIM_ROWS_AT_ONCE):
        await pace.breathe()
        matching += await in_parser(_fitting, condition, candidates[start : start + SCIM_ROWS_AT_ONCE])
    return matching


def _fitting(condition: Condition, candidates: list[Identity]) -> list[Identity]:
    return [identity for identity in candidates if matches(condition, public_resource(identity))]


async def _sorted(path: AttributePath, candidates: list[Identity], pace: Pace, *, descending: bool) -> list[Identity]:
    keys: list[tuple[bool, str]] = []
    for identity in candidates:
        await pace.breathe()
        keys.append(_sort_key(path, identity))
    order = sorted(range(len(candidates)), key=keys.__getitem__, reverse=descending)
    return [candidates[index] for index in order]


async def _narrowed(ctx: ReadCtx, kind: str, condition: Condition | None, pace: Pace) -> list[Identity]:
    """What the database alone can tell apart; the filter itself decides."""
    equal = equal_to(condition)
    name = equal.get({"USER": "userName", "GROUP": "displayName"}.get(kind, "applicationId"))
    candidates = await identities.candidates(
        ctx.tx,
        kind,
        number=identities.number_of(equal["id"]) if "id" in equal else None,
        name=None if name is None else fold_principal(name),
        external_id=equal.get("externalId"),
    )
    visible: list[Identity] = []
    for identity in candidates:
        await pace.breathe()
        visible.append(_seen(ctx, identity))
    return visible


def _sort_key(path: AttributePath, identity: Identity) -> tuple[bool, str]:
    """Text by text; identities without a value come last."""
    first: Any = next(values(path, public_resource(identity)), None)
    leaf = path.leaf
    text = "" if first is None else str(first)
    return first is None, text if leaf is None or leaf.exact else fold(text)


async def by_number(ctx: ReadCtx, kind: str, id: str) -> Identity:
    """Without its groups and members. Raises NotFound."""
    identity = await identities.by_number(ctx.tx, kind, identities.number_of(id))
    if identity is None:
        raise NotFound(f"{TYPES[kind].name} with id {id[:40]!r} does not exist.", kind="PRINCIPAL")
    return identity


async def get_identity(ctx: ReadCtx, req: GetIdentity) -> Identity:
    identity = await by_number(ctx, req.kind, req.id)
    return _seen(ctx, (await identities.related(ctx.tx, [identity]))[0])


async def get_my_identity(ctx: ReadCtx, req: GetMyIdentity) -> Identity:
    """The caller's own identity, with its groups. Raises NotFound."""
    identity = await identities.by_id(ctx.tx, ctx.actor.id)
    if identity is None:
        raise NotFound("You are no longer known here.", kind="PRINCIPAL")
    return (await identities.related(ctx.tx, [identity]))[0]


# --- changing --------------------------------------------------------------------------------------------------------


async def create_identity(ctx: WriteCtx, req: CreateIdentity) -> Identity:
    """Without its groups, as the next two."""
    await principals.lock_account(ctx.tx)
    want = req.wanted
    name = want.name or (new_id() if req.kind == "SERVICE_PRINCIPAL" else _name_of(req.kind))
    principal = await principals.insert(
        ctx.tx,
        req.kind,
        check_principal_name(name),
        ctx.actor.name,
        ctx.now,
        principals.PrincipalDetails(display_name=want.display_name),
    )
    identity = await identities.by_id(ctx.tx, principal.id)
    assert identity is not None
    members = MemberChange(add=tuple(await ids_of(ctx, want.members)) if req.kind == "GROUP" else ())
    new = msgspec.structs.replace(want, name=name, display_name=want.display_name or name)
    return await _become(ctx, identity, new, members)


async def replace_identity(ctx: WriteCtx, req: ReplaceIdentity) -> Identity:
    await principals.lock_account(ctx.tx)
    identity, members = await by_number(ctx, req.kind, req.id), req.members
    if members is None and req.kind == "GROUP":
        members = MemberChange(exact=await ids_of(ctx, req.wanted.members))
    return await _become(ctx, identity, req.wanted, members or MemberChange())


async def patch_identity(ctx: WriteCtx, req: PatchIdentity) -> Identity:
    """Applies the operations of a SCIM PATCH to the identity that they were computed from. Raises Overtaken."""
    await principals.lock_account(ctx.tx)
    identity, of, members = await by_number(ctx, req.kind, req.id), TYPES[req.kind], req.members
    if req.kind == "GROUP" and members is None:
        identity = await identities.with_members(ctx.tx, identity, MEMBERS_PER_STEP)
        if len(identity.members) > MEMBERS_PER_STEP:
            raise Overtaken(
                f"Others change the members of '{identity.principal.name}' at the same time. Send the request again."
            )
    if len(identity.members) + len(req.changes) > SCIM_INLINE_RELATED:
        want = await off_loop(patched, of, identity, req.changes)
    else:
        want = patched(of, identity, req.changes)
    if req.kind == "GROUP" and members is None:
        listed, after = {str(member.number) for member in identity.members}, set(want.members)
        members = MemberChange(tuple(await ids_of(ctx, after - listed)), tuple(await ids_of(ctx, listed - after)))
    return await _become(ctx, msgspec.structs.replace(identity, members=()), want, members or MemberChange())


def patched(of: ResourceType, identity: Identity, changes: tuple[PatchOperation, ...]) -> DesiredPrincipal:
    """What the changes make of a principal. Raises ScimRequestError."""
    want = read_wanted(of, apply(of, resource(identity), changes))
    # The changed resource lists every entitlement that is left: without the list, none is.
    return want if want.entitlements is not None else msgspec.structs.replace(want, entitlements=())


async def delete_identity(ctx: WriteCtx, req: DeleteIdentity) -> None:
    await principals.lock_account(ctx.tx)
    principal = (await by_number(ctx, req.kind, req.id)).principal
    keep_built_in(ctx, principal)
    ctx.touch(principal.kind, principal.id, principal.name)
    await principals.delete(ctx.tx, principal)
    await keep_an_admin(ctx)


def _name_of(kind: str) -> str:
    raise misfit("invalidValue", f"Attribute '{'userName' if kind == 'USER' else 'displayName'}' is required.")


async def _become(ctx: WriteCtx, old: Identity, want: DesiredPrincipal, members: MemberChange) -> Identity:
    """Make a principal what is wanted. Raises InvalidArgument, AlreadyExists."""
    was = old.principal
    if was.name == principals.ACCOUNT_USERS:
        keep_built_in(ctx, was)
    name = want.name or (was.name if was.kind == "SERVICE_PRINCIPAL" else _name_of(was.kind))
    _keep_name(was, name)
    active = was.active if want.active is None else want.active
    if active != was.active:
        keep_built_in(ctx, was)
    now = msgspec.structs.replace(was, name=name, display_name=want.display_name, active=active)
    new = msgspec.structs.replace(
        old,
        principal=now,
        external_id=want.external_id,
        given_name=want.given_name,
        family_name=want.family_name,
        emails=want.emails,
        entitlements=old.entitlements if want.entitlements is None else want.entitlements,
    )
    ctx.touch(now.kind, now.id, now.name)
    if new != old:
        _note(ctx, old, new)
        await identities.update(ctx.tx, new, ctx.now)
    if now.kind == "GROUP":
        await apply_members(ctx, now, members)
    await keep_an_admin(ctx)
    identity = await identities.by_id(ctx.tx, now.id)
    assert identity is not None
    return identity


def _keep_name(was: Principal, name: str) -> None:
    if name == was.name:
        return
    if was.kind == "SERVICE_PRINCIPAL":
        raise misfit("mutability", "A service principal's applicationId never changes: grants and jobs name it.")
    if was.name == ADMINS:
        raise InvalidArgument(f"The group '{ADMINS}' is built in and keeps its name.")
    check_principal_name(name)


def _note(ctx: ReadCtx, old: Identity, new: Identity) -> None:
    """For the audit log: what changed."""
    for field in ("name", "display_name", "active"):
        ctx.changed(field, getattr(old.principal, field), getattr(new.principal, field))
    for field in ("external_id", "given_name", "family_name", "emails", "entitlements"):
        ctx.changed(field, getattr(old, field), getattr(new, field))
