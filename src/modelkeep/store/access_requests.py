"""Requests for access as rows, and where people shall ask."""

import msgspec

from modelkeep.store.db import Row, Tx, WriteTx, new_id
from modelkeep.store.securables import attached


class AccessRequest(msgspec.Struct, frozen=True):
    """Somebody asks for privileges on a securable, for himself or for another principal."""

    id: str
    securable_id: str
    principal: str
    requester: str
    requester_id: str
    principal_id: str
    privileges_json: str
    comment: str
    state: str
    """PENDING, APPROVED, REJECTED, WITHDRAWN"""
    reason: str
    created_at: int
    decided_at: int | None
    decided_by: str

    @property
    def privileges(self) -> tuple[str, ...]:
        return msgspec.json.decode(self.privileges_json, type=tuple[str, ...])


class Destination(msgspec.Struct, frozen=True):
    """An address, shown to those who ask."""

    id: str
    type: str
    """EMAIL, SLACK, MICROSOFT_TEAMS, GENERIC_WEBHOOK, URL"""


_SELECT = (
    "SELECT r.id, r.securable_id, p.name, q.name, r.requester_id, r.principal_id, r.privileges, r.comment, r.state, r.reason, "
    "r.created_at, r.decided_at, r.decided_by FROM access_requests r JOIN principals p ON p.id = r.principal_id "
    f"JOIN principals q ON q.id = r.requester_id JOIN securables x ON x.id = r.securable_id AND {attached('x')}"
)


def _request(row: Row) -> AccessRequest:
    return AccessRequest(*row)


async def by_id(tx: Tx, id: str) -> AccessRequest | None:
    row = await tx.one(f"{_SELECT} WHERE r.id = :id", id=id)
    return _request(row) if row else None


async def page(tx: Tx, state: str, before: str, limit: int) -> list[AccessRequest]:
    """In one state ('' for any), newest first, with ids below `before`."""
    only = " AND r.state = :state" if state else ""
    rows = await tx.all(
        f"{_SELECT} WHERE r.id < :before{only} ORDER BY r.id DESC LIMIT :limit",
        before=before,
        limit=limit,
        **({"state": state} if state else {}),
    )
    return [_request(row) for row in rows]


async def pending(tx: Tx, securable_id: str, principal_id: str) -> AccessRequest | None:
    row = await tx.one(
        f"{_SELECT} WHERE r.securable_id = :securable AND r.principal_id = :principal AND r.state = 'PENDING'",
        securable=securable_id,
        principal=principal_id,
    )
    return _request(row) if row else None


async def count_pending(tx: Tx, requester_id: str) -> int:
    row = await tx.one(
        "SELECT COUNT(*) FROM access_requests WHERE requester_id = :requester AND state = 'PENDING'",
        requester=requester_id,
    )
    return row[0] if row else 0


class NewAccessRequest(msgspec.Struct, frozen=True):
    """An access request to be stored."""

    securable_id: str
    principal_id: str
    requester_id: str
    privileges: list[str]
    comment: str
    created_at: int
    """epoch ms"""


async def put(tx: WriteTx, new: NewAccessRequest) -> str:
    """The id of the one pending request of this principal on this securable: a new one, or that which there is."""
    rows = await tx.all(
        "INSERT INTO access_requests (id, securable_id, principal_id, requester_id, privileges, comment, created_at) "
        "VALUES (:id, :securable, :principal, :requester, :privileges, :comment, :at) "
        "ON CONFLICT (securable_id, principal_id) WHERE state = 'PENDING' "
        "DO UPDATE SET comment = excluded.comment RETURNING id",
        id=new_id(),
        securable=new.securable_id,
        principal=new.principal_id,
        requester=new.requester_id,
        privileges=msgspec.json.encode(new.privileges).decode(),
        comment=new.comment,
        at=new.created_at,
    )
    return rows[0][0]


async def decide(tx: WriteTx, id: str, state: str, reason: str, by: str, at: int) -> bool:
    """PENDING -> `state`; False where somebody was quicker."""
    changed = await tx.run(
        "UPDATE access_requests SET state = :state, reason = :reason, decided_by = :by, decided_at = :at "
        "WHERE id = :id AND state = 'PENDING'",
        id=id,
        state=state,
        reason=reason,
        by=by,
        at=at,
    )
    return changed == 1


async def destinations(tx: Tx, securable_id: str) -> tuple[Destination, ...]:
    row = await tx.one("SELECT destinations FROM access_destinations WHERE securable_id = :id", id=securable_id)
    return msgspec.json.decode(row[0], type=tuple[Destination, ...]) if row else ()


async def put_destinations(tx: WriteTx, securable_id: str, destinations: tuple[Destination, ...]) -> None:
    await tx.run("DELETE FROM access_destinations WHERE securable_id = :id", id=securable_id)
    if destinations:
        await tx.run(
            "INSERT INTO access_destinations (securable_id, destinations) VALUES (:id, :destinations)",
            id=securable_id,
            destinations=msgspec.json.encode(destinations).decode(),
        )
