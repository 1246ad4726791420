"""MLflow's own client, unmodified, with `mlflow.set_tracking_uri("databricks")`."""

import json

import mlflow
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression
from tracking.tracking_site import Site

pytestmark = pytest.mark.clients


@pytest.fixture
def client(as_alice: Site) -> MlflowClient:
    mlflow.set_tracking_uri("databricks")
    return MlflowClient()


def test_experiment_run_metrics_model(client: MlflowClient, as_alice: Site) -> None:
    experiment = mlflow.set_experiment("/Users/alice@x.io/flow")
    assert experiment.artifact_location == f"dbfs:/databricks/mlflow-tracking/{experiment.experiment_id}"
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_param("c", 1)
        mlflow.log_metric("acc", 0.5, step=1)
        mlflow.log_metric("acc", float("nan"), step=2)
        mlflow.log_metrics({"loss": 0.1})
        mlflow.set_tag("k", "v")
        mlflow.log_dict({"a": [1, 2]}, "deep/file.json")
        model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
        info = mlflow.sklearn.log_model(model, name="model", input_example=[[0.5]])
    root = f"dbfs:/databricks/mlflow-tracking/{experiment.experiment_id}/{run.info.run_id}/artifacts"
    assert run.info.artifact_uri == root
    again = client.get_run(run.info.run_id)
    assert again.info.status == "FINISHED"
    assert again.data.params == {"c": "1"}
    assert again.data.tags["mlflow.user"] == again.info.user_id == "alice@x.io"
    assert [m.step for m in client.get_metric_history(run.info.run_id, "acc")] == [1, 2]
    assert {f.path for f in client.list_artifacts(run.info.run_id)} >= {"deep"}
    assert mlflow.artifacts.load_dict(f"{root}/deep/file.json") == {"a": [1, 2]}
    logged = mlflow.get_logged_model(info.model_id)
    home = f"dbfs:/databricks/mlflow-tracking/{experiment.experiment_id}/logged_models/{info.model_id}/artifacts"
    assert (logged.artifact_location, str(logged.status), logged.source_run_id) == (home, "READY", run.info.run_id)
    assert mlflow.sklearn.load_model(info.model_uri).predict([[5.0]]).tolist() == [1]
    assert mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict([[5.0]]).tolist() == [1]
    assert [r.info.run_id for r in client.search_runs([experiment.experiment_id], "metrics.loss < 1")] == [
        run.info.run_id
    ]
    assert [m.model_id for m in mlflow.search_logged_models([experiment.experiment_id], output_format="list")] == [
        info.model_id
    ]
    assert mlflow.search_experiments(filter_string="name = '/Users/alice@x.io/flow'")[0].tags.keys() == set()


def test_default_experiment(client: MlflowClient) -> None:
    run = client.create_run("None")
    assert client.get_experiment(run.info.experiment_id).name == "/Users/alice@x.io/default"
    assert client.create_run("0").info.experiment_id == run.info.experiment_id
    assert run.info.run_id in {r.info.run_id for r in client.search_runs(["0"])}


def test_dataset_source_is_kept_for_each_run(client: MlflowClient) -> None:
    mlflow.set_experiment("/Users/alice@x.io/inputs")
    sources = []
    for table_id in ("one", "two"):
        dataset = mlflow.entities.Dataset(
            "prod.ml.iris@v0", "abcd1234", "delta_table", json.dumps({"delta_table_id": table_id}), "{}", "null"
        )
        run = client.create_run(mlflow.get_experiment_by_name("/Users/alice@x.io/inputs").experiment_id)
        tag = mlflow.entities.InputTag("mlflow.data.context", "training")
        client.log_inputs(run.info.run_id, [mlflow.entities.DatasetInput(dataset, [tag])])
        sources.append((run.info.run_id, table_id))
    for run_id, table_id in sources:
        (item,) = client.get_run(run_id).inputs.dataset_inputs
        assert json.loads(item.dataset.source) == {"delta_table_id": table_id}
        assert item.tags[0].value == "training"
    fields = {
        r.info.run_id: r.inputs.dataset_inputs[0].dataset.source for r in client.search_runs([run.info.experiment_id])
    }
    assert {run_id: json.loads(fields[run_id])["delta_table_id"] for run_id, _ in sources} == dict(sources)


def test_traces(client: MlflowClient) -> None:
    experiment = mlflow.set_experiment("/Users/alice@x.io/traces")

    @mlflow.trace
    def twice(x: int) -> int:
        return 2 * x

    assert twice(21) == 42
    mlflow.flush_trace_async_logging()
    (trace,) = mlflow.search_traces(experiment_ids=[experiment.experiment_id], return_type="list")
    assert trace.data.spans[0].outputs == 42
    place = f"dbfs:/databricks/mlflow-tracking/{experiment.experiment_id}/{trace.info.trace_id}/artifacts"
    assert trace.info.tags["mlflow.artifactLocation"] == place
    mlflow.set_trace_tag(trace.info.trace_id, "colour", "red")
    mlflow.log_feedback(trace_id=trace.info.trace_id, name="good", value=True)
    again = mlflow.get_trace(trace.info.trace_id)
    assert again.info.tags["colour"] == "red"
    assert [a.name for a in again.info.assessments] == ["good"]
    mlflow.delete_trace_tag(trace.info.trace_id, "colour")
    assert client.delete_traces(experiment.experiment_id, trace_ids=[trace.info.trace_id]) == 1
    assert mlflow.get_trace(trace.info.trace_id) is None
