"""What people look for by words: securables of all kinds at once, best fits first; and what is stored, in numbers.

A search begins from the candidates of an index where one of its conditions has few. Else it walks the securables in the order that
is read, fit by fit, and hands out a short page when its budget is spent.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from modelkeep.domain.authorization import Actor
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import ArtifactFile, Securable
from modelkeep.limits import SEARCH_ROWS
from modelkeep.store import text_index
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Params, Tx, among
from modelkeep.store.securable_lists import ALL_LEAVES, BROWSE, READ_MODEL, SEE_CATALOG, SEE_OBJECT, SEE_SCHEMA, reached
from modelkeep.store.securables import CATALOG_ABOVE, COLUMNS, SCHEMA_ABOVE, of_row
from modelkeep.store.text_index import KINDS, SecurableIds, escaped

Position = tuple[int, str, str]
"""(how well it fits, name, id)"""
_ALIKE = "LIKE {} ESCAPE '~'"
_IN_SCHEMA = (
    "securables x CROSS JOIN securables s CROSS JOIN securables c",
    f"{SCHEMA_ABOVE} AND {CATALOG_ABOVE}",
    "c.name_key || '.' || s.name_key || '.' || x.name_key",
)
_SOURCES = {
    Kind.CATALOG: ("securables x CROSS JOIN securables c", "c.id = x.id", "x.name_key", SEE_CATALOG),
    Kind.SCHEMA: (
        "securables x CROSS JOIN securables s CROSS JOIN securables c",
        f"s.id = x.id AND {CATALOG_ABOVE}",
        "c.name_key || '.' || x.name_key",
        SEE_SCHEMA,
    ),
    Kind.MODEL: (*_IN_SCHEMA, READ_MODEL),
    **{kind: (*_IN_SCHEMA, see) for kind, see in SEE_OBJECT.items()},
}
_LEAVES = (Kind.MODEL, *SEE_OBJECT)
_BROWSED = (
    f"SELECT g.securable_id FROM {acts_as(':actor')} me CROSS JOIN grants g WHERE g.principal_id = me.group_id "
    "AND g.kind = 'CATALOG' AND g.privilege IN ('BROWSE', 'ALL_PRIVILEGES')"
)
"""The catalogs in which the actor may browse, where they are bound to his workspace."""
_MORE = 4
"""Each step of a walk looks at so many times the rows of the one before"""


class Sought(msgspec.Struct, frozen=True):
    """All words must be found, each in any of name, comment, tags, owner or aliases. All texts in lower case."""

    words: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = KINDS
    tag: tuple[str, str | None] | None = None
    """key, and value where it matters"""
    owner: str = ""
    newest_first: bool = False

    @property
    def text(self) -> str:
        return " ".join(self.words)


class _Hit(NamedTuple):
    """One row of a search."""

    id: str
    fit: int
    """Of an order by the newest change, the negative time of that"""
    name: str
    full_name: str
    seen: int
    """2 for what the actor sees, 1 for what he may only browse, 0 for what is not to be found"""

    @property
    def position(self) -> Position:
        return self.fit, self.name, self.id


class _Tier(NamedTuple):
    """Rows that fit equally well: how well, where in the order of names they lie, and the candidates for them."""

    fit: int | None
    where: str = ""
    source: SecurableIds | None = None


class _Search:
    """One search of one actor: its SQL, by kind, over the same parameters."""

    def __init__(self, actor: Actor, sought: Sought, models: SecurableIds | None) -> None:
        """`models`: the models and other leaves within the actor's reach, where they are few."""
        self.sought = sought
        self.models = models
        self.params: Params = {"actor": actor.id, "workspace": actor.workspace, "exact": sought.text}
        self.params |= {
            "first": f"{escaped(sought.text)}%",
            "inside": f"%{escaped(sought.text)}%",
            "last": f"{sought.text}\U0010ffff",
        }
        self.params |= {f"w{i}": f"%{escaped(word)}%" for i, word in enumerate(sought.words)} | {"owner": sought.owner}
        key, value = sought.tag or ("", None)
        self.params |= {"key": key, "value": value} | (models.params if models else {})

    def part(self, kind: Kind, ids: str) -> str:
        """The rows of one kind among these."""
        tables, joined, full, see = _SOURCES[kind]
        return (
            f"SELECT x.id AS id, {self._fit(full)} AS fit, x.name_key AS name_key, {full} AS full_name, {self._seen(full, see)} AS seen "
            f"FROM ({ids}) k CROSS JOIN {tables} WHERE x.id = k.id AND x.kind = '{kind}' AND {joined}" + self._owned()
        )

    def ids(self, kind: Kind, source: SecurableIds | None, where: str, later: str) -> str:
        """The next of one kind, in order, before anything is read about them."""
        if kind in _LEAVES and self.models is not None and source is None:
            source = self.models
        tables = "securables x" if source is None else f"({source.sql}) d CROSS JOIN securables x"
        conditions = ["x.id = d.id"] * (source is not None) + [f"x.kind = '{kind}'", *filter(None, (where, later))]
        order = "x.updated_at DESC, x.name_key, x.id" if self.sought.newest_first else "x.name_key, x.id"
        return f"SELECT x.id AS id FROM {tables} WHERE {' AND '.join(conditions)}{self._owned()} ORDER BY {order} LIMIT :size"

    def _owned(self) -> str:
        if not self.sought.owner:
            return ""
        return " AND EXISTS (SELECT 1 FROM principals p WHERE p.id = x.owner_id AND p.name_key = :owner)"

    def _seen(self, full: str, see: str) -> str:
        # Callers who may only browse do not see tags and aliases, so they do not find a securable by them either.
        seen, browsed = [see], [BROWSE]
        for i in range(len(self.sought.words)):
            alike = _ALIKE.format(f":w{i}")
            seen.append(f"({_mentions(full, alike)} OR {_tagged(alike)})")
            browsed.append(f"({_mentions(full, alike)})")
        if self.sought.tag is not None:
            same = "" if self.sought.tag[1] is None else " AND LOWER(t.value) = :value"
            seen.append(f"EXISTS (SELECT 1 FROM tags t WHERE t.securable_id = x.id AND LOWER(t.key) = :key{same})")
            browsed = []
        otherwise = f"WHEN {' AND '.join(browsed)} THEN 1 " if browsed else ""
        return f"CASE WHEN {' AND '.join(seen)} THEN 2 {otherwise}ELSE 0 END"

    def _fit(self, full: str) -> str:
        if self.sought.newest_first:
            return "-x.updated_at"
        if not self.sought.words:
            return "0"
        begins, inside = _ALIKE.format(":first"), _ALIKE.format(":inside")
        exact = f"x.name_key = :exact OR {full} = :exact"
        return f"CASE WHEN {exact} THEN 0 WHEN x.name_key {begins} THEN 1 WHEN {full} {inside} THEN 2 ELSE 3 END"


