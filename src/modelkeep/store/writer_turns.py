"""The line before the writers: principals take turns, so one that sends many changes at once delays the others by one of them."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable

_Turn = asyncio.Future[None]


class WriterTurns:
    """Admits `at_once` changes, of one principal at most `of_principal`."""

    def __init__(self, at_once: int, of_principal: int, give_up: Callable[[str], None] | None = None) -> None:
        """`give_up(principal)` is called instead of `leave` where a change was admitted at the moment when its caller left."""
        self._free = at_once
        self._of_principal = of_principal
        self._give_up = give_up or self.leave
        self._running: Counter[str] = Counter()
        self._line: dict[str, deque[_Turn]] = {}
        """By principal, in the order in which their next change is admitted."""

    async def enter(self, principal: str, wait_s: float) -> None:
        """Return when a change of this principal may run; `leave` ends it. Raises TimeoutError after `wait_s` seconds."""
        if principal not in self._line and self._may_run(principal):
            self._start(principal)
            return
        turn: _Turn = asyncio.get_running_loop().create_future()
        self._line.setdefault(principal, deque()).append(turn)
        try:
            async with asyncio.timeout(wait_s):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._give_up(principal)
            else:
                self._remove(principal, turn)
            raise

    def leave(self, principal: str) -> None:
        """The change has ended: the next one is admitted, of the principal whose turn it is."""
        self._free += 1
        self._running[principal] -= 1
        if not self._running[principal]:
            del self._running[principal]
        self._admit()

    def anyone_waits(self) -> bool:
        return any(not turn.done() for line in self._line.values() for turn in line)

    def _may_run(self, principal: str) -> bool:
        return self._free > 0 and self._running[principal] < self._of_principal

    def _start(self, principal: str) -> None:
        self._free -= 1
        self._running[principal] += 1

    def _admit(self) -> None:
        for principal, line in self._line.items():
            turn = next((turn for turn in line if not turn.done()), None)
            if turn is None or not self._may_run(principal):
                continue
            self._remove(principal, turn)
            if principal in self._line:
                self._line[principal] = self._line.pop(principal)  # its next change comes after the others'
            self._start(principal)
            turn.set_result(None)
            return

    def _remove(self, principal: str, turn: _Turn) -> None:
        line = self._line[principal]
        line.remove(turn)
        if not line:
            del self._line[principal]
