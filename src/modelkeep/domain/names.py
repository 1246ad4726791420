"""Names and their rules: the only parser of `catalog.schema.model`, of aliases, tags and version numbers.

Identity is the folded name: NFC, lower case ("stored lower-case", Databricks sql-ref-names). Limits are the
platform's (object names, tags pages) and MLflow's (aliases, mlflow/utils/validation.py).
"""

import hashlib
import re
import unicodedata

import msgspec

from modelkeep.domain.errors import BadName, Conflict, InvalidArgument, LimitExceeded, NotFound, NotThreeLevels
from modelkeep.domain.kinds import BESIDE_CATALOGS, BY_DEPTH, RULES, Kind
from modelkeep.domain.paths import breaks_urls

MAX_NAME = 255  # characters, of one part
MAX_COMMENT = 65_535  # characters (OSS Unity Catalog's column)
MAX_SOURCE = 2_000  # characters
MAX_TAG_VALUE = 100_000  # characters (MLflow; the other dialects take 1,000)
MAX_VERSION = 2**63 - 1

# Control, format (bidi overrides, zero width), surrogate, line and paragraph separators: never part of a name.
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # nearly every name: nothing to normalize
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})


class Limits(msgspec.Struct, frozen=True):
    """Numbers that a deployment may change; defaults are the platform's."""

    aliases_per_model: int = 10
    tags_per_securable: int = 50


class FullName(msgspec.Struct, frozen=True):
    """A folded name of 0 (the metastore) to 3 parts."""

    parts: tuple[str, ...]
    leaf: Kind = Kind.MODEL
    """What the last part names: a third part, or one part that is no catalog's name."""

    def __str__(self) -> str:
        return ".".join(self.parts)

    @property
    def kind(self) -> Kind:
        depth = len(self.parts)
        return self.leaf if RULES[self.leaf].depth == depth else BY_DEPTH[depth]

    @property
    def chain_key(self) -> str:
        """Names the securable in a context's `chains`: an external location may have the name of a catalog."""
        return f"{self.leaf}:{self}" if self.leaf in BESIDE_CATALOGS else str(self)

    @property
    def parent(self) -> "FullName":
        return FullName(self.parts[:-1])

    def child(self, part: str, leaf: Kind = Kind.MODEL) -> "FullName":
        """`leaf`: what a name of its depth is to be. Raises BadName."""
        depth = len(self.parts) + 1
        last = RULES[leaf].depth == depth
        kind = leaf if last else BY_DEPTH[depth]
        return FullName((*self.parts, fold(part, kind)), leaf if last else Kind.MODEL)


METASTORE = FullName(())
DEFAULT_SCHEMA = "default"
"""What every new catalog comes with"""
DEFAULT_HOME = FullName(("main", "default"))


def missing(full_name: str, leaf: Kind = Kind.MODEL) -> NotFound:
    """In the words of Databricks: `Routine or Model 'a.b.c' does not exist.`"""
    depth = full_name.count(".") + 1 if full_name else 0
    kind = leaf if RULES[leaf].depth == depth else BY_DEPTH[depth]
    return NotFound(f"{RULES[kind].label} '{full_name}' does not exist.", kind=kind)


def fold(part: str, kind: Kind) -> str:
    """One part of a name, checked and folded. Raises BadName."""
    what = kind.capitalize() if RULES[kind].space == "routine" else RULES[kind].label
    if not part:
        raise BadName(f"{what} name must not be empty.", kind=kind)
    if len(part) > MAX_NAME:
        raise BadName(f"{what} name is {len(part)} characters long; at most {MAX_NAME} are allowed.", kind=kind)
    if _PLAIN.fullmatch(part):
        return part.lower()
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).lower())
    if len(folded) > MAX_NAME:  # some characters become two
        raise BadName(
            f"{what} name is {len(folded)} characters long in lower case; at most {MAX_NAME} are allowed.", kind=kind
        )
    # The names of plain MLflow clients may hold spaces; `check_spaces` keeps those models in the default schema.
    spelling = folded.replace(" ", "") if kind is Kind.MODEL and folded == folded.strip(" ") else folded
    if any(c in "./" or unicodedata.category(c) in _INVISIBLE or c == "\x7f" for c in spelling):
        raise BadName(
            f"{what} name {part!r} has a character that names must not have: period, slash, space or a control character.",
            kind=kind,
        )
    return folded