async def find(
    tx: Tx, dialect: str, actor: Actor, sought: Sought, after: Position | None, limit: int
) -> tuple[list[tuple[Securable, bool]], Position | None]:
    """Up to `limit` securables that the actor sees after a position, each with whether through BROWSE alone; and where the search
    continues, None at its end. A page may be short and not the last."""
    search = _Search(actor, sought, await _within_reach(tx, dialect, actor, sought.kinds))
    indexed = await text_index.indexed(tx, dialect)
    sources = _sources(dialect, sought, search.models, indexed=indexed)
    source = await text_index.narrowest(tx, dialect, "found", sources)
    if source is not None:
        hits = await _all(tx, search, source, after, limit + 1)
        following = None
    else:
        tiers = await _tiers(tx, dialect, sought, indexed=indexed)
        hits, following = await _walk(tx, search, tiers, after, limit + 1)
    if len(hits) > limit:
        hits, following = hits[:limit], hits[limit - 1].position
    return await _securables(tx, hits), following


async def _within_reach(tx: Tx, dialect: str, actor: Actor, kinds: tuple[Kind, ...]) -> SecurableIds | None:
    """The models and other leaves that the actor's grants lead to, by BROWSE too, where they are few and the request wants them."""
    ids = await reached(tx, actor, ALL_LEAVES) if any(kind in _LEAVES for kind in kinds) else None
    if ids is None:
        return None
    browsed = f"SELECT b.id FROM ({_BROWSED}) g CROSS JOIN securables b WHERE b.catalog_id = g.securable_id "
    browsed += f"AND b.kind {ALL_LEAVES.kinds}"
    count = f"SELECT COUNT(*) FROM (SELECT 1 FROM ({ids}) d UNION ALL SELECT 1 FROM ({browsed}) e LIMIT :most) n"
    within = SecurableIds(f"{ids} UNION {browsed}", count, {"actor": actor.id})
    return await text_index.narrowest(tx, dialect, "reach", [within])


