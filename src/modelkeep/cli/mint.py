"""The admin token of `modelkeep env`: minted by whoever can read the data directory, and audited."""

import getpass
import secrets
import shlex

from modelkeep.core.errors import NotFound, WrongState
from modelkeep.core.model import Principal
from modelkeep.core.ops.principals import TOKEN_PREFIX, hash_token
from modelkeep.serve import opened
from modelkeep.settings import Settings
from modelkeep.store import audit, principals, tokens
from modelkeep.store.audit import AuditEvent, AuditTarget
from modelkeep.store.bootstrap import ADMIN
from modelkeep.store.db import Tx, WriteTx, new_id, now_ms


async def admin_token(settings: Settings, lifetime_ms: int, user: str = "") -> str:
    """A new token of an account admin, the built-in one unless `user` names another; the row and its audit record are one
    transaction. Raises NotFound and WrongState for whom no token would be accepted."""
    lifetime_ms = min(lifetime_ms, settings.token_ms)
    async with opened(settings) as registry, registry.db.write() as tx:
        await principals.lock_account(tx)
        holder = await _usable(tx, registry.facts.admin_id, user)
        at, secret = now_ms(), TOKEN_PREFIX + secrets.token_urlsafe(32)
        id = await tokens.insert(
            tx, holder.id, hash_token(secret), "modelkeep env", "modelkeep env", at, at + lifetime_ms, origin_kind="ENV"
        )
        await record(tx, "token.create", "env", AuditTarget("TOKEN", id, "modelkeep env"), holder, token_id=id)
    return secret


async def _usable(tx: Tx, admin_id: str, user: str) -> Principal:
    """The account admin to mint for: active, and an admin. Raises NotFound, WrongState, with the command that mends it."""
    holder = await principals.by_name(tx, user) if user else await principals.by_id(tx, admin_id)
    if holder is None or holder.kind == "GROUP":
        name = (user or ADMIN)[:255]
        word = shlex.quote(name)
        raise NotFound(
            f"There is no user '{name}'. Run `modelkeep admins add {word}`, then `modelkeep env --user {word}`.",
            kind="PRINCIPAL",
        )
    again = f"Run `modelkeep admins add {shlex.quote(holder.name)}`, then this command again."
    if not holder.active:
        raise WrongState(f"'{holder.name}' is deactivated: its tokens are refused. {again}")
    if not await principals.is_account_admin(tx, holder.id):
        raise WrongState(f"'{holder.name}' is not an account admin. {again}")
    return holder


async def record(
    tx: WriteTx,
    event: str,
    operation: str,
    target: AuditTarget,
    principal: Principal,
    *,
    token_id: str = "",
    changes: str = "{}",
) -> None:
    """The audit record of what a local user did to a principal, in the transaction that does it."""
    event_record = AuditEvent(
        new_id(), now_ms(), event, operation, "", f"local user {getpass.getuser()}", token_id, "", "",
        (target, AuditTarget(principal.kind, principal.id, principal.name)),
        "{}", changes, "ok", "read access to the data directory",
    )  # fmt: skip
    await audit.add(tx, [event_record])
