"""A data scientist's wait: `register_model` and `load_model` of a small scikit-learn model, with the real client.

Compared with a server that answers the very same calls from memory: what is left is the client's own time.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from bench.program import Server, free_port, modelkeep, running
from bench.report import Row, at_most

ROUNDS = 3
MODELS = 5
"""Registered and loaded a round"""

_WORK = """
import json, logging, sys, time, warnings
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
import mlflow, mlflow.sklearn
folder, prefix, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
took = []
for number in range(-1, count):
    name = f"main.default.{prefix}{number + 1}"
    begun = time.perf_counter()
    mlflow.register_model(folder, name)
    mlflow.sklearn.load_model(f"models:/{name}/1")
    if number >= 0:
        took.append(time.perf_counter() - begun)
print("TOOK", json.dumps(took))
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


def measure(folder: Path) -> list[Row]:
    model = folder / "model"
    subprocess.run([sys.executable, "-c", _MODEL, str(model)], check=True, capture_output=True)
    rows: list[Row] = []
    for face, native in (("databricks-uc", False), ("native Unity Catalog", True)):
        rows += _face(folder / str(int(native)), model, face, native)
    return rows


def _face(folder: Path, model: Path, face: str, native: bool) -> list[Row]:
    folder.mkdir()
    ours: list[float] = []
    stub: list[float] = []
    busy = 0.0
    with modelkeep(folder / "data") as server:
        for number in range(ROUNDS):
            recording = folder / f"{number}.json"
            port = free_port()
            with _stub(port, "record", recording, str(server.port)) as recorder:
                recorder.headers = server.headers
                _work(recorder, model, f"rec{number}x", native)
            begun = time.time()
            ours += _work(server, model, f"own{number}x", native)
            time.sleep(0.1)  # the access log is written in batches
            busy += _busy(folder / "data.log", begun)
            with _stub(port, "replay", recording) as memory:
                memory.headers = server.headers
                stub += _work(memory, model, f"rec{number}x", native)
    one, other = statistics.median(ours), statistics.median(stub)
    # The first model of a round, which warms the client up, is not timed.
    share = busy * MODELS / (MODELS + 1) / sum(ours)
    return [
        at_most(
            f"`register_model` + `load_model`, {face}", f"{one:.2f} s", f"the same answers from memory: {other:.2f} s",
            one / other, 1.25,
        ),
        at_most(f"our server answers, of that time, {face}", f"{100 * share:.1f} %", "", share, 0.2),
    ]  # fmt: skip


def _stub(port: int, mode: str, recording: Path, *more: str) -> AbstractContextManager[Server]:
    """Signed URLs name the recorder's port: the one that replays has to have the same."""
    command = [sys.executable, "-m", "bench.stub", mode, str(port), str(recording), *more]
    return running(command, port, "/health", {}, recording.with_suffix(f".{mode}.log"))


def _work(server: Server, model: Path, prefix: str, native: bool) -> list[float]:
    """Seconds of each model."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DATABRICKS_", "MLFLOW_"))} | {
        "DATABRICKS_HOST": server.url,
        "DATABRICKS_TOKEN": server.headers["Authorization"].removeprefix("Bearer "),
        "MLFLOW_TRACKING_URI": "databricks",
        "MLFLOW_REGISTRY_URI": "databricks-uc",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_UC_NATIVE_MODEL_REGISTRY": str(native).lower(),
    }
    done = subprocess.run(
        [sys.executable, "-c", _WORK, str(model), prefix, str(MODELS)], env=env, capture_output=True, text=True
    )
    found = re.search(r"^TOOK (.*)$", done.stdout, re.MULTILINE)
    assert found, done.stderr[-2000:]
    return json.loads(found[1])


def _busy(log: Path, begun: float) -> float:
    """Seconds since `begun` in which at least one request was being answered: the client sends several files at once."""
    spans: list[tuple[float, float]] = []
    for line in log.read_text().splitlines():
        if '"event":"request"' in line:
            told = json.loads(line)
            end = datetime.fromisoformat(told["timestamp"].replace("Z", "+00:00")).timestamp()
            if end >= begun:
                spans.append((end - told["duration_ms"] / 1000, end))
    total = reached = 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
