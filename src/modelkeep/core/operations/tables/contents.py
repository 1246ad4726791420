"""What pages show of a table's files: the versions of its Delta log, and a few rows. The server opens the files for the caller.

So it opens only what it governs: the storage of managed tables, and folders under an external location that the table was
created in. Elsewhere, the path is the word of its creator, and the server's own rights on this machine
would read for them what they may not. On S3, the keys are a session for the table's folder alone.
"""

import msgspec

from modelkeep.blobs.delta_reader import DeltaHistory, DeltaSample
from modelkeep.core.context import ReadCtx, ServiceCtx
from modelkeep.core.operations.catalog import tables
from modelkeep.core.operations.tables import storage
from modelkeep.core.operations.tables.storage import FolderGrant
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName
from modelkeep.domain.storage_urls import StorageUrl, parse_storage_url
from modelkeep.store import storage_paths
from modelkeep.store.db import Database


class ReadTableHistory(msgspec.Struct, frozen=True):
    """The newest versions of a Delta table."""

    name: FullName


class SampleTable(msgspec.Struct, frozen=True):
    """A few rows of a Delta table."""

    name: FullName


class ReadableFolder(msgspec.Struct, frozen=True):
    """What a transaction has decided that the server may open for the caller."""

    grant: FolderGrant
    root: str
    """Of a folder of this machine, the governed folder above it; else ''."""


async def read_table_history(ctx: ReadCtx, req: ReadTableHistory, table: Securable) -> ReadableFolder:
    return await _readable_folder(ctx, table)


async def sample_table(ctx: ReadCtx, req: SampleTable, table: Securable) -> ReadableFolder:
    return await _readable_folder(ctx, table)


async def _readable_folder(ctx: ReadCtx, table: Securable) -> ReadableFolder:
    """Raises InvalidArgument for a table that is not Delta, or lies where the server opens nothing."""
    definition = tables.definition(table)
    if definition.data_source_format != "DELTA":
        raise InvalidArgument(
            f"The table's format is {definition.data_source_format}. The server reads Delta tables alone; use an engine."
        )
    grant = await storage.folder_grant(ctx, table.id, definition.storage_location, write=False)
    if grant.role is not None:
        return ReadableFolder(grant, "")
    root = await _governed_root(ctx, table.id, grant.url)
    if root is None:
        raise InvalidArgument(
            "The table was created outside of all external locations, so the server does not open its files. Read it with "
            "an engine, or create it again in an external location."
        )
    return ReadableFolder(grant, f"/{root.path}")


async def _governed_root(ctx: ReadCtx, table_id: str, url: StorageUrl) -> StorageUrl | None:
    root = ctx.config.tables_root
    if root is not None and url == storage.managed_folder(root, table_id):
        return root
    for path in await storage_paths.above(ctx.tx, url):
        if path.securable_id == table_id and path.location_id:
            location = await storage_paths.credential_of(ctx.tx, path.location_id)
            if location is not None and url.inside(parse_storage_url(location.url, "url")):
                return parse_storage_url(location.url, "url")
    return None


async def open_history(ctx: ServiceCtx, db: Database, folder: ReadableFolder) -> DeltaHistory:
    """Raises WrongState, Throttled, Unavailable."""
    vended = await storage.vend(ctx, db, folder.grant)
    return await ctx.services.tables.history(folder.grant.url, folder.root, vended.credentials)


async def open_sample(ctx: ServiceCtx, db: Database, folder: ReadableFolder) -> DeltaSample:
    """As `open_history`."""
    vended = await storage.vend(ctx, db, folder.grant)
    return await ctx.services.tables.sample(folder.grant.url, folder.root, vended.credentials)
