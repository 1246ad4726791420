"""Who belongs to which group, and what follows: the closure that every decision reads. Each change is a few statements, however
many members it concerns. The caller holds the account's lock (`principals.lock_account`)."""

from collections.abc import Sequence

from modelkeep.core.errors import InvalidArgument
from modelkeep.core.model import Principal
from modelkeep.limits import IDS_PER_STATEMENT
from modelkeep.store.db import WriteTx, among

# `affected` are the members of what was taken out of a group; `up` is what they still act as, by the memberships that are left.
_PRUNE = (
    "WITH RECURSIVE affected (id) AS (SELECT DISTINCT member_id FROM membership_closure WHERE group_id IN ({members})), "
    "up (member_id, group_id) AS (SELECT a.id, m.group_id FROM affected a JOIN memberships m ON m.member_id = a.id "
    "UNION SELECT u.member_id, m.group_id FROM up u JOIN memberships m ON m.member_id = u.group_id) "
    "DELETE FROM membership_closure WHERE member_id IN (SELECT id FROM affected) AND member_id <> group_id "
    "AND group_id IN (SELECT group_id FROM membership_closure WHERE member_id = :group) "
    "AND member_id || group_id NOT IN (SELECT member_id || group_id FROM up)"  # one value: SQLite scans for pairs
)


async def add(tx: WriteTx, group: Principal, member_ids: Sequence[str]) -> None:
    """Raises InvalidArgument where the group would contain itself."""
    for part in _parts(member_ids):
        marks, ids = among(part)
        inside = await tx.scan(
            "SELECT p.name FROM membership_closure c JOIN principals p ON p.id = c.group_id "
            f"WHERE c.member_id = :group AND c.group_id IN ({marks}) ORDER BY p.name_key LIMIT 1",
            group=group.id,
            **ids,
        )
        if inside:
            raise InvalidArgument(
                f"Group '{group.name}' is '{inside[0][0]}' or lies in it: a group cannot contain itself."
            )
        await tx.bulk(
            f"INSERT INTO memberships (group_id, member_id) SELECT CAST(:group AS TEXT), id FROM principals WHERE id IN ({marks}) "
            "ON CONFLICT DO NOTHING",
            group=group.id,
            **ids,
        )
        # Whoever acts as a member now also acts as all that the group acts as.
        await tx.bulk(
            "INSERT INTO membership_closure (member_id, group_id) SELECT DISTINCT below.member_id, above.group_id "
            "FROM membership_closure below CROSS JOIN membership_closure above "
            f"WHERE below.group_id IN ({marks}) AND above.member_id = :group ON CONFLICT DO NOTHING",
            group=group.id,
            **ids,
        )


async def remove(tx: WriteTx, group: Principal, member_ids: Sequence[str]) -> None:
    """Of those who are no members, nothing."""
    parts = [among(part) for part in _parts(member_ids)]
    for marks, ids in parts:
        await tx.bulk(
            f"DELETE FROM memberships WHERE group_id = :group AND member_id IN ({marks})", group=group.id, **ids
        )
    for marks, ids in parts:
        await tx.bulk(_PRUNE.format(members=marks), group=group.id, **ids)


async def remove_all(tx: WriteTx, principal_id: str) -> None:
    """All memberships of a principal that is about to be deleted, and all memberships in it."""
    await tx.bulk("DELETE FROM memberships WHERE group_id = :id OR member_id = :id", id=principal_id)
    await tx.bulk(_PRUNE.format(members=":group"), group=principal_id)


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + IDS_PER_STATEMENT] for start in range(0, len(ids), IDS_PER_STATEMENT)]
