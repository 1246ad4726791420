"""Delta tables by name: load them, stage and create managed ones. Commits and changes: `delta_commits`.

A managed table begins as a staging: a reserved id and folder, which nobody else sees. Its creator writes version 0 there, then
creates the table. From then on the catalog alone decides which commit is a version (the feature `catalogManaged`).
"""

import asyncio
from typing import Any

import msgspec

from modelkeep.core.context import ReadCtx, ServiceCtx, WriteCtx
from modelkeep.core.operations.catalog import tables
from modelkeep.core.operations.catalog.tables import Column, Definition
from modelkeep.core.operations.tables import credentials, delta_columns, placement, storage
from modelkeep.core.operations.tables.delta_columns import DeltaSchema
from modelkeep.core.operations.tables.placement import Placement
from modelkeep.core.operations.tables.storage import FolderGrant, VendedStorage
from modelkeep.domain.authorization import holds
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound, UnsupportedFormat
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName, check_comment, check_in_urls
from modelkeep.domain.privileges import Privilege
from modelkeep.domain.storage_urls import parse_storage_url
from modelkeep.limits import DELTA_FEATURES, STAGED_TABLES, TABLE_PROPERTIES, TABLE_PROPERTY_CHARACTERS
from modelkeep.store import delta_tables, securables
from modelkeep.store.db import Database, new_id
from modelkeep.store.delta_tables import DeltaCommit, DeltaVersions, TableFolder

TABLE_ID = "io.unitycatalog.tableId"
"""The property in which a managed table's log keeps the catalog's id. Clients check it at each load."""
LAST_UPDATE_VERSION, LAST_COMMIT_TIMESTAMP = "delta.lastUpdateVersion", "delta.lastCommitTimestamp"
MIN_READER, MIN_WRITER, FEATURE = "delta.minReaderVersion", "delta.minWriterVersion", "delta.feature."
CLUSTERING, ROW_ID_MARK = "clusteringColumns", "delta.rowTracking.rowIdHighWaterMark"
MAPPING_MODE = "delta.columnMapping.mode"
READER_FEATURES = ("catalogManaged", "v2Checkpoint", "vacuumProtocolCheck", "deletionVectors")
WRITER_FEATURES = (*READER_FEATURES, "inCommitTimestamp")
REQUIRED_PROPERTIES = {
    "delta.enableInCommitTimestamps": "true",
    "delta.checkpointPolicy": "v2",
    "delta.enableDeletionVectors": "true",
    "delta.checkpoint.writeStatsAsJson": "true",
    "delta.checkpoint.writeStatsAsStruct": "true",
}
"""Of a managed table, beside its id; READER_FEATURES and WRITER_FEATURES are what its protocol needs (api/delta.yaml)."""
CREATE_TABLE = credentials.CREATE_TABLE
LOAD = holds(Privilege.SELECT, Privilege.MODIFY, admin=True)
_LARGE = 200
"""Columns; more are converted in a thread."""


class Protocol(msgspec.Struct, frozen=True, rename="kebab"):
    min_reader_version: int
    min_writer_version: int
    reader_features: tuple[str, ...] = ()
    writer_features: tuple[str, ...] = ()


class LoadTable(msgspec.Struct, frozen=True):
    name: FullName


class DeltaConfig(msgspec.Struct, frozen=True):
    """Which calls of Delta's API there are."""

    catalog: FullName


class StageTable(msgspec.Struct, frozen=True):
    name: FullName


class StagingCredentials(msgspec.Struct, frozen=True):
    """To read and write the folder of a staging, for its creator."""

    id: str


class CreateStagedTable(msgspec.Struct, frozen=True, kw_only=True):
    name: FullName
    location: str
    schema: DeltaSchema | None = None
    """None: `columns` has them, as older clients send them."""
    columns: tuple[Column, ...] = ()
    partition_columns: tuple[str, ...] = ()
    protocol: Protocol | None = None
    """None: older clients say it in the properties."""
    properties: dict[str, str] = {}
    derived: dict[str, str] = {}
    """Properties that follow from domain metadata."""
    comment: str = ""
    timestamp: int = 0
    """Of version 0, epoch ms; 0 is unknown."""


class LoadedTable(msgspec.Struct, frozen=True):
    securable: Securable
    definition: Definition
    versions: DeltaVersions | None = None
    """None for an external table."""
    commits: tuple[DeltaCommit, ...] = ()

    @property
    def etag(self) -> str:
        return f"etag-{self.securable.updated_at}"


class StagedGrant(msgspec.Struct, frozen=True):
    id: str
    grant: FolderGrant


class StagedTable(msgspec.Struct, frozen=True):
    id: str
    storage: VendedStorage


