"""Scans run in a lane of their own: bounded in number, in time and by principal. They keep nobody else from reading or writing."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from authz.rows import build, rows
from world import CountingTx, RolledBack, World, chunks, engine_on

from modelkeep import limits
from modelkeep.core.table import BY_REQUEST, OPERATIONS
from modelkeep.domain.errors import LimitExceeded, RegistryError, Throttled, Unavailable
from modelkeep.store.db import Database, ReadForScans, Row
from modelkeep.store.scan_lanes import ScanLane
from modelkeep.store.sqlite import SqliteDatabase

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c"
CALLERS = ("owner-of-all-three", "metastore-admin", "account-admin", "CREATE-CATALOG-on-metastore", "maker")
Opened = Callable[..., Awaitable[Any]]


@pytest.fixture
async def opened(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    """Opens a database with the table `t`, whose one row is 1, and with these deadlines."""
    databases: list[Database] = []

    async def new(**deadlines: float) -> Database:
        if dialect == "postgresql":
            from modelkeep.store.postgres import PostgresBounds, PostgresDatabase

            database: Any = PostgresDatabase(
                request.getfixturevalue("postgres").new_database(), PostgresBounds(**deadlines)
            )
        else:
            database = SqliteDatabase(tmp_path / f"{len(databases)}.db", **deadlines)
        await database.open()
        databases.append(database)
        await database.script(["CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)"])
        return database

    yield new
    for database in databases:
        await database.close()


async def scan(db: Database, principal: str, sql: str = "SELECT n FROM t ORDER BY n") -> list[Row]:
    async with ReadForScans(db, principal) as tx:
        return await tx.scan(sql)


async def put(db: Database, number: int) -> None:
    async with db.write() as tx:
        await tx.run("INSERT INTO t VALUES (:n)", n=number)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(5_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it does not come to pass")


async def running(db: Any, count: int) -> None:
    """Returns once so many scans run."""
    await until(lambda: sum(db._lane._running.values()) >= count)


def slots(db: Any) -> int:
    return db._lane._free


@asynccontextmanager
async def endless(db: Database, *principals: str) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Scans that do not end until their callers leave."""
    tasks = [asyncio.create_task(scan(db, principal, ENDLESS)) for principal in principals]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_reads_and_changes_end_while_every_scan_is_stuck(opened: Opened) -> None:
    db = await opened()
    count = slots(db)
    async with endless(db, *(f"user-{n}" for n in range(count))) as stuck:
        await running(db, count)
        await put(db, 2)
        async with db.write() as tx:
            await tx.run_many("INSERT INTO t VALUES (:n)", [{"n": n} for n in range(3, 203)])
            assert len(await tx.scan("SELECT n FROM t")) == 202
        async with db.read() as tx:
            assert await tx.one("SELECT COUNT(*) FROM t") == (202,)
            assert len(await tx.scan("SELECT n FROM t")) == 202
        async with db.single() as tx:
            assert await tx.one("SELECT MIN(n) FROM t") == (1,)
        await db.check(5)
        assert not any(task.done() for task in stuck)
    assert slots(db) == count  # a caller who leaves frees the place
    assert len(await scan(db, "late")) == 202


async def test_a_principal_never_has_every_place(opened: Opened) -> None:
    db = await opened()
    count = slots(db)
    async with endless(db, *["greedy"] * count):
        await running(db, count // 2)
        assert await scan(db, "modest") == [(1,)]
        assert sum(db._lane._running.values()) == count // 2


@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS,
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c WHERE x < 0",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100000) SELECT COUNT(*) FROM c a, c b, c d",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100000) "
        "SELECT COUNT(*) FROM c a JOIN c b ON CAST(a.x AS TEXT) LIKE '%' || CAST(b.x AS TEXT) || '%'",
    ],
)
async def test_a_scan_that_takes_too_long_is_stopped_and_says_what_to_do(opened: Opened, sql: str) -> None:
    db = await opened(scan_s=1)
    count = slots(db)
    for _ in range(2):
        with pytest.raises(LimitExceeded, match="Narrow it"):
            await scan(db, "user", sql)
    assert slots(db) == count
    assert await scan(db, "user") == [(1,)]
    await put(db, 2)


async def test_those_beyond_the_limits_are_refused_at_once(opened: Opened) -> None:
    db = await opened()
    async with endless(db, *["greedy"] * limits.SCANS_OF_PRINCIPAL):
        await until(lambda: db._lane._present["greedy"] == limits.SCANS_OF_PRINCIPAL)
        for _ in range(3):
            with pytest.raises(Throttled, match="Wait until one ends"):
                await scan(db, "greedy")
        assert await scan(db, "modest") == [(1,)]


