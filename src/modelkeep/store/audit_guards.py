"""Whether the database still refuses to change its audit log: the triggers that the migrations made."""

from modelkeep.store.db import Tx

_TRIGGERS = {
    "sqlite": (
        "audit_no_update",
        "audit_no_delete",
        "seals_no_update",
        "seals_no_delete",
        "archives_no_update",
        "archives_no_delete",
    ),
    "postgresql": (
        "audit_append_only",
        "audit_archived_only",
        "seals_append_only",
        "seals_archived_only",
        "archives_append_only",
    ),
}
_PRESENT = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
}


async def missing(tx: Tx, dialect: str) -> list[str]:
    """The names of those that are gone or switched off."""
    present = {row[0] for row in await tx.all(_PRESENT[dialect])}
    return [name for name in _TRIGGERS[dialect] if name not in present]
