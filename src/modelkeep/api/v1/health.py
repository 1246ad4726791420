"""Probes: `/health/live` says that this process answers, `/health` and `/health/ready` whether requests should come to it."""

import msgspec

from modelkeep.api.v1 import answers
from modelkeep.domain.authorization import Actor
from modelkeep.http.messages import JSON, Request, Response
from modelkeep.http.routing import Answer, Route
from modelkeep.observe.health import ProcessHealth


def routes(health: ProcessHealth) -> list[Route]:
    async def live(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        return _json(200, {"status": "ok"})

    async def ready(request: Request, actor: Actor, path: dict[str, str]) -> Response:
        state = await health.readiness()
        body: answers.Health = {"status": state.status}
        if state.degraded:
            body["degraded"] = list(state.degraded)
        if state.message:
            body["message"] = state.message
        return _json(200 if state.ready else 503, body)

    alive = (Answer(type=answers.Health),)
    readiness = (Answer(type=answers.Health), Answer(503, answers.Health))
    return [
        Route(method, path, handler=handler, public=True, answers=declared)
        for path, handler, declared in (
            ("/health", ready, readiness),
            ("/health/ready", ready, readiness),
            ("/health/live", live, alive),
        )
        for method in ("GET", "HEAD")
    ]


def _json(status: int, body: answers.Health) -> Response:
    return Response(status, msgspec.json.encode(body), [(b"content-type", JSON), (b"cache-control", b"no-store")])
