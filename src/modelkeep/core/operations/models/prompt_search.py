"""The prompts of one schema by MLflow's filter strings, as far as the caller may read them."""

from collections.abc import Mapping

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.domain.filters import IS_PROMPT, Condition, Fields, equals, holds, parse_filter
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Prompt, Securable
from modelkeep.domain.names import FullName
from modelkeep.domain.paging import page_size
from modelkeep.domain.time_slices import Pace
from modelkeep.limits import SEARCH_ROWS, SEARCH_STEP_ROWS
from modelkeep.store import prompts, securable_lists

FIELDS = Fields(("name",), listed=("name",))
MAX_PAGE = 1000


class SearchPrompts(msgspec.Struct, frozen=True):
    """By name. A page may be short and not the last. The filter's names are full names, or those inside the schema."""

    schema: FullName
    filter: str = ""
    max_results: int | None = None
    page_token: str = ""


async def search_prompts(ctx: ReadCtx, req: SearchPrompts, schema: Securable) -> Page[Prompt]:
    """Raises InvalidArgument for a filter that cannot be read, BadPageToken."""
    conditions = tuple(_in_lower_case(c) for c in parse_filter(req.filter, FIELDS) if c.key != IS_PROMPT)
    limit = page_size(req.max_results, 100, MAX_PAGE)
    tokens, scope = ctx.config.page_tokens, f"prompts of {schema.id}|{req.filter}|{ctx.actor.id}"
    position = tokens.open_name(scope, req.page_token)
    named = equals(conditions, "name")
    if named is not None:
        # The one row that can match lies right after the empty id of its name.
        position = max(position, (named.rpartition(".")[2], ""))
    matching: list[Securable] = []
    pace, looked = Pace(), 0
    while True:
        step = 1 if named is not None else SEARCH_STEP_ROWS if conditions else limit
        rows, after = await securable_lists.page_of_objects(
            ctx.tx, Kind.PROMPT, schema, ctx.actor, securable_lists.Slice(position, step)
        )
        for index, (prompt, _) in enumerate(rows):
            await pace.breathe()
            if _matches(conditions, prompt):
                matching.append(prompt)
            if len(matching) == limit and (after is not None or index + 1 < len(rows)):
                after, looked = (prompt.name_key, prompt.id), SEARCH_ROWS
                break
        looked += step
        if after is None or named is not None:
            return Page(tuple(await prompts.with_aliases(ctx.tx, matching)))
        if looked >= SEARCH_ROWS:
            return Page(tuple(await prompts.with_aliases(ctx.tx, matching)), tokens.seal(scope, after))
        position = after


def _in_lower_case(condition: Condition) -> Condition:
    """Names are identities; a tag's value is what it is."""
    if condition.field != "name":
        return condition
    values = tuple(value.lower() for value in condition.values)
    return msgspec.structs.replace(condition, value=condition.value.lower(), values=values)


def _matches(conditions: tuple[Condition, ...], prompt: Securable) -> bool:
    tags: Mapping[str, str] = prompt.tags if any(c.field == "tag" for c in conditions) else {}
    return all(_holds(condition, prompt, tags) for condition in conditions)


def _holds(condition: Condition, prompt: Securable, tags: Mapping[str, str]) -> bool:
    """A value with a period is compared with the full name, another one with the prompt's own name."""
    if condition.values:
        matching = {prompt.full_name if "." in value else prompt.name_key for value in condition.values} & set(
            condition.values
        )
        return bool(matching) == (condition.comparator == "IN")
    name = prompt.full_name if "." in condition.value else prompt.name_key
    return holds(condition, lambda _: name, tags)
