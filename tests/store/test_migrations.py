"""How the schema gets there: once, in order, by whichever process comes first, and never backwards."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from modelkeep.domain.errors import RegistryError
from modelkeep.serve.registry import opened
from modelkeep.settings import Settings
from modelkeep.store import audit, principals
from modelkeep.store.db import Database, Migration, applied, migrate, migrations
from modelkeep.store.postgres import PostgresDatabase
from modelkeep.store.sqlite import SqliteDatabase

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio


@pytest.fixture
async def empty(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings of a deployment whose database is empty."""
    url = request.getfixturevalue("postgres").new_database() if dialect == "postgresql" else ""
    (tmp_path / "data").mkdir()
    return Settings(data_dir=str(tmp_path / "data"), database_url=url, workspace=False)


def _database(settings: Settings) -> Any:
    return (
        PostgresDatabase(settings.database_url)
        if settings.database_url
        else SqliteDatabase(settings.data / "modelkeep.db")
    )


async def _schema(db: Any) -> list[Any]:
    async with db.read() as tx:
        if db.dialect == "sqlite":
            return await tx.all("SELECT type, name, sql FROM sqlite_master ORDER BY name")
        columns = await tx.all(
            "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name FROM information_schema.columns "
            "WHERE table_schema = 'public' ORDER BY 1, 2"
        )
        return [
            *columns,
            *await tx.all("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"),
        ]


def test_migrations_have_numbers_of_their_own_and_names() -> None:
    numbers = [m.number for m in migrations()]
    assert numbers == sorted(set(numbers)) and numbers[0] == 1
    assert all(m.name[4] == "_" for m in migrations())


def test_a_statement_marked_for_one_database_is_left_out_of_the_other() -> None:
    text = "CREATE TABLE a (k KEYTEXT)\n--;\n--sqlite\nSELECT 1\n--;\n--postgresql\nSELECT 2"
    migration = Migration("0007_x.sql", text)
    assert migration.statements("sqlite") == ["CREATE TABLE a (k TEXT)", "--sqlite\nSELECT 1"]
    assert migration.statements("postgresql") == ['CREATE TABLE a (k TEXT COLLATE "C")', "--postgresql\nSELECT 2"]


async def test_migrating_twice_changes_nothing_the_second_time(empty: Settings) -> None:
    db = _database(empty)
    await db.open()
    try:
        assert await migrate(db) == [m.name for m in migrations()]
        before = await _schema(db)
        assert await migrate(db) == [] and await _schema(db) == before
        assert await applied(db) == [m.number for m in migrations()]
    finally:
        await db.close()


async def _migrate_up_to(db: Database, ending: str) -> None:
    """An older release's schema: all migrations before the one whose name ends so."""
    await applied(db)
    for migration in takewhile(lambda m: not m.name.endswith(ending), migrations()):
        mark = f"INSERT INTO migrations VALUES ({migration.number}, '{migration.name}', 0)"
        await db.script([mark, *migration.statements(db.dialect)])


async def test_older_audit_records_are_found_by_what_they_are_about(empty: Settings) -> None:
    db = _database(empty)
    await db.open()
    try:
        await _migrate_up_to(db, "_audit")
        about = [("MODEL", "m", "prod.ml.a"), ("MODEL", "m", "prod.ml.b"), ("", "", "x")]
        targets = json.dumps([{"kind": kind, "id": id, "name": name} for kind, id, name in about])
        async with db.write() as tx:
            await tx.run(
                "INSERT INTO audit VALUES ('e', 5, 'model.rename', '', '', 'ada', '', '', '', :targets, '{}', '{}', 'ok', '')",
                targets=targets,
            )
        await migrate(db)
        async with db.read() as tx:
            for item in (
                (audit.AuditFilter(name="prod.ml.a"), ""),
                (audit.AuditFilter(name="prod.ml.b"), ""),
                (audit.AuditFilter(name="x"), ""),
                (audit.AuditFilter(name="prod.*"), ""),
                (audit.AuditFilter(), "m"),
            ):
                events = await audit.find(tx, item[0], audit.AuditSlice(), securable_id=item[1])
                assert [event.id for event in events] == ["e"], item
    finally:
        await db.close()


async def test_everybody_acts_as_before_when_the_closure_is_of_groups_alone(empty: Settings) -> None:
    db = _database(empty)
    await db.open()
    try:
        await _migrate_up_to(db, "_group_closure")
        kinds = {"ann": "USER", "bot": "SERVICE_PRINCIPAL", "in": "GROUP", "out": "GROUP", "account users": "GROUP"}
        before = {(who, who) for who in kinds} | {(who, "account users") for who in ("ann", "bot")}
        before |= {("ann", "in"), ("ann", "out"), ("in", "out"), ("bot", "out")}
        async with db.write() as tx:
            for number, (who, kind) in enumerate(kinds.items()):
                await tx.run(
                    "INSERT INTO principals (id, number, kind, name, name_key, created_at, created_by) "
                    "VALUES (:who, :number, :kind, :who, :who, 0, '')",
                    who=who,
                    kind=kind,
                    number=number,
                )
            for group, member in (("in", "ann"), ("out", "in"), ("out", "bot")):
                await tx.run("INSERT INTO memberships VALUES (:group, :member)", group=group, member=member)
            for member, group in before:
                await tx.run("INSERT INTO membership_closure VALUES (:member, :group)", group=group, member=member)
        await migrate(db)
        async with db.read() as tx:
            assert set(await tx.all("SELECT member_id, group_id FROM acts_as")) == before
            assert await tx.all("SELECT member_id FROM membership_closure WHERE group_id = 'in'") == [("in",)]
    finally:
        await db.close()


