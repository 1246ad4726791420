"""What MLflow 2.15 and 2.16 cannot do, and how it is done nevertheless.  Argument: a catalog.

Their listing of a model's files hands databricks-sdk a text where it takes a dict: before any request goes out, loading
ends in an AttributeError. MLFLOW_ENABLE_DB_SDK=false sends them another way, on which everything works.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "flow"))

import mlflow
from common import arguments, client, fit, predicts_like, registered, same

(catalog,) = arguments()
NAME = f"{catalog}.ml_team.old"
registered(NAME, 3)  # registering works as it is
same(client.get_model_version(NAME, "1").status, "READY")
os.environ["MLFLOW_ENABLE_DB_SDK"] = "true"  # the default
try:
    mlflow.pyfunc.load_model(f"models:/{NAME}/1")
except AttributeError as error:
    same(str(error), "'str' object has no attribute 'items'")
else:
    raise AssertionError("this client can load after all: take its exception out of the tests and the documents")

os.environ["MLFLOW_ENABLE_DB_SDK"] = "false"
predicts_like(f"models:/{NAME}/1", fit(3))
