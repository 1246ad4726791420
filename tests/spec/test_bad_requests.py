"""Requests that are wrong in one way each, on every route of every vocabulary: refused in the dialect's own shape, never a failure."""

import base64
import json
import re
import time
from collections.abc import Iterator
from typing import Any, get_type_hints

import httpx
import msgspec
import pytest
from api.serving import DATABRICKS_UC, RETRIED, UC, V1, Site, World, filled, site

from modelkeep.api.errors import databricks
from modelkeep.http.routing import Route

__all__ = ["site"]

JSON = {"content-type": "application/json"}
SIZES = ("max_results", "page_size")
Case = tuple[dict[str, str], Route]


@pytest.fixture(scope="module")
def world(site: Site) -> World:
    return World(site)


def fields(route: Route) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(route.fields)]


def in_query(route: Route) -> bool:
    return route.method in ("GET", "HEAD")


def every(site: Site, *expected: str) -> Iterator[Case]:
    """Routes that read fields (one of `wanted`, if some are), with the headers of those whom they are for.

    Not SCIM's: its names have no case (RFC 7643, 2.1), its paths are looked up before its fields are; api/test_scim.py
    has its wrong requests."""
    for headers, route in site.dialects:
        if (
            not route.sends
            and "/scim/v2/" not in route.path
            and fields(route)
            and (not expected or set(expected) & set(fields(route)))
        ):
            yield headers, route


def send(site: Site, world: World, case: Case, extra: dict[str, Any], token: str | None = None) -> httpx.Response:
    """The route's sound request, with these fields too (in their place, or over those that it has)."""
    headers, route = case
    values = world.values(route)
    path = filled(route, values)
    sent = {name: value for name, value in values.items() if f"{{{name}}}" not in route.path} | extra
    where = {"params": sent} if in_query(route) else {"content": json.dumps(sent), "headers": headers | JSON}
    return site.call(route.method, path, token=token, **({"headers": headers} | where))


def sound(answer: httpx.Response, case: Case, *statuses: int) -> str:
    """Asserts an answer that is no failure and, if it refuses, has the dialect's shape; returns the sentence."""
    headers, route = case
    said = f"{route.method} {route.path} {headers}: {answer.status_code} {answer.text[:500]}"
    assert answer.status_code not in RETRIED, said
    assert not statuses or answer.status_code in statuses, said
    if answer.status_code < 400 or route.method == "HEAD":
        return ""
    assert answer.headers["content-type"] == "application/json", said
    body = answer.json()
    shape = get_type_hints(route.render or databricks)["return"].__args__[1]
    needed = getattr(shape, "__required_keys__", {"error_code", "message"})
    assert needed <= set(body) <= needed | getattr(shape, "__optional_keys__", set()), said
    refusal = body["error"] if "error" in needed else body
    sentence = refusal["detail"] if "detail" in needed else refusal["message"]
    assert re.fullmatch(r"[\s\S]{8,3000}[.`)]", sentence), said
    return sentence


def look_alikes(name: str) -> set[str]:
    """Its lowerCamelCase is none: the JSON of protobuf has the field under that name, too."""
    camel = re.sub(r"_(\w)", lambda match: match[1].upper(), name)
    pascal = camel[:1].upper() + camel[1:]
    return {name.upper(), name.title(), pascal, name.replace("_", "-"), f"{name}_", f"_{name}"} - {name, camel}


def test_look_alike_keys(site: Site, world: World) -> None:
    tried = 0
    for case in every(site):
        for name in fields(case[1]):
            for alike in sorted(look_alikes(name) - set(fields(case[1]))):
                tried += 1
                sound(send(site, world, case, {alike: "x"}), case, 400)
    assert tried > 500


def test_keys_that_are_sent_twice(site: Site, world: World) -> None:
    for case in every(site):
        headers, route = case
        name, path = fields(route)[-1], filled(route, world.values(route))
        if in_query(route):
            answer = site.call(route.method, f"{path}?{name}=1&{name}=1", headers=headers)
        else:
            answer = site.call(route.method, path, content=f'{{"{name}":"1","{name}":"1"}}', headers=headers | JSON)
        sound(answer, case, 400)


def test_path_and_fields_that_disagree(site: Site, world: World) -> None:
    tried = 0
    for case in every(site):
        route = case[1]
        if route.handler is not None:
            continue
        for name in re.findall(r"\{(\w+)\}", route.path):
            tried += 1
            sentence = sound(send(site, world, case, {name: "something_else"}), case, 400)
            assert name in sentence or route.method == "HEAD"
    assert tried > 40


@pytest.mark.parametrize("size", [-1, 0, 10**9, 10**30, -(10**30), "1e3x", "", "ten", "1.5", " 1", "०"])
def test_page_sizes(site: Site, world: World, size: Any) -> None:
    for case in every(site, *SIZES):
        [name] = set(SIZES) & set(fields(case[1]))
        answer = send(site, world, case, {name: size})
        wrong = not isinstance(size, int) or size < 0
        sound(answer, case, *((400,) if wrong and case[1].handler is None else (200, 400, 404)))


def forged() -> list[str]:
    contents = [
        base64.urlsafe_b64encode(text).decode() for text in (b"[]", b'["a"]', b"{}", b"\xff\xfe", b"[1,2,3]" * 100)
    ]
    return ["x", "0", "null", "%00", "../../etc", "' OR 1=1 --", "a" * 4000, "é", *contents]


def test_page_tokens_that_nobody_gave(site: Site, world: World) -> None:
    for case in every(site, "page_token"):
        for token in forged():
            sound(send(site, world, case, {"page_token": token}), case, 400, 404)


