"""Tokens of every kind (PERSONAL, ACCESS for an hour, SESSION of a browser): only the hash of each secret is stored."""

from typing import Any

from modelkeep.core.model import Token
from modelkeep.store.db import Row, Tx, WriteTx, new_id

USE_EVERY_MS = 60_000
"""How exactly a token's last use is known."""


async def insert(
    tx: WriteTx, principal_id: str, token_hash: str, comment: str, by: str, at: int, expires_at: int | None, creator_id: str = "",
    *, kind: str = "PERSONAL", origin_id: str = "",
) -> str:  # fmt: skip
    """The token's id. It ends with its origin (a secret, a policy, another token, an external identity)."""
    token_id = new_id()
    await tx.run(
        "INSERT INTO tokens (id, hash, principal_id, comment, created_at, created_by, creator_id, expires_at, kind, origin_id) "
        "VALUES (:id, :hash, :principal, :comment, :at, :by, :creator, :expires, :kind, :origin)",
        id=token_id, hash=token_hash, principal=principal_id, comment=comment, at=at, by=by, creator=creator_id, expires=expires_at,
        kind=kind, origin=origin_id,
    )  # fmt: skip
    return token_id


_TOKEN = (
    "t.id, p.name, t.comment, t.created_at, t.expires_at, t.revoked_at, COALESCE(c.name, t.created_by), t.last_used_at, "
    "p.number, c.number, t.kind FROM tokens t JOIN principals p ON p.id = t.principal_id LEFT JOIN principals c ON c.id = t.creator_id"
)


async def of_principal(tx: Tx, principal_id: str, now: int) -> list[Token]:
    """Newest first: personal ones, revoked ones too, and whatever else is valid."""
    rows = await tx.scan(
        f"SELECT {_TOKEN} WHERE t.principal_id = :id AND (t.kind = 'PERSONAL' OR (t.revoked_at IS NULL AND t.expires_at > :now)) "
        "ORDER BY t.created_at DESC, t.id DESC",
        id=principal_id, now=now,
    )  # fmt: skip
    return [Token(*row) for row in rows]


async def unrevoked(tx: Tx, creator: int | None, creator_name: str) -> list[Token]:
    """Everybody's personal ones, newest first; of one creator where a number or a name key (or both) is given."""
    where, params = "", dict[str, Any]()
    if creator is not None:
        where, params["number"] = " AND c.number = :number", creator
    if creator_name:
        where, params["name"] = f"{where} AND c.name_key = :name", creator_name
    rows = await tx.scan(
        f"SELECT {_TOKEN} WHERE t.revoked_at IS NULL AND t.kind = 'PERSONAL'{where} ORDER BY t.created_at DESC, t.id DESC",
        **params,
    )
    return [Token(*row) for row in rows]


async def by_id(tx: Tx, token_id: str) -> tuple[Token, str] | None:
    """The token and its principal's id."""
    row = await tx.one(f"SELECT t.principal_id, {_TOKEN} WHERE t.id = :id", id=token_id)
    return (Token(*row[1:]), row[0]) if row else None


async def revoke(tx: WriteTx, id: str, at: int) -> None:
    """A token, or whatever else tokens come from, with all that came from it."""
    await tx.run("UPDATE tokens SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL", id=id, at=at)
    await tx.run("UPDATE tokens SET revoked_at = :at WHERE origin_id = :id AND revoked_at IS NULL", id=id, at=at)


async def comment(tx: WriteTx, token_id: str, text: str) -> None:
    await tx.run("UPDATE tokens SET comment = :text WHERE id = :id", id=token_id, text=text)


async def lock(tx: WriteTx, token_id: str) -> Row | None:
    """(kind, expires_at) of a token that is not revoked, and cannot be before this transaction is over."""
    held = await tx.run("UPDATE tokens SET revoked_at = NULL WHERE id = :id AND revoked_at IS NULL", id=token_id)
    return await tx.one("SELECT kind, expires_at FROM tokens WHERE id = :id", id=token_id) if held else None


async def session(tx: Tx, token_hash: str) -> Row | None:
    """(id, principal id, principal) of a browser's session."""
    return await tx.one(
        "SELECT t.id, p.id, p.name FROM tokens t JOIN principals p ON p.id = t.principal_id "
        "WHERE t.hash = :hash AND t.kind = 'SESSION' AND t.revoked_at IS NULL",
        hash=token_hash,
    )


async def forget_expired(tx: WriteTx, before: int) -> None:
    """Short-lived tokens are many, and who had them is in the audit log."""
    await tx.run("DELETE FROM tokens WHERE kind <> 'PERSONAL' AND expires_at < :before", before=before)


async def used(tx: WriteTx, uses: dict[str, int]) -> None:
    """Token ids and when they were used, unless another process has just said so."""
    await tx.run_many(
        "UPDATE tokens SET last_used_at = :at WHERE id = :id AND (last_used_at IS NULL OR last_used_at <= :before)",
        [{"id": id, "at": at, "before": at - USE_EVERY_MS} for id, at in uses.items()],
    )
