"""Dialects that name the same act ask the core for the same thing, and what one of them makes the others read."""

import base64
import itertools
import uuid
from typing import Any

import httpx
import msgspec
import pytest
from api.serving import UC, Site, site

from modelkeep.api.databricks_uc import routes as b
from modelkeep.api.mlflow import routes as plain
from modelkeep.api.model_shapes import FileAccess
from modelkeep.api.unity_catalog.user_agents import DATABRICKS, OSS
from modelkeep.api.unity_catalog.user_agents import routes as native
from modelkeep.domain.names import DEFAULT_HOME
from modelkeep.http.binding import read_fields
from modelkeep.http.messages import Request
from modelkeep.http.routing import Router

__all__ = ["site"]

ROUTERS = {
    "mlflow": Router(plain.routes(DEFAULT_HOME)),
    "databricks-uc": Router(b.routes(files_api=False)),
    "native": Router(native("metastore", DATABRICKS, FileAccess())),
    "open-source": Router(native("metastore", OSS, FileAccess("credentials"))),
}
RM, MV, MODEL = f"{b.PREFIX}/registered-models", f"{b.PREFIX}/model-versions", f"{UC}/models/Prod.ml.iris"
NAME = "Prod.ml.iris"
THREE = {"catalog_name": "Prod", "schema_name": "ml", "model_name": "iris"}
LINEAGE = base64.b64encode(
    msgspec.json.encode({"lineages": [{"source_securables": [{"table": {"name": "main.ml.t", "table_id": "7"}}]}]})
).decode()
ARM, AMV = "/api/2.0/mlflow/registered-models", "/api/2.0/mlflow/model-versions"
TAGS = [{"key": "team", "value": "ds"}, {"key": "mlflow.source", "value": "x"}]
ASKED = dict[str, tuple[str, str, dict[str, Any]]]

