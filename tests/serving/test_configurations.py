"""Configurations of endpoints, requirements of models and answers of processes: the rules, without a process."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep import limits
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, RegistryError, Throttled, WrongState
from modelkeep.domain.serving import (
    SIZES,
    ConfiguredEntity,
    TrafficRoute,
    check_endpoint_name,
    check_entities,
    check_entity_version,
    default_entity_name,
    traffic,
)
from modelkeep.serving import environments, scoring_process
from modelkeep.serving.connections import Connections, ProcessGone
from modelkeep.serving.environments import BuildFailed, Environments, Requirements, read_requirements, unsatisfied
from modelkeep.serving.scoring_server import ScoringServer

PYTHON = environments.sys.version_info


def entity(name: str = "a", **fields: Any) -> ConfiguredEntity:
    return ConfiguredEntity(name, "id", "a.b.c", "1", **fields)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a/b", "é", "databricks-x", "Databricks-x", "x" * 64, "a\n"])
def test_names_of_endpoints_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        check_endpoint_name(name)


@pytest.mark.parametrize("version", ["", "0", "-1", "1.0", "@", "@a b", "@latest", "@v1", "Champion", "9" * 20])
def test_versions_that_are_refused(version: str) -> None:
    with pytest.raises(InvalidArgument):
        check_entity_version(version)


@given(st.text(), st.text())
def test_a_default_name_is_a_name(model: str, version: str) -> None:
    name = default_entity_name(model, "1")
    check_entities([entity(name)])


@pytest.mark.parametrize(
    "fields",
    [
        {"workload_size": "Huge"},
        {"workload_type": "GPU_SMALL"},
        {"environment": {"PATH": "x"}},
        {"environment": {"LD_PRELOAD": "x"}},
        {"environment": {"PYTHONPATH": "x"}},
        {"environment": {"a=b": "x"}},
        {"environment": {"A": "{{secrets/scope/key}}"}},
        {"environment": {"A": "{{ secrets/scope/key }}"}},
        {"environment": {"A": "\0"}},
        {"environment": {"A": "x" * (limits.SERVING_ENVIRONMENT_BYTES + 1)}},
        {"environment": {f"A{i}": "" for i in range(limits.SERVING_ENVIRONMENT_VARIABLES + 1)}},
    ],
)
def test_entities_that_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        check_entities([entity(**fields)])


def test_an_endpoint_has_few_entities_with_names_of_their_own() -> None:
    check_entities([entity(str(i)) for i in range(limits.SERVED_ENTITIES)])
    with pytest.raises(LimitExceeded):
        check_entities([entity(str(i)) for i in range(limits.SERVED_ENTITIES + 1)])
    for refused in ([], [entity("a"), entity("a")], [entity("a/b")], [entity("")]):
        with pytest.raises(InvalidArgument):
            check_entities(refused)


@pytest.mark.parametrize(
    "routes",
    [
        [],
        [("a", 50)],
        [("a", 50), ("b", 60)],
        [("a", 100), ("c", 0)],
        [("a", 50), ("a", 50)],
        [("a", 101), ("b", -1)],
    ],
)
def test_traffic_that_does_not_add_up(routes: list[tuple[str, int]]) -> None:
    with pytest.raises(InvalidArgument):
        traffic([entity("a"), entity("b")], [TrafficRoute(*route) for route in routes])


def test_traffic_goes_to_a_single_entity_without_a_route() -> None:
    assert traffic([entity("a")], []) == (TrafficRoute("a", 100),)
    assert traffic([entity("a"), entity("b")], [TrafficRoute("a", 100)]) == (TrafficRoute("a", 100),)


def model(folder: Path, requirements: str, python: str = "") -> Path:
    (folder / "requirements.txt").write_text(requirements)
    if python:
        (folder / "python_env.yaml").write_text(f"python: {python}\n")
    return folder


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://evil.example/simple",
        "-r other.txt",
        "-e .",
        "git+https://evil.example/x.git",
        "evil @ https://evil.example/x.whl",
        "evil @ file:///etc/passwd",
        "./x.whl",
        "/tmp/x.tar.gz",
        "https://evil.example/x.whl",
        "a b",
        "numpy; --hash=sha256:0",
        "numpy==1 --no-binary :all:",
    ],
)
def test_requirements_that_are_no_names_with_versions(tmp_path: Path, line: str) -> None:
    with pytest.raises(WrongState, match="Only names"):
        read_requirements(model(tmp_path, f"mlflow\n{line}\n"))


def test_requirements_are_few_and_short(tmp_path: Path) -> None:
    with pytest.raises(WrongState, match="more than"):
        read_requirements(model(tmp_path, "a\n" * (limits.SERVING_REQUIREMENTS + 1)))
    with pytest.raises(WrongState, match="larger than"):
        read_requirements(model(tmp_path, "#" * (limits.SERVING_REQUIREMENTS_BYTES + 1)))


def test_the_servers_own_environment_is_used_where_it_satisfies() -> None:
    own = f"{PYTHON.major}.{PYTHON.minor}"
    assert unsatisfied(Requirements(own, ("mlflow", "msgspec>=0.1", "absent; python_version < '3'"))) == ""
    assert "3.1" in unsatisfied(Requirements("3.1", ()))
    assert "not installed" in unsatisfied(Requirements("", ("modelkeep-has-no-such-package",)))
    assert "this server has" in unsatisfied(Requirements("", ("mlflow==1.0",)))


def test_a_model_says_its_python(tmp_path: Path) -> None:
    assert read_requirements(model(tmp_path, "a>=1 # why\n\n# note\nb[c]\n", "3.12.1")) == Requirements(
        "3.12", ("a>=1", "b[c]")
    )
    (tmp_path / "python_env.yaml").write_text("[")
    assert read_requirements(tmp_path).python == ""


@pytest.mark.parametrize("uv", ["", "/bin/false"])
def test_an_environment_that_cannot_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uv: str) -> None:
    monkeypatch.setattr(environments, "uv_binary", lambda: uv)
    folder = Environments(tmp_path / "environments")
    with pytest.raises(BuildFailed):
        asyncio.run(folder.of(model(tmp_path, "modelkeep-has-no-such-package==1")))


def test_a_build_ends_at_its_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "uv"
    slow.write_text("#!/bin/sh\necho working\nsleep 60\n")
    slow.chmod(0o700)
    monkeypatch.setattr(environments, "uv_binary", lambda: str(slow))
    monkeypatch.setattr(environments, "SERVING_BUILD_S", 0.2)
    with pytest.raises(BuildFailed, match="took longer") as failed:
        asyncio.run(Environments(tmp_path / "e").of(model(tmp_path, "modelkeep-has-no-such-package==1")))
    assert "working" in failed.value.log


@given(
    st.recursive(st.floats() | st.text() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_answers_become_json(value: Any) -> None:
    import json

    json.dumps(scoring_process.finite(value), allow_nan=False)


# --- connections and processes ---------------------------------------------------------------------------------------


async def _with_process(answers: list[bytes], use: Any) -> Any:
    """What `use` gets from connections to a process that answers each of its connections so, then closes it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0) if answers else b"")
        writer.close()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        async with await asyncio.start_unix_server(talk, path):
            return await use(Connections(path))


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        HEAD + b"content-length: 5\r\n\r\nab",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nab",
        HEAD + b"x: " + b"y" * (limits.SERVING_HEAD_BYTES + 1),
    ],
    ids=["closed", "no http", "short", "short chunk", "endless head"],
)
def test_an_answer_that_is_not_whole(answer: bytes) -> None:
    async def use(connections: Connections) -> None:
        async for _ in (await connections.post("/invocations", b"{}", "application/json")).chunks():
            pass

    with pytest.raises(ProcessGone):
        asyncio.run(_with_process([answer], use))


