"""The route table, walked: nothing answers without a credential or tells a stranger, no verb or path is half there."""

import re
import time

import httpx
import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, World, filled, refused, running_site, site

from modelkeep.api.account.scim import ACCOUNT as SCIM_ACCOUNT
from modelkeep.api.account.scim import WORKSPACE as SCIM
from modelkeep.api.account.workspace_settings import NAMESPACE
from modelkeep.api.model_shapes import PLAIN_PREFIXES
from modelkeep.api.path_spellings import usual_end, usual_head
from modelkeep.api.sql.routes import STATEMENTS, WAREHOUSES
from modelkeep.http.routing import Route
from modelkeep.store import principals

__all__ = ["site"]

# Everything that answers without a sign-in. A signed URL proves itself; the others tell nothing that needs one: what the API
# looks like is the same for every registry, and is in the public source.
PUBLIC = {
    # What a client needs to sign in, and where it proves who it is.
    *(
        call
        for prefix in ("/oidc", "/oidc/accounts/{account_id}")
        for call in (
            f"GET {prefix}/.well-known/oauth-authorization-server",
            f"POST {prefix}/v1/token",
            f"GET {prefix}/v1/authorize",
            f"POST {prefix}/v1/authorize",
        )
    ),
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/{asset}",
    "GET /explore/assets/{name}",
    "GET /.well-known/databricks-config",
    *(f"{method} /health{path}" for method in ("GET", "HEAD") for path in ("", "/live", "/ready")),
    "GET /login",
    "POST /login",
    "POST /logout",
}
SIGNED = re.compile(rf"(GET|HEAD|PUT|DELETE) {V1}/objects/\{{token\}}")

# What any signed-in caller may do: his own affairs, lists that are filtered for him, and what every client asks first.
ANYONE = {
    "GET /",
    "GET /explore",
    "GET /explore/{page*}",
    "GET /metrics",
    "POST /api/2.0/mlflow/client-telemetry/ingest",
    "GET /api/2.0/preview/scim/v2/Me",
    f"GET {DATABRICKS_UC}/registered-models/search",
    f"GET {DATABRICKS_UC}/model-versions/search",
    f"GET {DATABRICKS_UC}/registered-models:is-databricks-sdk-models-artifact-repository-enabled",
    f"GET {UC}/catalogs",
    f"GET {UC}/models",
    f"GET {UC}/storage-credentials",
    f"GET {UC}/credentials",
    f"GET {UC}/external-locations",
    f"GET {UC}/metastore_summary",
    f"GET {UC}/current-metastore-assignment",
    f"GET {V1}/lineage",
    "GET /api/2.0/lineage-tracking/external-metadata",
    "GET /api/2.0/lineage-tracking/external-metadata/{name}",  # account users may browse what is created
    "POST /api/v1/lineage",  # datasets that this server does not know are anybody's
    f"GET {V1}/me",
    f"GET {V1}/search",
    f"GET {V1}/privileges",
    f"GET {V1}/tokens",
    f"POST {V1}/tokens",
    f"GET {V1}/users",
    f"GET {V1}/groups",
    f"GET {V1}/groups/{{principal}}/members",
    f"GET {V1}/service-principals",
    f"GET {NAMESPACE}",
    *(
        f"GET {prefix}/{search}"
        for prefix in PLAIN_PREFIXES
        for search in ("registered-models/search", "registered-models/list", "model-versions/search")
    ),
    *(
        f"GET {base}/{path}"
        for base in (SCIM, SCIM_ACCOUNT)
        for path in ("Users", "Groups", "ServicePrincipals", "ServiceProviderConfig", "ResourceTypes", "Schemas")
    ),
    "GET /api/2.0/serving-endpoints",
    "POST /api/2.0/serving-endpoints",
    "GET /api/2.1/tag-policies",
    "GET /api/2.1/tag-policies/{tag_key}",
    f"GET {V1}/access-requests",
    "GET /api/2.0/token/list",
    "POST /api/2.0/token/create",
    f"POST {STATEMENTS}",
    f"POST {STATEMENTS}/",
    f"GET {WAREHOUSES}",
    f"GET {WAREHOUSES}/{{id}}",
    f"GET {V1}/workspaces",
    "GET /api/2.0/accounts/{account_id}/workspaces",
}


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def guarded(site: Site) -> list[tuple[dict[str, str], Route]]:
    return [(headers, route) for headers, route in site.dialects if not route.public]


