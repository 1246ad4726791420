"""The token endpoint of OAuth clients: client credentials, authorization codes and their refresh tokens, and the exchange of a trusted
issuer's token (RFC 6749, RFC 8693).

Clients: databricks/sdk/credentials_provider.py (oauth-m2m, external-browser, env-oidc, file-oidc, github-oidc, azure-devops-oidc),
databricks-sdk-go credentials/u2m (`databricks auth login`).
"""

import base64
from typing import NotRequired, TypedDict
from urllib.parse import unquote_plus

import msgspec

from modelkeep.api.errors import harmless
from modelkeep.api.failed_logins import FailedLoginLimiter, TooManyFailures
from modelkeep.core.signin import BAD_CLIENT, Caller, Issued, SignIn
from modelkeep.core.tool_sign_in import ALL_APIS, OFFLINE, SCOPES, InvalidGrant, Tokens, ToolSignIn
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, NotFound, RegistryError, Throttled, Unauthenticated, Unavailable
from modelkeep.http.messages import JSON, Request, Response, json_response
from modelkeep.http.pairs import read_pairs
from modelkeep.http.retry_after import retry_after
from modelkeep.http.routing import Answer, Route
from modelkeep.limits import SIGN_IN_PAIRS
from modelkeep.observe import metrics
from modelkeep.store.db import now_ms

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT = ("urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token")
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_SCOPE = ALL_APIS
_MAX_BODY = 64 * 1024
_FORM = "application/x-www-form-urlencoded"
_NOT_KEPT = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]


class BadGrant(InvalidArgument):
    """A grant type, scope or token type that this server does not have."""

    error = "invalid_request"


class UnsupportedGrant(BadGrant):
    error = "unsupported_grant_type"


class BadScope(BadGrant):
    error = "invalid_scope"


class TokenError(TypedDict):
    error: str
    error_description: str


class AccessToken(TypedDict):
    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: NotRequired[str]
    issued_token_type: NotRequired[str]


class Endpoints(TypedDict):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    grant_types_supported: list[str]
    response_types_supported: list[str]
    scopes_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    token_endpoint_auth_methods_supported: list[str]


def oauth(error: RegistryError) -> tuple[int, TokenError]:
    """RFC 6749, 5.2."""
    if isinstance(error, BadGrant):
        word = error.error
    elif isinstance(error, InvalidGrant):
        word = "invalid_grant"
    elif isinstance(error, Unauthenticated):
        word = "invalid_client"
    else:
        word = "temporarily_unavailable" if isinstance(error, Unavailable | Throttled) else "invalid_request"
    return error.status, {"error": word, "error_description": harmless(error.message)}


