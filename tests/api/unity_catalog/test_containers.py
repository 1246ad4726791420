"""Catalogs, schemas, the metastore, bindings and quotas through databricks-sdk, and what they refuse."""

from typing import Any

import pytest
from api.serving import DATABRICKS_UC, UC, Site, refused, site
from databricks.sdk import WorkspaceClient, errors
from databricks.sdk.service.catalog import CatalogIsolationMode, WorkspaceBinding, WorkspaceBindingBindingType

__all__ = ["site"]
BAD = "INVALID_PARAMETER_VALUE"


def sdk(site: Site, token: str = "") -> WorkspaceClient:
    return WorkspaceClient(host=site.host, token=token or site.admin, auth_type="pat")


@pytest.fixture
def admin_of_metastore(site: Site) -> WorkspaceClient:
    return sdk(site)


def test_a_catalog_and_its_schema_change_and_go(site: Site) -> None:
    w, (user, _), name = sdk(site), site.user(), site.schema().partition(".")[0] + "_x"
    catalog = w.catalogs.create(name, comment="a", properties={"a": "b"})
    assert (catalog.name, catalog.comment, catalog.properties, catalog.isolation_mode) == (
        name,
        "a",
        {"a": "b"},
        CatalogIsolationMode.OPEN,
    )
    changed = w.catalogs.update(
        name,
        new_name=f"{name}2",
        comment="b",
        properties={"c": "d"},
        isolation_mode=CatalogIsolationMode.OPEN,
        owner="admin",
    )
    assert (changed.name, changed.comment, changed.properties, changed.owner) == (f"{name}2", "b", {"c": "d"}, "admin")
    schema = w.schemas.create("s", f"{name}2", comment="c", properties={"e": "f"})
    assert (schema.comment, schema.properties) == ("c", {"e": "f"})
    moved = w.schemas.update(schema.full_name or "", new_name="t", comment="d", properties={}, owner=user)
    assert (moved.full_name, moved.comment, moved.properties, moved.owner) == (f"{name}2.t", "d", {}, user)
    with pytest.raises(errors.ResourceConflict, match="not empty"):
        w.catalogs.delete(f"{name}2")
    w.catalogs.delete(f"{name}2", force=True)
    with pytest.raises(errors.NotFound):
        w.schemas.get(f"{name}2.t")


def test_a_patch_that_is_allowed_in_part_changes_nothing(site: Site) -> None:
    """A metastore admin who does not own a catalog may change its owner, and nothing else of it."""
    catalog, (owner, token) = site.schema().partition(".")[0], site.user()
    path = f"{UC}/catalogs/{catalog}"
    site.ok("PATCH", path, {"owner": owner})
    answer = site.call("PATCH", path, {"comment": "mine", "owner": "admin"})
    refused(answer, 403, "PERMISSION_DENIED", "not an owner")
    for item in ({"isolation_mode": "OPEN"}, {"properties": {}}):
        refused(site.call("PATCH", path, item | {"owner": "admin"}), 403, "PERMISSION_DENIED")
    result = site.ok("GET", path, token=token)
    assert (result["owner"], result["comment"]) == (owner, "")
    assert site.ok("PATCH", path, {"owner": "admin"})["owner"] == "admin"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "changes nothing"),
        ({"isolation_mode": "open?"}, "isolation_mode"),
        ({"enable_predictive_optimization": "ENABLE"}, "DISABLE"),
        ({"options": {"a": "b"}}, "Foreign"),
        ({"comment": "x", "name": "other"}, "request is about"),
        ({"comment": "x", "full_name": "other"}, "two values"),
        ({"comment": "x", "Comment": "y"}, "looks like"),
        ({"comment": "x", "new-name": "y"}, "looks like"),
        ({"new_name": "a.b"}, "full name"),
        ({"properties": ["a"]}, "properties"),
        ({"owner": "nobody at all"}, "does not exist"),
    ],
)
def test_bad_changes(site: Site, fields: dict[str, Any], word: str) -> None:
    refused(site.call("PATCH", f"{UC}/catalogs/{site.schema().partition('.')[0]}", fields), 400, BAD, word)


def test_no_container_lies_elsewhere(site: Site) -> None:
    schema = site.schema()
    catalog = schema.partition(".")[0]
    for item in (
        {"storage_root": "s3://x/y"},
        {"connection_name": "x"},
        {"provider_name": "p", "share_name": "s"},
        {"full_name": "x"},
    ):
        refused(site.call("POST", f"{UC}/catalogs", {"name": f"{catalog}_y"} | item), 400, BAD)
    for item in ({"storage_root": "s3://x/y"}, {"full_name": "x.y"}):
        refused(site.call("POST", f"{UC}/schemas", {"name": "z", "catalog_name": catalog} | item), 400, BAD)
    refused(
        site.call("PATCH", f"{UC}/schemas/{schema}", {"comment": "x", "catalog_name": "main"}), 400, BAD, "catalog_name"
    )
    for path in ("catalogs", "schemas"):
        for item in ({"max_results": -1}, {"page_token": "forged"}):
            refused(site.call("GET", f"{UC}/{path}", {"catalog_name": catalog} | item), 400, BAD)


# --- the metastore ---------------------------------------------------------------------------------------------------


