"""Tokens that carry a payload under a MAC until they expire: in presigned URLs of this server, and in cookies of a sign-in."""

import base64
import hmac
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from modelkeep.domain.errors import PermissionDenied

_MIN_SECRET = 32  # bytes
_T = TypeVar("_T", bound=msgspec.Struct)


class _Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    use: str
    """the payload's type: a token for one use is none for another that has the same fields"""
    expires_at_ms: int
    payload: msgspec.Raw


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Signer:
    """Makes and checks tokens `<claims>.<mac>`, both base64url without padding.

    The MAC is over the claims as they are spelled and is itself compared as spelled, so a token has one spelling.
    """

    def __init__(self, secret: bytes, now_ms: Callable[[], int] = _now_ms) -> None:
        """`secret`: at least 32 random bytes, one for all processes of a deployment. Raises ValueError if shorter."""
        if len(secret) < _MIN_SECRET:
            raise ValueError(f"a signing secret needs {_MIN_SECRET} bytes or more")
        self._secret = secret
        self._now_ms = now_ms

    def sign(self, payload: msgspec.Struct, expires_at_ms: int) -> str:
        """A token that carries `payload` (readable by its holder) until `expires_at_ms` (epoch ms), exclusive."""
        raw = msgspec.Raw(msgspec.json.encode(payload, order="deterministic"))
        claims = _spell(msgspec.json.encode(_Signed(type(payload).__name__, expires_at_ms, raw)))
        return f"{claims}.{self._mac(claims)}"

    def verify(self, token: str, type: type[_T]) -> _T:
        """The payload. Raises PermissionDenied where the token is not ours, is for another use, or has expired."""
        claims, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac.encode(errors="replace"), self._mac(claims).encode()):
            raise _refusal()
        try:
            signed = msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)), type=_Signed)
            payload = msgspec.json.decode(signed.payload, type=type)
        except (ValueError, msgspec.MsgspecError) as error:  # signed by a release with other fields
            raise _refusal() from error
        if signed.use != type.__name__ or signed.expires_at_ms <= self._now_ms():
            raise _refusal()
        return payload

    def _mac(self, claims: str) -> str:
        return _spell(hmac.digest(self._secret, claims.encode(errors="replace"), "sha256"))


def _spell(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _refusal() -> PermissionDenied:
    return PermissionDenied("This URL was changed or has expired: ask for a new one.")
