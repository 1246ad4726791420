"""Temporary credentials for the files of a table or volume, for engines that read and write the store themselves.

They work until they expire, whatever is revoked or dropped meanwhile. Reading needs SELECT (READ VOLUME), writing MODIFY
(WRITE VOLUME) as well: managing a table alone opens no file of it. Spark asks for READ_WRITE first and takes
READ after a refusal, so a reader's log has one refusal for each load.
"""

from typing import Literal, cast

import msgspec

from modelkeep.blobs.folder_credentials import StorageRole
from modelkeep.blobs.port import DirectBlobs
from modelkeep.blobs.sts import ROLE_SETTING
from modelkeep.core.context import ReadCtx, ServiceCtx
from modelkeep.core.operation import Target
from modelkeep.core.operations.catalog import tables
from modelkeep.core.operations.tables import storage
from modelkeep.core.operations.tables.storage import FolderGrant, VendedStorage
from modelkeep.domain.authorization import Requirement, holds
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName
from modelkeep.domain.privileges import Privilege
from modelkeep.domain.storage_urls import parse_storage_url
from modelkeep.store import files, securables
from modelkeep.store.db import Database

SELECT, MODIFY = holds(Privilege.SELECT), holds(Privilege.MODIFY)
READ_VOLUME, WRITE_VOLUME = holds(Privilege.READ_VOLUME), holds(Privilege.WRITE_VOLUME)
EXTERNAL_USE = Requirement(any_of=(Privilege.EXTERNAL_USE_SCHEMA,), owner=False)
"""Neither ownership nor ALL PRIVILEGES includes it (databricks-sdk, TemporaryTableCredentialsAPI)."""

READ_TABLE = (Target("name", SELECT),)
WRITE_TABLE = (Target("name", SELECT, writes=True), Target("name", MODIFY, writes=True))
READ_FILES_OF_VOLUME = (Target("name", READ_VOLUME),)
WRITE_FILES_OF_VOLUME = (Target("name", READ_VOLUME, writes=True), Target("name", WRITE_VOLUME, writes=True))
_BY_ID = {
    (Kind.TABLE, False): READ_TABLE,
    (Kind.TABLE, True): WRITE_TABLE,
    (Kind.VOLUME, False): READ_FILES_OF_VOLUME,
    (Kind.VOLUME, True): WRITE_FILES_OF_VOLUME,
}


class TableCredentials(msgspec.Struct, frozen=True):
    name: FullName


class ReadTableCredentials(TableCredentials, frozen=True):
    """To read the files of a table."""


class WriteTableCredentials(TableCredentials, frozen=True):
    """To read and write them."""


class CredentialsById(msgspec.Struct, frozen=True):
    """For a table or volume that is known by its id."""

    id: str
    kind: Literal[Kind.TABLE, Kind.VOLUME]
    write: bool


class TableCredentialsById(CredentialsById, frozen=True):
    pass


class VolumeCredentialsById(CredentialsById, frozen=True):
    pass


async def read_table_credentials(ctx: ReadCtx, req: ReadTableCredentials, table: Securable) -> FolderGrant:
    return await table_grant(ctx, req.name, table, write=False)


async def write_table_credentials(
    ctx: ReadCtx, req: WriteTableCredentials, table: Securable, _: Securable
) -> FolderGrant:
    return await table_grant(ctx, req.name, table, write=True)


async def table_credentials_by_id(ctx: ReadCtx, req: TableCredentialsById) -> FolderGrant:
    name, table = await _by_id(ctx, req)
    return await table_grant(ctx, name, table, write=req.write)


async def volume_credentials_by_id(ctx: ReadCtx, req: VolumeCredentialsById) -> FolderGrant | str:
    """Of a managed volume the id of its files: their folder is the store's to name. Raises InvalidArgument."""
    name, volume = await _by_id(ctx, req)
    await check_external_use(ctx, name)
    if volume.spec["volume_type"] == "EXTERNAL":
        return await storage.folder_grant(ctx, volume.id, volume.spec["storage_location"], write=req.write)
    if not ctx.config.direct:
        raise InvalidArgument(
            f"The server itself keeps the files of volume '{name}'. Read and write them with the Files API (/Volumes/...)."
        )
    if req.write:
        raise InvalidArgument(
            f"The server lists the files of the managed volume '{name}' as it receives them. Write with the Files API, and ask "
            "for READ_VOLUME here."
        )
    artifact_set = await files.set_of(ctx.tx, files.volume_key(volume.id))
    if artifact_set is None:
        raise NotFound(f"Volume with id '{req.id[:100]}' does not exist.", kind=Kind.VOLUME)
    return artifact_set.id


async def table_grant(ctx: ReadCtx, name: FullName, table: Securable, *, write: bool) -> FolderGrant:
    """For a caller who may read (and write) the table. Raises InvalidArgument where there is nothing to vend."""
    await check_external_use(ctx, name)
    return await storage.folder_grant(ctx, table.id, tables.definition(table).storage_location, write=write)


async def check_external_use(ctx: ReadCtx, name: FullName) -> None:
    """Where the deployment has Databricks' rule. Raises PermissionDenied."""
    if ctx.config.external_use_schema:
        chain = ctx.chains[name.chain_key]
        await ctx.reach(Target("name", EXTERNAL_USE, parent=True), name)
        ctx.chains[name.chain_key] = chain


async def _by_id(ctx: ReadCtx, req: CredentialsById) -> tuple[FullName, Securable]:
    """What an unknown id gets is what an id gets that the caller may not know of, where existence is hidden."""
    missing = NotFound(f"{RULES[req.kind].label} with id '{req.id[:100]}' does not exist.", kind=req.kind)
    name = await securables.name_of(ctx.tx, req.id)
    if name is None or name.kind is not req.kind:
        raise missing
    try:
        reached = [await ctx.reach(on, name) for on in _BY_ID[req.kind, req.write]]
    except NotFound as error:
        raise missing from error
    ctx.touch(req.kind, reached[0].id, str(name))
    return name, reached[0]


async def vend(ctx: ServiceCtx, db: Database, grant: FolderGrant) -> VendedStorage:
    return await storage.vend(ctx, db, grant)


async def vend_volume(ctx: ServiceCtx, db: Database, grant: FolderGrant | str) -> VendedStorage:
    """As `vend`. A managed volume lies in the storage of models. Raises InvalidArgument."""
    if isinstance(grant, FolderGrant):
        return await storage.vend(ctx, db, grant)
    role = StorageRole(ctx.config.storage_role, "", ROLE_SETTING)
    if not role.arn:
        raise InvalidArgument(
            "This server issues no credentials for its own storage. Use the Files API (/Volumes/...), or ask its operator to "
            f"set {ROLE_SETTING}."
        )
    url = parse_storage_url(cast(DirectBlobs, ctx.services.blobs).uri(grant))
    return await storage.vend(ctx, db, FolderGrant(grant, url, False, role))
