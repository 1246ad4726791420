"""The line before the scans: few run at once, none of them waits with a connection, and nobody fills the line alone."""

import asyncio
from collections import Counter, deque

from modelkeep.domain.errors import Throttled
from modelkeep.observe import metrics


class ScanLane:
    """Admits `at_once` scans; of one principal half as many, so that the others always have a way."""

    def __init__(self, at_once: int, *, of_principal: int, waiting: int, wait_s: float) -> None:
        """`of_principal`: how many of one principal's run or wait; `waiting`: of all; `wait_s`: how long each waits."""
        self._free = at_once
        self._running_each = max(1, at_once // 2)
        self._of_principal = of_principal
        self._waiting = waiting
        self._wait_s = wait_s
        self._present: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._line: deque[tuple[str, asyncio.Future[None]]] = deque()

    async def enter(self, principal: str) -> None:
        """Returns when a scan of this principal may run; `leave` ends it. Raises Throttled."""
        if self._present[principal] >= self._of_principal:
            metrics.scans_refused.labels("principal").inc()
            raise Throttled(
                f"{self._of_principal} searches or lists of yours are under way. Wait until one ends, then try again."
            )
        if self._may_run(principal):
            self._present[principal] += 1
            self._start(principal)
            return
        if len(self._line) >= self._waiting:
            metrics.scans_refused.labels("line").inc()
            raise Throttled("Too many searches and lists are under way. Try again in a moment.")
        self._present[principal] += 1
        await self._wait(principal)

    def leave(self, principal: str) -> None:
        self._free += 1
        _less(self._running, principal)
        _less(self._present, principal)
        self._admit()

    async def _wait(self, principal: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (principal, turn)
        self._line.append(place)
        metrics.scans_waiting.inc()
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave(principal)  # admitted at the moment of giving up
            else:
                self._line.remove(place)
                _less(self._present, principal)
            if isinstance(error, TimeoutError):
                metrics.scans_refused.labels("wait").inc()
                raise Throttled("Too many searches and lists are under way. Try again in a moment.") from error
            raise
        finally:
            metrics.scans_waiting.dec()

    def _may_run(self, principal: str) -> bool:
        return self._free > 0 and self._running[principal] < self._running_each

    def _start(self, principal: str) -> None:
        self._free -= 1
        self._running[principal] += 1

    def _admit(self) -> None:
        """The first in the line whose principal may run one more."""
        for place in self._line:
            principal, turn = place
            if not turn.done() and self._may_run(principal):
                self._line.remove(place)
                self._start(principal)
                turn.set_result(None)
                return


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
