"""Page tokens: where a list continues, sealed for that list and that caller, so that no token works anywhere else.

A page may end at a row that its caller may not see (a list looks at so many rows and no more), so a token is encrypted:
its bytes, and its length, tell nothing about that row. Tokens do not expire: clients walk long lists slowly.
"""

import base64

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from modelkeep.domain.errors import BadPageToken, InvalidArgument
from modelkeep.limits import PAGE_TOKEN_BLOCK_BYTES, PAGE_TOKEN_CHARS

_KEY_BYTES = 64  # AES-256-SIV: half for the synthetic nonce, half for the encryption

Position = tuple[str | int, ...]


def page_size(requested: int | None, default: int, most: int) -> int:
    """0 or nothing means the server's default; more than `most` means `most`. Raises InvalidArgument below 0."""
    if requested is not None and requested < 0:
        raise InvalidArgument(f"max_results must not be negative, got {requested}.")
    return min(requested or default, most)


class PageTokens:
    """Seals and opens the page tokens of one deployment.

    AES-SIV (RFC 5297) needs no random nonce, so equal positions of one list have equal tokens, on every node.
    """

    def __init__(self, secret: bytes) -> None:
        """`secret`: at least 32 random bytes, the same for all processes of a deployment."""
        key = HKDF(SHA512(), _KEY_BYTES, salt=None, info=b"modelkeep page tokens").derive(secret)
        self._cipher = AESSIV(key)

    def seal(self, scope: str, position: Position) -> str:
        """`scope` names the list, its filter and the caller."""
        body = msgspec.json.encode(position)
        padded = body.ljust(-(-len(body) // PAGE_TOKEN_BLOCK_BYTES) * PAGE_TOKEN_BLOCK_BYTES)
        return _text(self._cipher.encrypt(padded, [_bound_to(scope)]))

    def open(self, scope: str, token: str, kinds: tuple[type, ...]) -> Position | None:
        """The position, whose parts have these types; None for no token. Raises BadPageToken."""
        if not token:
            return None
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            if len(token) > PAGE_TOKEN_CHARS or _text(sealed) != token:
                raise ValueError
            body = self._cipher.decrypt(sealed, [_bound_to(scope)])
            position = msgspec.json.decode(body, type=tuple[str | int, ...])
        except (ValueError, InvalidTag, msgspec.DecodeError):
            position = ()
        if tuple(type(part) for part in position) != kinds:
            raise bad_page_token()
        return position

    def open_name(self, scope: str, token: str) -> tuple[str, str]:
        """The (name, id) after which a list of securables continues; two empty texts for its first page.
        Raises BadPageToken."""
        position = self.open(scope, token, (str, str))
        return (str(position[0]), str(position[1])) if position else ("", "")


def bad_page_token() -> BadPageToken:
    """Also where a list has one page only, and so never gave a token."""
    return BadPageToken("The page token is not one that this list gave you. Start again without a page token.")


def _bound_to(scope: str) -> bytes:
    return scope.encode(errors="surrogatepass")


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")
