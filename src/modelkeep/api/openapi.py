"""What the API's description says: an OpenAPI document that is made of the route table and of nothing else."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast, get_type_hints

import msgspec

from modelkeep.api.errors import databricks
from modelkeep.core.operation import Operation
from modelkeep.core.table import OPERATIONS
from modelkeep.domain.errors import RegistryError
from modelkeep.domain.kinds import Kind
from modelkeep.http.routing import Answer, Renderer, Route

Json = dict[str, Any]

# The longest prefix of a path says which dialect it is of: (prefix, word of its operation ids, tag, what it is for).
DIALECTS = (
    ("/api/2.0/mlflow/unity-catalog", "mlflow_uc", "MLflow databricks-uc", "MLflow's `databricks-uc` registry client."),
    (
        "/api/2.1/unity-catalog",
        "uc",
        "Unity Catalog",
        "databricks-sdk, MLflow's native store, `uc:`, unitycatalog-client.",
    ),
    ("/api/2.0/unity-catalog", "uc_2_0", "Unity Catalog", ""),
    ("/api/2.0/fs", "files", "Files", "The Files API, and the signed URLs that it hands out."),
    ("/api/modelkeep/v1/objects", "objects", "Files", ""),
    (
        "/api/modelkeep/v1",
        "modelkeep",
        "Modelkeep",
        "What no other API has: copies, lineage, explain, audit, principals.",
    ),
    ("/api/2.0/mlflow-artifacts", "mlflow_artifacts", "MLflow", ""),
    ("/ajax-api/2.0/mlflow-artifacts", "ajax_artifacts", "MLflow", ""),
    ("/api/2.0/mlflow", "mlflow", "MLflow", "MLflow's plain REST."),
    ("/ajax-api", "ajax", "MLflow", ""),
    (
        "/api/2.0/preview/scim/v2",
        "scim",
        "Account",
        "Users, groups and service principals over SCIM 2.0, and access tokens.",
    ),
    ("/api/2.0/accounts/{account_id}/scim/v2", "account_scim", "Account", ""),
    ("/api/2.0/accounts/servicePrincipals", "secrets", "Account", ""),
    ("/api/2.0/accounts/{account_id}", "account", "Account", ""),
    ("/oidc/accounts/{account_id}", "account_oidc", "Account", ""),
    ("/oidc", "oidc", "Account", ""),
    ("/api/2.0/token", "token", "Account", ""),
    ("/api/2.0/token-management", "token_management", "Account", ""),
    ("/api/2.0/sql/statements/", "sql_slash", "SQL", ""),  # as databricks-sdk 0.30 writes it
    ("/api/2.0/sql", "sql", "SQL", "Statements that grant, describe and show, and the warehouse that they name."),
    ("/api/2.1/tag-policies", "tag_policies", "Account", ""),
    ("/api/2.0/preview/accounts/access-control", "access_control", "Account", ""),
    ("/api/3.0/rfa", "rfa", "Unity Catalog", ""),
    ("", "server", "Server", "Discovery, sign-in, health, metrics and this description."),
)

_ABOUT = """A governed registry of models that MLflow and Unity Catalog clients take for a Databricks workspace.

Fields are read from path, query and JSON body alike, and must not disagree; a key that is given twice, or only looks like a known
one, is refused, and other unknown keys are ignored. Bodies hold 4 MiB at most. Every refusal has a code and one sentence that
says what to do. A browser without a session is sent to the sign-in page (303) instead of being refused (401).
Clients of open-source Unity Catalog are known by their User-Agent and answered in its words: they get a description of their own.
MLflow's tracking API (`/api/2.0/mlflow`, `/api/3.0/mlflow`) is answered by MLflow's own server, and described by MLflow.
"""
_REQUESTS = {operation.request: operation for operation in OPERATIONS}
_REF = "#/components/schemas/"
_ERROR_WORDS = {
    400: "The request breaks a rule that its sender can keep.",
    401: "No credential, or one that is not valid (any more).",
    403: "The caller lacks a privilege, which the message names.",
    404: "What the request names does not exist.",
    409: "The request clashes with what exists now.",
    429: "Too many requests at once.",
    501: "This server does not have the call.",
    503: "A part of the deployment does not answer for the moment.",
}


def document(routes: Sequence[Route], version: str) -> Json:
    """The OpenAPI 3.1 document of these routes, as it is written to JSON."""
    shapes = Shapes(routes)
    paths: Json = {}
    for route in routes:
        paths.setdefault(route.path.replace("*}", "}"), {})[route.method.lower()] = _operation(route, shapes)
    errors = {name: body for route in routes for name, body in shapes.errors(route.render or databricks).items()}
    there = {_dialect_of(route.path)[2] for route in routes}
    tags: dict[str, str] = {}
    for _, _, tag, about in DIALECTS:
        if tag in there and not tags.get(tag):
            tags[tag] = about
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Modelkeep",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag, **({"description": about} if about else {})} for tag, about in tags.items()],
        "paths": paths,
        "components": {
            "schemas": shapes.used([paths, errors]),
            "responses": errors,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A personal access token."}
            },
        },
    }


def answer_type(route: Route) -> Any:
    """What a route's writer says that it answers; None where it does not say."""
    said = None if route.write is None else get_type_hints(route.write).get("return")
    return None if said is Any else said


