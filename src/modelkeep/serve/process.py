"""Putting the parts together: the only module that sees everything."""

import gc
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import msgspec

from modelkeep import description_generator
from modelkeep.api.app import App
from modelkeep.api.authentication import Door
from modelkeep.api.failed_logins import Guesses
from modelkeep.api.model_shapes import Reach, named
from modelkeep.api.request_workspace import Sites, site
from modelkeep.blobs import shared_folder as shared
from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.port import Blobs, DirectBlobs
from modelkeep.blobs.shared_folder import SharedFolder
from modelkeep.blobs.url_signing import Signer
from modelkeep.core.auditor import Auditor
from modelkeep.core.engine import Engine
from modelkeep.core.operation import Config, Federation, Services
from modelkeep.core.operations.models import versions
from modelkeep.core.signin import SignIn, group_map
from modelkeep.core.token_last_used import TokenUses
from modelkeep.core.tool_sign_in import Authorizations
from modelkeep.domain.addresses import own_hosts
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import BadSetting
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import ModelVersion, Status
from modelkeep.domain.names import Limits, parse_full_name
from modelkeep.domain.paging import PageTokens
from modelkeep.http.lifecycle import Lifecycle
from modelkeep.http.rate_limits import Rates
from modelkeep.jobs.otlp import Collector
from modelkeep.jobs.tasks import Background
from modelkeep.jobs.worker import Worker
from modelkeep.limits import THREAD_TURN_S
from modelkeep.observe.disk import DiskGuard
from modelkeep.observe.health import Health
from modelkeep.observe.logs import flush, log
from modelkeep.oidc.issuers import Issuers, check_keys
from modelkeep.oidc.provider import Client, Provider
from modelkeep.serve.listening import check_bind, listeners, server_options
from modelkeep.settings import Settings
from modelkeep.store import principals, text_index, workspaces
from modelkeep.store.bootstrap import Deployment, deployment
from modelkeep.store.db import Database, migrate
from modelkeep.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from modelkeep.blobs.sts import Sts

_GUIDE = "docs/guides/operate.md"
_COLLECT_EVERY = 20_000
"""Objects that hold others, newly made: about a thousand requests' worth of cycles at most."""


class Registry(msgspec.Struct, frozen=True):
    """An opened deployment."""

    settings: Settings
    db: Database
    blobs: Blobs
    facts: Deployment
    auditor: Auditor
    engine: Engine
    uses: TokenUses


def database(settings: Settings) -> Database:
    if not settings.database_url:
        return SqliteDatabase(settings.data / "modelkeep.db")
    if not settings.database_url.startswith(("postgresql://", "postgres://")):
        raise BadSetting("MODELKEEP_DATABASE_URL must be a postgresql:// URL, or empty for SQLite.")
    from modelkeep.store.postgres import PostgresDatabase

    return PostgresDatabase(
        settings.database_url,
        readers=settings.database_read_connections,
        writers=settings.database_write_connections,
        scanners=settings.database_scan_connections,
        pooler=settings.database_pooler,
    )


def storage(settings: Settings) -> Blobs:
    if not settings.storage_url:
        return LocalBlobs(settings.data / "artifacts")
    url = urlsplit(settings.storage_url)
    if url.scheme != "s3" or not url.netloc or url.query or url.fragment:
        raise BadSetting("MODELKEEP_STORAGE_URL must be s3://bucket/prefix, or empty for a folder.")
    from modelkeep.blobs.s3 import S3Blobs

    return S3Blobs(url.netloc, url.path.strip("/"), endpoint=settings.s3_endpoint)


def issuer(settings: Settings) -> "Sts | None":
    """The store's STS, where the settings name a role. Raises BadSetting, Unavailable."""
    if not settings.s3_role_arn:
        return None
    if not settings.storage_url:
        raise BadSetting("MODELKEEP_S3_ROLE_ARN is of use only where MODELKEEP_STORAGE_URL is an S3 bucket.")
    from modelkeep.blobs.sts import Sts

    url, endpoint = urlsplit(settings.storage_url), settings.sts_endpoint or settings.s3_endpoint
    seconds = int(settings.credential_minutes * 60)
    return Sts(url.netloc, url.path, settings.s3_role_arn, endpoint=endpoint, seconds=seconds)


