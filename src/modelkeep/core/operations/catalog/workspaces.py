"""Workspaces and who is assigned to them. An account admin may enter and manage each; a workspace's admins manage who enters it."""

import secrets

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.domain.addresses import Address, parse_address
from modelkeep.domain.errors import AlreadyExists, Conflict, InvalidArgument, NotFound
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Principal, Workspace, WorkspaceAssignment
from modelkeep.domain.names import check_principal_name, fold
from modelkeep.store import identities, principals, workspaces

USER, ADMIN = "USER", "ADMIN"


class ListWorkspaces(msgspec.Struct, frozen=True):
    """Those that the caller may enter."""


class NameWorkspace(msgspec.Struct, frozen=True):
    workspace: str
    """its id or its name"""


class GetWorkspace(NameWorkspace, frozen=True):
    pass


class CreateWorkspace(msgspec.Struct, frozen=True):
    name: str
    address: str


class UpdateWorkspace(NameWorkspace, frozen=True):
    """None changes nothing."""

    name: str | None = None
    address: str | None = None


class DeleteWorkspace(NameWorkspace, frozen=True):
    pass


class ListAssignments(NameWorkspace, frozen=True):
    pass


class Assign(NameWorkspace, frozen=True):
    """`principal`: a name, or the number that clients know it by."""

    principal: str | int
    level: str = USER
    kinds: tuple[str, ...] = ()
    """of these kinds only; () is any"""


class Unassign(NameWorkspace, frozen=True):
    principal: str | int


class GetDefaultCatalog(NameWorkspace, frozen=True):
    """The catalog that SQL in the workspace means where a name has none."""


class SetDefaultCatalog(NameWorkspace, frozen=True):
    """`catalog`: '' leaves it to the deployment's setting. `etag`: of what the caller has read."""

    catalog: str = ""
    etag: str = ""


class DefaultCatalog(msgspec.Struct, frozen=True):
    """`catalog` is '' where none was set."""

    catalog: str
    etag: str


class StaleSetting(Conflict):
    """A change of a setting that somebody else has changed since, or whose etag is missing. `etag` is the one to send."""

    etag: str = ""


async def list_workspaces(ctx: ReadCtx, req: ListWorkspaces) -> list[Workspace]:
    return await (
        workspaces.every(ctx.tx) if ctx.actor.account_admin else workspaces.of_principal(ctx.tx, ctx.actor.id)
    )


async def get_workspace(ctx: ReadCtx, req: GetWorkspace) -> Workspace:
    workspace = await _named(ctx, req.workspace)
    if not ctx.actor.account_admin and not await workspaces.role_of(ctx.tx, workspace.id, ctx.actor.id):
        raise _missing(req.workspace)
    return workspace


async def create_workspace(ctx: WriteCtx, req: CreateWorkspace) -> Workspace:
    """Nobody but account admins may enter it until they are assigned."""
    address = _address(ctx, req.address)
    number = str(10**15 + secrets.randbelow(8 * 10**15))
    workspace = Workspace(number, _name(req.name), address.url, ctx.now, ctx.actor.name)
    await workspaces.insert(ctx.tx, workspace, address.host)
    ctx.touch("WORKSPACE", workspace.id, workspace.name)
    return workspace


async def update_workspace(ctx: WriteCtx, req: UpdateWorkspace) -> Workspace:
    """Another name or address. The address of the default workspace is a setting. Raises InvalidArgument."""
    if req.name is None and req.address is None:
        raise InvalidArgument("The request changes nothing. Send a name or an address.")
    await workspaces.lock(ctx.tx, (await _named(ctx, req.workspace)).id)
    workspace = await _named(ctx, req.workspace)
    name = workspace.name if req.name is None else _name(req.name)
    address = parse_address(workspace.url) if workspace.url else None
    if req.address is not None:
        if address is None:
            raise InvalidArgument("The address of the default workspace is the setting MODELKEEP_PUBLIC_URL.")
        address = _address(ctx, req.address)
    changed = msgspec.structs.replace(workspace, name=name, url=address.url if address else "")
    ctx.touch("WORKSPACE", workspace.id, name)
    ctx.changed("name", workspace.name, name)
    ctx.changed("address", workspace.url, changed.url)
    await workspaces.update(ctx.tx, changed, address.host if address else None)
    return changed


async def delete_workspace(ctx: WriteCtx, req: DeleteWorkspace) -> None:
    """Its address ends; the tracking data stay where they are, for an operator to keep or remove.
    Raises InvalidArgument."""
    workspace = await _named(ctx, req.workspace)
    if workspace.id == ctx.config.workspace_id:
        raise InvalidArgument("The default workspace cannot be deleted.")
    ctx.touch("WORKSPACE", workspace.id, workspace.name)
    ctx.changed("address", workspace.url, None)
    await workspaces.delete(ctx.tx, workspace.id)


