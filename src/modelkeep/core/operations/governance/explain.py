"""Why somebody may or may not do something: the same decision, repeated for each single grant and ownership."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.core.operation import Operation, Target, names_of_kind, ways
from modelkeep.core.operations.governance import tag_policies
from modelkeep.core.operations.governance.grants import grantee
from modelkeep.core.operations.models import protected_aliases
from modelkeep.domain import authorization
from modelkeep.domain.authorization import Binding, Decision, SecurableWithGrants
from modelkeep.domain.errors import InvalidArgument, PermissionDenied
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Principal, Securable
from modelkeep.domain.names import FullName, fold_principal, missing
from modelkeep.domain.privileges import Privilege
from modelkeep.domain.suggestions import near
from modelkeep.store import explain as evidence
from modelkeep.store import principals, securables, workspaces
from modelkeep.store import tag_policies as policies
from modelkeep.store.explain import Holding
from modelkeep.store.protected_aliases import Protection

_MANAGES = Target("name", authorization.OWNER_OR_MANAGE, any_kind=True)
_ASKS = Target("name", authorization.CAN_REQUEST_ACCESS, any_kind=True)
_DECIDES = msgspec.structs.replace(_MANAGES, writes=True)
_SEES = Target("name", authorization.ANY_PRIVILEGE_OR_BROWSE, any_kind=True)


class Explain(msgspec.Struct, frozen=True):
    """Of an operation on a securable (for a create: on the container where it is made). Of the caller where nobody is named."""

    name: FullName
    operation: str
    principal: str = ""
    field: str = ""
    """Which of the operation's securables this one is (`destination` of a copy); '' for the first."""
    about: str = ""
    """The alias that is moved, or the key of the tag that is set: then its protections, or its policy, are part of the answer."""


class WhatMayI(msgspec.Struct, frozen=True):
    """Every operation that is about such a securable, for the caller."""

    name: FullName


class Way(msgspec.Struct, frozen=True):
    """One grant or ownership that suffices by itself."""

    what: str
    """a privilege, or OWNERSHIP; READ_WRITE BINDING and READ_ONLY BINDING, which workspaces hold"""
    securable_type: str
    securable_name: str
    principal: str
    """who holds it"""
    groups: tuple[str, ...] = ()
    """how the principal of the request comes to act as that principal: each group lies in the next one"""


class Step(msgspec.Struct, frozen=True):
    """One of the things that are needed, all of them."""

    needs: str
    securable_type: str
    securable_name: str
    met: bool
    given_by: tuple[Way, ...] = ()
    ask: tuple[str, ...] = ()
    """Where it is not met: who can change that. Of a privilege: who owns or manages the securable, and so can grant it."""


class Explanation(msgspec.Struct, frozen=True):
    principal: str
    operation: str
    allowed: bool
    reason: str
    steps: tuple[Step, ...] = ()
    without_effect: tuple[Way, ...] = ()
    """Grants of privileges that mean nothing here, or meant nothing when they were granted: no step reads them."""


async def explain(ctx: ReadCtx, req: Explain) -> Explanation:
    """Anything about oneself; about others to account admins and to those who manage the securable."""
    operation = _operation(req.operation, ctx.config.operations)
    about_me = not req.principal or fold_principal(req.principal) == fold_principal(ctx.actor.name)
    hidden = False
    try:
        if about_me or not ctx.actor.account_admin:
            await ctx.reach(_SEES if about_me else _MANAGES, req.name)
    except PermissionDenied:
        if not about_me:
            raise
        hidden = True
    principal = await grantee(ctx, req.principal or ctx.actor.name)
    if not principal.active:
        return Explanation(principal.name, req.operation, False, "The principal is deactivated.")
    here = authorization.Actor(principal.id, principal.name, principal.kind, workspace=ctx.actor.workspace)
    chain = await securables.chain(ctx.tx, ctx.dialect, here, req.name)
    above = chain[: len(req.name.parts)]
    closed = next((i for i in range(1, len(above) + 1) if hidden and authorization.blocked_at(above[:i])), None)
    if closed is not None:  # whatever lies below, or does not
        return await _explained(ctx, principal, operation, chain[:closed], req, complete=False)
    if len(chain) <= len(req.name.parts):
        raise missing(".".join(req.name.parts[: len(chain)]), req.name.leaf)
    ctx.touch(chain[-1].securable.kind, chain[-1].securable.id, chain[-1].securable.full_name)
    return await _explained(ctx, principal, operation, chain, req, complete=True)


