"""Who calls, by which header, from which page, over which connection; and that half a request holds up nobody."""

import asyncio
import socket
import subprocess
import sys
import time
import uuid

import httpx
import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, World, refused, site, wait_until

__all__ = ["site"]

ME = "/api/2.0/preview/scim/v2/Me"
COOKIE = "modelkeep_session"


@pytest.fixture(scope="module")
def world(site: Site) -> World:
    return World(site)


# --- the Authorization header ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_has_no_case(site: Site, scheme: str) -> None:
    assert site.call("GET", ME, token="", headers={"authorization": f"{scheme} {site.admin}"}).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer",
        b"Bearer  ",
        b"Token %s",
        b"Basic %s",
        b"%s",
        b"Bearer:%s",
        b"Bearer\t%s",
        b"Bearer %s,",
        b"Bearer %s %s",
        b"Bearer %s\t%s",
        b"Bearer %s, Bearer %s",
        b'Bearer "%s"',
        b"Bearer token=%s",
        b"Bearer \xff\xfe",
        b"Bearer \xc3\xa9\xe2\x82\xac",
        b"B\xe9arer %s",
        b"Bearer " + b"a" * 1_000_000,
        b"Bearer ../../etc/passwd",
        b"Bearer ' OR 1=1 --",
        b"Digest username=admin",
        b"Negotiate TlRMTVNTUAAB",
        b"Bearer %s\x00"[:-1] + b"\x7f",
    ],
    ids=range(22),
)
def test_absurd_authorization_headers(site: Site, value: bytes) -> None:
    line = b"Authorization: " + value.replace(b"%s", site.admin.encode())
    answer = site.raw(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n\r\n" % (ME.encode(), line))
    status = int(answer.split()[1])
    # A control character is the HTTP parser's to refuse, and so is what is larger than all headers together may be.
    parsers = (status == 400 and b"not valid HTTP" in answer) or (status == 431 and b"65536 bytes" in answer)
    assert status == 401 or parsers, answer[:300]
    assert site.admin.encode() not in answer


def test_two_authorization_headers_are_none(site: Site) -> None:
    """A proxy in front may read the first and this server the last: neither is believed."""
    _, other = site.user()
    for first, second in ((site.admin, other), (other, site.admin), (site.admin, site.admin), ("x", site.admin)):
        headers = [("authorization", f"Bearer {first}"), ("Authorization", f"Bearer {second}")]
        refused(site.http.get(ME, headers=headers), 401, "UNAUTHENTICATED", "two Authorization headers")


def test_the_token_is_taken_from_nowhere_else(site: Site) -> None:
    for url in (
        f"{ME}?access_token={site.admin}",
        f"{ME}?token={site.admin}",
        f"{ME}?Authorization=Bearer%20{site.admin}",
    ):
        refused(site.http.get(url), 401, "UNAUTHENTICATED", "no credential")
    others = (
        "x-authorization",
        "x-api-key",
        "proxy-authorization",
        "x-forwarded-authorization",
        "x-databricks-token",
        "authorization-",
    )
    for header in others:
        refused(site.http.get(ME, headers={header: f"Bearer {site.admin}"}), 401, "UNAUTHENTICATED")
    body = site.http.post(f"{V1}/tokens", data={"access_token": site.admin})
    refused(body, 401, "UNAUTHENTICATED")
    assert site.http.get("http://user:pass@" + site.host.removeprefix("http://") + ME).status_code == 401


def test_headers_name_nobody(site: Site) -> None:
    """What a proxy would set for a trusted peer is worth nothing here."""
    name, token = site.user()
    claims = {
        "x-forwarded-user": "admin",
        "x-remote-user": "admin",
        "remote-user": "admin",
        "x-databricks-org-id": "9",
        "x-user": "admin",
        "x-http-method-override": "DELETE",
        "x-method-override": "DELETE",
        "x-original-url": "/metrics",
        "x-rewrite-url": "/metrics",
    }
    answer = site.call("GET", ME, token=token, headers=claims)
    assert answer.json()["userName"] == name
    assert answer.headers["x-databricks-org-id"] == site.settings.workspace_id
    refused(site.http.get(ME, headers=claims), 401, "UNAUTHENTICATED")


def test_the_audit_log_is_told_where_a_call_came_from(site: Site) -> None:
    catalog = f"c_{uuid.uuid4().hex[:8]}"
    headers = {"x-forwarded-for": "6.6.6.6", "x-real-ip": "6.6.6.6", "forwarded": "for=6.6.6.6"}
    assert site.call("POST", f"{UC}/catalogs", {"name": catalog}, headers=headers).status_code == 200
    event = site.ok("GET", f"{V1}/audit", {"event": "catalog.create", "max_results": 1})["events"][0]
    assert event["source"] == "127.0.0.1"


def test_the_secret_of_a_token_is_never_told_again(site: Site) -> None:
    _, token = site.user()
    tokens = site.ok("GET", f"{V1}/tokens", token=token)["tokens"]
    assert tokens
    assert token not in str(tokens)
    assert token not in str(site.ok("GET", f"{V1}/audit", {"max_results": 1000}))
    # The id of a token is no token.
    refused(site.call("GET", ME, token=tokens[0]["token_id"]), 401, "UNAUTHENTICATED")


def test_only_its_holder_and_admins_handle_a_token(site: Site) -> None:
    name, token = site.user()
    _, stranger = site.user()
    id = site.ok("GET", f"{V1}/tokens", token=token)["tokens"][0]["token_id"]
    refused(site.call("DELETE", f"{V1}/tokens/{id}", token=stranger), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("GET", f"{V1}/tokens", {"principal": name}, token=stranger), 403, "PERMISSION_DENIED")
    refused(site.call("POST", f"{V1}/tokens", {"principal": name}, token=stranger), 403, "PERMISSION_DENIED")
    refused(site.call("POST", f"{V1}/tokens", {"principal": "admin"}, token=stranger), 403, "PERMISSION_DENIED")
    refused(
        site.call("POST", f"{V1}/users", {"name": "eve", "account_admin": True}, token=stranger),
        403,
        "PERMISSION_DENIED",
    )
    assert site.call("DELETE", f"{V1}/tokens/{id}", token=token).status_code == 200
    refused(site.call("GET", ME, token=token), 401, "UNAUTHENTICATED", "revoked")


# --- the browser's cookie --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cookie(site: Site) -> str:
    """Of the admin's browser."""
    return site.session()


def by_cookie(site: Site, method: str, path: str, cookie: str, **headers: str) -> httpx.Response:
    content = {"content": b'{"comment":"from a page"}'} if method not in ("GET", "HEAD") else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.http.request(method, path, headers={"cookie": cookie, **named}, **content)


def test_a_cookie_signs_in_our_own_pages(site: Site, world: World, cookie: str) -> None:
    assert by_cookie(site, "GET", ME, cookie).json()["userName"] == "admin"
    own = {"origin": site.host, "sec_fetch_site": "same-origin", "content_type": "application/json"}
    assert by_cookie(site, "PATCH", f"{UC}/schemas/{world.schema}", cookie, **own).json()["comment"] == "from a page"
    assert by_cookie(site, "GET", ME, f"a=b; {cookie}; c=d").status_code == 200
    secret = cookie.partition("=")[2]
    for wrong in (
        f"{COOKIE}=",
        f"{COOKIE}=x",
        f"X{cookie}",
        f"{COOKIE.upper()}={secret}",
        f'{COOKIE}="{secret}"',
        ";;=;",
        "=",
    ):
        refused(by_cookie(site, "GET", ME, wrong), 401, "UNAUTHENTICATED")


def test_a_session_is_no_token_and_a_token_no_session(site: Site, cookie: str) -> None:
    refused(site.call("GET", ME, token=cookie.partition("=")[2]), 401, "UNAUTHENTICATED", "not known")
    refused(by_cookie(site, "GET", ME, f"{COOKIE}={site.admin}"), 401, "UNAUTHENTICATED", "not known")


def test_signing_out_ends_the_session(site: Site) -> None:
    _, token = site.user()
    first, other = site.session(token), site.session(token)
    listed = [token["kind"] for token in site.ok("GET", f"{V1}/tokens", token=token)["tokens"]]
    assert sorted(listed) == ["PERSONAL", "SESSION", "SESSION"]
    evil = httpx.post(f"{site.host}/logout", headers={"cookie": first, "origin": "http://evil.example"})
    assert evil.status_code == 403
    gone = httpx.post(f"{site.host}/logout", headers={"cookie": first, "origin": site.host})
    assert (gone.status_code, "Max-Age=0" in gone.headers["set-cookie"]) == (303, True)
    refused(by_cookie(site, "GET", ME, first), 401, "UNAUTHENTICATED", "revoked")
    assert by_cookie(site, "GET", ME, other).status_code == 200
    assert site.call("GET", ME, token=token).status_code == 200


def test_a_session_ends_with_the_token_that_it_began_with(site: Site) -> None:
    _, token = site.user()
    session = site.session(token)
    id = next(
        token["token_id"]
        for token in site.ok("GET", f"{V1}/tokens", token=token)["tokens"]
        if token["kind"] == "PERSONAL"
    )
    site.ok("DELETE", f"{V1}/tokens/{id}")
    refused(by_cookie(site, "GET", ME, session), 401, "UNAUTHENTICATED", "revoked")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://evil.example"},
        {"origin": "https://127.0.0.1"},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://localhost:{port}"},
        {"origin": "http://127.0.0.1:{port}.evil.example"},
        {"origin": "http://evil.example#://127.0.0.1:{port}"},
        {"origin": "http://127.0.0.1:{port}/"},
        {"origin": "127.0.0.1:{port}"},
        {"origin": "http://a@127.0.0.1:{port}"},
        {"origin": "{host}", "sec_fetch_site": "cross-site"},
        {"origin": "{host}", "sec_fetch_site": "same-site"},
        {"origin": "{host}", "sec_fetch_site": "none"},
        {"referer": "{host}/"},
        {"origin": "http://evil.example", "host": "127.0.0.1:{port}"},
        {"sec_fetch_site": "same-origin"},
    ],
    ids=str,
)
def test_a_cookie_from_another_page_changes_nothing(
    site: Site, world: World, cookie: str, headers: dict[str, str]
) -> None:
    sent = {k: v.format(port=site.settings.port, host=site.host) for k, v in headers.items()}
    for method, path in (
        ("PATCH", f"{UC}/schemas/{world.schema}"),
        ("DELETE", f"{UC}/catalogs/{world.catalog}"),
        ("POST", f"{V1}/tokens"),
    ):
        refused(
            by_cookie(site, method, path, cookie, content_type="application/json", **sent),
            403,
            "PERMISSION_DENIED",
            "another site",
        )


