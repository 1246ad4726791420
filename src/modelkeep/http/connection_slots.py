"""How many connections there may be, of one address and in all."""

import resource
from collections import Counter
from collections.abc import Container

from modelkeep.limits import MIN_SPARE_DESCRIPTORS


def raise_descriptor_limit() -> int:
    """As many descriptors as the system lets this process have; how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            return hard
        except (ValueError, OSError):  # macOS names no number as its hard limit, and takes none as large
            pass
    return soft


def room(descriptors: int, requested: int) -> int:
    """How many connections fit, of those that are requested, beside what else needs descriptors."""
    return max(min(requested, descriptors - max(descriptors // 4, MIN_SPARE_DESCRIPTORS)), 1)


class ConnectionSlots:
    """A connection has a place from being accepted until it is closed and the work of its last request has ended."""

    def __init__(self, most: int, per_address: int, exempt: Container[str] = frozenset()) -> None:
        """`per_address`: 0 is no limit. `exempt`: addresses of proxies, who come for many."""
        self.most = most
        self.total = 0
        self._per_address = per_address
        self._exempt = exempt
        self._taken: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        return self.total >= self.most

    def crowded(self, address: str) -> bool:
        """Whether this address has as many as it may have."""
        return 0 < self._per_address <= self._taken[address] and address not in self._exempt

    def take(self, address: str) -> None:
        self.total += 1
        self._taken[address] += 1

    def give_back(self, address: str) -> None:
        self.total -= 1
        self._taken[address] -= 1
        if not self._taken[address]:
            del self._taken[address]
