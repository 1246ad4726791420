"""Another client, which does nothing wrong: reads by alias and sets tags, and says what it saw.

`python -m bench.bystander MODE PORT SECONDS FILE`. MODE `paced`: at a steady pace; prints the milliseconds of each request,
{"reads": [...], "writes": [...]}, from the moment when it was due, so a server that stands still is late for everything that was
due meanwhile. MODE `reads` or `aliases`: one loop as fast as it is answered; prints how many answers a second.
"""

import json
import random
import socket
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import people
from bench.attacks import read_answer

READS_A_SECOND, WRITES_A_SECOND = 60, 15
LOST_MS = 10_000.0
"""What a request without an answer counts as."""
_DATABRICKS_UC = "/api/2.0/mlflow/unity-catalog/registered-models"


class Bystander:
    """One client over two connections of its own."""

    def __init__(self, port: int, seconds: float, world: dict[str, Any]) -> None:
        self._port, self._seconds, self._world = port, seconds, world
        self._choice = random.Random(5)
        self.failed: list[str] = []

    def read(self, _number: int) -> bytes:
        name = people.model_name(self._choice.randrange(self._world["models"]))
        query = urllib.parse.urlencode({"name": name, "alias": "champion"})
        return self._request("GET", f"{_DATABRICKS_UC}/alias?{query}", self._world["bystander"], b"")

    def write(self, number: int) -> bytes:
        body = {"name": self._world["tagged"], "key": f"k{number % 8}", "value": str(number)}
        return self._request("POST", f"{_DATABRICKS_UC}/set-tag", self._world["writer"], json.dumps(body).encode())

    def move_alias(self, _number: int) -> bytes:
        body = {"name": self._world["tagged"], "alias": "moving", "version": "1"}
        return self._request("POST", f"{_DATABRICKS_UC}/alias", self._world["writer"], json.dumps(body).encode())

    def _request(self, method: str, path: str, token: str, body: bytes) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", f"Authorization: Bearer {token}"]
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
        return "\r\n".join([*lines, "", ""]).encode() + body

    def paced(self, request: Callable[[int], bytes], rate: int) -> list[float]:
        """Milliseconds of each request from when it was due."""
        begin, times = time.perf_counter(), list[float]()
        connection = self._connect()
        for number in range(int(self._seconds * rate)):
            due = begin + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            connection, status = self._ask(connection, request(number))
            late = (time.perf_counter() - due) * 1000
            if status != "200":
                self.failed.append(status)
                late = max(late, LOST_MS)
            times.append(late)
            if time.perf_counter() - begin > 4 * self._seconds:
                break
        return times

    def fast(self, request: Callable[[int], bytes]) -> float:
        """Answers a second, of one connection that waits for nothing else."""
        begin, number, connection = time.perf_counter(), 0, self._connect()
        while (now := time.perf_counter()) - begin < self._seconds:
            connection, status = self._ask(connection, request(number))
            if status != "200":
                self.failed.append(status)
            number += 1
        return number / (now - begin)

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), 30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _ask(self, connection: socket.socket, raw: bytes) -> tuple[socket.socket, str]:
        try:
            connection.sendall(raw)
            return connection, read_answer(connection)[0]
        except OSError:
            connection.close()
            return self._connect(), "closed"


def main() -> None:
    mode, port, seconds, file = sys.argv[1:]
    client = Bystander(int(port), float(seconds), json.loads(Path(file).read_text()))
    result: dict[str, Any] = {}

    def run(name: str, act: Callable[[], Any]) -> threading.Thread:
        def put() -> None:
            result[name] = act()

        thread = threading.Thread(target=put)
        thread.start()
        return thread

    if mode == "paced":
        threads = [
            run("reads", lambda: client.paced(client.read, READS_A_SECOND)),
            run("writes", lambda: client.paced(client.write, WRITES_A_SECOND)),
        ]
    elif mode == "reads":
        threads = [run("reads", lambda: client.fast(client.read))]
    else:
        threads = [run("writes", lambda: client.fast(client.move_alias))]
    for thread in threads:
        thread.join()
    print(json.dumps({**result, "failed": client.failed}))


if __name__ == "__main__":
    main()
