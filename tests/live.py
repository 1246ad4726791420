"""A real server in a process of its own, and real clients in processes of theirs: what a user has, and nothing else."""

import contextlib
import ctypes
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

MODELKEEP = Path(sys.executable).with_name("modelkeep")
FOUR = ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
START_S = 60
STOP_S = 20
CLIENT_S = 240


@dataclass(frozen=True)
class Server:
    """A running `modelkeep serve`."""

    host: str
    """Address with scheme and port, as in DATABRICKS_HOST."""
    admin_token: str
    data_dir: Path
    home: Path
    """The home directory of the clients: shared, so that what they cache there is made once."""
    log: Path
    process: subprocess.Popen[bytes]

    def env(self, token: str | None = None) -> dict[str, str]:
        """The whole environment of a client: the four variables of `modelkeep env`, PATH and HOME.

        And telemetry off: MLflow 3's thread for it changes os.environ while others read it, and now and then a client
        dies of that (KeyError: '_MLFLOW_TELEMETRY_SESSION_ID'), whatever server it talks to."""
        return {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DATABRICKS_HOST": self.host,
            "DATABRICKS_TOKEN": token or self.admin_token,
            "MLFLOW_TRACKING_URI": "databricks",
            "MLFLOW_REGISTRY_URI": "databricks-uc",
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
        }

    def sdk(self, token: str | None = None) -> "WorkspaceClient":
        """Databricks' own SDK, signed in with this token (the admin's by default)."""
        from databricks.sdk import WorkspaceClient

        return WorkspaceClient(host=self.host, token=token or self.admin_token, auth_type="pat")

    def cli(self, *args: str, token: str | None = None) -> str:
        """What `modelkeep ARGS` prints, run as this token's holder. Raises AssertionError if it fails."""
        done = subprocess.run([MODELKEEP, *args], env=self.env(token), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"modelkeep {shlex.join(args)} said: {done.stderr or done.stdout}"
        return done.stdout

    def user(self, name: str) -> dict[str, str]:
        """A new user with a token of their own: the environment of that user's clients."""
        self.cli("users", "create", name)
        return self.env(self.cli("tokens", "create", "--principal", name).split()[-1])

    def databricks_uc(self, method: str, path: str, fields: dict[str, Any], token: str | None = None) -> httpx.Response:
        """One call of `databricks-uc`, fields in the query of a GET and in the body of everything else."""
        url = f"{self.host}/api/2.0/mlflow/unity-catalog/{path}"
        headers = {"Authorization": f"Bearer {token or self.admin_token}"}
        where = {"params": fields} if method == "GET" else {"json": fields}
        return httpx.request(method, url, headers=headers, timeout=60, **where)  # pyright: ignore[reportArgumentType]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def server_environment(data_dir: Path, port: int, **settings: str) -> dict[str, str]:
    """Ours without any setting of a server or a client that the tests' own shell may carry."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MODELKEEP_", "DATABRICKS_", "MLFLOW_"))}
    return inherited | {"MODELKEEP_DATA_DIR": str(data_dir), "MODELKEEP_PORT": str(port)} | settings


@contextlib.contextmanager
def running_server(folder: Path, *flags: str, **settings: str) -> Iterator[Server]:
    """A server over `folder`/data, ready to answer; stopped at the end. `settings` are MODELKEEP_... variables."""
    data_dir, home, log, port = folder / "data", folder / "home", folder / "server.log", free_port()
    home.mkdir(parents=True, exist_ok=True)
    environment = server_environment(data_dir, port, **settings)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [MODELKEEP, "serve", *flags],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=stop_with_the_tests,
        )
    try:
        host = f"http://127.0.0.1:{port}"
        wait_until_healthy(host, process, log)
        yield Server(host, admin_exports(environment)["DATABRICKS_TOKEN"], data_dir, home, log, process)
    finally:
        stop(process)


def stop_with_the_tests() -> None:
    """Runs in the server's process: where the kernel can do it, a killed test run leaves no server behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def wait_until_healthy(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"modelkeep serve ended with {process.returncode}:\n{tail(log)}"
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{host}/health", timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"modelkeep serve did not answer /health within {START_S} s:\n{tail(log)}")


def admin_exports(environment: dict[str, str]) -> dict[str, str]:
    """What `modelkeep env` tells a shell to export, as the shell would read it."""
    done = subprocess.run([MODELKEEP, "env"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"modelkeep env said: {done.stderr or done.stdout}"
    words = [shlex.split(line) for line in done.stdout.splitlines()]
    assert all(len(line) == 2 and line[0] == "export" for line in words), done.stdout
    exports = dict(line[1].split("=", 1) for line in words)
    assert tuple(exports) == FOUR, done.stdout
    return exports


def stop(process: subprocess.Popen[bytes]) -> None:
    """The server and all that it started: asked first, then made to."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_S)


def tail(log: Path, characters: int = 6000) -> str:
    return log.read_text(errors="replace")[-characters:] if log.exists() else "(no log)"


def new_catalog(server: Server, *schemas: str, name: str = "") -> str:
    """A catalog of this test's own, with these schemas (`ml_team` if none is named)."""
    name = name or f"c_{uuid.uuid4().hex[:8]}"
    sdk = server.sdk()
    sdk.catalogs.create(name)
    for schema in schemas or ("ml_team",):
        sdk.schemas.create(schema, name)
    return name


def allow(server: Server, principal: str, kind: str, full_name: str, *privileges: str) -> None:
    """Grants privileges ("USE_CATALOG", ...) on a securable ("catalog", "schema", "function", ...), as the admin."""
    from databricks.sdk.service.catalog import PermissionsChange, Privilege

    change = PermissionsChange(principal=principal, add=[Privilege(privilege) for privilege in privileges])
    server.sdk().grants.update(kind, full_name, changes=[change])


def run_script(
    server: Server,
    script: Path,
    *args: str,
    token: str | None = None,
    python: str | Path | None = None,
    settings: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """`python script args` as a user runs it: a fresh process in a fresh folder that knows the four variables alone (and
    `settings` of the client's own, where a test is about one)."""
    command = [str(python or sys.executable), str(script), *args]
    with tempfile.TemporaryDirectory() as cwd:
        process = subprocess.Popen(
            command,
            env=server.env(token) | (settings or {}),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        try:
            said, failed = process.communicate(timeout=CLIENT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            said, failed = process.communicate()
            failed += f"\nNot done after {CLIENT_S} s."
    return subprocess.CompletedProcess(command, process.returncode, said, failed)


def run_client(
    server: Server, code: str, *args: str, token: str | None = None, python: str | Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Like `run_script`, for a script that is given as text."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "client.py"
        script.write_text(code)
        return run_script(server, script, *args, token=token, python=python)


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    """What the client printed. Raises AssertionError with its last words if it failed."""
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
    return done.stdout
