"""What one hostile client does. Each attack goes on until its time is over and ignores every refusal.

`python -m bench.attacks NAME PORT SECONDS FILE` runs one. PORT is the server's, or a dummy's that answers everything at once
(bench/dummy.py): the same load without the server. FILE holds the tokens and names of the world (bench/hostile.py).
"""

import contextlib
import itertools
import json
import random
import socket
import sys
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

CHUNK = b"a" * (64 << 10)
_ANSWER_S = 30.0


class Attacker:
    """One run of an attack: where it goes, until when, and which statuses came back."""

    def __init__(self, port: int, seconds: float, world: Mapping[str, Any]) -> None:
        self.port, self.world = port, world
        self.until = time.monotonic() + seconds
        self.statuses: Counter[str] = Counter()

    @property
    def active(self) -> bool:
        return time.monotonic() < self.until

    def connect(self) -> socket.socket:
        """From an address of its own, as another machine's."""
        return socket.create_connection(("127.0.0.1", self.port), 10, ("127.0.0.2", 0))

    def rest(self, seconds: float) -> None:
        time.sleep(max(0.0, min(seconds, self.until - time.monotonic())))

    def head(self, method: str, path: str, token: str = "", *lines: str) -> bytes:
        """The bytes of a request up to its body."""
        fields = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *lines]
        fields += [f"Authorization: Bearer {token}"] if token else []
        return "\r\n".join([*fields, "", ""]).encode()

    def request(self, method: str, path: str, token: str = "", body: Any = None) -> bytes:
        """A whole request; a body that is not bytes is sent as JSON."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"Content-Length: {len(data)}", "Content-Type: application/json"] if body is not None else []
        return self.head(method, path, token, *lines) + data

    def repeat(self, requests: Callable[[int], Iterator[bytes]], connections: int) -> None:
        """So many connections at once, each sending its next request when the last is answered."""
        self.together(lambda number: self._send_all(requests(number)), connections)

    def together(self, act: Callable[[int], None], count: int) -> None:
        threads = [threading.Thread(target=act, args=(number,), daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, self.until - time.monotonic()) + 1)

    def _send_all(self, requests: Iterator[bytes]) -> None:
        with contextlib.closing(Connection(self)) as connection:
            for raw in requests:
                if not self.active:
                    return
                connection.ask(raw)


class Connection:
    """A kept-alive connection that is opened again whenever the server closes it."""

    def __init__(self, attacker: Attacker) -> None:
        self._attacker = attacker
        self._socket: socket.socket | None = None

    def ask(self, raw: bytes) -> tuple[str, Any]:
        """The status ('closed' where no answer came) and the JSON of the answer ({} where it is not JSON)."""
        status, body = "closed", b""
        try:
            if self._socket is None:
                self._socket = self._attacker.connect()
                self._socket.settimeout(_ANSWER_S)
            self._socket.sendall(raw)
            status, body, closes = read_answer(self._socket)
            if closes:
                self.close()
        except OSError:
            self.close()
            self._attacker.rest(0.01)
        self._attacker.statuses[status] += 1
        with contextlib.suppress(ValueError):
            return status, json.loads(body)
        return status, {}

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def read_answer(connection: socket.socket) -> tuple[str, bytes, bool]:
    """Status, body, and whether the server closes the connection. Raises OSError where it did before its answer's end."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    fields = head.lower().split(b"\r\n")
    length = next((int(field.split(b":")[1]) for field in fields if field.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += _received(connection)
    return head[9:12].decode(), body, b"connection: close" in fields


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 16)
    if not data:
        raise OSError("closed")
    return data


# --- anonymous: the socket --------------------------------------------------------------------------------------------


def pipelined_asset(attacker: Attacker) -> None:
    """One connection asks 300 times for the largest public file and reads nothing."""
    _pipelined(attacker, "/docs/swagger-ui-bundle.js")


def pipelined_document(attacker: Attacker) -> None:
    """The same with the API's description."""
    _pipelined(attacker, "/openapi.json")


def _pipelined(attacker: Attacker, path: str) -> None:
    while attacker.active:
        with contextlib.suppress(OSError), attacker.connect() as connection:
            connection.settimeout(5)
            connection.sendall(attacker.request("GET", path) * 300)
            attacker.rest(5)


def endless_address(attacker: Attacker) -> None:
    """One connection after the other sends an address without an end."""
    _endless(attacker, b"GET /", CHUNK)


def endless_header(attacker: Attacker) -> None:
    """The same with one header's value."""
    _endless(attacker, attacker.head("GET", "/health")[:-2] + b"X-Long: ", CHUNK)


def many_headers(attacker: Attacker) -> None:
    """The same with small headers."""
    _endless(attacker, attacker.head("GET", "/health")[:-2], b"a: b\r\n" * 10_000)


def many_trailers(attacker: Attacker) -> None:
    """The same with trailers of a chunked body."""
    head = attacker.head("POST", "/oidc/v1/token", "", "Transfer-Encoding: chunked")
    _endless(attacker, head + b"1\r\na\r\n0\r\n", b"a: b\r\n" * 10_000)


def _endless(attacker: Attacker, begin: bytes, fields: bytes) -> None:
    while attacker.active:
        with contextlib.suppress(OSError), attacker.connect() as connection:
            connection.settimeout(5)
            connection.sendall(begin)
            while attacker.active:
                connection.sendall(fields)
        attacker.statuses["closed"] += 1
        attacker.rest(0.002)


def idle_connections(attacker: Attacker) -> None:
    """1,500 connections that send nothing, half a head, or half a body, opened again whenever they are closed."""
    starts = (b"", b"GET /health HTTP/1.1\r\nHost: ", attacker.head("POST", "/oidc/v1/token", "", "Content-Length: 9"))
    open_sockets: list[socket.socket] = []
    for number in itertools.count():
        if not attacker.active:
            break
        if len(open_sockets) >= 1_500:
            open_sockets.pop(0).close()
            attacker.rest(0.01)
        with contextlib.suppress(OSError):
            connection = attacker.connect()
            open_sockets.append(connection)
            connection.sendall(starts[number % 3])
    for connection in open_sockets:
        connection.close()


def wrong_tokens(attacker: Attacker) -> None:
    """Four loops of tokens that nobody has."""
    path = "/api/2.1/unity-catalog/catalogs"
    attacker.repeat(
        lambda number: (attacker.request("GET", path, f"mkt_wrong{number}x{n:020d}") for n in itertools.count()), 4
    )


# --- signed in: what a request holds ----------------------------------------------------------------------------------


def large_bodies(attacker: Attacker) -> None:
    """Four loops of a body of 3.3 MB with 200,000 unknown keys."""
    body = json.dumps({f"key_{n:06d}": n for n in range(150_000)}).encode()
    raw = attacker.request("POST", "/api/2.1/unity-catalog/models", attacker.world["nobody"], body)
    attacker.repeat(lambda _: itertools.repeat(raw), 4)


def long_names(attacker: Attacker) -> None:
    """Four loops of names of 60 KB, another each time."""
    path, token = "/api/2.1/unity-catalog/models/", attacker.world["nobody"]
    attacker.repeat(
        lambda i: (attacker.request("GET", f"{path}a.b.{i}_{n}_{'x' * 60_000}", token) for n in itertools.count()), 4
    )


def slow_pattern(attacker: Attacker) -> None:
    """Two loops of a search that compares a long pattern with tags of 100,000 characters."""
    pattern = "%" + "a" * 400 + "b%"
    query = urllib.parse.urlencode({"filter": f"name = 'hostile_like' AND tags.k LIKE '{pattern}'"})
    raw = attacker.request("GET", f"/api/2.0/mlflow/model-versions/search?{query}", attacker.world["owner"])
    attacker.repeat(lambda _: itertools.repeat(raw), 2)


def slow_sql(attacker: Attacker) -> None:
    """Two loops of 36 LIKEs over comments of 65,000 characters."""
    like = " AND ".join(f"NOT comment LIKE '%{'a' * 90}b{n}%'" for n in range(36))
    statement = f"SELECT model_name FROM hostile.information_schema.registered_models WHERE {like}"
    body = {"warehouse_id": attacker.world["warehouse"], "catalog": "hostile", "statement": statement}
    raw = attacker.request("POST", "/api/2.0/sql/statements", attacker.world["owner"], body)
    attacker.repeat(lambda _: itertools.repeat(raw), 2)


def sexagesimal_model(attacker: Attacker) -> None:
    """Versions whose MLmodel holds one number of 240 KB, finalized one after the other."""
    token, name = attacker.world["owner"], "hostile.models.base60"
    databricks_uc, data = "/api/2.0/mlflow/unity-catalog/model-versions", b"x: 1" + b":59" * 80_000 + b"\n"
    with contextlib.closing(Connection(attacker)) as connection:
        while attacker.active:
            _, created = connection.ask(
                attacker.request("POST", f"{databricks_uc}/create", token, {"name": name, "source": "s"})
            )
            version = created.get("model_version", {}).get("version", "1")
            path = f"/Models/{name.replace('.', '/')}/{version}/MLmodel"
            connection.ask(attacker.request("PUT", f"/api/2.0/fs/files{path}?overwrite=true", token, data))
            connection.ask(
                attacker.request("POST", f"{databricks_uc}/finalize", token, {"name": name, "version": version})
            )


def many_terms(attacker: Attacker) -> None:
    """Four loops of a SCIM filter of 140 terms over thousands of users."""
    query = urllib.parse.urlencode({"filter": " or ".join(f'userName co "zz{n}"' for n in range(140))})
    raw = attacker.request("GET", f"/api/2.0/preview/scim/v2/Users?{query}", attacker.world["nobody"])
    attacker.repeat(lambda _: itertools.repeat(raw), 4)


# --- signed in: how often, and how much there is ------------------------------------------------------------------------


def page_searches(attacker: Attacker) -> None:
    """Sixteen loops of the pages' search for eight words, over all that EXECUTE on a catalog shows."""
    _searches(attacker, 16)


def search_burst(attacker: Attacker) -> None:
    """A hundred of them at once."""
    _searches(attacker, 100)


def _searches(attacker: Attacker, connections: int) -> None:
    def requests(number: int) -> Iterator[bytes]:
        choice = random.Random(number)
        while True:
            words = " ".join(f"m{choice.randrange(10**6)}" for _ in range(8))
            query = urllib.parse.urlencode({"query": words, "max_results": 100})
            yield attacker.request("GET", f"/api/modelkeep/v1/search?{query}", attacker.world["reader"])

    attacker.repeat(requests, connections)


def source_patterns(attacker: Attacker) -> None:
    """Eight loops of a filter on sources, for which no index is of use."""

    def requests(number: int) -> Iterator[bytes]:
        for n in itertools.count():
            query = urllib.parse.urlencode({"filter": f"source_path LIKE '%none{number}_{n}%'", "max_results": 100})
            yield attacker.request("GET", f"/api/2.0/mlflow/model-versions/search?{query}", attacker.world["reader"])

    attacker.repeat(requests, 8)


def cheap_searches(attacker: Attacker) -> None:
    """Four loops of small searches, another each time, which the audit log records."""
    path = "/api/2.0/mlflow/unity-catalog/registered-models/search"

    def requests(number: int) -> Iterator[bytes]:
        for n in itertools.count():
            query = urllib.parse.urlencode({"filter": f"name = 'a.b.{number}_{n}{'x' * 200}'", "max_results": 1})
            yield attacker.request("GET", f"{path}?{query}", attacker.world["nobody"])

    attacker.repeat(requests, 4)


def refused_reads(attacker: Attacker) -> None:
    """Four loops of a model that the caller may not read."""
    query = urllib.parse.urlencode({"name": "org.models.model_00001"})
    path = f"/api/2.0/mlflow/unity-catalog/registered-models/get?{query}"
    attacker.repeat(lambda _: itertools.repeat(attacker.request("GET", path, attacker.world["nobody"])), 4)


def writers_of_one_model(attacker: Attacker) -> None:
    """64 connections tag one model."""
    path, name = "/api/2.0/mlflow/unity-catalog/registered-models/set-tag", "hostile.models.busy"

    def requests(number: int) -> Iterator[bytes]:
        for n in itertools.count():
            body = {"name": name, "key": f"k{number % 8}", "value": str(n)}
            yield attacker.request("POST", path, attacker.world["owner"], body)

    attacker.repeat(requests, 64)


def forced_deletes(attacker: Attacker) -> None:
    """A schema of 5,000 models is deleted with force, then the next."""
    with contextlib.closing(Connection(attacker)) as connection:
        for number in range(attacker.world["doomed"]):
            path = f"/api/2.1/unity-catalog/schemas/hostile.doomed_{number}?force=true"
            connection.ask(attacker.request("DELETE", path, attacker.world["owner"]))
    attacker.rest(60)


def large_memberships(attacker: Attacker) -> None:
    """A group of 10,000 leaves another and joins it again."""
    path, token = "/api/modelkeep/v1/groups/outer/members/crowd", attacker.world["admin"]
    attacker.repeat(
        lambda _: (attacker.request(method, path, token) for method in itertools.cycle(("DELETE", "PUT"))), 1
    )


def trickling_uploads(attacker: Attacker) -> None:
    """60 uploads that send a byte each second."""

    def upload(number: int) -> None:
        path = f"/api/2.0/fs/files/Volumes/hostile/models/files/slow_{number}"
        head = attacker.head("PUT", path, attacker.world["owner"], "Content-Length: 1000000")
        while attacker.active:
            with contextlib.suppress(OSError), attacker.connect() as connection:
                connection.sendall(head)
                while attacker.active:
                    connection.sendall(b"x")
                    attacker.rest(1)

    attacker.together(upload, 60)


# --- signed in: the tracking server -------------------------------------------------------------------------------------


def tracking_filters(attacker: Attacker) -> None:
    """Four loops of a filter of 1 MB."""
    terms = " AND ".join(f"params.p{n} = 'v'" for n in range(45_000))
    body = {"experiment_ids": [attacker.world["experiment"]], "filter": terms}
    raw = attacker.request("POST", "/api/2.0/mlflow/runs/search", attacker.world["owner"], body)
    attacker.repeat(lambda _: itertools.repeat(raw), 4)


def tracking_ids(attacker: Attacker) -> None:
    """Four loops of 1,000 unknown traces in one call."""
    body = {"trace_ids": [f"tr-{n:032x}" for n in range(1_000)]}
    raw = attacker.request("POST", "/api/3.0/mlflow/traces/batchGetInfos", attacker.world["owner"], body)
    attacker.repeat(lambda _: itertools.repeat(raw), 4)


def upload_urls(attacker: Attacker) -> None:
    """Twelve connections ask for upload URLs, which the store is needed for."""

    def requests(number: int) -> Iterator[bytes]:
        for n in itertools.count():
            body = {"path": f"/Volumes/hostile/models/files/new_{number}_{n}"}
            yield attacker.request("POST", "/api/2.0/fs/create-upload-url", attacker.world["owner"], body)

    attacker.repeat(requests, 12)


ANONYMOUS: tuple[Callable[[Attacker], None], ...] = (
    pipelined_asset,
    pipelined_document,
    endless_address,
    endless_header,
    many_headers,
    many_trailers,
    idle_connections,
    wrong_tokens,
)
SIGNED_IN: tuple[Callable[[Attacker], None], ...] = (
    large_bodies,
    long_names,
    slow_pattern,
    slow_sql,
    sexagesimal_model,
    many_terms,
    page_searches,
    search_burst,
    source_patterns,
    cheap_searches,
    refused_reads,
    writers_of_one_model,
    forced_deletes,
    large_memberships,
    trickling_uploads,
    tracking_filters,
    tracking_ids,
)
ATTACKS = {act.__name__: act for act in (*ANONYMOUS, *SIGNED_IN, upload_urls)}


def main() -> None:
    name, port, seconds, world = sys.argv[1:]
    attacker = Attacker(int(port), float(seconds), json.loads(Path(world).read_text()))
    ATTACKS[name](attacker)
    print(json.dumps(attacker.statuses))


if __name__ == "__main__":
    main()