def test_a_token_in_the_header_needs_no_origin(site: Site, world: World, cookie: str) -> None:
    """No page of another site can set it."""
    headers = {"origin": "http://evil.example", "sec-fetch-site": "cross-site", "cookie": f"{COOKIE}=x"}
    assert site.call("PATCH", f"{UC}/schemas/{world.schema}", {"comment": "c"}, headers=headers).status_code == 200
    # But a bad header is not saved by a good cookie.
    refused(site.call("GET", ME, token="bad", headers={"cookie": cookie}), 401, "UNAUTHENTICATED")


def test_no_answer_invites_another_site(site: Site) -> None:
    for answer in (
        site.call("GET", ME, headers={"origin": "http://evil.example"}),
        site.call("OPTIONS", ME, headers={"origin": "http://evil.example", "access-control-request-method": "GET"}),
        site.http.get("/.well-known/databricks-config", headers={"origin": "http://evil.example"}),
        site.http.get("/nothing", headers={"origin": "http://evil.example"}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_without_a_host_header_no_cookie_counts(site: Site, cookie: str) -> None:
    """HTTP/1.0 may leave Host out; an empty Origin does not equal it."""
    lines = (f"POST {V1}/tokens HTTP/1.0", f"Cookie: {cookie}", "Content-Length: 2", "", "{}")
    answer = site.raw("\r\n".join(lines).encode())
    assert answer.startswith(b"HTTP/1.1 403 "), answer[:200]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1:1", "a:b:c", "", "x" * 10_000, "evil.example\r\nX-Forwarded-Host: evil.example"]
)
def test_the_host_header_makes_no_address(site: Site, host: str) -> None:
    for path in ("/.well-known/databricks-config", "/health", "/api/x", "/login", ME):
        answer = site.raw(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert answer[:9] == b"HTTP/1.1 "
        assert b"evil" not in answer


# --- the connection --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/health%0d%0aX-Injected:%20yes",
        "/a%0d%0a%0d%0a<script>",
        "/api/modelkeep/v1/users/a%0d%0aX-Injected:%20yes",
        "/login?next=/%0d%0aX-Injected:%20yes",
        "/?next=%0d%0aX-Injected:yes",
        "/ml/%0d%0aX-Injected:yes",
    ],
)
def test_no_header_is_injected(site: Site, path: str) -> None:
    for text in ("", "Accept: text/html\r\n"):
        answer = site.raw(
            f"GET {path} HTTP/1.1\r\nHost: x\r\n{text}X-Request-Id: a\r\n b\r\nConnection: close\r\n\r\n".encode()
        )
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nx-injected" not in head
        assert b"<script" not in answer.partition(b"\r\n\r\n")[2] or b"application/json" in head


