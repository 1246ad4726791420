"""MLflow's `uc:` registry client where it has no way to files: all the rest, and one clear sentence for those.

Argument: a catalog."""

import os
import sys
import tempfile
import time

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

(catalog,) = sys.argv[1:]
os.environ["MLFLOW_UC_OSS_TOKEN"] = os.environ["DATABRICKS_TOKEN"]
mlflow.set_tracking_uri(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")
mlflow.set_registry_uri(f"uc:{os.environ['DATABRICKS_HOST']}")
client = MlflowClient()
NAME = f"{catalog}.ml_team.oss"


def refused(call, *args: object) -> MlflowException:
    started = time.monotonic()
    try:
        call(*args)
    except MlflowException as error:
        assert time.monotonic() - started < 20
        return error
    raise AssertionError(f"{args} was not refused")


registered_model = client.create_registered_model(NAME, description="first")
assert (registered_model.name, registered_model.description) == (NAME, "first")
assert refused(client.create_registered_model, NAME).error_code == "RESOURCE_ALREADY_EXISTS"
assert client.update_registered_model(NAME, "second").description == "second"
assert client.get_registered_model(NAME).description == "second"
assert NAME in [model.name for model in client.search_registered_models()]
missing = refused(client.get_registered_model, f"{NAME}x")
assert missing.error_code == "RESOURCE_DOES_NOT_EXIST"
assert "NOT_FOUND" in str(missing)

with tempfile.TemporaryDirectory() as folder:
    x = [[0.0], [1.0]]
    model = LogisticRegression().fit(x, [0, 1])
    local = f"{folder}/model"
    mlflow.sklearn.save_model(model, local, signature=infer_signature([[0.0]], [0]), pip_requirements=["scikit-learn"])
    error = refused(mlflow.register_model, local, NAME)
for word in "databricks-uc", "MODELKEEP_SHARED_FOLDER", "MODELKEEP_S3_ROLE_ARN":
    assert word in str(error), error
assert not client.search_model_versions(f"name = '{NAME}'")  # and nothing is left behind

# What another client made is there all the same.
requests.post(
    f"{os.environ['DATABRICKS_HOST']}/api/2.0/mlflow/unity-catalog/model-versions/create",
    json={"name": NAME, "source": "runs:/r/m"},
    headers={"Authorization": f"Bearer {os.environ['DATABRICKS_TOKEN']}"},
    timeout=20,
).raise_for_status()
[pending] = client.search_model_versions(f"name = '{NAME}'")
assert (int(pending.version), pending.status) == (1, "PENDING_REGISTRATION")
assert client.update_model_version(NAME, "1", "described").description == "described"
assert client.get_model_version(NAME, "1").description == "described"
assert not client.get_model_version_download_uri(NAME, "1").startswith(("/", "file:"))
client.delete_model_version(NAME, "1")
assert refused(client.get_model_version, NAME, "1").error_code == "RESOURCE_DOES_NOT_EXIST"
client.delete_registered_model(NAME)
assert refused(client.get_registered_model, NAME).error_code == "RESOURCE_DOES_NOT_EXIST"
