"""Clients that leave before their answer: what only reads ends at once, and what changes something is done whole or not at all."""

import asyncio
import json
import random
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
from api.serving import UC, V1, Site, running_site, wait_until
from backends import Postgres, postgres

from modelkeep.core.engine import Engine

__all__ = ["postgres"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings: dict[str, Any] = {}
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        settings["database_url"] = server.new_database()
    with running_site(tmp_path_factory.mktemp("leaving"), uvloop.run, **settings) as running:
        yield running


def begin(
    site: Site, method: str, path: str, body: bytes = b"", token: str | None = None, length: int = -1
) -> socket.socket:
    """A request is sent, and its answer not awaited."""
    peer = socket.create_connection(("127.0.0.1", site.settings.port), 10)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{site.settings.port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token or site.admin}\r\nContent-Length: {len(body) if length < 0 else length}\r\n\r\n"
    )
    peer.sendall(head.encode() + body)
    return peer


class Stopped:
    """Requests wait in the middle of their transaction until they are let go, or cancelled."""

    def __init__(self) -> None:
        self.entered = self.cancelled = self.ended = 0
        self.go = asyncio.Event()

    def on(self, monkeypatch: pytest.MonkeyPatch, about: str) -> None:
        authorize = Engine._authorize  # pyright: ignore[reportPrivateUsage]

        async def waiting(engine: Engine, ctx: Any, op: Any, request: Any) -> Any:
            result = await authorize(engine, ctx, op, request)
            if about in repr(request):
                self.entered += 1
                try:
                    await self.go.wait()
                except asyncio.CancelledError:
                    self.cancelled += 1
                    raise
                self.ended += 1
            return result

        monkeypatch.setattr(Engine, "_authorize", waiting)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{UC}/models/main.default.left", {}),
        ("GET", f"{UC}/schemas/main.left", {}),
        ("GET", "/api/2.0/mlflow/unity-catalog/registered-models/get?name=main.default.left", {}),
        ("POST", "/api/2.0/sql/statements", {"statement": "DESCRIBE SCHEMA main.left", "warehouse_id": "modelkeep"}),
    ],
)
def test_a_read_ends_when_its_client_leaves(
    site: Site, method: str, path: str, body: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its connection to the database and its place are free again."""
    if "statement" in body:
        body = body | {"warehouse_id": site.call("GET", "/api/2.0/sql/warehouses").json()["warehouses"][0]["id"]}
    site.call("POST", f"{UC}/schemas", {"name": "left", "catalog_name": "main"})
    site.call("POST", f"{UC}/models", {"name": "left", "catalog_name": "main", "schema_name": "default"})
    # A change, so that no answer is remembered.
    site.ok("POST", f"{UC}/schemas", {"name": f"s{time.monotonic_ns()}", "catalog_name": "main"})
    idle = site.server.places.total
    stopped = Stopped()
    stopped.on(monkeypatch, "left")
    content = json.dumps(body).encode() if body else b""
    for _ in range(4):  # more than there are connections to the database, if one were lost each time
        peers = [begin(site, method, path, content) for _ in range(5)]
        wait_until(lambda: stopped.entered - stopped.cancelled == 5)
        for peer in peers:
            peer.close()
        wait_until(lambda: site.server.places.total == idle)
        assert stopped.cancelled == stopped.entered
    monkeypatch.undo()
    assert stopped.ended == 0
    assert site.call(method, path, body or None).status_code == 200


def test_a_change_goes_on_when_its_client_leaves(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """And keeps its place meanwhile: leaving is no way to have more at work than connections are allowed."""
    stopped = Stopped()
    name = f"kept_{time.monotonic_ns()}"
    stopped.on(monkeypatch, name)
    before = site.server.places.total
    with begin(site, "POST", f"{UC}/schemas", json.dumps({"name": name, "catalog_name": "main"}).encode()):
        wait_until(lambda: stopped.entered == 1)
    time.sleep(0.3)
    assert site.server.places.total == before + 1 and stopped.cancelled == 0
    site.loop.call_soon_threadsafe(stopped.go.set)
    wait_until(lambda: site.server.places.total == before)
    monkeypatch.undo()
    assert site.call("GET", f"{UC}/schemas/main.{name}").status_code == 200


def test_changes_whose_clients_leave_at_any_moment_are_whole(site: Site) -> None:
    """Each schema is there with its record in the audit log, or neither is."""
    chance, prefix = random.Random(7), f"race_{time.monotonic_ns()}_"
    idle = site.server.places.total
    for number in range(60):
        body = json.dumps({"name": f"{prefix}{number}", "catalog_name": "main"}).encode()
        with begin(site, "POST", f"{UC}/schemas", body if number % 4 else body[:-1]):
            time.sleep(chance.random() * 0.01)
    wait_until(lambda: site.server.places.total == idle)
    listed = site.call("GET", f"{UC}/schemas?catalog_name=main&max_results=1000").json()["schemas"]
    there = {schema["name"] for schema in listed if schema["name"].startswith(prefix)}
    recorded = set[str]()
    token = ""
    while True:
        page = site.call("GET", f"{V1}/audit?event=schema.create&max_results=100&page_token={token}").json()
        for event in page["events"]:
            names = [target["name"].rpartition(".")[2] for target in event["targets"]]
            recorded |= {name for name in names if name.startswith(prefix) and event["outcome"] == "ok"}
        if not (token := page.get("next_page_token", "")):
            break
    assert there == recorded and there
    assert site.call("POST", f"{UC}/schemas", {"name": f"{prefix}last", "catalog_name": "main"}).status_code == 200


def test_an_upload_whose_client_leaves_is_whole_or_not_there(site: Site) -> None:
    schema = f"files_{time.monotonic_ns()}"
    site.ok("POST", f"{UC}/schemas", {"name": schema, "catalog_name": "main"})
    volume = {"name": "v", "catalog_name": "main", "schema_name": schema, "volume_type": "MANAGED"}
    site.ok("POST", f"{UC}/volumes", volume)
    idle = site.server.places.total
    chance, data = random.Random(11), b"0123456789abcdef" * 20_000
    for number in range(30):
        path = f"/api/2.0/fs/files/Volumes/main/{schema}/v/f{number}"
        with begin(site, "PUT", path, data if number % 3 else data[:-1], length=len(data)):
            time.sleep(chance.random() * 0.02)
    wait_until(lambda: site.server.places.total == idle)
    folder = site.call("GET", f"/api/2.0/fs/directories/Volumes/main/{schema}/v").json().get("contents", [])
    for entry in folder:
        answer = site.call("GET", f"/api/2.0/fs/files{entry['path']}")
        assert answer.status_code == 200 and answer.content == data, entry
    for number in range(30):
        status = site.call("GET", f"/api/2.0/fs/files/Volumes/main/{schema}/v/f{number}").status_code
        assert status == (200 if any(entry["name"] == f"f{number}" for entry in folder) else 404)


def test_who_leaves_before_a_refusal_still_leaves_a_record(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    user, token = site.user()
    idle = site.server.places.total
    refused, recording = Engine._refused, asyncio.Event()  # pyright: ignore[reportPrivateUsage]

    async def slow(engine: Engine, *args: Any) -> None:
        refusals = engine.auditor._refusals  # pyright: ignore[reportPrivateUsage]
        add = refusals.add

        async def late(event: Any) -> None:
            recording.set()
            await asyncio.sleep(0.3)
            await add(event)

        monkeypatch.setattr(refusals, "add", late)
        await refused(engine, *args)

    monkeypatch.setattr(Engine, "_refused", slow)
    with begin(site, "GET", f"{UC}/schemas/main.default", token=token):
        wait_until(recording.is_set)
    wait_until(lambda: site.server.places.total == idle)
    monkeypatch.undo()
    events = site.call("GET", f"{V1}/audit?actor={user}&max_results=100").json()["events"]
    assert any(event["outcome"] == "PERMISSION_DENIED" for event in events), events
