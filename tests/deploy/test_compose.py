"""The compose file, run without containers: its commands, environment and secrets, over a real PostgreSQL and SeaweedFS."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from backends import LOOPBACK, Postgres, free_ports, running
from composed import COMPOSE, relocated, services
from live import START_S, Server, new_catalog, run_script, running_server

pytest_plugins = ("backends",)
FLOW = Path(__file__).parents[1] / "clients" / "flow"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose")
    shutil.copy(COMPOSE / "secrets.sh", folder)
    subprocess.run(["sh", "secrets.sh"], cwd=folder, check=True)
    return folder / "secrets"


@pytest.fixture(scope="module")
def s3_port(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The store, by the entrypoint and the command of its service; only its ports are others, so that tests can run beside."""
    service, home = services()["s3"], tmp_path_factory.mktemp("objects")
    names = ("master", "volume", "filer", "s3")
    ports = dict(zip([*names, *(f"{name}.grpc" for name in names)], free_ports(8), strict=True))
    places = {
        "/run/secrets/": f"{secrets}/",
        "-dir=/data": f"-dir={home}",
        "-volume.port=8334": f"-volume.port={ports['volume']}",
        "-s3.port=8333": f"-s3.port={ports['s3']}",
        "-s3.ip.bind=0.0.0.0": f"-s3.ip.bind={LOOPBACK}",
    }
    arguments = [relocated(argument, places) for argument in service["command"]]
    arguments += [f"-{name}.port={ports[name]}" for name in ("master", "filer")]
    arguments += [f"-{name}.port.grpc={ports[f'{name}.grpc']}" for name in names]
    arguments += [f"-filer.localSocket={home}/filer.sock", f"-s3.localSocket={home}/s3.sock"]
    check = relocated(service["healthcheck"]["test"][-1], {":8333/": f":{ports['s3']}/"})

    def healthy() -> bool:
        try:
            return httpx.get(check).status_code == 200
        except httpx.TransportError:
            return False

    (program,) = service["entrypoint"]
    with running([str(Path(sys.executable).with_name(program)), *arguments], home, healthy, signal.SIGKILL):
        yield ports["s3"]
    for name in names:
        Path(f"/tmp/seaweedfs-{name}-grpc-{ports[f'{name}.grpc']}.sock").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def database(secrets: Path, postgres: Postgres) -> str:
    """The address of the database that the image of PostgreSQL makes of its variables, at this machine's server."""
    variables = services()["postgres"]["environment"]
    user, name = variables["POSTGRES_USER"], variables["POSTGRES_DB"]
    password = Path(relocated(variables["POSTGRES_PASSWORD_FILE"], {"/run/secrets/": f"{secrets}/"})).read_text()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{password}'".encode())
        connection.execute(f"CREATE DATABASE {name} OWNER {user}".encode())
    return f"{LOOPBACK}:{postgres.port}"


@pytest.fixture(scope="module")
def bucket(secrets: Path, s3_port: int) -> None:
    """The bucket, made by its service; a second run finds it and ends as well."""
    service, places = services()["bucket"], {"/run/secrets/": f"{secrets}/", ":8333": f":{s3_port}"}
    _, flag = service["entrypoint"]
    variables = {name: relocated(value, places) for name, value in service["environment"].items()}
    code = relocated(*service["command"], places)
    for _ in range(2):
        subprocess.run([sys.executable, flag, code], env={"PATH": os.environ["PATH"]} | variables, check=True)


@pytest.fixture(scope="module")
def server(
    secrets: Path, s3_port: int, bucket: None, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """`modelkeep serve` with the variables of its service and nothing else."""
    url = secrets / "database_url"
    url.chmod(0o644)
    url.write_text(url.read_text().replace("postgres:5432", database))
    places = {"/run/secrets/": f"{secrets}/", ":8333": f":{s3_port}"}
    variables = {name: relocated(value, places) for name, value in services()["modelkeep"]["environment"].items()}
    del variables["MODELKEEP_PUBLIC_URL"]  # the default is the address of this server on any port
    with running_server(tmp_path_factory.mktemp("modelkeep"), **variables) as running:
        yield running


@pytest.mark.clients
def test_a_client_registers_and_loads_models_through_the_store(server: Server, secrets: Path):
    run = run_script(server, FLOW / "aliases.py", new_catalog(server))
    assert run.returncode == 0, run.stdout + run.stderr
    deadline = time.monotonic() + START_S  # of MLflow's tracking server
    while (state := httpx.get(f"{server.host}/health/ready").json()) != {"status": "ok"}:
        assert time.monotonic() < deadline, state
        time.sleep(0.2)
    assert not list(server.data_dir.rglob("modelkeep.db*")), "the metadata are in PostgreSQL"
    assert not list((server.data_dir / "artifacts").rglob("*")), "the files are in the store"


def test_the_store_asks_for_the_credentials(server: Server, s3_port: int):
    assert httpx.get(f"http://{LOOPBACK}:{s3_port}/").status_code == 403
    assert httpx.get(f"http://{LOOPBACK}:{s3_port}/modelkeep").status_code == 403


def test_secrets_are_written_once_in_a_private_folder(secrets: Path, tmp_path: Path):
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    shutil.copy(COMPOSE / "secrets.sh", tmp_path)
    texts: list[dict[str, str]] = []
    for _ in range(2):
        done = subprocess.run(["sh", tmp_path / "secrets.sh"], check=True, capture_output=True)
        assert done.stdout == done.stderr == b""
        texts.append({path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()})
    assert texts[0] == texts[1]
    password = texts[0]["postgres_password"]
    assert len(password) == 48
    assert password in texts[0]["database_url"]
    key = texts[0]["aws_credentials"].split()[-1]
    assert f'"secretKey": "{key}"' in texts[0]["s3_identities"]
    assert key != password != (secrets / "postgres_password").read_text()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o444}, (
        "the containers' users read them"
    )


def test_no_service_holds_a_secret_in_its_environment():
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if any(word in variable for word in ("PASSWORD", "DATABASE_URL", "CREDENTIALS", "KEY", "TOKEN")):
                assert value.startswith("/run/secrets/"), (name, variable)


def test_a_stop_waits_longer_than_the_drain():
    service = services()["modelkeep"]
    assert int(service["stop_grace_period"].removesuffix("s")) > int(service["environment"]["MODELKEEP_DRAIN_SECONDS"])