class Shapes:
    """JSON schemas of all that routes read and answer."""

    def __init__(self, routes: Sequence[Route]) -> None:
        types: dict[Any, None] = dict.fromkeys(kind for route in routes for kind in _types(route))
        schemas, self._components = msgspec.json.schema_components(types, ref_template=_REF + "{name}")
        self._schemas = dict(zip(types, schemas, strict=True))
        self._errors: dict[Renderer, Json] = {}

    def of(self, kind: Any) -> Json:
        return self._schemas[kind]

    def fields(self, kind: type[msgspec.Struct]) -> tuple[Json, list[str]]:
        """(properties, names of the required ones) of a wire struct."""
        schema = self._components[self.of(kind)["$ref"].removeprefix(_REF)]
        return schema["properties"], schema.get("required", [])

    def errors(self, render: Renderer) -> Json:
        """A dialect's refusals by name, which ends with the status: what its renderer makes of every error that there is."""
        if render in self._errors:
            return self._errors[render]
        codes: dict[int, set[str]] = {}
        for kind in _subclasses(RegistryError):
            for securable in ("", *Kind):
                status, body = render(kind("", kind=securable))
                codes.setdefault(status, set()).update({body["error_code"]} if "error_code" in body else ())
        shape = self.of(_error_type(render))
        self._errors[render] = {
            f"{_dialect(render)}-{status}": {
                "description": _ERROR_WORDS[status],
                "content": _json({"allOf": [shape, _one_of(codes[status])]} if codes[status] else shape),
            }
            for status in sorted(codes)
        }
        return self._errors[render]

    def used(self, places: Any) -> Json:
        """The components that these places, or components that they use, refer to."""
        components: Json = {}
        waiting = list(_references(places))
        while waiting:
            name = waiting.pop()
            if name not in components:
                components[name] = self._components[name]
                waiting += _references(components[name])
        return dict(sorted(components.items()))


def _types(route: Route) -> Iterator[Any]:
    yield _error_type(route.render or databricks)
    yield route.fields
    yield from (answer.type for answer in route.answers if answer.type is not None)
    if (answered := answer_type(route)) is not None:
        yield answered


def _error_type(render: Renderer) -> Any:
    return get_type_hints(render)["return"].__args__[1]


def _dialect(render: Renderer) -> str:
    """The client's package, or the renderer's own name where several packages share it, or the package has several."""
    package = render.__module__.removeprefix("modelkeep.api.").partition(".")[0]
    name: str = getattr(render, "__name__", package)
    return name if package == "errors" or name.startswith("workspace") else package


def _one_of(codes: set[str]) -> Json:
    return {"properties": {"error_code": {"enum": sorted(codes)}}}


