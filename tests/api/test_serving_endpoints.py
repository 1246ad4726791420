"""The control plane of serving endpoints, without a model that loads: names, bodies, rights, states."""

import uuid
from typing import Any

import pytest
from api.serving import Site, refused, site

from modelkeep import limits
from modelkeep.core.operations.serving import endpoints as operations

__all__ = ["site"]
API = "/api/2.0/serving-endpoints"


def new_name() -> str:
    return f"e-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def model(site: Site) -> str:
    return site.model(versions=1)


def test_an_endpoint_without_a_model(site: Site) -> None:
    name = new_name()
    created = site.ok("POST", f"{API}/", {"name": name, "description": "d", "tags": [{"key": "a", "value": "1"}]})
    assert created["state"] == {"ready": "NOT_READY", "config_update": "NOT_UPDATING"} and created["creator"] == "admin"
    assert site.ok("GET", f"{API}/{name}/") == created == site.ok("GET", f"{API}/{name.upper()}")
    assert created in site.ok("GET", f"{API}/")["endpoints"]
    refused(site.call("POST", API, {"name": name.upper()}), 409, "RESOURCE_ALREADY_EXISTS", "already exists")
    answer = site.call("POST", f"/serving-endpoints/{name}/invocations", {"inputs": [1]})
    refused(answer, 400, "INVALID_STATE", "not ready")
    tags = site.ok("PATCH", f"{API}/{name}/tags", {"add_tags": [{"key": "b", "value": "2"}], "delete_tags": ["a"]})
    assert tags == {"tags": [{"key": "b", "value": "2"}]}
    refused(site.call("PATCH", f"{API}/{name}/tags", {}), 400, "INVALID_PARAMETER_VALUE", "changes nothing")
    assert site.ok("DELETE", f"{API}/{name}") == {}
    refused(site.call("GET", f"{API}/{name}"), 404, "RESOURCE_DOES_NOT_EXIST", name)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"name": "a b"}, "Endpoint name"),
        ({"name": "databricks-x"}, "databricks-"),
        ({"name": "x", "ai_gateway": {}}, "AI gateway"),
        ({"name": "x", "rate_limits": [{"calls": 1}]}, "Rate limits"),
        ({"name": "x", "config": {"served_entities": [{"entity_name": "a.b.c"}]}}, "entity_version"),
        ({"name": "x", "config": {"served_entities": [{"entity_version": "1"}]}}, "entity_name"),
        ({"name": "x", "config": {"served_entities": [{"external_model": {}}]}}, "External models"),
        ({"name": "x", "config": {"served_entities": [{"entity_name": "c", "entity_version": "1"}]}}, "three levels"),
        ({"name": "x", "config": {"served_entities": [{"entity_name": "a.b.c", "entity_version": "one"}]}}, "version"),
        ({"name": "x", "tags": [{"key": "k" * (limits.SERVING_TAG_CHARACTERS + 1)}]}, "tag"),
        ({"name": "x", "tags": [{"key": str(i)} for i in range(limits.SERVING_TAGS + 1)]}, "tags"),
        ({"name": "x", "config": {"traffic_config": {"routes": [{"traffic_percentage": 101}]}}}, "traffic_percentage"),
    ],
)
def test_bodies_that_are_refused(site: Site, body: dict[str, Any], word: str) -> None:
    refused(site.call("POST", API, body), 400, "INVALID_PARAMETER_VALUE", word)


def test_both_spellings_of_entities_at_once(site: Site, model: str) -> None:
    entity = {"entity_name": model, "entity_version": "1"}
    body = {"name": "x", "config": {"served_entities": [entity], "served_models": [entity]}}
    refused(site.call("POST", API, body), 400, "INVALID_PARAMETER_VALUE", "not both")


def test_a_version_that_is_not_ready_or_not_there_fails_the_update(site: Site, model: str) -> None:
    for version, reason in (("1", "PENDING_REGISTRATION"), ("7", "does not exist"), ("@Nobody", "does not exist")):
        name = new_name()
        config = {"served_entities": [{"entity_name": model, "entity_version": version}]}
        created = site.ok("POST", API, {"name": name, "config": config})
        assert created["state"]["config_update"] == "IN_PROGRESS" and created["pending_config"]["start_time"] > 0
        endpoint = created
        while endpoint["state"]["config_update"] == "IN_PROGRESS":
            endpoint = site.ok("GET", f"{API}/{name}")
        assert endpoint["state"] == {"ready": "NOT_READY", "config_update": "UPDATE_FAILED"}
        answer = site.call("POST", f"/serving-endpoints/{name}/invocations", {"inputs": [1]})
        refused(answer, 400, "INVALID_STATE", reason)


def test_who_may_do_what(site: Site, model: str) -> None:
    """To who may not view an endpoint, it does not exist; a model is served by who may use it."""
    _, token = site.user()
    name = new_name()
    config = {"served_entities": [{"entity_name": model, "entity_version": "1"}]}
    refused(
        site.call("POST", API, {"name": name, "config": config}, token=token), 403, "PERMISSION_DENIED", "USE CATALOG"
    )
    own = site.ok("POST", API, {"name": name}, token=token)
    assert own["permission_level"] == "CAN_MANAGE"
    _, other = site.user()
    assert site.ok("GET", API, token=other) == {"endpoints": []}
    for method, path, body in (
        ("GET", f"{API}/{name}", None),
        ("PUT", f"{API}/{name}/config", config),
        ("PATCH", f"{API}/{name}/tags", {"delete_tags": ["a"]}),
        ("DELETE", f"{API}/{name}", None),
        ("POST", f"/serving-endpoints/{name}/invocations", {"inputs": [1]}),
    ):
        refused(site.call(method, path, body, token=other), 404, "RESOURCE_DOES_NOT_EXIST", name)
    refused(site.call("PUT", f"{API}/{name}/config", config), 403, "PERMISSION_DENIED", "creator")


