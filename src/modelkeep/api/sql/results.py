"""What statements answered, for whoever ran them, through the workspace where they did: kept in this process's memory, for a while.

The answer to the statement itself is always final and whole, so on several nodes nobody has to find the node that has it. What
is asked for again is a convenience, kept no longer than what storage hands out (URLs), so that a revoked right ends with them.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from modelkeep.api.sql.answers import Statement
from modelkeep.domain.errors import NotFound

KEPT_MS = 15 * 60_000
MOST_BYTES = 64 * 1024 * 1024
MOST_EACH = 50
"""Statements kept of one owner: a principal in a workspace"""


class _Kept(msgspec.Struct, frozen=True):
    owner: str
    until: int
    size: int
    answer: Statement


class Results:
    """The statements of one process."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0

    def keep(self, owner: str, answer: Statement, size: int) -> None:
        """`size`: bytes of its JSON. The oldest make room for it."""
        own = [id for id, kept in self._kept.items() if kept.owner == owner]
        for id in own[: max(0, len(own) - MOST_EACH + 1)]:
            self._drop(id)
        while self._kept and (self._bytes + size > MOST_BYTES or next(iter(self._kept.values())).until < self._now()):
            self._drop(next(iter(self._kept)))
        self._kept[answer["statement_id"]] = _Kept(owner, self._now() + KEPT_MS, size, answer)
        self._bytes += size

    def get(self, owner: str, id: str) -> Statement:
        """Raises NotFound, for the statements of others too."""
        kept = self._kept.get(id)
        if kept is None or kept.owner != owner or kept.until < self._now():
            raise NotFound(
                f"Statement '{id[:100]}' does not exist, or its answer is no longer kept. Run it again: its answer comes at once."
            )
        return kept.answer

    def _drop(self, id: str) -> None:
        self._bytes -= self._kept.pop(id).size
