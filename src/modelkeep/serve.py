"""Putting the parts together: the only module that sees everything."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.port import Blobs
from modelkeep.core.auditor import Auditor
from modelkeep.core.engine import Engine
from modelkeep.core.errors import InvalidArgument, RegistryError
from modelkeep.core.names import Limits
from modelkeep.core.operation import Services
from modelkeep.jobs.tasks import Background
from modelkeep.jobs.worker import Worker
from modelkeep.observe.logs import log
from modelkeep.settings import Settings
from modelkeep.store.bootstrap import Deployment, deployment
from modelkeep.store.db import Database, migrate
from modelkeep.store.sqlite import SqliteDatabase
from modelkeep.wire.app import App


class Registry(msgspec.Struct, frozen=True):
    """An opened deployment."""

    settings: Settings
    db: Database
    blobs: Blobs
    facts: Deployment
    auditor: Auditor
    engine: Engine


def database(settings: Settings) -> Database:
    if not settings.database_url:
        return SqliteDatabase(settings.data / "modelkeep.db")
    if not settings.database_url.startswith(("postgresql://", "postgres://")):
        raise InvalidArgument("MODELKEEP_DATABASE_URL must be a postgresql:// URL, or empty for SQLite.")
    from modelkeep.store.postgres import PostgresDatabase

    return PostgresDatabase(settings.database_url)


def storage(settings: Settings) -> Blobs:
    if not settings.storage_url:
        return LocalBlobs(settings.data / "artifacts")
    url = urlsplit(settings.storage_url)
    if url.scheme != "s3" or not url.netloc or url.query or url.fragment:
        raise InvalidArgument("MODELKEEP_STORAGE_URL must be s3://bucket/prefix, or empty for a folder.")
    from modelkeep.blobs.s3 import S3Blobs

    return S3Blobs(url.netloc, url.path.strip("/"), endpoint=settings.s3_endpoint or None)


def private_folder(path: Path) -> None:
    """Ours alone: whoever reads it can sign in as admin."""
    os.umask(0o077)
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)


@asynccontextmanager
async def opened(settings: Settings, *, upgrade: bool = True) -> AsyncIterator[Registry]:
    """Database (migrated), storage, engine; closed at the end."""
    private_folder(settings.data)
    db = database(settings)
    await db.open()
    try:
        if upgrade:
            for name in await migrate(db):
                log.info("database migrated", migration=name)
        facts = await deployment(db)
        blobs = storage(settings)
        auditor = Auditor(db)
        services = Services(
            blobs=blobs,
            limits=Limits(settings.aliases_per_model, settings.tags_per_securable),
            workspace_id=settings.workspace_id,
            url_ms=int(settings.url_minutes * 60_000),
        )
        yield Registry(settings, db, blobs, facts, auditor, Engine(db, services, auditor, conceal=settings.conceal))
    finally:
        await db.close()


def check_bind(settings: Settings) -> None:
    """Tokens travel in clear over http: only loopback, unless the operator says otherwise. Raises InvalidArgument."""
    try:
        loopback = settings.host == "localhost" or ip_address(settings.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not settings.insecure_bind and not settings.public_url.startswith("https://"):
        raise InvalidArgument(
            f"Refusing to listen on {settings.host}: tokens would cross the network in clear. Put a TLS proxy in front and set "
            "MODELKEEP_PUBLIC_URL=https://..., or set MODELKEEP_INSECURE_BIND=1 if the network is yours alone."
        )


async def run(settings: Settings) -> None:
    """Serve until a signal says stop."""
    from modelkeep.wire import server

    check_bind(settings)
    async with opened(settings) as registry, application(registry) as app:
        worker = Worker(Background(registry.db, registry.blobs, registry.auditor, int(settings.pending_hours * 3_600_000)))
        worker.start()
        log.info("Modelkeep is up", address=settings.address, data_dir=str(settings.data))
        try:
            await server.serve(app, settings.host, settings.port)
        finally:
            await worker.stop()


@asynccontextmanager
async def application(registry: Registry) -> AsyncIterator[App]:
    """All faces over one registry, with the workspace behind them where it is on."""
    from modelkeep.wire.console import routes as console
    from modelkeep.wire.mlflow import routes as mlflow
    from modelkeep.wire.unity import routes as unity

    settings, facts = registry.settings, registry.facts

    async def ready() -> None:
        async with registry.db.read() as tx:
            await tx.one("SELECT 1")
        await registry.blobs.ready()

    routes = [
        *console.routes(settings.workspace_id, facts.account_id, ready),
        *mlflow.routes(settings.files_api),
        *unity.routes(facts.metastore_id),
    ]
    yield App(registry.engine, routes, settings.workspace_id)


def stop_signals(stop: Any) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


__all__ = ["Registry", "RegistryError", "application", "opened", "run"]