def test_a_workspace_has_so_many_endpoints(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.SERVING_ENDPOINTS == operations.SERVING_ENDPOINTS
    monkeypatch.setattr(operations, "SERVING_ENDPOINTS", len(site.ok("GET", API)["endpoints"]))
    refused(site.call("POST", API, {"name": new_name()}), 400, "INVALID_PARAMETER_VALUE", "Delete one first")


def test_serving_that_is_off_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    name = new_name()
    site.ok("POST", API, {"name": name})
    engine = site.registry.engine
    monkeypatch.setattr(engine, "config", msgspec.structs.replace(engine.config, serving=False))
    refused(site.call("POST", API, {"name": new_name()}), 400, "INVALID_STATE", "modelkeep[serving]")
    answer = site.call("POST", f"/serving-endpoints/{name}/invocations", {"inputs": [1]})
    refused(answer, 400, "INVALID_STATE", "modelkeep[serving]")
    assert site.ok("GET", f"{API}/{name}")["name"] == name


def test_permissions_by_id_decide_who_views_queries_and_manages(site: Site) -> None:
    name, (user, token) = new_name(), site.user()
    endpoint = site.ok("POST", API, {"name": name})
    path = f"/api/2.0/permissions/serving-endpoints/{endpoint['id']}"
    levels = [level["permission_level"] for level in site.ok("GET", f"{path}/permissionLevels")["permission_levels"]]
    assert levels == ["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"]

    def give(level: str, method: str = "PATCH") -> None:
        entry = {"user_name": user, "permission_level": level}
        answer = site.ok(
            method, path, {"access_control_list": [entry, {"group_name": "admins", "permission_level": "CAN_MANAGE"}]}
        )
        assert (
            answer["object_type"] == "serving-endpoint"
            and answer["object_id"] == f"/serving-endpoints/{endpoint['id']}"
        )
        entries = [e for e in answer["access_control_list"] if e.get("user_name") == user]
        assert [e["all_permissions"] for e in entries] == [[{"permission_level": level, "inherited": False}]]

    def query() -> Any:
        return site.call("POST", f"/serving-endpoints/{name}/invocations", {"inputs": [1]}, token=token)

    refused(site.call("GET", f"{API}/{name}", token=token), 404, "RESOURCE_DOES_NOT_EXIST")
    give("CAN_VIEW")
    assert site.ok("GET", f"{API}/{name}", token=token)["permission_level"] == "CAN_VIEW"
    refused(query(), 403, "PERMISSION_DENIED", "CAN_QUERY")
    give("CAN_QUERY", "PUT")
    refused(query(), 400, "INVALID_STATE", "not ready")
    tags = {"add_tags": [{"key": "a"}]}
    refused(site.call("PATCH", f"{API}/{name}/tags", tags, token=token), 403, "PERMISSION_DENIED", "CAN_MANAGE")
    give("CAN_MANAGE")
    site.ok("PATCH", f"{API}/{name}/tags", tags, token=token)
    site.ok("PUT", path, {"access_control_list": []}, token=token)
    refused(site.call("GET", path, token=token), 404, "RESOURCE_DOES_NOT_EXIST")
    group = f"g-{uuid.uuid4().hex[:8]}"
    site.ok("POST", "/api/modelkeep/v1/groups", {"name": group})
    site.ok("PUT", f"/api/modelkeep/v1/groups/{group}/members/{user}")
    site.ok("PATCH", path, {"access_control_list": [{"group_name": group, "permission_level": "CAN_QUERY"}]})
    assert site.ok("GET", f"{API}/{name}", token=token)["permission_level"] == "CAN_QUERY"


@pytest.mark.parametrize(
    ("entries", "status", "code"),
    [
        ([{"user_name": "nobody@x.io", "permission_level": "CAN_VIEW"}], 404, "RESOURCE_DOES_NOT_EXIST"),
        ([{"user_name": "admin", "permission_level": "CAN_USE"}], 400, "INVALID_PARAMETER_VALUE"),
        ([{"permission_level": "CAN_VIEW"}], 400, "INVALID_PARAMETER_VALUE"),
        (
            [{"user_name": "admin", "group_name": "admins", "permission_level": "CAN_VIEW"}],
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        ([{"group_name": "admin", "permission_level": "CAN_VIEW"}], 400, "INVALID_PARAMETER_VALUE"),
        ([{"user_name": "admin", "permission_level": "CAN_VIEW"}] * 2, 400, "INVALID_PARAMETER_VALUE"),
        (
            [{"user_name": "x", "permission_level": "CAN_VIEW"}] * (limits.SERVING_PERMISSIONS + 1),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
    ],
    ids=["unknown", "level", "nobody", "two", "kind", "twice", "many"],
)
def test_permissions_that_are_refused(site: Site, entries: list[dict[str, str]], status: int, code: str) -> None:
    endpoint = site.ok("POST", API, {"name": new_name()})
    path = f"/api/2.0/permissions/serving-endpoints/{endpoint['id']}"
    refused(site.call("PATCH", path, {"access_control_list": entries}), status, code)
    refused(site.call("GET", "/api/2.0/permissions/serving-endpoints/nothing"), 404, "RESOURCE_DOES_NOT_EXIST")
