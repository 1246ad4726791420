"""The JSON body of a GET, HEAD or DELETE is its request: MLflow's own server reads it, and mlflow-export-import sends nothing else."""

import json
import re
from typing import Any

import httpx
import pytest
from api.filing import MLMODEL
from api.serving import DATABRICKS_UC, UC, V1, Site, World, filled, refused, site
from api.test_bad_input import BODIES

from modelkeep.api.sql.routes import STATEMENTS, WAREHOUSE_ID
from modelkeep.http.binding import BODY_IS_REQUEST
from modelkeep.http.routing import Route
from modelkeep.limits import JSON_BYTES

__all__ = ["site"]

JSON = {"content-type": "application/json"}
INVALID = "INVALID_PARAMETER_VALUE"
SCIM = "/api/2.0/preview/scim/v2"
PLAIN = "/api/2.0/mlflow"


@pytest.fixture(scope="module")
def world(site: Site) -> World:
    return World(site)


def with_body(site: Site, path: str, fields: Any, method: str = "GET", **extra: Any) -> httpx.Response:
    """A call whose fields are in the body."""
    return site.call(method, path, content=json.dumps(fields), headers=JSON | extra.pop("headers", {}), **extra)


def guarded(site: Site) -> list[Route]:
    return [route for route in site.routes if route.method in BODY_IS_REQUEST and not route.public]


def tokenless(answer: httpx.Response) -> str:
    """Page tokens are sealed with a nonce each."""
    return re.sub(r'"next_page_token":"[^"]+"', '"next_page_token":"?"', answer.text)


MALFORMED = ("array", "open brace", "duplicate below", "deep object", "NUL")
GROWS = ("/audit", "/activity", "/metrics", "/jobs")
"""Routes whose answer tells of the call itself."""


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_body_is_refused_on_every_route(site: Site, world: World, kind: str) -> None:
    for route in guarded(site):
        path = filled(route, world.values(route) if route.handler is None else {})
        answer = site.call(route.method, path, content=BODIES[kind], headers=JSON, token=world.token)
        if route.method == "HEAD":
            assert answer.status_code == 400, (route.path, answer.status_code)
        else:
            refused(answer, 400, INVALID)


def test_body_and_query_mean_the_same_on_every_route(site: Site, world: World) -> None:
    compared = 0
    for route in guarded(site):
        if route.method != "GET" or route.handler is not None or any(part in route.path for part in GROWS):
            continue
        values = world.values(route)
        path = filled(route, values)
        by_query = site.call("GET", path, values)
        by_body = with_body(site, path, values)
        assert by_body.status_code == by_query.status_code, (route.path, by_body.text)
        assert tokenless(by_body) == tokenless(by_query), route.path
        compared += bool(values)
    assert compared > 40


@pytest.fixture(scope="module")
def two(site: Site) -> tuple[str, str]:
    """Two models of one schema."""
    schema = site.schema()
    return site.model(schema, versions=1), site.model(schema, versions=1)


def names(document: Any, key: str, field: str = "name") -> list[str]:
    return [item[field] for item in document.get(key, [])]


def test_filters_in_a_body_filter(site: Site, two: tuple[str, str]) -> None:
    """A script that deletes what it found must find what it asked for."""
    first, second = two
    catalog, schema, _ = first.split(".")
    answer = with_body(site, f"{DATABRICKS_UC}/model-versions/search", {"filter": f"name='{first}'"}).json()
    assert names(answer, "model_versions") == [first]
    answer = with_body(site, f"{PLAIN}/registered-models/search", {"filter": f"name='{second}'", "max_results": 5})
    assert names(answer.json(), "registered_models") == [second]
    answer = with_body(site, f"{PLAIN}/model-versions/search", {"filter": f"name='{first}'", "order_by": ["name ASC"]})
    assert names(answer.json(), "model_versions") == [first]
    answer = with_body(site, f"{UC}/models", {"catalog_name": catalog, "schema_name": schema, "max_results": 1}).json()
    assert len(answer["registered_models"]) == 1 and answer["next_page_token"]
    assert with_body(site, f"{UC}/schemas", {"catalog_name": "nowhere"}).status_code == 404
    assert with_body(site, f"{V1}/search", {"query": first.rpartition(".")[2]}).status_code == 200


