"""kill -9 of a real server, again and again, while clients create, upload, finalize, copy and delete: nothing lost, nothing left over."""

import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from live import free_port, server_environment, stop, tail, wait_until_healthy
from world import MLMODEL

pytest_plugins = ("backends",)

ROUNDS = 5
SECONDS = 1.5  # between a server's start and its end, at most
B = "/api/2.0/mlflow/unity-catalog"
V1 = "/api/modelkeep/v1"
MODELS = ("prod.ml.a", "prod.ml.b")


class Deployment:
    """One data directory (and database), served by one process after another on the same port."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.database_url = database_url
        self.database = folder / "data" / "modelkeep.db"
        self.port = free_port()
        self.host = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self.environment = server_environment(
            folder / "data",
            self.port,
            MODELKEEP_WORKSPACE="0",
            MODELKEEP_LOG_LEVEL="warning",
            MODELKEEP_DATABASE_URL=database_url,
        )

    @contextlib.contextmanager
    def served(self, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        with self.log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "modelkeep", "serve"],
                env=self.environment | settings,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            wait_until_healthy(self.host, process, self.log)
            yield process
        finally:
            stop(process)

    def run(self, *verb: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "modelkeep", *verb], env=self.environment, capture_output=True, text=True, timeout=60
        )

    def end_leases(self) -> None:
        """As if the minute of a dead worker's lease were over."""
        statement = "UPDATE jobs SET lease_until = 0"
        if self.database_url:
            with psycopg.connect(self.database_url) as postgres:
                postgres.execute(statement)
            return
        with contextlib.closing(sqlite3.connect(self.database)) as sqlite, sqlite:
            sqlite.execute(statement)

    def token(self) -> str:
        line = next(line for line in self.run("env").stdout.splitlines() if "DATABRICKS_TOKEN" in line)
        return line.partition("=")[2]


class Client(threading.Thread):
    """One user at random work. What the server acknowledged is written down; what it did not may or may not have happened."""

    def __init__(self, deployment: Deployment, token: str, seed: int, model: str) -> None:
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.model = model
        self.http = httpx.Client(base_url=deployment.host, headers={"Authorization": f"Bearer {token}"}, timeout=5)
        self.ready: dict[int, dict[str, bytes]] = {}
        """Version -> its files, as far as the server said so"""
        self.numbers: list[int] = []
        self.refused: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            try:
                self.random.choice((self.register, self.register, self.copy, self.delete, self.alias))()
            except httpx.TransportError:
                time.sleep(0.05)

    def call(self, method: str, path: str, **fields: Any) -> dict[str, Any] | None:
        answer = self.http.request(method, path, json=fields)
        if answer.status_code != 200:
            if answer.status_code not in (404, 503) and "INVALID_STATE" not in answer.text:
                self.refused.append(f"{method} {path} {answer.status_code} {answer.text}")
            return None
        return answer.json()

    def patient(self, method: str, path: str, **fields: Any) -> httpx.Response | None:
        """As real clients do: the same request again until the server is back."""
        while not self.done.is_set():
            try:
                return self.http.request(method, path, **fields)
            except httpx.TransportError:
                time.sleep(0.05)
        return None

    def register(self) -> None:
        result = self.call("POST", f"{B}/model-versions/create", name=self.model, source="models:/m-1")
        if result is None:
            return
        number = int(result["model_version"]["version"])
        self.numbers.append(number)
        files = {"MLmodel": MLMODEL, "data/weights.bin": self.random.randbytes(self.random.randrange(1, 400_000))}
        root = f"/api/2.0/fs/files/Models/{self.model.replace('.', '/')}/{number}"
        for path, data in files.items():
            answer = self.patient("PUT", f"{root}/{path}?overwrite=true", content=data)
            if answer is None or answer.status_code not in (200, 204):
                return
        answer = self.patient("POST", f"{B}/model-versions/finalize", json={"name": self.model, "version": str(number)})
        if answer is not None and answer.status_code == 200:
            self.ready[number] = files

    def copy(self) -> None:
        if self.ready:
            source = self.random.choice(sorted(self.ready))
            files = self.ready[source]
            answer = self.call("POST", f"{V1}/models/{self.model}/versions/{source}/copy", destination=self.model)
            if answer is not None:
                self.numbers.append(answer["version"])
                self.ready[answer["version"]] = files

    def delete(self) -> None:
        if len(self.ready) > 3:
            number = self.random.choice(sorted(self.ready))
            self.ready.pop(number)  # from here on either answer is right
            self.call("DELETE", f"{B}/model-versions/delete", name=self.model, version=str(number))

    def alias(self) -> None:
        if self.ready:
            self.call(
                "POST",
                f"{B}/registered-models/alias",
                name=self.model,
                alias="champion",
                version=str(self.random.choice(sorted(self.ready))),
            )


