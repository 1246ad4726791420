"""SCIM as identity providers and Databricks' tools send it: what they mix in does not keep the rest from taking effect."""

import json
import uuid
from typing import Any

import httpx
import pytest
from api.account.test_scim import USER, create, fresh, patched, refused, search
from api.serving import V1, Site, site

from modelkeep.api.account.scim import WORKSPACE

__all__ = ["site"]
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
OFF = {"op": "Replace", "path": "active", "value": "False"}


def now(site: Site, path: str) -> dict[str, Any]:
    return site.ok("GET", f"{WORKSPACE}/{path}")


# --- what resources here do not have ---------------------------------------------------------------------------------

STRANGERS: list[dict[str, Any]] = [
    {"op": "Replace", "path": "title", "value": "Engineer"},
    {"op": "Add", "path": "name.formatted", "value": "Ada L"},
    {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "ML"},
    {"op": "Replace", "path": f"{ENTERPRISE}:manager", "value": "123"},
    {"op": "Add", "path": f"{ENTERPRISE}:manager.value", "value": None},
    {"op": "Add", "path": ENTERPRISE, "value": {"department": "ML"}},
    {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+1"},
    {"op": "Remove", "path": 'addresses[type eq "work" and not (locality pr)]'},
    {"op": "Replace", "path": 'emails[colour eq "red"].value', "value": "x@y.io"},
    {"op": "Remove", "path": 'emails[colour eq "red"]'},
    {"op": "Add", "path": 'emails[type eq "work"].label', "value": "x"},
    {"op": "replace", "value": {"locale": "en", "timezone": "CET", "nickName": None, "password": "x"}},
    {"op": "add", "value": {"name.formatted": "A", f"{ENTERPRISE}:division": "D", ENTERPRISE: {"organization": "O"}}},
    {"op": "add", "value": {"phoneNumbers": [{"value": "+1"}], "groups": [{"value": "1"}], "meta": {}, "id": "5"}},
    {"op": "replace", "path": "preferredLanguage"},
    {"op": "remove", "path": "ims.value"},
    {"op": "replace", "path": "custom_attribute", "value": [1, [2]]},
    {"op": "replace", "path": "display_name", "value": "not this"},
]


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda operation: str(operation.get("path", "no path"))[-30:])
def test_one_strange_attribute_does_not_keep_a_user_active(site: Site, stranger: dict[str, Any]) -> None:
    name, token = site.user()
    user = search(site, "Users", filter=f"userName eq {name}")[0]
    answer = patched(site, f"Users/{user['id']}", stranger, OFF, stranger)
    assert answer.status_code == 200, answer.text
    expected = {key: value for key, value in user.items() if key != "meta"} | {"active": False}
    assert {key: value for key, value in answer.json().items() if key != "meta"} == expected
    assert site.call("GET", f"{WORKSPACE}/Me", token=token).status_code == 401
    event = site.ok("GET", f"{V1}/audit", {"event": "principal.update", "max_results": 1})["events"][0]
    assert event["changes"] == {"active": [True, False]}


@pytest.mark.parametrize("path", ["description", "urn:example:Group:owner", 'owners[value eq "1"]', "displayname.sub"])
def test_a_group_ignores_strangers_too(site: Site, path: str) -> None:
    member, group = create(site), create(site, "Groups")
    add = {"op": "add", "path": "members", "value": [{"value": member["id"]}]}
    answer = patched(site, f"Groups/{group['id']}", {"op": "replace", "path": path, "value": "x"}, add)
    assert [member["value"] for member in answer.json()["members"]] == [member["id"]]


def test_a_filter_over_what_nobody_has_finds_nobody(site: Site) -> None:
    user = create(site)
    for text in (
        'title eq "x"',
        "manager eq 1",
        'name.formatted eq "x"',
        'addresses[type eq "work"]',
        "emails.colour sw r",
        f'{ENTERPRISE}:department eq "ML"',
        "phoneNumbers pr",
        'emails[colour eq "red"]',
    ):
        assert search(site, "Users", filter=text) == []
        assert search(site, "Users", filter=f"id eq {user['id']} and {text}") == []
        assert [u["id"] for u in search(site, "Users", filter=f"{text} or id eq {user['id']}")] == [user["id"]]
        refused(site.call("GET", f"{WORKSPACE}/Users", {"filter": f"not ({text})"}), 400, "invalidFilter")


