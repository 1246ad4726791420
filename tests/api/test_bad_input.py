"""Malformed and malicious requests: each gets 400 and a clear sentence, and none makes the server fail."""

import json
import random
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import quote

import msgspec
import pytest
from api.serving import DATABRICKS_UC, RETRIED, UC, V1, Site, World, filled, refused, site

from modelkeep.http import binding, bodies
from modelkeep.http.routing import Route

__all__ = ["site"]

INVALID = "INVALID_PARAMETER_VALUE"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def world(site: Site) -> World:
    return World(site)


def with_body(site: Site) -> list[Route]:
    return [r for r in site.routes if r.read is not None and r.method != "GET"]


def send(site: Site, route: Route, world: World, body: Any, *, token: str | None = None, **headers: str) -> Any:
    path = filled(route, world.values(route))
    return site.call(route.method, path, content=body, token=token, headers={**JSON, **headers})


# --- bodies ----------------------------------------------------------------------------------------------------------

BODIES: dict[str, bytes] = {
    "array": b"[]",
    "array of objects": b'[{"name":"a"}]',
    "null": b"null",
    "text": b'"str"',
    "number": b"1",
    "true": b"true",
    "json in json": json.dumps(json.dumps({"name": "a.b.c"})).encode(),
    "form": b"name=a.b.c",
    "xml": b"<name>a</name>",
    "spaces": b"   ",
    "open brace": b"{",
    "cut off": b'{"name":"a.b',
    "single quotes": b"{'name':'a'}",
    "comma": b'{"name":"a",}',
    "comment": b'{"name":"a"/**/}',
    "byte order mark": b'\xef\xbb\xbf{"name":"a"}',
    "utf-16": '{"name":"a"}'.encode("utf-16"),
    "two documents": b'{"name":"a"}{"name":"b"}',
    "trailing garbage": b'{"name":"a"} x',
    "trailing brace": b'{"name":"a"}}',
    "duplicate": b'{"name":"a","name":"b"}',
    "same twice": b'{"name":"a","name":"a"}',
    "escaped twice": b'{"name":"a","n\\u0061me":"b"}',
    "unknown twice": b'{"x":1,"x":2}',
    "duplicate below": b'{"x":{"a":1,"a":2}}',
    "duplicate in a list": b'{"x":[{"a":1,"a":2}]}',
    "surrogate twice": b'{"\\ud800":1,"\\ud800":2}',
    "NaN": b'{"x":NaN}',
    "Infinity": b'{"x":-Infinity}',
    "invalid utf-8": b'{"name":"\xff\xfe"}',
    "overlong utf-8": b'{"name":"\xc0\xae"}',
    "surrogates in utf-8": b'{"name":"\xed\xa0\x80"}',
    "lone surrogate": b'{"name":"\\ud800"}',
    "surrogate key": b'{"\\udfff":1}',
    "pair the wrong way round": b'{"x":"\\udc00\\ud800"}',
    "NUL": b'{"name":"a\\u0000b"}',
    "NUL key": b'{"a\\u0000":1}',
    "NUL byte": b'{"name":"a\x00b"}',
    "control": b'{"name":"a\nb"}',
    "deep array": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep object": b'{"x":' * 100_000 + b"1" + b"}" * 100_000,
    "never closed": b"[" * 100_000,
    "5000 digits": b'{"x":' + b"1" * 5000 + b"}",
}


@pytest.fixture(autouse=True)
def fast_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    """One caller sends to every route, faster than the product lets large bodies come."""
    monkeypatch.setattr(bodies.memory, "rates", None)


@pytest.mark.parametrize("kind", BODIES)
def test_no_route_takes_a_malformed_body(site: Site, world: World, kind: str) -> None:
    for route in with_body(site):
        message = refused(send(site, route, world, BODIES[kind], token=world.token), 400, INVALID)
        assert len(message) < 300


