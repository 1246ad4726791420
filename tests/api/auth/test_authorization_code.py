"""`databricks auth login`: authorization codes with PKCE, consent in the browser, refresh tokens, and what each must not do."""

import base64
import hashlib
import html
import re
import secrets
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from api.serving import V1, Site, site
from databricks.sdk import oauth as sdk_oauth
from databricks.sdk.config import Config
from live import free_port

from modelkeep.core import tool_sign_in

__all__ = ["site"]
ME = "/api/2.0/preview/scim/v2/Me"
REDIRECT = "http://localhost:8020"
TOKEN = "/oidc/v1/token"


class Tool:
    """A command line on somebody's computer, and the browser that it opens there."""

    def __init__(self, site: Site, token: str = "", **fields: str | None) -> None:
        self.site = site
        self.name, self.token = ("", token) if token else site.user()
        self.cookie = site.session(self.token)
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        request: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "databricks-cli",
            "redirect_uri": REDIRECT,
            "scope": "offline_access all-apis",
            "state": secrets.token_urlsafe(16),
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        self.request = {name: value for name, value in {**request, **fields}.items() if value is not None}
        self.path = "/oidc/v1/authorize"

    def asks(self, cookie: str | None = None, **headers: str) -> httpx.Response:
        cookie = self.cookie if cookie is None else cookie
        return self.site.http.get(f"{self.path}?{urlencode(self.request)}", headers={"cookie": cookie, **headers})

    def decides(self, decision: str = "allow", **headers: str | None) -> httpx.Response:
        sent = {"cookie": self.cookie, "origin": self.site.host, "sec-fetch-site": "same-origin", **headers}
        result = {name.replace("_", "-"): value for name, value in sent.items() if value is not None}
        return self.site.http.post(self.path, data={**self.request, "decision": decision}, headers=result)

    def code(self) -> str:
        return answered(self.decides())["code"]

    def trades(self, code: str, **fields: str | None) -> httpx.Response:
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.request["client_id"],
            "redirect_uri": self.request["redirect_uri"],
            "code_verifier": self.verifier,
        }
        return self.posts({**form, **fields})

    def refreshes(self, refresh_token: str, **fields: str | None) -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": self.request["client_id"]}
        return self.posts({**form, **fields})

    def posts(self, form: dict[str, Any]) -> httpx.Response:
        return self.site.http.post(TOKEN, data={name: value for name, value in form.items() if value is not None})

    def tokens(self) -> dict[str, Any]:
        answer = self.trades(self.code())
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
        return answer.json()

    def works(self, token: str) -> bool:
        return self.site.call("GET", ME, token=token).status_code == 200


def answered(answer: httpx.Response) -> dict[str, str]:
    """What the client is told, at its own address."""
    assert answer.status_code == 303, answer.text
    target = urlsplit(answer.headers["location"])
    assert target.hostname in ("localhost", "127.0.0.1", "::1"), answer.headers["location"]
    return {name: values[0] for name, values in parse_qs(target.query, strict_parsing=True).items()}


def refused(answer: httpx.Response, error: str = "invalid_grant") -> str:
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text
    assert "www-authenticate" not in answer.headers
    return answer.json()["error_description"]


# --- the way that clients go -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("of_account", [False, True])
def test_from_the_metadata_to_a_token_and_its_successors(site: Site, of_account: bool) -> None:
    account = site.ok("GET", "/.well-known/databricks-config")["account_id"]
    base = f"/oidc/accounts/{account}" if of_account else "/oidc"
    body = site.http.get(f"{base}/.well-known/oauth-authorization-server").json()
    assert {"authorization_code", "refresh_token"} <= set(body["grant_types_supported"])
    assert (body["response_types_supported"], body["code_challenge_methods_supported"]) == (["code"], ["S256"])
    tool = Tool(site)
    tool.path = body["authorization_endpoint"].removeprefix(site.host)
    page = tool.asks()
    assert (page.status_code, tool.name in page.text, "databricks-cli" in page.text) == (200, True, True)
    decided = answered(tool.decides())
    assert (decided["state"], decided["iss"]) == (tool.request["state"], body["issuer"])
    first = site.http.post(
        body["token_endpoint"],
        data={
            "grant_type": "authorization_code",
            "code": decided["code"],
            "client_id": "databricks-cli",
            "redirect_uri": REDIRECT,
            "code_verifier": tool.verifier,
        },
    ).json()
    assert (first["token_type"], first["expires_in"]) == ("Bearer", 3600)
    assert site.ok("GET", ME, token=first["access_token"])["userName"] == tool.name
    second = tool.refreshes(first["refresh_token"]).json()
    third = tool.refreshes(second["refresh_token"]).json()
    assert (
        len({t["refresh_token"] for t in (first, second, third)} | {t["access_token"] for t in (first, second, third)})
        == 6
    )
    assert all(tool.works(t["access_token"]) for t in (first, second, third))


