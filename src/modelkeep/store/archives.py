"""Links of the audit chain that lie in storage, and how far the log was sent elsewhere, as rows."""

import msgspec

from modelkeep.store.db import Tx, WriteTx

_SLICE = 1_000  # records that one transaction removes: as long as nobody minds waiting for it
SET_KEY = "audit:archive"
"""The owner of the artifact set that holds the files."""


class Archive(msgspec.Struct, frozen=True):
    """One file of links, first to last without a gap, and what they hang on."""

    first_seq: int
    last_seq: int
    previous: str
    """The hash of the link before the first: the last hash of the file before."""
    first_hash: str
    last_hash: str
    first_at: int
    last_at: int
    """epoch ms of the first and last event"""
    set_id: str
    path: str
    archived_at: int


_FIELDS = Archive.__struct_fields__
_ARCHIVE = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO audit_archives ({_ARCHIVE}) VALUES ({', '.join(':' + name for name in _FIELDS)})"


async def every(tx: Tx) -> list[Archive]:
    """In the order of the chain."""
    return [Archive(*row) for row in await tx.scan(f"SELECT {_ARCHIVE} FROM audit_archives ORDER BY first_seq")]


async def last(tx: Tx) -> Archive | None:
    row = await tx.one(f"SELECT {_ARCHIVE} FROM audit_archives ORDER BY first_seq DESC LIMIT 1")
    return Archive(*row) if row else None


async def insert(tx: WriteTx, archive: Archive) -> None:
    """From here on the records may be removed. Raises UniqueViolation where somebody archived that link meanwhile."""
    await tx.run(_INSERT, **msgspec.structs.asdict(archive))


async def remove_archived(tx: WriteTx, through: int) -> int:
    """Remove a slice of the records up to that link, which are archived; how many. The database refuses any other."""
    rows = await tx.all(
        "SELECT seq, audit_id FROM audit_seals WHERE seq <= :through ORDER BY seq LIMIT :slice",
        through=through,
        slice=_SLICE,
    )
    ids = [{"id": row[1]} for row in rows]
    if ids:
        await tx.run_many("DELETE FROM audit_targets WHERE audit_id = :id", ids)
        await tx.run_many("DELETE FROM audit WHERE id = :id", ids)  # its link says that it is archived, and goes last
        await tx.run_many("DELETE FROM audit_seals WHERE seq = :seq", [{"seq": row[0]} for row in rows])
    return len(rows)


async def any_archived(tx: Tx, through: int) -> bool:
    """Are there records left that are archived? (Reads without a write lock.)"""
    return await tx.one("SELECT 1 FROM audit_seals WHERE seq <= :through LIMIT 1", through=through) is not None


async def cursor(tx: Tx, name: str) -> int:
    """The last link that was sent; 0 for none."""
    row = await tx.one("SELECT seq FROM audit_cursors WHERE name = :name", name=name)
    return row[0] if row else 0


async def move_cursor(tx: WriteTx, name: str, seq: int) -> None:
    await tx.run(
        "INSERT INTO audit_cursors (name, seq) VALUES (:name, :seq) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq",
        name=name,
        seq=seq,
    )
