"""What one call, and one caller, may ask of the tracking server; and what happens to a call that nobody waits for."""

import asyncio
import json
import os
import signal
import threading
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tracking.tracking_site import Site

from modelkeep.domain.errors import InvalidArgument, Throttled, Unavailable
from modelkeep.limits import (
    JSON_BYTES,
    TRACKING_EXPERIMENTS,
    TRACKING_IDS,
    TRACKING_INPUTS_BODY_BYTES,
    TRACKING_LOG_BODY_BYTES,
    TRACKING_PAGE_ROWS,
    TRACKING_QUERY_CHARS,
    TRACKING_RUNS,
    TRACKING_SEARCH_CHARS,
)
from modelkeep.tracking import call_limits
from modelkeep.tracking import child as module
from modelkeep.tracking.calls import API
from modelkeep.tracking.child import ChildAnswer, TrackingServer
from modelkeep.tracking.concurrent_calls import CallTurns
from modelkeep.tracking.route_rules import ROUTES, UI_ROUTES, TrackingRoute
from modelkeep.tracking.workspace_apps import TrackingApps

ALICE, BOB = "alice@x.io", "bob@x.io"
V2, V3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
SEARCHES = [route for route in (*ROUTES, *UI_ROUTES) if call_limits.searches(route)]


def refused(answer: httpx.Response, *words: str) -> None:
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer.text
    for word in words:
        assert word in answer.json()["message"]