async def test_what_waits_in_line_has_no_connection(opened: Opened) -> None:
    """Of either kind: as many may read as before."""
    db = await opened()
    async with endless(db, *(f"user-{n % 40}" for n in range(120))) as stuck:
        await until(lambda: not db._lane._free and len(db._lane._line) >= 100)
        assert connections(db) <= most(db)
        async with db.read() as first, db.read() as second, db.single() as third:
            assert [await tx.one("SELECT n FROM t") for tx in (first, second, third)] == [(1,)] * 3
        assert not any(task.done() for task in stuck)
    assert connections(db) <= most(db)
    assert not db._lane._line
    assert not db._lane._present
    assert not db._lane._running


def connections(db: Any) -> int:
    if db.dialect == "sqlite":
        return len(db._readers._all) + len(db._scanners._all)
    return sum(pool.opened for pool in db.pools)


def most(db: Any) -> int:
    if db.dialect == "sqlite":
        return limits.SQLITE_READERS + limits.SCANS_AT_ONCE
    return sum(pool.most for pool in db.pools)


async def test_a_hundred_at_once_open_a_handful_of_connections(opened: Opened) -> None:
    db = await opened()

    async def short(number: int) -> Any:
        async with db.read() as tx:
            await asyncio.sleep(0.001)
            row = await tx.one("SELECT n FROM t")
            await asyncio.sleep(0.001)
            return row

    answers = await asyncio.gather(*map(short, range(100)), *(scan(db, f"user-{n % 10}") for n in range(100)))
    assert answers == [(1,)] * 100 + [[(1,)]] * 100
    assert connections(db) <= most(db)


async def test_whoever_waits_too_long_for_a_connection_or_a_place_is_told(opened: Opened) -> None:
    db = await opened(wait_s=1)
    places = limits.SQLITE_READERS if db.dialect == "sqlite" else limits.POSTGRES_READERS
    count = slots(db)
    async with endless(db, *(f"user-{n}" for n in range(count))):
        await running(db, count)
        with pytest.raises(Throttled, match="Try again"):
            await scan(db, "late")
    leave, entered = asyncio.Event(), list[int]()

    async def holds(number: int) -> None:
        async with db.read():
            entered.append(number)
            await leave.wait()

    holding = [asyncio.create_task(holds(number)) for number in range(places)]
    await until(lambda: len(entered) == places)
    late = [asyncio.create_task(scan_short(db)) for _ in range(3)]
    done = await asyncio.gather(*late, return_exceptions=True)
    assert [type(error) for error in done] == [Unavailable] * 3
    leave.set()
    await asyncio.gather(*holding)
    assert await asyncio.gather(*(scan_short(db) for _ in range(2 * places))) == [(1,)] * (2 * places)


async def scan_short(db: Database) -> Any:
    async with db.read() as tx:
        return await tx.one("SELECT n FROM t")


# --- which operations scan --------------------------------------------------------------------------------------------


class Watched:
    """A database that notes whether scans run outside their lane."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.dialect = db.dialect
        self.scanned = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        async with self._db.read() as tx:
            yield WatchedTx(tx, self)

    single = read

    @asynccontextmanager
    async def write(self, principal: str = "") -> AsyncIterator[Any]:
        async with self._db.write(principal) as tx:
            yield CountingTx(tx, [])
            raise RolledBack


class WatchedTx(CountingTx):
    def __init__(self, tx: Any, watched: Watched) -> None:
        super().__init__(tx, [])
        self._watched = watched

    async def scan(self, sql: str, /, **params: Any) -> list[Row]:
        self._watched.scanned = True
        return await super().scan(sql, **params)

    def cache_get(self, key: Any) -> None:
        """Nothing: each operation reads."""

    def cache_put(self, key: Any, value: Any) -> None:
        pass


FINISHING = {"draft_comment", "draft_version_comment", "get_in_folder", "read_credentials"}
"""They scan a version's files after their transaction, in one of our own."""


async def test_every_read_that_scans_is_admitted_to_the_lane(lite: World) -> None:
    ids = await build(lite)
    watched = Watched(lite.db)
    engine = engine_on(lite, watched)  # type: ignore[arg-type]
    seen: set[str] = set()
    for row in rows(ids):
        op = BY_REQUEST[type(row.request)]
        for who in CALLERS if op.effect == "read" else ():
            watched.scanned = False
            try:
                await engine.execute(
                    await lite.actor(who), row.request, body=None if row.body is None else chunks(row.body)
                )
            except (RegistryError, RolledBack):
                continue
            if watched.scanned:
                seen.add(op.name)
    declared = {op.name for op in OPERATIONS if op.scans}
    assert len(seen) > 20
    assert seen - FINISHING <= declared
    assert all(op.effect == "read" for op in OPERATIONS if op.scans)