def test_a_page_without_a_session_leads_to_sign_in_and_back_here(site: Site) -> None:
    """And never to another site."""
    answer = site.call("GET", f"{UC}/catalogs", token="", headers={"accept": "text/html,*/*"}, follow_redirects=False)
    assert answer.status_code in (303, 401)
    raw = site.raw(
        b"GET //evil.example/%2e%2e HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    ).lower()
    assert b"location: //" not in raw
    assert b"location: http" not in raw


def test_request_ids_are_ours_and_differ(site: Site) -> None:
    ids = set()
    for _ in range(20):
        answer = site.call("GET", "/nothing", headers={"x-request-id": "chosen-by-the-caller"})
        ids.add(answer.headers["x-request-id"])
    assert len(ids) == 20
    assert "chosen-by-the-caller" not in ids


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /h\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"FOO /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /login HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /health HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /health HTTP/1.1\r\nA: b\x00c\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
    ],
    ids=range(16),
)
def test_what_is_no_http_is_dropped_or_400(site: Site, data: bytes) -> None:
    answer = site.raw(data, timeout_s=1)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 ")), answer[:200]
    site.ok("GET", "/health")


def test_pipelined_requests_keep_their_own_identity(site: Site) -> None:
    _, token = site.user()
    first = b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n"
    signed = [b"Authorization: Bearer " + t.encode() + b"\r\n" for t in (site.admin, token)]
    last = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % ME.encode()
    answer = site.raw(b"".join(first % (ME.encode(), header) for header in (*signed, b"", *signed)) + last)
    statuses = [part.split()[0] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"401", b"200", b"200", b"401"]


