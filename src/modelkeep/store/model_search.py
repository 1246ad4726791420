"""Searches over many models or versions: keyset pages in any order, each row with whether the actor may read it.

A search begins from the models that its narrowest condition leaves, where these are few. Else each order begins on an index, so that
a page costs the same wherever it is, and rows are judged for the caller. CROSS JOIN keeps SQLite's planner on the table
whose index that is.
"""

from collections.abc import Iterator, Sequence

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.model import ModelVersion, Securable
from modelkeep.domain.patterns import longest_literal
from modelkeep.limits import SEARCH_VERSIONS
from modelkeep.store import text_index
from modelkeep.store.db import Params, Row, Tx
from modelkeep.store.securable_lists import READ_MODEL, reached
from modelkeep.store.securables import CATALOG_ABOVE, SCHEMA_ABOVE, of_row
from modelkeep.store.securables import COLUMNS as MODEL_COLUMNS
from modelkeep.store.text_index import SecurableIds
from modelkeep.store.versions import FULL_NAME, WIDTH
from modelkeep.store.versions import LISTED_COLUMNS as VERSION_COLUMNS

Position = tuple[str | int, ...]
_ABOVE = "CROSS JOIN securables s CROSS JOIN securables c"
_JOINED = f"{SCHEMA_ABOVE} AND {CATALOG_ABOVE}"
_OF_MODELS = {
    "name": ("x.name_key", str),
    "creation_timestamp": ("x.created_at", int),
    "last_updated_timestamp": ("x.updated_at", int),
    "id": ("x.id", str),
}
_OF_VERSIONS = {
    "name": ("x.name_key", str),
    "version_number": ("v.version", int),
    "creation_timestamp": ("v.created_at", int),
    "last_updated_timestamp": ("v.updated_at", int),
    "model": ("v.model_id", str),
    "id": ("v.id", str),
}


class Sort(msgspec.Struct, frozen=True):
    """One field of an order (name, version_number, creation_timestamp, last_updated_timestamp, model, id)."""

    field: str
    descending: bool = False


# Long texts are indexed by their beginnings, `substr(value, 1, 300)`. Where the whole text is compared beside it, `|| ''` keeps
# SQLite from putting the parameter into the beginning's expression, which then matches no index.


class SearchNarrowing(msgspec.Struct, frozen=True):
    """What the database itself narrows a search to, before rows are looked at."""

    model_id: str = ""
    run_ids: tuple[str, ...] | None = None
    source: str = ""
    """Where the files of a version came from, exactly"""
    tags: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    """LIKE patterns in lower case, for a model's own name or its full one"""
    tag_texts: tuple[str, ...] = ()
    """What some tag holds, in lower case"""

    @property
    def one_by_one(self) -> bool:
        """Is there an index of versions for it?"""
        return bool(self.model_id or self.source) or self.run_ids is not None


class Start(msgspec.Struct, frozen=True):
    """Where a search begins."""

    source: SecurableIds | None = None
    """The few models that can be on it"""
    streams: bool = False
    """They have many versions: in the order of models, these are read as they come"""
    catalog: str = ""
    """The id of the one catalog whose models can be on it"""
    sorts: bool = False
    """No index has what it reads in its order"""

    @property
    def walks(self) -> bool:
        """Are its rows read as they lie in an index?"""
        return not self.sorts and (self.source is None or self.streams)


def position_types(order: Sequence[Sort]) -> tuple[type, ...]:
    """Of a position in this order."""
    return tuple(_OF_VERSIONS[sort.field][1] for sort in order)


async def begin(
    tx: Tx, dialect: str, actor: Actor, filter: SearchNarrowing, order: Sequence[Sort], *, versions: bool
) -> Start:
    """The cheapest way to all that a search may find."""
    if filter.one_by_one:
        return Start(sorts=not filter.model_id or order[0].field not in ("version_number", "last_updated_timestamp"))
    ids = await reached(tx, actor)
    indexed = await text_index.indexed(tx, dialect)
    source = await text_index.narrowest(tx, dialect, "start", _sources(dialect, actor, filter, ids, indexed=indexed))
    if source is None:
        return Start(catalog=await _catalog(tx, filter))
    if not versions:
        return Start(source)
    of_source = text_index.of_ids(
        f"SELECT v.id FROM ({source.sql}) d CROSS JOIN model_versions v WHERE v.model_id = d.id", **source.params
    )
    if await text_index.has_at_most(tx, of_source, SEARCH_VERSIONS):
        return Start(source)
    if order[0].field == "model":
        return Start(source, streams=True)
    return Start(catalog=await _catalog(tx, filter))


