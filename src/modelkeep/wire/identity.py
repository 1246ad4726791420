"""Who is calling: a bearer token, or the session in the browser's cookie, to an Actor. One indexed read a request, never cached."""

from modelkeep.core.authz import Actor
from modelkeep.core.errors import PermissionDenied, Unauthenticated
from modelkeep.core.ops.principals import hash_token
from modelkeep.core.uses import TokenUses
from modelkeep.store import principals
from modelkeep.store.db import Database, now_ms
from modelkeep.wire.guesses import Guesses
from modelkeep.wire.http import Request

COOKIE = "modelkeep_session"
_HOW = "Set DATABRICKS_TOKEN to a token (`modelkeep env` prints one)."


class NotAssigned(PermissionDenied):
    """Signed in, and not assigned to the workspace that the request came through."""

    actor: Actor


class Door:
    """Signs requests in. Shared by all faces of a process."""

    def __init__(self, db: Database, uses: TokenUses, guesses: Guesses) -> None:
        self._db = db
        self._uses = uses
        self.guesses = guesses

    async def authenticate(self, request: Request) -> Actor:
        """Raises Unauthenticated, with what to do; NotAssigned."""
        secret, session = _secret(request)
        try:
            return await self.actor(secret, request.source, request.site.workspace_id, session=session)
        except Unauthenticated as error:
            raise type(error)(f"{error.message} {_HOW}") from error

    async def actor(self, secret: str, source: str, workspace: str, *, session: bool = False) -> Actor:
        """The token's bearer, or the one whose session it is, in the workspace of this id. Raises Unauthenticated,
        TooManyFailures, NotAssigned."""
        hashed, now = hash_token(secret), now_ms()
        self.guesses.check(hashed, source, now)
        async with self._db.single() as tx:
            actor = await principals.actor_of_token(tx, hashed, now, source, workspace, session=session)
        if isinstance(actor, str):
            if actor == principals.UNKNOWN_TOKEN:
                self.guesses.failed(source, now)
            raise Unauthenticated(actor)
        self._uses.note(actor.token_id, now)
        self.guesses.worked(hashed)
        if not actor.role and not actor.account_admin:
            refused = NotAssigned("You are not assigned to this workspace. Ask one of its admins, or an account admin.")
            refused.actor = actor
            raise refused
        return actor


def _secret(request: Request) -> tuple[str, bool]:
    """(what proves who calls, whether it is a session)."""
    if sum(name == b"authorization" for name, _ in request.scope["headers"]) > 1:
        raise Unauthenticated(f"The request carries two Authorization headers: send one. {_HOW}")
    scheme, _, credential = request.header(b"authorization").partition(" ")
    if scheme.lower() == "bearer" and credential:
        return credential.strip(), False
    if scheme:
        raise Unauthenticated(f"Sign in with a bearer token. {_HOW}")
    cookie = session_cookie(request)
    if not cookie:
        raise Unauthenticated(f"The request carries no credential. {_HOW}")
    check_origin(request)
    return cookie, True


def session_cookie(request: Request, named: str = COOKIE) -> str:
    for part in request.header(b"cookie").split(";"):
        name, _, value = part.strip().partition("=")
        if name == named:
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
