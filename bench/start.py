"""How long until `modelkeep serve` answers, and how much memory it then holds."""

import importlib.util
import statistics
from pathlib import Path

from bench.program import modelkeep
from bench.report import Row, at_most

ROUNDS = 5


def measure(folder: Path) -> list[Row]:
    first, again, resident = list[float](), list[float](), list[float]()
    for index in range(ROUNDS):
        data = folder / f"data{index}"
        for times in (first, again):
            with modelkeep(data) as server:
                times.append(server.ready_s)
                server.call("GET", "/api/2.0/mlflow/unity-catalog/registered-models/search?max_results=100")
                resident.append(server.memory()[0])
    rows = [
        _seconds("exec to the first 200 of /health, empty data directory", statistics.median(first)),
        _seconds("exec to the first 200 of /health, existing data", statistics.median(again)),
    ]
    if importlib.util.find_spec("mlflow"):
        rows.append(_seconds("the same with the workspace", _with_workspace(folder)))
    memory = max(resident)
    return [*rows, at_most("resident memory, catalog only", f"{memory:.0f} MiB", "", memory, 150, "MiB")]


def _seconds(what: str, value: float) -> Row:
    return at_most(what, f"{value:.2f} s", "", value, 2, "s")


def _with_workspace(folder: Path) -> float:
    taken = list[float]()
    for index in range(3):
        with modelkeep(folder / f"workspace{index}", workspace=True) as server:
            taken.append(server.ready_s)
    return statistics.median(taken)
