"""docs/dev/defaults.md, the part on databricks-sdk, walked: left out, null and the documented default have equal answers."""

import base64
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from api.sdk_methods import ANY, methods
from api.serving import UC, V1, Site, running_site

from modelkeep.tracking.route_rules import OWN_ROUTES, ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "dev" / "defaults.md"
ROW = re.compile(r"\| `(\w+) ([^`]+)` \| `(\w+)` \| `([^`]*)` \| [^|]+ \|(?: `([^|]+)`)? \|")
SCIM = "/api/2.0/preview/scim/v2"
HOME = "/Users/admin/defaults"
REFUSED = frozenset({"DELETE /api/2.1/unity-catalog/catalogs/{new}", "DELETE /api/2.1/unity-catalog/schemas/{new}"})
"""Calls that the default refuses: what is to be deleted is not empty."""
VOLATILE = re.compile(
    r"(.*_)?(id|at|time|timestamp|value|hash|uid|created|lastModified|number|location)|secret|etag|expiry_time|next_page_token|ref"
)
"""Fields that differ from one new thing to the next."""


@dataclass(frozen=True)
class Row:
    method: str
    path: str
    field: str
    default: Any
    also: list[Any]

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"


def rows() -> list[Row]:
    section = PAGE.read_text().partition("## Databricks' calls")[2]
    matches = [ROW.fullmatch(line) for line in section.splitlines() if line.startswith("| `")]
    assert all(matches), "a row of the table cannot be read"
    return [Row(m[1], m[2], m[3], json.loads(m[4]), json.loads(f"[{m[5] or ''}]")) for m in matches if m]


