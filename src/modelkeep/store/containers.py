"""Containers as rows: what holds a catalog or schema still while it is checked for children and deleted."""

from modelkeep.core.model import Securable
from modelkeep.core.names import missing
from modelkeep.store import securables
from modelkeep.store.db import WriteTx


async def lock_children(tx: WriteTx, dialect: str, container: Securable) -> None:
    """As `securables.lock`; and until commit nothing can be created in it: an insert takes a share of its parent's row, by the
    foreign key, and waits. What was created before is seen by the next statement. Raises NotFound."""
    if dialect != "postgresql":
        await securables.lock(tx, container)
    elif await tx.one("SELECT id FROM securables WHERE id = :id FOR UPDATE", id=container.id) is None:
        raise missing(container.full_name, container.kind)
