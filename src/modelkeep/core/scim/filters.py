"""SCIM's filters (RFC 7644, 3.4.2.2): `userName eq "x" and not (emails[type eq "work"] pr)`, parsed once and matched here.

An absent attribute equals nothing but null; `ne` is the opposite of `eq`; of several values one that fits is enough.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from modelkeep.core.scim.schema import Attribute, AttributePath, Misfit, ResourceType, find_path, fold, misfit
from modelkeep.limits import SCIM_FILTER_CHARACTERS, SCIM_FILTER_TERMS

_MAX_TOKENS, _MAX_DEPTH = 600, 30
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*") | (?P<bracket>[()\[\]])
    | (?P<word>[A-Za-z$][\w$:.-]*) | (?P<number>-?[0-9]+(?:\.[0-9]+)?))""",
    re.VERBOSE | re.ASCII,
)
_ORDER = ("gt", "ge", "lt", "le")
_OPERATORS = ("eq", "ne", "co", "sw", "ew", *_ORDER)
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class Compare(msgspec.Struct, frozen=True):
    """`path operator value`; the operator `pr` has no value."""

    path: AttributePath
    operator: str
    value: str | bool | float | None = None


class Within(msgspec.Struct, frozen=True):
    """`attribute[condition]`: one of the attribute's values meets the whole condition."""

    attribute: Attribute
    condition: "Condition"


class Not(msgspec.Struct, frozen=True):
    condition: "Condition"


class Both(msgspec.Struct, frozen=True):
    conditions: "tuple[Condition, ...]"


class Either(msgspec.Struct, frozen=True):
    conditions: "tuple[Condition, ...]"


Condition = Compare | Within | Not | Both | Either


def parse_filter(text: str, of: ResourceType) -> Condition:
    """Raises Misfit with what cannot be read."""
    return _Parser(_tokens(text), of, text).whole()


def parse_value_filter(text: str, of: ResourceType, attribute: Attribute) -> Condition:
    """What stands in the brackets of a path: a condition on the parts of one attribute. Raises Misfit (invalidPath)."""
    try:
        return _Parser(_tokens(text), of, text, attribute).whole()
    except Misfit as error:
        raise misfit("invalidPath", error.message) from error


def _unreadable(text: str, why: str) -> Misfit:
    return misfit(
        "invalidFilter",
        f'The filter {text[:200]!r} cannot be read: {why}. Write conditions such as `userName eq "ada@x.io"`, joined by and, or, not.',
    )


def _tokens(text: str) -> list[tuple[str, str]]:
    if len(text) > SCIM_FILTER_CHARACTERS:
        raise _unreadable(text, f"it is longer than {SCIM_FILTER_CHARACTERS} characters")
    found: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None or len(found) > _MAX_TOKENS:
            raise _unreadable(text, f"{text[position : position + 20]!r} is not expected")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


class _Parser:
    """Recursive descent: or < and < not < comparison."""

    def __init__(
        self, tokens: list[tuple[str, str]], of: ResourceType, text: str, inside: Attribute | None = None
    ) -> None:
        self._tokens, self._of, self._text, self._inside = tokens, of, text, inside
        self._at = self._depth = self._terms = 0

    def whole(self) -> Condition:
        found = self._either()
        if self._at < len(self._tokens):
            raise _unreadable(self._text, f"{self._peek()[1][:40]!r} is not expected")
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, text: str) -> bool:
        kind, found = self._peek()
        if kind != "string" and found.casefold() == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise _unreadable(self._text, f"{text!r} is missing")

    def _either(self) -> Condition:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _unreadable(self._text, "its brackets are too deep")
        found = [self._both()]
        while self._take("or"):
            found.append(self._both())
        self._depth -= 1
        return found[0] if len(found) == 1 else Either(tuple(found))

    def _both(self) -> Condition:
        found = [self._single()]
        while self._take("and"):
            found.append(self._single())
        return found[0] if len(found) == 1 else Both(tuple(found))

    def _single(self) -> Condition:
        negated = self._take("not")
        if self._take("("):
            found = self._either()
            self._expect(")")
            return Not(found) if negated else found
        if negated:
            raise _unreadable(self._text, "`not` is followed by ( ... )")
        return self._comparison()

    def _comparison(self) -> Condition:
        kind, name = self._peek()
        if kind != "word":
            raise _unreadable(
                self._text, "an attribute is missing" if kind == "end" else f"{name[:40]!r} is no attribute"
            )
        self._at += 1
        self._terms += 1
        if self._terms > SCIM_FILTER_TERMS:
            raise _unreadable(self._text, f"it has more than {SCIM_FILTER_TERMS} comparisons")
        path = self._path(name)
        if self._take("["):
            if path.attribute is None or not path.attribute.parts or path.part or self._inside:
                raise _unreadable(self._text, f"{name[:40]!r} has no parts to look into")
            inner = _Parser(self._tokens, self._of, self._text, path.attribute)
            inner._at, inner._depth, inner._terms = self._at, self._depth, self._terms
            condition = inner._either()
            self._at, self._terms = inner._at, inner._terms
            self._expect("]")
            return Within(path.attribute, condition)
        if self._take("pr"):
            return Compare(path, "pr")
        operator = self._peek()[1].casefold()
        if operator not in _OPERATORS:
            raise _unreadable(self._text, f"after {name[:40]!r} comes one of {', '.join((*_OPERATORS, 'pr'))}")
        self._at += 1
        return _checked(self._text, Compare(path, operator, self._value()))

    def _path(self, name: str) -> AttributePath:
        if self._inside is None:
            return find_path(self._of, name, "invalidFilter")
        part = self._inside.part(name)
        if part is None:
            raise _unreadable(self._text, f"{self._inside.name} has no part {name[:40]!r}")
        return AttributePath(part)

    def _value(self) -> str | bool | float | None:
        kind, text = self._peek()
        self._at += 1
        if kind == "string":
            try:
                value = cast("str", json.loads(text))
                value.encode()  # an escaped lone surrogate is no text
            except ValueError as error:
                raise _unreadable(self._text, "a value is not a JSON string") from error
            if "\0" in value:
                raise _unreadable(self._text, "a value has a NUL character")
            return value
        if kind == "number":
            return float(text)
        if kind == "word" and text.casefold() in _CONSTANTS:
            return _CONSTANTS[text.casefold()]
        raise _unreadable(self._text, "a value is missing (put text in double quotes)")


