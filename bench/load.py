"""Requests by the thousand: throughput over many connections, latency over one. The same for every server."""

import asyncio
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping

from bench.program import Server

CONNECTIONS = 8


def generator() -> str:
    """What makes the load; named in the report."""
    return "wrk" if shutil.which("wrk") else "the built-in Python generator (wrk is not installed)"


def throughput(server: Server, path: str, seconds: int, connections: int = CONNECTIONS) -> float:
    """Requests per second over kept-alive connections, all answered with 200."""
    headers = [f"{name}: {value}" for name, value in server.headers.items() if name == "Authorization"]
    if shutil.which("wrk"):
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            *(x for h in headers for x in ("-H", h)),
            server.url + path,
        ]
    else:
        command = [sys.executable, "-m", "bench.load", str(server.port), path, str(seconds), str(connections), *headers]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    failed = re.search(r"(Non-2xx.*|Socket errors: .*)", done.stdout)
    assert not failed, f"{path}: {failed[0] if failed else ''}"
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert rate and float(rate[1]), f"{path} was not answered once in {seconds} s: the machine is too busy to measure"
    return float(rate[1])


def request(path: str, headers: Mapping[str, str], *, keep: bool = True) -> bytes:
    """The bytes of one GET, but for the Host: `_to` adds whom it is sent to."""
    lines = [f"GET {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, *([] if keep else ["Connection: close"]), "", ""]).encode()


def _to(port: int, raw: bytes) -> bytes:
    """With the Host that any client sends there: of another one the server must first ask whose it is."""
    return raw.replace(b"\r\n", f"\r\nHost: 127.0.0.1:{port}\r\n".encode(), 1)


class Line:
    """One kept-alive connection on which requests are timed, one after the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def time(self, raw: bytes) -> float:
        """Seconds from sending the request to the last byte of its answer, which must be 200."""
        whole = _to(self._port, raw)
        begun = time.perf_counter()
        self._socket.sendall(whole)
        answer = _read(self._socket)
        took = time.perf_counter() - begun
        assert answer.startswith(b"HTTP/1.1 200"), answer[:500]
        return took

    def close(self) -> None:
        self._socket.close()


def _read(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _received(connection)
    head, _, rest = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    assert length, head
    parts, missing = [data], int(length[1]) - len(rest)
    while missing > 0:
        parts.append(_received(connection))
        missing -= len(parts[-1])
    return b"".join(parts)


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 20)
    assert data, "the server closed the connection"
    return data


def time_fresh(port: int, raw: bytes) -> float:
    """Seconds for one request on a connection of its own, opening it included."""
    begun = time.perf_counter()
    line = Line(port)
    try:
        line.time(raw)
        return time.perf_counter() - begun
    finally:
        line.close()


def paired_medians(first: tuple[int, Iterable[bytes]], two: tuple[int, Iterable[bytes]]) -> tuple[float, float]:
    """Median seconds of (port, requests) and of another, asked in turns so that both meet the same machine."""
    lines, times = (Line(first[0]), Line(two[0])), ([], list[float]())
    for pair in zip(first[1], two[1], strict=True):
        for line, taken, raw in zip(lines, times, pair, strict=True):
            taken.append(line.time(raw))
    for line in lines:
        line.close()
    return statistics.median(times[0]), statistics.median(times[1])


# --- the generator for machines without wrk --------------------------------------------------------------------------


class _Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, raw: bytes, until: float) -> None:
        self._raw, self._until = raw, until
        self.done, self.failed = 0, 0
        self._data = b""
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._raw)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not end or length is None or len(body) < int(length[1]):
            return
        self.done += 1
        self.failed += not head.startswith(b"HTTP/1.1 200")
        self._data = b""
        if time.perf_counter() < self._until:
            self._transport.write(self._raw)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.failed += exc is not None
        self.closed.set_result(None)


async def _main(port: int, path: str, seconds: float, connections: int, headers: Mapping[str, str]) -> None:
    loop, begun = asyncio.get_running_loop(), time.perf_counter()
    raw, until = _to(port, request(path, headers)), begun + seconds
    clients = [
        (await loop.create_connection(lambda: _Client(raw, until), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    await asyncio.gather(*(client.closed for client in clients))
    took = time.perf_counter() - begun
    if failed := sum(client.failed for client in clients):
        print(f"Non-2xx or 3xx responses: {failed}")
    print(f"Requests/sec: {sum(client.done for client in clients) / took:.2f}")


if __name__ == "__main__":
    port, path, seconds, connections, *lines = sys.argv[1:]
    asyncio.run(_main(int(port), path, float(seconds), int(connections), dict(line.split(": ", 1) for line in lines)))
