"""`/api/2.0/permissions/authorization/tokens`: what databricks-sdk and terraform-provider-databricks send, and look-alikes of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from api.serving import V1, Site, refused, running_site
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import PermissionDenied
from databricks.sdk.service.settings import TokenAccessControlRequest, TokenPermissionLevel

TOKENS = "/api/2.0/permissions/authorization/tokens"
ADMINS = {"group_name": "admins", "permission_level": "CAN_MANAGE"}
EVERYONE = {"group_name": "users", "permission_level": "CAN_USE"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server of its own: who may use tokens holds for the whole account."""
    with running_site(tmp_path_factory.mktemp("token_users")) as running:
        yield running


@pytest.fixture(autouse=True)
def everyone(site: Site) -> Iterator[None]:
    yield
    site.ok("PUT", TOKENS, {"access_control_list": [ADMINS, EVERYONE]})


def listed(site: Site) -> list[tuple[str, str]]:
    """(name, level) of each entry."""
    answer = site.ok("GET", TOKENS)
    assert (answer["object_id"], answer["object_type"]) == ("/authorization/tokens", "tokens")
    names = ("user_name", "group_name", "service_principal_name")
    return [
        (next(entry[name] for name in names if name in entry), entry["all_permissions"][0]["permission_level"])
        for entry in answer["access_control_list"]
    ]


def test_terraform_applies_plans_and_destroys(site: Site) -> None:
    """The provider adds the admins to what it sets, reads it back, and on destroy sets the admins' direct entry alone."""
    robot = site.ok("POST", f"{V1}/service-principals", {"name": "robot"})["name"]
    applied = [
        {"group_name": "users", "permission_level": "CAN_USE"},
        {"service_principal_name": robot, "permission_level": "CAN_USE"},
        ADMINS,
    ]
    for _ in range(2):
        site.ok("PUT", TOKENS, {"access_control_list": applied})
        assert sorted(listed(site)) == [("admins", "CAN_MANAGE"), (robot, "CAN_USE"), ("users", "CAN_USE")]
    entry = site.ok("GET", TOKENS)["access_control_list"][0]
    assert entry == {
        "group_name": "admins",
        "all_permissions": [{"permission_level": "CAN_MANAGE", "inherited": False}],
    }
    site.ok("PUT", TOKENS, {"access_control_list": [ADMINS]})
    assert listed(site) == [("admins", "CAN_MANAGE")]


def test_the_sdk_takes_tokens_from_some_and_gives_them_back(site: Site) -> None:
    w = WorkspaceClient(host=site.host, token=site.admin)
    name, token = site.user()
    mine = WorkspaceClient(host=site.host, token=token)
    assert mine.tokens.create(comment="one").token_value
    levels = w.token_management.get_permission_levels().permission_levels
    assert levels and levels[0].permission_level is TokenPermissionLevel.CAN_USE
    w.token_management.set_permissions(access_control_list=[])
    refused(site.call("GET", f"{V1}/jobs", token=token), 401, "UNAUTHENTICATED", "CAN_USE on tokens")
    robot = site.ok("POST", f"{V1}/service-principals", {"name": f"robot of {name}"})["name"]
    with pytest.raises(PermissionDenied, match="CAN_USE on tokens"):
        w.token_management.create_obo_token(application_id=robot)
    w.token_management.update_permissions(
        access_control_list=[
            TokenAccessControlRequest(service_principal_name=robot, permission_level=TokenPermissionLevel.CAN_USE)
        ]
    )
    assert w.token_management.create_obo_token(application_id=robot).token_value
    permitted = w.token_management.get_permissions().access_control_list or []
    assert [entry.service_principal_name or entry.group_name for entry in permitted] == ["admins", robot]
    refused(site.call("GET", f"{V1}/jobs", token=token), 401, "UNAUTHENTICATED")
    w.token_management.update_permissions(
        access_control_list=[TokenAccessControlRequest(user_name=name, permission_level=TokenPermissionLevel.CAN_USE)]
    )
    assert mine.tokens.create(comment="two").token_value, "the same token works again"


def test_a_browser_signed_in_with_a_token_goes_too(site: Site) -> None:
    _, token = site.user()
    cookie = site.session(token)
    me = "/api/2.0/preview/scim/v2/Me"
    assert site.call("GET", me, token="", headers={"cookie": cookie}).status_code == 200
    site.ok("PUT", TOKENS, {"access_control_list": [ADMINS]})
    refused(site.call("GET", me, token="", headers={"cookie": cookie}), 401, "UNAUTHENTICATED")


MALFORMED: list[tuple[dict[str, Any], int]] = [
    ({"access_control_list": [{}]}, 400),
    ({"access_control_list": [{"user_name": "admin"}]}, 400),
    ({"access_control_list": [{"user_name": "admin", "group_name": "users", "permission_level": "CAN_USE"}]}, 400),
    ({"access_control_list": [{"group_name": "users", "permission_level": "CAN_MANAGE"}]}, 400),
    ({"access_control_list": [{"group_name": "users", "permission_level": "can_use"}]}, 400),
    ({"access_control_list": [{"group_name": "users", "permission_level": 1}]}, 400),
    ({"access_control_list": [{"group_name": "users", "Permission_Level": "CAN_USE"}]}, 400),
    ({"access-control-list": []}, 400),
    ({"access_control_list": {}}, 400),
    ({"access_control_list": "users"}, 400),
    ({"access_control_list": [{"group_name": "x" * 5_000, "permission_level": "CAN_USE"}]}, 404),
    ({"access_control_list": [{"group_name": "admin", "permission_level": "CAN_USE"}]}, 404),
    ({"access_control_list": [EVERYONE, {"group_name": "account users", "permission_level": "CAN_USE"}]}, 400),
]


@pytest.mark.parametrize(("body", "status"), MALFORMED)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_is_malformed_changes_nothing(site: Site, method: str, body: dict[str, Any], status: int) -> None:
    code = {400: "INVALID_PARAMETER_VALUE", 404: "RESOURCE_DOES_NOT_EXIST"}[status]
    refused(site.call(method, TOKENS, body), status, code)
    assert listed(site) == [("admins", "CAN_MANAGE"), ("users", "CAN_USE")]


def test_null_and_absent_are_equal(site: Site) -> None:
    bodies: list[dict[str, Any]] = [{}, {"access_control_list": None}, {"access_control_list": []}]
    for body in bodies:
        site.ok("PUT", TOKENS, {"access_control_list": [EVERYONE]})
        site.ok("PUT", TOKENS, body)
        assert listed(site) == [("admins", "CAN_MANAGE")]
        refused(site.call("PATCH", TOKENS, body), 400, "INVALID_PARAMETER_VALUE", "changes nothing")


def test_only_account_admins_ask(site: Site) -> None:
    _, token = site.user()
    for method, path in (("GET", TOKENS), ("GET", f"{TOKENS}/permissionLevels"), ("PUT", TOKENS)):
        refused(site.call(method, path, {} if method == "PUT" else None, token=token), 403, "PERMISSION_DENIED")
    refused(site.call("GET", "/api/2.0/permissions/authorization/passwords"), 404, "ENDPOINT_NOT_FOUND")
