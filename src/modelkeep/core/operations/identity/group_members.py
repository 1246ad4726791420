"""The members of a group, changed as a whole by SCIM: at most `MEMBERS_PER_STEP` in one transaction."""

from collections.abc import Iterable

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.identity.principals import keep_an_admin
from modelkeep.core.steps import Overtaken, Steps
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.model import Principal
from modelkeep.domain.scim.schema import misfit
from modelkeep.limits import MEMBERS_PER_STEP
from modelkeep.store import identities, memberships, principals, signin


class MemberChange(msgspec.Struct, frozen=True):
    """Ids of principals. `exact`: the members that there are afterwards; None where others than these stay."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    exact: frozenset[str] | None = None


class ChangeMembers(msgspec.Struct, frozen=True):
    """One step of a change of many members. `id`: the group's number."""

    id: str
    members: MemberChange


async def change_members(ctx: WriteCtx, req: ChangeMembers) -> None:
    """Adds and removes members of a group, in steps where they are many. Raises Overtaken."""
    await principals.lock_account(ctx.tx)
    group = await identities.by_number(ctx.tx, "GROUP", identities.number_of(req.id))
    if group is None:
        raise Overtaken("The group was deleted meanwhile.", kind="PRINCIPAL")
    ctx.touch("GROUP", group.principal.id, group.principal.name)
    await apply_members(ctx, group.principal, req.members)
    await keep_an_admin(ctx)


async def apply_members(ctx: WriteCtx, group: Principal, change: MemberChange) -> None:
    """The caller holds the account's lock. Raises Overtaken where that are more than one transaction may change."""
    add, remove = change.add, change.remove
    if change.exact is not None:
        current = await memberships.direct(ctx.tx, group.id)
        add, remove = tuple(sorted(change.exact - current)), tuple(sorted(current - change.exact))
    if len(add) + len(remove) > MEMBERS_PER_STEP:
        raise Overtaken(f"Others change the members of '{group.name}' at the same time. Send the request again.")
    if not add and not remove:
        return
    await memberships.remove(ctx.tx, group, remove)
    await memberships.add(ctx.tx, group, add)
    names = await principals.names_of(ctx.tx, (*add, *remove))
    ctx.changed("members_added", [], sorted(names[id] for id in add if id in names))
    ctx.changed("members_removed", [], sorted(names[id] for id in remove if id in names))


async def ids_of(ctx: ReadCtx, numbers: Iterable[str]) -> frozenset[str]:
    """The ids of principals whose numbers SCIM names. Raises ScimRequestError, InvalidArgument."""
    texts = {identities.number_of(text): text for text in numbers}
    rows = await identities.by_numbers(ctx.tx, sorted(texts))
    for number in sorted(texts):
        member = rows.get(number)
        if member is None:
            raise misfit("invalidValue", f"Nobody has the id {texts[number][:40]!r}, which members names.")
        if member.name == principals.ACCOUNT_USERS:
            raise InvalidArgument(f"'{member.name}' cannot be put into a group. Grant to it what everyone should have.")
    return frozenset(member.id for member in rows.values())


async def makes_admins(ctx: ReadCtx, group: Principal) -> bool:
    return await signin.grants_admin(ctx.tx, group.id)


async def perform_all(steps: Steps, number: str, change: MemberChange, *, add_first: bool) -> None:
    """`add_first`: in a group that makes account admins, so that there is always one. The last step repairs what others changed
    meanwhile, where the change is exact. Raises Overtaken where that is too much."""
    removals = [MemberChange(remove=part) for part in _parts(change.remove)]
    additions = [MemberChange(add=part) for part in _parts(change.add)]
    parts = [*additions, *removals] if add_first else [*removals, *additions]
    if parts and change.exact is not None:
        parts[-1] = MemberChange(exact=change.exact)
    for part in parts:
        await steps.perform(ChangeMembers(number, part))


def _parts(ids: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [ids[start : start + MEMBERS_PER_STEP] for start in range(0, len(ids), MEMBERS_PER_STEP)]
