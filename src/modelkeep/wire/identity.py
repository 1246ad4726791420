"""Who is calling: a bearer token, or the browser's session cookie, to an Actor. One indexed read a request, never cached.

Beyond so many unknown tokens from one address within a minute, tokens that have never worked here are refused from there
without being looked up. The refusal is a 401: clients repeat a 429 for minutes, and a wrong token does not mend by waiting.
"""

from ipaddress import IPv6Address, ip_address

from modelkeep.core.authz import Actor
from modelkeep.core.errors import PermissionDenied, Unauthenticated
from modelkeep.core.ops.principals import hash_token
from modelkeep.core.uses import TokenUses
from modelkeep.store import principals
from modelkeep.store.db import Database, now_ms
from modelkeep.wire.http import Request

COOKIE = "modelkeep_session"
_HOW = "Set DATABRICKS_TOKEN to a token (`modelkeep env` prints one)."


_MAX_KNOWN = 10_000


class TooManyFailures(Unauthenticated):
    """Too many unknown tokens came from this address."""


class NotAssigned(PermissionDenied):
    """Signed in, and not assigned to the workspace that the request came through."""

    actor: Actor


class Door:
    """Signs requests in. Shared by all faces of a process."""

    def __init__(self, db: Database, uses: TokenUses, failures_a_minute: int = 0) -> None:
        """`failures_a_minute`: unknown tokens from one address; 0 is no limit."""
        self._db = db
        self._uses = uses
        self._limit = failures_a_minute
        self._minute = 0
        self._failures: dict[str, int] = {}
        self._worked: dict[str, None] = {}
        """Hashes of tokens that have worked: no guesses. Whether they still work is read each time."""

    async def authenticate(self, request: Request) -> Actor:
        """Raises Unauthenticated, with what to do; NotAssigned."""
        secret = _secret(request)
        try:
            return await self.actor(secret, request.source, request.site.workspace_id)
        except Unauthenticated as error:
            raise type(error)(f"{error.message} {_HOW}") from error

    async def actor(self, secret: str, source: str, workspace: str) -> Actor:
        """The token's bearer, in the workspace of this id. Raises Unauthenticated, TooManyFailures, NotAssigned."""
        hashed, now = hash_token(secret), now_ms()
        if self._limit and self._failures:
            self._check(hashed, source, now)
        async with self._db.single() as tx:
            actor = await principals.actor_of_token(tx, hashed, now, source, workspace)
        if isinstance(actor, str):
            if actor == principals.UNKNOWN_TOKEN and self._limit:
                self._failed(source, now)
            raise Unauthenticated(actor)
        self._uses.note(actor.token_id, now)
        if hashed not in self._worked:
            if len(self._worked) >= _MAX_KNOWN:
                del self._worked[next(iter(self._worked))]
            self._worked[hashed] = None
        if not actor.role and not actor.account_admin:
            refused = NotAssigned("You are not assigned to this workspace. Ask one of its admins, or an account admin.")
            refused.actor = actor
            raise refused
        return actor

    def _check(self, hashed: str, source: str, now: int) -> None:
        if now // 60_000 != self._minute:
            self._failures.clear()
        elif self._failures.get(_network(source), 0) >= self._limit and hashed not in self._worked:
            raise TooManyFailures(
                "Too many unknown tokens came from your address. Wait a minute, then sign in again; "
                "tokens that have worked here before still do."
            )

    def _failed(self, source: str, now: int) -> None:
        if now // 60_000 != self._minute or len(self._failures) >= _MAX_KNOWN:
            self._minute = now // 60_000
            self._failures.clear()
        network = _network(source)
        self._failures[network] = self._failures.get(network, 0) + 1


def _network(source: str) -> str:
    """Whoever has one IPv6 address has 2 ** 64 of them."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> 64)
    return source


def _secret(request: Request) -> str:
    if sum(name == b"authorization" for name, _ in request.scope["headers"]) > 1:
        raise Unauthenticated(f"The request carries two Authorization headers: send one. {_HOW}")
    scheme, _, credential = request.header(b"authorization").partition(" ")
    if scheme.lower() == "bearer" and credential:
        return credential.strip()
    if scheme:
        raise Unauthenticated(f"Sign in with a bearer token. {_HOW}")
    cookie = session_cookie(request)
    if not cookie:
        raise Unauthenticated(f"The request carries no credential. {_HOW}")
    check_origin(request)
    return cookie


def session_cookie(request: Request) -> str:
    for part in request.header(b"cookie").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def check_origin(request: Request) -> None:
    """A browser's request that changes something must come from our own pages. Raises PermissionDenied."""
    if request.method in ("GET", "HEAD"):
        return
    origin = request.header(b"origin")
    site = request.header(b"sec-fetch-site")
    host = request.header(b"host")
    if not origin or origin.partition("://")[2] != host or site not in ("", "same-origin"):
        raise PermissionDenied(
            "This request comes from another site's page. Send it from Modelkeep's own pages, or with a token."
        )
