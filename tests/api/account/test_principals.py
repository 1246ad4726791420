"""Users, groups and service principals by name (/api/modelkeep/v1): each collection acts on its own kind alone."""

import uuid

import pytest
from api.serving import V1, Site, refused, site

from modelkeep.store import jobs

__all__ = ["site"]
PLURALS = {"users": "USER", "groups": "GROUP", "service-principals": "SERVICE_PRINCIPAL"}


@pytest.fixture
def one_of_each(site: Site) -> dict[str, str]:
    names = {plural: f"{plural}_{uuid.uuid4().hex[:8]}" for plural in PLURALS}
    for plural, name in names.items():
        site.ok("POST", f"{V1}/{plural}", {"name": name})
    return names


@pytest.mark.parametrize("other", PLURALS)
@pytest.mark.parametrize("plural", PLURALS)
def test_a_collection_has_its_own_kind_alone(site: Site, one_of_each: dict[str, str], plural: str, other: str) -> None:
    if plural == other:
        return
    name = one_of_each[other]
    for method, fields in (("PATCH", {"active": False}), ("PATCH", {"active": True}), ("DELETE", None)):
        refused(site.call(method, f"{V1}/{plural}/{name}", fields), 404, "RESOURCE_DOES_NOT_EXIST")
    listed = site.ok("GET", f"{V1}/{other}")["principals"]
    assert [row["active"] for row in listed if row["name"] == name] == [True]


