"""Storage credentials and external locations: which role opens which folder, as databricks-sdk and open-source Unity Catalog have them.

A storage credential names a role that this server's own credentials may assume. Secret keys are not kept here.
"""

import re

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.catalog.catalogs import MAX_PAGE
from modelkeep.core.operations.models import models
from modelkeep.core.operations.tables import placement
from modelkeep.domain.authorization import is_admin
from modelkeep.domain.errors import InvalidArgument, NotEmpty, PermissionDenied
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import METASTORE, FullName, check_comment, check_in_urls
from modelkeep.domain.paging import page_size
from modelkeep.store import deletion, securable_lists, securables, storage_paths
from modelkeep.store.storage_paths import LocationDetails

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{0,12}:role/[\w+=,.@/-]{1,512}")


class CreateStorageCredential(msgspec.Struct, frozen=True, kw_only=True):
    name: FullName
    role_arn: str
    comment: str = ""
    read_only: bool = False


class CreateExternalLocation(msgspec.Struct, frozen=True, kw_only=True):
    name: FullName
    url: str
    credential: FullName | None = None
    """None for a folder of this machine."""
    comment: str = ""
    read_only: bool = False


class GetExternalLocation(msgspec.Struct, frozen=True):
    name: FullName


class GetStorageCredential(msgspec.Struct, frozen=True):
    name: FullName


class ListBesideCatalogs(msgspec.Struct, frozen=True):
    max_results: int | None = None
    page_token: str = ""
    name: FullName = METASTORE


class ListExternalLocations(ListBesideCatalogs, frozen=True):
    pass


class ListStorageCredentials(ListBesideCatalogs, frozen=True):
    pass


class UpdateExternalLocation(msgspec.Struct, frozen=True, kw_only=True):
    """None leaves a field as it is."""

    name: FullName
    new_name: FullName | None = None
    url: str | None = None
    credential: FullName | None = None
    comment: str | None = None
    read_only: bool | None = None
    force: bool = False


class UpdateStorageCredential(msgspec.Struct, frozen=True, kw_only=True):
    """None leaves a field as it is."""

    name: FullName
    new_name: FullName | None = None
    role_arn: str | None = None
    comment: str | None = None
    read_only: bool | None = None


class DeleteExternalLocation(msgspec.Struct, frozen=True):
    name: FullName
    force: bool = False


class DeleteStorageCredential(msgspec.Struct, frozen=True):
    name: FullName
    force: bool = False


class ExternalLocation(msgspec.Struct, frozen=True):
    securable: Securable
    details: LocationDetails


async def create_storage_credential(ctx: WriteCtx, req: CreateStorageCredential, metastore: Securable) -> Securable:
    """With the metastore's id as the external id, which the role's trust policy should demand."""
    spec = {"role_arn": _checked_role(req.role_arn), "external_id": metastore.id, **_flags(req.read_only)}
    await insert_in_metastore(ctx, req.name, metastore, req.comment, spec)
    return await models.fetch(ctx, req.name)


async def create_external_location(
    ctx: WriteCtx, req: CreateExternalLocation, metastore: Securable, credential: Securable | None
) -> ExternalLocation:
    """Tables and volumes of the caller that lie there already belong to it from now on.
    Raises InvalidArgument, PermissionDenied."""
    await securables.lock(ctx.tx, metastore)
    url = await placement.place_location(ctx, req.url)
    if (credential is None) != (url.scheme == "file"):
        raise InvalidArgument(
            "A location in S3 needs a storage credential (credential_name), and a folder of this machine takes none."
        )
    if credential is None and not is_admin(ctx.chains[req.name.chain_key]):
        raise PermissionDenied("Only metastore admins may make a folder of this machine an external location. Ask one.")
    id = await insert_in_metastore(ctx, req.name, metastore, req.comment, _flags(req.read_only))
    await storage_paths.insert(
        ctx.tx, id, Kind.EXTERNAL_LOCATION, url, credential_id=credential.id if credential else ""
    )
    await storage_paths.adopt(ctx.tx, url, id)
    return await _located(ctx, req.name)


async def get_storage_credential(ctx: ReadCtx, req: GetStorageCredential, credential: Securable) -> Securable:
    return credential


async def get_external_location(ctx: ReadCtx, req: GetExternalLocation, location: Securable) -> ExternalLocation:
    return (await _with_details(ctx, [location]))[0]


async def list_storage_credentials(ctx: ReadCtx, req: ListStorageCredentials, metastore: Securable) -> Page[Securable]:
    return await page_of_kind(ctx, req, Kind.STORAGE_CREDENTIAL, metastore)


async def list_external_locations(
    ctx: ReadCtx, req: ListExternalLocations, metastore: Securable
) -> Page[ExternalLocation]:
    page = await page_of_kind(ctx, req, Kind.EXTERNAL_LOCATION, metastore)
    return Page(tuple(await _with_details(ctx, page.items)), page.next_token)


async def update_storage_credential(ctx: WriteCtx, req: UpdateStorageCredential, credential: Securable) -> Securable:
    """A new role counts for the next credentials; those that are out live until they expire."""
    role = {} if req.role_arn is None else {"role_arn": _checked_role(req.role_arn)}
    name = await _update(ctx, req, credential, role)
    return await models.fetch(ctx, name)


