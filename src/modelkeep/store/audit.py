"""The audit log: rows that are only ever added, and the hash chain that a sealer lays over them."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.store.db import Tx, WriteTx

GENESIS = "0" * 64
_BATCH = 500


class AuditTarget(msgspec.Struct, frozen=True):
    kind: str
    id: str
    name: str


class AuditEvent(msgspec.Struct, frozen=True):
    """Who did what to which securables, and what came of it."""

    id: str
    at: int
    event: str
    operation: str
    actor_id: str
    actor: str
    token_id: str
    source: str
    request_id: str
    targets: tuple[AuditTarget, ...]
    request: str
    """The request as JSON, secrets left out."""
    changes: str
    """{field: [old, new]} as JSON"""
    outcome: str
    """ok, or the error code"""
    reason: str


_FIELDS = AuditEvent.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO audit ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)})"
_INSERT_PENDING = "INSERT INTO audit_pending (audit_id, at) VALUES (:audit, :at)"
_INSERT_TARGET = (
    "INSERT INTO audit_targets (audit_id, securable_id, at) VALUES (:audit, :securable, :at) ON CONFLICT DO NOTHING"
)


def _row(event: AuditEvent) -> dict[str, Any]:
    row = {name: getattr(event, name) for name in _FIELDS}
    row["targets"] = msgspec.json.encode(event.targets).decode()
    return row


def _event(row: Sequence[Any]) -> AuditEvent:
    fields = dict(zip(_FIELDS, row, strict=True))
    fields["targets"] = msgspec.json.decode(fields["targets"], type=tuple[AuditTarget, ...])
    return AuditEvent(**fields)


async def add(tx: WriteTx, events: Sequence[AuditEvent]) -> None:
    await tx.run_many(_INSERT, [_row(event) for event in events])
    await tx.run_many(_INSERT_PENDING, [{"audit": event.id, "at": event.at} for event in events])
    targets = [
        {"audit": event.id, "securable": target.id, "at": event.at}
        for event in events
        for target in event.targets
        if target.id
    ]
    if targets:
        await tx.run_many(_INSERT_TARGET, targets)


async def find(
    tx: Tx, *, actor: str = "", event: str = "", outcome: str = "", securable_id: str = "", since: int = 0, until: int = 2**62,
    after: tuple[int, str] = (2**62, ""), limit: int = 100, without: Sequence[str] = (),
) -> list[AuditEvent]:  # fmt: skip
    """Newest first. `event` may end in * (a prefix); `outcome` 'refused' means anything but ok; `without`: events that are left
    out, but for refusals."""
    where = ["a.at >= :since", "a.at < :until", "(a.at < :at OR (a.at = :at AND a.id < :id))"]
    params: dict[str, Any] = {"since": since, "until": until, "at": after[0], "id": after[1] or "~", "limit": limit}
    source = "audit a"
    if securable_id:
        source = "audit_targets g JOIN audit a ON a.id = g.audit_id"
        where.append("g.securable_id = :securable")
        params["securable"] = securable_id
    if actor:
        where.append("a.actor = :actor")
        params["actor"] = actor
    if event.endswith("*"):
        where.append("SUBSTR(a.event, 1, :length) = :event")
        params |= {"event": event[:-1], "length": len(event) - 1}
    elif event:
        where.append("a.event = :event")
        params["event"] = event
    if outcome:
        where.append("a.outcome <> 'ok'" if outcome == "refused" else "a.outcome = :outcome")
        if outcome != "refused":
            params["outcome"] = outcome
    if without:
        names = ", ".join(f":x{i}" for i in range(len(without)))
        where.append(f"(a.event NOT IN ({names}) OR a.outcome <> 'ok')")
        params |= {f"x{i}": name for i, name in enumerate(without)}
    columns = ", ".join(f"a.{name}" for name in _FIELDS)
    rows = await tx.scan(
        f"SELECT {columns} FROM {source} WHERE {' AND '.join(where)} ORDER BY a.at DESC, a.id DESC LIMIT :limit",
        **params,
    )
    return [_event(row) for row in rows]


# --- vendings of the running minute, which become one event each ------------------------------------------------------


async def count_vending(tx: WriteTx, key: str, minute: int, count: int, event: AuditEvent) -> None:
    """`count` more of the same; `minute` is the epoch's."""
    await tx.run(
        "INSERT INTO vendings (key, minute, count, event) VALUES (:key, :minute, :count, :event) "
        "ON CONFLICT (key) DO UPDATE SET count = vendings.count + excluded.count",
        key=key, minute=minute, count=count, event=msgspec.json.encode(event).decode(),
    )  # fmt: skip