def browse(site: Site, token: str, url: str) -> None:
    """A person without a session: sees the sign-in page, signs in with a token, reads the consent, allows."""
    with httpx.Client(follow_redirects=True, timeout=20) as browser:
        page = browser.get(url)
        assert page.url.path == "/login"
        following = re.search(r'name="next" value="([^"]*)"', page.text)
        assert following is not None
        page = browser.post(
            f"{site.host}/login",
            data={"token": token, "next": html.unescape(following[1])},
            headers={"origin": site.host},
        )
        assert "act for you" in page.text, page.text
        fields = {
            name: html.unescape(value)
            for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        }
        done = browser.post(
            str(page.url.copy_with(query=None)), data={**fields, "decision": "allow"}, headers={"origin": site.host}
        )
        assert "close this tab" in done.text, done.text


def test_the_sdks_own_flow_with_a_browser(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    name, token = site.user()
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/dev/null")
    config = Config(host=site.host, token="x")
    endpoints = config.databricks_oidc_endpoints
    assert endpoints is not None
    redirect = f"http://localhost:{free_port()}"
    client = sdk_oauth.OAuthClient(endpoints, redirect, "databricks-cli", ["all-apis", "offline_access"])
    browsers: list[threading.Thread] = []

    def opened(url: str) -> bool:
        browsers.append(threading.Thread(target=browse, args=(site, token, url), daemon=True))
        browsers[-1].start()
        return True

    monkeypatch.setattr("webbrowser.open_new", opened)
    credentials = client.initiate_consent().launch_external_browser()
    browsers[0].join(20)
    assert site.ok("GET", ME, token=credentials.token().access_token)["userName"] == name
    refreshed = credentials.refresh()
    assert site.ok("GET", ME, token=refreshed.access_token)["userName"] == name
    assert refreshed.refresh_token != credentials.token().refresh_token


def test_without_offline_access_there_is_no_refresh_token(site: Site) -> None:
    for scope in ("all-apis", None):
        tool = Tool(site, scope=scope)
        tokens = tool.tokens()
        assert ("refresh_token" in tokens, tokens["scope"], tool.works(tokens["access_token"])) == (
            False,
            "all-apis",
            True,
        )


@pytest.mark.parametrize(
    "redirect",
    [
        "http://localhost:8020",
        "http://localhost:8021/",
        "http://127.0.0.1:1/callback",
        "http://[::1]:65535/a/b",
        "http://localhost",
    ],
)
def test_each_address_of_the_persons_own_computer(site: Site, redirect: str) -> None:
    tool = Tool(site, redirect_uri=redirect)
    location = tool.decides().headers["location"]
    assert location.startswith(f"{redirect}{'' if urlsplit(redirect).path else '/'}?")
    assert tool.works(tool.tokens()["access_token"])


def test_a_person_without_a_session_signs_in_first(site: Site) -> None:
    tool = Tool(site)
    for cookie in ("", "modelkeep_session=x", f"modelkeep_session={tool.token}"):
        answer = tool.asks(cookie)
        assert (answer.status_code, answer.headers["location"].partition("=")[0]) == (303, "/login?next")
        following = parse_qs(urlsplit(answer.headers["location"]).query)["next"][0]
        assert parse_qs(urlsplit(following).query) == {name: [value] for name, value in tool.request.items()}
    # What a tool sends is no sign-in here: a person must look at the page.
    signed = site.http.get(f"{tool.path}?{urlencode(tool.request)}", headers={"authorization": f"Bearer {tool.token}"})
    assert signed.headers["location"].startswith("/login?next=")


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"redirect_uri": uri}
        for uri in (
            None,
            "",
            "https://evil.example",
            "http://evil.example:8020",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "http://localhost:8020@evil.example",
            "https://localhost:8020",
            "http://localhost:8020#x",
            "http://localhost:8020/?x=1",
            "http://localhost:8020\\@evil.example",
            "http://localhost:99999",
            "http://localhost:0",
            "http://127.0.0.1.evil.example",
            "http://2130706433",
            "http://localhost:8020//evil.example/\r\nx",
            "javascript:alert(1)",
            "http://LOCALHOST:8020",
            "http://127.1:8020",
            "//localhost:8020",
            "http://localhost:8020/%0d%0a",
            "http://[::1]evil:80",
            "http://localhost:",
            "http://localhost:8020/" + "a" * 300,
        )
    ]
    + [{"client_id": id} for id in (None, "", "<script>", "a" * 101, "a b", "é")]
    + [{"state": "x" * 1_001}],
    ids=str,
)
def test_nothing_is_sent_to_an_address_or_a_client_that_is_not_right(site: Site, fields: dict[str, str | None]) -> None:
    tool = Tool(site, **fields)
    for answer in (tool.asks(), tool.asks(""), tool.decides(), tool.decides("deny")):
        assert (answer.status_code, "location" in answer.headers) == (400, False), answer.text
        assert answer.headers["content-type"].startswith("text/html")
        assert "<script" not in answer.text


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "=" * 43}, "invalid_request"),
        ({"scope": "all-apis sql"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"assume_group": "1"}, "invalid_scope"),
        ({"authorization_details": "[]"}, "invalid_scope"),
    ],
)
def test_other_faults_are_told_to_the_client(site: Site, fields: dict[str, str | None], error: str) -> None:
    tool = Tool(site, **fields)
    for answer in (tool.asks(), tool.decides()):
        reply = answered(answer)
        assert (reply["error"], reply["state"], "code" in reply) == (error, tool.request["state"], False)
        assert reply["error_description"].endswith((".", ")"))


