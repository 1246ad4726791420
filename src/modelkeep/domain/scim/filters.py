"""SCIM's filters (RFC 7644, 3.4.2.2): `userName eq "x" and not (emails[type eq "work"] pr)`, parsed once.

An absent attribute equals nothing but null; `ne` is the opposite of `eq`; of several values one that fits is enough.
An attribute that resources here do not have equals nothing either, and nothing turns that into its opposite: `not`, `ne` and
`eq null` over one are refused, since a mistyped name would then match everybody.
Clients of Databricks write text in double quotes, in single quotes, and without any.
"""

import json
import re
from typing import cast

from modelkeep.domain.scim.conditions import ORDER, Both, Compare, Condition, Either, Not, Within, time_of
from modelkeep.domain.scim.schema import (
    Attribute,
    AttributePath,
    ResourceType,
    ScimRequestError,
    find_path,
    known_path,
    look_alike,
    misfit,
)
from modelkeep.limits import SCIM_FILTER_CHARACTERS, SCIM_FILTER_TERMS

_MAX_TOKENS, _MAX_DEPTH = 6 * SCIM_FILTER_TERMS, 30
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.|'')*') | (?P<bracket>[()\[\]])
    | (?P<word>[\w$.:@/+~\#!%&*=?^{|}-]+))""",
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z$][\w$:.-]*", re.ASCII)
_SINGLE = re.compile(r"''|\\(.)|\"", re.DOTALL)
_KEYWORDS = ("and", "or", "not")
_NOBODY = AttributePath(None)
_OPERATORS = ("eq", "ne", "co", "sw", "ew", *ORDER)
_BOOLEANS = {"true": True, "false": False}


def parse_filter(text: str, of: ResourceType) -> Condition:
    """Raises ScimRequestError with what cannot be read."""
    return _Parser(_tokens(text), of, text).whole()


def parse_value_filter(text: str, of: ResourceType, attribute: Attribute) -> Condition:
    """What stands in the brackets of a path: a condition on the parts of one attribute. Raises ScimRequestError (invalidPath)."""
    try:
        return _Parser(_tokens(text), of, text, attribute).whole()
    except ScimRequestError as error:
        raise misfit("invalidPath", error.message) from error


def _unreadable(text: str, why: str) -> ScimRequestError:
    return misfit(
        "invalidFilter",
        f'The filter {text[:200]!r} cannot be read: {why}. Write conditions such as `userName eq "ada@x.io"`, joined by and, or, not.',
    )


def _tokens(text: str) -> list[tuple[str, str]]:
    if len(text) > SCIM_FILTER_CHARACTERS:
        raise _unreadable(text, f"it is longer than {SCIM_FILTER_CHARACTERS} characters")
    tokens: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        if len(tokens) > _MAX_TOKENS:
            raise _unreadable(text, f"it has more than {SCIM_FILTER_TERMS} comparisons, or too many brackets")
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _unreadable(text, f"{text[position : position + 20]!r} is not expected")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent: or < and < not < comparison."""

    def __init__(
        self, tokens: list[tuple[str, str]], of: ResourceType, text: str, inside: Attribute | None = None
    ) -> None:
        self._tokens, self._of, self._text, self._inside = tokens, of, text, inside
        self._at = self._depth = self._terms = self._inverted = 0

    def whole(self) -> Condition:
        condition = self._either()
        if self._at < len(self._tokens):
            raise _unreadable(self._text, f"{self._peek()[1][:40]!r} is not expected")
        return condition

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, text: str) -> bool:
        kind, word = self._peek()
        if kind != "string" and word.casefold() == text:
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
        conditions = [self._both()]
        while self._take("or"):
            conditions.append(self._both())
        self._depth -= 1
        return conditions[0] if len(conditions) == 1 else Either(tuple(conditions))

    def _both(self) -> Condition:
        conditions = [self._single()]
        while self._take("and"):
            conditions.append(self._single())
        return conditions[0] if len(conditions) == 1 else Both(tuple(conditions))

    def _single(self) -> Condition:
        negated = self._take("not")
        if self._take("("):
            self._inverted += negated
            condition = self._either()
            self._inverted -= negated
            self._expect(")")
            return Not(condition) if negated else condition
        if negated:
            raise _unreadable(self._text, "`not` is followed by ( ... )")
        return self._comparison()

    def _comparison(self) -> Condition:
        kind, name = self._peek()
        if kind != "word" or not _NAME.fullmatch(name):
            raise _unreadable(
                self._text, "an attribute is missing" if kind == "end" else f"{name[:40]!r} is no attribute"
            )
        self._at += 1
        self._terms += 1
        if self._terms > SCIM_FILTER_TERMS:
            raise _unreadable(self._text, f"it has more than {SCIM_FILTER_TERMS} comparisons")
        path = self._path(name)
        if self._take("["):
            return self._within(path, name)
        if self._take("pr"):
            return Compare(path, "pr")
        operator = self._peek()[1].casefold()
        if operator not in _OPERATORS:
            raise _unreadable(self._text, f"after {name[:40]!r} comes one of {', '.join((*_OPERATORS, 'pr'))}")
        self._at += 1
        comparison = self._checked(Compare(path, operator, self._value(path)))
        if path is _NOBODY and (operator == "ne" or comparison.value is None):
            self._refuse(name)
        return comparison

    def _within(self, path: AttributePath, name: str) -> Condition:
        """`attribute[condition]`, from behind its bracket on. Nobody has a value of an attribute that resources do not have."""
        attribute = Attribute(name, "") if path is _NOBODY else path.attribute
        if attribute is None or (path is not _NOBODY and not attribute.parts) or path.part or self._inside:
            raise _unreadable(self._text, f"{name[:40]!r} has no parts to look into")
        inner = _Parser(self._tokens, self._of, self._text, attribute)
        inner._at, inner._depth, inner._terms, inner._inverted = self._at, self._depth, self._terms, self._inverted
        condition = inner._either()
        self._at, self._terms = inner._at, inner._terms
        self._expect("]")
        return Compare(path, "pr") if path is _NOBODY else Within(attribute, condition)

    def _path(self, name: str) -> AttributePath:
        """`_NOBODY` for what resources do not have, where that can only match nobody. Raises ScimRequestError."""
        if self._inside is not None:
            part = self._inside.part(name)
            path = None if part is None else AttributePath(part)
        else:
            path = known_path(self._of, name)
        if path is not None:
            return path
        if self._inverted or (self._inside is None and look_alike(self._of, name)):
            self._refuse(name)
        return _NOBODY

    def _refuse(self, name: str) -> None:
        """Raises ScimRequestError for an attribute that resources do not have."""
        if self._inside is not None:
            raise _unreadable(self._text, f"{self._inside.name} has no part {name[:40]!r}")
        find_path(self._of, name, "invalidFilter")

    def _value(self, path: AttributePath) -> str | bool | None:
        """What a path is compared with. Without quotes, `null` is absence, and `true` and `false` are text to a text attribute."""
        kind, text = self._peek()
        self._at += 1
        word = text.casefold()
        if kind == "string":
            value = self._unquoted(text)
        elif kind != "word" or word in _KEYWORDS:
            raise _unreadable(self._text, "a value is missing (put text in double quotes)")
        elif word == "null":
            return None
        else:
            value = text
        if path.leaf is not None and path.leaf.type == "boolean":
            if value.casefold() not in _BOOLEANS:  # Entra asks for `primary eq "True"`
                raise _unreadable(self._text, f"{path.leaf.name} is true or false")
            return _BOOLEANS[value.casefold()]
        return value

    def _unquoted(self, text: str) -> str:
        """The text of a JSON string, or of one in single quotes, where a quote is `\\'` or `''`. Raises ScimRequestError."""
        if text.startswith("'"):
            text = f'"{_SINGLE.sub(_in_json, text[1:-1])}"'
        try:
            value = cast("str", json.loads(text))
            value.encode()  # an escaped lone surrogate is no text
        except ValueError as error:
            raise _unreadable(self._text, "a value is not a JSON string") from error
        if "\0" in value:
            raise _unreadable(self._text, "a value has a NUL character")
        return value

    def _checked(self, comparison: Compare) -> Compare:
        """A comparison that can be true. Raises ScimRequestError."""
        leaf, value = comparison.path.leaf, comparison.value
        if comparison.operator in ("eq", "ne") or leaf is None:
            return comparison
        if leaf.type == "boolean" or not isinstance(value, str):
            raise _unreadable(self._text, f"`{comparison.operator}` compares text")
        if leaf.type == "dateTime" and comparison.operator in ORDER and time_of(value) is None:
            raise _unreadable(self._text, f"{value[:40]!r} is no time")
        return comparison


def _in_json(match: re.Match[str]) -> str:
    """An escape of text in single quotes, as JSON writes it."""
    if match[0] == '"':
        return '\\"'
    return "'" if match[0] == "''" or match[1] == "'" else match[0]
