"""OAuth's authorization codes and refresh tokens: only hashes are stored, and each is good for one use, in whatever process."""

import msgspec

from modelkeep.store.db import Row, Tx, WriteTx


class Code(msgspec.Struct, frozen=True):
    """What a code stands for. Times are epoch milliseconds."""

    client_id: str
    redirect_uri: str
    challenge: str
    offline: bool
    session_id: str
    expires_at: int


async def add_code(tx: WriteTx, hash: str, code: Code) -> None:
    await tx.run(
        "INSERT INTO authorization_codes (hash, client_id, redirect_uri, challenge, offline, session_id, expires_at) "
        "VALUES (:hash, :client, :redirect, :challenge, :offline, :session, :expires)",
        hash=hash,
        client=code.client_id,
        redirect=code.redirect_uri,
        challenge=code.challenge,
        offline=int(code.offline),
        session=code.session_id,
        expires=code.expires_at,
    )


async def codes_of(tx: Tx, session_id: str, now: int) -> int:
    """How many codes of a session can still be used. `now`: epoch ms."""
    row = await tx.one(
        "SELECT COUNT(*) FROM authorization_codes WHERE session_id = :session AND used_at IS NULL AND expires_at > :now",
        session=session_id,
        now=now,
    )
    return row[0] if row else 0


async def use_code(tx: WriteTx, hash: str, now: int) -> Code | None:
    """The code, if it was not used before; it is used from now on, whatever becomes of this use. `now`: epoch ms."""
    row = await tx.one(
        "UPDATE authorization_codes SET used_at = :now WHERE hash = :hash AND used_at IS NULL "
        "RETURNING client_id, redirect_uri, challenge, offline, session_id, expires_at",
        hash=hash,
        now=now,
    )
    return Code(row[0], row[1], row[2], bool(row[3]), row[4], row[5]) if row else None


async def issued_for(tx: WriteTx, hash: str, token_id: str) -> None:
    """Note the token that a code was exchanged for."""
    await tx.run("UPDATE authorization_codes SET token_id = :token WHERE hash = :hash", hash=hash, token=token_id)


async def token_of_used(tx: Tx, hash: str) -> str:
    """The id of the token that was issued for a used code; '' for none."""
    row = await tx.one("SELECT token_id FROM authorization_codes WHERE hash = :hash", hash=hash)
    return row[0] if row else ""


async def rotate(tx: WriteTx, hash: str, successor: str, client_id: str, now: int) -> Row | None:
    """(id, expires_at, principal's id, name, kind, active) of the token that this refresh token belongs to, which from now on has
    the successor instead. None for an unknown, revoked, expired or used one, or one of another client. `now`: epoch ms."""
    row = await tx.one(
        "UPDATE tokens SET hash = :successor WHERE hash = :hash AND client_id = :client AND client_id <> '' "
        "AND revoked_at IS NULL AND expires_at > :now RETURNING id",
        hash=hash,
        successor=successor,
        client=client_id,
        now=now,
    )
    if row is None:
        return None
    await tx.run(
        "INSERT INTO used_refresh_tokens (hash, token_id, at) VALUES (:hash, :token, :now)",
        hash=hash,
        token=row[0],
        now=now,
    )
    return await tx.one(
        "SELECT t.id, t.expires_at, p.id, p.name, p.kind, p.active FROM tokens t JOIN principals p ON p.id = t.principal_id "
        "WHERE t.id = :id",
        id=row[0],
    )


async def token_of_rotated(tx: Tx, hash: str, client_id: str, before: int) -> str:
    """The id of the token whose refresh token this was until `before` (epoch ms), '' for none. A client id must be its own."""
    row = await tx.one(
        "SELECT u.token_id FROM used_refresh_tokens u JOIN tokens t ON t.id = u.token_id "
        "WHERE u.hash = :hash AND t.client_id = :client AND u.at < :before",
        hash=hash,
        client=client_id,
        before=before,
    )
    return row[0] if row else ""


async def set_client(tx: WriteTx, token_id: str, client_id: str) -> None:
    """From now on a client refreshes this token."""
    await tx.run("UPDATE tokens SET client_id = :client WHERE id = :id", id=token_id, client=client_id)


async def refreshable(tx: Tx, principal_id: str, skip: int) -> list[str]:
    """Ids of a principal's tokens that clients refresh, the newest first, without the first `skip` of them."""
    rows = await tx.all(
        "SELECT id FROM tokens WHERE principal_id = :id AND client_id <> '' AND revoked_at IS NULL "
        "ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET :skip",
        id=principal_id,
        skip=skip,
    )
    return [row[0] for row in rows]


async def forget(tx: WriteTx, before: int) -> None:
    """What can no longer be used, and whose second use no longer has to be noticed. `before`: epoch ms."""
    await tx.bulk("DELETE FROM authorization_codes WHERE expires_at < :before", before=before)
    await tx.bulk("DELETE FROM used_refresh_tokens WHERE at < :before", before=before)
