"""SELECT: one view, plain columns, comparisons of a column with a value. sqlglot parses; what is not on this list is refused.

Nothing of the text goes any further: the query is rebuilt from the syntax tree, node by node, and a node may have no part that
is not looked at here.
"""

from typing import Any, cast

import msgspec

from modelkeep.core.errors import InvalidArgument
from modelkeep.wire.sql.errors import BadSql

Value = str | int | float | bool | None
MAX_LIMIT = 2**31 - 1
COUNT = "count(*)"


class Compare(msgspec.Struct, frozen=True, tag=True):
    column: str
    """In lower case; a field of a column follows a period"""
    operator: str
    """=, <>, <, <=, >, >=, or <=>, to which NULL equals NULL"""
    value: Value


class In(msgspec.Struct, frozen=True, tag=True):
    column: str
    values: tuple[Value, ...]


class Like(msgspec.Struct, frozen=True, tag=True):
    column: str
    pattern: Value
    any_case: bool = False


class IsNull(msgspec.Struct, frozen=True, tag=True):
    column: str


class Not(msgspec.Struct, frozen=True, tag=True):
    of: "Condition"


class All(msgspec.Struct, frozen=True, tag=True):
    of: tuple["Condition", ...]


class Some(msgspec.Struct, frozen=True, tag=True):
    of: tuple["Condition", ...]


Condition = Compare | In | Like | IsNull | Not | All | Some


class Order(msgspec.Struct, frozen=True):
    column: str
    descending: bool = False
    nulls_first: bool = True


class Query(msgspec.Struct, frozen=True):
    view: tuple[str, ...]
    columns: tuple[tuple[str, str], ...] = ()
    """(column or COUNT, its name in the answer or ''); none is all of them"""
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None


