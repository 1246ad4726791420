"""One query: from a caller's request to the answer of a model's process, which streams through."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from modelkeep.domain.serving import LEVELS, ServingEndpoint
from modelkeep.http.messages import JSON, Response
from modelkeep.limits import SERVING_ERROR_BYTES, SERVING_PREDICT_S
from modelkeep.serving.connections import ModelAnswer, ProcessGone
from modelkeep.serving.controller import ServingController
from modelkeep.serving.scoring_server import ScoringServer

_MODEL_HEADER = b"served-model-name"
_CODES = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
"""Of MLflow's scoring server that clients know, and do not try again."""
_WITH_DATA = ("Failed to predict data", "Failed to enforce schema of data")
"""How MLflow begins a message that repeats the caller's data before the fault: `... '<data>'. Error: <fault>`"""
_BROKEN = "The model's process ended before it had answered. Its log says why."
_SLOW = f"The model did not answer within {SERVING_PREDICT_S:.0f} s."


async def query(
    controller: ServingController, endpoint: ServingEndpoint, entity: str, body: bytes, content_type: str
) -> Response:
    """`entity`: '' lets the traffic split choose. Raises WrongState, Throttled."""
    name, server = await controller.server_for(endpoint, entity)
    await server.enter()
    place = _Place(server)
    try:
        async with asyncio.timeout(SERVING_PREDICT_S):
            answer = await server.connections.post("/invocations", body, content_type or "application/json")
            return await _response(answer, place, name, manages=endpoint.level == len(LEVELS))
    except ProcessGone:
        place.release()
        return _refusal(name, "BAD_REQUEST", _BROKEN)
    except TimeoutError:
        place.release()
        return _refusal(name, "BAD_REQUEST", _SLOW)
    except BaseException:
        place.release()
        raise


class _Place:
    """A place among a process's queries, given up once."""

    def __init__(self, server: ScoringServer) -> None:
        self._server: ScoringServer | None = server

    def release(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.leave()


class _Body:
    """The rest of an answer as it comes. The place is given up at its end, or when nobody reads on."""

    def __init__(self, first: list[bytes], chunks: AsyncGenerator[bytes], place: _Place) -> None:
        self._first = first
        self._chunks = chunks
        self._place = place

    def __aiter__(self) -> "_Body":
        return self

    async def __anext__(self) -> bytes:
        if self._first:
            return self._first.pop(0)
        try:
            return await anext(self._chunks)
        except BaseException:
            self._place.release()
            raise

    async def aclose(self) -> None:
        self._place.release()
        await self._chunks.aclose()

    def __del__(self) -> None:
        self._place.release()


async def _response(answer: ModelAnswer, place: _Place, name: str, *, manages: bool) -> Response:
    chunks = answer.chunks()
    if answer.status != 200:
        text = await _start_of(chunks)
        place.release()
        return _refused(answer.status, text, name, manages=manages)
    headers = [(b"content-type", answer.content_type.encode("latin-1") or JSON), (_MODEL_HEADER, name.encode())]
    first = [await anext(chunks, b"")]
    if answer.complete:
        first += [chunk async for chunk in chunks]
        place.release()
        return Response(200, b"".join(first), headers)
    body: Any = _Body(first, chunks, place)
    return Response(200, body, headers)


async def _start_of(chunks: AsyncGenerator[bytes]) -> bytes:
    text = b""
    async for chunk in chunks:
        text += chunk
        if len(text) > SERVING_ERROR_BYTES:
            break
    await chunks.aclose()
    return text[:SERVING_ERROR_BYTES]


def _refused(status: int, text: bytes, name: str, *, manages: bool) -> Response:
    """The scoring server's refusal in the API's words; what the model's code said in a stack trace is for who manages it."""
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        document = {"message": _SLOW if status == 504 else text.decode("utf-8", "replace")}
    code = str(document.get("error_code", ""))
    message = str(document.get("message", "")).strip()
    if message.startswith(_WITH_DATA):
        message = message.rpartition("Error: ")[2].strip()
    message = message or f"The model's process answered with status {status}"
    message = message if message[-1] in ".`)" else f"{message}."
    trace = str(document.get("stack_trace", "")) if manages else ""
    return _refusal(name, code if code in _CODES else "BAD_REQUEST", message, trace)


def _refusal(name: str, code: str, message: str, trace: str = "") -> Response:
    """400, whatever the model did: clients repeat a 500 for minutes."""
    body = {"error_code": code, "message": message[:2_900]} | ({"stack_trace": trace} if trace else {})
    return Response(400, msgspec.json.encode(body), [(b"content-type", JSON), (_MODEL_HEADER, name.encode())])
