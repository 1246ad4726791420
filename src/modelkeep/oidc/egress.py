"""The only requests that signing in sends out: to addresses of configured issuers, small, brief, never redirected.

Which host may lie inside of the network: that of an issuer which the operator has listed, and none that an answer names.
"""

import asyncio
import functools
import json
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from modelkeep import limits
from modelkeep.domain.errors import Unavailable

TIMEOUT_S = 5
MAX_BYTES = 256 * 1024
_resolver = ThreadPoolExecutor(limits.DNS_THREADS, "dns")  # a name server that hangs keeps these alone
# What IANA's registries of special addresses have beyond what `ipaddress` calls private, or not in every Python.
_SPECIAL = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.175.48.0/24",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)


async def ask(
    url: str, *, inside: bool, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """(status, JSON object) of a GET, or of a POST of a form. `inside`: the host may be one of the network's own.

    Raises Unavailable where there is no such answer."""
    import httpx

    target = _checked(url, inside=inside)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            address = await _resolved(target, inside=inside)
            # The request goes to the address that was checked, under the name that the certificate must have.
            request_url = target._replace(netloc=_netloc(address, target.port)).geturl()
            # No proxy and no .netrc of the environment: nothing is sent along, and nowhere else.
            verify = _tls() if target.scheme == "https" else False
            async with (
                httpx.AsyncClient(trust_env=False, verify=verify, timeout=TIMEOUT_S, follow_redirects=False) as http,
                http.stream(
                    "GET" if form is None else "POST",
                    request_url,
                    data=form,
                    headers={"accept": "application/json", **(headers or {}), "host": target.netloc},
                    extensions={"sni_hostname": target.hostname},
                ) as answer,
            ):
                body = b""
                async for chunk in answer.aiter_bytes(65536):
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise Unavailable(f"{_named(target)} answers more than {MAX_BYTES} bytes.")
                return answer.status_code, _object(target, body)
    except (TimeoutError, httpx.HTTPError, OSError) as error:
        raise Unavailable(f"{_named(target)} does not answer. Try again in a moment.") from error


def _checked(url: str, *, inside: bool) -> SplitResult:
    try:
        target = urlsplit(url)
        _ = target.port
    except ValueError as error:
        raise Unavailable("An issuer names an address that is none.") from error
    local = inside and target.scheme == "http" and _loopback(target.hostname or "")
    if (
        not (target.scheme == "https" or local)
        or not target.hostname
        or "@" in target.netloc
        or target.fragment
        or not (url.isascii() and url.isprintable())
    ):
        raise Unavailable(f"{_named(target)} is not asked: only https addresses are.")
    return target


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def _resolved(target: SplitResult, *, inside: bool) -> str:
    host, port = cast(str, target.hostname), target.port or (443 if target.scheme == "https" else 80)
    look_up = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    entries = await asyncio.get_running_loop().run_in_executor(_resolver, look_up)
    addresses = [cast(str, entry[4][0]) for entry in entries]
    if not inside and not all(_public(ip_address(address)) for address in addresses):
        raise Unavailable(f"{_named(target)} is an address inside of the network, which no issuer may name.")
    return addresses[0]


def _public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return _public(address.ipv4_mapped)
    if any(address in network for network in _SPECIAL if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _netloc(address: str, port: int | None) -> str:
    host = f"[{address}]" if ":" in address else address
    return host if port is None else f"{host}:{port}"


def _named(target: SplitResult) -> str:
    return f"{target.scheme}://{target.netloc}"[:200]


def _object(target: SplitResult, body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unavailable(f"{_named(target)} does not answer with a JSON object.")
    return cast("dict[str, Any]", value)


@functools.cache
def _tls() -> ssl.SSLContext:
    """The usual authorities; SSL_CERT_FILE names others."""
    import httpx

    return httpx.create_ssl_context()
