"""What Databricks' Terraform provider and SDK manage at a workspace's own address: who is assigned to it, and its default namespace.

Clients: terraform-provider-databricks access/resource_permission_assignment.go and settings/generic_setting.go (which sends an empty
etag first, and repeats the request with the one in the refusal), databricks/sdk/service/settings.py (DefaultNamespaceAPI).
"""

from typing import Annotated, Any

import msgspec

from modelkeep.api.account import answers
from modelkeep.api.account.workspaces import assigned, assignment, assignments_of, level_of
from modelkeep.api.errors import databricks
from modelkeep.core.operations.catalog import workspaces
from modelkeep.domain.errors import InvalidArgument, NotFound, RegistryError
from modelkeep.domain.model import WorkspaceAssignment
from modelkeep.domain.names import FullName, fold_principal
from modelkeep.http.messages import Request
from modelkeep.http.routing import NoFields, Route
from modelkeep.limits import ASSIGNMENTS_PER_REQUEST

ASSIGNMENTS = "/api/2.0/preview/permissionassignments"
NAMESPACE = "/api/2.0/settings/types/default_namespace_ws/names/default"
_KINDS = {
    "user_name": ("USER", "SERVICE_PRINCIPAL"),
    "group_name": ("GROUP",),
    "service_principal_name": ("SERVICE_PRINCIPAL",),
}


class SettingsAssignee(msgspec.Struct, frozen=True):
    principal_id: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class SettingsAssign(SettingsAssignee, frozen=True):
    permissions: tuple[str, ...] = ()


class NamedAssignment(msgspec.Struct, frozen=True):
    user_name: str = ""
    group_name: str = ""
    service_principal_name: str = ""
    permissions: tuple[str, ...] = ()


class AssignNamed(msgspec.Struct, frozen=True):
    permission_assignments: tuple[NamedAssignment, ...] = ()


class Etag(msgspec.Struct, frozen=True):
    etag: str = ""


class NamespaceValue(msgspec.Struct, frozen=True):
    value: str = ""


class NamespaceSetting(msgspec.Struct, frozen=True):
    etag: str = ""
    namespace: NamespaceValue = NamespaceValue()
    setting_name: str = "default"


class UpdateNamespace(msgspec.Struct, frozen=True):
    setting: NamespaceSetting
    field_mask: str = ""
    allow_missing: bool = True


def _assign(f: SettingsAssign, request: Request) -> workspaces.Assign | workspaces.Unassign:
    level = level_of(f.permissions)
    here = request.site.workspace_id
    return workspaces.Assign(here, f.principal_id, level) if level else workspaces.Unassign(here, f.principal_id)


def _unassign(f: SettingsAssignee, request: Request) -> workspaces.Unassign:
    return workspaces.Unassign(request.site.workspace_id, f.principal_id)


def _list(f: Any, request: Request) -> workspaces.ListAssignments:
    return workspaces.ListAssignments(request.site.workspace_id)


def _only(listed: list[WorkspaceAssignment], f: SettingsAssignee) -> answers.PermissionAssignment:
    """Raises NotFound."""
    for row in listed:
        if row.number == f.principal_id:
            return assignment(row)
    raise NotFound(f"Principal {f.principal_id} is not assigned to this workspace.", kind="PRINCIPAL")


def _who(entry: NamedAssignment) -> tuple[str, tuple[str, ...]]:
    """(a name, the kinds that it may be of). Raises InvalidArgument."""
    named = [(name, kinds) for field, kinds in _KINDS.items() if (name := getattr(entry, field))]
    if len(named) != 1:
        raise InvalidArgument(f"Each entry of permission_assignments names one of {', '.join(_KINDS)}.")
    return named[0]


def _assign_named(f: AssignNamed, request: Request) -> list[msgspec.Struct]:
    """Raises InvalidArgument."""
    if not 0 < len(f.permission_assignments) <= ASSIGNMENTS_PER_REQUEST:
        raise InvalidArgument(f"permission_assignments has 1 to {ASSIGNMENTS_PER_REQUEST} entries.")
    here, acts = request.site.workspace_id, list[msgspec.Struct]()
    for entry in f.permission_assignments:
        name, kinds = _who(entry)
        level = level_of(entry.permissions)
        if not level:
            raise InvalidArgument(f"Assign '{name[:255]}' as USER or ADMIN.")
        acts.append(workspaces.Assign(here, name, level, kinds))
    return [*acts, workspaces.ListAssignments(here)]


def _assigned_named(listed: list[WorkspaceAssignment], f: AssignNamed) -> answers.PermissionAssignments:
    """Those that the request names, in its order."""
    by_name = {fold_principal(row.display_name): row for row in listed if row.kind == "SERVICE_PRINCIPAL"}
    by_name |= {fold_principal(row.name): row for row in listed}
    named = [by_name.get(fold_principal(_who(entry)[0])) for entry in f.permission_assignments]
    return {"permission_assignments": [assignment(row) for row in named if row is not None]}


def _set(f: UpdateNamespace, request: Request) -> workspaces.SetDefaultCatalog:
    """Raises InvalidArgument."""
    masked = {part.strip() for part in f.field_mask.split(",")} - {"namespace.value", "namespace", "*", ""}
    if masked or f.setting.setting_name not in ("", "default"):
        raise InvalidArgument("This setting has one field: send field_mask=namespace.value.")
    if not f.setting.namespace.value:
        raise InvalidArgument("setting.namespace.value is the name of a catalog. DELETE takes the setting back.")
    return workspaces.SetDefaultCatalog(request.site.workspace_id, f.setting.namespace.value, f.setting.etag)


def _unset(f: Etag, request: Request) -> workspaces.SetDefaultCatalog:
    return workspaces.SetDefaultCatalog(request.site.workspace_id, "", f.etag)


def _deleted(setting: workspaces.DefaultCatalog, _: Any) -> answers.DeletedSetting:
    return {"etag": setting.etag}


def namespace_errors(error: RegistryError) -> tuple[int, Any]:
    """A stale etag's refusal tells the fresh one, where databricks-sdk-go looks for it."""
    status, body = databricks(error)
    if not isinstance(error, workspaces.StaleSetting):
        return status, body
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "RESOURCE_CONFLICT",
        "domain": "settings",
        "metadata": {"etag": error.etag},
    }
    return status, {**body, "details": [info]}


def routes(home: FullName) -> list[Route]:
    """`home`: the deployment's default namespace."""

    def setting(known: workspaces.DefaultCatalog, _: Any) -> answers.DefaultNamespace:
        value = known.catalog or str(home)
        return {"etag": known.etag, "namespace": {"value": value}, "setting_name": "default"}

    def get(f: Etag, request: Request) -> workspaces.GetDefaultCatalog:
        return workspaces.GetDefaultCatalog(request.site.workspace_id)

    principal = f"{ASSIGNMENTS}/principals/{{principal_id}}"
    return [
        Route("GET", ASSIGNMENTS, NoFields, write=assignments_of, read_request=_list),
        Route("POST", ASSIGNMENTS, AssignNamed, write=_assigned_named, read_request=_assign_named),
        Route("GET", principal, SettingsAssignee, write=_only, read_request=_list),
        Route("PUT", principal, SettingsAssign, write=assigned, read_request=_assign),
        Route("DELETE", principal, SettingsAssignee, read_request=_unassign),
        Route("GET", NAMESPACE, Etag, write=setting, read_request=get),
        Route("PATCH", NAMESPACE, UpdateNamespace, write=setting, read_request=_set, render=namespace_errors),
        Route("DELETE", NAMESPACE, Etag, write=_deleted, read_request=_unset, render=namespace_errors),
    ]
