"""The probes of a running server: alive whatever is away, ready while reads work, and what does not work is named."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api.filing import LARGE, Shelf, running_shelf
from api.serving import DATABRICKS_UC

from modelkeep import limits
from modelkeep.http.lifecycle import Lifecycle
from modelkeep.serve.application import application
from modelkeep.serve.registry import Registry

pytest_plugins = ("backends", "api.filing")

PROBES = ("/health", "/health/live", "/health/ready")


@pytest.fixture
def stopping() -> Lifecycle:
    return Lifecycle()


@pytest.fixture
def shelf(tmp_path: Path, stopping: Lifecycle, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A server of its own, whose parts are taken away."""
    monkeypatch.setattr(limits, "HEALTH_EVERY_S", 0.0)

    def mounted(registry: Registry) -> Any:
        return application(registry, stopping)

    with running_shelf(tmp_path, mounted) as running:
        yield running


def probe(shelf: Shelf, path: str = "/health/ready") -> tuple[int, dict[str, Any]]:
    answer = shelf.call("GET", path, token="")
    assert shelf.call("HEAD", path, token="").status_code == answer.status_code
    return answer.status_code, answer.json()


def settled(shelf: Shelf) -> tuple[int, dict[str, Any]]:
    """After the question that the last probe began has been answered."""
    probe(shelf)
    return probe(shelf)


@pytest.mark.parametrize("path", PROBES)
def test_a_server_that_works(shelf: Shelf, path: str) -> None:
    assert probe(shelf, path) == (200, {"status": "ok"})
    assert shelf.call("GET", path, token="", headers={"host": "10.0.0.7:8080"}).status_code == 200  # as a kubelet asks


def test_a_database_that_vanished_is_said_at_once(shelf: Shelf) -> None:
    for file in Path(shelf.settings.data).glob("modelkeep.db*"):
        file.unlink()
    for path in ("/health", "/health/ready"):
        status, body = probe(shelf, path)
        assert (status, body["status"]) == (503, "unavailable") and body["message"]
    assert probe(shelf, "/health/live") == (200, {"status": "ok"})


def test_a_storage_folder_that_vanished_is_degraded_and_refuses_files(shelf: Shelf) -> None:
    root, model = shelf.ready({"kept": b"x" * 70_000}), shelf.model()
    shutil.rmtree(Path(shelf.settings.data) / "artifacts")
    status, body = settled(shelf)
    assert (status, body["status"], body["degraded"]) == (200, "degraded", ["store"])
    assert "is gone" in body["message"]
    assert shelf.ok("GET", f"{DATABRICKS_UC}/registered-models/get?name={model}")  # reads go on
    pending = shelf.pending()
    refused = shelf.put(f"{pending}/large", LARGE)
    assert refused.status_code == 503 and "is gone" in refused.text
    assert shelf.fs("GET", "directories", root).status_code == 200
    assert not (Path(shelf.settings.data) / "artifacts").exists()


def test_a_server_that_stops_wants_no_requests(shelf: Shelf, stopping: Lifecycle) -> None:
    stopping.draining = True
    assert probe(shelf)[0] == 503 and probe(shelf, "/health") == (
        503,
        {"status": "draining", "message": "The server is stopping."},
    )
    assert probe(shelf, "/health/live")[0] == 200


@pytest.mark.parametrize("path", ["/health/x", "/health/live//", "/healthz", "/health/LIVE", "/health//ready"])
def test_other_paths_are_none(shelf: Shelf, path: str) -> None:
    assert shelf.call("GET", path, token="").status_code == 404
