"""Functions of Databricks' SQL, and its arithmetic with numbers, dates and times, spelled for SQLite."""

from collections.abc import Callable
from typing import Any

from modelkeep.api.sql.errors import BadSql
from modelkeep.api.sql.expressions import NUMBERS, Expressions, Typed, title
from modelkeep.api.sql.relations import Scope
from modelkeep.api.sql.select_tree import kind, parts, unknown
from modelkeep.api.sql.tables import SqlColumn, Type
from modelkeep.api.sql.values import day_after
from modelkeep.domain.errors import InvalidArgument

_ARITHMETIC = {"Add": "+", "Sub": "-", "Mul": "*", "Mod": "%"}
_MS = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000, "WEEK": 604_800_000}
_CASTS: dict[str, tuple[Type, str]] = {
    "TEXT": ("STRING", "TEXT"),
    "VARCHAR": ("STRING", "TEXT"),
    "INT": ("INT", "INTEGER"),
    "BIGINT": ("LONG", "INTEGER"),
    "DOUBLE": ("DOUBLE", "REAL"),
    "FLOAT": ("DOUBLE", "REAL"),
}
_TEXT_FUNCTIONS = {"Lower": "lower", "Upper": "upper", "Trim": "trim"}
_MOMENTS = ("TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPNTZ")


class Functions(Expressions):
    """Subqueries are `translate.py`'s."""

    def function(self, node: Any, scope: Scope) -> Typed:
        name = kind(node)
        if name in _TEXT_FUNCTIONS:
            return self._of_text(_TEXT_FUNCTIONS[name], parts(node, "this").this, scope)
        reader = _READERS.get(name)
        return reader(self, node, scope) if reader else super().function(node, scope)

    def _aggregate(self, node: Any, scope: Scope) -> Typed:
        if self.inside_aggregate:
            raise BadSql("An aggregate function stands inside of another one. Use a subquery.")
        self.aggregates += 1
        name = kind(node).upper()
        argument = parts(node, "this", "big_int").this
        if kind(argument) == "Star" and name == "COUNT":
            parts(argument)
            return Typed("COUNT(*)", "LONG")
        distinct = kind(argument) == "Distinct"
        if distinct:
            [argument] = parts(argument, "expressions").expressions if len(argument.expressions) == 1 else [argument]
        self.inside_aggregate = True
        try:
            inner = self.expression(argument, scope)
        finally:
            self.inside_aggregate = False
        if name in ("SUM", "AVG") and inner.type not in NUMBERS:
            raise InvalidArgument(f"{name} adds numbers, and '{title(argument)}' is {inner.type}.")
        types: dict[str, Type] = {
            "COUNT": "LONG",
            "AVG": "DOUBLE",
            "SUM": "DOUBLE" if inner.type == "DOUBLE" else "LONG",
        }
        return Typed(f"{name}({'DISTINCT ' if distinct else ''}{inner.sql})", types.get(name, inner.type))

    def _case(self, node: Any, scope: Scope) -> Typed:
        args = parts(node, "this", "ifs", "default").args
        tests: list[str] = []
        for branch in args["ifs"]:
            test = parts(branch, "this", "true").this
            tests.append(
                self.compare("=", args["this"], test, scope).sql if args.get("this") else self.condition(test, scope)
            )
        results = [branch.args["true"] for branch in args["ifs"]]
        default = args.get("default")
        typed = self.alike([*results, default] if default is not None else results, scope)
        whens = " ".join(f"WHEN {test} THEN {result.sql}" for test, result in zip(tests, typed, strict=False))
        end = f" ELSE {typed[-1].sql}" if default is not None else ""
        return Typed(f"(CASE {whens}{end} END)", _common(typed))

    def _if(self, node: Any, scope: Scope) -> Typed:
        args = parts(node, "this", "true", "false").args
        test = self.condition(node.this, scope)
        typed = self.alike([args["true"], args["false"]] if args.get("false") is not None else [args["true"]], scope)
        end = f" ELSE {typed[1].sql}" if typed[1:] else ""
        return Typed(f"(CASE WHEN {test} THEN {typed[0].sql}{end} END)", _common(typed))

    def _coalesce(self, node: Any, scope: Scope) -> Typed:
        typed = self.alike([parts(node, "this", "expressions").this, *node.expressions], scope)
        if len(typed) == 1:
            return typed[0]
        return Typed(f"COALESCE({', '.join(value.sql for value in typed)})", _common(typed))

    def _of_text(self, function: str, node: Any, scope: Scope) -> Typed:
        return Typed(f"{function}({self._text(node, scope)})", "STRING")

    def _text(self, node: Any, scope: Scope) -> str:
        typed = self.expression(node, scope)
        if typed.type != "STRING":
            raise InvalidArgument(f"'{title(node)}' is {typed.type} and no text. Use CAST(... AS STRING).")
        return typed.sql

    def _length(self, node: Any, scope: Scope) -> Typed:
        return Typed(f"length({self._text(parts(node, 'this').this, scope)})", "INT")

    def _concat(self, node: Any, scope: Scope) -> Typed:
        pieces = [node.this, node.expression] if kind(node) == "DPipe" else node.expressions
        parts(node, "this", "expression", "expressions", "safe")
        return Typed(f"({' || '.join(self._text(piece, scope) for piece in pieces)})", "STRING")

    def _substring(self, node: Any, scope: Scope) -> Typed:
        args = parts(node, "this", "start", "length").args
        numbers = [self.expression(args[part], scope) for part in ("start", "length") if args.get(part)]
        if not numbers or any(number.type not in ("INT", "LONG") for number in numbers):
            raise unknown(node)
        return Typed(f"substr({', '.join([self._text(node.this, scope), *(n.sql for n in numbers)])})", "STRING")

    # --- numbers, dates and times -------------------------------------------------------------------------------------

    def _arithmetic(self, node: Any, scope: Scope) -> Typed:
        parts(node, "this", "expression")
        left = self.expression(node.this, scope)
        sign = _ARITHMETIC[kind(node)]
        if kind(node.expression) == "Interval" and sign in "+-":
            return self._shifted(left, -1 if sign == "-" else 1, node.expression, scope)
        right = self.expression(node.expression, scope)
        if left.type not in NUMBERS or right.type not in NUMBERS:
            raise unknown(node)
        return Typed(f"({left.sql} {sign} {right.sql})", "DOUBLE" if "DOUBLE" in (left.type, right.type) else "LONG")

    def _divide(self, node: Any, scope: Scope) -> Typed:
        left, right = (self.expression(operand, scope) for operand in (node.this, node.expression))
        if left.type not in NUMBERS or right.type not in NUMBERS:
            raise unknown(node)
        return Typed(f"(CAST({left.sql} AS REAL) / {right.sql})", "DOUBLE")

    def _shifted(self, moment: Typed, sign: int, interval: Any, scope: Scope) -> Typed:
        parts(interval, "this", "unit")
        unit = str(interval.args["unit"].this if interval.args.get("unit") else "").upper().removesuffix("S")
        count = self.expression(interval.this, scope).value if interval.this is not None else None
        if unit not in _MS or not str(count).removeprefix("-").isdecimal() or len(str(count)) > 6:
            raise unknown(interval)
        return self.shifted(moment, sign * int(str(count)) * _MS[unit], interval)

    def shifted(self, moment: Typed, ms: int, node: Any) -> Typed:
        """The time or date so many ms later. Raises InvalidArgument."""
        days, rest = divmod(ms, _MS["DAY"])
        if moment.type == "TIMESTAMP" and isinstance(moment.value, int):
            return self.constant(moment.value + ms, "TIMESTAMP")
        if moment.type == "TIMESTAMP":
            return Typed(f"({moment.sql} + {self.bind(ms)})", "TIMESTAMP")
        if moment.type != "DATE" or rest:
            raise unknown(node)
        if isinstance(moment.value, str):
            return self.constant(day_after(moment.value, days), "DATE")
        return Typed(f"date({moment.sql}, {self.bind(f'{days:+d} days')})", "DATE")

    def _date_add(self, node: Any, scope: Scope) -> Typed:
        args = parts(node, "this", "expression", "unit").args
        days = _whole(args["expression"])
        moment = self.as_type(self.expression(node.this, scope), SqlColumn(title(node.this), "DATE"))
        if str(args["unit"].this).upper() != "DAY" or days is None:
            raise unknown(node)
        return self.shifted(moment, days * _MS["DAY"], node)

    def _to_date(self, node: Any, scope: Scope) -> Typed:
        return self.as_type(self.expression(parts(node, "this").this, scope), SqlColumn(title(node.this), "DATE"))

    def _trunc(self, node: Any, scope: Scope) -> Typed:
        args = parts(node, "this", "unit").args
        unit, typed = str(args["unit"].this).upper(), self.expression(node.this, scope)
        if typed.type != "TIMESTAMP" or unit not in ("SECOND", "MINUTE", "HOUR", "DAY"):
            raise unknown(node)
        size = self.bind(_MS[unit])
        return Typed(f"({typed.sql} - {typed.sql} % {size})", "TIMESTAMP")

    def _cast(self, node: Any, scope: Scope) -> Typed:
        to = str(parts(node, "this", "to").args["to"].this).rpartition(".")[2]
        typed = self.expression(node.this, scope)
        if to == "DATE" or to in _MOMENTS:
            target = SqlColumn(title(node.this), "DATE" if to == "DATE" else "TIMESTAMP")
            return self.as_type(typed, target)
        if to == "BOOLEAN":
            return self.as_type(typed, SqlColumn(title(node.this), "BOOLEAN"))
        if to not in _CASTS or typed.type in ("TIMESTAMP", "BOOLEAN"):
            raise unknown(node)
        type_, name = _CASTS[to]
        return Typed(f"CAST({typed.sql} AS {name})", type_)