async def get_default_catalog(ctx: ReadCtx, req: GetDefaultCatalog) -> DefaultCatalog:
    """Of a workspace that the caller may enter. Raises NotFound."""
    workspace = await get_workspace(ctx, GetWorkspace(req.workspace))
    catalog, at = await workspaces.default_catalog(ctx.tx, workspace.id)
    return DefaultCatalog(catalog, str(at))


async def set_default_catalog(ctx: WriteCtx, req: SetDefaultCatalog) -> DefaultCatalog:
    """Raises StaleSetting, BadName."""
    workspace = await _named(ctx, req.workspace)
    await workspaces.lock(ctx.tx, workspace.id)
    before, at = await workspaces.default_catalog(ctx.tx, workspace.id)
    if req.etag != str(at):
        stale = StaleSetting(
            "The setting's etag is missing, or the setting has changed since it was read. Send the etag of this answer."
        )
        stale.etag = str(at)
        raise stale
    catalog = fold(req.catalog, Kind.CATALOG) if req.catalog else ""
    # Another time than before, so that the etag differs.
    now = max(ctx.now, at + 1)
    ctx.touch("WORKSPACE", workspace.id, workspace.name)
    ctx.changed("default_catalog", before, catalog)
    await workspaces.set_default_catalog(ctx.tx, workspace.id, catalog, now)
    return DefaultCatalog(catalog, str(now))


async def list_assignments(ctx: ReadCtx, req: ListAssignments) -> list[WorkspaceAssignment]:
    return await workspaces.assignments(ctx.tx, (await _named(ctx, req.workspace)).id)


async def assign(ctx: WriteCtx, req: Assign) -> WorkspaceAssignment:
    """Lets a principal enter the workspace as USER or ADMIN; the level before ends. Raises InvalidArgument."""
    workspace = await _named(ctx, req.workspace)
    if req.level not in (USER, ADMIN):
        raise InvalidArgument(f"A principal is assigned as {USER} or {ADMIN}.")
    principal = await _principal(ctx, req.principal, req.kinds)
    _touch(ctx, workspace, principal)
    before = await workspaces.level_of(ctx.tx, workspace.id, principal)
    ctx.changed(f"assignment of {principal.name}", before, req.level)
    await workspaces.assign(ctx.tx, workspace.id, principal, req.level, ctx.actor.name, ctx.now)
    identity = await identities.by_id(ctx.tx, principal.id)
    assert identity is not None
    return WorkspaceAssignment(identity.number, principal.kind, principal.name, principal.display_name, req.level)


async def unassign(ctx: WriteCtx, req: Unassign) -> None:
    """One who is not assigned is no error: clients deliver a DELETE twice."""
    workspace, principal = await _named(ctx, req.workspace), await _principal(ctx, req.principal)
    _touch(ctx, workspace, principal)
    ctx.changed(f"assignment of {principal.name}", await workspaces.level_of(ctx.tx, workspace.id, principal), None)
    await workspaces.unassign(ctx.tx, workspace.id, principal)


def _touch(ctx: ReadCtx, workspace: Workspace, principal: Principal) -> None:
    ctx.touch("WORKSPACE", workspace.id, workspace.name)
    ctx.touch(principal.kind, principal.id, principal.name)


async def _named(ctx: ReadCtx, text: str) -> Workspace:
    workspace = await workspaces.named(ctx.tx, text)
    if workspace is None:
        raise _missing(text)
    return workspace


def _missing(text: str) -> NotFound:
    return NotFound(f"Workspace '{text[:255]}' does not exist.", kind="WORKSPACE")


async def _principal(ctx: ReadCtx, identifier: str | int, kinds: tuple[str, ...] = ()) -> Principal:
    if isinstance(identifier, str):
        principal = await principals.in_access_list(ctx.tx, identifier)
    else:
        principal = (await identities.by_numbers(ctx.tx, [identifier])).get(identifier)
    if principal is None or (kinds and principal.kind not in kinds):
        raise NotFound(f"Principal '{str(identifier)[:255]}' does not exist.", kind="PRINCIPAL")
    return principal


def _name(text: str) -> str:
    """Raises BadName, InvalidArgument."""
    name = check_principal_name(text)
    if name.isdecimal():
        raise InvalidArgument("A workspace's name must not be a number: its id is one.")
    return name


def _address(ctx: ReadCtx, text: str) -> Address:
    address = parse_address(text)
    if address.host in ctx.config.own_hosts:
        raise AlreadyExists(f"{address.host} is the address of the default workspace. Choose another host or port.")
    return address
