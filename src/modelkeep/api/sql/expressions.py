"""Expressions of Databricks' SQL, spelled for SQLite. Each value of the statement becomes a parameter, each name one of ours."""

from collections.abc import Callable
from typing import Any, NamedTuple

from modelkeep.api.sql.errors import BadSql
from modelkeep.api.sql.relations import UNKNOWN, Scope
from modelkeep.api.sql.select_tree import ALLOWED, Value, kind, parts, text_of, unknown
from modelkeep.api.sql.tables import Cell, SqlColumn, Type
from modelkeep.api.sql.values import comparable, day_of
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.patterns import check_pattern

NUMBERS = ("INT", "LONG", "DOUBLE")
_COMPARED = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">=", "NullSafeEQ": "IS"}


class Typed(NamedTuple):
    """An expression of SQLite. `value` is what a constant is, UNKNOWN of others."""

    sql: str
    type: Type
    value: Value = UNKNOWN

    @property
    def constant(self) -> bool:
        return self.value is not UNKNOWN


class Context(NamedTuple):
    """What functions without arguments answer."""

    user: str
    catalog: str
    schema: str
    now: int
    """Epoch ms"""


class Expressions:
    """Translates names, values and conditions; the functions are `functions.py`'s, subqueries `translate.py`'s."""

    def __init__(self, parameters: dict[str, Value], context: Context) -> None:
        self._parameters = parameters
        self._context = context
        self.values: dict[str, Cell] = {}
        self._names: dict[tuple[type, Cell], str] = {}
        self.needs_metastore = False
        self.aggregates = 0
        """Aggregate functions met so far"""
        self.inside_aggregate = False
        self.bare: list[str] = []
        """Columns met outside of aggregate functions"""
        self.grouped: frozenset[str] = frozenset()
        self.aliases: dict[str, Typed] = {}
        """Names that the select list gives, where a clause may use them"""

    def subquery(self, node: Any, scope: Scope) -> tuple[str, tuple[SqlColumn, ...]]:
        raise NotImplementedError

    def bind(self, value: Cell) -> str:
        """The parameter of this value."""
        key = (type(value), value)
        name = self._names.setdefault(key, f"p{len(self._names)}")
        self.values[name] = value
        return f":{name}"

    def constant(self, value: Value, type_: Type | None = None) -> Typed:
        """A value as a parameter of the statement, with its type. Raises InvalidArgument."""
        if type_ is None:
            type_ = _type_of(value)
        if isinstance(value, int) and abs(value) >= 2**63:
            raise InvalidArgument(f"{str(value)[:100]} is no number that a column can hold.")
        return Typed(self.bind(value), type_, value)

    def expression(self, node: Any, scope: Scope) -> Typed:
        """Raises InvalidArgument."""
        bare = len(self.bare)
        typed = self._expression(node, scope)
        if typed.sql in self.grouped:
            del self.bare[bare:]
        return typed

    def _expression(self, node: Any, scope: Scope) -> Typed:
        name = kind(node)
        if name in _COMPARED:
            parts(node, "this", "expression")
            return self.compare(_COMPARED[name], node.this, node.expression, scope)
        reader = _READERS.get(name)
        return reader(self, node, scope) if reader else self.function(node, scope)

    def function(self, node: Any, scope: Scope) -> Typed:
        """The rest. Raises BadSql."""
        raise unknown(node)

    # --- names and values ---------------------------------------------------------------------------------------------

    def column(self, node: Any, scope: Scope) -> Typed:
        args = parts(node, "this", "table", "db", "catalog").args
        identifiers = [args[part] for part in ("catalog", "db", "table", "this") if args.get(part)]
        names = [identifier(node).lower() for node in identifiers]
        place = scope.find(names)
        if place is None:
            if len(names) == 1 and names[0] in self.aliases:
                return self.aliases[names[0]]
            raise scope.missing(names)
        if place.relation.source:
            place.relation.source.used.add(place.place)
        if not self.inside_aggregate and place.local:
            self.bare.append(place.column.name)
        return Typed(place.sql, place.column.type)

    def _literal(self, node: Any, scope: Scope) -> Typed:
        text = str(node.this)
        return self.constant(text if node.args["is_string"] else _number(text))

    def _boolean(self, node: Any, scope: Scope) -> Typed:
        return self.constant(bool(node.this))

    def _null(self, node: Any, scope: Scope) -> Typed:
        return Typed("NULL", "STRING", None)

    def _marker(self, node: Any, scope: Scope) -> Typed:
        name = str(parts(node, "this").this or "?")
        if name not in self._parameters:
            raise BadSql(f"The statement has a marker :{name[:100]}, and `parameters` has no value of that name.")
        value = self._parameters[name]
        return self.constant(value) if value is not None else self._null(node, scope)

    def _negative(self, node: Any, scope: Scope) -> Typed:
        inner = self.expression(parts(node, "this").this, scope)
        if inner.type not in NUMBERS:
            raise unknown(node)
        if isinstance(inner.value, int | float) and inner.constant:
            return self.constant(-inner.value)
        return Typed(f"(-{inner.sql})", inner.type)

    def _current(self, node: Any, scope: Scope) -> Typed:
        c = self._context
        parts(node)
        match kind(node):
            case "CurrentCatalog":
                return self.constant(c.catalog)
            case "CurrentSchema" | "CurrentDatabase":
                return self.constant(c.schema)
            case "CurrentTimestamp":
                return self.constant(c.now, "TIMESTAMP")
            case "CurrentDate":
                return self.constant(day_of(c.now), "DATE")
            case _:
                return self.constant(c.user)

    def _anonymous(self, node: Any, scope: Scope) -> Typed:
        name = str(node.this).lower()
        if name not in ("user", "current_metastore"):
            raise BadSql(f"There is no function '{name[:100]}' here. {ALLOWED}")
        parts(node, "this")
        if name == "user":
            return self.constant(self._context.user)
        self.needs_metastore = True
        return Typed(":metastore", "STRING")

    # --- conditions ---------------------------------------------------------------------------------------------------

    def condition(self, node: Any, scope: Scope) -> str:
        """Raises InvalidArgument for what is neither true nor false."""
        typed = self.expression(node, scope)
        if typed.type != "BOOLEAN" and typed.value is not None:
            raise BadSql(f"'{text_of(node, 100)}' is no condition. Compare it with something.")
        return typed.sql

    def _connected(self, node: Any, scope: Scope) -> Typed:
        word = " AND " if kind(node) == "And" else " OR "
        conditions = [self.condition(operand, scope) for operand in node.flatten(unnest=False)]
        return Typed(f"({word.join(conditions)})", "BOOLEAN")

    def _not(self, node: Any, scope: Scope) -> Typed:
        return Typed(f"(NOT {self.condition(parts(node, 'this').this, scope)})", "BOOLEAN")

    def _paren(self, node: Any, scope: Scope) -> Typed:
        return self.expression(parts(node, "this").this, scope)

    def compare(self, operator: str, left: Any, right: Any, scope: Scope) -> Typed:
        a, b = self.alike([left, right], scope)
        return Typed(f"({a.sql} {operator} {b.sql})", "BOOLEAN")

    def alike(self, nodes: list[Any], scope: Scope) -> list[Typed]:
        """These, as values of one type. Raises InvalidArgument."""
        typed = [self.expression(node, scope) for node in nodes]
        others = [i for i, value in enumerate(typed) if not value.constant] or [
            i for i, value in enumerate(typed) if value.type in ("TIMESTAMP", "DATE", "BOOLEAN")
        ]
        first = others[0] if others else next((i for i, value in enumerate(typed) if value.value is not None), 0)
        target = SqlColumn(title(nodes[first]), typed[first].type)
        if target.type == "DATE" and any(value.type == "TIMESTAMP" for value in typed):
            target = SqlColumn(target.name, "TIMESTAMP")
        return [self.as_type(value, target) for value in typed]

    def as_type(self, typed: Typed, target: SqlColumn) -> Typed:
        """The expression, converted so that it compares with a column of this type. Raises InvalidArgument."""
        if typed.value is None or typed.type == target.type:
            return typed
        if typed.constant and typed.type != "TIMESTAMP":
            return self.constant(comparable(typed.value, target), target.type)
        if typed.type in NUMBERS and target.type in NUMBERS:
            return typed
        if (typed.type, target.type) == ("DATE", "TIMESTAMP"):
            return Typed(f"(CAST(strftime('%s', {typed.sql}) AS INTEGER) * 1000)", "TIMESTAMP")
        if (typed.type, target.type) == ("TIMESTAMP", "DATE"):
            return date_of(typed)
        raise InvalidArgument(f"'{target.name}' is {target.type} and is compared with {typed.type}. Use CAST.")

    def _is(self, node: Any, scope: Scope) -> Typed:
        what = parts(node, "this", "expression").expression
        if kind(what) == "Null":
            return Typed(f"({self.expression(node.this, scope).sql} IS NULL)", "BOOLEAN")
        if kind(what) == "Boolean":
            return self.compare("IS", node.this, what, scope)
        raise unknown(what)

    def _in(self, node: Any, scope: Scope) -> Typed:
        args = parts(node, "this", "expressions", "query").args
        if args.get("query"):
            left = self.expression(node.this, scope)
            sql, columns = self.subquery(args["query"], scope)
            if len(columns) != 1 or self.as_type(Typed("", columns[0].type), SqlColumn("IN", left.type)).sql:
                raise InvalidArgument(f"IN compares with one column of type {left.type}.")
            return Typed(f"({left.sql} IN ({sql}))", "BOOLEAN")
        if not args.get("expressions"):
            raise unknown(node)
        first, *values = self.alike([node.this, *args["expressions"]], scope)
        return Typed(f"({first.sql} IN ({', '.join(value.sql for value in values)}))", "BOOLEAN")

    def _between(self, node: Any, scope: Scope) -> Typed:
        args = parts(node, "this", "low", "high").args
        value, low, high = self.alike([node.this, args["low"], args["high"]], scope)
        return Typed(f"({value.sql} BETWEEN {low.sql} AND {high.sql})", "BOOLEAN")

    def _like(self, node: Any, scope: Scope) -> Typed:
        args = parts(node, "this", "expression", "negate").args
        text, pattern = self.expression(node.this, scope), self.expression(args["expression"], scope)
        if (
            not pattern.constant
            or (pattern.value is not None and not isinstance(pattern.value, str))
            or text.type != "STRING"
        ):
            raise InvalidArgument(f"LIKE compares text, and column '{title(node.this)}' or the pattern is none.")
        check_pattern(pattern.value or "")
        function = "mk_like" if kind(node) == "Like" else "mk_ilike"
        return Typed(f"({'NOT ' if args.get('negate') else ''}{function}({text.sql}, {pattern.sql}))", "BOOLEAN")

    def _exists(self, node: Any, scope: Scope) -> Typed:
        return Typed(f"EXISTS ({self.subquery(parts(node, 'this').this, scope)[0]})", "BOOLEAN")

    def _scalar(self, node: Any, scope: Scope) -> Typed:
        sql, columns = self.subquery(node, scope)
        if len(columns) != 1:
            raise BadSql("A subquery in the place of a value has one column.")
        return Typed(f"({sql})", columns[0].type)


