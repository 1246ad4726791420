"""Places outside that clients name (external tables and volumes): opaque text, kept away from this deployment's own storage."""

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote

from modelkeep.domain.errors import InvalidArgument

MAX_LOCATION = 2_000  # characters
_OWN = ("dbfs:/volumes", "dbfs:/models", "dbfs:/databricks", "models:", "runs:", "mlflow-artifacts:")
"""Names under which files of this deployment are shown."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")


def check_outside(location: str, managed: Sequence[str]) -> str:
    """The location, unchanged. `managed`: where this deployment keeps files (`/folder`, `s3://bucket/prefix`).

    Raises InvalidArgument where the location holds, or lies in, one of them; or cannot be compared."""
    text = _plain(location)
    if any(_overlap(text, root) for root in (*map(_plain, managed), *_OWN)):
        raise InvalidArgument(
            f"storage_location {location[:300]!r} overlaps storage that this server manages. Name a place outside of it."
        )
    return location


def _plain(location: str) -> str:
    """What two spellings of one place have in common: decoded, without the many ways to say `file:` and `s3:`."""
    text = location
    for _ in range(8):
        if (decoded := unquote(text)) == text:
            break
        text = decoded
    text = unicodedata.normalize("NFC", text).lower()
    if not 0 < len(location) <= MAX_LOCATION or any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise InvalidArgument(f"A storage_location has 1 to {MAX_LOCATION} characters, and no control characters.")
    text = re.sub(r"/+", "/", text.replace("\\", "/")).rstrip("/")
    if any(part in (".", "..") for part in text.split("/")):
        raise InvalidArgument("A storage_location has no `.` or `..` in its path.")
    text = re.sub(r"^file:(/localhost(?=/))?", "", text)
    text = re.sub(r"^s3[an]:", "s3:", text)
    if not text.startswith("/") and not _SCHEME.match(text):
        raise InvalidArgument("A storage_location is a URL (`s3://bucket/folder`) or an absolute path.")
    return text


def _overlap(location: str, other: str) -> bool:
    return location == other or location.startswith(other + "/") or other.startswith(location + "/")
