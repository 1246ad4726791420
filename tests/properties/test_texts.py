"""Everything that reads text from outside: names, versions, aliases, filters, LIKE, page tokens, MLmodel files."""

import base64
import hashlib
import hmac
import sqlite3
import unicodedata
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from modelkeep.core.operations.catalog.model_search import OF_VERSIONS
from modelkeep.domain.errors import BadName, BadPageToken, InvalidArgument
from modelkeep.domain.filters import Condition, matches, parse_filter
from modelkeep.domain.kinds import Kind
from modelkeep.domain.mlmodel import read_mlmodel, require_signature
from modelkeep.domain.names import check_alias, check_platform_tag, fold, fold_principal, parse_full_name, parse_version
from modelkeep.domain.paging import PageTokens
from modelkeep.limits import PAGE_TOKEN_BLOCK_BYTES

TEXT = st.text(max_size=40)
PARTS = st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)


# --- names -----------------------------------------------------------------------------------------------------------


@given(text=st.text(max_size=300), kind=st.sampled_from([Kind.CATALOG, Kind.SCHEMA, Kind.MODEL]))
@example(text="\u0130" * 255, kind=Kind.CATALOG)
@example(text="a.b.c\n", kind=Kind.MODEL)
def test_a_full_name_is_refused_or_reads_back_as_itself(text: str, kind: Kind) -> None:
    try:
        parsed = parse_full_name(text, kind)
    except BadName:
        return
    assert parsed.kind is kind
    assert parse_full_name(str(parsed), kind) == parsed
    assert str(parsed).split(".") == list(parsed.parts)
    assert all(part and not set(part) & set("./ \n\t\0\x7f") for part in parsed.parts)


@given(part=PARTS)
def test_folding_is_for_good_and_blind_to_case_and_to_composition(part: str) -> None:
    try:
        folded = fold(part, Kind.MODEL)
    except BadName:
        return
    assert fold(folded, Kind.MODEL) == folded
    assert fold(part.lower(), Kind.MODEL) == folded
    assert fold(unicodedata.normalize("NFD", part), Kind.MODEL) == folded
    if part.isascii():
        assert fold(part.upper(), Kind.MODEL) == folded


@given(name=TEXT)
def test_principals_fold_for_good(name: str) -> None:
    assert fold_principal(fold_principal(name)) == fold_principal(name)


@given(value=st.one_of(TEXT, st.integers(), st.floats(), st.booleans(), st.none()))
def test_a_version_is_a_positive_number_of_64_bits_or_refused(value: Any) -> None:
    try:
        number = parse_version(value)
    except InvalidArgument:
        return
    assert 1 <= number < 2**63 and str(number) == str(value).lstrip("0")


@pytest.mark.parametrize(
    "value", ["abc", 0, -1, "0", "-1", 2**63, str(2**63), "1.0", 1.0, True, "", " 1", "1\n", "\u0661", None, "1" * 20]
)
def test_what_no_version_is(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="positive integer"):
        parse_version(value)


@given(alias=TEXT)
def test_an_alias_passes_unchanged_or_is_refused(alias: str) -> None:
    try:
        assert check_alias(alias) == alias
    except BadName:
        return
    assert "\n" not in alias and alias.lower() != "latest" and 1 <= len(alias) <= 255


@pytest.mark.parametrize(
    "alias", ["latest", "Latest", "LATEST", "v1", "V12", "prod\n", "", "a b", "a.b", "a/b", "x" * 256, "v\u0661"]
)
def test_what_no_alias_is(alias: str) -> None:
    with pytest.raises(BadName):
        check_alias(alias)


@given(key=TEXT, value=TEXT)
def test_a_tag_passes_or_is_refused(key: str, value: str) -> None:
    try:
        check_platform_tag(key, value)
    except InvalidArgument:
        return
    assert key == key.strip() != "" and value == value.strip() and not set(key) & set(".,-=/:\n\0")


