"""SCIM on the wire: what is malformed is refused in SCIM's own shape, and the rules of accounts hold."""

import uuid
from typing import Any

import httpx
import pytest
from api.serving import V1, Site, site

from modelkeep.api.account.scim import WORKSPACE

__all__ = ["site"]
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ME = f"{WORKSPACE}/Me"


def fresh(prefix: str = "u") -> str:
    return f"{prefix}_{uuid.uuid4().hex[:10]}"


def create(site: Site, path: str = "Users", **fields: Any) -> dict[str, Any]:
    name = {"Users": "userName", "Groups": "displayName"}.get(path, "applicationId")
    answer = site.call("POST", f"{WORKSPACE}/{path}", {name: fresh()} | fields)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == answer.json()["meta"]["location"]
    return answer.json()


def patched(site: Site, path: str, *operations: dict[str, Any], token: str | None = None) -> httpx.Response:
    return site.call("PATCH", f"{WORKSPACE}/{path}", {"Operations": list(operations)}, token=token)


def search(site: Site, path: str, **query: Any) -> list[dict[str, Any]]:
    return site.ok("GET", f"{WORKSPACE}/{path}", query).get("Resources", [])


def refused(answer: httpx.Response, status: int, scim_type: str | None = None) -> str:
    body = answer.json()
    assert (answer.status_code, body["status"]) == (status, str(status)), answer.text
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert body.get("scimType") == scim_type, body
    assert body["detail"].endswith((".", ")")), body
    return body["detail"]


# --- filters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "filter",
    [
        "userName",
        "userName eq",
        'eq "x"',
        'userName is "x"',
        "userName eq 'x",
        "userName eq x y",
        "userName eq x'y'",
        '(userName eq "x"',
        'userName eq "x")',
        'userName eq "x" and',
        'not userName eq "x"',
        'userName eq "x" "y"',
        'userName eq "x',
        "()",
        'emails[type eq "work"',
        'emails[emails[type eq "work"]]',
        'emails[color ne "red"]',
        'userName[type eq "x"]',
        'nickName ne "x"',
        'user_name eq "x"',
        "emails.colour eq null",
        "active gt true",
        "active eq 5",
        "userName gt null",
        'meta.created gt "yesterday"',
        'userName eq "\\ud800"',
        'userName eq "\\u0000"',
        'userName eq "\\x"',
        "(" * 400,
        ")",
        "not (" * 100 + "active pr" + ")" * 100,
        'userName eq "' + "x" * 20_000 + '"',
        "ᴜserName pr",
        ";",
        "userName eq \u201cx\u201d",
        "userName eq and",
        "userName eq (x)",
        'not (title eq "x")',
        "not (not (title pr))",
        'emails[not (colour eq "x")]',
        "userName eq '\\x'",
        "userName eq '\\ud800'",
        "userName eq x, y",
        "userName eq `x`",
    ],
)
def test_a_malformed_filter_is_refused(site: Site, filter: str) -> None:
    refused(site.call("GET", f"{WORKSPACE}/Users", {"filter": filter}), 400, "invalidFilter")


