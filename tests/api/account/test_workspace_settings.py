"""A workspace's own assignments and default namespace, as Databricks' Terraform provider and SDK send them."""

import uuid
from typing import Any

import pytest
from api.serving import V1, WAREHOUSE_ID, Site, refused, site
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import ResourceConflict
from databricks.sdk.service.settings import DefaultNamespaceSetting, StringMessage

from modelkeep.api.account.workspace_settings import ASSIGNMENTS, NAMESPACE

__all__ = ["site"]
SCIM = "/api/2.0/preview/scim/v2"
STALE = "Send the etag of this answer"


def principal(site: Site, path: str = "Users", **fields: Any) -> dict[str, Any]:
    attribute = {"Users": "userName", "Groups": "displayName"}.get(path, "displayName")
    return site.call("POST", f"{SCIM}/{path}", {attribute: f"n_{uuid.uuid4().hex[:8]}", **fields}).json()


def listed(site: Site) -> dict[int, list[str]]:
    return {
        permission_assignment["principal"]["principal_id"]: permission_assignment["permissions"]
        for permission_assignment in site.ok("GET", ASSIGNMENTS)["permission_assignments"]
    }


# --- assignments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name", "field"),
    [
        ("Users", "userName", "user_name"),
        ("Groups", "displayName", "group_name"),
        ("ServicePrincipals", "applicationId", "service_principal_name"),
    ],
)
def test_a_principal_is_assigned_by_its_number_and_twice_is_once(site: Site, path: str, name: str, field: str) -> None:
    who = principal(site, path)
    text = f"{ASSIGNMENTS}/principals/{who['id']}"
    refused(site.call("GET", text), 404, "RESOURCE_DOES_NOT_EXIST", "not assigned")
    for level in ("USER", "USER", "ADMIN"):
        answer = site.ok("PUT", text, {"permissions": [level]})
        assert (answer["permissions"], answer["principal"][field], answer["principal"]["principal_id"]) == (
            [level],
            who[name],
            int(who["id"]),
        )
        assert site.ok("GET", text) == answer
        assert listed(site)[int(who["id"])] == [level]
    assert site.ok("PUT", text, {"permissions": []}) == {"permissions": []}
    assert int(who["id"]) not in listed(site)
    site.ok("PUT", text, {"permissions": ["ADMIN", "USER", "OTHER"]})
    assert [site.call("DELETE", text).status_code for _ in range(2)] == [200, 200]
    assert int(who["id"]) not in listed(site)


def test_principals_are_assigned_by_their_names(site: Site) -> None:
    user, group, robot = principal(site), principal(site, "Groups"), principal(site, "ServicePrincipals")
    entries = [
        {"user_name": user["userName"].upper(), "permissions": ["USER"]},
        {"group_name": group["displayName"], "permissions": ["USER"]},
        {"service_principal_name": robot["applicationId"], "permissions": ["ADMIN"]},
    ]
    permission_assignments = site.ok("POST", ASSIGNMENTS, {"permission_assignments": entries})["permission_assignments"]
    assert [row["principal"]["principal_id"] for row in permission_assignments] == [
        int(who["id"]) for who in (user, group, robot)
    ]
    assert [row["permissions"] for row in permission_assignments] == [["USER"], ["USER"], ["ADMIN"]]
    other = principal(site, "ServicePrincipals")
    entry = {"service_principal_name": other["displayName"], "permissions": ["USER"]}
    permission_assignments = site.ok("POST", ASSIGNMENTS, {"permission_assignments": [entry]})["permission_assignments"]
    assert permission_assignments[0]["principal"]["service_principal_name"] == other["applicationId"]


def test_one_wrong_entry_assigns_nobody(site: Site) -> None:
    user, group = principal(site), principal(site, "Groups")
    good = {"user_name": user["userName"], "permissions": ["USER"]}
    for bad, status in (
        ({"user_name": "nobody", "permissions": ["USER"]}, 404),
        ({"user_name": group["displayName"], "permissions": ["USER"]}, 404),
        ({"group_name": user["userName"], "permissions": ["USER"]}, 404),
        ({"permissions": ["USER"]}, 400),
        ({"user_name": "a", "group_name": "b", "permissions": ["USER"]}, 400),
        ({"group_name": group["displayName"], "permissions": []}, 400),
        ({"group_name": "users", "permissions": ["USER"]}, 404),
    ):
        assert site.call("POST", ASSIGNMENTS, {"permission_assignments": [good, bad]}).status_code == status, bad
        assert int(user["id"]) not in listed(site)
    for entries in ([], [good] * 101):
        assert site.call("POST", ASSIGNMENTS, {"permission_assignments": entries}).status_code == 400
    for id in ("0", "x", str(2**70), "-1"):
        assert site.call("PUT", f"{ASSIGNMENTS}/principals/{id}", {"permissions": ["USER"]}).status_code in (400, 404)