def tasks(site: Site) -> int:
    async def count() -> int:
        return len(asyncio.all_tasks())

    return site.run(count())


def start_write(site: Site, path: str, length: int, method: str = "POST") -> socket.socket:
    """A request that promises a body and sends its first bytes."""
    connection = socket.create_connection(("127.0.0.1", site.settings.port), 5)
    head = site.head(method, path, "Content-Type: application/json", f"Content-Length: {length}")
    connection.sendall(head + b'{"name":')
    return connection


def test_slow_and_broken_off_bodies_hold_up_nobody(site: Site) -> None:
    """Neither the writer's lock nor a task is left behind by those who never finish what they send."""
    model = site.model()
    paths = [
        route.path for route in site.routes if route.method == "POST" and "{" not in route.path and not route.public
    ]
    before = tasks(site)
    hanging = [start_write(site, path, 1000) for path in paths for _ in range(3)]
    wait_until(lambda: tasks(site) >= before + len(hanging))
    started = time.monotonic()
    for _ in range(5):
        assert site.b("POST", "model-versions/create", {"name": model, "source": "x"}).status_code == 200
    site.ok("GET", "/health")
    assert time.monotonic() - started < 20
    for index, connection in enumerate(hanging):
        if index % 2:  # some vanish without a farewell
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()
    wait_until(lambda: tasks(site) <= before + 1)
    assert (
        site.b("POST", "model-versions/create", {"name": model, "source": "x"}).json()["model_version"]["version"]
        == "6"
    )


def test_a_caller_who_leaves_before_the_answer_leaves_nothing_half_done(site: Site) -> None:
    schema = site.schema()
    before = tasks(site)
    for number in range(20):
        body = b'{"name":"%s.left%d","tags":[{"key":"a","value":"b"}]}' % (schema.encode(), number)
        with socket.create_connection(("127.0.0.1", site.settings.port), 5) as connection:
            path = f"{DATABRICKS_UC}/registered-models/create"
            connection.sendall(site.head("POST", path, f"Content-Length: {len(body)}") + body)
    wait_until(lambda: tasks(site) <= before + 1)
    for number in range(20):
        answer = site.b("GET", "registered-models/get", {"name": f"{schema}.left{number}"})
        assert answer.status_code == 404 or answer.json()["registered_model"]["tags"] == [{"key": "a", "value": "b"}]
    site.model(schema)


def test_continue_is_said_only_to_those_who_may_go_on(site: Site) -> None:
    head = "POST {} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n{}\r\n"
    refused_first = site.raw(head.format(f"{V1}/users", "").encode())
    assert refused_first.startswith(b"HTTP/1.1 401 ")
    allowed = site.raw(head.format(f"{V1}/users", f"Authorization: Bearer {site.admin}\r\n").encode())
    assert allowed.startswith(b"HTTP/1.1 100 ")


_FAILURE = """
import sys
from modelkeep.observe.logs import configure, log
configure(level="info", json=sys.argv[1] == "json")
def answer(authorization):
    headers = {b"authorization": authorization}
    raise RuntimeError("on purpose")
try:
    answer("Bearer " + "mk_" + "secret")
except RuntimeError:
    log.exception("request failed", request_id="abc123")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_logged_failure_shows_no_variables(form: str) -> None:
    """Bearer tokens are among them."""
    done = subprocess.run(
        [sys.executable, "-c", _FAILURE, form], capture_output=True, text=True, timeout=30, check=True
    )
    assert "on purpose" in done.stderr
    assert "abc123" in done.stderr
    assert "mk_secret" not in done.stderr
