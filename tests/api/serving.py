"""A whole server on a real socket in a thread of this process: the wire as clients meet it, its route table to walk."""

import asyncio
import contextlib
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import pytest
from live import free_port

from modelkeep.api.app import App
from modelkeep.api.databricks_uc.routes import PREFIX as DATABRICKS_UC
from modelkeep.api.failed_logins import FailedLoginLimiter
from modelkeep.api.sql.routes import WAREHOUSE_ID, WAREHOUSES
from modelkeep.cli.admin_token import create_admin_token
from modelkeep.http.routing import Route
from modelkeep.http.server import HttpServer
from modelkeep.observe.logs import configure
from modelkeep.serve.application import application
from modelkeep.serve.listening import listeners, server_options
from modelkeep.serve.registry import Registry, opened
from modelkeep.settings import Settings

V1 = "/api/modelkeep/v1"
UC = "/api/2.1/unity-catalog"
T = TypeVar("T")

RETRIED = frozenset({405, 408, 413, 415, 422, 429, 500, 502, 503, 504})
"""Statuses that clients repeat for minutes: no request that is merely wrong may meet one."""


class Site:
    """A running server: `app` and `registry` are the parts behind it, `loop` is where they live."""

    def __init__(self, settings: Settings, admin: str) -> None:
        self.settings = settings
        self.host = settings.address
        self.admin = admin
        self.http = httpx.Client(base_url=self.host, timeout=20)
        self.app: App
        self.registry: Registry
        self.server: HttpServer
        self.loop: asyncio.AbstractEventLoop

    @property
    def routes(self) -> tuple[Route, ...]:
        return self.app.router.routes

    @property
    def dialects(self) -> list[tuple[dict[str, str], Route]]:
        """Every route with the headers of the clients that it is for: some have a twin for others."""
        other: App | None = getattr(self.app, "other", None)
        twins = other.router.routes if other else ()
        return [
            *(({}, route) for route in self.routes),
            *(({"user-agent": "OpenAPI-Generator/0.7.0/python"}, r) for r in twins),
        ]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await something on the server's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def call(
        self, method: str, path: str, fields: dict[str, Any] | None = None, *, token: str | None = None, **extra: Any
    ) -> httpx.Response:
        """One request, as the admin unless `token` says otherwise ('' sends none): fields as a client places them."""
        token = self.admin if token is None else token
        headers = {**({"authorization": f"Bearer {token}"} if token else {}), **extra.pop("headers", {})}
        if fields is not None:
            extra["params" if method == "GET" else "json"] = fields
        return self.http.request(method, path, headers=headers, **extra)

    def b(self, method: str, path: str, fields: dict[str, Any], token: str | None = None) -> httpx.Response:
        """A call of `databricks-uc`."""
        return self.call(method, f"{DATABRICKS_UC}/{path}", fields, token=token)

    def ok(self, method: str, path: str, fields: dict[str, Any] | None = None, token: str | None = None) -> Any:
        answer = self.call(method, path, fields, token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def user(self, name: str = "") -> tuple[str, str]:
        """A new user: (name, token)."""
        name = name or f"u_{uuid.uuid4().hex[:8]}@x.io"
        self.ok("POST", f"{V1}/users", {"name": name})
        return name, self.ok("POST", f"{V1}/tokens", {"principal": name})["token_value"]

    def session(self, token: str = "") -> str:
        """The cookie of a browser that has signed in with this token (the admin's by default)."""
        answer = httpx.post(f"{self.host}/login", data={"token": token or self.admin}, headers={"origin": self.host})
        assert answer.status_code == 303, answer.text
        return answer.headers["set-cookie"].partition(";")[0]

    def allow(self, who: str, kind: str, full_name: str, *privileges: str) -> None:
        changes = [{"principal": who, "add": list(privileges)}]
        self.ok("PATCH", f"{UC}/permissions/{kind}/{full_name}", {"changes": changes})

    def schema(self) -> str:
        """A new catalog with one schema: `catalog.team`."""
        catalog = f"c_{uuid.uuid4().hex[:8]}"
        self.ok("POST", f"{UC}/catalogs", {"name": catalog})
        self.ok("POST", f"{UC}/schemas", {"name": "team", "catalog_name": catalog})
        return f"{catalog}.team"

    def model(self, schema: str = "", versions: int = 0) -> str:
        """The full name of a new registered model with so many PENDING versions."""
        name = f"{schema or self.schema()}.m_{uuid.uuid4().hex[:8]}"
        self.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": name})
        for _ in range(versions):
            self.ok("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": name, "source": "models:/m-1"})
        return name

    def head(self, method: str, path: str, *lines: str) -> bytes:
        """The head of a request of the admin's, with these lines too, to be sent as it is."""
        signed = (
            f"{method} {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.settings.port}",
            f"Authorization: Bearer {self.admin}",
            *lines,
            "",
            "",
        )
        return "\r\n".join(signed).encode()

    def raw(self, data: bytes, timeout_s: float = 5, patience_s: float = 0.3) -> bytes:
        """What the server answers to these very bytes before it closes, or falls silent for `patience_s`."""
        with socket.create_connection(("127.0.0.1", self.settings.port), timeout_s) as connection:
            connection.sendall(data)
            answer = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while chunk := connection.recv(65536):
                    answer += chunk
                    connection.settimeout(patience_s)
            return answer