TOKENS = (f"{V1}/tokens", "/api/2.0/token/create")
"""Everybody may make a token of his own, of which nothing has to be said."""


def test_an_empty_body_is_an_object_without_fields(site: Site, world: World) -> None:
    """Where fields are needed it is refused by name, whatever its content type; access is decided all the same."""
    _, stranger = site.user()
    for route in with_body(site):
        for body, kind in ((b"", "application/json"), (b"", "text/plain"), (b"{}", "application/json")):
            answer = send(site, route, world, body, token=stranger, **{"content-type": kind})
            assert answer.status_code in (400, 403, 404) or route.path in TOKENS, (route.path, answer.text)


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "TEXT/PLAIN;charset=utf-8",
        "text/plain; application/json",
        "",
    ],
)
def test_no_route_takes_a_type_that_a_foreign_page_may_post(site: Site, world: World, kind: str) -> None:
    """Not even beside a bearer token: a page of another site names itself."""
    headers = {"content-type": kind, "origin": "http://evil.example"}
    for route in with_body(site):
        answer = send(site, route, world, b'{"name":"a"}', **headers)
        refused(answer, 400, INVALID, "application/json")


def test_other_content_types_are_no_obstacle(site: Site, world: World) -> None:
    body = json.dumps({"name": world.model, "key": "team", "value": "ml"})
    for kind in ("application/json; charset=utf-8", "application/json;charset=UTF-16", "application/scim+json", ""):
        answer = site.call(
            "POST", f"{DATABRICKS_UC}/registered-models/set-tag", content=body, headers={"content-type": kind}
        )
        assert answer.status_code == 200, (kind, answer.text)


def test_a_large_body_is_refused_and_the_connection_lives_on(site: Site, world: World) -> None:
    large = b'{"name":"' + b"a" * 5_000_000 + b'"}'
    for route in with_body(site):
        refused(send(site, route, world, large), 400, INVALID, "larger than")
    refused(send(site, with_body(site)[0], world, large * 2), 400, INVALID, "larger than")
    site.ok("GET", "/health")


