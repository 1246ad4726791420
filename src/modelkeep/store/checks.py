"""What `modelkeep check` asks of the database: rows that contradict each other."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from modelkeep.store.db import Tx, among


class ListedSet(NamedTuple):
    """An artifact set; `created_at` in epoch ms."""

    id: str
    state: str
    created_at: int


class CutFile(NamedTuple):
    """A small file; sizes in bytes."""

    set_id: str
    path: str
    recorded: int
    stored: int


class MiscountedSet(NamedTuple):
    """A version's artifact set, with the references that its row and the versions count."""

    id: str
    counted: int
    real: int


class DanglingAlias(NamedTuple):
    securable_id: str
    """of the model or prompt"""
    alias: str


class OutdatedGrant(NamedTuple):
    """An inert grant of a privilege that decides something by now."""

    privilege: str
    principal: str
    securable_id: str


async def every_set(tx: Tx) -> list[ListedSet]:
    """Each artifact set, by its id."""
    rows = await tx.scan("SELECT id, state, created_at FROM artifact_sets ORDER BY id")
    return [ListedSet(*row) for row in rows]


async def cut_short(tx: Tx) -> list[CutFile]:
    """Small files whose row does not hold all of their bytes."""
    rows = await tx.scan(
        "SELECT set_id, path, size, COALESCE(LENGTH(data), 0) FROM artifact_files "
        "WHERE segments = '[]' AND size <> COALESCE(LENGTH(data), 0)"
    )
    return [CutFile(*row) for row in rows]


async def miscounted(tx: Tx) -> list[MiscountedSet]:
    """Versions' sets whose count of references is wrong."""
    rows = await tx.scan(
        "SELECT s.id, s.refs, COUNT(v.id) FROM artifact_sets s LEFT JOIN model_versions v ON v.artifact_set_id = s.id "
        "WHERE s.kind = 'version' AND s.state <> 'deleting' GROUP BY s.id, s.refs HAVING s.refs <> COUNT(v.id)"
    )
    return [MiscountedSet(*row) for row in rows]


async def dangling(tx: Tx) -> list[DanglingAlias]:
    """Aliases that point at no version."""
    rows = await tx.scan(
        "SELECT a.model_id, a.alias FROM aliases a LEFT JOIN model_versions v ON v.model_id = a.model_id "
        "AND v.version = a.version LEFT JOIN prompt_versions p ON p.prompt_id = a.model_id AND p.version = a.version "
        "WHERE v.id IS NULL AND p.id IS NULL"
    )
    return [DanglingAlias(*row) for row in rows]


async def homeless(tx: Tx) -> list[str]:
    """The ids of READY versions without the live artifact set that they have; a pointer has none."""
    rows = await tx.scan(
        "SELECT v.id FROM model_versions v LEFT JOIN artifact_sets s ON s.id = v.artifact_set_id "
        "WHERE v.status = 'READY' AND v.artifact_set_id IS NOT NULL AND (s.id IS NULL OR s.state <> 'live')"
    )
    return [row[0] for row in rows]


async def unowned(tx: Tx) -> list[str]:
    """The ids of volumes' sets that belong to no volume."""
    rows = await tx.scan(
        "SELECT s.id FROM artifact_sets s WHERE s.kind = 'volume' AND s.state <> 'deleting' AND NOT EXISTS "
        "(SELECT 1 FROM securables x WHERE x.kind = 'VOLUME' AND 'volume:' || x.id = s.owner_key)"
    )
    return [row[0] for row in rows]


async def volumes_without_set(tx: Tx) -> list[str]:
    """The ids of managed volumes that have no open artifact set."""
    rows = await tx.scan(
        "SELECT x.id, x.spec FROM securables x LEFT JOIN artifact_sets s ON s.owner_key = 'volume:' || x.id AND s.state = 'open' "
        "WHERE x.kind = 'VOLUME' AND s.id IS NULL"
    )
    return [row[0] for row in rows if msgspec.json.decode(row[1])["volume_type"] == "MANAGED"]


async def outdated_grants(tx: Tx, known: Sequence[str]) -> list[OutdatedGrant]:
    """Inert grants of privileges that mean something by now (`known`)."""
    words, params = among(known)
    rows = await tx.scan(
        "SELECT g.privilege, p.name, g.securable_id FROM inert_grants g JOIN principals p ON p.id = g.principal_id "
        f"WHERE g.privilege IN ({words}) ORDER BY p.name_key, g.privilege, g.securable_id",
        **params,
    )
    return [OutdatedGrant(*row) for row in rows]
