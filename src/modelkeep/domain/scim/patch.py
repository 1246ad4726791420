"""SCIM's changes (RFC 7644, 3.5.2): add, replace and remove at a path, applied to a resource in SCIM's own shape.

Identity providers mix attributes that resources here do not have with those that count (Entra ID sends `title`, a department and
`active` in one PATCH). A change of such an attribute is ignored, so that the others take effect.
"""

import json
import re
from typing import Any, cast

import msgspec

from modelkeep.domain.scim.conditions import Both, Compare, Condition, Either, matches, names_stranger
from modelkeep.domain.scim.filters import parse_value_filter
from modelkeep.domain.scim.schema import Attribute, ResourceType, find_path, known_path, misfit
from modelkeep.domain.unique_keys import unique_keys
from modelkeep.limits import SCIM_COMPARED_MEMBERS, SCIM_OPERATIONS

_FILTERED = re.compile(r"([^\[\]\"]+)\[(.*)\](?:\.([^\[\]\"]+))?", re.DOTALL)
_PLAIN = re.compile(r"[^\[\]\"]+")


class PatchOperation(msgspec.Struct, frozen=True):
    """One operation of a PATCH. `value` is JSON; UNSET where the operation has none."""

    op: str
    path: str = ""
    value: Any = msgspec.UNSET


class PatchTarget(msgspec.Struct, frozen=True):
    attribute: Attribute
    part: Attribute | None = None
    among: Condition | None = None
    """Only those of several values that meet this."""


def changes_of(of: ResourceType, operations: Any) -> tuple[PatchOperation, ...]:
    """The `Operations` of a body. Raises ScimRequestError."""
    if not isinstance(operations, list) or not operations:
        raise misfit("invalidSyntax", "A PATCH has a list `Operations` with at least one operation.")
    listed = cast("list[Any]", operations)
    if len(listed) > SCIM_OPERATIONS:
        raise misfit("invalidValue", f"A PATCH has at most {SCIM_OPERATIONS} operations, got {len(listed)}.")
    return tuple(_change(of, item) for item in listed)


def _change(of: ResourceType, item: Any) -> PatchOperation:
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
    value = fields.get("value", msgspec.UNSET)
    return PatchOperation(
        op.casefold(), path or "", value if value is msgspec.UNSET else _decoded(of, path or "", value)
    )


def _decoded(of: ResourceType, path: str, value: Any) -> Any:
    """The value, also where it is JSON in a text (Keycloak's SCIM client), or a single value in a list. Raises ScimRequestError."""
    target = known_path(of, path) if path else None
    if path and (target is None or target.attribute is None):
        return value
    leaf = target.leaf if target else None
    if leaf is not None and not leaf.parts:
        items = cast("list[Any]", value) if isinstance(value, list) else None
        return items[0] if items is not None and len(items) == 1 and not leaf.many else cast("Any", value)
    if isinstance(value, list):
        return [_from_text(item) for item in cast("list[Any]", value)]
    return _from_text(value)


