"""Other spellings of an address mean what the usual one means, to everybody; and bodies may come as gzip."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api.filing import MLMODEL
from api.serving import DATABRICKS_UC, UC, V1, Site, World, filled, refused, site
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.api.path_spellings import usual_end, usual_head
from modelkeep.http import bodies
from modelkeep.http.routing import Route
from modelkeep.limits import GZIP_RATIO, JSON_BYTES, LONG_JSON_BYTES, SMALL_BODY_BYTES

__all__ = ["site"]

INVALID = "INVALID_PARAMETER_VALUE"
PLAIN = "/api/2.0/mlflow"
SCIM = "/api/2.0/preview/scim/v2"


@pytest.fixture(scope="module")
def world(site: Site) -> World:
    return World(site)


def spellings(path: str) -> Iterator[str]:
    yield "/" + path
    if not path.endswith("/"):
        yield path + "/"
    for current, older in (("/2.0/mlflow/", "/2.0/preview/mlflow/"), ("/2.1/unity-catalog/", "/2.0/unity-catalog/")):
        for prefix in ("/api", "/ajax-api"):
            if path.startswith(prefix + current) and (prefix == "/api" or "mlflow" in current):
                yield prefix + older + path.removeprefix(prefix + current)
                yield "/" + prefix + older + path.removeprefix(prefix + current) + "/"


ANYBODY_CREATES = {"POST /api/2.0/serving-endpoints", "POST /api/2.0/serving-endpoints/"}
"""What a stranger may create, too: a second time under another name."""


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def sent(site: Site, method: str, path: str, token: str, fields: dict[str, object]) -> httpx.Response:
    """The very path: no client tidies it up on the way."""
    return site.call(method, f"{site.host}{path}", fields or None, token=token)


def status_and_answer(answer: httpx.Response, path: str) -> tuple[int, str]:
    text = answer.text.replace(path, "?").partition('"next_page_token"')[0]
    return answer.status_code, "" if answer.is_success and answer.request.method != "GET" else text


def test_no_spelling_opens_a_route_to_a_stranger(site: Site, world: World) -> None:
    """The answers of the usual spelling, to nobody, to a stranger, to whoever may: one decision for all spellings."""
    _, stranger = site.user()
    compared = 0
    for number, route in enumerate(route for route in site.routes if not route.public):
        values = world.values(route) if route.handler is None else {}
        path = filled(route, values)
        fields = {name: value for name, value in values.items() if f"{{{name}}}" not in route.path}
        others = [other for other in spellings(path) if not (route.takes_rest and other.endswith("/"))]
        tokens = [] if route.handler is not None else [stranger]
        if route.method == "GET" and tokens and "/audit" not in path and "/activity" not in path:
            tokens.append(site.admin)
        for token in tokens:
            other = others[number % len(others)]
            usual = sent(site, route.method, path, token, fields)
            if name(route) in ANYBODY_CREATES:
                fields = world.values(route)
            spelled = sent(site, route.method, other, token, fields)
            assert status_and_answer(spelled, other) == status_and_answer(usual, path), (
                route.method,
                other,
                spelled.text,
            )
            compared += 1
        assert sent(site, route.method, others[-1], "", fields).status_code == 401, others[-1]
    assert compared > 200


@pytest.mark.parametrize(
    "path",
    ["/health/", "//health", "/.well-known/databricks-config/", "//.well-known/databricks-config", "/login/"],
)
def test_public_routes_too(site: Site, path: str) -> None:
    assert site.call("GET", f"{site.host}{path}", token="").status_code == 200


def test_a_file_keeps_the_slash_at_its_end(site: Site) -> None:
    """`a/` is no file: only directories end so."""
    model = site.model(versions=1)
    file = f"/api/2.0/fs/files/Models/{model.replace('.', '/')}/1/a.txt"
    assert site.call("PUT", file, content=b"x").status_code == 204
    assert site.call("PUT", f"{file}/", content=b"x").status_code == 400
    assert site.call("PUT", f"{site.host}/{file}", content=b"x").status_code in (204, 409)


def test_old_clients_of_each_family(site: Site) -> None:
    model = site.model(versions=1)
    catalog, schema, _ = model.split(".")
    answer = site.ok("GET", "/api/2.0/preview/mlflow/registered-models/get", {"name": model})
    assert answer["registered_model"]["name"] == model
    answer = site.ok("GET", "/ajax-api/2.0/preview/mlflow/model-versions/search", {"filter": f"name='{model}'"})
    assert [v["name"] for v in answer["model_versions"]] == [model]
    tag = {"name": model, "key": "team", "value": "ml"}
    site.ok("POST", "/api/2.0/preview/mlflow/registered-models/set-tag/", tag)
    answer = site.ok("GET", "/api/2.0/preview/mlflow/unity-catalog/registered-models/get", {"name": model})
    assert answer["registered_model"]["tags"] == [{"key": "team", "value": "ml"}]
    listed = site.ok("GET", "/api/2.0/unity-catalog/models", {"catalog_name": catalog, "schema_name": schema})
    assert [m["full_name"] for m in listed["registered_models"]] == [model]
    assert site.ok("GET", f"/api/2.0/unity-catalog/catalogs/{catalog}/")["name"] == catalog
    assert site.ok("GET", f"{SCIM}/Users/", {"filter": 'userName eq "admin"'})["totalResults"] == 1
    # A route of its own, which is not the one that the prefix leads to.
    refused(site.call("GET", "/api/2.0/unity-catalog/tables/a.b.c"), 404, "RESOURCE_DOES_NOT_EXIST", "Catalog 'a'")


@given(st.text(st.sampled_from("/a.%é"), max_size=12).map("/".__add__))
def test_spelling_again_changes_nothing(path: str) -> None:
    usual = usual_head(path)
    assert usual_head(usual) == usual and usual.startswith("/") and not usual.startswith("//")
    assert usual.strip("/") == path.strip("/")
    assert usual_end("/") == "/"
    assert path.startswith(usual_end(path))


# --- gzip ------------------------------------------------------------------------------------------------------------


def post(site: Site, body: bytes, coding: str = "gzip", path: str = "registered-models/set-tag") -> httpx.Response:
    headers = {"content-type": "application/json", "content-encoding": coding}
    return site.call("POST", f"{DATABRICKS_UC}/{path}", content=body, headers=headers)


def tagging(model: str, value: str = "ml") -> bytes:
    return json.dumps({"name": model, "key": "team", "value": value}).encode()


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip"])
def test_a_body_may_come_as_gzip(site: Site, world: World, coding: str) -> None:
    assert post(site, gzip.compress(tagging(world.model, coding)), coding).json() == {}
    model = site.b("GET", "registered-models/get", {"name": world.model}).json()["registered_model"]
    assert model["tags"] == [{"key": "team", "value": coding}]


def test_on_every_verb(site: Site, world: World) -> None:
    for method, path, fields in (
        ("PATCH", f"{UC}/schemas/{world.schema}", {"comment": "packed"}),
        ("GET", f"{PLAIN}/registered-models/search", {"filter": f"name='{world.model}'"}),
        ("POST", f"{SCIM}/Users", {"userName": "packed@x.io"}),
        ("PUT", f"{V1}/groups/absent/members/absent", {}),
    ):
        body, headers = json.dumps(fields).encode(), {"content-type": "application/json"}
        packed = site.call(method, path, content=gzip.compress(body), headers=headers | {"content-encoding": "gzip"})
        assert packed.status_code in (200, 201, 404) and packed.json().get("error_code") != INVALID, packed.text
    assert site.ok("GET", f"{UC}/schemas/{world.schema}")["comment"] == "packed"


def test_a_packed_body_keeps_to_the_limits(site: Site, world: World) -> None:
    pattern = "".join(f"{number:x}" for number in range(400))  # packs less well than one letter
    for value, words in (
        (pattern * (LONG_JSON_BYTES // len(pattern) + 2), f"larger than {LONG_JSON_BYTES} bytes"),
        ("a" * 2 * LONG_JSON_BYTES, f"larger than {LONG_JSON_BYTES} bytes"),
        ("a" * (LONG_JSON_BYTES // 2), f"packed more than {GZIP_RATIO} times"),
        ("a" * (SMALL_BODY_BYTES * 8), f"packed more than {GZIP_RATIO} times"),
    ):
        body = gzip.compress(tagging(world.model, value))
        many = len(value) > GZIP_RATIO * len(body) and GZIP_RATIO * len(body) < LONG_JSON_BYTES
        refused(post(site, body), 400, INVALID, f"packed more than {GZIP_RATIO} times" if many else words)
    short = gzip.compress(b'{"name":"' + b"a" * JSON_BYTES + b'"}', 0)
    refused(post(site, short, path="registered-models/alias"), 400, INVALID, f"larger than {JSON_BYTES} bytes")
    assert post(site, gzip.compress(tagging(world.model, "a" * 900))).status_code == 200


def test_a_large_one_is_unpacked_beside_the_event_loop(
    site: Site, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = list[str]()
    original = bodies._turns.run  # pyright: ignore[reportPrivateUsage]

    def run(call: Any, *args: Any) -> Any:
        called.append(call.__name__)
        return original(call, *args)

    monkeypatch.setattr(bodies._turns, "run", run)  # pyright: ignore[reportPrivateUsage]
    value = "".join(f"{number:x}" for number in range(3_000))
    body = gzip.compress(tagging(world.model, value))
    assert len(body) > 2_000
    refused(post(site, body), 400, INVALID, "characters")
    assert called == ["_gunzip"]


WHOLE = gzip.compress(b'{"name":"a.b.c"}', mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b'{"name":"a.b.c"}'),
        ("gzip", WHOLE[:-4]),
        ("gzip", WHOLE + b"x"),
        ("gzip", WHOLE + WHOLE),
        ("gzip", WHOLE[:10]),
        ("gzip", WHOLE[:-8] + b"\0" * 8),
        ("gzip", zlib.compress(b"{}")),
        ("gzip", gzip.compress(WHOLE, mtime=0)),
        ("deflate", zlib.compress(b"{}")),
        ("br", b"{}"),
        ("zstd", b"{}"),
        ("gzip, gzip", gzip.compress(WHOLE, mtime=0)),
        ("x", b"{}"),
    ],
)
def test_what_is_no_gzip_is_refused(site: Site, coding: str, body: bytes) -> None:
    refused(post(site, body, coding), 400, INVALID)


def test_a_file_is_stored_as_it_was_sent(site: Site) -> None:
    model = site.model(versions=1)
    root = f"/api/2.0/fs/files/Models/{model.replace('.', '/')}/1"
    sent_files = {"small.gz": WHOLE, "large.gz": gzip.compress(bytes(range(256)) * 4_000, 0), "MLmodel": MLMODEL}
    for name, content in sent_files.items():
        coding = {} if name == "MLmodel" else {"content-encoding": "gzip"}
        assert site.call("PUT", f"{root}/{name}", content=content, headers=coding).status_code == 204
    site.ok("POST", f"{DATABRICKS_UC}/model-versions/finalize", {"name": model, "version": "1"})
    for name, content in sent_files.items():
        assert site.call("GET", f"{root}/{name}").content == content, name
