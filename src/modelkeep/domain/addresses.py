"""The addresses of workspaces: how one is written, and which Host header its clients send."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from modelkeep.domain.errors import InvalidArgument

_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_HEADER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(:[0-9]{1,5})?")
_PORTS = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    url: str
    """scheme://host[:port], without a slash at the end: what URLs begin with"""
    host: str
    """host[:port] as clients send it in the Host header, in lower case"""


def parse_address(text: str) -> Address:
    """`dev.registry.example.com`, `127.0.0.1:8081` or either with a scheme; https is meant unless it is loopback.

    Raises InvalidArgument."""
    address = text.strip().lower().removesuffix("/")
    scheme, _, rest = address.rpartition("://")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    named = f"[{host}]" if ":" in host else host
    scheme = scheme or ("http" if is_loopback(host) else "https")
    whole = named if port is None else f"{named}:{port}"
    if scheme not in _PORTS or len(address) > 255 or not _HOST.fullmatch(named) or rest != whole or port == 0:
        raise InvalidArgument(
            f"'{text[:255]}' is not the address of a workspace. Write host or host:port, with http:// or https:// before it "
            "where that matters, and nothing after it."
        )
    if port == _PORTS[scheme]:
        whole = named
    return Address(f"{scheme}://{whole}", whole)


def is_loopback(host: str) -> bool:
    """Of a host without its port."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Does a server that listens on this listen on all addresses of its machine?"""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return not host


def is_local(header: str) -> bool:
    """May this Host header come from nobody but who knows this machine?

    An address, a name without dots, or one below `localhost`: no stranger's name server answers for any of them, so that a
    page of theirs cannot be led here under a name of its own (DNS rebinding)."""
    parts = _HEADER.fullmatch(header)
    if parts is None:
        return False
    host = parts["host"].strip("[]")
    try:
        ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(".localhost")
    return True


def own_hosts(url: str, host: str, port: int) -> frozenset[str]:
    """The Host headers of the default workspace: its address, and the one that the server listens on."""
    names = {"127.0.0.1", "localhost", "[::1]"} if is_loopback(host) else set[str]()
    names.add(f"[{host}]" if ":" in host else host.lower())
    hosts = {f"{name}:{port}" for name in names}
    if port == 80:  # clients leave http's own port out
        hosts |= names
    return frozenset({parse_address(url).host, *hosts})
