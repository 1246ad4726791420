"""Which securables may mention a text: the one index of all searches, FTS5's trigrams on SQLite and pg_trgm's on PostgreSQL.

The index narrows a search to candidates, which the search's own conditions then judge. Where it has none (a text of fewer than
three characters, a word that too many mention, a PostgreSQL without pg_trgm), searches walk in order and stop at their budget.
The rows of `search_texts` are kept by triggers (migration 0011).
"""

from collections.abc import Iterable, Sequence

import msgspec

from modelkeep.domain.kinds import Kind
from modelkeep.limits import SEARCH_CANDIDATES
from modelkeep.store.db import Params, Tx, Value

_LEAVES = (Kind.MODEL, Kind.PROMPT, Kind.TABLE, Kind.VOLUME, Kind.FUNCTION)
KINDS = (Kind.CATALOG, Kind.SCHEMA, *_LEAVES)
_GRAM = 3  # characters
_GRAMS = 12  # of one text, at most: enough to be selective
_FEW = 200
"""Candidates below which no narrower source is looked for"""


class SecurableIds(msgspec.Struct, frozen=True):
    """A SELECT of the ids of securables, in a column `id`, with its parameters; and one that counts them up to a limit."""

    sql: str
    count: str
    params: Params = {}


async def narrowest(
    tx: Tx, dialect: str, key: str, sources: Iterable[SecurableIds], most: int = SEARCH_CANDIDATES
) -> SecurableIds | None:
    """The securables of the source with the fewest, as a list, so that a planner knows how few; None where all have more than
    `most`. `key` begins the names of its parameters."""
    best, fewest = None, most + 1
    for source in sources:
        count = await _count(tx, source, most)
        if count < fewest:
            best, fewest = source, count
        if fewest <= _FEW:
            break
    if best is None:
        return None
    # Each once, though two of its texts, or tags of two of its versions, may have led here.
    ids = list(dict.fromkeys(row[0] for row in await tx.scan(best.sql, **best.params)))
    if dialect == "sqlite":
        return of_ids(
            f"SELECT value AS id FROM json_each(:{key}ids)", **{f"{key}ids": msgspec.json.encode(ids).decode()}
        )
    return of_ids(f"SELECT unnest(CAST(:{key}ids AS TEXT[])) AS id", **{f"{key}ids": ids})


async def has_at_most(tx: Tx, source: SecurableIds, most: int) -> bool:
    return await _count(tx, source, most) <= most


async def _count(tx: Tx, source: SecurableIds, most: int) -> int:
    """The largest of what it counts, up to one more than `most`."""
    [row] = await tx.scan(source.count, **(source.params | {"most": most + 1}))
    return max(row)


def of_ids(sql: str, **params: Value) -> SecurableIds:
    """A source from any SELECT of ids."""
    return SecurableIds(sql, f"SELECT COUNT(*) FROM (SELECT 1 FROM ({sql}) e LIMIT :most) n", params)


async def indexed(tx: Tx, dialect: str) -> bool:
    if dialect == "sqlite":
        return True
    return await tx.one("SELECT 1 FROM pg_class WHERE relname = 'search_texts_trigrams'") is not None


def mentions(dialect: str, key: str, text: str) -> SecurableIds | None:
    """Securables that mention a text (in lower case) in name, comment, tags, aliases or owner, or in the name of what they lie
    in. `key` begins the names of its parameters. None for a text that has no trigram without a period."""
    return _source(dialect, key, text, names_only=False)


def named_like(dialect: str, key: str, text: str) -> SecurableIds | None:
    """Securables whose full name may hold a text (in lower case)."""
    return _source(dialect, key, text, names_only=True)


def tag_like(dialect: str, key: str, text: str) -> SecurableIds | None:
    """Securables of which, or of a version of which, a tag holds a text (in lower case)."""
    if not _grams(text):
        return None
    sql = f"SELECT h.entity_id AS id FROM ({_hits(dialect, key, _OTHER)}) h WHERE h.field = 'tag'"
    return of_ids(sql, **_params(key, text))


