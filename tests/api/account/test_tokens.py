"""Databricks' token routes on the wire, what is known of a token's use, and the limit on unknown tokens."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from api.serving import V1, Site, one_minute, refused, running_site, site

from modelkeep.api import authentication
from modelkeep.api.authentication import Authenticator
from modelkeep.api.failed_logins import FailedLoginLimiter, TooManyFailures
from modelkeep.api.request_workspace import site as workspace_of
from modelkeep.core.token_last_used import TokenLastUsedRecorder
from modelkeep.http.messages import Request
from modelkeep.limits import GUESSERS_KNOWN
from modelkeep.store import tokens as stored

__all__ = ["one_minute", "site"]
OWN, MANAGED, ME = "/api/2.0/token", "/api/2.0/token-management", "/api/2.0/preview/scim/v2/Me"


def test_a_token_is_shown_once_and_stored_hashed(site: Site) -> None:
    answer = site.ok("POST", f"{OWN}/create", {"comment": "c", "lifetime_seconds": 60})
    secret, info = answer["token_value"], answer["token_info"]
    assert info["expiry_time"] - info["creation_time"] == 60_000
    for path in (
        f"{OWN}/list",
        f"{MANAGED}/tokens",
        f"{MANAGED}/tokens/{info['token_id']}",
        f"{V1}/tokens",
        f"{V1}/audit",
    ):
        assert secret not in site.call("GET", path).text
    assert secret.encode() not in b"".join(f.read_bytes() for f in site.registry.settings.data.glob("modelkeep.db*"))


def test_lists_hold_what_is_valid(site: Site) -> None:
    _, token = site.user()
    brief = site.ok("POST", f"{OWN}/create", {"lifetime_seconds": 2}, token)["token_info"]["token_id"]
    revoked = site.ok("POST", f"{OWN}/create", {}, token)["token_info"]["token_id"]
    token_info = site.ok("POST", f"{OWN}/create", {}, token)["token_info"]
    assert 0 <= site.settings.token_ms - (token_info["expiry_time"] - token_info["creation_time"]) < 60_000
    site.ok("POST", f"{OWN}/delete", {"token_id": revoked}, token)
    time.sleep(2.1)
    listed = [token_info["token_id"] for token_info in site.ok("GET", f"{OWN}/list", token=token)["token_infos"]]
    assert token_info["token_id"] in listed
    assert not {brief, revoked} & set(listed)
    everybodys = [token_info["token_id"] for token_info in site.ok("GET", f"{MANAGED}/tokens")["token_infos"]]
    assert {brief, token_info["token_id"]} <= set(everybodys)
    assert revoked not in everybodys


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("create", {"lifetime_seconds": 0}),
        ("create", {"lifetime_seconds": -5}),
        ("create", {"lifetime_seconds": 10**12}),
        ("create", {"lifetime_seconds": "soon"}),
        ("create", {"comment": 5}),
        ("create", {"scopes": ["sql"]}),
        ("create", {"Lifetime_Seconds": 5}),
        ("delete", {}),
        ("delete", {"token_id": 7}),
    ],
)
def test_malformed_requests_are_refused(site: Site, path: str, body: dict[str, Any]) -> None:
    refused(site.call("POST", f"{OWN}/{path}", body), 400, "INVALID_PARAMETER_VALUE")


def test_only_the_comment_changes(site: Site) -> None:
    _, token = site.user()
    id = site.ok("POST", f"{OWN}/create", {"comment": "old"}, token)["token_info"]["token_id"]
    assert site.ok("PATCH", f"{OWN}/{id}", {"token": {"comment": "new"}, "update_mask": "comment"}, token) == {}
    assert "new" in [token_info["comment"] for token_info in site.ok("GET", f"{OWN}/list", token=token)["token_infos"]]
    managed = site.ok("PATCH", f"{MANAGED}/tokens/{id}", {"token": {"comment": "newer"}, "update_mask": "*"})
    assert managed["comment"] == "newer"
    _, stranger = site.user()
    change = {"token": {"comment": "x"}, "update_mask": "comment"}
    refused(site.call("PATCH", f"{OWN}/{id}", change, token=stranger), 404, "RESOURCE_DOES_NOT_EXIST")
    for body in (
        {"token": {"comment": "x"}, "update_mask": "scopes"},
        {"token": {}, "update_mask": "comment"},
        {"token": {"comment": "x"}},
        {"token": {"comment": "x"}, "update_mask": "comment,scopes"},
    ):
        refused(site.call("PATCH", f"{OWN}/{id}", body, token=token), 400, "INVALID_PARAMETER_VALUE")


def test_tokens_on_behalf_are_for_service_principals_and_by_admins(site: Site) -> None:
    user, token = site.user()
    site.ok("POST", f"{V1}/service-principals", {"name": f"robot of {user}"})
    path, body = f"{MANAGED}/on-behalf-of/tokens", {"application_id": f"robot of {user}"}
    refused(site.call("POST", path, body, token=token), 403, "PERMISSION_DENIED")
    refused(site.call("POST", path, {"application_id": user}), 404, "RESOURCE_DOES_NOT_EXIST", "that is a user")
    refused(site.call("POST", path, {}), 400, "INVALID_PARAMETER_VALUE", "application_id")
    result = site.ok("POST", path, body)
    assert site.ok("GET", ME, token=result["token_value"])["displayName"] == f"robot of {user}"
    info = result["token_info"]
    assert (info["created_by_username"], info["owner_id"] != info["created_by_id"]) == ("admin", True)
    for method in ("GET", "DELETE"):
        answer = site.call(method, f"{MANAGED}/tokens/{info['token_id']}", token=token)
        assert answer.status_code in (403, 404)
    site.ok("DELETE", f"{MANAGED}/tokens/{info['token_id']}")
    assert site.call("GET", ME, token=result["token_value"]).status_code == 401


def test_the_creator_keeps_its_number_under_a_new_name(site: Site) -> None:
    user, token = site.user()
    id = site.ok("POST", f"{OWN}/create", {}, token)["token_info"]["token_id"]
    number = site.ok("GET", ME, token=token)["id"]
    change = [{"op": "replace", "path": "userName", "value": f"new-{user}"}]
    site.ok("PATCH", f"/api/2.0/preview/scim/v2/Users/{number}", {"Operations": change})
    for query in ({"created_by_id": number}, {"created_by_username": f"NEW-{user}"}):
        token_infos = site.ok("GET", f"{MANAGED}/tokens", query)["token_infos"]
        assert [(row["token_id"], row["created_by_username"]) for row in token_infos] == [(id, f"new-{user}")]
    assert site.ok("GET", f"{MANAGED}/tokens", {"created_by_username": user})["token_infos"] == []
    refused(site.call("GET", f"{MANAGED}/tokens", {"created_by_id": "ada"}), 400, "INVALID_PARAMETER_VALUE")


def test_a_use_is_written_at_most_once_a_minute(site: Site) -> None:
    answer = site.ok("POST", f"{OWN}/create", {})
    id = answer["token_info"]["token_id"]

    async def used_at(*uses: TokenLastUsedRecorder) -> int | None:
        for use in uses:
            await use.flush(site.registry.db)
        async with site.registry.db.read() as tx:
            result = await stored.by_id(tx, id)
        assert result is not None
        return result[0].last_used_at

    used_recorder, other = TokenLastUsedRecorder(), TokenLastUsedRecorder()
    start = 1_700_000_000_000
    for at, expected in ((0, start), (59_000, start), (60_000, start + 60_000)):
        used_recorder.note(id, start + at)
        assert site.run(used_at(used_recorder)) == expected
    other.note(id, start + 90_000)
    assert site.run(used_at(other)) == start + 60_000, "another process has written it less than a minute ago"


# --- unknown tokens --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("strict"), unknown_tokens_per_minute=3) as running:
        yield running


@pytest.mark.usefixtures("one_minute")
def test_guesses_end_and_nobody_at_work_notices(strict: Site) -> None:
    _, known = strict.user()
    strict.ok("GET", ME, token=known)
    _, unseen = strict.user()
    begun = time.monotonic()
    messages = [refused(strict.call("GET", f"{V1}/jobs", token=f"guess{i}"), 401, "UNAUTHENTICATED") for i in range(5)]
    assert ["Too many" in message for message in messages] == [False, False, False, True, True]
    strict.ok("GET", ME, token=unseen)  # a valid token is no guess, and pays for nobody's
    strict.ok("GET", ME, token=known)
    strict.ok("GET", f"{V1}/jobs")
    forms = [
        strict.http.post("/login", data={"token": "guess"}, headers={"origin": strict.host}).status_code
        for _ in range(4)
    ]
    assert forms == [401, 401, 401, 429], "the sign-in page counts for itself"
    for token in (unseen, known):
        form = strict.http.post("/login", data={"token": token}, headers={"origin": strict.host})
        assert form.status_code == 303
    assert time.monotonic() - begun < 25, "nobody waits: clients repeat what asks them to"


def test_the_next_minute_begins_anew_and_networks_are_counted_apart(
    strict: Site, monkeypatch: pytest.MonkeyPatch
) -> None:

    now = int(time.time()) // 60 * 60_000 + 100_000
    _, token = strict.user()
    monkeypatch.setattr(authentication, "now_ms", lambda: now)
    door = Authenticator(strict.registry.db, TokenLastUsedRecorder(), FailedLoginLimiter(2), strict.registry.auditor)

    def error(secret: str, source: str) -> type[BaseException] | None:
        scope: dict[str, Any] = {"method": "GET", "path": "/", "headers": [], "client": (source, 1)}
        request = Request(scope, None, "r")  # type: ignore[arg-type]
        request.site = workspace_of("1", "http://x")
        try:
            strict.run(door.actor(secret, request))
        except Exception as error:
            return type(error)
        return None

    for _ in range(2):
        error("guess", "2001:db8::1")
    assert error("guess", "2001:db8::ffff") is TooManyFailures, "one network of IPv6 is one address"
    assert error("guess", "2001:db8:1::1") not in (None, TooManyFailures)
    for source in ("2001:db8::ffff", "2001:db8:1::1", "198.51.100.1"):
        assert error(token, source) is None, "whatever others tried from there"
    assert error("other", "2001:db8::1") not in (None, TooManyFailures), "another kind of credential"
    assert error("gues other", "2001:db8::1") is TooManyFailures
    now += 60_000
    assert error("guess", "2001:db8::1") not in (None, TooManyFailures)


def test_failures_of_so_many_addresses_are_kept_and_no_more() -> None:
    failed_logins = FailedLoginLimiter(1)
    for index in range(GUESSERS_KNOWN + 500):
        failed_logins.failed("token", "guess", f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}", 0)
    assert len(failed_logins._failures) == GUESSERS_KNOWN  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(TooManyFailures):
        failed_logins.failed("token", "guess", "10.0.40.1", 0)
    for door in ("sign-in page", "client secret", "assertion", "provider"):
        failed_logins.failed(door, "guess", "10.0.40.1", 0)
