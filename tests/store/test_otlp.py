"""Audit records at an OpenTelemetry collector: what arrives is what OpenTelemetry's own message types read, each record at least
once and in order, however the collector behaves."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from world import World, name

from modelkeep import limits
from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.identity import principals
from modelkeep.domain.errors import InvalidArgument, PermissionDenied
from modelkeep.jobs import otlp
from modelkeep.jobs.otlp import Collector
from modelkeep.jobs.tasks import WorkerContext
from modelkeep.jobs.worker import Worker
from modelkeep.store import archives, audit
from modelkeep.store.db import now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

LATER, HEAD = 2**62, "audit.head"


class Receiver(ThreadingHTTPServer):
    """Takes OTLP over HTTP as JSON, as the specification says; `answers` come first: (status, headers, body)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.taken: list[ExportLogsServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def records(self) -> list[Any]:
        return [
            r for t in self.taken for resource in t.resource_logs for s in resource.scope_logs for r in s.log_records
        ]

    @property
    def seqs(self) -> list[int]:
        return [_seq(record) for record in self.records if record.event_name != HEAD]

    @property
    def heads(self) -> list[tuple[int, str]]:
        heads = [record for record in self.records if record.event_name == HEAD]
        return [(_seq(record), attributes(record)["modelkeep.audit.hash"].string_value) for record in heads]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers)))
        status, headers, answer = self.server.answers.pop(0) if self.server.answers else (200, {}, b"{}")
        if status == 200:
            self.server.taken.append(json_format.Parse(body, ExportLogsServiceRequest()))
        self.send_response(status)
        for key, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(answer))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


def _seq(record: Any) -> int:
    return attributes(record)["modelkeep.audit.seq"].int_value


def attributes(record: Any) -> dict[str, Any]:
    return {pair.key: pair.value for pair in record.attributes}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as running:
        yield running


@contextmanager
def listening() -> Iterator[Receiver]:
    with Receiver() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield running
        running.shutdown()


async def sealed(w: World, count: int) -> None:
    for _ in range(count):
        number = await w.count("audit")
        await w.as_("admin").do(principals.CreatePrincipal("GROUP", f"g{number}"))  # leaves one record
    async with w.db.write() as tx:
        await audit.seal(tx, LATER)


async def cursor(w: World) -> int:
    async with w.db.read() as tx:
        return await archives.cursor(tx, otlp.NAME)


async def test_records_arrive_once_in_order_and_whole(w: World, receiver: Receiver) -> None:
    await sealed(w, 3)
    with pytest.raises(PermissionDenied):
        await w.as_("eve").do(catalogs.CreateCatalog(name=name("evil")))
    await sealed(w, 1)
    collector = Collector(receiver.url + "/", "authorization=Bearer%20s3cret, x-scope=a")
    assert await collector.pending(w.db) and await collector.send(w.db)
    assert not await collector.pending(w.db) and not await collector.send(w.db)
    await sealed(w, 2)
    assert await collector.send(w.db)
    await collector.close()
    assert receiver.seqs == list(range(1, len(receiver.seqs) + 1)) and len(receiver.seqs) == await w.count(
        "audit_seals"
    )
    path, headers = receiver.requests[0]
    assert (path, headers["authorization"], headers["x-scope"]) == ("/v1/logs", "Bearer s3cret", "a")
    (resource,) = receiver.taken[0].resource_logs
    assert next((a.key, a.value.string_value) for a in resource.resource.attributes) == ("service.name", "modelkeep")
    refused = next(r for r in receiver.records if attributes(r)["user.name"].string_value == "eve")
    assert (refused.severity_text, refused.event_name) == ("WARN", "catalog.create")
    answer = attributes(refused)
    assert (
        answer["modelkeep.outcome"].string_value == "PERMISSION_DENIED"
        and answer["client.address"].string_value == "127.0.0.1"
    )
    ((at, hash),) = await w.rows(
        "SELECT a.at, s.hash FROM audit a JOIN audit_seals s ON s.audit_id = a.id WHERE s.seq = :seq",
        seq=answer["modelkeep.audit.seq"].int_value,
    )
    assert (refused.time_unix_nano, answer["modelkeep.audit.hash"].string_value) == (at * 1_000_000, hash)


async def test_a_collector_that_is_away_is_asked_again_later_and_nothing_is_lost(
    lite: World, receiver: Receiver
) -> None:
    await sealed(lite, 4)
    collector = Collector(receiver.url)
    waits: list[int] = []
    receiver.answers = [(503, {}, b""), (429, {"Retry-After": "120"}, b""), (400, {}, b"what?"), (401, {}, b"")]
    for _ in range(4):
        before = now_ms()
        assert not await collector.send(lite.db)
        assert not collector.ready(before)
        waits.append(next(ms for ms in range(0, 200_000, 100) if collector.ready(before + ms)))
    assert 900 < waits[0] <= 2_200 and waits[1] >= 120_000 and waits[3] > waits[0]
    assert await cursor(lite) == 0 and await collector.send(lite.db)
    assert receiver.seqs == [1, 2, 3, 4]
    gone = Collector("http://127.0.0.1:9")
    await sealed(lite, 1)
    assert not await gone.send(lite.db) and await cursor(lite) == 4


async def test_a_crash_before_the_cursor_is_kept_sends_again(lite: World, receiver: Receiver) -> None:
    await sealed(lite, 2)

    class NoNote:
        read = lite.db.read

        def write(self, principal: str = "") -> Any:
            raise RuntimeError("the process ends here")

    with pytest.raises(RuntimeError):
        await Collector(receiver.url).send(NoNote())  # type: ignore[arg-type]
    assert await Collector(receiver.url).send(lite.db)
    ids = [attributes(record)["modelkeep.audit.id"].string_value for record in receiver.records]
    assert receiver.seqs == [1, 2, 1, 2] and len(set(ids)) == 2


