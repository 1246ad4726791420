"""An issuer of tokens on a socket of its own, which can lie in every way that a real one never would."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

_LAX = JWSRegistry(algorithms=list(JWSRegistry.algorithms), strict_check_header=False)
_KEYS: dict[str, RSAKey] = {}


def key(name: str) -> RSAKey:
    """The same for the same name: making one takes a while."""
    if name not in _KEYS:
        _KEYS[name] = RSAKey.generate_key(2048, {"kid": name})
    return _KEYS[name]


class Issuer:
    """`asked` are the paths that somebody has asked it for."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.key = key(name)
        self.requests: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.metadata: dict[str, Any] = {}
        self.keys: list[dict[str, Any]] = [self.key.as_dict(private=False)]
        self.answers: dict[str, dict[str, Any]] = {}
        """What paths answer, in place of what they should."""
        self.raw: dict[str, tuple[int, bytes, dict[str, str]]] = {}

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Good ones, with these changes; None leaves one out."""
        now = int(time.time())
        fields = {"iss": self.url, "sub": "job-1", "aud": "modelkeep", "iat": now, "exp": now + 300, **changed}
        return {name: value for name, value in fields.items() if value is not None}

    def sign(self, claims: dict[str, Any], *, by: Any = None, alg: str = "RS256", **header: Any) -> str:
        by = by or self.key
        return jwt.encode({"alg": alg, "kid": self.key.kid, **header}, claims, by, algorithms=[alg], registry=_LAX)

    def token(self, **changed: Any) -> str:
        return self.sign(self.claims(**changed))

    def answer(self, path: str, form: dict[str, str]) -> dict[str, Any] | None:
        self.requests.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/auth",
                "token_endpoint": f"{self.url}/token",
                **self.metadata,
            }
        return {"keys": self.keys} if path == "/keys" else None


@contextlib.contextmanager
def running_issuer(name: str = "one") -> Iterator[Issuer]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self, form: dict[str, str]) -> None:
            path = self.path.partition("?")[0]
            status, body, headers = issuer.raw.get(path) or (0, b"", {})
            if not status:
                result = issuer.answer(path, form)
                status, body = (200, json.dumps(result).encode()) if result is not None else (404, b"{}")
            else:
                issuer.requests.append(path)
            self.send_response(status)
            for header, value in {
                "content-type": "application/json",
                "content-length": str(len(body)),
                **headers,
            }.items():
                self.send_header(header, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
            issuer.forms.append(form)
            self._answer(form)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{listener.server_port}", name)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join(5)
