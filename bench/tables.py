"""Temporary credentials of tables, with a store's STS that answers at once: what Modelkeep itself costs."""

import http.client
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench import load
from bench.program import Server, modelkeep
from bench.report import Row, at_least, known

UC = "/api/2.1/unity-catalog"
SECONDS = 5
TABLES = 1_000
THREADS = 8
_ANSWER = (
    b'<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
    b"<AccessKeyId>AKIABENCH</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>"
    b"<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
)


def measure(folder: Path) -> list[Row]:
    with _stub_sts() as sts:
        env = {"MODELKEEP_STS_ENDPOINT": sts, "AWS_DEFAULT_REGION": "us-east-1"}
        env |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
        with modelkeep(folder / "modelkeep", env=env) as server:
            paths = _tables(server)
            again = load.throughput(server, f"{paths[0]}?operation=READ", SECONDS)
            control = load.throughput(server, f"{UC}/tables/main.default.t0", SECONDS)
            reads = _each_once(server, [f"{path}?operation=READ" for path in paths])
            writes = _each_once(server, [f"{path}?operation=READ_WRITE" for path in paths])
    return [
        at_least("vendings of one table to one caller", f"{again:.0f} /s", "", again, 200, "/s"),
        known(
            "the same, against reading the table's metadata", f"{again:.0f} /s", f"{control:.0f} /s", again / control
        ),
        at_least(f"vendings of {TABLES:,} tables, to read, each with the STS", f"{reads:.0f} /s", "", reads, 200, "/s"),
        at_least("the same to write, each recorded for the purge", f"{writes:.0f} /s", "", writes, 200, "/s"),
    ]


def _tables(server: Server) -> list[str]:
    """Paths of the credentials of external tables in one location."""
    role = {"role_arn": "arn:aws:iam::000000000000:role/bench"}
    server.call("POST", f"{UC}/storage-credentials", {"name": "bench", "aws_iam_role": role})
    location = {"name": "bench", "url": "s3://bench/lake", "credential_name": "bench"}
    server.call("POST", f"{UC}/external-locations", location)
    table = {"catalog_name": "main", "schema_name": "default", "table_type": "EXTERNAL", "data_source_format": "DELTA"}
    for number in range(TABLES):
        place = {"name": f"t{number}", "storage_location": f"s3://bench/lake/t{number}"}
        server.call("POST", f"{UC}/tables", {**table, **place})
    return [f"{UC}/delta/v1/catalogs/main/schemas/default/tables/t{number}/credentials" for number in range(TABLES)]


def _each_once(server: Server, paths: list[str]) -> float:
    """Requests per second, each path once, over a few kept-alive connections."""

    def send(own: list[str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for path in own:
            connection.request("GET", path, headers=dict(server.headers))
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
        connection.close()

    begun = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(send, (paths[first::THREADS] for first in range(THREADS))))
    return len(paths) / (time.perf_counter() - begun)


class _Sts(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _stub_sts() -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Sts) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
