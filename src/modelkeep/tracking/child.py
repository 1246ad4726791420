"""MLflow's tracking server as a child process: started, watched, restarted with growing pauses, stopped with us.

We own the listening socket and hand it to the child, so calls made while the child starts (or restarts) wait in the
socket's queue instead of failing.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import msgspec

from modelkeep.domain.errors import Unavailable
from modelkeep.limits import TRACKING_CALL_S, TRACKING_PROBE_S, TRACKING_SEARCH_S, TRACKING_START_S

ARTIFACT_ROOT = "dbfs:/databricks/mlflow-tracking"
SCHEMA = "mlflow"  # of PostgreSQL, beside our own; other workspaces' have their id behind it
# Calls that may read or write many rows, by the ends of their paths.
_LONG = (
    "/search",
    "/search-datasets",
    "/metrics",
    "/calculate-filter-correlation",
    "/batchGetInfos",
    "/graphql",
    "/get-history",
    "/get-history-bulk",
    "/get-history-bulk-interval",
    "/log-batch",
    "/log-inputs",
    "/delete",
    "/delete-traces",
    "/restore",
    "/v1/traces",
)
_PAUSES_S = (0.5, 1, 2, 5, 10, 30)
_HEALTHY_S = 60.0  # alive this long, the pauses begin anew
_MAX_SOCKET_PATH = 100  # bytes; the kernel's limit is 108, 104 on macOS
_MAX_LOG = 16 * 1024 * 1024
# What the child may see of our environment: never our tokens or a cloud's, a home, a proxy, nor settings that would make
# MLflow a client of us. `PG...` only where it has a PostgreSQL to connect to.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
# What libpq looks for in the home directory, which the child does not see.
_LIBPQ_FILES = {
    "PGPASSFILE": ".pgpass",
    "PGSERVICEFILE": ".pg_service.conf",
    "PGSSLROOTCERT": ".postgresql/root.crt",
    "PGSSLCERT": ".postgresql/postgresql.crt",
    "PGSSLKEY": ".postgresql/postgresql.key",
    "PGSSLCRL": ".postgresql/root.crl",
}
_OUR_ROOT = Path(__file__).resolve().parents[2]

log = logging.getLogger("modelkeep.tracking")


class ChildAnswer(msgspec.Struct, frozen=True):
    """What the tracking server said."""

    status: int
    headers: dict[str, str]
    body: bytes


class TrackingServer:
    """The supervised child. `database_url` is '' (a file of its own) or postgresql://... (a schema of its own).

    `workspace_id`: '' for the default workspace."""

    def __init__(self, data_dir: Path, database_url: str = "", workspace_id: str = "") -> None:
        self._folder = data_dir / (f"tracking-{workspace_id}" if workspace_id else "tracking")
        self._database_url = database_url
        self._schema = f"{SCHEMA}_{workspace_id}" if workspace_id else SCHEMA
        self._listener: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._client: httpx.AsyncClient | None = None
        self._probe: httpx.AsyncClient | None = None
        self._answered = False
        self._deadlines: set[asyncio.Timeout] = set()
        self._used_at = 0.0
        self._last_state: tuple[float, str] = (-1e9, "")
        self._private: tempfile.TemporaryDirectory[str] | None = None

    @property
    def log_file(self) -> Path:
        """Where the child's own words go."""
        return self._folder / "tracking.log"

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Open the socket and begin to start the child; returns at once."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._socket_path()
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        mask = os.umask(0o177)
        try:
            self._listener.bind(str(path))
        finally:
            os.umask(mask)
        self._listener.listen(1024)
        self._client = connect(path)
        # Of its own, so that many slow calls do not look like a server that is gone.
        probing = httpx.AsyncHTTPTransport(uds=str(path), limits=httpx.Limits(max_keepalive_connections=0))
        self._probe = httpx.AsyncClient(
            transport=probing, base_url="http://localhost", timeout=httpx.Timeout(TRACKING_PROBE_S)
        )
        self._watcher = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """End the child and forget the socket."""
        if self._watcher:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
        for client in (self._client, self._probe):
            if client:
                await client.aclose()
        if self._listener:
            Path(self._listener.getsockname()).unlink(missing_ok=True)
            self._listener.close()
        if self._private:
            self._private.cleanup()
        self._watcher = self._client = self._probe = self._listener = self._private = None

    async def request(
        self, method: str, path: str, query_string: str = "", headers: dict[str, str] | None = None, body: bytes = b""
    ) -> ChildAnswer:
        """One call; `path` is not yet percent-encoded. Waits a minute for a child that starts. Raises Unavailable.

        At its deadline, or when it is cancelled, its connection closes; one that was not sent yet never is."""
        if self._client is None:
            raise Unavailable("The tracking server is stopped.")
        url = quote(path, safe="/-._~") + (f"?{query_string}" if query_string else "")
        seconds = (
            (TRACKING_SEARCH_S if path.endswith(_LONG) else TRACKING_CALL_S) if self._answered else TRACKING_START_S
        )
        deadline = asyncio.timeout(seconds)
        self._deadlines.add(deadline)
        try:
            async with deadline:
                answer = await self._client.request(method, url, headers=headers, content=body)
        except (TimeoutError, httpx.TimeoutException, httpx.TransportError) as error:
            raise Unavailable(
                "The tracking server does not answer. Try again in a moment; operators: see tracking/tracking.log "
                "in the data directory."
            ) from error
        finally:
            self._deadlines.discard(deadline)
            self.touch()
        self._answered = True
        return ChildAnswer(answer.status_code, dict(answer.headers), answer.content)

    def touch(self) -> None:
        """Somebody is about to call."""
        self._used_at = asyncio.get_running_loop().time()

    @property
    def idle_s(self) -> float:
        """Seconds since the last call ended; 0 while one is at work."""
        return 0.0 if self._deadlines else asyncio.get_running_loop().time() - self._used_at

    async def ready(self) -> None:
        """Raise Unavailable until the child serves."""
        await self.request("GET", "/health")

    async def state(self) -> str:
        """Why the child does not answer now; '' where it does. Takes at most TRACKING_PROBE_S, asks it once in that time."""
        now = asyncio.get_running_loop().time()
        if now - self._last_state[0] < TRACKING_PROBE_S:
            return self._last_state[1]
        self._last_state = now, await self._probe_state()
        return self._last_state[1]

    async def _probe_state(self) -> str:
        if self._probe is None:
            return "The tracking server is stopped."
        if self.pid is None:
            return "The tracking server is starting."
        try:
            answer = await self._probe.get("/health")
        except (httpx.TimeoutException, httpx.TransportError):
            return "The tracking server does not answer."
        return (
            ""
            if answer.status_code == 200
            else f"The tracking server answers {answer.status_code} to its health check."
        )

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                await self._run_once()
            except OSError as error:
                log.error("the tracking server cannot be started", exc_info=error)
            if loop.time() - began > _HEALTHY_S:
                failures = 0
            pause = _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
            failures += 1
            log.warning("the tracking server ended; starting it again in %s s (see %s)", pause, self.log_file)
            await asyncio.sleep(pause)

    async def _run_once(self) -> None:
        assert self._listener is not None
        self._trim_log()
        with self.log_file.open("ab") as out:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "modelkeep.tracking.mlflow_process",
                str(self._listener.fileno()),
                stdin=asyncio.subprocess.PIPE,
                stdout=out,
                stderr=out,
                cwd=self._folder,
                env=self._environment(),
                pass_fds=[self._listener.fileno()],
                start_new_session=True,
            )
        try:
            await process.wait()
        finally:
            self._answered = False
            until = asyncio.get_running_loop().time() + TRACKING_START_S
            for deadline in self._deadlines:  # calls that it had not taken yet wait for the next one
                if not deadline.expired():
                    deadline.reschedule(until)
            if process.returncode is None:
                process.terminate()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 5)
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _environment(self) -> dict[str, str]:
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        if self._database_url:
            passed |= {name: value for name, value in os.environ.items() if name.startswith("PG")}
            files = ((name, Path.home() / file) for name, file in _LIBPQ_FILES.items())
            passed = {name: str(file) for name, file in files if file.is_file()} | passed
        temporary = self._folder.resolve() / "tmp"
        temporary.mkdir(exist_ok=True, mode=0o700)
        return passed | {
            "HOME": str(temporary),
            "TMPDIR": str(temporary),
            "_MLFLOW_SERVER_FILE_STORE": store_uri(self._folder, self._database_url, self._schema),
            "_MLFLOW_SERVER_ARTIFACT_ROOT": ARTIFACT_ROOT,
            "_MLFLOW_IN_JOB_EXECUTOR": "false",
            "_MLFLOW_SGI_NAME": "uvicorn",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_ENABLE_AI_GATEWAY": "false",
            "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
            "MLFLOW_ENABLE_WORKSPACES": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "PYTHONPATH": os.pathsep.join([str(_OUR_ROOT), *filter(os.path.isabs, sys.path)]),
            "PYTHONUNBUFFERED": "1",
        }

    def _socket_path(self) -> Path:
        path = self._folder.resolve() / "tracking.sock"
        if len(os.fsencode(path)) < _MAX_SOCKET_PATH:
            return path
        self._private = tempfile.TemporaryDirectory(prefix="modelkeep-")
        return Path(self._private.name) / "tracking.sock"

    def _trim_log(self) -> None:
        if self.log_file.exists() and self.log_file.stat().st_size > _MAX_LOG:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))


def connect(path: Path) -> httpx.AsyncClient:
    """A client of the server on this socket."""
    # A connection a call: on a Unix socket that is cheap, and none is ever left over from a child that died.
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=0)
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(path), limits=limits),
        base_url="http://localhost",  # a name that MLflow's host check accepts
        timeout=httpx.Timeout(TRACKING_START_S, connect=TRACKING_START_S, pool=TRACKING_START_S),
    )


def store_uri(folder: Path, database_url: str, schema: str = SCHEMA) -> str:
    """The address of the tracking database in SQLAlchemy's words."""
    if not database_url:
        return f"sqlite:///{folder.resolve() / 'tracking.db'}"
    parts = urlsplit(database_url)
    query = f"{parts.query}&" if parts.query else ""
    search_path = f"options={quote(f'-csearch_path={schema}')}"
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, query + search_path, parts.fragment))
