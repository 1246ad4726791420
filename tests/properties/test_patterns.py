"""LIKE: what a pattern matches, against a table of sub-problems and a regular expression; and that no pattern goes back."""

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelkeep.core.operations.catalog.model_search import OF_VERSIONS
from modelkeep.domain import patterns
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.filters import Condition, matches, parse_filter
from modelkeep.domain.patterns import compiled, fold_case, longest_literal, pattern
from modelkeep.limits import LIKE_PATTERN_CHARACTERS

LETTERS = "abAB%_\\éÉßσςΣİKıſ\n.*["
TEXTS = st.text(LETTERS, max_size=16)


def reference(like: str, text: str, escape: str = "") -> bool:
    """By a row of sub-problems a letter of the pattern."""
    row = [True] + [False] * len(text)
    letters = iter(like)
    for letter in letters:
        literal = bool(escape) and letter == escape
        letter = next(letters, letter) if literal else letter
        if letter == "%" and not literal:
            for i in range(len(text)):
                row[i + 1] = row[i + 1] or row[i]
        else:
            any_letter = letter == "_" and not literal
            row = [False, *(row[i] and (any_letter or text[i] == letter) for i in range(len(text)))]
    return row[-1]


def one_by_one(text: str) -> str:
    return "".join(low if len(low := c.lower()) == 1 else c for c in text)


@settings(max_examples=600)
@given(like=TEXTS, text=TEXTS)
@example(like="%a_b%", text="aab")
@example(like="%a__b_%", text="aaxbab_")
@example(like="_%_", text="a")
@example(like="a%%a", text="a")
@example(like="%_a_%a_a%", text="aaaaaaa")
def test_a_pattern_matches_what_like_matches(like: str, text: str) -> None:
    assert compiled(like)(text) is reference(like, text)
    assert pattern(like)(text) is reference(like, text, "\\")
    folded = reference(one_by_one(like), one_by_one(text))
    assert compiled(like, any_case=True)(text) is folded


@settings(max_examples=300)
@given(like=st.text("ab%_", max_size=12), text=st.text("ab", max_size=40))
def test_a_pattern_matches_what_a_regular_expression_matches(like: str, text: str) -> None:
    regex = re.escape(like).replace("%", ".*").replace("_", ".")
    assert compiled(like)(text) is (re.fullmatch(regex, text, re.DOTALL) is not None)


@given(like=st.text("abcB%_.é", max_size=14), text=st.text("abcB.éK", max_size=20))
def test_the_longest_literal_is_in_each_match_in_lower_case(like: str, text: str) -> None:
    literal = longest_literal(like)
    assert "." not in literal
    assert literal.isascii()
    if compiled(like, any_case=True)(text):
        assert literal.lower() in text.lower()


def test_each_character_has_the_lower_case_of_its_own() -> None:
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert [fold_case(f"Σ{c}")[1:] for c in every] == [one_by_one(c) for c in every]
    assert [fold_case(c) for c in every] == [one_by_one(c) for c in every]


@pytest.mark.parametrize(
    "like",
    ["%" + "a_" * 100 + "b%", "%a_a%" * 60, "%" + "a" * 400 + "b%", "%_a" * 120 + "b", "%aa_b" * 90, "a%" * 200 + "b"],
)
def test_no_letter_of_the_text_is_stepped_over_twice(like: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the parts of the pattern nearly match."""
    stepped = 0
    place_after_last = patterns._Segment._place_after_last  # pyright: ignore[reportPrivateUsage]

    def counting(segment: Any, value: str) -> int:
        nonlocal stepped
        place = place_after_last(segment, value)
        stepped += place if place >= 0 else len(value)
        return place

    monkeypatch.setattr(patterns._Segment, "_place_after_last", counting)  # pyright: ignore[reportPrivateUsage]
    text = "a" * 50_000
    compiled(like)(text)
    compiled(like)(text + "b")
    assert stepped <= 2 * len(text) + 1


LONG = "%a" * 256 + "b"


@pytest.mark.parametrize("comparator", ["LIKE", "ILIKE"])
@pytest.mark.parametrize("field", ["name", "source_path", "run_id", "tags.k"])
def test_a_long_pattern_is_refused_in_one_sentence(field: str, comparator: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^A pattern has at most 512 characters\.$"):
        parse_filter(f"{field} {comparator} '{LONG}'", OF_VERSIONS)
    assert len(LONG) == LIKE_PATTERN_CHARACTERS + 1
    assert parse_filter(f"{field} {comparator} '{LONG[:-1]}'", OF_VERSIONS)
    assert parse_filter(f"{field} = '{LONG}'", OF_VERSIONS)


@given(values=st.lists(st.text("ab", max_size=3), min_size=1, max_size=5), text=st.text("ab", max_size=3))
def test_in_and_not_in(values: list[str], text: str) -> None:
    for comparator, expected in (("IN", text in values), ("NOT IN", text not in values)):
        condition = Condition("name", comparator, "", values=tuple(values))
        assert matches((condition,), lambda _: text, {}) is expected
