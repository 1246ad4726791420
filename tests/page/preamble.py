"""What every block of the page takes for granted: it runs before each, and mends what the last one took away."""

import mlflow
from databricks.sdk import WorkspaceClient
from mlflow import MlflowClient
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

client = MlflowClient()
model_name, version = "prod.ml_team.iris_model", "1"
staged, promoted = "staging.ml_team.fraud_detection", "prod.ml_team.fraud_detection"

X, y = load_iris(return_X_y=True, as_frame=True)
test_x = X.iloc[40:60]


def version_numbers(name: str) -> list[int]:
    return sorted(int(model_version.version) for model_version in client.search_model_versions(f"name='{name}'"))


def register(name: str, max_depth: int) -> None:
    model = RandomForestClassifier(n_estimators=5, max_depth=max_depth).fit(X, y)
    # Named requirements spare each version the process in which MLflow would look for them.
    how = {"input_example": X.iloc[[0]], "pip_requirements": ["scikit-learn"]}
    with mlflow.start_run():
        mlflow.sklearn.log_model(model, name="model", registered_model_name=name, **how)


workspace = WorkspaceClient()
existing = {catalog.name for catalog in workspace.catalogs.list()}
for catalog in {"prod", "staging"} - existing:
    workspace.catalogs.create(catalog)
    workspace.schemas.create("ml_team", catalog)

if version_numbers(model_name)[:3] != [1, 2, 3]:
    if any(model.name == model_name for model in client.search_registered_models()):
        client.delete_registered_model(model_name)
    for depth in 1, 2, 3:
        register(model_name, depth)
if not version_numbers(staged):
    register(staged, 4)
if not version_numbers(promoted):
    client.copy_model_version(f"models:/{staged}/1", promoted)
client.set_registered_model_alias(model_name, "Champion", 3)
copied_model_version = client.get_model_version(promoted, "1")

mlflow.autolog()
placeholders = {
    "catalog_name": "prod",
    "schema_name": "ml_team",
    "model_name": "iris_model",
    "run_uuid": client.get_model_version(model_name, "1").run_id,
    "model-name": model_name,
    "model-version": "2",
    "description": "Tells three kinds of iris apart",
    "full-model-name": model_name,
    "new-model-name": "prod.ml_team.iris_renamed",
    "source-model-name": model_name,
    "source-model-version": "2",
    "destination-model-name": "staging.ml_team.iris_copy",
}
