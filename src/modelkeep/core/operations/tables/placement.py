"""Which folder may become whose: external locations, storage roots, external tables and volumes, without overlaps.

A table or volume inside an external location needs the location's privilege, and then has credentials. One outside of all
locations is metadata, as before, and a location that is made around it later gives it no credentials.
"""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operation import Target
from modelkeep.domain.authorization import Requirement, holds
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.locations import check_outside
from modelkeep.domain.names import FullName
from modelkeep.domain.privileges import Privilege
from modelkeep.domain.storage_urls import StorageUrl, is_governable, parse_storage_url
from modelkeep.store import securables, storage_paths
from modelkeep.store.db import Tx
from modelkeep.store.storage_paths import StoragePath

ROOT_FIELD = "storage_root"
"""Of a catalog's or schema's `spec`."""
UNDER_ROOT = "__unitystorage"
"""Folder that the server makes for its own in a storage root, as Databricks and open-source Unity Catalog do."""
CREATE_INSIDE = {
    Kind.TABLE: holds(Privilege.CREATE_EXTERNAL_TABLE),
    Kind.VOLUME: holds(Privilege.CREATE_EXTERNAL_VOLUME),
    Kind.CATALOG: holds(Privilege.CREATE_MANAGED_STORAGE),
    Kind.SCHEMA: holds(Privilege.CREATE_MANAGED_STORAGE),
}
"""What it takes, on the external location, to create something of this kind in it."""


class Placement(msgspec.Struct, frozen=True):
    """A folder that the caller may have."""

    url: StorageUrl
    location_id: str
    """Of the external location that it lies in; '' for one outside of all."""


def governed_url(text: str) -> StorageUrl | None:
    """None for a location that this server cannot govern (another cloud, a spelling with two readings): it is a name alone."""
    if not is_governable(text):
        return None
    try:
        return parse_storage_url(text)
    except InvalidArgument:
        return None


async def place(ctx: WriteCtx, kind: Kind, text: str) -> Placement | None:
    """For a new external table or volume; None for a location that this server cannot govern (another cloud, a spelling with two
    readings): it is metadata. Raises InvalidArgument, PermissionDenied."""
    if (url := governed_url(text)) is None:
        return None
    above = await storage_paths.above(ctx.tx, url)
    location = _location_of(url, above)
    if location is None:
        return Placement(url, "")
    await reach_location(ctx, location, CREATE_INSIDE[kind])
    await storage_paths.lock(ctx.tx, location.securable_id)
    taken = next((path for path in above if path.kind != Kind.EXTERNAL_LOCATION), None)
    if taken is None:
        taken = next(iter(await storage_paths.below(ctx.tx, url, 1)), None)
    if taken is not None:
        raise _overlap(url, taken)
    return Placement(url, location.securable_id)


async def place_root(ctx: WriteCtx, kind: Kind, text: str) -> Placement:
    """The storage root of a new catalog or schema, which others may share. Raises InvalidArgument, PermissionDenied."""
    check_outside(text, ctx.config.managed)
    url = parse_storage_url(text, "storage_root")
    above = await storage_paths.above(ctx.tx, url)
    location = _location_of(url, above)
    if location is None:
        raise InvalidArgument(f"storage_root {str(url)!r} lies in no external location. Create one for it first.")
    await reach_location(ctx, location, CREATE_INSIDE[kind])
    await storage_paths.lock(ctx.tx, location.securable_id)
    for path in above:
        if path.kind != Kind.EXTERNAL_LOCATION:
            raise _overlap(url, path)
    return Placement(url, location.securable_id)


async def place_location(ctx: WriteCtx, text: str, own_id: str = "") -> StorageUrl:
    """The folder of an external location: no other one above or below it, and nothing of other owners in it.
    `own_id`: of the location itself, which moves. Raises InvalidArgument."""
    check_outside(text, ctx.config.managed)
    url = parse_storage_url(text, "url")
    for path in await storage_paths.above(ctx.tx, url):
        if path.securable_id != own_id:
            raise _overlap(url, path)
    for path in await storage_paths.below(ctx.tx, url, 1, (Kind.EXTERNAL_LOCATION,)):
        if path.securable_id != own_id:
            raise _overlap(url, path)
    if (foreign := await storage_paths.below_of_others(ctx.tx, url, ctx.actor.id, own_id)) is not None:
        raise _overlap(url, foreign)
    return url


async def keep(ctx: WriteCtx, id: str, kind: Kind, folder: Placement | None) -> None:
    """The folder is the securable's from now on."""
    if folder is not None:
        await storage_paths.insert(ctx.tx, id, kind, folder.url, folder.location_id)


def container_location(root: StorageUrl, kind: Kind, id: str) -> StorageUrl:
    """The folder of a catalog or schema in its storage root, which others may share."""
    return root.child(UNDER_ROOT, "catalogs" if kind is Kind.CATALOG else "schemas", id)


async def reach_location(ctx: ReadCtx, location: StoragePath, need: Requirement, *, writes: bool = False) -> FullName:
    """The location's name, for a caller who holds `need` on it. Raises PermissionDenied."""
    name = await securables.name_of(ctx.tx, location.securable_id)
    assert name is not None
    await ctx.reach(Target("name", need, writes=writes), name)
    return name


async def location_at(tx: Tx, url: StorageUrl) -> StoragePath | None:
    """The external location that holds this folder."""
    return _location_of(url, await storage_paths.above(tx, url))


def _location_of(url: StorageUrl, above: list[StoragePath]) -> StoragePath | None:
    return next(
        (path for path in above if path.kind == Kind.EXTERNAL_LOCATION and url.inside(parse_storage_url(path.path))),
        None,
    )


def _overlap(url: StorageUrl, path: StoragePath) -> InvalidArgument:
    """Without the other's name, which the caller may not know."""
    what = RULES[Kind(path.kind)].label if path.kind in Kind.__members__ else "securable"
    return InvalidArgument(f"{str(url)!r} overlaps the storage of another {what}. Choose a folder that is free.")
