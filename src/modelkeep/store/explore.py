"""What people look for by words: catalogs, schemas and models at once, best fits first; and what is stored, in numbers."""

from typing import Any

import msgspec

from modelkeep.core.authz import Actor
from modelkeep.core.kinds import Kind
from modelkeep.core.model import ArtifactFile, Securable
from modelkeep.store.db import Tx
from modelkeep.store.securables import BROWSE, COLUMNS, READ_MODEL, SEE_CATALOG, SEE_SCHEMA, of_row, reached

Position = tuple[int, str, str]
"""(how well it fits, name, id)"""
_ALIKE = "LIKE {} ESCAPE '~'"
_SOURCES = {
    Kind.CATALOG: ("securables x JOIN securables c ON c.id = x.id", "x.name_key", SEE_CATALOG),
    Kind.SCHEMA: (
        "securables x JOIN securables s ON s.id = x.id JOIN securables c ON c.id = x.catalog_id",
        "c.name_key || '.' || x.name_key",
        SEE_SCHEMA,
    ),
    Kind.MODEL: (
        "securables x JOIN securables s ON s.id = x.schema_id JOIN securables c ON c.id = x.catalog_id",
        "c.name_key || '.' || s.name_key || '.' || x.name_key",
        READ_MODEL,
    ),
}
_BROWSED = (
    "SELECT g.securable_id FROM grants g JOIN membership_closure me ON me.group_id = g.principal_id "
    "WHERE me.member_id = :actor AND g.kind = 'CATALOG' AND g.privilege IN ('BROWSE', 'ALL_PRIVILEGES')"
)
"""The catalogs in which the actor may browse, where they are bound to his workspace."""
KINDS = tuple(_SOURCES)


class Sought(msgspec.Struct, frozen=True):
    """All words must be found, each in any of name, comment, tags, owner or aliases. All texts in lower case."""

    words: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = KINDS
    tag: tuple[str, str | None] | None = None
    """key, and value where it matters"""
    owner: str = ""
    newest_first: bool = False


async def find(
    tx: Tx, actor: Actor, sought: Sought, after: Position | None, limit: int
) -> list[tuple[Securable, bool, Position]]:
    """Up to `limit` securables that the actor sees, each with whether through BROWSE alone, after a position."""
    params: dict[str, Any] = {"actor": actor.id, "workspace": actor.workspace, "limit": limit}
    parts = [await _part(tx, actor, kind, sought, params) for kind in sought.kinds]
    later = ""
    if after is not None:
        later = "WHERE (r.fit, r.name_key, r.id) > (:a0, :a1, :a2)"
        params |= {"a0": after[0], "a1": after[1], "a2": after[2]}
    rows = await tx.scan(
        f"SELECT * FROM ({' UNION ALL '.join(parts)}) r {later} ORDER BY r.fit, r.name_key, r.id LIMIT :limit", **params
    )
    return [(of_row(row, row[-2]), row[-1] == 1, (row[-4], row[-3], row[0])) for row in rows]


async def _part(tx: Tx, actor: Actor, kind: Kind, sought: Sought, params: dict[str, Any]) -> str:
    """The securables of one kind; adds the parameters that it needs."""
    source, full, see = _SOURCES[kind]
    where = [f"x.kind = '{kind}'"]
    if kind is Kind.MODEL and (ids := await reached(tx, actor)) is not None:
        where.append(f"(x.id IN ({ids}) OR x.catalog_id IN ({_BROWSED}))")
    # Tags and aliases are not told to whoever may only browse, so they do not let him find a thing either.
    seen, browsed = [see], [BROWSE]
    for i, word in enumerate(sought.words):
        params[f"w{i}"] = f"%{_escaped(word)}%"
        alike = _ALIKE.format(f":w{i}")
        seen.append(f"({_mentions(full, alike)} OR {_tagged(alike)})")
        browsed.append(f"({_mentions(full, alike)})")
    if sought.tag is not None:
        key, value = sought.tag
        params |= {"key": key} | ({} if value is None else {"value": value})
        same = "" if value is None else " AND LOWER(t.value) = :value"
        seen.append(f"EXISTS (SELECT 1 FROM tags t WHERE t.securable_id = x.id AND LOWER(t.key) = :key{same})")
        browsed = []
    if sought.owner:
        params["owner"] = sought.owner
        where.append("EXISTS (SELECT 1 FROM principals p WHERE p.id = x.owner_id AND p.name_key = :owner)")
    fit = "-x.updated_at" if sought.newest_first else _fit(sought, full, params)
    # Named for the outer SELECT: two columns of one name would be one too many.
    columns = ", ".join(f"{column} AS c{i}" if i else f"{column} AS id" for i, column in enumerate(_columns()))
    shown = " OR ".join(f"({' AND '.join(arm)})" for arm in (seen, browsed) if arm)
    return (
        f"SELECT {columns}, {fit} AS fit, x.name_key AS name_key, {full} AS full_name, CASE WHEN {see} THEN 2 ELSE 1 END AS seen "
        f"FROM {source} WHERE {' AND '.join([*where, f'({shown})'])}"
    )


def _columns() -> list[str]:
    """COLUMNS one by one."""
    found, depth = [""], 0
    for character in COLUMNS:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return [column.strip() for column in found]


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


def _fit(sought: Sought, full: str, params: dict[str, Any]) -> str:
    if not sought.words:
        return "0"
    text = " ".join(sought.words)
    params |= {"exact": text, "first": f"{_escaped(text)}%", "inside": f"%{_escaped(text)}%"}
    begins, inside = _ALIKE.format(":first"), _ALIKE.format(":inside")
    return f"CASE WHEN x.name_key = :exact OR {full} = :exact THEN 0 WHEN x.name_key {begins} THEN 1 WHEN {full} {inside} THEN 2 ELSE 3 END"


def _escaped(text: str) -> str:
    return text.replace("~", "~~").replace("%", "~%").replace("_", "~_")


async def files_after(tx: Tx, set_id: str, after: str, limit: int) -> list[ArtifactFile]:
    """Files of an artifact set by path, after this one."""
    rows = await tx.all(
        "SELECT path, size, sha256, checksum, '', modified_at FROM artifact_files WHERE set_id = :set AND path > :after "
        "ORDER BY path LIMIT :limit",
        set=set_id, after=after, limit=limit,
    )  # fmt: skip
    return [ArtifactFile(*row) for row in rows]


class Stored(msgspec.Struct, frozen=True):
    """The artifact sets of one kind in one state."""

    kind: str
    """version, volume, run, logged_model, trace or staging"""
    state: str
    """open, live or deleting"""
    sets: int
    files: int
    bytes: int


async def stored(tx: Tx) -> list[Stored]:
    rows = await tx.scan(
        "SELECT s.kind, s.state, COUNT(DISTINCT s.id), COUNT(f.path), COALESCE(SUM(f.size), 0) FROM artifact_sets s "
        "LEFT JOIN artifact_files f ON f.set_id = s.id GROUP BY s.kind, s.state ORDER BY s.kind, s.state"
    )
    return [Stored(row[0], row[1], row[2], row[3], int(row[4])) for row in rows]
