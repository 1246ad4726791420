"""A deployment for tests, in short notation: `await w.model("prod.ml.churn", owner="alice", runner="EXECUTE+USE_SCHEMA@prod.ml")`.

What is missing above a securable is made, and a principal exists from the moment that it is named. All this goes past the
authorization; requests go through it: `await w.as_("alice").do(GetModel(name))`.
"""

import os
import shutil
import sqlite3
import uuid
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from modelkeep.blobs.port import Blobs
from modelkeep.core.auditor import Auditor
from modelkeep.core.engine import Engine
from modelkeep.core.operations.identity.principals import hash_token
from modelkeep.core.operations.models import finalize, versions
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import Unauthenticated
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import ArtifactFile, ModelVersion, Principal, Securable
from modelkeep.domain.names import METASTORE, FullName
from modelkeep.domain.privileges import Privilege
from modelkeep.serve.registry import Registry, opened
from modelkeep.settings import Settings
from modelkeep.store import files, grants, principals, securables, tokens
from modelkeep.store.bootstrap import ADMIN, deployment
from modelkeep.store.db import Database, Tx, WriteTx, migrate, now_ms

MLMODEL = b"""\
artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.sklearn
signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
  outputs: '[{"type": "long", "required": true}]'
  params: null
"""
MODEL_FILES = {"MLmodel": MLMODEL, "model.pkl": b"\x80\x04K*."}


def name(text: str) -> FullName:
    """A full name that is known to be good; '' is the metastore, `prod.ml.raw!VOLUME` a volume."""
    text, _, leaf = text.partition("!")
    return FullName(tuple(text.split(".")), Kind(leaf or "MODEL")) if text else METASTORE


@dataclass
class World:
    """An opened deployment with its engine."""

    registry: Registry
    engine: Engine
    tokens: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def db(self) -> Database:
        return self.registry.db

    @property
    def blobs(self) -> Blobs:
        return self.registry.blobs

    @property
    def workspace(self) -> str:
        """The default one's id."""
        return self.engine.config.workspace_id

    def as_(self, principal: str) -> "Caller":
        return Caller(self, principal)

    # --- principals --------------------------------------------------------------------------------------------------

    async def user(self, who: str, *, account_admin: bool = False) -> Principal:
        async with self.db.write() as tx:
            return await _principal(tx, who, "USER", account_admin=account_admin)

    async def group(self, who: str, *members: str) -> Principal:
        """A group with these members; members that do not exist yet become users."""
        async with self.db.write() as tx:
            group = await _principal(tx, who, "GROUP")
            for member in members:
                await principals.add_member(tx, group, await _principal(tx, member, "USER"))
        return group

    async def deactivate(self, who: str) -> None:
        async with self.db.write() as tx:
            await principals.set_active(tx, await _principal(tx, who, "USER"), False)

    # --- securables --------------------------------------------------------------------------------------------------

    async def catalog(self, text: str, *, owner: str = ADMIN, **privileges: str) -> Securable:
        return await self._insert(text, owner, privileges)

    async def schema(self, text: str, *, owner: str = ADMIN, **privileges: str) -> Securable:
        return await self._insert(text, owner, privileges)

    async def model(self, text: str, *, owner: str = ADMIN, **privileges: str) -> Securable:
        return await self._insert(text, owner, privileges)

    async def _insert(self, text: str, owner: str, privileges: dict[str, str]) -> Securable:
        async with self.db.write() as tx:
            await make(tx, text, owner)
            for who, notation in privileges.items():
                await grant(tx, who, notation, text)
        return await self.find(text)

    async def find(self, text: str) -> Securable:
        async with self.db.read() as tx:
            securable = await securables.by_name(tx, name(text))
        assert securable is not None, text
        return securable

    async def grant(self, who: str, notation: str, on: str = "") -> None:
        """`EXECUTE+USE_CATALOG@prod`: privileges joined by +, each on `on` or on what follows its @ (nothing: the metastore)."""
        async with self.db.write() as tx:
            await grant(tx, who, notation, on)

    async def own(self, text: str, owner: str) -> None:
        async with self.db.write() as tx:
            securable = await securables.by_name(tx, name(text))
            assert securable is not None
            holder = await _principal(tx, owner, "USER")
            await securables.update(tx, securable, "test", now_ms(), owner_id=holder.id)

    # --- versions ----------------------------------------------------------------------------------------------------

    async def pending(
        self, text: str, uploaded: dict[str, bytes] | None = None, by: str = "", **fields: Any
    ) -> ModelVersion:
        """A PENDING version with these files (a whole model where none are named). `by`: the model's owner."""
        who = self.as_(by) if by else self.as_((await self.find(text)).owner)
        version: ModelVersion = await who.do(versions.CreateVersion(name=name(text), **fields))
        await self.upload(version, MODEL_FILES if uploaded is None else uploaded)
        return version

    async def version(
        self, text: str, uploaded: dict[str, bytes] | None = None, by: str = "", **fields: Any
    ) -> ModelVersion:
        """A READY version."""
        version = await self.pending(text, uploaded, by, **fields)
        who = self.as_(by) if by else self.as_((await self.find(text)).owner)
        return await who.do(finalize.FinalizeVersion(name(text), version.version))

    async def upload(self, version: ModelVersion, uploaded: dict[str, bytes]) -> None:
        for path, data in uploaded.items():
            segment = await self.blobs.write(version.artifact_set_id, path, chunks(data))
            file = ArtifactFile(path, segment.size, segment.sha256, "", files.segments_json([segment]), now_ms())
            async with self.db.write() as tx:
                await files.put_file(tx, version.artifact_set_id, file)

    # --- asking ------------------------------------------------------------------------------------------------------

    async def actor(self, who: str) -> Actor:
        """Signed in by a token, as every request is. Raises Unauthenticated."""
        if who not in self.tokens:
            async with self.db.write() as tx:
                holder = await _principal(tx, who, "USER")
                self.tokens[who] = f"secret of {holder.id}"
                await tokens.insert(
                    tx, tokens.TokenRow(holder.id, hash_token(self.tokens[who]), "", "test", now_ms(), None)
                )
        async with self.db.read() as tx:
            result = await principals.actor_of_token(
                tx, hash_token(self.tokens[who]), now_ms(), "127.0.0.1", self.workspace
            )
        if isinstance(result, str):
            raise Unauthenticated(result)
        return result

    async def rows(self, sql: str, /, **params: Any) -> list[tuple[Any, ...]]:
        async with self.db.read() as tx:
            return await tx.all(sql, **params)

    async def count(self, table: str) -> int:
        return (await self.rows(f"SELECT COUNT(*) FROM {table}"))[0][0]