def _sources(dialect: str, sought: Sought, models: SecurableIds | None, *, indexed: bool) -> Iterator[SecurableIds]:
    if models is not None:
        containers = "SELECT x.id FROM securables x WHERE x.kind IN ('CATALOG', 'SCHEMA')"
        yield text_index.of_ids(f"{models.sql} UNION {containers}", **models.params)
    if sought.owner:
        yield text_index.owned("so", sought.owner)
    if sought.tag is not None:
        yield text_index.tagged("st", *sought.tag)
    for i, word in enumerate(sorted(sought.words, key=len, reverse=True) if indexed else ()):
        source = text_index.mentions(dialect, f"s{i}", word)
        if source is not None:
            yield source


async def _all(tx: Tx, search: _Search, source: SecurableIds, after: Position | None, limit: int) -> list[_Hit]:
    """The best of all candidates."""
    params = search.params | source.params | {"limit": limit}
    parts = [search.part(kind, "SELECT id FROM d") for kind in search.sought.kinds]
    later = ""
    if after is not None:
        later = "AND (r.fit, r.name_key, r.id) > (:a0, :a1, :a2)"
        params |= {"a0": after[0], "a1": after[1], "a2": after[2]}
    rows = await tx.scan(
        f"WITH d AS MATERIALIZED ({source.sql}) SELECT * FROM ({' UNION ALL '.join(parts)}) r WHERE r.seen > 0 {later} "
        "ORDER BY r.fit, r.name_key, r.id LIMIT :limit",
        **params,
    )
    return [_Hit(*row) for row in rows]


async def _tiers(tx: Tx, dialect: str, sought: Sought, *, indexed: bool) -> list[_Tier]:
    """Where rows of each fit lie, as far as an index of names tells."""
    if sought.newest_first or not sought.words:
        return [_Tier(None)]
    begins = [_Tier(1, "x.name_key > :exact AND x.name_key < :last")] if "." not in sought.text else []
    named = text_index.named_like(dialect, "sn", sought.text) if indexed else None
    holds = _Tier(2, "", await text_index.narrowest(tx, dialect, "named", [named] if named else []))
    return [_Tier(0, "x.name_key = :leaf"), *begins, holds, _Tier(3)]


async def _walk(
    tx: Tx, search: _Search, tiers: list[_Tier], after: Position | None, limit: int
) -> tuple[list[_Hit], Position | None]:
    """In order, up to `limit` hits or the budget of rows; and the last position looked at where the budget ended it."""
    hits: list[_Hit] = []
    budget, size = SEARCH_ROWS, limit
    for tier in tiers:
        if after is not None and tier.fit is not None and tier.fit < after[0]:
            continue
        position = after if after is not None and tier.fit in (None, after[0]) else None
        while True:
            rows = await _step(tx, search, tier, position, size)
            for hit in rows:
                position = hit.position if tier.fit is None else (tier.fit, hit.name, hit.id)
                if hit.seen and tier.fit in (None, hit.fit):
                    hits.append(hit)
                    if len(hits) == limit:
                        return hits, position
            budget -= len(rows)
            if len(rows) < size:
                break
            if budget <= 0:
                return hits, position
            size = min(_MORE * size, budget)
    return hits, None


