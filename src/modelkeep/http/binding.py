"""From path, query and body to one wire struct, read once.

Duplicate keys, keys that look like a known one, and values that disagree between path, query and body are refused. Other unknown
keys are ignored and counted, since clients grow. A field has one other name: its lowerCamelCase, which the JSON of protobuf takes for
the same field, and so do the parsers of MLflow's server (google.protobuf.json_format.ParseDict) and of Databricks.
"""

import re
from functools import cache
from typing import Any, cast, get_args, get_origin

import msgspec

from modelkeep.domain.errors import InvalidArgument
from modelkeep.http.bodies import read_in_turn
from modelkeep.http.messages import Request
from modelkeep.http.origin import json_type
from modelkeep.http.pairs import read_pairs
from modelkeep.http.routing import Route, body_limit
from modelkeep.http.unique_json import json_object
from modelkeep.limits import MAX_UNKNOWN_FIELDS, QUERY_PAIRS

ignored_keys: int = 0
"""Unknown keys seen so far, a metric: it tells when clients have grown."""


BODY_IS_REQUEST = frozenset({"GET", "HEAD", "DELETE"})
"""Methods whose JSON body, where there is one, carries the request's fields: MLflow's own server reads the body of a GET that
has no query (mlflow/server/handlers.py, `_get_request_message`), and mlflow-export-import sends nothing else."""


async def fields_of(request: Request, shape: type[Any], path: dict[str, str] | None = None) -> Any:
    """The wire struct of a handler's request: of its path, query and JSON body. Raises InvalidArgument."""
    body = await request.body(body_limit(shape)) if request.has_body else b""
    content_type, route = json_type(request), Route(request.method, "", shape)
    return await read_in_turn(
        request.caller, body, read_fields, route, path or {}, request.query_string, body, content_type
    )


def read_fields(route: Route, path: dict[str, str], query_string: bytes, body: bytes, content_type: str) -> Any:
    """The route's wire struct. Raises InvalidArgument."""
    known = _known(route.fields)
    if not path.keys() <= set(known.values()):
        known = known | {_fold(name): name for name in path}
    values: dict[str, Any] = dict(path)
    if any("\0" in value for value in path.values()):
        raise InvalidArgument("The path has a NUL character (%00), which no name may hold.")
    if query_string:
        _merge(values, _query(query_string, known, _lists(route.fields)), known, path)
    if body:
        _merge(values, _renamed(json_object(body, content_type), route.fields, known), known, path)
    try:
        return msgspec.convert(values, route.fields, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidArgument(_sentence(str(error))) from error


_KNOWN: dict[type[msgspec.Struct], dict[str, str]] = {}


def _known(fields: type[msgspec.Struct]) -> dict[str, str]:
    """The wire keys of a struct, by their folded form."""
    if fields not in _KNOWN:
        _KNOWN[fields] = {_fold(field.encode_name): field.encode_name for field in msgspec.structs.fields(fields)}
    return _KNOWN[fields]


_LISTS: dict[type[msgspec.Struct], frozenset[str]] = {}


def _lists(fields: type[msgspec.Struct]) -> frozenset[str]:
    """The wire keys that hold lists: they may come more than once in a query."""
    if fields not in _LISTS:
        list_fields = (field for field in msgspec.structs.fields(fields) if get_origin(field.type) is tuple)
        _LISTS[fields] = frozenset(field.encode_name for field in list_fields)
    return _LISTS[fields]


_INSIDE: dict[type[msgspec.Struct], dict[str, type[msgspec.Struct]]] = {}


def _inside(fields: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct]]:
    """The structs in the fields of a struct that hold some, or lists of them (`tags`, `changes`), by wire key."""
    if fields not in _INSIDE:
        _INSIDE[fields] = {
            field.encode_name: part
            for field in msgspec.structs.fields(fields)
            for part in (field.type, *get_args(field.type))
            if isinstance(part, type) and issubclass(part, msgspec.Struct)
        }
    return _INSIDE[fields]