# An act, as each dialect names it: method, path, fields (query of a GET, else the body).
ACTS: dict[str, ASKED] = {
    "create model": {
        "mlflow": ("POST", f"{ARM}/create", {"name": NAME, "description": "d", "tags": TAGS, "deployment_job_id": "7"}),
        "databricks-uc": (
            "POST",
            f"{RM}/create",
            {"name": NAME, "description": "d", "tags": TAGS, "deployment_job_id": "7"},
        ),
        "native": (
            "POST",
            f"{UC}/models",
            {
                "name": "iris",
                "catalog_name": "Prod",
                "schema_name": "ml",
                "comment": "d",
                "tags": TAGS,
                "deployment_job_id": "7",
            },
        ),
    },
    "create model, bare": {
        "mlflow": ("POST", f"{ARM}/create", {"name": NAME}),
        "databricks-uc": ("POST", f"{RM}/create", {"name": NAME}),
        "native": ("POST", f"{UC}/models", {"name": "iris", "catalog_name": "Prod", "schema_name": "ml"}),
        "open-source": (
            "POST",
            f"{UC}/models",
            {"name": "iris", "catalog_name": "Prod", "schema_name": "ml", "comment": ""},
        ),
    },
    "get model": {
        "mlflow": ("GET", f"{ARM}/get", {"name": NAME}),
        "databricks-uc": ("GET", f"{RM}/get", {"name": NAME}),
        "native": ("GET", MODEL, {"full_name": NAME, "include_aliases": "true"}),
        "open-source": ("GET", MODEL, {"full_name": NAME}),
    },
    "list models": {
        "databricks-uc": ("GET", f"{RM}/search", {"max_results": "100", "page_token": "t"}),
        "native": ("GET", f"{UC}/models", {"max_results": "100", "page_token": "t"}),
        "open-source": ("GET", f"{UC}/models", {"max_results": "100", "page_token": "t"}),
    },
    "describe model": {
        "mlflow": ("PATCH", f"{ARM}/update", {"name": NAME, "description": "d"}),
        "databricks-uc": ("PATCH", f"{RM}/update", {"name": NAME, "description": "d"}),
        "native": ("PATCH", MODEL, {"full_name": NAME, "comment": "d"}),
        "open-source": ("PATCH", MODEL, {"comment": "d"}),
    },
    "set deployment job": {
        "mlflow": ("PATCH", f"{ARM}/update", {"name": NAME, "deployment_job_id": ""}),
        "databricks-uc": ("PATCH", f"{RM}/update", {"name": NAME, "deployment_job_id": ""}),
        "native": ("PATCH", MODEL, {"full_name": NAME, "deployment_job_id": ""}),
    },
    "rename model": {
        "mlflow": ("POST", f"{ARM}/rename", {"name": NAME, "new_name": "prod.ml.Rose"}),
        "databricks-uc": ("PATCH", f"{RM}/update", {"name": NAME, "new_name": "prod.ml.Rose"}),
        "native": ("PATCH", MODEL, {"full_name": NAME, "new_name": "prod.ml.rose"}),
        "open-source": ("PATCH", MODEL, {"new_name": "rose"}),
    },
    "delete model": {
        "mlflow": ("DELETE", f"{ARM}/delete", {"name": NAME}),
        "databricks-uc": ("DELETE", f"{RM}/delete", {"name": NAME}),
        "native": ("DELETE", MODEL, {"full_name": NAME}),
        "open-source": ("DELETE", MODEL, {}),
    },
    "set alias": {
        "mlflow": ("POST", f"{ARM}/alias", {"name": NAME, "alias": "Champion", "version": "2"}),
        "databricks-uc": ("POST", f"{RM}/alias", {"name": NAME, "alias": "Champion", "version": "2"}),
        "native": ("PUT", f"{MODEL}/aliases/Champion", {"full_name": NAME, "alias": "Champion", "version_num": 2}),
    },
    "delete alias": {
        "mlflow": ("DELETE", f"{ARM}/alias", {"name": NAME, "alias": "Champion"}),
        "databricks-uc": ("DELETE", f"{RM}/alias", {"name": NAME, "alias": "Champion"}),
        "native": ("DELETE", f"{MODEL}/aliases/Champion", {"full_name": NAME, "alias": "Champion"}),
    },
    "version by alias": {
        "mlflow": ("GET", f"{ARM}/alias", {"name": NAME, "alias": "Champion"}),
        "databricks-uc": ("GET", f"{RM}/alias", {"name": NAME, "alias": "Champion"}),
        "native": (
            "GET",
            f"{MODEL}/aliases/Champion",
            {"full_name": NAME, "alias": "Champion", "include_aliases": "true"},
        ),
    },
    "tag model": {
        "mlflow": ("POST", f"{ARM}/set-tag", {"name": NAME, "key": "k", "value": "v"}),
        "databricks-uc": ("POST", f"{RM}/set-tag", {"name": NAME, "key": "k", "value": "v"}),
        "native": (
            "PATCH",
            f"{UC}/securable-tags/FUNCTION/{NAME}",
            {"changes": {"add_tags": [{"key": "k", "value": "v"}]}},
        ),
        "open-source": (
            "PATCH",
            f"{UC}/securable-tags/registered_model/{NAME}",
            {"changes": {"add_tags": [{"key": "k", "value": "v"}]}},
        ),
    },
    "untag model": {
        "mlflow": ("DELETE", f"{ARM}/delete-tag", {"name": NAME, "key": "k"}),
        "databricks-uc": ("DELETE", f"{RM}/delete-tag", {"name": NAME, "key": "k"}),
        "native": ("PATCH", f"{UC}/securable-tags/FUNCTION/{NAME}", {"changes": {"remove": ["k"]}}),
        "open-source": ("DELETE", f"{UC}/entity-tag-assignments/functions/{NAME}/tags/k", {}),
    },
    "tag version": {
        "mlflow": ("POST", f"{AMV}/set-tag", {"name": NAME, "version": "2", "key": "k", "value": "v"}),
        "databricks-uc": ("POST", f"{MV}/set-tag", {"name": NAME, "version": "2", "key": "k", "value": "v"}),
        "native": (
            "PATCH",
            f"{UC}/subentity-tags/FUNCTION/{NAME}/2",
            {"changes": {"add_tags": [{"key": "k", "value": "v"}]}},
        ),
    },
    "untag version": {
        "mlflow": ("DELETE", f"{AMV}/delete-tag", {"name": NAME, "version": "2", "key": "k"}),
        "databricks-uc": ("DELETE", f"{MV}/delete-tag", {"name": NAME, "version": "2", "key": "k"}),
        "native": ("PATCH", f"{UC}/subentity-tags/MODEL/{NAME}/2", {"changes": {"remove": ["k"]}}),
    },
    "create version": {
        "databricks-uc": (
            "POST",
            f"{MV}/create",
            {
                "name": NAME,
                "source": "models:/dev.ml.iris@Best",
                "run_id": "r",
                "description": "d",
                "tags": TAGS,
                "model_id": "m-1",
                "run_tracking_server_id": "12",
                "feature_deps": "",
                "model_version_dependencies": [
                    {"type": "DATABRICKS_TABLE", "name": "a.b.t"},
                    {"type": "DATABRICKS_UC_FUNCTION", "name": "a.b.f"},
                    {"type": "DATABRICKS_UC_CONNECTION", "name": "c"},
                ],
            },
        ),
        "native": (
            "POST",
            f"{UC}/models/versions",
            {
                **THREE,
                "source": "models:/dev.ml.iris@Best",
                "run_id": "r",
                "comment": "d",
                "tags": TAGS,
                "model_id": "m-1",
                "run_tracking_server_id": "12",
                "feature_deps": "",
                "model_version_dependencies": {
                    "dependencies": [
                        {"table": {"table_full_name": "a.b.t"}},
                        {"function": {"function_full_name": "a.b.f"}},
                        {"connection": {"connection_name": "c"}},
                    ]
                },
            },
        ),
    },
    "create version, bare": {
        "databricks-uc": ("POST", f"{MV}/create", {"name": NAME, "source": "/tmp/x", "feature_deps": ""}),
        "native": ("POST", f"{UC}/models/versions", {**THREE, "source": "/tmp/x", "feature_deps": ""}),
        "open-source": ("POST", f"{UC}/models/versions", {**THREE, "source": "/tmp/x"}),
    },
    "finalize version": {
        "databricks-uc": ("POST", f"{MV}/finalize", {"name": NAME, "version": "2"}),
        "native": ("PATCH", f"{MODEL}/versions/2/finalize", {"full_name": NAME, "version": 2}),
        # D's clients know no signatures, and ask for `unsigned`.
    },
    "get version": {
        "mlflow": ("GET", f"{AMV}/get", {"name": NAME, "version": "2"}),
        "databricks-uc": ("GET", f"{MV}/get", {"name": NAME, "version": "2"}),
        "native": ("GET", f"{MODEL}/versions/2", {"full_name": NAME, "version": "2", "include_aliases": "true"}),
        "open-source": ("GET", f"{MODEL}/versions/2", {}),
    },
    "describe version": {
        "mlflow": ("PATCH", f"{AMV}/update", {"name": NAME, "version": "2", "description": ""}),
        "databricks-uc": ("PATCH", f"{MV}/update", {"name": NAME, "version": "2", "description": ""}),
        "native": ("PATCH", f"{MODEL}/versions/2", {"full_name": NAME, "version": 2, "comment": ""}),
        "open-source": ("PATCH", f"{MODEL}/versions/2", {"comment": ""}),
    },
    "delete version": {
        "mlflow": ("DELETE", f"{AMV}/delete", {"name": NAME, "version": "2"}),
        "databricks-uc": ("DELETE", f"{MV}/delete", {"name": NAME, "version": "2"}),
        "native": ("DELETE", f"{MODEL}/versions/2", {"full_name": NAME, "version": 2}),
        "open-source": ("DELETE", f"{MODEL}/versions/2", {}),
    },
    "read files": {
        "databricks-uc": (
            "POST",
            f"{MV}/generate-temporary-credentials",
            {"name": NAME, "version": "2", "operation": "MODEL_VERSION_OPERATION_READ"},
        ),
        "native": (
            "POST",
            f"{UC}/temporary-model-version-credentials",
            {**THREE, "version": 2, "operation": "READ_MODEL_VERSION"},
        ),
    },
    "write files": {
        "databricks-uc": (
            "POST",
            f"{MV}/generate-temporary-credentials",
            {"name": NAME, "version": "2", "operation": "MODEL_VERSION_OPERATION_READ_WRITE"},
        ),
        "native": (
            "POST",
            f"{UC}/temporary-model-version-credentials",
            {**THREE, "version": 2, "operation": "READ_WRITE_MODEL_VERSION"},
        ),
    },
}