def _checked(text: str, found: Compare) -> Compare:
    """A comparison that can be true. Raises Misfit."""
    leaf, value = found.path.leaf, found.value
    if found.operator in ("eq", "ne") or leaf is None:
        return found
    if leaf.type == "boolean" or not isinstance(value, str):
        raise _unreadable(text, f"`{found.operator}` compares text")
    if leaf.type == "dateTime" and found.operator in _ORDER and _time(value) is None:
        raise _unreadable(text, f"{value[:40]!r} is no time")
    return found


def matches(condition: Condition, resource: dict[str, Any]) -> bool:
    """Does a resource, in SCIM's own shape, meet the condition?"""
    match condition:
        case Both(conditions):
            return all(matches(each, resource) for each in conditions)
        case Either(conditions):
            return any(matches(each, resource) for each in conditions)
        case Not(inner):
            return not matches(inner, resource)
        case Within(attribute, inner):
            return any(matches(inner, item) for item in _items(resource.get(attribute.name)))
        case Compare():
            return _compare(condition, resource)


def _items(value: Any) -> list[dict[str, Any]]:
    found = cast("list[Any]", value if isinstance(value, list) else [value])
    return [cast("dict[str, Any]", item) for item in found if isinstance(item, dict)]


def values(path: AttributePath, resource: dict[str, Any]) -> Iterator[Any]:
    """What is at the path; of complex attributes their `value`, unless a part is named."""
    if path.attribute is None:
        return
    found = resource.get(path.attribute.name)
    for item in cast("list[Any]", found if isinstance(found, list) else [found]):
        if isinstance(item, dict):
            value = cast("dict[str, Any]", item).get(
                path.part.name if path.part else "value", item if path.part is None else None
            )
        else:
            value = item
        if value is not None and value != "":
            yield value


def _compare(condition: Compare, resource: dict[str, Any]) -> bool:
    found, wanted, leaf = list(values(condition.path, resource)), condition.value, condition.path.leaf
    if leaf is not None and leaf.parts and not condition.path.part:
        leaf = leaf.part("value") or leaf
    match condition.operator:
        case "pr":
            return bool(found)
        case "eq":
            return _equal(leaf, found, wanted)
        case "ne":
            return not _equal(leaf, found, wanted)
        case operator:
            return any(_text(operator, leaf, value, str(wanted)) for value in found if isinstance(value, str))


def _equal(leaf: Attribute | None, found: list[Any], wanted: Any) -> bool:
    if wanted is None:
        return not found
    if isinstance(wanted, str) and leaf is not None:
        return any(_text("eq", leaf, value, wanted) for value in found if isinstance(value, str))
    return any(type(value) is type(wanted) and value == wanted for value in found)


def _text(operator: str, leaf: Attribute | None, value: str, wanted: str) -> bool:
    if leaf is not None and leaf.type == "dateTime" and operator in ("eq", *_ORDER):
        left, right = _time(value), _time(wanted)
        return left is not None and right is not None and _ordered(operator, left, right)
    if leaf is None or not leaf.exact:
        value, wanted = fold(value), fold(wanted)
    match operator:
        case "co":
            return wanted in value
        case "sw":
            return value.startswith(wanted)
        case "ew":
            return value.endswith(wanted)
        case _:
            return _ordered(operator, value, wanted)


def _ordered(operator: str, left: Any, right: Any) -> bool:
    match operator:
        case "eq":
            return left == right
        case "gt":
            return left > right
        case "ge":
            return left >= right
        case "lt":
            return left < right
        case _:
            return left <= right


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def equal_to(condition: Condition | None) -> dict[str, str]:
    """What every match must have, by attribute: the `eq` conditions that stand alone or are joined by `and`."""
    parts = condition.conditions if isinstance(condition, Both) else (condition,)
    return {
        part.path.attribute.name: part.value
        for part in parts
        if isinstance(part, Compare) and part.operator == "eq" and isinstance(part.value, str)
        and part.path.attribute is not None and part.path.part is None
    }  # fmt: skip


def mentions(condition: Condition | None, names: frozenset[str]) -> bool:
    """Does the condition look at one of these attributes?"""
    match condition:
        case Both(conditions) | Either(conditions):
            return any(mentions(each, names) for each in conditions)
        case Not(inner):
            return mentions(inner, names)
        case Within(attribute, _):
            return attribute.name in names
        case Compare(path):
            return path.attribute is not None and path.attribute.name in names
        case None:
            return False
