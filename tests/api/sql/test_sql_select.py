"""SELECT in Databricks' dialect, over rows of two small views: answers, headings, types, and what is refused."""

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from modelkeep.api.sql import query, sandbox, scan
from modelkeep.api.sql.errors import BadSql
from modelkeep.api.sql.execute import run
from modelkeep.api.sql.grammar import read
from modelkeep.api.sql.scan import Scan, SqlSession
from modelkeep.api.sql.select_tree import Query
from modelkeep.api.sql.tables import Row, SqlColumn, Table, cell_text
from modelkeep.api.sql.views import INFORMATION_SCHEMA, Rows, View
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound, RegistryError
from modelkeep.domain.names import FullName

HOME = FullName(("main", "default"))
HOUR = 3_600_000
NOON = 1_769_860_800_000  # 2026-01-31T12:00:00Z
ROWS: list[Row] = [
    ("a", "x", 1, True, NOON, "2026-01-31", "e1"),
    ("b", "X", 2, False, NOON + HOUR, "2026-01-31", "e2"),
    ("b", None, None, None, None, None, None),
    ("ä_%", "it's", -3, True, NOON + 48 * HOUR, "2026-02-02", "e1"),
]
OTHER: list[Row] = [("a", 10), ("b", 20), ("z", 30)]
COLUMNS = (
    SqlColumn("name"),
    SqlColumn("Other"),
    SqlColumn("n", "LONG"),
    SqlColumn("flag", "BOOLEAN"),
    SqlColumn("at", "TIMESTAMP"),
    SqlColumn("day", "DATE"),
    SqlColumn("who.email"),
)


class _NoTables:
    """An engine of a registry without securables."""

    @staticmethod
    async def execute(*_: object, **__: object) -> None:
        raise NotFound("It does not exist.")


class _Actor:
    id, name = "7", "alice@x.io"