def _subclasses(kind: type[RegistryError]) -> Iterator[type[RegistryError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in cast("Json", value).items():
            if key == "$ref" and isinstance(inner, str) and inner.startswith(_REF):
                yield inner.removeprefix(_REF)
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _references(inner)


def _dialect_of(path: str) -> tuple[str, str, str, str]:
    return next(
        dialect for dialect in DIALECTS if path == dialect[0] or path.startswith((f"{dialect[0]}/", f"{dialect[0]}:"))
    )


# --- one operation ---------------------------------------------------------------------------------------------------


def _operation(route: Route, shapes: Shapes) -> Json:
    prefix, word, tag, _ = _dialect_of(route.path)
    summary, description = _words(route)
    described: Json = {
        "operationId": "_".join([word, route.method.lower(), *re.findall(r"\w+", route.path.removeprefix(prefix))]),
        "tags": [tag],
        "summary": summary,
    }
    if description:
        described["description"] = description
    if parameters := _parameters(route, shapes):
        described["parameters"] = parameters
    if (body := _body(route, shapes)) is not None:
        described["requestBody"] = body
    described["responses"] = _responses(route, shapes)
    if route.public:
        described["security"] = []
    return described


def _words(route: Route) -> tuple[str, str]:
    """(summary, description): of the operation that a reader asks for, or of the reader or handler itself."""
    source: Callable[..., Any] | None = route.handler or route.read or route.read_request
    assert source is not None
    operation = None if route.handler is not None else _single_operation(source)
    if operation is not None:
        about = inspect.getdoc(operation.run) or ""
        return _sentence(operation.name), f"{about}\n\nNeeds: {operation.needs}.".strip()
    name = cast("str", getattr(source, "__name__", "")).strip("_")
    if name == "<lambda>" or (name in ("get", "list", "update") and route.handler is None):
        noun = [segment for segment in route.path.split("/") if not segment.startswith("{")][-1]
        name = f"{'update' if route.method == 'PATCH' else name if name.isalpha() else route.method.lower()} {noun}"
    return _sentence(name), (inspect.getdoc(source) or "") if inspect.isroutine(source) else ""


def _sentence(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()


def _single_operation(read: Callable[..., Any]) -> Operation | None:
    """The single operation that a reader requests, by its annotation, or by the only request that it names."""
    hinted = get_type_hints(read).get("return")
    if hinted is not None:
        return _REQUESTS.get(hinted)
    seen = inspect.getclosurevars(read)
    words = {*seen.globals, *seen.unbound}
    named = [*seen.nonlocals.values(), *seen.globals.values()]
    named += [getattr(part, name, None) for part in seen.globals.values() for name in words if inspect.ismodule(part)]
    operations = [_REQUESTS[kind] for kind in named if isinstance(kind, type) and kind in _REQUESTS]
    return operations[0] if len(operations) == 1 else None


def _in_path(route: Route) -> list[str]:
    return re.findall(r"\{([^}*]+)\*?\}", route.path)


def _parameters(route: Route, shapes: Shapes) -> list[Json]:
    properties, required = shapes.fields(route.fields)
    parameters: list[Json] = []
    for name in _in_path(route):
        schema = properties.get(name, {"type": "string"})
        parameters.append({"name": name, "in": "path", "required": True, "schema": _in_url(schema)})
        if f"{{{name}*}}" in route.path:
            parameters[-1]["description"] = "A path: slashes are part of it."
    if route.method in ("GET", "HEAD", "DELETE") or route.sends:
        names = [name for name in properties if name not in _in_path(route)]
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": properties[name]} for name in names
        ]
    return parameters


def _in_url(schema: Json) -> Json:
    """No parameter of a path is left out or empty."""
    without_default = {name: value for name, value in schema.items() if name != "default"}
    return {**without_default, "minLength": 1} if schema.get("type") == "string" else without_default


def _body(route: Route, shapes: Shapes) -> Json | None:
    if route.sends:
        return {"required": True, "content": {route.sends: {}}}
    if route.method in ("GET", "HEAD", "DELETE"):
        return None
    properties, required = shapes.fields(route.fields)
    in_path = set(_in_path(route))
    in_body = {name: schema for name, schema in properties.items() if name not in in_path}
    if not in_body:
        return None
    if not in_path & properties.keys():
        return {"required": bool(required), "content": _json(shapes.of(route.fields))}
    required_in_body = [name for name in required if name not in in_path]
    schema: Json = {
        "type": "object",
        "properties": in_body,
        **({"required": required_in_body} if required_in_body else {}),
    }
    return {"required": bool(required_in_body), "content": _json(schema)}


def _responses(route: Route, shapes: Shapes) -> Json:
    responses: Json = {}
    render = route.render or databricks
    refusals = {
        int(name.rpartition("-")[2]): {"$ref": f"#/components/responses/{name}"} for name in shapes.errors(render)
    }
    if not route.public:
        responses |= {str(status): answer for status, answer in refusals.items() if status != 409 or _may_clash(route)}
    for answer in route.answers:
        own = answer.status < 400 or answer.type is not None or answer.content != "application/json"
        responses[str(answer.status)] = _declared(answer, shapes) if own else refusals[answer.status]
    if route.handler is None and route.status == 204:
        responses["204"] = {"description": "Done."}
    elif route.handler is None:
        responses[str(route.status)] = {"description": "Done.", "content": _json(_answered(route, shapes))}
    if route.method == "HEAD":
        words = {status: _ERROR_WORDS.get(int(status), "As for GET, without a body.") for status in responses}
        responses = {status: {"description": word} for status, word in words.items()}
    return dict(sorted(responses.items()))


def _may_clash(route: Route) -> bool:
    return route.method != "GET" or route.handler is not None


def _answered(route: Route, shapes: Shapes) -> Json:
    if route.write is None:
        return {"type": "object", "maxProperties": 0}
    kind = answer_type(route)
    return {} if kind is None else shapes.of(kind)


def _declared(answer: Answer, shapes: Shapes) -> Json:
    response: Json = {
        "description": "Done." if answer.status < 300 else "See Location." if answer.status < 400 else "Refused."
    }
    if answer.type is not None:
        response["content"] = _json(shapes.of(answer.type))
    elif answer.content and answer.content != "application/json":
        response["content"] = {
            answer.content: {"schema": {"type": "string"}} if answer.content.startswith("text/") else {}
        }
    return response


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def without_answer_types(routes: Iterable[Route]) -> list[str]:
    """Routes whose answer this document cannot describe: `METHOD path` of each."""
    return [
        f"{route.method} {route.path}"
        for route in routes
        if (not route.answers if route.handler is not None else route.write is not None and answer_type(route) is None)
    ]