@pytest.mark.parametrize(
    "filter",
    [
        'USERNAME eq "{name}"',
        'userName EQ "{upper}"',
        f'{USER}:userName eq "{{name}}"',
        '(userName eq "{name}") and active eq true',
        'userName eq "nobody" or userName eq "{name}"',
        'userName sw "{name}" and not (active eq false)',
        'externalId eq "X-{name}"',
        'emails[type eq "work" and value ew "@{name}.io"]',
        'emails.value co "@{name}.io"',
        'emails co "@{name}.io"',
        'id eq "{id}"',
        'name.familyName eq "of {name}" and emails pr',
        'userName eq "{name}" and meta.created gt "2020-01-01T00:00:00Z"',
        "userName eq '{name}'",
        "userName eq {name}",
        "UserName Eq {upper}",
        "id eq {id}",
        "id eq '{id}'",
        "(emails.value eq a@{name}.io)",
        "emails[type eq work and value sw a@{name}]",
        "externalId eq X-{name}",
        'title eq "x" or userName eq {name}',
        'userName eq "{name}" and active eq "True"',
        "meta.created gt 2020-01-01T00:00:00Z and userName eq {name}",
        'userName eq "{name}" and roles ne "admin"',
        'userName eq "{name}" and name.givenName eq null',
    ],
)
def test_a_filter_finds(site: Site, filter: str) -> None:
    name = fresh()
    emails = [{"value": f"a@{name}.io", "type": "work"}, {"value": "b@home.io", "type": "home"}]
    user = create(site, userName=name, externalId=f"X-{name}", emails=emails, name={"familyName": f"of {name}"})
    text = filter.format(name=name, upper=name.upper(), id=user["id"])
    assert [row["id"] for row in search(site, "Users", filter=text)] == [user["id"]]


def test_lists_are_paged_sorted_and_cut_to_attributes(site: Site) -> None:
    prefix = fresh("p")
    for i in range(5):
        create(site, userName=f"{prefix}{i}", displayName=f"d{9 - i}")
    filter = f'userName sw "{prefix}"'
    page = site.ok(
        "GET", f"{WORKSPACE}/Users", {"filter": filter, "startIndex": 2, "count": 2, "sortBy": "displayName"}
    )
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (5, 2, 2)
    assert [u["displayName"] for u in page["Resources"]] == ["d6", "d7"]
    down = search(site, "Users", filter=filter, sortBy="userName", sortOrder="descending", attributes="userName")
    assert [u["userName"][-1] for u in down] == ["4", "3", "2", "1", "0"]
    assert set(down[0]) == {"schemas", "id", "userName"}
    assert "meta" not in search(site, "Users", filter=filter, excludedAttributes="meta,name.givenName")[0]
    for query in ({"startIndex": 6}, {"count": 0}, {"count": -1}, {"startIndex": 2**80}):
        empty = site.ok("GET", f"{WORKSPACE}/Users", {"filter": filter} | query)
        assert (empty["totalResults"], empty.get("Resources", [])) == (5, [])
    for query in ({"count": "many"}, {"sortOrder": "up"}, {"sortBy": "shoeSize"}, {"start_index": "2"}):
        refused(site.call("GET", f"{WORKSPACE}/Users", query), 400, "invalidValue")


# --- bodies and changes ----------------------------------------------------------------------------------------------