async def delta_config(ctx: ReadCtx, req: DeltaConfig, catalog: Securable) -> None:
    """The answer is the same for each catalog that the caller may see."""


async def load_table(ctx: ReadCtx, req: LoadTable, table: Securable) -> LoadedTable:
    """Raises UnsupportedFormat."""
    return await loaded(ctx, table)


async def loaded(ctx: ReadCtx, table: Securable) -> LoadedTable:
    """The table with its versions and unpublished commits. Raises UnsupportedFormat."""
    definition = tables.definition(table)
    if definition.data_source_format != "DELTA":
        raise UnsupportedFormat(f"Table is not a Delta table: {table.full_name}", kind=Kind.TABLE)
    versions = await delta_tables.versions(ctx.tx, table.id)
    commits = await delta_tables.commits(ctx.tx, table.id) if versions is not None else []
    return LoadedTable(table, definition, versions, tuple(commits))


async def stage_table(ctx: WriteCtx, req: StageTable, schema: Securable) -> StagedGrant:
    """Reserve an id and a folder. The name is taken at the creation, so a write that fails does not block it.

    Raises InvalidArgument, LimitExceeded."""
    check_in_urls(req.name)
    await credentials.check_external_use(ctx, req.name)
    if await delta_tables.staged_by(ctx.tx, ctx.actor.id) >= STAGED_TABLES:
        raise LimitExceeded(
            f"{STAGED_TABLES} of your staged tables wait to be created. Create them, or wait a day until they expire."
        )
    id = new_id()
    url = await storage.managed_location(ctx, schema, id)
    grant = await storage.folder_grant(ctx, id, str(url), write=True)
    location_id = await storage.location_of_folder(ctx, id, url)
    await delta_tables.stage(
        ctx.tx,
        TableFolder(id, schema.id, req.name.parts[-1], ctx.actor.id, str(url), location_id, "staged", ctx.now),
    )
    ctx.changed("table_id", None, id)
    return StagedGrant(id, grant)


async def vend_staged(ctx: ServiceCtx, db: Database, staged: StagedGrant) -> StagedTable:
    return StagedTable(staged.id, await storage.vend(ctx, db, staged.grant))


async def staging_credentials(ctx: ReadCtx, req: StagingCredentials) -> FolderGrant:
    """Clients renew here even after the creation: then it takes what writing the table takes. Raises NotFound for all others."""
    grant = await credentials.staging_grant(ctx, req.id, write=True)
    if grant is None:
        raise NotFound(f"Staging table '{req.id[:100]}' does not exist.", kind=Kind.TABLE)
    return grant


async def prepare_create(
    ctx: ServiceCtx, db: Database, req: CreateStagedTable, schema: Securable
) -> tuple[Column, ...]:
    """The columns as they are stored. Raises InvalidArgument."""
    if req.schema is None:
        return req.columns
    return await convert_columns(req.schema, req.partition_columns, req.properties)


async def convert_columns(
    schema: DeltaSchema, partition_columns: tuple[str, ...], properties: dict[str, str]
) -> tuple[Column, ...]:
    """Outside of any transaction, and in a thread where there are many. Raises InvalidArgument."""
    mapped = is_mapped(properties)
    if len(schema.fields) <= _LARGE:
        return delta_columns.table_columns(schema, partition_columns, mapped=mapped)
    return await asyncio.to_thread(delta_columns.table_columns, schema, partition_columns, mapped=mapped)


def is_mapped(properties: dict[str, str]) -> bool:
    return properties.get(MAPPING_MODE, "none") != "none"


async def create_staged_table(ctx: WriteCtx, req: CreateStagedTable, schema: Securable) -> LoadedTable:
    """The creator has written version 0 by now. Raises NotFound, InvalidArgument, AlreadyExists."""
    check_in_urls(req.name)
    folder = await _own_staging(ctx, req, schema)
    properties = _new_properties(req, folder.table_id)
    if not await delta_tables.make_live(ctx.tx, folder.table_id, ctx.now):
        raise _not_staged(req)
    columns: tuple[Column, ...] = ctx.prepared
    definition = Definition("MANAGED", "DELTA", folder.location, columns, properties)
    await securables.insert(
        ctx.tx,
        securables.NewSecurable(
            schema,
            req.name,
            ctx.actor.id,
            ctx.actor.name,
            ctx.now,
            check_comment(req.comment),
            {"definition": msgspec.json.encode(definition).decode()},
            id=folder.table_id,
        ),
    )
    await placement.keep(
        ctx, folder.table_id, Kind.TABLE, Placement(parse_storage_url(folder.location), folder.location_id)
    )
    await delta_tables.insert(ctx.tx, folder.table_id)
    ctx.touch(Kind.TABLE, folder.table_id, str(req.name))
    table = await securables.by_name(ctx.tx, req.name)
    assert table is not None
    return LoadedTable(table, definition, DeltaVersions(0, "", 0))