@pytest.fixture(autouse=True)
def views(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Adds views `t` and `u`; yields the numbers of rows that were read of `t`."""
    pages_read: list[int] = []

    async def first(scan: Scan) -> Rows:
        for start in range(0, len(ROWS), 2):
            scan.look(2)
            pages_read.append(2)
            yield ROWS[start : start + 2]

    async def second(scan: Scan) -> Rows:
        yield OTHER

    monkeypatch.setitem(INFORMATION_SCHEMA, "t", View(COLUMNS, first, newest_first="at", day_of_newest="day"))
    monkeypatch.setitem(INFORMATION_SCHEMA, "u", View((SqlColumn("name"), SqlColumn("k", "LONG")), second))
    yield pages_read


def ask(statement: str, **values: Any) -> Table:
    session = SqlSession(cast("Any", _NoTables), cast("Actor", _Actor), "", HOME)
    text = statement.replace(" t ", " system.information_schema.t ").replace(" u ", " system.information_schema.u ")
    return asyncio.run(run(session, read(text, values)))


def rows(statement: str, **values: Any) -> list[list[str | None]]:
    table = ask(statement + " ", **values)
    return [[cell_text(cell, column) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows]


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("SELECT 1", "1"),
        ("select 1 AS `One Two`, 'it\\'s', NULL, TRUE, -2, 1.5", "1 it's None true -2 1.5"),
        ("SELECT current_user(), user(), session_user()", "alice@x.io alice@x.io alice@x.io"),
        ("SELECT current_catalog(), current_schema(), current_database()", "main default default"),
        ("SELECT (SELECT 1) + 1", "2"),
        ("SELECT 7 / 2, 7 % 2, 2 * 3 - 1", "3.5 1 5"),
        ("SELECT 'a' || \"b\" || concat('c', 'd')", "abcd"),
        ("SELECT 1 = 1, 1 == 2, NULL = 1, NULL <=> NULL, NOT 1 = 1, 1 <> 2", "true false None true false true"),
        ("SELECT lower('ÄB'), upper('äb'), length('äb'), trim(' a '), substring('abc', 2, 1)", "äb ÄB 2 a b"),
        ("SELECT CASE WHEN 1 = 1 THEN 'y' ELSE 'n' END, if(1 = 2, 1, 2), coalesce(NULL, 'z')", "y 2 z"),
        (
            "SELECT CAST('5' AS INT), CAST(5 AS STRING), DATE '2026-01-31', TIMESTAMP '2026-01-31 12:00:00'",
            "5 5 2026-01-31 2026-01-31T12:00:00.000Z",
        ),
        ("SELECT date_sub(DATE '2026-03-01', 1), DATE '2026-01-31' + INTERVAL 1 DAY", "2026-02-28 2026-02-01"),
        ("SELECT name FROM t WHERE n = 1", "a"),
        ("SELECT x.name FROM t AS x WHERE x.n > 1", "b"),
        ("SELECT `X`.`NAME` FROM t x WHERE X.N=1", "a"),
        ("SELECT count(*), count(n), count(DISTINCT name), min(n), max(n), sum(n), avg(n) FROM t", "4 3 3 -3 2 0 0.0"),
        ("SELECT max(at), min(day), max(flag) FROM t", "2026-02-02T12:00:00.000Z 2026-01-31 true"),
        ("SELECT name, count(*) AS k FROM t GROUP BY name ORDER BY k DESC, name LIMIT 1", "b 2"),
        ("SELECT upper(name) AS big, sum(n) FROM t GROUP BY big HAVING count(*) > 1", "B 2"),
        ("SELECT name FROM t GROUP BY 1 ORDER BY 1 DESC", "ä_% b a"),
        ("SELECT count(*) FROM t HAVING count(*) > 9", ""),
        ("SELECT DISTINCT name FROM t ORDER BY name LIMIT 1 OFFSET 1", "b"),
        ("SELECT n FROM t ORDER BY n", "None -3 1 2"),
        ("SELECT n FROM t ORDER BY n DESC", "2 1 -3 None"),
        ("SELECT n FROM t ORDER BY n NULLS LAST", "-3 1 2 None"),
        ("SELECT n FROM t ORDER BY n DESC NULLS FIRST", "None 2 1 -3"),
        ("SELECT name FROM t WHERE name LIKE 'ä\\\\_\\\\%'", "ä_%"),
        ("SELECT other FROM t WHERE other LIKE 'x'", "x"),
        ("SELECT other FROM t WHERE other ILIKE 'x' ORDER BY n", "x X"),
        ("SELECT other FROM t WHERE other NOT LIKE 'x%' ORDER BY n", "it's X"),
        ("SELECT n FROM t WHERE n IN (1, 2, NULL) ORDER BY n", "1 2"),
        ("SELECT n FROM t WHERE n NOT IN (1)  ORDER BY n", "-3 2"),
        ("SELECT n FROM t WHERE n BETWEEN 1 AND '2' ORDER BY n", "1 2"),
        ("SELECT n FROM t WHERE n IS NOT NULL AND flag IS TRUE ORDER BY n", "-3 1"),
        ("SELECT n FROM t WHERE flag = 'true' OR other <=> NULL ORDER BY n", "None -3 1"),
        ("SELECT n FROM t WHERE NOT flag", "2"),
        ("SELECT n FROM t WHERE at >= '2026-01-31 13:00' ORDER BY n", "-3 2"),
        ("SELECT n FROM t WHERE day = '2026-02-02'", "-3"),
        ("SELECT n FROM t WHERE CAST(at AS DATE) = DATE '2026-02-02'", "-3"),
        ("SELECT count(*) FROM t WHERE at < day", "0"),
        ("SELECT date_trunc('DAY', at) FROM t WHERE n = 2", "2026-01-31T00:00:00.000Z"),
        ("SELECT at - INTERVAL 12 HOURS FROM t WHERE n = 1", "2026-01-31T00:00:00.000Z"),
        ("SELECT count(*) FROM t WHERE day >= current_date() - INTERVAL 1 DAY OR at > current_timestamp()", "0"),
        ("SELECT who.email FROM t WHERE email = 'e2'", "e2"),
        (
            "SELECT x.who.email, count(*) FROM t x WHERE x.email IS NOT NULL GROUP BY x.who.email ORDER BY 2",
            "e2 1 e1 2",
        ),
        ("SELECT t.name, k FROM t JOIN u ON t.name = u.name WHERE n = 1", "a 10"),
        ("SELECT x.name, y.k FROM t x, u y WHERE x.name = y.name AND n = 2", "b 20"),
        ("SELECT u.name, n FROM u LEFT JOIN t ON t.name = u.name AND n > 0 ORDER BY k", "a 1 b 2 z None"),
        ("SELECT name, k FROM t JOIN u USING (name) WHERE n = 1", "a 10"),
        ("SELECT count(*) FROM t CROSS JOIN u", "12"),
        ("SELECT name FROM u WHERE name NOT IN (SELECT name FROM t )", "z"),
        ("SELECT name FROM u WHERE EXISTS (SELECT 1 FROM t WHERE t.name = u.name AND n = 1)", "a"),
        ("SELECT name, (SELECT max(k) FROM u WHERE u.name = t.name) FROM t WHERE n = 1", "a 10"),
        ("WITH q AS (SELECT name, count(*) AS c FROM t GROUP BY name) SELECT c FROM q WHERE name = 'b'", "2"),
        ("SELECT s.big FROM (SELECT upper(name) AS big, n FROM t ) s WHERE s.n = 1", "A"),
        ("SELECT name FROM t WHERE n = 1 UNION ALL SELECT name FROM u ORDER BY 1", "a a b z"),
        ("SELECT name FROM u EXCEPT SELECT name FROM t ", "z"),
        ("SELECT name FROM u INTERSECT SELECT name FROM t ORDER BY name DESC LIMIT 1", "b"),
        ("SELECT sum(if(flag, 1, 0)) FROM t", "2"),
        ("SELECT CASE name WHEN 'a' THEN 1 ELSE 2 END FROM t WHERE n = 2", "2"),
        ("SELECT /*+ BROADCAST(t) */ name -- which\n FROM t /* all */ WHERE n = 1 -- one", "a"),
    ],
)
def test_answers(statement: str, answer: str) -> None:
    assert " ".join(str(cell) for row in rows(statement) for cell in row) == answer


def test_headings_and_types() -> None:
    table = ask("SELECT * FROM t WHERE 1 = 2")
    assert [(c.name, c.type) for c in table.columns] == [(c.label, c.type) for c in COLUMNS]
    table = ask(
        "SELECT NAME, COUNT(*), n AS `Number`, x.who.email, current_user(), 1, avg(n), 2 > 1 FROM t x GROUP BY name, n, email"
    )
    assert [(c.name, c.type) for c in table.columns] == [
        ("name", "STRING"),
        ("count(*)", "LONG"),
        ("Number", "LONG"),
        ("email", "STRING"),
        ("current_user()", "STRING"),
        ("1", "INT"),
        ("avg(n)", "DOUBLE"),
        ("2 > 1", "BOOLEAN"),
    ]
    assert rows("SELECT :who, :n + 1, :nothing", who="' OR 1=1 --", n=4, nothing=None) == [["' OR 1=1 --", "5", None]]


def test_a_view_is_read_no_further_than_it_must(views: list[int]) -> None:
    for statement, pages in (
        ("SELECT name FROM t LIMIT 1", 1),
        ("SELECT name FROM t WHERE n = 1 LIMIT 1", 1),
        ("SELECT name FROM t ORDER BY at DESC LIMIT 2", 1),
        ("SELECT name FROM t ORDER BY n LIMIT 1", 2),
        ("SELECT name AS at FROM t ORDER BY at DESC LIMIT 1", 2),
        ("SELECT x.at AS moment FROM t x ORDER BY moment DESC LIMIT 1", 1),
        ("SELECT count(*) FROM t LIMIT 1", 2),
        ("SELECT name FROM t LIMIT 1 OFFSET 2", 2),
        ("SELECT DISTINCT name FROM t LIMIT 1", 2),
        ("SELECT name FROM t LIMIT 0", 0),
        ("SELECT name FROM t JOIN u USING (name) LIMIT 1", 2),
    ):
        views.clear()
        rows(statement)
        assert len(views) == pages, statement


HOSTILE = [
    "SELECT " + "(" * 900 + "1" + ")" * 900,
    "SELECT " + "(" * 10_000 + "1" + ")" * 10_000,
    "SELECT '" + "x" * 1_000_000 + "'",
    "SELECT " + "NOT " * 900 + "TRUE",
    "SELECT " + " || ".join(["'a'"] * 900),
    "SELECT " + "-" * 800 + "1",
    "SELECT 1" + " + 1" * 950,
    "WITH RECURSIVE q AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM q) SELECT * FROM q",
    "WITH q AS (SELECT * FROM q) SELECT * FROM q",
    "SELECT randomblob(1000000000)",
    "SELECT zeroblob(9)",
    "SELECT printf('%.*c', 1000000000, 'x')",
    "SELECT load_extension('x')",
    "SELECT hex(name) FROM t",
    "SELECT repeat('x', 1000000000)",
    "SELECT lpad('x', 1000000000, 'y')",
    "SELECT space(1000000000)",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM r0",
    "SELECT * FROM pragma_table_info('r0')",
    "SELECT s1.c0 FROM t",
    "SELECT rowid FROM t",
    "SELECT readfile('/etc/passwd')",
    "SELECT * FROM csv.`/etc/passwd`",
    "SELECT * FROM json_each('[1]')",
    "SELECT * FROM range(5)",
    "SELECT x'41'",
    "SELECT 1; SELECT 2",
    "SELECT 1 /*",
    "SELECT 'a",
    "SELECT `a",
    "SELECT 1 \x00",
    "SELECT 9223372036854775808",
    "SELECT " + ", ".join(["*"] * 50) + " FROM t",
    "SELECT * FROM " + ", ".join(["system.information_schema.u"] * 17),
    "SELECT name LIKE '" + "%a" * 400 + "' FROM t",
    "SELECT 1 LIMIT -1",
    "SELECT 1 LIMIT 99999999999",
    "SELECT name FROM t LIMIT name",
    "SELECT DATE '9999-12-31' + INTERVAL 1 DAY",
    "SELECT 1e999 + name FROM t",
    "SELECT count(count(*)) FROM t",
    "SELECT sum(name) FROM t",
    "SELECT name FROM t WHERE count(*) = 1",
    "SELECT name, count(*) FROM t",
    "SELECT *, count(*) FROM t",
    "SELECT name FROM t HAVING n = 1",
    "SELECT n FROM t GROUP BY name",
    "SELECT name FROM t GROUP BY count(*)",
    "SELECT name FROM t GROUP BY 5",
    "SELECT name FROM t ORDER BY 2",
    "SELECT name FROM t, u",
    "SELECT absent FROM t",
    "SELECT z.name FROM t",
    "SELECT u.* FROM t",
    "SELECT name FROM t WHERE name",
    "SELECT name FROM t WHERE n = 'x'",
    "SELECT name FROM t WHERE at = name",
    "SELECT name FROM t WHERE name = n",
    "SELECT name + 1 FROM t",
    "SELECT name FROM t WHERE name LIKE other",
    "SELECT name FROM t WHERE n LIKE 'x'",
    "SELECT name FROM t WHERE name RLIKE 'x'",
    "SELECT name FROM t WHERE name LIKE 'a' ESCAPE 'b'",
    "SELECT (SELECT name, n FROM t )",
    "SELECT 1 IN (SELECT name, n FROM t )",
    "SELECT name FROM t UNION SELECT name, k FROM u",
    "SELECT name FROM t UNION SELECT k FROM u",
    "SELECT name FROM t ORDER BY ALL",
    "SELECT name FROM t QUALIFY 1 = 1",
    "SELECT sum(n) OVER () FROM t",
    "SELECT count(*) FILTER (WHERE n = 1) FROM t",
    "SELECT name FROM t FOR UPDATE",
    "SELECT name FROM t TABLESAMPLE (5 ROWS)",
    "SELECT name FROM t VERSION AS OF 1",
    "SELECT name FROM t LATERAL VIEW explode(x) y",
    "SELECT name FROM t PIVOT (sum(n) FOR name IN ('a'))",
    "SELECT * EXCEPT (name) FROM t",
    "SELECT name FROM t NATURAL JOIN u",
    "SELECT name INTO x FROM t",
    "SELECT TRANSFORM(name) USING 'sh' FROM t",
    "SELECT IDENTIFIER('name') FROM t",
    "SELECT :absent",
    "SELECT ?",
    "SELECT name FROM t SORT BY name",
    "SELECT name FROM t DISTRIBUTE BY name",
    "SELECT name[0] FROM t",
    "SELECT name:x FROM t",
    "SELECT name::binary FROM t",
    "SELECT FROM t",
    "SELECT name FROM",
    "SELECT name FROM t WHERE",
    "SELECT name FROM t GROUP BY ALL",
    "SELECT name FROM t GROUP BY ROLLUP (name)",
    "SELECT x.name FROM t x JOIN u x ON 1 = 1",
    "VALUES (1)",
    "TABLE t",
    "FROM t SELECT name",
    "SELECT INTERVAL 1 DAY",
    "SELECT array(1)",
    "SELECT name FROM t WHERE (name, n) = ('a', 1)",
    "SELECT substring(name, 'x') FROM t",
    "SELECT 1 = 'x'",
    "SELECT date_add(at, n) FROM t",
]


@pytest.mark.parametrize("statement", HOSTILE)
def test_what_is_refused_in_one_sentence(statement: str) -> None:
    with pytest.raises((InvalidArgument, NotFound, LimitExceeded)) as refusal:
        rows(statement)
    assert refusal.value.message.endswith((".", "!")) and len(refusal.value.message) < 800
    assert "sqlite" not in refusal.value.message.lower() or "sqlite" in statement


def _big(monkeypatch: pytest.MonkeyPatch, count: int, text: str = "") -> None:
    async def many(scan: Scan) -> Rows:
        yield [(text + str(i), i) for i in range(count)]

    monkeypatch.setitem(INFORMATION_SCHEMA, "u", View((SqlColumn("name"), SqlColumn("k", "LONG")), many))


def test_work_ends_at_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    _big(monkeypatch, 400)
    cross = "SELECT count(*) FROM u a, u b, u c WHERE a.k + b.k + c.k = -1"
    text = cross.replace("u ", "system.information_schema.u ")
    for module, name, value, words in (
        (scan, "COMPARE_S", 0.05, "longer than"),
        (sandbox, "SQL_MEMORY_BYTES", -1, "too much memory"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            with pytest.raises(LimitExceeded, match=words):
                rows(text)
    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "SQL_ROWS", 1_000)
        with pytest.raises(LimitExceeded, match="more than 1000 rows"):
            rows("SELECT a.k FROM system.information_schema.u a, system.information_schema.u b")
    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "SQL_CELL_BYTES", 2_000)
        patch.setattr(sandbox, "SQL_ANSWER_CHARACTERS", 2_000)
        with pytest.raises(LimitExceeded, match="answer has more than 2000 characters"):
            rows("SELECT name || name FROM u ")
        with pytest.raises(LimitExceeded, match="too large"):
            rows("SELECT " + " || ".join(["'" + "x" * 100 + "'"] * 25))
    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "SQL_KEPT_CHARACTERS", 500)
        with pytest.raises(LimitExceeded, match="keeps have more than 500 characters"):
            rows("SELECT a.name FROM system.information_schema.u a JOIN system.information_schema.u b USING (name)")
        assert rows("SELECT name FROM u WHERE name = '7'") == [["7"]]
        assert rows("SELECT name FROM u LIMIT 1") == [["0"]]


def test_a_statement_ends_when_its_caller_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    _big(monkeypatch, 2_000)
    statement = "SELECT count(*) FROM a, b, c WHERE a.k + b.k + c.k = -1"
    for letter in "abc":
        statement = (
            statement.replace(f"{letter}, ", f"u {letter}, ", 1) if letter != "c" else statement.replace(" c ", " u c ")
        )
    parsed = read(statement.replace("u ", "system.information_schema.u "))
    session = SqlSession(cast("Any", _NoTables), cast("Actor", _Actor), "", HOME)

    async def leave() -> int:
        task, turns = asyncio.create_task(run(session, parsed)), 0
        end = time.monotonic() + 1
        while time.monotonic() < end:
            await asyncio.sleep(0)
            turns += 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return turns

    assert asyncio.run(leave()) > 10
    assert rows("SELECT 1") == [["1"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT randomblob(9)",
        "SELECT load_extension('x')",
        "ATTACH ':memory:' AS x",
        "PRAGMA user_version = 1",
        "DELETE FROM r0",
        "INSERT INTO r0 VALUES (1)",
        "CREATE TABLE x (a)",
        "DROP TABLE r0",
        "WITH RECURSIVE q(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM q) SELECT a FROM q",
        "SELECT printf('%.*c', 1000000000, 'x')",
        "SELECT * FROM pragma_database_list",
        "VACUUM INTO '/tmp/x'",
        "SELECT zeroblob(9)",
        "SELECT 1; SELECT 2",
    ],
)
def test_sqlite_itself_lets_nothing_else_through(sql: str) -> None:
    """The second line: even a statement that the translation should never write."""
    box = sandbox.Sandbox(time.monotonic() + 120)
    box.create("r0", 1)
    box.load("r0", [("a",)], "", {}, None)
    assert box.select("SELECT c0 FROM r0", {}) == [("a",)]
    with pytest.raises((BadSql, LimitExceeded)):
        box.select(sql, {})
    box.close()


def test_memory_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that was stopped leaves no room for a larger one."""
    monkeypatch.setattr(sandbox, "SQL_MEMORY_BYTES", 32 << 20)
    status = sandbox._open_status()  # pyright: ignore[reportPrivateUsage]
    used: list[int] = []
    for _ in range(4):
        box = sandbox.Sandbox(time.monotonic() + 120)
        box.create("r0", 1)
        box.load("r0", [("x" * 300 + str(i),) for i in range(500)], "", {}, None)
        with pytest.raises(LimitExceeded, match="too much memory"):
            box.select("SELECT a.c0, b.c0, c.c0 FROM r0 a, r0 b, r0 c ORDER BY 1, 2, 3", {})
        box.close()
        used.append(sandbox._memory_used(status))  # pyright: ignore[reportPrivateUsage]
    os.close(status)
    assert used[-1] - used[0] < 32 << 20


def test_a_principal_has_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "SQL_WAIT_S", 0.01)
    session = SqlSession(cast("Any", _NoTables), cast("Actor", _Actor), "", HOME)

    async def main() -> list[Any]:
        await query._TURNS.enter("7", 1)  # pyright: ignore[reportPrivateUsage]
        try:
            return [*await asyncio.gather(run(session, read("SELECT 1")), return_exceptions=True)]
        finally:
            query._TURNS.leave("7")  # pyright: ignore[reportPrivateUsage]

    [refusal] = asyncio.run(main())
    assert isinstance(refusal, RegistryError) and "Other statements of yours" in refusal.message


def test_a_long_condition_is_no_deep_one() -> None:
    assert rows("SELECT name FROM t WHERE " + " OR ".join(["n = 1"] * 400)) == [["a"]]
    assert isinstance(read("SELECT 1"), Query)