@pytest.mark.timeout(280)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_kill_minus_9_at_any_moment_loses_nothing_and_leaves_nothing(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    postgres = request.getfixturevalue("postgres") if database == "postgresql" else None
    deployment = Deployment(tmp_path, postgres.new_database() if postgres else "")
    chance = random.Random(20260618)
    with deployment.served():
        token = deployment.token()
        with httpx.Client(base_url=deployment.host, headers={"Authorization": f"Bearer {token}"}) as admin:
            assert admin.post("/api/2.1/unity-catalog/catalogs", json={"name": "prod"}).status_code == 200
            assert (
                admin.post("/api/2.1/unity-catalog/schemas", json={"name": "ml", "catalog_name": "prod"}).status_code
                == 200
            )
            for model in MODELS:
                assert admin.post(f"{B}/registered-models/create", json={"name": model}).status_code == 200
    clients = [Client(deployment, token, seed, model) for seed, model in enumerate(MODELS)]
    for client in clients:
        client.start()
    for _ in range(ROUNDS):
        with deployment.served() as process:
            time.sleep(chance.uniform(0.2, SECONDS))
            os.kill(process.pid, signal.SIGKILL)
            process.wait(10)
    with deployment.served():
        time.sleep(1)
        for client in clients:
            client.done.set()
        for client in clients:
            client.join(20)
    assert all(not client.refused for client in clients), [client.refused[:3] for client in clients]
    assert all(len(client.numbers) == len(set(client.numbers)) for client in clients), "a number was given twice"
    assert sum(len(client.ready) for client in clients) > 4, tail(deployment.log)
    time.sleep(1)
    deployment.end_leases()
    with deployment.served(MODELKEEP_PENDING_HOURS="0.0001"):
        _wait_until_idle(deployment, token)
        for client in clients:
            _download(client)
    checked, verified = deployment.run("check"), deployment.run("audit", "verify")
    assert checked.returncode == 0, checked.stdout
    assert "Database and storage agree." in checked.stdout
    assert verified.returncode == 0 and "BROKEN" not in verified.stdout, verified.stdout
    assert int(verified.stdout.split()[1]) > 0


def _wait_until_idle(deployment: Deployment, token: str) -> None:
    """Until the reaper has failed what is PENDING and every job is done."""
    deadline = time.monotonic() + 60
    with httpx.Client(base_url=deployment.host, headers={"Authorization": f"Bearer {token}"}) as admin:
        while time.monotonic() < deadline:
            jobs = admin.get(f"{V1}/jobs").json()["jobs"]
            answer = admin.get(f"{B}/model-versions/search", params={"filter": ""}).json().get("model_versions", [])
            if not jobs and not any(v["status"] == "PENDING_REGISTRATION" for v in answer):
                return
            time.sleep(0.3)
    raise AssertionError(f"still busy: {jobs}")


def _download(client: Client) -> None:
    """Every version that the server called READY is there, byte for byte."""
    for number, files in client.ready.items():
        reply = client.http.get(f"{B}/model-versions/get", params={"name": client.model, "version": str(number)})
        assert reply.status_code == 200 and reply.json()["model_version"]["status"] == "READY", reply.text
        for path, data in files.items():
            answer = client.http.get(f"/api/2.0/fs/files/Models/{client.model.replace('.', '/')}/{number}/{path}")
            assert answer.status_code == 200, answer.text
            assert hashlib.sha256(answer.content).digest() == hashlib.sha256(data).digest(), (
                f"{client.model}/{number}/{path}"
            )
