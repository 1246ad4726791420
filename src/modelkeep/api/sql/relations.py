"""What a SELECT reads from, and how its columns are named: views, subqueries, and the scopes in which names are looked up."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

from modelkeep.api.sql.errors import BadSql
from modelkeep.api.sql.select_tree import Value
from modelkeep.api.sql.tables import Cell, SqlColumn
from modelkeep.api.sql.views import AUDIT, INFORMATION_SCHEMA, View
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.names import FullName

SYSTEM = "system"
UNKNOWN: Value = float("nan")
"""The value of an expression that is not constant"""


class ViewInQuery:
    """One view in one FROM clause: which of its rows and columns the statement needs."""

    def __init__(self, table: str, title: str, view: View, only: str) -> None:
        """`table` is its name in SQLite; `only` the catalog that it is limited to, or ''."""
        self.table = table
        self.title = title
        self.view = view
        self.only = only
        self.used: set[int] = set()
        self.equal: dict[str, str] = {}
        self.since, self.until = 0, 2**62
        self.filter = ""
        """A condition of SQLite that each row must pass; '' is none"""
        self.enough: int | None = None
        """So many rows that pass are enough"""


class Relation(NamedTuple):
    """A view or subquery under the name that a FROM clause gives it. Its columns are c0, c1, ... in SQLite."""

    alias: str
    sql: str
    """Its alias in SQLite"""
    columns: tuple[SqlColumn, ...]
    source: ViewInQuery | None = None
    hidden: frozenset[int] = frozenset()
    """Columns that stand in an earlier relation already (USING)"""

    def places(self, name: str) -> list[int]:
        exact = [i for i, column in enumerate(self.columns) if column.name.lower() == name]
        return exact or [i for i, column in enumerate(self.columns) if column.label.lower() == name]


class ColumnPlace(NamedTuple):
    relation: Relation
    place: int
    local: bool
    """In the innermost scope"""

    @property
    def column(self) -> SqlColumn:
        return self.relation.columns[self.place]

    @property
    def sql(self) -> str:
        return f"{self.relation.sql}.c{self.place}"


class Scope:
    """The relations of one SELECT, inside of the scope of the SELECT around it."""

    def __init__(self, outer: "Scope | None") -> None:
        self.outer = outer
        self.relations: list[Relation] = []

    def find(self, names: list[str]) -> ColumnPlace | None:
        """Raises InvalidArgument for a name that two relations have."""
        places = list(self._matches(names))
        if len(places) > 1:
            raise InvalidArgument(
                f"'{'.'.join(names)[:100]}' is a column of two tables here. Write an alias before it."
            )
        if places:
            return places[0]
        place = self.outer.find(names) if self.outer else None
        return place._replace(local=False) if place else None

    def _matches(self, names: list[str]) -> Iterator[ColumnPlace]:
        for relation in self.relations:
            if len(names) > 1 and names[0] == relation.alias and (places := relation.places(".".join(names[1:]))):
                yield from (ColumnPlace(relation, place, True) for place in places)
                continue
            places = relation.places(".".join(names))
            yield from (ColumnPlace(relation, place, True) for place in places if place not in relation.hidden)

    def missing(self, names: list[str]) -> InvalidArgument:
        """The refusal of a column that is not there."""
        name = ".".join(names)
        columns = [column.name for relation in self.relations for column in relation.columns]
        near = get_close_matches(name[:255], [*columns, *(c.rpartition(".")[2] for c in columns)], 1)
        hint = f"The nearest is '{near[0]}'." if near else f"It has: {', '.join(columns[:40])}."
        if not self.relations:
            return BadSql(f"There is no column '{name[:100]}' without FROM.")
        relation = self.relations[0]
        title = relation.source.title if relation.source and len(self.relations) == 1 else "FROM"
        return InvalidArgument(f"'{title}' has no column '{name[:100]}'. {hint}")


class NoSuchView(NotFound):
    """A query names something that is no view. It may be a table."""

    def __init__(self, message: str, *, kind: str = "TABLE", parts: tuple[str, ...] = ()) -> None:
        super().__init__(message, kind=kind)
        self.parts = parts


def view_of(named: list[str], home: FullName) -> tuple[str, View, str]:
    """(its name, the view, the catalog that it is limited to or ''). Raises NotFound."""
    names = [name.lower() for name in named]
    if len(names) < 3:
        names = [*home.parts[: 3 - len(names)], *names]
    catalog, schema, leaf = names
    title = f"{catalog}.{schema}.{leaf}"
    if (catalog, schema, leaf) == (SYSTEM, "access", "audit"):
        return title, AUDIT, ""
    if schema == "information_schema" and leaf in INFORMATION_SCHEMA:
        return title, INFORMATION_SCHEMA[leaf], "" if catalog == SYSTEM else named[0] if len(named) == 3 else catalog
    near = get_close_matches(leaf[:255], INFORMATION_SCHEMA, 1)
    hint = f"The nearest is information_schema.{near[0]}." if near and schema == "information_schema" else _THERE
    raise NoSuchView(f"There is no view '{title[:300]}' to SELECT from. {hint}", parts=(catalog, schema, leaf))


_THERE = f"There are system.access.audit and, in each catalog's information_schema: {', '.join(INFORMATION_SCHEMA)}."


class Plan(NamedTuple):
    """A statement for SQLite, and the tables that it reads."""

    sql: str
    values: dict[str, Cell]
    columns: tuple[SqlColumn, ...]
    sources: list[ViewInQuery]
    needs_metastore: bool