def _sources(
    dialect: str, actor: Actor, filter: SearchNarrowing, ids: str | None, *, indexed: bool
) -> Iterator[SecurableIds]:
    for i, (key, value) in enumerate(filter.tags):
        yield text_index.of_ids(
            f"SELECT DISTINCT t.securable_id AS id FROM tags t WHERE t.key = :t{i}k AND substr(t.value, 1, 300) = :t{i}b "
            f"AND t.value || '' = :t{i}v",
            **{f"t{i}k": key, f"t{i}b": value[:300], f"t{i}v": value},
        )
    if ids is not None:
        yield text_index.of_ids(ids, actor=actor.id)
    for i, pattern in enumerate(filter.names):
        containers = pattern.split(".")
        if len(containers) == 3 and not any("%" in part for part in containers[:2]):
            yield _within(f"c{i}", containers[0], containers[1])
        if indexed and (named := text_index.named_like(dialect, f"n{i}x", longest_literal(pattern))):
            yield named
    for i, text in enumerate(filter.tag_texts if indexed else ()):
        if tagged := text_index.tag_like(dialect, f"g{i}", text):
            yield tagged


def _within(key: str, catalog: str, schema: str) -> SecurableIds:
    """The models of the schemas whose names match these patterns."""
    return text_index.of_ids(
        f"SELECT x.id FROM securables c CROSS JOIN securables s CROSS JOIN securables x WHERE c.kind = 'CATALOG' "
        f"AND c.name_key LIKE :{key}c ESCAPE '/' AND s.parent_id = c.id AND s.name_key LIKE :{key}s ESCAPE '/' "
        "AND x.parent_id = s.id AND x.kind = 'MODEL'",
        **{f"{key}c": catalog, f"{key}s": schema},
    )


async def _catalog(tx: Tx, filter: SearchNarrowing) -> str:
    """The only catalog that a pattern of full names leaves, if one does."""
    for pattern in filter.names:
        catalog, period, _ = pattern.partition(".")
        if period and "%" not in catalog:
            rows = await tx.all(
                "SELECT id FROM securables WHERE kind = 'CATALOG' AND name_key LIKE :catalog ESCAPE '/' LIMIT 2",
                catalog=catalog,
            )
            return rows[0][0] if len(rows) == 1 else ""
    return ""


class Walk(msgspec.Struct, frozen=True):
    """A search from its start, in its order, through what the filter leaves."""

    order: tuple[Sort, ...]
    filter: SearchNarrowing
    start: Start


async def models_in_order(
    tx: Tx, actor: Actor, walk: Walk, after: Position | None, limit: int
) -> list[tuple[Securable, bool, Position]]:
    """Up to `limit` registered models after a position."""
    order, filter, start = walk.order, walk.filter, walk.start
    columns = [(_OF_MODELS[sort.field][0], sort.descending) for sort in order]
    source, where, params = f"securables x {_ABOVE}", [f"x.kind = 'MODEL' AND {_JOINED}"], Params()
    if start.source is not None:
        source, where = f"({start.source.sql}) d CROSS JOIN {source}", ["x.id = d.id", *where]
        params |= start.source.params
        for i, (key, value) in enumerate(filter.tags):
            where.append(
                f"x.id IN (SELECT t.securable_id FROM tags t WHERE t.version = 0 AND t.key = :k{i} "
                f"AND substr(t.value, 1, 300) = :b{i} AND t.value || '' = :w{i})"
            )
            params |= {f"k{i}": key, f"b{i}": value[:300], f"w{i}": value}
        _like_names(filter, where, params)
    _of_catalog(start, where, params)
    statement = _Statement(f"{MODEL_COLUMNS}, {FULL_NAME}", source, where, params, columns)
    rows = await _rows(tx, actor, statement, after, limit)
    width = len(order) + 1
    return [(of_row(row, row[-width - 1]), bool(row[-width]), row[-width + 1 :]) for row in rows]


