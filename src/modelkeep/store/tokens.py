"""Tokens of every kind (PERSONAL, ACCESS for an hour, SESSION of a browser): only the hash of each secret is stored."""

from typing import NamedTuple

import msgspec

from modelkeep.domain.model import Token
from modelkeep.store.db import Params, Row, Tx, Value, WriteTx, new_id

USE_EVERY_MS = 60_000
"""How exactly a token's last use is known."""


class TokenRow(msgspec.Struct, frozen=True):
    """A token to be stored. If it is bound, it ends with its origin (a secret, a policy, another token, an external identity)."""

    principal_id: str
    hash: str
    comment: str
    created_by: str
    created_at: int
    """epoch ms"""
    expires_at: int | None
    """epoch ms; None: never"""
    creator_id: str = ""
    kind: str = "PERSONAL"
    origin_kind: str = ""
    origin_id: str = ""
    bound: bool = True


async def insert(tx: WriteTx, token: TokenRow) -> str:
    """The token's id."""
    token_id = new_id()
    await tx.run(
        "INSERT INTO tokens (id, hash, principal_id, comment, created_at, created_by, creator_id, expires_at, kind, "
        "origin_kind, origin_id, bound) "
        "VALUES (:id, :hash, :principal, :comment, :at, :by, :creator, :expires, :kind, :origin_kind, :origin, :bound)",
        id=token_id,
        hash=token.hash,
        principal=token.principal_id,
        comment=token.comment,
        at=token.created_at,
        by=token.created_by,
        creator=token.creator_id,
        expires=token.expires_at,
        kind=token.kind,
        origin_kind=token.origin_kind,
        origin=token.origin_id,
        bound=int(token.bound),
    )
    return token_id


_TOKEN = (
    "t.id, p.name, t.comment, t.created_at, t.expires_at, t.revoked_at, COALESCE(c.name, t.created_by), t.last_used_at, "
    "p.number, c.number, t.kind, t.origin_kind, t.origin_id, t.bound "
    "FROM tokens t JOIN principals p ON p.id = t.principal_id LEFT JOIN principals c ON c.id = t.creator_id"
)


def _token(row: Row) -> Token:
    return Token(*row[:-1], bound=bool(row[-1]))


async def of_principal(
    tx: Tx, principal_id: str, now: int, before: tuple[int, str] | None, limit: int, *, usable: bool
) -> list[Token]:
    """Newest first: personal ones, revoked ones too, and whatever else is valid. `usable`: personal ones that are valid.
    `before`: (created_at, id) of the token that the list continues after."""
    valid = "t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > :now)"
    where = f"t.kind = 'PERSONAL' AND {valid}" if usable else f"(t.kind = 'PERSONAL' OR ({valid}))"
    params = Params()
    if before is not None:
        where += " AND (t.created_at < :created OR (t.created_at = :created AND t.id < :last))"
        params["created"], params["last"] = before
    rows = await tx.scan(
        f"SELECT {_TOKEN} WHERE t.principal_id = :id AND {where} ORDER BY t.created_at DESC, t.id DESC LIMIT :limit",
        id=principal_id,
        now=now,
        limit=limit,
        **params,
    )
    return [_token(row) for row in rows]


async def unrevoked(tx: Tx, creator: int | None, creator_name: str, limit: int) -> list[Token]:
    """Everybody's personal ones, newest first; of one creator where a number or a name key (or both) is given."""
    where, params = "", Params(limit=limit)
    if creator is not None:
        where, params["number"] = " AND c.number = :number", creator
    if creator_name:
        where, params["name"] = f"{where} AND c.name_key = :name", creator_name
    rows = await tx.scan(
        f"SELECT {_TOKEN} WHERE t.revoked_at IS NULL AND t.kind = 'PERSONAL'{where} "
        "ORDER BY t.created_at DESC, t.id DESC LIMIT :limit",
        **params,
    )
    return [_token(row) for row in rows]


class HeldToken(NamedTuple):
    token: Token
    principal_id: str


async def by_id(tx: Tx, token_id: str) -> HeldToken | None:
    """The token and its principal's id."""
    row = await tx.one(f"SELECT t.principal_id, {_TOKEN} WHERE t.id = :id", id=token_id)
    return HeldToken(_token(row[1:]), row[0]) if row else None


