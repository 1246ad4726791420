"""What a version that is copied, or registered without files, takes over, and what its catalog asks of it."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.models import models
from modelkeep.domain.errors import AlreadyExists, InvalidArgument
from modelkeep.domain.model import ModelVersion, RegisteredModel, Securable, Status
from modelkeep.domain.names import FullName
from modelkeep.store import files, securables
from modelkeep.store.db import Contended, Tx

REQUIRE_SIGNATURE = "require_signature"
"""The catalog's property: `true` refuses versions without a signature whatever dialect they come by."""
UNSIGNED = "none"
"""The signature of a version whose files have none, or are not here."""


class Provenance(msgspec.Struct, frozen=True):
    """Which version another one was copied from. `kind`: server copy, copy (same files) or modified copy."""

    version_id: str
    model: str
    version: int
    kind: str = "copy"
    location: str | msgspec.UnsetType = msgspec.UNSET
    """Of a copy of a pointer: where the files are that the original points at"""


async def create_destination(ctx: WriteCtx, name: FullName) -> Securable:
    """Raises Contended where another request created it at this moment: the copy runs again, as into any model."""
    try:
        model: RegisteredModel = await ctx.perform(models.CreateModel(name), first=True)
    except AlreadyExists as error:
        raise Contended("The destination was created at the same moment. Try again.") from error
    ctx.touch(model.securable.kind, model.securable.id, model.securable.full_name)
    return model.securable


async def shared_files(ctx: WriteCtx, original: ModelVersion, destination: Securable) -> dict[str, str]:
    """What a copy takes over from its original: one more reference to its files, or the pointer that it is."""
    if original.signature == UNSIGNED:
        await refuse_unsigned(ctx, destination)
    taken = {
        "status": Status.READY,
        "status_message": original.status_message,
        "signature": original.signature,
        "artifact_set_id": original.artifact_set_id,
        "copied_from": encode(_provenance(original)),
    }
    if not original.artifact_set_id:
        return taken
    await files.share(ctx.tx, original.artifact_set_id)
    return taken


def _provenance(original: ModelVersion) -> Provenance:
    provenance = Provenance(original.id, original.model, original.version, "server copy")
    return provenance if original.artifact_set_id else msgspec.structs.replace(provenance, location=original.location)


async def refuse_unsigned(ctx: ReadCtx, model: Securable) -> None:
    """For a version without a signature. Raises InvalidArgument."""
    if await requires_signature(ctx.tx, model):
        raise InvalidArgument(
            f"Models in catalog '{model.full_name.partition('.')[0]}' need a signature of inputs and outputs, and this "
            "version has none. Log the model with `input_example=` or `signature=`, then register it again."
        )


async def requires_signature(tx: Tx, model: Securable) -> bool:
    """Does its catalog say so, by its property `require_signature`?"""
    properties = (await securables.spec_of(tx, model.catalog_id)).get("properties", "{}")
    return msgspec.json.decode(properties, type=dict[str, str]).get(REQUIRE_SIGNATURE, "").lower() == "true"


def encode(value: object) -> str:
    return msgspec.json.encode(value).decode()
