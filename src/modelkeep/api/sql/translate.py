"""A SELECT, rebuilt for SQLite from its syntax tree: a node that is not known here, or has a part that is not, is refused.

Views become tables r0, r1, ..., their columns c0, c1, ..., and all values parameters, so SQLite sees no text of the caller's. What
narrows a view (WHERE with =, bounds of its time, LIMIT) is noted in its `Source`, so that the core reads no row for nothing.
"""

from typing import Any

from modelkeep.api.sql.errors import BadSql
from modelkeep.api.sql.expressions import Context, Typed, identifier
from modelkeep.api.sql.functions import Functions
from modelkeep.api.sql.relations import Plan, Relation, Scope, ViewInQuery, view_of
from modelkeep.api.sql.select_tree import ALLOWED, Query, items, kind, parts, text_of, unknown
from modelkeep.api.sql.tables import SqlColumn
from modelkeep.api.sql.values import comparable
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.names import FullName
from modelkeep.limits import SQL_COLUMNS, SQL_TABLES

MAX_LIMIT = 2**31 - 1
_SETS = {"Union": "UNION", "Except": "EXCEPT", "Intersect": "INTERSECT"}
_TURNED = {"LT": "GT", "LTE": "GTE", "GT": "LT", "GTE": "LTE"}
_DAY_MS = 86_400_000
_Columns = tuple[SqlColumn, ...]


def translate(query: Query, home: FullName, context: Context) -> Plan:
    """Raises BadSql, NotFound, InvalidArgument."""
    translator = _Translator(query, home, context)
    try:
        sql, columns = translator.query(query.tree, None)
    except RecursionError as error:
        raise BadSql("The statement is nested too deeply.") from error
    common = f"WITH {', '.join(translator.common)} " if translator.common else ""
    return Plan(common + sql, translator.values, columns, translator.sources, translator.needs_metastore)


