"""What the native routes of functions, volumes and tables share: their names, their lists, who may see how much."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from modelkeep.api.unity_catalog.answers import ObjectInfo
from modelkeep.core.operations.catalog import catalogs, objects
from modelkeep.core.operations.models.models import Browsed
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.kinds import Kind, parse_kind
from modelkeep.domain.model import Securable
from modelkeep.domain.names import METASTORE, FullName, parse_full_name
from modelkeep.http.routing import CoreRequests, Route

Info = TypeVar("Info", bound=ObjectInfo)
"""An object in the words of its kind."""


class ObjectName(msgspec.Struct, frozen=True):
    """`name` is the full name."""

    name: str
    include_browse: bool = False


class ListIn(msgspec.Struct, frozen=True):
    catalog_name: str
    schema_name: str
    include_browse: bool = False
    max_results: int | None = None
    page_token: str = ""


def in_schema(f: ListIn, kind: Kind) -> objects.ListObjects:
    schema = METASTORE.child(f.catalog_name).child(f.schema_name)
    return (objects.BrowseObjects if f.include_browse else objects.ListObjects)(
        schema, kind, f.max_results, f.page_token
    )


def get_object(full_name: str, kind: Kind, *, browse: bool) -> objects.GetObject:
    return (objects.BrowseObject if browse else objects.GetObject)(parse_full_name(full_name, kind))


class ObjectChanges(msgspec.Struct, frozen=True):
    """How a kind's POST and PATCH are read: their wire structs, and what makes core requests of these."""

    create_fields: type[msgspec.Struct]
    create: Callable[[Any], CoreRequests]
    update_fields: type[msgspec.Struct]
    update: Callable[[Any], CoreRequests]


def object_routes(
    kind: Kind, path: str, changes: ObjectChanges, info: Callable[[Any, Any], Any], page: Callable[[Any, Any], Any]
) -> list[Route]:
    """The routes of a kind at `path`: create, list, get, update, delete. `info` and `page` write one object and a list of them."""
    by_name = f"{path}/{{name}}"
    return [
        Route("POST", path, changes.create_fields, changes.create, info),
        Route("GET", path, ListIn, lambda f: in_schema(f, kind), page),
        Route("GET", by_name, ObjectName, lambda f: get_object(f.name, kind, browse=f.include_browse), info),
        Route("PATCH", by_name, changes.update_fields, changes.update, info),
        Route("DELETE", by_name, ObjectName, lambda f: objects.DeleteObject(parse_full_name(f.name, kind))),
    ]


def securable(kind: str, text: str, metastore_id: str) -> FullName:
    """A securable of any kind as its type and full name say it; the metastore's name is its id. Raises NotFound, BadName."""
    parsed = parse_kind(kind)
    if parsed is not Kind.METASTORE:
        return parse_full_name(text, parsed)
    if text != metastore_id:
        raise NotFound(f"Metastore '{text[:100]}' does not exist.", kind="METASTORE")
    return METASTORE


def agreed(name: FullName, /, **said: str) -> FullName:
    """The name that the path gives, where the body says no other. Raises InvalidArgument."""
    parts = dict(zip(("catalog_name", "schema_name", "name"), name.parts, strict=True)) | {"full_name": str(name)}
    for field, value in said.items():
        if value and value.lower() not in (parts[field], *(str(name),) * (field == "name")):
            raise InvalidArgument(f"Field '{field}' is {value[:300]!r}, and the request is about '{name}'.")
    return name


def new_name(old: FullName, text: str) -> FullName:
    """A bare name, or a full name in the same schema. Raises InvalidArgument."""
    new = parse_full_name(text, old.leaf) if "." in text else old.parent.child(text, old.leaf)
    if new.parent != old.parent:
        raise InvalidArgument(f"A rename stays in its schema '{old.parent}'.")
    return new


def changes(
    name: FullName, comment: str | None, new: str | None, owner: str | None, fields: str
) -> Sequence[msgspec.Struct]:
    """The requests of a PATCH, each with its own requirement: all of them happen, or none. Raises InvalidArgument."""
    requests: list[msgspec.Struct] = []
    if comment is not None:
        requests.append(catalogs.UpdateComment(name, comment))
    if new is not None:
        renamed = new_name(name, new)
        requests.append(objects.RenameObject(name, renamed))
        name = renamed
    if owner is not None:
        # Last: it may end the caller's own right to change, or to read, what it was.
        requests.append(catalogs.TransferOwnership(name, owner))
    if not requests:
        raise InvalidArgument(f"The request changes nothing. Send {fields}.")
    return requests


def brief(x: Securable, metastore_id: str, *, browse_only: bool) -> ObjectInfo:
    """What every kind tells, and all that BROWSE alone shows."""
    catalog, schema, name = x.full_name.split(".")
    info: ObjectInfo = {
        "name": name,
        "catalog_name": catalog,
        "schema_name": schema,
        "full_name": x.full_name,
        "owner": x.owner,
        "metastore_id": metastore_id,
        "created_at": x.created_at,
        "created_by": x.created_by,
        "updated_at": x.updated_at,
        "updated_by": x.updated_by,
        "browse_only": browse_only,
    }
    if x.comment:
        info["comment"] = x.comment
    return info


def visible_info(
    result: Securable | Browsed[Securable], whole: Callable[[Securable], Info], browsed: Callable[[Securable], Info]
) -> Info:
    if isinstance(result, Browsed):
        return browsed(result.entity) if result.only else whole(result.entity)
    return whole(result)
