"""SELECT against what it must be: the rows of the lists, and the comparisons as a database makes them."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from pathlib import Path
from typing import Any, cast
from unittest import mock

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from properties.test_lists import CATALOGS, MODELS, OBJECTS, PLANS, SCHEMAS, USERS, Plan, _build, _expected
from world import World, new_place, world

from modelkeep.api.sql.execute import run
from modelkeep.api.sql.grammar import read
from modelkeep.api.sql.scan import Scan, SqlSession
from modelkeep.api.sql.tables import Row, SqlColumn
from modelkeep.api.sql.views import INFORMATION_SCHEMA, Rows, View
from modelkeep.core.table import READ, READ_OBJECT, SEE_CATALOG, SEE_SCHEMA
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import FullName
from modelkeep.store import principals

pytest_plugins = ("backends", "places")
HOME = FullName(("main", "default"))

# --- visibility ---------------------------------------------------------------------------------------------------------


async def _rows(session: SqlSession, statement: str) -> list[Row]:
    return (await run(session, read(statement))).rows


def _named(rows: list[Row], start: int, parts: int) -> list[str]:
    return sorted(".".join(str(part) for part in row[start : start + parts]) for row in rows)


async def _check(w: World, plan: Plan) -> None:
    await _build(w, plan)
    for user in USERS:
        async with w.db.read() as tx:
            holder = await principals.by_name(tx, user)
            assert holder
            actor = await principals.actor_of_id(tx, holder.id, 0, "", w.workspace)
        assert actor
        session, everywhere = SqlSession(w.engine, actor, "", HOME), "FROM system.information_schema"
        own = {
            user,
            *[
                row[0]
                for row in await w.rows(
                    "SELECT p.name FROM acts_as m JOIN principals p ON p.id = m.group_id WHERE m.member_id = :id",
                    id=actor.id,
                )
            ],
        }
        seen = {
            "catalogs": await _expected(w, actor, (*CATALOGS, "main"), SEE_CATALOG),
            "schemata": await _expected(w, actor, (*SCHEMAS, "main.default"), SEE_SCHEMA),
            "registered_models": await _expected(w, actor, sorted(plan.models), READ),
        }
        for depth, view in enumerate(seen, 1):
            rows = await _rows(session, f"SELECT * {everywhere}.{view}")
            assert _named(rows, 0, depth) == seen[view]
            assert await _rows(session, f"SELECT COUNT(*) {everywhere}.{view}") == [(len(rows),)]
            in_a = await _rows(session, f"SELECT * {everywhere}.{view} WHERE catalog_name = 'a'")
            assert in_a == [row for row in rows if row[0] == "a"]
            if "a" in seen["catalogs"]:
                assert await _rows(session, f"SELECT * FROM a.information_schema.{view}") == in_a
        result = await _rows(session, f"SELECT * {everywhere}.model_versions")
        assert _named(result, 0, 3) == seen["registered_models"]
        first = await _rows(
            session,
            f"SELECT * {everywhere}.model_versions WHERE model_name = 'm1' AND schema_name = 's' AND catalog_name = 'a'",
        )
        assert first == [row for row in result if row[:3] == ("a", "s", "m1")]
        functions = await _expected(w, actor, [kinds[Kind.FUNCTION] for kinds in OBJECTS.values()], READ_OBJECT)
        routines = [*seen["registered_models"], *functions]
        listings = (("catalog", seen["catalogs"]), ("schema", seen["schemata"]), ("routine", routines))
        for depth, (view, listed) in enumerate(listings, 1):
            privileges = await _rows(session, f"SELECT * {everywhere}.{view}_privileges")
            assert set(_named(privileges, 1, depth)) <= {text.partition("!")[0] for text in listed}
            managed = [text.partition("!")[0] for text in await _managed(w, actor, listed)]
            assert all(row[0] in own for row in privileges if ".".join(map(str, row[1 : 1 + depth])) not in managed)


async def _managed(w: World, actor: Any, names: list[str]) -> list[str]:
    from modelkeep.domain.authorization import OWNER_OR_MANAGE

    return await _expected(w, actor, names, OWNER_OR_MANAGE)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=PLANS)
def test_a_view_holds_what_the_lists_hold(plan: Plan, tmp_path: Path) -> None:
    async def main() -> None:
        async with world(await new_place(tmp_path)) as w:
            await _check(w, plan)

    assert len(MODELS) == 9
    asyncio.run(main())


# --- comparisons ----------------------------------------------------------------------------------------------------------

COLUMNS = (SqlColumn("a"), SqlColumn("b"), SqlColumn("n", "LONG"), SqlColumn("f", "BOOLEAN"))
LETTERS = st.text("ab%_\\", max_size=4)
NUMBERS = st.integers(-2, 2)
ROWS = st.lists(
    st.tuples(st.none() | LETTERS, st.none() | LETTERS, st.none() | NUMBERS, st.none() | st.booleans()), max_size=12
)
Truth = bool | None
Test = Callable[[dict[str, Any]], Truth]
Condition = tuple[str, Test]
"""Its text, and what it says of a row in Python"""
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": eq,
    "==": eq,
    "<>": ne,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\") + "'"
    return "NULL" if value is None else str(value).upper()


def _compared(column: str, operator: str, value: Any) -> Condition:
    def test(row: dict[str, Any]) -> Truth:
        if operator == "<=>":
            return row[column] == value
        return None if row[column] is None or value is None else _OPERATORS[operator](row[column], value)

    return f"{column} {operator} {_literal(value)}", test


def _in(column: str, values: list[Any]) -> Condition:
    def test(row: dict[str, Any]) -> Truth:
        if row[column] is None:
            return None
        return True if row[column] in values else None if None in values else False

    return f"{column} IN ({', '.join(map(_literal, values))})", test


def _like(column: str, pattern: str | None, word: str) -> Condition:
    """By a regular expression, which is another way than the server's."""
    pieces = re.findall(r"\\.|.", pattern or "", re.DOTALL)
    wild = {"%": ".*", "_": "."}
    expression = re.compile("".join(wild.get(p) or re.escape(p[-1]) for p in pieces), re.DOTALL)

    def test(row: dict[str, Any]) -> Truth:
        if row[column] is None or pattern is None:
            return None
        return (expression.fullmatch(row[column]) is not None) is not word.startswith("NOT")

    return f"{column} {word} {_literal(pattern)}", test


