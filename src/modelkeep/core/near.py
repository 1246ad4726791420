"""What somebody may have meant who wrote a word that is not known: named in the refusal, never taken for it."""

from collections.abc import Iterable
from difflib import get_close_matches


def near(word: str, known: Iterable[str]) -> str:
    """` Near it: 'alice', 'alicia'.`, to end a message with; '' where nothing is near."""
    folded = {name.casefold().replace(" ", "_"): name for name in known}
    found = get_close_matches(word[:255].casefold().replace(" ", "_"), folded, n=3, cutoff=0.7)
    return f" Near it: {', '.join(repr(folded[name]) for name in found)}." if found else ""
