"""The embedded engine: what models answer, what they may touch, what becomes of those that do not load, crash or lose their rights."""

import os
import signal
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from live import running_server

from modelkeep import limits

from .conftest import Serving


def test_answers_and_errors_of_a_model(serving: Serving, words: str) -> None:
    assert serving.word(words, "hi").json() == {"predictions": ["hi:1"]}
    assert serving.word(words, "hi", params={"factor": 7}).json() == {"predictions": ["hi:7"]}
    assert serving.word(words, "nan").json() == {"predictions": [None, None, 1.0]}
    assert serving.word(words, "variable").json() == {"predictions": ["hello"]}
    long = serving.word(words, "long")
    assert len(long.json()["predictions"]) == 2000 and long.headers["served-model-name"] == "words-1"
    failed = serving.word(words, "raise")
    assert failed.status_code == 400 and failed.headers["served-model-name"] == "words-1"
    assert failed.json()["error_code"] == "BAD_REQUEST" and "secret detail" in failed.json()["stack_trace"]
    assert "secret" not in failed.json()["message"]


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"dataframe_records": [{"other": "x"}]}, "word"),
        ({"dataframe_records": [], "inputs": []}, ""),
        ([1], ""),
        ({"instances": [{"word": 3}], "inputs": [1]}, ""),
        ({}, ""),
        ("text", ""),
    ],
)
def test_bad_bodies_are_a_400_with_a_sentence(serving: Serving, words: str, body: Any, part: str) -> None:
    answer = serving.query(words, body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error_code"] in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
    assert part in answer.json()["message"] and answer.json()["message"][-1] in ".`)"


def test_bodies_that_are_no_json_or_too_large(serving: Serving, words: str) -> None:
    path = f"/serving-endpoints/{words}/invocations"
    assert serving.call("POST", path, content=b"{").status_code == 400
    assert serving.call("POST", path, content=b"").status_code == 400
    large = serving.call("POST", path, content=b" " * (limits.SERVING_BODY_BYTES + 1))
    assert large.status_code == 400 and "bytes" in large.json()["message"]


def test_a_model_sees_nothing_of_ours(serving: Serving, words: str) -> None:
    names = serving.word(words, "environment").json()["predictions"][0].split(",")
    assert not [name for name in names if name.startswith(("MODELKEEP", "DATABRICKS", "AWS", "PG", "SSH"))]
    database = serving.server.data_dir / "modelkeep.db"
    assert database.exists()
    for path in (database, Path.home() / ".bashrc", Path(f"/proc/{serving.server.process.pid}/environ")):
        assert serving.word(words, f"read:{path}").status_code == 400, path
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert "not allowed" in serving.word(words, "connect", params={"port": port}).json()["stack_trace"]
    assert serving.word(words, "spawn").status_code == 400


def test_a_model_that_ends_its_process_comes_back(serving: Serving) -> None:
    name = serving.create("words")
    died = serving.word(name, "die")
    assert (died.status_code, died.json()["error_code"]) == (400, "BAD_REQUEST") and "ended" in died.json()["message"]
    assert serving.word(name, "again").json() == {"predictions": ["again:1"]}
    serving.until(name, lambda endpoint: endpoint["state"]["ready"] == "READY")
    assert serving.api("DELETE", f"/{name}").json() == {}


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("unloadable", "weights are missing"),
        ("broken", "modelkeep-has-no-such-package"),
        ("hostile", "Only names of packages with versions"),
    ],
)
def test_a_model_that_cannot_be_served_says_why(serving: Serving, words: str, model: str, reason: str) -> None:
    """As a first configuration, and as an update, which leaves the old one in force."""
    name = serving.begin(model)
    failed = serving.settled(name)
    assert failed["state"] == {"ready": "NOT_READY", "config_update": "UPDATE_FAILED"}
    answer = serving.word(name, "x")
    assert answer.status_code == 400 and reason in answer.json()["message"]
    served = [{"entity_name": serving.model(model), "entity_version": "1"}]
    assert serving.api("PUT", f"/{words}/config", {"served_entities": served}).status_code == 200
    if model == "unloadable":  # the others fail before a second update could come
        again = serving.api("PUT", f"/{words}/config", {"served_entities": served})
        assert (again.status_code, again.json()["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert serving.settled(words)["state"] == {"ready": "READY", "config_update": "UPDATE_FAILED"}
    assert serving.word(words, "still").json() == {"predictions": ["still:1"]}


def test_deleting_while_it_is_created(serving: Serving) -> None:
    name = serving.begin("words")
    assert serving.api("DELETE", f"/{name}").status_code == 200
    assert serving.word(name, "x").status_code == 404


class Load:
    """Queries in a loop, until it is stopped."""

    def __init__(self, serving: Serving, name: str) -> None:
        self.answers: list[tuple[int, float]] = []
        self._running = True
        self._serving = Serving(serving.server, serving.catalog)
        self._name = name
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._thread.join()

    def _run(self) -> None:
        while self._running:
            answer = self._serving.query(self._name, {"dataframe_records": [{"width": 1.0, "height": 1.0}]})
            value = answer.json()["predictions"][0] if answer.status_code == 200 else -1.0
            self.answers.append((answer.status_code, round(value, 3)))


def _alias(serving: Serving, name: str, version: int) -> None:
    path = f"/api/2.1/unity-catalog/models/{serving.model('iris_model')}/aliases/{name}"
    assert serving.call("PUT", path, {"version_num": version}).status_code == 200


def _served(version: str) -> Any:
    return lambda endpoint: endpoint["config"]["served_entities"][0].get("served_version") == version


def test_an_endpoint_follows_its_alias_without_a_failed_query(serving: Serving) -> None:
    _alias(serving, "Followed", 1)
    name = serving.create("iris_model", "@Followed")
    assert _served("1")(serving.get(name))
    with Load(serving, name) as load:
        for version in (2, 1):
            _alias(serving, "Followed", version)
            serving.until(name, _served(str(version)))
            time.sleep(0.2)
        for moved in range(10):
            _alias(serving, "Followed", 1 + (moved + 1) % 2)
        _alias(serving, "Followed", 2)
        serving.until(name, _served("2"))
        time.sleep(0.2)
    assert {status for status, _ in load.answers} == {200}
    values = [value for _, value in load.answers]
    turns = [value for value, before in zip(values[1:], values, strict=False) if value != before]
    assert turns[:2] == [2.0, 1.0] and values[-1] == 2.0
    path = f"/api/2.1/unity-catalog/models/{serving.model('iris_model')}/aliases/Followed"
    assert serving.call("DELETE", path).status_code == 200
    entity = serving.until(name, lambda e: "does not exist" in _state(e)["deployment_state_message"])
    assert entity["state"]["ready"] == "READY"
    assert serving.query(name, {"inputs": {"width": [1.0], "height": [1.0]}}).status_code == 200


def _state(endpoint: dict[str, Any]) -> dict[str, str]:
    return endpoint["config"]["served_entities"][0]["state"]


def test_a_revoke_of_the_creators_right_ends_serving_and_a_grant_begins_it(serving: Serving) -> None:
    creator = f"creator-{uuid.uuid4().hex[:8]}@x.io"
    token = serving.server.user(creator)["DATABRICKS_TOKEN"]
    body = {"entity_name": serving.model("words"), "entity_version": "1"}
    request = {"name": f"n-{uuid.uuid4().hex[:8]}", "config": {"served_entities": [body]}}
    refused = serving.api("POST", "", request, token)
    assert refused.status_code == 403 and "USE CATALOG" in refused.json()["message"]

    def change(kind: str, full_name: str, verb: str, *privileges: str) -> None:
        path = f"/api/2.1/unity-catalog/permissions/{kind}/{full_name}"
        assert serving.call("PATCH", path, {"changes": [{"principal": creator, verb: privileges}]}).status_code == 200

    change("catalog", serving.catalog, "add", "USE_CATALOG", "USE_SCHEMA")
    assert "EXECUTE" in serving.api("POST", "", request, token).json()["message"]
    change("function", serving.model("words"), "add", "EXECUTE")
    name = serving.create("words", token=token)
    assert serving.word(name, "x", token).status_code == 200
    change("function", serving.model("words"), "remove", "EXECUTE")
    endpoint = serving.until(name, lambda e: e["state"]["ready"] == "NOT_READY")
    assert "does not have EXECUTE" in _state(endpoint)["deployment_state_message"]
    answer = serving.word(name, "x")
    assert answer.status_code == 400 and "EXECUTE" in answer.json()["message"]
    update = serving.api("PUT", f"/{name}/config", {"served_entities": [body]})
    assert update.status_code == 403 and creator in update.json()["message"]
    change("function", serving.model("words"), "add", "EXECUTE")
    serving.until(name, lambda e: e["state"]["ready"] == "READY")
    assert serving.word(name, "x", token).status_code == 200


def _children(pid: int) -> set[int]:
    """Processes that this one started."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        stats[int(path.parent.name)] = int(fields[1])
    return {child for child, parent in stats.items() if parent == pid}


def test_a_killed_server_leaves_no_process_and_serves_again(serving: Serving, tmp_path: Path) -> None:
    from live import new_catalog, run_script, succeeded

    with running_server(tmp_path, "--no-workspace") as server:
        own = Serving(server, new_catalog(server))
        succeeded(run_script(server, Path(__file__).with_name("models.py"), own.catalog, "words"))
        name = own.create("words")
        children = _children(server.process.pid)
        assert children
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    with running_server(tmp_path, "--no-workspace") as server:
        again = Serving(server, own.catalog)
        assert again.word(name, "back").json() == {"predictions": ["back:1"]}
