"""SELECT as a syntax tree of sqlglot. `translate.py` rebuilds it for SQLite, node by node: nothing of its text goes any further."""

from typing import Any

import msgspec

from modelkeep.api.sql.errors import BadSql

Value = str | int | float | bool | None
ALLOWED = (
    "A query selects from the views of information_schema and from system.access.audit, with JOIN, WHERE, GROUP BY, HAVING, ORDER BY, "
    "LIMIT, subqueries, and the functions that docs/guides/govern.md lists."
)


class Query(msgspec.Struct, frozen=True):
    tree: Any
    parameters: dict[str, Value]
    """Of its `:name` markers"""
    characters: int
    """Of its text"""


def read_select(statement: str, parameters: dict[str, Value]) -> Query:
    """`statement` has passed `words`. Raises BadSql."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        [tree] = sqlglot.parse(statement.rstrip("; \t\r\n"), dialect="databricks")
    except (SqlglotError, RecursionError, ValueError) as error:
        raise BadSql(f"This SELECT cannot be read. {ALLOWED}") from error
    return Query(tree, parameters, len(statement))


def kind(node: Any) -> str:
    return type(node).__name__


def parts(node: Any, *known: str) -> Any:
    """The node, which has no other parts than these. Raises BadSql."""
    for part, value in node.args.items():
        if value and part not in known:
            raise BadSql(f"'{part.strip('_').replace('_', ' ').upper()}' is not read here. {ALLOWED}")
    return node


def items(node: Any) -> list[Any]:
    """What a clause lists; nothing where there is no such clause. Raises BadSql."""
    return [] if node is None else list(parts(node, "expressions").expressions)


def unknown(node: Any) -> BadSql:
    return BadSql(f"'{text_of(node, 100)}' is not read here. {ALLOWED}")


def text_of(node: Any, most: int) -> str:
    """The node in SQL, cut off after so many characters."""
    text: str = node.sql(dialect="databricks", comments=False) if hasattr(node, "sql") else ""
    return text[:most]