def test_names_of_attributes_have_no_case_and_no_look_alikes(site: Site) -> None:
    name = fresh()
    user = site.call(
        "POST", f"{WORKSPACE}/Users", {"USERNAME": name, "displayname": "D", "Emails": [{"VALUE": "a@b.io"}]}
    )
    assert (user.json()["userName"], user.json()["displayName"]) == (name, "D")
    assert user.json()["emails"] == [{"value": "a@b.io"}]
    for body in ({"userName": "a", "username": "b"}, {"user_name": "a"}, {"user-name": "a", "display-name": "b"}):
        refused(site.call("POST", f"{WORKSPACE}/Users", body), 400, "invalidSyntax")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"userName": ""},
        {"userName": 5},
        {"userName": " x"},
        {"userName": "x" * 300},
        {"userName": "x", "active": "perhaps"},
        {"userName": "x", "emails": "a@b"},
        {"userName": "x", "emails": [{"value": 5}]},
        {"userName": "x", "name": "Ada"},
        {"userName": "x", "entitlements": ["workspace-access"]},
        {"userName": "x", "entitlements": [{"value": "e" * 256}]},
        {"userName": "x", "entitlements": [{"value": str(number)} for number in range(101)]},
        {"userName": "x", "emails": [{"value": "a@b", "primary": True}, {"value": "c@d", "primary": True}]},
    ],
)
def test_a_malformed_user_is_refused(site: Site, body: dict[str, Any]) -> None:
    refused(site.call("POST", f"{WORKSPACE}/Users", body), 400, "invalidValue")


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "move", "path": "active", "value": True}, "invalidSyntax"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "add", "path": "active"}, "invalidValue"),
        ({"op": "replace", "value": "x"}, "invalidValue"),
        ({"op": "replace", "path": 'emails[colour ne "x"]', "value": {}}, "invalidPath"),
        ({"op": "replace", "path": "id", "value": "4"}, "mutability"),
        ({"op": "add", "path": "groups", "value": [{"value": "1"}]}, "mutability"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "meta.created", "value": "x"}, "mutability"),
        ({"op": "replace", "path": 'emails[type co "none"].value', "value": "x"}, "noTarget"),
        ({"op": "replace", "path": "userName", "value": None}, "mutability"),
        ({"op": "replace", "path": "externalId"}, "invalidValue"),
        ({"op": "replace", "value": "{"}, "invalidSyntax"),
        ({"op": "replace", "value": '{"active": 1, "active": 2}'}, "invalidSyntax"),
        ({"op": "replace", "path": "emails[type eq].value", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": 'userName[value eq "x"]', "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": 'emails[type eq "work"', "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "active", "value": [True, True]}, "invalidValue"),
        ({"op": "replace", "path": 5, "value": 1}, "invalidPath"),
        ({"op": "add", "path": "emails", "value": ["a@b"]}, "invalidValue"),
        ("active", "invalidSyntax"),
        ({"op": "add", "OP": "remove", "path": "active"}, "invalidSyntax"),
    ],
)
def test_a_malformed_change_is_refused_and_changes_nothing(site: Site, operation: Any, scim_type: str) -> None:
    user = create(site)
    first = {"op": "replace", "path": "displayName", "value": "changed"}
    refused(patched(site, f"Users/{user['id']}", first, operation), 400, scim_type)
    assert site.ok("GET", f"{WORKSPACE}/Users/{user['id']}") == user
    refused(site.call("PATCH", f"{WORKSPACE}/Users/{user['id']}", {"Operations": {}}), 400, "invalidSyntax")


def test_changes_as_identity_providers_send_them(site: Site) -> None:
    user = create(site, userName=fresh(), name={"givenName": "Ada"})
    path = f"Users/{user['id']}"
    entra = [
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "a@b.io"},
        {"op": "Replace", "path": "active", "value": "False"},
        {
            "op": "Replace",
            "value": {"name.familyName": "Lovelace", f"{USER}:displayName": "Ada L", "roles": [{"value": "x"}]},
        },
    ]
    now = patched(site, path, *entra).json()
    assert now["emails"] == [{"value": "a@b.io", "type": "work"}]
    assert (now["active"], now["displayName"]) == (False, "Ada L")
    assert now["name"] == {"givenName": "Ada", "familyName": "Lovelace"}
    replaced = site.call("PUT", f"{WORKSPACE}/{path}", now | {"emails": [], "entitlements": [{"value": "x"}]}).json()
    assert (replaced["active"], "emails" in replaced, replaced["id"]) == (False, False, user["id"])


def test_members_are_added_and_removed_by_path(site: Site) -> None:
    a, b, group = create(site), create(site), create(site, "Groups")
    path, members = f"Groups/{group['id']}", [{"value": a["id"]}, {"value": b["id"]}, {"value": a["id"]}]
    both = patched(site, path, {"op": "add", "path": "members", "value": members}).json()
    assert {m["value"] for m in both["members"]} == {a["id"], b["id"]}
    assert [g["display"] for g in site.ok("GET", f"{WORKSPACE}/Users/{a['id']}")["groups"]] == [
        "account users",
        group["displayName"],
    ]
    left = patched(site, path, {"op": "remove", "path": f'members[value eq "{a["id"]}"]'}).json()
    assert [m["value"] for m in left["members"]] == [b["id"]]
    assert patched(site, path, {"op": "remove", "path": 'members[value eq "1"]'}).json()["members"] == left["members"]
    assert (
        "members" not in patched(site, path, {"op": "remove", "path": "members", "value": [{"value": b["id"]}]}).json()
    )
    refused(
        patched(site, path, {"op": "add", "path": "members", "value": [{"value": "no-number"}]}), 400, "invalidValue"
    )


