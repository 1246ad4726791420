"""Changes of objects in a store that clients write to themselves, from before the request to the store until it has answered.

What lies there is the manifest of a PENDING version, and no transaction may wait for the store. So finalize compares the
set's revision before its listing with the one in its transaction, and waits for changes that are under way.
"""

import msgspec

from modelkeep.store.db import Tx, WriteTx, new_id


class Revision(msgspec.Struct, frozen=True):
    """A state of a set's objects, as far as this registry changes them."""

    number: int
    under_way: bool
    """A change was begun and has not ended."""


async def begin(tx: WriteTx, set_id: str, now: int, lapses_at: int) -> str:
    """Announce a change of a set that the caller holds open (`files.lock_open`); its id. It lapses at this time (epoch ms),
    for a process that is killed ends nothing."""
    await tx.run("DELETE FROM file_changes WHERE set_id = :set AND lapses_at <= :now", set=set_id, now=now)
    change_id = new_id()
    await tx.run(
        "INSERT INTO file_changes (id, set_id, lapses_at) VALUES (:id, :set, :at)",
        id=change_id,
        set=set_id,
        at=lapses_at,
    )
    await _count(tx, set_id)
    return change_id


async def end(tx: WriteTx, set_id: str, change_id: str) -> None:
    """The store has answered; one that has lapsed is no error."""
    await tx.run("DELETE FROM file_changes WHERE id = :id", id=change_id)
    await _count(tx, set_id)


async def revision(tx: Tx, set_id: str, now: int) -> Revision:
    row = await tx.one(
        "SELECT s.revision, (SELECT COUNT(*) FROM file_changes c WHERE c.set_id = s.id AND c.lapses_at > :now) "
        "FROM artifact_sets s WHERE s.id = :set",
        set=set_id,
        now=now,
    )
    return Revision(row[0], row[1] > 0) if row else Revision(-1, False)


async def _count(tx: WriteTx, set_id: str) -> None:
    await tx.run("UPDATE artifact_sets SET revision = revision + 1 WHERE id = :set", set=set_id)
