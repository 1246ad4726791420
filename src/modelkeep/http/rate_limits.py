"""How many requests one caller may send: a bucket of tokens for each principal, and for each address that has not signed in."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from modelkeep.domain.errors import Throttled
from modelkeep.limits import RATE_BUCKETS


class RateLimiter:
    """Of one process."""

    def __init__(
        self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic, *, unit: str = "requests"
    ) -> None:
        """`per_second`: requests that a caller may send for good, 0 is no limit; `burst`: at once, after a pause. `unit`:
        what is counted, where that is not requests."""
        self._unit = unit
        self._per_second = per_second
        self._burst = float(max(burst, 1))
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By caller: (requests left, when). A caller who is not here has a full bucket."""

    def take(self, caller: str, amount: int = 1) -> None:
        """Raises Throttled, with the seconds until as much is allowed again."""
        if not self._per_second:
            return
        now = self._clock()
        left, before = self._buckets.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - before) * self._per_second)
        allowed = left >= amount
        self._buckets[caller] = (left - amount if allowed else left, now)
        if len(self._buckets) > RATE_BUCKETS:
            self._buckets.popitem(last=False)  # who was silent for longest, and so has the fullest
        if not allowed:
            most = f"{self._per_second:,.0f}" if self._per_second >= 1000 else f"{self._per_second:g}"
            wait = math.ceil((amount - left) / self._per_second)
            raise Throttled(
                f"You send more than {most} {self._unit} a second. Wait {wait} s, then try again.",
                retry_after=wait,
            )
