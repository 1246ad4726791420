"""A server that records what Modelkeep answers a client, and one that answers the same again, at once, from memory.

`python -m bench.stub record PORT FILE UPSTREAM_PORT` passes every call on and writes the answers to FILE;
`python -m bench.stub replay PORT FILE` answers them.
"""

import asyncio
import http.client
import json
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

Key = tuple[str, str, str]
"""Method, path with query, and the body where it is JSON (uploads of bytes differ in nothing that matters)."""
Answer = tuple[int, list[tuple[str, str]], str]
"""Status, headers, body in latin-1"""
_HOP = {"connection", "content-length", "transfer-encoding", "date", "server"}


class Site:
    """The ASGI application: finds or fetches one answer a call."""

    def __init__(self, answer: Callable[[Key, dict[str, str], bytes], Awaitable[Answer]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, answer = b"", True
        while answer:
            message = await receive()
            body, answer = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        target = scope["raw_path"].decode() + ("?" + query if (query := scope["query_string"].decode()) else "")
        said = body.decode() if headers.get("content-type", "").startswith("application/json") else ""
        status, answered, text = await self._answer((scope["method"], target, said), headers, body)
        data = text.encode("latin-1")
        fields = [(name.encode(), value.encode("latin-1")) for name, value in answered]
        if scope["method"] != "HEAD":
            fields.append((b"content-length", str(len(data)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": data})


def record(port: int, file: Path, upstream: int) -> None:
    def fetch(key: Key, headers: dict[str, str], body: bytes) -> Answer:
        line = http.client.HTTPConnection("127.0.0.1", upstream, timeout=60)
        line.request(key[0], key[1], body or None, {k: v for k, v in headers.items() if k not in _HOP | {"host"}})
        answer = line.getresponse()
        data = answer.read().replace(b":%d/" % upstream, b":%d/" % port)  # signed URLs lead here, too
        line.close()
        return answer.status, [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP], data.decode("latin-1")

    async def answer(key: Key, headers: dict[str, str], body: bytes) -> Answer:
        result = await asyncio.to_thread(fetch, key, headers, body)
        out.write(json.dumps((key, result)) + "\n")
        return result

    with file.open("w", buffering=1) as out:
        _serve(port, answer)


def replay(port: int, file: Path) -> None:
    known: dict[Key, list[Answer]] = defaultdict(list)
    for line in file.read_text().splitlines():
        key, (status, headers, body) = json.loads(line)
        known[tuple(key)].append((status, [(k, v) for k, v in headers], body))

    known["GET", "/health", ""] = [(200, [], "")]

    async def answer(key: Key, headers: dict[str, str], body: bytes) -> Answer:
        answers = known.get(key)
        if not answers:
            return (
                404,
                [("content-type", "application/json")],
                '{"error_code": "ENDPOINT_NOT_FOUND", "message": "not recorded"}',
            )
        return answers[0] if len(answers) == 1 else answers.pop(0)

    _serve(port, answer)


def _serve(port: int, answer: Callable[[Key, dict[str, str], bytes], Awaitable[Answer]]) -> None:
    uvicorn.run(Site(answer), port=port, log_config=None, access_log=False, lifespan="off", server_header=False)


if __name__ == "__main__":
    mode, port, path, *upstream = sys.argv[1:]
    if mode == "record":
        record(int(port), Path(path), int(upstream[0]))
    else:
        replay(int(port), Path(path))
