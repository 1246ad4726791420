"""The example scripts against a real server, as service principals with exactly the privileges that their pages name."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from live import Server, new_catalog, run_client, succeeded

EXAMPLES = Path(__file__).parents[2] / "examples"
SCORE, PROMOTE = EXAMPLES / "batch_scoring" / "score.py", EXAMPLES / "promotion" / "promote.py"
pytestmark = pytest.mark.clients

TRAIN = """
import sys
import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

rows = pd.DataFrame({"amount": [1.0, 2.0, 3.0], "hour": [3.0, 5.0, 8.0]})
for name, alias, factor in [words.split("=") for words in sys.argv[1:]]:
    model = LinearRegression().fit(rows, rows["amount"] * float(factor))
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            model, name="model", signature=infer_signature(rows, model.predict(rows)),
            pip_requirements=["scikit-learn"], registered_model_name=name,
        )
    mlflow.MlflowClient().set_registered_model_alias(name, alias, logged.registered_model_version)
"""


def train(server: Server, *words: str) -> None:
    """Each word is model=alias=factor: registers a version that predicts factor * amount, and points the alias at it."""
    succeeded(run_client(server, TRAIN, *words))


def principal(server: Server, *grants: str) -> dict[str, str]:
    """The environment of a new service principal that signs in with a client secret, and has these grants alone."""
    name = f"robot-{os.urandom(4).hex()}"
    server.cli("service-principals", "create", name)
    for grant in grants:
        kind, full_name, *privileges = grant.split()
        server.cli("grants", "add", kind, full_name, name, *privileges)
    environment = server.env()
    del environment["DATABRICKS_TOKEN"]
    secret = server.cli("service-principals", "create-secret", name).strip()
    return environment | {"DATABRICKS_CLIENT_ID": name, "DATABRICKS_CLIENT_SECRET": secret}


def run(script: Path, *arguments: str | Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)


def test_batch_scoring(server: Server, catalog: str, tmp_path: Path) -> None:
    model = f"{catalog}.ml_team.fraud"
    train(server, f"{model}=champion=2")
    robot = principal(server, f"catalog {catalog} USE_CATALOG", f"schema {catalog}.ml_team USE_SCHEMA EXECUTE")
    rows = pd.DataFrame({"id": ["a", "b", "c"], "amount": [1.0, 10.0, 100.0], "hour": [1.0, 2.0, 3.0]})
    rows.astype({"hour": int}).to_csv(tmp_path / "rows.csv", index=False)
    rows.to_parquet(tmp_path / "rows.parquet")
    for source, target in (("rows.csv", "scored.parquet"), ("rows.parquet", "scored.csv")):
        done = run(SCORE, f"models:/{model}@champion", tmp_path / source, tmp_path / target, environment=robot)
        assert f"3 rows scored with models:/{model}/1" in succeeded(done)
        scored = (pd.read_parquet if target.endswith("parquet") else pd.read_csv)(tmp_path / target)
        assert list(scored.columns) == ["id", "amount", "hour", "prediction", "model_version"]
        assert scored["prediction"].round(6).tolist() == [2.0, 20.0, 200.0]
    absent = run(SCORE, f"models:/{model}@none", tmp_path / "rows.csv", tmp_path / "never.csv", environment=robot)
    assert absent.returncode != 0 and not (tmp_path / "never.csv").exists()


def test_promotion(server: Server, catalog: str, tmp_path: Path) -> None:
    production = new_catalog(server)
    staging_model, model = f"{catalog}.ml_team.fraud", f"{production}.ml_team.fraud"
    train(server, f"{staging_model}=candidate=2")
    robot = principal(
        server,
        f"catalog {catalog} USE_CATALOG USE_SCHEMA EXECUTE",
        f"catalog {production} USE_CATALOG USE_SCHEMA EXECUTE CREATE_MODEL",
    )

    def promote(*words: str) -> subprocess.CompletedProcess[str]:
        return run(PROMOTE, staging_model, model, *words, environment=robot)

    check = ("--check", str(PROMOTE.with_name("smoke.csv")))
    for _ in range(2):  # the second run copies nothing
        assert f"{model}@champion is version 1, copied from models:/{staging_model}/1" in succeeded(promote(*check))
    train(server, f"{staging_model}=candidate=3")
    assert f"{model}@champion is version 2" in succeeded(promote(*check))
    (tmp_path / "wrong.csv").write_text("other\n1\n")
    refused = promote("--check", str(tmp_path / "wrong.csv"))
    assert refused.returncode != 0
    assert [version["version"] for version in json.loads(server.cli("models", "versions", model, "--json"))] == [
        "2",
        "1",
    ]


def test_the_pages_name_the_privileges_that_the_tests_use() -> None:
    scoring, promotion = (path.with_name("README.md").read_text() for path in (SCORE, PROMOTE))
    assert "add catalog prod nightly-scoring USE_CATALOG\n" in scoring
    assert "add schema prod.ml_team nightly-scoring USE_SCHEMA EXECUTE\n" in scoring
    assert "add catalog staging promoter USE_CATALOG USE_SCHEMA EXECUTE\n" in promotion
    assert "add catalog prod promoter USE_CATALOG USE_SCHEMA EXECUTE CREATE_MODEL\n" in promotion


def test_the_workflow_runs_what_is_there() -> None:
    folder = PROMOTE.parent
    workflow = yaml.safe_load((folder / ".github" / "workflows" / "promote.yml").read_text())
    steps = workflow["jobs"]["promote"]["steps"]
    commands = " ".join(step.get("run", "") for step in steps)
    for name in re.findall(r"\S+\.(?:py|sh|csv)", commands):
        assert (folder / name).is_file(), name
    assert workflow["permissions"]["id-token"] == "write"
    subprocess.run(["bash", "-n", folder / "sign_in.sh"], check=True)
