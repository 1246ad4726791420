"""A small HTTP server that speaks OpenAI's chat completions: what it was asked is kept, what it answers the test says."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Completions:
    """`url` is for MODELKEEP_AI_URL."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        """(path, headers, body)"""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.answer = b""
        self.say("Predicts churn.")

    def say(self, text: str) -> None:
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        self.status, self.headers = 200, {}
        self.answer = json.dumps({"id": "c-1", "object": "chat.completion", "choices": [choice]}).encode()

    def fail(self, status: int, answer: bytes = b"", **headers: str) -> None:
        self.status, self.answer, self.headers = status, answer, headers


@contextlib.contextmanager
def completions() -> Iterator[Completions]:
    answer = Completions()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
            self.send_response(answer.status)
            for name, value in {**answer.headers, "content-length": str(len(answer.answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(answer.answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        answer.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield answer
        server.shutdown()
        thread.join()
