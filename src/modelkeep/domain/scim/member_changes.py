"""What the changes of a PATCH mean for the members of a group, apart from its other attributes."""

from typing import Any, cast

import msgspec

from modelkeep.domain.scim.patch import PatchOperation, PatchTarget, places_of
from modelkeep.domain.scim.schema import ResourceType


def members_mentioned(of: ResourceType, changes: tuple[PatchOperation, ...]) -> int | None:
    """How many members the changes name; None where none of them is about members. Raises ScimRequestError."""
    values = [value for _, place, value in _all_places(of, changes) if _is_members(place)]
    if not values:
        return None
    return sum(len(cast("list[Any]", value)) if isinstance(value, list) else 1 for value in values)


def replaces_members(of: ResourceType, changes: tuple[PatchOperation, ...]) -> bool:
    """Do the changes say which members there are afterwards, whatever members there were? Raises ScimRequestError."""
    return any(
        _is_members(place)
        and place.part is None
        and place.among is None
        and (op == "replace" or (op == "remove" and (value is msgspec.UNSET or value is None)))
        for op, place, value in _all_places(of, changes)
    )


def without_members(of: ResourceType, changes: tuple[PatchOperation, ...]) -> tuple[PatchOperation, ...]:
    """All changes but those of members. Raises ScimRequestError."""
    rest: list[PatchOperation] = []
    for change in changes:
        names = {place.attribute.name for place, _ in places_of(of, change)}
        if "members" not in names:
            rest.append(change)
        elif names != {"members"}:
            rest.append(msgspec.structs.replace(change, value=_pruned(of, change.value)))
    return tuple(rest)


def _pruned(of: ResourceType, value: Any) -> Any:
    """The value of a change without a path, without the attribute `members`."""
    if isinstance(value, list):
        return [_pruned(of, item) for item in cast("list[Any]", value)]
    pruned: dict[str, Any] = {}
    for key, item in cast("dict[str, Any]", value).items():
        if key.casefold() == of.urn.casefold():
            pruned[key] = _pruned(of, item)
        elif not any(_is_members(place) for place, _ in places_of(of, PatchOperation("add", "", {key: item}))):
            pruned[key] = item
    return pruned


def _is_members(place: PatchTarget) -> bool:
    return place.attribute.name == "members"


def _all_places(of: ResourceType, changes: tuple[PatchOperation, ...]) -> list[tuple[str, PatchTarget, Any]]:
    return [(change.op, place, value) for change in changes for place, value in places_of(of, change)]
