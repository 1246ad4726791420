"""The API's description at /openapi.json, and a page of it at /docs: public, since it tells nothing of what is in the registry."""

from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import msgspec

from modelkeep.api.openapi import document
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import NotFound
from modelkeep.http.bodies import once
from modelkeep.http.messages import JSON, Request, Response
from modelkeep.http.routing import Answer, Route

_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API \xc2\xb7 Modelkeep</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<noscript>This page needs JavaScript. What it shows is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = b"""SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
})
"""
_TYPES = {"css": b"text/css; charset=utf-8", "js": b"text/javascript; charset=utf-8", "png": b"image/png"}
_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "start.js")
# Swagger UI's icons are data: images.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def described(routes: Sequence[Route]) -> list[Route]:
    """These routes, and those that describe them all."""
    every: list[Route] = []

    def text() -> bytes:
        return msgspec.json.encode(document(every, version("modelkeep")))

    async def openapi(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        # Made once, with the first request for it: some tenths of a second of work.
        return Response(200, await once(text), [(b"content-type", JSON), (b"cache-control", b"no-cache")])

    every += [
        *routes,
        Route("GET", "/openapi.json", handler=openapi, public=True, answers=(Answer(type=dict),)),
        Route("GET", "/docs", handler=_docs, public=True, answers=(Answer(content="text/html"), Answer(404))),
        Route("GET", "/docs/{asset}", handler=_asset, public=True, answers=(Answer(content="*/*"), Answer(404))),
    ]
    return every


async def _docs(request: Request, actor: Actor, path: dict[str, str]) -> Response:
    """The API's description as a page."""
    _folder()
    return Response(200, _PAGE, [(b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", _POLICY)])


async def _asset(request: Request, actor: Actor, path: dict[str, str]) -> Response:
    """A script, style or image of the page."""
    name = path["asset"]
    if name not in _ASSETS:
        raise NotFound(f"The page /docs has no part '{name[:100]}'.")
    headers = [(b"content-type", _TYPES[name.rpartition(".")[2]]), (b"cache-control", b"max-age=3600")]
    return Response(200, await once(_content, name), headers)


def _content(name: str) -> bytes:
    """Of one of _ASSETS, which are few."""
    return _START if name == "start.js" else (_folder() / name).read_bytes()


def _folder() -> Path:
    """Swagger UI as its PyPI package holds it, of which nothing is imported. Raises NotFound where it is not installed."""
    package = find_spec("flask_swagger_ui")
    if package is None or package.origin is None:
        raise NotFound("This page needs Swagger UI: pip install 'modelkeep[docs]'. What it shows is at /openapi.json.")
    return Path(package.origin).parent / "dist"