@pytest.fixture(scope="module")
def world(site: Site) -> World:
    return World(site)


def test_only_these_routes_are_public(site: Site) -> None:
    public = {name(route) for _, route in site.dialects if route.public}
    assert {path for path in public - PUBLIC if not SIGNED.fullmatch(path)} == set()


@pytest.fixture(scope="module")
def bad_credentials(site: Site) -> dict[str, str]:
    """Authorization headers that must all fail, of users that would otherwise be account admins."""
    tokens: dict[str, str] = {}
    for kind in ("expired", "revoked", "deactivated", "deleted"):
        user = f"{kind}@x.io"
        site.ok("POST", f"{V1}/users", {"name": user, "account_admin": True})
        answer = site.ok(
            "POST", f"{V1}/tokens", {"principal": user, **({"lifetime_seconds": 3} if kind == "expired" else {})}
        )
        tokens[kind] = answer["token_value"]
        site.ok("GET", "/api/2.0/preview/scim/v2/Me", token=answer["token_value"])
        if kind == "revoked":
            site.ok("DELETE", f"{V1}/tokens/{answer['token_info']['token_id']}")
    site.ok("PATCH", f"{V1}/users/deactivated@x.io", {"active": False})
    site.ok("DELETE", f"{V1}/users/deleted@x.io")
    time.sleep(3.1)
    others = {
        "none": "",
        "garbage": "Bearer garbage",
        "empty": "Bearer",
        "basic": "Basic YWRtaW46YWRtaW4=",
        "bare": site.admin,
        "hash": f"Bearer {'0' * 64}",
        "jwt of alg none": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "two in one": f"Bearer garbage, Bearer {site.admin}",
        "admin": "Bearer admin",
    }
    return others | {kind: f"Bearer {token}" for kind, token in tokens.items()}


@pytest.mark.parametrize(
    "kind",
    [
        "none",
        "garbage",
        "empty",
        "basic",
        "bare",
        "hash",
        "jwt of alg none",
        "two in one",
        "admin",
        "expired",
        "revoked",
        "deactivated",
        "deleted",
    ],
)
def test_no_route_answers_a_bad_credential(
    site: Site, world: World, bad_credentials: dict[str, str], kind: str
) -> None:
    header = bad_credentials[kind]
    for headers, route in guarded(site):
        answer = world.request(site, route, token="", headers=headers | ({"authorization": header} if header else {}))
        assert answer.status_code == 401, name(route)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        if route.method != "HEAD":
            assert world.catalog not in refused(answer, 401, "UNAUTHENTICATED", "DATABRICKS_TOKEN")


def test_no_route_answers_a_stranger(site: Site, world: World) -> None:
    _, stranger = site.user()
    for headers, route in guarded(site):
        answer = world.request(site, route, token=stranger, headers=headers)
        if name(route) in ANYONE:
            assert answer.status_code < 500, (name(route), answer.text)
            assert world.catalog not in answer.text, name(route)
        elif route.handler is None:
            assert answer.status_code in (403, 404) or "transition-stage" in route.path, (name(route), answer.text)
            assert "ENDPOINT_NOT_FOUND" not in answer.text
        else:
            assert 400 <= answer.status_code <= 404 or "{rest*}" in route.path, (name(route), answer.text)


