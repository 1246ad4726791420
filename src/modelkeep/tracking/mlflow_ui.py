"""MLflow's own UI below /ml: the static build of the pinned package, and the links that clients print."""

import asyncio
import mimetypes
import re
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import msgspec

from modelkeep.http.messages import Response
from modelkeep.tracking.answers import Json

# Everything comes from this server; charts need styles and workers of their own making, no code.
CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "manifest-src 'self'",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = [
    (b"content-security-policy", CSP.encode()),
    (b"referrer-policy", b"same-origin"),
]
_LINK = re.compile(r"/ml/(experiments/[0-9]+(?:/(?:runs|models|traces)(?:/[A-Za-z0-9_-]+)?)?)/?")
_STATIC = "/ml/static-files/"
_CHUNK_BYTES = 256 * 1024

_ABSENT: dict[str, Json] = {
    "/ml/ajax-api/2.0/mlflow/gateway-proxy": {"endpoints": []},
    "/ml/ajax-api/2.0/mlflow/users/current": {},
    "/ml/ajax-api/3.0/mlflow/assistant/config": {"providers": {}, "projects": {}, "remote_access_allowed": False},
    "/ml/ajax-api/3.0/mlflow/assistant/providers": {"providers": [], "resolved": None},
}
"""What the pages ask at each proxied about parts that are off here, and what says so. They show a refusal as an error over the
page's own controls. MLflow's server answers the first one like this where no gateway is configured
(mlflow/server/handlers.py, gateway_proxy_handler)."""
_STYLE = "modelkeep.css"
_HIDDEN = b"[data-assistant-ui] { display: none !important; }\n"
"""The button of the assistant, which the pages show on every local address, whatever the server answers."""


class Ui:
    """The files of the build, found once; only those are ever served."""

    def __init__(self) -> None:
        self._folder = _build()
        self._files = (
            {str(p.relative_to(self._folder)): p for p in self._folder.rglob("*") if p.is_file()}
            if self._folder
            else {}
        )

    def answer(self, method: str, path: str) -> Response | None:
        """The answer to a page, a file or a printed link; None for any other path, or where there is no build."""
        if method != "GET" or not self._files:
            return None
        if path == "/ml":
            return _redirect("/ml/")
        if path == "/ml/":
            return self._index()
        if path in _ABSENT:
            return Response(200, msgspec.json.encode(_ABSENT[path]), [(b"content-type", b"application/json")])
        if path == _STATIC + _STYLE:
            return Response(200, _HIDDEN, [*_HEADERS, (b"content-type", b"text/css"), (b"cache-control", b"no-cache")])
        if path.startswith(_STATIC):
            return self._file(path.removeprefix(_STATIC), "public, max-age=2419200, immutable")
        if link := _LINK.fullmatch(path):
            return _redirect(f"/ml/#/{link[1]}")
        return None

    def _index(self) -> Response:
        """MLflow's page with a stylesheet of ours."""
        page = self._files["index.html"].read_bytes()
        link = f'<link href="static-files/{_STYLE}" rel="stylesheet"></head>'
        headers = [*_HEADERS, (b"content-type", b"text/html"), (b"cache-control", b"no-cache")]
        return Response(200, page.replace(b"</head>", link.encode(), 1), headers)

    def _file(self, name: str, cache: str) -> Response | None:
        file = self._files.get(name)
        if file is None:
            return None
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = [*_HEADERS, (b"content-type", kind.encode()), (b"cache-control", cache.encode())]
        return Response(200, _chunks(file), headers, file.stat().st_size)


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    """Read in threads, as the client takes it: some scripts of the build have megabytes."""
    with await asyncio.to_thread(file.open, "rb") as opened:
        while chunk := await asyncio.to_thread(opened.read, _CHUNK_BYTES):
            yield chunk


def _redirect(location: str) -> Response:
    return Response(302, b"", [*_HEADERS, (b"location", location.encode())])


def _build() -> Path | None:
    spec = find_spec("mlflow")
    places = spec.submodule_search_locations if spec else None
    folder = Path(places[0]) / "server" / "js" / "build" if places else None
    return folder if folder and (folder / "index.html").is_file() else None
