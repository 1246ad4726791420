"""Reading a version by its alias, against `mlflow server` and against an authenticated route that does nothing."""

import statistics
from pathlib import Path

from bench import load
from bench.program import Server, mlflow, modelkeep
from bench.report import Row, at_least

ALIAS = "/api/2.0/mlflow/unity-catalog/registered-models/alias?name=main.default.m&alias=champion"
NOTHING = "/api/2.0/preview/scim/v2/Me"
MLFLOW_ALIAS = "/api/2.0/mlflow/registered-models/alias?name=m&alias=champion"
ROUNDS = 7
SECONDS = 2


def measure(folder: Path) -> list[Row]:
    with modelkeep(folder / "modelkeep") as ours, mlflow(folder / "mlflow") as theirs:
        register(ours)
        register_mlflow(theirs)
        rounds = [_round(ours, theirs) for _ in range(ROUNDS)]
        alias, nothing, peer = (statistics.median(column) for column in zip(*rounds, strict=True))
        to_mlflow = statistics.median(a / p for a, _, p in rounds)
        to_nothing = statistics.median(a / n for a, n, _ in rounds)
    what = f"get by alias, {load.CONNECTIONS} connections"
    return [
        at_least(what, f"{alias:,.0f}/s", f"`mlflow server`: {peer:,.0f}/s", to_mlflow, 40),
        at_least(what, f"{alias:,.0f}/s", f"our authenticated no-op: {nothing:,.0f}/s", to_nothing, 0.5),
    ]


def _round(ours: Server, theirs: Server) -> tuple[float, float, float]:
    alias, nothing = load.throughput(ours, ALIAS, SECONDS), load.throughput(ours, NOTHING, SECONDS)
    return alias, nothing, load.throughput(theirs, MLFLOW_ALIAS, SECONDS)


def register(server: Server) -> None:
    """The model main.default.m, with one version whose alias is champion."""
    face = "/api/2.0/mlflow/unity-catalog"
    server.call("POST", f"{face}/registered-models/create", {"name": "main.default.m"})
    server.call("POST", f"{face}/model-versions/create", {"name": "main.default.m", "source": "local"})
    server.call(
        "POST", f"{face}/registered-models/alias", {"name": "main.default.m", "alias": "champion", "version": "1"}
    )


def register_mlflow(server: Server) -> None:
    """The same in MLflow's own registry."""
    face = "/api/2.0/mlflow"
    server.call("POST", f"{face}/registered-models/create", {"name": "m"})
    server.call("POST", f"{face}/model-versions/create", {"name": "m", "source": "s3://bucket/m"})
    server.call("POST", f"{face}/registered-models/alias", {"name": "m", "alias": "champion", "version": "1"})
