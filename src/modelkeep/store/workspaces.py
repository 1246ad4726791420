"""Workspaces as rows: their addresses, who is assigned to them, and which isolated catalogs they may reach."""

from collections.abc import Sequence
from typing import NamedTuple

from modelkeep.domain.authorization import Binding
from modelkeep.domain.errors import AlreadyExists
from modelkeep.domain.model import CatalogBinding, Principal, Workspace, WorkspaceAssignment
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Database, Params, Tx, UniqueViolation, WriteTx, now_ms
from modelkeep.store.principals import ACCOUNT_USERS, ROLE

_COLUMNS = "w.id, w.name, w.url, w.created_at, w.created_by"


async def ensure_default(db: Database, workspace_id: str) -> None:
    """The workspace that the settings name: there from the first start on, and open to everyone until an admin says otherwise."""
    async with db.read() as tx:
        if await by_id(tx, workspace_id) is not None:
            return
    try:
        async with db.write() as tx:
            at = now_ms()
            first = await tx.one("SELECT 1 FROM workspaces LIMIT 1") is None
            workspace = Workspace(workspace_id, "default" if first else f"default-{workspace_id}", "", at, "modelkeep")
            await insert(tx, workspace, None)
            await tx.run(
                "INSERT INTO workspace_assignments (workspace_id, principal_id, level, created_at, created_by) "
                "SELECT CAST(:id AS TEXT), p.id, 'USER', :at, 'modelkeep' FROM principals p WHERE p.name_key = :everyone",
                id=workspace_id,
                at=at,
                everyone=ACCOUNT_USERS,
            )
    except AlreadyExists:  # another process was quicker
        return


async def insert(tx: WriteTx, workspace: Workspace, host: str | None) -> None:
    """`host`: the Host header of its clients; None for the default one. Raises AlreadyExists."""
    try:
        await tx.run(
            "INSERT INTO workspaces (id, name, name_key, url, host, created_at, created_by) "
            "VALUES (:id, :name, :key, :url, :host, :at, :by)",
            id=workspace.id,
            name=workspace.name,
            key=workspace.name.casefold(),
            url=workspace.url,
            host=host,
            at=workspace.created_at,
            by=workspace.created_by,
        )
    except UniqueViolation as error:
        raise _taken(workspace) from error


async def lock(tx: WriteTx, workspace_id: str) -> None:
    """Changes of a workspace's name and address queue on its row until commit."""
    await tx.run("UPDATE workspaces SET name = name WHERE id = :id", id=workspace_id)


async def update(tx: WriteTx, workspace: Workspace, host: str | None) -> None:
    """Its name and address. Raises AlreadyExists."""
    try:
        await tx.run(
            "UPDATE workspaces SET name = :name, name_key = :key, url = :url, host = :host WHERE id = :id",
            id=workspace.id,
            name=workspace.name,
            key=workspace.name.casefold(),
            url=workspace.url,
            host=host,
        )
    except UniqueViolation as error:
        raise _taken(workspace) from error


def _taken(workspace: Workspace) -> AlreadyExists:
    return AlreadyExists(f"A workspace named '{workspace.name}', or one at {workspace.url}, already exists.")


async def delete(tx: WriteTx, workspace_id: str) -> None:
    """With its assignments and bindings. Experiments and their files stay where they are."""
    await tx.bulk("DELETE FROM workspaces WHERE id = :id", id=workspace_id)


async def by_id(tx: Tx, workspace_id: str) -> Workspace | None:
    row = await tx.one(f"SELECT {_COLUMNS} FROM workspaces w WHERE w.id = :id", id=workspace_id)
    return Workspace(*row) if row else None


async def named(tx: Tx, text: str) -> Workspace | None:
    """By its id, which is a number, or by its name, which is none."""
    if text.isdecimal():
        return await by_id(tx, text)
    row = await tx.one(f"SELECT {_COLUMNS} FROM workspaces w WHERE w.name_key = :key", key=text.casefold())
    return Workspace(*row) if row else None


async def by_host(tx: Tx, host: str) -> Workspace | None:
    row = await tx.one(f"SELECT {_COLUMNS} FROM workspaces w WHERE w.host = :host", host=host)
    return Workspace(*row) if row else None


async def any_with_address(tx: Tx) -> bool:
    return await tx.one("SELECT 1 FROM workspaces w WHERE w.host IS NOT NULL LIMIT 1") is not None


async def every(tx: Tx) -> list[Workspace]:
    return [Workspace(*row) for row in await tx.all(f"SELECT {_COLUMNS} FROM workspaces w ORDER BY w.name_key")]


