"""SCIM's lists: what a filter finds, in whatever order and page, is what a reading of the same filter in Python finds."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import World, drop, new_place, world

from modelkeep.core.operations.identity import identities
from modelkeep.domain.scim.conditions import Compare
from modelkeep.domain.scim.filters import parse_filter
from modelkeep.domain.scim.patch import PatchOperation, apply, changes_of
from modelkeep.domain.scim.resources import DesiredPrincipal, read_wanted
from modelkeep.domain.scim.schema import TYPES, USER, ScimRequestError
from modelkeep.settings import Settings

pytest_plugins = ("backends", "places")

NAMES = ["ada", "Ada L", "bob", "BOBBY", "straße", "eve@x.io", 'q"uote', "back\\slash"]
ATTRIBUTES = ["userName", "displayName", "externalId", "active", "emails.value", "groups.display"]
Person = dict[str, Any]


def people() -> list[Person]:
    return [
        {
            "userName": name,
            "displayName": NAMES[-i],
            "externalId": f"e{i % 3}" if i % 3 else "",
            "active": i % 2 == 0,
            "emails.value": [f"{name[0]}@x.io", "shared@x.io"] if i % 3 == 1 else [],
            "groups.display": ["account users"] + ["team"] * (i < 3),
        }
        for i, name in enumerate(NAMES)
    ]


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def single_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def doubled(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def bare(text: str) -> str:
    """Without quotes, where the text is one word that means only itself."""
    plain = re.fullmatch(r"[\w@.-]+", text) and text.casefold() not in ("and", "or", "not", "null")
    return text if plain else quoted(text)


SPELLINGS = [quoted, single_quoted, doubled, bare]


def values(person: Person, attribute: str) -> list[Any]:
    result = person[attribute]
    return [v for v in (result if isinstance(result, list) else [result]) if v != ""]


def compared(operator: str, attribute: str, value: str, person: Person) -> bool:
    """An oracle of its own: no code of the product's."""
    plain = (lambda s: s) if attribute == "externalId" else str.casefold
    texts = [plain(v) for v in values(person, attribute) if isinstance(v, str)]
    want = plain(value)
    tests = {
        "eq": lambda v: v == want,
        "co": lambda v: want in v,
        "sw": lambda v: v[: len(want)] == want,
        "gt": lambda v: v > want,
        "ew": lambda v: v.endswith(want),
        "le": lambda v: v <= want,
    }
    return not compared("eq", attribute, value, person) if operator == "ne" else any(tests[operator](v) for v in texts)


TEXT = [a for a in ATTRIBUTES if a != "active"]
PIECES = [*NAMES, "a", "O", "", "@x.io", "e1", "E1", "team", "SHARED@x.io", "é"]
comparison = st.tuples(
    st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "le"]), st.sampled_from(TEXT), st.sampled_from(PIECES)
)
STRANGERS = ["title eq {}", "addresses.country co {}", "phones[type sw {}]", "emails[colour eq {}]", "manager pr"]
leaf = st.one_of(
    st.tuples(comparison, st.sampled_from(SPELLINGS)).map(
        lambda t: (f"{t[0][1]} {t[0][0]} {t[1](t[0][2])}", lambda p, c=t[0]: compared(*c, p))
    ),
    st.sampled_from(TEXT).map(lambda a: (f"{a} pr", lambda p, a=a: bool(values(p, a)))),
    st.tuples(st.booleans(), st.sampled_from(["{}", '"{}"', "'{}'"])).map(
        lambda t: (f"active eq {t[1].format(t[0])}", lambda p, b=t[0]: p["active"] is b)
    ),
)
stranger = st.tuples(st.sampled_from(STRANGERS), st.sampled_from(PIECES)).map(
    lambda t: (t[0].format(quoted(t[1])), lambda p: False)
)
filters = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(
            lambda t: (f"({t[0][0]}) and ({t[1][0]})", lambda p, t=t: t[0][1](p) and t[1][1](p))
        ),
        st.tuples(leaf, leaf).map(lambda t: (f"{t[0][0]} and {t[1][0]}", lambda p, t=t: t[0][1](p) and t[1][1](p))),
        st.tuples(inner, inner).map(lambda t: (f"({t[0][0]}) OR ({t[1][0]})", lambda p, t=t: t[0][1](p) or t[1][1](p))),
        inner.map(lambda t: (f"not ({t[0]})", lambda p, t=t: not t[1](p))),
    ),
    max_leaves=6,
)
# What nobody has stands beside conditions, and never below a `not`.
widened = st.one_of(
    filters,
    st.tuples(filters, stranger).map(lambda t: (f"({t[0][0]}) or {t[1][0]}", t[0][1])),
    st.tuples(filters, stranger).map(lambda t: (f"{t[1][0]} and ({t[0][0]})", t[1][1])),
)


