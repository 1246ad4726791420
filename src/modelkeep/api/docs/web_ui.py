"""Catalog Explorer as the browser gets it: one page for every path below /explore, and the files of its build.

Files have names made of their content, and are kept for good; browsers request the page itself each time; it names in its head the
scripts of what its address shows, which the browser would otherwise find out about one after the other. Nothing but our own
files runs there: no inline script, no other origin, no frame around it.
"""

import gzip
import mimetypes
import re
import secrets
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import NotFound
from modelkeep.http.bodies import once
from modelkeep.http.messages import Request, Response
from modelkeep.http.routing import Answer, Route

HOME = "/explore"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FOREVER = (b"cache-control", b"public, max-age=31536000, immutable")
_COMPRESSED = (".js", ".css", ".svg")


class _Page(msgspec.Struct):
    """A line of the build's pages.json."""

    path: str
    """As the browser's router has it: `:name` is one segment, a final `*` any number."""
    files: list[str]


def build() -> Path | None:
    """Where `make ui` has put the pages; None where it has not run."""
    folder = Path(__file__).parents[2] / "web"
    return folder if (folder / "index.html").is_file() else None


def routes(folder: Path | None) -> list[Route]:
    files = {p.name: p for p in (folder / "assets").iterdir() if p.is_file()} if folder else {}

    @cache
    def heads() -> tuple[str, list[tuple[re.Pattern[str], str]]]:
        """The page, and by what address which scripts are added to its head."""
        if folder is None:
            raise NotFound("Catalog Explorer is not part of this installation: run `make ui` where it was built from.")
        html = (folder / "index.html").read_text()
        pages = msgspec.json.decode((folder / "pages.json").read_bytes(), type=list[_Page])
        return html, [(_pattern(listed.path), _links(f for f in listed.files if f not in html)) for listed in pages]

    def page(path: str) -> str:
        html, scripts = heads()
        links = next((links for pattern, links in scripts if pattern.fullmatch(path)), "")
        return html.replace("</head>", f"{links}</head>", 1)

    def content(name: str, compressed: bool) -> bytes:
        data = files[name].read_bytes()
        return gzip.compress(data, 9, mtime=0) if compressed else data

    async def show(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """The page, which makes of its path what is shown."""
        nonce = secrets.token_urlsafe(18)
        return Response(
            200,
            page(request.path).replace("__NONCE__", nonce).encode(),
            [
                (b"content-type", b"text/html; charset=utf-8"),
                (b"cache-control", b"no-store"),
                (b"content-security-policy", _POLICY.format(nonce=nonce).encode()),
                (b"referrer-policy", b"same-origin"),
            ],
        )

    async def asset(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """A script, style or image of the page: the same for everyone, so it needs no sign-in."""
        name = path["name"]
        if name not in files:
            raise NotFound(f"Catalog Explorer has no part '{name[:100]}'.")
        small = name.endswith(_COMPRESSED) and "gzip" in request.header(b"accept-encoding")
        kind = (
            "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "application/octet-stream"
        )
        headers = [(b"content-type", kind.encode()), (b"vary", b"accept-encoding"), _FOREVER]
        body = await once(content, name, small)
        return Response(200, body, [*headers, (b"content-encoding", b"gzip")] if small else headers)

    page_answers = (Answer(content="text/html"),)
    return [
        Route("GET", HOME, handler=show, answers=page_answers),
        Route("GET", f"{HOME}/{{page*}}", handler=show, answers=page_answers),
        Route(
            "GET", f"{HOME}/assets/{{name}}", handler=asset, public=True, answers=(Answer(content="*/*"), Answer(404))
        ),
    ]


def _pattern(path: str) -> re.Pattern[str]:
    segments = (
        "[^/]+" if part.startswith(":") else ".*" if part == "*" else re.escape(part) for part in path.split("/")
    )
    return re.compile("/".join(segments).replace("/.*", "(/.*)?"))


def _links(files: Iterable[str]) -> str:
    return "".join(f'<link rel="modulepreload" crossorigin href="{HOME}/{name}">\n' for name in files)
