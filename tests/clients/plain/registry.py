"""A plain MLflow client, with nothing but the address of the server, through its whole model API: `python registry.py SUFFIX`.

MLflow before 3.0 knows no logged models: there a model is a folder of its run. Before 2.21 there are no prompts.
"""

import sys
import tempfile
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from packaging.version import Version
from sklearn.linear_model import LogisticRegression

suffix = sys.argv[1]
name = f"Iris Model {suffix}"
client = MlflowClient()
X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
trained = LogisticRegression().fit(X, y)

VERSION = Version(mlflow.__version__)
LOGGED_MODELS = VERSION.major > 2


def log(path, **fields):
    return mlflow.sklearn.log_model(
        trained, **{"name" if LOGGED_MODELS else "artifact_path": path}, pip_requirements=["scikit-learn"], **fields
    )


mlflow.set_experiment(f"plain-{suffix}")
with mlflow.start_run() as run:
    mlflow.log_metric("acc", 1.0)
    logged = log("model", registered_model_name=name)  # no signature
    signed = log("signed", signature=infer_signature(X, y))
    source = f"models:/{signed.model_id}" if LOGGED_MODELS else signed.model_uri
    with tempfile.TemporaryDirectory() as folder:
        mlflow.log_artifacts(mlflow.artifacts.download_artifacts(source, dst_path=folder), "old")

# what came from log_model: the server brought the files in
first = client.get_model_version(name, "1")
assert (first.name, first.status, first.current_stage) == (name, "READY", "None"), first
assert first.source == (f"models:/{logged.model_id}" if LOGGED_MODELS else f"{run.info.artifact_uri}/model"), first
assert mlflow.sklearn.load_model(f"models:/{name}/1").predict(X).tolist() == [0, 0, 1, 1]
assert client.get_registered_model(name.upper()).name == name

# a run's artifacts, and a run's logged model
second = mlflow.register_model(f"runs:/{run.info.run_id}/old", name, tags={"k": "v"})
assert (str(second.version), second.tags, second.run_id) == ("2", {"k": "v"}, run.info.run_id), second
assert str(mlflow.register_model(f"runs:/{run.info.run_id}/signed", name).version) == "3"

# aliases
client.set_registered_model_alias(name, "champion", "2")
assert client.get_model_version_by_alias(name, "champion").aliases == ["champion"]
assert client.get_registered_model(name).aliases == {"champion": "2"}
loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
assert loaded.predict(X).tolist() == [0, 0, 1, 1]
assert "MLmodel" in {p.name for p in Path(mlflow.artifacts.download_artifacts(f"models:/{name}/2")).iterdir()}
assert mlflow.pyfunc.load_model(f"models:/{name}/latest").metadata.model_uuid
assert [f.path for f in mlflow.artifacts.list_artifacts(f"models:/{name}/2")]
assert client.get_model_version_download_uri(name, "2").startswith("mlflow-artifacts:/Models/main/default/")

# copies share the files
copy = client.copy_model_version(f"models:/{name}@champion", f"copy-{suffix}")
assert (copy.status, copy.version, copy.tags) == ("READY", "1", {"k": "v"}), copy
assert mlflow.pyfunc.load_model(f"models:/copy-{suffix}/1").predict(X).tolist() == [0, 0, 1, 1]
promoted = mlflow.register_model(f"models:/{name}/2", f"copy-{suffix}")
assert (promoted.version, promoted.status) == ("2", "READY"), promoted

# tags, descriptions, names
client.set_registered_model_tag(name, "team", "ds")
client.set_model_version_tag(name, "1", "checked", "yes")
client.update_registered_model(name, "all of them")
client.update_model_version(name, "1", "the first")
model = client.get_registered_model(name)
assert (model.tags, model.description) == ({"team": "ds"}, "all of them"), model
assert [v.version for v in model.latest_versions] == ["3"] == [v.version for v in client.get_latest_versions(name)]
client.delete_registered_model_tag(name, "team")
client.delete_model_version_tag(name, "1", "checked")
assert client.get_model_version(name, "1").tags == {}
client.rename_registered_model(name, f"Renamed {suffix}")
name = f"Renamed {suffix}"
assert client.create_registered_model(f"main.default.three-{suffix}", tags={"a": "b"}).name == f"three-{suffix}"