@pytest.mark.parametrize(
    "condition", ['not (colour eq "x")', 'colour ne "x"', "colour eq null", "not (not (shade pr))"]
)
def test_a_change_never_means_everybody_by_an_attribute_that_nobody_has(site: Site, condition: str) -> None:
    member, group = create(site), create(site, "Groups")
    patched(site, f"Groups/{group['id']}", {"op": "add", "path": "members", "value": [{"value": member["id"]}]})
    refused(
        patched(site, f"Groups/{group['id']}", {"op": "remove", "path": f"members[{condition}]"}), 400, "invalidPath"
    )
    assert [member["value"] for member in now(site, f"Groups/{group['id']}")["members"]] == [member["id"]]


# --- null, and what is not there -------------------------------------------------------------------------------------


def test_null_takes_a_value_away(site: Site) -> None:
    user = create(
        site,
        externalId="e-1",
        displayName="Ada",
        name={"givenName": "A", "familyName": "L"},
        emails=[{"value": "a@x.io"}],
    )
    path = f"Users/{user['id']}"
    for change, gone in (
        ({"path": "externalId"}, "externalId"),
        ({"path": "name.givenName"}, "givenName"),
        ({"path": "emails"}, "emails"),
    ):
        after = patched(site, path, {"op": "replace", "value": None, **change}).json()
        assert gone not in str(after)
    after = patched(
        site, path, {"op": "add", "path": "displayName", "value": None}, {"op": "replace", "value": {"active": None}}
    ).json()
    assert (after["displayName"], after["active"]) == ("Ada", True)
    assert "displayName" not in patched(site, path, {"op": "replace", "value": {"displayName": None}}).json()


def test_a_replacement_makes_the_email_that_is_missing(site: Site) -> None:
    def changed(condition: str, **user: Any) -> Any:
        path = f"Users/{create(site, **user)['id']}"
        return patched(site, path, {"op": "Replace", "path": f"emails[{condition}].value", "value": "z@x.io"}).json()[
            "emails"
        ]

    assert changed('type eq "work"') == [{"value": "z@x.io", "type": "work"}]
    assert changed('primary eq "True"') == [{"value": "z@x.io", "primary": True}]
    assert changed("type eq 'work' and primary eq true") == [{"value": "z@x.io", "type": "work", "primary": True}]
    old = [{"value": "a@x.io", "type": "work", "primary": True}, {"value": "b@x.io", "type": "home"}]
    assert changed("type eq work", emails=old) == [{**old[0], "value": "z@x.io"}, old[1]]
    assert changed("type eq other", emails=old) == [*old, {"value": "z@x.io", "type": "other"}]


def test_a_new_primary_email_is_the_only_one(site: Site) -> None:
    user = create(
        site, emails=[{"value": "a@x.io", "type": "work", "primary": True}, {"value": "b@x.io", "type": "home"}]
    )
    change = {"op": "replace", "path": 'emails[type eq "home"].primary', "value": "True"}
    emails = patched(site, f"Users/{user['id']}", change).json()["emails"]
    assert [(email["value"], email.get("primary")) for email in emails] == [("a@x.io", None), ("b@x.io", True)]


def test_nobody_joins_a_group_by_a_replacement(site: Site) -> None:
    stranger, group = create(site), create(site, "Groups")
    change = {"op": "replace", "path": f'members[value eq "{stranger["id"]}"]', "value": {"value": stranger["id"]}}
    refused(patched(site, f"Groups/{group['id']}", change), 400, "noTarget")


