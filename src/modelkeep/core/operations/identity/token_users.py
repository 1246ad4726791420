"""Who may make and use personal access tokens, besides account admins. It is everyone, until an account admin says otherwise.

A token of somebody who may not is refused like a revoked one, for as long as that is so (store/principals.py). So are the sessions
and access tokens that began with it; signing in at an OpenID provider, client secrets and federation policies stay.
"""

from typing import Literal

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound, PermissionDenied
from modelkeep.domain.model import Principal
from modelkeep.domain.names import fold_principal
from modelkeep.limits import TOKEN_USERS
from modelkeep.store import principals
from modelkeep.store import token_users as rows
from modelkeep.store.bootstrap import ADMINS

Level = Literal["CAN_USE", "CAN_MANAGE"]


class TokenUser(msgspec.Struct, frozen=True):
    """A principal by its name, of one of these kinds. CAN_MANAGE is for the group of account admins, and only for it."""

    name: str
    kinds: tuple[str, ...]
    level: Level


class GetTokenUsers(msgspec.Struct, frozen=True):
    pass


class SetTokenUsers(msgspec.Struct, frozen=True):
    """`replace`: all others lose what they had; otherwise these are added."""

    users: tuple[TokenUser, ...]
    replace: bool


async def get_token_users(ctx: ReadCtx, req: GetTokenUsers) -> list[Principal]:
    """By name; without the account admins, who may in any case."""
    return await principals.token_users(ctx.tx)


async def set_token_users(ctx: WriteCtx, req: SetTokenUsers) -> list[Principal]:
    """Raises InvalidArgument, LimitExceeded, NotFound."""
    if len(req.users) > TOKEN_USERS:
        raise _too_many(len(req.users))
    await principals.lock_account(ctx.tx)
    before = {p.id: p.name for p in await principals.token_users(ctx.tx)}
    named = await principals.by_names(ctx.tx, [user.name for user in req.users])
    after: dict[str, str] = {} if req.replace else dict(before)
    seen = set[str]()
    for user in req.users:
        principal = await _principal(ctx, user, named)
        if principal.id in seen:
            raise InvalidArgument(f"'{user.name[:255]}' is in access_control_list twice.")
        seen.add(principal.id)
        if principal.name != ADMINS:
            after[principal.id] = principal.name
    if len(after) > TOKEN_USERS:
        raise _too_many(len(after))
    await rows.remove(ctx.tx, before.keys() - after.keys())
    await rows.add(ctx.tx, after.keys() - before.keys(), ctx.actor.name, ctx.now)
    ctx.changed("token users", sorted(before.values()), sorted(after.values()))
    return await principals.token_users(ctx.tx)


async def check_may_use_tokens(ctx: ReadCtx, holder: Principal) -> None:
    """Raises PermissionDenied for a principal whose tokens would not be taken."""
    if not await principals.may_use_tokens(ctx.tx, holder.id):
        raise PermissionDenied(
            f"'{holder.name}' may not use personal access tokens. Ask an account admin for CAN_USE on tokens."
        )


async def _principal(ctx: ReadCtx, user: TokenUser, named: dict[str, Principal]) -> Principal:
    """`named`: the principals of the request's names, by folded name. The account has one list, so a workspace's `users` are everyone.
    Raises NotFound, InvalidArgument."""
    key = fold_principal(user.name)
    principal = named.get(principals.ACCOUNT_USERS if key == principals.WORKSPACE_USERS else key)
    if principal is None:
        name = principals.ACCOUNT_USERS if key == principals.WORKSPACE_USERS else user.name
        principal = await principals.in_access_list(ctx.tx, name)
    if principal is None or principal.kind not in user.kinds:
        raise NotFound(f"Principal '{user.name[:255]}' does not exist.", kind="PRINCIPAL")
    if (user.level == "CAN_MANAGE") != (principal.name == ADMINS):
        raise InvalidArgument(
            f"Only the group '{ADMINS}' has CAN_MANAGE on tokens, and always. Others have CAN_USE, or nothing."
        )
    return principal


def _too_many(count: int) -> LimitExceeded:
    return LimitExceeded(f"{count} principals would be named; at most {TOKEN_USERS} are allowed. Name a group.")