def parse_full_name(text: str, kind: Kind) -> FullName:
    """`text` as the full name of a securable of this kind. Raises BadName, NotThreeLevels."""
    depth = RULES[kind].depth
    parts = text.split(".") if text else []
    if kind is Kind.MODEL and len(parts) != depth:
        # The client looks for these very words (mlflow/utils/_unity_catalog_utils.py).
        raise NotThreeLevels(
            f"Bad model name '{text[:300]}': please specify all three levels of the model in the form "
            "`catalog_name.schema_name.model_name`.",
            kind=kind,
        )
    if len(parts) != depth:
        levels = (kind.lower(),) if kind in BESIDE_CATALOGS else ("catalog", "schema", kind.lower())[:depth]
        raise BadName(
            f"'{text[:300]}' is not the full name of a {kind.lower()}; write `{'.'.join(levels)}`.", kind=kind
        )
    kinds = (kind,) if kind in BESIDE_CATALOGS else (Kind.CATALOG, Kind.SCHEMA, kind)
    leaf = kind if depth == 3 or kind in BESIDE_CATALOGS else Kind.MODEL
    return FullName(tuple(fold(part, kinds[i]) for i, part in enumerate(parts)), leaf)


def parse_short_name(text: str, home: FullName) -> FullName:
    """A model as plain MLflow clients name it: with three levels, or with none, in `home`. Raises BadName."""
    parts = text.split(".")
    if len(parts) == 1:
        return home.child(text)
    if len(parts) != 3:
        raise BadName(
            f"Bad model name '{text[:300]}': give a name without periods, which lives in `{home}`, or all three levels, "
            "`catalog_name.schema_name.model_name`.",
            kind=Kind.MODEL,
        )
    return parse_full_name(text, Kind.MODEL)


def short_name(full_name: str, spelled: str, home: FullName) -> str:
    """What plain MLflow clients read: in `home`, the model's own name as it was spelled; elsewhere, all levels."""
    return spelled if full_name.rpartition(".")[0] == str(home) else full_name


def check_spaces(name: FullName, home: FullName) -> None:
    """A new model's name holds spaces only where plain MLflow clients keep theirs. Raises BadName."""
    if " " in name.parts[-1] and name.parent != home:
        raise BadName(
            f"Model name '{name.parts[-1]}' has a space, and outside `{home}` names must not have one.", kind=Kind.MODEL
        )


def check_prompt_name(name: FullName) -> None:
    """A new prompt's own name: clients write it unquoted into paths (mlflow/prompt/constants.py, PROMPT_NAME_RULE). Raises BadName."""
    if not _PLAIN.fullmatch(name.parts[-1]):
        raise BadName(
            f"Prompt name {name.parts[-1]!r} is not valid: names have letters, digits, hyphens and underscores.",
            kind=Kind.PROMPT,
        )


def check_in_urls(name: FullName) -> None:
    """A new name can stand in the URLs of clients that do not quote (MLflow's signed URLs, databricks-sdk). Raises BadName."""
    part = name.parts[-1]
    if breaks_urls(part):
        what = name.kind.capitalize() if RULES[name.kind].space == "routine" else RULES[name.kind].label
        raise BadName(
            f"{what} name '{part}' has '#', '?' or a percent escape, and clients that put it into a URL would ask for another "
            "name. Choose one without.",
            kind=name.kind,
        )


