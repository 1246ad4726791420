"""The deletion of a principal with many rights: they are taken away in steps, each of `MEMBERS_PER_STEP` rows.

A user or service principal is deactivated first, and a group loses its members first, so that a deletion that dies half way
leaves nobody more than they had. Sent again it goes on where it ended."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.identity import identities, principals
from modelkeep.core.operations.identity.group_members import makes_admins
from modelkeep.core.steps import Steps
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.model import Principal
from modelkeep.limits import MEMBERS_PER_STEP
from modelkeep.store import principal_rows
from modelkeep.store import principals as principal_store


class RemoveRights(msgspec.Struct, frozen=True):
    """One step of a deletion."""

    principal: str


async def remove_rights(ctx: WriteCtx, req: RemoveRights) -> int:
    """How many rows it removed."""
    await principal_store.lock_account(ctx.tx)
    principal = await principals.named(ctx, req.principal)
    principals.keep_built_in(ctx, principal)
    ctx.touch(principal.kind, principal.id, principal.name)
    removed = await principal_rows.remove(ctx.tx, principal, MEMBERS_PER_STEP)
    ctx.changed("memberships, grants and tokens", removed, 0)
    await principals.keep_an_admin(ctx)
    return removed


async def delete_principal_in_steps(steps: Steps, req: principals.DeletePrincipal) -> None:
    async with steps.read() as ctx:
        principal = await principals.named(ctx, req.principal, req.kind)
        large = await _is_large(ctx, principal)
    if large:
        await _remove_all_rights(steps, principal)
    await steps.perform(req)


async def delete_identity_in_steps(steps: Steps, req: identities.DeleteIdentity) -> None:
    async with steps.read() as ctx:
        principal = (await identities.by_number(ctx, req.kind, req.id)).principal
        large = await _is_large(ctx, principal)
    if large:
        await _remove_all_rights(steps, principal)
    await steps.perform(req)


async def _is_large(ctx: ReadCtx, principal: Principal) -> bool:
    """Raises InvalidArgument for one that cannot be deleted."""
    principals.keep_built_in(ctx, principal)
    if name := await principal_rows.owned(ctx.tx, principal.id):
        raise InvalidArgument(f"'{principal.name}' still owns '{name}' or more. Transfer the ownership first.")
    if await makes_admins(ctx, principal):
        return False  # one transaction, which is refused as a whole where nobody would be an account admin any more
    return await principal_rows.count(ctx.tx, principal.id, MEMBERS_PER_STEP + 1) > MEMBERS_PER_STEP


async def _remove_all_rights(steps: Steps, principal: Principal) -> None:
    async with steps.alone():
        if principal.kind != "GROUP" and principal.active:
            await steps.perform(principals.SetActive(principal.name, active=False))
        while await steps.perform(RemoveRights(principal.name)):
            pass
