"""Every answer of the native routes against open-source Unity Catalog's own description, as its generated client holds it.

`unitycatalog-client` is made of that description: which path answers what is read off its source, and its classes, whose
fields are strict, check the values. What differs on purpose is listed here and in docs/dev/api-quirks.md.
"""

import inspect
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import unitycatalog.client as oss
from api.serving import UC, V1, Site, World, filled, site
from unitycatalog.client import models as shapes

from modelkeep.http.routing import Route

__all__ = ["site"]

QUIRKS = (Path(__file__).parents[2] / "docs" / "dev" / "api-quirks.md").read_text()
WORDS = {"databricks": {}, "oss": {"user-agent": "OpenAPI-Generator/0.7.0/python"}}
MLMODEL = b"""model_uuid: m-1
flavors: {python_function: {loader_module: mlflow.sklearn}}
signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
  outputs: '[{"type": "double", "required": true}]'
"""

# What is answered otherwise on purpose, by vocabulary.
PURPOSE = {
    ("databricks", "GET", "/permissions/{}/{}"): "Databricks' privileges have underscores, and are more.",
    ("databricks", "PATCH", "/permissions/{}/{}"): "The same.",
    (
        "oss",
        "POST",
        "/temporary-model-version-credentials",
    ): "Refused where there is nothing that these clients can use.",
}
# Fields of the description that answers do not have.
ABSENT = {
    "CatalogInfo": {"storage_root", "storage_location"},
    "SchemaInfo": {"storage_root", "storage_location"},
    "TemporaryCredentials": {"aws_temp_credentials", "azure_user_delegation_sas", "gcp_oauth_token", "url"},
}


# What other securables are made of; a test of models needs none.
OBJECTS: dict[str, dict[str, Any]] = {
    "volumes": {"volume_type": "MANAGED"},
    "tables": {
        "table_type": "EXTERNAL",
        "data_source_format": "DELTA",
        "storage_location": "s3://lake/object",
        "columns": [{"name": "x", "type_name": "DOUBLE", "type_text": "double", "position": 0}],
    },
    "functions": {
        "data_type": "DOUBLE",
        "full_data_type": "DOUBLE",
        "routine_body": "SQL",
        "routine_definition": "x + 1",
        "parameter_style": "S",
        "is_deterministic": True,
        "sql_data_access": "NO_SQL",
        "is_null_call": False,
        "security_type": "DEFINER",
        "specific_name": "object",
        "properties": "{}",
        "input_params": {
            "parameters": [
                {"name": "x", "type_text": "double", "type_name": "DOUBLE", "position": 0, "type_json": "{}"}
            ]
        },
    },
}


WHOLE = {
    "CatalogInfo",
    "SchemaInfo",
    "RegisteredModelInfo",
    "ModelVersionInfo",
    "GetMetastoreSummaryResponse",
} | ABSENT.keys()


