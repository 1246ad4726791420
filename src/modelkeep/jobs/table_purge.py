"""Deletes the files of managed tables that were dropped, or staged and never created."""

import msgspec

from modelkeep import limits
from modelkeep.blobs.folder_credentials import FolderCredentials
from modelkeep.blobs.table_folders import TableFolders
from modelkeep.core.context import Ctx, ReadCtx
from modelkeep.core.operation import Config
from modelkeep.core.operations.tables import storage
from modelkeep.core.operations.tables.storage import FolderGrant
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import Unavailable
from modelkeep.domain.storage_urls import parse_storage_url
from modelkeep.store import delta_tables, jobs, storage_paths
from modelkeep.store.bootstrap import SYSTEM
from modelkeep.store.db import Database, Tx, now_ms
from modelkeep.store.deletion import PURGE_TABLE
from modelkeep.store.delta_tables import TableFolder


class TablePurge(msgspec.Struct, frozen=True):
    """What the purge works with."""

    folders: TableFolders
    config: Config
    credentials: FolderCredentials | None = None


async def purge(db: Database, at: TablePurge, table_id: str) -> int | None:
    """Delete some of a dropped table's files; the milliseconds until the next step, None where all are gone.

    Credentials that write live on after the drop, so the purge waits for the last of them. Raises Unavailable."""
    async with db.read() as tx:
        folder = await delta_tables.folder(tx, table_id)
        if folder is None or folder.state != "dropped":
            return None
        wait = await storage.purge_not_before(tx, table_id, folder.since) - now_ms()
        if wait > 0:
            return wait
        grant = await _grant(tx, db.dialect, at.config, folder)
    keys = None
    if grant.role is not None:
        if at.credentials is None:
            raise Unavailable("This server knows no STS. Its operator should set MODELKEEP_STS_ENDPOINT.")
        keys = await at.credentials.issue(grant.role, grant.url, SYSTEM.id, "purge", write=True)
    if not await at.folders.delete_some(grant.url, keys):
        return limits.PURGE_PAUSE_MS
    async with db.write() as tx:
        await delta_tables.forget_folder(tx, table_id)
        await storage_paths.forget_write_expiry(tx, table_id)
    return None


async def _grant(tx: Tx, dialect: str, config: Config, folder: TableFolder) -> FolderGrant:
    """By the location under which the table was created, since its containers may be gone by now. Raises InvalidArgument."""
    actor = Actor(SYSTEM.id, SYSTEM.name, "SERVICE_PRINCIPAL")
    ctx: ReadCtx = Ctx(tx, dialect, actor, now_ms(), config)
    url = parse_storage_url(folder.location)
    if folder.location_id:
        return await storage.location_grant(ctx, folder.table_id, url, folder.location_id, write=True)
    return await storage.folder_grant(ctx, folder.table_id, folder.location, write=True)


async def give_up_stagings(db: Database) -> None:
    """Stagings that never became a table within a day: their files are purged like those of a dropped table."""
    now = now_ms()
    async with db.write() as tx:
        ids = await delta_tables.give_up_stagings(tx, now - limits.STAGED_TABLE_MS, now, limits.STAGINGS_PER_SWEEP)
        for table_id in sorted(ids):
            await jobs.enqueue(tx, PURGE_TABLE, table_id, delay_ms=limits.TABLE_PURGE_DELAY_MS)
