"""The HTTP server by raw sockets: framing that nobody can read in two ways, and bounds on what a peer sends, withholds or
does not read."""

import asyncio
import contextlib
import itertools
import json
import re
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from api.serving import Site, running_site

from modelkeep.http import connection, exchange, sendfile, server
from modelkeep.limits import (
    BODY_WINDOW_BYTES,
    LINGER_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_TRAILER_BYTES,
    MAX_URL_BYTES,
)
from modelkeep.observe import metrics

TOKEN = "/oidc/v1/token"
FORM = b"grant_type=client_credentials&client_id=nobody&client_secret=wrong"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """On the event loop of the product."""
    with running_site(tmp_path_factory.mktemp("sockets"), uvloop.run, connections_per_address=0) as running:
        yield running


def connect(site: Site) -> socket.socket:
    return socket.create_connection(("127.0.0.1", site.settings.port), 10)


def head(site: Site, line: str, *fields: str) -> bytes:
    lines = (line, f"Host: 127.0.0.1:{site.settings.port}", *fields)
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def get(site: Site, path: str = "/health", *fields: str) -> bytes:
    return head(site, f"GET {path} HTTP/1.1", *fields)


def post(site: Site, path: str, body: bytes, *fields: str) -> tuple[bytes, bytes]:
    """Head and body of a request to the admin's API."""
    authorization = f"Authorization: Bearer {site.admin}"
    kind = "Content-Type: application/json"
    return head(site, f"POST {path} HTTP/1.1", authorization, kind, *fields), body


def answers(peer: socket.socket, count: int, patience_s: float = 0.3) -> list[tuple[int, bytes]]:
    """Statuses and bodies of `count` answers, and of any that follow at once."""
    data, parsed = b"", list[tuple[int, bytes]]()
    while True:
        while (match := re.match(rb"HTTP/1.1 (\d+).*?\r\n\r\n", data, re.DOTALL)) is not None:
            length = re.search(rb"content-length: (\d+)", match[0], re.IGNORECASE)
            end = match.end() + (int(length[1]) if length else 0)
            if len(data) < end:
                break
            parsed.append((int(match[1]), data[match.end() : end]))
            data = data[end:]
        peer.settimeout(60 if len(parsed) < count else patience_s)
        try:
            piece = peer.recv(1 << 20)
        except (TimeoutError, ConnectionResetError):
            return parsed
        if not piece:
            return parsed
        data += piece


def closed(peer: socket.socket, within_s: float = 60) -> bytes:
    """What came before the server closed."""
    peer.settimeout(within_s)
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := peer.recv(65536):
            data += piece
    return data


def chunked(body: bytes, size: int = 5) -> bytes:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def schema(name: str) -> bytes:
    return json.dumps({"name": name, "catalog_name": "main"}).encode()


SCHEMAS = "/api/2.1/unity-catalog/schemas"
OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


# --- framing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["same", "next", "bytes"])
@pytest.mark.parametrize("coding", ["length", "chunked"])
@pytest.mark.parametrize("offer", [OFFER, ("Connection: upgrade", "Upgrade: websocket"), ()])
def test_an_offer_of_another_protocol_is_ignored_and_its_body_is_read(
    site: Site, where: str, coding: str, offer: tuple[str, ...]
) -> None:
    """And whatever follows the body is the next request, once."""
    name = f"s_{time.monotonic_ns()}"
    body = schema(name)
    field = "Transfer-Encoding: chunked" if coding == "chunked" else f"Content-Length: {len(body)}"
    first, body = post(site, SCHEMAS, chunked(body) if coding == "chunked" else body, field, *offer)
    with connect(site) as peer:
        if where == "same":
            peer.sendall(first + body + get(site))
        elif where == "next":
            peer.sendall(first)
            time.sleep(0.1)
            peer.sendall(body + get(site))
        else:
            for byte in first[-40:].join((first[:-40], b"")) + body + get(site):
                peer.sendall(bytes((byte,)))
        (result, said), (health, _) = answers(peer, 2)
    assert (result, health) == (200, 200), said
    assert json.loads(said)["name"] == name


@pytest.mark.parametrize("offer", [OFFER, ()])
def test_a_body_that_looks_like_a_request_is_none(site: Site, offer: tuple[str, ...]) -> None:
    with connect(site) as peer:
        peer.sendall(post(site, SCHEMAS, b"", f"Content-Length: {len(SMUGGLED)}", *offer)[0])
        time.sleep(0.2)
        peer.sendall(SMUGGLED)
        ((status, said),) = answers(peer, 1)
    assert status == 400 and b"not JSON" in said


