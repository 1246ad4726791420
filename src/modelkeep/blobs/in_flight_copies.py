"""Copies inside the store that may take longer than a client waits: each runs once, and a repeated call waits for that one.

In the memory of this process: another node that gets the repeated call begins a copy of its own."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

WAIT_S = 45.0
"""Below the 60 s after which proxies give up, and the 120 s of MLflow's clients, which then repeat the request."""
_KEPT_S = 1800.0  # how long a result waits for somebody who asks again


class InFlightCopies:
    """Copies that run, and finished ones whose result no call has fetched yet, by the key that names them."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self.wait_s = wait_s
        self._under_way: dict[Hashable, asyncio.Task[str]] = {}
        self._ended: dict[Hashable, float] = {}

    async def join(self, key: Hashable, copy: Callable[[], Coroutine[Any, Any, str]]) -> str | None:
        """What `copy` answers, begun now or by somebody before; None where it is still at work after `wait_s`, and goes on.

        Raises what it raises; the next to ask begins anew."""
        self._forget()
        if (task := self._under_way.get(key)) is None:
            task = self._under_way[key] = asyncio.create_task(copy())
            task.add_done_callback(lambda done: self._end(key, done))
        done, _ = await asyncio.wait((task,), timeout=self.wait_s)
        if not done:
            return None
        if self._under_way.get(key) is task:
            del self._under_way[key]
        return task.result()

    def _end(self, key: Hashable, task: asyncio.Task[str]) -> None:
        self._ended[key] = asyncio.get_running_loop().time()
        if not task.cancelled():
            task.exception()  # it has been seen, whether or not somebody asks again

    def _forget(self) -> None:
        now = asyncio.get_running_loop().time()
        for key in [key for key, at in self._ended.items() if key not in self._under_way or now - at > _KEPT_S]:
            del self._ended[key]
            if (task := self._under_way.get(key)) is not None and task.done():
                del self._under_way[key]
