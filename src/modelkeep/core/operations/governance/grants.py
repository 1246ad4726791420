"""Grants: read them, change them, see where they are inherited from."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.domain import authorization
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound, RegistryError
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Grant, Principal, Securable
from modelkeep.domain.names import FullName, fold_principal
from modelkeep.domain.privileges import IMPLIED_BY_ALL, INERT, Privilege, parse_inert, parse_privilege
from modelkeep.domain.suggestions import near
from modelkeep.domain.time_slices import Pace
from modelkeep.limits import PRINCIPALS_PER_CHANGE
from modelkeep.store import grants, principals


class GrantChange(msgspec.Struct, frozen=True):
    """What to give one principal and what to take."""

    principal: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class GetGrants(msgspec.Struct, frozen=True):
    """Of all principals, or of one. Those who manage the securable see all; others see what they hold themselves."""

    name: FullName
    principal: str = ""


class GetEffectiveGrants(msgspec.Struct, frozen=True):
    name: FullName
    principal: str = ""


class ChangeGrants(msgspec.Struct, frozen=True):
    name: FullName
    changes: tuple[GrantChange, ...]


async def get_grants(ctx: ReadCtx, req: GetGrants, securable: Securable) -> list[Grant]:
    return await _visible(
        ctx, req.name, req.principal, await grants.on(ctx.tx, securable, await _principal_id(ctx, req.principal))
    )


async def get_effective_grants(ctx: ReadCtx, req: GetEffectiveGrants, securable: Securable) -> list[Grant]:
    chain = [
        (link.securable, FullName(req.name.parts[:depth])) for depth, link in enumerate(ctx.chains[req.name.chain_key])
    ]
    inheriting = chain[1:] if len(chain) > 1 else chain  # metastore grants do not inherit
    applicable = RULES[securable.kind].grantable
    all_grants = await grants.effective(ctx.tx, inheriting, await _principal_id(ctx, req.principal))
    # BROWSE is granted on catalogs only, and is not shown as inherited (privileges reference).
    visible = [
        g for g in all_grants if not g.from_kind or (g.privilege in applicable and g.privilege != Privilege.BROWSE)
    ]
    return await _visible(ctx, req.name, req.principal, visible)


async def _principal_id(ctx: ReadCtx, name: str) -> str | None:
    return (await grantee(ctx, name)).id if name else None


async def grantee(ctx: ReadCtx, name: str, kind: str = "") -> Principal:
    """`kind`: of this kind only; '' is any. Raises NotFound, in Databricks' words."""
    principal = await principals.in_access_list(ctx.tx, name)
    if principal is None or kind not in ("", principal.kind):
        raise await _unknown(ctx, name)
    return principal


async def _unknown(ctx: ReadCtx, name: str) -> NotFound:
    return NotFound(
        f"Could not find principal with name {name[:255]}. Name a user, group or service principal."
        + near(name, await principals.like(ctx.tx, name)),
        kind="PRINCIPAL",
    )


async def _visible(ctx: ReadCtx, name: FullName, principal: str, listed: list[Grant]) -> list[Grant]:
    chain = ctx.chains[name.chain_key]
    if authorization.decide(authorization.OWNER_OR_MANAGE, chain).allowed:
        return listed
    own = {ctx.actor.name, *(await principals.groups_of(ctx.tx, ctx.actor.id))}
    return [grant for grant in listed if grant.principal in own]