def refused(answer: httpx.Response, status: int, code: str, *words: str) -> str:
    """Asserts an error of the contract: this status and code, and one clear sentence, which is returned."""
    assert (answer.status_code, answer.headers.get("content-type")) == (status, "application/json"), answer.text
    if answer.request.method == "HEAD":  # its answer has no body
        return " ".join(words)
    body = answer.json()
    if "schemas" in body:  # SCIM's own shape has no such word
        assert set(body) - {"scimType"} == {"schemas", "status", "detail"}, body
        assert body["status"] == str(status)
        message = body["detail"]
    elif set(body) == {"error"}:  # Delta's envelope has its own words
        assert set(body["error"]) == {"message", "type", "code"} and body["error"]["code"] == status, body
        message = body["error"]["message"]
    else:
        assert set(body) - {"details"} == {"error_code", "message"}, body
        assert body["error_code"] == code, body
        message = body["message"]
    assert isinstance(message, str)
    assert re.fullmatch(r"[\s\S]{8,3000}[.`)]", message), message
    assert not re.search(r"Traceback|sqlite|\.py\b|<class|object at 0x", message), message
    for word in words:
        assert word in message, message
    return message


def filled(route: Route, values: dict[str, Any]) -> str:
    """The route's path with these values for its parameters; 'absent' for one that has none."""
    return re.sub(r"\{([^}]+)\}", lambda match: str(values.get(match[1].strip("*"), "absent")), route.path)


FUNCTION: dict[str, Any] = {
    "input_params": {"parameters": []},
    "data_type": "INT",
    "full_data_type": "INT",
    "routine_body": "SQL",
    "routine_definition": "1",
    "parameter_style": "S",
    "is_deterministic": True,
    "sql_data_access": "NO_SQL",
    "is_null_call": False,
    "security_type": "DEFINER",
    "specific_name": "x",
}