def _null(column: str) -> Condition:
    return f"{column} IS NULL", lambda row: row[column] is None


def _not(inner: Condition) -> Condition:
    def test(row: dict[str, Any]) -> Truth:
        truth = inner[1](row)
        return None if truth is None else not truth

    return f"NOT ({inner[0]})", test


def _joined(word: str, inner: list[Condition]) -> Condition:
    decisive = word == "OR"

    def test(row: dict[str, Any]) -> Truth:
        truths = [item[1](row) for item in inner]
        return decisive if decisive in truths else None if None in truths else not decisive

    return f"({f' {word} '.join(item[0] for item in inner)})", test


_TEXT, _COMPARED = st.sampled_from(("a", "b")), st.sampled_from((*_OPERATORS, "<=>"))
_PATTERNS = st.none() | LETTERS.filter(lambda p: not p.replace("\\\\", "").endswith("\\"))
SIMPLE = st.one_of(
    st.builds(_compared, _TEXT, _COMPARED, st.none() | LETTERS),
    st.builds(_compared, st.just("n"), _COMPARED, st.none() | NUMBERS),
    st.builds(_compared, st.just("f"), st.sampled_from(("=", "<>", "<=>")), st.none() | st.booleans()),
    st.builds(_in, _TEXT, st.lists(st.none() | LETTERS, min_size=1, max_size=3)),
    st.builds(_like, _TEXT, _PATTERNS, st.sampled_from(("LIKE", "NOT LIKE"))),
    st.builds(_null, st.sampled_from(("a", "n", "f"))),
)


def _tree(below: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(below, min_size=1, max_size=3)
    return st.one_of(st.builds(_not, below), st.builds(_joined, st.sampled_from(("AND", "OR")), several))


CONDITIONS = st.recursive(SIMPLE, _tree, max_leaves=6)


class _Reader:
    id, name = "1", "reader"


@settings(max_examples=150)
@given(candidates=ROWS, condition=CONDITIONS, descending=st.booleans(), nulls_first=st.booleans())
@example([("a", None, 1, True)], _not(_in("a", ["b", None])), False, True)
@example([("a_", None, 1, True), ("ab", None, 1, True)], _like("a", "a\\_", "LIKE"), False, True)
def test_comparisons_are_those_of_databricks(
    candidates: list[Row], condition: Condition, descending: bool, nulls_first: bool
) -> None:
    async def rows(scan: Scan) -> Rows:
        yield candidates[:5]
        yield candidates[5:]

    text, test = condition
    expected = [row for row in candidates if test(dict(zip("abnf", row, strict=True)))]
    ends = "FIRST" if nulls_first else "LAST"
    query = f"SELECT * FROM system.information_schema.v WHERE {text} ORDER BY n {'DESC' if descending else 'ASC'} NULLS {ends}, a"
    session = SqlSession(cast("Any", None), cast("Any", _Reader), "", HOME)
    with mock.patch.dict(INFORMATION_SCHEMA, v=View(COLUMNS, rows)):
        answer = asyncio.run(run(session, read(query))).rows
        counted = asyncio.run(
            run(session, read(f"SELECT count(*) FROM (SELECT * FROM system.information_schema.v) WHERE {text}"))
        )
    nulls = sorted((row for row in expected if row[2] is None), key=_by_a)
    others = sorted((row for row in expected if row[2] is not None), key=_by_a)
    others.sort(key=lambda row: cast("int", row[2]), reverse=descending)
    keys = [(row[2], row[0]) for row in (nulls + others if nulls_first else others + nulls)]
    assert [(row[2], row[0]) for row in answer] == keys
    assert Counter(answer) == Counter(expected) and counted.rows == [(len(expected),)]


def _by_a(row: Row) -> tuple[bool, str]:
    return row[0] is not None, str(row[0] or "")
