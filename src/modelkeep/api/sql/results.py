"""The answers of statements, for the principal and the workspace that ran them: in this process's memory, for a while.

The answer to the statement itself is always final and whole, so on several nodes nobody has to find the node that has it. A
second read is a convenience: an answer lives no longer than the URLs of the storage, so that a revoked right ends with them.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from modelkeep.api.sql.answers import SqlStatement
from modelkeep.domain.errors import NotFound

KEPT_MS = 15 * 60_000
MOST_BYTES = 64 * 1024 * 1024
MOST_EACH = 50
"""Statements kept of one owner: a principal in a workspace"""


class _Entry(msgspec.Struct, frozen=True):
    owner: str
    until: int
    size: int
    answer: SqlStatement


class Results:
    """The statements of one process."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0

    def keep(self, owner: str, answer: SqlStatement, size: int) -> None:
        """`size`: bytes of its JSON. The oldest make room for it."""
        own = [id for id, entry in self._entries.items() if entry.owner == owner]
        for id in own[: max(0, len(own) - MOST_EACH + 1)]:
            self._drop(id)
        while self._entries and (
            self._bytes + size > MOST_BYTES or next(iter(self._entries.values())).until < self._now()
        ):
            self._drop(next(iter(self._entries)))
        self._entries[answer["statement_id"]] = _Entry(owner, self._now() + KEPT_MS, size, answer)
        self._bytes += size

    def get(self, owner: str, id: str) -> SqlStatement:
        """Raises NotFound, for the statements of others too."""
        entry = self._entries.get(id)
        if entry is None or entry.owner != owner or entry.until < self._now():
            raise NotFound(
                f"Statement '{id[:100]}' does not exist, or its answer is no longer kept. Run it again: its answer comes at once."
            )
        return entry.answer

    def _drop(self, id: str) -> None:
        self._bytes -= self._entries.pop(id).size
