"""Whose signature counts: the issuers that the operator lists, their keys fetched from themselves and kept for minutes."""

import asyncio
import json
import time
from collections.abc import Callable, Collection
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from modelkeep.domain.errors import InvalidArgument, Unauthenticated, Unavailable
from modelkeep.oidc import egress
from modelkeep.oidc.assertions import Key, Unverified, chosen, keys_of, peek, verified

_KEEP_S = 600
_STALE_S = 3600
"""How long keys are good while their issuer does not answer."""
_AGAIN_S = 30
"""Seconds until the next request to an issuer, for a key that it did not have or after it did not answer."""


class Metadata(msgspec.Struct, frozen=True):
    """What an issuer says of itself in its discovery document."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Known(msgspec.Struct):
    """Of one issuer."""

    metadata: Metadata | None = None
    keys: tuple[Key, ...] = ()
    fetched_s: float = -1e9
    tried_s: float = -1e9
    lock: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)


class Issuers:
    """Checks tokens of many issuers. No request goes out for one that is not listed."""

    def __init__(self, trusted: Collection[str], clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds of the epoch."""
        self.trusted = frozenset(trusted)
        self._clock = clock
        self._known = {issuer: _Known() for issuer in self.trusted}

    def issuer(self, token: str) -> str:
        return peek(token).issuer

    async def verified(self, token: str, issuer: str, audiences: Collection[str], keys: str = "") -> dict[str, Any]:
        """The claims of a token that this issuer signed for one of these. Raises Unauthenticated, Unavailable."""
        of = peek(token)
        if of.issuer != issuer:
            raise Unauthenticated("The token is of another issuer.")
        key = chosen(given_keys(keys), of) if keys else await self._key(issuer, of)
        if key is None:
            raise Unauthenticated("The token is signed by a key that its issuer does not have.")
        return verified(token, key, issuer, audiences, self._clock())

    async def _key(self, issuer: str, of: Unverified) -> Key | None:
        known = await self._fresh(issuer)
        key = chosen(known.keys, of)
        if key is None and self._clock() - known.tried_s >= _AGAIN_S:  # the issuer may have a new one
            key = chosen((await self._fresh(issuer, anew=True)).keys, of)
        return key

    async def metadata(self, issuer: str) -> Metadata:
        metadata = (await self._fresh(issuer)).metadata
        assert metadata is not None
        return metadata

    async def _fresh(self, issuer: str, *, anew: bool = False) -> _Known:
        """The keys and metadata of an issuer, fetched where they are too old. Raises Unauthenticated, Unavailable."""
        known = self._known.get(issuer)
        if known is None:
            raise Unauthenticated("The token's issuer is not one that this server trusts.")
        async with known.lock:
            now = self._clock()
            usable = known.metadata is not None and now - known.fetched_s < _STALE_S
            if now - known.tried_s < _AGAIN_S or (now - known.fetched_s < _KEEP_S and not anew):
                if not usable:
                    raise Unavailable(f"The issuer {issuer[:200]} did not answer a moment ago. Try again in a moment.")
                return known
            known.tried_s = now
            try:
                metadata = await _metadata(issuer)
                known.keys, known.metadata = await _keys(issuer, metadata.jwks_uri), metadata
            except Unavailable:
                if not usable:
                    raise
            else:
                known.fetched_s = now
            return known


async def _metadata(issuer: str) -> Metadata:
    status, document = await egress.ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration", inside=True)
    try:
        metadata = msgspec.convert(document, Metadata)
    except msgspec.ValidationError as error:
        raise Unavailable(f"The issuer {issuer[:200]} has no discovery document.") from error
    if status != 200 or metadata.issuer != issuer:
        raise Unavailable(f"The discovery document of {issuer[:200]} is another issuer's.")
    return metadata


async def _keys(issuer: str, url: str) -> tuple[Key, ...]:
    status, jwks = await egress.ask(url, inside=same_host(issuer, url))
    if status != 200:
        raise Unavailable(f"The issuer {issuer[:200]} does not tell its keys.")
    try:
        return keys_of(jwks)
    except InvalidArgument as error:
        raise Unavailable(f"The issuer {issuer[:200]} does not tell its keys.") from error


def same_host(issuer: str, url: str) -> bool:
    """Is this address at the issuer's own host, which the operator has listed?"""
    try:
        return urlsplit(issuer).hostname == urlsplit(url).hostname
    except ValueError:
        return False


def given_keys(text: str) -> tuple[Key, ...]:
    """The keys of a policy. Raises InvalidArgument."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument("`jwks_json` is not JSON.") from error
    if not isinstance(value, dict):
        raise InvalidArgument('A JWKS is {"keys": [...]}.')
    return keys_of(cast("dict[str, Any]", value))


def check_keys(text: str) -> None:
    """Raises InvalidArgument for a JWKS without a key that we can use."""
    if not given_keys(text):
        raise InvalidArgument(
            "`jwks_json` has no public key that can be used here: RSA from 2048 bits, EC or Ed25519, to sign."
        )