def test_handlers_read_it_too(site: Site) -> None:
    user, _ = site.user()
    listed = with_body(site, f"{SCIM}/Users", {"filter": f'userName eq "{user}"'}).json()
    assert names(listed, "Resources", "userName") == [user]
    assert with_body(site, f"{SCIM}/Users", {"filter": 'userName eq "x"'}).json()["totalResults"] == 0
    assert with_body(site, f"{SCIM}/Users", {"count": 1}).json()["itemsPerPage"] == 1
    body = with_body(site, f"{SCIM}/Users/{listed['Resources'][0]['id']}", {"attributes": "userName"}).json()
    assert set(body) == {"id", "schemas", "userName"}
    statement = {"statement": "SHOW CATALOGS", "warehouse_id": WAREHOUSE_ID}
    ran = site.ok("POST", STATEMENTS, statement)["statement_id"]
    again = with_body(site, f"{STATEMENTS}/{ran}", {"statement_id": ran})
    assert again.json()["statement_id"] == ran
    refused(with_body(site, f"{STATEMENTS}/{ran}", {"statement_id": "x"}), 400, INVALID, "'statement_id'", "two values")


def test_files_read_it_too(site: Site) -> None:
    model = site.model(versions=1)
    root = f"/Models/{model.replace('.', '/')}/1"
    for name in ("MLmodel", "a.txt", "b.txt"):
        sent = site.call("PUT", f"/api/2.0/fs/files{root}/{name}", content=MLMODEL)
        assert sent.status_code == 204, sent.text
    site.ok("POST", f"{DATABRICKS_UC}/model-versions/finalize", {"name": model, "version": "1"})
    directory = f"/api/2.0/fs/directories{root}"
    token = site.ok("GET", directory, {"page_size": 1})["next_page_token"]
    assert with_body(site, directory, {"page_token": token}).json() == site.ok("GET", directory, {"page_token": token})
    refused(with_body(site, directory, {"page_token": "x"}), 400, INVALID)
    file = f"/api/2.0/fs/files{root}/a.txt"
    other = {"path": f"{root}/b.txt".strip("/")}
    for method in ("GET", "DELETE"):
        refused(with_body(site, file, other, method), 400, INVALID, "'path' has two values")
    assert with_body(site, file, other, "HEAD").status_code == 400
    assert site.call("GET", file).status_code == 200
    same = {"path": f"{root}/a.txt".strip("/")}
    assert with_body(site, file, same, "HEAD").status_code == 200
    artifacts = "/api/2.0/mlflow-artifacts/artifacts"
    assert names(with_body(site, artifacts, {"path": root.strip("/")}).json(), "files", "path")[1:] == [
        "a.txt",
        "b.txt",
    ]


@pytest.mark.parametrize(
    ("query", "body", "words"),
    [
        ({"name": "?"}, {"name": "!"}, "two values"),
        ({}, {"name": "?", "Name": "!"}, "looks like"),
        ({}, {"na_me": "?"}, "looks like"),
        ({"name": "?"}, {"NAME": "?"}, "looks like"),
        ({}, {"name": ["?"]}, "not valid"),
        ({}, {"name": {"eq": "?"}}, "not valid"),
        ({}, {"nam": "?"}, "missing"),
        ({}, {"name": None}, "missing"),
    ],
)
def test_body_and_query_must_agree(
    site: Site, two: tuple[str, str], query: dict[str, Any], body: dict[str, Any], words: str
) -> None:
    def put(fields: dict[str, Any]) -> dict[str, Any]:
        return json.loads(json.dumps(fields).replace("?", two[0]).replace("!", two[1]))

    for dialect in (DATABRICKS_UC, PLAIN):
        answer = with_body(site, f"{dialect}/registered-models/get", put(body), params=put(query))
        refused(answer, 400, INVALID, words)


def test_what_both_say_alike_is_taken(site: Site, two: tuple[str, str]) -> None:
    path = f"{DATABRICKS_UC}/model-versions/get"
    answer = with_body(site, path, {"name": two[0], "version": 1}, params={"name": two[0], "version": "1"})
    assert answer.json()["model_version"]["name"] == two[0]
    halves = with_body(site, path, {"version": "1"}, params={"name": two[0]})
    assert halves.json() == answer.json()


