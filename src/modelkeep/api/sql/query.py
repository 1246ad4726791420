"""A query over the views: the core's lists, as the caller sees them, loaded into SQLite, which answers it."""

from contextlib import aclosing

from modelkeep.api.sql.expressions import Context
from modelkeep.api.sql.relations import Plan, ViewInQuery
from modelkeep.api.sql.sandbox import Sandbox
from modelkeep.api.sql.scan import Scan, SqlSession
from modelkeep.api.sql.select_tree import Query
from modelkeep.api.sql.tables import Cell, Row, SqlColumn, Table
from modelkeep.api.sql.translate import translate
from modelkeep.domain.errors import LimitExceeded
from modelkeep.domain.time_slices import in_parser
from modelkeep.limits import SQL_INLINE_CHARACTERS, SQL_STATEMENTS, SQL_WAIT_S
from modelkeep.store.db import now_ms
from modelkeep.store.writer_turns import WriterTurns

_TURNS = WriterTurns(SQL_STATEMENTS, 1)


async def select(session: SqlSession, query: Query) -> Table:
    """Raises NotFound, PermissionDenied, InvalidArgument, TooMuch."""
    plan = await _plan(session, query)
    values = dict(plan.values)
    if plan.needs_metastore:
        values["metastore"] = await session.metastore()
    caller = session.actor.id
    try:
        await _TURNS.enter(caller, SQL_WAIT_S)
    except TimeoutError as error:
        raise LimitExceeded("Other statements of yours are running. Send this one when they have ended.") from error
    try:
        rows = await _rows(session, plan, values)
    finally:
        _TURNS.leave(caller)
    return Table(plan.columns, rows)


async def _plan(session: SqlSession, query: Query) -> Plan:
    catalog, schema = session.home.parts[:2]
    context = Context(session.actor.name, catalog, schema, now_ms())
    if query.characters <= SQL_INLINE_CHARACTERS:
        return translate(query, session.home, context)
    return await in_parser(translate, query, session.home, context)


async def _rows(session: SqlSession, plan: Plan, values: dict[str, Cell]) -> list[Row]:
    scans = [Scan(session, source.view.place, source.equal, source.only) for source in plan.sources]
    budget = Scan(session, (), {})
    sandbox = Sandbox(budget.deadline)
    try:
        for source, scan in zip(plan.sources, scans, strict=True):
            scan.shares(budget)
            await _load(sandbox, source, scan, values)
        return await sandbox.in_thread(_answer, sandbox, plan, values)
    finally:
        await sandbox.in_thread(sandbox.close)


async def _load(sandbox: Sandbox, source: ViewInQuery, scan: Scan, values: dict[str, Cell]) -> None:
    scan.since, scan.until = source.since, source.until
    width = len(source.view.columns)
    sandbox.create(source.table, width)
    await scan.start()
    if source.enough == 0:
        return
    left = source.enough
    async with aclosing(source.view.rows(scan)) as pages:
        async for page in pages:
            if not page:
                continue
            passed = await sandbox.in_thread(_add, sandbox, source, page, values, left)
            left = None if left is None else left - passed
            if left is not None and left <= 0:
                return


def _add(sandbox: Sandbox, source: ViewInQuery, page: list[Row], values: dict[str, Cell], left: int | None) -> int:
    needed = [_only(row, source.used) for row in page]
    return sandbox.load(source.table, needed, source.filter, values, left)


def _only(row: Row, used: set[int]) -> Row:
    """The cells that the statement names."""
    return tuple(cell if place in used else None for place, cell in enumerate(row))


def _answer(sandbox: Sandbox, plan: Plan, values: dict[str, Cell]) -> list[Row]:
    return _typed(sandbox.select(plan.sql, values), plan.columns)


def _typed(rows: list[Row], columns: tuple[SqlColumn, ...]) -> list[Row]:
    """SQLite has no truth values."""
    truths = [i for i, column in enumerate(columns) if column.type == "BOOLEAN"]
    if not truths:
        return rows
    return [
        tuple(bool(cell) if i in truths and cell is not None else cell for i, cell in enumerate(row)) for row in rows
    ]
