"""SCIM's changes (RFC 7644, 3.5.2): add, replace and remove at a path, applied to a resource in SCIM's own shape."""

import re
from typing import Any, cast

import msgspec

from modelkeep.core.scim.filters import Both, Compare, Condition, matches, parse_value_filter
from modelkeep.core.scim.schema import IGNORED, Attribute, ResourceType, find_path, misfit

MAX_CHANGES = 1_000
_FILTERED = re.compile(r"([^\[\]\"]+)\[(.*)\](?:\.([^\[\]\"]+))?", re.DOTALL)


class Change(msgspec.Struct, frozen=True):
    """One operation of a PATCH. `value` is JSON as it came."""

    op: str
    path: str = ""
    value: Any = None


class _Place(msgspec.Struct, frozen=True):
    attribute: Attribute
    part: Attribute | None = None
    among: Condition | None = None
    """Only those of several values that meet this."""


def changes_of(operations: Any) -> tuple[Change, ...]:
    """The `Operations` of a body. Raises Misfit."""
    if not isinstance(operations, list) or not operations:
        raise misfit("invalidSyntax", "A PATCH has a list `Operations` with at least one operation.")
    listed = cast("list[Any]", operations)
    if len(listed) > MAX_CHANGES:
        raise misfit("invalidValue", f"A PATCH has at most {MAX_CHANGES} operations, got {len(listed)}.")
    return tuple(_change(item) for item in listed)


def _change(item: Any) -> Change:
    if not isinstance(item, dict):
        raise misfit("invalidSyntax", "Each of a PATCH's Operations is an object with op, path and value.")
    fields: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", item).items():
        if key.casefold() in fields:
            raise misfit("invalidSyntax", f"An operation has '{key[:40]}' twice, in two spellings.")
        fields[key.casefold()] = value
    op, path = fields.get("op"), fields.get("path")
    if not isinstance(op, str) or op.casefold() not in ("add", "replace", "remove"):
        raise misfit("invalidSyntax", "An operation's op is add, replace or remove.")
    if path is not None and not isinstance(path, str):
        raise misfit("invalidPath", "An operation's path is a text.")
    if op.casefold() == "remove" and not path:
        raise misfit("noTarget", "A remove needs a path.")
    if op.casefold() != "remove" and fields.get("value") is None:
        raise misfit("invalidValue", f"An operation '{op.casefold()}' needs a value.")
    return Change(op.casefold(), path or "", fields.get("value"))


def apply(of: ResourceType, resource: dict[str, Any], changes: tuple[Change, ...]) -> dict[str, Any]:
    """The resource with all changes, which are made in their order. Raises Misfit."""
    found = dict(resource)
    for change in changes:
        for place, value in _places(of, change):
            if place.among is not None:
                _change_among(found, place, change.op, value)
            elif place.part is not None:
                _change_part(found, place.attribute, place.part, change.op, value)
            else:
                _change_whole(found, place.attribute, change.op, value)
    return found


def _places(of: ResourceType, change: Change) -> list[tuple[_Place, Any]]:
    """Where a change applies: without a path, at every attribute of its value."""
    if change.path:
        place = _place(of, change.path)
        return [(place, change.value)] if place else []
    given = change.value
    if not isinstance(given, dict):
        raise misfit("invalidValue", "An operation without a path has an object for its value.")
    found: list[tuple[_Place, Any]] = []
    for key, value in cast("dict[str, Any]", given).items():
        if key.casefold() in ("schemas", "id", "meta"):
            continue  # of the resource as it was read; they stay what they are
        if key.casefold() == of.urn.casefold():
            found += _places(of, Change(change.op, "", value))
        elif (place := _place(of, key)) is not None:
            found.append((place, value))
    return found


def _place(of: ResourceType, path: str) -> _Place | None:
    """None for what is ignored. Raises Misfit."""
    if filtered := _FILTERED.fullmatch(path.strip()):
        name, condition, part_name = filtered.groups()
        if name.casefold() in IGNORED:
            return None
        found = find_path(of, name, "invalidPath")
        attribute = found.attribute
        if attribute is None or not attribute.many or not attribute.parts or found.part:
            raise misfit("invalidPath", f"Path {path[:100]!r} looks for a value among several where there is one.")
        part = attribute.part(part_name) if part_name else None
        if part_name and part is None:
            raise misfit("invalidPath", f"Attribute '{attribute.name}' has no part {part_name[:100]!r}.")
        place = _Place(attribute, part, parse_value_filter(condition, of, attribute))
    else:
        found = find_path(of, path.strip(), "invalidPath")
        if found.attribute is None:
            return None
        place = _Place(found.attribute, found.part)
    if "readOnly" in (place.attribute.mutability, place.part.mutability if place.part else ""):
        raise misfit("mutability", f"Attribute {path[:100]!r} is set by the server alone.")
    return place


