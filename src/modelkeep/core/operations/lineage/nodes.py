"""Who may name what in lineage: one end of an edge, from the name that a caller gave to the key that is kept.

To name a securable as a source, the caller must be able to know of it. An edge into one needs what writing it needs.
"""

from collections.abc import Iterable, Sequence

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.core.operation import Target
from modelkeep.core.operations.models.models import no_version
from modelkeep.core.operations.tables import placement
from modelkeep.domain.authorization import ANY_PRIVILEGE_OR_BROWSE, Requirement, holds
from modelkeep.domain.errors import InvalidArgument, RegistryError
from modelkeep.domain.kinds import Kind
from modelkeep.domain.lineage import MODEL_VERSION, LineageEnd, Node, Outside, outside_end, outside_key, securable_end
from modelkeep.domain.names import FullName
from modelkeep.domain.privileges import Privilege
from modelkeep.store import securables, storage_paths, versions

SEE = Target("name", ANY_PRIVILEGE_OR_BROWSE, writes=False)
_WRITE: dict[Kind, Requirement] = {
    Kind.TABLE: holds(Privilege.MODIFY),
    Kind.VOLUME: holds(Privilege.WRITE_VOLUME),
    Kind.MODEL: holds(Privilege.CREATE_MODEL_VERSION),
    Kind.EXTERNAL_METADATA: holds(Privilege.MODIFY, admin=True),
}
"""What writing a securable of this kind needs."""
_WRITE_FILES = Target("name", holds(Privilege.WRITE_FILES), writes=True)
NEEDS = (
    "of the target what writing it needs (MODIFY on a table or external metadata, WRITE VOLUME on a volume, CREATE MODEL VERSION on a "
    "version's model, WRITE FILES on a path's external location); of a source the right to know of it"
)
"""In words, for the operation table."""


async def source_end(ctx: ReadCtx, node: Node) -> LineageEnd:
    """For a caller who may know of it. Raises PermissionDenied, NotFound."""
    return await _end(ctx, node, SEE, SEE)


async def target_end(ctx: ReadCtx, node: Node) -> LineageEnd:
    """For a caller who may write it. Raises PermissionDenied, NotFound, InvalidArgument."""
    if node.outside is not None:
        return await _end(ctx, node, SEE, _WRITE_FILES)
    assert node.name is not None
    if (need := _WRITE.get(node.name.kind)) is None:
        raise InvalidArgument("Lineage leads into a table, a volume, a model version, external metadata or a path.")
    return await _end(ctx, node, Target("name", need, writes=True), _WRITE_FILES)


async def _end(ctx: ReadCtx, node: Node, on: Target, on_location: Target) -> LineageEnd:
    if node.outside is Outside.PATH:
        return await _path_end(ctx, node.text, on_location)
    if node.outside is not None:
        return outside_end(node.outside, node.text)
    assert node.name is not None
    securable = await ctx.reach(on, node.name)
    if not node.version:
        return securable_end(node.name.kind, securable.id, node.name)
    version = await versions.by_number(ctx.tx, securable, node.version)
    if version is None:
        raise no_version(node.name, node.version)
    return LineageEnd(MODEL_VERSION, version.id, f"{node.name}/{node.version}")


async def _path_end(ctx: ReadCtx, text: str, on: Target) -> LineageEnd:
    """A path in an external location is the location's; any other is a name."""
    if not text:
        raise InvalidArgument("The path is empty. Write its URL, such as s3://bucket/folder.")
    url = placement.governed_url(text)
    if url is not None and (location := await placement.location_at(ctx.tx, url)) is not None:
        await placement.reach_location(ctx, location, on.need, writes=bool(on.writes))
    return outside_end(Outside.PATH, text)


async def object_at(ctx: ReadCtx, text: str, kinds: Sequence[Kind] = (Kind.TABLE, Kind.VOLUME)) -> FullName | None:
    """The name of the table or volume that lies in exactly this folder."""
    if (url := placement.governed_url(text)) is None:
        return None
    above = await storage_paths.above(ctx.tx, url)
    here = next((path for path in above if path.kind in kinds and path.path == str(url)), None)
    return await securables.name_of(ctx.tx, here.securable_id) if here else None


class Seen(msgspec.Struct, frozen=True):
    """An end of which the caller may know, with its name of this moment."""

    end: LineageEnd
    deleted: bool = False
    """It is gone; the name is the one that was recorded."""


async def seen_of(ctx: ReadCtx, ends: Iterable[LineageEnd]) -> dict[str, Seen]:
    """Of these ends, by key: those that the caller may know of. Of a deleted one no right can be checked any more."""
    seen: dict[str, Seen] = {}
    for end in {end.key: end for end in ends}.values():
        if (known := await _seen(ctx, end)) is not None:
            seen[end.key] = known
    return seen


async def _seen(ctx: ReadCtx, end: LineageEnd) -> Seen | None:
    number = ""
    if end.kind == MODEL_VERSION and end.key != outside_key(end.kind, end.name):
        version = await versions.by_id(ctx.tx, end.key)
        name = FullName(tuple(version.model.split("."))) if version else None
        number = f"/{version.version}" if version else ""
    elif end.kind in Kind.__members__ and end.key != outside_key(end.kind, end.name):
        name = await securables.name_of(ctx.tx, end.key)
    else:
        return Seen(end)
    if name is None:
        return Seen(end, deleted=True)
    try:
        await ctx.reach(SEE, name)
    except RegistryError:
        return None
    return Seen(msgspec.structs.replace(end, name=f"{name}{number}"))
