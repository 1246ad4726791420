"""How much of what is limited is used."""

from collections.abc import Sequence

from modelkeep.store.db import Tx, among


async def alias_counts(tx: Tx, model_ids: Sequence[str]) -> dict[str, int]:
    """The number of aliases of those of these models that have any."""
    if not model_ids:
        return {}
    marks, ids = among(model_ids)
    rows = await tx.all(
        f"SELECT model_id, COUNT(*) FROM aliases WHERE model_id IN ({marks}) GROUP BY model_id",
        **ids,
    )
    return {row[0]: row[1] for row in rows}