def _from_text(value: Any) -> Any:
    """The object or list that a text holds as JSON; other values as they are. Raises ScimRequestError."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        decoded = json.loads(value, object_pairs_hook=unique_keys)
        json.dumps(decoded, ensure_ascii=False).encode()  # an escaped lone surrogate is no text
    except (ValueError, RecursionError) as error:
        raise misfit("invalidSyntax", "The JSON text in an operation's value cannot be read.") from error
    return decoded


def apply(of: ResourceType, resource: dict[str, Any], changes: tuple[PatchOperation, ...]) -> dict[str, Any]:
    """The resource with all changes, which are made in their order. Raises ScimRequestError."""
    changed = dict(resource)
    members = _Members(changed)
    for change in changes:
        for place, value in places_of(of, change):
            if place.attribute.name != "members" or not members.change(place, change.op, value):
                _apply(changed, place, change.op, value)
    members.write_back()
    return changed


class _Members:
    """The members of a group while changes are made, by their value: a change by value costs the same in a group of any size."""

    def __init__(self, resource: dict[str, Any]) -> None:
        self._resource = resource
        self._by_value: dict[str, dict[str, Any]] | None = None
        self._compared = 0
        """Members that changes looked at one by one so far"""

    def change(self, place: "PatchTarget", op: str, value: Any) -> bool:
        """Makes the change; False, with the members back in the resource, for one that must look at each. Raises ScimRequestError."""
        values = _values_of(place, op, value)
        if values is None:
            self.write_back()
            self._compare()
            return False
        members = self._index()
        if op == "replace" or (op == "remove" and not values and place.among is None and value is msgspec.UNSET):
            members.clear()
        for name, item in values.items():
            if op == "remove":
                members.pop(name, None)
            else:
                members[name] = item
        return True

    def write_back(self) -> None:
        if self._by_value is not None:
            self._resource.pop("members", None)
            if self._by_value:
                self._resource["members"] = list(self._by_value.values())
            self._by_value = None

    def _index(self) -> dict[str, dict[str, Any]]:
        if self._by_value is None:
            self._compare()
            listed = cast("list[dict[str, Any]]", self._resource.get("members") or [])
            self._by_value = {str(item.get("value")): item for item in listed}
        return self._by_value

    def _compare(self) -> None:
        self._compared += len(self._resource.get("members") or ())
        if self._compared > SCIM_COMPARED_MEMBERS:
            raise misfit(
                "tooMany",
                "The changes look at too many members. Name each as `members[value eq ...]`, or send fewer changes.",
            )


def _values_of(place: "PatchTarget", op: str, value: Any) -> dict[str, dict[str, Any]] | None:
    """The members, by value, that a change names one by one; None for a change that says which by a condition, or by null."""
    if place.part is not None or value is None:
        return None
    if place.among is not None:
        names = _named(place.among) if op == "remove" else None
        return None if names is None else {name: {} for name in names}
    if value is msgspec.UNSET:
        return {} if op == "remove" else None
    return {str(item.get("value")): item for item in _objects("members", value)}


def _named(condition: Condition) -> tuple[str, ...] | None:
    """The texts of `value eq "1" or value eq "2"`; None for other conditions."""
    names: list[str] = []
    for part in condition.conditions if isinstance(condition, Either) else (condition,):
        if not isinstance(part, Compare) or part.operator != "eq" or not isinstance(part.value, str):
            return None
        if part.path.attribute is None or part.path.attribute.name != "value":
            return None
        names.append(part.value)
    return tuple(names)


def _apply(resource: dict[str, Any], place: "PatchTarget", op: str, value: Any) -> None:
    """One change at one place. An attribute without a value and one that is null are the same (RFC 7643, 2.5)."""
    if op != "remove" and value is msgspec.UNSET:
        raise misfit("invalidValue", f"An operation '{op}' needs a value.")
    if value is msgspec.UNSET or value is None:
        if op == "add":
            return
        op, value = "remove", None
    if place.among is not None:
        _change_among(resource, place, op, value)
    elif place.part is not None:
        _change_part(resource, place.attribute, place.part, op, value)
    else:
        _change_whole(resource, place.attribute, op, value)


def places_of(of: ResourceType, change: PatchOperation) -> list[tuple[PatchTarget, Any]]:
    """Where a change applies: without a path, at every attribute of its value. Raises ScimRequestError."""
    if change.path and change.path.casefold() != of.urn.casefold():
        place = _place(of, change.path)
        return [(place, change.value)] if place else []
    value: Any = change.value
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    objects = [cast("dict[str, Any]", entry) for entry in values if isinstance(entry, dict)]
    if not objects or len(objects) != len(values):
        raise misfit("invalidValue", "An operation without a path has an object for its value.")
    return [place for attributes in objects for place in _places_of_attributes(of, change.op, attributes)]


def _places_of_attributes(of: ResourceType, op: str, attributes: dict[str, Any]) -> list[tuple[PatchTarget, Any]]:
    places: list[tuple[PatchTarget, Any]] = []
    for key, value in attributes.items():
        attribute = of.attribute(key)
        if attribute is not None and attribute.mutability == "readOnly":
            continue  # of the resource as the client read it: `id`, `meta`, `groups`
        if key.casefold() == of.urn.casefold():
            places += places_of(of, PatchOperation(op, "", value))
        elif (place := _place(of, key)) is not None:
            places.append((place, value))
    return places


def _place(of: ResourceType, path: str) -> PatchTarget | None:
    """None for an attribute that resources here do not have: its change is ignored. Raises ScimRequestError."""
    text = path.strip()
    if filtered := _FILTERED.fullmatch(text):
        place = _filtered_place(of, path, *filtered.groups())
    elif not _PLAIN.fullmatch(text):
        find_path(of, text, "invalidPath")
        return None
    else:
        target = known_path(of, text)
        place = PatchTarget(target.attribute, target.part) if target and target.attribute else None
    if place and "readOnly" in (place.attribute.mutability, place.part.mutability if place.part else ""):
        raise misfit("mutability", f"Attribute {path[:100]!r} is set by the server alone.")
    return place


def _filtered_place(
    of: ResourceType, path: str, name: str, condition: str, part_name: str | None
) -> PatchTarget | None:
    """Of `attribute[condition].part`, as `_place`."""
    target = known_path(of, name)
    if target is None or target.attribute is None:
        return None
    attribute = target.attribute
    if not attribute.many or not attribute.parts or target.part:
        raise misfit("invalidPath", f"Path {path[:100]!r} looks for a value among several where there is one.")
    among = parse_value_filter(condition, of, attribute)
    part = attribute.part(part_name) if part_name else None
    if (part_name and part is None) or names_stranger(among):
        return None
    return PatchTarget(attribute, part, among)


def _change_whole(resource: dict[str, Any], attribute: Attribute, op: str, value: Any) -> None:
    name = attribute.name
    old = resource.get(name)
    if op == "remove":
        if attribute.required:
            raise misfit("mutability", f"Attribute '{name}' is required and cannot be removed.")
        # Entra names the members to remove in the value; without one, all go.
        others = _without(old, value) if attribute.many and value is not None else None
        resource.pop(name, None)
        if others:
            resource[name] = others
    elif attribute.many:
        objects = _objects(name, value)
        resource[name] = _joined(cast("list[dict[str, Any]]", old or []), objects) if op == "add" else objects
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


def _change_among(resource: dict[str, Any], place: PatchTarget, op: str, value: Any) -> None:
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
    if any(_is_primary(item) for item in met):  # a new primary value is the only one (RFC 7644, 3.5.2)
        for item in items:
            if not any(item is met_item for met_item in met):
                item.pop("primary", None)
    resource[name] = items


def _is_primary(item: dict[str, Any]) -> bool:
    return str(item.get("primary")).casefold() == "true"


def _new_item(place: PatchTarget, op: str) -> dict[str, Any]:
    """`add emails[type eq "work"].value` where there is none makes one, as Okta expects, and `replace`, too, as Entra ID does. Not
    of a member: nobody joins a group by a replacement. Raises ScimRequestError (noTarget)."""
    parts = place.among.conditions if isinstance(place.among, Both) else (place.among,)
    item: dict[str, Any] = {}
    for part in parts:
        makes = op == "add" or place.attribute.name != "members"
        if not makes or not isinstance(part, Compare) or part.operator != "eq" or part.path.attribute is None:
            raise misfit("noTarget", f"No value of '{place.attribute.name}' meets the condition of the path.")
        item[part.path.attribute.name] = part.value
    return item


def _objects(name: str, value: Any) -> list[dict[str, Any]]:
    items = cast("list[Any]", value if isinstance(value, list) else [value])
    if not all(isinstance(item, dict) for item in items):
        raise misfit("invalidValue", f"Attribute '{name}' is a list of objects.")
    return [{key.casefold() if key.casefold() in _PARTS else key: part for key, part in item.items()} for item in items]


_PARTS = ("value", "type", "primary", "display")


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return str(item.get("value")), str(item.get("type", "")) if "@" in str(item.get("value")) else ""


def _joined(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is there already is not added again; a new primary value is the only one (RFC 7644, 3.5.2)."""
    if any(item.get("primary") is True for item in new):
        old = [{key: value for key, value in item.items() if key != "primary"} for item in old]
    by_key = {_key(item): item for item in old}
    return list((by_key | {_key(item): item for item in new}).values())


def _without(old: Any, value: Any) -> list[dict[str, Any]]:
    gone = {str(item.get("value")) for item in _objects("value", value)}
    return [item for item in cast("list[dict[str, Any]]", old or []) if str(item.get("value")) not in gone]