@dataclass(frozen=True)
class Caller:
    """Someone who sends requests."""

    world: World
    principal: str

    async def do(self, request: msgspec.Struct, *fields: msgspec.Struct) -> Any:
        """The result of the (last) request; all of them are one transaction."""
        actor = await self.world.actor(self.principal)
        if not fields:
            return await self.world.engine.execute(actor, request)
        return (await self.world.engine.execute_all(actor, (request, *fields)))[-1]


async def make(tx: WriteTx, text: str, owner: str = ADMIN) -> Securable:
    """A catalog, schema or model that belongs to `owner`; what is missing above it belongs to the admin."""
    parent = await securables.by_name(tx, METASTORE)
    assert parent is not None
    full = name(text)
    for depth in range(1, len(full.parts) + 1):
        part = FullName(full.parts[:depth])
        securable = await securables.by_name(tx, part)
        if securable is None:
            holder = await _principal(tx, owner if part == full else ADMIN, "USER")
            await securables.insert(tx, securables.NewSecurable(parent, part, holder.id, "test", now_ms(), "", {}))
            securable = await securables.by_name(tx, part)
        assert securable is not None
        parent = securable
    return parent


async def grant(tx: WriteTx, who: str, notation: str, on: str = "") -> None:
    holder = await _principal(tx, who, "USER")
    for part in filter(None, notation.split("+")):
        privilege, at, where = part.partition("@")
        target = await securables.by_name(tx, name(where if at else on))
        assert target is not None, notation
        await grants.change(tx, target, grants.GrantPairs([(holder.id, Privilege(privilege))], []), "test", now_ms())


async def _principal(tx: WriteTx, who: str, kind: str, *, account_admin: bool = False) -> Principal:
    principal = await principals.by_name(tx, who)
    return principal or await principals.insert(
        tx, kind, who, "test", now_ms(), principals.PrincipalDetails(account_admin=account_admin)
    )


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    """A body, as a request brings it."""
    if data:
        yield data


# --- places ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def world(place: Settings, *, upgrade: bool = False) -> AsyncIterator[World]:
    """What lies at a place that `new_place` made, opened."""
    mask = os.umask(0o077)
    try:
        async with opened(place, upgrade=upgrade) as registry:
            os.umask(mask)  # a server keeps its files to itself; this process starts other servers, too
            yield World(registry, registry.engine)
    finally:
        os.umask(mask)


def engine_on(w: World, db: Database, *, auditors: str = "", **settings: Any) -> Engine:
    """A second engine, over a wrapped database."""
    services = w.engine.services
    if auditors:
        known = msgspec.structs.replace(services.settings, auditors=auditors)
        services = msgspec.structs.replace(services, settings=known)
    return Engine(db, services, Auditor(db), **settings)