def test_the_same_requests_are_sound_when_the_admin_sends_them(site: Site) -> None:
    """Or else the refusals above would prove nothing."""
    world = World(site)
    for headers, route in guarded(site):
        if route.handler is None:
            answer = world.request(site, route, headers=headers)
            # What the fields name is not there, there already, or without files: another refusal, and none of access.
            known = (
                "{token_id}",
                "/permissions/files/",
                "/permissions/notebooks/",
                "{origin_id}",
                "{secret_id}",
                "{policy_id}",
                "/identities",
                "token/delete",
                "{tag_key}",
                "temporary-",
                "/groups/",
                "/service-principals/",
                "/members",
                "alias",
                "finalize",
                "copy",
                "registered-models/create",
                "bindings",
                "transition-stage",
                "{request_id}",
                "draft-comment",
                "links-to-",
                "/history",
                "/sample",
            )
            refused_later = any(part in route.path for part in known) or answer.status_code == 409
            if route.method == "POST" and route.path.endswith("/v1/models/{full_name}/versions"):
                refused_later = "this server runs without one" in answer.text  # a workspace
            assert answer.status_code == route.status or refused_later, (name(route), answer.text)
            assert answer.status_code != 403, (name(route), answer.text)
            if route.method == "DELETE" or route.path.endswith("/rename"):
                world = World(site)


def test_a_revocation_is_seen_by_the_very_next_request(site: Site) -> None:
    user, token = site.user()
    with httpx.Client(base_url=site.host, headers={"authorization": f"Bearer {token}"}) as kept_alive:
        assert kept_alive.get("/api/2.0/preview/scim/v2/Me").status_code == 200
        site.ok("PATCH", f"{V1}/users/{user}", {"active": False})
        assert kept_alive.get("/api/2.0/preview/scim/v2/Me").status_code == 401
        site.ok("PATCH", f"{V1}/users/{user}", {"active": True})
        assert kept_alive.get("/api/2.0/preview/scim/v2/Me").status_code == 200


def test_an_admin_through_a_group_stops_being_one_with_the_membership(site: Site) -> None:
    user, token = site.user()
    site.ok("POST", f"{V1}/groups", {"name": "ops", "account_admin": True})
    site.ok("PUT", f"{V1}/groups/ops/members/{user}")
    site.ok("GET", f"{V1}/jobs", token=token)
    site.ok("DELETE", f"{V1}/groups/ops/members/{user}")
    refused(site.call("GET", f"{V1}/jobs", token=token), 403, "PERMISSION_DENIED")


VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


def test_every_verb_on_every_path(site: Site, world: World) -> None:
    paths = {filled(route, world.values(route)) for route in site.routes}
    tried = 0
    for path in sorted(paths):
        for verb in VERBS:
            if any(site.app.router.find(verb, spelled) for spelled in (path, usual_end(usual_head(path)))):
                continue
            tried += 1
            answer = site.call(verb, path)
            if verb == "HEAD":
                assert (answer.status_code, answer.content) == (404, b"")
            else:
                refused(answer, 404, "ENDPOINT_NOT_FOUND", verb)
    assert tried > 150


