"""The ASGI application: every request's way through id, route, sign-in, operation, answer, access log."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Protocol, cast
from urllib.parse import quote

import msgspec

from modelkeep.api.authentication import Authenticator
from modelkeep.api.errors import databricks
from modelkeep.api.path_spellings import usual_end, usual_head
from modelkeep.api.request_workspace import WorkspaceResolver
from modelkeep.core.engine import Engine
from modelkeep.core.table import BY_REQUEST
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import NoSuchEndpoint, RegistryError, Throttled, Unauthenticated, Unavailable
from modelkeep.http.binding import BODY_IS_REQUEST, fields_of, read_fields
from modelkeep.http.bodies import read_in_turn
from modelkeep.http.messages import AT_ONCE, JSON, Disconnected, Receive, Request, Response, Scope, Send
from modelkeep.http.origin import json_type
from modelkeep.http.retry_after import retry_after
from modelkeep.http.routing import CoreRequests, Renderer, Route, Router
from modelkeep.limits import MAX_LOGGED_PATH, MAX_READING_BYTES, READING_BYTES, READINGS_BYTES, THROTTLED_PAUSE_S
from modelkeep.observe import metrics
from modelkeep.observe.logs import AccessLine, access, log

NOBODY = Actor("", "", "")
_random = random.Random().getrandbits  # for request ids: unique, not secret
_API = ("/api/", "/ajax-api/")
_TRACKED = (*_API, "/ml", "/v1/traces")
_LEFT = 499
"""The status in the log where the client left before its answer."""
_HEALTH = frozenset(
    {"/health", "/health/live", "/health/ready"}
)  # health checks come to an address of a machine, not of a workspace


class TrackingHandler(Protocol):
    """A workspace's tracking server: MLflow's tracking API and UI, behind this server's sign-in."""

    async def handle(self, request: Request, actor: Actor) -> Response | None: ...


