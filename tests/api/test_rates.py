"""Limits by caller on the wire: who is counted, what an answer says, and that unmodified clients wait and go on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, one_minute, running_site

from modelkeep.api import app
from modelkeep.http.rate_limits import RateLimiter
from modelkeep.serve import application

__all__ = ["one_minute"]
RATE, BURST = 4, 8


class Clock:
    """The limits' clock, in seconds: stands still but where a test moves it, or lets it run."""

    def __init__(self) -> None:
        self._now = 0.0
        self._running_since: float | None = None

    def __call__(self) -> float:
        return self._now + (0.0 if self._running_since is None else time.monotonic() - self._running_since)

    def advance(self, seconds: float) -> None:
        self._now += seconds

    @contextmanager
    def running(self) -> Iterator[None]:
        self._running_since = time.monotonic()
        try:
            yield
        finally:
            self._now, self._running_since = self(), None


CLOCK = Clock()


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Far below what the product allows. The only proxy that it believes is on loopback, as the tests are."""
    settings: dict[str, Any] = {"requests_per_second": RATE, "request_burst": BURST, "anonymous_requests_per_second": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "RateLimiter", partial(RateLimiter, clock=CLOCK))
        patch.setattr(app, "THROTTLED_PAUSE_S", 0.001)
        folder = tmp_path_factory.mktemp("limited")
        with running_site(folder, trusted_proxies="127.0.0.0/8 ::1", conceal=True, **settings) as running:
            yield running


@pytest.fixture(autouse=True)
def full_buckets() -> None:
    CLOCK.advance(100)


@pytest.fixture
def user(limited: Site) -> str:
    token = limited.user()[1]
    CLOCK.advance(100)  # the admin, who makes the users, has a bucket, too
    return token


PATHS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", f"{UC}/catalogs", None),
    ("GET", f"{DATABRICKS_UC}/registered-models/search", {}),
    ("GET", "/api/2.0/mlflow/registered-models/search", {}),
    ("GET", "/api/2.0/preview/scim/v2/Me", None),
    ("GET", f"{V1}/me", None),
    ("POST", "/api/2.0/sql/statements", {"statement": "SHOW CATALOGS", "warehouse_id": "modelkeep"}),
    ("GET", "/api/2.0/fs/directories/Models/a/b/c/1", None),
]


@pytest.mark.parametrize(("method", "path", "fields"), PATHS, ids=[path for _, path, _ in PATHS])
def test_a_principal_beyond_its_limit_waits_as_long_as_it_is_told(
    limited: Site, user: str, method: str, path: str, fields: dict[str, Any] | None
) -> None:
    answers = [limited.call(method, path, fields, token=user) for _ in range(BURST * 4)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(answers) - len(refused) == BURST
    assert refused == answers[BURST:], "it sent faster than it may"
    for answer in refused:
        assert answer.headers["retry-after"] == "1"
        assert "more than 4 requests a second" in answer.text
    CLOCK.advance(1)
    assert limited.call(method, path, fields, token=user).status_code != 429


def test_a_refused_client_waits_for_its_answer_while_others_are_served(
    limited: Site, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = limited.user()[1]
    for _ in range(BURST):
        limited.ok("GET", f"{V1}/me", token=user)
    monkeypatch.setattr(app, "THROTTLED_PAUSE_S", 60)
    with pytest.raises(httpx.ReadTimeout):
        limited.call("GET", f"{V1}/me", token=user, timeout=1)
    assert limited.call("GET", f"{V1}/me", token=other).status_code == 200


@pytest.mark.parametrize(
    "fields", [{"name": "waits_a"}, {"name": "waits_b", "comment": "x"}, {"name": "waits_c", "properties": {}}]
)
def test_a_client_waits_where_a_part_is_away_and_probes_do_not(
    limited: Site, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    """It would repeat the refused call at once: twelve such clients took five sixths of everybody's reads."""
    monkeypatch.setattr(limited.registry.engine.disk, "reason", "full")
    assert limited.call("POST", f"{UC}/catalogs", fields).status_code == 503
    monkeypatch.setattr(app, "THROTTLED_PAUSE_S", 60)
    with pytest.raises(httpx.ReadTimeout):
        limited.call("POST", f"{UC}/catalogs", fields, timeout=1)
    assert limited.call("GET", "/health/live", token="", timeout=30).status_code == 200
    assert limited.call("GET", "/health/ready", token="", timeout=30).status_code in (200, 503)
    assert limited.call("GET", f"{V1}/me", timeout=30).status_code == 200


def test_others_do_not_notice(limited: Site, user: str) -> None:
    other = limited.user()[1]
    while limited.call("GET", f"{V1}/me", token=user).status_code != 429:
        pass
    for _ in range(BURST):
        limited.ok("GET", f"{V1}/me", token=other)


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
def test_addresses_without_sign_in_are_counted_apart(limited: Site, header: str) -> None:
    def discover(source: str) -> int:
        value = source if header == "x-forwarded-for" else f"for={source}"
        path = f"{limited.host}/.well-known/databricks-config"
        return httpx.get(path, headers={header: value}).status_code

    first = "198.51.100.1" if header == "forwarded" else "198.51.100.2"
    answers = [discover(first) for _ in range(20)]
    assert answers == [200] * 10 + [429] * 10
    assert discover("198.51.100.77") == 200
    assert discover(f"203.0.113.5, {first}" if header != "forwarded" else f"203.0.113.5, for={first}") == 429
    health = [httpx.get(f"{limited.host}/health", headers={header: first}).status_code for _ in range(20)]
    assert health == [200] * 20, "probes are not counted"


@pytest.mark.usefixtures("one_minute")
def test_the_audit_log_and_the_guesses_know_who_called(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_site(
        tmp_path_factory.mktemp("proxied"), unknown_tokens_per_minute=2, trusted_proxies="127.0.0.1"
    ) as site:

        def say(source: str, token: str = "guess") -> str:
            return site.call("GET", f"{V1}/me", token=token, headers={"x-forwarded-for": source}).text

        assert ["Too many" in say("198.51.100.1") for _ in range(3)] == [False, False, True]
        assert "Too many" not in say("198.51.100.2")
        site.call("POST", f"{UC}/catalogs", {"name": "proxied"}, headers={"x-forwarded-for": "1.1.1.1, 198.51.100.3"})
        events = site.ok("GET", f"{V1}/audit", {"event": "catalog.create"})["events"]
        assert [event["source"] for event in events] == ["198.51.100.3"]


def test_unmodified_clients_wait_and_finish(limited: Site, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow
    from databricks.sdk import WorkspaceClient

    monkeypatch.setenv("DATABRICKS_HOST", limited.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", user)
    w = WorkspaceClient(host=limited.host, token=user)
    client = mlflow.MlflowClient(registry_uri="databricks-uc", tracking_uri="databricks")
    with CLOCK.running():
        begun = time.monotonic()
        for _ in range(BURST * 2):
            w.current_user.me()
        assert time.monotonic() - begun > 1, "it was told to wait"
        for _ in range(BURST * 2):
            client.search_registered_models()
