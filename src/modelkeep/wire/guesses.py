"""How many unknown credentials one address may try within a minute; those that have worked here are no guesses.

The refusal is a 401: clients repeat a 429 for minutes, and a wrong token does not mend by waiting.
"""

from ipaddress import IPv6Address, ip_address

from modelkeep.core.errors import Unauthenticated

_MAX_KNOWN = 10_000


class TooManyFailures(Unauthenticated):
    """Too many unknown credentials came from this address."""


class Guesses:
    """Of one process."""

    def __init__(self, a_minute: int = 0) -> None:
        """0 is no limit."""
        self._limit = a_minute
        self._minute = 0
        self._failures: dict[str, int] = {}
        self._worked: dict[str, None] = {}
        """Hashes of what has worked. Whether it still does is read each time."""

    def check(self, hashed: str, source: str, now: int) -> None:
        """Raises TooManyFailures."""
        if not self._failures:
            return
        if now // 60_000 != self._minute:
            self._failures.clear()
        elif self._failures.get(_network(source), 0) >= self._limit and hashed not in self._worked:
            raise TooManyFailures(
                "Too many unknown tokens came from your address. Wait a minute, then sign in again; "
                "tokens that have worked here before still do."
            )

    def failed(self, source: str, now: int) -> None:
        if not self._limit:
            return
        if now // 60_000 != self._minute or len(self._failures) >= _MAX_KNOWN:
            self._minute = now // 60_000
            self._failures.clear()
        network = _network(source)
        self._failures[network] = self._failures.get(network, 0) + 1

    def worked(self, hashed: str) -> None:
        if hashed not in self._worked:
            if len(self._worked) >= _MAX_KNOWN:
                del self._worked[next(iter(self._worked))]
            self._worked[hashed] = None


def _network(source: str) -> str:
    """Whoever has one IPv6 address has 2 ** 64 of them."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> 64)
    return source