_OPERATORS = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">=", "NullSafeEQ": "<=>"}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def read_select(statement: str, parameters: dict[str, Value]) -> Query:
    """`statement` has passed `words`. Raises BadSql."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        [tree] = sqlglot.parse(statement.rstrip("; \t\r\n"), dialect="databricks")
        return _Tree(parameters).query(tree)
    except (SqlglotError, RecursionError, ValueError) as error:
        raise BadSql(f"This SELECT cannot be read. {_ALLOWED}") from error


_ALLOWED = (
    "A query is: SELECT columns, * or COUNT(*) FROM one view, WHERE with comparisons of a column with a value (=, <>, <, <=, >, >=, IN, "
    "BETWEEN, LIKE, IS NULL) joined by AND, OR and NOT, ORDER BY columns, and LIMIT."
)


def _name(node: Any) -> str:
    return type(node).__name__


def _parts(node: Any, *known: str) -> Any:
    """The node, which has no other parts than these. Raises BadSql."""
    for part, value in node.args.items():
        if value and part not in known:
            raise BadSql(f"'{part.strip('_').replace('_', ' ').upper()}' is not read here. {_ALLOWED}")
    return node


class _Tree:
    """Reads the nodes of one tree."""

    def __init__(self, parameters: dict[str, Value]) -> None:
        self._parameters = parameters

    def query(self, tree: Any) -> Query:
        if _name(tree) != "Select":
            raise _unknown(tree)
        args = _parts(tree, "expressions", "from_", "from", "where", "order", "limit").args
        source = args.get("from_") or args.get("from")
        if source is None:
            raise BadSql(f"FROM is missing. {_ALLOWED}")
        view = self._view(_parts(source, "this").this)
        where = args.get("where")
        order = args.get("order")
        listed: list[Any] = [] if order is None else _parts(order, "expressions").expressions
        return Query(
            view,
            self._columns(tree.expressions),
            None if where is None else self._condition(_parts(where, "this").this),
            tuple(self._order(one) for one in listed),
            self._limit(args.get("limit")),
        )

    def _view(self, node: Any) -> tuple[str, ...]:
        if _name(node) != "Table" or _name(node.this) != "Identifier":
            raise _unknown(node)
        args = _parts(node, "this", "db", "catalog").args
        named = [args[part] for part in ("catalog", "db", "this") if args.get(part)]
        return tuple(self._identifier(one) for one in named)

    def _identifier(self, node: Any) -> str:
        if _name(node) != "Identifier":
            raise _unknown(node)
        return str(_parts(node, "this", "quoted").this)

    def _columns(self, nodes: list[Any]) -> tuple[tuple[str, str], ...]:
        if len(nodes) == 1 and _name(nodes[0]) == "Star":
            _parts(nodes[0])
            return ()
        if not nodes:
            raise BadSql(f"The columns are missing. {_ALLOWED}")
        found: list[tuple[str, str]] = []
        for node in nodes:
            label = ""
            if _name(node) == "Alias":
                label, node = self._identifier(node.args["alias"]), _parts(node, "this", "alias").this
            if _name(node) == "Count" and _name(node.this) == "Star":
                _parts(_parts(node, "this", "big_int").this)
                found.append((COUNT, label))
            else:
                found.append((self._column(node), label))
        if len(found) > 1 and any(column == COUNT for column, _ in found):
            raise BadSql("COUNT(*) stands alone: there is no GROUP BY here.")
        return tuple(found)

    def _column(self, node: Any) -> str:
        if _name(node) != "Column":
            raise _unknown(node)
        args = _parts(node, "this", "table").args
        parts = [args[part] for part in ("table", "this") if args.get(part)]
        return ".".join(self._identifier(one) for one in parts).lower()

    def _order(self, node: Any) -> Order:
        args = _parts(node, "this", "desc", "nulls_first").args
        return Order(self._column(node.this), bool(args.get("desc")), bool(args.get("nulls_first")))

    def _limit(self, node: Any) -> int | None:
        if node is None:
            return None
        found = self._value(_parts(node, "expression").expression)
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= MAX_LIMIT:
            raise BadSql(f"LIMIT takes a whole number from 0 to {MAX_LIMIT}.")
        return found

    # --- conditions ----------------------------------------------------------------------------------------------------

    def _condition(self, node: Any) -> Condition:
        match _name(node):
            case "And":
                return All(tuple(self._condition(one) for one in node.flatten(unnest=False)))
            case "Or":
                return Some(tuple(self._condition(one) for one in node.flatten(unnest=False)))
            case "Not":
                return Not(self._condition(_parts(node, "this").this))
            case "Paren":
                return self._condition(_parts(node, "this").this)
            case "Is":
                return self._is(_parts(node, "this", "expression"))
            case "In":
                args = _parts(node, "this", "expressions").args
                return In(self._column(node.this), tuple(self._value(one) for one in args["expressions"]))
            case "Like" | "ILike":
                args = _parts(node, "this", "expression").args
                return Like(self._column(node.this), self._value(args["expression"]), _name(node) == "ILike")
            case "Between":
                args, column = _parts(node, "this", "low", "high").args, self._column(node.this)
                low, high = self._value(args["low"]), self._value(args["high"])
                return All((Compare(column, ">=", low), Compare(column, "<=", high)))
            case name if name in _OPERATORS:
                return self._compare(_OPERATORS[name], *(_parts(node, "this", "expression").args[k] for k in _SIDES))
            case _:
                raise _unknown(node)

    def _compare(self, operator: str, left: Any, right: Any) -> Compare:
        if _name(left) == "Column":
            return Compare(self._column(left), operator, self._value(right))
        return Compare(self._column(right), _TURNED.get(operator, operator), self._value(left))

    def _is(self, node: Any) -> Condition:
        column, what = self._column(node.this), node.args["expression"]
        if _name(what) == "Null":
            return IsNull(column)
        if _name(what) == "Boolean":
            return Compare(column, "<=>", bool(what.this))
        raise _unknown(what)

    def _value(self, node: Any) -> Value:
        match _name(node):
            case "Literal":
                return str(node.this) if node.args["is_string"] else _number(str(node.this))
            case "Boolean":
                return bool(node.this)
            case "Null":
                return None
            case "Neg":
                inner = self._value(_parts(node, "this").this)
                if isinstance(inner, bool) or not isinstance(inner, int | float):
                    raise _unknown(node)
                return -inner
            case "Cast" if _is_moment(node):
                return str(node.this.this)
            case "Placeholder":
                name = str(_parts(node, "this").this or "?")
                if name not in self._parameters:
                    raise BadSql(
                        f"The statement has a marker :{name[:100]}, and `parameters` has no value of that name."
                    )
                return self._parameters[name]
            case _:
                raise _unknown(node)


_SIDES = ("this", "expression")


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _is_moment(node: Any) -> bool:
    """DATE '...' or TIMESTAMP '...'."""
    to = str(node.args["to"].this).rpartition(".")[2]
    return to in ("DATE", "TIMESTAMP", "TIMESTAMPTZ") and _name(node.this) == "Literal" and node.this.args["is_string"]


def _unknown(node: Any) -> InvalidArgument:
    said = cast("str", node.sql(dialect="databricks"))[:100] if hasattr(node, "sql") else ""
    return BadSql(f"'{said}' is not read here. {_ALLOWED}")
