"""Search over models and versions: MLflow's filter and order strings, and only what the caller may read."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.core.operations.models.copy_sources import hide_in_all
from modelkeep.domain.filters import IS_PROMPT, Condition, Fields, equals, holds, parse_filter, parse_order
from modelkeep.domain.model import ModelVersion, Page, RegisteredModel, Securable
from modelkeep.domain.names import FullName, short_name
from modelkeep.domain.paging import PageTokens, page_size
from modelkeep.domain.patterns import longest_literal
from modelkeep.domain.time_slices import Pace
from modelkeep.limits import SEARCH_ROWS, SEARCH_STEP_ROWS
from modelkeep.store import model_search as rows
from modelkeep.store import securable_lists, versions
from modelkeep.store.model_search import Position, SearchNarrowing, Sort, Start

MAX_PAGE = 10_000
MAX_MODELS = 1_000
OF_VERSIONS = Fields(("name", "run_id", "source_path"), ("version_number",), ("name", "run_id"))
OF_MODELS = Fields(("name",), listed=("name",))
_ORDER = ("name", "creation_timestamp", "last_updated_timestamp")
_MODEL_ORDER, _VERSION_ORDER = (*_ORDER, "timestamp"), (*_ORDER, "version_number")
_SAME = {"timestamp": "last_updated_timestamp"}
"""Of models, as MLflow's UI asks for it (mlflow/utils/search_utils.py)"""
T = TypeVar("T")


class SearchVersions(msgspec.Struct, frozen=True):
    filter: str = ""
    max_results: int | None = None
    page_token: str = ""
    order_by: tuple[str, ...] = ()
    """None: of one model the newest first, of all models in any order that stays"""
    home: FullName | None = None
    """The schema whose models the caller's dialect names without catalog and schema; None where it has no such thing"""


class SearchModels(msgspec.Struct, frozen=True):
    """As SearchVersions; by name where the request names no order."""

    filter: str = ""
    max_results: int | None = None
    page_token: str = ""
    order_by: tuple[str, ...] = ()
    home: FullName | None = None


def search_name(filter: str) -> str | None:
    """The model that a filter names with `=`, if it does."""
    return equals(parse_filter(filter, OF_VERSIONS), "name")


async def search_versions(ctx: ReadCtx, req: SearchVersions) -> Page[ModelVersion]:
    """Versions whose model the caller may read and that match; a page may be short and not the last."""
    conditions = _folded(parse_filter(req.filter, OF_VERSIONS), req.home)
    row_filter, named = _narrowed(conditions), equals(conditions, "name")
    order = _order(req.order_by, _VERSION_ORDER, () if named is not None else _TIES)
    if not order:
        of_one, of_all = (Sort("version_number", True),), (Sort("model"), Sort("version_number"))
        order = of_one if named is not None else of_all
    request = _page_request(ctx, "versions", req, order, page_size(req.max_results, MAX_PAGE, MAX_PAGE))
    if named is not None:
        model = await securable_lists.readable_model(ctx.tx, ctx.actor, _full(named, req.home))
        if model is None:
            return Page(())  # a search filters, it does not refuse
        row_filter = msgspec.structs.replace(row_filter, model_id=model.id, run_ids=None)
    pace, by_source = Pace(), any(c.field == "source_path" for c in conditions)

    async def fits(v: ModelVersion) -> bool:
        return await _hold(pace, conditions, lambda field: _attribute(v, field, req.home), v.tags)

    start = await rows.begin(ctx.tx, ctx.dialect, ctx.actor, row_filter, order, versions=True)
    walk = rows.Walk(order, row_filter, start)

    async def fetch(after: Position | None, limit: int) -> list[tuple[ModelVersion, bool, Position]]:
        batch = await rows.versions_in_order(ctx.tx, ctx.actor, walk, after, limit)
        return await _without_sources(ctx, batch) if by_source else batch

    return await _page(request, fetch, fits, start)


async def _without_sources(
    ctx: ReadCtx, batch: list[tuple[ModelVersion, bool, Position]]
) -> list[tuple[ModelVersion, bool, Position]]:
    """So that a condition on the source tells nothing that the answer hides."""
    visible = await hide_in_all(ctx, [version for version, _, _ in batch])
    return [(version, readable, at) for version, (_, readable, at) in zip(visible, batch, strict=True)]


async def search_models(ctx: ReadCtx, req: SearchModels) -> Page[RegisteredModel]:
    """Models that the caller may read and that match; a page may be short and not the last."""
    conditions = _folded(parse_filter(req.filter, OF_MODELS), req.home)
    order, row_filter = _order(req.order_by, _MODEL_ORDER) or (Sort("name"), Sort("id")), _narrowed(conditions)
    request = _page_request(ctx, "models", req, order, page_size(req.max_results, 100, MAX_MODELS))
    pace = Pace()

    async def fits(model: Securable) -> bool:
        return await _hold(pace, conditions, lambda _: _name_in_dialect(model.full_name, req.home), model.tags)

    if (named := equals(conditions, "name")) is not None:
        model = await securable_lists.readable_model(ctx.tx, ctx.actor, _full(named, req.home))
        page = Page((model,) if model is not None and await fits(model) else ())
    else:
        start = await rows.begin(ctx.tx, ctx.dialect, ctx.actor, row_filter, order, versions=False)
        walk = rows.Walk(order, row_filter, start)

        async def fetch(after: Position | None, limit: int) -> list[tuple[Securable, bool, Position]]:
            return await rows.models_in_order(ctx.tx, ctx.actor, walk, after, limit)

        page = await _page(request, fetch, fits, start)
    return Page(tuple(await versions.all_registered(ctx.tx, page.items)), page.next_token)