async def change_grants(ctx: WriteCtx, req: ChangeGrants, securable: Securable) -> list[Grant]:
    """All of the changes, or none. Returns what the touched principals hold on the securable now.

    All removals come before all additions, whatever their order in the request: `databricks bundle` sends each grant as
    `add: [X], remove: [ALL_PRIVILEGES]`, which says "X and nothing else"."""
    merged = await _merged(ctx, req.changes, securable.kind)
    ids = [principal.id for principal, _, _ in merged]
    before = await grants.privileges_of(ctx.tx, securable, ids)
    inert_before = await grants.privileges_of(ctx.tx, securable, ids, inert=True)
    new, old, inert_new, inert_old = (list[tuple[str, str]]() for _ in range(4))
    for principal, added, removed in merged:
        gone, meant = removed - added, added - INERT
        new += [(principal.id, word) for word in sorted(meant)]
        old += [(principal.id, word) for word in sorted(gone & before[principal.id])]
        inert_new += [(principal.id, word) for word in sorted(added & INERT)]
        # What was granted when it meant nothing, and is granted again, counts from now on.
        inert_old += [(principal.id, word) for word in sorted((gone | meant) & inert_before[principal.id])]
    await grants.change(ctx.tx, securable, grants.GrantPairs(new, old), ctx.actor.name, ctx.now)
    await grants.change(ctx.tx, securable, grants.GrantPairs(inert_new, inert_old, inert=True), ctx.actor.name, ctx.now)
    touched: list[Grant] = []
    for principal, added, removed in merged:
        counted = (before[principal.id] - removed) | (added - INERT)
        inert = (inert_before[principal.id] - removed - (added - INERT)) | (added & INERT)
        now_granted = [Grant(principal.name, word, inert=word in inert) for word in sorted(counted | inert)]
        ctx.changed(
            f"grants of {principal.name}",
            _recorded(before[principal.id], inert_before[principal.id]),
            _recorded(counted, inert),
        )
        touched += now_granted
    return touched


def _recorded(counted: set[str], inert: set[str]) -> list[str]:
    """For the audit log."""
    return sorted([*counted, *(f"{word} (inert)" for word in inert)])


def _too_long() -> RegistryError:
    return LimitExceeded("The change names too many privileges. Send it in parts.")


async def _merged(
    ctx: ReadCtx, changes: tuple[GrantChange, ...], kind: Kind
) -> list[tuple[Principal, set[str], set[str]]]:
    """(principal, words to add, words to remove), each principal once: privileges, and words of INERT.
    Raises NotFound, InvalidArgument, LimitExceeded."""
    if len(changes) > PRINCIPALS_PER_CHANGE:
        raise LimitExceeded(
            f"One request changes the grants of at most {PRINCIPALS_PER_CHANGE} principals. Send it in parts."
        )
    pace = Pace(too_long=_too_long)
    named = await principals.by_names(ctx.tx, (change.principal for change in changes))
    merged: dict[str, tuple[Principal, set[str], set[str]]] = {}
    for change in changes:
        key = fold_principal(change.principal)
        if (principal := named.get(key) or await principals.in_access_list(ctx.tx, change.principal)) is None:
            raise await _unknown(ctx, change.principal)
        named[key] = principal
        _, added, removed = merged.setdefault(principal.id, (principal, set(), set()))
        for text in dict.fromkeys(change.add):
            await pace.breathe()
            added.add(parse_inert(text) or parse(text, kind))
        for text in dict.fromkeys(change.remove):
            await pace.breathe()
            removed.update(_with_implied(parse_inert(text) or parse(text, None)))
    return list(merged.values())


def parse(text: str, kind: Kind | None) -> Privilege:
    """A privilege as a client writes it, which can be granted on this kind (None: on any). Raises InvalidArgument."""
    privilege = parse_privilege(text)
    if privilege is None and parse_inert(text):
        raise InvalidArgument(f"Privilege {parse_inert(text)} means nothing here, so nobody needs it. Leave it out.")
    if privilege is None:
        known = near(text, (p.words for p in Privilege)) or f" Known are: {', '.join(sorted(Privilege))}."
        raise InvalidArgument(f"Privilege '{text[:100]}' is not known.{known}")
    if kind is not None and privilege not in RULES[kind].grantable:
        raise InvalidArgument(
            f"Privilege {privilege} cannot be granted on a {RULES[kind].label}. "
            f"These can: {', '.join(sorted(RULES[kind].grantable))}."
        )
    return privilege


def _with_implied(word: str) -> set[str]:
    """Revoking ALL PRIVILEGES takes the single privileges that it implies too; MANAGE stays (privileges reference). SQL's `ALL`
    grants nothing, and revokes what ALL PRIVILEGES does: both are the careful reading."""
    if word not in (Privilege.ALL_PRIVILEGES, "ALL"):
        return {word}
    return {Privilege.ALL_PRIVILEGES, *IMPLIED_BY_ALL, *INERT}