def test_pipelined_requests_are_answered_in_their_order(site: Site) -> None:
    first, body = post(site, SCHEMAS, schema("piped"), f"Content-Length: {len(schema('piped'))}")
    again = post(site, SCHEMAS, b"", "Transfer-Encoding: chunked")[0] + chunked(schema("piped"), 3)
    with connect(site) as peer:
        peer.sendall(get(site) + first + body + again + get(site, "/nowhere") + get(site))
        assert [status for status, _ in answers(peer, 5)] == [200, 200, 409, 404, 200]


MALFORMED = {
    "two hosts": b"GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\nA: b\r\n\r\n",
    "another host in the address": b"GET http://a/health HTTP/1.1\r\nHost: b\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "two different lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
    "a negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\na",
    "a hexadecimal length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\na",
    "an endless length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\na",
    "another coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "two codings": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a coding in disguise": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "chunks of HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bare line feed": b"GET /health HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "bare line feeds": b"GET /health HTTP/1.1\nHost: a\n\n",
    "a bare carriage return": b"GET /health HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
    "a folded field": b"GET /health HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
    "a field folded at once": b"GET /health HTTP/1.1\r\nHost: a\r\nX:\r\n\tb\r\n\r\n",
    "NUL in a field": b"GET /health HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n",
    "a space before the colon": b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n",
    "no colon": b"GET /health HTTP/1.1\r\nHost a\r\n\r\n",
    "a space in the address": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "an address beyond ASCII": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a tunnel": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a chunk without a size": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk of another size": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "a chunk after a bare line feed": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
    "a long chunk line": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 2000,
    "NUL in a chunk's extension": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\x00\r\na\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "bytes"])
def test_what_two_readers_could_read_in_two_ways_is_refused(site: Site, data: bytes, whole: bool) -> None:
    """Once, in the words of the API, and nothing that follows on the connection is read."""
    with connect(site) as peer:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in (data + SMUGGLED,) if whole else (bytes((byte,)) for byte in data + SMUGGLED):
                peer.sendall(piece)
        answer = closed(peer)
    refusals = re.findall(rb"HTTP/1.1 (\d+)", answer)
    if data.startswith(b"POST"):  # its head may have been answered before its body was seen to be wrong
        assert len(refusals) == 1 and refusals[0] in (b"400", b"404"), answer
    else:
        assert refusals == [b"400"], answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error_code"] == "INVALID_PARAMETER_VALUE"
    assert b"/smuggled" not in answer


def test_a_client_that_waits_to_go_on_is_told_to_or_refused(site: Site) -> None:
    name = f"s_{time.monotonic_ns()}"
    first, body = post(site, SCHEMAS, schema(name), "Expect: 100-continue", f"Content-Length: {len(schema(name))}")
    with connect(site) as peer:
        peer.sendall(first)
        assert peer.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(body)
        assert answers(peer, 1)[0][0] == 200
    with connect(site) as peer:  # refused before anybody wants the body, which may then come or not
        peer.sendall(first.replace(site.admin.encode(), b"wrong"))
        answer = closed(peer)
        assert answer.startswith(b"HTTP/1.1 401") and b"connection: close" in answer


def test_a_refused_body_goes_by_and_the_next_request_is_answered(site: Site) -> None:
    with connect(site) as peer:
        peer.sendall(head(site, f"POST {SCHEMAS} HTTP/1.1", "Content-Length: 300000") + b"x" * 300_000 + get(site))
        assert [status for status, _ in answers(peer, 2)] == [401, 200]


