"""Workspaces by their names, for people (/api/modelkeep/v1/workspaces): the same acts as the account's routes."""

from typing import Any

import msgspec

from modelkeep.api.v1 import answers
from modelkeep.core.operations.catalog import workspaces
from modelkeep.domain.model import Workspace, WorkspaceAssignment
from modelkeep.http.routing import NoFields, Route

BASE = "/api/modelkeep/v1/workspaces"


class V1CreateWorkspace(msgspec.Struct, frozen=True):
    name: str
    address: str


class V1Workspace(msgspec.Struct, frozen=True):
    workspace: str
    """its name or its id"""


class V1UpdateWorkspace(V1Workspace, frozen=True):
    name: str | None = None
    address: str | None = None


class V1Assignee(V1Workspace, frozen=True):
    principal: str


class V1Assign(V1Assignee, frozen=True):
    level: str = workspaces.USER


def _assignment(assignment: WorkspaceAssignment, _: Any) -> WorkspaceAssignment:
    return assignment


def _assignments(assignments: list[WorkspaceAssignment], _: Any) -> answers.WorkspaceAssignments:
    return {"assignments": assignments}


def routes(default_url: str) -> list[Route]:
    """`default_url`: the address of the default workspace, which the settings know and its row does not."""

    def info(workspace: Workspace, _: Any = None) -> answers.AddressedWorkspace:
        return {
            "id": workspace.id,
            "name": workspace.name,
            "url": workspace.url or default_url,
            "default": not workspace.url,
            "created_at": workspace.created_at,
            "created_by": workspace.created_by,
        }

    def every(listed: list[Workspace], _: Any) -> answers.Workspaces:
        return {"workspaces": [info(workspace) for workspace in listed]}

    by_name = f"{BASE}/{{workspace}}"
    principal = f"{by_name}/assignments/{{principal}}"
    return [
        Route("GET", BASE, NoFields, lambda _: workspaces.ListWorkspaces(), every),
        Route("POST", BASE, V1CreateWorkspace, lambda f: workspaces.CreateWorkspace(f.name, f.address), info),
        Route(
            "PATCH",
            by_name,
            V1UpdateWorkspace,
            lambda f: workspaces.UpdateWorkspace(f.workspace, f.name, f.address),
            info,
        ),
        Route("DELETE", by_name, V1Workspace, lambda f: workspaces.DeleteWorkspace(f.workspace)),
        Route(
            "GET",
            f"{by_name}/assignments",
            V1Workspace,
            lambda f: workspaces.ListAssignments(f.workspace),
            _assignments,
        ),
        Route("PUT", principal, V1Assign, lambda f: workspaces.Assign(f.workspace, f.principal, f.level), _assignment),
        Route("DELETE", principal, V1Assignee, lambda f: workspaces.Unassign(f.workspace, f.principal)),
    ]