def core_requests(dialect: str, request: tuple[str, str, dict[str, Any]]) -> Any:
    """What the dialect's reader makes of a call: the typed request, or several."""
    method, path, fields = request
    result = ROUTERS[dialect].find(method, path)
    assert result is not None, request
    route, in_path = result
    query = str(httpx.QueryParams(fields)).encode() if method == "GET" else b""
    body = b"" if method == "GET" or not fields else msgspec.json.encode(fields)
    read = read_fields(route, in_path, query, body, "application/json")
    if route.read is not None:
        return route.read(read)
    assert route.read_request is not None
    headers = [(b"x-databricks-lineage-identifier", LINEAGE.encode())]
    scope = {"method": method, "path": path, "headers": headers, "query_string": query}
    return route.read_request(read, Request(scope, None, ""))  # type: ignore[arg-type]


PAIRS = [(act, *pair) for act, dialects in ACTS.items() for pair in itertools.combinations(sorted(dialects), 2)]


@pytest.mark.parametrize(("act", "first", "other"), PAIRS, ids=lambda part: str(part))
def test_dialects_that_name_the_same_act_ask_the_core_for_the_same(act: str, first: str, other: str) -> None:
    requests = [core_requests(dialect, ACTS[act][dialect]) for dialect in (first, other)]
    assert requests[0] == requests[1]
    kinds = [[type(r) for r in a] if isinstance(a, list) else type(a) for a in requests]
    assert kinds[0] == kinds[1]


