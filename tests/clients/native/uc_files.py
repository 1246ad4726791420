"""MLflow's `uc:` registry client with files: register, load, list, delete.  Arguments: a catalog, and the scheme of places."""

import os
import sys
import tempfile
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

catalog, scheme = sys.argv[1:]
os.environ["MLFLOW_UC_OSS_TOKEN"] = os.environ["DATABRICKS_TOKEN"]
mlflow.set_tracking_uri(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")
mlflow.set_registry_uri(f"uc:{os.environ['DATABRICKS_HOST']}")
client = MlflowClient()
NAME = f"{catalog}.ml_team.oss"
x = np.array([[0.0], [1.0]])
SIGNED = {"signature": infer_signature(np.array([[0.0]]), np.array([0])), "pip_requirements": ["scikit-learn"]}
item, two = LogisticRegression().fit(x, [0, 1]), LogisticRegression().fit(x, [1, 0])


def predicts_like(uri: str, model: LogisticRegression) -> None:
    for _ in range(2):  # again: MLflow writes a file of its own into what it loaded
        assert list(mlflow.pyfunc.load_model(uri).predict(x)) == list(model.predict(x)), uri


# From a folder on this machine, with names that need care.
with tempfile.TemporaryDirectory() as folder:
    local = Path(folder) / "model"
    mlflow.sklearn.save_model(item, str(local), **SIGNED)
    (local / "notes").mkdir()
    (local / "notes" / "größe & mehr.txt").write_text("extra files travel too")
    (local / "empty").touch()
    first = mlflow.register_model(str(local), NAME)
assert (int(first.version), first.status) == (1, "READY"), first

# From a run, with a part that is uploaded in several pieces.
with mlflow.start_run() as run:
    info = mlflow.sklearn.log_model(two, name="model", **SIGNED)
second = mlflow.register_model(info.model_uri, NAME)
assert (int(second.version), second.status) == (2, "READY"), second

predicts_like(f"models:/{NAME}/1", item)
predicts_like(f"models:/{NAME}/2", two)
with tempfile.TemporaryDirectory() as folder:
    root = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/1", dst_path=folder))
    assert (root / "notes" / "größe & mehr.txt").read_text() == "extra files travel too"
    assert (root / "empty").read_bytes() == b""
place = client.get_model_version_download_uri(NAME, "1")
assert place.startswith(scheme), place
assert sorted(int(v.version) for v in client.search_model_versions(f"name = '{NAME}'")) == [1, 2]

# A model without MLmodel, as a client in a hurry leaves it: refused at finalize, in the server's words.
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "weights.bin").write_bytes(b"x")
    try:
        mlflow.register_model(folder, NAME)
    except MlflowException as error:
        assert "MLmodel" in str(error), error
    else:
        raise AssertionError("a folder without MLmodel was registered")

client.delete_model_version(NAME, "1")
try:
    mlflow.pyfunc.load_model(f"models:/{NAME}/1")
except MlflowException as error:
    assert error.error_code == "RESOURCE_DOES_NOT_EXIST", error
else:
    raise AssertionError("a deleted version was loaded")
client.delete_registered_model(NAME)