def in_chunks(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def test_a_body_in_chunks_reads_like_one_in_one_piece(site: Site, world: World) -> None:
    """Split inside a character, an escape, a number."""
    sound = f'{{"name":"{world.model}","key":"schön","value":"\\u00fc\\ud83d\\ude00","more":12345}}'
    for size in (1, 3, 7):
        answer = site.call(
            "POST", f"{DATABRICKS_UC}/registered-models/set-tag", content=in_chunks(sound.encode(), size), headers=JSON
        )
        assert answer.status_code == 200, answer.text
    for kind in ("duplicate", "array", "trailing garbage", "byte order mark", "invalid utf-8", "two documents"):
        for route in with_body(site)[:8]:
            refused(send(site, route, world, in_chunks(BODIES[kind], 1)), 400, INVALID)
    tags = site.b("GET", "registered-models/get", {"name": world.model}).json()["registered_model"]["tags"]
    assert {"key": "schön", "value": "ü😀"} in tags


def lower_camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(word.capitalize() for word in rest)


def look_alikes(key: str) -> set[str]:
    camel = lower_camel(key)
    spellings = {camel[:1].upper() + camel[1:], key.upper(), key.replace("_", ""), key.replace("_", "-"), f"{key}_"}
    return spellings - {key, camel}


def test_no_route_takes_a_key_that_looks_like_one_of_its_own(site: Site, world: World) -> None:
    """`{"experiment_id": mine, "experimentId": victim}`: no parser behind this one gets to choose."""
    tried = 0
    for route in site.routes:
        if route.read is None:
            continue
        path = filled(route, world.values(route))
        for field in route.fields.__struct_encode_fields__:
            for key in look_alikes(field):
                tried += 1
                refused(site.call(route.method, path, {key: "x"}), 400, INVALID, f"'{key}'", f"'{field}'")
            if (camel := lower_camel(field)) != field:
                for both in ({camel: "x", field: "y"}, {field: "x", camel: "y"}):
                    refused(site.call(route.method, path, both), 400, INVALID, "two values", f"'{field}'")
    assert tried > 250


def test_keys_inside_objects_follow_the_same_rule(site: Site, world: World) -> None:
    tag = {"key": "a", "value": "b"}
    for inner in ({**tag, "Key": "c"}, {"KEY": "a"}, {**tag, "va_lue": "x"}):
        refused(
            site.b("POST", "registered-models/create", {"name": f"{world.schema}.new", "tags": [tag, inner]}),
            400,
            INVALID,
            "looks like",
        )
    change = {"principal": world.user, "Principal": "admin", "add": ["EXECUTE"]}
    path = f"{UC}/permissions/function/{world.model}"
    refused(site.call("PATCH", path, {"changes": [change]}), 400, INVALID, "'Principal'")
    assert site.ok("GET", path)["privilege_assignments"] == []


def test_unknown_keys_are_ignored_and_counted(site: Site, world: World) -> None:
    before = binding.ignored_keys
    fields = {
        "name": f"{world.schema}.grown",
        "new_in_mlflow_9": {"name": "x"},
        "tags": [{"key": "a", "value": "b", "kind": 1}],
    }
    assert site.b("POST", "registered-models/create", fields).status_code == 200
    assert (
        site.b("GET", "registered-models/get", {"name": fields["name"], "include_everything": "true"}).status_code
        == 200
    )
    assert binding.ignored_keys == before + 3


def wrong_values(kind: Any) -> list[Any]:
    """JSON that is of no type that the field has."""
    parts = {get_args(part)[0] if get_origin(part) is Annotated else part for part in {*get_args(kind), kind}}
    holds_object = dict in map(get_origin, parts) or any(
        isinstance(part, type) and issubclass(part, msgspec.Struct) for part in parts
    )
    wrong: list[Any] = [[[]], "x", 5] if holds_object and get_origin(kind) is not tuple else [{"a": {}}, [[]]]
    if not any(str in (part, *get_args(part)) for part in parts):
        wrong += ["words", "1.5", "0x1", "١٢٣"]
    if int not in parts and bool not in parts:
        wrong += [7, -1, 2**80]
    if bool not in parts:
        wrong += [True, False]
    return [*wrong, 1.5] if float not in parts else wrong


def test_every_field_of_every_route_refuses_other_types(site: Site) -> None:
    tried, world = 0, World(site)
    for route in with_body(site):
        values = world.values(route)
        for field in msgspec.structs.fields(route.fields):
            if f"{{{field.encode_name}}}" in route.path:
                continue
            others = {k: v for k, v in values.items() if f"{{{k}}}" not in route.path}
            for value in wrong_values(field.type):
                tried += 1
                answer = site.call(route.method, filled(route, values), {**others, field.encode_name: value})
                assert answer.status_code == 400, (route.path, field.encode_name, value)
                refused(answer, 400, INVALID, field.encode_name)
    assert tried > 400


def test_nothing_that_is_json_makes_a_route_fail(site: Site) -> None:
    """Random values in the known fields of every route, the handlers' too: whatever is wrong with them, it is a 4xx."""
    chance, world = random.Random(20), World(site)
    atoms: list[Any] = [
        None,
        True,
        0,
        -1,
        2**31,
        2**53,
        2**63,
        -(2**63),
        10**30,
        0.5,
        1e308,
        "",
        " ",
        ".",
        "a.b.c",
        world.model,
        "..",
        "/",
        "%00",
        "x" * 300,
        "\u202e",
        "\x7f",
        "'",
        '"; DROP TABLE securables; --',
        "${jndi:x}",
        "1",
        "v1",
        "latest",
        "😀",
        "\ufeff",
        "İ" * 255,
    ]

    def value(depth: int = 0) -> Any:
        shape = chance.random()
        if depth > 2 or shape < 0.7:
            return chance.choice(atoms)
        if shape < 0.85:
            return [value(depth + 1) for _ in range(chance.randrange(3))]
        return {
            str(chance.choice(["key", "value", "name", "principal", "add", "x"])): value(depth + 1) for _ in range(2)
        }

    for route in sorted(site.routes, key=lambda route: route.method == "DELETE"):  # they may well find what they delete
        names = route.fields.__struct_encode_fields__ or ("name", "path")
        for _ in range(4):
            known = world.values(route) if chance.random() < 0.5 else {}
            fields = {**{k: v for k, v in known.items() if f"{{{k}}}" not in route.path}, chance.choice(names): value()}
            if route.method == "GET":
                fields = {k: str(v) for k, v in fields.items()}
            answer = site.call(route.method, filled(route, world.values(route)), fields)
            assert answer.status_code not in RETRIED, (route.method, route.path, fields, answer.text)
        # Chance may have made a user of some name, and then this one the metastore's admin.
        site.ok("PATCH", f"{UC}/metastores/{world.metastore}", {"owner": "admins"})


# --- path, query and body --------------------------------------------------------------------------------------------


def test_path_query_and_body_must_agree(site: Site) -> None:
    """A finalize by path that acts on the body's version was a real hole: here, whoever disagrees is refused."""
    mine, victim = World(site), World(site)
    for route in with_body(site):
        values, others = mine.values(route), victim.values(route)
        path = filled(route, values)
        for field, value in values.items():
            other = {"version": 7, "securable_type": "catalog", "token_id": "other"}.get(field, others[field])
            in_path = f"{{{field}}}" in route.path
            if in_path and str(other) != str(value):
                refused(site.call(route.method, path, {field: other}), 400, INVALID, f"'{field}' has two values")
                refused(
                    site.call(route.method, path, params={field: str(other)}), 400, INVALID, f"'{field}' has two values"
                )
            elif not in_path and isinstance(other, str | int) and str(other) != str(value):
                answer = site.call(
                    route.method, path, params={field: value}, content=json.dumps({field: other}), headers=JSON
                )
                assert answer.status_code == 400, (route.path, field)
                refused(answer, 400, INVALID, f"'{field}'")
    site.ok("GET", f"{DATABRICKS_UC}/registered-models/get", {"name": victim.model})


def test_a_path_parameter_may_be_repeated_in_the_body(site: Site, world: World) -> None:
    """The databricks-sdk and MLflow do, with numbers as numbers."""
    fields = {"full_name": world.schema, "comment": "said twice"}
    assert site.ok("PATCH", f"{UC}/schemas/{world.schema}", fields)["comment"] == "said twice"


@pytest.mark.parametrize(
    "query",
    [
        "name=a.b.c&name=a.b.c",
        "name=a.b.c&name=d.e.f",
        "name=%ff",
        "name=%ed%a0%80",
        "name=a%00b",
        "Name=a.b.c",
        "na_me=a.b.c",
        "&".join(f"x{i}=1" for i in range(201)),
        "name=%C0%AE",
    ],
)
def test_a_query_that_cannot_be_read(site: Site, query: str) -> None:
    refused(site.call("GET", f"{DATABRICKS_UC}/registered-models/get?{query}"), 400, INVALID)


def test_a_query_that_is_longer_than_any(site: Site) -> None:
    """Ten thousand conditions in a filter, which MLflow sends in the query; the parser takes no such address."""
    request = quote(" AND ".join(["name != 'x'"] * 10_000))
    answer = site.raw(
        b"GET /api/2.0/mlflow/registered-models/search?filter=%s HTTP/1.1\r\nHost: x\r\n\r\n" % request.encode()
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and b"application/json" in head, answer[:300]
    assert json.loads(body)["error_code"] == "INVALID_PARAMETER_VALUE" and b"longer than 65535 bytes" in body, body
    assert b"not valid HTTP" in site.raw(b"GET /api/2.0/mlflow/x\r\n\x00\r\n\r\n")
