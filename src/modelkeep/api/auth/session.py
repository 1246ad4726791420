"""Signing a browser in and out, by an OpenID provider or an access token: the session is in a cookie that no script can read.

A session is a row like a token: revoked, or its user deactivated, or the token revoked that it began with, it ends at once.
"""

import html
from urllib.parse import parse_qs, quote

from modelkeep.api.auth.html_page import error_note, plain_page
from modelkeep.api.authentication import (
    COOKIE,
    Authenticator,
    NotAssigned,
    cookie_name,
    is_https,
    raw_cookie,
    session_cookie,
)
from modelkeep.api.failed_logins import TooManyFailures
from modelkeep.core.signin import Caller, Issued, SignIn
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, RegistryError, Unauthenticated
from modelkeep.http.messages import Request, Response
from modelkeep.http.origin import check_origin
from modelkeep.http.pairs import read_pairs
from modelkeep.http.retry_after import retry_after
from modelkeep.http.routing import Answer, Route
from modelkeep.limits import SIGN_IN_PAIRS
from modelkeep.oidc.provider import PENDING_S, Provider
from modelkeep.store.db import now_ms

CALLBACK = "/login/callback"
_PENDING = "modelkeep_sign_in"
_HEADING = "<h1>Sign in to Modelkeep</h1>\n<p>Your models, experiments and runs.</p>"
_FORM = """<form method="post" action="/login">
<input type="hidden" name="next" value="{next}">
<label for="token">Access token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required {focus} aria-describedby="how">
<button>Sign in</button>
<p id="how">The person who runs the server gets one from <code>modelkeep env</code> (<code>DATABRICKS_TOKEN</code>); others from
<code>modelkeep tokens create</code> or an account admin.</p>
</form>"""
_PROVIDER = """<a class="provider" href="/login/provider?next={there}">Sign in with {name}</a>
<details>
<summary>Sign in with an access token</summary>
{form}
</details>"""


_REASONS = {"ended": "Your session has ended. Sign in, and you are back where you were; what you typed is still there."}
"""Why a page of ours leads here, by the word in its address."""


def _page(next: str, provider: str, error: str = "", status: int = 200, why: str = "") -> Response:
    """`provider`: its name, '' where there is none. `why`: a word of `_REASONS`."""
    note = f'<p role="status">{_REASONS[why]}</p>' if why in _REASONS else ""
    note = error_note(error) if error else note
    ways = _FORM.format(next=html.escape(next), focus="" if provider else "autofocus")
    if provider:
        ways = _PROVIDER.format(there=quote(next, safe=""), name=html.escape(provider), form=ways)
    return plain_page("Sign in", f"{_HEADING}\n{note}\n{ways}", status)


def _inside(next: str) -> str:
    """A path of this server; anything that a browser could read as another site becomes the start page."""
    plain = next.startswith("/") and not next.startswith(("//", "/\\")) and next.isprintable() and "\\" not in next
    return next if plain and next.isascii() else "/"


