"""From the application to a process: listening, background work, and the order in which they stop."""

import gc
import sys
from importlib.util import find_spec
from pathlib import Path

from modelkeep.blobs.table_folders import TableFolders
from modelkeep.domain.errors import BadSetting
from modelkeep.http.lifecycle import Lifecycle
from modelkeep.jobs.otlp import Collector
from modelkeep.jobs.table_purge import TablePurge
from modelkeep.jobs.tasks import WorkerContext
from modelkeep.jobs.worker import Worker
from modelkeep.limits import THREAD_TURN_S
from modelkeep.observe.disk import DiskGuard
from modelkeep.observe.logs import flush, log
from modelkeep.serve.application import application
from modelkeep.serve.listening import check_bind, listeners, server_options
from modelkeep.serve.registry import Registry, opened
from modelkeep.settings import Settings
from modelkeep.store import text_index

_GUIDE = "docs/guides/operate.md"
_COLLECT_EVERY = 20_000
"""Objects that hold others, newly made: about a thousand requests' worth of cycles at most."""


def background(registry: Registry) -> WorkerContext:
    """What background work is done with. Raises BadSetting."""
    settings, shared = registry.settings, registry.engine.services.shared
    pending_ms, staging_ms = settings.pending_hours * 3_600_000, (settings.credential_minutes + 60) * 60_000
    if settings.audit_days and find_spec("arro3") is None:
        raise BadSetting("MODELKEEP_AUDIT_DAYS needs the extra: pip install 'modelkeep[archive]'.")
    written = [settings.data, *([Path(settings.shared_folder)] if settings.shared_folder else [])]
    return WorkerContext(
        registry.db,
        registry.blobs,
        registry.auditor,
        int(pending_ms),
        int(staging_ms),
        shared,
        registry.uses,
        audit_ms=int(settings.audit_days * 24 * 3_600_000),
        disk=DiskGuard(registry.engine.disk, written, settings.min_free_mb),
        otlp=Collector(settings.otlp_endpoint, settings.otlp_headers) if settings.otlp_endpoint else None,
        tables=TablePurge(TableFolders(settings.s3_endpoint), registry.engine.config, registry.engine.services.folders),
    )


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
