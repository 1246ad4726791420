"""What a statement is made of: sqlglot's tokens, with nothing but plain spaces between them.

Comments are gone before this (`comments.py`). Whatever two readers could see differently is refused before anything is read: a
second statement, characters outside of quotes that are not ASCII. What the tokenizer leaves out shows as a gap between two tokens.
"""

from functools import cache
from typing import Any, Literal

import msgspec

from modelkeep.api.sql.comments import UNENDED
from modelkeep.api.sql.errors import BadSql

MAX_WORDS = 2_000
_SPACES = frozenset(" \t\r\n")
_ASCII_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


class Word(msgspec.Struct, frozen=True):
    kind: Literal["word", "name", "text", "number", "sign"]
    """word: as it stands; name: it was in backticks; text: it was in quotes"""
    text: str


_KINDS: dict[str, Literal["word", "name", "text", "number"]] = {
    "VAR": "word",
    "IDENTIFIER": "name",
    "STRING": "text",
    "NUMBER": "number",
}


def words(statement: str) -> list[Word]:
    """The words of one statement without comments, and without the semicolon that may end it. Raises BadSql."""
    statement_words: list[Word] = []
    position = 0
    for token in _tokens(statement):
        _only_spaces(statement[position : token.start])
        statement_words.append(_word(token, statement[token.start : token.end + 1]))
        position = token.end + 1
    _only_spaces(statement[position:])
    if statement_words and statement_words[-1] == Word("sign", ";"):
        statement_words.pop()
    if Word("sign", ";") in statement_words:
        raise BadSql("This is more than one statement. Send one at a time.")
    if not statement_words:
        raise BadSql("The statement is empty.")
    if len(statement_words) > MAX_WORDS:
        raise BadSql(f"The statement has {len(statement_words)} words; at most {MAX_WORDS} are allowed.")
    return statement_words


def _tokens(statement: str) -> list[Any]:
    from sqlglot.errors import SqlglotError

    try:
        return _tokenizer().tokenize(statement)
    except (SqlglotError, RecursionError) as error:
        raise BadSql(UNENDED) from error


@cache
def _dialect() -> Any:
    from sqlglot.dialects.databricks import Databricks

    class Plain(Databricks.Tokenizer):
        """Databricks' quotes and escapes; every word is just a word."""

        KEYWORDS = {}  # noqa: RUF012
        COMMANDS = set()  # noqa: RUF012
        RAW_STRINGS = []  # noqa: RUF012
        HEX_STRINGS = []  # noqa: RUF012
        NUMERIC_LITERALS = {}  # noqa: RUF012

    return Plain, Databricks()


def _tokenizer() -> Any:
    plain, dialect = _dialect()
    return plain(dialect=dialect)


def _only_spaces(gap: str) -> None:
    strange = next((c for c in gap if c not in _SPACES), None)
    if strange is None:
        return
    if strange.isascii() and strange.isprintable():
        raise BadSql(f"The character {strange} stands where it means nothing here. Send the statement without it.")
    raise _not_ascii(strange)


def _not_ascii(character: str) -> BadSql:
    return BadSql(
        f"The character U+{ord(character):04X} stands outside of quotes. Write keywords, signs and spaces in plain ASCII, and names "
        "with other characters in backticks."
    )


def _word(token: Any, raw: str) -> Word:
    kind = _KINDS.get(token.token_type.name)
    if kind in ("name", "text"):
        return Word(kind, token.text)
    strange = next((c for c in raw if not c.isascii() or not c.isprintable()), None)
    if strange is not None:
        raise _not_ascii(strange)
    if kind == "word" and not _ASCII_WORD.issuperset(raw):
        raise BadSql(f"The name {raw[:100]} has to be in backticks: `{raw[:100]}`.")
    return Word(kind or "sign", raw)


class TokenReader:
    """The words of one statement, read from left to right."""

    def __init__(self, words: list[Word]) -> None:
        self._words = words
        self._next = 0

    def sees(self, *keywords: str) -> bool:
        """Do these keywords come next, in any case and outside of quotes?"""
        ahead = self._words[self._next : self._next + len(keywords)]
        return tuple(w.text.upper() for w in ahead if w.kind == "word") == keywords

    def takes(self, *keywords: str) -> bool:
        """As `sees`, and past them if so."""
        if not self.sees(*keywords):
            return False
        self._next += len(keywords)
        return True

    def one_of(self, *keywords: str) -> str:
        """The one that comes next. Raises BadSql."""
        keyword = next((keyword for keyword in keywords if self.takes(keyword)), None)
        if keyword is None:
            raise self.wrong(" or ".join((", ".join(keywords[:-1]), keywords[-1])) if keywords[1:] else keywords[0])
        return keyword

    def takes_sign(self, sign: str) -> bool:
        if self._next < len(self._words) and self._words[self._next] == Word("sign", sign):
            self._next += 1
            return True
        return False

    def sign(self, sign: str) -> None:
        if not self.takes_sign(sign):
            raise self.wrong(sign)

    def keyword(self) -> str:
        """Any word outside of quotes, in upper case. Raises BadSql."""
        return self._take("word", what="a keyword").text.upper()

    def name(self) -> str:
        """One part of a name, or a principal. Raises BadSql."""
        return self._take(
            "word", "name", what="a name (in backticks, where it is more than letters, digits and _)"
        ).text

    def names(self) -> tuple[str, ...]:
        """A name with periods between its parts. Raises BadSql."""
        parts = [self.name()]
        while self.takes_sign("."):
            parts.append(self.name())
        return tuple(parts)

    def names_before(self, *keywords: str) -> tuple[str, ...] | None:
        """The name that comes next, and past it, if one of these keywords or the end of the statement follows it."""
        start = self._next
        try:
            names = self.names()
        except BadSql:
            names = ()
        if names and (self.ended() or any(self.sees(keyword) for keyword in keywords)):
            return names
        self._next = start
        return None

    def is_text(self) -> bool:
        return self._next < len(self._words) and self._words[self._next].kind == "text"

    def text(self) -> str:
        """Text in quotes. Raises BadSql."""
        return self._take("text", what="text in quotes").text

    def number(self) -> str:
        """A number as it is written. Raises BadSql."""
        return self._take("number", what="a number").text

    def ended(self) -> bool:
        return self._next == len(self._words)

    def end(self) -> None:
        """Raises BadSql where anything is left."""
        if not self.ended():
            raise self.wrong("the end of the statement")

    def wrong(self, expected: str) -> BadSql:
        if self.ended():
            return BadSql(f"The statement ends where {expected} should follow.")
        return BadSql(f"The statement has '{self._words[self._next].text[:100]}' where {expected} should be.")

    def _take(self, *kinds: str, what: str) -> Word:
        if self.ended() or self._words[self._next].kind not in kinds:
            raise self.wrong(what)
        self._next += 1
        return self._words[self._next - 1]
