"""SQLite: changes that wait at the same moment are committed as one, and each is still all of it or nothing."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelkeep import limits
from modelkeep.domain.errors import Unavailable
from modelkeep.store.db import WriteTx
from modelkeep.store.sqlite import SqliteDatabase

pytestmark = pytest.mark.anyio


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    sqlite_database = SqliteDatabase(tmp_path / "together.db")
    await sqlite_database.open()
    await sqlite_database.script(["CREATE TABLE t (n INTEGER PRIMARY KEY, up INTEGER REFERENCES t (n))"])
    yield sqlite_database
    await sqlite_database.close()


def on_disk(db: SqliteDatabase) -> list[int]:
    """What another process sees."""
    connection = sqlite3.connect(db._path)  # pyright: ignore[reportPrivateUsage]
    try:
        return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n")]
    finally:
        connection.close()


async def add(tx: WriteTx, number: int) -> None:
    await tx.run("INSERT INTO t (n) VALUES (:n)", n=number)
    await asyncio.sleep(0)  # others come meanwhile


async def write(db: SqliteDatabase, number: int, *then: str) -> None:
    async with db.write() as tx:
        await add(tx, number)
        for statement in then:
            await tx.run(statement)


async def test_those_who_wait_share_one_commit_and_are_answered_after_it(db: SqliteDatabase) -> None:
    commits: list[str] = []
    assert db._writer is not None  # pyright: ignore[reportPrivateUsage]
    db._writer.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)  # pyright: ignore[reportPrivateUsage]

    async def write_and_look(number: int) -> None:
        await write(db, number)
        assert number in on_disk(db)

    await asyncio.gather(*map(write_and_look, range(20)))
    assert on_disk(db) == list(range(20))
    assert len(commits) <= 2
    await write(db, 20)
    assert on_disk(db)[-1] == 20
    assert len(commits) <= 3


async def test_nobody_sees_a_change_before_the_commit_of_its_group(db: SqliteDatabase) -> None:
    inside, go = asyncio.Event(), asyncio.Event()

    async def second() -> None:
        async with db.write() as tx:
            await add(tx, 2)
            inside.set()
            await go.wait()

    first, other = asyncio.create_task(write(db, 1)), asyncio.create_task(second())
    await inside.wait()
    assert not first.done()
    async with db.read() as tx:
        assert await tx.all("SELECT n FROM t") == []
    go.set()
    await asyncio.gather(first, other)
    assert on_disk(db) == [1, 2]


async def test_one_that_fails_takes_nothing_of_the_others_along(db: SqliteDatabase) -> None:
    async def failing(number: int) -> None:
        async with db.write() as tx:
            await add(tx, number)
            raise KeyError(number)

    done = await asyncio.gather(failing(0), write(db, 1), failing(2), write(db, 3), failing(4), return_exceptions=True)
    assert [type(item) for item in done] == [KeyError, type(None), KeyError, type(None), KeyError]
    assert on_disk(db) == [1, 3]


async def test_all_are_told_where_their_commit_fails(db: SqliteDatabase) -> None:
    wrong = ("PRAGMA defer_foreign_keys=ON", "INSERT INTO t (n, up) VALUES (100, 999)")
    done = await asyncio.gather(write(db, 1), write(db, 2, *wrong), write(db, 3), return_exceptions=True)
    assert [type(item) for item in done] == [Unavailable] * 3
    assert on_disk(db) == []
    await write(db, 4)
    assert on_disk(db) == [4]


async def test_all_so_far_are_told_where_the_database_undoes_them(db: SqliteDatabase) -> None:
    """As SQLite does by itself on some errors of the disk."""
    done = await asyncio.gather(
        write(db, 1), write(db, 2), write(db, 3, "ROLLBACK"), write(db, 4), write(db, 5), return_exceptions=True
    )
    assert [type(item) for item in done[:2]] == [Unavailable] * 2
    assert isinstance(done[2], sqlite3.OperationalError)
    assert done[3:] == [None, None]
    assert on_disk(db) == [4, 5]


async def test_a_full_disk_is_said_and_leaves_nothing(db: SqliteDatabase) -> None:
    async with db.write() as tx:
        await tx.run("CREATE TABLE large (data BLOB)")
        (pages,) = await tx.one("PRAGMA page_count") or (0,)
        await tx.one(f"PRAGMA max_page_count = {pages + 3}")
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"not stored .*full"):
            await write(db, 1, "INSERT INTO large VALUES (zeroblob(1000000))")
        assert on_disk(db) == []
    await write(db, 2)
    async with db.write() as tx:
        await tx.one("PRAGMA max_page_count = 1000000")
    await write(db, 3, "INSERT INTO large VALUES (zeroblob(1000000))")
    assert on_disk(db) == [2, 3]


@pytest.mark.parametrize("ticks", range(8))
async def test_one_that_is_cancelled_is_done_or_not_once_it_ends(db: SqliteDatabase, ticks: int) -> None:
    tasks = [asyncio.create_task(write(db, number)) for number in range(4)]
    for _ in range(ticks):
        await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.wait((tasks[1],))
    known = 1 in on_disk(db)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert on_disk(db) == ([0, 1, 2, 3] if known else [0, 2, 3])


@pytest.mark.parametrize("others", [20, 40, 64])
async def test_many_changes_of_one_principal_delay_another_by_one_commit(db: SqliteDatabase, others: int) -> None:
    answered: list[str] = []

    async def change(principal: str, number: int) -> None:
        async with db.write(principal) as tx:
            await add(tx, number)
        answered.append(principal)

    await asyncio.gather(*(change("busy", number) for number in range(others)), change("other", others))
    assert answered.index("other") <= limits.CHANGES_OF_COMMIT
    assert on_disk(db) == list(range(others + 1))


@pytest.mark.parametrize("seed", range(12))
async def test_changes_that_are_cancelled_at_any_moment_block_nobody(db: SqliteDatabase, seed: int) -> None:
    choice, done = random.Random(seed), set[int]()

    async def change(number: int) -> None:
        async with db.write(choice.choice("abc")) as tx:
            await add(tx, number)
        done.add(number)

    tasks = [asyncio.create_task(change(number)) for number in range(50)]
    for _ in range(40):
        await asyncio.sleep(choice.choice((0, 0, 0.001)))
        choice.choice(tasks).cancel()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
    stored = set(on_disk(db))
    assert done <= stored
    await write(db, 100)
    assert set(on_disk(db)) == stored | {100}
