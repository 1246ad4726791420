"""Queries: `/serving-endpoints/{name}/invocations`, and of one served entity of the endpoint.

Bodies are the scoring server's own: JSON with one of dataframe_split, dataframe_records, inputs, instances, or unwrapped messages; CSV.
"""

from modelkeep.core.engine import Engine
from modelkeep.core.operations.serving import endpoints
from modelkeep.core.operations.serving.access import OFF
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import WrongState
from modelkeep.domain.serving import ServingEndpoint
from modelkeep.http.messages import Request, Response
from modelkeep.http.routing import Answer, NoFields, Route
from modelkeep.limits import SERVING_BODY_BYTES
from modelkeep.serving.controller import ServingController
from modelkeep.serving.queries import query

BASE = "/serving-endpoints/{name}"


class Invocations:
    """The handlers. Without a controller, serving is off."""

    def __init__(self, engine: Engine, controller: ServingController | None) -> None:
        self._engine = engine
        self._controller = controller

    async def invoke(self, request: Request, actor: Actor, path: dict[str, str]) -> Response:
        """Raises WrongState where serving is off or the endpoint is not ready."""
        name, entity = path["name"], path.get("entity", "")
        operation = endpoints.QueryEndpoint(name, entity)
        endpoint: ServingEndpoint = await self._engine.execute(actor, operation, request_id=request.id)
        if self._controller is None:
            raise WrongState(OFF)
        body = await request.body(SERVING_BODY_BYTES)
        return await query(self._controller, endpoint, entity, body, request.header(b"content-type"))


def routes(engine: Engine, controller: ServingController | None) -> list[Route]:
    face = Invocations(engine, controller)
    answers = (Answer(type=dict),)
    return [
        Route("POST", f"{BASE}/invocations", NoFields, handler=face.invoke, answers=answers),
        Route("POST", f"{BASE}/served-models/{{entity}}/invocations", NoFields, handler=face.invoke, answers=answers),
    ]
