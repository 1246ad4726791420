"""MLflow's filter and order strings for registry searches: `name = 'a.b.c' AND tags.team LIKE 'ml%'`, parsed once, matched here.

Grammar: conditions joined by AND; attributes and tag(s).key; comparators =, !=, LIKE, ILIKE, IN, NOT IN, and <, <=, >, >= of numbers
(mlflow/utils/search_utils.py, SearchModelUtils and SearchModelVersionUtils). Matching in Python keeps both databases of one mind.
"""

import re
from collections.abc import Callable, Mapping
from functools import cached_property

import msgspec

from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.patterns import check_pattern, compiled

MAX_FILTER = 10_000  # characters
MAX_CONDITIONS = 100
MAX_ORDERS = 5
IS_PROMPT = "mlflow.prompt.is_prompt"
"""Every model search of a plain MLflow client ends with: this tag is not 'true'."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<list>\(\s*(?:'(?:[^']|'')*'|"(?:[^"]|"")*")\s*(?:,\s*(?:'(?:[^']|'')*'|"(?:[^"]|"")*")\s*)*,?\s*\))
    | (?P<comparator>!=|=|<>|<=|>=|<|>|NOT\s+IN\b)
    | (?P<tag>tags?\.(?:`[^`]+`|"[^"]+"|[\w.\-/]+))
    | (?P<number>\d{1,18})
    | (?P<word>`[^`]+`|\w+(?:\.\w+)*)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_ATTRIBUTE = re.compile(r"attr(?:ibute)?s?\.", re.IGNORECASE)
_TEXT = ("=", "!=", "LIKE", "ILIKE")
_LISTS = ("IN", "NOT IN")
_NUMBER = ("=", "!=", "<", "<=", ">", ">=")


class Fields(msgspec.Struct, frozen=True):
    """What one search knows."""

    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    """Those of `texts` that take IN and NOT IN"""


class Condition(msgspec.Struct, frozen=True, dict=True):
    """One comparison. `field` is 'tag' (then `key` names it) or one of the searchable attributes."""

    field: str
    comparator: str
    value: str
    key: str = ""
    values: tuple[str, ...] = ()
    """of IN and NOT IN"""

    @cached_property
    def listed(self) -> frozenset[str]:
        return frozenset(self.values)


def parse_filter(text: str, fields: Fields) -> tuple[Condition, ...]:
    """The conditions of a filter string over these attributes. Raises InvalidArgument with what is allowed."""
    if len(text) > MAX_FILTER:
        raise InvalidArgument(f"The filter is {len(text)} characters long; at most {MAX_FILTER} are allowed.")
    tokens = _tokens(text)
    conditions: list[Condition] = []
    while tokens:
        if len(tokens) < 3:
            raise _syntax(text)
        left, (_, comparator), right = tokens[:3]
        conditions.append(_condition(fields, left, comparator.upper(), right))
        if len(conditions) > MAX_CONDITIONS:
            raise InvalidArgument(f"A filter has at most {MAX_CONDITIONS} conditions.")
        tokens = tokens[3:]
        if tokens:
            if tokens[0][1].upper() != "AND" or len(tokens) == 1:
                raise _syntax(text)
            tokens = tokens[1:]
    return tuple(conditions)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _syntax(text)
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


def _condition(fields: Fields, left: tuple[str, str], comparator: str, right: tuple[str, str]) -> Condition:
    (kind, field), (value_kind, value) = left, right
    if kind == "tag":
        key = field.partition(".")[2]
        return _text("tag", comparator, value_kind, value, key[1:-1] if key[0] in '`"' else key)
    name = _ATTRIBUTE.sub("", field, count=1).strip("`").lower()
    if kind == "word" and name in fields.numbers:
        return _number(name, comparator, value_kind, value)
    if kind != "word" or name not in fields.texts:
        known = ", ".join((*fields.texts, *fields.numbers, "tags.<key>"))
        raise InvalidArgument(f"Filter field '{field[:100]}' is not supported. Use one of: {known}.")
    comparator = " ".join(comparator.split())
    if comparator in _LISTS and name in fields.listed:
        if value_kind != "list":
            raise InvalidArgument(f"Write {name} {comparator} ('one', 'another').")
        return Condition(name, comparator, "", values=tuple(_unquoted(v) for v in _QUOTED.findall(value)))
    return _text(name, comparator, value_kind, value)


def _text(name: str, comparator: str, value_kind: str, value: str, key: str = "") -> Condition:
    if comparator not in _TEXT:
        raise _comparator(comparator, _TEXT)
    if value_kind != "string":
        raise InvalidArgument(f"Put the value {value[:100]!r} of the filter in quotes.")
    text = _unquoted(value)
    if comparator.endswith("LIKE"):
        check_pattern(text)
    return Condition(name, comparator, text, key)


def _number(name: str, comparator: str, value_kind: str, value: str) -> Condition:
    if comparator not in _NUMBER:
        raise _comparator(comparator, _NUMBER)
    text = _unquoted(value) if value_kind == "string" else value
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise InvalidArgument(f"The value {value[:100]!r} of '{name}' in the filter must be a whole number.")
    return Condition(name, comparator, text)


def _unquoted(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])


def _comparator(comparator: str, allowed: tuple[str, ...]) -> InvalidArgument:
    return InvalidArgument(
        f"Comparator '{comparator[:40]}' is not supported here in filters. Use one of: {', '.join(allowed)}."
    )


def _syntax(text: str) -> InvalidArgument:
    return InvalidArgument(
        f"The filter {text[:200]!r} cannot be read. Write conditions such as `name = 'catalog.schema.model'` or "
        "`tags.key LIKE 'value%'`, joined by AND."
    )


def equals(conditions: tuple[Condition, ...], field: str) -> str | None:
    """The value that a condition demands of this attribute, if one does."""
    return next((c.value for c in conditions if c.field == field and c.comparator == "="), None)


def holds(condition: Condition, attribute: Callable[[str], str], tags: Mapping[str, str]) -> bool:
    """A tag that is absent fails every comparison, != too (as in MLflow's own stores)."""
    actual = tags.get(condition.key) if condition.field == "tag" else attribute(condition.field)
    if actual is None and condition.key == IS_PROMPT:
        actual = "false"  # no model has this tag, and MLflow takes it as false
    return actual is not None and _compare(condition, actual)


def matches(conditions: tuple[Condition, ...], attribute: Callable[[str], str], tags: Mapping[str, str]) -> bool:
    """Do all conditions hold?"""
    return all(holds(condition, attribute, tags) for condition in conditions)


def _compare(condition: Condition, actual: str) -> bool:
    match condition.comparator:
        case "=":
            return actual == condition.value
        case "!=":
            return actual != condition.value
        case "IN":
            return actual in condition.listed
        case "NOT IN":
            return actual not in condition.listed
        case "LIKE" | "ILIKE":
            return compiled(condition.value, any_case=condition.comparator == "ILIKE")(actual)
        case "<":
            return int(actual) < int(condition.value)
        case "<=":
            return int(actual) <= int(condition.value)
        case ">":
            return int(actual) > int(condition.value)
        case _:
            return int(actual) >= int(condition.value)


_ORDER = re.compile(r"\s*(?:attributes?\.)?`?(?P<field>\w+)`?(?:\s+(?P<way>ASC|DESC))?\s*", re.IGNORECASE)


class Order(msgspec.Struct, frozen=True):
    field: str
    descending: bool = False


def parse_order(clauses: tuple[str, ...], fields: tuple[str, ...]) -> tuple[Order, ...]:
    """`("name ASC", "creation_timestamp DESC")`, each field once. Raises InvalidArgument."""
    columns: list[Order] = []
    for clause in clauses:
        match = _ORDER.fullmatch(clause[:200])
        field = match["field"].lower() if match else ""
        if match is None or field not in fields:
            raise InvalidArgument(
                f"order_by {clause[:100]!r} is not supported. Write one of {', '.join(fields)}, then ASC or DESC."
            )
        if len(columns) == MAX_ORDERS or any(order.field == field for order in columns):
            raise InvalidArgument("order_by names each field once.")
        columns.append(Order(field, (match["way"] or "").upper() == "DESC"))
    return tuple(columns)
