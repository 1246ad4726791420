"""What a version keeps of its run and logged model; of its metrics, the last step that the run has logged."""

from collections import Counter

from modelkeep.core.context import ServiceCtx
from modelkeep.core.operation import SourceRun
from modelkeep.domain.model import Metric


async def source_run(ctx: ServiceCtx, named_run_id: str, logged_model_id: str) -> SourceRun | None:
    """Of what the caller may read; None where that is nothing. Either id may be ''."""
    tracking = ctx.services.tracking
    if tracking is None:
        return None
    logged_model = await tracking.source_logged_model(ctx.actor, logged_model_id) if logged_model_id else None
    run_id = named_run_id or (logged_model.source_run_id if logged_model else "")
    run = await tracking.source_run(ctx.actor, run_id) if run_id else None
    if logged_model is None or run is None:
        return logged_model or run
    # A logged model has its own parameters and metrics; the datasets are the run's.
    metrics = last_metrics(logged_model.metrics, run) or run.metrics
    return SourceRun(
        logged_model.experiment_id, logged_model.params or run.params, metrics, run.inputs, run_id, feast=run.feast
    )


def last_metrics(of_model: tuple[Metric, ...], run: SourceRun) -> tuple[Metric, ...]:
    """The logged model's metrics, each with the run's last value where the run has logged a later step of it.

    MLflow's `log_model` gives the model the run's values at one step alone, the first by default
    (mlflow/models/model.py, log_model_metrics_for_step). The models of a run that has several are checkpoints, and so is a
    model that was logged at a later step: each keeps its own values."""
    if run.models != 1 or any(metric.step > 0 for metric in of_model):
        return of_model
    last = {metric.key: metric for metric in run.metrics if metric.step > 0}
    times = Counter(metric.key for metric in of_model)  # several datasets have several values of one key
    mine = tuple(last.get(metric.key, metric) if times[metric.key] == 1 else metric for metric in of_model)
    return (*mine, *(metric for key, metric in last.items() if key not in times))
