"""A database that is gone or frozen while the server runs: `check` says so, and nothing is acknowledged into it."""

import asyncio
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest
from backends import Postgres, running_postgres
from world import new_place, world

from modelkeep.domain.errors import Unavailable
from modelkeep.store.sqlite import SqliteDatabase

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

SECONDS = 2.0


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    (tmp_path / "data").mkdir()
    database = SqliteDatabase(tmp_path / "data" / "modelkeep.db")
    await database.open()
    await database.script(["CREATE TABLE t (n INTEGER)", "CREATE TABLE large (data BLOB)"])
    await put(database, 1)
    yield database
    await database.close()


async def put(db: SqliteDatabase, number: int) -> None:
    async with db.write() as tx:
        await tx.run("INSERT INTO t VALUES (:n)", n=number)


def _unlink(path: Path) -> None:
    path.unlink()


def _unlink_all(path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()


def _replace(path: Path) -> None:
    other = path.with_name("other")
    shutil.copy(path, other)
    other.rename(path)


def _replace_by_database(path: Path) -> None:
    other = path.with_name("other")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
    connection.close()
    other.rename(path)


def _move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def _move_folder_and_begin_anew(path: Path) -> None:
    _move_folder(path)
    path.parent.mkdir()
    sqlite3.connect(path).execute("CREATE TABLE t (n INTEGER)").connection.close()


def _truncate(path: Path) -> None:
    os.truncate(path, 0)


def _cut_off(path: Path) -> None:
    os.truncate(path, 4096)


def _remove_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def _remove_index(path: Path) -> None:
    path.with_name(f"{path.name}-shm").unlink()


def _truncate_log(path: Path) -> None:
    os.truncate(f"{path}-wal", 0)


def _cut_off_log(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    os.truncate(log, log.stat().st_size // 2)


def _cut_off_the_last_frame(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    os.truncate(log, log.stat().st_size - 1)


HARMS = [
    _unlink,
    _unlink_all,
    _replace,
    _replace_by_database,
    _move_folder,
    _move_folder_and_begin_anew,
    _truncate,
    _cut_off,
    _remove_log,
    _remove_index,
    _truncate_log,
    _cut_off_log,
    _cut_off_the_last_frame,
]


async def checkpoint(db: SqliteDatabase) -> None:
    """All pages into the file itself, of which there are many."""
    async with db.write() as tx:
        await tx.run("INSERT INTO large VALUES (zeroblob(100000))")
    with sqlite3.connect(db._path) as connection:  # pyright: ignore[reportPrivateUsage]
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    connection.close()
    await db.check(SECONDS)


@pytest.mark.parametrize("harm", HARMS)
async def test_a_database_that_vanished_takes_no_change(db: SqliteDatabase, harm: Callable[[Path], None]) -> None:
    await checkpoint(db)
    harm(db._path)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Unavailable, match="while the server ran"):
        await db.check(SECONDS)
    for number in (2, 3):
        with pytest.raises(Unavailable, match="while the server ran"):
            await put(db, number)


@pytest.mark.parametrize("harm", HARMS)
async def test_a_change_under_way_is_not_acknowledged(db: SqliteDatabase, harm: Callable[[Path], None]) -> None:
    """Several, which one commit would make durable."""
    await checkpoint(db)
    inside = asyncio.Event()

    async def slow(number: int) -> None:
        async with db.write() as tx:
            await tx.run("INSERT INTO t VALUES (:n)", n=number)
            inside.set()
            await asyncio.sleep(0)
            if number == 4:
                harm(db._path)  # pyright: ignore[reportPrivateUsage]

    answers = await asyncio.gather(*map(slow, (2, 3, 4)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3


async def test_a_file_that_vanishes_during_the_commit_is_noticed_after_it(db: SqliteDatabase) -> None:
    writer = db._writer  # pyright: ignore[reportPrivateUsage]
    assert writer is not None
    path = db._path  # pyright: ignore[reportPrivateUsage]
    writer.set_trace_callback(lambda sql: path.unlink() if sql == "COMMIT" else None)
    with pytest.raises(Unavailable, match="removed or replaced"):
        await put(db, 2)


async def test_a_folder_that_comes_back_is_taken_again(db: SqliteDatabase) -> None:
    folder = db._path.parent  # pyright: ignore[reportPrivateUsage]
    _move_folder(db._path)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Unavailable):
        await put(db, 2)
    folder.with_name("moved").rename(folder)
    await db.check(SECONDS)
    await put(db, 3)
    async with db.read() as tx:
        assert await tx.all("SELECT n FROM t ORDER BY n") == [(1,), (3,)]


async def test_what_another_program_may_do_is_no_harm(db: SqliteDatabase) -> None:
    """A backup, a change, a checkpoint that empties the log, a VACUUM that makes the file smaller."""
    await checkpoint(db)
    await put(db, 2)
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "for sql in ('INSERT INTO t VALUES (3)', 'DELETE FROM large', 'VACUUM', 'PRAGMA wal_checkpoint(TRUNCATE)'):\n"
        "    c.execute(sql).fetchall()\n"
        "c.execute('VACUUM INTO ?', (sys.argv[1] + '.backup',))"
    )
    path = db._path  # pyright: ignore[reportPrivateUsage]
    before = path.stat().st_size
    await anyio.run_process([sys.executable, "-c", program, str(path)])
    assert path.stat().st_size < before
    await db.check(SECONDS)
    await put(db, 4)
    await db.check(SECONDS)


async def test_the_command_line_beside_a_vanished_database(tmp_path: Path) -> None:
    """It makes a new one at the path; the server that runs on the old one takes no more changes."""
    place = await new_place(tmp_path)
    async with world(place) as w:
        shutil.rmtree(place.data)
        env = os.environ | {"MODELKEEP_DATA_DIR": str(place.data), "MODELKEEP_WORKSPACE": "0"}
        await anyio.run_process([sys.executable, "-m", "modelkeep", "env"], env=env, check=False)
        with pytest.raises(Unavailable, match="while the server ran"):
            await w.user("late")
        with pytest.raises(Unavailable, match="while the server ran"):
            await w.db.check(SECONDS)


async def test_a_closed_database_says_so(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgres") if dialect == "postgresql" else None
    async with world(await new_place(tmp_path, server)) as w:
        await w.db.check(SECONDS)
        await asyncio.gather(*(w.db.check(SECONDS) for _ in range(20)))
    with pytest.raises(Unavailable, match="stopping"):
        await w.db.check(SECONDS)


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


async def test_a_frozen_server_is_noticed_in_time_and_taken_again(tmp_path: Path) -> None:
    with running_postgres() as server:
        async with world(await new_place(tmp_path, server)) as w:
            await w.db.check(SECONDS)
            with server.frozen():
                for _ in range(2):  # with a connection, and without
                    with pytest.raises(Unavailable, match="did not answer"):
                        await w.db.check(0.3)
            await w.db.check(SECONDS)


async def test_a_connection_that_the_server_closed_is_no_alarm(tmp_path: Path, postgres: Postgres) -> None:
    import psycopg

    async with world(await new_place(tmp_path, postgres)) as w:
        await w.db.check(SECONDS)
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'modelkeep check'"
            )
        await w.db.check(SECONDS)
