"""Signing in at a real OpenID provider, in a real browser."""

import base64
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from api.serving import V1, Site, running_site
from live import free_port
from playwright.sync_api import Browser, Page, expect, sync_playwright
from provider import CLIENT, MISSING, running_provider

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
pytestmark = [
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}: set CHROMIUM"),
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ME = "/api/2.0/preview/scim/v2/Me"
GROUPS = '{"ml": "scientists", "boss": "bosses", "everyone": "readers"}'
PEOPLE: dict[str, dict[str, Any]] = {
    "s-ada": {"email": "ada@x.io", "email_verified": True, "name": "Ada", "groups": ["ml", "boss", "admins", "locals"]},
    "s-eve": {"email": "ada@x.io", "email_verified": True, "name": "Not Ada"},
    "s-bob": {"email": "admin", "email_verified": False, "name": "Bob"},
    "admin": {},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    port = free_port()
    with running_provider(f"http://127.0.0.1:{port}/login/callback", PEOPLE) as issuer:
        settings: dict[str, Any] = {
            "oidc_issuer": issuer,
            "oidc_client_id": CLIENT["client_id"],
            "oidc_client_secret": CLIENT["client_secret"],
            "oidc_name": "Example & Co",
            "oidc_groups_claim": "groups",
            "oidc_groups": GROUPS,
        }
        with running_site(tmp_path_factory.mktemp("site"), port=port, **settings) as running:
            for group in ("scientists", "readers", "locals"):
                running.ok("POST", f"{V1}/groups", {"name": group})
            running.ok("POST", f"{V1}/groups", {"name": "bosses", "account_admin": True})
            yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def sign_in(site: Site, page: Page, who: str) -> None:
    """From a page of this server that asks for it, and back to that one."""
    page.goto(f"{site.host}{ME}")
    page.get_by_role("link", name="Sign in with Example & Co").click()
    page.get_by_placeholder("Enter any login").fill(who)
    page.get_by_placeholder("and password").fill("x")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_a_user_is_made_at_the_first_sign_in_and_ends_at_once(site: Site, page: Page) -> None:
    sign_in(site, page, "s-ada")
    page.wait_for_url(f"{site.host}{ME}")
    expect(page.get_by_text('"userName":"ada@x.io"')).to_be_visible()
    session = next(c for c in page.context.cookies() if c["name"] == "modelkeep_session")
    assert (session["httpOnly"], session["sameSite"]) == (True, "Lax")
    sent = [
        c["name"] for c in page.context.cookies(f"{site.host}/login/callback")
    ]  # the provider's, too: ports share them
    assert [name for name in sent if name.startswith("modelkeep")] == ["modelkeep_session"]

    def groups() -> set[str]:
        users = site.ok("GET", "/api/2.0/preview/scim/v2/Users", {"filter": 'userName eq "ada@x.io"'})
        return {group["display"] for group in users["Resources"][0]["groups"]}

    assert groups() == {"account users", "scientists"}, (
        "a mapped group, and neither an admin's nor one of the same name"
    )
    site.ok("PUT", f"{V1}/groups/readers/members/ada@x.io")
    site.ok("PATCH", f"{V1}/users/ada@x.io", {"active": False})
    page.goto(f"{site.host}{ME}")
    expect(page.get_by_role("heading", name="Sign in to Modelkeep")).to_be_visible()
    page.get_by_role("link", name="Sign in with Example & Co").click()
    expect(page.get_by_role("alert")).to_contain_text("deactivated")
    site.ok("PATCH", f"{V1}/users/ada@x.io", {"active": True})
    page.goto(f"{site.host}{ME}")
    expect(page.get_by_text('"userName":"ada@x.io"')).to_be_visible()
    page.goto(f"{site.host}/login")
    page.get_by_role("link", name="Sign in with Example & Co").click()
    page.wait_for_url(f"{site.host}/**")
    assert groups() == {"account users", "scientists"}, "the provider's groups hold whom the claim says"
    cookie = next(c for c in page.context.cookies() if c["name"] == "modelkeep_session")
    page.goto("about:blank")  # Catalog Explorer would go to the sign-in page by itself, in the midst of what follows
    assert page.request.post(f"{site.host}/logout", headers={"origin": site.host}).status == 200
    assert not [c for c in page.context.cookies() if c["name"] == "modelkeep_session"]
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    page.goto(f"{site.host}{ME}")
    expect(page.get_by_role("heading", name="Sign in to Modelkeep")).to_be_visible()


def test_the_same_address_is_not_the_same_person(site: Site, page: Page) -> None:
    site.user("ada@x.io") if not known(site, "ada@x.io") else None
    sign_in(site, page, "s-eve")
    expect(page.get_by_role("alert")).to_contain_text("'ada@x.io' is somebody here already")
    assert not [c for c in page.context.cookies() if c["name"] == "modelkeep_session"]
    link = {"issuer": site.settings.oidc_issuer, "subject": "s-eve"}
    site.user("eve@x.io")
    site.ok("POST", f"{V1}/users/eve@x.io/identities", link)
    page.get_by_role("link", name="Sign in with Example & Co").click()
    page.wait_for_url(f"{site.host}/explore")
    page.goto(f"{site.host}{ME}")
    expect(page.get_by_text('"userName":"eve@x.io"')).to_be_visible()
    assert site.call("DELETE", f"{V1}/users/eve@x.io/identities", link).status_code == 200
    page.goto(f"{site.host}{ME}")
    expect(page.get_by_role("heading", name="Sign in to Modelkeep")).to_be_visible()


def known(site: Site, name: str) -> bool:
    return bool(site.ok("GET", "/api/2.0/preview/scim/v2/Users", {"filter": f'userName eq "{name}"'})["totalResults"])


def test_no_name_makes_an_admin(site: Site, page: Page) -> None:
    """Neither an address that nobody has verified, nor a subject that the provider lets people choose."""
    sign_in(site, page, "s-bob")
    expect(page.get_by_text('"userName":"s-bob"')).to_be_visible()
    page.context.clear_cookies()
    sign_in(site, page, "admin")
    expect(page.get_by_role("alert")).to_contain_text("'admin' is somebody here already")


def test_the_token_form_is_still_there(site: Site, page: Page) -> None:
    _, token = site.user()
    page.goto(f"{site.host}/login?next={ME}")
    page.get_by_text("Sign in with an access token").click()
    page.get_by_label("Access token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.host}{ME}")
    if folder := os.environ.get("SCREENSHOTS"):
        page.goto(f"{site.host}/login")
        page.screenshot(path=f"{folder}/login.png")


class Callback(BaseHTTPRequestHandler):
    """Where a tool on the person's computer waits for the browser."""

    answers: ClassVar[list[dict[str, list[str]]]] = []

    def do_GET(self) -> None:
        query = urlsplit(self.path).query
        if query:
            self.answers.append(parse_qs(query))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"You can close this tab.")

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.mark.parametrize("decision", ["Allow", "Deny"])
def test_a_tool_gets_its_token_through_the_provider_and_consent(site: Site, page: Page, decision: str) -> None:
    """The page's policy lets its form lead to the tool's address: only a real browser enforces that over the redirect."""
    Callback.answers.clear()
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    with ThreadingHTTPServer(("localhost", 0), Callback) as tool:
        threading.Thread(target=tool.serve_forever, daemon=True).start()
        redirect = f"http://localhost:{tool.server_port}"
        query = {
            "response_type": "code",
            "client_id": "databricks-cli",
            "redirect_uri": redirect,
            "scope": "all-apis offline_access",
            "state": "a&b",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        sign_in(site, page, "s-ada")
        page.wait_for_url(f"{site.host}{ME}")
        page.goto(f"{site.host}/oidc/v1/authorize?{urlencode(query)}")
        expect(page.get_by_role("heading", name="Let databricks-cli act for you?")).to_be_visible()
        page.get_by_role("button", name=decision).click()
        expect(page.get_by_text("You can close this tab.")).to_be_visible()
        tool.shutdown()
    answer = {name: values[0] for name, values in Callback.answers[0].items()}
    assert answer["state"] == "a&b"
    if decision == "Deny":
        assert answer["error"] == "access_denied"
        return
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "client_id": "databricks-cli",
        "redirect_uri": redirect,
        "code_verifier": verifier,
    }
    tokens = site.http.post("/oidc/v1/token", data=form).json()
    assert site.ok("GET", ME, token=tokens["access_token"])["displayName"] == "Ada"
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "databricks-cli"}
    assert site.http.post("/oidc/v1/token", data=again).status_code == 200
