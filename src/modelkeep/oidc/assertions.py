"""Whether a JWT is what it says: signed by a key of its issuer, with an algorithm of ours, for us, and now."""

import base64
import json
import math
from collections.abc import Collection
from typing import Any, cast

import msgspec

from modelkeep.domain.errors import InvalidArgument, Unauthenticated

SKEW_S = 60
"""How far an issuer's clock may be from ours."""
MAX_TOKEN = 16 * 1024  # characters
_MAX_KEYS = 100
_RSA_BITS = 2048
# Signatures that only the holder of a private key can make: no `none`, and nothing with a shared secret.
_BY_TYPE = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA", "Ed25519"),
}
ALGORITHMS = tuple(name for names in _BY_TYPE.values() for name in names)


class Key(msgspec.Struct, frozen=True):
    """A public key of an issuer."""

    kid: str
    algorithms: tuple[str, ...]
    public: Any


class Unverified(msgspec.Struct, frozen=True):
    """What a token says of itself, which proves nothing."""

    kid: str
    algorithm: str
    issuer: str


def keys_of(jwks: dict[str, Any]) -> tuple[Key, ...]:
    """The keys of a JWKS that we can use; the others are passed over. Raises InvalidArgument where it is none."""
    listed = jwks.get("keys")
    if not isinstance(listed, list):
        raise InvalidArgument('A JWKS is {"keys": [...]}.')
    keys = (_key(cast("dict[str, Any]", jwk)) for jwk in cast("list[Any]", listed)[:_MAX_KEYS] if isinstance(jwk, dict))
    return tuple(key for key in keys if key is not None)


def _key(jwk: dict[str, Any]) -> Key | None:
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    algorithms = _BY_TYPE.get(str(jwk.get("kty")), ())
    if jwk.get("alg") is not None:
        algorithms = tuple(name for name in algorithms if name == jwk["alg"])
    if not algorithms or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return None
    kid = jwk.get("kid", "")
    try:
        public = import_key({name: jwk[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in jwk})
        if jwk["kty"] == "RSA" and cast(Any, public).public_key.key_size < _RSA_BITS:
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return Key(kid, algorithms, public) if isinstance(kid, str) else None


def peek(token: str) -> Unverified:
    """Raises Unauthenticated for what is no JWT, or one that asks for what we do not do."""
    parts = token.split(".")
    if len(token) > MAX_TOKEN or len(parts) != 3 or not token.isascii():
        raise Unauthenticated("The token is no signed JWT.")
    header, claims = _part(parts[0]), _part(parts[1])
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not issuer:
        raise Unauthenticated("The token names no issuer (`iss`).")
    algorithm, kid = header.get("alg"), header.get("kid", "")
    if algorithm not in ALGORITHMS or not isinstance(kid, str) or "crit" in header or "b64" in header:
        raise Unauthenticated(f"The token is not signed in a way that is accepted here ({', '.join(ALGORITHMS)}).")
    return Unverified(kid, cast(str, algorithm), issuer)


def _part(text: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unauthenticated("The token is no signed JWT.")
    return cast("dict[str, Any]", value)


def chosen(keys: Collection[Key], of: Unverified) -> Key | None:
    """The key that the token names; where it names none, the only one. Never one that the token brings along."""
    fitting = [key for key in keys if (key.kid == of.kid if of.kid else len(keys) == 1)]
    return next((key for key in fitting if of.algorithm in key.algorithms), None)


def verified(token: str, key: Key, issuer: str, audiences: Collection[str], now_s: float) -> dict[str, Any]:
    """The claims. Raises Unauthenticated, with which of them is wrong."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=list(key.algorithms), strict_check_header=False)
    try:
        claims = jwt.decode(token, key.public, algorithms=list(key.algorithms), registry=registry).claims
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise Unauthenticated("The token's signature is not its issuer's.") from error
    if claims.get("iss") != issuer:
        raise Unauthenticated("The token is of another issuer.")
    check_times(claims, now_s)
    audience = claims.get("aud")
    named = cast("list[Any]", audience if isinstance(audience, list) else [audience])
    if not any(isinstance(name, str) and name in audiences for name in named):
        raise Unauthenticated("The token is for another audience (`aud`).")
    return claims


def check_times(claims: dict[str, Any], now_s: float) -> None:
    """Raises Unauthenticated."""
    expires = _time(claims, "exp")
    if expires is None:
        raise Unauthenticated("The token says nowhere when it expires (`exp`).")
    if expires + SKEW_S <= now_s:
        raise Unauthenticated("The token has expired. If it has not, the clocks differ by more than a minute.")
    for name in ("nbf", "iat"):
        begins = _time(claims, name)
        if begins is not None and begins - SKEW_S > now_s:
            raise Unauthenticated(
                f"The token is not valid yet (`{name}`). If it is, the clocks differ by more than a minute."
            )


def _time(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unauthenticated(f"The token's `{name}` is no time.")
    return value
