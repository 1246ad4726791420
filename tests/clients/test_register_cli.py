"""`modelkeep models register --run`: a version from a run's logged model, and from a directory of a run's artifacts."""

import json

import pytest
from live import Server, run_client, succeeded

pytestmark = pytest.mark.clients

LOG = """
import json
import tempfile
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

rows = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
model = LinearRegression().fit(rows, rows["x"])
signature = infer_signature(rows, model.predict(rows))
with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
    logged = mlflow.sklearn.log_model(model, name="model", signature=signature, pip_requirements=["scikit-learn"])
    mlflow.sklearn.save_model(model, Path(folder) / "m", signature=signature, pip_requirements=["scikit-learn"])
    mlflow.log_artifacts(str(Path(folder) / "m"), "saved")
print(json.dumps([run.info.run_id, logged.model_id]))
"""
LOAD = """
import sys
import mlflow
import pandas as pd

print(mlflow.pyfunc.load_model(sys.argv[1]).predict(pd.DataFrame({"x": [5.0]})).round(3).tolist())
"""


def test_a_version_comes_from_a_run(server: Server, catalog: str) -> None:
    run, model_id = json.loads(succeeded(run_client(server, LOG)).splitlines()[-1])
    name = f"{catalog}.ml_team.from_run"
    for number, source in enumerate((("--model-id", model_id), ("--path", "saved")), 1):
        said = server.cli("models", "register", name, "--run", run, *source, "--comment", "by hand", "--json")
        version = json.loads(said)
        assert (version["version"], version["run_id"], version["comment"]) == (number, run, "by hand")
        assert version["status"] in ("PENDING_REGISTRATION", "READY")
    by_id, by_path = (json.loads(server.cli("models", "get-version", name, str(n), "--json")) for n in (1, 2))
    assert by_id["model_id"] == model_id and by_path["source"].endswith(f"{run}/saved")
    assert "[5.0]" in succeeded(run_client(server, LOAD, f"models:/{name}/2"))
