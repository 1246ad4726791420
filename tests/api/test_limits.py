"""What requests may cost beside their connection: what is remembered of them, and the sizes of their bodies."""

import json
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from api.serving import Site, site, wait_until

from modelkeep.api.docs import reference
from modelkeep.domain.errors import Throttled
from modelkeep.http import bodies, unique_json
from modelkeep.http.rate_limits import RateLimiter
from modelkeep.limits import JSON_BYTES, LONG_JSON_BYTES, MAX_READING_BYTES, MAX_UNKNOWN_FIELDS, READINGS_BYTES

__all__ = ["site"]

MODELS = "/api/2.1/unity-catalog/models"


@pytest.mark.parametrize(
    "path",
    [
        f"{MODELS}/main.default.{{}}{'x' * 3_000}",
        f"{MODELS}/main.default.{{}}?x={'x' * 3_000}",
        f"/api/2.1/unity-catalog/schemas/main.{{}}{'x' * 60_000}",
        f"{MODELS}/main.default.{{}}{'x' * 600}?x={'x' * 600}",
    ],
)
def test_long_requests_are_not_remembered(site: Site, path: str) -> None:
    readings = site.app._readings  # pyright: ignore[reportPrivateUsage]
    before = len(readings)
    for i in range(5):
        assert site.call("GET", path.format(i)).status_code in (400, 404)
    assert len(readings) == before


def test_what_is_remembered_is_bounded_in_bytes(site: Site) -> None:
    readings, cleared = site.app._readings, False  # pyright: ignore[reportPrivateUsage]
    site.app._readings_bytes = READINGS_BYTES - 10 * MAX_READING_BYTES  # pyright: ignore[reportPrivateUsage]
    for i in range(20):
        before = len(readings)
        site.call("GET", f"{MODELS}/main.default.m{i}{'x' * 200}")
        cleared = cleared or len(readings) < before
    assert cleared
    assert site.app._readings_bytes <= 20 * 2 * MAX_READING_BYTES  # pyright: ignore[reportPrivateUsage]


def sent(site: Site, method: str, path: str, content: bytes, kind: str = "application/json") -> httpx.Response:
    return site.call(method, path, content=content, headers={"content-type": kind})


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/api/2.0/mlflow/unity-catalog/registered-models/alias", JSON_BYTES),
        ("PATCH", "/api/2.1/unity-catalog/permissions/catalog/main", JSON_BYTES),
        ("POST", "/api/2.0/token/create", LONG_JSON_BYTES),
        ("POST", "/api/2.1/unity-catalog/models", LONG_JSON_BYTES),
        ("POST", "/api/2.0/sql/statements", LONG_JSON_BYTES),
        ("POST", "/api/2.0/preview/scim/v2/Users", LONG_JSON_BYTES),
        ("POST", "/api/2.0/fs/create-upload-url", JSON_BYTES),
    ],
)
def test_a_body_above_its_limit_is_refused(site: Site, method: str, path: str, limit: int) -> None:
    for size, refused in ((limit - 100, False), (limit + 1, True)):
        answer = sent(site, method, path, b'{"nobody_knows_it":"' + b"a" * (size - 22) + b'"}')
        assert (f"larger than {limit} bytes" in answer.text) is refused, answer.text[:300]
        assert answer.status_code < 413


def test_the_longest_comment_in_any_script_is_taken(site: Site) -> None:
    """65,535 characters that clients spell with six bytes each."""
    content = json.dumps({"name": "long_comment", "catalog_name": "main", "comment": "語" * 65_535}).encode()
    assert len(content) > JSON_BYTES
    assert sent(site, "POST", "/api/2.1/unity-catalog/schemas", content).status_code == 200


