"""The API's description: valid, whole, made of the routes, and readable without a sign-in or another server."""

import json
import re
from collections import Counter
from typing import Any

import pytest
from api.serving import DATABRICKS_UC, UC, Site, refused, site
from openapi_spec_validator import validate

from modelkeep.api.openapi import without_answer_types
from modelkeep.http.routing import Route

__all__ = ["site"]

OSS = {"user-agent": "OpenAPI-Generator/0.7.0/python"}


@pytest.fixture(scope="module", params=["databricks", "oss"])
def spoken(site: Site, request: pytest.FixtureRequest) -> tuple[Any, list[Route]]:
    """The document in one vocabulary, and its routes."""
    headers = OSS if request.param == "oss" else {}
    answer = site.http.get("/openapi.json", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    app: Any = site.app
    return answer.json(), list((app.other if headers else app).router.routes)


def operations(document: Any) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": said for path, item in document["paths"].items() for method, said in item.items()
    }


def test_it_is_openapi(spoken: tuple[Any, list[Route]]) -> None:
    validate(spoken[0])


def test_it_has_every_route_and_no_other(spoken: tuple[Any, list[Route]]) -> None:
    document, routes = spoken
    assert set(operations(document)) == {f"{route.method} {route.path.replace('*}', '}')}" for route in routes}


def test_every_answer_has_a_schema(spoken: tuple[Any, list[Route]]) -> None:
    """A writer says it by its return annotation, a handler by its route's `answers`."""
    assert without_answer_types(spoken[1]) == []


def test_operations_have_names_of_their_own(spoken: tuple[Any, list[Route]]) -> None:
    said = operations(spoken[0]).values()
    assert [name for name, times in Counter(row["operationId"] for row in said).items() if times > 1] == []
    assert [row["operationId"] for row in said if not re.fullmatch(r"[A-Z][\w .]+", row["summary"])] == []


def test_types_are_named_without_our_modules(spoken: tuple[Any, list[Route]]) -> None:
    schemas = spoken[0]["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch(r"[A-Z]\w+", name)] == []
    references = set(re.findall(r'#/components/schemas/([^"]+)', json.dumps(spoken[0])))
    assert references == set(schemas)


def test_only_public_routes_need_no_token(spoken: tuple[Any, list[Route]]) -> None:
    document, routes = spoken
    open_ones = {name for name, said in operations(document).items() if said.get("security") == []}
    assert open_ones == {f"{route.method} {route.path}" for route in routes if route.public}
    assert document["security"] == [{"bearer": []}]


def test_refusals_are_in_the_words_of_their_dialect(site: Site) -> None:
    databricks, oss = (site.http.get("/openapi.json", headers=headers).json() for headers in ({}, OSS))

    def codes(document: Any, operation: str, status: int) -> set[str]:
        name = operations(document)[operation]["responses"][str(status)]["$ref"].rpartition("/")[2]
        schema = document["components"]["responses"][name]["content"]["application/json"]["schema"]
        return set(schema["allOf"][1]["properties"]["error_code"]["enum"])

    assert "CATALOG_ALREADY_EXISTS" in codes(databricks, f"POST {UC}/catalogs", 409)
    assert "CATALOG_ALREADY_EXISTS" not in codes(oss, f"POST {UC}/catalogs", 409)
    assert codes(databricks, "GET /api/2.0/fs/files/{path}", 404) >= {"NOT_FOUND"}
    assert "details" in str(oss["components"]["schemas"]["OssError"])


def test_fields_are_where_clients_send_them(site: Site) -> None:
    said = operations(site.http.get("/openapi.json").json())
    get, create = said[f"GET {UC}/models/{{full_name}}"], said[f"POST {DATABRICKS_UC}/registered-models/create"]
    assert {(p["name"], p["in"]) for p in get["parameters"]} >= {("full_name", "path"), ("include_aliases", "query")}
    [body] = create["requestBody"]["content"].values()
    assert body["schema"]["$ref"].startswith("#/components/schemas/")
    patched = said[f"PATCH {UC}/models/{{full_name}}"]["requestBody"]["content"]["application/json"]["schema"]
    assert "comment" in patched["properties"]
    assert "full_name" not in patched["properties"]


def test_the_page_needs_nothing_from_elsewhere(site: Site) -> None:
    page = site.http.get("/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"unsafe|https?:|\*", policy)
    assert not re.search(r"//|<script>|<style|\son\w+=", page.text.replace("<!doctype", ""))
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(parts) == 5
    for part in parts:
        assert site.http.get(part).status_code == 200, part
    refused(site.call("GET", "/docs/LICENSE", token=""), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("GET", "/docs/..%2fLICENSE", token=""), 404, "ENDPOINT_NOT_FOUND")