@pytest.mark.parametrize(
    ("emails", "expected"),
    [
        ([{"value": None, "type": "work", "primary": True}], []),
        ([{"type": "work"}, {"value": "", "type": "home"}], []),
        ([{"value": "a@x.io"}, {"value": "A@x.io"}], ["a@x.io"]),
        ([{"value": "a@x.io", "type": "work"}, {"value": "a@x.io", "type": "Work", "primary": True}], ["a@x.io"]),
        ([{"value": "a@x.io", "type": "work"}, {"value": "a@x.io", "type": "home"}], ["a@x.io", "a@x.io"]),
        ([{"value": f"{number // 5}@x.io"} for number in range(60)], [f"{number}@x.io" for number in range(12)]),
    ],
)
def test_emails_given_twice_or_without_an_address(site: Site, emails: list[Any], expected: list[str]) -> None:
    name = fresh()
    for method, path in (("POST", "Users"), ("PUT", "")):
        path = path or f"Users/{search(site, 'Users', filter=f'userName eq {name}')[0]['id']}"
        answer = site.call(method, f"{WORKSPACE}/{path}", {"userName": name, "emails": emails})
        assert [email["value"] for email in answer.json().get("emails", [])] == expected
    if len(emails) == 2 and expected == ["a@x.io"] and "type" in emails[0]:
        assert answer.json()["emails"][0]["primary"] is True


def test_attributes_of_a_directorys_own_are_ignored_on_creation(site: Site) -> None:
    own: dict[str, Any] = {"user_name": "x", "display_name": "y", "external-id": "z", ENTERPRISE: {"department": "ML"}}
    user = create(site, "Users", **own)
    assert not {"display_name", "externalId", ENTERPRISE} & set(user)


# --- Keycloak's client writes JSON into texts ------------------------------------------------------------------------


def test_a_value_may_be_json_in_a_text_or_alone_in_a_list(site: Site) -> None:
    user, group = create(site), create(site, "Groups")
    path, name = f"Groups/{group['id']}", fresh("g")
    after = patched(site, path, {"op": "replace", "value": json.dumps({"schemas": ["x"], "displayName": name})}).json()
    assert after["displayName"] == name
    members = json.dumps([{"value": user["id"]}])
    for value in (members, [json.dumps({"value": user["id"]})], {"value": user["id"]}):
        after = patched(site, path, {"op": "replace", "path": "members", "value": value}).json()
        assert [member["value"] for member in after["members"]] == [user["id"]]
    text = '{"a": 1}'
    person = f"Users/{user['id']}"
    assert patched(site, person, {"op": "replace", "path": "displayName", "value": text}).json()["displayName"] == text
    assert patched(site, person, {"op": "replace", "path": "active", "value": ["false"]}).json()["active"] is False
    assert patched(site, person, {"op": "replace", "path": USER, "value": {"active": True}}).json()["active"] is True


# --- entitlements ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Users", "Groups", "ServicePrincipals"])
def test_entitlements_are_stored_and_shown(site: Site, kind: str) -> None:
    names = [
        "workspace-access",
        "databricks-sql-access",
        "allow-cluster-create",
        "allow-instance-pool-create",
        "workspace-consume",
    ]
    listed = [{"value": name} for name in names]
    principal = create(site, kind, entitlements=listed[:1])
    path = f"{kind}/{principal['id']}"
    assert principal["entitlements"] == listed[:1]
    assert (
        patched(site, path, {"op": "add", "path": "entitlements", "value": listed[:3]}).json()["entitlements"]
        == listed[:3]
    )
    removed = patched(site, path, {"op": "remove", "path": 'entitlements[value eq "allow-cluster-create"]'}).json()
    assert removed["entitlements"] == listed[:2]
    removed = patched(site, path, {"op": "remove", "path": "entitlements", "value": listed[:1]}).json()
    assert removed["entitlements"] == listed[1:2]
    assert (
        patched(site, path, {"op": "replace", "path": "entitlements", "value": listed[2:]}).json()["entitlements"]
        == listed[2:]
    )
    attribute = {"Users": "userName", "Groups": "displayName"}.get(kind, "applicationId")
    own = {attribute: principal[attribute]}
    assert site.call("PUT", f"{WORKSPACE}/{path}", own).json()["entitlements"] == listed[2:]
    assert [
        p["id"] for p in search(site, kind, filter=f"id eq {principal['id']} and entitlements eq 'workspace-consume'")
    ]
    assert site.ok("GET", f"{WORKSPACE}/{path}?attributes=entitlements")["entitlements"] == listed[2:]
    assert "entitlements" not in patched(site, path, {"op": "remove", "path": "entitlements"}).json()
    assert "entitlements" not in site.call("PUT", f"{WORKSPACE}/{path}", own | {"entitlements": []}).json()