async def _own_staging(ctx: WriteCtx, req: CreateStagedTable, schema: Securable) -> TableFolder:
    """One answer for all others, so that nobody learns of a staging. Raises NotFound, InvalidArgument."""
    url = parse_storage_url(req.location, "location")
    folder = await delta_tables.folder(ctx.tx, url.path.rpartition("/")[2])
    if (
        folder is None
        or (folder.owner_id, folder.schema_id, folder.state) != (ctx.actor.id, schema.id, "staged")
        or str(url) != folder.location
    ):
        raise _not_staged(req)
    return folder


def _not_staged(req: CreateStagedTable) -> NotFound | InvalidArgument:
    """A missing staging is a missing table to Delta's API. To `/tables`, the request is wrong."""
    location = f"Location {req.location[:300]!r} is not that of a staging table of yours in this schema."
    if req.protocol is None:
        return InvalidArgument(f"{location} Stage the table first, or register it as EXTERNAL.")
    return NotFound(f"{location} Stage the table, write its first version there, then create it.", kind=Kind.TABLE)


def _new_properties(req: CreateStagedTable, table_id: str) -> dict[str, str]:
    """Raises InvalidArgument."""
    check_properties(req.properties)
    check_derived(req.properties if req.protocol is not None else {})
    if req.protocol is not None:
        check_protocol(req.protocol)
        for key, value in REQUIRED_PROPERTIES.items():
            if req.properties.get(key) != value:
                raise InvalidArgument(f"A managed table needs the property {key}={value}.")
    if req.properties.get(TABLE_ID, "" if req.protocol is not None else table_id) != table_id:
        raise InvalidArgument(f"Property {TABLE_ID} must be the staging's table id, '{table_id}'.")
    derived = protocol_properties(req.protocol) if req.protocol is not None else {}
    last = {LAST_UPDATE_VERSION: "0"} | ({LAST_COMMIT_TIMESTAMP: str(req.timestamp)} if req.timestamp else {})
    return {**req.properties, TABLE_ID: table_id, **derived, **req.derived, **last}


def check_properties(properties: dict[str, str]) -> None:
    """Raises LimitExceeded."""
    if len(properties) > TABLE_PROPERTIES:
        raise LimitExceeded(f"The table has {len(properties)} properties. At most {TABLE_PROPERTIES} are supported.")
    for key, value in properties.items():
        if not key or len(key) + len(value) > TABLE_PROPERTY_CHARACTERS:
            raise LimitExceeded(
                f"Property {key[:100]!r} is empty or too long. Its name and value have 1 to {TABLE_PROPERTY_CHARACTERS} characters."
            )


def check_derived(keys: Any) -> None:
    """Raises InvalidArgument for properties that only the server sets: they follow from the protocol, domains and commits."""
    own = (MIN_READER, MIN_WRITER, LAST_UPDATE_VERSION, LAST_COMMIT_TIMESTAMP, CLUSTERING, ROW_ID_MARK)
    for key in keys:
        if key in own or key.startswith(FEATURE):
            raise InvalidArgument(
                f"Property {key[:100]!r} follows from the table's protocol, domains and commits. Leave it out."
            )


def check_protocol(protocol: Protocol) -> None:
    """Of a managed table. Raises InvalidArgument."""
    if protocol.min_reader_version != 3 or protocol.min_writer_version != 7:
        raise InvalidArgument("A managed table needs a protocol with min-reader-version 3 and min-writer-version 7.")
    for kind, features, required in (
        ("reader", protocol.reader_features, READER_FEATURES),
        ("writer", protocol.writer_features, WRITER_FEATURES),
    ):
        if len(features) > DELTA_FEATURES or any(not 0 < len(feature) <= 255 for feature in features):
            raise InvalidArgument(f"{kind}-features has at most {DELTA_FEATURES} names of 1 to 255 characters.")
        if lacking := [feature for feature in required if feature not in features]:
            raise InvalidArgument(f"A managed table needs the {kind} feature '{lacking[0]}'.")
    if lacking := [feature for feature in protocol.reader_features if feature not in protocol.writer_features]:
        raise InvalidArgument(f"Reader feature '{lacking[0]}' must be a writer feature, too.")


def protocol_properties(protocol: Protocol) -> dict[str, str]:
    features = sorted({*protocol.reader_features, *protocol.writer_features})
    return {
        MIN_READER: str(protocol.min_reader_version),
        MIN_WRITER: str(protocol.min_writer_version),
        **{f"{FEATURE}{feature}": "supported" for feature in features},
    }
