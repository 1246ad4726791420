"""Sign-in with an OpenID provider: the authorization code flow with PKCE, and who it says that somebody is.

Nothing of a sign-in under way is kept here: the browser carries it in a cookie that only this server can have made.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import quote, urlencode

import msgspec

from modelkeep.core.signin import Person
from modelkeep.domain.errors import PermissionDenied, Unauthenticated
from modelkeep.domain.signed_tokens import Signer
from modelkeep.oidc import egress
from modelkeep.oidc.issuers import Issuers, Metadata, same_host

PENDING_S = 600
"""How long somebody may take at the provider."""
_STALE = "This sign-in did not begin in this browser, or too long ago. Sign in again."


class Client(msgspec.Struct, frozen=True):
    """What this server is to the provider."""

    issuer: str
    id: str
    secret: str
    scopes: str = "openid profile email"
    user_claim: str = "email"
    groups_claim: str = ""


class PendingSignIn(msgspec.Struct, frozen=True):
    """What the browser's cookie says."""

    state: str
    nonce: str
    verifier: str
    next: str
    redirect_uri: str


class Provider:
    """One OpenID provider, which the issuers know as trusted."""

    def __init__(
        self, client: Client, issuers: Issuers, signer: Signer, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._issuers = issuers
        self._signer = signer
        self._clock = clock

    async def start(self, next: str, redirect_uri: str) -> tuple[str, str]:
        """(the address to send the browser to, the cookie that it must bring back). Raises Unavailable.

        `redirect_uri`: where the provider sends the browser back to."""
        metadata = await self._issuers.metadata(self._client.issuer)
        state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        pending = PendingSignIn(state, nonce, verifier, next, redirect_uri)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(pending.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": redirect_uri,
            "scope": self._client.scopes,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        cookie = self._signer.sign(pending, int((self._clock() + PENDING_S) * 1000))
        return f"{metadata.authorization_endpoint}{joint}{urlencode(query)}", cookie

    async def finish(self, answer: dict[str, str], cookie: str, here: str) -> tuple[Person, PendingSignIn]:
        """Who came back `here` with this answer in the query. Raises Unauthenticated, Unavailable."""
        try:
            pending = self._signer.verify(cookie, PendingSignIn)
        except PermissionDenied as error:
            raise Unauthenticated(_STALE) from error
        same = hmac.compare_digest(answer.get("state", "").encode(), pending.state.encode())
        if not same or pending.redirect_uri != here:
            raise Unauthenticated(_STALE)
        metadata = await self._issuers.metadata(self._client.issuer)
        # RFC 9207: an answer of another provider, or one that hides whose it is, goes no further.
        issuer = answer.get("iss")
        if issuer != self._client.issuer and (
            issuer is not None or metadata.authorization_response_iss_parameter_supported
        ):
            raise Unauthenticated("This answer is another provider's. Sign in again.")
        if "error" in answer or not answer.get("code"):
            why = answer.get("error_description") or answer.get("error", "it sent no code")
            raise Unauthenticated(f"The provider did not sign you in: {why[:200]}.")
        return await self._person(metadata, await self._redeem(metadata, answer["code"], pending), pending), pending

    async def _redeem(self, metadata: Metadata, code: str, pending: PendingSignIn) -> dict[str, Any]:
        client, url = self._client, metadata.token_endpoint
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": pending.redirect_uri,
            "code_verifier": pending.verifier,
        }
        headers: dict[str, str] = {}
        if client.secret and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            pair = f"{quote(client.id, safe='')}:{quote(client.secret, safe='')}"  # RFC 6749, 2.3.1
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = client.id
            if client.secret:
                form["client_secret"] = client.secret
        status, tokens = await egress.ask(url, inside=same_host(client.issuer, url), form=form, headers=headers)
        if status != 200 or not isinstance(tokens.get("id_token"), str):
            why = tokens.get("error_description") or tokens.get("error") or f"it answered {status}"
            raise Unauthenticated(f"The provider does not take its own code back: {str(why)[:200]}.")
        return tokens

    async def _person(self, metadata: Metadata, tokens: dict[str, Any], pending: PendingSignIn) -> Person:
        client = self._client
        claims = await self._issuers.verified(tokens["id_token"], client.issuer, (client.id,))
        parties = claims.get(
            "azp", client.id if not isinstance(claims.get("aud"), list) or len(claims["aud"]) == 1 else None
        )
        if parties != client.id:
            raise Unauthenticated("The provider's answer is for another client.")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), pending.nonce.encode()):
            raise Unauthenticated("The provider's answer belongs to another sign-in.")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise Unauthenticated("The provider does not say who you are (`sub`).")
        needed = {client.user_claim, "name", *filter(None, [client.groups_claim])}
        if not needed <= set(claims) and metadata.userinfo_endpoint and isinstance(tokens.get("access_token"), str):
            # What the signed token says counts more.
            claims = await self._userinfo(metadata.userinfo_endpoint, tokens["access_token"], subject) | claims
        return Person(
            client.issuer,
            subject,
            self._name(claims),
            _text(claims.get("name")),
            _groups(claims.get(client.groups_claim)),
        )

    async def _userinfo(self, url: str, access_token: str, subject: str) -> dict[str, Any]:
        inside = same_host(self._client.issuer, url)
        status, claims = await egress.ask(url, inside=inside, headers={"authorization": f"Bearer {access_token}"})
        if status != 200 or claims.get("sub") != subject:
            raise Unauthenticated("The provider tells of somebody else than who signed in.")
        return claims

    def _name(self, claims: dict[str, Any]) -> str:
        """Of a new user. An address that the provider has not verified is none of theirs."""
        claim = self._client.user_claim
        if claim == "email" and claims.get("email_verified", True) is not True:
            return cast(str, claims["sub"])
        return _text(claims.get(claim)) or cast(str, claims["sub"])


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _groups(value: Any) -> frozenset[str]:
    listed = cast("list[Any]", value if isinstance(value, list) else [value])
    return frozenset(group for group in listed if isinstance(group, str))