async def vendings_due(tx: Tx, minute: int) -> bool:
    return await tx.one("SELECT 1 FROM vendings WHERE minute < :minute LIMIT 1", minute=minute) is not None


async def take_vendings(tx: WriteTx, minute: int) -> list[tuple[int, AuditEvent]]:
    """(count, event) of all minutes before this one, which are no longer kept."""
    rows = await tx.all("DELETE FROM vendings WHERE minute < :minute RETURNING count, event", minute=minute)
    return [(row[0], msgspec.json.decode(row[1], type=AuditEvent)) for row in rows]


# --- the chain -------------------------------------------------------------------------------------------------------


def link(previous: str, event: AuditEvent) -> str:
    """The hash of one link: the link before it and every field of the event."""
    return hashlib.sha256(previous.encode() + b"\n" + msgspec.json.encode(event)).hexdigest()


async def _head(tx: Tx) -> tuple[int, str]:
    row = await tx.one("SELECT seq, hash FROM audit_seals ORDER BY seq DESC LIMIT 1")
    return (row[0], row[1]) if row else (0, GENESIS)


async def seal(tx: WriteTx, before: int) -> int:
    """Chain up to a batch of unsealed events older than `before` (ms); how many. One sealer at a time (a lease)."""
    seq, previous = await _head(tx)
    columns = ", ".join(f"a.{name}" for name in _FIELDS)
    rows = await tx.all(
        f"SELECT {columns} FROM audit_pending p JOIN audit a ON a.id = p.audit_id WHERE p.at < :before "
        "ORDER BY p.at, p.audit_id LIMIT :limit",
        before=before, limit=_BATCH,
    )  # fmt: skip
    seals: list[dict[str, Any]] = []
    for row in rows:
        event = _event(row)
        seq, previous = seq + 1, link(previous, event)
        seals.append({"seq": seq, "audit": event.id, "hash": previous})
    if seals:
        await tx.run_many("INSERT INTO audit_seals (seq, audit_id, hash) VALUES (:seq, :audit, :hash)", seals)
        await tx.run_many("DELETE FROM audit_pending WHERE audit_id = :audit", [{"audit": s["audit"]} for s in seals])
    return len(seals)


async def unsealed(tx: Tx, before: int) -> bool:
    """Is there anything to seal? (Asked without a write lock.)"""
    return await tx.one("SELECT 1 FROM audit_pending WHERE at < :before LIMIT 1", before=before) is not None


class Verdict(msgspec.Struct, frozen=True):
    sealed: int
    unsealed: int
    broken: str
    """'' or the sentence that says where the chain breaks"""
    head: str
    """The last link's hash: kept elsewhere, it proves later that nothing before it was cut off."""


async def verify(tx: Tx) -> Verdict:
    """Recompute the whole chain."""
    seq, previous, broken = 0, GENESIS, ""
    columns = ", ".join(f"a.{name}" for name in _FIELDS)
    while not broken:
        rows = await tx.scan(
            f"SELECT s.seq, s.hash, s.audit_id, {columns} FROM audit_seals s LEFT JOIN audit a ON a.id = s.audit_id "
            "WHERE s.seq > :seq ORDER BY s.seq LIMIT :limit",
            seq=seq, limit=_BATCH,
        )  # fmt: skip
        if not rows:
            break
        for row in rows:
            if row[0] != seq + 1:
                broken = f"Link {seq + 1} is missing."
            elif row[3] is None:
                broken = f"Link {row[0]}: its event {row[2]} is missing."
            elif link(previous, _event(row[3:])) != row[1]:
                broken = f"Link {row[0]}: event {row[2]} is not what was sealed."
            if broken:
                break
            seq, previous = row[0], row[1]
    rest = await tx.scan(
        "SELECT a.id, p.audit_id FROM audit a LEFT JOIN audit_seals s ON s.audit_id = a.id "
        "LEFT JOIN audit_pending p ON p.audit_id = a.id WHERE s.audit_id IS NULL ORDER BY a.id"
    )
    cut = [row[0] for row in rest if row[1] is None]
    if cut and not broken:
        broken = f"Event {cut[0]} is neither sealed nor waiting to be: its link was cut off."
    return Verdict(seq, len(rest), broken, previous)