class World:
    """What the calls are about; `fields` is the least that each needs, of new things for a call that makes one."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.schema = site.schema()
        self.catalog, name = self.schema.split(".")
        self.model = site.model(self.schema, versions=2)
        self.place = {"catalog_name": self.catalog, "schema_name": name}
        site.ok("PUT", f"{UC}/models/{self.model}/aliases/a", {"version_num": 1})
        site.allow("account users", "function", self.model, "EXECUTE")
        tag = {"entity_type": "functions", "entity_name": self.model, "tag_key": "team", "tag_value": "x"}
        site.ok("POST", f"{UC}/entity-tag-assignments", tag)
        site.ok("POST", f"{UC}/volumes", {**self.place, "name": "v", "volume_type": "MANAGED"})
        site.ok("POST", f"{UC}/tables", self.table("t"))
        site.ok("POST", f"{UC}/functions", self.function("f"))
        site.ok("POST", "/api/2.1/tag-policies", {"tag_key": self.new()})
        self.robot_name = site.ok("POST", f"{V1}/service-principals", {"name": self.new()})["name"]
        self.user_name = site.user()[0]
        site.ok("POST", f"{V1}/groups", {"name": self.new()})
        self.user, self.robot = (
            self._number(*x) for x in (("Users", self.user_name), ("ServicePrincipals", self.robot_name))
        )
        self.account = site.ok("GET", "/.well-known/databricks-config")["account_id"]
        me = site.call("GET", f"{SCIM}/Me")
        self.workspace = me.headers["x-databricks-org-id"]
        self.volume_path = f"/Volumes/{self.schema.replace('.', '/')}/v"
        for path in ("a.txt", "b.txt"):
            site.call("PUT", f"/api/2.0/fs/files{self.volume_path}/{path}", content=b"x")
        site.ok("POST", "/api/2.0/workspace/mkdirs", {"path": HOME})
        self.put_file(f"{HOME}/file")
        self.flat = self._flat_model()
        site.ok("POST", "/api/2.0/mlflow/model-versions/create", {"name": self.flat, "source": "s3://b/m"})

    def _number(self, kind: str, name: str) -> str:
        word = "userName" if kind == "Users" else "applicationId"
        return self.site.ok("GET", f"{SCIM}/{kind}", {"filter": f'{word} eq "{name}"'})["Resources"][0]["id"]

    def robot_number(self) -> str:
        return self.site.call("POST", f"{SCIM}/ServicePrincipals", {"displayName": self.new()}).json()["id"]

    def _flat_model(self) -> str:
        name = self.new()
        self.site.ok("POST", "/api/2.0/mlflow/registered-models/create", {"name": name})
        return name

    def new(self) -> str:
        return f"n_{uuid.uuid4().hex[:8]}"

    def table(self, name: str) -> dict[str, Any]:
        column = {"name": "a", "type_name": "INT", "type_text": "int", "position": 0}
        return {
            **self.place,
            "name": name,
            "table_type": "EXTERNAL",
            "data_source_format": "DELTA",
            "storage_location": f"s3://elsewhere/{name}",
            "columns": [column],
            "properties": {"k": "v"},
        }

    def function(self, name: str) -> dict[str, Any]:
        return {
            "function_info": {
                **self.place,
                "name": name,
                "input_params": {"parameters": []},
                "data_type": "INT",
                "full_data_type": "int",
                "routine_body": "SQL",
                "routine_definition": "1",
                "parameter_style": "S",
                "is_deterministic": True,
                "sql_data_access": "CONTAINS_SQL",
                "is_null_call": False,
                "security_type": "DEFINER",
                "specific_name": name,
            }
        }

    def put_file(self, path: str) -> None:
        content = base64.b64encode(b"x").decode()
        self.site.ok("POST", "/api/2.0/workspace/import", {"path": path, "content": content, "overwrite": True})

    def _deletable(self, kind: str) -> str:
        if kind == "functions":
            name = self.new()
            self.site.ok("POST", f"{UC}/functions", self.function(name))
            return f"{self.schema}.{name}"
        schema = self.site.schema()
        self.site.model(schema)
        return schema if kind == "schemas" else schema.partition(".")[0]

    def prepare(self, row: Row) -> tuple[str, dict[str, Any]]:
        """The path of one call, and the fields that it needs."""
        names = {
            "catalog": self.catalog,
            "schema": self.schema,
            "model": self.model,
            "volume": f"{self.schema}.v",
            "table": f"{self.schema}.t",
            "function": f"{self.schema}.f",
            "user": self.user,
            "robot": self.robot,
            "account": self.account,
            "workspace": self.workspace,
            "files": self.volume_path,
            "file": f"{self.volume_path}/a.txt",
        }
        if "{new}" in row.path:
            names["new"] = self._deletable(row.path.split("/")[-2])
        if row.call.startswith("POST") and row.path.endswith("/secrets"):  # a service principal has a few secrets
            names["robot"] = self.robot_number()
        if row.path.endswith("workspace/delete"):
            self.put_file(f"{HOME}/gone")
        needed = self.needed(row.method, row.path)
        return row.path.format_map(names), {key: value for key, value in needed.items() if key != row.field}

    def needed(self, method: str, path: str) -> dict[str, Any]:
        tail = path.removeprefix(UC)
        in_schema = tail in ("/models", "/volumes", "/tables", "/functions", "/schemas")
        if method == "GET":
            if in_schema:
                return {"catalog_name": self.catalog} if tail == "/schemas" else self.place
            return {
                "/table-summaries": {"catalog_name": self.catalog},
                "/api/2.0/workspace/export": {"path": f"{HOME}/file"},
                "/api/2.0/workspace/list": {"path": HOME},
            }.get(tail, {})
        name = self._flat_model() if path.endswith("model-versions/create") else self.new()
        written: dict[str, dict[str, Any]] = {
            "/catalogs": {"name": name},
            "/schemas": {"name": name, "catalog_name": self.catalog},
            "/models": {**self.place, "name": name},
            "/volumes": {**self.place, "name": name, "volume_type": "MANAGED"},
            "/tables": self.table(name),
            "/functions": self.function(name),
            "/permissions/function/{model}": {"changes": [{"principal": "account users", "add": ["EXECUTE"]}]},
            "/models/{model}/versions/1": {"comment": "c"},
            "/api/2.1/tag-policies": {"tag_key": name},
            "/api/2.0/token-management/on-behalf-of/tokens": {"application_id": self.robot_name},
            f"{SCIM}/Users": {"userName": f"{name}@x.io"},
            f"{SCIM}/Groups": {"displayName": name},
            f"{SCIM}/ServicePrincipals": {"displayName": name},
            "/api/2.0/sql/statements": {"statement": "SELECT 1", "warehouse_id": "0000000000000001"},
            "/api/2.0/workspace/delete": {"path": f"{HOME}/gone"},
            "/api/2.0/workspace/import": {"path": f"{HOME}/{name}", "content": ""},
            "/api/2.0/mlflow/registered-models/get-latest-versions": {"name": self.flat},
            "/api/2.0/mlflow/registered-models/create": {"name": name},
            "/api/2.0/mlflow/model-versions/create": {"name": name, "source": "s3://b/m"},
        }
        return written.get(tail, {})

    def call(self, row: Row, extra: dict[str, Any], *, in_query: bool = False) -> httpx.Response:
        path, fields = self.prepare(row)
        if row.path.endswith("fs/files{file}"):
            return self.site.call("PUT", path, params=extra if in_query else None, content=b"y")
        if in_query:
            return self.site.call(row.method, path, params=fields | _texts(extra))
        return self.site.call(row.method, path, json=fields | extra)


def _texts(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value).lower() if isinstance(value, bool) else value for key, value in fields.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_site(tmp_path_factory.mktemp("defaults")) as site:
        yield World(site)


def seen(answer: httpx.Response) -> Any:
    """Status and body, without what differs from one new thing to the next."""
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return answer.status_code, answer.text
    return answer.status_code, _without_volatile(answer.json())


def _without_volatile(value: Any) -> Any:
    if isinstance(value, dict):
        entries: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return {k: _without_volatile(v) for k, v in entries.items() if not VOLATILE.fullmatch(k.strip("$"))}
    if isinstance(value, list):
        return [_without_volatile(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, str):
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[nmcu]_[0-9a-f]{8}", "N", value)
    return value


# An answer that lists everything would hold what the calls before it made.
@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.call} {row.field}")
def test_left_out_null_and_the_default_are_equal(world: World, row: Row) -> None:
    answers = [world.call(row, {}), world.call(row, {row.field: None}), world.call(row, {row.field: row.default})]
    if row.method == "GET" and not isinstance(row.default, list | dict):
        answers.append(world.call(row, {row.field: row.default}, in_query=True))
    answers += [world.call(row, {row.field: value}, in_query=row.method == "GET") for value in row.also]
    results = [seen(answer) for answer in answers]
    assert results == [results[0]] * len(results)
    assert (results[0][0] < 300) is (row.call not in REFUSED), answers[0].text
    if row.method == "GET" and "page_token" not in row.field:
        assert results[0][1], "an empty answer proves nothing"


def test_secrets_live_as_long_as_documented(world: World) -> None:
    """The answers above leave times out."""
    from datetime import datetime

    robot = world.robot_number()
    path = f"/api/2.0/accounts/{world.account}/servicePrincipals/{robot}/credentials/secrets"
    for body in ({}, {"lifetime": None}, {"lifetime": ""}, {"lifetime": "63072000s"}):
        secret = world.site.ok("POST", path, body)
        begin, end = (datetime.fromisoformat(secret[key]) for key in ("create_time", "expire_time"))
        assert round((end - begin).total_seconds()) == 63_072_000
        world.site.call("DELETE", f"{path}/{secret['id']}")


def test_what_is_asked_for_is_done(world: World) -> None:
    """A field that nobody reads would pass above."""

    def table(**request: str) -> dict[str, Any]:
        tables = world.site.ok("GET", f"{UC}/tables", {**world.place, **request})["tables"]
        return next(table for table in tables if table["name"] == "t")

    assert not {"owner", "created_by", "updated_by"} & set(table(omit_username="true"))
    brief = table(omit_columns="true", omit_properties="true")
    assert not {"columns", "properties"} & set(brief) and brief["owner"] == "admin"
    me = world.site.ok("GET", f"{SCIM}/Me", {"attributes": "userName"})
    assert me["userName"] == "admin" and not {"active", "groups", "displayName"} & set(me)
    me = world.site.ok("GET", f"{SCIM}/Me", {"excludedAttributes": "groups,entitlements"})
    assert me["active"] and not {"groups", "entitlements"} & set(me)
    for path in ("models/{m}", "models/{m}/versions/1"):
        answer = world.site.ok("GET", f"{UC}/{path.format(m=world.model)}", {"include_aliases": "true"})
        assert [alias["alias_name"] for alias in answer["aliases"]] == ["a"]


SAYS_A_DEFAULT = re.compile(r"\bdefault|unspecified|not specified|not set\b|omitted|not provided", re.IGNORECASE)
ANY_ROW = re.compile(r"\| `(\w+) ([^`]+)` \| `(\w+)`")
OTHERS = {
    **{
        (
            f"/serving-endpoints/{ANY}/invocations",
            name,
        ): "for chat and completion models, which answer by their own code"
        for name in ("n", "stream", "temperature")
    },
    (
        "/api/2.1/unity-catalog/external-locations",
        "max_results",
    ): "the SDK sends 0, which is a page of the server's size",
    (
        "/api/2.1/unity-catalog/storage-credentials",
        "max_results",
    ): "the SDK sends 0, which is a page of the server's size",
    (
        "/api/2.1/unity-catalog/credentials",
        "skip_validation",
    ): "a create validates nothing: see validate-storage-credentials",
    (
        "/api/2.1/unity-catalog/credentials/{}",
        "skip_validation",
    ): "a create validates nothing: see validate-storage-credentials",
    (
        "/api/2.1/unity-catalog/storage-credentials",
        "skip_validation",
    ): "a create validates nothing: see validate-storage-credentials",
    (
        "/api/2.1/unity-catalog/storage-credentials/{}",
        "skip_validation",
    ): "a create validates nothing: see validate-storage-credentials",
    ("/api/2.1/unity-catalog/external-locations", "enable_file_events"): "there are no file events",
    ("/api/2.1/unity-catalog/external-locations", "effective_enable_file_events"): "there are no file events",
    ("/api/2.1/unity-catalog/external-locations", "effective_file_event_queue"): "there are no file events",
    ("/api/2.1/unity-catalog/external-locations/{}", "enable_file_events"): "there are no file events",
    ("/api/2.1/unity-catalog/external-locations/{}", "effective_enable_file_events"): "there are no file events",
    ("/api/2.1/unity-catalog/external-locations/{}", "effective_file_event_queue"): "there are no file events",
    ("/api/2.1/unity-catalog/credentials", "max_results"): "a page of all, as for storage-credentials",
    ("/api/2.0/unity-catalog/temporary-path-credentials", "dry_run"): "false: the answer has credentials",
    ("/api/2.0/token/create", "lifetime_seconds"): "MODELKEEP_TOKEN_DAYS, in api-quirks.md",
    ("/api/2.0/mlflow/experiments/create", "artifact_location"): "made by the server, and so different each time",
    ("/api/2.0/mlflow/experiments/create", "trace_location"): "traces are where MLflow has them",
    ("/api/2.0/mlflow/logged-models", "name"): "made by the server, and so different each time",
    ("/api/2.0/accounts/{}/federationPolicies", "policy_id"): "made by the server, and so different each time",
    ("/api/2.0/accounts/{}/servicePrincipals/{}/federationPolicies", "policy_id"): "made by the server",
    ("/api/2.0/accounts/{}/federationPolicies/{}", "update_mask"): "what is set, where it is not given",
    (
        "/api/2.0/accounts/{}/servicePrincipals/{}/federationPolicies/{}",
        "update_mask",
    ): "what is set, where it is not given",
    ("/api/2.0/accounts/{}/workspaces", "compute_mode"): "a workspace has no compute",
    ("/api/2.0/sql/statements", "byte_limit"): "only EXTERNAL_LINKS have one",
    ("/api/2.0/accounts/{}/scim/v2/Users/{}", "count"): "of a list",
}
"""Fields with a documented default that the table has no row for, with the reason."""


def test_the_table_has_every_default_that_the_sdk_documents(world: World) -> None:
    listed = [m for line in PAGE.read_text().splitlines() if (m := ANY_ROW.match(line))]
    routes = [
        (route.method, re.compile(re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(route.path))))
        for route in (
            *world.site.routes,
            *(msgspec.structs.replace(r, path=f"/api{r.path}") for r in (*ROUTES, *OWN_ROUTES)),
        )
    ]
    missing: list[str] = []
    for sent in methods():
        concrete = sent.path.replace(ANY, "x")
        if not any(method == sent.http_method and route.fullmatch(concrete) for method, route in routes):
            continue
        pattern = re.compile(re.escape(sent.path).replace(re.escape(ANY), ".+"))
        names = {
            m[3] for m in listed if m[1] == sent.http_method and pattern.fullmatch(_workspace_path(m[2], sent.path))
        }
        for name, text in sent.optional.items():
            camel = re.sub(r"_(\w)", lambda result: result[1].upper(), name)
            if SAYS_A_DEFAULT.search(text) and not {name, camel} & names and (sent.path, name) not in OTHERS:
                missing.append(f"{sent.full_name} {name}")
    assert missing == []


def _workspace_path(listed: str, sent: str) -> str:
    """The account's SCIM has the workspace's rows."""
    if "/accounts/" in sent and "/scim/v2/" in sent:
        return listed.replace("/api/2.0/preview/scim/v2/", "/api/2.0/accounts/x/scim/v2/")
    return listed
