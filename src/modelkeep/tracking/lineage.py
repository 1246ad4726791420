"""What a model version keeps of the run or logged model that it came from, where its maker may read that."""

from typing import Any

from modelkeep.core.operation import SourceDataset, SourceRun
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import NotFound, PermissionDenied
from modelkeep.domain.model import Metric, Param
from modelkeep.store import experiments as rows
from modelkeep.store.experiments import Level
from modelkeep.tracking import answers
from modelkeep.tracking.answers import Json
from modelkeep.tracking.locations import DATABRICKS
from modelkeep.tracking.proxy import Refused, TrackingProxy
from modelkeep.tracking.route_rules import TrackedKind


async def source_run(proxy: TrackingProxy, actor: Actor, run_id: str) -> SourceRun | None:
    """A run's parameters, metrics and dataset inputs; None where there is no such run or the actor may not read it."""
    document = await _read(proxy, actor, TrackedKind.RUN, run_id, "/api/2.0/mlflow/runs/get", f"run_id={run_id}")
    if document is None:
        return None
    async with proxy.db.read() as tx:
        sources = await rows.inputs_of(tx, proxy.workspace_id, [run_id])
    run = answers.show(document, DATABRICKS, sources)["run"]
    inputs = answers.dataset_inputs(run.get("inputs", {}).get("dataset_inputs", []))
    data: Json = run.get("data", {})
    return SourceRun(
        experiment_id=run["info"]["experiment_id"],
        params=_params(data),
        metrics=_metrics(data, run_id=run_id),
        inputs=tuple(SourceDataset(i.name, i.source_type, i.source, i.context) for i in inputs),
        source_run_id=run_id,
        models=len(run.get("outputs", {}).get("model_outputs", [])),
        feast=tuple(
            (tag["key"], tag.get("value", "")) for tag in data.get("tags", []) if tag["key"].startswith("feast.")
        ),
    )


async def source_logged_model(proxy: TrackingProxy, actor: Actor, model_id: str) -> SourceRun | None:
    """The same of a logged model (its inputs are those of its source run); None as above."""
    path = f"/api/2.0/mlflow/logged-models/{model_id}"
    document = await _read(proxy, actor, TrackedKind.LOGGED_MODEL, model_id, path, "")
    if document is None:
        return None
    info, data = document["model"]["info"], document["model"].get("data", {})
    run_id = info.get("source_run_id", "")
    run = await source_run(proxy, actor, run_id) if run_id else None
    return SourceRun(
        experiment_id=info["experiment_id"],
        params=_params(data),
        metrics=_metrics(data, model_id=model_id),
        inputs=run.inputs if run else (),
        source_run_id=run_id,
        feast=run.feast if run else (),
    )


async def _read(proxy: TrackingProxy, actor: Actor, kind: TrackedKind, name: str, path: str, query: str) -> Json | None:
    try:
        await proxy.access.require(actor, kind, name, Level.READ)
        return await proxy.ask("GET", path, query=query)
    except (NotFound, PermissionDenied):
        return None
    except Refused as error:
        if error.answer.status == 404:
            return None
        raise


def _params(data: Json) -> tuple[Param, ...]:
    return tuple(Param(item["key"], item.get("value", "")) for item in data.get("params", []))


def _metrics(data: Json, *, run_id: str = "", model_id: str = "") -> tuple[Metric, ...]:
    def metric(item: dict[str, Any]) -> Metric:
        return Metric(
            item["key"],
            item.get("value", 0.0),
            item.get("timestamp", 0),
            item.get("step", 0),
            item.get("dataset_name", ""),
            item.get("dataset_digest", ""),
            item.get("model_id", model_id),
            item.get("run_id", run_id),
        )

    return tuple(metric(item) for item in data.get("metrics", []))
