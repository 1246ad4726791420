"""Names of deleted experiments are free: MLflow's server keeps a name taken, so a deletion first moves the experiment to another one.

databricks-sdk, ExperimentsAPI.get_by_name: it "will return deleted experiments, but prefers the active experiment if an active and
deleted experiment share the same name". Two tags of ours, which no client sees or sets, hold the name and its hash: the hash can
stand in a filter of MLflow's, whatever characters the name has.
"""

import hashlib

from modelkeep.tracking.answers import DELETED_NAME_TAG, DELETED_PREFIX, Json
from modelkeep.tracking.proxy import TrackingProxy

_HASH_TAG = "modelkeep.deletedNameHash"
NAME_CHARS = 256  # mlflow/store/tracking/dbmodels/models.py, SqlExperiment.name
_API = "/api/2.0/mlflow/experiments"


def is_moved(experiment: Json) -> bool:
    """Was it moved away from its name?"""
    return str(experiment.get("name", "")).startswith(DELETED_PREFIX)


async def free_name(proxy: TrackingProxy, experiment: Json) -> None:
    """Move an active experiment, as MLflow's server has it, away from its name. Raises Refused."""
    if is_moved(experiment):
        return
    experiment_id, name = experiment["experiment_id"], experiment["name"]
    for key, value in ((DELETED_NAME_TAG, name), (_HASH_TAG, _hash(name))):
        fields = {"experiment_id": experiment_id, "key": key, "value": value}
        await proxy.ask("POST", f"{_API}/set-experiment-tag", fields)
    moved = f"{DELETED_PREFIX}{experiment_id}/{name}"[:NAME_CHARS]
    await proxy.ask("POST", f"{_API}/update", {"experiment_id": experiment_id, "new_name": moved})


async def take_name_back(proxy: TrackingProxy, experiment_id: str, name: str) -> None:
    """Of an active experiment that was moved away from this name. Raises Refused."""
    await proxy.ask("POST", f"{_API}/update", {"experiment_id": experiment_id, "new_name": name})
    for key in (DELETED_NAME_TAG, _HASH_TAG):
        await proxy.ask("POST", f"{_API}/delete-experiment-tag", {"experiment_id": experiment_id, "key": key})


async def deleted_named(proxy: TrackingProxy, name: str) -> Json | None:
    """The experiment that was moved away from this name last, visible to the caller or not."""
    fields = {
        "filter": f"tags.`{_HASH_TAG}` = '{_hash(name)}'",
        "view_type": "ALL",
        "max_results": 1,
        "order_by": ["last_update_time DESC"],
    }
    experiments: list[Json] = (await proxy.ask("POST", f"{_API}/search", fields)).get("experiments", [])
    return experiments[0] if experiments and is_moved(experiments[0]) else None


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
