"""Who called, where proxies stand between: the nearest address that no proxy of ours has.

Each proxy appends the address that it was called from (`X-Forwarded-For`, or `Forwarded`, RFC 7239). What stands left of
the last one that we trust was written by somebody who may write anything.
"""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from modelkeep.domain.errors import BadSetting
from modelkeep.limits import FORWARDED_HOPS

_Scope = MutableMapping[str, Any]
_Application = Callable[[_Scope, Any, Any], Awaitable[None]]


class TrustedProxies:
    """The proxies whose word counts, by address or network."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._networks = tuple(networks)
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        known = self._known.get(address)
        if known is None:
            if len(self._known) > 1000:
                self._known.clear()
            parsed = _address(address)
            known = self._known[address] = parsed is not None and any(parsed in network for network in self._networks)
        return known

    def source(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """The caller's address; that of the proxy where its word cannot be read, or where two headers disagree."""
        if peer not in self:
            return peer
        listed = [value for name, value in headers if name == b"x-forwarded-for"]
        described = [value for name, value in headers if name == b"forwarded"]
        if listed and described:
            # A proxy appends to one of them and passes the other as the caller sent it.
            first, second = self._nearest(peer, _listed(listed)), self._nearest(peer, _described(described))
            return first if first == second else peer
        return self._nearest(peer, _listed(listed) if listed else _described(described))

    def _nearest(self, peer: str, hops: Sequence[str]) -> str:
        """`hops`: the farthest first."""
        nearest = peer
        for hop in reversed(hops[-FORWARDED_HOPS:]):
            address = _address(hop)
            if address is None:
                return nearest
            nearest = str(address)
            if nearest not in self:
                return nearest
        return nearest


def parse_proxies(text: str) -> TrustedProxies:
    """Addresses and networks with spaces or commas between. Raises BadSetting."""
    networks: list[IPv4Network | IPv6Network] = []
    for word in text.replace(",", " ").split():
        try:
            networks.append(ip_network(word))
        except ValueError as error:
            raise BadSetting(
                f"MODELKEEP_TRUSTED_PROXIES has '{word[:100]}', which is no address (10.0.0.7) and no network (10.0.0.0/8)."
            ) from error
    return TrustedProxies(networks)


def behind_proxies(application: _Application, proxies: TrustedProxies) -> _Application:
    """The same ASGI application, with the caller's address."""

    async def with_client_address(scope: _Scope, receive: Any, send: Any) -> None:
        client = scope.get("client")
        if client and scope["type"] == "http":
            source = proxies.source(client[0], scope["headers"])
            if source != client[0]:
                scope["client"] = (source, 0)
        await application(scope, receive, send)

    return with_client_address if proxies else application


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """`1.2.3.4`, `1.2.3.4:5678`, `::1`, `[::1]:5678`; an IPv4 address in IPv6's clothes is that address."""
    word = text.strip().strip('"').strip()
    if word.startswith("["):
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    try:
        address = ip_address(word.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _listed(values: Sequence[bytes]) -> list[str]:
    return b",".join(values).decode("latin-1").rsplit(",", FORWARDED_HOPS)[-FORWARDED_HOPS:]


def _described(values: Sequence[bytes]) -> list[str]:
    """The `for` of each element: `for=192.0.2.43;proto=https, for="[2001:db8::1]:4711"`."""
    hops: list[str] = []
    for element in _listed(values):
        pairs = (part.partition("=") for part in element.split(";"))
        hops.append(next((value for name, _, value in pairs if name.strip().lower() == "for"), "unknown"))
    return hops if values else []
