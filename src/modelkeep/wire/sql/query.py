"""A query over one view: rows of the core's lists, kept, ordered and cut here."""

from collections.abc import Callable, Iterable
from contextlib import aclosing
from difflib import get_close_matches
from typing import cast

from modelkeep.core.errors import NotFound
from modelkeep.limits import SQL_KEPT_CHARACTERS
from modelkeep.wire.sql.evaluate import Columns, Test, comparable, kept_by, ordered
from modelkeep.wire.sql.scan import Scan, Session, TooMuch
from modelkeep.wire.sql.select import COUNT, All, Compare, Condition, Query
from modelkeep.wire.sql.tables import Column, Row, Table
from modelkeep.wire.sql.views import AUDIT, INFORMATION_SCHEMA, View

SYSTEM = "system"


async def select(session: Session, query: Query) -> Table:
    """Raises NotFound, PermissionDenied, InvalidArgument, TooMuch."""
    title, view, only = _view(session, query.view)
    columns = Columns(title, view.columns)
    by = [columns.place(order.column) for order in query.order]
    shown = [] if query.columns and query.columns[0][0] == COUNT else [columns.of(name) for name, _ in query.columns]
    wanted = [] if query.where is None else _demanded(query.where)
    scan = Scan(session, view.place, _equal(wanted, columns), only)
    test = None if query.where is None else kept_by(query.where, columns, scan.pace)
    scan.since, scan.until = _between(wanted, columns, view.newest_first)
    await scan.start()
    # Rows that come in the order that is asked for need not all be looked at.
    enough = query.limit if not query.order or _as_they_come(query, view) else None
    counted = bool(query.columns) and not shown
    needed = range(len(view.columns)) if not query.columns else (*by, *(place for place, _ in shown))
    rows = await _kept(scan, view, test, None if counted else enough, _only(needed, len(view.columns)))
    if counted:
        name = query.columns[0][1] or COUNT
        total: list[Row] = [(len(rows),)]
        return Table((Column(name, "LONG"),), total[: query.limit])
    rows = (await ordered(rows, query.order, columns, scan.pace))[: query.limit]
    if not shown:
        return Table(tuple(Column(c.label, c.type) for c in view.columns), rows)
    heads = (Column(label or c.label, c.type) for (_, c), (_, label) in zip(shown, query.columns, strict=True))
    return Table(tuple(heads), [tuple(row[place] for place, _ in shown) for row in rows])


def _view(session: Session, named: tuple[str, ...]) -> tuple[str, View, str]:
    """(its name, the view, the catalog that it is limited to or ''). Raises NotFound."""
    parts = [part.lower() for part in named]
    if len(parts) < 3:
        parts = [*session.home.parts[: 3 - len(parts)], *parts]
    catalog, schema, leaf = parts
    title = f"{catalog}.{schema}.{leaf}"
    if (catalog, schema, leaf) == (SYSTEM, "access", "audit"):
        return title, AUDIT, ""
    if schema == "information_schema" and leaf in INFORMATION_SCHEMA:
        return title, INFORMATION_SCHEMA[leaf], "" if catalog == SYSTEM else named[0] if len(named) == 3 else catalog
    near = get_close_matches(leaf[:255], INFORMATION_SCHEMA, 1)
    hint = f"The nearest is information_schema.{near[0]}." if near and schema == "information_schema" else _THERE
    raise NotFound(f"There is no view '{title[:300]}' to SELECT from. {hint}", kind="TABLE")


_THERE = f"There are system.access.audit and, in each catalog's information_schema: {', '.join(INFORMATION_SCHEMA)}."


def _demanded(where: Condition) -> list[Compare]:
    """The comparisons that each kept row must pass, whatever else holds."""
    parts = where.of if isinstance(where, All) else (where,)
    found: list[Compare] = []
    for part in parts:
        found += _demanded(part) if isinstance(part, All) else [part] if isinstance(part, Compare) else []
    return found


def _equal(wanted: list[Compare], columns: Columns) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in wanted:
        _, column = columns.of(one.column)
        if one.operator in ("=", "<=>") and isinstance(one.value, str) and column.type == "STRING":
            found[column.name] = one.value
    return found


def _between(wanted: list[Compare], columns: Columns, by: str) -> tuple[int, int]:
    """[from, to) in epoch ms, as far as the query bounds the column by which rows come."""
    since, until = 0, 2**62
    for one in wanted:
        _, column = columns.of(one.column)
        if column.name != by or one.value is None:
            continue
        at = cast("int", comparable(one.value, column))
        if one.operator in ("=", "<=>", ">", ">="):
            since = max(since, at)
        if one.operator in ("=", "<=>", "<", "<="):
            until = min(until, at + 1)
    return since, until


def _as_they_come(query: Query, view: View) -> bool:
    return [order.column for order in query.order] == [view.newest_first] and query.order[0].descending


def _only(places: Iterable[int], width: int) -> Callable[[Row], Row]:
    """A row without the cells that neither the answer nor its order needs."""
    needed = frozenset(places)
    if len(needed) == width:
        return lambda row: row
    if not needed:
        return lambda row: ()
    return lambda row: tuple(cell if place in needed else None for place, cell in enumerate(row))


async def _kept(scan: Scan, view: View, test: Test | None, enough: int | None, only: Callable[[Row], Row]) -> list[Row]:
    """The rows that pass, up to `enough`. Raises TooMuch."""
    kept: list[Row] = []
    size = 0
    async with aclosing(view.rows(scan)) as pages:
        async for page in pages:
            for row in page:
                await scan.pace.breathe()
                if test is not None and not await test(row):
                    continue
                kept.append(only(row))
                size += sum(len(cell) for cell in kept[-1] if isinstance(cell, str))
                if enough is not None and len(kept) >= enough:
                    return kept
                if size > SQL_KEPT_CHARACTERS:
                    raise TooMuch(
                        f"The rows that the statement keeps have more than {SQL_KEPT_CHARACTERS} characters. Ask for fewer columns, or "
                        "narrow it with WHERE."
                    )
    return kept
