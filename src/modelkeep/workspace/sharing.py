"""Who may do what with an experiment: read and set by those who manage it."""

from modelkeep.core.errors import InvalidArgument, NotFound
from modelkeep.store import experiments as rows
from modelkeep.store import principals
from modelkeep.store.db import now_ms
from modelkeep.store.experiments import Level
from modelkeep.wire.http import Response
from modelkeep.workspace import answers
from modelkeep.workspace.desk import Desk, Visit
from modelkeep.workspace.experiments import named
from modelkeep.workspace.permissions import Kind

_NONE = "NONE"


async def list_permissions(desk: Desk, visit: Visit) -> Response:
    """The experiment's access list."""
    experiment_id = await _managed(desk, visit)
    async with desk.db.read() as tx:
        found = await rows.permissions(tx, desk.workspace_id, experiment_id)
    listed = [{"principal": p.principal, "kind": p.kind, "level": str(p.level)} for p in found]
    return answers.respond({"experiment_id": experiment_id, "permissions": listed})


async def set_permission(desk: Desk, visit: Visit) -> Response:
    """Give one principal a level, or NONE. Raises InvalidArgument, NotFound, PermissionDenied."""
    experiment_id = await _managed(desk, visit)
    level = visit.call.text("level")
    if level not in (_NONE, *Level):
        raise InvalidArgument(f"A level is one of {', '.join((*Level, _NONE))}.")
    async with desk.db.write() as tx:
        principal = await principals.by_name(tx, visit.call.text("principal"))
        if principal is None:
            raise NotFound(f"There is no principal named '{visit.call.text('principal')[:200]}'.")
        if level == _NONE:
            await rows.forbid(tx, desk.workspace_id, experiment_id, principal.id)
        else:
            by, at = visit.actor.name, now_ms()
            await rows.permit(tx, desk.workspace_id, experiment_id, principal.id, Level(level), by=by, at=at)
    await desk.record(visit, [("experiment", experiment_id)], reason=f"{principal.name}: {level}")
    return await list_permissions(desk, visit) if level != _NONE else answers.respond({"experiment_id": experiment_id})


async def _managed(desk: Desk, visit: Visit) -> str:
    """The id of the experiment that the call names by id or by name. Raises NotFound, PermissionDenied."""
    given = visit.call.text("experiment")
    if not given:
        raise InvalidArgument("Name the experiment, by its id or its name.")
    by_name = await named(desk, given)
    experiment_id = by_name["experiment_id"] if by_name else given
    return await desk.access.require(visit.actor, Kind.EXPERIMENT, experiment_id, Level.MANAGE)
