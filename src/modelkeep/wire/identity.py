"""Who is calling: a bearer token, or the browser's session cookie, to an Actor. One indexed read a request, never cached."""

from modelkeep.core.authz import Actor
from modelkeep.core.errors import PermissionDenied, Unauthenticated
from modelkeep.core.ops.principals import hash_token
from modelkeep.store import principals
from modelkeep.store.db import Database, now_ms
from modelkeep.wire.http import Request

COOKIE = "modelkeep_session"
_HOW = "Set DATABRICKS_TOKEN to a token (`modelkeep env` prints one)."


async def authenticate(db: Database, request: Request) -> Actor:
    """Raises Unauthenticated, with what to do."""
    secret = _secret(request)
    async with db.single() as tx:
        actor = await principals.actor_of_token(tx, hash_token(secret), now_ms(), request.source)
    if isinstance(actor, str):
        raise Unauthenticated(f"{actor} {_HOW}")
    return actor


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
