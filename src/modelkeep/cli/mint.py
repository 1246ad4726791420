"""The admin token of `modelkeep env`: minted by whoever can read the data directory, and audited."""

from modelkeep.core.ops.principals import hash_token
from modelkeep.serve import opened
from modelkeep.settings import Settings
from modelkeep.store import audit, tokens
from modelkeep.store.audit import AuditEvent, AuditTarget
from modelkeep.store.db import new_id, now_ms


async def admin_token(settings: Settings, lifetime_ms: int) -> str:
    """A new token of the built-in admin; the row and its audit record are one transaction."""
    import getpass
    import secrets

    from modelkeep.core.ops.principals import TOKEN_PREFIX

    async with opened(settings) as registry, registry.db.write() as tx:
        at, secret = now_ms(), TOKEN_PREFIX + secrets.token_urlsafe(32)
        id = await tokens.insert(
            tx, registry.facts.admin_id, hash_token(secret), "modelkeep env", "modelkeep env", at, at + lifetime_ms
        )
        event = AuditEvent(
            new_id(), at, "token.create", "env", "", f"local user {getpass.getuser()}", id, "", "",
            (AuditTarget("TOKEN", id, "modelkeep env"), AuditTarget("USER", registry.facts.admin_id, "admin")),
            "{}", "{}", "ok", "read access to the data directory",
        )  # fmt: skip
        await audit.add(tx, [event])
    return secret
