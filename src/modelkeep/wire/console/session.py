"""Signing a browser in and out: a page that takes an access token and keeps it in a cookie that no script can read.

The cookie holds the token itself, so that revoking the token, or deactivating its principal, ends the session at once.
"""

import html
from urllib.parse import parse_qs

from modelkeep.core.authz import Actor
from modelkeep.core.errors import InvalidArgument, Unauthenticated
from modelkeep.wire.http import Request, Response
from modelkeep.wire.identity import COOKIE, Door, NotAssigned, TooManyFailures, check_origin
from modelkeep.wire.route import Answer, Route

_MAX_AGE_S = 12 * 3600
_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"same-origin"),
]  # fmt: skip

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Modelkeep</title>
<style>
:root {{ color-scheme: light dark; --line: #c9ced6; --accent: #1f5fbf; }}
@media (prefers-color-scheme: dark) {{ :root {{ --line: #4b5563; --accent: #8ab4f8; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 100vh; margin: 0; }}
main {{ width: min(24rem, calc(100vw - 3rem)); }}
h1 {{ font-size: 1.5rem; margin: 0 0 .25rem; }}
label {{ display: block; font-weight: 600; margin: 1.5rem 0 .375rem; }}
input {{ width: 100%; box-sizing: border-box; font: inherit; padding: .5rem .75rem; border: 1px solid var(--line);
  border-radius: .375rem; }}
button {{ width: 100%; margin-top: 1rem; font: inherit; font-weight: 600; padding: .625rem; border: 0; border-radius: .375rem;
  background: #1f5fbf; color: #fff; cursor: pointer; }}
:focus-visible {{ outline: 3px solid var(--accent); outline-offset: 2px; }}
code {{ font-size: .875em; }}
.error {{ border-left: 4px solid #c62828; padding: .25rem .75rem; }}
</style>
</head>
<body>
<main>
<h1>Sign in to Modelkeep</h1>
<p>Your models, experiments and runs.</p>
{error}
<form method="post" action="/login">
<input type="hidden" name="next" value="{next}">
<label for="token">Access token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus aria-describedby="how">
<button>Sign in</button>
<p id="how">Whoever runs the server gets one from <code>make env</code> (<code>DATABRICKS_TOKEN</code>); others from
<code>modelkeep tokens create</code> or an account admin.</p>
</form>
</main>
</body>
</html>
"""


def _page(next: str, error: str = "", status: int = 200) -> Response:
    note = f'<p class="error" role="alert">{html.escape(error)}</p>' if error else ""
    return Response(status, _PAGE.format(next=html.escape(next), error=note).encode(), list(_HEADERS))


def _inside(next: str) -> str:
    """A path of this server; anything that a browser could read as another site becomes the start page."""
    plain = next.startswith("/") and not next.startswith(("//", "/\\")) and next.isprintable() and "\\" not in next
    return next if plain and next.isascii() else "/"


def _cookie(value: str, max_age: int, secure: bool) -> tuple[bytes, bytes]:
    flags = "; Secure" if secure else ""
    return b"set-cookie", f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{flags}".encode()


def routes(door: Door, address: str, home: str) -> list[Route]:
    """`home` is the path that a signed-in browser starts at."""
    secure = address.startswith("https://")

    def asked_next(request: Request) -> str:
        return _inside(parse_qs(request.query_string.decode("latin-1")).get("next", ["/"])[0])

    async def show(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        return _page(asked_next(request))

    async def sign_in(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        check_origin(request)
        try:
            form = parse_qs((await request.body(64 * 1024)).decode("latin-1"), max_num_fields=10)
        except ValueError as error:
            raise InvalidArgument("The form has more fields than the sign-in page sends.") from error
        next, token = _inside(form.get("next", ["/"])[0]), form.get("token", [""])[0].strip()
        try:
            if not token.isascii() or not token.isprintable() or ";" in token:
                raise Unauthenticated("The access token is not known here.")
            await door.actor(token, request.source, request.site.workspace_id)
        except Unauthenticated as error:
            return _page(next, error.message, 429 if isinstance(error, TooManyFailures) else 401)
        except NotAssigned as error:
            return _page(next, error.message, 403)
        return Response(303, b"", [(b"location", next.encode()), _cookie(token, _MAX_AGE_S, secure)])

    async def sign_out(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        check_origin(request)
        return Response(303, b"", [(b"location", b"/login"), _cookie("", 0, secure)])

    async def start(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        if not home:
            raise InvalidArgument("This server has no pages: it runs without a workspace.")
        return Response(303, b"", [(b"location", home.encode())])

    page, moved = Answer(content="text/html"), Answer(303, content="")
    return [
        Route("GET", "/", handler=start, answers=(moved,)),
        Route("GET", "/login", handler=show, public=True, answers=(page,)),
        Route("POST", "/login", handler=sign_in, public=True, sends="application/x-www-form-urlencoded",
              answers=(moved, Answer(401, content="text/html"), Answer(400), Answer(403))),
        Route("POST", "/logout", handler=sign_out, public=True, answers=(moved, Answer(403))),
    ]  # fmt: skip
