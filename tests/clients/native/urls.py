"""Registers a folder with `databricks-uc` and loads it, without a setting for any store.  Argument: a catalog."""

import os
import sys
import tempfile

import mlflow
import numpy as np
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

(catalog,) = sys.argv[1:]
NAME, x = f"{catalog}.ml_team.urls", np.array([[0.0], [1.0]])
assert not [name for name in os.environ if name.startswith(("AWS_", "MLFLOW_S3"))]
mlflow.set_tracking_uri(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")
mlflow.set_registry_uri("databricks-uc")
model = LogisticRegression().fit(x, [0, 1])
with tempfile.TemporaryDirectory() as folder:
    mlflow.sklearn.save_model(
        model,
        f"{folder}/model",
        signature=infer_signature(np.array([[0.0]]), np.array([0])),
        pip_requirements=["scikit-learn"],
    )
    assert mlflow.register_model(f"{folder}/model", NAME).status == "READY"
assert list(mlflow.pyfunc.load_model(f"models:/{NAME}/1").predict(x)) == list(model.predict(x))
