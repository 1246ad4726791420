"""Access lists, grants, owners and assignments name principals as Databricks' tools do: by any of their names."""

import uuid
from typing import Any

import httpx
import pytest
from live import Server, new_catalog

SCIM, UC = "/api/2.0/preview/scim/v2", "/api/2.1/unity-catalog"


class Account:
    """A user, a group and a service principal of the server's account, and an experiment of the admin's."""

    def __init__(self, server: Server) -> None:
        self.http = httpx.Client(
            base_url=server.host, headers={"authorization": f"Bearer {server.admin_token}"}, timeout=60
        )
        self.key = uuid.uuid4().hex[:8]
        self.user = self.post(f"{SCIM}/Users", userName=f"User.{self.key}@Test.org")
        self.group = self.post(f"{SCIM}/Groups", displayName=f"Team {self.key}")
        self.robot = self.robot_called(f"robot {self.key}")
        self.experiment = self.post("/api/2.0/mlflow/experiments/create", name=f"/Shared/{self.key}")["experiment_id"]

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.http.post(path, json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def robot_called(self, name: str) -> dict[str, Any]:
        return self.post(f"{SCIM}/ServicePrincipals", displayName=name)

    def share(self, **entry: str) -> httpx.Response:
        entries = [{"permission_level": "CAN_READ", **entry}]
        path = f"/api/2.0/permissions/experiments/{self.experiment}"
        return self.http.put(path, json={"access_control_list": entries})

    def shared(self, **entry: str) -> list[dict[str, Any]]:
        """The entries that were given, without levels."""
        answer = self.share(**entry)
        assert answer.status_code == 200, answer.text
        return [
            {name: value for name, value in listed.items() if name.endswith("_name") and name != "display_name"}
            for listed in answer.json()["access_control_list"]
            if not listed["all_permissions"][0]["inherited"]
        ]

    def token(self, application_id: str) -> str:
        return self.post("/api/2.0/token-management/on-behalf-of/tokens", application_id=application_id)["token_value"]


@pytest.fixture(scope="module")
def account(server: Server) -> Account:
    return Account(server)


def test_an_experiment_takes_each_name_of_a_principal(account: Account) -> None:
    id, user, group = account.robot["applicationId"], account.user["userName"], account.group["displayName"]
    for entry, expected in (
        ({"user_name": id}, {"service_principal_name": id}),
        ({"user_name": id.upper()}, {"service_principal_name": id}),
        ({"service_principal_name": id.upper()}, {"service_principal_name": id}),
        ({"service_principal_name": account.robot["displayName"]}, {"service_principal_name": id}),
        ({"user_name": user.lower()}, {"user_name": user}),
        ({"group_name": group.upper()}, {"group_name": group}),
        ({"group_name": "users"}, {"group_name": "users"}),
        ({"group_name": "USERS"}, {"group_name": "users"}),
        ({"group_name": "account users"}, {"group_name": "account users"}),
    ):
        assert account.shared(**entry) == [expected], entry


def test_another_kind_of_principal_is_not_meant(account: Account) -> None:
    for entry in (
        {"user_name": account.group["displayName"]},
        {"group_name": account.robot["applicationId"]},
        {"group_name": account.user["userName"]},
        {"service_principal_name": account.user["userName"]},
        {"service_principal_name": "users"},
        {"user_name": "users"},
        {"group_name": account.robot["displayName"]},
        {"user_name": f"nobody {account.key}"},
    ):
        answer = account.share(**entry)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), entry


def test_a_display_name_of_two_means_neither(account: Account) -> None:
    name = f"twins {account.key}"
    twins = [account.robot_called(name), account.robot_called(name)]
    answer = account.share(service_principal_name=name)
    assert (answer.status_code, "by its application id" in answer.json()["message"]) == (400, True)
    assert account.shared(service_principal_name=twins[1]["applicationId"])
    # A principal's own name goes before somebody's display name.
    account.post(f"{SCIM}/Groups", displayName=f"own {account.key}")
    account.robot_called(f"own {account.key}")
    assert account.shared(group_name=f"own {account.key}") == [{"group_name": f"own {account.key}"}]


def test_one_change_names_a_principal_once(account: Account) -> None:
    names = [account.robot["applicationId"], account.robot["displayName"]]
    entries = [{"service_principal_name": name, "permission_level": "CAN_READ"} for name in names]
    answer = account.http.put(
        f"/api/2.0/permissions/experiments/{account.experiment}", json={"access_control_list": entries}
    )
    assert (answer.status_code, "twice" in answer.json()["message"]) == (400, True)


def test_grants_and_owners_take_a_display_name(server: Server, account: Account) -> None:
    catalog, robot = new_catalog(server), account.robot
    changes = [{"principal": robot["displayName"], "add": ["USE_CATALOG"]}]
    path = f"{UC}/permissions/catalog/{catalog}"
    privilege_assignments = account.http.patch(path, json={"changes": changes}).json()["privilege_assignments"]
    assert {"principal": robot["applicationId"], "privileges": ["USE_CATALOG"]} in privilege_assignments
    schema = account.http.patch(f"{UC}/schemas/{catalog}.ml_team", json={"owner": robot["displayName"]})
    assert schema.json()["owner"] == robot["applicationId"]
    for word, body in (
        (path, {"changes": [{"principal": "users", "add": ["USE_CATALOG"]}]}),
        (f"{UC}/catalogs/{catalog}", {"owner": "users"}),
    ):
        assert account.http.patch(word, json=body).status_code in (400, 404), (
            "Unity Catalog knows no groups of a workspace"
        )


def test_nobody_else_is_called_as_the_group_of_a_workspace(account: Account) -> None:
    for kind, attribute in (("Groups", "displayName"), ("Users", "userName"), ("ServicePrincipals", "applicationId")):
        for name in ("users", "USERS", "us\u0435rs"):
            answer = account.http.post(f"{SCIM}/{kind}", json={attribute: name})
            assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness"), answer.text
    rename = {"Operations": [{"op": "replace", "path": "displayName", "value": "Users"}]}
    assert account.http.patch(f"{SCIM}/Groups/{account.group['id']}", json=rename).status_code == 409


def test_users_are_those_who_are_assigned_to_the_workspace(server: Server, account: Account) -> None:
    """Also by a group; and no longer than that."""
    robot = account.robot_called(f"member {account.key}")
    account.shared(group_name="users")
    get = f"/api/2.0/mlflow/experiments/get?experiment_id={account.experiment}"
    bearer = {"authorization": f"Bearer {account.token(robot['applicationId'])}"}
    assert httpx.get(server.host + get, headers=bearer, timeout=60).status_code == 200, (
        "account users are assigned to it"
    )
    answer = httpx.post(
        f"{server.host}/api/2.0/mlflow/experiments/search", json={"max_results": 1000}, headers=bearer, timeout=60
    )
    assert account.experiment in [experiment["experiment_id"] for experiment in answer.json()["experiments"]]
    tag = {"experiment_id": account.experiment, "key": "k", "value": "v"}
    refused = httpx.post(
        f"{server.host}/api/2.0/mlflow/experiments/set-experiment-tag", json=tag, headers=bearer, timeout=60
    )
    assert refused.status_code == 403, "they may read it"
    account.shared(user_name=account.user["userName"])
    assert httpx.get(server.host + get, headers=bearer, timeout=60).status_code == 404
