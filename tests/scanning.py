"""The search by words as one statement that reads all there is: what every search through an index is compared with."""

from typing import Any

from modelkeep.domain.authorization import Actor
from modelkeep.domain.kinds import Kind
from modelkeep.store.db import Tx
from modelkeep.store.explorer import Sought
from modelkeep.store.securable_lists import BROWSE, READ_MODEL, SEE_CATALOG, SEE_SCHEMA

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
_SOURCES[Kind.PROMPT] = _SOURCES[Kind.MODEL]


async def scanned(tx: Tx, actor: Actor, sought: Sought) -> list[tuple[str, bool]]:
    """(full name, whether it may only be browsed) of all that is found, in order."""
    params: dict[str, Any] = {"actor": actor.id, "workspace": actor.workspace}
    parts = [_part(kind, sought, params) for kind in sought.kinds]
    rows = await tx.all(f"SELECT * FROM ({' UNION ALL '.join(parts)}) r ORDER BY r.fit, r.name_key, r.id", **params)
    return [(row[3], row[4] == 1) for row in rows]


def _part(kind: Kind, sought: Sought, params: dict[str, Any]) -> str:
    source, full, see = _SOURCES[kind]
    where = [f"x.kind = '{kind}'"]
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
    arms = " OR ".join(f"({' AND '.join(arm)})" for arm in (seen, browsed) if arm)
    return (
        f"SELECT x.id AS id, {fit} AS fit, x.name_key AS name_key, {full} AS full_name, "
        f"CASE WHEN {see} THEN 2 ELSE 1 END AS seen FROM {source} WHERE {' AND '.join([*where, f'({arms})'])}"
    )


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
    return (
        f"CASE WHEN x.name_key = :exact OR {full} = :exact THEN 0 WHEN x.name_key {begins} THEN 1 "
        f"WHEN {full} {inside} THEN 2 ELSE 3 END"
    )


def _escaped(text: str) -> str:
    return text.replace("~", "~~").replace("%", "~%").replace("_", "~_")
