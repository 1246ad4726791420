"""Values as they are compared with cells of a column: text is a time, a number or a truth value where the column is one."""

from datetime import UTC, date, datetime, timedelta

from modelkeep.api.sql.select_tree import Value
from modelkeep.api.sql.tables import Cell, SqlColumn
from modelkeep.domain.errors import InvalidArgument

_WORDS = {
    "STRING": "text in quotes",
    "BOOLEAN": "TRUE or FALSE",
    "LONG": "a whole number",
    "INT": "a whole number",
    "DOUBLE": "a number",
    "TIMESTAMP": "a time, '2026-01-31 12:00:00'",
    "DATE": "a date, '2026-01-31'",
}


def comparable(value: Value, column: SqlColumn) -> Cell:
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
        case "LONG" | "INT" | "DOUBLE", int() if not isinstance(value, bool) and abs(value) < 2**63:
            return value
        case "LONG" | "INT" | "DOUBLE", str() if value.strip().removeprefix("-").isdecimal() and len(value) < 19:
            return int(value)
        case "DOUBLE", float():
            return value
        case "TIMESTAMP" | "DATE", str():
            return moment(value, column)
        case _:
            raise InvalidArgument(
                f"Column '{column.name}' is {_WORDS[column.type]}, and {str(value)[:100]!r} is not. Compare it with one."
            )


def moment(value: str, column: SqlColumn) -> Cell:
    """Raises InvalidArgument."""
    try:
        at = datetime.fromisoformat(value.strip())
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return int(at.timestamp() * 1000) if column.type == "TIMESTAMP" else at.astimezone(UTC).date().isoformat()
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(
            f"{value[:100]!r} is no {column.type}. Column '{column.name}' is {_WORDS[column.type]}."
        ) from error


def day_of(at: int) -> str:
    return day_after("1970-01-01", at // 86_400_000)


def day_after(day: str, days: int) -> str:
    """The date so many days later, both as YYYY-MM-DD. Raises InvalidArgument."""
    try:
        return (date.fromisoformat(day) + timedelta(days)).isoformat()
    except (ValueError, OverflowError) as error:
        raise InvalidArgument("The date is before the year 1 or after 9999.") from error