def test_a_person_may_say_no(site: Site) -> None:
    answer = answered(Tool(site).decides("deny"))
    assert (answer["error"], "code" in answer) == ("access_denied", False)
    assert Tool(site).decides("perhaps").status_code == 400


def test_no_page_of_another_site_can_allow_anything(site: Site) -> None:
    tool = Tool(site)
    page = tool.asks()
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert f"form-action 'self' {REDIRECT}" in policy
    assert (page.headers["x-frame-options"], page.headers["cache-control"]) == ("DENY", "no-store")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": None},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": REDIRECT},
        {"origin": None, "authorization": f"Bearer {tool.token}"},
    ):
        answer = tool.decides(**headers)
        assert (answer.status_code, "location" in answer.headers) == (403, False), headers
    # A form in the query, a GET: nothing is decided by these.
    assert (
        "act for you"
        in site.http.get(
            f"{tool.path}?{urlencode({**tool.request, 'decision': 'allow'})}", headers={"cookie": tool.cookie}
        ).text
    )
    assert tool.decides(cookie="modelkeep_session=x").headers["location"].startswith("/login?next=")


@pytest.mark.parametrize("state", ['"><script>alert(1)</script>', "a&b=c#d", "\x00", "é", "x" * 1_000])
def test_a_state_comes_back_as_it_was_and_never_into_the_page(site: Site, state: str) -> None:
    tool = Tool(site, state=state)
    assert "<script>" not in tool.asks().text
    assert answered(tool.decides())["state"] == state


def test_fields_given_twice_and_long_requests(site: Site) -> None:
    tool = Tool(site)
    for item in (
        "&client_id=other",
        f"&redirect_uri={REDIRECT}",
        "&x=" + "y" * 5_000,
        "&" + "&".join(f"a{i}=1" for i in range(40)),
        "&x=%ff",
    ):
        answer = site.http.get(f"{tool.path}?{urlencode(tool.request)}{item}", headers={"cookie": tool.cookie})
        assert (answer.status_code, "location" in answer.headers) == (400, False), item[:30]


def test_another_account_is_not_known(site: Site) -> None:
    tool = Tool(site)
    tool.path = f"/oidc/accounts/{uuid.uuid4()}/v1/authorize"
    assert (tool.asks().status_code, tool.decides().status_code) == (404, 404)