def _from_origin(where: str) -> str:
    """The ids of the tokens that came from origin `:id`, and from those, and so on."""
    return (
        f"WITH RECURSIVE below (id) AS (SELECT t.id FROM tokens t WHERE t.origin_id = :id{where} "
        f"UNION SELECT t.id FROM tokens t JOIN below b ON t.origin_id = b.id WHERE true{where}) SELECT id FROM below"
    )


async def revoke(tx: WriteTx, id: str, at: int) -> None:
    """A token, or whatever else tokens come from, with all that is bound to it, however many tokens lie between."""
    await tx.run("UPDATE tokens SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL", id=id, at=at)
    await _revoke_all(tx, _from_origin(" AND t.bound = 1"), id=id, at=at)


async def revoke_origin(tx: WriteTx, id: str, principal_id: str, at: int) -> int:
    """All that came from an origin, bound to it or not: of one principal, or ('') of everybody. How many were valid."""
    owner = " AND principal_id = :principal" if principal_id else ""
    params = {"principal": principal_id} if principal_id else {}
    return await _revoke_all(tx, _from_origin(""), owner, id=id, at=at, **params)


async def _revoke_all(tx: WriteTx, ids: str, where: str = "", **params: Value) -> int:
    """How many were not revoked yet. A caller who mints from one of them at this moment locks it until commit: this waits there, and
    looks once more for what was minted."""
    total = 0
    while changed := await tx.bulk(
        f"UPDATE tokens SET revoked_at = :at WHERE revoked_at IS NULL{where} AND id IN ({ids})", **params
    ):
        total += changed
    return total


async def has_origin(tx: Tx, id: str, principal_id: str) -> bool:
    """Did a token of this principal, or ('') of anybody, come from it?"""
    owner = " AND t.principal_id = :principal" if principal_id else ""
    params = {"principal": principal_id} if principal_id else {}
    return await tx.one(f"SELECT 1 FROM tokens t WHERE t.origin_id = :id{owner} LIMIT 1", id=id, **params) is not None


async def comment(tx: WriteTx, token_id: str, text: str) -> None:
    await tx.run("UPDATE tokens SET comment = :text WHERE id = :id", id=token_id, text=text)


class Credential(msgspec.Struct, frozen=True):
    """What somebody signed in with."""

    id: str
    kind: str
    expires_at: int | None
    origin_kind: str
    origin_id: str


async def credential(tx: Tx, token_id: str) -> Credential | None:
    """A token that is not revoked."""
    row = await tx.one(
        "SELECT id, kind, expires_at, origin_kind, origin_id FROM tokens WHERE id = :id AND revoked_at IS NULL",
        id=token_id,
    )
    return Credential(*row) if row else None


async def lock(tx: WriteTx, token_id: str) -> Row | None:
    """(kind, expires_at) of a token that is not revoked, and cannot be before this transaction is over."""
    locked = await tx.run("UPDATE tokens SET revoked_at = NULL WHERE id = :id AND revoked_at IS NULL", id=token_id)
    return await tx.one("SELECT kind, expires_at FROM tokens WHERE id = :id", id=token_id) if locked else None


async def session(tx: Tx, token_hash: str) -> Row | None:
    """(id, principal id, principal) of a browser's session."""
    return await tx.one(
        "SELECT t.id, p.id, p.name FROM tokens t JOIN principals p ON p.id = t.principal_id "
        "WHERE t.hash = :hash AND t.kind = 'SESSION' AND t.revoked_at IS NULL",
        hash=token_hash,
    )


async def forget_expired(tx: WriteTx, before: int) -> None:
    """Short-lived tokens are many, and who had them is in the audit log."""
    await tx.bulk("DELETE FROM tokens WHERE kind <> 'PERSONAL' AND expires_at < :before", before=before)


async def used(tx: WriteTx, uses: dict[str, int]) -> None:
    """Token ids and when they were used, unless another process has just said so."""
    await tx.run_many(
        "UPDATE tokens SET last_used_at = :at WHERE id = :id AND (last_used_at IS NULL OR last_used_at <= :before)",
        [{"id": id, "at": at, "before": at - USE_EVERY_MS} for id, at in uses.items()],
    )


async def count(tx: Tx, principal_id: str, now: int, most: int) -> int:
    """Personal tokens of the principal that can be used, counted up to `most`. `now`: epoch ms."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM tokens WHERE principal_id = :id AND kind = 'PERSONAL' AND revoked_at IS NULL "
        "AND (expires_at IS NULL OR expires_at > :now) LIMIT :most) t",
        id=principal_id,
        now=now,
        most=most,
    )
    return row[0] if row else 0