def test_entitlements_decide_nothing(site: Site) -> None:
    name, token = site.user()
    user = search(site, "Users", filter=f"userName eq {name}")[0]
    value = [{"value": "workspace-access"}, {"value": "account_admin"}, {"value": "allow-cluster-create"}]
    patched(site, f"Users/{user['id']}", {"op": "add", "path": "entitlements", "value": value}).raise_for_status()
    assert site.call("POST", f"{WORKSPACE}/Users", {"userName": fresh()}, token=token).status_code == 403
    assert site.ok("GET", f"{WORKSPACE}/Me", token=token)["entitlements"] == value
    _, other = site.user()
    assert "entitlements" not in site.ok("GET", f"{WORKSPACE}/Users/{user['id']}", token=other)


# --- what is always returned -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        {"attributes": "userName,displayName,active,externalId,entitlements"},
        {"attributes": "id"},
        {"excludedAttributes": "applicationId"},
        {"excludedAttributes": "APPLICATIONID,id,schemas,displayName"},
    ],
)
def test_an_application_id_is_always_returned(site: Site, query: dict[str, str]) -> None:
    robot = create(site, "ServicePrincipals", displayName=fresh("robot"))
    always = {name: robot[name] for name in ("id", "schemas", "applicationId")}
    alone = site.ok("GET", f"{WORKSPACE}/ServicePrincipals/{robot['id']}", query)
    listed = search(site, "ServicePrincipals", filter=f"applicationId eq {robot['applicationId']}", **query)
    put = site.http.put(
        f"{WORKSPACE}/ServicePrincipals/{robot['id']}",
        params=query,
        json={"displayName": "R"},
        headers={"authorization": f"Bearer {site.admin}"},
    ).json()
    for answer in (alone, *listed, put):
        assert {name: answer[name] for name in always} == always
    assert len(listed) == 1


def test_the_schemas_say_what_is_always_returned(site: Site) -> None:
    schema = site.ok("GET", f"{WORKSPACE}/Schemas/urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal")
    assert {attribute["name"]: attribute["returned"] for attribute in schema["attributes"]} == {
        "applicationId": "always",
        "displayName": "default",
        "active": "default",
        "groups": "default",
        "entitlements": "default",
    }


# --- bounds and shapes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1_001, 9_000, 10_000, 40_000])
def test_too_many_operations_are_one_clear_refusal(site: Site, count: int) -> None:
    user = create(site)
    answer = patched(site, f"Users/{user['id']}", *[{"op": "replace", "path": "title", "value": "x"}] * count)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "at most" in answer.json()["detail"]
    assert now(site, f"Users/{user['id']}") == user


@pytest.mark.parametrize("path", [".search", "Users/.search", "Groups/.search", "Bulk", "Users/1/2", "Me", "Schemas"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_scim_does_not_have_here_is_refused_in_its_shape(site: Site, method: str, path: str) -> None:
    account = f"/api/2.0/accounts/{site.ok('GET', '/.well-known/databricks-config')['account_id']}/scim/v2"
    for base in (WORKSPACE, account):
        answer: httpx.Response = site.call(method, f"{base}/{path}", {"filter": "x"})
        if method != "POST" and path in ("Users/.search", "Groups/.search"):
            assert answer.status_code in (400, 404), "an id that nobody has"
        else:
            refused(answer, 404)
    refused(site.call(method, f"/api/2.0/accounts/{uuid.uuid4()}/scim/v2/{path}", {"filter": "x"}), 404)
