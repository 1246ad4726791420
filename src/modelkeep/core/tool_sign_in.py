"""OAuth's authorization code flow with PKCE (RFC 6749, RFC 7636, RFC 9700): a person lets a tool on their computer act for them.

The person's browser has a session here. A consent makes a code; its client trades the code for an access token of an hour and, with the
scope `offline_access`, for a refresh token. What these stand on is what the session began with (a token, or an identity of an OpenID
provider): they end with that, whereas signing out of the browser leaves them. Each refresh token is good for one use. A second use
of an older one, or of a code, ends everything that came from it: somebody else has a copy.
"""

import base64
import hashlib
import hmac
import re
import secrets

import msgspec

from modelkeep.core.operations.identity.principals import hash_token
from modelkeep.core.signin import ACCESS_MS, Caller, SignInEvent, TokenTerms, issue, record
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, Unauthenticated
from modelkeep.limits import AUTHORIZATION_CODES_PER_SESSION, REFRESHABLE_TOKENS_PER_PRINCIPAL
from modelkeep.store import authorizations, principals, signin, tokens
from modelkeep.store.authorizations import Code
from modelkeep.store.db import Database, WriteTx, now_ms

ALL_APIS, OFFLINE = "all-apis", "offline_access"
SCOPES = frozenset({ALL_APIS, OFFLINE})
"""What a person may let a tool have: everything, with or without a refresh token."""
CODE_MS = 60_000
"""Milliseconds in which a code must be traded: the client waits for it."""
REUSE_MS = 10_000
"""Milliseconds in which a used refresh token is refused and no more: two processes of one tool share a cache, and may race."""
CODE_PREFIX, REFRESH_PREFIX = "mkc_", "mkr_"
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class InvalidGrant(InvalidArgument):
    """A code or refresh token that is unknown, used, expired, or another client's (RFC 6749, 5.2)."""


BAD_CODE = "The authorization code is unknown, used, expired, or another client's. Sign in again."
BAD_REFRESH = "Refresh token is invalid"
"""databricks-sdk-go looks for exactly these words, and tells the person to sign in again."""


class Consent(msgspec.Struct, frozen=True):
    """What a person lets a client have."""

    client_id: str
    redirect_uri: str
    challenge: str
    offline: bool
    """with a refresh token"""


class Tokens(msgspec.Struct, frozen=True):
    """The only time that these are seen. `refresh` is '' where the client did not ask for one."""

    access: str
    lifetime_ms: int
    refresh: str = ""


