"""One tracking call: which route it is, and its fields, parsed once and without room for two readings.

MLflow takes a field under two names, its own and its lowerCamelCase (ParseDict of protobuf), and keeps the last of duplicate keys.
Here each field gets its own name, and two different values are refused. What is checked is what is forwarded, written from the
parsed form, so both sides read the same call.
"""

import json
import re
from typing import Any, cast
from urllib.parse import urlencode

import msgspec

from modelkeep.domain.errors import InvalidArgument
from modelkeep.http.pairs import read_pairs
from modelkeep.http.routing import Router
from modelkeep.http.unique_json import Sentences, read_object
from modelkeep.limits import TRACKING_DEPTH, TRACKING_QUERY_PAIRS
from modelkeep.tracking import defaults
from modelkeep.tracking.route_rules import OWN_ROUTES, ROUTES, UI_ROUTES, TrackingRoute, refusal

_SENTENCES = Sentences(
    not_json="The body is not valid JSON in UTF-8.",
    not_an_object="The body must be a JSON object.",
    duplicate="The body has the key '{key}' twice.",
    not_a_number='JSON has no {name}; send it as the string "{name}".',
)
# Objects whose keys are the caller's own: maps and free JSON of MLflow's messages.
FREE = frozenset({"metadata", "trace_metadata", "value"})
FREE_WHEN_OBJECT = frozenset({"tags"})
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_CAPITAL = re.compile(r"[A-Z]")
_LOWER_CAMEL = re.compile(r"[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+")
_IDS = frozenset(
    {
        "artifact_location",
        "experiment_id",
        "experiment_ids",
        "experiment_name",
        "locations",
        "mlflow_experiment",
        "model_id",
        "models",
        "metrics",
        "new_name",
        "request_id",
        "request_ids",
        "run_id",
        "run_ids",
        "run_uuid",
        "source_run_id",
        "trace",
        "trace_id",
        "trace_ids",
        "trace_info",
        "trace_location",
    }
)
_SQUASHED = {name.replace("_", ""): name for name in _IDS}


class Call(msgspec.Struct):
    """A matched call. `fields` holds path, query and body values, each fact once."""

    route: TrackingRoute
    params: dict[str, str]
    fields: dict[str, Any]
    size: int = 0
    """bytes of the body that came"""

    def path(self) -> str:
        """The child's path. Both twins reach the same handler there, and some routes exist only as /ajax-api."""
        prefix = "/ajax-api" if self.route.path[1:2].isdigit() else ""
        return "/".join([prefix, *(self.params.get(s[1:-1], s) for s in self.route.path.split("/")[1:])])

    def query(self) -> str:
        """The query string to forward."""
        if self.route.method != "GET":
            return ""
        return urlencode({k: v for k, v in self.fields.items() if k not in self.params}, doseq=True)

    def body(self) -> bytes:
        """The body to forward. MLflow reads path parameters of some routes from the body, so they are always in it."""
        return b"" if self.route.method == "GET" else dump(self.fields | self.params)

    def text(self, field: str) -> str:
        """A field as text, '' where absent. Raises InvalidArgument for another type."""
        value = self.fields.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise InvalidArgument(f"Field '{field}' must be a string.")
        return value

    def texts(self, field: str) -> list[str]:
        """A field as a list of texts, [] where absent. Raises InvalidArgument for anything else."""
        return strings(self.fields.get(field, []), field)


class CallRouter(Router[TrackingRoute]):
    """The kernel's router over tracking routes, which never takes the path of a refused one for an id."""

    def find(self, method: str, path: str) -> tuple[TrackingRoute, dict[str, str]] | None:
        """The route and its path parameters; None where nothing matches."""
        match = super().find(method, path)
        if match is None or not match[1]:
            return match
        # `traces/batchGet` is no trace named batchGet: the child would take it for what it is there
        return None if refusal(path) or not _DOTS.isdisjoint(match[1].values()) else match


_DOTS = frozenset({".", ".."})
API = CallRouter((*ROUTES, *OWN_ROUTES))
UI = CallRouter((*ROUTES, *UI_ROUTES))


def read(route: TrackingRoute, params: dict[str, str], query: bytes, content_type: str, body: bytes) -> Call:
    """The call as one set of fields. Raises InvalidArgument where it is malformed or says one thing twice."""
    query_fields = read_query(query, route.repeated)
    check_declared(content_type, body)
    fields = own_names(parse(body))
    if route.method == "GET":
        fields = {name: _in_query(name, value) for name, value in fields.items() if value is not None}
    _agree(query_fields, fields)
    if route.method == "GET":
        fields |= query_fields
    if "run_uuid" in fields:  # MLflow's older name for run_id, which clients still send beside it
        _agree({"run_id": fields["run_uuid"]}, fields)
        fields["run_id"] = fields.pop("run_uuid")
    _agree(params, {name: value for name, value in fields.items() if value != ""})
    inner = fields.get("assessment")
    if isinstance(inner, dict):
        _agree(params, inner)  # pyright: ignore[reportUnknownArgumentType]
    fields = {
        name: value for name, value in fields.items() if value is not None
    }  # null is absent, as in protobuf's JSON
    defaults.put_in(route.method, route.path, fields)
    return Call(route, params, fields | params, len(body))


def check_declared(content_type: str, body: bytes) -> None:
    """Raises InvalidArgument for a body that is declared to be something else than JSON."""
    if body and content_type.partition(";")[0].strip().lower() not in ("", "application/json"):
        raise InvalidArgument("Send the body as JSON, with `Content-Type: application/json`.")