class World:
    """A model with a PENDING version, and fields for every route that name it (or its parents)."""

    def __init__(self, site: Site) -> None:
        self.model = site.model(versions=1)
        self.schema = self.model.rpartition(".")[0]
        self.catalog = self.schema.partition(".")[0]
        self.user, self.token = site.user()
        self.robot = f"robot of {self.user}"
        site.ok("POST", f"{V1}/service-principals", {"name": self.robot})
        self.group = f"group of {self.user}"
        site.ok("POST", f"{V1}/groups", {"name": self.group})
        self.governed = f"k_{uuid.uuid4().hex[:8]}"
        site.ok("POST", "/api/2.1/tag-policies", {"tag_key": self.governed})
        listed = site.ok(
            "GET", "/api/2.0/preview/scim/v2/ServicePrincipals", {"filter": f'applicationId eq "{self.robot}"'}
        )
        self.robot_id = listed["Resources"][0]["id"]
        self.metastore = site.ok("GET", f"{UC}/metastore_summary")["metastore_id"]
        self.account = site.ok("GET", "/.well-known/databricks-config")["account_id"]
        self.number = int(site.ok("GET", "/api/2.0/preview/scim/v2/Me", token=self.token)["id"])
        self._site = site
        place = {"catalog_name": self.catalog, "schema_name": self.schema.partition(".")[2]}
        self.bodies: dict[str, dict[str, Any]] = {
            "volumes": {**place, "volume_type": "MANAGED"},
            "tables": {
                **place,
                "table_type": "EXTERNAL",
                "data_source_format": "DELTA",
                "storage_location": "file:///x/y",
            },
            "functions": {**place, **FUNCTION},
        }
        for kind in self.bodies:
            site.ok("POST", f"{UC}/{kind}", self.body(kind, kind))

    @cached_property
    def workspace(self) -> dict[str, str]:
        """Made when a route asks for one: with two, a server answers to their addresses alone."""
        fresh = f"w_{uuid.uuid4().hex[:8]}"
        return self._site.ok("POST", f"{V1}/workspaces", {"name": fresh, "address": f"{fresh}.example.com"})

    def body(self, kind: str, name: str) -> dict[str, Any]:
        """Of a create of this kind."""
        body = {**self.bodies[kind], "name": name}
        return {"function_info": body} if kind == "functions" else body

    @cached_property
    def external_volume(self) -> str:
        """The id of one. Made when a route asks for it."""
        body = {**self.body("volumes", "outside"), "volume_type": "EXTERNAL", "storage_location": "file:///x/z"}
        return self._site.ok("POST", f"{UC}/volumes", body)["volume_id"]

    def id_of(self, kind: str) -> str:
        """Of the external volume or table."""
        if kind == "volume":
            return self.external_volume
        return self._site.ok("GET", f"{UC}/tables/{self.schema}.tables")["table_id"]

    @cached_property
    def credential(self) -> str:
        """A storage credential, and an external location of the same name. Made when a route asks for one."""
        name, role = f"k_{uuid.uuid4().hex[:8]}", {"role_arn": "arn:aws:iam::1:role/r"}
        self._site.ok("POST", f"{UC}/storage-credentials", {"name": name, "aws_iam_role": role})
        body = {"name": name, "url": f"s3://bucket/{name}", "credential_name": name}
        self._site.ok("POST", f"{UC}/external-locations", body)
        return name

    def values_of_storage(self, route: Route) -> dict[str, Any] | None:
        """As `values`, for external locations and storage credentials; None for other routes."""
        path, fresh = route.path.removeprefix(UC), f"n_{uuid.uuid4().hex[:8]}"
        if path.startswith("/delta/v1/") and "temporary" not in path:
            return self.values_of_delta(route, fresh)
        if path == "/delta/preview/commits":
            return {"table_id": self.managed[0], "table_uri": self.managed[1], "latest_backfilled_version": 0}
        if path == "/delta/v1/temporary-path-credentials":
            return {"location": f"s3://bucket/{self.credential}/x", "operation": "READ"}
        if path == "/validate-storage-credentials":
            return {"external_location_name": self.credential}
        if path == "/temporary-path-credentials":
            url = f"s3://bucket/{self.credential}/x"
            return {"url": url, "operation": "PATH_READ", "dry_run": True}
        if (kind := re.match("/(storage-credentials|credentials|external-locations)(/|$)", path)) is None:
            return None
        if route.method == "POST" and kind[1] == "external-locations":
            return {"name": fresh, "url": f"s3://bucket/{fresh}", "credential_name": self.credential}
        if route.method == "POST":
            return {"name": fresh, "aws_iam_role": {"role_arn": "arn:aws:iam::1:role/r"}}
        if "{" not in path:
            return {}
        return {"name": self.credential} | ({"comment": "x"} if route.method == "PATCH" else {})

    @property
    def external_metadata(self) -> str:
        """A new one each time, with lineage from the table."""
        name, tracked = f"k_{uuid.uuid4().hex[:8]}", "/api/2.0/lineage-tracking"
        body = {"name": name, "system_type": "TABLEAU", "entity_type": "dashboard"}
        self._site.ok("POST", f"{tracked}/external-metadata", body)
        self._site.call(
            "POST", f"{tracked}/external-lineage", self._relationship(name)
        )  # unless the table is deleted by now
        return name

    def _relationship(self, metadata: str) -> dict[str, Any]:
        return {
            "source": {"table": {"name": f"{self.schema}.tables"}},
            "target": {"external_metadata": {"name": metadata}},
        }

    def values_of_lineage(self, route: Route) -> dict[str, Any] | None:
        """As `values`, for lineage between any two things; None for other routes."""
        fresh, table = f"n_{uuid.uuid4().hex[:8]}", f"{self.schema}.tables"
        match (route.method, route.path):
            case "POST", "/api/v1/lineage":
                ends = {"inputs": [{"namespace": "x", "name": "y"}], "outputs": [{"namespace": "x", "name": "z"}]}
                return {"eventType": "COMPLETE", "job": {"namespace": "n", "name": "j"}, **ends}
            case "GET", "/api/modelkeep/v1/lineage/graph" | "/api/modelkeep/v1/lineage/openlineage":
                return {"type": "TABLE", "name": table}
            case "POST", "/api/2.0/lineage-tracking/external-metadata":
                return {"name": fresh, "system_type": "KAFKA", "entity_type": "topic"}
            case "PATCH", "/api/2.0/lineage-tracking/external-metadata/{name}":
                return {"name": self.external_metadata, "update_mask": "description", "description": "x"}
            case _, "/api/2.0/lineage-tracking/external-metadata/{name}":
                return {"name": self.external_metadata}
            case "POST", "/api/2.0/lineage-tracking/external-lineage":
                path = {"path": {"url": f"s3://bucket/{fresh}"}}
                return {"source": path, "target": {"external_metadata": {"name": self.external_metadata}}}
            case "PATCH", "/api/2.0/lineage-tracking/external-lineage":
                return {**self._relationship(self.external_metadata), "update_mask": "properties"}
            case "GET", "/api/2.0/lineage-tracking/external-lineage":
                return {"object_info.table.name": table, "lineage_direction": "UPSTREAM"}
            case "DELETE", "/api/2.0/lineage-tracking/external-lineage":
                at = "external_lineage_relationship"
                ends = {f"{at}.source.table.name": table}
                return {**ends, f"{at}.target.external_metadata.name": self.external_metadata}
            case _:
                return None

    @cached_property
    def staging(self) -> str:
        """The id of a staged table. Made when a route asks for one."""
        catalog, schema = self.schema.split(".")
        path = f"{UC}/delta/v1/catalogs/{catalog}/schemas/{schema}/staging-tables"
        return self._site.ok("POST", path, {"name": "staged"})["table-id"]

    @cached_property
    def managed(self) -> tuple[str, str]:
        """(id, location) of a managed table. Made when a route asks for one."""
        place = dict(zip(("catalog_name", "schema_name"), self.schema.split("."), strict=True))
        staged = self._site.ok("POST", f"{UC}/staging-tables", {**place, "name": "managed"})
        body = {"name": "managed", "table_type": "MANAGED", "data_source_format": "DELTA"}
        self._site.ok("POST", f"{UC}/tables", {**place, **body, "storage_location": staged["staging_location"]})
        return staged["id"], staged["staging_location"]

    def values_of_delta(self, route: Route, fresh: str) -> dict[str, Any]:
        """As `values`, for Delta's own API."""
        catalog, schema = self.schema.split(".")
        if "{rest" in route.path:
            return {"rest": "unknown"}
        if "{table-id}" in route.path:
            return {"table-id": self.staging}
        table_id = self.id_of("table") if route.method == "POST" else ""
        known: dict[str, Any] = {
            "catalog": catalog,
            "schema": schema,
            "table": "tables",
            "operation": "READ",
            "name": fresh,
            "location": f"file:///x/{fresh}",
            "table-type": "EXTERNAL",
            "columns": {"type": "struct", "fields": []},
            "protocol": {"min-reader-version": 1, "min-writer-version": 2},
            "properties": {},
            "last-commit-timestamp-ms": 1,
            "requirements": [{"type": "assert-table-uuid", "uuid": table_id}],
            "updates": [{"action": "set-table-comment", "comment": "x"}],
            "table-id": table_id,
            "new-name": "tables",
        }
        fields = msgspec.structs.fields(route.fields)
        return {field.encode_name: known[field.encode_name] for field in fields if field.encode_name in known}

    def values_of_object(self, route: Route, kind: str) -> dict[str, Any]:
        """As `values`, for volumes, tables and functions."""
        if route.method == "POST":
            return self.body(kind, f"n_{uuid.uuid4().hex[:8]}")
        if "{" not in route.path:
            return {"catalog_name": self.catalog, "schema_name": self.schema.partition(".")[2]}
        answer = {"owner": "admin"} if route.method == "PATCH" else {}
        return {"name" if "{name}" in route.path else "full_name": f"{self.schema}.{kind}", **answer}

    def values_of_governance(self, route: Route) -> dict[str, Any] | None:
        """As `values`, where what is needed is no single field; None for other routes."""
        at = {"securable_type": "function", "full_name": self.model}
        securable = {"type": "FUNCTION", "full_name": self.model}
        rules = f"accounts/{self.account}/ruleSets/default"
        match route.path.removeprefix(V1):
            case "/explain":
                return {**at, "operation": "get_model", "principal": "admin"}
            case path if path.startswith(f"{UC}/permissions/") and route.method == "PATCH":
                return {**at, "changes": [{"principal": self.user, "add": ["EXECUTE"]}]}
            case "/models/{full_name}/aliases":
                return {"full_name": self.model, "set": [{"alias_name": "champion", "version_num": 1}]}
            case "/protected-aliases/{securable_type}/{full_name}/{alias}":
                return {**at, "alias": "champion"} | ({"principals": ["admin"]} if route.method == "PUT" else {})
            case "/api/3.0/rfa/requests":
                fields = {"securable": securable, "permissions": ["EXECUTE"]}
                return {"requests": [{"securable_permissions": [fields]}]}
            case "/api/3.0/rfa/destinations":
                return {"update_mask": "destinations", "securable": securable, "destinations": []}
            case "/api/2.0/preview/permissionassignments" if route.method == "POST":
                return {"permission_assignments": [{"user_name": self.user, "permissions": ["USER"]}]}
            case "/api/2.0/settings/types/default_namespace_ws/names/default" if route.method in ("PATCH", "DELETE"):
                etag = self._site.ok("GET", route.path)["etag"]
                change = {"setting": {"etag": etag, "namespace": {"value": "main"}}, "field_mask": "namespace.value"}
                return change if route.method == "PATCH" else {"etag": etag}
            case "/api/2.1/tag-policies" if route.method == "POST":
                return {"tag_key": f"k_{uuid.uuid4().hex[:8]}"}
            case "/api/2.1/tag-policies/{tag_key}":
                return {"tag_key": self.governed} | ({"update_mask": "*"} if route.method == "PATCH" else {})
            case "/api/2.0/preview/accounts/access-control/assignable-roles":
                return {"resource": f"accounts/{self.account}"}
            case "/api/2.0/preview/accounts/access-control/rule-sets":
                return {"name": rules} | ({"rule_set": {"etag": "x", "name": rules}} if route.method == "PUT" else {})
            case _:
                return None

    @cached_property
    def prompt(self) -> str:
        """Made when a route asks for one, with a version."""
        name = f"{self.schema}.greet"
        self._site.ok("POST", f"{DATABRICKS_UC}/prompts", {"name": name, "prompt": {"name": name}})
        self._site.ok(
            "POST", f"{DATABRICKS_UC}/prompts/{name}/versions", {"name": name, "prompt_version": {"template": '"Hi"'}}
        )
        return name

    def values_of_prompt(self, route: Route) -> dict[str, Any]:
        """As `values`, for prompts."""
        catalog, schema = self.schema.split(".")
        new = route.method == "POST" and route.path == f"{DATABRICKS_UC}/prompts"
        name = f"{self.schema}.n_{uuid.uuid4().hex[:8]}" if new else self.prompt
        known: dict[str, Any] = {
            "name": name,
            "full_name": name,
            "version": "1",
            "alias": "live",
            "key": "k",
            "template": '"Hi"',
            "comment": "x",
            "catalog_name": catalog,
            "schema_name": schema,
            "prompt_version": {"template": '"Hi"'},
            "catalog_schema": {"catalog_name": catalog, "schema_name": schema},
            "prompt_versions": [{"name": name, "version": "1"}],
            "run_ids": ["r"],
            "model_ids": ["m"],
            "trace_ids": ["t"],
        }
        fields = msgspec.structs.fields(route.fields)
        return {field.encode_name: known[field.encode_name] for field in fields if field.encode_name in known}

    @cached_property
    def endpoint(self) -> str:
        """The name of a serving endpoint without a model. Made when a route asks for one."""
        name = f"e_{uuid.uuid4().hex[:8]}"
        self._site.ok("POST", "/api/2.0/serving-endpoints", {"name": name})
        return name

    def values_of_serving(self, route: Route) -> dict[str, Any]:
        """As `values`, for serving endpoints."""
        if "{" not in route.path:
            return {"name": f"e_{uuid.uuid4().hex[:8]}"} if route.method == "POST" else {}
        entity = {"entity_name": self.model, "entity_version": "1"}
        bodies: dict[str, dict[str, Any]] = {
            "config": {"served_entities": [entity]},
            "tags": {"add_tags": [{"key": "team", "value": "x"}]},
        }
        if "{serving_endpoint_id}" in route.path:
            entry = {"group_name": self.group, "permission_level": "CAN_QUERY"}
            listed = {} if route.method == "GET" else {"access_control_list": [entry]}
            endpoint = self._site.ok("GET", f"/api/2.0/serving-endpoints/{self.endpoint}")
            return {"serving_endpoint_id": endpoint["id"], **listed}
        in_path = {"entity": "absent"} if "{entity}" in route.path else {}
        return {"name": self.endpoint, **in_path, **bodies.get(route.path.rpartition("/")[2], {})}

    def values_of_sign_in(self, route: Route) -> dict[str, Any]:
        """As `values`, for secrets and federation policies."""
        known = {"id": self.robot_id, "account_id": self.account, "secret_id": "absent", "policy_id": "absent"}
        fields: dict[str, Any] = {name: known[name] for name in re.findall(r"\{([^}]+)\}", route.path)}
        if route.method == "POST" and "federationPolicies" in route.path:
            rule = {"issuer": "https://ci.example", "jwks_json": JWKS, "subject": "job" if "id" in fields else None}
            fields["oidc_policy"] = {name: value for name, value in rule.items() if value}
        return fields

    def values(self, route: Route) -> dict[str, Any]:
        """Something valid for each parameter and required field of the route, where tests of the wire know one."""
        kind = re.match(rf"({UC}|{V1}|/api/2.0/unity-catalog)/(volumes|tables|functions)\b", route.path)
        if kind is not None:
            return self.values_of_object(route, kind[2])
        if route.path.startswith(f"{UC}/metastores/"):
            return {"id": self.metastore} | ({"owner": "admins"} if route.method == "PATCH" else {})
        if "credentials/secrets" in route.path or "federationPolicies" in route.path:
            return self.values_of_sign_in(route)
        if "bindings/" in route.path:
            of_any = {"securable_type": "catalog", "securable_name": self.catalog}
            return {"name": self.catalog} if "{name}" in route.path else of_any
        if route.path.startswith(WAREHOUSES):
            return {"id": WAREHOUSE_ID} if "{id}" in route.path else {}
        if (known := self.values_of_governance(route)) is not None:
            return known
        if "serving-endpoints" in route.path:
            return self.values_of_serving(route)
        if route.path == "/api/2.0/permissions/authorization/tokens":
            return {"access_control_list": [{"group_name": "users", "permission_level": "CAN_USE"}]}
        if "/prompt" in route.path:
            return self.values_of_prompt(route)
        if route.method == "POST" and route.path == f"{V1}/models/{{full_name}}/versions":
            return {"full_name": self.model, "run_id": "0" * 32, "model_id": "m-1"}
        for of_others in (self.values_of_storage, self.values_of_lineage):
            if (values := of_others(route)) is not None:
                return values
        if kind := re.match(f"{UC}/temporary-(table|volume)-credentials", route.path):
            return {f"{kind[1]}_id": self.id_of(kind[1])}
        full_name = self.model
        for kind, name in (("/catalogs", self.catalog), ("/schemas", self.schema)):
            if route.path.startswith(f"{UC}{kind}"):
                full_name = name
        fresh, (catalog, schema, model) = f"n_{uuid.uuid4().hex[:8]}", self.model.split(".")
        operations = (
            (DATABRICKS_UC, "MODEL_VERSION_OPERATION_READ_WRITE"),
            (UC, "READ_WRITE_MODEL_VERSION"),
            (V1, "get_model"),
        )
        known = {
            "full_name": full_name,
            "name": self.model if "/2.0/mlflow/" in route.path else fresh,
            "new_name": f"{self.schema}.{fresh}",
            "version": "1",
            "securable_type": "function",
            "securable_full_name": self.model,
            "subentity_name": "1",
            "entity_type": "functions",
            "entity_name": self.model,
            "tag_key": "team",
            "catalog_name": catalog,
            "schema_name": schema,
            "model_name": model,
            "alias": "champion",
            "version_num": "1",
            "key": "team",
            "value": "x",
            "changes": {"add_tags": [{"key": "team", "value": "x"}]},
            "operation": next((name for prefix, name in operations if route.path.startswith(prefix)), ""),
            "principal": self.group if "/groups/" in route.path else self.user,
            "member": self.user,
            "destination": self.model,
            "type": "TABLE",
            "active": "true",
            "source": "s3://elsewhere/m",
            "token_id": "absent",
            "object_id": "0",
            "comment": "x",
            "application_id": self.robot,
            "issuer": "https://idp.example",
            "subject": fresh,
            "update_mask": "comment",
            "account_id": self.account,
            "metastore_id": self.metastore,
            "principal_id": str(self.number),
            "address": f"{fresh}.example.com",
            "workspace_name": fresh,
            "deployment_name": f"{fresh}.example.com",
            "parent_securable_type": "function",
            "parent_full_name": self.model,
            "quota_name": "alias-quota",
            "statement": "SHOW CATALOGS",
            "warehouse_id": WAREHOUSE_ID,
        }
        if route.method == "PATCH" and "token" in route.path:
            known["token"] = {"comment": "x"}
        if "{workspace" in route.path:
            known |= {"workspace_id": self.workspace["id"], "workspace": self.workspace["name"]}
        in_path = set(re.findall(r"\{([^}*]+)\*?\}", route.path))
        fields = msgspec.structs.fields(route.fields)
        optional = {"source", "comment", "operation", "catalog_name", "schema_name", "deployment_name", "address"} & {
            field.encode_name for field in fields
        }
        expected = (
            {field.encode_name for field in fields if field.required}
            | in_path
            | (optional if route.method != "GET" else set())
        )
        return {name: value for name, value in known.items() if name in expected}

    def request(self, site: Site, route: Route, token: str | None = None, **extra: Any) -> httpx.Response:
        """The route, asked for in earnest."""
        values = self.values(route)
        path = filled(route, values)
        fields: dict[str, Any] = {k: v for k, v in values.items() if f"{{{k}}}" not in route.path}
        return site.call(route.method, path, fields or None, token=token, **extra)