def test_a_connection_that_was_closed_while_it_waited_is_replaced() -> None:
    async def use(connections: Connections) -> list[bytes]:
        bodies: list[bytes] = []
        for _ in range(limits.SERVING_IDLE_CONNECTIONS):
            answer = await connections.post("/invocations", b"{}", "application/json")
            bodies.append(b"".join([chunk async for chunk in answer.chunks()]))
        return bodies

    answers = [HEAD + b"content-length: 1\r\n\r\n" + str(i).encode() for i in range(limits.SERVING_IDLE_CONNECTIONS)]
    assert asyncio.run(_with_process(answers, use)) == [str(i).encode() for i in range(limits.SERVING_IDLE_CONNECTIONS)]


def _server(tmp_path: Path, concurrency: int = 1, changed: Any = lambda: None) -> ScoringServer:
    async def prepare(_: Path) -> Any:
        raise WrongState("It has no files.")

    return ScoringServer(tmp_path / "p", tmp_path, prepare, changed, concurrency=concurrency, environment={})


def test_queries_that_are_too_many_are_refused(tmp_path: Path) -> None:
    async def fill() -> None:
        server = _server(tmp_path, SIZES["Small"])
        entering = [asyncio.create_task(server.enter()) for _ in range(SIZES["Small"] * limits.SERVING_QUEUE_FACTOR)]
        await asyncio.sleep(0)
        with pytest.raises(Throttled):
            await server.enter()
        server.leave()
        entering.append(asyncio.create_task(server.enter()))
        for _ in range(3):
            await asyncio.sleep(0)
        assert sum(task.done() for task in entering) == SIZES["Small"] + 1 and not entering[-1].done()
        for task in entering:
            task.cancel()

    asyncio.run(fill())


def test_a_server_whose_files_are_missing_fails_with_the_reason(tmp_path: Path) -> None:
    async def begin() -> ScoringServer:
        changed = asyncio.Event()
        server = _server(tmp_path, changed=changed.set)
        server.start()
        await changed.wait()
        await server.retire()
        return server

    server = asyncio.run(begin())
    assert server.reason == "It has no files." and not server.folder.exists()


def test_the_bounds_of_processes_are_in_their_order() -> None:
    """A look comes well within the five seconds in which a revoke ends serving; a model has longer to load than a query waits."""
    assert limits.SERVING_TICK_S * 2 < 5 and limits.SERVING_PREDICT_S <= limits.SERVING_DRAIN_S < limits.SERVING_LOAD_S
    assert limits.SERVING_STOP_S < limits.SERVING_RETRY_S < limits.SERVING_IDLE_S
    assert limits.SERVING_LOG_BYTES > limits.SERVING_REASON_CHARACTERS
    assert limits.SERVING_BUILDS >= 1 and limits.SERVING_ERROR_BYTES < limits.SERVING_BODY_BYTES
    assert issubclass(BuildFailed, RegistryError)
