"""MLflow 2.11 with `databricks-uc`, which moves files with the store's temporary credentials, and what it cannot do.

Arguments: a catalog; a second one where the server vends no credentials.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "flow"))

import mlflow
from common import X, arguments, client, fit, gone, log, predicts_like, refused, same, tags_of, version_numbers
from mlflow.models import infer_signature

catalog, *without = arguments()
NAME = f"{catalog}.ml_team.old"

if without:
    with tempfile.TemporaryDirectory() as folder:
        model = fit()
        signature = infer_signature(X, model.predict(X))
        mlflow.sklearn.save_model(model, f"{folder}/model", signature=signature, pip_requirements=["scikit-learn"])
        # It takes signed URLs for nothing at all: 2.13.1 and newer use them without any setting.
        refused(mlflow.register_model, f"{folder}/model", NAME, words="unexpected credential type")
    sys.exit()

# From a folder, and from a run, whose files travel by URLs.
second = fit(2)
with tempfile.TemporaryDirectory() as folder:
    local = Path(folder) / "model"
    model = fit(1)
    signature = infer_signature(X, model.predict(X))
    mlflow.sklearn.save_model(model, str(local), signature=signature, pip_requirements=["scikit-learn"])
    (local / "notes").mkdir()
    (local / "notes" / "größe & mehr.txt").write_text("extra files travel too")
    (local / "large.bin").write_bytes(b"0123456789abcdef" * 700_000)  # several parts
    same(str(mlflow.register_model(str(local), NAME).version), "1")
log(second, registered_model_name=NAME)
same(version_numbers(NAME), [1, 2])
same([client.get_model_version(NAME, n).status for n in ("1", "2")], ["READY", "READY"])
predicts_like(f"models:/{NAME}/1", fit(1))
predicts_like(f"models:/{NAME}/2", second)
with tempfile.TemporaryDirectory() as folder:
    root = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/1", dst_path=folder))
    same((root / "notes" / "größe & mehr.txt").read_text(), "extra files travel too")
    same((root / "large.bin").stat().st_size, 11_200_000)
assert client.get_model_version_download_uri(NAME, "1").startswith("s3://")

# Aliases and tags.
client.set_registered_model_alias(NAME, "Champion", "2")
same(str(client.get_model_version_by_alias(NAME, "Champion").version), "2")
predicts_like(f"models:/{NAME}@Champion", second)
client.delete_registered_model_alias(NAME, "Champion")
gone(client.get_model_version_by_alias, NAME, "Champion")
client.set_registered_model_tag(NAME, "team", "ds")
client.set_model_version_tag(NAME, "1", "checked", "yes")
same(tags_of(client.get_registered_model(NAME)), {"team": "ds"})
same(tags_of(client.get_model_version(NAME, "1")), {"checked": "yes"})
client.delete_model_version_tag(NAME, "1", "checked")
same(tags_of(client.get_model_version(NAME, "1")), {})
client.update_model_version(NAME, "1", "described")
same(client.get_model_version(NAME, "1").description, "described")

# What this client refuses by itself.
refused(client.rename_registered_model, NAME, f"{catalog}.ml_team.new")
refused(client.transition_model_version_stage, NAME, "1", "Production")
refused(client.get_latest_versions, NAME)
refused(client.search_registered_models, order_by=["name"])
assert not hasattr(client.get_model_version(NAME, "1"), "model_id")

client.delete_model_version(NAME, "1")
gone(client.get_model_version, NAME, "1")
client.delete_registered_model(NAME)
gone(client.get_registered_model, NAME)