def shared_folder(settings: Settings, facts: Deployment) -> SharedFolder | None:
    if not settings.shared_folder:
        return None
    return SharedFolder(shared.checked(Path(settings.shared_folder), settings.data), bytes.fromhex(facts.signing_key))


def reach(services: Services) -> Reach:
    """How clients without signed URLs get to files."""
    if services.issuer is not None:
        direct = cast(DirectBlobs, services.blobs)

        def stored(v: ModelVersion) -> str:
            return direct.uri(v.artifact_set_id if v.status == Status.READY else v.id)

        return Reach("credentials", stored)
    if (shared := services.shared) is not None:
        return Reach("folder", lambda v: (shared.read_uri if v.status == Status.READY else shared.write_uri)(v.id))
    return Reach()


def trusted_issuers(settings: Settings) -> frozenset[str]:
    """Whom this server asks for keys. Raises BadSetting."""
    found = frozenset(filter(None, (settings.oidc_issuer, *settings.trusted_issuers.split())))
    for issuer in found:
        url = urlsplit(issuer)
        if url.scheme not in ("https", "http") or not url.hostname or url.username or url.query or url.fragment:
            raise BadSetting(f"The issuer '{issuer}' must be an https:// address without a query.")
    return found


def provider(settings: Settings, issuers: Issuers, signer: Signer) -> Provider | None:
    """Whom people sign in with, where the settings name somebody. Raises BadSetting."""
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id:
        raise BadSetting("MODELKEEP_OIDC_ISSUER needs MODELKEEP_OIDC_CLIENT_ID, as the provider has registered it.")
    client = Client(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret,
        settings.oidc_scopes, settings.oidc_user_claim, settings.oidc_groups_claim,
    )  # fmt: skip
    return Provider(client, issuers, signer)


