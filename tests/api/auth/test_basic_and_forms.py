"""HTTP Basic with a token as the password, and JSON bodies that `curl -d` declares to be forms."""

import base64
import json
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api.serving import DATABRICKS_UC, UC, V1, WAREHOUSE_ID, Site, one_minute, refused, running_site, site

__all__ = ["one_minute", "site"]
ME = "/api/2.0/preview/scim/v2/Me"
FORM = "application/x-www-form-urlencoded"
SQL = {"statement": "SHOW CATALOGS", "warehouse_id": WAREHOUSE_ID}
READS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", f"{UC}/catalogs", None),
    ("GET", f"{DATABRICKS_UC}/registered-models/search", {}),
    ("GET", "/api/2.0/mlflow/registered-models/search", {}),
    ("GET", ME, None),
    ("GET", f"{V1}/me", None),
    ("POST", "/api/2.0/sql/statements", SQL),
]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def sent(site: Site, authorization: str, method: str, path: str, fields: Any = None, **headers: str) -> httpx.Response:
    extra = {"params" if method == "GET" else "json": fields} if fields is not None else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.http.request(method, path, headers={"authorization": authorization, **named}, **extra)


# --- HTTP Basic ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path", "fields"), READS, ids=[path for _, path, _ in READS])
@pytest.mark.parametrize("user", ["token", "", "admin", "Jürgen", "a b", "X" * 300])
def test_a_token_is_the_password_of_any_user_name(site: Site, method: str, path: str, fields: Any, user: str) -> None:
    answer = sent(site, basic(user, site.admin), method, path, fields)
    assert answer.status_code == 200, answer.text