# --- codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": None},
        {"code_verifier": "short"},
        {"code_verifier": "é" * 43},
        {"client_id": "another"},
        {"redirect_uri": "http://localhost:8021"},
        {"redirect_uri": None},
        {"redirect_uri": "http://localhost:8020/"},
    ],
    ids=str,
)
def test_a_code_is_for_its_client_address_and_verifier_alone(site: Site, fields: dict[str, str | None]) -> None:
    tool = Tool(site)
    code = tool.code()
    refused(tool.trades(code, **fields))
    refused(tool.trades(code)), "it was used"


def test_strange_requests_for_tokens(site: Site) -> None:
    tool = Tool(site)
    for code in ("", "x", "mkc_x", "'; --", "x" * 10_000):
        refused(tool.trades(code))
    code = tool.code()
    refused(tool.trades(code, client_id=None), "invalid_request")
    refused(tool.trades(code, client_secret="x"), "invalid_request")
    refused(tool.trades(code, scope="sql"), "invalid_scope")
    assert tool.works(tool.trades(code, scope="all-apis offline_access").json()["access_token"])
    for secret in (code, tool.verifier):
        assert not tool.works(secret)


def test_a_code_is_good_for_one_use_also_at_the_same_moment(site: Site) -> None:
    tool = Tool(site)
    for _ in range(3):
        code = tool.code()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _, code=code: tool.trades(code), range(8)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] + [400] * 7


def test_a_second_use_of_a_code_ends_what_came_from_the_first(site: Site) -> None:
    for scope in ("all-apis", "all-apis offline_access"):
        tool = Tool(site, scope=scope)
        code = tool.code()
        body = tool.trades(code).json()
        assert tool.works(body["access_token"])
        refused(tool.trades(code))
        assert not tool.works(body["access_token"])
        if "refresh_token" in body:
            refused(tool.refreshes(body["refresh_token"]))


def test_a_code_lives_a_minute(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_sign_in, "CODE_MS", -1)
    tool = Tool(site)
    refused(tool.trades(tool.code()))


def test_one_session_has_so_many_codes_at_a_time(site: Site) -> None:
    tool = Tool(site)
    for _ in range(tool_sign_in.AUTHORIZATION_CODES_PER_SESSION):
        tool.code()
    answer = tool.decides()
    assert (answer.status_code, "too many" in answer.text) == (400, True)


# --- refresh tokens --------------------------------------------------------------------------------------------------


def test_a_refresh_token_calls_nothing_and_is_its_clients(site: Site) -> None:
    tool = Tool(site)
    tokens = tool.tokens()
    refresh = tokens["refresh_token"]
    assert not tool.works(refresh)
    assert refused(tool.refreshes(refresh, client_id="another")) == "Refresh token is invalid"
    for wrong in ("", "x", tokens["access_token"], tool.token, site.admin, refresh[:-1]):
        assert refused(tool.refreshes(wrong)) == "Refresh token is invalid"
    assert tool.works(tool.refreshes(refresh).json()["access_token"])


def test_a_second_use_of_a_refresh_token_ends_all_that_came_from_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = Tool(site)
    first = tool.tokens()
    second = tool.refreshes(first["refresh_token"]).json()
    # At the same moment it is a race of two processes, which lose nothing.
    refused(tool.refreshes(first["refresh_token"]))
    assert tool.works(second["access_token"])
    monkeypatch.setattr(tool_sign_in, "REUSE_MS", -1)
    refused(tool.refreshes(first["refresh_token"], client_id="another"))
    assert tool.works(second["access_token"])
    refused(tool.refreshes(first["refresh_token"]))
    assert not tool.works(first["access_token"])
    assert not tool.works(second["access_token"])
    refused(tool.refreshes(second["refresh_token"]))


