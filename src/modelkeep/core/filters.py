"""MLflow's filter strings for registry searches: `name = 'a.b.c' AND tags.team LIKE 'ml%'`, parsed once and matched here.

Grammar: conditions joined by AND; fields name, run_id, source_path, version_number, tag(s).key; comparators =, !=, LIKE,
ILIKE (mlflow/utils/search_utils.py, SearchModelVersionUtils). Matching in Python keeps both databases of one mind.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from modelkeep.core.errors import InvalidArgument

MAX_FILTER = 10_000  # characters
MAX_CONDITIONS = 100

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<comparator>!=|=|<>|<=|>=|<|>)
    | (?P<tag>tags?\.(?:`[^`]+`|"[^"]+"|[\w.\-/]+))
    | (?P<number>\d+)
    | (?P<word>`[^`]+`|\w+(?:\.\w+)*)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_COMPARATORS = ("=", "!=", "LIKE", "ILIKE")


class Condition(msgspec.Struct, frozen=True):
    """One comparison. `field` is 'tag' (then `key` names it) or one of the searchable attributes."""

    field: str
    comparator: str
    value: str
    key: str = ""


def parse_filter(text: str, fields: tuple[str, ...]) -> tuple[Condition, ...]:
    """The conditions of a filter string over these attribute names. Raises InvalidArgument with what is allowed."""
    if len(text) > MAX_FILTER:
        raise InvalidArgument(f"The filter is {len(text)} characters long; at most {MAX_FILTER} are allowed.")
    tokens = _tokens(text)
    conditions: list[Condition] = []
    while tokens:
        if len(tokens) < 3:
            raise _syntax(text)
        (kind, field), (_, comparator), (value_kind, value) = tokens[:3]
        conditions.append(_condition(text, fields, kind, field, comparator.upper(), value_kind, value))
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


def _condition(
    text: str, fields: tuple[str, ...], kind: str, field: str, comparator: str, value_kind: str, value: str
) -> Condition:
    if comparator not in _COMPARATORS:
        raise InvalidArgument(
            f"Comparator '{comparator[:40]}' is not supported in filters. Use one of: {', '.join(_COMPARATORS)}."
        )
    if value_kind == "string":
        value = value[1:-1].replace(value[0] * 2, value[0])
    elif value_kind != "number":
        raise InvalidArgument(f"Put the value {value[:100]!r} of the filter in quotes.")
    if kind == "tag":
        return Condition("tag", comparator, value, field.partition(".")[2].strip('`"'))
    name = field.strip("`").lower()
    if kind != "word" or name not in fields:
        raise InvalidArgument(
            f"Filter field '{field[:100]}' is not supported. Use one of: {', '.join((*fields, 'tags.<key>'))}."
        )
    return Condition(name, comparator, value)


def _syntax(text: str) -> InvalidArgument:
    return InvalidArgument(
        f"The filter {text[:200]!r} cannot be read. Write conditions such as `name = 'catalog.schema.model'` or "
        "`tags.key LIKE 'value%'`, joined by AND."
    )


def matches(conditions: tuple[Condition, ...], attribute: Callable[[str], str], tags: Mapping[str, str]) -> bool:
    """Do all conditions hold? A tag that is absent fails every comparison, != too (as in MLflow's own stores)."""
    for condition in conditions:
        actual = tags.get(condition.key) if condition.field == "tag" else attribute(condition.field)
        if actual is None or not _compare(condition, actual):
            return False
    return True


def _compare(condition: Condition, actual: str) -> bool:
    match condition.comparator:
        case "=":
            return actual == condition.value
        case "!=":
            return actual != condition.value
        case _:
            return _like(condition.value, condition.comparator == "ILIKE").fullmatch(actual) is not None


@lru_cache(maxsize=256)
def _like(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """SQL LIKE: % is any run of characters, _ is one."""
    first, *rest = [re.escape(part).replace("_", ".") for part in pattern.split("%")]
    regex = first
    if rest:
        *middle, last = rest
        # Atomic groups: the leftmost match of each part is enough, so no pattern backtracks.
        regex += "".join(f"(?>.*?{part})" for part in middle if part) + f".*{last}"
    return re.compile(regex, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
