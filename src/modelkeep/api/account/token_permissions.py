"""Who may use personal access tokens, as Databricks' permissions API has it: the object `/authorization/tokens`.

Clients: databricks/sdk/service/settings.py (TokenManagementAPI), terraform-provider-databricks permissions/permission_definitions.go
(`databricks_permissions` with `authorization = "tokens"`, which always sends the group `admins` with CAN_MANAGE).
"""

from typing import Any

from modelkeep.api.account import answers
from modelkeep.api.account.access_lists import AccessList, AccessListEntry, entry_of, principal_of
from modelkeep.core.operations.identity import token_users
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.model import Principal
from modelkeep.http.routing import NoFields, Route
from modelkeep.store.bootstrap import ADMINS
from modelkeep.store.principals import ACCOUNT_USERS, WORKSPACE_USERS

TOKENS = "/api/2.0/permissions/authorization/tokens"
_LEVELS: list[answers.AccessLevel] = [
    {"permission_level": "CAN_USE", "description": "Can create and use personal access tokens"},
    {"permission_level": "CAN_MANAGE", "description": "Can manage the tokens of everyone, and who may use them"},
]


def _user(entry: AccessListEntry) -> token_users.TokenUser:
    """Raises InvalidArgument."""
    name, kinds = principal_of(entry)
    if entry.permission_level not in ("CAN_USE", "CAN_MANAGE"):
        raise InvalidArgument("permission_level of tokens is one of CAN_USE, CAN_MANAGE.")
    return token_users.TokenUser(name, kinds, entry.permission_level)


def _replace(f: AccessList) -> token_users.SetTokenUsers:
    return token_users.SetTokenUsers(tuple(map(_user, f.access_control_list)), replace=True)


def _update(f: AccessList) -> token_users.SetTokenUsers:
    if not f.access_control_list:
        raise InvalidArgument("The request changes nothing. Send access_control_list.")
    return token_users.SetTokenUsers(tuple(map(_user, f.access_control_list)), replace=False)


def _answer(users: list[Principal], _: Any) -> answers.ObjectPermissions:
    admins: answers.AccessEntry = {"group_name": ADMINS, "all_permissions": [_level("CAN_MANAGE")]}
    return {
        "object_id": "/authorization/tokens",
        "object_type": "tokens",
        "access_control_list": [admins, *map(_entry, users)],
    }


def _entry(user: Principal) -> answers.AccessEntry:
    name = WORKSPACE_USERS if user.name == ACCOUNT_USERS else user.name
    return entry_of(name, user.kind, user.display_name, [_level("CAN_USE")])


def _level(level: str) -> answers.HeldLevel:
    return {"permission_level": level, "inherited": False}


def _levels(_: Any, __: Any) -> answers.AccessLevels:
    return {"permission_levels": _LEVELS}


def routes() -> list[Route]:
    def get(_: NoFields) -> token_users.GetTokenUsers:
        return token_users.GetTokenUsers()

    return [
        Route("GET", TOKENS, NoFields, get, _answer),
        Route("PUT", TOKENS, AccessList, _replace, _answer),
        Route("PATCH", TOKENS, AccessList, _update, _answer),
        Route("GET", f"{TOKENS}/permissionLevels", NoFields, get, _levels),
    ]
