"""The admin token of `modelkeep env`: created for anybody who can read the data directory, and audited."""

import getpass
import secrets
import shlex

import msgspec

from modelkeep.core.operations.identity.principals import TOKEN_PREFIX, hash_token
from modelkeep.domain.errors import NotFound, WrongState
from modelkeep.domain.model import Principal
from modelkeep.serve.registry import opened
from modelkeep.settings import Settings
from modelkeep.store import audit, principals, tokens
from modelkeep.store.audit import AuditEvent, AuditTarget
from modelkeep.store.bootstrap import ADMIN
from modelkeep.store.db import Tx, WriteTx, new_id, now_ms


async def create_admin_token(settings: Settings, lifetime_ms: int, user: str = "") -> str:
    """A new token of an account admin: of the built-in one, unless `user` names another.

    The token and its audit record are one transaction. Raises NotFound and WrongState if no token of that user would be accepted.
    """
    lifetime_ms = min(lifetime_ms, settings.token_ms)
    async with opened(settings) as registry, registry.db.write() as tx:
        await principals.lock_account(tx)
        holder = await _account_admin(tx, registry.facts.admin_id, user)
        at, secret = now_ms(), TOKEN_PREFIX + secrets.token_urlsafe(32)
        id = await tokens.insert(
            tx,
            tokens.TokenRow(
                holder.id, hash_token(secret), "modelkeep env", "modelkeep env", at, at + lifetime_ms, origin_kind="ENV"
            ),
        )
        await record(
            tx, LocalChange("token.create", "env", AuditTarget("TOKEN", id, "modelkeep env"), token_id=id), holder
        )
    return secret


async def _account_admin(tx: Tx, admin_id: str, user: str) -> Principal:
    """The active account admin of this name. Raises NotFound and WrongState, with the command that mends it."""
    holder = await principals.by_name(tx, user) if user else await principals.by_id(tx, admin_id)
    if holder is None or holder.kind == "GROUP":
        name = (user or ADMIN)[:255]
        quoted = shlex.quote(name)
        raise NotFound(
            f"There is no user '{name}'. Run `modelkeep admins add {quoted}`, then `modelkeep env --user {quoted}`.",
            kind="PRINCIPAL",
        )
    again = f"Run `modelkeep admins add {shlex.quote(holder.name)}`, then this command again."
    if not holder.active:
        raise WrongState(f"'{holder.name}' is deactivated: its tokens are refused. {again}")
    if not await principals.is_account_admin(tx, holder.id):
        raise WrongState(f"'{holder.name}' is not an account admin. {again}")
    return holder


class LocalChange(msgspec.Struct, frozen=True):
    """What a local user changes of a principal."""

    event: str
    operation: str
    target: AuditTarget
    token_id: str = ""
    changes: str = "{}"
    """{field: [old, new]} as JSON"""


async def record(tx: WriteTx, change: LocalChange, principal: Principal) -> None:
    """Writes the audit record of a local user's change of a principal, in the transaction of the change."""
    event_record = AuditEvent(
        new_id(),
        now_ms(),
        change.event,
        change.operation,
        "",
        f"local user {getpass.getuser()}",
        change.token_id,
        "",
        "",
        (change.target, AuditTarget(principal.kind, principal.id, principal.name)),
        "{}",
        change.changes,
        "ok",
        "read access to the data directory",
    )
    await audit.add(tx, [event_record])