def read_query(query: bytes, repeated: tuple[str, ...]) -> dict[str, Any]:
    """The query's parameters, each once but those that may repeat (always lists). Raises InvalidArgument."""
    refusal = "The query string cannot be read as UTF-8 `key=value` pairs."
    parameters: dict[str, Any] = {}
    for key, value in read_pairs(query, TRACKING_QUERY_PAIRS, refusal):
        _plain(value)
        name = _own_name(key)
        if name in repeated:
            parameters.setdefault(name, []).append(value)
        elif name in parameters:
            raise InvalidArgument(f"Query parameter '{name[:100]}' is given twice.")
        else:
            parameters[name] = value
    return parameters


def _in_query(name: str, value: Any) -> str | list[str]:
    """A field of a GET's body, as its query would say it: MLflow's server reads either (server/handlers.py,
    `_get_request_message`). Raises InvalidArgument for an object, which no query can hold."""
    if isinstance(value, list):
        return [_word(name, item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return _word(name, value)


def _word(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise InvalidArgument(f"Field '{name[:100]}' of a GET must be a text, a number, true, false, or a list of these.")


def parse(body: bytes) -> dict[str, Any]:
    """A JSON object, {} for an empty body. Raises InvalidArgument."""
    return read_object(body, _SENTENCES) if body.strip() else {}


def dump(value: Any) -> bytes:
    """JSON text. Raises InvalidArgument for a number that JSON cannot hold."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as error:
        raise InvalidArgument("A number in the body is too large.") from error


def own_names(value: Any, depth: int = 0, *, free: bool = False) -> Any:
    """The value with each field under its own name. Raises InvalidArgument for other spellings, broken text and absurd nesting.
    `free`: the keys are the caller's own."""
    if depth > TRACKING_DEPTH:
        raise InvalidArgument(f"The body is nested more than {TRACKING_DEPTH} levels deep.")
    if isinstance(value, str):
        _plain(value)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InvalidArgument("A number in the body is too large: integers have 64 bits.")  # MLflow would read it as 0
    elif isinstance(value, list):
        return [own_names(item, depth + 1, free=free) for item in cast("list[Any]", value)]
    elif isinstance(value, dict):
        return _own_names(cast("dict[str, Any]", value), depth, free=free)
    return value


def _own_names(sent: dict[str, Any], depth: int, *, free: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, item in sent.items():
        if free:
            _plain(key)
        name = key if free else _own_name(key)
        own = free or name in FREE or (name in FREE_WHEN_OBJECT and isinstance(item, dict))
        value = own_names(item, depth + 1, free=own)
        if fields.get(name) is None:
            fields[name] = value
        elif value is not None:
            _agree({name: value}, fields)
    return fields


def put(fields: dict[str, Any], path: str, value: str) -> None:
    """Set the field that `path` (`a.b`) names; objects on the way are made where they are absent.
    Raises InvalidArgument."""
    *above, last = path.split(".")
    for name in above:
        inner = fields.setdefault(name, {})
        if not isinstance(inner, dict):
            raise InvalidArgument(f"Field '{name}' must be an object.")
        fields = inner  # pyright: ignore[reportUnknownVariableType]
    fields[last] = value


def values(fields: dict[str, Any], path: str) -> list[str]:
    """Every text that the path names (`a.b`, `a[].b`, `a[]`), absent ones left out. Raises InvalidArgument."""
    matches: list[Any] = [fields]
    for part in path.split("."):
        name, many = part.removesuffix("[]"), part.endswith("[]")
        step: list[Any] = []
        for item in matches:
            if not isinstance(item, dict):
                raise InvalidArgument(f"Field '{path}' has the wrong shape.")
            value: Any = item.get(name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            if value is None:
                continue
            if many and not isinstance(value, list):
                raise InvalidArgument(f"Field '{name}' must be a list.")
            step.extend(value if many else [value])  # pyright: ignore[reportUnknownArgumentType]
        matches = step
    return strings(matches, path)


def strings(value: Any, field: str) -> list[str]:
    """`value` as a list of texts. Raises InvalidArgument."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):  # pyright: ignore[reportUnknownVariableType]
        raise InvalidArgument(f"Field '{field}' must hold strings.")
    return value  # pyright: ignore[reportUnknownVariableType]


def _plain(text: str) -> None:
    if "\0" in text:
        raise InvalidArgument("Text must not contain the character NUL.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidArgument("Text must be valid Unicode (it has half of a surrogate pair).") from error


def _own_name(key: str) -> str:
    """The field that a key names, by its own name or in lowerCamelCase. Raises InvalidArgument for any other spelling."""
    name = _CAPITAL.sub(lambda match: f"_{match[0].lower()}", key) if _LOWER_CAMEL.fullmatch(key) else key
    meant = _SQUASHED.get(key.replace("_", "").lower())
    if meant is not None and name != meant:
        raise InvalidArgument(f"Unknown field '{key[:100]}': write '{meant}'.")
    if not _FIELD.fullmatch(name):
        raise InvalidArgument(f"Unknown field '{key[:100]}': field names are written in lower case with underscores.")
    return name


def _agree(other_fields: dict[str, Any], fields: dict[str, Any]) -> None:
    for key, value in other_fields.items():
        if key in fields and (type(fields[key]), fields[key]) != (type(value), value):
            raise InvalidArgument(f"'{key[:100]}' is given twice, with different values.")
