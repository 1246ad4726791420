"""Where two parts meet: rights, SQL, sign-in and audit at a second workspace, for every kind of credential."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from api.serving import UC, V1, Site, World, refused, running_site
from api.test_adversary import (
    ALL,
    CLIENT,
    GRANT,
    ME,
    Holder,
    Lab,
    let_in,
    robot,
    with_,
)
from api.test_routes import PUBLIC, SIGNED
from api.v1.test_audit import sealed
from issuer import running_issuer

from modelkeep.api.sql.routes import STATEMENTS, WAREHOUSE_ID

DEV = "dev.registry.example.com"


@dataclass
class Place:
    """A server with a second workspace `dev`, and requests that come by its address."""

    site: Site
    id: str
    lab: Lab
    """Sign-in through dev's address"""

    def dev(
        self, method: str, path: str, fields: Any = None, token: str | None = None, **headers: str
    ) -> httpx.Response:
        return self.site.call(method, path, fields, token=token, headers={"host": DEV, **headers})

    def ok(self, method: str, path: str, fields: Any = None, token: str | None = None) -> Any:
        answer = self.dev(method, path, fields, token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def assign(self, who: str, level: str = "USER") -> None:
        self.site.ok("PUT", f"{V1}/workspaces/dev/assignments/{who}", {"level": level})

    def isolated(self, access: str = "") -> str:
        """A new model in a catalog that dev reaches so far: '' not at all, READ_ONLY, READ_WRITE."""
        model = self.site.model(versions=1)
        catalog = model.partition(".")[0]
        self.site.ok("PATCH", f"{UC}/catalogs/{catalog}", {"isolation_mode": "ISOLATED"})
        if access:
            self.bind(catalog, access)
        return model

    def bind(self, catalog: str, access: str) -> None:
        add = [{"workspace_id": int(self.id), "binding_type": f"BINDING_TYPE_{access}"}]
        self.site.ok("PATCH", f"{UC}/bindings/catalog/{catalog}", {"add": add})

    def explained(self, model: str, operation: str, principal: str = "", token: str | None = None) -> Any:
        query = {"securable_type": "function", "full_name": model, "operation": operation, "principal": principal}
        return self.ok("GET", f"{V1}/explain", query, token)

    def sql(self, statement: str, token: str | None = None) -> Any:
        return self.ok("POST", STATEMENTS, {"warehouse_id": WAREHOUSE_ID, "statement": statement}, token)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack:
        first, evil = (stack.enter_context(running_issuer(name)) for name in ("one", "evil"))
        folder = tmp_path_factory.mktemp("crossings")
        site = stack.enter_context(
            running_site(
                folder,
                oidc_issuer=first.url,
                oidc_client_id=CLIENT,
                oidc_user_claim="preferred_username",
                oidc_groups_claim="groups",
                oidc_groups='{"ml": "scientists", "leads": "leads", "bosses": "bosses"}',
            )
        )
        answer = site.ok("POST", f"{V1}/workspaces", {"name": "dev", "address": DEV})
        yield Place(site, answer["id"], Lab(site, first, first, evil, robot(site)[1], at=DEV))


# --- lists -----------------------------------------------------------------------------------------------------------


def test_unbound_catalogs_are_listed_to_whoever_may_bind_them(place: Place) -> None:
    catalog = place.isolated().partition(".")[0]
    (owner, token), (user, other) = place.site.user(), place.site.user()
    place.assign(owner)
    place.assign(user)
    place.site.allow("account users", "catalog", catalog, "USE_CATALOG", "BROWSE", "MANAGE")

    def listed(token: str | None, **query: Any) -> set[str]:
        return {c["name"] for c in place.ok("GET", f"{UC}/catalogs", query, token).get("catalogs", [])}

    assert catalog in listed(None, include_unbound="true") and catalog not in listed(None)
    for query in ({"include_unbound": "true"}, {"include_unbound": "true", "include_browse": "true"}):
        assert catalog not in listed(token, **query)
    place.site.ok("PATCH", f"{UC}/catalogs/{catalog}", {"owner": owner})
    for query in ({"include_unbound": "true"}, {"include_unbound": "true", "include_browse": "true"}):
        assert catalog in listed(token, **query) and catalog not in listed(other, **query)
    assert place.dev("GET", f"{UC}/bindings/catalog/{catalog}", token=token).status_code == 200


# --- why, and why not ------------------------------------------------------------------------------------------------


def test_an_explanation_names_the_binding_that_lacks(place: Place) -> None:
    model = place.isolated()
    catalog = model.partition(".")[0]
    answer = place.explained(model, "get_model")
    assert (answer["allowed"], answer["reason"]) == (
        False,
        f"Catalog '{catalog}' is not accessible in current workspace.",
    )
    lacks = {
        "needs": "binding to workspace dev",
        "securable_type": "CATALOG",
        "securable_name": catalog,
        "met": False,
        "given_by": [],
        "ask": ["admin", "admins"],
    }
    assert answer["steps"][0] == lacks
    assert [step["met"] for step in answer["steps"][1:]] == [True], "what is held still counts, where it is reached"
    place.bind(catalog, "READ_ONLY")
    answer = place.explained(model, "get_model")
    (way,) = answer["steps"][0]["given_by"]
    assert answer["allowed"] and (way["what"], way["principal"]) == ("READ_ONLY BINDING", "workspace dev")
    answer = place.explained(model, "set_alias")
    assert not answer["allowed"] and "read-only" in answer["reason"]
    assert answer["steps"][0] == lacks | {"needs": "read-write binding to workspace dev"}
    assert all(step["met"] for step in answer["steps"][1:])
    may = place.ok("GET", f"{V1}/can/function/{model}")["operations"]
    assert may["get_model"] is True and "read-only in current workspace" in may["set_alias"]
    place.bind(catalog, "READ_WRITE")
    answer = place.explained(model, "set_alias")
    assert answer["allowed"] and answer["steps"][0]["given_by"][0]["what"] == "READ_WRITE BINDING"


def test_an_explanation_to_whom_the_catalog_is_closed_ends_there(place: Place) -> None:
    model = place.isolated()
    user, token = place.site.user()
    place.assign(user)
    for name in (model, f"{model}_absent"):
        answer = place.explained(name, "get_model", token=token)
        assert not answer["allowed"]
        assert [step["needs"] for step in answer["steps"]] == ["binding to workspace dev", "USE CATALOG"]


def test_an_explanation_of_somebody_says_whether_they_may_enter_at_all(place: Place) -> None:
    model, (user, _) = place.site.model(), place.site.user()
    catalog = model.partition(".")[0]
    place.site.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    answer = place.explained(model, "get_model", user)
    assert (answer["allowed"], answer["reason"]) == (False, f"'{user}' is not assigned to workspace 'dev'.")
    lacks = {
        "needs": "assignment",
        "securable_type": "WORKSPACE",
        "securable_name": "dev",
        "met": False,
        "given_by": [],
    }
    assert answer["steps"][0] == lacks | {"ask": ["admins"]}
    place.assign(user)
    assert place.explained(model, "get_model", user)["allowed"]
    assert place.explained(model, "get_model", "account users")["steps"][0]["needs"] == "USE CATALOG"


# --- SQL -------------------------------------------------------------------------------------------------------------


def test_sql_reaches_what_the_workspace_reaches(place: Place) -> None:
    model = place.isolated()
    catalog, schema, own = model.split(".")
    place.site.allow("account users", "catalog", catalog, "USE_CATALOG")
    listed = {
        "SHOW CATALOGS": catalog,
        "SELECT catalog_name FROM system.information_schema.catalogs": catalog,
        "SELECT catalog_name FROM system.information_schema.schemata": catalog,
        "SELECT model_name FROM system.information_schema.registered_models": own,
        "SELECT model_name FROM system.information_schema.model_versions": own,
        f"SELECT grantee FROM system.information_schema.catalog_privileges WHERE catalog_name = '{catalog}'": "account users",
    }
    reads = (
        f"SHOW SCHEMAS IN {catalog}",
        f"SHOW MODELS IN {catalog}.{schema}",
        f"SHOW GRANTS ON CATALOG {catalog}",
        f"SHOW GRANTS ON MODEL {model}",
        f"DESCRIBE MODEL {model}",
        f"SELECT * FROM {catalog}.information_schema.registered_models",
    )
    writes = (
        f"GRANT EXECUTE ON MODEL {model} TO admins",
        f"REVOKE EXECUTE ON MODEL {model} FROM admins",
        f"CREATE SCHEMA {catalog}.fresh",
        f"COMMENT ON MODEL {model} IS 'x'",
        f"ALTER MODEL {model} SET TAGS ('a' = 'b')",
        f"ALTER MODEL {model} UNSET TAGS ('a')",
        f"ALTER CATALOG {catalog} OWNER TO admins",
        f"ALTER MODEL {model} RENAME TO {model}2",
        f"DROP SCHEMA {catalog}.{schema} CASCADE",
        f"DROP CATALOG {catalog} CASCADE",
    )

    def message_of(statement: str) -> str:
        answer = place.sql(statement)
        return answer["status"].get("error", {}).get("message") or str(answer.get("result"))

    for statement, word in listed.items():
        assert word not in message_of(statement), statement
    for statement in (*reads, *writes):
        assert f"Catalog '{catalog}' is not accessible in current workspace" in message_of(statement), statement
    place.bind(catalog, "READ_ONLY")
    for statement, word in listed.items():
        assert word in message_of(statement), statement
    for statement in reads:
        assert place.sql(statement)["status"]["state"] == "SUCCEEDED", statement
    for statement in writes:
        assert f"Catalog '{catalog}' has been designated as read-only in current workspace" in message_of(statement), (
            statement
        )
    place.bind(catalog, "READ_WRITE")
    for statement in writes[:-1]:
        assert place.sql(statement)["status"]["state"] == "SUCCEEDED", statement


def test_an_answer_of_sql_is_kept_for_the_workspace_that_asked(place: Place) -> None:
    catalog = place.isolated().partition(".")[0]
    fields = {"warehouse_id": WAREHOUSE_ID, "statement": "SHOW CATALOGS"}
    ran = place.site.ok("POST", STATEMENTS, fields)
    assert catalog in str(ran["result"])
    text = f"{STATEMENTS}/{ran['statement_id']}"
    assert place.site.ok("GET", text) == ran
    for method, path in (("GET", text), ("GET", f"{text}/result/chunks/0"), ("POST", f"{text}/cancel")):
        refused(place.dev(method, path), 404, "RESOURCE_DOES_NOT_EXIST")


# --- sign-in ---------------------------------------------------------------------------------------------------------


def person(name: str = "", **claims: Any) -> tuple[str, Any]:
    """(the name that a first sign-in makes, the provider's answer)."""
    name = name or f"p-{uuid.uuid4().hex[:8]}"
    return name, with_(sub=f"s-{name}", preferred_username=name, **claims)


def events(place: Place, **query: Any) -> list[dict[str, Any]]:
    return place.site.ok("GET", f"{V1}/audit", {"max_results": 1000, **query})["events"]


def test_each_address_tells_of_itself(place: Place) -> None:
    account = place.site.ok("GET", "/.well-known/databricks-config")["account_id"]
    answer = place.ok("GET", "/.well-known/databricks-config")
    assert (answer["workspace_id"], answer["account_id"]) == (place.id, account)
    assert answer["oidc_endpoint"] == f"https://{DEV}/oidc"
    for base in ("/oidc", f"/oidc/accounts/{account}"):
        result = place.ok("GET", f"{base}/.well-known/oauth-authorization-server")
        assert (
            result["issuer"] == f"https://{DEV}{base}" and result["token_endpoint"] == f"https://{DEV}{base}/v1/token"
        )
    assert place.lab.begin()[0]["redirect_uri"] == f"https://{DEV}/login/callback"


@pytest.mark.parametrize("base", ["/oidc", "/oidc/accounts/{account}"])
def test_a_machine_signs_in_at_each_address_and_enters_where_it_is_assigned(place: Place, base: str) -> None:
    account = place.site.ok("GET", "/.well-known/databricks-config")["account_id"]
    number, name = robot(place.site)
    secret = place.site.ok("POST", f"/api/2.0/accounts/servicePrincipals/{number}/credentials/secrets", {})["secret"]
    url = f"{place.site.host}{base.format(account=account)}/v1/token"
    answer = httpx.post(url, data=GRANT, auth=(name, secret), headers={"host": DEV})
    assert let_in(answer), answer.text
    token = answer.json()["access_token"]
    refused(place.dev("GET", ME, token=token), 403, "PERMISSION_DENIED", "not assigned")
    assert place.site.call("GET", ME, token=token).status_code == 200
    place.assign(name)
    assert place.dev("GET", ME, token=token).status_code == 200
    issued = events(place, actor=name, event="token.issue")
    assert [e["outcome"] for e in issued] == ["ok"] and issued[0]["source"] == "127.0.0.1"


def test_every_kind_of_credential_enters_only_where_its_holder_is_assigned(place: Place) -> None:
    holder = Holder(replace(place.lab, at=""))
    assert holder.alive() == ALL

    def at_dev() -> dict[str, httpx.Response]:
        fields = {
            kind: place.dev("GET", ME, token="", cookie=f"__Host-{cookie}") for kind, cookie in holder.sessions.items()
        }
        return fields | {kind: place.dev("GET", ME, token=token) for kind, token in holder.tokens.items()}

    for kind, answer in at_dev().items():
        assert "not assigned" in refused(answer, 403, "PERMISSION_DENIED"), kind
    place.assign(holder.user)
    assert {kind for kind, answer in at_dev().items() if answer.status_code == 200} == {
        "personal token",
        "session by provider",
        "session by token",
    }
    place.assign(holder.robot)
    assert {answer.status_code for answer in at_dev().values()} == {200}
    for who in (holder.user, holder.robot):
        place.site.ok("DELETE", f"{V1}/workspaces/dev/assignments/{who}")
    assert {answer.status_code for answer in at_dev().values()} == {403}
    assert holder.alive() == ALL, "elsewhere they are who they were"
    kept_out = events(place, event="workspace.enter", name="dev", outcome="refused")
    assert {holder.user, holder.robot} <= {e["actor"] for e in kept_out}


def test_the_whole_route_table_at_a_second_workspace(place: Place) -> None:
    """Nothing answers there without a credential, and none of another workspace's people, whatever they show."""
    site, holder = place.site, Holder(replace(place.lab, at=""))
    world, routes = World(site), [(headers, route) for headers, route in site.dialects if not route.public]
    public = {f"{route.method} {route.path}" for _, route in site.dialects if route.public}
    assert {path for path in public - PUBLIC if not SIGNED.fullmatch(path)} == {
        "GET /login/provider",
        "GET /login/callback",
    }
    text = [
        *({"authorization": f"Bearer {token}"} for token in holder.tokens.values()),
        *({"cookie": f"__Host-{cookie}", "origin": f"https://{DEV}"} for cookie in holder.sessions.values()),
    ]
    for number, (headers, route) in enumerate(routes):
        fields, name = {"host": DEV, **headers}, f"{route.method} {route.path}"
        unknown = world.request(site, route, token="", headers=fields)
        stranger = world.request(site, route, token="", headers=fields | text[number % len(text)])
        assert (unknown.status_code, stranger.status_code) == (401, 403), name
        if route.method != "HEAD":
            assert "not assigned" in refused(stranger, 403, "PERMISSION_DENIED"), name
    assert holder.alive() == ALL


def test_nobody_has_a_session_in_a_workspace_that_they_may_not_enter(place: Place) -> None:
    name, answer = person()
    refusal = place.lab.provider(answer)
    assert refusal.status_code == 403 and "not assigned to this workspace" in refusal.text
    assert "modelkeep_session=mkw_" not in refusal.headers.get("set-cookie", "")
    user, pat = place.site.user()
    refusal = place.lab.form(pat)
    assert refusal.status_code == 403
    for who in (name, user):
        kept_out = events(place, actor=who, event="workspace.enter")
        assert [(e["outcome"], e["targets"][0]["name"]) for e in kept_out] == [("PERMISSION_DENIED", "dev")], who
    place.assign(name)
    signed_in = place.lab.provider(answer)
    assert let_in(signed_in)
    cookie = signed_in.headers["set-cookie"]
    assert cookie.endswith("; Secure") and "; HttpOnly; SameSite=Lax; Max-Age=" in cookie and "Domain" not in cookie
    session = cookie.partition(";")[0]
    assert place.dev("GET", ME, token="", cookie=session).json()["userName"] == name
    plain = replace(place.lab, at="").provider(answer).headers["set-cookie"]
    assert "Secure" not in plain and "__Host-" not in plain and "; HttpOnly; SameSite=Lax" in plain


def _set_cookies(answer: httpx.Response) -> list[str]:
    return answer.headers.get_list("set-cookie")


def test_under_https_the_cookies_are_of_this_host_alone(place: Place) -> None:
    """A sibling domain or a page of plain http can plant a cookie of the old names, and none with the prefix."""
    name, answer = person()
    place.assign("account users")
    try:
        reply, pending = place.lab.begin()
        assert pending.startswith("__Host-modelkeep_sign_in=")
        signed = answer(place.lab, place.lab.claims("provider", nonce=reply["nonce"]))
        place.lab.first.answers["/token"] = {"id_token": signed}
        query = {"state": reply["state"], "code": "c", "iss": place.lab.first.url}
        assert place.lab.back(pending.removeprefix("__Host-"), **query).status_code == 401
        by_provider = place.lab.back(pending, **query)
        _, pat = place.site.user()
        by_token = place.lab.form(pat)
    finally:
        place.site.ok("DELETE", f"{V1}/workspaces/dev/assignments/account users")
    for cookie in (*_set_cookies(by_provider), *_set_cookies(by_token)):
        assert cookie.startswith("__Host-modelkeep_"), cookie
        assert "; Path=/; " in cookie and cookie.endswith("; Secure") and "Domain" not in cookie
    place.assign(name)
    session = _set_cookies(by_provider)[0].partition(";")[0]
    old = session.removeprefix("__Host-")
    assert place.dev("GET", ME, token="", cookie=f"{old}x; {session}").json()["userName"] == name
    for sent in (old, f"__Secure-{old}", f"__host-{old}", f"{session}x; {old}"):
        refused(place.dev("GET", ME, token="", cookie=sent), 401, "UNAUTHENTICATED")
    for sent in (session, f"{old}; {session}"):  # at an address of http, only the plain name counts
        expected = 200 if sent.startswith("modelkeep") else 401
        assert place.site.call("GET", ME, token="", headers={"cookie": sent}).status_code == expected


def test_what_a_proxy_says_of_the_scheme_changes_no_name(place: Place) -> None:
    for proto in ("https", "http", "https, http"):
        headers = {"x-forwarded-proto": proto, "forwarded": f"proto={proto}", "origin": place.site.host}
        at_http = httpx.post(f"{place.site.host}/login", data={"token": place.site.admin}, headers=headers)
        assert _set_cookies(at_http)[0].startswith("modelkeep_session=mkw_")
        headers |= {"origin": f"https://{DEV}", "host": DEV}
        at_https = httpx.post(f"{place.site.host}/login", data={"token": place.site.admin}, headers=headers)
        assert _set_cookies(at_https)[0].startswith("__Host-modelkeep_session=mkw_")


def test_signing_out_under_https_ends_and_clears_both(place: Place) -> None:
    user, pat = place.site.user()
    place.assign(user)
    session, old = (place.lab.form(pat).headers["set-cookie"].partition(";")[0] for _ in range(2))
    sent = {"host": DEV, "origin": f"https://{DEV}", "cookie": f"{session}; {old.removeprefix('__Host-')}"}
    answer = httpx.post(f"{place.site.host}/logout", headers=sent)
    cleared = {cookie.partition(";")[0] for cookie in _set_cookies(answer) if "Max-Age=0" in cookie}
    assert (answer.status_code, cleared) == (303, {"__Host-modelkeep_session=", "modelkeep_session="})
    assert all(cookie.endswith("; Secure") for cookie in _set_cookies(answer))
    for cookie in (session, old):
        refused(place.dev("GET", ME, token="", cookie=cookie), 401, "UNAUTHENTICATED", "revoked")
    plain = httpx.post(f"{place.site.host}/logout", headers={"origin": place.site.host})
    assert [cookie.partition(";")[0] for cookie in _set_cookies(plain)] == ["modelkeep_session="]


def test_a_sign_in_that_began_at_one_address_does_not_end_at_another(place: Place) -> None:
    _, answer = person()
    place.assign("account users")
    try:
        reply, cookie = place.lab.begin()
        place.lab.first.answers["/token"] = {
            "id_token": answer(place.lab, place.lab.claims("provider", nonce=reply["nonce"]))
        }
        query = {"state": reply["state"], "code": "c", "iss": place.lab.first.url}
        for sent in (cookie, cookie.removeprefix("__Host-")):
            assert replace(place.lab, at="").back(sent, **query).status_code == 401
        assert let_in(place.lab.back(cookie, **query))
    finally:
        place.site.ok("DELETE", f"{V1}/workspaces/dev/assignments/account users")


def test_a_page_of_one_workspace_changes_nothing_through_another(place: Place) -> None:
    user, pat = place.site.user()
    place.assign(user)
    answer = place.lab.form(pat)
    session = answer.headers["set-cookie"].partition(";")[0]
    fields = {"comment": "x"}
    for origin in (
        f"http://127.0.0.1:{place.site.settings.port}",
        "https://evil.example",
        f"https://{DEV}.evil.example",
        f"http://{DEV}",
        f"ftp://{DEV}",
        f"{DEV}",
        f"https://{DEV}/",
        "null",
    ):
        answer = place.dev("POST", "/api/2.0/token/create", fields, token="", cookie=session, origin=origin)
        refused(answer, 403, "PERMISSION_DENIED", "another site")
    answer = place.dev("POST", "/api/2.0/token/create", fields, token="", cookie=session, origin=f"https://{DEV}")
    assert answer.status_code == 200


def test_what_a_sign_in_changes_is_recorded(place: Place) -> None:
    for group in ("scientists", "leads"):
        place.site.ok("POST", f"{V1}/groups", {"name": group})
    name, answer = person(groups=["ml"])
    default = replace(place.lab, at="")
    assert let_in(default.provider(answer))
    assert let_in(default.provider(person(name, groups=["leads"])[1]))
    rows = [(e["event"], *(t["name"] for t in e["targets"])) for e in events(place, actor=name)]
    assert sorted(rows) == [
        ("group.add_member", "leads", name),
        ("group.add_member", "scientists", name),
        ("group.remove_member", "scientists", name),
        ("principal.create", name),
        ("session.start", name),
        ("session.start", name),
    ]
    for event in events(place, actor=name):
        assert event["source"] == "127.0.0.1" and event["request_id"], event
    sealed(place.site)
    exported = place.site.ok("GET", f"{V1}/audit/export", {"actor": name, "max_results": 5_000})["records"]
    assert {(r["serviceName"], r["actionName"]) for r in exported} == {
        ("accounts", action) for action in ("add", "addPrincipalToGroup", "removePrincipalFromGroup", "login")
    }


def test_no_claim_makes_an_admin_of_a_workspace(place: Place) -> None:
    place.site.ok("POST", f"{V1}/groups", {"name": "bosses"})
    place.assign("bosses", "ADMIN")
    name, answer = person(groups=["bosses"])
    assert let_in(replace(place.lab, at="").provider(answer))
    resource = place.site.ok("GET", "/api/2.0/preview/scim/v2/Users", {"filter": f'userName eq "{name}"'})["Resources"][
        0
    ]
    assert {group["display"] for group in resource["groups"]} == {"account users"}
    account = place.site.ok("GET", "/.well-known/databricks-config")["account_id"]
    rule = {"issuer": place.lab.first.url, "audiences": ["modelkeep"]}
    path = f"/api/2.0/accounts/{account}/federationPolicies"
    policy = place.site.ok("POST", path, {"oidc_policy": rule})["policy_id"]
    try:
        user, _ = place.site.user()
        assert let_in(place.lab.exchange(place.lab.first.token(sub=user), client_id=""))
        place.assign(user, "ADMIN")
        assert not let_in(place.lab.exchange(place.lab.first.token(sub=user), client_id=""))
    finally:
        assert place.site.call("DELETE", f"{path}/{policy}").status_code == 200


# --- requests for access, and what is left of a refusal ----------------------------------------------------------------


def test_requests_are_decided_where_the_catalog_can_be_written(place: Place) -> None:
    model = place.isolated("READ_ONLY")
    catalog, (user, token) = model.partition(".")[0], place.site.user()
    place.assign(user)
    place.site.allow(user, "catalog", catalog, "BROWSE")
    fields = {"securable": {"type": "FUNCTION", "full_name": model}, "permissions": ["EXECUTE"]}
    answer = place.ok("POST", "/api/3.0/rfa/requests", {"requests": [{"securable_permissions": [fields]}]}, token)
    (id,) = answer["responses"][0]["request_ids"]

    def seen(ask: Any) -> dict[str, bool]:
        access_requests = ask("GET", f"{V1}/access-requests", {"state": "PENDING"})["access_requests"]
        return {row["request_id"]: row["to_decide"] for row in access_requests}

    assert seen(place.ok)[id] is False and seen(place.site.ok)[id] is True
    refusal = place.dev("POST", f"{V1}/access-requests/{id}/approve", {})
    refused(refusal, 403, "PERMISSION_DENIED", "read-only in current workspace")
    place.site.ok("POST", f"{V1}/access-requests/{id}/approve", {})
    listed = place.site.ok("GET", f"{UC}/permissions/function/{model}")["privilege_assignments"]
    assert listed == [{"principal": user, "privileges": ["EXECUTE"]}]


def test_a_refusal_says_what_it_was_about(place: Place) -> None:
    model, (user, token) = place.isolated(), place.site.user()
    other, _ = place.site.user()
    place.assign(user)
    expected = {"securable": {"type": "FUNCTION", "full_name": model}, "permissions": ["EXECUTE"]}
    query = {"securable_type": "function", "full_name": model, "operation": "get_model", "principal": other}
    for method, path, fields in (
        ("POST", "/api/3.0/rfa/requests", {"requests": [{"securable_permissions": [expected]}]}),
        ("GET", f"{V1}/explain", query),
        ("PATCH", f"{UC}/bindings/catalog/{model.partition('.')[0]}", {"remove": [{"workspace_id": 1}]}),
        ("PUT", f"{V1}/workspaces/dev/assignments/{other}", {}),
    ):
        assert place.dev(method, path, fields, token).status_code == 403, path
    values = {e["event"]: [t["name"] for t in e["targets"]] for e in events(place, actor=user, outcome="refused")}
    assert values == {
        "access.ask": [model],
        "grants.explain": [model],
        "catalog.bind": [model.partition(".")[0]],
        "workspace.assign": ["dev"],
    }


def test_who_moved_a_binding_or_an_assignment_and_from_what(place: Place) -> None:
    catalog, (user, _) = place.isolated("READ_ONLY").partition(".")[0], place.site.user()
    place.bind(catalog, "READ_WRITE")
    (moved, *_) = events(place, event="catalog.bind", name=catalog)
    assert moved["actor"] == "admin"
    assert moved["changes"] == {
        "bindings": [{"1": "READ_WRITE", place.id: "READ_ONLY"}, {"1": "READ_WRITE", place.id: "READ_WRITE"}]
    }
    for level in ("USER", "ADMIN"):
        place.assign(user, level)
    place.site.ok("DELETE", f"{V1}/workspaces/dev/assignments/{user}")
    result = events(place, event="workspace.*", name=user, first="oldest")
    assert [e["changes"][f"assignment of {user}"] for e in result] == [
        [None, "USER"],
        ["USER", "ADMIN"],
        ["ADMIN", None],
    ]


def test_a_public_address_of_https_names_the_default_workspace_s_cookie(tmp_path: Path) -> None:
    with running_site(tmp_path, public_url="https://keep.example") as site:
        at, sent = f"http://127.0.0.1:{site.settings.port}", {"host": "keep.example", "origin": "https://keep.example"}
        answer = httpx.post(f"{at}/login", data={"token": site.admin}, headers=sent)
        session = _set_cookies(answer)[0].partition(";")[0]
        assert session.startswith("__Host-modelkeep_session=mkw_")
        for cookie, status in ((session, 200), (session.removeprefix("__Host-"), 401)):
            headers = {"host": "keep.example", "cookie": cookie}
            assert httpx.get(f"{at}{ME}", headers=headers).status_code == status
