"""What an answer says of the version that another version was copied from: its name, for callers who may know that it exists."""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.core.model import LineageEdge, ModelVersion, Page, RegisteredModel
from modelkeep.core.ops.models import Browsed
from modelkeep.store import lineage as rows

T = TypeVar("T")
_REGISTERED = "models:/"
_MASKED_EDGE = {"entity_name": "", "entity_id": ""}


class _CopiedFrom(msgspec.Struct, frozen=True):
    version_id: str


async def hide_sources(ctx: ReadCtx, result: Any) -> Any:
    """The result of an operation without the names of source versions that the caller may not know of.

    One statement for all versions and edges of the result; none where nothing in it is a copy.
    """
    if isinstance(result, ModelVersion):
        return (await hide_in_all(ctx, (result,)))[0] if result.copied_from else result
    if isinstance(result, RegisteredModel):
        return (await hide_in_all(ctx, (result,)))[0]
    if isinstance(result, Page):
        page = cast("Page[Any]", result)
        return msgspec.structs.replace(page, items=await hide_in_all(ctx, page.items))
    if isinstance(result, Browsed):
        browsed = cast("Browsed[Any]", result)
        return msgspec.structs.replace(browsed, entity=await hide_sources(ctx, browsed.entity))
    return result


async def hide_in_all(ctx: ReadCtx, items: Sequence[T]) -> tuple[T, ...]:
    """As `hide_sources`, for the items of a page."""
    ids = [_source_id(item) for item in items]
    sources = {id for id in ids if id is not None}
    if not sources:
        return tuple(items)
    known = await rows.known_sources(ctx.tx, ctx.actor, sorted(sources))
    return tuple(
        item if known is None or id is None or id in known else _masked(item)
        for item, id in zip(items, ids, strict=True)
    )


def _source_id(item: object) -> str | None:
    """The version that the item names as a source; None where it names none."""
    if isinstance(item, LineageEdge):
        return item.entity_id if item.entity_type == "MODEL_VERSION" and item.direction == "UPSTREAM" else None
    version = item.latest if isinstance(item, RegisteredModel) else item
    if isinstance(version, ModelVersion) and version.copied_from:
        return msgspec.json.decode(version.copied_from, type=_CopiedFrom).version_id
    return None


def _masked(item: T) -> T:
    if isinstance(item, LineageEdge):
        return msgspec.structs.replace(item, **_MASKED_EDGE)
    if isinstance(item, RegisteredModel):
        return msgspec.structs.replace(item, latest=_masked(item.latest))
    assert isinstance(item, ModelVersion)
    # A source that is a path or URL is where the files are, and names no model.
    source = "" if item.source.startswith(_REGISTERED) else item.source
    return msgspec.structs.replace(item, copied_from="", source=source)