class SignInPages:
    """The sign-in page's routes."""

    def __init__(
        self, authenticator: Authenticator, signing_in: SignIn, provider: Provider | None, name: str, home: str
    ) -> None:
        """`name`: of the provider. `home`: the path that a signed-in browser starts at."""
        self._authenticator = authenticator
        self._signing_in = signing_in
        self._provider = provider
        self._name = name if provider else ""
        self._home = home

    def routes(self) -> list[Route]:
        page, moved = Answer(content="text/html"), Answer(303, content="")
        refused, away = (
            Answer(401, content="text/html"),
            (Answer(403, content="text/html"), Answer(429, content="text/html"), Answer(503, content="text/html")),
        )
        table = [
            Route("GET", "/", handler=self._start, answers=(moved,)),
            Route("GET", "/login", handler=self._show, public=True, answers=(page,)),
            Route(
                "POST",
                "/login",
                handler=self._by_token,
                public=True,
                sends="application/x-www-form-urlencoded",
                answers=(moved, refused, Answer(400), Answer(403)),
            ),
            Route("POST", "/logout", handler=self._sign_out, public=True, answers=(moved, Answer(403))),
        ]
        if self._provider is not None:
            table += [
                Route(
                    "GET", "/login/provider", handler=self._to_provider, public=True, answers=(moved, refused, *away)
                ),
                Route("GET", CALLBACK, handler=self._from_provider, public=True, answers=(moved, refused, *away)),
            ]
        return table

    def _signed_in(self, request: Request, session: Issued, next: str) -> Response:
        cookie = _set(request, COOKIE, session.token, session.lifetime_ms // 1000)
        return Response(303, b"", [(b"location", next.encode()), (b"cache-control", b"no-store"), cookie])

    def _refused(self, next: str, error: RegistryError) -> Response:
        status = 429 if isinstance(error, TooManyFailures) else error.status
        response = _page(next, self._name, error.message, status)
        response.headers += retry_after(error)
        return response

    async def _start(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        if not self._home:
            raise InvalidArgument("This server has no pages: it runs without a workspace.")
        return Response(303, b"", [(b"location", self._home.encode())])

    async def _show(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        return _page(_asked_next(request), self._name, why=_query_value(request, "why"))

    async def _by_token(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        check_origin(request)
        try:
            form = parse_qs((await request.body(64 * 1024)).decode("latin-1"), max_num_fields=10)
        except ValueError as error:
            raise InvalidArgument("The form has more fields than the sign-in page sends.") from error
        next, token = _inside(form.get("next", ["/"])[0]), form.get("token", [""])[0].strip()
        try:
            bearer = await self._authenticator.actor(token, request, place="sign-in page")
            return self._signed_in(request, await self._signing_in.by_token(bearer, _caller(request)), next)
        except (Unauthenticated, NotAssigned) as error:
            return self._refused(next, error)

    async def _sign_out(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        check_origin(request)
        headers = [(b"location", b"/login"), _set(request, COOKIE, "", 0)]
        secrets = {session_cookie(request)}
        if is_https(
            request
        ):  # browsers that signed in when the cookie had no prefix, or when the address was one of http
            secrets.add(raw_cookie(request, COOKIE))
            headers.append(_set_raw(COOKIE, "", 0, secure=True))
        for secret in secrets - {""}:
            await self._signing_in.end_session(secret, _caller(request))
        return Response(303, b"", headers)

    async def _to_provider(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        assert self._provider is not None
        next = _asked_next(request)
        try:
            there, pending = await self._provider.start(next, f"{request.site.address}{CALLBACK}")
        except RegistryError as error:
            return self._refused(next, error)
        headers = [(b"location", there.encode()), (b"cache-control", b"no-store")]
        return Response(303, b"", [*headers, _set(request, _PENDING, pending, PENDING_S, CALLBACK)])

    async def _from_provider(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        assert self._provider is not None
        now = now_ms()
        try:
            self._authenticator.failed_logins.check("provider", "", request.source, now)
            cookie, here = session_cookie(request, _PENDING), f"{request.site.address}{CALLBACK}"
            person, pending = await self._provider.finish(_answer(request), cookie, here)
            session = await self._signing_in.by_provider(person, pending.state, _caller(request))
            await self._enter(request, session)
        except RegistryError as error:
            response = self._refused("/", self._counted(error, request, now))
        else:
            response = self._signed_in(request, session, _inside(pending.next))
        response.headers.append(_set(request, _PENDING, "", 0, CALLBACK))
        return response

    def _counted(self, error: RegistryError, request: Request, now: int) -> RegistryError:
        """The refusal, or the one for too many tries."""
        if not isinstance(error, Unauthenticated) or isinstance(error, TooManyFailures):
            return error
        try:
            self._authenticator.failed_logins.failed("provider", "", request.source, now)
        except TooManyFailures as last:
            return last
        return error

    async def _enter(self, request: Request, session: Issued) -> None:
        """Raises NotAssigned, and ends the session, where somebody has no business in this workspace."""
        try:
            await self._authenticator.actor(session.token, request, session=True)
        except NotAssigned:
            await self._signing_in.end_session(session.token, _caller(request))
            raise


def _set(request: Request, name: str, value: str, max_age: int, path: str = "/") -> tuple[bytes, bytes]:
    """Under https, where the cookie is of the whole host, `path` does not count."""
    https = is_https(request)
    return _set_raw(cookie_name(request, name), value, max_age, "/" if https else path, secure=https)


def _set_raw(name: str, value: str, max_age: int, path: str = "/", *, secure: bool) -> tuple[bytes, bytes]:
    attributes = f"Path={path}; HttpOnly; SameSite=Lax; Max-Age={max_age}{'; Secure' * secure}"
    return b"set-cookie", f"{name}={value}; {attributes}".encode()


def _asked_next(request: Request) -> str:
    return _inside(_query_value(request, "next") or "/")


def _query_value(request: Request, name: str) -> str:
    return parse_qs(request.query_string.decode("latin-1")).get(name, [""])[0]


def _answer(request: Request) -> dict[str, str]:
    """What the provider says in the query, each thing once. Raises Unauthenticated."""
    refusal = "The provider's answer cannot be read. Sign in again."
    try:
        pairs = read_pairs(request.query_string, SIGN_IN_PAIRS, refusal)
    except InvalidArgument as error:
        raise Unauthenticated(refusal) from error
    if not pairs or len(dict(pairs)) != len(pairs):
        raise Unauthenticated(refusal)
    return dict(pairs)


def _caller(request: Request) -> Caller:
    return Caller(request.source, request.id, request.site.workspace_id)
