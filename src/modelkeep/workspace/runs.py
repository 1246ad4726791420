"""Acts on runs: where a new one lies and whose it is, the sources of its datasets, searches, its files."""

from modelkeep.core.errors import InvalidArgument
from modelkeep.store import experiments as rows
from modelkeep.wire.http import Response
from modelkeep.workspace import answers
from modelkeep.workspace.answers import Json
from modelkeep.workspace.desk import Desk, Visit
from modelkeep.workspace.experiments import visible_among
from modelkeep.workspace.permissions import Kind

_USER_TAG = "mlflow.user"


async def create_run(desk: Desk, visit: Visit) -> Response:
    """A run belongs to who made it, whatever name the client's machine gave."""
    fields = visit.call.fields
    fields["user_id"] = visit.actor.name
    tags = fields.get("tags") or []
    if not isinstance(tags, list):
        raise InvalidArgument("Field 'tags' must be a list.")
    kept: list[Json] = [tag for tag in tags if not (isinstance(tag, dict) and tag.get("key") == _USER_TAG)]  # pyright: ignore
    fields["tags"] = [*kept, {"key": _USER_TAG, "value": visit.actor.name}]
    document = await desk.forward(visit.call)
    info = document["run"]["info"]
    await desk.access.place(Kind.RUN, info["run_id"], info["experiment_id"])
    await desk.record(visit, [("run", info["run_id"]), ("experiment", info["experiment_id"])])
    return await desk.respond(visit, document)


async def log_inputs(desk: Desk, visit: Visit) -> Response:
    """Keep each dataset's source for this very run."""
    document = await desk.forward(visit.call)
    inputs = answers.dataset_inputs(visit.call.fields.get("datasets") or [])
    if inputs:
        async with desk.db.write() as tx:
            await rows.keep_inputs(tx, desk.workspace_id, visit.call.text("run_id"), inputs)
    return answers.respond(document)


async def search_runs(desk: Desk, visit: Visit) -> Response:
    """Runs of those of the named experiments that the caller may see."""
    visit.call.fields["experiment_ids"] = await visible_among(desk, visit, visit.call.texts("experiment_ids"))
    if not visit.call.fields["experiment_ids"]:
        return answers.respond({})
    return await desk.respond(visit, await desk.forward(visit.call))