def tagged(key: str, tag: str, value: str | None) -> SecurableIds:
    """Securables with this tag (in lower case) on them or on a version, with any value or this one."""
    text = "substr(t.text, 1, 300)"
    if value is None:
        same, params = f"{text} >= :{key}0 AND {text} < :{key}1", {f"{key}0": f"{tag}:", f"{key}1": f"{tag};"}
    else:
        same, params = f"{text} = :{key}0", {f"{key}0": f"{tag}:{value}"[:300]}
    return of_ids(f"SELECT t.entity_id AS id FROM search_texts t WHERE t.field = 'tag' AND {same}", **params)


def owned(key: str, owner: str) -> SecurableIds:
    """Securables of the principal with this folded name."""
    return of_ids(
        f"SELECT o.id FROM principals p CROSS JOIN securables o WHERE p.name_key = :{key} AND o.owner_id = p.id "
        f"AND o.kind IN ({_quoted(KINDS)})",
        **{key: owner},
    )


def _source(dialect: str, key: str, text: str, *, names_only: bool) -> SecurableIds | None:
    # No name has a period, so what a full name holds between two of them, a name holds.
    text = max(text.split("."), key=len)
    if not _grams(text):
        return None
    hits = {"h": _hits(dialect, key, _NAMES)} | ({} if names_only else {"o": _hits(dialect, key, _OTHER)})
    arms = [
        "SELECT h.entity_id AS id FROM h",
        f"{_BELOW} k.kind IN ('CATALOG', 'SCHEMA') AND b.parent_id = k.id AND b.kind IN ({_quoted(KINDS[1:])})",
        f"{_BELOW} k.kind = 'CATALOG' AND b.catalog_id = k.id AND b.kind IN ({_quoted(_LEAVES)})",
    ]
    if not names_only:
        arms.append("SELECT o.entity_id FROM o WHERE o.field <> 'principal'")
        arms.append(
            "SELECT b.id FROM o CROSS JOIN securables b WHERE o.field = 'principal' AND b.owner_id = o.entity_id "
            f"AND b.kind IN ({_quoted(KINDS)})"
        )
    every = ", ".join(f"{name} AS MATERIALIZED ({sql})" for name, sql in hits.items())
    few = ", ".join(f"{name} AS MATERIALIZED ({sql} LIMIT :most)" for name, sql in hits.items())
    counts = ", ".join(f"(SELECT COUNT(*) FROM {name})" for name in hits)
    return SecurableIds(
        f"WITH {every} {' UNION '.join(arms)}",
        f"WITH {few} SELECT {counts}, (SELECT COUNT(*) FROM (SELECT 1 FROM ({' UNION ALL '.join(arms)}) e LIMIT :most) n)",
        _params(key, text),
    )


_BELOW = "SELECT b.id FROM h CROSS JOIN securables k CROSS JOIN securables b WHERE k.id = h.entity_id AND"
"""What lies in the containers among the hits"""
_NAMES, _OTHER = ("search_names", "= 'name'"), ("search_trigrams", "<> 'name'")
"""The two indexes: SQLite's table, and of which fields"""


def _hits(dialect: str, key: str, index: tuple[str, str]) -> str:
    """A SELECT of (entity_id, field) of the texts that hold a text."""
    table, fields = index
    like = f"t.text LIKE :{key}l ESCAPE '~' AND t.field {fields}"
    if dialect != "sqlite":
        return f"SELECT t.entity_id, t.field FROM search_texts t WHERE {like}"
    matching = f"{table} MATCH :{key}m AND t.id = {table}.rowid AND {like}"
    return f"SELECT t.entity_id, t.field FROM {table} CROSS JOIN search_texts t WHERE {matching}"


def _params(key: str, text: str) -> Params:
    """Of `_hits`."""
    return {f"{key}l": f"%{escaped(text)}%", f"{key}m": " ".join(f'"{gram}"' for gram in _grams(text))}


def _grams(text: str) -> Sequence[str]:
    """Trigrams that stand in each text that holds this one. FTS5 reads a query up to its first NUL."""
    if len(text) < _GRAM or "\0" in text:
        return ()
    starts = {*range(0, len(text) - _GRAM + 1, _GRAM), len(text) - _GRAM}
    return [text[at : at + _GRAM].replace('"', '""') for at in sorted(starts)][:_GRAMS]


def escaped(text: str) -> str:
    """For LIKE with the escape `~`."""
    return text.replace("~", "~~").replace("%", "~%").replace("_", "~_")


def _quoted(kinds: Iterable[Kind]) -> str:
    return ", ".join(f"'{kind}'" for kind in kinds)
