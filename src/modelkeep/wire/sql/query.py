"""A query over one view: rows of the core's lists, kept, ordered and cut here."""

import asyncio
import time
from contextlib import aclosing
from difflib import get_close_matches
from typing import cast

from modelkeep.core.errors import NotFound
from modelkeep.wire.sql.evaluate import Columns, Test, comparable, kept_by, ordered
from modelkeep.wire.sql.scan import Scan, Session
from modelkeep.wire.sql.select import COUNT, All, Compare, Condition, Query
from modelkeep.wire.sql.tables import Column, Row, Table
from modelkeep.wire.sql.views import AUDIT, INFORMATION_SCHEMA, View

SYSTEM = "system"
_BREATH_S = 0.02
"""How long rows may be compared before others get their turn"""


async def select(session: Session, query: Query) -> Table:
    """Raises NotFound, PermissionDenied, InvalidArgument, TooMuch."""
    title, view, only = _view(session, query.view)
    columns = Columns(title, view.columns)
    test = None if query.where is None else kept_by(query.where, columns)
    for order in query.order:
        columns.place(order.column)
    shown = [] if query.columns and query.columns[0][0] == COUNT else [columns.of(name) for name, _ in query.columns]
    wanted = [] if query.where is None else _demanded(query.where)
    scan = Scan(session, view.place, _equal(wanted, columns), only)
    scan.since, scan.until = _between(wanted, columns, view.newest_first)
    await scan.start()
    # Rows that come in the order that is asked for need not all be looked at.
    enough = query.limit if not query.order or _as_they_come(query, view) else None
    counted = bool(query.columns) and not shown
    rows = await _kept(scan, view, test, None if counted else enough)
    if counted:
        name = query.columns[0][1] or COUNT
        total: list[Row] = [(len(rows),)]
        return Table((Column(name, "LONG"),), total[: query.limit])
    rows = ordered(rows, query.order, columns)[: query.limit]
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
    near = get_close_matches(leaf, INFORMATION_SCHEMA, 1)
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


async def _kept(scan: Scan, view: View, test: Test | None, enough: int | None) -> list[Row]:
    """The rows that pass, up to `enough`. Raises TooMuch."""
    kept: list[Row] = []
    breath = time.monotonic()
    async with aclosing(view.rows(scan)) as pages:
        async for page in pages:
            for row in page:
                if test is None or test(row):
                    kept.append(row)
                    if enough is not None and len(kept) >= enough:
                        return kept
                if time.monotonic() - breath > _BREATH_S:
                    scan.check_time()
                    await asyncio.sleep(0)
                    breath = time.monotonic()
    return kept
