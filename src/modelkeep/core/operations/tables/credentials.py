"""Temporary credentials for the files of a table or volume, for engines that read and write the store themselves.

They work until they expire, whatever is revoked or dropped meanwhile. Reading needs SELECT (READ VOLUME), writing MODIFY
(WRITE VOLUME) as well: managing a table alone opens no file of it. Spark asks for READ_WRITE first and takes
READ after a refusal, so a reader's log has one refusal for each load.
"""

from typing import Literal

import msgspec

from modelkeep.core.context import ReadCtx, ServiceCtx
from modelkeep.core.operation import Target
from modelkeep.core.operations.catalog import tables
from modelkeep.core.operations.tables import placement, storage
from modelkeep.core.operations.tables.storage import FolderGrant, VendedStorage
from modelkeep.domain.authorization import Requirement, holds
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName
from modelkeep.domain.privileges import Privilege
from modelkeep.domain.storage_urls import StorageUrl, parse_storage_url
from modelkeep.store import delta_tables, securables, storage_paths
from modelkeep.store.db import Database
from modelkeep.store.storage_paths import StoragePath

CREATE_TABLE = holds(Privilege.CREATE_TABLE)
SELECT, MODIFY = holds(Privilege.SELECT), holds(Privilege.MODIFY)
READ_VOLUME, WRITE_VOLUME = holds(Privilege.READ_VOLUME), holds(Privilege.WRITE_VOLUME)
EXTERNAL_USE = Requirement(any_of=(Privilege.EXTERNAL_USE_SCHEMA,), owner=False)
"""Neither ownership nor ALL PRIVILEGES includes it (databricks-sdk, TemporaryTableCredentialsAPI)."""

EXTERNAL_USE_PATH = Requirement(any_of=(Privilege.EXTERNAL_USE_LOCATION,), owner=False)
"""As above (TemporaryPathCredentialsAPI)."""
_PATH_NEEDS = {
    "PATH_READ": (holds(Privilege.READ_FILES),),
    "PATH_READ_WRITE": (holds(Privilege.READ_FILES), holds(Privilege.WRITE_FILES)),
    "PATH_CREATE_TABLE": (holds(Privilege.CREATE_EXTERNAL_TABLE),),
}

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


class PathCredentials(msgspec.Struct, frozen=True):
    """For a path in an external location, or in an external table or volume."""

    url: str
    operation: Literal["PATH_READ", "PATH_READ_WRITE", "PATH_CREATE_TABLE"]
    dry_run: bool = False
    """Decide, and vend nothing."""


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
    """Older clients send the id of a staging here, too."""
    if await securables.name_of(ctx.tx, req.id) is None:
        staged = await staging_grant(ctx, req.id, write=req.write)
        if staged is not None:
            return staged
    name, table = await _by_id(ctx, req)
    return await table_grant(ctx, name, table, write=req.write)


async def volume_credentials_by_id(ctx: ReadCtx, req: VolumeCredentialsById) -> FolderGrant:
    """Of an external volume: the files of a managed one are not in the store under their own paths. Raises InvalidArgument."""
    name, volume = await _by_id(ctx, req)
    await check_external_use(ctx, name)
    if volume.spec["volume_type"] != "EXTERNAL":
        raise InvalidArgument(
            f"The server itself keeps the files of the managed volume '{name}'. Read and write them with the Files API "
            "(/Volumes/...), or use an external volume."
        )
    return await storage.folder_grant(ctx, volume.id, volume.spec["storage_location"], write=req.write)


async def path_credentials(ctx: ReadCtx, req: PathCredentials) -> FolderGrant:
    """A path in an external table or volume needs what the table or volume needs, whatever is held on the location.
    Raises InvalidArgument for a path that holds some of them: its credentials would open those, too."""
    url, write = parse_storage_url(req.url, "url"), req.operation != "PATH_READ"
    above = await storage_paths.above(ctx.tx, url)
    for path in above:
        if path.kind in (Kind.TABLE, Kind.VOLUME) and path.location_id and req.operation != "PATH_CREATE_TABLE":
            name, grant = await _path_of_object(ctx, path, url, write=write)
            ctx.touch(path.kind, path.securable_id, str(name))
            return _tried(grant, req)
        if path.kind != Kind.EXTERNAL_LOCATION and path.location_id:
            raise InvalidArgument(
                f"{str(url)!r} is the storage of a table, volume or container. Ask for its credentials."
            )
    location = await placement.location_at(ctx.tx, url)
    if location is None:
        raise InvalidArgument(f"{str(url)!r} lies in no external location. Create one for it first.")
    for need in _PATH_NEEDS[req.operation]:
        name = await placement.reach_location(ctx, location, need, writes=write)
        ctx.touch(Kind.EXTERNAL_LOCATION, location.securable_id, str(name))
    if ctx.config.external_use_schema:
        await placement.reach_location(ctx, location, EXTERNAL_USE_PATH)
    if await storage_paths.below(ctx.tx, url, 1):
        raise InvalidArgument(
            f"{str(url)!r} holds tables, volumes or containers. Ask for their credentials, one by one."
        )
    return _tried(await storage.location_grant(ctx, "", url, location.securable_id, write=write), req)


async def _path_of_object(
    ctx: ReadCtx, path: StoragePath, url: StorageUrl, *, write: bool
) -> tuple[FullName, FolderGrant]:
    name = await securables.name_of(ctx.tx, path.securable_id)
    assert name is not None
    for on in _BY_ID[Kind(path.kind), write]:
        await ctx.reach(on, name)
    await check_external_use(ctx, name)
    return name, await storage.location_grant(ctx, path.securable_id, url, path.location_id, write=write)


def _tried(grant: FolderGrant, req: PathCredentials) -> FolderGrant:
    return msgspec.structs.replace(grant, role=None) if req.dry_run else grant


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


async def staging_grant(ctx: ReadCtx, id: str, *, write: bool) -> FolderGrant | None:
    """For the creator of a staging; None for anybody else, and for an unknown id."""
    folder = await delta_tables.folder(ctx.tx, id)
    if folder is None or folder.owner_id != ctx.actor.id or folder.state == "dropped":
        return None
    if folder.state == "live":
        name = await securables.name_of(ctx.tx, id)
        if name is None:
            return None
        for on in WRITE_TABLE:
            await ctx.reach(on, name)
    else:
        schema = await securables.name_of(ctx.tx, folder.schema_id)
        if schema is None:
            return None
        name = schema.child(folder.name, Kind.TABLE)
        await ctx.reach(Target("name", CREATE_TABLE, parent=True, writes=True), name)
    await check_external_use(ctx, name)
    ctx.touch(Kind.TABLE, id, str(name))
    return await storage.folder_grant(ctx, id, folder.location, write=write)


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