def test_refreshing_at_the_same_moment_succeeds_once(site: Site) -> None:
    tool = Tool(site)
    refresh = tool.tokens()["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: tool.refreshes(refresh), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7


# --- what a token of a tool stands on --------------------------------------------------------------------------------


def own_tokens(site: Site, token: str) -> list[dict[str, Any]]:
    return site.ok("GET", f"{V1}/tokens", token=token)["tokens"]


def test_it_ends_with_the_token_that_the_person_signed_in_with_and_not_with_the_session(site: Site) -> None:
    tool = Tool(site)
    tokens = tool.tokens()
    out = site.http.post("/logout", headers={"cookie": tool.cookie, "origin": site.host})
    assert out.status_code == 303
    assert tool.works(tokens["access_token"])
    tokens = tool.refreshes(tokens["refresh_token"]).json()
    personal = next(
        own_token["token_id"] for own_token in own_tokens(site, tool.token) if own_token["kind"] == "PERSONAL"
    )
    site.ok("DELETE", f"{V1}/tokens/{personal}")
    assert not tool.works(tokens["access_token"])
    refused(tool.refreshes(tokens["refresh_token"]))


def test_a_code_ends_with_its_session(site: Site) -> None:
    tool = Tool(site)
    code = tool.code()
    site.http.post("/logout", headers={"cookie": tool.cookie, "origin": site.host})
    refused(tool.trades(code))


def test_a_deactivated_person_has_nothing_left(site: Site) -> None:
    tool = Tool(site)
    tokens, code = tool.tokens(), tool.code()
    site.ok("PATCH", f"{V1}/users/{tool.name}", {"active": False})
    assert not tool.works(tokens["access_token"])
    refused(tool.refreshes(tokens["refresh_token"]))
    refused(tool.trades(code))


def test_the_person_sees_it_and_may_revoke_it(site: Site) -> None:
    tool = Tool(site)
    tokens = tool.tokens()
    listed = [
        own_token for own_token in own_tokens(site, tool.token) if own_token["comment"] == "OAuth: databricks-cli"
    ]
    assert {row["kind"] for row in listed} == {"ACCESS"}
    grant = max(listed, key=lambda item: item["expiry_time"])
    minted = site.ok("POST", f"{V1}/tokens", {}, token=tokens["access_token"])["token_value"]
    assert tool.works(minted)
    site.ok("DELETE", f"{V1}/tokens/{grant['token_id']}", token=tool.token)
    assert [tool.works(item) for item in (tokens["access_token"], minted)] == [False, False]
    refused(tool.refreshes(tokens["refresh_token"]))


def test_all_from_one_origin_are_revoked_together(site: Site) -> None:
    tool = Tool(site)
    tools = [tool.tokens() for _ in range(2)]
    personal = next(
        own_token["token_id"] for own_token in own_tokens(site, tool.token) if own_token["kind"] == "PERSONAL"
    )
    assert site.ok("DELETE", f"{V1}/token-origins/{personal}", token=tool.token)["revoked"] >= 4
    assert not any(tool.works(row["access_token"]) for row in tools)
    assert tool.works(tool.token)
    for row in tools:
        refused(tool.refreshes(row["refresh_token"]))


def test_it_lives_no_longer_than_what_it_stands_on(site: Site) -> None:
    _, token = site.user()
    short = site.ok("POST", f"{V1}/tokens", {"lifetime_seconds": 120}, token=token)["token_value"]
    tool = Tool(site, short)
    tokens = tool.tokens()
    assert 60 < tokens["expires_in"] <= 120
    assert 60 < tool.refreshes(tokens["refresh_token"]).json()["expires_in"] <= 120


def test_one_more_tool_than_allowed_ends_the_oldest(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_sign_in, "REFRESHABLE_TOKENS_PER_PRINCIPAL", 2)
    tool = Tool(site)
    tokens = [tool.tokens() for _ in range(3)]
    assert [tool.works(row["access_token"]) for row in tokens] == [False, True, True]


def test_each_step_leaves_its_event(site: Site) -> None:
    tool = Tool(site)
    tokens = tool.tokens()
    tool.refreshes(tokens["refresh_token"])
    code = tool.code()
    tool.trades(code)
    tool.trades(code)
    events = site.ok("GET", f"{V1}/audit", {"actor": tool.name, "event": "token.*", "max_results": 20})["events"]
    assert [event["event"] for event in reversed(events)] == [
        "token.authorize",
        "token.issue",
        "token.issue",
        "token.authorize",
        "token.issue",
        "token.revoke",
    ]
    assert events[-1]["reason"] == f"databricks-cli at {REDIRECT}"
    for secret in (tokens["access_token"], tokens["refresh_token"], code, tool.verifier):
        assert secret not in str(events)
