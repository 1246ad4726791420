"""Which version a served entity means at this moment, and whether the endpoint's creator may serve it."""

import msgspec

from modelkeep.core.operations.serving.access import creator_may_serve
from modelkeep.domain.model import ModelVersion, Status
from modelkeep.domain.serving import ConfiguredEntity, ServingEndpoint
from modelkeep.store import securables, versions
from modelkeep.store.db import Tx


class Resolution(msgspec.Struct, frozen=True):
    """`version` None: `problem` says why. `forbidden`: the creator may not serve the model."""

    version: ModelVersion | None
    problem: str = ""
    forbidden: bool = False


async def resolve(
    tx: Tx, dialect: str, endpoint: ServingEndpoint, entity: ConfiguredEntity, now: int, *, number: int = 0
) -> Resolution:
    """`number`: of a version to take in place of the configured one. `now`: epoch ms."""
    name = await securables.name_of(tx, entity.model_id)
    if name is None:
        return Resolution(None, f"The model '{entity.entity_name}' was deleted.", True)
    decision = await creator_may_serve(tx, dialect, endpoint, name, now)
    if not decision.allowed:
        return Resolution(None, decision.reason, True)
    model = await securables.by_name(tx, name)
    if model is None:
        return Resolution(None, f"The model '{entity.entity_name}' was deleted.", True)
    if entity.alias and not number:
        version = await versions.by_alias(tx, model, entity.alias)
        missing = f"Alias '{entity.alias}' of '{name}' does not exist."
    else:
        number = number or int(entity.version)
        version = await versions.by_number(tx, model, number)
        missing = f"Version {number} of '{name}' does not exist."
    if version is None:
        return Resolution(None, missing)
    if version.status != Status.READY:
        return Resolution(None, f"Version {version.version} of '{name}' is {version.status}, so it cannot be served.")
    return Resolution(version)