def test_only_admins_of_the_workspace_assign(site: Site) -> None:
    name, token = site.user()
    id = site.ok("GET", f"{SCIM}/Me", token=token)["id"]
    text = f"{ASSIGNMENTS}/principals/{id}"
    for method, path, body in (
        ("GET", ASSIGNMENTS, None),
        ("GET", text, None),
        ("PUT", text, {"permissions": ["ADMIN"]}),
        ("DELETE", text, None),
        ("POST", ASSIGNMENTS, {"permission_assignments": [{"user_name": name, "permissions": ["ADMIN"]}]}),
        ("PATCH", NAMESPACE, {"setting": {"etag": "0", "namespace": {"value": "x"}}, "field_mask": "namespace.value"}),
        ("DELETE", f"{NAMESPACE}?etag=0", None),
    ):
        refused(site.call(method, path, body, token=token), 403, "PERMISSION_DENIED", "own admins")
    site.ok("PUT", text, {"permissions": ["ADMIN"]})
    assert site.call("GET", ASSIGNMENTS, token=token).status_code == 200
    site.ok("DELETE", text)


# --- the default namespace -------------------------------------------------------------------------------------------


def catalog_of_sql(site: Site) -> tuple[str, str]:
    body = {"statement": "SELECT current_catalog(), current_schema()", "warehouse_id": WAREHOUSE_ID}
    answer = site.ok("POST", "/api/2.0/sql/statements", body)
    assert answer["status"]["state"] == "SUCCEEDED", answer
    row = answer["result"]["data_array"][0]
    return row[0], row[1]


def etag_of(answer: Any) -> str:
    """Where databricks-sdk-go looks for it."""
    info = answer.json()["details"][0]
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    return info["metadata"]["etag"]


def test_the_default_namespace_as_terraform_sets_it(site: Site) -> None:
    def patched(etag: str, value: str) -> Any:
        setting = {"etag": etag, "namespace": {"value": value}, "setting_name": "default"}
        return site.call(
            "PATCH", NAMESPACE, {"allow_missing": True, "setting": setting, "field_mask": "namespace.value"}
        )

    assert site.ok("GET", NAMESPACE)["namespace"] == {"value": "main.default"}
    assert catalog_of_sql(site) == ("main", "default")
    first = patched("", "Retail_Prod")
    assert (first.status_code, STALE in first.json()["message"]) == (409, True)
    done = patched(etag_of(first), "Retail_Prod").json()
    assert done["namespace"] == {"value": "retail_prod"}
    assert site.ok("GET", NAMESPACE) == done
    assert site.ok("GET", NAMESPACE, {"etag": done["etag"]}) == done
    assert catalog_of_sql(site) == ("retail_prod", "default")
    for stale in ("", etag_of(first), "x", done["etag"] + "0"):
        answer = patched(stale, "other")
        assert (answer.status_code, answer.json()["error_code"], etag_of(answer)) == (
            409,
            "RESOURCE_CONFLICT",
            done["etag"],
        )
    for value in ("", "a.b", "a/b", "x" * 300):
        assert patched(done["etag"], value).status_code == 400
    again = patched(done["etag"], "retail_prod").json()
    assert again["etag"] != done["etag"], "an etag names one change"
    gone = site.call("DELETE", NAMESPACE, params={"etag": done["etag"]})
    assert gone.status_code == 409
    deleted = site.call("DELETE", NAMESPACE, params={"etag": etag_of(gone)}).json()
    assert site.ok("GET", NAMESPACE) == {
        "etag": deleted["etag"],
        "namespace": {"value": "main.default"},
        "setting_name": "default",
    }
    assert catalog_of_sql(site) == ("main", "default")
    for mask in ("setting_name", "namespace.value,other"):
        body = {"setting": {"etag": deleted["etag"], "namespace": {"value": "x"}}, "field_mask": mask}
        refused(site.call("PATCH", NAMESPACE, body), 400, "INVALID_PARAMETER_VALUE", "field_mask")
    event = site.ok("GET", f"{V1}/audit", {"event": "workspace.update", "max_results": 1})["events"][0]
    assert event["changes"] == {"default_catalog": ["retail_prod", ""]}


def test_the_default_namespace_by_the_sdk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/dev/null")
    api = WorkspaceClient(host=site.host, token=site.admin).settings.default_namespace
    read = api.get()
    namespace_setting = DefaultNamespaceSetting(
        namespace=StringMessage("sdk_catalog"), etag=read.etag, setting_name="default"
    )
    done = api.update(allow_missing=True, setting=namespace_setting, field_mask="namespace.value")
    assert (done.namespace.value, api.get().namespace.value) == ("sdk_catalog", "sdk_catalog")
    with pytest.raises(ResourceConflict) as stale:
        api.update(allow_missing=True, setting=namespace_setting, field_mask="namespace.value")
    details = stale.value.get_error_details()
    assert details.error_info is not None
    assert details.error_info.metadata["etag"] == done.etag
    assert api.delete(etag=done.etag).etag == api.get().etag
