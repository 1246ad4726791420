"""Calls of databricks-sdk, of terraform-provider-databricks and of open-source clients that have their own spelling of an act."""

import uuid
from typing import Any

import pytest
from api.serving import DATABRICKS_UC, UC, Site, refused, site
from databricks.sdk import AccountClient, WorkspaceClient

__all__ = ["site"]
INVALID = "INVALID_PARAMETER_VALUE"
OSS = {"user-agent": "OpenAPI-Generator/0.7.0/python"}
A = "/api/2.0/mlflow"


def sdk(site: Site) -> WorkspaceClient:
    return WorkspaceClient(host=site.host, token=site.admin)


@pytest.mark.parametrize(
    "mask",
    ["destinations", "*", "destinations,securable", "securable, destinations", "securable_type,full_name,destinations"],
)
def test_a_mask_may_also_name_what_says_which_one_is_meant(site: Site, mask: str) -> None:
    model = site.model()
    expected = [{"destination_id": "a@x.io", "destination_type": "EMAIL"}]
    body = {"update_mask": mask, "securable": {"type": "FUNCTION", "full_name": model}, "destinations": expected}
    assert site.ok("PATCH", "/api/3.0/rfa/destinations", body)["destinations"] == expected


@pytest.mark.parametrize("mask", ["securable", "", "destinations,owner", "destination", "destinations;securable"])
def test_a_mask_that_changes_something_else_is_refused(site: Site, mask: str) -> None:
    body = {"update_mask": mask, "securable": {"type": "FUNCTION", "full_name": site.model()}, "destinations": []}
    refused(site.call("PATCH", "/api/3.0/rfa/destinations", body), 400, INVALID, "destinations")


def test_the_mask_of_a_tag_may_name_its_key(site: Site) -> None:
    model = site.model()
    tags = f"{UC}/entity-tag-assignments"
    entity = {"entity_type": "functions", "entity_name": model, "tag_key": "team"}
    site.ok("POST", tags, {**entity, "tag_value": "a"})
    text = f"{tags}/functions/{model}/tags/team"
    for mask in ("tag_value", "tag_key,tag_value", "*"):
        assert site.ok("PATCH", text, {"tag_value": mask[:3], "update_mask": mask})["tag_value"] == mask[:3]
    refused(site.call("PATCH", text, {"tag_value": "b", "update_mask": "owner"}), 400, INVALID, "tag_value")


@pytest.mark.parametrize("source", [{}, {"source": ""}, {"source": None}])
def test_a_version_has_a_source_in_open_source_words(site: Site, source: dict[str, Any]) -> None:
    catalog, schema, name = site.model().split(".")
    body = {"model_name": name, "catalog_name": catalog, "schema_name": schema, **source}
    answer = site.call("POST", f"{UC}/models/versions", body, headers=OSS)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"] == "Field 'source' is missing from the request."
    assert site.ok("GET", f"{UC}/models/{catalog}.{schema}.{name}/versions")["model_versions"] == []


def test_the_account_knows_its_metastore(site: Site) -> None:
    account = site.ok("GET", "/.well-known/databricks-config")["account_id"]
    a = AccountClient(host=site.host, account_id=account, token=site.admin)
    [listed] = a.metastores.list()
    assert listed.metastore_id == sdk(site).metastores.summary().metastore_id
    assert a.metastores.get(listed.metastore_id or "").metastore_info == listed
    path = f"/api/2.0/accounts/{account}/metastores"
    refused(site.call("GET", f"{path}/other"), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("GET", path.replace(account, "other")), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("GET", path, token=site.user()[1]), 403, "PERMISSION_DENIED")


def test_the_workspace_registry_of_the_sdk_lists_and_gets(site: Site) -> None:
    w, names = sdk(site), [f"m_{uuid.uuid4().hex[:8]}" for _ in range(3)]
    for name in names:
        site.ok("POST", f"{A}/registered-models/create", {"name": name})
    listed = {model.name for model in w.model_registry.list_models(max_results=2)}
    assert set(names) <= listed
    model_databricks = w.model_registry.get_model(names[0]).registered_model_databricks
    assert (
        model_databricks is not None
        and (model_databricks.name, model_databricks.user_id) == (names[0], "admin")
        and model_databricks.id
    )
    answer = site.call("GET", f"{A}/databricks/registered-models/get", {"name": "absent"})
    refused(answer, 404, "RESOURCE_DOES_NOT_EXIST", "absent")