def test_the_metastore_is_told_and_changed(site: Site, admin_of_metastore: WorkspaceClient) -> None:
    w, (_, token) = admin_of_metastore, site.user()
    theirs = sdk(site, token)
    summary = theirs.metastores.summary()
    current = theirs.metastores.current()
    assert (current.metastore_id, current.workspace_id) == (summary.metastore_id, int(site.settings.workspace_id))
    id = summary.metastore_id or ""
    [listed] = w.metastores.list()
    assert (listed.metastore_id, w.metastores.get(id).metastore_id) == (id, id)
    for refused_call in (
        lambda: list(theirs.metastores.list()),
        lambda: theirs.metastores.get(id),
        lambda: theirs.metastores.update(id, new_name="mine"),
    ):
        with pytest.raises(errors.PermissionDenied):
            refused_call()
    assert w.metastores.update(id, new_name="Home").name == "home"
    assert theirs.metastores.summary().name == "home"
    group = "metastore-admins"
    site.ok("POST", "/api/modelkeep/v1/groups", {"name": group})
    site.ok("PUT", f"/api/modelkeep/v1/groups/{group}/members/admin")
    assert w.metastores.update(id, owner=group).owner == group
    assert w.metastores.update(id, new_name="metastore", owner="admins").owner == "admins"
    refused(site.call("PATCH", f"{UC}/metastores/{id}", {}), 400, BAD, "changes nothing")
    refused(site.call("PATCH", f"{UC}/metastores/{id}", {"new_name": "a b"}), 400, BAD)
    refused(site.call("GET", f"{UC}/metastores/other"), 404, "RESOURCE_DOES_NOT_EXIST")
    for item in ({"max_results": -1}, {"page_token": "forged"}):
        refused(site.call("GET", f"{UC}/metastores", item), 400, BAD)
    for method, path in (("POST", "metastores"), ("DELETE", f"metastores/{id}")):
        refused(site.call(method, f"{UC}/{path}", {}), 404, "ENDPOINT_NOT_FOUND")


def test_a_catalog_is_bound_to_workspaces(site: Site) -> None:
    catalog, (user, token) = site.schema().partition(".")[0], site.user()
    w, read_only = sdk(site), WorkspaceBindingBindingType.BINDING_TYPE_READ_ONLY
    assert not w.workspace_bindings.get(catalog).workspaces
    assert list(w.workspace_bindings.get_bindings("catalog", catalog)) == []
    with pytest.raises(errors.BadRequest, match="Workspace 77 does not exist"):
        w.workspace_bindings.update(catalog, assign_workspaces=[1, 77])
    assert w.workspace_bindings.update(catalog, assign_workspaces=[1]).workspaces == [1]
    changed = w.workspace_bindings.update_bindings("catalog", catalog, add=[WorkspaceBinding(1, read_only)])
    assert changed.bindings == [WorkspaceBinding(1, read_only)]
    assert list(w.workspace_bindings.get_bindings("CATALOG", catalog, max_results=1)) == changed.bindings
    assert w.catalogs.update(catalog, comment="open to all").isolation_mode == CatalogIsolationMode.OPEN
    assert w.workspace_bindings.update(catalog, unassign_workspaces=[1]).workspaces == []
    with pytest.raises(errors.BadRequest, match="Only catalogs"):
        list(w.workspace_bindings.get_bindings("external_location", "x"))
    site.allow(user, "catalog", catalog, "USE_CATALOG")
    with pytest.raises(errors.PermissionDenied):
        sdk(site, token).workspace_bindings.get(catalog)
    for item in ({"max_results": -1}, {"page_token": "forged"}):
        refused(site.call("GET", f"{UC}/bindings/catalog/{catalog}", item), 400, BAD)
    for bad in ({"workspace_id": -1}, {"workspace_id": "x"}, {"workspace_id": 1, "binding_type": "READ"}, {}):
        refused(site.call("PATCH", f"{UC}/bindings/catalog/{catalog}", {"add": [bad]}), 400, BAD)


def test_quotas_are_those_that_are_enforced(site: Site) -> None:
    w, model, (_, token) = sdk(site), site.model(versions=1), site.user()
    site.ok("POST", f"{DATABRICKS_UC}/registered-models/alias", {"name": model, "alias": "champion", "version": "1"})
    quota_info = w.resource_quotas.get_quota("function", model, "alias-quota").quota_info
    assert quota_info
    assert (quota_info.quota_count, quota_info.quota_limit, quota_info.parent_full_name) == (
        1,
        site.settings.aliases_per_model,
        model,
    )
    schema = model.rpartition(".")[0]
    tags = w.resource_quotas.get_quota("schema", schema, "tag-quota").quota_info
    assert tags
    assert (tags.quota_count, tags.quota_limit) == (0, site.settings.tags_per_securable)
    with pytest.raises(errors.NotFound, match="no limit"):
        w.resource_quotas.get_quota("catalog", schema.partition(".")[0], "schema-quota")
    pages = {q.parent_full_name: q.quota_count for q in w.resource_quotas.list_quotas(max_results=1)}
    assert pages[model] == 1
    with pytest.raises(errors.PermissionDenied):
        sdk(site, token).resource_quotas.get_quota("function", model, "alias-quota")
    with pytest.raises(errors.PermissionDenied):
        list(sdk(site, token).resource_quotas.list_quotas())
    refused(site.call("GET", f"{UC}/resource-quotas/all-resource-quotas", {"max_results": -1}), 400, BAD)
