"""Permissions of endpoints in Databricks' permissions API: `/api/2.0/permissions/serving-endpoints/{id}`, by id and not by name.

Clients: databricks-sdk (`w.serving_endpoints.set_permissions`), Terraform's `databricks_permissions`, which always sends the group
`admins` with CAN_MANAGE.
"""

from typing import Any
from uuid import UUID

import msgspec

from modelkeep.api.serving import answers
from modelkeep.api.serving.routes import shown_id
from modelkeep.core.operations.serving import permissions
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.model import Principal
from modelkeep.domain.serving import LEVELS
from modelkeep.http.routing import Route
from modelkeep.store.bootstrap import ADMINS
from modelkeep.store.principals import ACCOUNT_USERS, WORKSPACE_USERS

PERMISSIONS = "/api/2.0/permissions/serving-endpoints/{serving_endpoint_id}"
_KINDS = {
    "user_name": ("USER", "SERVICE_PRINCIPAL"),
    "group_name": ("GROUP",),
    "service_principal_name": ("SERVICE_PRINCIPAL",),
}
"""Databricks takes a service principal under `user_name`, too."""
_FIELDS = {"USER": "user_name", "GROUP": "group_name", "SERVICE_PRINCIPAL": "service_principal_name"}
_LEVELS: list[answers.EndpointAccessLevel] = [
    {"permission_level": "CAN_VIEW", "description": "Can view the endpoint"},
    {"permission_level": "CAN_QUERY", "description": "Can view and query the endpoint"},
    {"permission_level": "CAN_MANAGE", "description": "Can view, query, change and delete the endpoint"},
]


class EndpointId(msgspec.Struct, frozen=True):
    serving_endpoint_id: str


class Entry(msgspec.Struct, frozen=True):
    user_name: str = ""
    group_name: str = ""
    service_principal_name: str = ""
    permission_level: str = ""


class EndpointAccessList(EndpointId, frozen=True, kw_only=True):
    access_control_list: tuple[Entry, ...] = ()


def _id(text: str) -> str:
    """The id as the store has it; text that is no id is nobody's."""
    try:
        return str(UUID(text))
    except ValueError:
        return text


def _permission(entry: Entry) -> permissions.EndpointPermission:
    """Raises InvalidArgument."""
    names = [(name, kinds) for field, kinds in _KINDS.items() if (name := getattr(entry, field))]
    if len(names) != 1:
        raise InvalidArgument(f"Each entry of access_control_list names one of {', '.join(_KINDS)}.")
    for level in LEVELS:
        if level == entry.permission_level:
            return permissions.EndpointPermission(*names[0], level)
    raise InvalidArgument(f"permission_level of serving endpoints is one of {', '.join(LEVELS)}.")


def _replace(f: EndpointAccessList) -> permissions.SetEndpointPermissions:
    entries = tuple(map(_permission, f.access_control_list))
    return permissions.SetEndpointPermissions(_id(f.serving_endpoint_id), entries, replace=True)


def _update(f: EndpointAccessList) -> permissions.SetEndpointPermissions:
    if not f.access_control_list:
        raise InvalidArgument("The request changes nothing. Send access_control_list.")
    entries = tuple(map(_permission, f.access_control_list))
    return permissions.SetEndpointPermissions(_id(f.serving_endpoint_id), entries, replace=False)


def _answer(result: permissions.EndpointPermissions, _: Any) -> answers.EndpointAccess:
    admins: answers.EndpointAccessEntry = {
        "group_name": ADMINS,
        "all_permissions": [{"permission_level": "CAN_MANAGE", "inherited": True}],
    }
    return {
        "object_id": f"/serving-endpoints/{shown_id(result.endpoint.id)}",
        "object_type": "serving-endpoint",
        "access_control_list": [admins, *(_entry(principal, level) for principal, level in result.holders)],
    }


def _entry(principal: Principal, level: str) -> answers.EndpointAccessEntry:
    entry: answers.EndpointAccessEntry = {"all_permissions": [{"permission_level": level, "inherited": False}]}
    entry[_FIELDS[principal.kind]] = WORKSPACE_USERS if principal.name == ACCOUNT_USERS else principal.name
    if principal.kind != "GROUP":
        entry["display_name"] = principal.display_name
    return entry


def _levels(_: Any, __: Any) -> answers.EndpointAccessLevels:
    return {"permission_levels": _LEVELS}


def routes() -> list[Route]:
    def get(f: EndpointId) -> permissions.GetEndpointPermissions:
        return permissions.GetEndpointPermissions(_id(f.serving_endpoint_id))

    return [
        Route("GET", PERMISSIONS, EndpointId, get, _answer),
        Route("PUT", PERMISSIONS, EndpointAccessList, _replace, _answer),
        Route("PATCH", PERMISSIONS, EndpointAccessList, _update, _answer),
        Route("GET", f"{PERMISSIONS}/permissionLevels", EndpointId, get, _levels),
    ]
