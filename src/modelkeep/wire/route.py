"""From bytes to one typed request, and back: every face is rows of Route, each with a reader and a writer.

Path, query and body are read once, into one wire struct. Duplicate keys, keys that look like a known one, and values that
disagree between path, query and body are refused; other unknown keys are ignored and counted, since clients grow.
A field has one other name: its lowerCamelCase, which the JSON of protobuf takes for the same field, and so do the parsers of
MLflow's server (google.protobuf.json_format.ParseDict) and of Databricks.
"""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any, cast, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec

from modelkeep.core.authz import Actor
from modelkeep.core.errors import InvalidArgument, RegistryError
from modelkeep.limits import JSON_BYTES, LONG_JSON_BYTES, MAX_UNKNOWN_FIELDS
from modelkeep.wire.bodies import read_in_turn
from modelkeep.wire.http import Request, Response
from modelkeep.wire.identity import json_type

Renderer = Callable[[RegistryError], tuple[int, Any]]
"""(HTTP status, body) of an error in a face's dialect."""

Handler = Callable[[Request, Actor, dict[str, str]], Awaitable[Response]]


Asked = msgspec.Struct | Sequence[msgspec.Struct]
"""One core request, or several that are one act."""


class NoFields(msgspec.Struct, frozen=True):
    """A route without parameters."""


class Answer(msgspec.Struct, frozen=True):
    """One answer of a handler, for the API's description; what writers answer is known from their own types."""

    status: int = 200
    type: Any = None
    """Of the JSON value; None where the body is none, or is described by its content type alone."""
    content: str = "application/json"
    """'' for no body."""


class Route(msgspec.Struct, frozen=True):
    """One method and path. `fields` is the wire struct, `read` makes the core request(s) of it, `write` the answer."""

    method: str
    path: str
    """Literal segments and `{parameters}`; a last `{name*}` takes the rest of the path."""
    fields: type[msgspec.Struct] = NoFields
    read: Callable[[Any], Asked] | None = None
    write: Callable[[Any, Any], Any] | None = None
    """Called with the (last) result and the wire struct; None answers `{}`."""
    render: Renderer | None = None
    reword: Callable[[str, Any], str] | None = None
    """Called with a refusal's sentence and the wire struct: the same refusal in words of the caller's own."""
    handler: Handler | None = None
    """Instead of read and write: a route that does not fit an operation (bytes, static pages)."""
    public: bool = False
    """No sign-in. Written out for each such route, never a default."""
    read_request: Callable[[Any, Request], Asked] | None = None
    """Instead of `read`, where a header says something too."""
    fit: Callable[[Any, Request], Any] | None = None
    """Of an answer: what is left of it for a client that its headers say cannot take all."""
    answers: tuple[Answer, ...] = ()
    """Of a handler. A public one names its refusals, too: an Answer without a type, of the face's own shape."""
    sends: str = ""
    """Content type of a handler's request body where that is no JSON; the fields are then in the query."""

    @property
    def takes_rest(self) -> bool:
        """Whether its last parameter is the rest of the path, slashes and all."""
        return self.path.endswith("*}")

    @property
    def body_limit(self) -> int:
        """Bytes of a JSON body."""
        return body_limit(self.fields)


_LONG = frozenset(
    {
        "columns",
        "comment",
        "description",
        "function_info",
        "operations",
        "parts",
        "prompt",
        "prompt_version",
        "statement",
        "tag_value",
        "tags",
        "value",
    }
)
_LIMITS: dict[type[msgspec.Struct], int] = {}


def body_limit(fields: type[msgspec.Struct]) -> int:
    """Bytes of a JSON body with these fields: more where one of them is a text or a list without a small bound."""
    if fields not in _LIMITS:
        long = any(field.encode_name.casefold() in _LONG for field in msgspec.structs.fields(fields))
        _LIMITS[fields] = LONG_JSON_BYTES if long else JSON_BYTES
    return _LIMITS[fields]


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
        _merge(values, _query(query_string, known, _lists(route.fields)), known)
    if body:
        _merge(values, _renamed(json_object(body, content_type), route.fields, known), known)
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
        found = (field for field in msgspec.structs.fields(fields) if get_origin(field.type) is tuple)
        _LISTS[fields] = frozenset(field.encode_name for field in found)
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
        return value
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


