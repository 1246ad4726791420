"""Who is calling: a token, or the session in the browser's cookie, to an Actor. One indexed read a request, never cached.

A token comes as a bearer token, or as the password of HTTP Basic (`curl -u`, `.netrc`, MLFLOW_TRACKING_USERNAME and _PASSWORD), whatever
the user name. No answer of the API asks for Basic, so no browser opens its dialog and stores a token.
"""

import base64
import binascii

from modelkeep.api.failed_logins import CredentialPlace, FailedLoginLimiter
from modelkeep.core.auditor import Act, Auditor
from modelkeep.core.operations.identity.principals import hash_token
from modelkeep.core.token_last_used import TokenLastUsedRecorder
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import PermissionDenied, Unauthenticated
from modelkeep.http.messages import Request
from modelkeep.http.origin import check_origin
from modelkeep.http.rate_limits import RateLimiter
from modelkeep.store import principals, workspaces
from modelkeep.store.audit import AuditTarget
from modelkeep.store.db import Database, now_ms

COOKIE = "modelkeep_session"
"""Of the session, under http; `cookie_name` says what it is called under https."""
_HOW = "Set DATABRICKS_TOKEN to a token (`modelkeep env` prints one)."


class NotAssigned(PermissionDenied):
    """Signed in, and not assigned to the workspace that the request came through."""


class Authenticator:
    """Signs requests in. Shared by all dialects of a process."""

    def __init__(
        self,
        db: Database,
        uses: TokenLastUsedRecorder,
        failed_logins: FailedLoginLimiter,
        auditor: Auditor,
        rates: RateLimiter | None = None,
        anonymous: RateLimiter | None = None,
    ) -> None:
        """`rates`: of principals; `anonymous`: of addresses, on routes without sign-in."""
        self._db = db
        self._uses = uses
        self.failed_logins = failed_logins
        self._auditor = auditor
        self._rates = rates or RateLimiter(0, 1)
        self._anonymous = anonymous or RateLimiter(0, 1)

    def admit(self, request: Request) -> None:
        """For a route without sign-in. Raises Throttled."""
        self._anonymous.take(request.source)

    async def authenticate(self, request: Request) -> Actor:
        """Raises Unauthenticated, with what to do; NotAssigned, Throttled."""
        secret, session = _secret(request)
        try:
            actor = await self.actor(secret, request, session=session)
        except Unauthenticated as error:
            raise type(error)(f"{error.message} {_HOW}") from error
        self._rates.take(actor.id)
        return actor

    async def actor(
        self, secret: str, request: Request, *, session: bool = False, place: CredentialPlace = "token"
    ) -> Actor:
        """The token's bearer, or the one whose session it is, in the request's workspace. Raises Unauthenticated,
        TooManyFailures, NotAssigned."""
        hashed, now, source = hash_token(secret), now_ms(), request.source
        async with self._db.single() as tx:
            actor = await principals.actor_of_token(tx, hashed, now, source, request.site.workspace_id, session=session)
        if isinstance(actor, str):
            if actor == principals.UNKNOWN_TOKEN:
                self.failed_logins.failed(place, secret, source, now)
            raise Unauthenticated(actor)
        self._uses.note(actor.token_id, now)
        if not actor.role and not actor.account_admin:
            raise await self._kept_out(actor, request)
        return actor

    async def _kept_out(self, actor: Actor, request: Request) -> NotAssigned:
        """The refusal, once it is recorded."""
        refused = NotAssigned("You are not assigned to this workspace. Ask one of its admins, or an account admin.")
        async with self._db.single() as tx:
            here = await workspaces.by_id(tx, actor.workspace)
        target = AuditTarget("WORKSPACE", actor.workspace, here.name if here else actor.workspace)
        await self._auditor.record(
            actor, Act("workspace.enter", "enter", [target], refused.code, refused.message, request.id)
        )
        return refused


def _secret(request: Request) -> tuple[str, bool]:
    """(what proves who calls, whether it is a session)."""
    if sum(name == b"authorization" for name, _ in request.scope["headers"]) > 1:
        raise Unauthenticated(f"The request carries two Authorization headers: send one. {_HOW}")
    scheme, _, credential = request.header(b"authorization").partition(" ")
    if scheme.lower() == "bearer" and credential:
        return credential.strip(), False
    if scheme.lower() == "basic":
        _check_basic_origin(request)
        return _password(credential), False
    if scheme:
        raise Unauthenticated(f"Sign in with a bearer token. {_HOW}")
    cookie = session_cookie(request)
    if not cookie:
        raise Unauthenticated(f"The request carries no credential. {_HOW}")
    check_origin(request)
    return cookie, True


def _password(credential: str) -> str:
    """Of `user:password` in base64, after the first colon. Raises Unauthenticated."""
    try:
        text = base64.b64decode(credential.strip(), validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        text = ""
    _, _, password = text.partition(":")
    if not password:
        raise Unauthenticated(f"With HTTP Basic, send an access token as the password. {_HOW}")
    return password


def _check_basic_origin(request: Request) -> None:
    """A browser that somebody gave a token in a URL (`https://user:token@host`) sends it with requests of every site's pages.
    Raises PermissionDenied."""
    if request.header(b"origin") or request.header(b"sec-fetch-site"):
        check_origin(request)


def is_https(request: Request) -> bool:
    """Is the workspace's own address one of https? (What the connection or a header says does not count.)"""
    return request.site.address.startswith("https://")


def cookie_name(request: Request, name: str = COOKIE) -> str:
    """Under https with the prefix that browsers keep for cookies of this host alone, set by https: neither a page of a sibling
    domain nor one of plain http can plant such a cookie (RFC 6265bis, section 4.1.3.2)."""
    return f"__Host-{name}" if is_https(request) else name


def session_cookie(request: Request, name: str = COOKIE) -> str:
    """The value of our cookie of this name; '' where there is none."""
    return raw_cookie(request, cookie_name(request, name))


def raw_cookie(request: Request, named: str) -> str:
    for part in request.header(b"cookie").split(";"):
        name, _, value = part.strip().partition("=")
        if name == named:
            return value
    return ""