async def versions_in_order(
    tx: Tx, actor: Actor, walk: Walk, after: Position | None, limit: int
) -> list[tuple[ModelVersion, bool, Position]]:
    """Up to `limit` model versions after a position."""
    order, filter, start = walk.order, walk.filter, walk.start
    columns = [(_OF_VERSIONS[sort.field][0], sort.descending) for sort in order]
    by_name = order[0].field == "name"
    walks_names = by_name and not filter.one_by_one
    tables = ("securables x", "model_versions v") if walks_names else ("model_versions v", "securables x")
    source = " CROSS JOIN ".join(tables) + f" {_ABOVE}"
    params = Params()
    where = [f"x.id = v.model_id AND {_JOINED}"] + ["x.kind = 'MODEL'"] * by_name
    if filter.model_id:
        where = ["v.model_id = :one", *where]
        params |= {"one": filter.model_id}
    elif filter.run_ids is not None:
        names = ", ".join(f":r{i}" for i in range(len(filter.run_ids)))
        where = [f"v.run_id IN ({names})", *where]
        params |= {f"r{i}": run for i, run in enumerate(filter.run_ids)}
    elif filter.source:
        where = ["substr(v.source, 1, 300) = :source_begin AND v.source || '' = :source", *where]
        params |= {"source_begin": filter.source[:300], "source": filter.source}
    elif start.source is not None:
        params |= start.source.params
        if start.streams:
            where = [f"v.model_id IN (SELECT d.id FROM ({start.source.sql}) d)", *where]
        else:
            source, where = f"({start.source.sql}) d CROSS JOIN {source}", ["v.model_id = d.id", *where]
    if filter.one_by_one or (start.source is not None and not start.streams):
        for i, (key, value) in enumerate(filter.tags):
            where.append(
                "EXISTS (SELECT 1 FROM tags t WHERE t.securable_id = v.model_id AND t.version = v.version "
                f"AND t.key = :k{i} AND t.value = :w{i})"
            )
            params |= {f"k{i}": key, f"w{i}": value}
        _like_names(filter, where, params)
    if by_name:
        _of_catalog(start, where, params)
    statement = _Statement(f"{VERSION_COLUMNS}, {FULL_NAME}, x.name", source, where, params, columns)
    rows = await _rows(tx, actor, statement, after, limit)
    width = len(order) + 1
    return [(ModelVersion(*row[: WIDTH + 2]), bool(row[-width]), row[-width + 1 :]) for row in rows]


def _of_catalog(start: Start, where: list[str], params: Params) -> None:
    if start.catalog:
        where.append("x.catalog_id = :within")
        params["within"] = start.catalog


def _like_names(filter: SearchNarrowing, where: list[str], params: Params) -> None:
    """No name has a slash, so as the escape it escapes nothing: both databases then read a pattern alike."""
    for i, pattern in enumerate(filter.names):
        where.append(f"(x.name_key LIKE :n{i} ESCAPE '/' OR {FULL_NAME} LIKE :n{i} ESCAPE '/')")
        params[f"n{i}"] = pattern


class _Statement(msgspec.Struct, frozen=True):
    """The parts of one SELECT, and its parameters."""

    select: str
    source: str
    where: list[str]
    params: Params
    columns: Sequence[tuple[str, bool]]
    """What it is ordered by, and whether descending"""


async def _rows(tx: Tx, actor: Actor, statement: _Statement, after: Position | None, limit: int) -> list[Row]:
    """Each row: `select`, whether the actor may read the model, and its position."""
    source, where, params, columns = statement.source, statement.where, statement.params, statement.columns
    if after is not None:
        where = [*where, _later(columns)]
        params = params | {f"a{i}": value for i, value in enumerate(after)}
    keys = ", ".join(column for column, _ in columns)
    by = ", ".join(f"{column} DESC" if descending else column for column, descending in columns)
    return await tx.scan(
        f"SELECT {statement.select}, {READ_MODEL}, {keys} FROM {source} WHERE {' AND '.join(where)} ORDER BY {by} LIMIT :limit",
        **(params | {"actor": actor.id, "workspace": actor.workspace, "limit": limit}),
    )


def _later(columns: Sequence[tuple[str, bool]]) -> str:
    """SQL for: after the position :a0, :a1, ... The first column once more, alone, for its index's sake."""
    signs = ["<" if descending else ">" for _, descending in columns]
    steps: list[str] = []
    for i, (column, _) in enumerate(columns):
        same = [f"{columns[j][0]} = :a{j}" for j in range(i)]
        steps.append(" AND ".join([*same, f"{column} {signs[i]} :a{i}"]))
    return f"{columns[0][0]} {signs[0]}= :a0 AND ({' OR '.join(f'({step})' for step in steps)})"