def test_two_bodies_under_one_address_are_two_requests(site: Site, two: tuple[str, str]) -> None:
    """What a GET without a body means is remembered by its address; with one it must not be."""
    path = f"{DATABRICKS_UC}/registered-models/get"
    for name in (*two, *two):
        assert with_body(site, path, {"name": name}).json()["registered_model"]["name"] == name
    refused(site.call("GET", path), 400, INVALID, "'name' is missing")


def test_a_body_in_chunks_is_one_too(site: Site, two: tuple[str, str]) -> None:
    body = json.dumps({"name": two[1]}).encode()
    parts = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = site.head("GET", f"{DATABRICKS_UC}/registered-models/get", "Transfer-Encoding: chunked", "Connection: close")
    answer = site.raw(head + parts)
    assert answer.startswith(b"HTTP/1.1 200") and two[1].encode() in answer, answer[:300]


def test_a_long_body_is_refused(site: Site, two: tuple[str, str]) -> None:
    long = {"name": two[0], "x": "a" * JSON_BYTES}
    refused(
        with_body(site, f"{DATABRICKS_UC}/registered-models/get", long), 400, INVALID, f"larger than {JSON_BYTES} bytes"
    )
    refused(with_body(site, f"{SCIM}/Users", long), 400, INVALID, f"larger than {JSON_BYTES} bytes")


def test_a_deletion_that_says_two_things_deletes_nothing(site: Site, two: tuple[str, str]) -> None:
    for path, field, other in (
        (f"{UC}/models/{two[0]}", "full_name", two[1]),
        (f"{V1}/users/{site.user()[0]}", "principal", "admin"),
        (f"{SCIM}/Users/1", "id", "2"),
    ):
        answer = with_body(site, path, {field: other}, "DELETE")
        refused(answer, 400, INVALID, f"'{field}' has two values")
    assert site.b("GET", "registered-models/get", {"name": two[0]}).status_code == 200


def test_a_field_has_its_own_name_and_its_name_in_lower_camel_case(site: Site) -> None:
    """The JSON of protobuf takes both for the same field; whatever else looks like a field is refused."""
    schema = site.schema()
    catalog, name = schema.split(".")
    model = {"catalogName": catalog, "schemaName": name, "name": "m"}
    assert site.ok("POST", f"{UC}/models", model)["full_name"] == f"{schema}.m"
    for query in (
        {"catalogName": catalog, "schemaName": name},
        {"catalog_name": catalog, "schemaName": name, "maxResults": 1},
    ):
        listed = site.ok("GET", f"{UC}/models?{httpx.QueryParams(query)}")
        assert names(listed, "registered_models", "full_name") == [f"{schema}.m"], query
    both = {"catalogName": catalog, "catalog_name": catalog, "schema_name": name}
    assert names(with_body(site, f"{UC}/models", both).json(), "registered_models", "full_name") == [f"{schema}.m"]
    assert site.call("GET", f"{UC}/models?{httpx.QueryParams(both)}").status_code == 200
    entity = {"entityType": "functions", "entityName": f"{schema}.m", "tagKey": "team", "tagValue": "ds"}
    site.ok("POST", f"{UC}/entity-tag-assignments", entity)
    change = {"changes": {"addTags": [{"key": "stage", "value": "x"}], "add_tags": None}}
    site.ok("PATCH", f"{UC}/securable-tags/function/{schema}.m", change)
    tags = site.ok("GET", f"{UC}/models/{schema}.m")["tags"]
    assert sorted(tag["key"] for tag in tags) == ["stage", "team"]
    for bad, words in (
        ({"catalogName": catalog, "catalog_name": "x", "schemaName": name}, "two values"),
        ({"CatalogName": catalog, "schemaName": name}, "looks like"),
        ({"catalogname": catalog, "schemaName": name}, "looks like"),
        ({"catalog-name": catalog, "schemaName": name}, "looks like"),
        ({"catalogNAME": catalog, "schemaName": name}, "looks like"),
    ):
        refused(with_body(site, f"{UC}/models", bad), 400, INVALID, words)
        refused(site.call("GET", f"{UC}/models?{httpx.QueryParams(bad)}"), 400, INVALID, words)
    inside = {"name": f"{schema}.n", "tags": [{"key": "a", "Key": "b"}]}
    refused(site.call("POST", f"{DATABRICKS_UC}/registered-models/create", inside), 400, INVALID, "looks like")