@pytest.mark.parametrize("other", ["users", "service-principals"])
def test_only_a_group_has_members(site: Site, one_of_each: dict[str, str], other: str) -> None:
    name, user = one_of_each[other], one_of_each["users"]
    for method, path in (("GET", "members"), ("PUT", f"members/{user}"), ("DELETE", f"members/{user}")):
        refused(site.call(method, f"{V1}/groups/{name}/{path}"), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("other", ["groups", "service-principals"])
def test_only_a_user_is_linked_to_a_provider(site: Site, one_of_each: dict[str, str], other: str) -> None:
    path, link = f"{V1}/users/{one_of_each[other]}/identities", {"issuer": "https://idp", "subject": uuid.uuid4().hex}
    refused(site.call("GET", path), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("POST", path, link), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(
        site.http.delete(path, params=link, headers={"authorization": f"Bearer {site.admin}"}),
        404,
        "RESOURCE_DOES_NOT_EXIST",
    )


@pytest.mark.parametrize("plural", ["Users", "Groups", "ServicePrincipals"])
def test_a_scim_collection_has_its_own_kind_alone(site: Site, one_of_each: dict[str, str], plural: str) -> None:
    base = "/api/2.0/preview/scim/v2"
    for other, kind in PLURALS.items():
        if kind == {"Users": "USER", "Groups": "GROUP", "ServicePrincipals": "SERVICE_PRINCIPAL"}[plural]:
            continue
        word = {"users": "Users", "groups": "Groups", "service-principals": "ServicePrincipals"}[other]
        attribute = {"users": "userName", "groups": "displayName"}.get(other, "applicationId")
        users = site.ok("GET", f"{base}/{word}", {"filter": f'{attribute} eq "{one_of_each[other]}"'})["Resources"]
        path, change = f"{base}/{plural}/{users[0]['id']}", {"op": "replace", "path": "displayName", "value": "x"}
        assert site.call("GET", path).status_code == 404
        assert site.call("PATCH", path, {"Operations": [change]}).status_code == 404
        assert site.call("PUT", path, {"displayName": "x", "userName": "x"}).status_code == 404
        assert site.call("DELETE", path).status_code == 404
        if plural == "ServicePrincipals":
            secrets = f"/api/2.0/accounts/servicePrincipals/{users[0]['id']}/credentials/secrets"
            assert site.call("POST", secrets, {}).status_code == 404


@pytest.mark.parametrize("other", PLURALS)
@pytest.mark.parametrize("plural", PLURALS)
def test_a_rule_names_a_principal_with_its_kind(
    site: Site, one_of_each: dict[str, str], plural: str, other: str
) -> None:
    account = site.registry.facts.account_id
    sets = "/api/2.0/preview/accounts/access-control/rule-sets"
    name = f"accounts/{account}/ruleSets/default"
    words = {"users": "users", "groups": "groups", "service-principals": "servicePrincipals"}
    before = site.ok("GET", sets, {"name": name, "etag": ""})
    role = site.ok("GET", sets.replace("rule-sets", "assignable-roles"), {"resource": f"accounts/{account}"})["roles"][
        0
    ]["name"]
    rule = {"role": role, "principals": [f"{words[plural]}/{one_of_each[other]}"]}
    body = {"name": name, "rule_set": {"name": name, "etag": before["etag"], "grant_rules": [rule]}}
    answer = site.call("PUT", sets, body)
    if plural == other:
        assert answer.status_code == 200, answer.text
    else:
        refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")
        assert site.ok("GET", sets, {"name": name, "etag": ""}) == before


def pages(site: Site, path: str, key: str, **query: object) -> list[list[str]]:
    """The names (or ids) of each page."""
    listed: list[list[str]] = []
    token = ""
    while True:
        page = site.ok("GET", path, {**query, "page_token": token})
        listed.append([item.get("name", item.get("id")) for item in page[key]])
        token = page["next_page_token"]
        if not token:
            return listed


@pytest.mark.parametrize("plural", PLURALS)
def test_lists_are_paged_and_filtered(site: Site, plural: str) -> None:
    own = f"Page{uuid.uuid4().hex[:6]}"
    names = [f"{own}_{number:02}%" for number in range(23)]
    for name in names:
        site.ok("POST", f"{V1}/{plural}", {"name": name, "display_name": f"Display {own}!{name[-3:]}"})
    path = f"{V1}/{plural}"
    for text in (own.lower(), own.upper(), own[2:]):
        assert pages(site, path, "principals", filter=text, max_results=10) == [names[:10], names[10:20], names[20:]]
    assert pages(site, path, "principals", filter=f"display {own}", max_results=50) == [names]
    assert pages(site, path, "principals", filter=f"{own}_01%") == [[names[1]]]
    for literal in (f"{own}%1", f"{own}__1", f"{own}!", "no such name"):
        expected = names if literal.endswith("!") else []  # the display names have it
        assert pages(site, path, "principals", filter=literal) == [expected]
    assert set(names) <= {name for page in pages(site, path, "principals", max_results=7) for name in page}


def test_a_page_token_is_of_its_list_filter_and_caller(site: Site) -> None:
    token = site.ok("GET", f"{V1}/groups", {"max_results": 1})["next_page_token"]
    _, other = site.user()
    assert site.ok("GET", f"{V1}/groups", {"max_results": 1, "page_token": token})["principals"]
    for path, query, caller in (
        ("users", {}, None),
        ("service-principals", {}, None),
        ("groups", {"filter": "a"}, None),
        ("groups", {}, other),
        ("jobs", {}, None),
    ):
        answer = site.call("GET", f"{V1}/{path}", {**query, "page_token": token}, token=caller)
        refused(answer, 400, "INVALID_PARAMETER_VALUE")
    refused(site.call("GET", f"{V1}/users", {"filter": "x" * 256}), 400, "INVALID_PARAMETER_VALUE")
    refused(site.call("GET", f"{V1}/users", {"max_results": -1}), 400, "INVALID_PARAMETER_VALUE")


def test_jobs_are_paged(site: Site) -> None:
    async def enqueue() -> None:
        async with site.registry.db.write() as tx:
            for number in range(12):
                await jobs.enqueue(tx, "purge", f"paged{number:02}", delay_ms=3_600_000 + number // 4)

    site.run(enqueue())
    listed = [id for page in pages(site, f"{V1}/jobs", "jobs", max_results=5) for id in page]
    assert len(listed) == len(set(listed)) >= 12
    assert all(len(page) <= 5 for page in pages(site, f"{V1}/jobs", "jobs", max_results=5))