# --- the rules -------------------------------------------------------------------------------------------------------


def test_groups_nest_and_never_contain_themselves(site: Site) -> None:
    inner, outer, user = create(site, "Groups"), create(site, "Groups"), create(site)
    add = {"op": "add", "path": "members"}
    patched(site, f"Groups/{outer['id']}", add | {"value": [{"value": inner["id"]}]}).raise_for_status()
    patched(site, f"Groups/{inner['id']}", add | {"value": [{"value": user["id"]}]}).raise_for_status()
    groups = site.ok("GET", f"{WORKSPACE}/Users/{user['id']}")["groups"]
    assert {g["display"]: g["type"] for g in groups} == {
        "account users": "indirect",
        inner["displayName"]: "direct",
        outer["displayName"]: "indirect",
    }
    for group in (inner, outer):
        says = refused(
            patched(site, f"Groups/{inner['id']}", add | {"value": [{"value": group["id"]}]}), 400, "invalidValue"
        )
        assert "cannot contain itself" in says


def test_the_built_in_groups_stay(site: Site) -> None:
    for name in ("account users", "admins"):
        group = search(site, "Groups", filter=f'displayName eq "{name}"')[0]
        path = f"Groups/{group['id']}"
        refused(site.call("DELETE", f"{WORKSPACE}/{path}"), 400, "invalidValue")
        refused(patched(site, path, {"op": "replace", "path": "displayName", "value": "x"}), 400, "invalidValue")
        refused(patched(site, path, {"op": "remove", "path": "members"}), 400, "invalidValue")
        refused(site.call("POST", f"{WORKSPACE}/Groups", {"displayName": name.upper()}), 409, "uniqueness")
    me = site.ok("GET", ME)
    refused(site.call("DELETE", f"{WORKSPACE}/Users/{me['id']}"), 400, "invalidValue")
    refused(
        patched(site, f"Users/{me['id']}", {"op": "replace", "path": "active", "value": False}), 400, "invalidValue"
    )


def test_deactivating_ends_tokens_with_the_next_request_and_a_put_does_not_bring_them_back(site: Site) -> None:
    name, token = site.user()
    user = search(site, "Users", filter=f'userName eq "{name}"')[0]
    patched(site, f"Users/{user['id']}", {"op": "replace", "path": "active", "value": False}).raise_for_status()
    refused_me = site.call("GET", ME, token=token)
    assert (refused_me.status_code, refused_me.json()["error_code"]) == (401, "UNAUTHENTICATED")
    site.ok("PUT", f"{WORKSPACE}/Users/{user['id']}", {"userName": name})
    assert site.call("GET", ME, token=token).status_code == 401
    site.ok("PUT", f"{WORKSPACE}/Users/{user['id']}", {"userName": name, "active": True})
    assert site.ok("GET", ME, token=token)["id"] == user["id"]


def test_a_rename_keeps_id_grants_and_tokens(site: Site) -> None:
    name, token = site.user()
    model = site.model()
    catalog = model.partition(".")[0]
    site.allow(name, "catalog", catalog, "USE_CATALOG")
    user = search(site, "Users", filter=f'userName eq "{name}"')[0]
    new = fresh("renamed")
    now = patched(site, f"Users/{user['id']}", {"op": "replace", "path": "userName", "value": new}).json()
    assert (now["id"], now["userName"]) == (user["id"], new)
    assert site.ok("GET", ME, token=token)["userName"] == new
    privilege_assignments = site.ok("GET", f"/api/2.1/unity-catalog/permissions/catalog/{catalog}")[
        "privilege_assignments"
    ]
    assert {"principal": new, "privileges": ["USE_CATALOG"]} in privilege_assignments
    refused(
        patched(site, f"Users/{user['id']}", {"op": "replace", "path": "userName", "value": "ADMIN"}), 409, "uniqueness"
    )