def routes(signing_in: SignIn, codes: ToolSignIn, failed_logins: FailedLoginLimiter, account_id: str) -> list[Route]:
    def at(request: Request, path: dict[str, str]) -> str:
        if path.get("account_id", account_id) != account_id:
            raise NotFound("There is no such account here. GET /.well-known/databricks-config tells the account's id.")
        return f"{request.site.address}/oidc{f'/accounts/{account_id}' if path else ''}"

    async def discover(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        base = at(request, path)
        endpoints: Endpoints = {
            "issuer": base,
            "authorization_endpoint": f"{base}/v1/authorize",
            "token_endpoint": f"{base}/v1/token",
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", EXCHANGE],
            "response_types_supported": ["code"],
            "scopes_supported": [_SCOPE, OFFLINE],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        }
        return json_response(endpoints)

    async def token(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        at(request, path)
        form = await _form(request)
        grant = form.get("grant_type", "")
        of_person = grant in ("authorization_code", "refresh_token")
        narrowed = (
            not set(form.get("scope", _SCOPE).split()) <= SCOPES if of_person else form.get("scope", _SCOPE) != _SCOPE
        )
        if narrowed or {"authorization_details", "assume_group"} & form.keys():
            raise BadScope(
                f"Tokens do all that their holder may do (scope {_SCOPE}). Grant less to the holder instead."
            )
        caller = Caller(request.source, request.id, request.site.workspace_id)
        if of_person:
            return json_response(await _by_person(codes, failed_logins, request, form, caller), headers=_NOT_KEPT)
        if grant == "client_credentials":
            issued = await _by_secret(signing_in, failed_logins, request, form, caller)
        elif grant == EXCHANGE:
            issued = await _by_assertion(signing_in, failed_logins, form, caller)
        else:
            raise UnsupportedGrant(
                f"Grants here are authorization_code, refresh_token, client_credentials and {EXCHANGE}."
            )
        answer: AccessToken = {
            "access_token": issued.token,
            "token_type": "Bearer",
            "expires_in": issued.lifetime_ms // 1000,
            "scope": _SCOPE,
        }
        issued_type = {"issued_token_type": _ACCESS_TOKEN} if grant == EXCHANGE else {}
        return json_response({**answer, **issued_type}, headers=_NOT_KEPT)

    async def answered(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        try:
            return await token(request, actor, path)
        except RegistryError as error:
            return _refusal(request, error)

    refusals = (
        Answer(400, TokenError),
        Answer(401, TokenError),
        Answer(404, TokenError),
        Answer(429, TokenError),
        Answer(503, TokenError),
    )
    table: list[Route] = []
    for prefix in ("/oidc", "/oidc/accounts/{account_id}"):
        table += [
            Route(
                "GET",
                f"{prefix}/.well-known/oauth-authorization-server",
                handler=discover,
                public=True,
                answers=(Answer(type=Endpoints), Answer(404)),
            ),
            Route(
                "POST",
                f"{prefix}/v1/token",
                handler=answered,
                public=True,
                sends=_FORM,
                answers=(Answer(type=AccessToken), *refusals),
            ),
        ]
    return table


def _refusal(request: Request, error: RegistryError) -> Response:
    status, body = oauth(error)
    headers = [*_NOT_KEPT, (b"content-type", JSON)]
    if isinstance(error, TooManyFailures):
        status = 429  # no client repeats it here
    elif status == 401:
        metrics.unauthenticated.inc()
        # RFC 6749, 5.2: the scheme that the client has tried. To anyone else a browser would show a dialog, and keep what is typed.
        scheme = b"Basic" if request.header(b"authorization").lower().startswith("basic") else b"Bearer"
        headers.append((b"www-authenticate", scheme + b' realm="modelkeep"'))
    headers += retry_after(error)
    return Response(status, msgspec.json.encode(body), headers)


async def _form(request: Request) -> dict[str, str]:
    """Each field once. Raises InvalidArgument."""
    if request.header(b"content-type").partition(";")[0].strip().lower() != _FORM:
        raise InvalidArgument(f"Send a form (`Content-Type: {_FORM}`).")
    pairs = read_pairs(await request.body(_MAX_BODY), SIGN_IN_PAIRS, "The form cannot be read.", charset="utf-8")
    if len(dict(pairs)) != len(pairs):
        raise InvalidArgument("The form names a field twice.")
    return {name: value for name, value in pairs if value}


def _credentials(request: Request, form: dict[str, str]) -> tuple[list[str], str]:
    """(spellings of the client id, the secret). Raises Unauthenticated, InvalidArgument."""
    scheme, _, encoded = request.header(b"authorization").partition(" ")
    if not scheme:
        return [form.get("client_id", "")], form.get("client_secret", "")
    if scheme.lower() != "basic" or "client_secret" in form:
        raise InvalidArgument("Send the client's secret once, as HTTP Basic authentication.")
    try:
        raw = base64.b64decode(encoded.strip(), validate=True)
    except ValueError as error:
        raise Unauthenticated(BAD_CLIENT) from error
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # as Python's `requests` spells it
    # RFC 6749 has both form-encoded; most clients, databricks-sdk among them, send them as they are.
    client_id, _, secret = text.partition(":")
    return [client_id, unquote_plus(client_id)], secret


async def _by_person(
    codes: ToolSignIn, failed_logins: FailedLoginLimiter, request: Request, form: dict[str, str], caller: Caller
) -> AccessToken:
    """For a code, or for a refresh token, of a client without a secret. Raises InvalidArgument, InvalidGrant, TooManyFailures."""
    client_ids, secret = _credentials(request, form)
    client_id = form.get("client_id", client_ids[0])
    if client_id not in client_ids or secret or not client_id:
        raise InvalidArgument(
            "Send the client's id once, as `client_id`, without a secret: the client runs on a person's computer."
        )
    proof = form.get("code" if form["grant_type"] == "authorization_code" else "refresh_token", "")
    try:
        tokens = await _traded(codes, form, client_id, proof, caller)
    except InvalidGrant:
        failed_logins.failed("authorization", proof, caller.source, now_ms())
        raise
    token: AccessToken = {
        "access_token": tokens.access,
        "token_type": "Bearer",
        "expires_in": tokens.lifetime_ms // 1000,
        "scope": f"{_SCOPE} {OFFLINE}" if tokens.refresh else _SCOPE,
    }
    if tokens.refresh:
        token["refresh_token"] = tokens.refresh
    return token


async def _traded(codes: ToolSignIn, form: dict[str, str], client_id: str, proof: str, caller: Caller) -> Tokens:
    if form["grant_type"] == "refresh_token":
        return await codes.refresh(proof, client_id, caller)
    redirect_uri, verifier = form.get("redirect_uri", ""), form.get("code_verifier", "")
    return await codes.exchange(proof, client_id, redirect_uri, verifier, caller)


async def _by_secret(
    signing_in: SignIn, failed_logins: FailedLoginLimiter, request: Request, form: dict[str, str], caller: Caller
) -> Issued:
    client_ids, secret = _credentials(request, form)
    if form.get("client_id", client_ids[0]) not in client_ids:
        raise InvalidArgument("The request names two clients.")
    refusal = Unauthenticated(BAD_CLIENT)
    for client_id in dict.fromkeys(client_ids):
        try:
            return await signing_in.by_secret(client_id, secret, caller)
        except Unauthenticated as error:
            refusal = error
    if refusal.message == BAD_CLIENT:
        failed_logins.failed("client secret", client_ids[0], caller.source, now_ms())
    raise refusal


async def _by_assertion(
    signing_in: SignIn, failed_logins: FailedLoginLimiter, form: dict[str, str], caller: Caller
) -> Issued:
    if form.get("subject_token_type") not in _JWT:
        raise BadGrant(f"Only tokens of type {_JWT[0]} are exchanged here.")
    if form.get("requested_token_type", _ACCESS_TOKEN) != _ACCESS_TOKEN:
        raise BadGrant(f"Tokens are exchanged for {_ACCESS_TOKEN} alone.")
    client_id = form.get("client_id", "")
    try:
        return await signing_in.by_assertion(client_id, form.get("subject_token", ""), caller)
    except Unauthenticated:
        failed_logins.failed("assertion", client_id, caller.source, now_ms())
        raise
