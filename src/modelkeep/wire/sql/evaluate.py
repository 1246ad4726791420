"""Which rows a query keeps, and in which order: SQL's comparisons, NULL being neither true nor false.

A test waits its turn before it compares a text with a pattern: a row may have thousands of comparisons of long texts.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from operator import eq, ge, gt, le, lt, ne
from typing import Any, cast

from modelkeep.core.errors import InvalidArgument
from modelkeep.core.pace import Pace
from modelkeep.core.patterns import pattern
from modelkeep.wire.sql.select import All, Compare, Condition, In, IsNull, Like, Not, Order, Value
from modelkeep.wire.sql.tables import Cell, Column, Row

Test = Callable[[Row], Awaitable[bool | None]]
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge, "<=>": eq}


class Columns:
    """The columns of one view, by name. Raises InvalidArgument for others."""

    def __init__(self, view: str, columns: Sequence[Column]) -> None:
        self._view = view
        self.all = tuple(columns)
        self._places = {column.name: place for place, column in enumerate(columns)}
        self._places |= {c.label: place for place, c in enumerate(columns) if c.label not in self._places}

    def place(self, name: str) -> int:
        if name not in self._places:
            near = get_close_matches(name[:255], self._places, 1)
            hint = f"The nearest is '{near[0]}'." if near else f"It has: {', '.join(c.name for c in self.all)}."
            raise InvalidArgument(f"'{self._view}' has no column '{name[:100]}'. {hint}")
        return self._places[name]

    def of(self, name: str) -> tuple[int, Column]:
        place = self.place(name)
        return place, self.all[place]


def kept_by(condition: Condition, columns: Columns, pace: Pace) -> Test:
    """Raises InvalidArgument for a column that is not there, or a value that it cannot be compared with."""
    match condition:
        case All(of=parts):
            return _all([kept_by(part, columns, pace) for part in parts], False)
        case Not(of=part):
            return _not(kept_by(part, columns, pace))
        case Compare():
            return _compare(condition, columns)
        case In():
            return _in(condition, columns)
        case Like():
            return _like(condition, columns, pace)
        case IsNull():
            return _is_null(columns.place(condition.column))
        case _:
            return _all([kept_by(part, columns, pace) for part in condition.of], True)


def _all(tests: list[Test], decisive: bool) -> Test:
    """AND is decided by one False, OR by one True; without that, an unknown leaves it unknown."""

    async def test(row: Row) -> bool | None:
        unknown = False
        for part in tests:
            result = await part(row)
            if result is decisive:
                return decisive
            unknown = unknown or result is None
        return None if unknown else not decisive

    return test


def _not(inner: Test) -> Test:
    async def test(row: Row) -> bool | None:
        result = await inner(row)
        return None if result is None else not result

    return test


def _is_null(place: int) -> Test:
    async def test(row: Row) -> bool | None:
        return row[place] is None

    return test


def _compare(condition: Compare, columns: Columns) -> Test:
    place, column = columns.of(condition.column)
    value, compares = comparable(condition.value, column), _OPERATORS[condition.operator]
    null_safe = condition.operator == "<=>"

    async def test(row: Row) -> bool | None:
        cell = row[place]
        if null_safe:
            return cell == value
        return None if cell is None or value is None else compares(cell, value)

    return test


def _in(condition: In, columns: Columns) -> Test:
    place, column = columns.of(condition.column)
    values = {comparable(value, column) for value in condition.values}

    async def test(row: Row) -> bool | None:
        cell = row[place]
        if cell is None:
            return None
        return True if cell in values else None if None in values else False

    return test


def comparable(value: Value, column: Column) -> Cell:
    """The value as cells of the column are. Raises InvalidArgument."""
    if value is None:
        return None
    match column.type, value:
        case "STRING", str():
            return value
        case "BOOLEAN", bool():
            return value
        case "BOOLEAN", str() if value.lower() in ("true", "false"):
            return value.lower() == "true"
        case "LONG", int() if not isinstance(value, bool):
            return value
        case "LONG", str() if value.strip().removeprefix("-").isdecimal() and len(value) < 20:
            return int(value)
        case "TIMESTAMP" | "DATE", str():
            return _moment(value, column)
        case _:
            raise InvalidArgument(
                f"Column '{column.name}' is {_WORDS[column.type]}, and {str(value)[:100]!r} is not. Compare it with one."
            )


_WORDS = {
    "STRING": "text in quotes", "BOOLEAN": "TRUE or FALSE", "LONG": "a whole number", "TIMESTAMP": "a time, '2026-01-31 12:00:00'",
    "DATE": "a date, '2026-01-31'",
}  # fmt: skip


def _moment(value: str, column: Column) -> Cell:
    try:
        found = datetime.fromisoformat(value.strip())
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return int(found.timestamp() * 1000) if column.type == "TIMESTAMP" else found.astimezone(UTC).date().isoformat()
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(
            f"{value[:100]!r} is no {column.type}. Column '{column.name}' is {_WORDS[column.type]}."
        ) from error


def _like(condition: Like, columns: Columns, pace: Pace) -> Test:
    place, column = columns.of(condition.column)
    text = condition.pattern
    if text is None:
        matches = None
    elif column.type == "STRING" and isinstance(text, str):
        matches = pattern(text, any_case=condition.any_case)
    else:
        raise InvalidArgument(f"LIKE compares text, and column '{column.name}' or the pattern is none.")

    async def test(row: Row) -> bool | None:
        if matches is None or (cell := row[place]) is None:
            return None
        await pace.breathe()
        return matches(cast("str", cell))

    return test


async def ordered(rows: list[Row], order: Sequence[Order], columns: Columns, pace: Pace) -> list[Row]:
    """Of a column that is named twice, the first counts."""
    keys: dict[int, Order] = {}
    for key in order:
        keys.setdefault(columns.place(key.column), key)
    for place, key in reversed(keys.items()):
        await pace.breathe()
        nulls = [row for row in rows if row[place] is None]
        others = sorted(
            (row for row in rows if row[place] is not None),
            key=lambda row: cast("Any", row[place]),
            reverse=key.descending,
        )
        rows = nulls + others if key.nulls_first else others + nulls
    return rows