def test_only_account_admins_change_and_others_see_names(site: Site) -> None:
    name, token = site.user()
    user = create(site, externalId="secret-1", emails=[{"value": "hidden@x.io"}], name={"givenName": "Ada"})
    path = f"{WORKSPACE}/Users/{user['id']}"
    seen = site.ok("GET", path, token=token)
    assert seen["userName"] == user["userName"]
    assert not {"externalId", "emails", "name"} & set(seen)
    assert not site.call("GET", f"{WORKSPACE}/Users", {"filter": 'externalId eq "secret-1"'}, token=token).json()[
        "totalResults"
    ]
    for method, body in (
        ("PUT", {"userName": "x"}),
        ("DELETE", None),
        ("PATCH", {"Operations": [{"op": "remove", "path": "name"}]}),
    ):
        refused(site.call(method, path, body, token=token), 403)
    refused(site.call("POST", f"{WORKSPACE}/Users", {"userName": "x"}, token=token), 403)
    mine = search(site, "Users", filter=f'userName eq "{name}"')[0]
    admins = search(site, "Groups", filter='displayName eq "admins"')[0]
    member = [{"value": mine["id"]}]
    patched(site, f"Groups/{admins['id']}", {"op": "add", "path": "members", "value": member}).raise_for_status()
    assert site.ok("GET", path, token=token)["externalId"] == "secret-1"


def test_what_is_not_there_is_not_found_in_the_same_shape(site: Site) -> None:
    for path in (
        "Users/1",
        "Users/x",
        "Users/" + "9" * 40,
        "Groups/1",
        "Schemas/x",
        "ResourceTypes/x",
        "Bulk",
        "Users/1/2",
    ):
        refused(site.call("GET", f"{WORKSPACE}/{path}"), 404)
    user = create(site)
    refused(site.call("GET", f"{WORKSPACE}/Groups/{user['id']}"), 404)
    refused(site.call("GET", "/api/2.0/accounts/another/scim/v2/Users"), 404)
    refused(site.call("PUT", f"{WORKSPACE}/Users/{user['id']}", {"id": "1", "userName": "x"}), 400, "mutability")


def test_an_application_id_never_changes(site: Site) -> None:
    robot = create(site, "ServicePrincipals", applicationId=fresh("robot"), displayName="Robot")
    change = {"op": "replace", "path": "applicationId", "value": "other"}
    refused(patched(site, f"ServicePrincipals/{robot['id']}", change), 400, "mutability")
    made_here = site.call("POST", f"{WORKSPACE}/ServicePrincipals", {"displayName": "Robot"}).json()
    assert uuid.UUID(made_here["applicationId"])


def test_a_change_leaves_its_event(site: Site) -> None:
    user, group = create(site), create(site, "Groups")
    patched(site, f"Groups/{group['id']}", {"op": "add", "path": "members", "value": [{"value": user["id"]}]})
    site.call("DELETE", f"{WORKSPACE}/Users/{user['id']}")
    events = site.ok("GET", f"{V1}/audit", {"event": "principal.*", "max_results": 4})["events"]
    assert [(e["event"], e["operation"]) for e in events] == [
        ("principal.delete", "delete_identity"),
        ("principal.update", "patch_identity"),
        ("principal.create", "create_identity"),
        ("principal.create", "create_identity"),
    ]
    assert events[1]["changes"]["members_added"] == [[], [user["userName"]]]
