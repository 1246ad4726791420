"""Managed Delta tables: the versions and unpublished commits that the catalog decides, and the folders that hold their files."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from modelkeep.store.db import Tx, WriteTx, among

FolderState = Literal["staged", "live", "dropped"]


class DeltaCommit(msgspec.Struct, frozen=True):
    """One commit file under `_delta_log/_staged_commits`."""

    version: int
    timestamp: int
    """epoch ms, as `modified_at`"""
    file_name: str
    file_size: int
    """bytes"""
    modified_at: int


class DeltaVersions(msgspec.Struct, frozen=True):
    """Which versions of a managed table there are."""

    latest: int
    latest_file: str
    """Of the latest accepted commit; '' for version 0, which the creator wrote."""
    published: int
    """Up to this one, readers find the commits in the table's own log."""
    file_count: int = 0
    byte_count: int = 0
    row_count: int = 0


class TableFolder(msgspec.Struct, frozen=True):
    table_id: str
    schema_id: str
    name: str
    """Folded, as it was staged."""
    owner_id: str
    location: str
    location_id: str
    state: FolderState
    since: int


async def insert(tx: WriteTx, table_id: str) -> None:
    """A new table at version 0."""
    await tx.run(
        "INSERT INTO delta_tables (table_id, latest_version, latest_file, published_version) VALUES (:id, 0, '', 0)",
        id=table_id,
    )


async def versions(tx: Tx, table_id: str) -> DeltaVersions | None:
    """None for a table whose commits the catalog does not decide."""
    row = await tx.one(
        "SELECT latest_version, latest_file, published_version, file_count, byte_count, row_count FROM delta_tables "
        "WHERE table_id = :id",
        id=table_id,
    )
    return DeltaVersions(*row) if row else None


async def commits(tx: Tx, table_id: str) -> list[DeltaCommit]:
    """Those that are not published, the newest first."""
    rows = await tx.all(
        "SELECT version, committed_at, file_name, file_size, modified_at FROM delta_commits WHERE table_id = :id "
        "ORDER BY version DESC",
        id=table_id,
    )
    return [DeltaCommit(*row) for row in rows]


async def add_commit(tx: WriteTx, table_id: str, commit: DeltaCommit) -> None:
    """The next version. The caller holds the table's row."""
    await tx.run(
        "INSERT INTO delta_commits (table_id, version, committed_at, file_name, file_size, modified_at) "
        "VALUES (:id, :version, :at, :file, :size, :modified)",
        id=table_id,
        version=commit.version,
        at=commit.timestamp,
        file=commit.file_name,
        size=commit.file_size,
        modified=commit.modified_at,
    )
    await tx.run(
        "UPDATE delta_tables SET latest_version = :version, latest_file = :file WHERE table_id = :id",
        id=table_id,
        version=commit.version,
        file=commit.file_name,
    )


async def publish(tx: WriteTx, table_id: str, version: int) -> None:
    """Forget the commits up to this version. The number of the latest one stays."""
    await tx.run("DELETE FROM delta_commits WHERE table_id = :id AND version <= :version", id=table_id, version=version)
    await tx.run(
        "UPDATE delta_tables SET published_version = :version WHERE table_id = :id AND published_version < :version",
        id=table_id,
        version=version,
    )


async def count_files(tx: WriteTx, table_id: str, files: int, size: int, rows: int) -> None:
    """Add what a writer reports. Counts stay between 0 and 2^62, whatever is reported."""
    bounded = ", ".join(
        f"{column} = CASE WHEN {column} + :{column} < 0 THEN 0 WHEN {column} + :{column} > 4611686018427387904 "
        f"THEN 4611686018427387904 ELSE {column} + :{column} END"
        for column in ("file_count", "byte_count", "row_count")
    )
    await tx.run(
        f"UPDATE delta_tables SET {bounded} WHERE table_id = :id",
        id=table_id,
        file_count=files,
        byte_count=size,
        row_count=rows,
    )


_FOLDER = "table_id, schema_id, name, owner_id, location, location_id, state, since"


async def stage(tx: WriteTx, folder: TableFolder) -> None:
    await tx.run(
        f"INSERT INTO table_folders ({_FOLDER}) "
        "VALUES (:table_id, :schema_id, :name, :owner_id, :location, :location_id, :state, :since)",
        **msgspec.structs.asdict(folder),
    )


async def folder(tx: Tx, table_id: str) -> TableFolder | None:
    row = await tx.one(f"SELECT {_FOLDER} FROM table_folders WHERE table_id = :id", id=table_id)
    return TableFolder(*row) if row else None


async def staged_by(tx: Tx, owner_id: str) -> int:
    """How many stagings of this principal wait for their table."""
    row = await tx.one(
        "SELECT count(*) FROM table_folders WHERE owner_id = :owner AND state = 'staged'", owner=owner_id
    )
    return row[0] if row else 0


async def make_live(tx: WriteTx, table_id: str, at: int) -> bool:
    """False where the staging became a table already, or was given up."""
    changed = await tx.run(
        "UPDATE table_folders SET state = 'live', since = :at WHERE table_id = :id AND state = 'staged'",
        id=table_id,
        at=at,
    )
    return changed == 1


async def drop_folders(tx: WriteTx, table_ids: Sequence[str], at: int) -> list[str]:
    """Of these tables, those that are managed: their folders wait for a purge from now on."""
    marks, params = among(table_ids)
    rows = await tx.all(
        f"UPDATE table_folders SET state = 'dropped', since = :at WHERE state = 'live' AND table_id IN ({marks}) "
        "RETURNING table_id",
        at=at,
        **params,
    )
    return [row[0] for row in rows]


async def give_up_stagings(tx: WriteTx, before: int, at: int, limit: int) -> list[str]:
    """Stagings from before this moment (epoch ms) that never became a table, up to `limit`: they wait for a purge from now on."""
    rows = await tx.all(
        "UPDATE table_folders SET state = 'dropped', since = :at WHERE state = 'staged' AND table_id IN "
        "(SELECT table_id FROM table_folders WHERE state = 'staged' AND since < :before ORDER BY since LIMIT :limit) "
        "RETURNING table_id",
        before=before,
        at=at,
        limit=limit,
    )
    return [row[0] for row in rows]


async def forget_folder(tx: WriteTx, table_id: str) -> None:
    """Once its files are gone."""
    await tx.run("DELETE FROM table_folders WHERE table_id = :id AND state = 'dropped'", id=table_id)
