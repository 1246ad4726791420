"""Reading a version by its alias, against `mlflow server` and against an authenticated route that does nothing."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import load
from bench.program import Server, mlflow, modelkeep, processor_seconds
from bench.report import Row, at_least, known

DATABRICKS_UC, MLFLOW_REST = "/api/2.0/mlflow/unity-catalog", "/api/2.0/mlflow"
ALIAS = f"{DATABRICKS_UC}/registered-models/alias?name=main.default.m&alias=champion"
NOTHING = "/api/2.0/preview/scim/v2/Me"
MLFLOW_ALIAS = f"{MLFLOW_REST}/registered-models/alias?name=m&alias=champion"
READS = (
    (
        "get a version",
        "/model-versions/get?name=main.default.m&version=1",
        "/model-versions/get?name=m&version=1",
        40.0,
    ),
    (
        "a page of 20 models",
        "/registered-models/search?max_results=20",
        "/registered-models/search?max_results=20",
        60.0,
    ),
)
"""What is asked, of us and of the peer, and how many times its rate is promised"""
OTHERS = 29
"""models beside the first"""
ROUNDS = 7
SECONDS = 2


def measure(folder: Path) -> list[Row]:
    with modelkeep(folder / "modelkeep") as ours, mlflow(folder / "mlflow") as theirs:
        register(ours)
        register_mlflow(theirs)
        rounds = [_round(ours, theirs) for _ in range(ROUNDS)]
        others = [_compared(ours, theirs, *read) for read in READS]
    alias, nothing, peer = (list(column) for column in zip(*rounds, strict=True))
    rate, cost = _rate(alias), _cost(alias)
    what = f"get by alias, {load.CONNECTIONS} connections"
    return [
        at_least(what, f"{rate:,.0f}/s", f"`mlflow server`: {_rate(peer):,.0f}/s", rate / _rate(peer), 40),
        at_least(
            what, f"{rate:,.0f}/s", f"our authenticated no-op: {_rate(nothing):,.0f}/s", rate / _rate(nothing), 0.5
        ),
        # On a machine that does other things, too, requests a second say less than this.
        known(
            "the same, processor time", f"{cost:,.0f} µs", f"`mlflow server`: {_cost(peer):,.0f} µs", _cost(peer) / cost
        ),
        *others,
    ]


def _compared(ours: Server, theirs: Server, what: str, path: str, peer: str, bound: float) -> Row:
    rounds = [(_ask(ours, DATABRICKS_UC + path), _ask(theirs, MLFLOW_REST + peer)) for _ in range(3)]
    first, other = (_rate(column) for column in zip(*rounds, strict=True))
    return at_least(what, f"{first:,.0f}/s", f"`mlflow server`: {other:,.0f}/s", first / other, bound)


@dataclass(frozen=True)
class Done:
    rate: float
    """requests per second"""
    cost: float
    """seconds of processor time a request"""


def _round(ours: Server, theirs: Server) -> tuple[Done, Done, Done]:
    return _ask(ours, ALIAS), _ask(ours, NOTHING), _ask(theirs, MLFLOW_ALIAS)


def _ask(server: Server, path: str) -> Done:
    before = processor_seconds(server)
    rate = load.throughput(server, path, SECONDS)
    return Done(rate, (processor_seconds(server) - before) / (rate * SECONDS))


def _rate(done: Sequence[Done]) -> float:
    return statistics.median(item.rate for item in done)


def _cost(done: Sequence[Done]) -> float:
    return statistics.median(item.cost for item in done) * 1_000_000


def register(server: Server) -> None:
    """The model main.default.m, with one version whose alias is champion."""
    server.call("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": "main.default.m"})
    server.call("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": "main.default.m", "source": "local"})
    server.call(
        "POST",
        f"{DATABRICKS_UC}/registered-models/alias",
        {"name": "main.default.m", "alias": "champion", "version": "1"},
    )
    for number in range(OTHERS):
        server.call("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": f"main.default.other{number}"})


def register_mlflow(server: Server) -> None:
    """The same in MLflow's own registry."""
    server.call("POST", f"{MLFLOW_REST}/registered-models/create", {"name": "m"})
    server.call("POST", f"{MLFLOW_REST}/model-versions/create", {"name": "m", "source": "s3://bucket/m"})
    server.call("POST", f"{MLFLOW_REST}/registered-models/alias", {"name": "m", "alias": "champion", "version": "1"})
    for number in range(OTHERS):
        server.call("POST", f"{MLFLOW_REST}/registered-models/create", {"name": f"other{number}"})
