"""Where the files lie that the source of a model version names: with the run, in a volume, or with the run's logged model."""

import re

from modelkeep.core.operation import SourceOrigin
from modelkeep.domain.authorization import Actor
from modelkeep.store.experiments import Level
from modelkeep.tracking.access import missing
from modelkeep.tracking.answers import Json
from modelkeep.tracking.locations import in_volume
from modelkeep.tracking.proxy import Refused, TrackingProxy
from modelkeep.tracking.route_rules import TrackedKind

_MODEL_NAME = re.compile(r"[^/'\"`\\]{1,500}")


async def places(proxy: TrackingProxy, actor: Actor, origin: SourceOrigin) -> tuple[SourceOrigin, ...]:
    """The likeliest first. Raises NotFound, PermissionDenied.

    MLflow 3 keeps a model beside its run, and its clients still take `runs:/<run>/<model>` for it where the run itself has
    no such directory (mlflow/store/artifact/runs_artifact_repo.py)."""
    kind = TrackedKind(origin.kind)
    home = await proxy.access.require(actor, kind, origin.id, Level.READ)
    if kind is TrackedKind.LOGGED_MODEL:
        model = await _ask(proxy, kind, origin.id, f"/api/2.0/mlflow/logged-models/{origin.id}", "")
        return (_place(origin, model["model"]["info"].get("artifact_uri", "")),)
    run = await _ask(proxy, kind, origin.id, "/api/2.0/mlflow/runs/get", f"run_id={origin.id}")
    return (_place(origin, run["run"]["info"].get("artifact_uri", "")), *await _logged(proxy, home, origin))


async def _logged(proxy: TrackingProxy, experiment_id: str, run: SourceOrigin) -> tuple[SourceOrigin, ...]:
    """The run's newest logged model that is called as the path begins."""
    name, _, path = run.path.partition("/")
    if not _MODEL_NAME.fullmatch(name):
        return ()
    search = {
        "experiment_ids": [experiment_id],
        "filter": f"name = '{name}' AND source_run_id = '{run.id}'",
        "max_results": 1,
        "order_by": [{"field_name": "creation_timestamp", "ascending": False}],
    }
    models = (await proxy.ask("POST", "/api/2.0/mlflow/logged-models/search", search)).get("models", [])
    info = [model["info"] for model in models]
    return tuple(_place(SourceOrigin("logged_model", i["model_id"], path), i.get("artifact_uri", "")) for i in info)


async def _ask(proxy: TrackingProxy, kind: TrackedKind, name: str, path: str, query: str) -> Json:
    try:
        return await proxy.ask("GET", path, query=query)
    except Refused as error:
        if error.answer.status == 404:  # deleted meanwhile
            raise missing(kind, name) from error
        raise


def _place(origin: SourceOrigin, root: str) -> SourceOrigin:
    """`dbfs:/Volumes/<catalog>/<schema>/<volume>/<root>` is a directory of the volume."""
    if not in_volume(root):
        return origin
    catalog, schema, volume, *inside = root.removeprefix("dbfs:/Volumes/").split("/")
    path = "/".join(filter(None, (*inside, origin.path)))
    return SourceOrigin("volume", f"{catalog}.{schema}.{volume}", path)