# --- names as the caller's dialect has them, in lower case: they are identities --------------------------------------


def _name_in_dialect(full_name: str, home: FullName | None) -> str:
    return short_name(full_name, full_name.rpartition(".")[2], home) if home else full_name


def _full(name: str, home: FullName | None) -> str:
    return f"{home}.{name}" if home and "." not in name else name


def _folded(conditions: tuple[Condition, ...], home: FullName | None) -> tuple[Condition, ...]:
    def own(name: str) -> str:
        return _name_in_dialect(name.lower(), home)

    return tuple(
        msgspec.structs.replace(c, value=own(c.value), values=tuple(own(v) for v in c.values))
        if c.field == "name"
        else c
        for c in conditions
    )


def _attribute(version: ModelVersion, field: str, home: FullName | None) -> str:
    match field:
        case "name":
            return _name_in_dialect(version.model, home)
        case "source_path":
            return version.source
        case "version_number":
            return str(version.version)
        case _:
            return version.run_id


# --- pages -----------------------------------------------------------------------------------------------------------


def _narrowed(conditions: tuple[Condition, ...]) -> SearchNarrowing:
    tags = tuple(
        (c.key, c.value) for c in conditions if c.field == "tag" and c.comparator == "=" and c.key != IS_PROMPT
    )
    runs = next((c for c in conditions if c.field == "run_id" and c.comparator in ("=", "IN")), None)
    source = next((c.value for c in conditions if c.field == "source_path" and c.comparator == "="), "")
    alike = (c.value for c in conditions if c.field == "name" and c.comparator in ("LIKE", "ILIKE"))
    names = tuple(pattern for pattern in alike if "/" not in pattern)
    texts = (
        longest_literal(c.value, "").lower()
        for c in conditions
        if c.field == "tag" and c.comparator in ("LIKE", "ILIKE")
    )
    return SearchNarrowing(
        "", (runs.values or (runs.value,)) if runs else None, source, tags, names, tuple(filter(None, texts))
    )


_TIES = (Sort("name"), Sort("version_number", True))
"""Of versions of several models, as MLflow's own store sorts what is equal (mlflow/store/model_registry/sqlalchemy_store.py)"""


def _order(clauses: tuple[str, ...], fields: tuple[str, ...], ties: tuple[Sort, ...] = ()) -> tuple[Sort, ...]:
    """With the row's id at the end, so that no two rows are equal; in one direction with the field before, as its index is."""
    orders = [Sort(_SAME.get(order.field, order.field), order.descending) for order in parse_order(clauses, fields)]
    if not orders:
        return ()
    orders += [tie for tie in ties if tie.field not in {order.field for order in orders}]
    return (*orders, Sort("id", orders[-1].descending))


def _scope(ctx: ReadCtx, req: SearchVersions | SearchModels) -> str:
    return f"{req.filter}|{'|'.join(req.order_by)}|{req.home}|{ctx.actor.id}"


class _PageRequest(msgspec.Struct, frozen=True):
    """A page, checked even where there is nothing to put on it."""

    tokens: PageTokens
    scope: str
    after: Position | None
    limit: int


def _page_request(
    ctx: ReadCtx, noun: str, req: SearchVersions | SearchModels, order: Sequence[Sort], limit: int
) -> _PageRequest:
    """Raises BadPageToken for a token that is not of this search."""
    tokens, scope = ctx.config.page_tokens, f"{noun}|{_scope(ctx, req)}"
    return _PageRequest(tokens, scope, tokens.open(scope, req.page_token, rows.position_types(order)), limit)


async def _hold(
    pace: Pace, conditions: tuple[Condition, ...], attribute: Callable[[str], str], tags: Mapping[str, str]
) -> bool:
    """Do all conditions hold? Others get their turn also between the conditions of one row. Raises LimitExceeded."""
    for condition in conditions:
        await pace.breathe()
        if not holds(condition, attribute, tags):
            return False
    return True


async def _page(
    request: _PageRequest,
    fetch: Callable[[Position | None, int], Awaitable[list[tuple[T, bool, Position]]]],
    fits: Callable[[T], Awaitable[bool]],
    start: Start,
) -> Page[T]:
    """Few rows first: they fill the page of a caller who sees most rows. Then more rows, up to the budget."""
    most = (
        SEARCH_STEP_ROWS if start.walks else SEARCH_ROWS
    )  # a search that does not walk sorts its rows again for each step
    position, limit, matching = request.after, request.limit, list[T]()
    looked, size = 0, min(limit + 1, most)
    while True:
        batch = await fetch(position, size)
        for index, (entity, readable, position) in enumerate(batch):
            if readable and await fits(entity):
                matching.append(entity)
            if len(matching) == limit and index + 1 < len(batch):
                return Page(tuple(matching), request.tokens.seal(request.scope, position))
        looked += len(batch)
        if len(batch) < size:
            return Page(tuple(matching))
        if looked >= SEARCH_ROWS or len(matching) == limit:
            assert position is not None
            return Page(tuple(matching), request.tokens.seal(request.scope, position))
        size = min(4 * size, most)
