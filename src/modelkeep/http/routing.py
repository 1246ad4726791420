"""A route, as every package of `api` declares it, and the router that finds it, or one of `tracking`, by method and path."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import RegistryError
from modelkeep.http.messages import Request, Response
from modelkeep.limits import COLUMN_JSON_KEYS, JSON_BYTES, JSON_KEYS, LONG_JSON_BYTES

Renderer = Callable[[RegistryError], tuple[int, Any]]
"""(HTTP status, body) of an error in one dialect."""

Handler = Callable[[Request, Actor, dict[str, str]], Awaitable[Response]]


CoreRequests = msgspec.Struct | Sequence[msgspec.Struct]
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
    read: Callable[[Any], CoreRequests] | None = None
    write: Callable[[Any, Any], Any] | None = None
    """Called with the (last) result and the wire struct; None answers `{}`."""
    render: Renderer | None = None
    reword: Callable[[str, Any], str] | None = None
    """Called with a refusal's sentence and the wire struct: the same refusal in words of the caller's own."""
    handler: Handler | None = None
    """Instead of read and write: a route that does not fit an operation (bytes, static pages)."""
    public: bool = False
    """No sign-in. Written out for each such route, never a default."""
    read_request: Callable[[Any, Request], CoreRequests] | None = None
    """Instead of `read`, where a header says something too."""
    fit: Callable[[Any, Request], Any] | None = None
    """Of an answer: what is left of it for a client that its headers say cannot take all."""
    answers: tuple[Answer, ...] = ()
    """Of a handler. A public one names its refusals, too: an Answer without a type, of the dialect's own shape."""
    status: int = 200
    """Of an answer. 204 has no body, and so no writer."""
    with_columns: bool = False
    """The body may have all columns of a table."""
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

    @property
    def keys_limit(self) -> int:
        """Fields in all objects of a JSON body together."""
        return COLUMN_JSON_KEYS if self.with_columns else JSON_KEYS


_LONG = frozenset(
    {
        "columns",
        "comment",
        "description",
        "function_info",
        "inputs",
        "operations",
        "parts",
        "prompt",
        "prompt_version",
        "statement",
        "tag_value",
        "tags",
        "updates",
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


class Routed(Protocol):
    """What a router finds."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str:
        """Literal segments and `{parameters}`; a last `{name*}` takes the rest of the path."""
        ...


R = TypeVar("R", bound=Routed)


class Router(Generic[R]):
    """Finds the route of a method and path: a dict for literal paths, a trie for the others."""

    def __init__(self, routes: Sequence[R]) -> None:
        self._literal: dict[tuple[str, str], R] = {}
        self._tree: dict[str, Any] = {}
        self.routes = tuple(routes)
        for route in routes:
            if "{" not in route.path:
                if (route.method, route.path) in self._literal:
                    raise ValueError(f"two routes for {route.method} {route.path}")
                self._literal[route.method, route.path] = route
            else:
                self._grow(route)

    def _grow(self, route: R) -> None:
        node = self._tree
        for segment in route.path.split("/")[1:]:
            node = node.setdefault(
                segment if not segment.startswith("{") else "*" if segment.endswith("*}") else "?", {}
            )
        if route.method in node.setdefault("", {}):
            raise ValueError(f"two routes for {route.method} {route.path}")
        node[""][route.method] = route

    def find(self, method: str, path: str) -> tuple[R, dict[str, str]] | None:
        """The route and its path parameters."""
        if (route := self._literal.get((method, path))) is not None:
            return route, {}
        match = self._walk(self._tree, path.split("/")[1:], 0, method)
        if match is None:
            return None
        route, values = match
        names = [segment.strip("{}*") for segment in route.path.split("/") if segment.startswith("{")]
        return route, dict(zip(names, values, strict=True))

    def _walk(self, node: dict[str, Any], segments: list[str], index: int, method: str) -> tuple[R, list[str]] | None:
        if index == len(segments):
            route = node.get("", {}).get(method)
            return (route, []) if route else None
        segment = segments[index]
        if segment and segment not in "?*" and segment in node:
            match = self._walk(node[segment], segments, index + 1, method)
            if match is not None:
                return match
        if segment and "?" in node:
            match = self._walk(node["?"], segments, index + 1, method)
            if match is not None:
                return match[0], [segment, *match[1]]
        if "*" in node and (route := node["*"][""].get(method)):
            return route, ["/".join(segments[index:])]
        return None
