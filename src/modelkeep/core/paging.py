"""Page tokens: where a list goes on, bound to that list and that caller, so that no token works anywhere else."""

import base64
import hashlib
import hmac

import msgspec

from modelkeep.core.errors import BadPageToken, InvalidArgument

_KEY = hashlib.sha256(b"modelkeep page tokens").digest()
# No secret: a token only says where to go on, and every page is filtered anew for its caller. The tag is there so that
# a token which was cut, edited, or taken from another list or caller is refused instead of skipping rows unseen.


def page_size(asked: int | None, default: int, most: int) -> int:
    """0 or nothing means the server's default; more than `most` means `most`. Raises InvalidArgument below 0."""
    if asked is not None and asked < 0:
        raise InvalidArgument(f"max_results must not be negative, got {asked}.")
    return min(asked or default, most)


def make_token(scope: str, position: tuple[str | int, ...]) -> str:
    """`scope` names the list, its filter and the caller."""
    body = msgspec.json.encode(position)
    return base64.urlsafe_b64encode(_tag(scope, body) + body).decode().rstrip("=")


def read_token(scope: str, token: str, kinds: tuple[type, ...]) -> tuple[str | int, ...] | None:
    """The position; None for no token. Raises BadPageToken."""
    if not token:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        genuine = hmac.compare_digest(raw[:16], _tag(scope, raw[16:]))
        position = msgspec.json.decode(raw[16:], type=tuple[str | int, ...]) if genuine else ()
    except (ValueError, msgspec.DecodeError):
        position = ()
    if tuple(type(part) for part in position) != kinds or not all(_storable(part) for part in position):
        raise BadPageToken("The page token is not one that this list gave you. Start again without a page token.")
    return position


def read_position(scope: str, token: str) -> tuple[str, str]:
    """The (name, id) after which a list of securables goes on; two empty texts for its first page. Raises BadPageToken."""
    found = read_token(scope, token, (str, str))
    return (str(found[0]), str(found[1])) if found else ("", "")


def _storable(part: str | int) -> bool:
    """What both databases take as a parameter: whoever knows this source can make tokens that verify."""
    return part.bit_length() < 64 if isinstance(part, int) else "\0" not in part


def _tag(scope: str, body: bytes) -> bytes:
    return hmac.digest(_KEY, scope.encode() + b"\0" + body, "sha256")[:16]
