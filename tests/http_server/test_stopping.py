"""A server process from its first line to its last: the port, signals, the drain, descriptors that run out."""

import contextlib
import json
import re
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from live import MODELKEEP, Server, running_server, server_environment

from modelkeep.http.connection_slots import room

FILES = "/api/2.0/fs/files/Volumes/main/default/v"
DATA = b"0123456789" * 500_000


@contextlib.contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Server]:
    with running_server(folder, MODELKEEP_WORKSPACE="0", **settings) as server:
        yield server


def connect(server: Server) -> socket.socket:
    host, port = server.host.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), 10)


def head(server: Server, line: str, *fields: str) -> bytes:
    lines = (
        line,
        f"Host: {server.host.removeprefix('http://')}",
        f"Authorization: Bearer {server.admin_token}",
        *fields,
    )
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def half_an_upload(server: Server) -> socket.socket:
    volume = {"name": "v", "catalog_name": "main", "schema_name": "default", "volume_type": "MANAGED"}
    bearer = {"Authorization": f"Bearer {server.admin_token}"}
    answer = httpx.post(f"{server.host}/api/2.1/unity-catalog/volumes", json=volume, headers=bearer)
    assert answer.status_code in (200, 409), answer.text
    peer = connect(server)
    peer.sendall(head(server, f"PUT {FILES}/f HTTP/1.1", f"Content-Length: {len(DATA)}") + DATA[: len(DATA) // 2])
    return peer


def until_refused(server: Server) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connect(server).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    raise AssertionError("the port stays open")


def log_of(server: Server) -> list[dict[str, object]]:
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def test_a_stop_waits_for_an_upload_and_closes_what_is_idle(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        upload, idle = half_an_upload(server), connect(server)
        idle.sendall(head(server, "GET /health HTTP/1.1"))
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        server.process.send_signal(signal.SIGTERM)
        assert idle.recv(65536) == b"", "an idle connection ends at once"
        until_refused(server)
        assert server.process.poll() is None
        upload.sendall(DATA[len(DATA) // 2 :])
        answer = upload.recv(65536)
        assert re.match(rb"HTTP/1.1 20[04] ", answer) and b"connection: close" in answer
        assert server.process.wait(15) == 0
        events = [line["event"] for line in log_of(server)]
    assert "Modelkeep is stopping" in events and "requests are cut short by the stop" not in events
    with serving(tmp_path) as server:
        bearer = {"Authorization": f"Bearer {server.admin_token}"}
        assert httpx.get(f"{server.host}{FILES}/f", headers=bearer).content == DATA


@pytest.mark.parametrize("way", ["the drain is over", "a second signal"])
def test_an_upload_that_does_not_end_is_cut(tmp_path: Path, way: str) -> None:
    drain = "1" if way == "the drain is over" else "600"
    with serving(tmp_path, MODELKEEP_DRAIN_SECONDS=drain) as server:
        upload = half_an_upload(server)
        server.process.send_signal(signal.SIGTERM)
        until_refused(server)
        if way == "a second signal":
            server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0
        upload.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert upload.recv(100) == b""
    with serving(tmp_path) as server:
        bearer = {"Authorization": f"Bearer {server.admin_token}"}
        assert httpx.get(f"{server.host}{FILES}/f", headers=bearer).status_code == 404


def test_a_lame_duck_answers_and_says_that_it_is_going(tmp_path: Path) -> None:
    with serving(tmp_path, MODELKEEP_LAME_DUCK_SECONDS="600") as server:
        bearer = {"Authorization": f"Bearer {server.admin_token}"}
        server.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 60
        while httpx.get(f"{server.host}/health").status_code != 503:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert httpx.get(f"{server.host}/api/2.1/unity-catalog/catalogs", headers=bearer).status_code == 200
        assert httpx.get(f"{server.host}/health/live").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0


def test_a_port_in_use_is_one_line_and_an_exit_code_of_its_own(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = server_environment(tmp_path / "data", taken.getsockname()[1], MODELKEEP_WORKSPACE="0")
        done = subprocess.run([MODELKEEP, "serve"], env=environment, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 4
    last = lines[-1]
    assert "Another program listens on" in last["reason"]
    assert [line["event"] for line in lines if line["event"] != "database migrated"] == [last["event"]]


def test_descriptors_that_run_out_cost_new_connections_only(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))  # which the server inherits, and raises again
    try:
        with serving(tmp_path / "raised") as server:
            limits = Path(f"/proc/{server.process.pid}/limits").read_text()
            allowed = re.search(r"Max open files\s+(\d+)\s+(\d+)", limits)
            assert allowed and allowed[1] == allowed[2], limits
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with serving(tmp_path / "few", MODELKEEP_CONNECTIONS_PER_ADDRESS="0") as server, contextlib.ExitStack() as stack:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (len(open_files(server)) + 40, 256))
        known = stack.enter_context(connect(server))
        known.sendall(head(server, "GET /health HTTP/1.1"))
        assert known.recv(65536).startswith(b"HTTP/1.1 200")
        for _ in range(60):
            stack.enter_context(connect(server))
        known.sendall(head(server, "GET /health/live HTTP/1.1"))
        assert known.recv(65536).startswith(b"HTTP/1.1 200")
        deadline = time.monotonic() + 60
        while not any("no descriptor is free" in str(line["event"]) for line in log_of(server)):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        known.sendall(head(server, "GET /metrics HTTP/1.1"))
        known.settimeout(5)
        text = known.recv(1 << 20)
        while b"modelkeep_connections_refused" not in text:
            text += known.recv(1 << 20)
        stack.close()
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{server.host}/health").status_code == 200:
                    break
            assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("descriptors", "expected", "places"),
    [(256, 4096, 192), (1024, 4096, 768), (1_000_000, 4096, 4096), (100, 4096, 36), (1024, 10, 10), (10, 4096, 1)],
)
def test_connections_leave_descriptors_to_the_database(descriptors: int, expected: int, places: int) -> None:
    assert room(descriptors, expected) == places


def open_files(server: Server) -> list[Path]:
    return list(Path(f"/proc/{server.process.pid}/fd").iterdir())