async def test_everybody_uses_tokens_as_before(empty: Settings) -> None:
    """An upgrade locks nobody out."""
    db = _database(empty)
    await db.open()
    try:
        await _migrate_up_to(db, "_token_users")
        async with db.write() as tx:
            for number, (who, kind) in enumerate({"ann": "USER", "team": "GROUP", "account users": "GROUP"}.items()):
                await tx.run(
                    "INSERT INTO principals (id, number, kind, name, name_key, created_at, created_by) "
                    "VALUES (:who, :number, :kind, :who, :who, 0, '')",
                    who=who,
                    kind=kind,
                    number=number,
                )
                await tx.run("INSERT INTO membership_closure VALUES (:who, :who)", who=who)
            await tx.run("INSERT INTO membership_closure VALUES ('ann', 'account users')")
        await migrate(db)
        async with db.read() as tx:
            assert await principals.may_use_tokens(tx, "ann")
            assert [p.name for p in await principals.token_users(tx)] == ["account users"]
    finally:
        await db.close()


async def test_workspace_files_get_ids(empty: Settings) -> None:
    """Files and directories from before have one id each, and none lost its place."""
    db = _database(empty)
    await db.open()
    try:
        await _migrate_up_to(db, "_workspace_permissions")
        async with db.write() as tx:
            for set_id, kind, key in (
                ("a", "workspace_file", "1/workspace_file:"),
                ("b", "workspace_file", "77/workspace_file:"),
                ("c", "run", "1/run:r"),
            ):
                await tx.run(
                    "INSERT INTO artifact_sets (id, kind, owner_key, state, created_at) VALUES (:id, :kind, :key, 'open', 0)",
                    id=set_id,
                    kind=kind,
                    key=key,
                )
                for path in ("Users/ann@x.io/", "Users/ann@x.io/a/b.txt", "x"):
                    await tx.run(
                        "INSERT INTO artifact_files (set_id, path, size, segments, modified_at) VALUES (:id, :path, 0, '[]', 0)",
                        id=set_id,
                        path=path,
                    )
        await migrate(db)
        async with db.read() as tx:
            rows = await tx.all("SELECT workspace_id, path, object_id FROM workspace_objects ORDER BY 1, 2")
        paths = ["Users/ann@x.io", "Users/ann@x.io/a/b.txt", "x"]
        assert [(row[0], row[1]) for row in rows] == [(workspace, path) for workspace in ("1", "77") for path in paths]
        assert len({row[2] for row in rows}) == 6 and all(0 <= row[2] < 1 << 52 for row in rows)
    finally:
        await db.close()


async def test_two_processes_migrate_at_once(empty: Settings) -> None:
    """Real ones: each runs `modelkeep migrate` over the same database."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MODELKEEP_")}
    environment |= {
        "MODELKEEP_DATA_DIR": empty.data_dir,
        "MODELKEEP_DATABASE_URL": empty.database_url,
        "MODELKEEP_WORKSPACE": "0",
    }
    command = [sys.executable, "-m", "modelkeep", "migrate"]
    running = [
        await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=STDOUT) for _ in range(3)
    ]
    said = [(await process.communicate())[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert sum(text.count(b"applied") for text in said) == len(migrations()), said


async def test_a_migration_that_fails_leaves_nothing_of_itself(
    empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Migration("9999_broken.sql", "CREATE TABLE half (a TEXT)\n--;\nCREATE TABLE half (a TEXT)")
    db = _database(empty)
    await db.open()
    try:
        await migrate(db)
        before = await _schema(db)
        known = [*migrations(), broken]
        monkeypatch.setattr("modelkeep.store.db.migrations", lambda: known)
        with pytest.raises(Exception, match="half"):
            await migrate(db)
        assert await _schema(db) == before and 9999 not in await applied(db)
    finally:
        await db.close()


async def test_a_database_of_a_newer_modelkeep_is_refused(empty: Settings) -> None:
    db = _database(empty)
    await db.open()
    await migrate(db)
    await db.script(["INSERT INTO migrations VALUES (9999, '9999_future', 0)"])
    await db.close()
    with pytest.raises(RegistryError, match="newer Modelkeep"):
        async with opened(empty):
            pass


async def test_a_second_start_finds_what_the_first_one_made(empty: Settings) -> None:
    mask = os.umask(0o077)
    try:
        async with opened(empty) as first:
            facts = first.facts
        async with opened(empty) as second:
            assert second.facts == facts
    finally:
        os.umask(mask)