def _operation(name: str, known: Mapping[str, Operation]) -> Operation:
    if name not in known:
        hint = near(name, known) or f" Known are: {', '.join(sorted(known))}."
        raise InvalidArgument(f"Operation '{name[:100]}' is not known.{hint}")
    return known[name]


async def _explained(
    ctx: ReadCtx,
    principal: Principal,
    operation: Operation,
    chain: list[SecurableWithGrants],
    req: Explain,
    *,
    complete: bool,
) -> Explanation:
    """`complete`: the chain does not end at a closed container."""
    facts = await _facts(ctx, principal, chain)
    if operation.account_admin:
        return _of_account(principal, operation, facts)
    entering = await _entering(ctx, principal, facts)
    decisions = [decision for decision, _ in entering]
    steps = {f"{step.needs} {step.securable_name}": step for _, step in entering}
    kind = chain[-1].securable.kind if complete else None
    for on in _about(operation, ctx.config.operations, kind, req.field, account_admin=bool(facts.admins)):
        decision, target_steps = _on_target(on, operation, chain, facts, complete=complete)
        decisions.append(decision)
        target_steps = [*_bound(on, chain, facts), *target_steps]
        steps |= {f"{step.needs} {step.securable_name}": step for step in target_steps}
    if not decisions:
        return Explanation(principal.name, operation.name, True, operation.needs)
    if req.about and complete:
        for decision, step in await _about_one(ctx, principal, operation, chain[-1].securable, req.about, facts):
            decisions.append(decision)
            steps[f"{step.needs} {step.securable_name}"] = step
    first = next((decision for decision in decisions if not decision.allowed), decisions[0])
    all_steps = [step if step.met else await _with_askable(ctx, step, chain) for step in steps.values()]
    ignored = await _without_effect(ctx, principal, chain)
    return Explanation(principal.name, operation.name, first.allowed, first.reason, tuple(all_steps), ignored)


def _about(
    operation: Operation, known: Mapping[str, Operation], kind: Kind | None, field: str, *, account_admin: bool
) -> list[Target]:
    """What the operation asks for on this securable. Raises InvalidArgument where it is about something else."""
    targets = _targets(operation, account_admin=account_admin)
    if not targets and (operation.decides or operation.workspace_admin):
        raise InvalidArgument(f"Operation '{operation.name}' is not about one securable. It takes {operation.needs}.")
    if field and field not in {on.field for on in targets}:
        fields = ", ".join(sorted({on.field for on in targets})) or "none"
        raise InvalidArgument(f"Operation '{operation.name}' has no field '{field[:100]}'. It has: {fields}.")
    if kind is not None and targets and not field and kind not in operation.kinds:
        raise InvalidArgument(
            f"Operation '{operation.name}' is not about a {RULES[kind].label}. These are: {', '.join(names_of_kind(known, kind))}."
        )
    return [on for on in targets if on.field == (field or targets[0].field)]


def _targets(operation: Operation, *, account_admin: bool) -> tuple[Target, ...]:
    """What it asks for on securables, in the table or in its own function."""
    own = {"ask_access": (_ASKS,), "decide_access": (_DECIDES,), "explain": (_MANAGES,)}
    return operation.targets_for(account_admin=account_admin) or own.get(operation.name, ())


class _Facts(msgspec.Struct, frozen=True):
    holdings: list[Holding]
    ways_up: dict[str, list[str]]
    admins: list[str]
    """ids of what makes the principal an account admin"""
    names: dict[str, str]
    workspace: str
    """the name of the workspace of the request"""


async def _facts(ctx: ReadCtx, principal: Principal, chain: Sequence[SecurableWithGrants]) -> _Facts:
    holdings = await evidence.holdings(ctx.tx, principal.id, [link.securable.id for link in chain])
    up = await evidence.ways_up(ctx.tx, principal.id)
    admins = await evidence.admin_groups(ctx.tx, principal.id)
    ids = [principal.id, *(h.holder_id for h in holdings), *(group for way in up.values() for group in way), *admins]
    ids += [link.securable.owner_id for link in chain[:2]]
    here = await workspaces.by_id(ctx.tx, ctx.actor.workspace)
    names = await evidence.names(ctx.tx, ids)
    return _Facts(holdings, up, admins, names, here.name if here else ctx.actor.workspace)