def test_the_token_says_who_calls_and_not_the_user_name(site: Site) -> None:
    name, token = site.user()
    for user in ("admin", name, "token"):
        assert sent(site, basic(user, token), "GET", ME).json()["userName"] == name
        refused(sent(site, basic(user, token), "POST", f"{V1}/users", {"name": "x"}), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc"])
def test_the_scheme_has_no_case(site: Site, scheme: str) -> None:
    assert sent(site, basic("token", site.admin).replace("Basic", scheme), "GET", ME).status_code == 200


def test_what_is_no_token_is_one_clear_401_without_a_dialog(site: Site) -> None:
    def b64(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    session = site.session().partition("=")[2]
    wrong = [
        "Basic",
        "Basic =",
        "Basic !!!",
        f"Basic {site.admin}",
        f"Basic {b64(site.admin)}",
        f"Basic {b64(site.admin + ':')}",
        basic("admin", "password1234"),
        basic("admin", ""),
        basic("", ""),
        basic("token", site.admin + " "),
        basic("token", f":{site.admin}"),
        basic("token", session),
        basic("token", f"Bearer {site.admin}"),
        basic("admin", "\0"),
        basic("a", "x" * 20_000),
        f"Basic {'A' * 5}",
    ]
    for authorization in wrong:
        for method, path, fields in READS:
            answer = sent(site, authorization, method, path, fields)
            refused(answer, 401, "UNAUTHENTICATED", "token")
            assert answer.headers["www-authenticate"] == 'Bearer realm="modelkeep"'


def test_no_answer_of_the_server_asks_for_basic(site: Site) -> None:
    """But the token endpoint, and that of a client which has sent Basic (RFC 6749, 5.2): no browser's page does."""
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
    for answer in (
        site.http.get(ME),
        site.http.get("/api/x"),
        site.http.get(f"{UC}/catalogs", headers={"accept": "text/html"}),
        site.http.post("/login", data={"token": "x"}, headers={"origin": site.host}),
        site.http.post("/oidc/v1/token", data=form),
        site.http.get("/docs/x"),
        sent(site, "Digest x", "GET", ME),
        sent(site, basic("x", "y"), "GET", ME),
    ):
        assert not answer.headers.get("www-authenticate", "").lower().startswith("basic")
    reply = site.http.post("/oidc/v1/token", data={"grant_type": "client_credentials"}, auth=("x", "y"))
    assert reply.headers["www-authenticate"].startswith("Basic")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("strict"), unknown_tokens_per_minute=3) as running:
        yield running


@pytest.mark.usefixtures("one_minute")
def test_wrong_passwords_count_like_wrong_tokens(strict: Site) -> None:
    messages = [sent(strict, basic("admin", f"mk_{number}"), "GET", ME).text for number in (1, 1, 1, 1, 1)]
    assert ["Too many unknown tokens" in message for message in messages] == [False, False, False, True, True]
    assert "Too many unknown tokens" in sent(strict, "Bearer mk_1", "GET", ME).text
    assert sent(strict, basic("admin", strict.admin), "GET", ME).status_code == 200


def test_pages_of_other_sites_change_nothing_with_a_remembered_password(site: Site) -> None:
    """A browser repeats what stood in `https://user:token@host`, whatever page makes the request."""
    authorization = basic("token", site.admin)
    foreign = (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": site.host, "sec_fetch_site": "cross-site"},
    )
    for headers in foreign:
        catalog = f"c_{uuid.uuid4().hex[:8]}"
        refused(
            sent(site, authorization, "POST", f"{UC}/catalogs", {"name": catalog}, **headers),
            403,
            "PERMISSION_DENIED",
            "another site",
        )
        assert site.call("GET", f"{UC}/catalogs/{catalog}").status_code == 404
    own = {"origin": site.host, "sec_fetch_site": "same-origin"}
    assert sent(site, authorization, "POST", f"{UC}/catalogs", {"name": catalog}, **own).status_code == 200
    assert sent(site, authorization, "POST", "/api/2.0/token/create", {}).status_code == 200


# --- bodies of `curl -d` ---------------------------------------------------------------------------------------------


def bodies(site: Site) -> list[tuple[str, str, dict[str, Any]]]:
    fresh = f"n_{uuid.uuid4().hex[:8]}"
    return [
        ("POST", f"{UC}/catalogs", {"name": fresh}),
        ("POST", f"{V1}/users", {"name": fresh}),
        ("POST", "/api/2.0/preview/scim/v2/Groups", {"displayName": f"{fresh}g"}),
        ("POST", "/api/2.0/token/create", {"comment": fresh}),
        ("PATCH", f"{UC}/permissions/catalog/{fresh}", {"changes": [{"principal": "admin", "add": ["USE_CATALOG"]}]}),
        ("POST", "/api/2.0/mlflow/registered-models/create", {"name": fresh}),
        ("POST", "/api/2.0/sql/statements", SQL),
    ]


@pytest.mark.parametrize("kind", ["", FORM, f"{FORM}; charset=utf-8", FORM.upper()])
@pytest.mark.parametrize("origin", ["", "own"])
def test_a_bearer_token_sends_json_as_a_form_or_as_nothing(site: Site, kind: str, origin: str) -> None:
    headers = {"authorization": f"Bearer {site.admin}", "content-type": kind} | (
        {"origin": site.host} if origin else {}
    )
    if not kind:
        headers.pop("content-type")
    for method, path, fields in bodies(site):
        answer = site.http.request(method, path, content=json.dumps(fields), headers=headers)
        assert answer.status_code in (200, 201), (path, answer.text)


@pytest.mark.parametrize("kind", ["", FORM, "text/plain", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("how", ["basic", "cookie", "bearer of another origin"])
def test_nothing_that_a_foreign_page_can_send_is_read(site: Site, kind: str, how: str) -> None:
    """A page sends forms, and bodies without a type, across sites without asking first."""
    headers = {
        "basic": {"authorization": basic("token", site.admin)},
        "cookie": {"cookie": site.session(), "origin": site.host},
        "bearer of another origin": {"authorization": f"Bearer {site.admin}", "origin": "http://evil.example"},
    }[how] | ({"content-type": kind} if kind else {})
    for method, path, fields in bodies(site):
        answer = site.http.request(method, path, content=json.dumps(fields), headers=headers)
        detail = answer.json().get("detail") or answer.json()["message"]
        assert (answer.status_code, "application/json" in detail) == (400, True), (path, answer.text)


def test_forms_are_no_json(site: Site) -> None:
    answer = site.call("POST", f"{UC}/catalogs", content="name=x&comment=y", headers={"content-type": FORM})
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "not JSON")
    text = site.call("POST", f"{UC}/catalogs", content='{"name": "x"}', headers={"content-type": "text/plain"})
    refused(text, 400, "INVALID_PARAMETER_VALUE", "application/json")


# --- real clients ----------------------------------------------------------------------------------------------------


def test_curl(site: Site, tmp_path: Any) -> None:
    def curl(*arguments: str) -> dict[str, Any]:
        return json.loads(
            subprocess.run(["curl", "-sS", *arguments], capture_output=True, check=True, timeout=20).stdout
        )

    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login token password {site.admin}\n")
    netrc.chmod(0o600)
    assert curl("-u", f"token:{site.admin}", f"{site.host}{ME}")["userName"] == "admin"
    assert curl("--netrc-file", str(netrc), f"{site.host}{ME}")["userName"] == "admin"
    name = f"c_{uuid.uuid4().hex[:8]}"
    body, signed = json.dumps({"name": name}), f"Authorization: Bearer {site.admin}"
    assert curl("-H", signed, "-d", body, f"{site.host}{UC}/catalogs")["name"] == name
    assert "application/json" in curl("-u", f"token:{site.admin}", "-d", body, f"{site.host}{UC}/catalogs")["message"]