def path_fields(site: Site, world: World, token: str | None = None) -> dict[str, str]:
    """Page tokens that the server did give, by the route that gave them."""
    catalog, schema, _ = world.model.split(".")
    request = {
        f"{UC}/catalogs": {},
        f"{UC}/schemas": {"catalog_name": catalog},
        f"{DATABRICKS_UC}/registered-models/search": {},
        f"{UC}/models": {"catalog_name": catalog, "schema_name": schema},
        f"{DATABRICKS_UC}/model-versions/search": {},
    }
    result: dict[str, str] = {}
    for path, extra in request.items():
        answer = site.ok("GET", path, {"max_results": 1, **extra}, token)
        if answer.get("next_page_token"):
            result[path] = answer["next_page_token"]
    return result


def one_list(path: str, other: str) -> bool:
    """Two dialects of the same list may share its tokens."""
    models = ("/models", "registered-models/search")
    return path == other or (path.endswith(models) and other.endswith(models))


def test_page_tokens_of_another_list_or_caller(site: Site) -> None:
    world = World(site)
    catalog, schema, _ = world.model.split(".")
    site.ok("POST", f"{UC}/schemas", {"name": "second", "catalog_name": catalog})
    site.model(f"{catalog}.{schema}", versions=2)
    tokens = path_fields(site, world)
    assert len(tokens) == 5
    for case in every(site, "page_token"):
        for path, token in tokens.items():
            if not one_list(path, case[1].path):
                sound(send(site, world, case, {"page_token": token}), case, 400, 404)
    user, token = site.user()
    site.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    for path, mine in tokens.items():
        extra = {"catalog_name": catalog} if path == f"{UC}/schemas" else {}
        answer = site.call("GET", path, {"page_token": mine, **extra}, token=token)
        assert answer.status_code == 400, (path, answer.text)


def test_a_patch_of_nothing(site: Site, world: World) -> None:
    tried = 0
    for case in every(site):
        headers, route = case
        if route.method == "PATCH" and not route.path.endswith("/finalize"):
            tried += 1
            answer = site.call("PATCH", filled(route, world.values(route)), content=b"{}", headers=headers | JSON)
            sound(
                answer,
                case,
                400,
                *((200,) if re.search(r"/permissions/|\{tag_key\}|unity-catalog/prompts", route.path) else ()),
                404,
            )
    assert tried > 15


def test_nul_characters(site: Site, world: World) -> None:
    for case in every(site):
        headers, route = case
        for name in fields(route):
            if f"{{{name}}}" in route.path:
                path = filled(route, world.values(route) | {name: "a%00b"})
                sound(site.call(route.method, path, headers=headers), case, 400)
            elif f"{{{name}*}}" not in route.path:
                sound(send(site, world, case, {name: "a\0b"}), case, 400)
                sound(send(site, world, case, {f"stranger_{name}": "a\0b"}), case, 400)


def test_five_megabytes(site: Site, world: World) -> None:
    large = b'{"stranger":"' + b"a" * 5_000_000 + b'"}'
    for case in site.dialects:
        headers, route = case
        if (
            in_query(route)
            or route.sends
            or route.path == "/api/2.0/workspace/import"  # takes a file
            or "/accounts/" in route.path  # of an account that is not here, whatever the body
            or (route.handler is not None and (route.method == "DELETE" or not fields(route)))
        ):
            continue
        answer = site.call(route.method, filled(route, world.values(route)), content=large, headers=headers | JSON)
        assert "larger than" in sound(answer, case, 400), (route.path, answer.text)


FILTERS = {
    "quotes": [
        "'",
        "''",
        "name='",
        "name=''",
        "name='a''b'",
        "name='\\''",
        'name="a',
        "name=`a`",
        "name='a' 'b'",
        "name = “a”",
    ],
    "comments": [
        "name='a' -- x",
        "name='a' /* x */",
        "-- x",
        "#",
        "name='a'; DROP TABLE securables",
        "name='a' OR 1=1",
    ],
    "unknown fields": [
        "nothing='a'",
        "tags.x='a'",
        "tag.`a b`='c'",
        "a.b.c='d'",
        "1='1'",
        "name",
        "= 'a'",
        "source_path = ''",
    ],
    "operators": [
        "name LIKE '%'",
        "name ILIKE 'a'",
        "name != 'a'",
        "name IN ('a','b')",
        "name == 'a'",
        "name > 'a'",
        "NOT name='a'",
    ],
    "long": [
        " AND ".join(["name='a.b.c'"] * 10_000),
        " OR ".join(["name='a'"] * 10_000),
        "(" * 10_000,
        "'" * 10_001,
        f"name='{'a' * 100_000}'",
        "name=" * 10_000,
        " " * 50_000,
        "name='a'" + " AND name='a'" * 3_000,
    ],
}


@pytest.mark.parametrize("kind", FILTERS)
def test_filters(site: Site, world: World, kind: str) -> None:
    for case in every(site, "filter"):
        headers, route = case
        for text in FILTERS[kind]:
            text = text[:20_000] if in_query(route) else text  # no client takes more into a URL
            started = time.monotonic()
            where = {"params": {"filter": text}} if in_query(route) else {"json": {"filter": text}}
            answer = site.call(route.method, filled(route, world.values(route)), headers=headers, **where)
            sound(answer, case, 200, 400)
            assert time.monotonic() - started < 30, text[:100]


def test_nothing_of_this_made_the_server_fail(site: Site, world: World) -> None:
    site.ok("GET", "/health")
    assert site.ok("GET", f"{V1}/lineage", {"type": "TABLE", "name": "a.b.c"}) == {"lineage": [], "next_page_token": ""}
    assert site.b("GET", "registered-models/get", {"name": world.model}).status_code == 200