async def _seed(w: World) -> None:
    admin = w.as_("admin")
    ids: list[str] = []
    for person in people():
        want = DesiredPrincipal(person["userName"], person["displayName"], person["active"], person["externalId"])
        identity = await admin.do(identities.CreateIdentity("USER", want))
        if person["emails.value"]:
            emails = [{"value": address} for address in person["emails.value"]]
            await admin.do(
                identities.PatchIdentity("USER", str(identity.number), (PatchOperation("add", "emails", emails),))
            )
        ids.append(str(identity.number))
    await admin.do(identities.CreateIdentity("GROUP", DesiredPrincipal("team", members=tuple(ids[:3]))))


def with_derived_email(person: Person) -> Person:
    derived = [person["userName"]] if "@" in person["userName"] else []
    return person | {"emails.value": person["emails.value"] or derived}


async def _check(
    place: Settings, tokens: dict[str, str], text: str, expected: list[str], start: int, count: int, descending: bool
) -> None:
    async with world(place) as w:
        w.tokens.update(tokens)
        filter = f'({text}) and userName ne "admin"'
        for item in (
            filter,
            f"({filter})",
            f'userName ne "admin" and {text}' if " or " not in text.lower() else filter,
        ):
            result = await w.as_("admin").do(identities.ListIdentities("USER", item))
            assert sorted(i.principal.name for i in result.items) == sorted(expected), item
            assert result.total == len(expected)
        page = await w.as_("admin").do(identities.ListIdentities("USER", filter, start, count, "userName", descending))
        ordered = sorted(expected, key=str.casefold, reverse=descending)
        assert [i.principal.name for i in page.items] == ordered[start - 1 : start - 1 + count]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_filter_finds_what_python_finds(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgres") if dialect == "postgresql" else None

    tokens: dict[str, str] = {}

    async def make() -> Settings:
        place = await new_place(tmp_path, server)
        async with world(place) as w:
            await _seed(w)
            tokens.update(w.tokens)
        return place

    place, everyone = asyncio.run(make()), [with_derived_email(person) for person in people()]

    @given(widened, st.integers(1, 4), st.integers(0, 9), st.booleans())
    @settings(max_examples=120 if server is None else 30, deadline=None)
    def holds_for(drawn: Any, start: int, count: int, descending: bool) -> None:
        text, holds = drawn
        usernames = [person["userName"] for person in everyone if holds(person)]
        asyncio.run(_check(place, tokens, text, usernames, start, count, descending))

    try:
        holds_for()
    finally:
        drop(place, server)


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40), st.sampled_from(SPELLINGS)
)
@settings(max_examples=300, deadline=None)
def test_every_spelling_of_a_text_means_that_text(text: str, spelled: Any) -> None:
    controls = [c for c in text if ord(c) < 32]
    written = spelled(text)
    for control in controls:
        written = written.replace(control, f"\\u{ord(control):04x}")
    condition = parse_filter(f"(displayName eq {written})", USER)
    assert isinstance(condition, Compare)
    assert condition.value == text


TEXTS = ["", "x", "True", "a@x.io", "{", '[{"value": "1"}]', '{"active": false}']
KEYS = ["value", "type", "primary", "displayName", "active", "title", "emails", "name", "members", "$ref"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)
PATHS = [
    "",
    "title",
    "active",
    "displayName",
    "name",
    "name.formatted",
    "emails",
    "emails.value",
    "members",
    "groups",
    "[]",
    'emails[type eq "work"].value',
    'emails[type eq "work" or colour eq "x"]',
    "emails[primary eq true]",
    "members[",
    'members[value eq "1"]',
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:x:2.0:User:y",
    "entitlements",
    "entitlements[value eq x]",
]
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "replace", "Remove"])}, optional={"path": st.sampled_from(PATHS), "value": JSON}
)


@given(st.sampled_from(list(TYPES.values())), st.lists(OPERATIONS, min_size=1, max_size=4))
@settings(max_examples=400, deadline=None)
def test_any_change_is_made_or_refused(of: Any, operations: list[Any]) -> None:
    """Never anything but SCIM's own refusal, and never an attribute that resources do not have."""
    old = {
        "id": "1",
        "active": True,
        "emails": [{"value": "a@x.io", "type": "work"}],
        "members": [{"value": "1"}, {"value": "2"}],
    }
    resource = {name: value for name, value in old.items() if of.attribute(name)}
    try:
        changed = apply(of, resource, changes_of(of, operations))
        read_wanted(of, {"userName": "x", "displayName": "x", **changed})
    except ScimRequestError:
        return
    assert all(of.attribute(name) for name in changed)
    assert changed["id"] == "1"
