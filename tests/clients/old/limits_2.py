"""What clients before 3.0 cannot do, call by call.  Argument: a catalog."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "flow"))

import mlflow
from common import X, arguments, client, fit, log, predicts_like, refused, registered, same

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

# Unless told otherwise, a client of `databricks` takes the workspace's own registry: the same models, by its own protocol.
mlflow.set_registry_uri("databricks")
workspace = mlflow.MlflowClient()
workspace.create_registered_model(f"{catalog}.ml_team.elsewhere")
same(workspace.get_registered_model(NAME).name, NAME)
predicts_like(f"models:/{NAME}/1", fit())
refused(workspace.transition_model_version_stage, NAME, "1", "Production", words="aliases")
mlflow.set_registry_uri("databricks-uc")
names = [model.name for model in mlflow.MlflowClient().search_registered_models() if catalog in model.name]
same(names, [f"{catalog}.ml_team.elsewhere", NAME])