# --- filters ---------------------------------------------------------------------------------------------------------

_WORDS = st.sampled_from(
    [
        "name",
        "run_id",
        "source_path",
        "version_number",
        ">=",
        "IN",
        "('a', \"b\")",
        "('a'",
        "tags.k",
        "tag.`a b`",
        "AND",
        "and",
        "=",
        "!=",
        "LIKE",
        "ILIKE",
        "<",
        "'a'",
        "'it''s'",
        '"x"',
        "5",
        "OR",
        "(",
        "'",
        "`name`",
        "tags.",
        "  ",
        "\n",
    ]
)


@given(text=st.one_of(st.text(max_size=80), st.lists(_WORDS, max_size=12).map(" ".join)))
def test_a_filter_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        conditions = parse_filter(text, OF_VERSIONS)
    except InvalidArgument as error:
        assert error.message
        return
    for condition in conditions:
        assert condition.comparator in ("=", "!=", "LIKE", "ILIKE", "IN", "<", "<=", ">", ">=")
        assert condition.field in (*OF_VERSIONS.texts, *OF_VERSIONS.numbers, "tag")
    matches(conditions, lambda field: "5" if field in OF_VERSIONS.numbers else "a", {"k": "v"})


def test_filters_have_a_length() -> None:
    for text in ("name = '" + "x" * 10_000 + "'", " AND ".join(["name = 'a'"] * 101)):
        with pytest.raises(InvalidArgument, match="at most"):
            parse_filter(text, OF_VERSIONS)


@given(
    value=st.text(max_size=30),
    field=st.sampled_from(OF_VERSIONS.texts),
    key=st.text(alphabet="abc_-./", min_size=1, max_size=8),
)
def test_a_value_is_read_as_it_was_quoted(value: str, field: str, key: str) -> None:
    quoted = value.replace("'", "''")
    assert parse_filter(f"{field} = '{quoted}' AND tags.`{key}` != '{quoted}'", OF_VERSIONS) == (
        Condition(field, "=", value),
        Condition("tag", "!=", value, key),
    )


_ASCII = st.text(alphabet="abAB%_.*[]\\$^+?()\n ", max_size=14)


@given(pattern=_ASCII, text=_ASCII)
@example(pattern="%a%a%a%a%a%a%b", text="a" * 14)
@example(pattern="_%", text="")
@example(pattern="a%%b", text="ab")
def test_like_means_what_it_means_in_sql(pattern: str, text: str) -> None:
    connection = sqlite3.connect(":memory:")
    assert _like("ILIKE", pattern, text) == connection.execute("SELECT ? LIKE ?", (text, pattern)).fetchone()[0]
    connection.execute("PRAGMA case_sensitive_like = ON")
    assert _like("LIKE", pattern, text) == connection.execute("SELECT ? LIKE ?", (text, pattern)).fetchone()[0]
    connection.close()


def _like(comparator: str, pattern: str, text: str) -> bool:
    return matches((Condition("name", comparator, pattern),), lambda _: text, {})


@settings(deadline=60_000)
@given(pattern=st.text(alphabet="a%_", min_size=200, max_size=2000))
def test_no_pattern_takes_long(pattern: str) -> None:
    _like("LIKE", pattern + "%b", "a" * 2000)


# --- page tokens -----------------------------------------------------------------------------------------------------

POSITIONS = st.tuples(st.text(max_size=20), st.integers(-(2**62), 2**62))
TOKENS, OTHERS = PageTokens(b"a" * 32), PageTokens(b"b" * 32)


@given(scope=TEXT, position=POSITIONS)
def test_a_token_brings_its_own_list_back_to_where_it_was(scope: str, position: tuple[str, int]) -> None:
    assert TOKENS.open(scope, TOKENS.seal(scope, position), (str, int)) == position