@pytest.mark.parametrize(
    "path",
    [
        f"{DATABRICKS_UC}/registered-models/get//",
        f"/x{DATABRICKS_UC}/registered-models/get",
        f"{DATABRICKS_UC}//registered-models/get",
        "/api/2.0/preview/mlflow",
        "/api/2.0/preview/mlflow/nothing",
        "/api/2.0/preview/preview/mlflow/registered-models/get",
        "/api/2.0/preview/unity-catalog/catalogs",
        "/api/2.0/unity-catalog/nothing",
        "/api/2.0/unity-catalog",
        "/ajax-api/2.0/unity-catalog/catalogs",
        "/api/2.0/Preview/mlflow/registered-models/search",
        f"{DATABRICKS_UC}/Registered-Models/get",
        f"{DATABRICKS_UC}/registered-models/get;x=1",
        f"{DATABRICKS_UC}/registered-models/get%00",
        f"{DATABRICKS_UC}/registered-models/get%20",
        f"{DATABRICKS_UC}/registered-models/get%252f",
        f"{DATABRICKS_UC}/prompt",
        f"{DATABRICKS_UC}/prompts/a.b.c/nothing",
        f"{DATABRICKS_UC}/prompts:search",
        f"{DATABRICKS_UC}/registered-models/list",
        "/api/3.0/mlflow/unity-catalog/registered-models/get",
        "/ajax-api/2.0/mlflow/unity-catalog/registered-models/get",
        "/health/../metrics",
        "/health/x",
        "/healthz",
        "/.well-known/databricks-config/..%2fmetrics",
        "/%2e%2e/etc/passwd",
        f"{UC}/catalogs//",
        f"{UC}/catalogs/a/b",
        f"{UC}/catalogs/a%2Fb",
        f"{UC}/catalogs/..%2Fmetastore_summary",
        "/?",
        "/*",
        f"{UC}/*",
        f"{V1}/models/a.b.c/versions/1/../../copy",
        "//x",
        "/api/4.0/mlflow/traces",
        "/" + "a" * 60_000,
    ],
)
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_path_that_is_nearly_one_is_none(site: Site, verb: str, path: str) -> None:
    """Sent as they are: no client tidies them up on the way."""
    body = b"{}" if verb == "POST" else b""
    answer = site.raw(site.head(verb, path, f"Content-Length: {len(body)}") + body, patience_s=0.05)
    if path == "/?":
        assert answer.split()[1] in (b"303", b"400", b"404")
        return
    assert answer.startswith(b"HTTP/1.1 404 "), answer[:300]
    assert b'"ENDPOINT_NOT_FOUND"' in answer
    assert len(answer) < 3_000


def test_no_error_names_a_stranger_something(site: Site) -> None:
    """The walk stops at the first closed parent, and says the same whether or not anything lies below."""
    model = site.model()
    _, stranger = site.user()
    catalog, schema, _ = model.split(".")
    there = site.b("GET", "registered-models/get", {"name": model}, stranger)
    for absent in (f"{catalog}.{schema}.nothing", f"{catalog}.nothing.nothing"):
        missing = site.b("GET", "registered-models/get", {"name": absent}, stranger)
        assert (missing.status_code, missing.content) == (there.status_code, there.content)
    refused(there, 403, "PERMISSION_DENIED", f"USE CATALOG on Catalog '{catalog}'")


def test_concealment_tells_nobody_what_exists(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Byte for byte the answer for what is not there, but for the name that was asked for."""
    with running_site(tmp_path_factory.mktemp("hidden"), conceal=True) as site:
        world = World(site)
        user, token = site.user()
        ladder = [(), ("catalog", world.catalog, "USE_CATALOG"), ("schema", world.schema, "USE_SCHEMA")]
        hidden = (world.catalog, world.schema, world.model)
        for step, grant in enumerate(ladder):
            if grant:
                site.allow(user, *grant)
            parts = world.model.split(".")
            parts[step] = "nothing_here"
            absent = ".".join(parts)
            there = site.b("GET", "registered-models/get", {"name": world.model}, token)
            missing = site.b("GET", "registered-models/get", {"name": absent}, token)
            assert there.status_code == missing.status_code == 404
            assert there.json()["error_code"] == missing.json()["error_code"]
            same = missing.json()["message"].replace(".".join(parts[: step + 1]), hidden[step])
            assert there.json()["message"] == same
            assert there.headers.keys() == missing.headers.keys()


def test_the_account_users_group_cannot_be_taken_over(site: Site) -> None:
    everyone = principals.ACCOUNT_USERS
    refused(site.call("POST", f"{V1}/groups", {"name": everyone.upper()}), 409, "RESOURCE_ALREADY_EXISTS")
    refused(site.call("DELETE", f"{V1}/groups/{everyone}"), 400, "INVALID_PARAMETER_VALUE", "built in")
    refused(site.call("POST", f"{V1}/users", {"name": "ADMIN"}), 409, "RESOURCE_ALREADY_EXISTS")