class App:
    """Routes of all dialects over one engine."""

    def __init__(
        self,
        engine: Engine,
        authenticator: Authenticator,
        routes: Sequence[Route],
        resolver: WorkspaceResolver,
        tracking: TrackingHandler | None = None,
    ) -> None:
        """`tracking` handles the paths that no route names; it answers None to paths that are not its own."""
        self._engine = engine
        self._authenticator = authenticator
        self._resolver = resolver
        self._tracking = tracking
        self.router = Router(routes)
        self._readings: dict[tuple[str, str, bytes], tuple[Any, CoreRequests]] = {}
        self._readings_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive, f"{_random(64):016x}")
        try:
            await self._serve(request, send)
        finally:
            request.release()

    async def _serve(self, request: Request, send: Send) -> None:
        started = time.perf_counter()
        actor, name = NOBODY, "unknown"
        render: Renderer = databricks
        health, unavailable = request.path in _HEALTH, False
        try:
            request.site = self._resolver.default if health else await self._resolver.find(request.header(b"host"))
            match = self._find(request)
            if match is not None:
                route, path = match
                name, render = route.path, route.render or databricks
                request.check_path()
                if not route.public:
                    actor = await self._authenticator.authenticate(request)
                    request.caller = actor.id
                elif (
                    not health and "{token}" not in route.path
                ):  # a signed URL was vended to a caller who had signed in
                    self._authenticator.admit(request)
                response = await self._answer(route, request, actor, path)
            else:
                name = "tracking"
                request.check_path()
                actor, response = await self._track(request)
        except Disconnected:
            return
        except asyncio.CancelledError:
            self._log(request, name, _LEFT, time.perf_counter() - started, actor)
            raise
        except RegistryError as error:
            if isinstance(error, Unauthenticated):
                metrics.unauthenticated.inc()
            unavailable = isinstance(error, Unavailable)
            response = _sign_in(request, error) or _refusal(render, error, request.id)
        except Exception:
            log.exception("request failed", request_id=request.id, route=name, method=request.method)
            response = _bug(request.id)
        if unavailable or response.status == Throttled.status:
            request.release()
            request.let_cancel()
            started += THROTTLED_PAUSE_S
            await asyncio.sleep(THROTTLED_PAUSE_S)  # a client that repeats at once takes less of the event loop
        took = await self._send(request, response, send) - started
        self._log(request, name, response.status, took, actor)

    def _log(self, request: Request, name: str, status: int, took: float, actor: Actor) -> None:
        metrics.request(name, request.method, status, took)
        # A signed URL signs its bearer in for as long as it lives: its path stays out of the log.
        path = name if "{token}" in name else request.path
        ms = round(took * 1000, 2), round(request.waited * 1000, 2)
        access(AccessLine(request.id, request.method, path[:MAX_LOGGED_PATH], status, *ms, actor.name, request.source))

    def _find(self, request: Request) -> tuple[Route, dict[str, str]] | None:
        """The route as the path is spelled, or as it usually is; the request then has that usual path."""
        match = self.router.find(request.method, request.path)
        if match is not None and not match[0].takes_rest:
            return match
        path = usual_head(request.path)
        if path != request.path:
            match, request.path = self.router.find(request.method, path) or match, path
        if path.endswith("/") and (match is None or match[0].takes_rest):
            shorter = usual_end(path)
            exact = self.router.find(request.method, shorter)
            if exact is not None and not exact[0].takes_rest:  # a slash at the end of a file's path is part of it
                match, request.path = exact, shorter
            elif match is None and path.startswith(_API):
                request.path = shorter
        return match

    async def _track(self, request: Request) -> tuple[Actor, Response]:
        """What the workspace answers. Raises NoSuchEndpoint for what is nobody's."""
        if self._tracking is not None and request.path.startswith(_TRACKED) and request.method != "OPTIONS":
            actor = await self._authenticator.authenticate(request)
            request.caller = actor.id
            response = await self._tracking.handle(request, actor)
            if response is not None:
                return actor, response
        raise NoSuchEndpoint(f"No API found for '{request.method} {request.path[:300]}'.")

    async def _answer(self, route: Route, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        if route.handler is not None:
            if request.method == "GET" and not route.public:  # a public one may sign in
                request.let_cancel()
            if request.method in BODY_IS_REQUEST and not route.public and request.has_body:
                await fields_of(request, route.fields, path)  # refuses a body that contradicts path or query
            return await route.handler(request, actor, path)
        fields, operation = await self._read(route, request, path)
        try:
            if isinstance(operation, msgspec.Struct):
                if BY_REQUEST[type(operation)].effect == "read":
                    request.let_cancel()
                result = await self._engine.execute(actor, operation, request_id=request.id)
            else:
                result = (await self._engine.execute_all(actor, operation, request_id=request.id))[-1]
        except RegistryError as error:
            if route.reword is not None:
                error.message = route.reword(error.message, fields)
            raise
        if route.status == 204:
            return Response(204)
        answer: Any = {} if route.write is None else route.write(result, fields)
        if route.fit is not None:
            answer = route.fit(answer, request)
        return Response(route.status, msgspec.json.encode(answer), [(b"content-type", JSON)])

    async def _read(self, route: Route, request: Request, path: dict[str, str]) -> tuple[Any, CoreRequests]:
        """The wire struct and its core request. The same GET without a body means the same each time, and is read once."""
        get = request.method == "GET" and not request.has_body
        key = (route.path, request.path, request.query_string)
        if get and (known := self._readings.get(key)) is not None:
            return known
        body = b"" if get else await request.body(route.body_limit)
        content_type = json_type(request)
        fields = await read_in_turn(
            request.caller,
            body,
            read_fields,
            route,
            path,
            request.query_string,
            body,
            content_type,
            keys_limit=route.keys_limit,
        )
        if route.read is None:
            assert route.read_request is not None
            return fields, route.read_request(fields, request)
        operation = route.read(fields)
        if get and (size := len(request.path) + len(request.query_string)) <= MAX_READING_BYTES:
            if self._readings_bytes > READINGS_BYTES:
                self._readings.clear()
                self._readings_bytes = 0
            self._readings_bytes += size + READING_BYTES
            self._readings[key] = fields, operation
        return fields, operation

    async def _send(self, request: Request, response: Response, send: Send) -> float:
        """When the last of the answer was handed over (by `time.perf_counter`)."""
        headers = [*request.site.headers, *response.headers]
        body = response.body
        length = len(body) if isinstance(body, bytes) else response.length
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        at_once = request.scope.get("extensions", {}).get(AT_ONCE)
        if at_once is not None and isinstance(body, bytes):
            # The write itself wakes the client up, often on this very core, and goes on when that has had its turn.
            handed = time.perf_counter()
            at_once(response.status, headers, b"" if request.method == "HEAD" else body)
            return handed
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if isinstance(body, bytes):
            await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
            return time.perf_counter()
        if request.method == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return time.perf_counter()
        request.let_cancel()  # all is decided and recorded; what is left are bytes for nobody else
        async with aclosing(cast("AsyncGenerator[bytes]", body)) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return time.perf_counter()


def _refusal(render: Renderer, error: RegistryError, request_id: str) -> Response:
    status, body = render(error)
    headers = [(b"content-type", JSON), (b"x-request-id", request_id.encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="modelkeep"'))
    headers += retry_after(error)
    return Response(status, msgspec.json.encode(body), headers)


def _sign_in(request: Request, error: RegistryError) -> Response | None:
    """A browser that opens a page without a session is sent to the sign-in page, and back afterwards."""
    if (
        not isinstance(error, Unauthenticated)
        or request.method != "GET"
        or b"text/html" not in request.headers.get(b"accept", b"")
    ):
        return None
    target = request.path + (f"?{request.query_string.decode('latin-1')}" if request.query_string else "")
    return Response(303, b"", [(b"location", b"/login?next=" + quote(target, safe="").encode())])


def _bug(request_id: str) -> Response:
    body: dict[str, Any] = {
        "error_code": "INTERNAL_ERROR",
        "message": f"Modelkeep failed. Its log has the cause under request {request_id}.",
    }
    return Response(500, msgspec.json.encode(body), [(b"content-type", JSON), (b"x-request-id", request_id.encode())])