def test_every_model_route_of_the_native_dialects_takes_part() -> None:
    """A route without an act above would be a route whose requests nobody has compared."""
    taking = {
        ROUTERS["native"].find(method, path)[0].path
        for dialects in ACTS.values()
        for _, (method, path, _) in dialects.items()
        if path.startswith(UC)
    }  # type: ignore[index]
    alone = {
        # B has no such act, or asks by a search with a filter.
        f"{UC}/models/{{full_name}}/versions",
        f"{UC}/entity-tag-assignments",
        f"{UC}/entity-tag-assignments/{{entity_type}}/{{entity_name}}/tags",
    }
    containers = (
        "catalogs",
        "schemas",
        "permissions",
        "effective-permissions",
        "privilege-assignments",
        "effective-privilege-assignments",
        "metastore",
        "external-locations",
        "storage-credentials",
        "validate-storage-credentials",
        "credentials",
        "temporary-",
        "delta/",
        "volumes",
        "tables",
        "table-summaries",
        "staging-tables",
        "functions",
        "bindings",
        "workspace-bindings",
        "resource-quotas",
        "/api/2.0/unity-catalog",
        "/api/3.0/rfa",
        "/api/2.0/lineage-tracking",
    )
    routes = {r.path for r in ROUTERS["native"].routes if not r.path.removeprefix(f"{UC}/").startswith(containers)}
    assert routes - taking - alone == set()


# --- made through one dialect, read through the others ---------------------------------------------------------------