async def _step(tx: Tx, search: _Search, tier: _Tier, after: Position | None, size: int) -> list[_Hit]:
    """The next rows of a tier, found or not."""
    params = search.params | {"size": size, "leaf": search.sought.text.rpartition(".")[2]}
    params |= tier.source.params if tier.source else {}
    later = ""
    if after is not None:
        names = "(x.name_key > :a1 OR (x.name_key = :a1 AND x.id > :a2))"
        if search.sought.newest_first:
            later = f"x.updated_at <= :a0 AND (x.updated_at < :a0 OR {names})"
        else:
            later = f"x.name_key >= :a1 AND {names}"
        params |= {"a0": -after[0], "a1": after[1], "a2": after[2]}
    kinds = search.sought.kinds
    parts = [search.part(kind, search.ids(kind, tier.source, tier.where, later)) for kind in kinds]
    order = "r.fit, r.name_key, r.id" if search.sought.newest_first else "r.name_key, r.id"
    rows = await tx.scan(f"SELECT * FROM ({' UNION ALL '.join(parts)}) r ORDER BY {order} LIMIT :size", **params)
    return [_Hit(*row) for row in rows]


async def _securables(tx: Tx, hits: list[_Hit]) -> list[tuple[Securable, bool]]:
    if not hits:
        return []
    marks, ids = among(hit.id for hit in hits)
    rows = await tx.all(f"SELECT {COLUMNS} FROM securables x WHERE x.id IN ({marks})", **ids)
    by_id = {row[0]: row for row in rows}
    return [(of_row(by_id[hit.id], hit.full_name), hit.seen == 1) for hit in hits]


def _mentions(full: str, alike: str) -> str:
    return (
        f"{full} {alike} OR LOWER(x.comment) {alike} "
        f"OR EXISTS (SELECT 1 FROM principals p WHERE p.id = x.owner_id AND (p.name_key {alike} OR LOWER(p.display_name) {alike}))"
    )


def _tagged(alike: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM tags t WHERE t.securable_id = x.id AND LOWER(t.key || ':' || t.value) {alike}) "
        f"OR EXISTS (SELECT 1 FROM aliases a WHERE a.model_id = x.id AND LOWER(a.alias) {alike})"
    )


async def files_after(tx: Tx, set_id: str, after: str, limit: int) -> list[ArtifactFile]:
    """Files of an artifact set by path, after this one."""
    rows = await tx.all(
        "SELECT path, size, sha256, checksum, '', modified_at FROM artifact_files WHERE set_id = :set AND path > :after "
        "ORDER BY path LIMIT :limit",
        set=set_id,
        after=after,
        limit=limit,
    )
    return [ArtifactFile(*row) for row in rows]


class StoredSets(msgspec.Struct, frozen=True):
    """The artifact sets of one kind in one state."""

    kind: str
    """version, volume, run, logged_model, trace or staging"""
    state: str
    """open, live or deleting"""
    sets: int
    files: int
    bytes: int


async def stored(tx: Tx) -> list[StoredSets]:
    rows = await tx.scan(
        "SELECT s.kind, s.state, COUNT(DISTINCT s.id), COUNT(f.path), COALESCE(SUM(f.size), 0) FROM artifact_sets s "
        "LEFT JOIN artifact_files f ON f.set_id = s.id GROUP BY s.kind, s.state ORDER BY s.kind, s.state"
    )
    return [StoredSets(row[0], row[1], row[2], row[3], int(row[4])) for row in rows]
