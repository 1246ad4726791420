"""Searches over many models or versions: keyset pages in any order, each row with whether the actor may read it.

Each order begins on an index, so that a page costs the same wherever it is. CROSS JOIN keeps SQLite's planner on the table
whose index that is.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.core.authz import Actor
from modelkeep.core.model import ModelVersion, Securable
from modelkeep.store.db import Tx
from modelkeep.store.securables import CATALOG_ABOVE, READ_MODEL, SCHEMA_ABOVE, of_row, reached
from modelkeep.store.securables import COLUMNS as MODEL_COLUMNS
from modelkeep.store.versions import COLUMNS as VERSION_COLUMNS
from modelkeep.store.versions import FULL_NAME, WIDTH

Position = tuple[str | int, ...]
_ABOVE = "CROSS JOIN securables s CROSS JOIN securables c"
_JOINED = f"{SCHEMA_ABOVE} AND {CATALOG_ABOVE}"
_OF_MODELS = {
    "name": ("x.name_key", str), "creation_timestamp": ("x.created_at", int),
    "last_updated_timestamp": ("x.updated_at", int), "id": ("x.id", str),
}  # fmt: skip
_OF_VERSIONS = {
    "name": ("x.name_key", str), "version_number": ("v.version", int), "creation_timestamp": ("v.created_at", int),
    "last_updated_timestamp": ("v.updated_at", int), "model": ("v.model_id", str), "id": ("v.id", str),
}  # fmt: skip


class Sort(msgspec.Struct, frozen=True):
    """One field of an order (name, version_number, creation_timestamp, last_updated_timestamp, model, id)."""

    field: str
    descending: bool = False


class Wanted(msgspec.Struct, frozen=True):
    """What the database itself narrows a search to, before rows are looked at."""

    model_id: str = ""
    run_ids: tuple[str, ...] | None = None
    tags: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    """LIKE patterns in lower case, for a model's own name or its full one"""


def position_types(order: Sequence[Sort]) -> tuple[type, ...]:
    """Of a position in this order."""
    return tuple(_OF_VERSIONS[sort.field][1] for sort in order)


async def models_in_order(
    tx: Tx, actor: Actor, order: Sequence[Sort], wanted: Wanted, after: Position | None, limit: int
) -> list[tuple[Securable, bool, Position]]:
    """Up to `limit` registered models after a position."""
    columns = [(_OF_MODELS[sort.field][0], sort.descending) for sort in order]
    source, where, params = f"securables x {_ABOVE}", [f"x.kind = 'MODEL' AND {_JOINED}"], dict[str, Any]()
    if (ids := await reached(tx, actor)) is not None:
        source, where = f"({ids}) d CROSS JOIN {source}", ["x.id = d.id", *where]
    for i, (key, value) in enumerate(wanted.tags):
        where.append(
            f"x.id IN (SELECT t.securable_id FROM tags t WHERE t.version = 0 AND t.key = :k{i} "
            f"AND substr(t.value, 1, 300) = :b{i} AND t.value = :w{i})"
        )
        params |= {f"k{i}": key, f"b{i}": value[:300], f"w{i}": value}
    _like_names(wanted, where, params)
    select = f"{MODEL_COLUMNS}, {FULL_NAME}"
    rows = await _rows(tx, actor, select, source, where, params, columns, after, limit)
    width = len(order) + 1
    return [(of_row(row, row[-width - 1]), bool(row[-width]), row[-width + 1 :]) for row in rows]


async def versions_in_order(
    tx: Tx, actor: Actor, order: Sequence[Sort], wanted: Wanted, after: Position | None, limit: int
) -> list[tuple[ModelVersion, bool, Position]]:
    """Up to `limit` model versions after a position."""
    columns = [(_OF_VERSIONS[sort.field][0], sort.descending) for sort in order]
    tables = ("securables x", "model_versions v") if order[0].field == "name" else ("model_versions v", "securables x")
    source, where, params = (
        " CROSS JOIN ".join(tables) + f" {_ABOVE}",
        [f"x.id = v.model_id AND {_JOINED}"],
        dict[str, Any](),
    )
    if order[0].field == "name":
        where.append("x.kind = 'MODEL'")
    if wanted.model_id:
        where, params = ["v.model_id = :one", *where], {"one": wanted.model_id}
    elif wanted.run_ids is not None:
        names = ", ".join(f":r{i}" for i in range(len(wanted.run_ids)))
        where, params = [f"v.run_id IN ({names})", *where], {f"r{i}": run for i, run in enumerate(wanted.run_ids)}
    elif (ids := await reached(tx, actor)) is not None:
        source, where = f"({ids}) d CROSS JOIN {source}", ["v.model_id = d.id", *where]
    for i, (key, value) in enumerate(wanted.tags):
        where.append(
            "EXISTS (SELECT 1 FROM tags t WHERE t.securable_id = v.model_id AND t.version = v.version "
            f"AND t.key = :k{i} AND t.value = :w{i})"
        )
        params |= {f"k{i}": key, f"w{i}": value}
    _like_names(wanted, where, params)
    select = f"{VERSION_COLUMNS}, {FULL_NAME}, x.name"
    rows = await _rows(tx, actor, select, source, where, params, columns, after, limit)
    width = len(order) + 1
    return [(ModelVersion(*row[: WIDTH + 2]), bool(row[-width]), row[-width + 1 :]) for row in rows]


def _like_names(wanted: Wanted, where: list[str], params: dict[str, Any]) -> None:
    """No name has a slash, so as the escape it escapes nothing: both databases then read a pattern alike."""
    for i, pattern in enumerate(wanted.names):
        where.append(f"(x.name_key LIKE :n{i} ESCAPE '/' OR {FULL_NAME} LIKE :n{i} ESCAPE '/')")
        params[f"n{i}"] = pattern


async def _rows(
    tx: Tx, actor: Actor, select: str, source: str, where: list[str], params: dict[str, Any],
    columns: Sequence[tuple[str, bool]], after: Position | None, limit: int,
) -> list[tuple[Any, ...]]:  # fmt: skip
    """Each row: `select`, whether the actor may read the model, and its position."""
    if after is not None:
        where = [*where, _later(columns)]
        params = params | {f"a{i}": value for i, value in enumerate(after)}
    keys = ", ".join(column for column, _ in columns)
    by = ", ".join(f"{column} DESC" if descending else column for column, descending in columns)
    return await tx.scan(
        f"SELECT {select}, {READ_MODEL}, {keys} FROM {source} WHERE {' AND '.join(where)} ORDER BY {by} LIMIT :limit",
        actor=actor.id, workspace=actor.workspace, limit=limit, **params,
    )  # fmt: skip


def _later(columns: Sequence[tuple[str, bool]]) -> str:
    """SQL for: after the position :a0, :a1, ... The first column once more, alone, for its index's sake."""
    signs = ["<" if descending else ">" for _, descending in columns]
    steps: list[str] = []
    for i, (column, _) in enumerate(columns):
        same = [f"{columns[j][0]} = :a{j}" for j in range(i)]
        steps.append(" AND ".join([*same, f"{column} {signs[i]} :a{i}"]))
    return f"{columns[0][0]} {signs[0]}= :a0 AND ({' OR '.join(f'({step})' for step in steps)})"
