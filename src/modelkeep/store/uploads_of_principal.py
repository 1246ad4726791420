"""How many multipart uploads a principal has under way."""

from modelkeep.store.db import Tx


async def count(tx: Tx, principal_id: str, most: int) -> int:
    """Counted up to `most`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM uploads WHERE principal_id = :id LIMIT :most) u",
        id=principal_id,
        most=most,
    )
    return row[0] if row else 0