async def of_principal(tx: Tx, principal_id: str) -> list[Workspace]:
    """Those that the principal, or a group of his, is assigned to."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM workspaces w WHERE w.id IN (SELECT a.workspace_id FROM workspace_assignments a "
        f"WHERE a.principal_id IN {acts_as(':id')}) ORDER BY w.name_key",
        id=principal_id,
    )
    return [Workspace(*row) for row in rows]


# --- the default catalog of SQL --------------------------------------------------------------------------------------


class CatalogOfWorkspace(NamedTuple):
    """The catalog that was set for a workspace."""

    catalog: str
    """'' for none"""
    changed_at: int
    """epoch ms, 0 for never"""


async def default_catalog(tx: Tx, workspace_id: str) -> CatalogOfWorkspace:
    row = await tx.one("SELECT default_catalog, default_catalog_at FROM workspaces WHERE id = :id", id=workspace_id)
    return CatalogOfWorkspace(*row) if row else CatalogOfWorkspace("", 0)


async def set_default_catalog(tx: WriteTx, workspace_id: str, catalog: str, at: int) -> None:
    """'' leaves it to the deployment's setting. `at`: epoch ms."""
    await tx.run(
        "UPDATE workspaces SET default_catalog = :catalog, default_catalog_at = :at WHERE id = :id",
        id=workspace_id,
        catalog=catalog,
        at=at,
    )


# --- assignments -----------------------------------------------------------------------------------------------------


async def role_of(tx: Tx, workspace: str, principal_id: str) -> str:
    """USER or ADMIN, by assignment of his own or of a group of his, in the workspace of this id or name; '' for none."""
    role = await named(tx, workspace)
    row = await tx.one(
        f"SELECT {ROLE} FROM principals p WHERE p.id = :id", id=principal_id, workspace=role.id if role else ""
    )
    return (row[0] if row else None) or ""


async def assignments(tx: Tx, workspace_id: str) -> list[WorkspaceAssignment]:
    """By the principal's name."""
    rows = await tx.scan(
        "SELECT p.number, p.kind, p.name, p.display_name, a.level FROM workspace_assignments a "
        "JOIN principals p ON p.id = a.principal_id WHERE a.workspace_id = :id ORDER BY p.name_key",
        id=workspace_id,
    )
    return [WorkspaceAssignment(*row) for row in rows]


async def level_of(tx: Tx, workspace_id: str, principal: Principal) -> str | None:
    """What the principal is assigned as itself; None for not at all."""
    row = await tx.one(
        "SELECT a.level FROM workspace_assignments a WHERE a.workspace_id = :workspace AND a.principal_id = :principal",
        workspace=workspace_id,
        principal=principal.id,
    )
    return row[0] if row else None


async def admins_of(tx: Tx, workspace_id: str) -> list[str]:
    """Names of those who say who enters it: its own admins, then the account's; 20 at most."""
    rows = await tx.all(
        "SELECT p.name, 0, p.name_key FROM workspace_assignments a JOIN principals p ON p.id = a.principal_id "
        "WHERE a.workspace_id = :id AND a.level = 'ADMIN' UNION "
        "SELECT p.name, 1, p.name_key FROM principals p WHERE p.account_admin = 1 ORDER BY 2, 3 LIMIT 20",
        id=workspace_id,
    )
    return list(dict.fromkeys(row[0] for row in rows))


async def assign(tx: WriteTx, workspace_id: str, principal: Principal, level: str, by: str, at: int) -> None:
    """In place of what the principal was assigned as itself."""
    await tx.run(
        "INSERT INTO workspace_assignments (workspace_id, principal_id, level, created_at, created_by) "
        "VALUES (:workspace, :principal, :level, :at, :by) "
        "ON CONFLICT (workspace_id, principal_id) DO UPDATE SET level = excluded.level",
        workspace=workspace_id,
        principal=principal.id,
        level=level,
        at=at,
        by=by,
    )


async def unassign(tx: WriteTx, workspace_id: str, principal: Principal) -> None:
    await tx.run(
        "DELETE FROM workspace_assignments WHERE workspace_id = :workspace AND principal_id = :principal",
        workspace=workspace_id,
        principal=principal.id,
    )


# --- bindings of catalogs --------------------------------------------------------------------------------------------


async def isolate(tx: WriteTx, catalog_id: str, isolated: bool) -> None:
    await tx.run("UPDATE securables SET isolated = :isolated WHERE id = :id", id=catalog_id, isolated=int(isolated))


async def bindings(tx: Tx, catalog_id: str, after: str, limit: int) -> list[CatalogBinding]:
    """By the workspace's id, after this one."""
    rows = await tx.all(
        "SELECT b.workspace_id, b.access FROM catalog_bindings b WHERE b.catalog_id = :id AND b.workspace_id > :after "
        "ORDER BY b.workspace_id LIMIT :limit",
        id=catalog_id,
        after=after,
        limit=limit,
    )
    return [CatalogBinding(row[0], row[1]) for row in rows]


async def bind(tx: WriteTx, catalog_id: str, workspace_id: str, access: Binding) -> None:
    """In place of what the workspace might do before."""
    await tx.run(
        "INSERT INTO catalog_bindings (catalog_id, workspace_id, access) VALUES (:catalog, :workspace, :access) "
        "ON CONFLICT (catalog_id, workspace_id) DO UPDATE SET access = excluded.access",
        catalog=catalog_id,
        workspace=workspace_id,
        access=str(access),
    )


async def unbind(tx: WriteTx, catalog_id: str, workspace_ids: Sequence[str]) -> None:
    rows: list[Params] = [{"catalog": catalog_id, "workspace": id} for id in workspace_ids]
    await tx.run_many("DELETE FROM catalog_bindings WHERE catalog_id = :catalog AND workspace_id = :workspace", rows)