# search
client.set_registered_model_tag(name, "env", "prod")
assert [m.name for m in client.search_registered_models("tags.env = 'prod' AND name LIKE 'renamed%'")] == [name]
assert [m.name for m in client.search_registered_models(f"name = '{name.lower()}'")] == [name]
assert [m.aliases for m in client.search_registered_models(f"name = '{name}'")] == [{"champion": "2"}]
registered_models = mlflow.search_registered_models(
    filter_string=f"name ILIKE '%{suffix}'", order_by=["creation_timestamp DESC"]
)
assert [m.name for m in registered_models] == [f"three-{suffix}", f"copy-{suffix}", name], registered_models
assert [v.version for v in client.search_model_versions(f"name='{name}'", order_by=["version_number ASC"])] == list(
    "123"
)
assert [v.version for v in client.search_model_versions(f"name='{name}' and version_number > 1 and tags.k='v'")] == [
    "2"
]
of_run = client.search_model_versions(f"run_id = '{run.info.run_id}'")
assert {v.name for v in of_run} == {name, f"copy-{suffix}"}, of_run
page = client.search_registered_models(f"name ILIKE '%{suffix}'", max_results=2, order_by=["name DESC"])
rest = client.search_registered_models(f"name ILIKE '%{suffix}'", 2, ["name DESC"], page.token)
assert [len(page), len(rest), rest.token or ""] == [2, 1, ""]

# a pointer to somewhere else is kept and never opened
pointer = client.create_model_version(name, "s3://elsewhere/models/7")
assert pointer.status == "READY" and client.get_model_version_download_uri(name, "4") == "s3://elsewhere/models/7"

# prompts live in the same registry
if Version("2.21") <= VERSION:
    prompts = getattr(mlflow, "genai", mlflow)
    prompts = prompts if hasattr(prompts, "register_prompt") else mlflow
    prompt = prompts.register_prompt(f"prompt-{suffix}", "Say {{word}}.")
    assert prompts.load_prompt(f"prompts:/prompt-{suffix}/1").template == "Say {{word}}.", prompt
    assert f"prompt-{suffix}" not in [m.name for m in client.search_registered_models()]
    prompts.set_prompt_alias(f"prompt-{suffix}", alias="live", version=1)
    assert prompts.load_prompt(f"prompts:/prompt-{suffix}@live").version in (1, "1")
    prompts.delete_prompt_alias(f"prompt-{suffix}", alias="live")
    delete = client.delete_prompt_version if hasattr(client, "delete_prompt_version") else client.delete_prompt
    delete(f"prompt-{suffix}", "1")


def refused(code: str, words: str, act, *args, **fields) -> None:
    try:
        act(*args, **fields)
    except MlflowException as error:
        assert (error.error_code, words in str(error)) == (code, True), error
    else:
        raise AssertionError(f"{act.__name__} was not refused")


with tempfile.TemporaryDirectory() as folder:
    refused("INVALID_PARAMETER_VALUE", "local", client.create_model_version, name, folder)
refused("INVALID_PARAMETER_VALUE", "aliases", client.transition_model_version_stage, name, "1", "Production")
refused("INVALID_PARAMETER_VALUE", "aliases", client.get_latest_versions, name, ["Production"])
refused("RESOURCE_ALREADY_EXISTS", "exists", client.create_registered_model, name.upper())
refused("RESOURCE_DOES_NOT_EXIST", "does not exist", client.get_registered_model, f"absent-{suffix}")
refused("RESOURCE_DOES_NOT_EXIST", "does not exist", client.get_model_version, name, "77")
refused("RESOURCE_DOES_NOT_EXIST", "not found", client.create_model_version, name, "runs:/0123456789abcdef/model")
refused("INVALID_PARAMETER_VALUE", "three levels", client.create_registered_model, "one.dot")
refused("INVALID_PARAMETER_VALUE", "at most", client.search_registered_models, " AND ".join(["name = 'a'"] * 101))
refused("INVALID_PARAMETER_VALUE", "order_by", client.search_registered_models, order_by=["owner"])

# a directory that is no model
with mlflow.start_run() as other:
    mlflow.log_text("x", "folder/file.txt")
failed = client.create_model_version(name, f"{other.info.artifact_uri}/folder", other.info.run_id, await_creation_for=0)
try:
    client._get_registry_client().store._await_model_version_creation(failed, 60)
except MlflowException as error:
    assert "no MLmodel file" in str(error), error
else:
    raise AssertionError("a folder without an MLmodel file was registered")
assert client.get_model_version(name, failed.version).status == "FAILED_REGISTRATION"

client.delete_registered_model_alias(name, "champion")
client.delete_model_version(name, "1")
client.delete_registered_model(name)
assert mlflow.pyfunc.load_model(f"models:/copy-{suffix}/1").predict(X).tolist() == [0, 0, 1, 1]
print("done")
