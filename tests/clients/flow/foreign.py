"""Logged models that this server does not have, and versions that never had one.  Argument: a catalog."""

import tempfile
from pathlib import Path

import mlflow
from common import MLFLOW, X, arguments, client, fit, predicts_like, refused, same, version_numbers
from mlflow.models import infer_signature

(catalog,) = arguments()
NAME, OTHER = f"{catalog}.ml_team.local", f"{catalog}.ml_team.local_copy"
NOWHERE = "m-" + "0" * 32
model = fit(4)
with tempfile.TemporaryDirectory() as folder:
    path = str(Path(folder) / "model")
    mlflow.sklearn.save_model(model, path, signature=infer_signature(X, model.predict(X)), pip_requirements=["numpy"])
    mlflow.register_model(path, NAME)
    # From 3.10 on the client takes the version without its logged model; before, it cannot do without.
    if MLFLOW >= (3, 10):
        client.create_model_version(NAME, path, model_id=NOWHERE)
        predicts_like(f"models:/{NAME}/2", model)
    else:
        refused(client.create_model_version, NAME, path, model_id=NOWHERE, code="RESOURCE_DOES_NOT_EXIST")
        same(version_numbers(NAME), [1])

# A version that was never logged can still be copied and registered anew. Before 3.10 the client then tags the logged
# model that there never was, and ends in that: when all is done.
same(str(client.copy_model_version(f"models:/{NAME}/1", OTHER).version), "1")
if MLFLOW >= (3, 10):
    same(str(mlflow.register_model(f"models:/{NAME}/1", OTHER).version), "2")
else:
    refused(mlflow.register_model, f"models:/{NAME}/1", OTHER, code="RESOURCE_DOES_NOT_EXIST", words="ogged model")
same(client.get_model_version(OTHER, "2").status, "READY")
predicts_like(f"models:/{OTHER}/1", model)
predicts_like(f"models:/{OTHER}/2", model)

# So can one whose logged model was deleted since.
with mlflow.start_run():
    logged = mlflow.sklearn.log_model(
        model, name="model", input_example=X.iloc[[0]], pip_requirements=["numpy"], registered_model_name=NAME
    )
last = version_numbers(NAME)[-1]
client.delete_logged_model(logged.model_id)
same(str(client.copy_model_version(f"models:/{NAME}/{last}", OTHER).version), "3")
predicts_like(f"models:/{OTHER}/3", model)