@pytest.mark.parametrize("size", [1, 20, 300, 900])
@pytest.mark.parametrize("authorization", ["", "Bearer mk_wrong"])
def test_a_body_that_was_refused_before_it_was_read_goes_by_to_its_end(
    site: Site, size: int, authorization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much of it waited when the refusal came, and however small the chunks are that follow."""
    body, run = exchange.Exchange.body, exchange.Exchange.run
    crowded = asyncio.Event()

    def watched(self: exchange.Exchange, piece: bytes) -> None:
        body(self, piece)
        if self.crowded:
            crowded.set()

    async def late(self: exchange.Exchange, application: exchange.Application) -> None:
        if self.scope["path"] == SCHEMAS:
            await crowded.wait()
        await run(self, application)

    monkeypatch.setattr(exchange.Exchange, "body", watched)
    monkeypatch.setattr(exchange.Exchange, "run", late)
    fields = ("Transfer-Encoding: chunked", *([f"Authorization: {authorization}"] if authorization else []))
    with connect(site) as peer:
        peer.sendall(head(site, f"POST {SCHEMAS} HTTP/1.1", *fields))
        peer.sendall(chunked(b"x" * (BODY_WINDOW_BYTES + 1), BODY_WINDOW_BYTES + 1)[: -len(b"0\r\n\r\n")])
        assert [status for status, _ in answers(peer, 1)] == [401]
        peer.sendall(chunked(b"x" * (600_000 * size // (size + 7)), size) + get(site))
        assert [status for status, _ in answers(peer, 1)] == [200]


@pytest.mark.parametrize("coding", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_a_server_that_stops_takes_no_request_after_a_refused_body(tmp_path: Path, coding: str) -> None:
    with running_site(tmp_path) as site, connect(site) as peer:
        peer.sendall(head(site, f"POST {SCHEMAS} HTTP/1.1", coding) + b"1")
        peer.settimeout(60)
        assert peer.recv(65536).startswith(b"HTTP/1.1 401")
        site.loop.call_soon_threadsafe(site.server.stop)
        deadline = time.monotonic() + 60
        while not site.server.draining:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        peer.sendall((b"234567890" if coding[0] == "C" else b"\r\nx\r\n0\r\n\r\n") + get(site))
        assert closed(peer) == b""


@pytest.mark.parametrize("fields", [(), ("Content-Length: 0",), ("Upgrade: h2c",)])
@pytest.mark.parametrize("value", ["close", "Close", "keep-alive, close"])
def test_a_client_that_wants_no_more_is_closed(site: Site, value: str, fields: tuple[str, ...]) -> None:
    with connect(site) as peer:
        peer.sendall(get(site, "/health", f"Connection: {value}", *fields) + get(site))
        answer = closed(peer)
    assert answer.count(b"HTTP/1.1 200") == 1 and b"connection: close" in answer


def test_http_1_0_is_answered_and_closed(site: Site) -> None:
    with connect(site) as peer:
        peer.sendall(f"GET /health HTTP/1.0\r\nHost: 127.0.0.1:{site.settings.port}\r\n\r\n".encode())
        assert closed(peer).startswith(b"HTTP/1.1 200")


# --- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [7, 65_536])
@pytest.mark.parametrize(
    ("start", "endless", "status", "said"),
    [
        (b"GET /", b"a" * 100, 400, b"longer than 65535 bytes"),
        (b"GET /?", b"a=b&" * 25, 400, b"longer than 65535 bytes"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"a" * 100, 431, b"65536 bytes"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b"a: b\r\n" * 20, 431, b"65536 bytes"),
        (b"GET / HTTP/1.1\r\n", b"a" * 100, 431, b"65536 bytes"),
    ],
)
def test_an_endless_head_ends_with_a_refusal(
    site: Site, start: bytes, endless: bytes, status: int, said: bytes, piece: int
) -> None:
    """Whatever the pieces are that it comes in."""
    with connect(site) as peer:
        peer.sendall(start)
        data, sent = endless * (piece // len(endless) + 1), 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while sent < MAX_URL_BYTES + MAX_HEADER_BYTES:
                sent += peer.send(data[:piece])
        answer = closed(peer)
    assert answer.startswith(b"HTTP/1.1 %d" % status) and said in answer, answer[:300]


@pytest.mark.parametrize(("count", "status"), [(MAX_HEADERS - 1, 200), (MAX_HEADERS, 431), (5_000, 431)])
def test_header_fields_are_counted(site: Site, count: int, status: int) -> None:
    with connect(site) as peer:
        peer.sendall(get(site, "/health", *(f"x{i}: 1" for i in range(count))))
        assert answers(peer, 1)[0][0] == status


def test_trailers_are_bounded_and_say_nothing(site: Site) -> None:
    name = f"s_{time.monotonic_ns()}"
    first, body = post(site, SCHEMAS, chunked(schema(name))[:-2], "Transfer-Encoding: chunked")
    wrong = post(site, SCHEMAS, b"", "Transfer-Encoding: chunked")[0].replace(site.admin.encode(), b"wrong")
    with connect(site) as peer:
        peer.sendall(wrong + body + f"Authorization: Bearer {site.admin}\r\nHost: other\r\n\r\n".encode())
        assert [status for status, _ in answers(peer, 1)] == [401]
    with connect(site) as peer:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            peer.sendall(first + body)
            for _ in range(100):
                peer.sendall(b"a: b\r\n" * (MAX_TRAILER_BYTES // 6))
        assert closed(peer).startswith(b"HTTP/1.1 400")


def test_a_refused_peer_is_not_listened_to_for_ever(site: Site) -> None:
    with connect(site) as peer, pytest.raises((BrokenPipeError, ConnectionResetError)):
        peer.sendall(b"\x00\r\n\r\n")
        for _ in range(LINGER_BYTES // 65536 * 20):
            peer.sendall(b"x" * 65536)


def test_tiny_chunks_are_a_body_like_any_other(site: Site) -> None:
    """More of them in one segment than one turn of the event loop takes."""
    name = f"s_{time.monotonic_ns()}"
    body = schema(name) + b" " * 5_000
    with connect(site) as peer:
        peer.sendall(post(site, SCHEMAS, b"", "Transfer-Encoding: chunked")[0] + chunked(body, 1) + get(site))
        assert [status for status, _ in answers(peer, 2)] == [200, 200]


# --- back-pressure ---------------------------------------------------------------------------------------------------


def resident() -> int:
    """KiB."""
    match = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert match
    return int(match[1])


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/swagger-ui-bundle.js", "/docs"])
def test_a_peer_that_reads_nothing_gets_one_answer_into_memory(
    site: Site, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many requests it sends ahead: the next one begins when the last answer is on its way."""
    begun = list[str]()
    run = exchange.Exchange.run

    def counted(self: exchange.Exchange, application: exchange.Application) -> object:
        begun.append(self.scope["path"])
        return run(self, application)

    monkeypatch.setattr(exchange.Exchange, "run", counted)
    with connect(site) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        before = resident()
        peer.sendall(get(site, path) * 300)
        time.sleep(1)
        answered = begun.count(path)
        grown = resident() - before
        assert site.call("GET", "/health", token="").status_code == 200
        size = len(site.call("GET", path, token="").content)
        # What fits into the sockets' buffers (6 MiB at the most) is gone, and one answer waits.
        assert answered <= 2 + (8 << 20) // size, answered
        if size > 100_000:
            assert grown < 40 << 10, f"{grown} KiB"
        peer.settimeout(20)
        deadline = time.monotonic() + 60
        while begun.count(path) <= answered < 300:  # the next is answered once these are read
            assert time.monotonic() < deadline
            peer.recv(1 << 20)


def test_requests_that_are_sent_ahead_are_not_read_without_end(site: Site) -> None:
    """The kernel's buffers fill up, and the peer has to wait."""
    with connect(site) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        sent, pause = 0, 0
        data = get(site, "/openapi.json") * 1_000
        while pause < 30 and sent < 64 << 20:
            try:
                sent += peer.send(data)
                pause = 0
            except BlockingIOError:
                time.sleep(0.05)
                pause += 1
        assert sent < 16 << 20, sent


# --- times -----------------------------------------------------------------------------------------------------------


def counted(reason: str) -> float:
    return metrics.refused_early.labels(reason)._value.get()  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("data", [b"GET", b"GET /health HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\nHost: a\r\nX: "])
def test_half_a_head_is_given_up(site: Site, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its bytes keep coming."""
    monkeypatch.setattr(connection, "HEAD_S", 0.5)
    before = counted("slow_head")
    with connect(site) as peer:
        peer.sendall(data)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(30):
                peer.sendall(b"a")
                time.sleep(0.1)
        answer = closed(peer)
    assert answer.startswith(b"HTTP/1.1 408") and counted("slow_head") == before + 1


def test_a_connection_that_says_nothing_is_closed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 2)
    monkeypatch.setattr(connection, "KEEP_ALIVE_S", 2)
    with connect(site) as silent, connect(site) as idle, connect(site) as blank:
        idle.sendall(get(site))
        blank.sendall(b"\r\n\r\n")
        assert answers(idle, 1)[0][0] == 200
        assert closed(silent) == closed(idle) == closed(blank) == b""


@pytest.mark.parametrize("coding", ["Content-Length: 100", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("path", [SCHEMAS, "/api/2.0/mlflow/unity-catalog/registered-models/create"])
def test_half_a_body_is_given_up(site: Site, coding: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BODY_S", 0.5)
    before = counted("slow_body")
    with connect(site) as peer:
        peer.sendall(post(site, path, b"", coding)[0] + b"1")
        answer = closed(peer)
    assert answer.startswith(b"HTTP/1.1 408") and counted("slow_body") == before + 1


def test_a_body_that_nobody_wants_any_more_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is out; the rest of the body never comes."""
    monkeypatch.setattr(connection, "BODY_S", 0.5)
    with connect(site) as peer:
        peer.sendall(head(site, f"POST {SCHEMAS} HTTP/1.1", "Content-Length: 100") + b"x")
        assert closed(peer).startswith(b"HTTP/1.1 401")


def test_an_answer_that_is_not_read_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PEER_WINDOW_S", 0.5)
    before = counted("slow_reader")
    with connect(site) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sendall(get(site, "/docs/swagger-ui-bundle.js") * 20)
        deadline = time.monotonic() + 60
        while counted("slow_reader") == before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert counted("slow_reader") == before + 1


# --- peers that send or take a byte now and then ---------------------------------------------------------------------


@pytest.fixture
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """An average is about half a second, and looked at twenty times a second."""
    monkeypatch.setattr(connection, "PEER_WINDOW_S", 0.5)
    monkeypatch.setattr(sendfile, "STALLED_S", 0.5)
    monkeypatch.setattr(server, "SWEEP_S", 0.05)
    time.sleep(1.1)  # until the last sweep of the old kind


def trickle(peer: socket.socket, pieces: Iterator[bytes], until: Callable[[], bool]) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for piece in pieces:
            if until():
                return
            peer.sendall(piece)
            time.sleep(0.02)


@pytest.mark.usefixtures("short_windows")
@pytest.mark.parametrize(
    ("line", "field", "piece"),
    [
        (f"POST {SCHEMAS}", "Content-Length: 100000", b"1"),
        (f"POST {SCHEMAS}", "Transfer-Encoding: chunked", b"1\r\n1\r\n"),
        ("PUT /api/2.0/fs/files/Volumes/main/default/none/f", "Content-Length: 100000", b"1"),
        ("POST /no/such/route", "Content-Length: 100000", b"1"),
    ],
)
def test_a_body_that_trickles_is_given_up(site: Site, line: str, field: str, piece: bytes) -> None:
    """Also one that nobody wants: its refusal is out already."""
    before = counted("slow_body")
    with connect(site) as peer:
        peer.sendall(head(site, f"{line} HTTP/1.1", f"Authorization: Bearer {site.admin}", field))
        deadline = time.monotonic() + 60
        trickle(peer, itertools.repeat(piece), lambda: counted("slow_body") > before or time.monotonic() > deadline)
        assert counted("slow_body") == before + 1
        assert closed(peer).startswith((b"HTTP/1.1 408", b"HTTP/1.1 40"))


@pytest.mark.usefixtures("short_windows")
def test_a_slow_body_that_keeps_coming_is_read_to_its_end(site: Site) -> None:
    name = f"s_{time.monotonic_ns()}"
    body = json.dumps({"name": name, "catalog_name": "main", "comment": "x" * 20_000}).encode()
    with connect(site) as peer:
        peer.sendall(post(site, SCHEMAS, b"", f"Content-Length: {len(body)}")[0])
        begun = time.monotonic()
        trickle(peer, (body[i : i + 300] for i in range(0, len(body), 300)), lambda: False)  # 15,000 bytes a second
        assert time.monotonic() - begun > 1.1, "two windows"
        assert answers(peer, 1)[0][0] == 200


def large_file(site: Site) -> str:
    """The path of a file of 8 MB."""
    volume = {"catalog_name": "main", "schema_name": "default", "name": "slow", "volume_type": "MANAGED"}
    path = "/api/2.0/fs/files/Volumes/main/default/slow/f"
    with connect(site) as peer:
        body = json.dumps(volume).encode()
        peer.sendall(b"".join(post(site, "/api/2.1/unity-catalog/volumes", body, f"Content-Length: {len(body)}")))
        assert answers(peer, 1)[0][0] in (200, 400, 409)
        data = b"x" * (8 << 20)
        authorization = f"Authorization: Bearer {site.admin}"
        peer.sendall(head(site, f"PUT {path}?overwrite=true HTTP/1.1", authorization, f"Content-Length: {len(data)}"))
        peer.sendall(data)
        assert answers(peer, 1)[0][0] == 204
    return path


@pytest.mark.usefixtures("short_windows")
@pytest.mark.parametrize("what", ["in memory", "a file"])
def test_an_answer_that_is_taken_byte_by_byte_is_given_up(site: Site, what: str) -> None:
    path = large_file(site) if what == "a file" else "/docs/swagger-ui-bundle.js"
    with connect(site) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = get(site, path, f"Authorization: Bearer {site.admin}")
        peer.sendall(request * (1 if what == "a file" else 20))
        assert peer.recv(1) == b"H"
        open_before, deadline = site.server.places.total, time.monotonic() + 60
        while site.server.places.total >= open_before:
            assert time.monotonic() < deadline, "still open"
            with contextlib.suppress(ConnectionResetError):
                peer.recv(1)
            time.sleep(0.02)


@pytest.mark.usefixtures("short_windows")
@pytest.mark.parametrize("what", ["in memory", "a file"])
def test_an_answer_that_is_taken_slowly_is_sent_to_its_end(site: Site, what: str) -> None:
    """64 KiB every 20 ms, for two windows and longer."""
    path, times = (large_file(site), 1) if what == "a file" else ("/docs/swagger-ui-bundle.js", 5)
    with connect(site) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 << 10)
        peer.sendall(get(site, path, f"Authorization: Bearer {site.admin}") * times)
        peer.settimeout(60)
        begun, data = time.monotonic(), peer.recv(1 << 16)
        length = re.search(rb"content-length: (\d+)", data, re.IGNORECASE)
        assert length
        whole = times * (data.index(b"\r\n\r\n") + 4 + int(length[1]))
        taken = len(data)
        while taken < whole and (piece := peer.recv(min(1 << 16, whole - taken))):
            taken += len(piece)
            time.sleep(0.02)
        assert taken == whole
        assert time.monotonic() - begun > 1.1


# --- places ----------------------------------------------------------------------------------------------------------


def served(site: Site) -> bool:
    with connect(site) as peer:
        peer.sendall(get(site))
        return [status for status, _ in answers(peer, 1)] == [200]


def test_one_address_has_so_many_connections(tmp_path: Path) -> None:
    with running_site(tmp_path, connections_per_address=5) as site, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(connect(site)) for _ in range(5)]
        with connect(site) as extra:
            answer = closed(extra)
            assert answer.startswith(b"HTTP/1.1 503") and b"too many connections" in answer
        peers[0].close()
        deadline = time.monotonic() + 60
        while not served(site):
            assert time.monotonic() < deadline
        peers[1].sendall(get(site))
        assert answers(peers[1], 1)[0][0] == 200, "those that have a place keep it"


