"""How identity providers change principals, as a few transactions: one where few members are concerned.

Attributes come first, because they may be refused, then members in steps. The answer, which lists all members, is read after
that: nothing of it is read while others wait for the writer."""

from collections.abc import Awaitable, Callable

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.core.operations.identity.group_members import MemberChange, ids_of, makes_admins, perform_all
from modelkeep.core.operations.identity.identities import (
    CreateIdentity,
    PatchIdentity,
    ReplaceIdentity,
    by_number,
    patched,
)
from modelkeep.core.operations.identity.principals import keep_built_in
from modelkeep.core.steps import Overtaken, Steps
from modelkeep.domain.model import Identity
from modelkeep.domain.scim.member_changes import members_mentioned, replaces_members, without_members
from modelkeep.domain.scim.schema import TYPES
from modelkeep.domain.time_slices import off_loop
from modelkeep.limits import CONTENDED_TRIES, MEMBERS_PER_STEP
from modelkeep.store import identities, memberships, principals


async def create_identity_in_steps(steps: Steps, req: CreateIdentity) -> Identity:
    members = req.wanted.members
    if len(members) <= MEMBERS_PER_STEP:
        return await _complete(steps, await steps.perform(req))
    async with steps.read() as ctx:
        change = MemberChange(add=tuple(sorted(await ids_of(ctx, members))))
    bare = msgspec.structs.replace(req, wanted=msgspec.structs.replace(req.wanted, members=()))
    async with steps.alone():
        identity: Identity = await steps.perform(bare)
        await perform_all(steps, str(identity.number), change, add_first=True)
    return await _complete(steps, identity)


async def replace_identity_in_steps(steps: Steps, req: ReplaceIdentity) -> Identity:
    async with steps.read() as ctx:
        large = await _is_large(ctx, req.kind, req.id, len(req.wanted.members))
    if not large:
        return await _complete(steps, await steps.perform(req))

    async def planned(ctx: ReadCtx, group: Identity) -> MemberChange:
        return await _exactly(ctx, group, await ids_of(ctx, req.wanted.members))

    return await _changed_in_steps(steps, msgspec.structs.replace(req, members=MemberChange()), planned)


async def patch_identity_in_steps(steps: Steps, req: PatchIdentity) -> Identity:
    of = TYPES[req.kind]
    async with steps.read() as ctx:
        mentioned = await off_loop(members_mentioned, of, req.changes)
        large = mentioned is not None and await _is_large(ctx, req.kind, req.id, mentioned)
    if mentioned is None:
        req = msgspec.structs.replace(req, members=MemberChange())
    if not large:
        return await _complete(steps, await steps.perform(req))

    async def planned(ctx: ReadCtx, group: Identity) -> MemberChange:
        before = await identities.with_members(ctx.tx, group)
        after = frozenset((await off_loop(patched, of, before, req.changes)).members)
        if await off_loop(replaces_members, of, req.changes):
            return await _exactly(ctx, group, await ids_of(ctx, after))
        listed = {str(member.number) for member in before.members}
        add, remove = await ids_of(ctx, after - listed), await ids_of(ctx, listed - after)
        return MemberChange(tuple(sorted(add)), tuple(sorted(remove)))

    rest = await off_loop(without_members, of, req.changes)
    return await _changed_in_steps(steps, msgspec.structs.replace(req, changes=rest, members=MemberChange()), planned)


async def _is_large(ctx: ReadCtx, kind: str, number: str, mentioned: int) -> bool:
    if kind != "GROUP":
        return False
    group = (await by_number(ctx, kind, number)).principal.id
    counts = await identities.member_counts(ctx.tx, [group])
    return counts.get(group, 0) + mentioned > MEMBERS_PER_STEP


async def _exactly(ctx: ReadCtx, group: Identity, ids: frozenset[str]) -> MemberChange:
    current = await memberships.direct(ctx.tx, group.principal.id)
    return MemberChange(tuple(sorted(ids - current)), tuple(sorted(current - ids)), ids)


async def _changed_in_steps(
    steps: Steps,
    attributes: ReplaceIdentity | PatchIdentity,
    planned: Callable[[ReadCtx, Identity], Awaitable[MemberChange]],
) -> Identity:
    """`attributes`: the request without its members. Raises Overtaken where others change the members all the time."""
    tries = CONTENDED_TRIES
    async with steps.alone():
        while True:
            async with steps.read() as ctx:
                group = await by_number(ctx, "GROUP", attributes.id)
                if group.principal.name == principals.ACCOUNT_USERS:
                    keep_built_in(ctx, group.principal)
                change = await planned(ctx, group)
                await memberships.check_circles(ctx.tx, group.principal, change.add)
                add_first = await makes_admins(ctx, group.principal)
            identity: Identity = await steps.perform(attributes)
            try:
                await perform_all(steps, attributes.id, change, add_first=add_first)
                break
            except Overtaken:
                tries -= 1
                if not tries:
                    raise
    return await _complete(steps, identity)


async def _complete(steps: Steps, identity: Identity) -> Identity:
    """With its groups and members."""
    async with steps.read() as ctx:
        return (await identities.related(ctx.tx, [identity]))[0]
