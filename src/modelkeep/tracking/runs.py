"""Acts on runs: where a new one lies and whose it is, and the sources of its datasets."""

from modelkeep.domain.errors import InvalidArgument
from modelkeep.http.messages import Response
from modelkeep.limits import TRACKING_BULK_RUNS
from modelkeep.store import experiments as rows
from modelkeep.tracking import answers
from modelkeep.tracking.answers import Json
from modelkeep.tracking.calls import values
from modelkeep.tracking.proxy import ProxiedCall, TrackingProxy
from modelkeep.tracking.reserved_keys import USER_TAG
from modelkeep.tracking.route_rules import TrackedKind

_API = "/api/2.0/mlflow/runs"
_MOST_RUNS = 10_000  # databricks-sdk, ExperimentsAPI.delete_runs: "the maximum allowed value for max_runs"


async def create_run(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A run belongs to who made it, whatever name the client's machine gave."""
    fields = proxied.call.fields
    fields["user_id"] = proxied.actor.name
    values(fields, "tags[].key")  # a list of objects
    tags: list[Json] = fields.get("tags") or []
    own = {"key": USER_TAG, "value": proxied.actor.name}
    fields["tags"] = [*(tag for tag in tags if tag.get("key") != USER_TAG), own]
    document = await proxy.forward(proxied.call)
    info = document["run"]["info"]
    await proxy.access.place(TrackedKind.RUN, info["run_id"], info["experiment_id"])
    await proxy.record(proxied, [("run", info["run_id"]), ("experiment", info["experiment_id"])])
    return await proxy.respond(proxied, document)


async def delete_runs(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """As `w.experiments.delete_runs`: the oldest runs up to a time, so many at once; the caller repeats it for more.
    Raises InvalidArgument."""
    fields = proxied.call.fields
    until, most = fields.get("max_timestamp_millis"), fields.get("max_runs") or TRACKING_BULK_RUNS
    if not isinstance(until, int) or isinstance(until, bool):
        raise InvalidArgument("Field 'max_timestamp_millis' must be a time in milliseconds since 1970.")
    if not isinstance(most, int) or not 1 <= most <= _MOST_RUNS:
        raise InvalidArgument(f"Field 'max_runs' must be a number from 1 to {_MOST_RUNS}.")
    search = {
        "experiment_ids": [proxied.call.text("experiment_id")],
        "filter": f"attributes.start_time <= {until}",
        "run_view_type": "ACTIVE_ONLY",
        "max_results": min(most, TRACKING_BULK_RUNS),
        "order_by": ["attributes.start_time ASC"],
    }
    runs = (await proxy.ask("POST", f"{_API}/search", search)).get("runs", [])
    for run in runs:
        await proxy.ask("POST", f"{_API}/delete", {"run_id": run["info"]["run_id"]})
    return answers.respond({"runs_deleted": len(runs)})


async def log_inputs(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Keep each dataset's source for this very run."""
    document = await proxy.forward(proxied.call)
    inputs = answers.dataset_inputs(proxied.call.fields.get("datasets") or [])
    if inputs:
        async with proxy.db.write(proxied.actor.id) as tx:
            await rows.keep_inputs(tx, proxy.workspace_id, proxied.call.text("run_id"), inputs)
    return answers.respond(document)