def test_an_idle_connection_makes_room_and_a_busy_one_does_not(tmp_path: Path) -> None:
    with running_site(tmp_path, max_connections=3) as site, contextlib.ExitStack() as stack:
        busy = [stack.enter_context(connect(site)) for _ in range(2)]
        for peer in busy:
            peer.sendall(b"GET /health HTTP/1.1\r\n")
        idle = stack.enter_context(connect(site))
        idle.sendall(get(site))
        assert answers(idle, 1)[0][0] == 200
        third = stack.enter_context(connect(site))
        third.sendall(b"GET /health HTTP/1.1\r\n")
        assert closed(idle) == b""
        deadline = time.monotonic() + 60
        connections = site.server._connections  # pyright: ignore[reportPrivateUsage]
        while site.server.places.total > 3 or sum(not connection.idle for connection in list(connections)) < 3:
            assert time.monotonic() < deadline, "what was sent has not arrived"
            time.sleep(0.01)
        with connect(site) as extra:
            assert closed(extra).startswith(b"HTTP/1.1 503")
        for peer in (*busy, third):
            peer.sendall(f"Host: 127.0.0.1:{site.settings.port}\r\n\r\n".encode())
            assert answers(peer, 1)[0][0] == 200


def test_the_descriptors_that_the_system_allows_are_all_wanted(site: Site) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard or hard == resource.RLIM_INFINITY
    assert site.server.places.most <= max(soft - soft // 4, 1)
