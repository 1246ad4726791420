"""Absent is absent: no answer that a specification describes holds a null."""

import inspect
from types import ModuleType, NoneType
from typing import Any, get_args, get_type_hints, is_typeddict

import pytest
from api.serving import DATABRICKS_UC, UC, Site, World, site

from modelkeep.api.account import answers as account
from modelkeep.api.databricks_uc import answers as databricks_uc
from modelkeep.api.mlflow import answers as mlflow
from modelkeep.api.serving import answers as serving
from modelkeep.api.unity_catalog import answers as unity

__all__ = ["site"]
DESCRIBED = (
    UC,
    DATABRICKS_UC,
    "/api/3.0/rfa",
    "/api/2.1/tag-policies",
    "/api/2.0/preview/scim",
    "/api/2.0/token",
    "/api/2.0/accounts",
    "/api/2.0/serving-endpoints",
)

NULLS_OF_DELTA = {
    ".storage-credentials[].expiration-time-ms",
    ".suggested-properties.delta.columnMapping.maxColumnId",
    ".suggested-properties.delta.rowTracking.materializedRowCommitVersionColumnName",
    ".suggested-properties.delta.rowTracking.materializedRowIdColumnName",
}
"""Where nothing expires, and where the client chooses the value, as open-source Unity Catalog answers Delta's client."""


def _nullable(hint: Any) -> bool:
    return hint is NoneType or any(_nullable(part) for part in get_args(hint))


@pytest.mark.parametrize(
    "answers", [unity, account, databricks_uc, mlflow, serving], ids=lambda module: module.__name__
)
def test_no_type_of_an_answer_has_a_null(answers: ModuleType) -> None:
    types = [kind for _, kind in inspect.getmembers(answers) if is_typeddict(kind)]
    assert len(types) > 5
    nullable = {
        f"{kind.__name__}.{name}" for kind in types for name, hint in get_type_hints(kind).items() if _nullable(hint)
    }
    assert nullable == set()


def _nulls(value: Any, at: str = "") -> list[str]:
    match value:
        case None:
            return [at]
        case dict():
            return [path for key, inner in value.items() for path in _nulls(inner, f"{at}.{key}")]
        case list():
            return [path for inner in value for path in _nulls(inner, f"{at}[]")]
        case _:
            return []


def test_no_answer_of_any_route_has_a_null(site: Site) -> None:
    """Every described route, in both vocabularies, over securables without comment, run or workspace."""
    world = World(site)
    request = 0
    for method in ("GET", "POST", "PATCH", "PUT"):
        for headers, route in site.dialects:
            if route.method != method or not route.path.startswith(DESCRIBED) or route.handler is not None:
                continue
            answer = world.request(site, route, headers=headers)
            request += answer.status_code == 200
            if answer.status_code < 500 and answer.headers.get("content-type", "").startswith("application/json"):
                nulls = set(_nulls(answer.json())) - NULLS_OF_DELTA
                assert not nulls, (route.method, route.path, headers)
    assert request > 100


def test_the_last_page_has_no_token_and_the_others_have_one(site: Site) -> None:
    schema = site.schema()
    catalog, name = schema.split(".")
    for _ in range(3):
        site.model(schema)
    fields = {"catalog_name": catalog, "schema_name": name, "max_results": 2}
    first = site.ok("GET", f"{UC}/models", fields)
    assert len(first["registered_models"]) == 2 and first["next_page_token"]
    last = site.ok("GET", f"{UC}/models", {**fields, "page_token": first["next_page_token"]})
    assert len(last["registered_models"]) == 1 and "next_page_token" not in last
