"""What somebody may have meant who wrote a word that is not known: named in the refusal, never taken for it."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from modelkeep import limits


def near(word: str, known: Iterable[str]) -> str:
    """` Near it: 'alice', 'alicia'.`, to end a message with; '' where nothing is near.

    Only the first `limits.NEAR_NAMES` names are compared, by their first `limits.NEAR_CHARACTERS` characters."""
    folded = {_folded(name): name for name in islice(known, limits.NEAR_NAMES)}
    close = get_close_matches(_folded(word), folded, n=3, cutoff=0.7)
    return f" Near it: {', '.join(repr(folded[name]) for name in close)}." if close else ""


def _folded(name: str) -> str:
    return name[: limits.NEAR_CHARACTERS].casefold().replace(" ", "_")