class ToolSignIn:
    """Makes codes and tokens. Shared by all dialects of a process."""

    def __init__(self, db: Database, longest_ms: int) -> None:
        """`longest_ms`: how long a refresh token and its successors live, in milliseconds."""
        self._db = db
        self._longest_ms = longest_ms

    async def approve(self, session: Actor, consent: Consent, caller: Caller) -> str:
        """A code for the client. Raises Unauthenticated, LimitExceeded."""
        code, now = CODE_PREFIX + secrets.token_urlsafe(32), now_ms()
        async with self._db.write() as tx:
            row = await tokens.lock(tx, session.token_id)
            if row is None or row[0] != "SESSION":
                raise Unauthenticated("Your session has ended. Sign in again.")
            if await authorizations.codes_of(tx, session.token_id, now) >= AUTHORIZATION_CODES_PER_SESSION:
                raise LimitExceeded(
                    "You have allowed too many applications in this minute. Wait a minute, then try again."
                )
            grant = Code(
                consent.client_id,
                consent.redirect_uri,
                consent.challenge,
                consent.offline,
                session.token_id,
                now + CODE_MS,
            )
            await authorizations.add_code(tx, hash_token(code), grant)
            reason = f"{consent.client_id} at {consent.redirect_uri}"
            await record(tx, session, SignInEvent("token.authorize", session.token_id, reason), caller)
        return code

    async def exchange(self, code: str, client_id: str, redirect_uri: str, verifier: str, caller: Caller) -> Tokens:
        """Trade a code, once. Raises InvalidGrant."""
        hash, now = hash_token(code), now_ms()
        async with self._db.write() as tx:
            used = await authorizations.use_code(tx, hash, now)
            if used is None:
                await self._end(tx, await authorizations.token_of_used(tx, hash), "a code was used twice", caller)
            elif _fits(used, client_id, redirect_uri, verifier, now):
                return await self._issue(tx, hash, used, now, caller)
        # The use was committed although it is refused: nobody tries verifiers one after the other.
        raise InvalidGrant(BAD_CODE)

    async def _issue(self, tx: WriteTx, hash: str, code: Code, now: int, caller: Caller) -> Tokens:
        session = await tokens.by_id(tx, code.session_id)
        if session is None:
            raise InvalidGrant(BAD_CODE)
        token, principal_id = session
        # The origin is locked before the session, as a revocation does.
        ends_at = await _stands_until(tx, token.origin_kind, token.origin_id)
        lock = await tokens.lock(tx, code.session_id)
        person = await principals.by_id(tx, principal_id)
        if lock is None or (lock[1] or 0) <= now or ends_at == 0 or person is None or not person.active:
            raise InvalidGrant(BAD_CODE)
        longest = self._longest_ms if ends_at is None else min(self._longest_ms, ends_at - now)
        if longest <= 0:
            raise InvalidGrant(BAD_CODE)
        holder = Actor(person.id, person.name, person.kind)
        origin, refresh = (token.origin_kind, token.origin_id), ""
        if code.offline:
            refresh, id = await self._refreshable(tx, holder, origin, code.client_id, longest, now)
            await authorizations.issued_for(tx, hash, id)
            origin = ("TOKEN", id)
        access = await issue(
            tx, holder, TokenTerms("ACCESS", *origin, f"OAuth: {code.client_id}", min(ACCESS_MS, longest)), caller
        )
        if not code.offline:
            await authorizations.issued_for(tx, hash, access.id)
        return Tokens(access.token, access.lifetime_ms, refresh)

    async def _refreshable(
        self, tx: WriteTx, holder: Actor, origin: tuple[str, str], client_id: str, lifetime_ms: int, now: int
    ) -> tuple[str, str]:
        """(a refresh token, the id of the token that it belongs to, from which its access tokens come)."""
        secret = REFRESH_PREFIX + secrets.token_urlsafe(32)
        for id in await authorizations.refreshable(tx, holder.id, REFRESHABLE_TOKENS_PER_PRINCIPAL - 1):
            await tokens.revoke(tx, id, now)
        id = await tokens.insert(
            tx,
            tokens.TokenRow(
                holder.id,
                _refresh_hash(secret),
                f"OAuth: {client_id}",
                holder.name,
                now,
                now + lifetime_ms,
                holder.id,
                kind="ACCESS",
                origin_kind=origin[0],
                origin_id=origin[1],
            ),
        )
        await authorizations.set_client(tx, id, client_id)
        return secret, id

    async def refresh(self, secret: str, client_id: str, caller: Caller) -> Tokens:
        """An access token, and the successor of the refresh token. Raises InvalidGrant."""
        successor, now = REFRESH_PREFIX + secrets.token_urlsafe(32), now_ms()
        hash = _refresh_hash(secret)
        async with self._db.write() as tx:
            row = await authorizations.rotate(tx, hash, _refresh_hash(successor), client_id, now)
            if row is None:
                stolen = await authorizations.token_of_rotated(tx, hash, client_id, now - REUSE_MS)
                await self._end(tx, stolen, "a refresh token was used twice", caller)
            elif row[5]:
                id, expires_at, principal_id, name, kind, _ = row
                holder, lifetime = Actor(principal_id, name, kind), min(ACCESS_MS, expires_at - now)
                access = await issue(
                    tx, holder, TokenTerms("ACCESS", "TOKEN", id, f"OAuth: {client_id}", lifetime), caller
                )
                return Tokens(access.token, access.lifetime_ms, successor)
        raise InvalidGrant(BAD_REFRESH)

    async def _end(self, tx: WriteTx, token_id: str, reason: str, caller: Caller) -> None:
        """Ends a token, with all that came from it; '' is none."""
        known = await tokens.by_id(tx, token_id) if token_id else None
        if known is None or known[0].revoked_at is not None:
            return
        await tokens.revoke(tx, token_id, now_ms())
        person = await principals.by_id(tx, known[1])
        if person is not None:
            await record(
                tx, Actor(person.id, person.name, person.kind), SignInEvent("token.revoke", token_id, reason), caller
            )


async def _stands_until(tx: WriteTx, kind: str, id: str) -> int | None:
    """When what a session began with expires (epoch ms), None for never; it stays until this transaction is over. 0 if it is gone."""
    if kind == "TOKEN":
        row = await tokens.lock(tx, id)
        return 0 if row is None else row[1]
    return None if kind == "IDENTITY" and await signin.hold_link(tx, id) else 0


def _fits(code: Code, client_id: str, redirect_uri: str, verifier: str, now: int) -> bool:
    """Is this the client that the code was made for, at its address, with the verifier of its challenge?"""
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return (
        code.expires_at > now
        and code.client_id == client_id
        and code.redirect_uri == redirect_uri
        and _VERIFIER.fullmatch(verifier) is not None
        and hmac.compare_digest(digest, code.challenge)
    )


def _refresh_hash(secret: str) -> str:
    """Another hash than that of a bearer token: the holder of a refresh token cannot call the API with it."""
    return hash_token(f"refresh:{secret}")
