"""Register in every way a client has, then load, predict and download.  Argument: a catalog."""

import tempfile
from pathlib import Path

import mlflow
from common import MLFLOW, X, arguments, client, fit, log, predicts_like, refused, same, tracking, version_numbers, y
from mlflow.artifacts import download_artifacts
from mlflow.models import get_model_info, infer_signature
from sklearn.ensemble import RandomForestClassifier

(catalog,) = arguments()
NAME = f"{catalog}.ml_team.iris"

# From an autologged run.
mlflow.autolog(silent=True)
with tracking():
    autologged = RandomForestClassifier(n_estimators=5, max_depth=7, random_state=0).fit(X, y)
    run = mlflow.last_active_run()
    first = mlflow.register_model(f"runs:/{run.info.run_id}/model", NAME)
mlflow.autolog(disable=True)
same((run.info.status, run.data.params["max_depth"]), ("FINISHED", "7"))
same((first.name, str(first.version), first.status, first.run_id), (NAME, "1", "READY", run.info.run_id))

# While logging, the signature inferred from an example.
second = fit(2)
info = log(second, registered_model_name=NAME)
same(str(client.get_model_version(NAME, "2").run_id), info.run_id)

# From a folder on this machine, under the same name in capitals: names are the same whatever their case.
third = fit(4)
with tempfile.TemporaryDirectory() as folder:
    local = Path(folder) / "model"
    mlflow.sklearn.save_model(
        third, local, signature=infer_signature(X, third.predict(X)), pip_requirements=["scikit-learn"]
    )
    (local / "notes").mkdir()
    (local / "notes" / "größe & mehr.txt").write_text("extra files travel too")
    (local / "empty").touch()
    same(str(mlflow.register_model(str(local), NAME.upper()).version), "3")

same(version_numbers(NAME), [1, 2, 3])
for version, model in (1, autologged), (2, second), (3, third):
    stored = client.get_model_version(NAME, str(version))
    same((stored.status, stored.name), ("READY", NAME))
    predicts_like(f"models:/{NAME}/{version}", model)
same(list(mlflow.sklearn.load_model(f"models:/{NAME.upper()}/2").predict(X)), list(second.predict(X)))

# Another model from a version, and from what was logged.
other = f"{catalog}.ml_team.other"
if MLFLOW >= (3, 0):
    same(str(mlflow.register_model(info.model_uri, other).version), "1")
    same(str(mlflow.register_model(f"models:/{NAME}/2", other).version), "2")
    predicts_like(f"models:/{other}/1", second)
    predicts_like(f"models:/{other}/2", second)

# The files themselves: all of them, one of them, and what the model says of itself.
with tempfile.TemporaryDirectory() as folder:
    root = Path(download_artifacts(f"models:/{NAME}/3", dst_path=folder))
    assert {"MLmodel", "model.pkl", "requirements.txt", "empty"} <= {p.name for p in root.iterdir()}, list(
        root.iterdir()
    )
    same((root / "notes" / "größe & mehr.txt").read_text(), "extra files travel too")
    same((root / "empty").read_bytes(), b"")
    # Before 2.20 a client lists a file as if it were a folder, and gives up when told that it is none.
    if MLFLOW >= (2, 20):
        path = Path(download_artifacts(f"models:/{NAME}/3/MLmodel", dst_path=str(root / "one")))
        same(path.read_bytes(), (root / "MLmodel").read_bytes())
        signature = get_model_info(f"models:/{NAME}/2").signature
        same((len(signature.inputs.inputs), signature.outputs is not None), (4, True))
    else:
        refused(download_artifacts, f"models:/{NAME}/3/MLmodel", code="NOT_FOUND")
        refused(get_model_info, f"models:/{NAME}/2", code="NOT_FOUND")
where = client.get_model_version_download_uri(NAME, "1")
assert not where.startswith(("/", "file:")), f"the server tells where its disk is: {where}"
