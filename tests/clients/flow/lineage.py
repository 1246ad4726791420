"""Where a version came from, and what came of a table: from a run's inputs and from copies.  Argument: a catalog."""

import mlflow
from common import X, arguments, client, fit, log, same, y
from databricks.sdk import WorkspaceClient
from mlflow.data.delta_dataset_source import DeltaDatasetSource

(catalog,) = arguments()
NAME, COPY = f"{catalog}.ml_team.traced", f"{catalog}.ml_team.traced_copy"
api = WorkspaceClient().api_client


def dataset(table: str, rows: slice) -> mlflow.data.dataset.Dataset:
    # Tracking knows a dataset by its name and a digest of its data.
    source = DeltaDatasetSource(delta_table_name=table, delta_table_version=3)
    return mlflow.data.from_pandas(X.assign(species=y)[rows], source=source)


def edges(name: str, version: int) -> list[tuple[str, str, str, str]]:
    lineage = api.do("GET", f"/api/modelkeep/v1/models/{name}/versions/{version}/lineage")["lineage"]
    return sorted((edge["direction"], edge["entity_type"], edge["entity_name"], edge["context"]) for edge in lineage)


train, test = f"{catalog}.ml_team.train", f"{catalog}.ml_team.test"
with mlflow.start_run():
    mlflow.log_input(dataset(train, slice(100)), "training")
    mlflow.log_input(dataset(test, slice(100, 150)), "evaluation")
    mlflow.log_input(mlflow.data.from_pandas(X), "training")  # a frame from nowhere has no lineage
    mlflow.sklearn.log_model(
        fit(), name="model", input_example=X.iloc[[0]], pip_requirements=["scikit-learn"], registered_model_name=NAME
    )
log(fit(2), registered_model_name=NAME)
tables = [("UPSTREAM", "TABLE", test, "evaluation"), ("UPSTREAM", "TABLE", train, "training")]
same(edges(NAME, 1), tables)
same(edges(NAME, 2), [])

client.copy_model_version(f"models:/{NAME}/1", COPY)
assert ("UPSTREAM", "MODEL_VERSION", f"{NAME}/1", "copy") in edges(COPY, 1), edges(COPY, 1)
assert [edge for edge in edges(NAME, 1) if edge[0] == "DOWNSTREAM" and f"{COPY}/1" in edge[2]], edges(NAME, 1)

consumers = str(api.do("GET", "/api/modelkeep/v1/lineage", query={"type": "TABLE", "name": train}))
assert NAME in consumers, consumers