async def _without_effect(ctx: ReadCtx, principal: Principal, chain: Sequence[SecurableWithGrants]) -> tuple[Way, ...]:
    at = {link.securable.id: link.securable for link in chain}
    inert = await evidence.inert_holdings(ctx.tx, principal.id, list(at))
    names = await evidence.names(ctx.tx, [holding.holder_id for holding in inert])
    return tuple(
        Way(
            holding.privilege,
            at[holding.securable_id].kind,
            at[holding.securable_id].full_name,
            names[holding.holder_id],
        )
        for holding in inert
    )


async def _entering(ctx: ReadCtx, principal: Principal, facts: _Facts) -> list[tuple[Decision, Step]]:
    """What keeps somebody out of the workspace altogether. A group never enters one itself."""
    if facts.admins or principal.kind == "GROUP" or await workspaces.role_of(ctx.tx, ctx.actor.workspace, principal.id):
        return []
    ask = await workspaces.admins_of(ctx.tx, ctx.actor.workspace)
    step = Step("assignment", "WORKSPACE", facts.workspace, False, (), tuple(ask))
    return [(Decision(False, f"'{principal.name}' is not assigned to workspace '{facts.workspace}'."), step)]


def _bound(on: Target, chain: list[SecurableWithGrants], facts: _Facts) -> list[Step]:
    """Of an isolated catalog: what its binding to the workspace must be, which only its owner and metastore admins change."""
    if on.anywhere or len(chain) < 2 or not chain[1].securable.isolated:
        return []
    catalog, binding = chain[1].securable, chain[1].binding
    met = binding is not None and not (on.writes and binding is Binding.READ_ONLY)
    needs = f"{'read-write ' * bool(on.writes)}binding to workspace {facts.workspace}"
    way = Way(f"{binding} BINDING", catalog.kind, catalog.full_name, f"workspace {facts.workspace}")
    ask = tuple(dict.fromkeys(facts.names[link.securable.owner_id] for link in (chain[1], chain[0])))
    return [Step(needs, catalog.kind, catalog.full_name, met, (way,) * met, () if met else ask)]


def _of_account(principal: Principal, operation: Operation, facts: _Facts) -> Explanation:
    ways_to_it = [Way("account admin", "ACCOUNT", "", facts.names[id], _groups(facts, id)) for id in facts.admins]
    reason = "account admin" if ways_to_it else "Only account admins may do this."
    step = Step("account admin", "ACCOUNT", "", bool(ways_to_it), tuple(ways_to_it))
    return Explanation(principal.name, operation.name, bool(ways_to_it), reason, (step,))


def _groups(facts: _Facts, holder: str) -> tuple[str, ...]:
    # Nobody is put into the group of all users: a principal that acts as it without a way there is in it as a user.
    return tuple(facts.names[id] for id in facts.ways_up.get(holder, [holder]))


def _on_target(
    on: Target, operation: Operation, chain: list[SecurableWithGrants], facts: _Facts, *, complete: bool
) -> tuple[Decision, list[Step]]:
    """The decision on one target, and each thing that it needs. Below a closed container there may be nothing: then only
    the container is named."""
    if on.parent and not operation.creates and complete:
        chain = chain[:-1]
    inside = on.parent or not complete
    need = on.need_on(chain[-1].securable.kind)
    steps = [
        _step(RULES[chain[depth].securable.kind].usage or "", chain[: depth + 1], facts, authorization.passes)
        for depth in range(1, len(chain) if inside else len(chain) - 1)
    ]
    if not complete:
        return authorization.blocked_at(chain) or Decision(False, "It does not exist."), steps
    decision = on.decide(chain[-1].securable.kind, chain)
    if decision.reason == Privilege.BROWSE.words:
        return decision, [
            _step("BROWSE", chain[:2], facts, lambda links: Privilege.BROWSE in authorization.effective(links))
        ]
    needs = (
        ", ".join(ways(need).split(" or "))
        if need not in (authorization.ANYONE, authorization.CAN_REQUEST_ACCESS)
        else "signed in"
    )
    last = _step(needs, chain, facts, lambda links: authorization.decide_here(need, links).allowed)
    return decision, [*steps, last]


def _step(
    needs: str, chain: list[SecurableWithGrants], facts: _Facts, suffices: Callable[[list[SecurableWithGrants]], bool]
) -> Step:
    """Is it met, and by which single holdings?"""
    bare = [SecurableWithGrants(link.securable, False, frozenset()) for link in chain]
    places = {link.securable.id: depth for depth, link in enumerate(chain)}
    sufficient: list[Way] = []
    for holding in facts.holdings:
        if (depth := places.get(holding.securable_id)) is None:
            continue
        granted = frozenset((holding.privilege,)) if holding.privilege else frozenset[str]()
        alone = [
            *bare[:depth],
            SecurableWithGrants(bare[depth].securable, not holding.privilege, granted),
            *bare[depth + 1 :],
        ]
        if suffices(alone) and not suffices(bare):
            securable = bare[depth].securable
            sufficient.append(
                Way(
                    holding.privilege or "OWNERSHIP",
                    securable.kind,
                    securable.full_name,
                    facts.names[holding.holder_id],
                    _groups(facts, holding.holder_id),
                )
            )
    target = chain[-1].securable
    return Step(needs.replace("_", " "), target.kind, target.full_name, suffices(chain), tuple(sufficient))