def private_folder(path: Path) -> None:
    """Ours alone: whoever reads it can sign in as admin."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)


@asynccontextmanager
async def opened(settings: Settings, *, upgrade: bool = True) -> AsyncGenerator[Registry]:
    """Database (migrated), storage, engine; closed at the end."""
    private_folder(settings.data)
    db = database(settings)
    await db.open()
    try:
        if upgrade:
            for name in await migrate(db):
                log.info("database migrated", migration=name)
        home = parse_full_name(settings.default_namespace, Kind.SCHEMA)
        facts = await deployment(db, home)
        if upgrade:
            await principals.fill_look_keys(db)
        await workspaces.ensure_default(db, settings.workspace_id)
        blobs = storage(settings)
        auditor = Auditor(db)
        config = Config(
            limits=Limits(settings.aliases_per_model, settings.tags_per_securable),
            page_tokens=PageTokens(bytes.fromhex(facts.signing_key)),
            workspace_id=settings.workspace_id,
            own_hosts=own_hosts(settings.address, settings.host, settings.port),
            managed=tuple(filter(None, (str(settings.data), settings.storage_url))),
            home=home,
            url_ms=int(settings.url_minutes * 60_000),
            token_ms=settings.token_ms,
            federation=Federation(trusted_issuers(settings), facts.account_id, check_keys),
            auditors=settings.auditors,
        )
        services = Services(
            blobs=blobs,
            settings=config,
            issuer=issuer(settings),
            shared=shared_folder(settings, facts),
            writer=description_generator.made(settings.ai_url, settings.ai_model, settings.ai_key),
        )
        yield Registry(
            settings, db, blobs, facts, auditor,
            Engine(db, services, auditor, conceal=settings.conceal), TokenUses(),
        )  # fmt: skip
    finally:
        await db.close()


def background(registry: Registry) -> Background:
    """What background work is done with."""
    settings, shared = registry.settings, registry.engine.services.shared
    pending_ms, staging_ms = settings.pending_hours * 3_600_000, (settings.credential_minutes + 60) * 60_000
    if settings.audit_days and find_spec("arro3") is None:
        raise BadSetting("MODELKEEP_AUDIT_DAYS needs the extra: pip install 'modelkeep[archive]'.")
    written = [settings.data, *([Path(settings.shared_folder)] if settings.shared_folder else [])]
    return Background(
        registry.db, registry.blobs, registry.auditor, int(pending_ms), int(staging_ms), shared, registry.uses,
        audit_ms=int(settings.audit_days * 24 * 3_600_000),
        disk=DiskGuard(registry.engine.disk, written, settings.min_free_mb),
        otlp=Collector(settings.otlp_endpoint, settings.otlp_headers) if settings.otlp_endpoint else None,
    )  # fmt: skip


async def run(settings: Settings) -> None:
    """Serve until a signal says stop."""
    from modelkeep.http.server import HttpServer

    check_bind(settings)
    lifecycle = Lifecycle()
    async with opened(settings) as registry, application(registry, lifecycle) as app:
        async with registry.db.read() as tx:
            if not await text_index.indexed(tx, registry.db.dialect):
                log.warning("searches have no index: the database has no extension pg_trgm", guide=_GUIDE)
        server = HttpServer(app, await listeners(registry.db, settings), server_options(settings), lifecycle)
        worker = Worker(background(registry))
        worker.start()
        # What start has built stays: the collector need not look at it again with every few hundred requests.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_COLLECT_EVERY)
        sys.setswitchinterval(THREAD_TURN_S)
        log.info("Modelkeep is up", address=settings.address, data_dir=str(settings.data))
        try:
            await server.serve()
        finally:
            await worker.stop()
            flush()


@asynccontextmanager
async def application(registry: Registry, lifecycle: Lifecycle | None = None) -> AsyncGenerator[App]:
    """All faces over one registry, with the workspace behind them where it is on. `lifecycle`: whether we are stopping."""
    from modelkeep.api.account import (
        federation,
        oauth,
        scim,
        tag_policies,
        token_permissions,
        tokens,
        workspace_settings,
    )
    from modelkeep.api.account import workspaces as account_workspaces
    from modelkeep.api.auth import authorize, session
    from modelkeep.api.databricks_uc import routes as mlflow
    from modelkeep.api.docs import reference, web_ui
    from modelkeep.api.files import mlflow_artifacts, workspace_files
    from modelkeep.api.files import routes as files
    from modelkeep.api.mlflow import routes as plain
    from modelkeep.api.sql import routes as sql
    from modelkeep.api.unity_catalog import metastores
    from modelkeep.api.unity_catalog import user_agents as unity
    from modelkeep.api.v1 import health as health_routes
    from modelkeep.api.v1 import routes as console
    from modelkeep.api.v1 import workspaces as workspace_routes

    settings, facts, engine = registry.settings, registry.facts, registry.engine
    signer, web = Signer(bytes.fromhex(facts.signing_key)), web_ui.build()
    door = Door(
        registry.db, registry.uses, Guesses(settings.unknown_tokens_per_minute), registry.auditor,
        Rates(settings.requests_per_second, settings.request_burst),
        Rates(settings.anonymous_requests_per_second, int(settings.anonymous_requests_per_second * 10)),
    )  # fmt: skip
    issuers = Issuers(trusted_issuers(settings))
    signing_in = SignIn(registry.db, issuers, int(settings.session_hours * 3_600_000), group_map(settings.oidc_groups))

    codes = Authorizations(registry.db, settings.token_ms)
    sites = Sites(
        registry.db,
        site(settings.workspace_id, settings.address),
        engine.config.own_hosts,
        public=bool(settings.public_url),
    )
    async with tracking_of(registry, signer) as tracking:
        engine.services = msgspec.structs.replace(engine.services, tracking=tracking)
        health = health_of(registry, tracking, lifecycle)
        routes = [
            *console.routes(facts.account_id),
            *health_routes.routes(health),
            *workspace_routes.routes(registry.settings.address),
            *account_workspaces.routes(facts.account_id, settings.address, engine.config.workspace_id),
            *metastores.account_routes(facts.account_id, facts.metastore_id),
            *scim.routes(engine, facts.account_id),
            *tokens.routes(int(settings.workspace_id)),
            *token_permissions.routes(),
            *sql.routes(engine),
            *tag_policies.routes(facts.account_id),
            *oauth.routes(signing_in, codes, door.guesses, facts.account_id),
            *authorize.Consents(door, codes, facts.account_id).routes(),
            *federation.routes(facts.account_id),
            *session.Session(
                door,
                signing_in,
                provider(settings, issuers, signer),
                settings.oidc_name,
                web_ui.HOME if web else "/ml/" if tracking else "",
            ).routes(),
            *web_ui.routes(web),
            *plain.routes(engine.config.home),
            *workspace_settings.routes(engine.config.home),
            *mlflow_artifacts.routes(engine, signer, tracking, engine.config.home),
            *files.routes(engine, signer, tracking),
            *workspace_files.routes(engine),
        ]
        ways = reach(engine.services)
        # The clients of `databricks-uc` that take credentials, and not URLs, send the User-Agent of the open-source ones.
        native, oss = (
            reference.described(
                [*routes, *mlflow.routes(settings.files_api, place), *unity.routes(facts.metastore_id, words, ways)]
            )
            for words, place in ((unity.DATABRICKS, named), (unity.OSS, ways.place))
        )
        try:
            yield unity.Bilingual(engine, door, native, oss, sites, tracking)
        finally:
            await health.close()


def health_of(registry: Registry, tracking: Any, lifecycle: Lifecycle | None) -> Health:
    async def store() -> str:
        await registry.blobs.ready()
        return ""

    async def disk() -> str:
        return registry.engine.disk.reason

    parts = {"store": store, "disk": disk} | ({"tracking": tracking.state} if tracking is not None else {})
    return Health(registry.db.check, parts, lambda: lifecycle is not None and lifecycle.draining)


@asynccontextmanager
async def tracking_of(registry: Registry, signer: Signer) -> AsyncGenerator[Any]:
    """The workspaces, each with MLflow's tracking server as a child; None where the settings say so."""
    settings, engine = registry.settings, registry.engine
    if not settings.workspace:
        yield None
        return
    from modelkeep.api.files.run_artifacts import Artifacts
    from modelkeep.api.files.signed_urls import Urls
    from modelkeep.tracking.app import Workspace
    from modelkeep.tracking.child import TrackingServer
    from modelkeep.tracking.proxy import KnownModel
    from modelkeep.tracking.workspace_apps import Workspaces

    if find_spec("mlflow") is None:
        raise BadSetting(
            "The workspace needs MLflow: pip install 'modelkeep[workspace]', or run without it (--no-workspace, MODELKEEP_WORKSPACE=0)."
        )

    async def known(actor: Actor, model_id: str) -> KnownModel | None:
        found: ModelVersion | None = await engine.execute(actor, versions.FindLoggedModel(model_id))
        if found is None:
            return None
        name = found.model.rpartition(".")[2]
        return KnownModel(
            model_id, name, found.experiment_id or "0", found.run_id, tuple(found.params), tuple(found.metrics),
            found.created_at, found.updated_at,
        )  # fmt: skip

    async def start(workspace_id: str) -> tuple[Workspace, TrackingServer]:
        other = "" if workspace_id == settings.workspace_id else workspace_id
        child = TrackingServer(settings.data, settings.database_url, other)
        await child.start()
        urls = Urls(registry.db, signer, engine.config.url_ms)
        artifacts = Artifacts(engine, urls, workspace_id)
        return Workspace(
            registry.db, child, artifacts, registry.auditor, known, workspace_id, engine.config.page_tokens
        ), child

    async def existing() -> set[str]:
        async with registry.db.read() as tx:
            return {workspace.id for workspace in await workspaces.every(tx)}

    found = Workspaces(start, settings.workspace_id, existing)
    try:
        await found.of(settings.workspace_id)
        yield found
    finally:
        await found.stop()
