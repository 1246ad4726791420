"""Permissions of workspace directories, files and notebooks: `/api/2.0/permissions/{directories,files,notebooks}/{object_id}`.

Clients: databricks/sdk/service/workspace.py (get_permissions, set_permissions, ...), databricks/sdk/service/iam.py (PermissionsAPI),
terraform-provider-databricks permissions/permission_definitions.go: it finds the object by its path with `get-status`, and
compares `object_type` of each answer.
"""

from typing import Any

import msgspec

from modelkeep.api.account import answers
from modelkeep.api.account.access_lists import AccessListEntry, entry_of, principal_of
from modelkeep.core.operations.files import workspace_permissions as permissions
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.workspace_paths import ObjectLevel
from modelkeep.http.routing import Route

_TYPES: dict[permissions.ObjectType, str] = {"directories": "directory", "files": "file", "notebooks": "notebook"}
_ON_FILES = {
    ObjectLevel.CAN_READ: "Can view it",
    ObjectLevel.CAN_RUN: "Can view it, as CAN_READ",
    ObjectLevel.CAN_EDIT: "Can view and change it",
    ObjectLevel.CAN_MANAGE: "Can change and delete it, and say who may do what with it",
}
_ON_DIRECTORIES = {
    ObjectLevel.CAN_READ: "Can list it, and view what is in it",
    ObjectLevel.CAN_RUN: "Can list it, and view what is in it, as CAN_READ",
    ObjectLevel.CAN_EDIT: "Can change the files that are in it",
    ObjectLevel.CAN_MANAGE: "Can create and delete what is in it, and say who may do what with it",
}
_LEVELS: dict[permissions.ObjectType, dict[ObjectLevel, str]] = {
    "directories": _ON_DIRECTORIES,
    "files": _ON_FILES,
    "notebooks": _ON_FILES,
}
_LARGEST_ID = 1 << 53


class ObjectFields(msgspec.Struct, frozen=True):
    object_id: str


class AccessListFields(msgspec.Struct, frozen=True):
    object_id: str
    access_control_list: tuple[AccessListEntry, ...] = ()


def _number(type: permissions.ObjectType, text: str) -> int:
    """Raises NotFound."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 16 or int(text) > _LARGEST_ID:
        raise NotFound(
            f"{type}/{text[:100]} does not exist. Take the object_id that /api/2.0/workspace/get-status answers."
        )
    return int(text)


def _set(type: permissions.ObjectType, f: AccessListFields, *, replace: bool) -> permissions.SetWorkspacePermissions:
    """Raises InvalidArgument, NotFound."""
    return permissions.SetWorkspacePermissions(
        type, _number(type, f.object_id), tuple(map(_named_level, f.access_control_list)), replace
    )


def _named_level(entry: AccessListEntry) -> permissions.NamedLevel:
    """Raises InvalidArgument."""
    words = [level.name for level in _ON_FILES]
    if entry.permission_level not in words:
        raise InvalidArgument(f"permission_level of a directory or file is one of {', '.join(words)}.")
    return permissions.NamedLevel(*principal_of(entry), ObjectLevel[entry.permission_level])


def _answer(
    type: permissions.ObjectType, listed: permissions.WorkspacePermissions, object_id: int
) -> answers.ObjectPermissions:
    entries: dict[str, answers.AccessEntry] = {}
    for entry in listed.entries:
        level: answers.HeldLevel = {"permission_level": entry.level.name, "inherited": entry.directory_id is not None}
        if entry.directory_id is not None:
            level["inherited_from_object"] = [f"/directories/{entry.directory_id}"]
        if entry.name not in entries:
            entries[entry.name] = entry_of(entry.name, entry.kind, entry.display_name, [])
        entries[entry.name]["all_permissions"].append(level)
    return {
        "object_id": f"/{type}/{object_id}",
        "object_type": _TYPES[type],
        "access_control_list": list(entries.values()),
    }


def routes() -> list[Route]:
    return [route for type in _TYPES for route in _routes(type)]


def _routes(type: permissions.ObjectType) -> list[Route]:
    def get(f: ObjectFields) -> permissions.GetWorkspacePermissions:
        return permissions.GetWorkspacePermissions(type, _number(type, f.object_id))

    def replace(f: AccessListFields) -> permissions.SetWorkspacePermissions:
        return _set(type, f, replace=True)

    def update(f: AccessListFields) -> permissions.SetWorkspacePermissions:
        return _set(type, f, replace=False)

    def answer(listed: permissions.WorkspacePermissions, f: Any) -> answers.ObjectPermissions:
        return _answer(type, listed, int(f.object_id))

    def levels(_: permissions.WorkspacePermissions, __: Any) -> answers.AccessLevels:
        return {
            "permission_levels": [
                {"permission_level": level.name, "description": text} for level, text in _LEVELS[type].items()
            ]
        }

    path = f"/api/2.0/permissions/{type}/{{object_id}}"
    return [
        Route("GET", path, ObjectFields, get, answer),
        Route("PUT", path, AccessListFields, replace, answer),
        Route("PATCH", path, AccessListFields, update, answer),
        Route("GET", f"{path}/permissionLevels", ObjectFields, get, levels),
    ]
