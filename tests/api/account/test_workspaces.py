"""Several workspaces behind one server: which one a request came through, who may, and what it can reach from there."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, refused, running_site, wait_until

from modelkeep.domain.addresses import is_local, parse_address
from modelkeep.domain.errors import InvalidArgument

ME = "/api/2.0/preview/scim/v2/Me"
DEV = "dev.registry.example.com"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("workspaces")) as running:
        yield running


@pytest.fixture(scope="module")
def dev(site: Site) -> dict[str, Any]:
    return site.ok("POST", f"{V1}/workspaces", {"name": "dev", "address": DEV})


def through(
    site: Site, host: str, method: str, path: str, fields: Any = None, token: str | None = None
) -> httpx.Response:
    """A request that came by this address."""
    return site.call(method, path, fields, token=token, headers={"host": host, "x-forwarded-host": "evil.example"})


def from_dev(site: Site, method: str, path: str, fields: Any = None, token: str | None = None) -> httpx.Response:
    return through(site, DEV, method, path, fields, token)


def assign(site: Site, who: str, level: str = "USER", token: str | None = None) -> httpx.Response:
    return site.call("PUT", f"{V1}/workspaces/dev/assignments/{who}", {"level": level}, token=token)


@pytest.mark.parametrize(
    "text", ["dev.x.io", "DEV.x.io:8443", "https://dev.x.io/", "http://dev.x.io:80", "[::1]:81", "127.0.0.1:81"]
)
def test_addresses(text: str) -> None:
    address = parse_address(text)
    assert address.url.endswith("//" + address.host) and address.host == address.host.lower()
    assert parse_address(address.url) == address
    assert address.url.startswith(
        "http://" if "127" in text or "::1" in text or text.startswith("http:") else "https://"
    )
    assert ":80" not in address.host.replace(":8443", "").replace(":81", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "x.io/path",
        "x.io?q",
        "x.io#f",
        "u@x.io",
        "ftp://x.io",
        "x.io:0",
        "x.io:99999",
        "x.io:a",
        "//x.io",
        "x.io:",
        "-x.io",
        "ex\u00e4mple.io",
        "x" * 300,
        "http://",
        "[::1",
        "x.io\r\nHost: y",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidArgument, match="not the address"):
        parse_address(text)


def test_names_that_a_stranger_could_lead_here_are_not_local() -> None:
    assert all(
        map(is_local, ("127.0.0.1:1", "[::1]:8080", "localhost", "modelkeep", "dev.localhost:80", "10.0.0.7", ""))
    )
    assert not any(
        map(
            is_local,
            (
                "evil.example",
                "evil.example:8080",
                "127.0.0.1.evil.example",
                "localhost.evil.example",
                "127.0.0.1:8170.evil.com",
                "localhost:80.evil.com",
                "[::1]:80.evil.com",
                "[::1].evil.com",
                "[::1]evil.com",
                "localhost:",
                "127.0.0.1:80:evil.com",
                "x[::1]",
                "[evil.com]",
            ),
        )
    )


def test_a_laptop_answers_to_every_local_name_and_no_other(tmp_path: Any) -> None:
    with running_site(tmp_path) as alone:
        for host in (f"localhost:{alone.settings.port}", "modelkeep", "127.0.0.1:9", "10.1.2.3"):
            assert through(alone, host, "GET", ME).status_code == 200, host
        refused(through(alone, "evil.example", "GET", ME), 404, "ENDPOINT_NOT_FOUND")
        assert through(alone, "evil.example", "GET", "/health").status_code == 200
        alone.ok("POST", f"{V1}/workspaces", {"name": "dev", "address": DEV})
        listed = {workspace["name"]: workspace for workspace in alone.ok("GET", f"{V1}/workspaces")["workspaces"]}
        assert (listed["default"]["url"], listed["default"]["default"]) == (alone.host, True), "the way back"
        assert (listed["dev"]["url"], listed["dev"]["default"]) == (
            f"https://{DEV}" if "://" not in DEV else DEV,
            False,
        )
        assert through(alone, f"localhost:{alone.settings.port}", "GET", ME).status_code == 200
        for host in ("modelkeep", "127.0.0.1:9", f"prod.localhost:{alone.settings.port}", "evil.example"):
            refused(through(alone, host, "GET", ME), 404, "ENDPOINT_NOT_FOUND")
            assert through(alone, host, "GET", "/.well-known/databricks-config").status_code == 404
            assert "x-databricks-org-id" not in through(alone, host, "GET", ME).headers


def test_the_address_says_which_workspace_it_is(site: Site, dev: dict[str, Any]) -> None:
    for host, id in ((DEV, dev["id"]), (DEV.upper(), dev["id"]), (f"127.0.0.1:{site.settings.port}", "1")):
        answer = through(site, host, "GET", "/.well-known/databricks-config")
        assert (answer.json()["workspace_id"], answer.headers["x-databricks-org-id"]) == (id, id)
        metastore = through(site, host, "GET", f"{UC}/current-metastore-assignment").json()
        assert metastore["workspace_id"] == int(id)
    refused(through(site, f"{DEV}:444", "GET", ME), 404, "ENDPOINT_NOT_FOUND")


def test_the_audit_log_says_through_which_workspace(site: Site, dev: dict[str, Any]) -> None:
    name = f"c_{uuid.uuid4().hex[:8]}"
    assert from_dev(site, "POST", f"{UC}/catalogs", {"name": name}).status_code == 200
    site.ok("PATCH", f"{UC}/catalogs/{name}", {"comment": "described elsewhere"})
    fields = {"name": name, "changes_only": "true"}
    events = site.ok("GET", f"{V1}/audit", fields)["events"]
    assert sorted((e["event"], e["workspace_id"]) for e in events) == [
        ("catalog.create", dev["id"]),
        ("schema.create", dev["id"]),
        ("securable.update", "1"),
    ]
    there = site.ok("GET", f"{V1}/audit", {**fields, "workspace_id": dev["id"]})["events"]
    assert sorted(e["event"] for e in there) == ["catalog.create", "schema.create"]


def test_only_those_who_are_assigned_may_enter(site: Site, dev: dict[str, Any]) -> None:
    user, token = site.user()
    assert site.call("GET", ME, token=token).status_code == 200
    refused(from_dev(site, "GET", ME, token=token), 403, "PERMISSION_DENIED", "not assigned")
    for path in (f"{UC}/catalogs", "/metrics"):
        assert from_dev(site, "GET", path, token=token).status_code == 403, path
    events = site.ok("GET", f"{V1}/audit", {"actor": user, "event": "workspace.enter"})["events"]
    assert events and events[0]["targets"][0]["id"] == dev["id"]
    team = f"team {user}"
    site.ok("POST", f"{V1}/groups", {"name": team})
    site.ok("PUT", f"{V1}/groups/{team}/members/{user}")
    assert assign(site, team).json()["level"] == "USER"
    assert from_dev(site, "GET", ME, token=token).status_code == 200
    site.ok("DELETE", f"{V1}/workspaces/dev/assignments/{team}")
    refused(from_dev(site, "GET", ME, token=token), 403, "PERMISSION_DENIED")
    form = f"token={token}&next=/"
    page = site.http.post(
        "/login", content=form, headers={"host": DEV, "content-type": "application/x-www-form-urlencoded"}
    )
    assert (page.status_code, "set-cookie" in page.headers) in ((403, False),)


def test_everybody_is_assigned_to_the_default_workspace_until_an_admin_says_otherwise(site: Site) -> None:
    _, token = site.user()
    path = f"{V1}/workspaces/default/assignments"
    assert [a["name"] for a in site.ok("GET", path)["assignments"]] == ["account users"]
    site.ok("DELETE", f"{path}/account users")
    try:
        refused(site.call("GET", ME, token=token), 403, "PERMISSION_DENIED")
        assert site.call("GET", ME).status_code == 200, "account admins enter every workspace"
    finally:
        site.ok("PUT", f"{path}/account users")
    assert site.call("GET", ME, token=token).status_code == 200


def test_a_workspace_admin_manages_who_enters_it_and_nothing_else(site: Site, dev: dict[str, Any]) -> None:
    (boss, token), (other, _) = site.user(), site.user()
    refused(assign(site, other, token=token), 403, "PERMISSION_DENIED", "account admins")
    assign(site, boss, "ADMIN")
    assert assign(site, other, token=token).status_code == 200
    listed = site.ok("GET", f"{V1}/workspaces/dev/assignments", token=token)["assignments"]
    assert {(a["name"], a["level"]) for a in listed} >= {(boss, "ADMIN"), (other, "USER")}
    assert {w["name"] for w in site.ok("GET", f"{V1}/workspaces", token=token)["workspaces"]} == {"default", "dev"}
    for method, path, fields in (
        ("PUT", f"{V1}/workspaces/default/assignments/{other}", {}),
        ("DELETE", f"{V1}/workspaces/dev", None),
        ("PATCH", f"{V1}/workspaces/dev", {"name": "mine"}),
        ("GET", f"{V1}/workspaces/nothing/assignments", None),
        ("POST", f"{V1}/workspaces", {"name": "x", "address": "x.io"}),
        ("POST", f"{UC}/catalogs", {"name": "x"}),
        ("GET", f"{V1}/audit", None),
    ):
        refused(from_dev(site, method, path, fields, token), 403, "PERMISSION_DENIED")
    site.ok("DELETE", f"{V1}/workspaces/dev/assignments/{boss}")
    refused(assign(site, other, token=token), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "dev", "address": "other.example.com"}, 409),
        ({"name": "DEV", "address": "other.example.com"}, 409),
        ({"name": "other", "address": DEV}, 409),
        ({"name": "other", "address": f"https://{DEV}:443"}, 409),
        ({"name": "other", "address": "http://localhost:{port}"}, 409),
        ({"name": "17", "address": "x.io"}, 400),
        ({"name": "", "address": "x.io"}, 400),
        ({"name": "other"}, 400),
        ({"name": "other", "address": "x.io/y"}, 400),
    ],
)
def test_workspaces_that_cannot_be(site: Site, dev: dict[str, Any], fields: dict[str, str], status: int) -> None:
    fields = {key: value.replace("{port}", str(site.settings.port)) for key, value in fields.items()}
    assert site.call("POST", f"{V1}/workspaces", fields).status_code == status


def test_a_workspace_moves_and_goes(site: Site) -> None:
    answer = site.ok("POST", f"{V1}/workspaces", {"name": "brief", "address": "brief.example.com"})
    catalog = site.schema().partition(".")[0]
    site.ok("PATCH", f"{UC}/bindings/catalog/{catalog}", {"add": [{"workspace_id": int(answer["id"])}]})
    assert through(site, "brief.example.com", "GET", ME).status_code == 200
    moved = site.ok("PATCH", f"{V1}/workspaces/brief", {"name": "short", "address": "http://short.example.com:81"})
    assert (moved["id"], moved["name"], moved["url"]) == (answer["id"], "short", "http://short.example.com:81")
    assert through(site, "short.example.com:81", "GET", ME).status_code == 200
    site.ok("DELETE", f"{V1}/workspaces/{answer['id']}")
    assert site.ok("GET", f"{UC}/bindings/catalog/{catalog}")["bindings"] == []
    wait_until(lambda: through(site, "short.example.com:81", "GET", ME).status_code == 404)
    assert through(site, "brief.example.com", "GET", ME).status_code == 404
    for workspace, status in (("default", 400), ("1", 400), ("short", 404), ("99", 404)):
        assert site.call("DELETE", f"{V1}/workspaces/{workspace}").status_code == status


# --- catalogs bound to some ------------------------------------------------------------------------------------------


def bind(site: Site, catalog: str, id: str, how: str) -> None:
    add = [{"workspace_id": int(id), "binding_type": f"BINDING_TYPE_{how}"}]
    site.ok("PATCH", f"{UC}/bindings/catalog/{catalog}", {"add": add})


def uploads(site: Site, model: str) -> dict[str, Any]:
    return {"path": f"/Models/{model.replace('.', '/')}/1/MLmodel"}


def test_a_catalog_that_is_not_bound_is_closed_to_every_dialect(site: Site, dev: dict[str, Any]) -> None:
    model = site.model(versions=1)
    catalog, schema, own = model.split(".")
    assert site.ok("PATCH", f"{UC}/catalogs/{catalog}", {"isolation_mode": "ISOLATED"})["isolation_mode"] == "ISOLATED"
    assert site.ok("GET", f"{DATABRICKS_UC}/registered-models/get", {"name": model})
    plain = "/api/2.0/mlflow"
    for method, path, fields in (
        ("GET", f"{UC}/catalogs/{catalog}", None),
        ("GET", f"{UC}/schemas", {"catalog_name": catalog}),
        ("GET", f"{UC}/models/{model}", None),
        ("GET", f"{UC}/models/{model}?include_browse=true", None),
        ("GET", f"{UC}/models/{model}/versions", None),
        ("GET", f"{UC}/permissions/function/{model}", None),
        ("PATCH", f"{UC}/catalogs/{catalog}", {"comment": "x"}),
        ("PATCH", f"{UC}/catalogs/{catalog}", {"owner": "admin"}),
        ("GET", f"{DATABRICKS_UC}/registered-models/get", {"name": model}),
        ("GET", f"{plain}/registered-models/get", {"name": model}),
        ("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": model, "source": "models:/m-1"}),
        ("POST", "/api/2.0/fs/create-upload-url", uploads(site, model)),
        ("GET", f"{V1}/models/{model}/versions/1/lineage", None),
        ("GET", f"/api/2.0/fs/directories/Models/{catalog}/{schema}/{own}/1", None),
        ("GET", f"{V1}/activity/MODEL/{model}", None),
        ("DELETE", f"{UC}/catalogs/{catalog}", None),
    ):
        answer = from_dev(site, method, path, fields)
        refused(answer, 403, "PERMISSION_DENIED", f"Catalog '{catalog}' is not accessible in current workspace")
    for path, fields in (
        (f"{UC}/catalogs", {}),
        (f"{UC}/models", {}),
        (f"{UC}/models", {"include_browse": "true"}),
        (f"{UC}/catalogs", {"include_browse": "true"}),
        (f"{DATABRICKS_UC}/registered-models/search", {}),
        (f"{plain}/registered-models/search", {}),
        (f"{DATABRICKS_UC}/model-versions/search", {"filter": f"name = '{model}'"}),
    ):
        assert catalog in site.call("GET", path, fields).text, path
        assert catalog not in from_dev(site, "GET", path, fields).text, path
    assert from_dev(site, "GET", f"{UC}/bindings/catalog/{catalog}").json()["bindings"][0]["workspace_id"] == 1
    assert from_dev(site, "PATCH", f"{UC}/catalogs/{catalog}", {"isolation_mode": "OPEN"}).status_code == 200
    assert from_dev(site, "GET", f"{UC}/models/{model}").status_code == 200


def test_a_read_only_binding_refuses_what_writes(site: Site, dev: dict[str, Any]) -> None:
    model, other = site.model(versions=1), site.model()
    catalog = model.partition(".")[0]
    site.ok("PATCH", f"{UC}/catalogs/{catalog}", {"isolation_mode": "ISOLATED"})
    bind(site, catalog, dev["id"], "READ_ONLY")
    assert from_dev(site, "GET", f"{UC}/models/{model}").status_code == 200
    assert catalog in from_dev(site, "GET", f"{UC}/catalogs").text
    for method, path, fields in (
        ("POST", f"{UC}/schemas", {"name": "fresh", "catalog_name": catalog}),
        ("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": model, "source": "models:/m-1"}),
        ("POST", "/api/2.0/fs/create-upload-url", uploads(site, model)),
        ("POST", f"{DATABRICKS_UC}/registered-models/alias", {"name": model, "alias": "a", "version": "1"}),
        ("POST", f"{DATABRICKS_UC}/registered-models/set-tag", {"name": model, "key": "k", "value": "v"}),
        ("PATCH", f"{UC}/permissions/function/{model}", {"changes": [{"principal": "admin", "add": ["EXECUTE"]}]}),
        ("POST", f"{V1}/models/{other}/versions/1/copy", {"destination": model}),
        ("DELETE", f"{UC}/models/{model}", None),
        ("PATCH", f"{UC}/catalogs/{catalog}", {"owner": "admin"}),
    ):
        answer, words = (
            from_dev(site, method, path, fields),
            f"Catalog '{catalog}' has been designated as read-only in current workspace",
        )
        refused(answer, 403, "PERMISSION_DENIED", words)
    bind(site, catalog, dev["id"], "READ_WRITE")
    assert from_dev(site, "POST", f"{UC}/schemas", {"name": "fresh", "catalog_name": catalog}).status_code == 200


def test_signed_urls_are_of_the_configured_address_and_of_one_workspace(site: Site, dev: dict[str, Any]) -> None:
    model, (user, token) = site.model(versions=1), site.user()
    catalog = model.partition(".")[0]
    site.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL_VERSION")
    assign(site, user)
    url = from_dev(site, "POST", "/api/2.0/fs/create-upload-url", uploads(site, model), token).json()["url"]
    assert url.startswith(f"https://{DEV}/")
    path = "/" + url.split("/", 3)[3]
    refused(site.call("PUT", path, token=""), 403, "PERMISSION_DENIED", "another workspace")

    def put() -> httpx.Response:
        return site.http.put(path, content=b"x", headers={"host": DEV})

    assert put().status_code == 200
    site.ok("PATCH", f"{UC}/catalogs/{catalog}", {"isolation_mode": "ISOLATED"})
    refused(put(), 403, "PERMISSION_DENIED", "not accessible in current workspace")
    bind(site, catalog, dev["id"], "READ_ONLY")
    refused(put(), 403, "PERMISSION_DENIED", "read-only in current workspace")
    bind(site, catalog, dev["id"], "READ_WRITE")
    site.ok("DELETE", f"{V1}/workspaces/dev/assignments/{user}")
    refused(put(), 403, "PERMISSION_DENIED", "no longer assigned")


def test_scim_speaks_with_the_address_that_it_was_asked_by(site: Site, dev: dict[str, Any]) -> None:
    user, _ = site.user(f"u_{uuid.uuid4().hex[:6]}@x.io")
    body = from_dev(site, "GET", "/api/2.0/preview/scim/v2/Users", {"filter": f'userName eq "{user}"'}).json()
    assert body["Resources"][0]["meta"]["location"].startswith(f"https://{DEV}/api/2.0/preview/scim/v2/Users/")


def test_the_account_api_names_another_account_or_nobody(site: Site, dev: dict[str, Any]) -> None:
    account = site.ok("GET", "/.well-known/databricks-config")["account_id"]
    base = f"/api/2.0/accounts/{account}/workspaces"
    refused(site.call("GET", "/api/2.0/accounts/other/workspaces"), 404, "RESOURCE_DOES_NOT_EXIST", "account")
    principal = f"{base}/{dev['id']}/permissionassignments/principals"
    refused(site.call("PUT", f"{principal}/12345", {"permissions": ["USER"]}), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("PUT", f"{principal}/x", {"permissions": ["USER"]}), 400, "INVALID_PARAMETER_VALUE")
    refused(site.call("POST", base, {"workspace_name": "x"}), 400, "INVALID_PARAMETER_VALUE", "deployment_name")
    refused(site.call("PATCH", f"{base}/{dev['id']}", {}), 400, "INVALID_PARAMETER_VALUE", "changes nothing")
    refused(site.call("GET", f"{base}/9"), 404, "RESOURCE_DOES_NOT_EXIST")


def test_who_is_metastore_admin_is_an_account_admins_to_say(site: Site) -> None:
    metastore = site.ok("GET", f"{UC}/metastore_summary")["metastore_id"]
    user, token = site.user()
    path = f"{UC}/metastores/{metastore}"
    assert site.ok("PATCH", path, {"owner": user})["owner"] == user
    refused(site.call("PATCH", path, {"new_name": "home"}), 403, "PERMISSION_DENIED")
    assert site.call("POST", f"{UC}/catalogs", {"name": f"c_{uuid.uuid4().hex[:8]}"}, token=token).status_code == 200
    assert site.ok("PATCH", path, {"owner": "admins"})["owner"] == "admins"
    refused(site.call("PATCH", path, {"owner": user}, token=token), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    "extra",
    [
        {"aws_region": "eu-west-1", "compute_mode": "SERVERLESS", "is_no_public_ip_enabled": True},
        {"location": "europe-west1", "cloud": "gcp", "is_no_public_ip_enabled": True},
        {"aws_region": "eu-west-1", "credentials_id": "c", "storage_configuration_id": "s", "network_id": "n"},
        {"custom_tags": {"team": "ml"}, "compute_mode": "SERVERLESS"},
    ],
    ids=["serverless", "google", "aws", "tags"],
)
def test_terraform_makes_a_workspace_and_keeps_it(site: Site, extra: dict[str, Any]) -> None:
    """databricks_mws_workspaces: what it sends, and reads until it is RUNNING. A field that it did not send and that forces a new
    workspace, as `location` does, would make its next plan destroy this one."""
    word = uuid.uuid4().hex[:8]
    base = f"/api/2.0/accounts/{site.ok('GET', '/.well-known/databricks-config')['account_id']}/workspaces"
    sent = {"workspace_name": f"tf-{word}", "deployment_name": f"{word}.registry.example.com", **extra}
    path = f"{base}/{site.ok('POST', base, sent)['workspace_id']}"
    for _ in range(2):
        read = site.ok("GET", path)
        assert (read["workspace_status"], read["workspace_name"]) == ("RUNNING", sent["workspace_name"])
        assert read["deployment_name"] == sent["deployment_name"]
        assert not {"location", "aws_region", "compute_mode", "pricing_tier", "network_id"} & set(read)
    site.ok("DELETE", path)
    assert site.call("GET", path).status_code == 404