async def test_a_collector_with_small_requests_and_one_that_rejects_some(lite: World, receiver: Receiver) -> None:
    await sealed(lite, 5)
    collector = Collector(receiver.url)
    receiver.answers = [(413, {}, b"")] * 8
    for _ in range(8):
        assert not await collector.send(lite.db)
    receiver.answers = [(200, {}, b'{"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too old"}}')]
    while await collector.pending(lite.db):
        assert await collector.send(lite.db)
    assert receiver.seqs == [1, 2, 3, 4, 5] and len(receiver.taken) == 5


async def test_the_worker_sends_and_never_touches_the_database_where_there_is_nothing(
    lite: World, receiver: Receiver
) -> None:
    await sealed(lite, 3)
    background = WorkerContext(lite.db, lite.blobs, lite.registry.auditor, 0, otlp=Collector(receiver.url))
    worker = Worker(background)
    await worker._send()  # pyright: ignore[reportPrivateUsage]
    assert receiver.seqs == [1, 2, 3]
    lease = await lite.rows("SELECT until FROM leases WHERE name = 'otlp'")
    await worker._send()  # pyright: ignore[reportPrivateUsage]
    assert await lite.rows("SELECT until FROM leases WHERE name = 'otlp'") == lease and len(receiver.requests) == 1


def worker_of(w: World, head_s: float, collector: Collector | None = None) -> Worker:
    return Worker(WorkerContext(w.db, w.blobs, w.registry.auditor, 0, otlp=collector), head_s=head_s)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the worker logs at the level of information."""
    results: list[dict[str, Any]] = []

    class Log:
        def info(self, event: str, **fields: Any) -> None:
            results.append({"event": event, **fields})

    monkeypatch.setattr("modelkeep.jobs.worker.log", Log())
    return results


async def report(worker: Worker) -> None:
    await worker._report_head()  # pyright: ignore[reportPrivateUsage]
    await worker._send()  # pyright: ignore[reportPrivateUsage]


async def head(w: World) -> tuple[int, str]:
    async with w.db.read() as tx:
        last = await audit.head(tx)
    return last.seq, last.hash


async def test_the_head_of_the_chain_is_logged_and_sent(
    w: World, receiver: Receiver, lines: list[dict[str, Any]]
) -> None:
    """At each start, then at each interval by one process; what was written down is in the chain as long as that is whole."""
    first, second = worker_of(w, 0.0, Collector(receiver.url)), worker_of(w, 3600.0, Collector(receiver.url))
    await report(first)
    assert not lines and not receiver.heads, "an empty chain has no head"
    await sealed(w, 2)
    await report(first)
    before = await head(w)
    await sealed(w, 1)
    await report(first)
    await report(second)  # its start
    await report(second)
    after = await head(w)
    reports = [(line["seq"], line["hash"]) for line in lines if line["event"] == "audit chain head"]
    assert reports == [before, after, after] and before != after
    assert receiver.heads == reports
    async with w.db.read() as tx:
        assert [(await audit.verify(tx, look_for=hash)).expected_link for _, hash in reports] == [
            seq for seq, _ in reports
        ]


async def test_only_the_holder_of_the_lease_reports_again(w: World, lines: list[dict[str, Any]]) -> None:
    await sealed(w, 1)
    holder, other = worker_of(w, 1000.0), worker_of(w, 1000.0)
    await report(holder)
    await report(other)
    for worker in (other, holder, other):
        worker._head_due_s = 0.0  # pyright: ignore[reportPrivateUsage]
        await report(worker)
    assert len(lines) == 3, "two starts, and the holder's next one"
    async with w.db.write() as tx:  # the holder is gone
        await tx.run("UPDATE leases SET until = 0 WHERE name = 'audit head'")
    await report(other)
    assert len(lines) == 4


async def test_a_running_worker_reports_at_each_interval(lite: World, lines: list[dict[str, Any]]) -> None:
    await sealed(lite, 1)
    worker = worker_of(lite, 0.05)
    worker.start()
    for _ in range(2000):
        if sum(line["event"] == "audit chain head" for line in lines) >= 3:
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("it reports no more")
    await worker.stop()


async def test_a_head_waits_for_a_collector_that_is_away(lite: World, receiver: Receiver) -> None:
    await sealed(lite, 1)
    collector = Collector(receiver.url)
    collector.offer_head(audit.ChainHead(7, "a" * 64), 1)
    receiver.answers = [(503, {}, b"")]
    await collector.send_head()
    assert collector.has_head and not collector.ready(now_ms())
    await collector.send_head()
    assert not collector.has_head and receiver.heads == [(7, "a" * 64)]
    await collector.close()


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector", "http://", "http://c/?a=b"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidArgument, match="MODELKEEP_OTLP_ENDPOINT"):
        Collector(endpoint)
    with pytest.raises(InvalidArgument, match="MODELKEEP_OTLP_HEADERS"):
        Collector("http://c", "no value")


async def test_a_collector_that_answers_byte_by_byte_has_a_deadline(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OTLP_S", 0.3)
    await sealed(w, 1)
    begun = list[str]()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.append("x")
        with suppress(ConnectionError):
            while True:
                writer.write(b"HTTP/1.1 200 OK\r\nx: " if len(begun) == 1 else b"y")
                begun.append("y")
                await writer.drain()
                await asyncio.sleep(0.02)

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        collector = Collector(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "")
        assert not await asyncio.wait_for(collector.send(w.db), 20)
        assert begun and not collector.ready(now_ms()) and await collector.pending(w.db)
        await collector.close()
