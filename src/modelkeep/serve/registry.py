"""From parts to an opened deployment: database (migrated), storage and engine, closed at the end."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from modelkeep import description_generator
from modelkeep.blobs.delta_reader import DeltaReader
from modelkeep.blobs.folder_probe import FolderProbe
from modelkeep.blobs.port import Blobs
from modelkeep.core.auditor import Auditor
from modelkeep.core.engine import Engine
from modelkeep.core.operation import Config, Federation, Services
from modelkeep.core.token_last_used import TokenLastUsedRecorder
from modelkeep.domain.addresses import own_hosts
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import Limits, parse_full_name
from modelkeep.domain.paging import PageTokens
from modelkeep.observe.logs import log
from modelkeep.oidc.issuers import check_keys
from modelkeep.serve.parts import (
    database,
    folder_credentials,
    issuer,
    private_folder,
    shared_folder,
    storage,
    tables_root,
    trusted_issuers,
)
from modelkeep.settings import Settings
from modelkeep.store import principals, storage_paths, workspaces
from modelkeep.store.bootstrap import Deployment, deployment
from modelkeep.store.db import Database, migrate


class Registry(msgspec.Struct, frozen=True):
    """An opened deployment."""

    settings: Settings
    db: Database
    blobs: Blobs
    facts: Deployment
    auditor: Auditor
    engine: Engine
    uses: TokenLastUsedRecorder


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
            await storage_paths.fill(db)
        await workspaces.ensure_default(db, settings.workspace_id)
        blobs = storage(settings)
        tables = tables_root(settings)
        auditor = Auditor(db)
        config = Config(
            limits=Limits(settings.aliases_per_model, settings.tags_per_securable),
            page_tokens=PageTokens(bytes.fromhex(facts.signing_key)),
            workspace_id=settings.workspace_id,
            own_hosts=own_hosts(settings.address, settings.host, settings.port),
            managed=tuple(filter(None, (str(settings.data), settings.storage_url, str(tables or "")))),
            home=home,
            url_ms=int(settings.url_minutes * 60_000),
            token_ms=settings.token_ms,
            federation=Federation(trusted_issuers(settings), facts.account_id, check_keys),
            auditors=settings.auditors,
            tables_root=tables,
            storage_role=settings.s3_role_arn,
            external_use_schema=settings.external_use_schema,
        )
        services = Services(
            blobs=blobs,
            settings=config,
            issuer=issuer(settings),
            folders=folder_credentials(settings),
            probe=FolderProbe(settings.s3_endpoint),
            tables=DeltaReader(settings.s3_endpoint),
            shared=shared_folder(settings, facts),
            writer=description_generator.from_settings(settings.ai_url, settings.ai_model, settings.ai_key),
        )
        yield Registry(
            settings,
            db,
            blobs,
            facts,
            auditor,
            Engine(db, services, auditor, conceal=settings.conceal),
            TokenLastUsedRecorder(),
        )
    finally:
        await db.close()
