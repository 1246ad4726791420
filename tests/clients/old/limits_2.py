"""What clients before 3.0 cannot do, call by call.  Argument: a catalog."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "flow"))

import mlflow
from common import X, arguments, client, fit, log, refused, registered, same

(catalog,) = arguments()
NAME = f"{catalog}.ml_team.old"
registered(NAME, 3)

# A model is not logged by name: it is a folder of its run.
try:
    with mlflow.start_run():
        mlflow.sklearn.log_model(fit(), name="model", input_example=X.iloc[[0]])
except TypeError as error:
    assert "'name'" in str(error) or "artifact_path" in str(error), error
else:
    raise AssertionError("log_model(name=...) was accepted")

# There is no logged model: what was logged has no URI but its run's, and a version has no model_id.
assert not hasattr(mlflow, "get_logged_model")
assert not hasattr(mlflow, "last_logged_model")
info = log(fit())
assert info.model_uri.startswith("runs:/"), info.model_uri
assert not hasattr(client.get_model_version(NAME, "1"), "model_id")

# Unless told otherwise, a client of `databricks` takes the workspace's own registry, which is not there.
mlflow.set_registry_uri("databricks")
elsewhere = mlflow.MlflowClient()
refused(elsewhere.create_registered_model, f"{catalog}.ml_team.elsewhere")
refused(elsewhere.get_registered_model, NAME)
mlflow.set_registry_uri("databricks-uc")
same([model.name for model in mlflow.MlflowClient().search_registered_models() if catalog in model.name], [NAME])