# --- the line ---------------------------------------------------------------------------------------------------------


async def test_the_line_loses_no_place_however_its_people_leave() -> None:
    lane = ScanLane(3, of_principal=6, waiting=20, wait_s=0.01)
    most_at_once, together, refused = 0, 0, 0

    async def run_scan(number: int) -> None:
        nonlocal most_at_once, together, refused
        try:
            await lane.enter(f"user-{number % 7}")
        except Throttled:
            refused += 1
            return
        together += 1
        most_at_once = max(most_at_once, together)
        try:
            await asyncio.sleep(0.001 * (number % 5))
        finally:
            together -= 1
            lane.leave(f"user-{number % 7}")

    for round_ in range(20):
        tasks = [asyncio.create_task(run_scan(number)) for number in range(40)]
        for tick in range(round_):
            await asyncio.sleep(0)
            tasks[(tick * 7) % 40].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (lane._free, lane._present, lane._running, list(lane._line)) == (3, {}, {}, [])  # pyright: ignore[reportPrivateUsage]
    assert most_at_once == 3
    assert refused


# --- SQLite's own -----------------------------------------------------------------------------------------------------


@contextmanager
def threads_noted(db: Any) -> Iterator[list[str]]:
    names: list[str] = []
    connect = db._connect

    def noting(*args: Any, **kwargs: Any) -> Any:
        connection = connect(*args, **kwargs)
        connection.create_function("thread", 0, lambda: names.append(threading.current_thread().name) or 1)
        return connection

    db._connect = noting
    yield names
    db._connect = connect


async def test_each_kind_of_statement_has_its_own_threads(tmp_path: Path) -> None:
    db = SqliteDatabase(tmp_path / "threads.db")
    with threads_noted(db) as names:
        await db.open()
        await db.script(["CREATE TABLE t (n INTEGER)"])
        await scan(db, "user", "SELECT thread()")
        async with db.read() as tx:
            await tx.scan("SELECT thread()")
            await tx.one("SELECT thread()")
        async with db.write() as tx:
            await tx.scan("SELECT thread()")
            await tx.run_many("INSERT INTO t VALUES (thread() + :n)", [{"n": n} for n in range(60)])
            names[5:] = names[-1:]
            await tx.run("INSERT INTO t VALUES (thread())")
        await db.close()
    kinds = [name.rpartition("_")[0] or name for name in names]
    assert kinds[:2] == ["modelkeep-scan", "modelkeep-background"]
    assert kinds[2] == threading.current_thread().name
    assert kinds[3:6] == ["modelkeep-commit", "modelkeep-commit", "modelkeep-commit"]
    assert kinds[-1] == threading.current_thread().name


async def test_a_writer_that_another_process_keeps_out_says_so_and_readers_go_on(tmp_path: Path) -> None:
    import sqlite3

    db = SqliteDatabase(tmp_path / "locked.db", wait_s=0.2)
    await db.open()
    await db.script(["CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)"])
    other = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        changes = [asyncio.create_task(put(db, number)) for number in range(5)]
        assert await scan_short(db) == (1,)
        done = await asyncio.gather(*changes, return_exceptions=True)
        assert [type(error) for error in done] == [Unavailable] * 5
    finally:
        other.execute("ROLLBACK")
        other.close()
    await put(db, 2)
    assert await scan(db, "user") == [(1,), (2,)]
    await db.close()


async def test_a_change_behind_one_that_does_not_end_is_refused_in_time(tmp_path: Path) -> None:
    db = SqliteDatabase(tmp_path / "stuck.db", wait_s=0.2)
    await db.open()
    await db.script(["CREATE TABLE t (n INTEGER)"])
    leave = asyncio.Event()

    async def stuck() -> None:
        async with db.write() as tx:
            await tx.run("INSERT INTO t VALUES (1)")
            await leave.wait()

    first = asyncio.create_task(stuck())
    await asyncio.sleep(0)
    done = await asyncio.gather(put(db, 2), put(db, 3), return_exceptions=True)
    assert [type(error) for error in done] == [Unavailable] * 2
    leave.set()
    await first
    await put(db, 4)
    assert await scan(db, "user", "SELECT n FROM t ORDER BY n") == [(1,), (4,)]
    await db.close()


async def test_a_reader_that_fails_is_replaced(tmp_path: Path) -> None:
    db = SqliteDatabase(tmp_path / "failing.db")
    await db.open()
    await db.script(["CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)"])
    assert await scan_short(db) == (1,)
    for _ in range(3 * limits.SQLITE_READERS):
        for reader in db._readers._all:  # pyright: ignore[reportPrivateUsage]
            reader.connection.close()
        with pytest.raises(Exception, match="closed"):
            await scan_short(db)
        assert await scan_short(db) == (1,)
    await db.close()