_MOVES = ("delete_alias", "delete_prompt_alias", "set_alias", "set_prompt_alias")
_TAGS = ("assign_tag", "change_prompt_version_tags", "change_tags", "reassign_tag")


async def _about_one(
    ctx: ReadCtx, principal: Principal, operation: Operation, securable: Securable, about: str, facts: _Facts
) -> list[tuple[Decision, Step]]:
    """What an alias or a tag asks for beside. Raises InvalidArgument for operations that move and set none."""
    if operation.name in _MOVES and securable.kind in (Kind.MODEL, Kind.PROMPT):
        protections = [p for p in await protected_aliases.protecting(ctx, securable, principal.id) if p.alias == about]
        return [_as_mover(securable, p, facts) for p in protections]
    if operation.name not in _TAGS:
        raise InvalidArgument(f"Operation '{operation.name}' is about no alias or tag. Leave `about` out.")
    decided: list[tuple[Decision, Step]] = []
    for policy, assigns in await policies.of_keys(ctx.tx, (about,), principal.id):
        may = bool(facts.admins) or assigns
        ask = tuple(rule.principal for rule in await policies.rules(ctx.tx, policy.id) if rule.role == "MANAGE")
        step = Step("ASSIGN or MANAGE", "TAG_POLICY", policy.key, may, (), () if may else ask)
        decided.append((Decision(may, "ASSIGN" if may else tag_policies.refusal(policy)), step))
    return decided


def _as_mover(model: Securable, protection: Protection, facts: _Facts) -> tuple[Decision, Step]:
    kind, name = protected_aliases.where(model, protection)
    by_name = {facts.names[id]: id for id in facts.ways_up if id in facts.names}
    # All users are in their group without a way there.
    by = [mover for mover in protection.movers if mover in by_name or mover == principals.ACCOUNT_USERS]
    ways_in = tuple(
        Way("MOVER", kind, name, mover, _groups(facts, by_name[mover]) if mover in by_name else ()) for mover in by
    )
    step = Step(f"to be a mover of alias {protection.alias}", kind, name, protection.mine, ways_in)
    return Decision(protection.mine, "mover" if protection.mine else protected_aliases.refusal(model, protection)), step


async def _with_askable(ctx: ReadCtx, step: Step, chain: list[SecurableWithGrants]) -> Step:
    """Who owns or manages it: the owner first, then those of the containers above, the metastore admin last."""
    if step.ask or step.securable_type in ("TAG_POLICY", "WORKSPACE"):
        return step
    depth = next(i for i, link in enumerate(chain) if link.securable.full_name == step.securable_name)
    upto = [link.securable for link in chain[: depth + 1]]
    managing = await evidence.managers(ctx.tx, [s.id for s in upto[1:]]) if depth else []
    ids = [upto[-1].owner_id, *managing, *(s.owner_id for s in reversed(upto[:-1]))]
    known = await evidence.names(ctx.tx, ids)
    return msgspec.structs.replace(step, ask=tuple(dict.fromkeys(known[id] for id in ids if id in known)))


async def what_may_i(ctx: ReadCtx, req: WhatMayI, securable: Securable) -> dict[str, bool | str]:
    """{operation: True, or the sentence that refuses it}, from the links that have been read already."""
    chain = ctx.chains[req.name.chain_key]
    answers: dict[str, bool | str] = {}
    for name in names_of_kind(ctx.config.operations, securable.kind):
        operation = ctx.config.operations[name]
        targets = _targets(operation, account_admin=ctx.actor.account_admin)
        decisions = [_decided(on, operation, chain) for on in targets if on.field == targets[0].field]
        refused = next((decision.reason for decision in decisions if not decision.allowed), None)
        answers[name] = refused or True
    return answers


def _decided(on: Target, operation: Operation, chain: list[SecurableWithGrants]) -> Decision:
    inside = chain if operation.creates or not on.parent else chain[:-1]
    return on.decide(chain[-1].securable.kind, inside)
