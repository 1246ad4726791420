"""LIKE over what was read already, in time that grows with the text alone: a pattern is cut at its `%` once, and each part is looked
for from where the part before it ended. No pattern goes back."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

from modelkeep.domain.errors import InvalidArgument
from modelkeep.limits import LIKE_PATTERN_CHARACTERS

Matcher = Callable[[str], bool]


def pattern(
    text: str, *, any_case: bool = False, any_run: str = "%", any_character: str = "_", escape: str = "\\"
) -> Matcher:
    """Matches as LIKE does. Raises InvalidArgument."""
    check_pattern(text)
    return compiled(text, any_case=any_case, any_run=any_run, any_character=any_character, escape=escape)


def check_pattern(text: str) -> None:
    """Raises InvalidArgument."""
    if len(text) > LIKE_PATTERN_CHARACTERS:
        raise InvalidArgument(f"A pattern has at most {LIKE_PATTERN_CHARACTERS} characters.")


@lru_cache(maxsize=256)
def compiled(
    text: str, *, any_case: bool = False, any_run: str = "%", any_character: str = "_", escape: str = ""
) -> Matcher:
    """As `pattern`, for a text that was checked."""
    segments = tuple(map(_segment, _cut(text, any_run, any_character, escape, fold_case if any_case else str)))
    first, last = segments[0], segments[-1]
    if len(segments) == 1:
        matches: Matcher = lambda value: len(value) == first.length and first.stands_at(value, 0)  # noqa: E731
    else:
        matches = _runs(first, segments[1:-1], last)
    return (lambda value: matches(fold_case(value))) if any_case else matches


def longest_literal(text: str, separator: str = ".") -> str:
    """The longest run of ASCII that each match of a pattern (without escapes) holds, without the separator; '' for none."""
    runs = [""]
    for letter in text:
        if letter in "%_" or letter == separator or not letter.isascii() or letter == "\0":
            runs.append("")
        else:
            runs[-1] += letter
    return max(runs, key=len)


def fold_case(text: str) -> str:
    """Each character in lower case by itself, so that the text stays as long as it was."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) and "Σ" not in text else text.translate(_lower_case())


@cache
def _lower_case() -> dict[int, str]:
    """The characters that have a lower case of one character. The lower case of Σ in a word depends on what follows it."""
    cased = ((code, chr(code).lower()) for code in range(0x1F000))
    return {code: lowered for code, lowered in cased if len(lowered) == 1 and lowered != chr(code)}


def _cut(text: str, any_run: str, any_character: str, escape: str, fold: Callable[[str], str]) -> list[list[str]]:
    """The parts between the `%`, letter by letter; '' is any letter."""
    parts: list[list[str]] = [[]]
    letters = iter(text)
    for letter in letters:
        if letter == any_run:
            parts.append([])
        elif escape and letter == escape:
            parts[-1].append(fold(next(letters, letter)))
        else:
            parts[-1].append("" if letter == any_character else fold(letter))
    return [part for i, part in enumerate(parts) if part or i in (0, len(parts) - 1)]


class _Segment(NamedTuple):
    """A part without `%`."""

    length: int
    pieces: tuple[tuple[int, str], ...]
    """(offset, text without `_`)"""
    bits: dict[str, int]
    """Where the text of a part with `_` between its pieces has each letter, one bit a place"""
    anywhere: int
    """The places of `_` in it, as bits"""

    def stands_at(self, value: str, start: int) -> bool:
        return all(value.startswith(text, start + offset) for offset, text in self.pieces)

    def end_of(self, value: str, start: int, end: int) -> int:
        """Where its first match within [start, end) ends; -1 for none."""
        if not self.pieces:
            return start + self.length if start + self.length <= end else -1
        offset, text = self.pieces[0]
        if len(self.pieces) == 1:
            at = value.find(text, start + offset, end - self.length + offset + len(text))
            return -1 if at < 0 else at - offset + self.length
        last_offset, last_text = self.pieces[-1]
        at = value.find(text, start + offset, end)
        if at < 0 or any(value.find(text, at, end) < 0 for _, text in self.pieces[1:]):
            return -1
        end -= self.length - last_offset - len(last_text)
        place = self._place_after_last(value[at:end])
        return -1 if place < 0 else at + place + self.length - last_offset - len(last_text)

    def _place_after_last(self, value: str) -> int:
        """Shift-And: the bit of a place is set while all up to it stand where the text is. One step a letter."""
        offset, (last_offset, last_text) = self.pieces[0][0], self.pieces[-1]
        accept = 1 << (last_offset + len(last_text) - offset - 1)
        state, bits, anywhere = 0, self.bits, self.anywhere
        for place, letter in enumerate(value, 1):
            state = (state << 1 | 1) & bits.get(letter, anywhere)
            if state & accept:
                return place
        return -1


def _segment(letters: list[str]) -> _Segment:
    pieces: list[tuple[int, str]] = []
    for place, letter in enumerate(letters):
        if letter and place and letters[place - 1]:
            offset, text = pieces[-1]
            pieces[-1] = (offset, text + letter)
        elif letter:
            pieces.append((place, letter))
    if len(pieces) < 2:
        return _Segment(len(letters), tuple(pieces), {}, 0)
    first = pieces[0][0]
    between = letters[first : pieces[-1][0] + len(pieces[-1][1])]
    anywhere = sum(1 << place for place, letter in enumerate(between) if not letter)
    bits = dict.fromkeys(filter(None, between), anywhere)
    for place, letter in enumerate(between):
        if letter:
            bits[letter] |= 1 << place
    return _Segment(len(letters), tuple(pieces), bits, anywhere)


def _runs(first: _Segment, middle: tuple[_Segment, ...], last: _Segment) -> Matcher:
    shortest = first.length + sum(segment.length for segment in middle) + last.length

    def matches(value: str) -> bool:
        if len(value) < shortest or not first.stands_at(value, 0):
            return False
        position, end = first.length, len(value) - last.length
        if not last.stands_at(value, end):
            return False
        for segment in middle:
            position = segment.end_of(value, position, end)
            if position < 0:
                return False
        return True

    return matches
