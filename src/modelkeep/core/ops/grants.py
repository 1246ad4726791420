"""Grants: read them, change them, see where they are inherited from, and explain a decision."""

import msgspec

from modelkeep.core import authz
from modelkeep.core.errors import InvalidArgument, NotFound
from modelkeep.core.kinds import RULES
from modelkeep.core.model import Grant, Principal, Securable
from modelkeep.core.names import FullName
from modelkeep.core.operation import Ctx, Operation
from modelkeep.core.privileges import IMPLIED_BY_ALL, Privilege, parse_privilege
from modelkeep.store import grants, principals, securables


class Change(msgspec.Struct, frozen=True):
    """What to give one principal and what to take."""

    principal: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class GetGrants(msgspec.Struct, frozen=True):
    """Of all principals, or of one. Whoever manages the securable sees all; others see what they hold themselves."""

    name: FullName
    principal: str = ""


class GetEffectiveGrants(msgspec.Struct, frozen=True):
    name: FullName
    principal: str = ""


class ChangeGrants(msgspec.Struct, frozen=True):
    name: FullName
    changes: tuple[Change, ...]


class Explain(msgspec.Struct, frozen=True):
    """Why a principal may, or may not, do an operation on a securable (for a create: on the container where it is made)."""

    name: FullName
    principal: str
    operation: str


class Explanation(msgspec.Struct, frozen=True):
    principal: str
    operation: str
    allowed: bool
    reason: str


async def get_grants(ctx: Ctx, req: GetGrants, found: Securable) -> list[Grant]:
    return await _visible(
        ctx, req.name, req.principal, await grants.on(ctx.tx, found, await _principal_id(ctx, req.principal))
    )


async def get_effective_grants(ctx: Ctx, req: GetEffectiveGrants, found: Securable) -> list[Grant]:
    chain = [(link.securable, FullName(req.name.parts[:depth])) for depth, link in enumerate(ctx.chains[str(req.name)])]
    inheriting = chain[1:] if len(chain) > 1 else chain  # metastore grants do not inherit
    applicable = RULES[found.kind].grantable
    all_grants = await grants.effective(ctx.tx, inheriting, await _principal_id(ctx, req.principal))
    # BROWSE is granted on catalogs only, and is not shown as inherited (privileges reference).
    kept = [g for g in all_grants if not g.from_kind or (g.privilege in applicable and g.privilege != Privilege.BROWSE)]
    return await _visible(ctx, req.name, req.principal, kept)


async def _principal_id(ctx: Ctx, name: str) -> str | None:
    return (await _principal(ctx, name)).id if name else None


async def _principal(ctx: Ctx, name: str) -> Principal:
    found = await principals.by_name(ctx.tx, name)
    if found is None:
        raise NotFound(
            f"Could not find principal with name {name[:255]}. Name a user, group or service principal.",
            kind="PRINCIPAL",
        )
    return found


async def _visible(ctx: Ctx, name: FullName, principal: str, found: list[Grant]) -> list[Grant]:
    chain = ctx.chains[str(name)]
    if authz.decide(authz.OWNER_OR_MANAGE, chain).allowed:
        return found
    own = {ctx.actor.name, *(await principals.groups_of(ctx.tx, ctx.actor.id))}
    return [grant for grant in found if grant.principal in own]


async def change_grants(ctx: Ctx, req: ChangeGrants, found: Securable) -> list[Grant]:
    """All of the changes, or none. Returns what the touched principals hold on the securable now."""
    rules = RULES[found.kind]
    touched: list[Grant] = []
    for change in req.changes:
        principal = await _principal(ctx, change.principal)
        before = {g.privilege for g in await grants.on(ctx.tx, found, principal.id)}
        for text in change.add:
            privilege = _privilege(text, rules.grantable, rules.label)
            await grants.add(ctx.tx, found, principal, privilege, ctx.actor.name, ctx.now)
        for text in change.remove:
            await grants.remove(ctx.tx, found, principal, _with_implied(_privilege(text, None, rules.label)))
        after = await grants.on(ctx.tx, found, principal.id)
        ctx.changed(f"grants of {principal.name}", sorted(before), sorted(g.privilege for g in after))
        touched += after
    return touched


def _privilege(text: str, grantable: frozenset[Privilege] | None, label: str) -> Privilege:
    privilege = parse_privilege(text)
    if privilege is None:
        raise InvalidArgument(f"Privilege '{text[:100]}' is not known. Known are: {', '.join(sorted(Privilege))}.")
    if grantable is not None and privilege not in grantable:
        raise InvalidArgument(
            f"Privilege {privilege} cannot be granted on a {label}. These can: {', '.join(sorted(grantable))}."
        )
    return privilege


def _with_implied(privilege: Privilege) -> list[str]:
    """Revoking ALL PRIVILEGES takes the single privileges that it implies too; MANAGE stays (privileges reference)."""
    return [privilege, *sorted(IMPLIED_BY_ALL)] if privilege is Privilege.ALL_PRIVILEGES else [privilege]


async def explain(ctx: Ctx, req: Explain, found: Securable) -> Explanation:
    """The decision of the operation's own row in the table, asked for another principal."""
    from modelkeep.core.table import BY_NAME  # the table lists this very function

    operation = BY_NAME.get(req.operation)
    if operation is None or not operation.targets:
        raise InvalidArgument(
            f"Operation '{req.operation[:100]}' is not known. Known are: {', '.join(sorted(BY_NAME))}."
        )
    principal = await _principal(ctx, req.principal)
    if not principal.active:
        return Explanation(principal.name, req.operation, False, "The principal is deactivated.")
    there = authz.Actor(principal.id, principal.name, principal.kind, workspace=ctx.actor.workspace)
    chain = await securables.chain(ctx.tx, ctx.dialect, there, req.name)
    decision = _decided(operation, chain)
    return Explanation(principal.name, req.operation, decision.allowed, decision.reason)


def _decided(operation: Operation, chain: list[authz.Link]) -> authz.Decision:
    """All that the operation needs on its first target: the first refusal, else the first way in."""
    decisions: list[authz.Decision] = []
    for on in operation.targets:
        if on.field == operation.targets[0].field:
            inside = chain if operation.creates or not on.parent else chain[:-1]
            inside = authz.as_if_bound(inside) if on.anywhere else inside
            decisions.append(
                (authz.decide_inside if on.parent else authz.decide)(
                    on.need_on(chain[-1].securable.kind), inside, writes=operation.writes(on)
                )
            )
    return next((decision for decision in decisions if not decision.allowed), decisions[0])
