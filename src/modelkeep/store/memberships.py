"""Who belongs to which group, and the closure of groups (`store/acts_as.py`). The caller holds the account's lock
(`principals.lock_account`).

A change takes one row for each direct member. The closure changes only where a member is itself a group: by the groups within
that member times the groups around the changed one, whose product `NESTED_GROUP_PAIRS` bounds."""

from collections.abc import Sequence

from modelkeep.domain.errors import InvalidArgument, LimitExceeded
from modelkeep.domain.model import Principal
from modelkeep.limits import IDS_PER_STATEMENT, INLINE_ROWS, NESTED_GROUP_PAIRS
from modelkeep.store.db import Tx, WriteTx, among

# `affected` are the groups within what was taken out of a group; `up` is what they still act as, by the memberships that are left.
_PRUNE = (
    "WITH RECURSIVE affected (id) AS (SELECT DISTINCT member_id FROM membership_closure WHERE group_id IN ({members})), "
    "up (member_id, group_id) AS (SELECT a.id, m.group_id FROM affected a JOIN memberships m ON m.member_id = a.id "
    "UNION SELECT u.member_id, m.group_id FROM up u JOIN memberships m ON m.member_id = u.group_id) "
    "DELETE FROM membership_closure WHERE member_id IN (SELECT id FROM affected) AND member_id <> group_id "
    "AND group_id IN (SELECT group_id FROM membership_closure WHERE member_id = :group) "
    "AND member_id || group_id NOT IN (SELECT member_id || group_id FROM up)"  # one value: SQLite scans for pairs
)


async def add(tx: WriteTx, group: Principal, member_ids: Sequence[str]) -> None:
    """Raises InvalidArgument where the group would contain itself, LimitExceeded where too many groups would be nested."""
    for part in _parts(member_ids):
        marks, ids = among(part)
        group_ids = await _groups_of(tx, part)
        await _check_circle(tx, group, group_ids)
        await tx.bulk(
            f"INSERT INTO memberships (group_id, member_id) SELECT CAST(:group AS TEXT), id FROM principals WHERE id IN ({marks}) "
            "ON CONFLICT DO NOTHING",
            group=group.id,
            **ids,
        )
        await _extend_closure(tx, group, group_ids)


async def remove(tx: WriteTx, group: Principal, member_ids: Sequence[str]) -> None:
    """Principals that are no members stay as they are."""
    group_ids: list[str] = []
    for part in _parts(member_ids):
        marks, ids = among(part)
        await tx.bulk(
            f"DELETE FROM memberships WHERE group_id = :group AND member_id IN ({marks})", group=group.id, **ids
        )
        group_ids += await _groups_of(tx, part)
    if group_ids:
        marks, ids = among(group_ids)
        await tx.bulk(_PRUNE.format(members=marks), group=group.id, **ids)


async def check_circles(tx: Tx, group: Principal, member_ids: Sequence[str]) -> None:
    """Raises InvalidArgument where the group would contain itself."""
    for part in _parts(member_ids):
        await _check_circle(tx, group, await _groups_of(tx, part))


async def direct(tx: Tx, group_id: str) -> frozenset[str]:
    """The ids of a group's own members."""
    rows = await tx.scan("SELECT member_id FROM memberships WHERE group_id = :group", group=group_id)
    return frozenset(row[0] for row in rows)


async def remove_all(tx: WriteTx, principal_id: str) -> None:
    """All memberships of a principal that is about to be deleted, and all memberships in it."""
    await tx.bulk("DELETE FROM memberships WHERE group_id = :id OR member_id = :id", id=principal_id)
    await tx.bulk(_PRUNE.format(members=":group"), group=principal_id)


async def _groups_of(tx: Tx, ids: Sequence[str]) -> list[str]:
    """Those of these principals that are groups."""
    marks, params = among(ids)
    read = tx.all if len(ids) <= INLINE_ROWS else tx.scan
    return [
        row[0] for row in await read(f"SELECT id FROM principals WHERE id IN ({marks}) AND kind = 'GROUP'", **params)
    ]


async def _check_circle(tx: Tx, group: Principal, group_ids: Sequence[str]) -> None:
    if not group_ids:
        return
    marks, ids = among(group_ids)
    inside = await tx.scan(
        "SELECT p.name FROM membership_closure c JOIN principals p ON p.id = c.group_id "
        f"WHERE c.member_id = :group AND c.group_id IN ({marks}) ORDER BY p.name_key LIMIT 1",
        group=group.id,
        **ids,
    )
    if inside:
        raise InvalidArgument(f"Group '{group.name}' is '{inside[0][0]}' or lies in it: a group cannot contain itself.")


async def _extend_closure(tx: WriteTx, group: Principal, group_ids: Sequence[str]) -> None:
    """The groups within the new members now also act as all that `group` acts as. Raises LimitExceeded."""
    if not group_ids:
        return
    marks, ids = among(group_ids)
    ((pairs,),) = await tx.scan(
        f"SELECT (SELECT COUNT(*) FROM membership_closure WHERE group_id IN ({marks})) "
        "* (SELECT COUNT(*) FROM membership_closure WHERE member_id = :group)",
        group=group.id,
        **ids,
    )
    if pairs > NESTED_GROUP_PAIRS:
        raise _too_nested(group.name)
    await tx.bulk(
        "INSERT INTO membership_closure (member_id, group_id) SELECT DISTINCT below.member_id, above.group_id "
        "FROM membership_closure below CROSS JOIN membership_closure above "
        f"WHERE below.group_id IN ({marks}) AND above.member_id = :group ON CONFLICT DO NOTHING",
        group=group.id,
        **ids,
    )
    # Of each group whose surroundings grew, so that no later change touches more rows either.
    beyond = await tx.scan(
        "SELECT p.name FROM principals p WHERE p.id IN (SELECT group_id FROM membership_closure WHERE member_id = :group "
        f"UNION SELECT member_id FROM membership_closure WHERE group_id IN ({marks})) "
        "AND (SELECT COUNT(*) FROM membership_closure below WHERE below.group_id = p.id) "
        "* (SELECT COUNT(*) FROM membership_closure above WHERE above.member_id = p.id) > :most ORDER BY p.name_key LIMIT 1",
        group=group.id,
        most=NESTED_GROUP_PAIRS,
        **ids,
    )
    if beyond:
        raise _too_nested(beyond[0][0])


def _too_nested(name: str) -> LimitExceeded:
    return LimitExceeded(
        f"Too many groups are nested around '{name}': the groups within it times the groups around it, itself included, "
        f"may be {NESTED_GROUP_PAIRS} at most."
    )


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + IDS_PER_STATEMENT] for start in range(0, len(ids), IDS_PER_STATEMENT)]