def _renamed(sent: dict[str, Any], shape: type[msgspec.Struct], known: dict[str, str]) -> dict[str, Any]:
    """A body with its fields under their own names, and the objects inside likewise. Raises InvalidArgument."""
    _check_few(sent, known)
    inside = _inside(shape)
    fields: dict[str, Any] = {}
    for key, value in sent.items():
        name = known_name(key, known) or key
        if name in inside:
            value = _renamed_inside(value, inside[name])
        if fields.get(name) is None:
            fields[name] = value
        elif value is not None and (type(value), value) != (type(fields[name]), fields[name]):
            raise _two_values(name, fields[name], value)
    return fields


def _renamed_inside(value: Any, shape: type[msgspec.Struct], *, listed: bool = False) -> Any:
    """As `_renamed`, of an object or a list of objects; strangers in them are counted."""
    global ignored_keys
    if isinstance(value, list) and not listed:
        return [_renamed_inside(item, shape, listed=True) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return cast("Any", value)
    known = _known(shape)
    fields = _renamed(cast("dict[str, Any]", value), shape, known)
    ignored_keys += sum(1 for name in fields if _fold(name) not in known)
    return fields


def _check_few(keys: dict[str, Any], known: dict[str, str]) -> None:
    if len(keys) > len(known) + MAX_UNKNOWN_FIELDS:
        raise InvalidArgument(
            f"An object of the request has more than {MAX_UNKNOWN_FIELDS} unknown fields. Leave them out."
        )


def _fold(key: str) -> str:
    return key.replace("_", "").replace("-", "").casefold()


def known_name(key: str, known: dict[str, str]) -> str | None:
    """The field that a key names, by its own name or in lowerCamelCase; None for a stranger, which is to be ignored.
    Raises InvalidArgument for a look-alike."""
    meant = known.get(_fold(key))
    if meant is None or key in (meant, _lower_camel(meant)):
        return meant
    raise InvalidArgument(f"Field '{key[:100]}' looks like '{meant}' and is not. Send '{meant}', once.")


@cache
def _lower_camel(name: str) -> str:
    """As protobuf makes the JSON name of a field: each letter after an underscore is a capital, and the underscore goes."""
    return _AFTER_UNDERSCORE.sub(lambda match: match[1].upper(), name)


_AFTER_UNDERSCORE = re.compile(r"_([a-z0-9])")


def _merge(values: dict[str, Any], added: dict[str, Any], known: dict[str, str], path: dict[str, str]) -> None:
    """`path`: the parameters of the path. The Databricks CLI leaves such a field of the body empty (`tag-policies update-tag-policy`)."""
    global ignored_keys
    _check_few(added, known)
    for key, value in added.items():
        if known_name(key, known) is None:
            ignored_keys += 1
        elif value is None or (value == "" and key in path):
            continue
        elif key in values and str(values[key]) != str(value):
            raise _two_values(key, values[key], value)
        else:
            values[key] = value


def _two_values(name: str, one_value: object, other_value: object) -> InvalidArgument:
    return InvalidArgument(
        f"Field '{name}' has two values in this request: {_short(one_value)} and {_short(other_value)}."
    )


def _short(value: object) -> str:
    return repr(str(value)[:100])


def _query(query_string: bytes, known: dict[str, str], lists: frozenset[str]) -> dict[str, Any]:
    pairs = read_pairs(query_string, QUERY_PAIRS, "The query string cannot be read. Percent-encode it as UTF-8.")
    values: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for key, value in pairs:
        name = known_name(key, known) or key
        if "\0" in value:
            raise InvalidArgument(f"Query parameter '{key[:100]}' has a NUL character.")
        if spelled.setdefault(name, key) != key:
            if values[name] != ([value] if name in lists else value):
                raise _two_values(name, values[name], value)
        elif name in lists:
            values[name] = [*values.get(name, []), value]
        elif name in values and name in known.values():
            raise InvalidArgument(f"Query parameter '{name}' is given twice.")
        else:
            values[name] = value
    return values


def _sentence(error: str) -> str:
    """msgspec's message as a sentence: it says "Object missing required field `name`", "Expected `int`, got `str` - at `$.x`"."""
    fault, _, where = error.partition(" - at `$")
    field = where.strip("`.")
    if missing := re.fullmatch(r"Object missing required field `(.+)`", fault):
        return f"Field '{f'{field}.' if field else ''}{missing[1]}' is missing from the request."
    return f"Field '{field}' of the request is not valid: {fault[0].lower()}{fault[1:]}."
