"""Where a tool on somebody's computer sends their browser for a token: signing in, consent, and back to the tool (RFC 6749, RFC 7636,
RFC 8252, RFC 9207).

Clients: databricks-sdk-go credentials/u2m (`databricks auth login`, http://localhost:8020 to 8040), databricks/sdk/oauth.py
(external-browser). The way back is an address of the person's own computer alone, so a foreign page can neither get a code nor,
since the page cannot be framed and takes no form from elsewhere, have one made.
"""

import html
import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlencode

import msgspec

from modelkeep.api.auth.html_page import error_note, plain_page
from modelkeep.api.authentication import Authenticator, NotAssigned, session_cookie
from modelkeep.core.signin import Caller
from modelkeep.core.tool_sign_in import ALL_APIS, OFFLINE, SCOPES, Consent, ToolSignIn
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, NotFound, RegistryError, Unauthenticated
from modelkeep.http.messages import Request, Response
from modelkeep.http.origin import check_origin
from modelkeep.http.pairs import read_pairs
from modelkeep.http.routing import Answer, Route
from modelkeep.limits import AUTHORIZE_QUERY_BYTES, SIGN_IN_PAIRS

_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_LOOPBACK = re.compile(r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?(/[A-Za-z0-9._~/-]{0,200})?")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_MAX_STATE = 1_000
_FORM = "application/x-www-form-urlencoded"
_FIELDS = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
_PAGE = """<h1>Let {client} act for you?</h1>
<p>An application that calls itself <strong>{client}</strong> asks for access to Modelkeep as <strong>{user}</strong>. It can then do
all that you may do{offline}.</p>
<p>Allow it only if you have started it yourself, just now, on this computer. It waits at <code>{redirect}</code>.</p>
<form method="post" action="{path}">
{fields}
<button name="decision" value="allow">Allow</button>
<button class="second" name="decision" value="deny">Deny</button>
</form>"""


class AuthorizationError(Exception):
    """An error that the server reports to the client, at the client's own address (RFC 6749, 4.1.2.1)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class Asking(msgspec.Struct, frozen=True):
    """Who asks, and where the answer goes: checked before anything is sent there."""

    client_id: str
    redirect_uri: str
    state: str
    fields: dict[str, str]

    def back(self, issuer: str, **answer: str) -> Response:
        """To the client, with its state."""
        query = {**answer, **({"state": self.state} if self.state else {}), "iss": issuer}
        path = "" if _path(self.redirect_uri) else "/"
        headers = [
            (b"location", f"{self.redirect_uri}{path}?{urlencode(query)}".encode()),
            (b"cache-control", b"no-store"),
            (b"referrer-policy", b"no-referrer"),
        ]
        return Response(303, b"", headers)


_Answer = Callable[[Request, Actor, Asking, Consent, str, str], Awaitable[Response]]


def _path(redirect_uri: str) -> str:
    match = _LOOPBACK.fullmatch(redirect_uri)
    return (match[2] or "") if match else ""


def _asking(fields: dict[str, str]) -> Asking:
    """Raises InvalidArgument for a request without a client to which the error can be sent."""
    client_id, redirect_uri, state = (fields.get(name, "") for name in ("client_id", "redirect_uri", "state"))
    if not _CLIENT_ID.fullmatch(client_id):
        raise InvalidArgument(
            "The application does not say who it is (client_id: up to 100 letters, digits, dots, hyphens)."
        )
    match = _LOOPBACK.fullmatch(redirect_uri)
    if match is None or not 0 < int(match[1] or 80) < 65_536:
        raise InvalidArgument(
            "Modelkeep sends you back to your own computer alone (redirect_uri: http://localhost:<port>)."
        )
    if len(state) > _MAX_STATE:
        raise InvalidArgument(f"The application's state has more than {_MAX_STATE} characters.")
    return Asking(client_id, redirect_uri, state, {name: fields[name] for name in _FIELDS if name in fields})


def _consent(asking: Asking, fields: dict[str, str]) -> Consent:
    """The consent that the person gives or refuses. Raises AuthorizationError."""
    if fields.get("response_type") != "code":
        raise AuthorizationError("unsupported_response_type", "Ask for response_type=code.")
    challenge = fields.get("code_challenge", "")
    if fields.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise AuthorizationError("invalid_request", "Send a code_challenge with code_challenge_method=S256 (RFC 7636).")
    scopes = set(fields.get("scope", ALL_APIS).split())
    if not scopes <= SCOPES or {"authorization_details", "assume_group"} & fields.keys():
        raise AuthorizationError(
            "invalid_scope", f"Scopes here are {ALL_APIS} and {OFFLINE}: tokens do all that their holder may do."
        )
    return Consent(asking.client_id, asking.redirect_uri, challenge, OFFLINE in scopes)


class Consents:
    """The routes, for the workspace's address and for the account's."""

    def __init__(self, authenticator: Authenticator, codes: ToolSignIn, account_id: str) -> None:
        self._authenticator = authenticator
        self._codes = codes
        self._account_id = account_id

    def routes(self) -> list[Route]:
        moved = Answer(303, content="")
        refusals = tuple(Answer(status, content="text/html") for status in (400, 403, 404, 429))
        table: list[Route] = []
        for prefix in ("/oidc", "/oidc/accounts/{account_id}"):
            path = f"{prefix}/v1/authorize"
            table += [
                Route(
                    "GET",
                    path,
                    handler=self._show,
                    public=True,
                    answers=(Answer(content="text/html"), moved, *refusals),
                ),
                Route(
                    "POST",
                    path,
                    handler=self._decide,
                    public=True,
                    sends=_FORM,
                    answers=(moved, *refusals, Answer(403)),
                ),
            ]
        return table

    async def _show(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """Asks the person, once they have signed in."""
        return await self._answered(request, request.query_string, path, self._ask)

    async def _decide(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """What the person has decided on our own page. Raises PermissionDenied for another site's."""
        check_origin(request)
        return await self._answered(request, await request.body(AUTHORIZE_QUERY_BYTES), path, self._end)

    async def _answered(self, request: Request, form: bytes, path: dict[str, str], answer: _Answer) -> Response:
        try:
            if path.get("account_id", self._account_id) != self._account_id:
                raise NotFound("There is no such account here.")
            fields = _fields(form)
            asking = _asking(fields)
            issuer = f"{request.site.address}{request.path.removesuffix('/v1/authorize')}"
            try:
                consent = _consent(asking, fields)
            except AuthorizationError as refused:
                return asking.back(issuer, error=refused.error, error_description=refused.description)
            cookie = session_cookie(request)
            try:
                person = await self._authenticator.actor(cookie, request, session=True) if cookie else None
            except Unauthenticated:
                person = None
            if person is None:
                return _to_sign_in(request, asking)
            return await answer(request, person, asking, consent, fields.get("decision", ""), issuer)
        except (InvalidArgument, NotFound, NotAssigned, RegistryError) as error:
            return plain_page(
                "Access for an application", f"<h1>This cannot be allowed</h1>{error_note(error.message)}", error.status
            )

    async def _ask(
        self, request: Request, person: Actor, asking: Asking, consent: Consent, decision: str, issuer: str
    ) -> Response:
        hidden = "\n".join(
            f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in asking.fields.items()
        )
        page = _PAGE.format(
            client=html.escape(asking.client_id),
            user=html.escape(person.name),
            redirect=html.escape(asking.redirect_uri),
            offline=", until you revoke its token" if consent.offline else ", for an hour",
            fields=hidden,
            path=html.escape(request.path),
        )
        return plain_page("Access for an application", page, form_action=f"'self' {_origin(asking.redirect_uri)}")

    async def _end(
        self, request: Request, person: Actor, asking: Asking, consent: Consent, decision: str, issuer: str
    ) -> Response:
        if decision == "deny":
            return asking.back(issuer, error="access_denied", error_description="The person did not allow it.")
        if decision != "allow":
            raise InvalidArgument("Choose Allow or Deny.")
        caller = Caller(request.source, request.id, request.site.workspace_id)
        return asking.back(issuer, code=await self._codes.approve(person, consent, caller))


def _fields(form: bytes) -> dict[str, str]:
    """Each once. Raises InvalidArgument."""
    if len(form) > AUTHORIZE_QUERY_BYTES:
        raise InvalidArgument(f"The application's request has more than {AUTHORIZE_QUERY_BYTES} bytes.")
    pairs = read_pairs(form, SIGN_IN_PAIRS, "The application's request cannot be read.")
    if len(dict(pairs)) != len(pairs):
        raise InvalidArgument("The application's request names a field twice.")
    return dict(pairs)


def _to_sign_in(request: Request, asking: Asking) -> Response:
    """And back here afterwards."""
    here = f"{request.path}?{urlencode(asking.fields)}"
    return Response(
        303, b"", [(b"location", f"/login?next={quote(here, safe='')}".encode()), (b"cache-control", b"no-store")]
    )


def _origin(redirect_uri: str) -> str:
    """As a policy's source; a policy has no word for an IPv6 address."""
    origin = redirect_uri.removesuffix(_path(redirect_uri))
    return "http:" if "[" in origin else origin