def test_what_a_search_finds_equal_comes_by_name_and_newest_version_first(site: Site) -> None:
    names = sorted(f"tie_{uuid.uuid4().hex[:8]}" for _ in range(3))
    for name in reversed(names):
        site.ok("POST", f"{A}/registered-models/create", {"name": name})
        for _ in range(2):
            site.ok("POST", f"{A}/model-versions/create", {"name": name, "source": "s3://b/m"})
    like = "name LIKE 'tie_%'"

    def order(*clauses: str) -> list[tuple[str, str]]:
        results: list[tuple[str, str]] = []
        token = ""
        while True:
            fields = {"filter": like, "order_by": list(clauses), "max_results": 2, "page_token": token}
            page = site.ok("GET", f"{A}/model-versions/search", fields)
            results += [(v["name"], v["version"]) for v in page["model_versions"]]
            token = page["next_page_token"]
            if not token:
                return [(name, version) for name, version in results if name in names]

    assert order("version_number DESC") == [(n, "2") for n in names] + [(n, "1") for n in names]
    assert order("version_number ASC") == [(n, "1") for n in names] + [(n, "2") for n in names]
    assert order("name DESC") == [(n, v) for n in reversed(names) for v in ("2", "1")]
    assert order("name ASC", "version_number ASC") == [(n, v) for n in names for v in ("1", "2")]


def test_databricks_clients_may_leave_the_source_out(site: Site) -> None:
    answer = site.ok("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": site.model()})
    assert answer["model_version"]["version"] == "1"


@pytest.mark.parametrize(
    ("agent", "whole"),
    [
        ("mlflow/3.17.2 databricks-sdk-py/0.162.0 python/3.11", True),
        ("mlflow/3.17.2 databricks-sdk-py/0.162.0 upstream/mlflow-export-import upstream-version/1", False),
        ("mlflow-python-client/3.17.2 mlflow-export-import/1.0.0", False),
        ("", True),
    ],
)
def test_a_version_has_its_metrics_except_for_a_tool_that_cannot_write_them(
    site: Site, agent: str, whole: bool
) -> None:
    name = site.model(versions=1)
    for path in ("model-versions/get?version=1&", "registered-models/alias?alias=a&"):
        site.ok("POST", f"{DATABRICKS_UC}/registered-models/alias", {"name": name, "alias": "a", "version": "1"})
        answer = site.call("GET", f"{DATABRICKS_UC}/{path}name={name}", headers={"user-agent": agent}).json()[
            "model_version"
        ]
        everything = whole or path.startswith("registered")
        assert ("model_params" in answer, "model_metrics" in answer) == (everything, everything), path


def test_an_empty_field_of_the_body_leaves_the_path_alone(site: Site) -> None:
    """The Databricks CLI sends what it knows by a positional argument in the path, and empty in the body."""
    model, key = site.model(), f"k_{uuid.uuid4().hex[:8]}"
    site.ok("POST", "/api/2.1/tag-policies", {"tag_key": key})
    site.ok(
        "POST", f"{UC}/entity-tag-assignments", {"entity_type": "functions", "entity_name": model, "tag_key": "team"}
    )
    token = site.ok("POST", "/api/2.0/token/create", {"comment": "a"})["token_info"]["token_id"]
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        (f"/api/2.1/tag-policies/{key}?update_mask=description", {"description": "two"}, {"tag_key": ""}),
        (
            f"{UC}/entity-tag-assignments/functions/{model}/tags/team?update_mask=tag_value",
            {"tag_value": "z"},
            {"entity_type": "", "entity_name": "", "tag_key": ""},
        ),
        (f"{UC}/models/{model}", {"comment": "two"}, {"full_name": ""}),
        (f"/api/2.0/token/{token}", {"token": {"comment": "n"}, "update_mask": "comment"}, {"token_id": ""}),
    ]
    for path, body, empty in cases:
        answer = site.ok("PATCH", path, body | empty)
        assert all(answer.get(field) == value for field, value in body.items() if answer and field in answer)
        for field in empty:
            refused(site.call("PATCH", path, body | {field: "other"}), 400, INVALID, field)
    assert site.ok("GET", f"/api/2.1/tag-policies/{key}")["description"] == "two"
    assert site.ok("GET", f"{UC}/models/{model}")["comment"] == "two"
