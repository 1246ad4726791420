"""Where tables lie, and temporary credentials for one folder of a store.

The server chooses locations, by ids and never by names. Credentials are for exactly one folder, and their role is the one of
the external location that the table was *created* under: a table that was registered outside of all locations gains nothing
when somebody makes one around it later.
"""

from typing import NoReturn

import msgspec

from modelkeep.blobs.folder_credentials import StorageRole
from modelkeep.blobs.port import TemporaryCredentials
from modelkeep.blobs.sts import ROLE_SETTING
from modelkeep.core.context import ReadCtx, ServiceCtx
from modelkeep.core.operations.tables.placement import ROOT_FIELD, container_location
from modelkeep.domain.errors import InvalidArgument, WrongState
from modelkeep.domain.kinds import Kind
from modelkeep.domain.locations import check_outside
from modelkeep.domain.model import Securable
from modelkeep.domain.storage_urls import StorageUrl, parse_storage_url
from modelkeep.limits import TABLE_PURGE_DELAY_MS
from modelkeep.store import securables, storage_paths
from modelkeep.store.db import Database, Tx


class FolderGrant(msgspec.Struct, frozen=True):
    """What a transaction has decided that the caller may reach: one folder. `vend` makes credentials of it."""

    storage_id: str
    """The table's, staging's or volume's id; '' for a bare path."""
    url: StorageUrl
    write: bool
    role: StorageRole | None
    """None for a folder of this machine, which the operating system guards alone."""


class VendedStorage(msgspec.Struct, frozen=True):
    """What a client may reach, and with which keys."""

    url: str
    """`s3://bucket/folder` or `file:///folder`, without a slash at its end."""
    write: bool
    credentials: TemporaryCredentials | None = None
    """None for a folder of this machine."""

    @property
    def expires_at(self) -> int | None:
        """Epoch ms; None: nothing expires."""
        return self.credentials.expires_at if self.credentials else None


async def managed_location(ctx: ReadCtx, schema: Securable, table_id: str) -> StorageUrl:
    """The folder of a new managed table or volume: the schema's storage root, else the catalog's, else the deployment's.

    Raises InvalidArgument where there is none of them."""
    return managed_folder(await managed_root(ctx, schema), table_id)


def managed_folder(root: StorageUrl, table_id: str) -> StorageUrl:
    return root.child("tables", table_id)


async def managed_root(ctx: ReadCtx, schema: Securable) -> StorageUrl:
    """As `managed_location`, without the table. Raises InvalidArgument."""
    for id, kind in ((schema.id, Kind.SCHEMA), (schema.catalog_id or schema.parent_id, Kind.CATALOG)):
        if root := (await securables.spec_of(ctx.tx, id)).get(ROOT_FIELD):
            return container_location(parse_storage_url(root, ROOT_FIELD), kind, id)
    if ctx.config.tables_root is None:
        raise InvalidArgument(
            "There is no storage for managed tables. Create an EXTERNAL table with a storage_location, give the schema or "
            "catalog a storage_root, or set MODELKEEP_TABLES_URL."
        )
    return ctx.config.tables_root


async def folder_grant(ctx: ReadCtx, storage_id: str, location: str, *, write: bool) -> FolderGrant:
    """For a caller that was authorized for the table, staging or volume that has this location.

    Raises InvalidArgument where nothing says how the folder is reached, or it may only be read."""
    url = parse_storage_url(location)
    root = ctx.config.tables_root
    if root is not None and url == managed_folder(
        root, storage_id
    ):  # not a table that was registered here before it was a root
        return FolderGrant(storage_id, url, write, _role(url, StorageRole(ctx.config.storage_role, "", ROLE_SETTING)))
    return await location_grant(ctx, storage_id, url, await location_of_folder(ctx, storage_id, url), write=write)


async def location_of_folder(ctx: ReadCtx, storage_id: str, url: StorageUrl) -> str:
    """The id of the external location that the table, staging or volume was created under; '' is none."""
    paths = await storage_paths.above(ctx.tx, url)
    own = [
        path
        for path in paths
        if (path.securable_id == storage_id or path.kind in (Kind.CATALOG, Kind.SCHEMA))
        and url.inside(parse_storage_url(path.path))
    ]
    return own[0].location_id if own else ""


async def location_grant(
    ctx: ReadCtx, storage_id: str, url: StorageUrl, location_id: str, *, write: bool
) -> FolderGrant:
    """By the role of an external location ('' is none). Raises InvalidArgument, also where the folder has become part of this
    server's own storage since."""
    location = await storage_paths.credential_of(ctx.tx, location_id) if location_id else None
    if location is None or not url.inside(parse_storage_url(location.url, "url")):
        if url.scheme == "file":
            return FolderGrant(storage_id, url, write, None)
        _refuse_outside(url)
    check_outside(str(url), ctx.config.managed)
    if write and location.read_only:
        raise InvalidArgument(f"The external location of {str(url)!r} is read-only. Ask for READ.")
    role = StorageRole(location.role_arn, location.external_id, "the storage credential's role_arn")
    return FolderGrant(storage_id, url, write, _role(url, role))


def credential_grant(url: StorageUrl, role_arn: str, external_id: str, *, write: bool) -> FolderGrant:
    """By a storage credential, for a folder that is in no external location yet."""
    return FolderGrant(
        "", url, write, _role(url, StorageRole(role_arn, external_id, "the storage credential's role_arn"))
    )


def _refuse_outside(url: StorageUrl) -> NoReturn:
    raise InvalidArgument(
        f"There are no credentials for {str(url)!r}: it was not created under an external location. Create one, then "
        "create the table there."
    )


def _role(url: StorageUrl, role: StorageRole) -> StorageRole | None:
    if url.scheme == "file":
        return None
    if not role.arn:
        raise InvalidArgument(
            f"There are no credentials for {str(url)!r}: no role is configured in {role.configured_in}."
        )
    return role


async def vend(ctx: ServiceCtx, db: Database, grant: FolderGrant) -> VendedStorage:
    """Credentials for what a transaction has decided; for a folder of this machine none. Before credentials that write are handed
    out, the database knows their expiry: a purge waits for it. Raises Unavailable, WrongState."""
    if grant.role is None:
        return VendedStorage(str(grant.url), grant.write)
    folders = ctx.services.folders
    if folders is None:
        raise WrongState(
            "This server knows no STS. Its operator should set MODELKEEP_STS_ENDPOINT or MODELKEEP_S3_ROLE_ARN."
        )
    credentials = folders.recent(grant.role, grant.url, ctx.actor.id, write=grant.write)
    if credentials is None:
        credentials = await folders.issue(grant.role, grant.url, ctx.actor.id, ctx.actor.name, write=grant.write)
        if grant.write and grant.storage_id:
            async with db.write(ctx.actor.id) as tx:
                await storage_paths.keep_write_expiry(tx, grant.storage_id, credentials.expires_at)
    return VendedStorage(str(grant.url), grant.write, credentials)


async def purge_not_before(tx: Tx, storage_id: str, dropped_at: int) -> int:
    """The earliest moment (epoch ms) at which a dropped table's folder may be deleted. A purge asks again when it runs."""
    return max(await storage_paths.write_expiry(tx, storage_id), dropped_at + TABLE_PURGE_DELAY_MS)
