"""Vended URLs and credentials of the running minute, counted as rows: each row becomes one audit event."""

import msgspec

from modelkeep.store.audit import AuditEvent
from modelkeep.store.db import Tx, WriteTx


class Vending(msgspec.Struct, frozen=True):
    """One kind of access to one thing, by one principal, in one minute."""

    minute: int
    """of the epoch"""
    count: int
    first_at: int
    last_at: int
    """epoch ms, as `first_at`"""
    event: AuditEvent

    def with_(self, other: "Vending") -> "Vending":
        """Both, as the event of the first."""
        first_at, last_at = min(self.first_at, other.first_at), max(self.last_at, other.last_at)
        return Vending(self.minute, self.count + other.count, first_at, last_at, self.event)


async def count(tx: WriteTx, key: str, vending: Vending) -> None:
    """So many more of the same."""
    await tx.run(
        "INSERT INTO vendings (key, minute, count, first_at, last_at, event) "
        "VALUES (:key, :minute, :count, :first, :last, :event) ON CONFLICT (key) DO UPDATE SET "
        "count = vendings.count + excluded.count, "
        "first_at = CASE WHEN excluded.first_at < vendings.first_at THEN excluded.first_at ELSE vendings.first_at END, "
        "last_at = CASE WHEN excluded.last_at > vendings.last_at THEN excluded.last_at ELSE vendings.last_at END",
        key=key,
        minute=vending.minute,
        count=vending.count,
        first=vending.first_at,
        last=vending.last_at,
        event=msgspec.json.encode(vending.event).decode(),
    )


async def due(tx: Tx, minute: int) -> bool:
    return await tx.one("SELECT 1 FROM vendings WHERE minute < :minute LIMIT 1", minute=minute) is not None


async def take(tx: WriteTx, minute: int) -> list[Vending]:
    """Those of all minutes before this one, which are no longer kept."""
    rows = await tx.all(
        "DELETE FROM vendings WHERE minute < :minute RETURNING minute, count, first_at, last_at, event", minute=minute
    )
    return [Vending(row[0], row[1], row[2], row[3], msgspec.json.decode(row[4], type=AuditEvent)) for row in rows]
