"""What an answer says of the version that another version was copied from: its name, for callers who may know that it exists."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.core.operations.models.models import Browsed
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import LineageEdge, ModelVersion, Page, RegisteredModel, Securable
from modelkeep.store import lineage as rows
from modelkeep.store.audit import AuditEvent

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


async def hide_in_events(ctx: ReadCtx, events: Sequence[AuditEvent], about: Securable) -> tuple[AuditEvent, ...]:
    """The activity of a model or prompt without the names of others (copied to it or from it, or linked in the same call) that the
    caller may not know of."""
    if about.kind not in _NAMED_TOGETHER:
        return tuple(events)
    others = {
        target.id for event in events for target in event.targets if _is_other_model(target.kind, target.id, about)
    }
    known = await rows.known_models(ctx.tx, ctx.actor, sorted(others)) if others else None
    return tuple(events) if known is None else tuple(_masked_event(event, others - known) for event in events)


def _is_other_model(kind: str, id: str, about: Securable) -> bool:
    return kind in _NAMED_TOGETHER and id != about.id


_NAMED_TOGETHER = (Kind.MODEL, Kind.PROMPT)
"""Kinds of which one event may name several"""


def _masked_event(event: AuditEvent, hidden: set[str]) -> AuditEvent:
    names = sorted({target.name for target in event.targets if target.id in hidden}, key=len, reverse=True)
    if not names:
        return event
    pattern = re.compile("|".join(re.escape(name) for name in names), re.IGNORECASE)
    return msgspec.structs.replace(
        event,
        targets=tuple(msgspec.structs.replace(t, id="", name="") if t.id in hidden else t for t in event.targets),
        request=pattern.sub("", event.request),
        changes=pattern.sub("", event.changes),
        reason=pattern.sub("", event.reason),
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
    source = "" if item.location.startswith(_REGISTERED) else item.location
    return msgspec.structs.replace(item, copied_from="", source=source)
