"""Protected aliases as rows, and who may move them."""

from collections.abc import Sequence

import msgspec

from modelkeep.domain.model import Principal, Securable
from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Tx, WriteTx, among


class Protection(msgspec.Struct, frozen=True):
    """An alias that only some may move, in a model or in all models of a container."""

    securable_id: str
    alias: str
    movers: tuple[str, ...]
    """names of principals"""
    mine: bool
    """Is the one who asks one of them, or in a group that is?"""


async def on(tx: Tx, securable_ids: Sequence[str], actor_id: str) -> list[Protection]:
    """Those of these securables, by alias."""
    marks, ids = among(securable_ids)
    rows = await tx.all(
        f"SELECT a.securable_id, a.alias, p.name, CASE WHEN p.id IN {acts_as(':me')} "
        "THEN 1 ELSE 0 END FROM protected_aliases a LEFT JOIN alias_movers m ON m.securable_id = a.securable_id AND m.alias = a.alias "
        f"LEFT JOIN principals p ON p.id = m.principal_id WHERE a.securable_id IN ({marks}) "
        "ORDER BY a.alias, a.securable_id, p.name_key",
        me=actor_id,
        **ids,
    )
    by_alias: dict[tuple[str, str], tuple[list[str], bool]] = {}
    for securable_id, alias, mover, mine in rows:
        movers, already = by_alias.get((securable_id, alias), ([], False))
        by_alias[securable_id, alias] = [*movers, *([mover] if mover is not None else [])], already or bool(mine)
    return [Protection(*key, tuple(movers), mine) for key, (movers, mine) in by_alias.items()]


async def put(tx: WriteTx, securable: Securable, alias: str, movers: Sequence[Principal]) -> None:
    """Make these, and nobody else, the ones who may move it."""
    await tx.run(
        "INSERT INTO protected_aliases (securable_id, alias) VALUES (:id, :alias) ON CONFLICT DO NOTHING",
        id=securable.id,
        alias=alias,
    )
    await tx.run("DELETE FROM alias_movers WHERE securable_id = :id AND alias = :alias", id=securable.id, alias=alias)
    await tx.run_many(
        "INSERT INTO alias_movers (securable_id, alias, principal_id) VALUES (:id, :alias, :principal) ON CONFLICT DO NOTHING",
        [{"id": securable.id, "alias": alias, "principal": mover.id} for mover in movers],
    )


async def remove(tx: WriteTx, securable: Securable, alias: str) -> None:
    await tx.run(
        "DELETE FROM protected_aliases WHERE securable_id = :id AND alias = :alias", id=securable.id, alias=alias
    )
