"""SELECT against what it must be: the rows of the lists, and the comparisons as a database makes them."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from properties.test_lists import CATALOGS, MODELS, OBJECTS, PLANS, SCHEMAS, USERS, Plan, _build, _expected
from world import World, new_place, world

from modelkeep.core.kinds import Kind
from modelkeep.core.names import FullName
from modelkeep.core.pace import Pace
from modelkeep.core.table import READ, READ_OBJECT, SEE_CATALOG, SEE_SCHEMA
from modelkeep.store import principals
from modelkeep.wire.sql import select as q
from modelkeep.wire.sql.evaluate import Columns, kept_by, ordered
from modelkeep.wire.sql.grammar import read
from modelkeep.wire.sql.run import run
from modelkeep.wire.sql.scan import Session
from modelkeep.wire.sql.tables import Column, Row

pytest_plugins = ("backends", "places")
HOME = FullName(("main", "default"))

# --- visibility ---------------------------------------------------------------------------------------------------------


async def _rows(session: Session, statement: str) -> list[Row]:
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
        session, everywhere = Session(w.engine, actor, "", HOME), "FROM system.information_schema"
        own = {user, *[row[0] for row in await w.rows(
            "SELECT p.name FROM membership_closure m JOIN principals p ON p.id = m.group_id WHERE m.member_id = :id", id=actor.id
        )]}  # fmt: skip
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
        found = await _rows(session, f"SELECT * {everywhere}.model_versions")
        assert _named(found, 0, 3) == seen["registered_models"]
        one = await _rows(
            session,
            f"SELECT * {everywhere}.model_versions WHERE model_name = 'm1' AND schema_name = 's' AND catalog_name = 'a'",
        )
        assert one == [row for row in found if row[:3] == ("a", "s", "m1")]
        functions = await _expected(w, actor, [kinds[Kind.FUNCTION] for kinds in OBJECTS.values()], READ_OBJECT)
        routines = [*seen["registered_models"], *functions]
        listings = (("catalog", seen["catalogs"]), ("schema", seen["schemata"]), ("routine", routines))
        for depth, (view, listed) in enumerate(listings, 1):
            held = await _rows(session, f"SELECT * {everywhere}.{view}_privileges")
            assert set(_named(held, 1, depth)) <= {text.partition("!")[0] for text in listed}
            managed = [text.partition("!")[0] for text in await _managed(w, actor, listed)]
            assert all(row[0] in own for row in held if ".".join(map(str, row[1 : 1 + depth])) not in managed)


async def _managed(w: World, actor: Any, names: list[str]) -> list[str]:
    from modelkeep.core.authz import OWNER_OR_MANAGE

    return await _expected(w, actor, names, OWNER_OR_MANAGE)


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
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

COLUMNS = Columns("v", (Column("a"), Column("b"), Column("n", "LONG"), Column("f", "BOOLEAN")))
LETTERS = st.text("ab%_\\", max_size=4)
NUMBERS = st.integers(-2, 2)
ROWS = st.lists(
    st.tuples(st.none() | LETTERS, st.none() | LETTERS, st.none() | NUMBERS, st.none() | st.booleans()), max_size=12
)
_TEXT, _COMPARED = st.sampled_from(("a", "b")), st.sampled_from(("=", "<>", "<", "<=", ">", ">=", "<=>"))
SIMPLE = st.one_of(
    st.builds(q.Compare, _TEXT, _COMPARED, st.none() | LETTERS),
    st.builds(q.Compare, st.just("n"), _COMPARED, st.none() | NUMBERS),
    st.builds(q.Compare, st.just("f"), st.sampled_from(("=", "<>", "<=>")), st.none() | st.booleans()),
    st.builds(q.In, _TEXT, st.lists(st.none() | LETTERS, min_size=1, max_size=3).map(tuple)),
    st.builds(q.Like, _TEXT, st.none() | LETTERS.filter(lambda p: not p.replace("\\\\", "").endswith("\\"))),
    st.builds(q.IsNull, st.sampled_from(("a", "n", "f"))),
)  # fmt: skip


def _tree(below: st.SearchStrategy[q.Condition]) -> st.SearchStrategy[q.Condition]:
    some = st.lists(below, min_size=1, max_size=3).map(tuple)
    return st.one_of(st.builds(q.Not, below), st.builds(q.All, some), st.builds(q.Some, some))


CONDITIONS = st.recursive(SIMPLE, _tree, max_leaves=6)


def _sql(c: q.Condition, values: list[Any]) -> str:
    def value(v: q.Value) -> str:
        values.append(v)
        return "?"

    match c:
        case q.Compare():
            return f"{c.column} {'IS' if c.operator == '<=>' else c.operator} {value(c.value)}"
        case q.In():
            return f"{c.column} IN ({', '.join(value(v) for v in c.values)})"
        case q.Like():
            return f"{c.column} LIKE {value(c.pattern)} ESCAPE '\\'"
        case q.IsNull():
            return f"{c.column} IS NULL"
        case q.Not():
            return f"NOT ({_sql(c.of, values)})"
        case q.All():
            return f"({' AND '.join(_sql(one, values) for one in c.of)})"
        case _:
            return f"({' OR '.join(_sql(one, values) for one in c.of)})"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rows=ROWS, condition=CONDITIONS, descending=st.booleans(), nulls_first=st.booleans())
@example([("a", None, 1, True)], q.Not(q.In("a", ("b", None))), False, True)
@example([("a_", None, 1, True), ("ab", None, 1, True)], q.Like("a", "a\\_"), False, True)
def test_comparisons_are_those_of_a_database(
    rows: list[Row], condition: q.Condition, descending: bool, nulls_first: bool
) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA case_sensitive_like = ON")
    database.execute("CREATE TABLE v (a TEXT, b TEXT, n INTEGER, f INTEGER)")
    database.executemany("INSERT INTO v VALUES (?, ?, ?, ?)", rows)
    values: list[Any] = []
    where, way = _sql(condition, values), "DESC" if descending else "ASC"
    by = f"n {way} NULLS {'FIRST' if nulls_first else 'LAST'}, a ASC NULLS FIRST, rowid"
    found = database.execute(f"SELECT a, b, n, f FROM v WHERE {where} ORDER BY {by}", values).fetchall()
    order = (q.Order("n", descending, nulls_first), q.Order("a"))

    async def evaluate() -> list[Row]:
        pace = Pace()
        test = kept_by(condition, COLUMNS, pace)
        return await ordered([row for row in rows if await test(row)], order, COLUMNS, pace)

    assert asyncio.run(evaluate()) == found
    database.close()