class _Translator(Functions):
    def __init__(self, query: Query, home: FullName, context: Context) -> None:
        super().__init__(query.parameters, context)
        self._home = home
        self.sources: list[ViewInQuery] = []
        self.common: list[str] = []
        """Definitions of WITH"""
        self._named: dict[str, tuple[str, _Columns]] = {}
        self._tables = 0

    def subquery(self, node: Any, scope: Scope) -> tuple[str, _Columns]:
        saved = self.inside_aggregate, self.bare, self.grouped, self.aliases, self.aggregates
        self.inside_aggregate, self.bare, self.grouped, self.aliases, self.aggregates = False, [], frozenset(), {}, 0
        try:
            return self.query(node, scope)
        finally:
            self.inside_aggregate, self.bare, self.grouped, self.aliases, self.aggregates = saved

    # --- queries ------------------------------------------------------------------------------------------------------

    def query(self, node: Any, outer: Scope | None) -> tuple[str, _Columns]:
        """(SQL, columns)."""
        named = dict(self._named)
        try:
            self._with(node.args.get("with_"))
            if kind(node) in _SETS:
                return self._set(node, outer)
            if kind(node) == "Subquery":
                parts(node, "this", "with_")
                return self.query(node.this, outer)
            if kind(node) != "Select":
                raise unknown(node)
            return self._select(node, outer)
        finally:
            self._named = named

    def _with(self, node: Any) -> None:
        if node is None:
            return
        for definition in parts(node, "expressions").expressions:
            alias = parts(parts(definition, "this", "alias").args["alias"], "this")
            sql, columns = self.query(definition.this, None)
            table = f"q{len(self.common)}"
            self.common.append(f"{table}({', '.join(f'c{i}' for i in range(len(columns)))}) AS ({sql})")
            self._named[identifier(alias.this).lower()] = table, columns

    def _set(self, node: Any, outer: Scope | None) -> tuple[str, _Columns]:
        args = parts(node, "this", "expression", "distinct", "order", "limit", "offset", "with_").args
        (left, columns), (right, others) = self.query(node.this, outer), self.query(node.expression, outer)
        if [c.type for c in columns] != [c.type for c in others]:
            raise InvalidArgument(f"Both sides of {_SETS[kind(node)]} have columns of the same types. Use CAST.")
        every = kind(node) == "Union" and not args.get("distinct")
        if not args.get("distinct") and not every:
            raise unknown(node)
        names = ", ".join(f"c{i}" for i in range(len(columns)))
        sql = f"SELECT {names} FROM ({left}) {_SETS[kind(node)]}{' ALL' if every else ''} SELECT {names} FROM ({right})"
        return f"{sql}{self._order_by_place(args.get('order'), columns)}{self._limit(args)[0]}", columns

    def _order_by_place(self, node: Any, columns: _Columns) -> str:
        names = [column.name.lower() for column in columns]
        keys: list[str] = []
        for key in items(node):
            text = text_of(key.this, 300).replace("`", "").lower()
            place = int(text) if text.isdecimal() and len(text) < 5 else names.index(text) + 1 if text in names else 0
            if not 1 <= place <= len(columns):
                raise BadSql(f"ORDER BY '{text[:100]}' names no column of the answer.")
            keys.append(f"{place}{_direction(key)}")
        return f" ORDER BY {', '.join(keys)}" if keys else ""

    def _select(self, node: Any, outer: Scope | None) -> tuple[str, _Columns]:
        args = parts(
            node,
            "expressions",
            "from_",
            "joins",
            "where",
            "group",
            "having",
            "order",
            "limit",
            "offset",
            "distinct",
            "with_",
            "hint",
        ).args
        scope = Scope(outer)
        self.aggregates = 0
        source = self._from(args, scope)
        where = ""
        if args.get("where"):
            where = self.condition(parts(args["where"], "this").this, scope)
            self._narrow(args["where"].this, scope)
        group = self._group(args.get("group"), scope, node.expressions)
        if self.aggregates:
            raise BadSql("Aggregate functions stand in SELECT, HAVING and ORDER BY alone.")
        self.bare, self.grouped, self.aliases = [], frozenset(group), {}
        listed = self._listed(node, scope)
        aliases = {name.lower(): typed for name, typed, explicit in listed if explicit}
        self.aliases = aliases
        having = f" HAVING {self.condition(parts(args['having'], 'this').this, scope)}" if args.get("having") else ""
        order = self._order(args.get("order"), scope, listed)
        self._check_group(bool(group), bool(having))
        limit, most = self._limit(args)
        distinct = " DISTINCT" if args.get("distinct") and not parts(args["distinct"]).args.get("on") else ""
        plain = not (group or having or self.aggregates or distinct)
        self._stream(scope, where, order, most if plain else None)
        columns = tuple(SqlColumn(name, typed.type) for name, typed, _ in listed)
        picked = ", ".join(f"{typed.sql} AS c{i}" for i, (_, typed, _) in enumerate(listed))
        condition = f" WHERE {where}" if where else ""
        grouped = f" GROUP BY {', '.join(group)}" if group else ""
        return f"SELECT{distinct} {picked}{source}{condition}{grouped}{having}{order}{limit}", columns

    def _check_group(self, group: bool, having: bool) -> None:
        """Raises BadSql for a column that has many values in a group."""
        if (group or having or self.aggregates) and self.bare:
            raise BadSql(f"Column '{self.bare[0][:100]}' stands beside an aggregate function. Name it in GROUP BY.")

    # --- FROM ---------------------------------------------------------------------------------------------------------

    def _from(self, args: dict[str, Any], scope: Scope) -> str:
        if not args.get("from_"):
            if args.get("joins"):
                raise BadSql(f"FROM is missing. {ALLOWED}")
            return ""
        sql = f" FROM {self._relation(parts(args['from_'], 'this').this, scope)}"
        for join in args.get("joins") or ():
            sql += self._join(join, scope)
        return sql

    def _join(self, node: Any, scope: Scope) -> str:
        args = parts(node, "this", "on", "using", "side", "kind").args
        side, word = str(args.get("side") or "").upper(), str(args.get("kind") or "").upper()
        if side not in ("", "LEFT", "RIGHT", "FULL") or word not in ("", "INNER", "OUTER", "CROSS"):
            raise unknown(node)
        before = list(scope.relations)
        sql = f" {side} JOIN {self._relation(node.this, scope)}"
        if args.get("using"):
            return f"{sql} ON {self._using(args['using'], before, scope)}"
        if args.get("on") is None:
            return sql
        on = args["on"]
        return f"{sql} ON {'1' if kind(on) == 'Boolean' and on.this else self.condition(on, scope)}"

    def _using(self, names: list[Any], before: list[Relation], scope: Scope) -> str:
        relation, left = scope.relations[-1], Scope(None)
        left.relations = before
        tests: list[str] = []
        for node in names:
            name = identifier(node).lower()
            place, [*others] = left.find([name]), relation.places(name)
            if place is None or len(others) != 1:
                raise scope.missing([name])
            for side in (place.relation, relation):
                if side.source:
                    side.source.used.add(place.place if side is place.relation else others[0])
            tests.append(f"({place.sql} = {relation.sql}.c{others[0]})")
            relation = relation._replace(hidden=relation.hidden | {others[0]})
        scope.relations[-1] = relation
        return " AND ".join(tests)

    def _relation(self, node: Any, scope: Scope) -> str:
        """Its SQL; the scope gets it."""
        self._tables += 1
        if self._tables > SQL_TABLES:
            raise BadSql(f"A statement names at most {SQL_TABLES} tables and subqueries.")
        sql = f"s{self._tables}"
        if kind(node) == "Subquery":
            args = parts(node, "this", "alias").args
            inner, columns = self.subquery(node.this, Scope(None))
            scope.relations.append(Relation(_alias(args.get("alias")), sql, columns))
            return f"({inner}) AS {sql}"
        if kind(node) != "Table" or kind(node.this) != "Identifier":
            raise unknown(node)
        args = parts(node, "this", "db", "catalog", "alias").args
        names = [identifier(args[part]) for part in ("catalog", "db", "this") if args.get(part)]
        alias = _alias(args.get("alias")) or names[-1].lower()
        if len(names) == 1 and names[0].lower() in self._named:
            table, columns = self._named[names[0].lower()]
            scope.relations.append(Relation(alias, sql, columns))
            return f"{table} AS {sql}"
        title, view, only = view_of(names, self._home)
        source = ViewInQuery(f"r{len(self.sources)}", title, view, only)
        self.sources.append(source)
        scope.relations.append(Relation(alias, sql, view.columns, source))
        return f"{source.table} AS {sql}"

    def _narrow(self, node: Any, scope: Scope) -> None:
        """What each row of the answer must be equal to, or between, as far as the views can look for it."""
        while kind(node) == "Paren":
            node = node.this
        if kind(node) == "And":
            for condition in node.flatten(unnest=False):
                self._narrow(condition, scope)
        elif kind(node) == "Between":
            self._bound("GTE", node.this, node.args["low"], scope)
            self._bound("LTE", node.this, node.args["high"], scope)
        elif kind(node) in ("EQ", "NullSafeEQ", *_TURNED):
            self._bound(kind(node), node.this, node.expression, scope)
            self._bound(_TURNED.get(kind(node), kind(node)), node.expression, node.this, scope)

    def _bound(self, operator: str, left: Any, right: Any, scope: Scope) -> None:
        if kind(left) != "Column" or kind(right) in ("Column", "Subquery"):
            return
        names = [
            identifier(left.args[part]).lower() for part in ("catalog", "db", "table", "this") if left.args.get(part)
        ]
        place = scope.find(names)
        value = self.expression(right, scope).value if _without_names(right) else None
        if place is None or not place.local or place.relation.source is None or value is None or value != value:
            return
        source, column = place.relation.source, place.column
        if operator in ("EQ", "NullSafeEQ") and column.type == "STRING" and isinstance(value, str):
            source.equal[column.name] = value
        day = column.name == source.view.day_of_newest
        if not day and (not column.name or column.name != source.view.newest_first):
            return
        at = value if isinstance(value, int) else comparable(value, SqlColumn(column.name, "TIMESTAMP"))
        if not isinstance(at, int) or isinstance(at, bool):
            return
        if operator in ("EQ", "NullSafeEQ", "GT", "GTE"):
            source.since = max(source.since, at - at % _DAY_MS if day else at)
        if operator in ("EQ", "NullSafeEQ", "LT", "LTE"):
            source.until = min(source.until, at - at % _DAY_MS + _DAY_MS if day else at + 1)

    def _stream(self, scope: Scope, where: str, order: str, most: int | None) -> None:
        """Rows of a view that stands alone are filtered as they come, and end when there are enough."""
        if len(scope.relations) != 1 or (scope.outer and scope.outer.relations) or "SELECT" in where:
            return
        [relation] = scope.relations
        if (source := relation.source) is None:
            return
        source.filter = where.replace(f"{relation.sql}.", f"{source.table}.")
        newest = [f" ORDER BY {relation.sql}.c{i} DESC NULLS LAST" for i in relation.places(source.view.newest_first)]
        if most is not None and order in ("", *newest):
            source.enough = most

    # --- the select list, GROUP BY, ORDER BY, LIMIT -------------------------------------------------------------------

    def _listed(self, node: Any, scope: Scope) -> list[tuple[str, Typed, bool]]:
        """(name, expression, whether the name is an alias)."""
        listed: list[tuple[str, Typed, bool]] = []
        for item in node.expressions:
            star = kind(item) == "Star" or (kind(item) == "Column" and kind(item.this) == "Star")
            if star:
                listed += self._star(item, scope)
                continue
            named = kind(item) == "Alias"
            inner = parts(item, "this", "alias").this if named else item
            typed = self.expression(inner, scope)
            listed.append((identifier(item.args["alias"]) if named else self._heading(inner, scope), typed, named))
        if not listed:
            raise BadSql(f"The columns are missing. {ALLOWED}")
        if len(listed) > SQL_COLUMNS:
            raise BadSql(f"An answer has at most {SQL_COLUMNS} columns.")
        return listed

    def _star(self, node: Any, scope: Scope) -> list[tuple[str, Typed, bool]]:
        alias = ""
        if kind(node) == "Column":
            alias = identifier(parts(node, "this", "table").args["table"]).lower()
            parts(node.this)
        else:
            parts(node)
        relations = [relation for relation in scope.relations if alias in ("", relation.alias)]
        if not relations:
            raise BadSql(f"'{alias or '*'}' names nothing that FROM has.")
        listed: list[tuple[str, Typed, bool]] = []
        for relation in relations:
            for i, column in enumerate(relation.columns):
                if i in relation.hidden and not alias:
                    continue
                if relation.source:
                    relation.source.used.add(i)
                self.bare.append(column.name)
                listed.append((column.label, Typed(f"{relation.sql}.c{i}", column.type), False))
        return listed

    def _heading(self, node: Any, scope: Scope) -> str:
        if kind(node) == "Column":
            names = [
                identifier(node.args[part]).lower()
                for part in ("catalog", "db", "table", "this")
                if node.args.get(part)
            ]
            place = scope.find(names)
            return place.column.label if place else names[-1]
        text = text_of(node, 255)
        return text.lower() if text.endswith(")") else text

    def _group(self, node: Any, scope: Scope, expressions: list[Any]) -> list[str]:
        """The keys, also those that are the place or the alias of a column of the answer."""
        aliased = {
            identifier(expression.args["alias"]).lower(): expression.this
            for expression in expressions
            if kind(expression) == "Alias"
        }
        keys: list[str] = []
        for key in items(node):
            name = identifier(key.this).lower() if kind(key) == "Column" and not key.args.get("table") else ""
            if name and scope.find([name]) is None:
                key = aliased.get(name) or key
            elif place := _place(key, len(expressions)):
                key = expressions[place - 1]
                key = key.this if kind(key) == "Alias" else key
            keys.append(self.expression(key, scope).sql)
        if node is not None and not keys:
            raise unknown(node)
        return keys

    def _order(self, node: Any, scope: Scope, listed: list[tuple[str, Typed, bool]]) -> str:
        keys: list[str] = []
        for key in items(node):
            parts(key, "this", "desc", "nulls_first")
            name = text_of(key.this, 255).replace("`", "").lower() if kind(key.this) == "Column" else ""
            alias = self.aliases.get(name)
            place = _place(key.this, len(listed))
            typed = listed[place - 1][1] if place else alias or self.expression(key.this, scope)
            keys.append(typed.sql + _direction(key))
        return f" ORDER BY {', '.join(keys)}" if keys else ""

    def _limit(self, args: dict[str, Any]) -> tuple[str, int | None]:
        """(SQL, how many rows that are at most, those before OFFSET included)."""
        if not args.get("limit") and not args.get("offset"):
            return "", None
        most = MAX_LIMIT if not args.get("limit") else self._count(args["limit"], "LIMIT")
        skipped = self._count(args["offset"], "OFFSET") if args.get("offset") else 0
        return f" LIMIT {most} OFFSET {skipped}", most + skipped

    def _count(self, node: Any, word: str) -> int:
        value = self.expression(parts(node, "expression").expression, Scope(None)).value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_LIMIT:
            raise BadSql(f"{word} takes a whole number from 0 to {MAX_LIMIT}.")
        return value


def _alias(node: Any) -> str:
    return identifier(parts(node, "this").this).lower() if node else ""


def _place(node: Any, most: int) -> int:
    """The column of the answer that a number stands for, from 1; 0 for what is no number. Raises BadSql."""
    if kind(node) != "Literal" or node.args["is_string"]:
        return 0
    place = int(str(node.this)) if str(node.this).isdecimal() and len(str(node.this)) < 5 else 0
    if not 1 <= place <= most:
        raise BadSql(f"There is no column {str(node.this)[:20]} in the answer: it has {most}.")
    return place


def _direction(key: Any) -> str:
    args = key.args
    return f"{' DESC' if args.get('desc') else ''} NULLS {'FIRST' if args.get('nulls_first') else 'LAST'}"


def _without_names(node: Any) -> bool:
    from sqlglot import exp

    return not any(True for _ in node.find_all(exp.Column, exp.Query))
