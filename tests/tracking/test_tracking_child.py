"""The child process: it waits, comes back, ends with us, and sees nothing of our environment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelkeep.domain.errors import Unavailable
from modelkeep.tracking import child as module
from modelkeep.tracking.child import TrackingServer, store_uri

pytestmark = pytest.mark.anyio


@pytest.fixture
async def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TrackingServer]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-secret")
    deep = tmp_path / ("d" * 100)
    server = TrackingServer(deep)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def test_calls_wait_while_it_starts_and_while_it_comes_back(child: TrackingServer) -> None:
    body = b'{"name":"kept"}'
    headers = {"content-type": "application/json"}
    answer = await child.request("POST", "/api/2.0/mlflow/experiments/create", headers=headers, body=body)
    assert answer.status == 200, answer.body
    first = child.pid
    assert first is not None
    seen = Path(f"/proc/{first}/environ").read_bytes()
    assert b"dapi-secret" not in seen and b"MLFLOW_TRACKING_URI" not in seen
    folder = child.log_file.parent
    assert folder.stat().st_mode & 0o777 == 0o700 and not (folder / "tracking.sock").exists()  # its path was too long
    os.kill(first, signal.SIGKILL)
    again = await child.request("GET", "/api/2.0/mlflow/experiments/get-by-name", "experiment_name=kept")
    assert again.status == 200 and child.pid not in (None, first)
    await child.stop()
    assert child.pid is None and "stopped" in await child.state()
    with pytest.raises(Unavailable):
        await child.request("GET", "/health")


async def test_its_state_says_whether_it_answers(child: TrackingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    await child.ready()
    monkeypatch.setattr(module, "TRACKING_PROBE_S", 0.0)  # no answer is reused
    assert await child.state() == ""
    pid = child.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        assert await child.state() == "The tracking server does not answer."
    finally:
        os.kill(pid, signal.SIGCONT)
    await child.ready()
    assert await child.state() == ""
    monkeypatch.setattr(module, "TRACKING_PROBE_S", 60.0)
    os.kill(pid, signal.SIGKILL)
    assert await child.state() == ""  # within the minute, nobody asks again


async def test_it_is_unavailable_when_it_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRACKING_START_S", 3.0)
    (tmp_path / "tracking").mkdir()
    (tmp_path / "tracking" / "tracking.db").write_bytes(b"this is no database" * 100)
    server = TrackingServer(tmp_path)
    await server.start()
    try:
        with pytest.raises(Unavailable, match=r"tracking\.log"):
            await server.request("GET", "/health")
    finally:
        await server.stop()


OWNER = """
import asyncio, sys
from pathlib import Path
from modelkeep.tracking.child import TrackingServer

async def main():
    server = TrackingServer(Path(sys.argv[1]))
    await server.start()
    while server.pid is None:
        await asyncio.sleep(0.05)
    print(server.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_it_ends_when_we_are_killed(tmp_path: Path) -> None:
    root = Path(module.__file__).parents[2]
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(root)}
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    time.sleep(1)  # Python is up in it
    assert alive(pid)
    owner.kill()
    owner.wait()
    until = time.monotonic() + 20
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(pid)


def test_where_the_tracking_database_is(tmp_path: Path) -> None:
    assert store_uri(tmp_path, "") == f"sqlite:///{tmp_path}/tracking.db"
    result = store_uri(tmp_path, "postgresql://u:p%40@h:5/db?sslmode=require")
    assert result == "postgresql+psycopg://u:p%40@h:5/db?sslmode=require&options=-csearch_path%3Dmlflow"


def test_what_libpq_finds_at_home_goes_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / ".postgresql").mkdir(parents=True)
    for name in (".pgpass", ".postgresql/root.crt"):
        (home / name).touch()
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGPASSFILE", "/elsewhere")
    for url, expected in (
        ("", {}),
        (
            "postgresql://h/db",
            {
                "PGSSLMODE": "verify-full",
                "PGPASSFILE": "/elsewhere",
                "PGSSLROOTCERT": str(home / ".postgresql/root.crt"),
            },
        ),
    ):
        server = TrackingServer(tmp_path, url)
        (tmp_path / "tracking").mkdir(exist_ok=True)
        environment = server._environment()  # pyright: ignore[reportPrivateUsage]
        assert {name: value for name, value in environment.items() if name.startswith("PG")} == expected
        assert environment["HOME"] == str(tmp_path / "tracking" / "tmp")
