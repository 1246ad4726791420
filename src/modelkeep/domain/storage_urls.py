"""Locations that this server governs: `s3://bucket/prefix` or `file:///folder`, in one spelling, so that containment is a fact.

Stricter than `locations.check_outside`: what can be read in two ways is refused, because credentials are issued for the result.
"""

import re
import unicodedata
from collections.abc import Iterator

import msgspec

from modelkeep.domain.errors import InvalidArgument

MAX_URL = 1_024
"""Characters of a location: S3's longest key, in bytes."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SCHEME = re.compile(r"(?i)(s3|s3a|s3n|file):")
# `?`, `#`, `;`, `@` and `%` end or change a path for some client. A backslash is a slash for others.
_REFUSED = frozenset("?#;@%\\\"'<>|^`")


class StorageUrl(msgspec.Struct, frozen=True):
    """One folder in one store."""

    scheme: str
    """s3 or file"""
    bucket: str
    """'' for file"""
    path: str
    """Without a slash at either end; '' is the whole bucket (never the whole disk)."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.path}".rstrip("/") if self.path else f"s3://{self.bucket}"

    def child(self, *parts: str) -> "StorageUrl":
        """A folder below. `parts` are names that the server makes."""
        return StorageUrl(self.scheme, self.bucket, "/".join(filter(None, (self.path, *parts))))

    def inside(self, other: "StorageUrl") -> bool:
        """Is this `other`, or below it? Case counts, as in the store."""
        if (self.scheme, self.bucket) != (other.scheme, other.bucket):
            return False
        return not other.path or self.path == other.path or self.path.startswith(f"{other.path}/")

    def overlaps(self, other: "StorageUrl") -> bool:
        return self.inside(other) or other.inside(self)

    def ancestors(self) -> Iterator["StorageUrl"]:
        """This one first, then every folder above it, up to the bucket or the first folder of the disk."""
        parts = self.path.split("/") if self.path else []
        for length in range(len(parts), 0, -1):
            yield StorageUrl(self.scheme, self.bucket, "/".join(parts[:length]))
        if self.scheme == "s3":
            yield StorageUrl(self.scheme, self.bucket, "")


def is_governable(text: str) -> bool:
    """Does the location name S3 or a folder of this machine? Only those are read and written with this server's help."""
    return text.startswith("/") or _SCHEME.match(text) is not None


def parse_storage_url(text: str, field: str = "storage_location") -> StorageUrl:
    """`s3://`, `s3a://`, `s3n://`, `file:/x`, `file:///x` or `/x`. Raises InvalidArgument for all that has a second reading."""
    if not 0 < len(text.encode("utf-8", "surrogatepass")) <= MAX_URL:
        raise InvalidArgument(f"{field} has 1 to {MAX_URL} characters.")
    scheme, rest = _split(text, field)
    bucket, _, path = rest.partition("/")
    if scheme == "s3" and not _BUCKET.fullmatch(bucket):
        raise InvalidArgument(f"{field} {text[:300]!r} names no bucket. Write s3://bucket/folder.")
    path = path.removesuffix("/")
    if scheme == "file" and (bucket or not path):
        raise InvalidArgument(f"{field} {text[:300]!r} names no folder of this machine. Write file:///folder.")
    if path != unicodedata.normalize("NFC", path) or any(
        c in _REFUSED or unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in path
    ):
        raise InvalidArgument(
            f"{field} {text[:300]!r} has a character that some client reads in another way. "
            "Use a folder without ? # ; @ % \\ quotes and control characters."
        )
    if any(part in ("", ".", "..") or part != part.strip() for part in path.split("/")) and path:
        raise InvalidArgument(f"{field} {text[:300]!r} has an empty part, `.` or `..` in its path.")
    return StorageUrl(scheme, bucket, path)


def _split(text: str, field: str) -> tuple[str, str]:
    if text.startswith("/") and not text.startswith("//"):
        return "file", text
    match = _SCHEME.match(text)
    if match is None:
        raise InvalidArgument(f"{field} {text[:300]!r} is not supported. Use s3://bucket/folder or file:///folder.")
    rest = text[match.end() :]
    if match[1].lower() == "file":
        if not re.match(r"/(//)?[^/]", rest):
            raise InvalidArgument(f"{field} {text[:300]!r} names no folder of this machine. Write file:///folder.")
        return "file", f"/{rest.lstrip('/')}"
    if not rest.startswith("//"):
        raise InvalidArgument(f"{field} {text[:300]!r} names no bucket. Write s3://bucket/folder.")
    return "s3", rest[2:]
