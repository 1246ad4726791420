"""What a new personal access token comes from, and whether it ends with that.

A token that its caller mints for itself ends with what the caller's own credential stands on: a client secret, a federation
policy, or the caller's token. Somebody who signed in at an OpenID provider, or with a token of `modelkeep env`, has proved more
than a credential that can be copied, so such tokens live on; so does one that an admin mints for another principal.
"""

import msgspec

from modelkeep.core.context import WriteCtx
from modelkeep.domain.errors import Unauthenticated
from modelkeep.domain.model import Principal
from modelkeep.store import signin, tokens

REVOKED = "The access token was revoked."


class TokenOrigin(msgspec.Struct, frozen=True):
    """Where a token comes from."""

    kind: str = ""
    """TOKEN, SESSION, ENV, CLIENT_SECRET, FEDERATION_POLICY, IDENTITY; '' is unknown"""
    id: str = ""
    bound: bool = False
    """The token ends with it."""
    expires_at: int | None = None
    """Epoch milliseconds after which a bound token cannot live; None is no limit."""


async def origin_of(ctx: WriteCtx, holder: Principal) -> TokenOrigin:
    """The origin of a token that the caller now mints for `holder`: one that binds cannot end before this transaction does.
    Raises Unauthenticated if it has ended already."""
    credential = await tokens.credential(ctx.tx, ctx.actor.token_id)
    if credential is None:
        if ctx.actor.token_id:
            raise Unauthenticated(REVOKED)
        return TokenOrigin()
    if holder.id != ctx.actor.id:
        return TokenOrigin("SESSION" if credential.kind == "SESSION" else "TOKEN", credential.id)
    if credential.kind == "SESSION":
        return await _of_session(ctx, credential)
    return await _of_token(ctx, credential)


async def _of_session(ctx: WriteCtx, session: tokens.Credential) -> TokenOrigin:
    """A session that began with a token is worth no more than that token."""
    began_with = await tokens.credential(ctx.tx, session.origin_id) if session.origin_kind == "TOKEN" else None
    if began_with is None or began_with.origin_kind == "ENV":
        return TokenOrigin("SESSION", session.id)
    return await _bound_to_token(ctx, began_with)


async def _of_token(ctx: WriteCtx, token: tokens.Credential) -> TokenOrigin:
    if (
        token.kind == "ACCESS" and token.origin_kind == "TOKEN"
    ):  # of an OAuth client: it ends with what that client refreshes
        refreshed = await tokens.credential(ctx.tx, token.origin_id)
        if refreshed is None:
            raise Unauthenticated(REVOKED)
        return await _bound_to_token(ctx, refreshed)
    if token.kind == "ACCESS" and token.origin_kind != "IDENTITY":
        return await _bound_to_proof(ctx, token)
    if token.origin_kind == "ENV":
        return TokenOrigin("TOKEN", token.id)
    return await _bound_to_token(ctx, token)


async def _bound_to_token(ctx: WriteCtx, token: tokens.Credential) -> TokenOrigin:
    if await tokens.lock(ctx.tx, token.id) is None:
        raise Unauthenticated(REVOKED)
    return TokenOrigin("TOKEN", token.id, True, token.expires_at)


async def _bound_to_proof(ctx: WriteCtx, access: tokens.Credential) -> TokenOrigin:
    """The client secret or federation policy that an OAuth access token was made of: locked before the token is, in the order
    of their deletion."""
    expires_at: int | None = None
    if access.origin_kind == "CLIENT_SECRET":
        expires_at = await signin.lock_secret(ctx.tx, access.origin_id)
        if expires_at is None:
            raise Unauthenticated(REVOKED)
    elif not await signin.lock_policy(ctx.tx, access.origin_id):
        raise Unauthenticated(REVOKED)
    if await tokens.lock(ctx.tx, access.id) is None:
        raise Unauthenticated(REVOKED)
    return TokenOrigin(access.origin_kind, access.origin_id, True, expires_at)
