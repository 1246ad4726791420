"""A run whose files are in a volume: written, listed, read, and registered as a model.  Argument: a catalog."""

import mlflow
from common import X, arguments, client, fit, predicts_like, same
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import VolumeType

(catalog,) = arguments()
w = WorkspaceClient()
w.volumes.create(catalog, "ml_team", "runs", VolumeType.MANAGED)
root = f"/Volumes/{catalog}/ml_team/runs/experiments"
mlflow.set_experiment(
    experiment_id=client.create_experiment(f"/Users/admin/in_{catalog}", artifact_location=f"dbfs:{root}")
)
with mlflow.start_run() as run:
    same(run.info.artifact_uri.startswith(f"dbfs:{root}/"), True)
    mlflow.log_text("hello", "notes/a.txt")
    mlflow.log_text("", "notes/empty.txt")
    info = mlflow.sklearn.log_model(fit(), name="model", input_example=X.iloc[[0]], pip_requirements=["scikit-learn"])
same([file.path for file in client.list_artifacts(run.info.run_id, "notes")], ["notes/a.txt", "notes/empty.txt"])
same(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/a.txt"), "hello")
same([entry.name for entry in w.files.list_directory_contents(root)] != [], True)
predicts_like(info.model_uri, fit())
mlflow.register_model(info.model_uri, f"{catalog}.ml_team.of_volume")
predicts_like(f"models:/{catalog}.ml_team.of_volume/1", fit())
