"""LIKE over what was read already: patterns that take no exponential time."""

import re
from collections.abc import Callable

from modelkeep.core.errors import InvalidArgument

MAX_PATTERN = 512  # characters


def pattern(
    text: str, *, any_case: bool = False, any_run: str = "%", one: str = "_", escape: str = "\\"
) -> Callable[[str], bool]:
    """Matches as LIKE does. Raises InvalidArgument."""
    if len(text) > MAX_PATTERN:
        raise InvalidArgument(f"A pattern has at most {MAX_PATTERN} characters.")
    parts = [""]
    letters = iter(text)
    for letter in letters:
        if letter == any_run:
            parts.append("")
        elif escape and letter == escape:
            parts[-1] += re.escape(next(letters, letter))
        else:
            parts[-1] += "." if letter == one else re.escape(letter)
    first, *rest = parts
    if rest:
        *middle, last = rest
        # Atomic groups: the leftmost match of each part is enough, so no pattern backtracks.
        first += "".join(f"(?>.*?{part})" for part in middle if part) + f".*{last}"
    found = re.compile(first, re.DOTALL | (re.IGNORECASE if any_case else 0))
    return lambda value: found.fullmatch(value) is not None
