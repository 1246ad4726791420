"""Volumes: a managed one has an artifact set that stays open; of an external one the place of its files is all that is kept."""

from typing import Literal

import msgspec

from modelkeep.core.context import WriteCtx
from modelkeep.core.operations.models import models
from modelkeep.core.operations.tables import placement
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.locations import check_outside
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName, check_comment, check_in_urls
from modelkeep.store import files, securables

VolumeType = Literal["MANAGED", "EXTERNAL"]


class CreateVolume(msgspec.Struct, frozen=True):
    name: FullName
    type: VolumeType = "MANAGED"
    comment: str = ""
    storage_location: str = ""
    """Of an external volume, and only of one: opaque text."""


async def create_volume(ctx: WriteCtx, req: CreateVolume, schema: Securable) -> Securable:
    """A managed volume gets an artifact set of its own; an external one names a folder in a store.
    Raises InvalidArgument."""
    managed = req.type == "MANAGED"
    if managed and req.storage_location:
        raise InvalidArgument("The server chooses where a managed volume's files are. Leave storage_location out.")
    if not managed and not req.storage_location:
        raise InvalidArgument("An external volume needs the storage_location of its files.")
    spec = {} if managed else {"storage_location": check_outside(req.storage_location, ctx.config.managed)}
    check_in_urls(req.name)
    folder = None if managed else await placement.place(ctx, Kind.VOLUME, req.storage_location)
    id = await securables.insert(
        ctx.tx,
        securables.NewSecurable(
            schema,
            req.name,
            ctx.actor.id,
            ctx.actor.name,
            ctx.now,
            check_comment(req.comment),
            {"volume_type": req.type, **spec},
        ),
    )
    await placement.keep(ctx, id, Kind.VOLUME, folder)
    if managed:
        await files.create_set(ctx.tx, "volume", ctx.now, files.volume_key(id))
    ctx.touch(req.name.kind, id, str(req.name))
    return await models.fetch(ctx, req.name)
