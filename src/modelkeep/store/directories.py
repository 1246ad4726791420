"""Directories of an artifact set: ranges of the paths in its manifest, and marks of those that hold nothing."""

import msgspec

from modelkeep.store.db import Tx, WriteTx


class DirectoryEntry(msgspec.Struct, frozen=True):
    """A file or directory that lies directly in a directory."""

    name: str
    is_directory: bool
    size: int = 0
    modified_at: int = 0
    """0 for a directory"""


async def children(tx: Tx, set_id: str, directory: str, after: str, limit: int) -> tuple[list[DirectoryEntry], str]:
    """Up to `limit` entries of a directory ('' is the root), sorted as their paths are; and where to go on ('' at the end).

    Each statement is a range of the primary key; what lies below a directory is jumped over, however much it is. The mark of
    the directory itself (`make_directory`) is no entry.
    """
    prefix = f"{directory}/" if directory else ""
    start, seen, entries = after or prefix, prefix, list[DirectoryEntry]()
    while True:
        rows = await tx.all(
            "SELECT path, size, modified_at FROM artifact_files WHERE set_id = :set AND path >= :start AND path <> :seen "
            "ORDER BY path LIMIT :limit",
            set=set_id,
            start=start,
            seen=seen,
            limit=limit + 1 - len(entries),
        )
        for path, size, modified_at in rows:
            if path < start:
                continue  # below the directory just found
            if not path.startswith(prefix):
                return entries, ""
            if len(entries) == limit:
                return entries, path
            name, slash, _ = path[len(prefix) :].partition("/")
            entries.append(DirectoryEntry(name, True) if slash else DirectoryEntry(name, False, size, modified_at))
            start, seen = (f"{prefix}{name}0", "") if slash else (path, path)  # '0' follows '/'
        if len(rows) == 0:
            return entries, ""


async def make_directory(tx: WriteTx, set_id: str, path: str, at: int) -> bool:
    """Mark a directory that may hold nothing: an entry without bytes under its path with a slash, which no file has. False
    where it was marked already."""
    return (
        await tx.run(
            "INSERT INTO artifact_files (set_id, path, size, segments, modified_at) VALUES (:set, :path, 0, '[]', :at) "
            "ON CONFLICT DO NOTHING",
            set=set_id,
            path=f"{path}/",
            at=at,
        )
        == 1
    )


async def remove_below(tx: WriteTx, set_id: str, directory: str, limit: int) -> list[str]:
    """Remove up to `limit` files and marks of directories below `directory`, its own mark included; the segments (JSON) of each."""
    rows = await tx.all(
        "DELETE FROM artifact_files WHERE set_id = :set AND path IN (SELECT path FROM artifact_files WHERE set_id = :set "
        "AND path >= :first AND path < :last ORDER BY path LIMIT :limit) RETURNING segments",
        set=set_id,
        first=directory + "/",
        last=directory + "0",
        limit=limit,
    )
    return [row[0] for row in rows]