def _change_whole(resource: dict[str, Any], attribute: Attribute, op: str, value: Any) -> None:
    name = attribute.name
    old = resource.get(name)
    if op == "remove":
        if attribute.required:
            raise misfit("mutability", f"Attribute '{name}' is required and cannot be removed.")
        # Entra names the members to remove in the value; without one, all go.
        kept = _without(old, value) if attribute.many and value is not None else None
        resource.pop(name, None)
        if kept:
            resource[name] = kept
    elif attribute.many:
        given = _objects(name, value)
        resource[name] = _joined(cast("list[dict[str, Any]]", old or []), given) if op == "add" else given
    elif attribute.parts and isinstance(value, dict) and isinstance(old, dict):
        resource[name] = {**cast("dict[str, Any]", old), **_known_parts(attribute, cast("dict[str, Any]", value))}
    else:
        resource[name] = value


def _known_parts(attribute: Attribute, value: dict[str, Any]) -> dict[str, Any]:
    return {part.name: item for key, item in value.items() if (part := attribute.part(key)) is not None}


def _change_part(resource: dict[str, Any], attribute: Attribute, part: Attribute, op: str, value: Any) -> None:
    """One part of one value, or (RFC 7644, 3.5.2.3) of each of several."""
    old = resource.get(attribute.name)
    if attribute.many:
        for item in cast("list[dict[str, Any]]", old or []):
            _set(item, part, op, value)
        return
    item = dict(cast("dict[str, Any]", old)) if isinstance(old, dict) else {}
    _set(item, part, op, value)
    resource[attribute.name] = item


def _set(item: dict[str, Any], part: Attribute, op: str, value: Any) -> None:
    if op == "remove":
        item.pop(part.name, None)
    else:
        item[part.name] = value


def _change_among(resource: dict[str, Any], place: _Place, op: str, value: Any) -> None:
    name, condition = place.attribute.name, cast("Condition", place.among)
    items = [dict(item) for item in cast("list[dict[str, Any]]", resource.get(name) or [])]
    met = [item for item in items if matches(condition, item)]
    if op == "remove" and place.part is None:
        resource[name] = [item for item in items if item not in met]
        return
    if not met and op != "remove":
        met = [_new_item(place, op)]
        items += met
    for item in met:
        if place.part is not None:
            _set(item, place.part, op, value)
        elif isinstance(value, dict):
            item.update(_known_parts(place.attribute, cast("dict[str, Any]", value)))
        else:
            raise misfit("invalidValue", f"A value of '{name}' is an object.")
    resource[name] = items


def _new_item(place: _Place, op: str) -> dict[str, Any]:
    """`add emails[type eq "work"].value` where there is none makes one, as Entra and Okta expect. Raises Misfit (noTarget)."""
    parts = place.among.conditions if isinstance(place.among, Both) else (place.among,)
    made: dict[str, Any] = {}
    for part in parts:
        if op != "add" or not isinstance(part, Compare) or part.operator != "eq" or part.path.attribute is None:
            raise misfit("noTarget", f"No value of '{place.attribute.name}' meets the condition of the path.")
        made[part.path.attribute.name] = part.value
    return made


def _objects(name: str, value: Any) -> list[dict[str, Any]]:
    found = cast("list[Any]", value if isinstance(value, list) else [value])
    if not all(isinstance(item, dict) for item in found):
        raise misfit("invalidValue", f"Attribute '{name}' is a list of objects.")
    return [{key.casefold() if key.casefold() in _PARTS else key: part for key, part in item.items()} for item in found]


_PARTS = ("value", "type", "primary", "display")


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return str(item.get("value")), str(item.get("type", "")) if "@" in str(item.get("value")) else ""


def _joined(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is there already is not added again; a new primary value is the only one (RFC 7644, 3.5.2)."""
    if any(item.get("primary") is True for item in new):
        old = [{key: value for key, value in item.items() if key != "primary"} for item in old]
    found = {_key(item): item for item in old}
    return list((found | {_key(item): item for item in new}).values())


def _without(old: Any, value: Any) -> list[dict[str, Any]]:
    gone = {str(item.get("value")) for item in _objects("value", value)}
    return [item for item in cast("list[dict[str, Any]]", old or []) if str(item.get("value")) not in gone]
