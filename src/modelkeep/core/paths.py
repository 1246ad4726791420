"""Paths inside an artifact set: one type, one constructor; what any other parser could misread is refused."""

import re
import unicodedata
from urllib.parse import unquote

import msgspec

from modelkeep.core.errors import InvalidArgument

MAX_PATH = 900  # bytes in UTF-8: an S3 key has 1024, of which the set's id and the store's prefix need their part
MAX_NAME = 255  # bytes in UTF-8, of a file or directory: what clients download has to fit on their disks
MAX_DEPTH = 64

_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Escapes that no correct parser accepts and that lax ones read as dots and slashes: overlong UTF-8, and %uXXXX.
_LAX_ESCAPE = re.compile(r"%(c[01]|e0%[89]|f0%8|u[0-9a-f]{4})", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
_MOST_DECODINGS = 8


class ArtifactPath(msgspec.Struct, frozen=True):
    """Names joined by single slashes, from the root of an artifact set; '' is the root itself. Always valid."""

    text: str

    def __post_init__(self) -> None:
        _check(self.text)

    @classmethod
    def parse(cls, text: str) -> "ArtifactPath":
        """`text`, percent-decoded exactly once; one slash at its end is dropped. Raises InvalidArgument."""
        return cls(text.removesuffix("/"))

    @classmethod
    def file(cls, text: str) -> "ArtifactPath":
        """The path of a file: not the root, no slash at its end. Raises InvalidArgument."""
        if not text or text.endswith("/"):
            raise InvalidArgument("Name the file by its path from the artifact root, without a slash at its end.")
        return cls(text)

    def __str__(self) -> str:
        return self.text

    @property
    def parents(self) -> tuple[str, ...]:
        """Every directory above it but the root, from the top."""
        names = self.text.split("/")
        return tuple("/".join(names[:depth]) for depth in range(1, len(names)))


def _check(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument("An artifact path must be valid Unicode.") from error
    if size > MAX_PATH or text.count("/") >= MAX_DEPTH:
        raise InvalidArgument(f"An artifact path has at most {MAX_PATH} bytes and {MAX_DEPTH} levels.")
    if size > MAX_NAME and any(len(name.encode()) > MAX_NAME for name in text.split("/")):
        raise InvalidArgument(f"A name in an artifact path has at most {MAX_NAME} bytes: no disk takes a longer one.")
    if "\ufffd" in text:
        raise InvalidArgument("An artifact path must be percent-encoded UTF-8.")
    if text and not _harmless(text):
        raise InvalidArgument(
            f"Bad artifact path {text[:200]!r}: give names separated by single slashes, from the artifact root."
        )


def _harmless(text: str) -> bool:
    """Also for parsers that decode it again, however often, and for those that fold look-alikes to ASCII."""
    for _ in range(_MOST_DECODINGS):
        folded = unicodedata.normalize("NFKC", text)
        if not _plain(text) or not _plain(folded) or _LAX_ESCAPE.search(folded):
            return False
        if (decoded := unquote(folded)) == folded:
            return True
        text = decoded
    return False


def _plain(text: str) -> bool:
    """Relative, and every part a name: not empty, not made of dots and spaces alone, nothing that does not show."""
    if "\\" in text or any(unicodedata.category(c) in _HIDDEN or c in _BIDI for c in text):
        return False
    return all(part.strip(" .") and not _DRIVE.match(part) for part in text.split("/"))


ROOT = ArtifactPath("")
