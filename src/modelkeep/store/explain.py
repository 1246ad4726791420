"""What a decision rests on, with names: who holds what on a chain of securables, and by which groups somebody is one of them."""

from collections.abc import Sequence

import msgspec

from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Tx, among

_ME = acts_as(":me")


class Holding(msgspec.Struct, frozen=True):
    """One grant, or (privilege '') an ownership."""

    securable_id: str
    privilege: str
    holder_id: str
    inert: bool = False
    """Granted when the privilege meant nothing here: no decision reads it."""


async def holdings(tx: Tx, principal_id: str, securable_ids: Sequence[str]) -> list[Holding]:
    """Of the principal and of all groups that it acts as."""
    at, ids = among(securable_ids)
    rows = await tx.all(
        f"SELECT securable_id, privilege, principal_id FROM grants WHERE securable_id IN ({at}) AND principal_id IN {_ME} "
        f"UNION ALL SELECT id, '', owner_id FROM securables WHERE id IN ({at}) AND owner_id IN {_ME} ORDER BY 1, 2, 3",
        me=principal_id,
        **ids,
    )
    return [Holding(*row) for row in rows]


async def inert_holdings(tx: Tx, principal_id: str, securable_ids: Sequence[str]) -> list[Holding]:
    """As `holdings`, of inert grants alone."""
    ids, params = among(securable_ids)
    rows = await tx.all(
        f"SELECT securable_id, privilege, principal_id FROM inert_grants WHERE securable_id IN ({ids}) "
        f"AND principal_id IN {_ME} ORDER BY 1, 2, 3",
        me=principal_id,
        **params,
    )
    return [Holding(*row, inert=True) for row in rows]


async def ways_up(tx: Tx, principal_id: str) -> dict[str, list[str]]:
    """Each group that the principal acts as: the groups on the shortest way there, itself the last. Ids; {id: []} for itself."""
    rows = await tx.all(
        f"SELECT m.member_id, m.group_id FROM memberships m WHERE m.member_id IN {_ME} ORDER BY m.group_id",
        me=principal_id,
    )
    above: dict[str, list[str]] = {}
    for member, group in rows:
        above.setdefault(member, []).append(group)
    ways: dict[str, list[str]] = {principal_id: []}
    waiting = [principal_id]
    for member in waiting:
        for group in above.get(member, ()):
            if group not in ways:
                ways[group] = [*ways[member], group]
                waiting.append(group)
    return ways


async def admin_groups(tx: Tx, principal_id: str) -> list[str]:
    """The ids of what makes the principal an account admin: itself, or groups that it acts as."""
    rows = await tx.all(
        f"SELECT p.id FROM principals p WHERE p.account_admin = 1 AND p.id IN {_ME} ORDER BY p.name_key",
        me=principal_id,
    )
    return [row[0] for row in rows]


async def managers(tx: Tx, securable_ids: Sequence[str]) -> list[str]:
    """The ids of those who hold MANAGE on any of these, 20 at most."""
    at, ids = among(securable_ids)
    rows = await tx.all(
        f"SELECT DISTINCT principal_id FROM grants WHERE securable_id IN ({at}) AND privilege = 'MANAGE' ORDER BY 1 LIMIT 20",
        **ids,
    )
    return [row[0] for row in rows]


async def names(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    """The names of principals."""
    if not ids:
        return {}
    marks, params = among(dict.fromkeys(ids))
    rows = await tx.all(f"SELECT id, name FROM principals WHERE id IN ({marks})", **params)
    return {row[0]: row[1] for row in rows}