def parse_version(value: object, of: str = "Model") -> int:
    """A version number from 1 to 2^63 - 1, given as an integer or as its decimal digits. Raises InvalidArgument."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value):
        number = int(value)
    else:
        number = 0
    if not 1 <= number <= MAX_VERSION:
        raise InvalidArgument(f"{of} version must be a positive integer, got {str(value)[:100]!r}.")
    return number


def check_alias(alias: str) -> str:
    """An alias name, unchanged: case counts. Raises BadName (rules of mlflow/utils/validation.py, matched in full)."""
    if not re.fullmatch(r"[\w\-]{1,255}", alias):
        raise BadName(
            f"Invalid alias name {alias[:300]!r}: names have 1 to 255 letters, digits, underscores and hyphens."
        )
    if alias.lower() == "latest":
        raise BadName("'latest' is a reserved alias name. Use another alias name.")
    if re.fullmatch(r"[vV]\d+", alias):
        raise BadName(f"Version alias name {alias!r} is reserved (it reads like a version). Use another alias name.")
    return alias


def check_tag(key: str, value: str) -> None:
    """What any dialect may set; each has its own rule besides. Raises InvalidArgument."""
    if not 1 <= len(key) <= 255:
        raise InvalidArgument(f"A tag key has 1 to 255 characters, got {len(key)}.")
    if bad := sorted({c for c in key if unicodedata.category(c) == "Cc"}):
        raise InvalidArgument(f"Tag key {key!r} must not contain {' '.join(repr(c) for c in bad)}.")
    if len(value) > MAX_TAG_VALUE:
        raise _long_value(key, value, MAX_TAG_VALUE)


def check_mlflow_tag(key: str, value: str) -> None:
    """Of a plain MLflow client (mlflow/utils/validation.py). Raises InvalidArgument."""
    check_tag(key, value)
    if not re.fullmatch(r"[/\w.\- :]{1,250}", key):
        raise InvalidArgument(
            f"Tag key {key!r} is not valid: keys have 1 to 250 letters, digits, underscores, dashes, periods, spaces, "
            "colons and slashes."
        )


def check_platform_tag(key: str, value: str) -> None:
    """Of all other dialects (Databricks, database-objects/tags). Raises InvalidArgument."""
    if key.startswith("feast."):  # Feast's register_model sets `feast.feature_service` on the version
        check_tag(key, "")
    else:
        check_tag_key(key)
    if len(value) > 1000:
        raise _long_value(key, value, 1000)
    if value != value.strip():
        raise InvalidArgument(f"The value of tag '{key}' must not begin or end with spaces.")


def check_tag_key(key: str) -> None:
    """By the platform's rule. Raises InvalidArgument."""
    check_tag(key, "")
    if key != key.strip():
        raise InvalidArgument(f"Tag key {key!r} must not begin or end with spaces.")
    if bad := sorted({c for c in key if c in ".,-=/:"}):
        raise InvalidArgument(f"Tag key {key!r} must not contain {' '.join(repr(c) for c in bad)}.")


def _long_value(key: str, value: str, most: int) -> InvalidArgument:
    return InvalidArgument(f"The value of tag '{key}' is {len(value)} characters long; at most {most} are allowed.")


def comment_etag(comment: str) -> str:
    """Names the text of a comment. A caller sends it back to replace only the text that they have read."""
    return hashlib.sha256(comment.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def check_unchanged(comment: str, etag: str, name: str) -> None:
    """`etag`: of the comment that the caller has read; '' skips the check. Raises Conflict."""
    if etag and etag.strip('"') != comment_etag(comment):
        raise Conflict(
            f"The description of '{name}' has changed since you read it. Read it again, then save yours with the new etag."
        )


def check_comment(text: str) -> str:
    """Raises LimitExceeded."""
    if len(text) > MAX_COMMENT:
        raise LimitExceeded(f"The description is {len(text)} characters long; at most {MAX_COMMENT} are allowed.")
    return text


def check_principal_name(name: str) -> str:
    """A user name, group name or application id. Raises BadName."""
    if (
        not 1 <= len(name) <= 255
        or name != name.strip()
        or any(unicodedata.category(c) in _INVISIBLE - {"Zs"} for c in name)
    ):
        raise BadName("A principal's name has 1 to 255 characters, no control characters, and no space at its ends.")
    return name


def fold_principal(name: str) -> str:
    """Principals are found whatever their case."""
    return unicodedata.normalize("NFC", name).casefold()
