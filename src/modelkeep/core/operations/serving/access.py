"""Who may do what with an endpoint, and whether its creator may still serve a model: an endpoint reads models as its creator."""

from modelkeep.core.context import ReadCtx
from modelkeep.core.operation import Target
from modelkeep.core.operations.models.models import READ
from modelkeep.domain.authorization import Decision
from modelkeep.domain.errors import NotFound, PermissionDenied, WrongState
from modelkeep.domain.names import FullName, missing
from modelkeep.domain.serving import LEVELS, Level, ServingEndpoint
from modelkeep.store import principals, securables, serving
from modelkeep.store.db import Tx

SERVE = Target("model", READ, writes=False)
"""What serving a model needs, of the caller and of the endpoint's creator: EXECUTE, and the usage of its parents."""
OFF = (
    "Model serving is off on this server. Install the extra, pip install 'modelkeep[serving]', and leave "
    "MODELKEEP_SERVING at its default."
)


def check_on(ctx: ReadCtx) -> None:
    """Raises WrongState where this server has no engine for endpoints."""
    if not ctx.config.serving:
        raise WrongState(OFF)


async def endpoint_at(ctx: ReadCtx, name: str, level: Level) -> ServingEndpoint:
    """The endpoint of this name, on which the actor has at least this level. An endpoint that the actor may not view does not
    exist to them. Raises NotFound, PermissionDenied."""
    return checked(ctx, await serving.by_name(ctx.tx, ctx.actor, name), name, level)


def checked(ctx: ReadCtx, endpoint: ServingEndpoint | None, name: str, level: Level) -> ServingEndpoint:
    """As `endpoint_at`, of one that was read. Raises NotFound, PermissionDenied."""
    if endpoint is None or not endpoint.level:
        raise NotFound(f"Serving endpoint '{name[:100]}' does not exist.")
    ctx.touch("SERVING_ENDPOINT", endpoint.id, endpoint.name)
    if endpoint.level <= LEVELS.index(level):
        raise PermissionDenied(f"User does not have {level} on serving endpoint '{endpoint.name}'.")
    return endpoint


async def creator_may_serve(tx: Tx, dialect: str, endpoint: ServingEndpoint, model: FullName, now: int) -> Decision:
    """As the endpoint's creator, who acts in its workspace. `now`: epoch ms."""
    creator = await principals.actor_of_id(tx, endpoint.creator_id, now, "", endpoint.workspace_id)
    if creator is None:
        return Decision(False, f"The endpoint's creator '{endpoint.creator}' is deleted or deactivated.")
    if not creator.role and not creator.account_admin:
        return Decision(
            False, f"The endpoint's creator '{endpoint.creator}' is not assigned to its workspace any more."
        )
    chain = await securables.chain(tx, dialect, creator, model)
    if len(chain) <= len(model.parts):
        return Decision(False, missing(str(model), model.leaf).message)
    decision = SERVE.decide(model.kind, chain)
    if decision.allowed:
        return decision
    return Decision(False, f"The endpoint's creator '{endpoint.creator}' may not serve the model: {decision.reason}")
