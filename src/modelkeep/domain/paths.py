"""Paths inside an artifact set: one type, one constructor. Names are opaque; a way out of the set is refused in every spelling.

A path is decoded by its wire alone, as often as that says. Nothing that is accepted is decoded again, folded or joined to a
path of the server's disk, so no name is refused for what another parser might make of it:

- In a folder, objects have names that the server makes (`blobs/local.py`), and the path is a value in a row.
- In S3, the path is the end of a key, after the set's id, as `blobs/s3_keys.py` spells it: what a store is known to change
  (a backslash, control characters) is spelled in other characters. The rest of a key is a text without structure, which the
  store compares by its bytes. Clients reach it by URLs that the server signs for that one key, percent-encoded.
- A shared folder, and a store that clients have credentials for, take the names that clients write there. The server walks the
  folder by descriptor, and makes an `ArtifactPath` of each name before it copies the file into a set of its own.
- Clients write what they download under these names, on disks whose rules nobody here knows. So a part that any reader could
  take for `..` stays refused: escaped again, with a backslash as separator, of characters that look like dots.
"""

import re
import unicodedata
from urllib.parse import unquote

import msgspec

from modelkeep.domain.errors import InvalidArgument

MAX_PATH = 900  # bytes in UTF-8: an S3 key has 1024, of which the set's id and the store's prefix need their part
MAX_NAME = 255  # bytes in UTF-8, of a file or directory: what clients download has to fit on their disks
MAX_DEPTH = 64

_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_. -]*(?:/[A-Za-z0-9_-][A-Za-z0-9_. -]*)*")
"""Nearly every path: each part begins with a letter or digit, and holds nothing that anybody could misread"""
_SPELLED = re.compile(r"[\\\x01-\x08\x0a-\x1f\ufffd-\uffff]")
"""What `s3_keys` spells in four bytes"""
_MOST_DECODINGS = 8
# What lax decoders read as a dot, a slash or a backslash: overlong UTF-8, and %uXXXX.
_LAX = re.compile(
    r"(?P<dot>%c0%ae|%e0%80%ae|%f0%80%80%ae)|%c0%af|%e0%80%af|%f0%80%80%af|%c1%9c|%u(?P<code>[0-9a-f]{4})",
    re.IGNORECASE,
)
_URL = re.compile(r"[#?]|%[0-9A-Fa-f]{2}")
_SEPARATORS = re.compile(r"[/\\]")


class ArtifactPath(msgspec.Struct, frozen=True):
    """Names joined by single slashes, from the root of an artifact set; '' is the root itself. Always valid."""

    text: str

    def __post_init__(self) -> None:
        _check(self.text)

    @classmethod
    def parse(cls, text: str) -> "ArtifactPath":
        """`text`, decoded as its wire says; one slash at its end is dropped. Raises InvalidArgument."""
        return cls(text.removesuffix("/"))

    @classmethod
    def normalized(cls, text: str) -> "ArtifactPath":
        """As MLflow's own server takes a path: parts that are empty or `.` mean nothing. A path that begins with a slash is
        refused there, too. Raises InvalidArgument."""
        if text.startswith("/"):
            return cls.parse(text)
        return cls("/".join(part for part in text.split("/") if part not in ("", ".")))

    @classmethod
    def file(cls, text: str) -> "ArtifactPath":
        """The path of a file: not the root, no slash at its end. Raises InvalidArgument."""
        if not text or text.endswith("/"):
            raise InvalidArgument("Name the file by its path from the artifact root, without a slash at its end.")
        return cls(text)

    @classmethod
    def normalized_file(cls, text: str) -> "ArtifactPath":
        """The path of a file, `normalized`. Raises InvalidArgument."""
        return cls.file("" if text.endswith("/") else cls.normalized(text).text)

    def __str__(self) -> str:
        return self.text

    @property
    def parents(self) -> tuple[str, ...]:
        """Every directory above it but the root, from the top."""
        names = self.text.split("/")
        return tuple("/".join(names[:depth]) for depth in range(1, len(names)))


def breaks_urls(name: str) -> bool:
    """A client that puts the name into a URL as it is (MLflow, databricks-sdk for full names) asks for something else."""
    return _URL.search(name) is not None


def changed_by_stores(path: str) -> bool:
    """The key of its object in S3 spells some of its characters in another way (`blobs/s3_keys.py`)."""
    return _SPELLED.search(path) is not None


def _check(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument("An artifact path must be valid Unicode.") from error
    if size > MAX_PATH or text.count("/") >= MAX_DEPTH:
        raise InvalidArgument(f"An artifact path has at most {MAX_PATH} bytes and {MAX_DEPTH} levels.")
    if size > MAX_NAME and any(len(name.encode()) > MAX_NAME for name in text.split("/")):
        raise InvalidArgument(f"A name in an artifact path has at most {MAX_NAME} bytes: no disk takes a longer one.")
    if not text or _PLAIN.fullmatch(text):
        return
    if size + 3 * len(_SPELLED.findall(text)) > MAX_PATH:
        raise InvalidArgument(
            f"An artifact path has at most {MAX_PATH} bytes, where a backslash or control character counts as four."
        )
    if "\0" in text:
        raise InvalidArgument(f"Bad artifact path {text[:200]!r}: a name cannot hold a NUL character.")
    parts = text.split("/")
    if not all(parts) or "." in parts or _leads_up(text):
        raise InvalidArgument(
            f"Bad artifact path {text[:200]!r}: give names separated by single slashes, from the artifact root."
        )


def _leads_up(text: str) -> bool:
    """Some reader could take a part for `..`."""
    for _ in range(_MOST_DECODINGS):
        folded = unicodedata.normalize("NFKC", _LAX.sub(_lax, text))
        if any(part.strip(" ") == ".." for part in _SEPARATORS.split(folded)):
            return True
        if (text := unquote(folded)) == folded:
            return False
    return False


def _lax(match: re.Match[str]) -> str:
    if match["code"]:
        return chr(int(match["code"], 16))
    return "." if match["dot"] else "/"


ROOT = ArtifactPath("")