JWKS = json.dumps(
    {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "1"}]}
)
"""The public key of RFC 8037's example."""


@contextlib.contextmanager
def running_site(folder: Path, runner: Callable[..., Any] = asyncio.run, **settings: Any) -> Iterator[Site]:
    """A server over `folder`, without the workspace; stopped at the end. `runner`: asyncio.run, or uvloop's."""
    shared, tables = folder / "shared", folder / "tables"
    for directory in (shared, tables):
        directory.mkdir(exist_ok=True)
    known: dict[str, Any] = {
        "data_dir": str(folder / "data"),
        "shared_folder": str(shared),
        "tables_url": f"file://{tables}",
        "unknown_tokens_per_minute": 0,
        "requests_per_second": 0,
        "anonymous_requests_per_second": 0,
        "port": free_port(),
    }
    chosen = msgspec.structs.replace(Settings(), workspace=False, log_level="critical", **(known | settings))
    configure(level="critical", json=True)
    site = Site(chosen, asyncio.run(create_admin_token(chosen, 3_600_000)))
    started, stop, failure = threading.Event(), asyncio.Event(), list[BaseException]()

    async def serve() -> None:
        site.loop = asyncio.get_running_loop()
        async with opened(chosen) as site.registry, application(site.registry) as site.app:
            site.server = server = HttpServer(
                site.app, await listeners(site.registry.db, chosen), server_options(chosen)
            )
            serving = asyncio.create_task(server.serve())
            await server.started.wait()
            started.set()
            await stop.wait()
            server.stop()
            await serving

    def work() -> None:
        try:
            runner(serve())
        except BaseException as error:
            failure.append(error)
            started.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert started.wait(20)
    if failure:
        raise failure[0]
    try:
        yield site
    finally:
        site.http.close()
        site.loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive()


def wait_until(true: Any, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """All wrong credentials of a test come within one minute, however long it takes."""
    for method in ("failed", "check"):
        original = getattr(FailedLoginLimiter, method)

        def within(
            self: FailedLoginLimiter, door: Any, credential: str, source: str, _: int, call: Any = original
        ) -> None:
            call(self, door, credential, source, 0)

        monkeypatch.setattr(FailedLoginLimiter, method, within)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for all tests of a module: each makes its own catalogs and users."""
    with running_site(tmp_path_factory.mktemp("site")) as running:
        yield running
