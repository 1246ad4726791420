"""The account's workspaces and who is assigned to them, in Databricks' shapes.

Clients: databricks/sdk/service/provisioning.py (WorkspacesAPI), iam.py (WorkspaceAssignmentAPI).
"""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec

from modelkeep.api.account import answers
from modelkeep.core.operations.catalog import workspaces
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.model import Workspace, WorkspaceAssignment
from modelkeep.http.routing import Route

BASE = "/api/2.0/accounts/{account_id}/workspaces"
F = TypeVar("F", bound="Account")
_LEVELS: list[answers.PermissionLevel] = [
    {"permission_level": "USER", "description": "Can enter the workspace"},
    {"permission_level": "ADMIN", "description": "Can manage who enters it, and all its experiments"},
]
_NAMES = {"USER": "user_name", "GROUP": "group_name", "SERVICE_PRINCIPAL": "service_principal_name"}


class Account(msgspec.Struct, frozen=True):
    account_id: str


class AccountWorkspace(Account, frozen=True):
    workspace_id: str


class CreateAccountWorkspace(Account, frozen=True):
    workspace_name: str
    deployment_name: str = ""
    """Its address: host or host:port"""


class UpdateAccountWorkspace(AccountWorkspace, frozen=True):
    workspace_name: str | None = None
    deployment_name: str | None = None
    update_mask: str = ""


class AccountAssignee(AccountWorkspace, frozen=True):
    principal_id: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class AccountAssign(AccountAssignee, frozen=True):
    permissions: tuple[str, ...] = ()


def _create(f: CreateAccountWorkspace) -> workspaces.CreateWorkspace:
    if not f.deployment_name:
        raise InvalidArgument("Give the workspace's address (host or host:port) as deployment_name.")
    return workspaces.CreateWorkspace(f.workspace_name, f.deployment_name)


def _update(f: UpdateAccountWorkspace) -> workspaces.UpdateWorkspace:
    fields = {"workspace_name": f.workspace_name, "deployment_name": f.deployment_name}
    meant = {part.strip() for part in f.update_mask.split(",")} if f.update_mask not in ("", "*") else set(fields)
    return workspaces.UpdateWorkspace(
        f.workspace_id, *(value if name in meant else None for name, value in fields.items())
    )


def level_of(permissions: tuple[str, ...]) -> str:
    """ADMIN wins, unknown words count for nothing; '' takes the assignment away (databricks-sdk, its docstring)."""
    return next((word for word in ("ADMIN", "USER") if word in permissions), "")


def _assign(f: AccountAssign) -> workspaces.Assign | workspaces.Unassign:
    level = level_of(f.permissions)
    if not level:
        return workspaces.Unassign(f.workspace_id, f.principal_id)
    return workspaces.Assign(f.workspace_id, f.principal_id, level)


def assignment(row: WorkspaceAssignment) -> answers.PermissionAssignment:
    principal: answers.AssignedPrincipal = {"principal_id": row.number, "display_name": row.display_name}
    principal[_NAMES[row.kind]] = row.name
    return {"permissions": [row.level], "principal": principal}


def assigned(row: WorkspaceAssignment | None, _: Any) -> answers.PermissionAssignment:
    return assignment(row) if row is not None else {"permissions": []}


def assignments_of(rows: list[WorkspaceAssignment], _: Any) -> answers.PermissionAssignments:
    return {"permission_assignments": [assignment(row) for row in rows]}


def _levels(rows: list[WorkspaceAssignment], _: Any) -> answers.PermissionLevels:
    return {"permissions": _LEVELS}


def routes(account_id: str, address: str, default_id: str) -> list[Route]:
    """`address`: of the default workspace."""

    def info(w: Workspace, _: Any = None) -> answers.WorkspaceInfo:
        """Without `location`, which Databricks answers on Google's cloud alone: to Terraform's provider it is a change that needs
        another workspace (mws/resource_mws_workspaces.go), so its next plan would replace this one."""
        url = address if w.id == default_id else w.url
        return {
            "account_id": account_id,
            "workspace_id": int(w.id),
            "workspace_name": w.name,
            "deployment_name": url.partition("://")[2],
            "workspace_url": url,
            "workspace_status": "RUNNING",
            "workspace_status_message": "Workspace is running.",
            "creation_time": w.created_at,
            "cloud": "self-hosted",
        }

    def every(listed: list[Workspace], _: Any) -> list[answers.WorkspaceInfo]:
        return [info(w) for w in listed]

    def ours(read: Callable[[F], msgspec.Struct]) -> Callable[[F], msgspec.Struct]:
        def checked(f: F) -> msgspec.Struct:
            if f.account_id != account_id:
                raise NotFound(
                    "There is no such account here. GET /.well-known/databricks-config tells the account's id."
                )
            return read(f)

        return checked

    by_id, assignments = f"{BASE}/{{workspace_id}}", f"{BASE}/{{workspace_id}}/permissionassignments"
    principal = f"{assignments}/principals/{{principal_id}}"
    return [
        Route("GET", BASE, Account, ours(lambda _: workspaces.ListWorkspaces()), every),
        Route("POST", BASE, CreateAccountWorkspace, ours(_create), info),
        Route("GET", by_id, AccountWorkspace, ours(lambda f: workspaces.GetWorkspace(f.workspace_id)), info),
        Route("PATCH", by_id, UpdateAccountWorkspace, ours(_update), info),
        Route("DELETE", by_id, AccountWorkspace, ours(lambda f: workspaces.DeleteWorkspace(f.workspace_id))),
        Route(
            "GET",
            assignments,
            AccountWorkspace,
            ours(lambda f: workspaces.ListAssignments(f.workspace_id)),
            assignments_of,
        ),
        Route(
            "GET",
            f"{assignments}/permissions",
            AccountWorkspace,
            ours(lambda f: workspaces.ListAssignments(f.workspace_id)),
            _levels,
        ),
        Route("PUT", principal, AccountAssign, ours(_assign), assigned),
        Route(
            "DELETE", principal, AccountAssignee, ours(lambda f: workspaces.Unassign(f.workspace_id, f.principal_id))
        ),
    ]
