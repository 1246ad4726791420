"""A data scientist's wait: `register_model` and `load_model` of a small scikit-learn model, with the real client.

Compared with a server that answers the very same calls from memory, model by model in turn, so that a machine that
grows slower meanwhile does so for both: what is left is the client's own time.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.program import Server, free_port, modelkeep, running
from bench.report import Row, at_most

ROUNDS = 3
"""Of new client processes: each lays out its memory anew, and is a little quicker or slower for it"""
MODELS = 12
"""Registered and loaded a round, and by each of its clients; a first one, which warms the client up, is not timed"""

_WORK = """
import json, logging, sys, time, warnings
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
import mlflow, mlflow.sklearn
folder, prefix = sys.argv[1:]
for number in map(int, sys.stdin):
    begun, clock = time.time(), time.perf_counter()
    name = f"main.default.{prefix}{number}"
    mlflow.register_model(folder, name)
    mlflow.sklearn.load_model(f"models:/{name}/1")
    print("TOOK", json.dumps([begun, time.perf_counter() - clock]), flush=True)
"""
_MODEL = """
import sys, mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True, as_frame=True)
model = LogisticRegression(max_iter=500).fit(X, y)
mlflow.sklearn.save_model(model, sys.argv[1], signature=infer_signature(X, y), pip_requirements=["scikit-learn"])
"""


@dataclass(frozen=True)
class Took:
    """One model's way."""

    begun: float
    """epoch seconds"""
    seconds: float


def measure(folder: Path) -> list[Row]:
    model = folder / "model"
    subprocess.run([sys.executable, "-c", _MODEL, str(model)], check=True, capture_output=True)
    rows: list[Row] = []
    for dialect, native in (("databricks-uc", False), ("native Unity Catalog", True)):
        rows += _dialect(folder / str(int(native)), model, dialect, native)
    return rows


def _dialect(folder: Path, model: Path, dialect: str, native: bool) -> list[Row]:
    folder.mkdir()
    pairs: list[tuple[Took, Took]] = []
    with modelkeep(folder / "data") as server:
        for number in range(ROUNDS):
            pairs += _round(folder / f"{number}.json", server, model, number, native)
        time.sleep(0.1)  # the access log is written in batches
    ours, stub = [first.seconds for first, _ in pairs], [other.seconds for _, other in pairs]
    answering = _answering(folder / "data.log")
    share = statistics.median(_busy(answering, first) / first.seconds for first, _ in pairs)
    return [
        at_most(
            f"`register_model` + `load_model`, {dialect}",
            f"{statistics.median(ours):.3f} s",
            f"the same answers from memory: {statistics.median(stub):.3f} s",
            statistics.median(first / other for first, other in zip(ours, stub, strict=True)),
            1.25,
        ),
        at_most(f"our server answers, of that time, {dialect}", f"{100 * share:.1f} %", "", share, 0.2),
    ]


def _round(recording: Path, server: Server, model: Path, number: int, native: bool) -> list[tuple[Took, Took]]:
    """Of each model: with our server, and with the stub."""
    port = free_port()
    with _stub(port, "record", recording, str(server.port)) as recorder:
        recorder.headers = server.headers
        with _client(recorder, model, f"rec{number}x", native, recording.with_suffix(".first.log")) as client:
            for index in range(MODELS + 1):
                _work(client, index)
    pairs: list[tuple[Took, Took]] = []
    with _stub(port, "replay", recording) as memory:
        memory.headers = server.headers
        with (
            _client(server, model, f"own{number}x", native, recording.with_suffix(".ours.log")) as ours,
            _client(memory, model, f"rec{number}x", native, recording.with_suffix(".stub.log")) as stub,
        ):
            for index in range(MODELS + 1):
                if index % 2:
                    pairs.append((_work(ours, index), _work(stub, index)))
                else:
                    other = _work(stub, index)
                    pairs.append((_work(ours, index), other))
    return pairs[1:]


def _stub(port: int, mode: str, recording: Path, *fields: str) -> AbstractContextManager[Server]:
    """Signed URLs name the recorder's port: the one that replays has to have the same."""
    command = [sys.executable, "-m", "bench.stub", mode, str(port), str(recording), *fields]
    return running(command, port, "/health", {}, recording.with_suffix(f".{mode}.log"))


@contextlib.contextmanager
def _client(server: Server, model: Path, prefix: str, native: bool, log: Path) -> Generator[subprocess.Popen[str]]:
    """A process that registers and loads a model of each number that it is sent."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DATABRICKS_", "MLFLOW_"))} | {
        "DATABRICKS_HOST": server.url,
        "DATABRICKS_TOKEN": server.headers["Authorization"].removeprefix("Bearer "),
        "MLFLOW_TRACKING_URI": "databricks",
        "MLFLOW_REGISTRY_URI": "databricks-uc",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_UC_NATIVE_MODEL_REGISTRY": str(native).lower(),
    }
    command = [sys.executable, "-c", _WORK, str(model), prefix]
    with (
        log.open("w") as said,
        subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _work(client: subprocess.Popen[str], number: int) -> Took:
    """Raises AssertionError where the client failed; its log says why."""
    assert client.stdin is not None and client.stdout is not None
    client.stdin.write(f"{number}\n")
    client.stdin.flush()
    for line in client.stdout:
        if line.startswith("TOOK "):
            return Took(*json.loads(line[5:]))
    raise AssertionError(f"the client ended with {client.wait()}")


def _answering(log: Path) -> list[tuple[float, float]]:
    """From when until when each request was being answered, by their beginnings. The time in which the client had not sent
    its body is the client's, and so is what follows once the answer is handed to the kernel: on two cores the client that
    this wakes up mostly runs in the middle of it (of the 0.4 ms that such a write took, 0.1 ms were the server's)."""
    spans: list[tuple[float, float]] = []
    for line in log.read_text().splitlines():
        if '"event":"request"' in line:
            content = json.loads(line)
            end = datetime.fromisoformat(content["timestamp"].replace("Z", "+00:00")).timestamp()
            spans.append((end - (content["duration_ms"] - content["waited_ms"]) / 1000, end))
    return sorted(spans)


def _busy(answering: list[tuple[float, float]], took: Took) -> float:
    """Seconds in which at least one request was being answered: the client sends several files at once."""
    total, reached, last = 0.0, took.begun, took.begun + took.seconds
    for start, end in answering:
        total += max(0.0, min(end, last) - max(start, reached))
        reached = max(reached, end)
    return total
