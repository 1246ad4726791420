"""Faces that name the same act ask the core for the same thing, and what one face makes every other one reads."""

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
from modelkeep.api.model_shapes import Reach
from modelkeep.api.unity_catalog.user_agents import DATABRICKS, OSS
from modelkeep.api.unity_catalog.user_agents import routes as native
from modelkeep.domain.names import DEFAULT_HOME
from modelkeep.http.binding import read_fields
from modelkeep.http.messages import Request
from modelkeep.http.routing import Router

__all__ = ["site"]

ROUTERS = {
    "A": Router(plain.routes(DEFAULT_HOME)),
    "B": Router(b.routes(files_api=False)),
    "C": Router(native("metastore", DATABRICKS, Reach())),
    "D": Router(native("metastore", OSS, Reach("credentials"))),
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

# An act, as each face names it: method, path, fields (query of a GET, else the body).
ACTS: dict[str, ASKED] = {
    "create model": {
        "A": ("POST", f"{ARM}/create", {"name": NAME, "description": "d", "tags": TAGS, "deployment_job_id": "7"}),
        "B": ("POST", f"{RM}/create", {"name": NAME, "description": "d", "tags": TAGS, "deployment_job_id": "7"}),
        "C": (
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
        "A": ("POST", f"{ARM}/create", {"name": NAME}),
        "B": ("POST", f"{RM}/create", {"name": NAME}),
        "C": ("POST", f"{UC}/models", {"name": "iris", "catalog_name": "Prod", "schema_name": "ml"}),
        "D": ("POST", f"{UC}/models", {"name": "iris", "catalog_name": "Prod", "schema_name": "ml", "comment": ""}),
    },
    "get model": {
        "A": ("GET", f"{ARM}/get", {"name": NAME}),
        "B": ("GET", f"{RM}/get", {"name": NAME}),
        "C": ("GET", MODEL, {"full_name": NAME, "include_aliases": "true"}),
        "D": ("GET", MODEL, {"full_name": NAME}),
    },
    "list models": {
        "B": ("GET", f"{RM}/search", {"max_results": "100", "page_token": "t"}),
        "C": ("GET", f"{UC}/models", {"max_results": "100", "page_token": "t"}),
        "D": ("GET", f"{UC}/models", {"max_results": "100", "page_token": "t"}),
    },
    "describe model": {
        "A": ("PATCH", f"{ARM}/update", {"name": NAME, "description": "d"}),
        "B": ("PATCH", f"{RM}/update", {"name": NAME, "description": "d"}),
        "C": ("PATCH", MODEL, {"full_name": NAME, "comment": "d"}),
        "D": ("PATCH", MODEL, {"comment": "d"}),
    },
    "set deployment job": {
        "A": ("PATCH", f"{ARM}/update", {"name": NAME, "deployment_job_id": ""}),
        "B": ("PATCH", f"{RM}/update", {"name": NAME, "deployment_job_id": ""}),
        "C": ("PATCH", MODEL, {"full_name": NAME, "deployment_job_id": ""}),
    },
    "rename model": {
        "A": ("POST", f"{ARM}/rename", {"name": NAME, "new_name": "prod.ml.Rose"}),
        "B": ("PATCH", f"{RM}/update", {"name": NAME, "new_name": "prod.ml.Rose"}),
        "C": ("PATCH", MODEL, {"full_name": NAME, "new_name": "prod.ml.rose"}),
        "D": ("PATCH", MODEL, {"new_name": "rose"}),
    },
    "delete model": {
        "A": ("DELETE", f"{ARM}/delete", {"name": NAME}),
        "B": ("DELETE", f"{RM}/delete", {"name": NAME}),
        "C": ("DELETE", MODEL, {"full_name": NAME}),
        "D": ("DELETE", MODEL, {}),
    },
    "set alias": {
        "A": ("POST", f"{ARM}/alias", {"name": NAME, "alias": "Champion", "version": "2"}),
        "B": ("POST", f"{RM}/alias", {"name": NAME, "alias": "Champion", "version": "2"}),
        "C": ("PUT", f"{MODEL}/aliases/Champion", {"full_name": NAME, "alias": "Champion", "version_num": 2}),
    },
    "delete alias": {
        "A": ("DELETE", f"{ARM}/alias", {"name": NAME, "alias": "Champion"}),
        "B": ("DELETE", f"{RM}/alias", {"name": NAME, "alias": "Champion"}),
        "C": ("DELETE", f"{MODEL}/aliases/Champion", {"full_name": NAME, "alias": "Champion"}),
    },
    "version by alias": {
        "A": ("GET", f"{ARM}/alias", {"name": NAME, "alias": "Champion"}),
        "B": ("GET", f"{RM}/alias", {"name": NAME, "alias": "Champion"}),
        "C": ("GET", f"{MODEL}/aliases/Champion", {"full_name": NAME, "alias": "Champion", "include_aliases": "true"}),
    },
    "tag model": {
        "A": ("POST", f"{ARM}/set-tag", {"name": NAME, "key": "k", "value": "v"}),
        "B": ("POST", f"{RM}/set-tag", {"name": NAME, "key": "k", "value": "v"}),
        "C": ("PATCH", f"{UC}/securable-tags/FUNCTION/{NAME}", {"changes": {"add_tags": [{"key": "k", "value": "v"}]}}),
        "D": (
            "PATCH",
            f"{UC}/securable-tags/registered_model/{NAME}",
            {"changes": {"add_tags": [{"key": "k", "value": "v"}]}},
        ),
    },
    "untag model": {
        "A": ("DELETE", f"{ARM}/delete-tag", {"name": NAME, "key": "k"}),
        "B": ("DELETE", f"{RM}/delete-tag", {"name": NAME, "key": "k"}),
        "C": ("PATCH", f"{UC}/securable-tags/FUNCTION/{NAME}", {"changes": {"remove": ["k"]}}),
        "D": ("DELETE", f"{UC}/entity-tag-assignments/functions/{NAME}/tags/k", {}),
    },
    "tag version": {
        "A": ("POST", f"{AMV}/set-tag", {"name": NAME, "version": "2", "key": "k", "value": "v"}),
        "B": ("POST", f"{MV}/set-tag", {"name": NAME, "version": "2", "key": "k", "value": "v"}),
        "C": (
            "PATCH",
            f"{UC}/subentity-tags/FUNCTION/{NAME}/2",
            {"changes": {"add_tags": [{"key": "k", "value": "v"}]}},
        ),
    },
    "untag version": {
        "A": ("DELETE", f"{AMV}/delete-tag", {"name": NAME, "version": "2", "key": "k"}),
        "B": ("DELETE", f"{MV}/delete-tag", {"name": NAME, "version": "2", "key": "k"}),
        "C": ("PATCH", f"{UC}/subentity-tags/MODEL/{NAME}/2", {"changes": {"remove": ["k"]}}),
    },
    "create version": {
        "B": (
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
        "C": (
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
        "B": ("POST", f"{MV}/create", {"name": NAME, "source": "/tmp/x", "feature_deps": ""}),
        "C": ("POST", f"{UC}/models/versions", {**THREE, "source": "/tmp/x", "feature_deps": ""}),
        "D": ("POST", f"{UC}/models/versions", {**THREE, "source": "/tmp/x"}),
    },
    "finalize version": {
        "B": ("POST", f"{MV}/finalize", {"name": NAME, "version": "2"}),
        "C": ("PATCH", f"{MODEL}/versions/2/finalize", {"full_name": NAME, "version": 2}),
        # D's clients know no signatures, and ask for `unsigned`.
    },
    "get version": {
        "A": ("GET", f"{AMV}/get", {"name": NAME, "version": "2"}),
        "B": ("GET", f"{MV}/get", {"name": NAME, "version": "2"}),
        "C": ("GET", f"{MODEL}/versions/2", {"full_name": NAME, "version": "2", "include_aliases": "true"}),
        "D": ("GET", f"{MODEL}/versions/2", {}),
    },
    "describe version": {
        "A": ("PATCH", f"{AMV}/update", {"name": NAME, "version": "2", "description": ""}),
        "B": ("PATCH", f"{MV}/update", {"name": NAME, "version": "2", "description": ""}),
        "C": ("PATCH", f"{MODEL}/versions/2", {"full_name": NAME, "version": 2, "comment": ""}),
        "D": ("PATCH", f"{MODEL}/versions/2", {"comment": ""}),
    },
    "delete version": {
        "A": ("DELETE", f"{AMV}/delete", {"name": NAME, "version": "2"}),
        "B": ("DELETE", f"{MV}/delete", {"name": NAME, "version": "2"}),
        "C": ("DELETE", f"{MODEL}/versions/2", {"full_name": NAME, "version": 2}),
        "D": ("DELETE", f"{MODEL}/versions/2", {}),
    },
    "read files": {
        "B": (
            "POST",
            f"{MV}/generate-temporary-credentials",
            {"name": NAME, "version": "2", "operation": "MODEL_VERSION_OPERATION_READ"},
        ),
        "C": (
            "POST",
            f"{UC}/temporary-model-version-credentials",
            {**THREE, "version": 2, "operation": "READ_MODEL_VERSION"},
        ),
    },
    "write files": {
        "B": (
            "POST",
            f"{MV}/generate-temporary-credentials",
            {"name": NAME, "version": "2", "operation": "MODEL_VERSION_OPERATION_READ_WRITE"},
        ),
        "C": (
            "POST",
            f"{UC}/temporary-model-version-credentials",
            {**THREE, "version": 2, "operation": "READ_WRITE_MODEL_VERSION"},
        ),
    },
}


def core_requests(face: str, request: tuple[str, str, dict[str, Any]]) -> Any:
    """What the face's reader makes of a call: the typed request, or several."""
    method, path, fields = request
    result = ROUTERS[face].find(method, path)
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


PAIRS = [(act, *pair) for act, faces in ACTS.items() for pair in itertools.combinations(sorted(faces), 2)]


@pytest.mark.parametrize(("act", "first", "other"), PAIRS, ids=lambda part: str(part))
def test_faces_that_name_the_same_act_ask_the_core_for_the_same(act: str, first: str, other: str) -> None:
    requests = [core_requests(face, ACTS[act][face]) for face in (first, other)]
    assert requests[0] == requests[1]
    kinds = [[type(r) for r in a] if isinstance(a, list) else type(a) for a in requests]
    assert kinds[0] == kinds[1]


def test_every_model_route_of_the_native_face_takes_part() -> None:
    """A route without an act above would be a route whose requests nobody has compared."""
    taking = {
        ROUTERS["C"].find(method, path)[0].path
        for faces in ACTS.values()
        for _, (method, path, _) in faces.items()
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
        "functions",
        "bindings",
        "workspace-bindings",
        "resource-quotas",
        "/api/2.0/unity-catalog",
        "/api/3.0/rfa",
        "/api/2.0/lineage-tracking",
    )
    routes = {r.path for r in ROUTERS["C"].routes if not r.path.removeprefix(f"{UC}/").startswith(containers)}
    assert routes - taking - alone == set()


# --- made through one face, read through the others ------------------------------------------------------------------


def by_b(site: Site, model: str, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Model and version as B tells them, in the words of the native face."""
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
    """As plain MLflow tells them, in the words of the native face."""
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


AGENTS = {"A": "", "B": "", "C": "databricks-sdk-py/0.156.0", "D": "OpenAPI-Generator/0.7.0/python"}


@pytest.mark.parametrize("maker", AGENTS)
def test_what_one_face_makes_every_face_reads_alike(site: Site, maker: str) -> None:
    schema, name = site.schema(), f"m_{uuid.uuid4().hex[:8]}"
    catalog, schema_name = schema.split(".")
    model, headers = f"{schema}.{name}", {"user-agent": AGENTS[maker]}
    tags = [{"key": "team", "value": "ds"}]
    if maker == "A":
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
    elif maker == "B":
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
    answers = [by_native(site, AGENTS[face], model, 1) for face in ("C", "D")]
    if maker == "A":  # its version is READY: D's clients are given a folder of their own to read it from
        answers[1][1]["storage_location"] = answers[0][1]["storage_location"]
    assert answers[0] == answers[1]
    for mine, theirs in zip((*told_by_b, *by_a(site, model, 1)), answers[0] * 2, strict=True):
        assert mine == {key: theirs[key] for key in mine}
    assert told_by_b[0]["aliases"] == told_by_b[1]["aliases"] == [("champion", 1)]
