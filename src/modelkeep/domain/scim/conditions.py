"""What a SCIM filter says, and whether a resource, in SCIM's own shape, meets it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from modelkeep.domain.scim.schema import Attribute, AttributePath, fold

ORDER = ("gt", "ge", "lt", "le")


class Compare(msgspec.Struct, frozen=True):
    """`path operator value`; the operator `pr` has no value."""

    path: AttributePath
    operator: str
    value: str | bool | None = None


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


def matches(condition: Condition, resource: dict[str, Any]) -> bool:
    """Does a resource, in SCIM's own shape, meet the condition?"""
    match condition:
        case Both(conditions):
            return all(matches(inner, resource) for inner in conditions)
        case Either(conditions):
            return any(matches(inner, resource) for inner in conditions)
        case Not(inner):
            return not matches(inner, resource)
        case Within(attribute, inner):
            return any(matches(inner, item) for item in _items(resource.get(attribute.name)))
        case Compare():
            return _compare(condition, resource)


def _items(value: Any) -> list[dict[str, Any]]:
    items = cast("list[Any]", value if isinstance(value, list) else [value])
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def values(path: AttributePath, resource: dict[str, Any]) -> Iterator[Any]:
    """What is at the path; of complex attributes their `value`, unless a part is named."""
    if path.attribute is None:
        return
    content = resource.get(path.attribute.name)
    for item in cast("list[Any]", content if isinstance(content, list) else [content]):
        if isinstance(item, dict):
            value = cast("dict[str, Any]", item).get(
                path.part.name if path.part else "value", item if path.part is None else None
            )
        else:
            value = item
        if value is not None and value != "":
            yield value


def _compare(condition: Compare, resource: dict[str, Any]) -> bool:
    values_of_path, expected, leaf = list(values(condition.path, resource)), condition.value, condition.path.leaf
    if leaf is not None and leaf.parts and not condition.path.part:
        leaf = leaf.part("value") or leaf
    match condition.operator:
        case "pr":
            return bool(values_of_path)
        case "eq":
            return _equal(leaf, values_of_path, expected)
        case "ne":
            return not _equal(leaf, values_of_path, expected)
        case operator:
            return any(
                _text(operator, leaf, value, str(expected)) for value in values_of_path if isinstance(value, str)
            )


def _equal(leaf: Attribute | None, values_of_path: list[Any], expected: Any) -> bool:
    if expected is None:
        return not values_of_path
    if isinstance(expected, str) and leaf is not None:
        return any(_text("eq", leaf, value, expected) for value in values_of_path if isinstance(value, str))
    return any(type(value) is type(expected) and value == expected for value in values_of_path)


def _text(operator: str, leaf: Attribute | None, value: str, expected: str) -> bool:
    if leaf is not None and leaf.type == "dateTime" and operator in ("eq", *ORDER):
        left, right = time_of(value), time_of(expected)
        return left is not None and right is not None and _ordered(operator, left, right)
    if leaf is None or not leaf.exact:
        value, expected = fold(value), fold(expected)
    match operator:
        case "co":
            return expected in value
        case "sw":
            return value.startswith(expected)
        case "ew":
            return value.endswith(expected)
        case _:
            return _ordered(operator, value, expected)


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


def time_of(text: str) -> datetime | None:
    """A point in time, UTC where the text names no zone; None for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def equal_to(condition: Condition | None) -> dict[str, str]:
    """What every match must have, by attribute: the `eq` conditions that stand alone or are joined by `and`."""
    parts = condition.conditions if isinstance(condition, Both) else (condition,)
    return {
        part.path.attribute.name: part.value
        for part in parts
        if isinstance(part, Compare)
        and part.operator == "eq"
        and isinstance(part.value, str)
        and part.path.attribute is not None
        and part.path.part is None
    }


def mentions(condition: Condition | None, names: frozenset[str]) -> bool:
    """Does the condition look at one of these attributes?"""
    match condition:
        case Both(conditions) | Either(conditions):
            return any(mentions(inner, names) for inner in conditions)
        case Not(inner):
            return mentions(inner, names)
        case Within(attribute, _):
            return attribute.name in names
        case Compare(path):
            return path.attribute is not None and path.attribute.name in names
        case None:
            return False


def names_stranger(condition: Condition) -> bool:
    """Does the condition look at an attribute that resources here do not have?"""
    match condition:
        case Both(conditions) | Either(conditions):
            return any(names_stranger(inner) for inner in conditions)
        case Not(inner) | Within(_, inner):
            return names_stranger(inner)
        case Compare(path):
            return path.attribute is None
