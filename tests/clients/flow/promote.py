"""Copies: within a schema, by alias, and from one catalog to another.  Arguments: catalog, another catalog."""

import tempfile
from pathlib import Path

from common import arguments, client, fit, gone, predicts_like, refused, registered, same, tags_of, version_numbers
from mlflow.artifacts import download_artifacts

staging, prod = arguments()
SOURCE = f"{staging}.ml_team.fraud"
TARGET = f"{prod}.ml_team.fraud"
registered(SOURCE, 2, 5)
client.set_model_version_tag(SOURCE, "2", "checked", "yes")
client.update_model_version(SOURCE, "2", "the deeper one")
client.set_registered_model_alias(SOURCE, "Candidate", "2")

copied = client.copy_model_version(f"models:/{SOURCE}/2", TARGET)
same((copied.name, str(copied.version), copied.status), (TARGET, "1", "READY"))
same(copied.source, f"models:/{SOURCE}/2")
stored = client.get_model_version(TARGET, "1")
same((tags_of(stored), stored.description), ({"checked": "yes"}, "the deeper one"))
same(list(stored.aliases), [])
same(stored.run_id, client.get_model_version(SOURCE, "2").run_id)
predicts_like(f"models:/{TARGET}/1", fit(5))


def files(uri: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(download_artifacts(uri, dst_path=folder))
        fields = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    # Clients before 3.18 leave this note of where they took a copy from in what they download.
    fields.pop("registered_model_meta", None)
    return fields


same(files(f"models:/{TARGET}/1"), files(f"models:/{SOURCE}/2"))

# By alias, into a model that exists; then on within the schema; then a copy of a copy.
by_alias = client.copy_model_version(f"models:/{SOURCE}@Candidate", TARGET)
same(str(by_alias.version), "2")
beside = f"{prod}.ml_team.fraud_beside"
same(str(client.copy_model_version(f"models:/{TARGET}/1", beside).version), "1")
client.set_registered_model_alias(name=TARGET, alias="Champion", version=copied.version)

# A copy stands on its own: its source may go.
client.delete_registered_model(SOURCE)
gone(client.get_registered_model, SOURCE)
predicts_like(f"models:/{TARGET}@Champion", fit(5))
predicts_like(f"models:/{beside}/1", fit(5))
client.delete_model_version(TARGET, "1")
predicts_like(f"models:/{TARGET}/2", fit(5))
predicts_like(f"models:/{beside}/1", fit(5))
same(version_numbers(TARGET), [2])

# The client wraps these two refusals and keeps only their words.
refused(client.copy_model_version, f"models:/{SOURCE}/2", TARGET, words="RESOURCE_DOES_NOT_EXIST")
refused(client.copy_model_version, f"models:/{TARGET}/77", beside, words="RESOURCE_DOES_NOT_EXIST")
refused(client.copy_model_version, f"runs:/{stored.run_id}/model", TARGET)
same((version_numbers(TARGET), version_numbers(beside)), ([2], [1]))
