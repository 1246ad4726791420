"""Where the server listens, and what an operator chose for its connections."""

import errno
import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from modelkeep.domain.addresses import is_loopback, is_wildcard
from modelkeep.domain.errors import BadSetting, PortInUse, RegistryError
from modelkeep.http.proxies import parse_proxies
from modelkeep.http.server import Options, listener
from modelkeep.observe.logs import log
from modelkeep.settings import Settings
from modelkeep.store import workspaces
from modelkeep.store.db import Database


def check_bind(settings: Settings) -> None:
    """Tokens travel in clear over http: only loopback, unless the operator says otherwise. Raises BadSetting."""
    try:
        loopback = settings.host == "localhost" or ip_address(settings.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not settings.insecure_bind and not settings.public_url.startswith("https://"):
        raise BadSetting(
            f"Refusing to listen on {settings.host}: tokens would cross the network in clear. Put a TLS proxy in front and set "
            "MODELKEEP_PUBLIC_URL=https://..., or set MODELKEEP_INSECURE_BIND=1 if the network is yours alone."
        )
    if is_wildcard(settings.host) and not settings.public_url:
        raise BadSetting(
            f"'{settings.host}' is no address that clients could be sent to. Set MODELKEEP_PUBLIC_URL to the one that they use."
        )


async def listeners(db: Database, settings: Settings) -> list[socket.socket]:
    """Where to listen: at our own address and, on a laptop, where workspaces differ by their port, at theirs.

    Raises PortInUse, or BadSetting where the host is not this machine's."""
    async with db.read() as tx:
        addresses = [urlsplit(w.url) for w in await workspaces.every(tx) if is_loopback(settings.host)]
    ours = (settings.host if settings.host != "localhost" else "127.0.0.1", settings.port)
    try:
        listening = [listener(*ours)]
    except OSError as error:
        raise _not_ours(error, *ours) from error
    places = {
        (p.hostname or "", p.port or 80) for p in addresses if p.scheme == "http" and is_loopback(p.hostname or "")
    }
    for host, port in sorted(
        {("127.0.0.1" if host.endswith("localhost") else host, port) for host, port in places} - {ours}
    ):
        try:
            listening.append(listener(host, port))
        except OSError as error:
            log.warning("a workspace's address cannot be listened on", address=f"{host}:{port}", error=str(error))
    return listening


def _not_ours(error: OSError, host: str, port: int) -> RegistryError:
    if error.errno == errno.EADDRINUSE:
        return PortInUse(f"Another program listens on {host}:{port}. Stop it, or choose another port (MODELKEEP_PORT).")
    return BadSetting(f"This machine cannot listen on {host}:{port} ({error.strerror}). Check MODELKEEP_HOST.")


def server_options(settings: Settings) -> Options:
    return Options(
        settings.max_connections,
        settings.connections_per_address,
        parse_proxies(settings.trusted_proxies or ("127.0.0.1 ::1" if settings.public_url else "")),
        settings.lame_duck_seconds,
        settings.drain_seconds,
    )
