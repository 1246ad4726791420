"""PostgreSQL when it is slow, locked, frozen, away, or behind a pooler: every call ends in time, and nobody starves the others."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from backends import LOOPBACK, Postgres, free_ports, running, running_postgres
from world import new_place, world

from modelkeep import limits
from modelkeep.core.operations.catalog import explorer
from modelkeep.domain.errors import Conflict, LimitExceeded, NotFound, RegistryError, Unavailable
from modelkeep.store.db import Contended, ReadForScans, UniqueViolation
from modelkeep.store.postgres import PostgresBounds, PostgresDatabase
from modelkeep.store.postgres_errors import meaning

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

IN_TIME_S = 60
"""So long that only a call that hangs takes longer."""
Opened = Callable[..., Awaitable[PostgresDatabase]]


@pytest.fixture
async def opened(postgres: Postgres) -> AsyncIterator[Opened]:
    """Opens a database with the rows 1 to 9 in `t`."""
    databases: list[PostgresDatabase] = []

    async def new(url: str = "", *, pooler: bool = False, **arguments: Any) -> PostgresDatabase:
        database = PostgresDatabase(url or postgres.new_database(), PostgresBounds(**arguments), pooler=pooler)
        await database.open()
        databases.append(database)
        await database.script(
            [
                "CREATE TABLE t (n INTEGER PRIMARY KEY, at INTEGER)",
                "INSERT INTO t SELECT g, 0 FROM generate_series(1, 9) g",
            ]
        )
        return database

    yield new
    for database in databases:
        await database.close()


async def put(db: PostgresDatabase, *numbers: int) -> None:
    async with db.write() as tx:
        for number in numbers:
            await tx.run("UPDATE t SET at = at + 1 WHERE n = :n", n=number)
            await asyncio.sleep(0)


async def get(db: PostgresDatabase) -> Any:
    async with db.read() as tx:
        return await tx.one("SELECT COUNT(*) FROM t")


async def get_one(db: PostgresDatabase) -> Any:
    async with db.single() as tx:
        return await tx.one("SELECT COUNT(*) FROM t")


async def scan(db: PostgresDatabase, sql: str = "SELECT COUNT(*) FROM t") -> Any:
    async with ReadForScans(db, "user") as tx:
        return (await tx.scan(sql))[0]


async def change(db: PostgresDatabase) -> None:
    await put(db, 1)


CALLS = [get, get_one, scan, change]


async def in_time(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, IN_TIME_S)


# --- slow and locked --------------------------------------------------------------------------------------------------


async def test_a_slow_statement_is_stopped_by_the_server_and_its_connection_stays(opened: Opened) -> None:
    db = await opened(statement_s=0.3, scan_s=0.3)
    with pytest.raises(LimitExceeded, match="Narrow it"):
        await scan(db, "SELECT COUNT(*) FROM (SELECT pg_sleep(60)) s")
    for transaction in (db.read, db.single, db.write):
        with pytest.raises(Unavailable, match="stopped this after"):
            async with transaction() as tx:
                await tx.one("SELECT pg_sleep(60)")
    assert await get(db) == await get_one(db) == await scan(db) == (9,)
    assert [pool.opened for pool in db.pools] == [1, 1, 1]


async def test_every_transaction_has_the_servers_deadlines(opened: Opened) -> None:
    db = await opened()
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    for transaction in (db.read, db.write, lambda: ReadForScans(db, "user")):
        async with transaction() as tx:
            fields = {name: await tx.one(f"SHOW {name}") for name in names}
        assert all(value and value[0] != "0" for value in fields.values()), fields
    async with db.read() as tx:
        await tx.scan("SELECT 1")  # of our own work, which may take long
        assert await tx.one("SHOW statement_timeout") == ("9min",)
    async with db.read() as tx:
        assert await tx.one("SHOW statement_timeout") == ("9s",)


async def test_writers_that_wait_for_one_row_keep_no_reader_waiting(opened: Opened) -> None:
    db = await opened(wait_s=30)
    other = PostgresDatabase(db._url, PostgresBounds(writers=1))  # pyright: ignore[reportPrivateUsage]
    await other.open()
    async with other.write() as tx:
        await tx.run("UPDATE t SET at = 100 WHERE n = 1")
        crowd = [asyncio.create_task(put(db, 1)) for _ in range(64)]
        await asyncio.sleep(0.2)
        assert await asyncio.gather(*(get(db) for _ in range(200))) == [(9,)] * 200
        assert await scan(db) == (9,)
        await db.check(5)
        assert not any(task.done() for task in crowd)
        assert db.pools[1].opened <= limits.POSTGRES_WRITERS
    await in_time(asyncio.gather(*crowd))
    async with db.read() as tx:
        assert await tx.one("SELECT at FROM t WHERE n = 1") == (164,)
    await other.close()


async def test_a_lock_that_is_not_given_back_is_no_endless_wait(opened: Opened) -> None:
    db = await opened(wait_s=0.3)
    async with db.write() as tx:
        await tx.run("UPDATE t SET at = 1 WHERE n = 1")
        done = await in_time(asyncio.gather(put(db, 1), put(db, 2, 1), put(db, 3), return_exceptions=True))
        assert [type(item) for item in done] == [Unavailable, Unavailable, type(None)]
        assert all("under way for too long" in str(error) for error in done[:2])
    await put(db, 1)


async def test_of_a_deadlock_one_goes_on_and_the_other_may_try_again(opened: Opened) -> None:
    db = await opened()
    done = await in_time(asyncio.gather(put(db, 1, 2), put(db, 2, 1), return_exceptions=True))
    losers = [error for error in done if error is not None]
    assert [type(error) for error in losers] in ([], [Contended])
    async with db.read() as tx:
        rows = await tx.all("SELECT at FROM t WHERE n IN (1, 2) ORDER BY n")
    assert rows == [(2 - len(losers),)] * 2
    await put(db, 1, 2)


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("23505", UniqueViolation, ""),
        ("23503", Conflict, "made or deleted meanwhile"),
        ("40001", Contended, "Try again"),
        ("40P01", Contended, "Try again"),
        ("55P03", Unavailable, "under way for too long"),
        ("25P03", Unavailable, "nothing of it was stored"),
        ("25006", Unavailable, "standby"),
        ("53100", Unavailable, "disk is full"),
        ("53300", Unavailable, "connections"),
        ("57P01", Unavailable, "does not answer"),
        ("08006", Unavailable, "does not answer"),
        ("57014", Unavailable, "stopped this after"),
    ],
)
def test_each_failure_has_a_sentence_of_its_own(state: str, kind: type[Exception], words: str) -> None:
    import psycopg

    error = meaning(psycopg.errors.lookup(state)("text"), 10, scan=False)
    assert type(error) is kind
    assert words in str(error)
    assert "text" not in str(error) or kind is UniqueViolation


def test_a_mistake_of_ours_stays_one() -> None:
    import psycopg

    for state in ("42601", "42P01", "22P02", "42883"):
        assert meaning(psycopg.errors.lookup(state)("text"), 10, scan=False) is None


async def test_a_change_whose_transaction_failed_is_not_acknowledged(opened: Opened) -> None:
    """The server answers a COMMIT then, too, and rolls back."""
    db = await opened()
    with pytest.raises(Unavailable, match="nothing of it was stored"):
        async with db.write() as tx:
            await tx.run("UPDATE t SET at = 5 WHERE n = 1")
            with pytest.raises(UniqueViolation):
                await tx.run("INSERT INTO t VALUES (1, 1)")
    async with db.read() as tx:
        assert await tx.one("SELECT at FROM t WHERE n = 1") == (0,)


async def test_whoever_leaves_ends_his_statement(opened: Opened) -> None:
    db = await opened()
    tasks = [asyncio.create_task(scan(db, "SELECT COUNT(*) FROM (SELECT pg_sleep(60)) s")) for _ in range(3)]
    asleep = "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
    asleep += " AND state = 'active' AND datname = current_database()"

    async def count() -> Any:
        async with db.read() as tx:
            return await tx.one(asleep)

    for _ in range(500):
        if await count() == (2,):
            break
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await in_time(asyncio.wait(tasks))
    assert await count() == (0,)
    assert await scan(db) == (9,)


# --- frozen and away --------------------------------------------------------------------------------------------------


async def test_a_frozen_server_fails_every_call_in_time_and_is_taken_again(opened: Opened) -> None:
    with running_postgres() as server:
        db = await opened(server.new_database(), statement_s=1, scan_s=1, wait_s=1)
        for call in CALLS:
            await call(db)
        with server.frozen():
            for _ in range(2):
                done = await in_time(
                    asyncio.gather(*(call(db) for call in CALLS for _ in range(20)), return_exceptions=True)
                )
                assert [error for error in done if not isinstance(error, RegistryError)] == []
                with pytest.raises(Unavailable):
                    await in_time(db.check(0.5))
        for _ in range(200):  # its connections are made again by themselves
            await asyncio.sleep(0.1)
            done = await in_time(asyncio.gather(*(call(db) for call in CALLS), return_exceptions=True))
            if not any(isinstance(item, Exception) for item in done):
                break
        assert await asyncio.gather(*(call(db) for call in CALLS)) == [(9,), (9,), (9,), None]
        await db.check(5)
        await db.close()


async def test_a_commit_that_is_not_answered_is_said_to_be_unknown(opened: Opened) -> None:
    with running_postgres() as server:
        db = await opened(server.new_database(), statement_s=1, wait_s=1)
        stopped: list[Any] = []

        async def late() -> None:
            async with db.write() as tx:
                await tx.run("UPDATE t SET at = 5 WHERE n = 1")
                stopped.append(server.frozen())
                stopped[0].__enter__()

        try:
            with pytest.raises(Unavailable, match="not known whether"):
                await in_time(late())
        finally:
            stopped[0].__exit__(None, None, None)
        await db.close()


async def test_connections_that_the_server_ended_are_not_noticed_by_anybody(opened: Opened, postgres: Postgres) -> None:
    import psycopg

    db = await opened()
    for _ in range(3):
        await asyncio.gather(*(call(db) for call in CALLS for _ in range(8)), return_exceptions=True)
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (db._url.rpartition("/")[2],),
            )
        await asyncio.sleep(0.1)
        assert await asyncio.gather(*(call(db) for call in CALLS)) == [(9,), (9,), (9,), None]
        await db.check(5)


# --- behind PgBouncer ---------------------------------------------------------------------------------------------------

PGBOUNCER = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"


@contextmanager
def pgbouncer(server: Postgres) -> Iterator[Postgres]:
    """In transaction mode, with two connections to the server."""
    with tempfile.TemporaryDirectory(prefix="modelkeep-pgbouncer-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # it refuses to run as root
        with _pgbouncer(server, home) as front:
            yield front


@contextmanager
def _pgbouncer(server: Postgres, home: Path) -> Iterator[Postgres]:
    (port,) = free_ports(1)
    config = home / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = host={LOOPBACK} port={server.port} user=postgres\n[pgbouncer]\nlisten_addr = {LOOPBACK}\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n"
        "max_client_conn = 200\n"
    )
    config.chmod(0o644)
    front = Postgres(port)

    def ready() -> bool:
        import psycopg

        try:
            psycopg.connect(front.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    user = "nobody" if os.geteuid() == 0 else None
    with running([PGBOUNCER, str(config)], home, ready, signal.SIGINT, user):
        yield front


@pytest.mark.skipif(not Path(PGBOUNCER).exists(), reason="needs pgbouncer (apt install pgbouncer)")
async def test_behind_pgbouncer_in_transaction_mode(tmp_path: Path, postgres: Postgres) -> None:
    place = await new_place(tmp_path, postgres)
    name = place.database_url.rpartition("/")[2]
    with pgbouncer(postgres) as front:
        url = front.url(name)
        with pytest.raises(Unavailable, match="MODELKEEP_DATABASE_POOLER"):
            await PostgresDatabase(url).open()
        async with world(msgspec.structs.replace(place, database_url=url, database_pooler=True)) as w:
            await w.catalog("prod")

            async def model(number: int) -> None:
                await w.model(f"prod.ml.m{number}")
                await w.version(f"prod.ml.m{number}")

            await w.schema("prod.ml")
            await w.actor("admin")
            await asyncio.gather(
                *map(model, range(12))
            )  # more than there are sessions: each transaction has another one
            hits = await asyncio.gather(
                *(w.as_("admin").do(explorer.SearchSecurables(f"m{number}")) for number in range(12))
            )
            assert all(page.items for page in hits)
            async with w.db.write() as tx:
                assert await tx.one("SHOW statement_timeout") == ("9s",)
            await w.db.check(5)


async def _prepared(database: PostgresDatabase, begin: str) -> int:
    async with getattr(database, begin)() as tx:
        return (await tx.one("SELECT COUNT(*) FROM pg_prepared_statements WHERE statement LIKE '%FROM t WHERE n%'"))[0]


@pytest.mark.parametrize("begin", ["read", "write"])
@pytest.mark.parametrize("refusal", [NotFound("no such model"), Conflict("stale"), ValueError("a fault")])
async def test_what_was_only_read_ends_without_a_rollback(opened: Opened, begin: str, refusal: Exception) -> None:
    """After a rollback, psycopg prepares all statements of the connection anew: refused calls would slow down the others."""
    database = await opened(readers=1, writers=1)
    for _ in range(10):
        async with getattr(database, begin)() as tx:
            await tx.one("SELECT at FROM t WHERE n = :n", n=1)
    assert await _prepared(database, begin) == 1
    with pytest.raises(type(refusal)):
        async with getattr(database, begin)() as tx:
            await tx.one("SELECT at FROM t WHERE n = :n", n=2)
            raise refusal
    assert await _prepared(database, begin) == 1


CHANGES = {
    "an update": "UPDATE t SET at = 7 WHERE n = 1",
    "a row returned": "UPDATE t SET at = 7 WHERE n = 1 RETURNING n",
    "a part of a query": "WITH u AS (UPDATE t SET at = 7 WHERE n = 1 RETURNING n) SELECT n FROM u",
    "a deletion": "  delete FROM t WHERE n = 1",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("call", ["run", "one", "all", "scan"])
async def test_what_was_changed_is_undone_where_it_fails(opened: Opened, statement: str, call: str) -> None:
    database = await opened()
    with pytest.raises(Conflict):
        async with database.write() as tx:
            if call == "run" or "RETURNING" in statement:
                await getattr(tx, call)(statement)
            else:
                await tx.run(statement)
            raise Conflict("stale")
    with pytest.raises(Conflict):
        async with database.write() as tx:
            await tx.run_many("UPDATE t SET at = :at WHERE n = :n", [{"at": 8, "n": 1}, {"at": 8, "n": 2}])
            raise Conflict("stale")
    async with database.read() as tx:
        assert await tx.all("SELECT n, at FROM t WHERE n < 3 ORDER BY n") == [(1, 0), (2, 0)]