def by_b(site: Site, model: str, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Model and version as `databricks-uc` tells them, in the words of the native routes."""
    registered_model = site.ok("GET", f"{RM}/get", {"name": model})["registered_model"]
    of = site.ok("GET", f"{MV}/get", {"name": model, "version": version})["model_version"]
    return (
        {
            "full_name": registered_model["name"],
            "comment": registered_model["description"],
            "created_at": registered_model["creation_timestamp"],
            "updated_at": registered_model["last_updated_timestamp"],
            "created_by": registered_model["user_id"],
            "tags": registered_model["tags"],
            "aliases": [(a["alias"], int(a["version"])) for a in registered_model["aliases"]],
            "deployment_job_id": registered_model["deployment_job_id"],
            "deployment_job_state": registered_model["deployment_job_state"],
        },
        {
            "version": int(of["version"]),
            "comment": of["description"],
            "source": of["source"],
            "run_id": of["run_id"],
            "status": of["status"],
            "storage_location": of["storage_location"],
            "created_at": of["creation_timestamp"],
            "updated_at": of["last_updated_timestamp"],
            "created_by": of["user_id"],
            "tags": of["tags"],
            "model_id": of["model_id"],
            "run_workspace_id": of["run_tracking_server_id"],
            "aliases": [(a["alias"], int(a["version"])) for a in of["aliases"]],
        },
    )


def by_native(site: Site, agent: str, model: str, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    query, headers = {"include_aliases": True}, {"user-agent": agent}
    body = site.call("GET", f"{UC}/models/{model}", query, headers=headers).json()
    of = site.call("GET", f"{UC}/models/{model}/versions/{version}", query, headers=headers).json()
    for entity in (body, of):
        entity["aliases"] = [(a["alias_name"], a["version_num"]) for a in entity["aliases"]]
    of["run_workspace_id"] = str(of.get("run_workspace_id") or "")
    return body, of


def by_a(site: Site, model: str, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """As plain MLflow tells them, in the words of the native routes."""
    registered_model = site.ok("GET", f"{ARM}/get", {"name": model})["registered_model"]
    of = site.ok("GET", f"{AMV}/get", {"name": model, "version": version})["model_version"]
    assert registered_model["latest_versions"] == [of]
    return (
        {
            "full_name": registered_model["name"],
            "comment": registered_model["description"],
            "created_at": registered_model["creation_timestamp"],
            "updated_at": registered_model["last_updated_timestamp"],
            "created_by": registered_model["user_id"],
            "tags": registered_model["tags"],
            "aliases": [(a["alias"], int(a["version"])) for a in registered_model["aliases"]],
            "deployment_job_id": registered_model["deployment_job_id"],
        },
        {
            "version": int(of["version"]),
            "comment": of["description"],
            "source": of["source"],
            "run_id": of["run_id"],
            "status": of["status"],
            "created_at": of["creation_timestamp"],
            "updated_at": of["last_updated_timestamp"],
            "created_by": of["user_id"],
            "tags": of["tags"],
            "model_id": of["model_id"],
            "aliases": [(alias, int(of["version"])) for alias in of["aliases"]],
        },
    )


AGENTS = {
    "mlflow": "",
    "databricks-uc": "",
    "native": "databricks-sdk-py/0.156.0",
    "open-source": "OpenAPI-Generator/0.7.0/python",
}


@pytest.mark.parametrize("maker", AGENTS)
def test_what_one_dialect_makes_every_dialect_reads_alike(site: Site, maker: str) -> None:
    schema, name = site.schema(), f"m_{uuid.uuid4().hex[:8]}"
    catalog, schema_name = schema.split(".")
    model, headers = f"{schema}.{name}", {"user-agent": AGENTS[maker]}
    tags = [{"key": "team", "value": "ds"}]
    if maker == "mlflow":
        version = {
            "name": model,
            "source": "s3://b/m",
            "run_id": "r",
            "description": "v",
            "model_id": "m-1",
            "tags": tags,
        }
        results = [
            ("POST", f"{ARM}/create", {"name": model, "description": "d", "tags": tags, "deployment_job_id": "7"}),
            ("POST", f"{AMV}/create", version),
            ("POST", f"{ARM}/alias", {"name": model, "alias": "champion", "version": "1"}),
        ]
    elif maker == "databricks-uc":
        results = [
            ("POST", f"{RM}/create", {"name": model, "description": "d", "tags": tags, "deployment_job_id": "7"}),
            (
                "POST",
                f"{MV}/create",
                {
                    "name": model,
                    "source": "runs:/r/m",
                    "run_id": "r",
                    "description": "v",
                    "model_id": "m-1",
                    "run_tracking_server_id": "12",
                    "tags": tags,
                },
            ),
            ("POST", f"{RM}/alias", {"name": model, "alias": "champion", "version": "1"}),
        ]
    else:
        three = {"catalog_name": catalog, "schema_name": schema_name}
        results = [
            ("POST", f"{UC}/models", {**three, "name": name, "comment": "d", "tags": tags, "deployment_job_id": "7"}),
            (
                "POST",
                f"{UC}/models/versions",
                {
                    **three,
                    "model_name": name,
                    "source": "runs:/r/m",
                    "run_id": "r",
                    "comment": "v",
                    "model_id": "m-1",
                    "run_tracking_server_id": "12",
                    "tags": tags,
                },
            ),
            ("PUT", f"{UC}/models/{model}/aliases/champion", {"version_num": 1}),
        ]
    for method, path, body in results:
        answer = site.call(method, path, body, headers=headers)
        assert answer.status_code == 200, answer.text
    told_by_b = by_b(site, model, 1)
    answers = [by_native(site, AGENTS[dialect], model, 1) for dialect in ("native", "open-source")]
    if maker == "mlflow":  # its version is READY: D's clients are given a folder of their own to read it from
        answers[1][1]["storage_location"] = answers[0][1]["storage_location"]
    assert answers[0] == answers[1]
    for mine, theirs in zip((*told_by_b, *by_a(site, model, 1)), answers[0] * 2, strict=True):
        assert mine == {key: theirs[key] for key in mine}
    assert told_by_b[0]["aliases"] == told_by_b[1]["aliases"] == [("champion", 1)]