@given(scope=TEXT, other=TEXT, position=POSITIONS)
def test_a_token_of_another_list_is_refused(scope: str, other: str, position: tuple[str, int]) -> None:
    assume(scope != other)
    with pytest.raises(BadPageToken):
        TOKENS.open(other, TOKENS.seal(scope, position), (str, int))


@given(
    token=st.one_of(
        st.text(min_size=1, max_size=60),
        st.binary(min_size=1, max_size=300).map(lambda b: base64.urlsafe_b64encode(b).decode()),
    )
)
def test_a_token_that_nobody_made_is_refused(token: str) -> None:
    with pytest.raises(BadPageToken):
        TOKENS.open("scope", token, (str, int))


@given(name=st.text(min_size=1, max_size=60), number=st.integers(0, 2**62))
def test_a_token_tells_nothing_of_its_position(name: str, number: int) -> None:
    """Neither its bytes nor its length: a list may stop at a row that its caller may not see."""
    token = TOKENS.seal("scope", (name, number))
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert len(name) < 5 or name.encode(errors="ignore")[:5] not in raw
    if len(name.encode()) * 6 + 30 < PAGE_TOKEN_BLOCK_BYTES:
        assert len(token) == len(TOKENS.seal("scope", ("a", 0)))


@given(position=POSITIONS)
def test_a_token_of_another_deployment_is_refused(position: tuple[str, int]) -> None:
    with pytest.raises(BadPageToken):
        TOKENS.open("scope", OTHERS.seal("scope", position), (str, int))


@given(position=POSITIONS, index=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_token_with_one_bit_changed_is_refused(position: tuple[str, int], index: int, bit: int) -> None:
    token = TOKENS.seal("scope", position)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[index % len(raw)] ^= 1 << bit
    changed = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    for bad in (changed, token[:-1], token + "A", token + "=", token.swapcase()):
        with pytest.raises(BadPageToken):
            TOKENS.open("scope", bad, (str, int))


@pytest.mark.parametrize("kinds", [(int,), (str, str), (int, str), ()])
def test_a_token_of_a_release_with_other_positions_is_refused(kinds: tuple[type, ...]) -> None:
    with pytest.raises(BadPageToken):
        TOKENS.open("scope", TOKENS.seal("scope", ("x", 1)), kinds)


@given(position=POSITIONS)
def test_a_token_that_a_reader_of_an_older_source_signs_is_refused(position: tuple[str, int]) -> None:
    """Its key stood in the source, and its body was the position in clear."""
    body = msgspec.json.encode(position)
    key = hashlib.sha256(b"modelkeep page tokens").digest()
    tag = hmac.digest(key, b"scope\0" + body, "sha256")[:16]
    with pytest.raises(BadPageToken):
        TOKENS.open("scope", base64.urlsafe_b64encode(tag + body).decode().rstrip("="), (str, int))


# --- MLmodel ---------------------------------------------------------------------------------------------------------

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=10),
    st.dates(),
    st.binary(max_size=4),
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(TEXT, st.none(), st.integers(), st.floats(), st.dates()), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(inputs=_TREES, outputs=_TREES, flavors=_TREES)
def test_an_mlmodel_of_any_shape_is_read_or_refused(inputs: Any, outputs: Any, flavors: Any) -> None:
    text = yaml.safe_dump({"flavors": flavors, "signature": {"inputs": inputs, "outputs": outputs}})
    try:
        require_signature(read_mlmodel(text.encode()).signature)
    except InvalidArgument as error:
        assert error.message.endswith(".")


@given(data=st.binary(max_size=300))
@example(data=b"\xff\xfe")
@example(data=b"{flavors: {}, signature: {inputs: '" + b"[" * 20_000 + b"'}}")
@example(data=b"flavors: 0x" + b"f" * 5000)
def test_an_mlmodel_of_any_bytes_is_read_or_refused(data: bytes) -> None:
    try:
        read_mlmodel(data)
    except InvalidArgument as error:
        assert error.message
