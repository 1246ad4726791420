"""How many calls one principal may have at work at the same time: the next ones wait for their turn, the rest are refused."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from modelkeep.domain.errors import Throttled


class CallTurns:
    """Turns by principal; one principal's calls never wait for another's."""

    def __init__(self, at_once: int, waiting: int) -> None:
        """`at_once`: calls at work; `waiting`: calls that may wait beside them."""
        self._at_once = at_once
        self._most = at_once + waiting
        self._lanes: dict[str, tuple[asyncio.Semaphore, list[int]]] = {}

    @asynccontextmanager
    async def take(self, principal_id: str) -> AsyncGenerator[None]:
        """A turn. Raises Throttled where as many calls as may wait are waiting."""
        semaphore, count = self._lanes.setdefault(principal_id, (asyncio.Semaphore(self._at_once), [0]))
        if count[0] >= self._most:
            raise Throttled(f"You have {count[0]} tracking calls at work already. Wait for some to end, then retry.")
        count[0] += 1
        try:
            async with semaphore:
                yield
        finally:
            count[0] -= 1
            if not count[0]:
                self._lanes.pop(principal_id, None)
