"""How much of what is limited is used."""

from collections.abc import Sequence

from modelkeep.store.db import Tx


async def alias_counts(tx: Tx, model_ids: Sequence[str]) -> dict[str, int]:
    """The number of aliases of those of these models that have any."""
    if not model_ids:
        return {}
    ids = {f"m{i}": model_id for i, model_id in enumerate(model_ids)}
    rows = await tx.all(
        f"SELECT model_id, COUNT(*) FROM aliases WHERE model_id IN ({', '.join(f':{m}' for m in ids)}) GROUP BY model_id",
        **ids,
    )
    return {row[0]: row[1] for row in rows}
