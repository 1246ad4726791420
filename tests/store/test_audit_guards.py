"""The triggers that keep the audit log append-only: whether one is gone, on both databases."""

import pytest
from world import World

from modelkeep.store import audit_guards

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

DROPS = {
    "sqlite": ("DROP TRIGGER {0}", {"audit_no_update": "", "seals_no_delete": "", "archives_no_update": ""}),
    "postgresql": (
        "DROP TRIGGER {0} ON {1}",
        {"audit_append_only": "audit", "seals_archived_only": "audit_seals", "archives_append_only": "audit_archives"},
    ),
}


async def test_a_guard_that_is_gone_is_named(w: World) -> None:
    async def missing() -> list[str]:
        async with w.db.read() as tx:
            return await audit_guards.missing(tx, w.db.dialect)

    assert await missing() == []
    statement, triggers = DROPS[w.db.dialect]
    for number, (name, table) in enumerate(triggers.items(), 1):
        await w.db.script([statement.format(name, table)])
        assert len(gone := await missing()) == number and name in gone


async def test_a_guard_that_is_switched_off_is_named(w: World) -> None:
    if w.db.dialect == "sqlite":
        return  # it has no such switch
    await w.db.script(["ALTER TABLE audit DISABLE TRIGGER audit_archived_only"])
    async with w.db.read() as tx:
        assert await audit_guards.missing(tx, w.db.dialect) == ["audit_archived_only"]
