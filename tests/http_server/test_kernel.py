"""One reader of JSON, of pairs and of paths for all routes: the registry's and those of the tracking server."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelkeep
from modelkeep.domain.errors import InvalidArgument
from modelkeep.http.pairs import read_pairs
from modelkeep.http.routing import Router
from modelkeep.http.unique_json import parse_json_object
from modelkeep.limits import QUERY_PAIRS, SIGN_IN_PAIRS, TRACKING_DEPTH, TRACKING_QUERY_PAIRS
from modelkeep.tracking import calls
from modelkeep.tracking.route_rules import OWN_ROUTES, ROUTES, UI_ROUTES

SOURCE = Path(modelkeep.__file__).parent
READERS = {"registry": parse_json_object, "tracking": calls.parse}
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('aé"\\u/', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=10,
)


def sources() -> list[tuple[str, str]]:
    return [(path.relative_to(SOURCE).as_posix(), path.read_text()) for path in sorted(SOURCE.rglob("*.py"))]


def test_each_reader_stands_in_one_module() -> None:
    texts = sources()
    assert [name for name, text in texts if re.search(r"^class Router\b", text, re.MULTILINE)] == ["http/routing.py"]
    assert [name for name, text in texts if "parse_qsl(" in text] == ["http/pairs.py"]
    assert [name for name, text in texts if "def unique_keys(" in text] == ["domain/unique_keys.py"]
    hooks = {
        ast.unparse(keyword.value)
        for _, text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "object_pairs_hook"
    }
    assert hooks == {"unique_keys"}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@given(value=DOCUMENTS)
def test_a_document_is_read_as_it_was_written(reader: Any, value: Any) -> None:
    document = {"field": value}
    assert reader(json.dumps(document).encode()) == document


SENTENCES = [
    (b"{", "The request body is not JSON. Send one JSON object in UTF-8.", "The body is not valid JSON in UTF-8."),
    (b"\xff", "The request body is not JSON. Send one JSON object in UTF-8.", "The body is not valid JSON in UTF-8."),
    (b"[]", "The request body is not a JSON object.", "The body must be a JSON object."),
    (b'{"a": 1, "a": 1}', "Field 'a' is given twice in the request body.", "The body has the key 'a' twice."),
    (
        b'{"x": [{"{0}": 1, "{0}": 2}]}',
        "Field '{0}' is given twice in the request body.",
        "The body has the key '{0}' twice.",
    ),
    (b'{"a": NaN}', "NaN is not JSON. Send it as a string.", 'JSON has no NaN; send it as the string "NaN".'),
    (
        b'{"a": -Infinity}',
        "-Infinity is not JSON. Send it as a string.",
        'JSON has no -Infinity; send it as the string "-Infinity".',
    ),
]


@pytest.mark.parametrize(("body", "of_registry", "of_tracking"), SENTENCES, ids=[str(b) for b, _, _ in SENTENCES])
def test_each_dialect_refuses_in_its_own_sentence(body: bytes, of_registry: str, of_tracking: str) -> None:
    for reader, sentence in ((parse_json_object, of_registry), (calls.parse, of_tracking)):
        with pytest.raises(InvalidArgument) as refusal:
            reader(body)
        assert refusal.value.message == sentence


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (rb'{"a": "\ud800"}', "The request body is not JSON. Send one JSON object in UTF-8."),
        (rb'["\ud800"]', "The request body is not JSON. Send one JSON object in UTF-8."),
        (rb'{"\udfff": 1}', "The request body is not JSON. Send one JSON object in UTF-8."),
        (rb'{"a": "\u0000"}', "The request body has a NUL character (\\u0000), which no field may hold."),
        (rb'{"a": "\\\u0000"}', "The request body has a NUL character (\\u0000), which no field may hold."),
    ],
)
def test_texts_of_the_registry_are_unicode_without_nul(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse_json_object(body)
    assert refusal.value.message == sentence


def test_a_backslash_before_the_letters_of_a_nul_is_text() -> None:
    assert parse_json_object(rb'{"a": "\\u0000"}') == {"a": "\\u0000"}


@pytest.mark.parametrize("most", [SIGN_IN_PAIRS, QUERY_PAIRS, TRACKING_QUERY_PAIRS])
def test_pairs_are_bounded(most: int) -> None:
    assert len(read_pairs(b"&".join([b"a=1"] * most), most, "no")) == most
    with pytest.raises(InvalidArgument, match="no"):
        read_pairs(b"&".join([b"a=1"] * (most + 1)), most, "no")


@pytest.mark.parametrize("encoded", [b"a=%ff", b"a=\xc3\xa9", b"%ed%a0%80=1"])
def test_pairs_are_percent_encoded_utf_8(encoded: bytes) -> None:
    with pytest.raises(InvalidArgument, match="no"):
        read_pairs(encoded, 10, "no")


@pytest.mark.parametrize("opening", [b'{"a":', b'{"metadata":{"a":', b'{"tags":['])
def test_a_tracking_call_has_few_levels(opening: bytes) -> None:
    def nested(levels: int) -> bytes:
        inner = levels - opening.count(b"{") - opening.count(b"[")
        closing = opening.replace(b"{", b"}").replace(b"[", b"]")
        return opening + b"[" * inner + b"]" * inner + bytes(reversed(re.sub(rb"[^]}]", b"", closing)))

    calls.own_names(calls.parse(nested(TRACKING_DEPTH + 1)))
    with pytest.raises(InvalidArgument, match=f"more than {TRACKING_DEPTH} levels"):
        calls.own_names(calls.parse(nested(TRACKING_DEPTH + 2)))


class Target(msgspec.Struct, frozen=True):
    method: str
    path: str


def test_a_router_takes_whatever_has_a_method_and_a_path() -> None:
    routes = [Target("GET", "/a/{id}"), Target("GET", "/a/b"), Target("POST", "/a/{id}"), Target("GET", "/f/{path*}")]
    router = Router(routes)
    assert router.find("GET", "/a/b") == (routes[1], {})
    assert router.find("POST", "/a/b") == (routes[2], {"id": "b"})
    assert router.find("GET", "/f/x/y") == (routes[3], {"path": "x/y"})
    assert router.find("GET", "/a/") is None
    with pytest.raises(ValueError, match="two routes"):
        Router([routes[0], Target("GET", "/a/{name}")])


@pytest.mark.parametrize("route", [*ROUTES, *OWN_ROUTES], ids=lambda route: f"{route.method} {route.path}")
def test_the_router_finds_each_tracking_route_by_its_path(route: Any) -> None:
    names = re.findall(r"\{(\w+)\}", route.path)
    values = {name: f"v{index}" for index, name in enumerate(names)}
    assert calls.API.find(route.method, route.path.format(**values)) == (route, values)
    for name in names:
        for no_id in ("", ".", ".."):
            assert calls.API.find(route.method, route.path.format(**{**values, name: no_id})) is None


@pytest.mark.parametrize("route", UI_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_routes_of_pages_are_found_below_their_own_prefix_alone(route: Any) -> None:
    assert calls.UI.find(route.method, route.path) == (route, {})
    assert calls.API.find(route.method, route.path) is None


def test_a_refused_path_is_no_id() -> None:
    for path in ("traces/get", "traces/batchGet"):
        assert calls.API.find("GET", f"/3.0/mlflow/{path}") is None
    assert calls.API.find("GET", "/3.0/mlflow/traces/tr-1") is not None
