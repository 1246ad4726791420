"""Grants as rows: who holds what on which securable."""

from collections.abc import Sequence

from modelkeep.core.model import Grant, Principal, Securable
from modelkeep.core.names import FullName
from modelkeep.store.db import Tx, WriteTx, among


async def on(tx: Tx, securable: Securable, principal_id: str | None = None) -> list[Grant]:
    """The grants made directly on the securable, by principal name then privilege."""
    only = " AND g.principal_id = :principal" if principal_id else ""
    read = tx.all if principal_id else tx.scan
    rows = await read(
        "SELECT p.name, g.privilege FROM grants g JOIN principals p ON p.id = g.principal_id "
        f"WHERE g.securable_id = :id{only} ORDER BY p.name_key, g.privilege",
        id=securable.id, **({"principal": principal_id} if principal_id else {}),
    )  # fmt: skip
    return [Grant(*row) for row in rows]


async def effective(tx: Tx, chain: list[tuple[Securable, FullName]], principal_id: str | None) -> list[Grant]:
    """The grants that hold on the last securable of a chain: its own, and those inherited (from_kind names the source).
    From the top down, each securable's by principal name then privilege."""
    only = " AND g.principal_id = :principal" if principal_id else ""
    ids, params = among(securable.id for securable, _ in chain)
    rows = await tx.scan(
        "SELECT g.securable_id, p.name, g.privilege FROM grants g JOIN principals p ON p.id = g.principal_id "
        f"WHERE g.securable_id IN ({ids}){only} ORDER BY p.name_key, g.privilege",
        **params, **({"principal": principal_id} if principal_id else {}),
    )  # fmt: skip
    found: list[Grant] = []
    for securable, name in chain:
        source = (str(securable.kind), str(name)) if securable.id != chain[-1][0].id else ("", "")
        found += [Grant(row[1], row[2], *source) for row in rows if row[0] == securable.id]
    return found


async def add(tx: WriteTx, securable: Securable, principal: Principal, privilege: str, by: str, at: int) -> bool:
    """False where it was granted already."""
    changed = await tx.run(
        "INSERT INTO grants (securable_id, principal_id, privilege, kind, created_at, created_by) "
        "VALUES (:id, :principal, :privilege, :kind, :at, :by) ON CONFLICT DO NOTHING",
        id=securable.id, principal=principal.id, privilege=privilege, kind=securable.kind, at=at, by=by,
    )  # fmt: skip
    return changed == 1


async def remove(tx: WriteTx, securable: Securable, principal: Principal, privileges: Sequence[str]) -> list[str]:
    """Those that were there and are gone."""
    gone: list[str] = []
    for privilege in privileges:
        if await tx.run(
            "DELETE FROM grants WHERE securable_id = :id AND principal_id = :principal AND privilege = :privilege",
            id=securable.id, principal=principal.id, privilege=privilege,
        ):  # fmt: skip
            gone.append(privilege)
    return gone