async def new_place(folder: Path, server: Any = None, **settings: Any) -> Settings:
    """A fresh deployment in this folder: migrated and started once. With a PostgreSQL server, its rows are there."""
    own = uuid.uuid4().hex[:8]
    shared = folder / f"shared-{own}"
    shared.mkdir()
    known = {"data_dir": str(folder / f"data-{own}"), "shared_folder": str(shared), "workspace": False}
    place = Settings(**(known | settings))
    place.data.mkdir(parents=True)
    if server is None:
        template = await _template(folder)
        shutil.copy(template, place.data / "modelkeep.db")
        return place
    return msgspec.structs.replace(place, database_url=await _postgres_copy(server))


_TEMPLATES: dict[Any, Any] = {}


async def _template(folder: Path) -> Path:
    """One migrated SQLite database a process: a copy of it is a fresh deployment."""
    if "sqlite" not in _TEMPLATES or not _TEMPLATES["sqlite"].exists():
        from modelkeep.store.sqlite import SqliteDatabase

        path = folder / f"template-{uuid.uuid4().hex[:8]}.db"
        await _first_start(SqliteDatabase(path))
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        _TEMPLATES["sqlite"] = path
    return _TEMPLATES["sqlite"]


async def _postgres_copy(server: Any) -> str:
    from modelkeep.store.postgres import PostgresDatabase

    if server not in _TEMPLATES:
        url: str = server.new_database()
        await _first_start(PostgresDatabase(url))
        _TEMPLATES[server] = url.rpartition("/")[2]
    return _clone(server, _TEMPLATES[server])


def _clone(server: Any, template: str) -> str:
    import psycopg

    text = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {text} TEMPLATE {template}".encode())
    return server.url(text)


def drop(place: Settings, server: Any) -> None:
    """Give back what a place took on a PostgreSQL server: seven megabytes."""
    if server is not None:
        import psycopg

        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {place.database_url.rpartition('/')[2]} WITH (FORCE)".encode())


async def _first_start(db: Database) -> None:
    await db.open()
    await migrate(db)
    await deployment(db)
    await db.close()


# --- wrapped databases -----------------------------------------------------------------------------------------------


class RolledBack(BaseException):
    """Raised by a Rehearsal at its end: nothing of what it was stays."""


class Rehearsal:
    """A database whose writes all happen and none of which stays."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.dialect = db.dialect

    def read(self) -> Any:
        return self._db.read()

    @asynccontextmanager
    async def write(self, principal: str = "") -> AsyncIterator[WriteTx]:
        async with self._db.write(principal) as tx:
            yield tx
            raise RolledBack


class Counting:
    """A database that keeps the statements sent to it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.dialect = db.dialect
        self.sent: list[tuple[str, dict[str, Any]]] = []

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        async with self._db.read() as tx:
            yield CountingTx(tx, self.sent)

    single = read

    @asynccontextmanager
    async def write(self, principal: str = "") -> AsyncIterator[Any]:
        async with self._db.write(principal) as tx:
            yield CountingTx(tx, self.sent)


class CountingTx:
    def __init__(self, tx: Tx | WriteTx, sent: list[tuple[str, dict[str, Any]]]) -> None:
        self._tx: Any = tx
        self._sent = sent

    async def all(self, sql: str, /, **params: Any) -> list[tuple[Any, ...]]:
        self._sent.append((sql, params))
        return await self._tx.all(sql, **params)

    async def one(self, sql: str, /, **params: Any) -> tuple[Any, ...] | None:  # house: name because it is the store's
        self._sent.append((sql, params))
        return await self._tx.one(sql, **params)

    async def scan(self, sql: str, /, **params: Any) -> list[tuple[Any, ...]]:
        self._sent.append((sql, params))
        return await self._tx.scan(sql, **params)

    def cache_get(self, key: Hashable) -> None:
        """Nothing is known beforehand: what a statement costs is counted."""

    def cache_put(self, key: Hashable, value: Any) -> None:
        pass

    async def run(self, sql: str, /, **params: Any) -> int:
        self._sent.append((sql, params))
        return await self._tx.run(sql, **params)

    async def bulk(self, sql: str, /, **params: Any) -> int:
        self._sent.append((sql, params))
        return await self._tx.bulk(sql, **params)

    async def run_many(self, sql: str, rows: Sequence[dict[str, Any]], /) -> None:
        self._sent.append((sql, dict(rows[0]) if rows else {}))
        await self._tx.run_many(sql, rows)
