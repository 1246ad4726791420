"""When each token was last used: noted in memory by the request, written by the background at most once a minute a token."""

from modelkeep.store import tokens
from modelkeep.store.db import Database

_MAX_KNOWN = 100_000


class TokenLastUsedRecorder:
    """Of one process. A kill -9 loses at most the last second."""

    def __init__(self) -> None:
        self._noted: dict[str, int] = {}
        self._written: dict[str, int] = {}

    def note(self, token_id: str, at: int) -> None:
        self._noted[token_id] = at

    async def flush(self, db: Database) -> None:
        """Write the uses of tokens of which none was written for a minute."""
        due = {
            id: at
            for id, at in self._noted.items()
            if at - self._written.get(id, -tokens.USE_EVERY_MS) >= tokens.USE_EVERY_MS
        }
        self._noted.clear()
        if not due:
            return
        if len(self._written) > _MAX_KNOWN:
            self._written.clear()
        async with db.write() as tx:
            await tokens.used(tx, due)
        self._written.update(due)