@pytest.fixture
def calls(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which calls reach the child."""
    sent: list[str] = []
    send = site.proxy.child.request

    async def request(method: str, path: str, *rest: Any, **named: Any) -> ChildAnswer:
        sent.append(f"{method} {path}")
        return await send(method, path, *rest, **named)

    monkeypatch.setattr(site.proxy.child, "request", request)
    yield sent


# --- how much a call says --------------------------------------------------------------------------------------------


def test_which_routes_search() -> None:
    assert [f"{route.method} {route.path}" for route in SEARCHES] == [
        "GET /2.0/mlflow/experiments/search",
        "POST /2.0/mlflow/experiments/search",
        "POST /2.0/mlflow/experiments/search-datasets",
        "POST /2.0/mlflow/runs/search",
        "GET /2.0/mlflow/metrics/get-history",
        "GET /2.0/mlflow/metrics/get-history-bulk",
        "GET /2.0/mlflow/metrics/get-history-bulk-interval",
        "POST /2.0/mlflow/logged-models/search",
        "POST /3.0/mlflow/traces/search",
        "POST /3.0/mlflow/traces/batchGetInfos",
        "POST /3.0/mlflow/traces/metrics",
        "POST /3.0/mlflow/traces/calculate-filter-correlation",
        "GET /2.0/mlflow/traces",
        "POST /graphql",
    ]
    named = [route for route in ROUTES if "search" in route.path or "history" in route.path]
    assert all(call_limits.searches(route) for route in named)


@pytest.mark.parametrize("route", SEARCHES, ids=lambda r: f"{r.method} {r.path}")
def test_texts_of_searches_are_short(route: TrackingRoute) -> None:
    long = "x" * (TRACKING_SEARCH_CHARS + 1)
    for fields in (
        {"filter": long},
        {"filter_string1": long},
        {"order_by": [long]},
        {"order_by": ["x"] * TRACKING_SEARCH_CHARS},
        {
            "filter": long[: TRACKING_SEARCH_CHARS // 2],
            "order_by": [{"field_name": long[: TRACKING_SEARCH_CHARS // 2 + 1]}],
        },
        {"variables": {"data": {"filter": long}}},
        {"of_next_year": {"a": [{"b": long}]}},
        {"query": "x" * (TRACKING_QUERY_CHARS + 1)},
    ):
        with pytest.raises(InvalidArgument, match="at most"):
            call_limits.check(route, fields)
    call_limits.check(route, {"filter": "x" * (TRACKING_SEARCH_CHARS - 20), "query": "x" * TRACKING_QUERY_CHARS})


@pytest.mark.parametrize("name", ["filter", "order_by", "page_token"])
def test_a_long_search_never_reaches_the_child(site: Site, calls: list[str], name: str) -> None:
    text = "tags.a = 'b' AND " * 12_000
    with site.client(ALICE) as http:
        mine = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        calls.clear()
        for path in ("runs/search", "logged-models/search", "experiments/search"):
            body = {"experiment_ids": [mine], name: [text] if name == "order_by" else text}
            refused(http.post(f"{V2}/{path}", json=body), "at most")
    assert calls == []


def test_pages_are_cut(site: Site) -> None:
    route, _ = API.find("POST", "/2.0/mlflow/runs/search") or (None, {})
    assert route is not None
    for sent, passed in (
        (10, 10),
        (TRACKING_PAGE_ROWS, TRACKING_PAGE_ROWS),
        (TRACKING_PAGE_ROWS + 1, TRACKING_PAGE_ROWS),
        (50_000, TRACKING_PAGE_ROWS),
        ("50000", TRACKING_PAGE_ROWS),
        (50_001, 50_001),  # MLflow refuses it in its own words
        ("many", "many"),
    ):
        fields: dict[str, Any] = {"max_results": sent}
        call_limits.check(route, fields)
        assert fields["max_results"] == passed


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("runs/set-tag", JSON_BYTES),
        ("runs/search", JSON_BYTES),
        ("runs/log-batch", TRACKING_LOG_BODY_BYTES),
        ("traces", TRACKING_LOG_BODY_BYTES),
        ("runs/log-inputs", TRACKING_INPUTS_BODY_BYTES),
    ],
)
def test_bodies_by_route(site: Site, calls: list[str], path: str, most: int) -> None:
    with site.client(ALICE) as http:
        body = json.dumps({"run_id": "0" * 32, "of_next_year": "x" * most})
        refused(http.post(f"{V2}/{path}", content=body, headers={"content-type": "application/json"}), str(most))
    assert calls == []


# --- how many things a call names ------------------------------------------------------------------------------------


def test_many_unknown_traces_are_one_call(site: Site, calls: list[str]) -> None:
    ids = [f"tr-{uuid.uuid4().hex}" for _ in range(TRACKING_IDS)]
    with site.client(BOB) as http:
        assert http.post(f"{V3}/traces/batchGetInfos", json={"trace_ids": ids}).json() == {}
        assert calls == ["POST /api/3.0/mlflow/traces/batchGetInfos"]
        calls.clear()
        refused(http.post(f"{V3}/traces/batchGetInfos", json={"trace_ids": [*ids, "tr-1"]}), "trace_ids", "501", "500")
        refused(http.post(f"{V3}/traces/delete-traces", json={"experiment_id": "1", "request_ids": [*ids, "x"]}), "500")
        refused(http.post(f"{V2}/traces/link-to-run", json={"run_id": "0" * 32, "trace_ids": [*ids, "x"]}), "500")
    assert calls == []


def test_unknown_runs_and_models_are_few(site: Site, calls: list[str]) -> None:
    runs = [uuid.uuid4().hex for _ in range(TRACKING_RUNS + 1)]
    models = [f"m-{run}" for run in runs]
    with site.client(BOB) as http:
        params: list[tuple[str, str]] = [("run_id", run) for run in runs]
        refused(http.get(f"{V2}/metrics/get-history-bulk", params=[*params, ("metric_key", "m")]), "100")
        metrics = [{"key": "k", "value": 1, "timestamp": 1, "model_id": model} for model in models]
        refused(http.post(f"{V2}/runs/log-batch", json={"run_id": runs[0], "metrics": metrics}), "100")
        linked = {"run_id": runs[0], "models": [{"model_id": model, "step": 0} for model in models]}
        refused(http.post(f"{V2}/runs/outputs", json=linked), "100")
    assert calls == []


def test_experiments_of_a_search_may_be_many_and_not_all(site: Site, calls: list[str]) -> None:
    ids = [str(10**9 + n) for n in range(TRACKING_EXPERIMENTS + 1)]
    places = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": e}} for e in ids]
    with site.client(BOB) as http:
        assert http.post(f"{V2}/runs/search", json={"experiment_ids": ids[1:]}).json() == {}
        refused(http.post(f"{V2}/runs/search", json={"experiment_ids": ids}), "5000")
        with pytest.raises(InvalidArgument, match="locations"):
            call_limits.check(SEARCHES[0], {"locations": places})
    assert calls == []


# --- how many calls at once ------------------------------------------------------------------------------------------


async def _turns() -> None:
    turns, gate, order = CallTurns(2, 1), asyncio.Event(), list[str]()

    async def call(principal: str, name: str) -> None:
        async with turns.take(principal):
            order.append(name)
            await gate.wait()

    async with asyncio.TaskGroup() as group:
        for name in ("a", "b", "c"):
            group.create_task(call("p", name))
        await asyncio.sleep(0)
        assert order == ["a", "b"]  # c waits
        with pytest.raises(Throttled, match="retry"):
            await call("p", "d")
        group.create_task(call("q", "other"))
        await asyncio.sleep(0)
        assert order == ["a", "b", "other"]
        gate.set()
    assert order == ["a", "b", "other", "c"]
    task = asyncio.create_task(call("p", "e"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert turns._lanes == {}  # pyright: ignore[reportPrivateUsage]


def test_turns() -> None:
    asyncio.run(_turns())


def test_a_caller_with_too_many_calls_is_told_to_wait_and_others_are_served(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace: Any = site.registry.engine.services.tracking._open["1234567890"][0]  # pyright: ignore
    started, go = threading.Event(), threading.Event()
    send = site.proxy.child.request

    async def request(method: str, path: str, *rest: Any, **named: Any) -> ChildAnswer:
        if "slow" in str(rest):
            started.set()
            await asyncio.to_thread(go.wait)
        return await send(method, path, *rest, **named)

    monkeypatch.setattr(site.proxy.child, "request", request)
    monkeypatch.setattr(workspace, "_turns", CallTurns(1, 0))

    def hold() -> None:
        with site.client(BOB) as http:
            http.get(f"{V2}/experiments/get-by-name", params={"experiment_name": "slow"})

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert started.wait(30)
        with site.client(BOB) as http:
            answer = http.get(f"{V2}/experiments/get-by-name", params={"experiment_name": "x"})
            assert (answer.status_code, answer.json()["error_code"]) == (429, "RESOURCE_EXHAUSTED")
            assert int(answer.headers["retry-after"]) >= 1
        with site.client(ALICE) as http:
            assert http.get(f"{V2}/experiments/get-by-name", params={"experiment_name": "x"}).status_code == 404
    finally:
        go.set()
        thread.join()


# --- how long -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def stub(tmp_path: Path, answer: bytes = b"") -> AsyncGenerator[tuple[TrackingServer, list[str]]]:
    """A tracking server that notes when a connection comes and goes, and answers only if there is an answer."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        seen.append("call")
        if answer:
            writer.write(answer)
            await writer.drain()
        await reader.read()
        seen.append("closed")
        writer.close()

    path = tmp_path / "s.sock"
    server = await asyncio.start_unix_server(serve, str(path))
    child = TrackingServer(tmp_path)
    child._client = module.connect(path)  # pyright: ignore[reportPrivateUsage]
    child._answered = True  # pyright: ignore[reportPrivateUsage]
    try:
        yield child, seen
    finally:
        server.close()
        if child._client:  # pyright: ignore[reportPrivateUsage]
            await child._client.aclose()  # pyright: ignore[reportPrivateUsage]


async def _until(seen: list[str], expected: list[str]) -> None:
    for _ in range(2000):
        if seen == expected:
            return
        await asyncio.sleep(0.01)
    assert seen == expected


async def _leaves(tmp_path: Path) -> None:
    async with stub(tmp_path) as (child, seen):
        task = asyncio.create_task(child.request("GET", "/x"))
        await _until(seen, ["call"])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await _until(seen, ["call", "closed"])


def test_a_call_that_is_cancelled_closes_its_connection(tmp_path: Path) -> None:
    asyncio.run(_leaves(tmp_path))


async def _deadline(tmp_path: Path) -> None:
    async with stub(tmp_path) as (child, seen):
        for path in ("/api/2.0/mlflow/runs/get", "/api/2.0/mlflow/runs/search"):
            seen.clear()
            with pytest.raises(Unavailable, match="does not answer"):
                await child.request("GET", path)
            await _until(seen, ["call", "closed"])


def test_a_call_ends_at_its_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRACKING_CALL_S", 0.05)
    monkeypatch.setattr(module, "TRACKING_SEARCH_S", 0.06)
    asyncio.run(_deadline(tmp_path))


def test_a_frozen_tracking_server_answers_503_and_stops_nothing_else(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = site.proxy.child.pid
    assert pid is not None
    with site.client(ALICE) as http:
        assert http.get(f"{V2}/experiments/get", params={"experiment_id": "0"}).status_code in (200, 404)
        monkeypatch.setattr(module, "TRACKING_CALL_S", 0.2)
        os.kill(pid, signal.SIGSTOP)
        try:
            answer = http.get(f"{V2}/experiments/get-by-name", params={"experiment_name": "x"})
            assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
            assert http.get("/api/2.1/unity-catalog/catalogs").status_code == 200
        finally:
            os.kill(pid, signal.SIGCONT)
        monkeypatch.undo()
        assert http.get(f"{V2}/experiments/get-by-name", params={"experiment_name": "x"}).status_code == 404


# --- workspaces that nobody uses -----------------------------------------------------------------------------------------


class Child:
    def __init__(self) -> None:
        self.idle_s, self.stopped = 0.0, False

    def touch(self) -> None:
        self.idle_s = 0.0

    async def stop(self) -> None:
        self.stopped = True


async def _sweep() -> None:
    children: dict[str, list[Child]] = {}
    alive = {"main", "a", "b"}

    async def start(workspace_id: str) -> Any:
        children.setdefault(workspace_id, []).append(Child())
        return object(), children[workspace_id][-1]

    async def existing() -> set[str]:
        return alive

    workspaces = TrackingApps(start, "main", existing)
    for workspace_id in ("main", "a", "b"):
        await workspaces.of(workspace_id)
    await workspaces.sweep()
    assert not any(child.stopped for started in children.values() for child in started)
    for started in children.values():
        started[0].idle_s = 1e9
    await workspaces.of("b")  # used again
    await workspaces.sweep()
    assert {name: started[0].stopped for name, started in children.items()} == {"main": False, "a": True, "b": False}
    await workspaces.of("a")
    assert len(children["a"]) == 2  # started again for the next call
    alive.discard("b")
    await workspaces.sweep()
    assert children["b"][0].stopped and not children["a"][1].stopped
    await workspaces.stop()
    assert children["a"][1].stopped and children["main"][0].stopped


def test_servers_of_idle_and_deleted_workspaces_end() -> None:
    asyncio.run(_sweep())