_READERS: dict[str, Callable[[Expressions, Any, Scope], Typed]] = {
    name: vars(Expressions)[method]
    for method, names in {
        "column": "Column",
        "_literal": "Literal",
        "_boolean": "Boolean",
        "_null": "Null",
        "_marker": "Placeholder",
        "_negative": "Neg",
        "_current": "CurrentUser SessionUser CurrentCatalog CurrentSchema CurrentDatabase CurrentTimestamp CurrentDate",
        "_anonymous": "Anonymous",
        "_connected": "And Or",
        "_not": "Not",
        "_paren": "Paren",
        "_is": "Is",
        "_in": "In",
        "_between": "Between",
        "_like": "Like ILike",
        "_exists": "Exists",
        "_scalar": "Subquery Select",
    }.items()
    for name in names.split()
}


def identifier(node: Any) -> str:
    """Raises BadSql."""
    if kind(node) != "Identifier":
        raise unknown(node)
    return str(parts(node, "this", "quoted").this)


def title(node: Any) -> str:
    """What a sentence calls an expression: a column by its name."""
    return text_of(node, 100).replace("`", "").lower() if kind(node) == "Column" else text_of(node, 100)


def _type_of(value: Value) -> Type:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "INT" if -(2**31) <= value < 2**31 else "LONG"
    return "DOUBLE" if isinstance(value, float) else "STRING"


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def date_of(typed: Typed) -> Typed:
    """The day of a time. Raises InvalidArgument."""
    if isinstance(typed.value, int):
        raise InvalidArgument("A time is compared with a date. Use CAST.")
    return Typed(f"strftime('%Y-%m-%d', {typed.sql} / 1000, 'unixepoch')", "DATE")