def normal(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", path)


def description() -> dict[tuple[str, str], str]:
    """(method, path) -> the class of the answer, of every operation that open-source Unity Catalog has."""
    fields: dict[tuple[str, str], str] = {}
    for api in vars(oss).values():
        if not (inspect.isclass(api) and api.__name__.endswith("Api")):
            continue
        for name, function in inspect.getmembers(api, inspect.isfunction):
            if name.startswith("_") and name.endswith("_serialize"):
                sent = inspect.getsource(function)
                answered = inspect.getsource(getattr(api, name[1 : -len("_serialize")]))
                method, path = (re.search(rf"{what}='([^']+)'", sent) for what in ("method", "resource_path"))
                kind = re.search(r"'200': \"(\w+)\"", answered)
                assert method and path, name
                fields[method[1], normal(path[1])] = kind[1] if kind else "object"
    return fields


SPEC = description()


def key(route: Route) -> tuple[str, str]:
    return route.method, normal(route.path.removeprefix(UC))


def native(site: Site, words: str) -> list[Route]:
    app: Any = site.app
    routes = site.routes if words == "databricks" else app.other.router.routes
    return [route for route in routes if route.path.startswith(f"{UC}/")]


def furnished(site: Site) -> World:
    """A model with files, an alias and a tag."""
    world = World(site)
    text = f"{UC}/models/{world.model}"
    site.ok("PUT", f"{text}/aliases/champion", {"version_num": 1})
    path = f"/api/2.0/fs/files/Models/{world.model.replace('.', '/')}/1/MLmodel"
    assert site.call("PUT", path, content=MLMODEL).status_code == 204
    return world


def check(kind: str, answer: dict[str, Any], *, whole: bool) -> None:
    """The client's class takes the answer and gives the same back; a `whole` one has all of its fields."""
    if kind == "object":
        return
    shape = getattr(shapes, kind)
    reply = shape.from_dict(answer).to_dict()
    names: set[str] = set(next(value for name, value in vars(shape).items() if name.endswith("__properties")))
    for name, value in reply.items():
        assert isinstance(value, dict | list) or answer[name] == value, (kind, name)
    if whole and kind in WHOLE:
        assert names - answer.keys() <= ABSENT.get(kind, set()), kind


def request_of(site: Site, route: Route) -> dict[str, Any]:
    """Fields with which the route does what it is for."""
    world = furnished(site)
    catalog, schema, _ = world.model.split(".")
    noun, place = route.path.removeprefix(f"{UC}/").partition("/")[0], {"catalog_name": catalog, "schema_name": schema}
    if noun in OBJECTS:
        body = place | {"name": "object"} | OBJECTS[noun]
        body = {"function_info": body} if noun == "functions" else body
        if route.method == "POST":
            return body
        site.ok("POST", f"{UC}/{noun}", body)
        full_name = f"{catalog}.{schema}.object"
        in_path = {name: full_name for name in ("name", "full_name") if f"{{{name}}}" in route.path}
        return in_path or place if route.method != "PATCH" else {**in_path, "comment": "x"}
    values = world.values(route) | ({"version": "1"} if "versions" in route.path else {})
    return values | ({"force": "true"} if route.method == "DELETE" else {})


@pytest.mark.parametrize("words", WORDS)
def test_answers_are_what_open_source_unity_catalog_describes(site: Site, words: str) -> None:
    checked: set[tuple[str, str]] = set()
    for route in native(site, words):
        kind = SPEC.get(key(route))
        if kind is None:
            continue
        values = request_of(site, route)
        fields = {name: value for name, value in values.items() if f"{{{name}}}" not in route.path}
        sent = {"params": fields} if route.method == "DELETE" else {"fields": fields or None}
        answer = site.call(route.method, filled(route, values), headers=WORDS[words], **sent)
        if (words, *key(route)) in PURPOSE:
            continue
        assert answer.status_code == 200, (route.method, route.path, answer.text)
        check(kind, answer.json(), whole=route.method in ("GET", "POST", "PATCH") and not kind.startswith("List"))
        checked.add(key(route))
    assert len(checked) >= 18, sorted(checked)


@pytest.mark.parametrize("words", WORDS)
def test_lists_hold_something(site: Site, words: str) -> None:
    """Or else the checks of their items would prove nothing."""
    world = furnished(site)
    catalog, schema, _ = world.model.split(".")
    for path, fields, name in (
        ("/catalogs", {}, "catalogs"),
        ("/schemas", {"catalog_name": catalog}, "schemas"),
        ("/models", {"catalog_name": catalog, "schema_name": schema}, "registered_models"),
        (f"/models/{world.model}/versions", {}, "model_versions"),
    ):
        answer = site.call("GET", UC + path, fields, headers=WORDS[words]).json()
        assert answer[name]
        kind = {"catalogs": "CatalogInfo", "schemas": "SchemaInfo", "registered_models": "RegisteredModelInfo"}
        for item in answer[name]:
            check(kind.get(name, "ModelVersionInfo"), item, whole=False)


def test_privileges_are_the_clients_own(site: Site) -> None:
    world = World(site)
    site.allow(world.user, "catalog", world.catalog, "USE_CATALOG", "BROWSE", "MANAGE")
    for kind in ("catalog", "CATALOG"):
        answer = site.call("GET", f"{UC}/permissions/{kind}/{world.catalog}", headers=WORDS["oss"])
        check("PermissionsList", answer.json(), whole=True)
        [privilege_assignment] = [a for a in answer.json()["privilege_assignments"] if a["principal"] == world.user]
        assert privilege_assignment["privileges"] == ["USE CATALOG"]


def test_all_of_models_and_their_containers_is_served(site: Site) -> None:
    ours = {key(route) for words in WORDS for route in native(site, words)}
    nouns = ("/catalogs", "/schemas", "/models", "/permissions", "/metastore_summary", "/temporary-model-version-")
    assert {operation for operation in SPEC if operation[1].startswith(nouns)} - ours == set()


def test_what_it_does_not_describe_is_listed(site: Site) -> None:
    """A route that only Databricks has is named in docs/dev/api-quirks.md."""
    extra = {
        route.path.removeprefix(f"{UC}/").partition("/")[0] for route in native(site, "oss") if key(route) not in SPEC
    }
    section = QUIRKS.partition("### Against open-source Unity Catalog's description")[2].partition("\n### ")[0]
    if silent := [noun for noun in sorted(extra) if noun not in QUIRKS]:
        warnings.warn(f"Only Databricks has these, and docs/dev/api-quirks.md does not say so: {silent}", stacklevel=1)
    listed = {
        "effective-permissions",
        "privilege-assignments",
        "effective-privilege-assignments",
        "entity-tag-assignments",
        "securable-tags",
        "subentity-tags",
        "models",
    }
    assert {noun for noun in listed if f"`{noun}" in section} == listed <= extra
    for _, _, path in PURPOSE:
        assert f"`{path.strip('/').partition('/')[0]}" in section, path
    assert V1 not in section
