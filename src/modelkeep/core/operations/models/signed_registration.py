"""Registering as Unity Catalog does: a model without a signature is refused before a version exists."""

from modelkeep.core.context import ServiceCtx, WriteCtx
from modelkeep.core.operations.models.finalize import check_manifest
from modelkeep.core.operations.models.versions import UNSIGNED, RegisterVersion, Sourced, read_origin, register_version
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.mlmodel import Signature, require_signature
from modelkeep.domain.model import ModelVersion, Securable
from modelkeep.store import files
from modelkeep.store.db import Database


class RegisterSigned(RegisterVersion, frozen=True, kw_only=True):
    """As RegisterVersion, from the files of a run or logged model whose MLmodel has a signature of inputs and outputs."""


async def read_signed(
    ctx: ServiceCtx,
    db: Database,
    req: RegisterSigned,
    model: Securable,
    source: Securable | None,
    volume: Securable | None,
) -> Sourced:
    """As `read_origin`. Raises InvalidArgument where the files are no model, or a model without a signature."""
    sourced = await read_origin(ctx, db, req, model, source, volume)
    for place in sourced.places:
        root = f"{place.path}/" if place.path else ""
        async with db.read() as tx:
            artifact_set = await files.set_of(tx, files.tracked_key(ctx.actor.workspace, place.kind, place.id))
            mlmodel = await files.file(tx, artifact_set.id, f"{root}MLmodel") if artifact_set else None
        if artifact_set is not None and mlmodel is not None:
            await check_manifest(db, ctx.services.blobs, artifact_set.id, [mlmodel], needed=True, root=root)
            return sourced
    if req.origin is not None:
        raise InvalidArgument("The source has no files here, and so no MLmodel file. Log the model, then register it.")
    return sourced


async def register_signed(
    ctx: WriteCtx, req: RegisterSigned, model: Securable, source: Securable | None, volume: Securable | None
) -> ModelVersion:
    """As `register_version`. Raises InvalidArgument for a copy of a version without a signature, and for a pointer."""
    version = await register_version(ctx, req, model, source, volume)
    if version.signature == UNSIGNED:
        require_signature(Signature())
    return version