_READERS: dict[str, Callable[[Functions, Any, Scope], Typed]] = {
    name: vars(Functions)[method]
    for method, names in {
        "_aggregate": "Count Min Max Sum Avg",
        "_case": "Case",
        "_if": "If",
        "_coalesce": "Coalesce",
        "_length": "Length",
        "_concat": "Concat DPipe",
        "_substring": "Substring",
        "_arithmetic": "Add Sub Mul Mod",
        "_divide": "Div",
        "_date_add": "TsOrDsAdd",
        "_to_date": "TsOrDsToDate",
        "_trunc": "TimestampTrunc",
        "_cast": "Cast TryCast",
    }.items()
    for name in names.split()
}


def _common(typed: list[Typed]) -> Type:
    types: list[Type] = [value.type for value in typed if value.value is not None]
    return "DOUBLE" if "DOUBLE" in types else "LONG" if "LONG" in types else types[0] if types else "STRING"


def _whole(node: Any) -> int | None:
    """The whole number that a constant is, as sqlglot spells the days of date_add and date_sub."""
    match kind(node):
        case "Literal" if str(node.this).isdecimal() and len(str(node.this)) < 7:
            return int(str(node.this))
        case "Neg" if (inner := _whole(node.this)) is not None:
            return -inner
        case "Paren":
            return _whole(node.this)
        case "Mul" if (a := _whole(node.this)) is not None and (b := _whole(node.expression)) is not None:
            return a * b
        case _:
            return None
