"""A version without a signature, from a client that was told not to look: the server looks.  Argument: a catalog."""

import tempfile
from pathlib import Path

import mlflow
from common import arguments, client, fit, gone, refused
from mlflow.store._unity_catalog.registry.rest_store import UcModelRegistryStore

(catalog,) = arguments()
NAME = f"{catalog}.ml_team.unsigned"
UcModelRegistryStore._validate_model_signature = lambda self, local_model_path: None
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model"
    mlflow.sklearn.save_model(fit(), path, pip_requirements=["scikit-learn"])
    refused(mlflow.register_model, str(path), NAME, code="INVALID_PARAMETER_VALUE", words="signature")
    assert client.get_model_version(NAME, "1").status != "READY"
    refused(mlflow.pyfunc.load_model, f"models:/{NAME}/1")
client.delete_model_version(NAME, "1")
gone(client.get_model_version, NAME, "1")
