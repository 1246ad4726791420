"""Entries of access lists, as Databricks' permissions API spells them."""

import msgspec

from modelkeep.api.account import answers
from modelkeep.domain.errors import InvalidArgument

_KINDS = {
    "user_name": ("USER", "SERVICE_PRINCIPAL"),
    "group_name": ("GROUP",),
    "service_principal_name": ("SERVICE_PRINCIPAL",),
}
"""Databricks takes a service principal under `user_name`, too."""
_FIELDS = {"USER": "user_name", "GROUP": "group_name", "SERVICE_PRINCIPAL": "service_principal_name"}


class AccessListEntry(msgspec.Struct, frozen=True):
    user_name: str = ""
    group_name: str = ""
    service_principal_name: str = ""
    permission_level: str = ""


class AccessList(msgspec.Struct, frozen=True):
    access_control_list: tuple[AccessListEntry, ...] = ()


def principal_of(entry: AccessListEntry) -> tuple[str, tuple[str, ...]]:
    """The name, and the kinds of principals that it can mean. Raises InvalidArgument."""
    names = [(name, kinds) for field, kinds in _KINDS.items() if (name := getattr(entry, field))]
    if len(names) != 1:
        raise InvalidArgument(f"Each entry of access_control_list names one of {', '.join(_KINDS)}.")
    return names[0]


def entry_of(name: str, kind: str, display_name: str, levels: list[answers.HeldLevel]) -> answers.AccessEntry:
    """`kind`: USER, GROUP or SERVICE_PRINCIPAL."""
    entry: answers.AccessEntry = {"all_permissions": levels}
    entry[_FIELDS[kind]] = name
    if kind != "GROUP":
        entry["display_name"] = display_name
    return entry