def _merge(values: dict[str, Any], more: dict[str, Any], known: dict[str, str]) -> None:
    global ignored_keys
    _check_few(more, known)
    for key, value in more.items():
        if known_name(key, known) is None:
            ignored_keys += 1
        elif value is None:
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
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError as error:
        raise InvalidArgument("The query string cannot be read. Percent-encode it as UTF-8.") from error
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


def json_object(body: bytes, content_type: str) -> dict[str, Any]:
    """The body of a JSON route. Raises InvalidArgument."""
    # A browser can post these across sites without asking first, so no JSON route takes them.
    if content_type.partition(";")[0].strip().lower() in _FORM_TYPES:
        raise InvalidArgument("Send the body as JSON, with `Content-Type: application/json`.")
    return parse_json_object(body)


_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


def parse_json_object(body: bytes) -> dict[str, Any]:
    """A JSON object without duplicate keys at any depth. Raises InvalidArgument."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # an escaped lone surrogate is no text
    except InvalidArgument:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidArgument("The request body is not JSON. Send one JSON object in UTF-8.") from error
    if not isinstance(value, dict):
        raise InvalidArgument("The request body is not a JSON object.")
    if "\\u0000" in text and _NUL.search(text):
        raise InvalidArgument("The request body has a NUL character (\\u0000), which no field may hold.")
    return cast("dict[str, Any]", value)


_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped NUL, and not an escaped backslash before the same letters (JSON text inside a field)."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise InvalidArgument(f"Field '{twice[:100]}' is given twice in the request body.")
    return values


def _no_constant(name: str) -> Any:
    raise InvalidArgument(f"{name} is not JSON. Send it as a string.")


def _sentence(error: str) -> str:
    """msgspec's message as a sentence: it says "Object missing required field `name`", "Expected `int`, got `str` - at `$.x`"."""
    fault, _, where = error.partition(" - at `$")
    field = where.strip("`.")
    if missing := re.fullmatch(r"Object missing required field `(.+)`", fault):
        return f"Field '{f'{field}.' if field else ''}{missing[1]}' is missing from the request."
    return f"Field '{field}' of the request is not valid: {fault[0].lower()}{fault[1:]}."


class Router:
    """Finds the route of a method and path: a dict for literal paths, a trie for the others."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._literal: dict[tuple[str, str], Route] = {}
        self._tree: dict[str, Any] = {}
        self.routes = tuple(routes)
        for route in routes:
            if "{" not in route.path:
                if (route.method, route.path) in self._literal:
                    raise ValueError(f"two routes for {route.method} {route.path}")
                self._literal[route.method, route.path] = route
            else:
                self._grow(route)

    def _grow(self, route: Route) -> None:
        node = self._tree
        for segment in route.path.split("/")[1:]:
            node = node.setdefault(
                segment if not segment.startswith("{") else "*" if segment.endswith("*}") else "?", {}
            )
        if route.method in node.setdefault("", {}):
            raise ValueError(f"two routes for {route.method} {route.path}")
        node[""][route.method] = route

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its path parameters."""
        if (route := self._literal.get((method, path))) is not None:
            return route, {}
        found = self._walk(self._tree, path.split("/")[1:], 0, method)
        if found is None:
            return None
        route, values = found
        names = [segment.strip("{}*") for segment in route.path.split("/") if segment.startswith("{")]
        return route, dict(zip(names, values, strict=True))

    def _walk(
        self, node: dict[str, Any], segments: list[str], index: int, method: str
    ) -> tuple[Route, list[str]] | None:
        if index == len(segments):
            route = node.get("", {}).get(method)
            return (route, []) if route else None
        segment = segments[index]
        if segment and segment not in "?*" and segment in node:
            found = self._walk(node[segment], segments, index + 1, method)
            if found is not None:
                return found
        if segment and "?" in node:
            found = self._walk(node["?"], segments, index + 1, method)
            if found is not None:
                return found[0], [segment, *found[1]]
        if "*" in node and (route := node["*"][""].get(method)):
            return route, ["/".join(segments[index:])]
        return None