SHAPES = {
    "objects": b'{"a":[' + b"{}," * 80_000 + b"{}]}",
    "lists": b'{"a":[' + b"[]," * 80_000 + b"[]]}",
    "numbers": b'{"a":[' + b"1," * 100_000 + b"1]}",
    "keys": b"{" + b",".join(b'"k%d":1' % i for i in range(20_000)) + b"}",
    "keys of an inner object": b'{"tags":[{' + b",".join(b'"k%d":1' % i for i in range(20_000)) + b"}]}",
    "a text": b'{"a":"' + b"x" * 200_000 + b'"}',
    "few objects": b'{"a":[' + b"{}," * 900 + b"{}]}",
}


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "path",
    [
        "/api/2.1/unity-catalog/models",
        "/api/2.0/preview/scim/v2/Users",
        "/api/2.0/sql/statements",
        "/api/2.0/fs/create-upload-url",
    ],
)
def test_an_intricate_body_is_read_in_a_thread(
    site: Site, path: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never on the event loop, where everybody else would wait for it."""
    threads = list[str]()
    parse = unique_json.parse_json_object

    def parsed(data: bytes) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return parse(data)

    monkeypatch.setattr(unique_json, "parse_json_object", parsed)
    assert sent(site, "POST", path, content).status_code in (400, 403, 404)
    assert len(threads) == 1 and threads[0].startswith("json"), threads
    threads.clear()
    assert sent(site, "POST", path, b'{"name":"x"}').status_code in (400, 403, 404)
    assert len(threads) == 1 and not threads[0].startswith("json"), "a small one costs no thread"


@pytest.mark.parametrize("where", ["body", "query", "inside"])
def test_unknown_fields_are_ignored_up_to_a_number(site: Site, where: str) -> None:
    for count, status in ((MAX_UNKNOWN_FIELDS - 5, 200), (MAX_UNKNOWN_FIELDS + 20, 400)):
        unknown = {f"unknown_{i}": 1 for i in range(count)}
        if where == "query":
            answer = site.call("GET", f"{MODELS}?" + "&".join(f"{key}=1" for key in unknown))
        elif where == "body":
            answer = site.call("PATCH", "/api/2.1/unity-catalog/catalogs/main", {"comment": "x", **unknown})
        else:
            change = {"principal": "account users", "add": ["USE_CATALOG"], **unknown}
            answer = site.call("PATCH", "/api/2.1/unity-catalog/permissions/catalog/main", {"changes": [change]})
        assert answer.status_code == status, answer.text
        assert status == 200 or "unknown fields" in answer.text


def test_large_bodies_share_a_memory_that_is_given_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above it they are refused with a wait, and small ones still pass."""
    monkeypatch.setattr(bodies.memory, "of_caller", 300_000)
    large = json.dumps({"name": "m", "comment": "x" * 200_000}).encode()
    with socket.create_connection(("127.0.0.1", site.settings.port), 10) as peer:
        head = (
            f"POST {MODELS} HTTP/1.1\r\nHost: 127.0.0.1:{site.settings.port}\r\nAuthorization: Bearer {site.admin}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(large)}\r\n\r\n"
        )
        peer.sendall(head.encode() + large[:-1])
        wait_until(lambda: bodies.memory.all_taken > 100_000)
        answer = sent(site, "POST", MODELS, large)
        assert (answer.status_code, answer.json()["error_code"]) == (429, "RESOURCE_EXHAUSTED")
        assert sent(site, "POST", MODELS, b"{}").status_code == 400
    wait_until(lambda: bodies.memory.all_taken == 0)
    assert sent(site, "POST", MODELS, large).status_code == 400
    wait_until(lambda: bodies.memory.all_taken == 0 and not bodies.memory.taken)


def test_one_caller_does_not_fill_the_line_of_the_thread(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies._line, "of_caller", 0)  # pyright: ignore[reportPrivateUsage]
    assert sent(site, "POST", MODELS, SHAPES["objects"]).status_code == 429
    assert sent(site, "POST", MODELS, b"{}").status_code == 400


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"])
def test_what_is_the_same_each_time_is_read_once(site: Site, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = site.call("GET", path, token="")

    def read(self: Path) -> bytes:
        raise AssertionError(f"{self} is read again")

    monkeypatch.setattr(Path, "read_bytes", read)
    monkeypatch.setattr(reference, "document", read)
    assert site.call("GET", path, token="").content == first.content != b""


@pytest.mark.parametrize("separator", ['":', '" :', '":\n'])
@pytest.mark.parametrize("shape", ["one object", "many objects", "nested"])
def test_a_body_has_so_many_fields(site: Site, separator: str, shape: str) -> None:
    """Counted before the body is decoded, which would keep the interpreter for as long as it takes."""
    fields = [f'"k{n}{separator}{n}' for n in range(30_001)]
    inner = {
        "one object": "{" + ",".join(fields) + "}",
        "many objects": "[" + ",".join(f"{{{field}}}" for field in fields) + "]",
        "nested": "[" * 50 + ",".join(f"{{{field}}}" for field in fields) + "]" * 50,
    }[shape]
    answer = sent(site, "POST", MODELS, f'{{"name": "m", "x": {inner}}}'.encode())
    assert answer.status_code == 400 and "Send it in parts" in answer.json()["message"]


def test_a_long_text_of_json_is_no_field(site: Site) -> None:
    body = {"name": "m", "comment": json.dumps({f"key_{n}": n for n in range(3_000)})}
    answer = sent(site, "POST", MODELS, json.dumps(body).encode())
    assert answer.status_code == 400 and "parts" not in answer.json()["message"]


@pytest.mark.parametrize("callers", [1, 2])
def test_large_bodies_of_a_caller_are_limited_in_memory_and_in_time(callers: int) -> None:
    """What is given back counts towards the bytes a second all the same, and another caller has an account of its own."""
    now = 0.0
    share = bodies.Share(100, 60, RateLimiter(10, 80, lambda: now, unit="bytes"))
    for caller in map(str, range(callers)):
        share.take(caller, 40)
        with pytest.raises(Throttled, match="large request bodies"):
            share.take(caller, 30)
        share.give_back(caller, 40)
        with pytest.raises(Throttled, match="more than 10 bytes a second"):
            share.take(caller, 20)
        now += 1
        share.take(caller, 20)
        share.give_back(caller, 20)
    assert share.all_taken == 0 and not share.taken
