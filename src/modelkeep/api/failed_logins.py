"""How many unknown credentials one address may try within a minute before further ones are refused with 429.

What is valid is let in whatever else came from its address: each place that takes credentials looks one up first, and counts failures
alone. The refusal of a token is a 401: clients repeat a 429 for minutes, and a wrong token does not mend by waiting.
"""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import Literal

from modelkeep.domain.errors import Unauthenticated
from modelkeep.limits import GUESSERS_KNOWN

CredentialPlace = Literal["token", "sign-in page", "client secret", "assertion", "provider", "authorization"]
_PREFIX = 4
"""Characters of a credential that say what kind it is"""


class TooManyFailures(Unauthenticated):
    """Too many unknown credentials came from this address."""


class FailedLoginLimiter:
    """Of one process."""

    def __init__(self, a_minute: int = 0) -> None:
        """0 is no limit."""
        self._limit = a_minute
        self._failures: OrderedDict[tuple[CredentialPlace, str, str], tuple[int, int]] = OrderedDict()
        """By place, kind of credential and network: (minute, failures within it)"""

    def failed(self, place: CredentialPlace, credential: str, source: str, now: int) -> None:
        """Counts a credential that is unknown; `now` in epoch ms. Raises TooManyFailures from the limit on."""
        if not self._limit:
            return
        key, minute = _key(place, credential, source), now // 60_000
        begun, failures = self._failures.pop(key, (minute, 0))
        failures = failures + 1 if begun == minute else 1
        self._failures[key] = (minute, failures)
        if len(self._failures) > GUESSERS_KNOWN:
            self._failures.popitem(last=False)
        if failures > self._limit:
            raise _too_many()

    def check(self, place: CredentialPlace, credential: str, source: str, now: int) -> None:
        """Call it before a request to another server that checks the credential. Raises TooManyFailures."""
        begun, failures = self._failures.get(_key(place, credential, source), (0, 0))
        if self._limit and begun == now // 60_000 and failures >= self._limit:
            raise _too_many()


def _too_many() -> TooManyFailures:
    return TooManyFailures(
        "Too many unknown tokens came from your address. Wait a minute, then sign in again; "
        "tokens that have worked here before still do."
    )


def _key(place: CredentialPlace, credential: str, source: str) -> tuple[CredentialPlace, str, str]:
    return place, credential[:_PREFIX], _network(source)


def _network(source: str) -> str:
    """The network of an address: the holder of an IPv6 address has 2 ** 64 of them."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> 64)
    return source