async def update_external_location(
    ctx: WriteCtx,
    req: UpdateExternalLocation,
    location: Securable,
    credential: Securable | None,
) -> ExternalLocation:
    """Another URL, credential or comment; folders in use stay inside. Raises InvalidArgument, PermissionDenied."""
    await securables.lock(ctx.tx, location)
    before = (await _with_details(ctx, [location]))[0].details
    url, credential_id = before.url, credential.id if credential else before.credential_id
    if req.url is not None and req.url != str(url):
        if not req.force and await storage_paths.is_used(ctx.tx, location.id):
            raise _used(location, "Send force to move it; they have no credentials until they are created again")
        url = await placement.place_location(ctx, req.url, location.id)
        ctx.changed("url", str(before.url), str(url))
    if bool(credential_id) == (url.scheme == "file"):
        raise InvalidArgument(
            "A location in S3 needs a storage credential (credential_name), and a folder of this machine takes none."
        )
    if url.scheme == "file" and url != before.url and not is_admin(ctx.chains[req.name.chain_key]):
        raise PermissionDenied("Only metastore admins may make a folder of this machine an external location. Ask one.")
    await storage_paths.insert(ctx.tx, location.id, Kind.EXTERNAL_LOCATION, url, credential_id=credential_id)
    return await _located(ctx, await _update(ctx, req, location, {}))


async def delete_storage_credential(ctx: WriteCtx, req: DeleteStorageCredential, credential: Securable) -> None:
    if not req.force and await storage_paths.is_credential_used(ctx.tx, credential.id):
        raise _used(credential, "Delete what uses it first, or send force")
    await deletion.detach(ctx.tx, credential)
    await models.remove_detached(ctx, credential)


async def delete_external_location(ctx: WriteCtx, req: DeleteExternalLocation, location: Securable) -> None:
    """What lies in it stays, without credentials."""
    if not req.force and await storage_paths.is_used(ctx.tx, location.id):
        raise _used(location, "Delete what uses it first, or send force")
    await deletion.detach(ctx.tx, location)
    await models.remove_detached(ctx, location)


# --- what they share -------------------------------------------------------------------------------------------------


def _checked_role(arn: str) -> str:
    if not _ROLE.fullmatch(arn):
        raise InvalidArgument(f"role_arn {arn[:300]!r} is no role. Write arn:aws:iam::ACCOUNT:role/NAME.")
    return arn


def _flags(read_only: bool) -> dict[str, str]:
    return {"read_only": "true"} if read_only else {}


async def insert_in_metastore(
    ctx: WriteCtx, name: FullName, metastore: Securable, comment: str, spec: dict[str, str]
) -> str:
    """The id of a new securable beside catalogs. Raises BadName."""
    check_in_urls(name)
    id = await securables.insert(
        ctx.tx,
        securables.NewSecurable(metastore, name, ctx.actor.id, ctx.actor.name, ctx.now, check_comment(comment), spec),
    )
    ctx.touch(name.kind, id, str(name))
    return id


async def _update(
    ctx: WriteCtx,
    req: UpdateExternalLocation | UpdateStorageCredential,
    securable: Securable,
    changes: dict[str, str],
) -> FullName:
    """The name that the securable has from now on."""
    spec = {**securable.spec, **changes}
    if req.read_only is not None:
        spec = {key: value for key, value in spec.items() if key != "read_only"} | _flags(req.read_only)
    comment = securable.comment if req.comment is None else check_comment(req.comment)
    for field in ("role_arn", "read_only"):
        ctx.changed(field, securable.spec.get(field), spec.get(field))
    ctx.changed("comment", securable.comment, comment)
    await securables.update(
        ctx.tx, securable, ctx.actor.name, ctx.now, comment=comment, spec=msgspec.json.encode(spec).decode()
    )
    if req.new_name is None or req.new_name == req.name:
        return req.name
    check_in_urls(req.new_name)
    ctx.changed("name", str(req.name), str(req.new_name))
    await securables.rename(ctx.tx, securable, req.new_name, ctx.actor.name, ctx.now)
    return req.new_name


async def page_of_kind(ctx: ReadCtx, req: ListBesideCatalogs, kind: Kind, metastore: Securable) -> Page[Securable]:
    """Those of one kind beside catalogs that the caller may see, by name."""
    scope = f"{kind}|{ctx.actor.id}"
    position = ctx.config.page_tokens.open_name(scope, req.page_token)
    rows, following = await securable_lists.page_beside_catalogs(
        ctx.tx, kind, metastore.id, ctx.actor, position, page_size(req.max_results, MAX_PAGE, MAX_PAGE)
    )
    token = ctx.config.page_tokens.seal(scope, following) if following else ""
    return Page(tuple(row for row, _ in rows), token)


async def _with_details(ctx: ReadCtx, locations: "list[Securable] | tuple[Securable, ...]") -> list[ExternalLocation]:
    details = await storage_paths.details(ctx.tx, [location.id for location in locations])
    return [ExternalLocation(location, details[location.id]) for location in locations if location.id in details]


async def _located(ctx: ReadCtx, name: FullName) -> ExternalLocation:
    return (await _with_details(ctx, [await models.fetch(ctx, name)]))[0]


def _used(securable: Securable, advice: str) -> NotEmpty:
    return NotEmpty(f"{RULES[securable.kind].label} '{securable.full_name}' is in use. {advice}.", kind=securable.kind)
