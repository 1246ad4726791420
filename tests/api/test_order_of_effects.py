"""One request that adds and removes: what it adds is there afterwards, whatever the order of its parts."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from api.serving import UC, V1, Site, refused, site

__all__ = ["site"]
SCIM = "/api/2.0/preview/scim/v2"
GRANT, REVOKE = "add", "remove"


def privileges_of(site: Site, schema: str, principal: str) -> set[str]:
    listed = site.ok("GET", f"{UC}/permissions/schema/{schema}")["privilege_assignments"]
    return {privilege for row in listed if row["principal"] == principal for privilege in row["privileges"]}


@pytest.fixture(scope="module")
def schema(site: Site) -> str:
    return site.schema()


# --- grants -------------------------------------------------------------------------------------------------------------

ALL = ["ALL_PRIVILEGES"]


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        # What `databricks bundle` sends for every grant.
        ([], [{GRANT: ["USE_SCHEMA"], REVOKE: ALL}], {"USE_SCHEMA"}),
        (["EXECUTE", "SELECT"], [{GRANT: ["USE_SCHEMA", "EXECUTE"], REVOKE: ALL}], {"USE_SCHEMA", "EXECUTE"}),
        (ALL, [{GRANT: ["EXECUTE"], REVOKE: ["ALL PRIVILEGES"]}], {"EXECUTE"}),
        (["EXECUTE"], [{GRANT: ALL, REVOKE: ALL}], {"ALL_PRIVILEGES"}),
        (["MANAGE", "SELECT"], [{GRANT: ["EXECUTE"], REVOKE: ALL}], {"MANAGE", "EXECUTE"}),
        # The same privilege on both sides, in one change, in two, in two spellings.
        ([], [{GRANT: ["EXECUTE"], REVOKE: ["EXECUTE"]}], {"EXECUTE"}),
        (["EXECUTE"], [{GRANT: ["EXECUTE"], REVOKE: ["EXECUTE"]}], {"EXECUTE"}),
        ([], [{GRANT: ["use schema"]}, {REVOKE: ["USE_SCHEMA"]}], {"USE_SCHEMA"}),
        ([], [{REVOKE: ["USE_SCHEMA"]}, {GRANT: ["USE_SCHEMA"]}], {"USE_SCHEMA"}),
        ([], [{GRANT: ["SELECT", "MODIFY"]}, {REVOKE: ALL}], {"SELECT", "MODIFY"}),
        (["SELECT"], [{REVOKE: ["SELECT"], GRANT: ["MODIFY"]}], {"MODIFY"}),
    ],
)
def test_a_change_of_grants_leaves_what_it_adds(
    site: Site, schema: str, before: list[str], changes: list[dict[str, Any]], after: set[str]
) -> None:
    who, _ = site.user()
    if before:
        site.allow(who, "schema", schema, *before)
    # Names of principals fold: both spellings are one principal.
    named = [{"principal": who.upper() if index else who, **change} for index, change in enumerate(changes)]
    answer = site.ok("PATCH", f"{UC}/permissions/schema/{schema}", {"changes": named})
    [assignment] = answer["privilege_assignments"]
    assert (assignment["principal"], set(assignment["privileges"])) == (who, after)
    assert privileges_of(site, schema, who) == after


def test_a_grant_that_stays_keeps_who_gave_it(site: Site, schema: str) -> None:
    """A change that says again what holds leaves no record of a change."""
    who, _ = site.user()
    site.allow(who, "schema", schema, "EXECUTE")
    again = {"changes": [{"principal": who, GRANT: ["EXECUTE"], REVOKE: ALL}]}
    site.ok("PATCH", f"{UC}/permissions/schema/{schema}", again)
    events = site.ok("GET", f"{V1}/audit", {"event": "grants.change", "max_results": 2})["events"]
    assert [bool(event["changes"]) for event in events] == [False, True]


# --- tags, aliases, bindings --------------------------------------------------------------------------------------------


def tags_of(site: Site, model: str) -> dict[str, str]:
    listed = site.ok("GET", f"{UC}/entity-tag-assignments/functions/{model}/tags")["tag_assignments"]
    return {tag["tag_key"]: tag["tag_value"] for tag in listed}


def test_tags_that_are_set_and_removed_at_once(site: Site, schema: str) -> None:
    model = site.model(schema, versions=1)
    path = f"{UC}/securable-tags/FUNCTION/{model}"
    site.ok("PATCH", path, {"changes": {"add_tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]}})
    change = {"add_tags": [{"key": "a", "value": "3"}, {"key": "c", "value": "4"}], "remove": ["b", "absent"]}
    site.ok("PATCH", path, {"changes": change})
    assert tags_of(site, model) == {"a": "3", "c": "4"}
    # The same key on both sides says two things, and nothing happens.
    for at in (path, f"{UC}/subentity-tags/FUNCTION/{model}/1"):
        both = {"add_tags": [{"key": "a", "value": "5"}], "remove": ["a"]}
        refused(site.call("PATCH", at, {"changes": both}), 400, "INVALID_PARAMETER_VALUE", "twice")
    assert tags_of(site, model) == {"a": "3", "c": "4"}


def test_aliases_that_are_set_and_removed_at_once(site: Site, schema: str) -> None:
    """Ten is the limit: a removal makes room for what the same request sets."""
    model = site.model(schema, versions=2)
    path = f"{V1}/models/{model}/aliases"
    ten = [{"alias_name": f"a{number}", "version_num": 1} for number in range(10)]
    site.ok("PATCH", path, {"set": ten})
    site.ok("PATCH", path, {"set": [{"alias_name": "new", "version_num": 2}], "remove": ["a0"]})
    both = {"set": [{"alias_name": "a1", "version_num": 2}], "remove": ["a1"]}
    refused(site.call("PATCH", path, both), 400, "INVALID_PARAMETER_VALUE", "twice")
    aliases = site.ok("GET", f"{UC}/models/{model}", {"include_aliases": "true"})["aliases"]
    assert {a["alias_name"]: a["version_num"] for a in aliases} == {f"a{n}": 1 for n in range(1, 10)} | {"new": 2}


@pytest.mark.parametrize("legacy", [False, True])
def test_bindings_that_are_added_and_removed_at_once(site: Site, legacy: bool) -> None:
    catalog = site.schema().partition(".")[0]
    account = site.ok("GET", "/.well-known/databricks-config")["account_id"]
    here: int = site.ok("GET", f"/api/2.0/accounts/{account}/workspaces")[0]["workspace_id"]
    if legacy:
        path = f"{UC}/workspace-bindings/catalogs/{catalog}"
        answer = site.ok("PATCH", path, {"assign_workspaces": [here], "unassign_workspaces": [here]})
        assert answer == {"workspaces": [here]}
        return
    path = f"{UC}/bindings/catalog/{catalog}"
    read_only = {"workspace_id": here, "binding_type": "BINDING_TYPE_READ_ONLY"}
    site.ok("PATCH", path, {"add": [{"workspace_id": here}]})
    answer = site.ok("PATCH", path, {"remove": [{"workspace_id": here}], "add": [read_only]})
    assert answer["bindings"] == [read_only]
    assert site.ok("GET", path)["bindings"] == [read_only]


# --- lists that are replaced --------------------------------------------------------------------------------------------


def test_destinations_and_movers_are_what_was_sent_last(site: Site, schema: str) -> None:
    model = site.model(schema)
    securable = {"type": "FUNCTION", "full_name": model}
    mails = [{"destination_id": f"{name}@x.io", "destination_type": "EMAIL"} for name in ("a", "b", "c")]
    for item in (mails[:2], mails[1:], mails[:1]):
        body = {"update_mask": "destinations", "securable": securable, "destinations": item}
        answer = site.ok("PATCH", "/api/3.0/rfa/destinations", body)
        assert answer["destinations"] == item
    (first, _), (two, _) = site.user(), site.user()
    protected = f"{V1}/protected-aliases/function/{model}/champion"
    for movers in ([first], [two, first], [two]):
        assert set(site.ok("PUT", protected, {"principals": movers})["principals"]) == set(movers)


def test_an_assignment_with_every_level_is_the_highest(site: Site) -> None:
    who, token = site.user()
    account = site.ok("GET", "/.well-known/databricks-config")["account_id"]
    number = site.ok("GET", f"{SCIM}/Me", token=token)["id"]
    workspaces = site.ok("GET", f"/api/2.0/accounts/{account}/workspaces")
    path = f"/api/2.0/accounts/{account}/workspaces/{workspaces[0]['workspace_id']}/permissionassignments/principals/{number}"
    for levels in (["USER", "ADMIN"], ["ADMIN", "USER"]):
        assert site.ok("PUT", path, {"permissions": levels})["permissions"] == ["ADMIN"], who


# --- members of groups: a PATCH of SCIM is a sequence, and its last word counts (RFC 7644, 3.5.2) -------------------------

Operations = list[dict[str, Any]]


def _add(*ids: str) -> dict[str, Any]:
    return {"op": "add", "path": "members", "value": [{"value": id} for id in ids]}


def _remove(id: str) -> dict[str, Any]:
    return {"op": "remove", "path": f'members[value eq "{id}"]'}


@pytest.mark.parametrize(
    ("operations", "after"),
    [
        (lambda a, b: [{"op": "remove", "path": "members"}, _add(b)], "b"),
        (lambda a, b: [_remove(a), _add(a)], "a"),
        (lambda a, b: [_add(b), _remove(a)], "b"),
        (lambda a, b: [_add(b), _remove(b), _add(b)], "ab"),
        (lambda a, b: [{"op": "replace", "path": "members", "value": [{"value": b}]}, _add(a)], "ab"),
        (lambda a, b: [_add(a, b), {"op": "remove", "path": "members", "value": [{"value": a}]}], "b"),
    ],
)
def test_members_are_what_the_operations_leave_in_their_order(
    site: Site, operations: Callable[[str, str], Operations], after: str
) -> None:
    ids = {letter: site.ok("GET", f"{SCIM}/Me", token=site.user()[1])["id"] for letter in "ab"}
    group = site.call(
        "POST", f"{SCIM}/Groups", {"displayName": uuid.uuid4().hex, "members": [{"value": ids["a"]}]}
    ).json()
    site.ok("PATCH", f"{SCIM}/Groups/{group['id']}", {"Operations": operations(ids["a"], ids["b"])})
    members = site.ok("GET", f"{SCIM}/Groups/{group['id']}").get("members", [])
    assert {member["value"] for member in members} == {ids[letter] for letter in after}
