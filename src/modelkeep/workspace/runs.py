"""Acts on runs: where a new one lies and whose it is, and the sources of its datasets."""

from modelkeep.store import experiments as rows
from modelkeep.wire.http import Response
from modelkeep.workspace import answers
from modelkeep.workspace.answers import Json
from modelkeep.workspace.calls import values
from modelkeep.workspace.desk import Desk, Visit
from modelkeep.workspace.permissions import Kind
from modelkeep.workspace.steering import USER_TAG


async def create_run(desk: Desk, visit: Visit) -> Response:
    """A run belongs to who made it, whatever name the client's machine gave."""
    fields = visit.call.fields
    fields["user_id"] = visit.actor.name
    values(fields, "tags[].key")  # a list of objects
    tags: list[Json] = fields.get("tags") or []
    own = {"key": USER_TAG, "value": visit.actor.name}
    fields["tags"] = [*(tag for tag in tags if tag.get("key") != USER_TAG), own]
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
        async with desk.db.write(visit.actor.id) as tx:
            await rows.keep_inputs(tx, desk.workspace_id, visit.call.text("run_id"), inputs)
    return answers.respond(document)
