"""Search over versions: MLflow's filter strings, and only what the caller may read."""

import msgspec

from modelkeep.core.filters import Condition, matches, parse_filter
from modelkeep.core.model import ModelVersion, Page
from modelkeep.core.operation import Ctx
from modelkeep.core.ops.versions import MAX_VERSION
from modelkeep.core.paging import make_token, page_size, read_token
from modelkeep.store import securables, versions

MAX_PAGE = 10_000
SEARCH_BUDGET = 10_000
"""Versions that one page of a search over all models may look at before it is handed out short."""
FIELDS = ("name", "run_id", "source_path", "version_number")


class SearchVersions(msgspec.Struct, frozen=True):
    filter: str = ""
    max_results: int | None = None
    page_token: str = ""


def _attribute(version: ModelVersion, field: str) -> str:
    match field:
        case "name":
            return version.model
        case "source_path":
            return version.source
        case "version_number":
            return str(version.version)
        case _:
            return version.run_id


def _equals(conditions: tuple[Condition, ...], field: str) -> str | None:
    return next((c.value for c in conditions if c.field == field and c.comparator == "="), None)


def search_name(filter: str) -> str | None:
    """The model that a filter names with `=`, if it does."""
    return _equals(parse_filter(filter, FIELDS), "name")


async def search_versions(ctx: Ctx, req: SearchVersions) -> Page[ModelVersion]:
    """Versions whose model the caller may read and that match; a page may be short and not the last."""
    conditions = _folded(parse_filter(req.filter, FIELDS))
    limit = page_size(req.max_results, MAX_PAGE, MAX_PAGE)
    run_id = _equals(conditions, "run_id")
    model = _equals(conditions, "name")
    scope = f"versions|{req.filter}|{ctx.actor.id}"
    after = read_token(scope, req.page_token, (str, int)) or ("", MAX_VERSION if model else 0)
    position = (str(after[0]), int(after[1]))
    if model is not None:
        rows = await _of_named(ctx, model, position[1])
        budget = len(rows) if len(rows) > SEARCH_BUDGET else SEARCH_BUDGET + 1
    else:
        rows = await versions.page_of_all(ctx.tx, ctx.actor.id, run_id, position, SEARCH_BUDGET)
        budget = SEARCH_BUDGET
    found: list[ModelVersion] = []
    for index, (version, readable) in enumerate(rows):
        if readable and matches(conditions, lambda field, v=version: _attribute(v, field), version.tags):
            found.append(version)
        last = index + 1 == len(rows)
        if (len(found) == limit and not last) or (last and len(rows) >= budget):
            return Page(tuple(found), make_token(scope, (version.model_id, version.version)))
    return Page(tuple(found))


def _folded(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Names are identities in lower case, whatever case they are asked in."""
    return tuple(msgspec.structs.replace(c, value=c.value.lower()) if c.field == "name" else c for c in conditions)


async def _of_named(ctx: Ctx, name: str, before: int) -> list[tuple[ModelVersion, bool]]:
    """Of one model; nothing where it does not exist or may not be read: a search filters, it does not refuse."""
    model = await securables.readable_model(ctx.tx, ctx.actor.id, name)
    if model is None:
        return []
    return [(v, True) for v in await versions.page_of_model(ctx.tx, model, before, SEARCH_BUDGET + 1)]
