"""Grants as rows: who holds what on which securable. Those of inert privileges are in a table that no decision reads."""

from collections.abc import Sequence

import msgspec

from modelkeep.domain.model import Grant, Securable
from modelkeep.domain.names import FullName
from modelkeep.limits import IDS_PER_STATEMENT, INLINE_ROWS
from modelkeep.store.db import Tx, WriteTx, among

_BOTH = (
    "(SELECT securable_id, principal_id, privilege, 0 AS inert FROM grants "
    "UNION ALL SELECT securable_id, principal_id, privilege, 1 AS inert FROM inert_grants)"
)
_TABLES = {False: "grants", True: "inert_grants"}


async def on(tx: Tx, securable: Securable, principal_id: str | None = None) -> list[Grant]:
    """The grants made directly on the securable, inert ones included, by principal name then privilege."""
    only = " AND g.principal_id = :principal" if principal_id else ""
    read = tx.all if principal_id else tx.scan
    rows = await read(
        f"SELECT p.name, g.privilege, g.inert FROM {_BOTH} g JOIN principals p ON p.id = g.principal_id "
        f"WHERE g.securable_id = :id{only} ORDER BY p.name_key, g.privilege",
        id=securable.id,
        **({"principal": principal_id} if principal_id else {}),
    )
    return [Grant(row[0], row[1], inert=bool(row[2])) for row in rows]


async def effective(tx: Tx, chain: list[tuple[Securable, FullName]], principal_id: str | None) -> list[Grant]:
    """The grants that hold on the last securable of a chain: its own, and those inherited (from_kind names the source).
    From the top down, each securable's by principal name then privilege; inert ones of the last securable alone."""
    only = " AND g.principal_id = :principal" if principal_id else ""
    ids, params = among(securable.id for securable, _ in chain)
    rows = await tx.scan(
        f"SELECT g.securable_id, p.name, g.privilege, g.inert FROM {_BOTH} g JOIN principals p ON p.id = g.principal_id "
        f"WHERE g.securable_id IN ({ids}){only} AND (g.inert = 0 OR g.securable_id = :last) ORDER BY p.name_key, g.privilege",
        last=chain[-1][0].id,
        **params,
        **({"principal": principal_id} if principal_id else {}),
    )
    grants: list[Grant] = []
    for securable, name in chain:
        source = (str(securable.kind), str(name)) if securable.id != chain[-1][0].id else ("", "")
        grants += [Grant(row[1], row[2], *source, inert=bool(row[3])) for row in rows if row[0] == securable.id]
    return grants


async def privileges_of(
    tx: Tx, securable: Securable, principal_ids: Sequence[str], *, inert: bool = False
) -> dict[str, set[str]]:
    """What each of these principals is granted directly on the securable: privileges by principal id. `inert`: those alone."""
    privileges: dict[str, set[str]] = {id: set() for id in principal_ids}
    for start in range(0, len(principal_ids), IDS_PER_STATEMENT):
        marks, ids = among(principal_ids[start : start + IDS_PER_STATEMENT])
        read = tx.all if len(ids) <= INLINE_ROWS else tx.scan
        for row in await read(
            f"SELECT principal_id, privilege FROM {_TABLES[inert]} WHERE securable_id = :id AND principal_id IN ({marks})",
            id=securable.id,
            **ids,
        ):
            privileges[row[0]].add(row[1])
    return privileges


class GrantPairs(msgspec.Struct, frozen=True):
    """Pairs of principal id and privilege to grant and to revoke."""

    added: Sequence[tuple[str, str]]
    removed: Sequence[tuple[str, str]]
    inert: bool = False
    """Of privileges that mean nothing here"""


async def change(tx: WriteTx, securable: Securable, pairs: GrantPairs, by: str, at: int) -> None:
    """Grant and revoke. A pair that is there already, or is not, stays as it is."""
    inert = pairs.inert
    kind = {} if inert else {"kind": securable.kind}
    columns = {"securable_id": ":id", "principal_id": ":principal", "privilege": ":privilege"}
    columns |= {name: f":{name}" for name in kind} | {"created_at": ":at", "created_by": ":by"}
    if new := [
        {"id": securable.id, "principal": id, "privilege": privilege, "at": at, "by": by, **kind}
        for id, privilege in pairs.added
    ]:
        await tx.run_many(
            f"INSERT INTO {_TABLES[inert]} ({', '.join(columns)}) VALUES ({', '.join(columns.values())}) "
            "ON CONFLICT DO NOTHING",
            new,
        )
    if old := [{"id": securable.id, "principal": id, "privilege": privilege} for id, privilege in pairs.removed]:
        await tx.run_many(
            f"DELETE FROM {_TABLES[inert]} WHERE securable_id = :id AND principal_id = :principal AND privilege = :privilege",
            old,
        )
