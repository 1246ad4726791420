"""The audit log: rows that are only ever added, and the hash chain that a sealer lays over them."""

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from modelkeep.store.db import Params, Row, Tx, WriteTx, among

GENESIS = "0" * 64
_BATCH = 500


class AuditTarget(msgspec.Struct, frozen=True):
    kind: str
    id: str
    name: str


class AuditEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who did what to which securables, and what came of it. Fields that came later have defaults, and are left out of the hash
    where they are empty: the chain over older events still holds."""

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
    workspace_id: str = ""
    """Through which it came, '' where through none."""


_FIELDS = AuditEvent.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_INSERT = f"INSERT INTO audit ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)})"
_INSERT_PENDING = "INSERT INTO audit_pending (audit_id, at) VALUES (:audit, :at)"
_INSERT_TARGET = (
    "INSERT INTO audit_targets (audit_id, securable_id, name, at) VALUES (:audit, :securable, :name, :at) "
    "ON CONFLICT DO NOTHING"
)
_NAME = 600  # characters of a name that are searched: PostgreSQL indexes as many in any script
_FEW = 5_000  # targets of one prefix: so few are sorted, more are met soon enough on a walk through the log


def _row(event: AuditEvent) -> Params:
    row = {name: getattr(event, name) for name in _FIELDS}
    row["targets"] = msgspec.json.encode(event.targets).decode()
    return row


def _event(row: Row) -> AuditEvent:
    fields = dict(zip(_FIELDS, row, strict=True))
    fields["targets"] = msgspec.json.decode(fields["targets"], type=tuple[AuditTarget, ...])
    return AuditEvent(**fields)


async def add(tx: WriteTx, events: Sequence[AuditEvent]) -> None:
    await tx.run_many(_INSERT, [_row(event) for event in events])
    await tx.run_many(_INSERT_PENDING, [{"audit": event.id, "at": event.at} for event in events])
    if targets := [row for event in events for row in _target_rows(event)]:
        await tx.run_many(_INSERT_TARGET, targets)


def _target_rows(event: AuditEvent) -> list[Params]:
    """Each id and each name in one row only: a rename touches one id under two names, a token is named as its holder is."""
    ids, names = {""}, {""}
    rows: list[Params] = []
    for target in event.targets:
        name = _key(target.name)
        row = {"securable": "" if target.id in ids else target.id, "name": "" if name in names else name}
        if row["securable"] or row["name"]:
            rows.append({"audit": event.id, "at": event.at, **row})
        ids.add(target.id)
        names.add(name)
    return rows


def _key(name: str) -> str:
    """As names are searched: whatever their case."""
    return unicodedata.normalize("NFC", name).lower()[:_NAME]


# --- finding ---------------------------------------------------------------------------------------------------------


class AuditFilter(msgspec.Struct, frozen=True):
    """Which events; '' asks for nothing. `event` and `name` may end in * (a prefix)."""

    actor: str = ""
    event: str = ""
    name: str = ""
    """What something that the event is about was called then."""
    outcome: str = ""
    """'ok', an error code, or 'refused': anything but ok."""
    source: str = ""
    request_id: str = ""
    since: int = 0
    until: int = 2**62
    """epoch ms, itself excluded"""
    workspace_id: str = ""


_SELECT = ", ".join(f"a.{name}" for name in _FIELDS)
_NAMED = "g.name >= :name AND g.name < :name_end"
_EVENTS = (
    "WITH RECURSIVE e (event) AS (SELECT MIN(a.event) FROM audit a WHERE a.event >= :event UNION ALL "
    "SELECT (SELECT MIN(a.event) FROM audit a WHERE a.event > e.event) FROM e WHERE e.event < :event_end) "
    "SELECT event FROM e WHERE event < :event_end"
)


class AuditSlice(msgspec.Struct, frozen=True):
    """Which part of the log, in which order: the newest first, or the oldest."""

    after: tuple[int, str] | None = None
    """(at, id) of the last event that is known already"""
    limit: int = 100
    oldest_first: bool = False


async def find(
    tx: Tx, filter: AuditFilter, page: AuditSlice, *, securable_id: str = "", without: Sequence[str] = ()
) -> list[AuditEvent]:
    """The events of `filter`, or those of them about one securable. `without`: events that are left out, unless refused."""
    name, event = filter.name, filter.event
    filter_, tables, at, id = filter, "audit a", "a.at", "a.id"
    params: Params = {"limit": page.limit}
    joined = ""
    if securable_id or (name and not name.endswith("*")):
        # CROSS JOIN: the index of targets has the caller's order, and SQLite shall not look for a better one.
        tables, at, id = "audit_targets g CROSS JOIN audit a", "g.at", "g.audit_id"
        joined = "a.id = g.audit_id AND " + ("g.securable_id = :securable" if securable_id else "g.name = :name")
        params |= {"securable": securable_id} if securable_id else {"name": _key(name)}
    elif name and await _few(tx, name):
        tables = f"(SELECT DISTINCT g.audit_id FROM audit_targets g WHERE {_NAMED}) n CROSS JOIN audit a"
        joined = "a.id = n.audit_id"
        params |= _range("name", _key(name))
    if joined and not securable_id:
        filter_ = msgspec.structs.replace(filter_, name="")
    arms = [filter_]
    if event.endswith("*") and tables == "audit a":
        # The order of one event's index is the log's; that of several is not.
        events = await tx.all(_EVENTS, **_range("event", event))
        arms = [msgspec.structs.replace(filter_, event=row[0]) for row in events]
        if not arms:
            return []
    position, bounds = _position(at, id, filter, page)
    left_out, names = among(without)
    changes = f"(a.event NOT IN ({left_out}) OR a.outcome <> 'ok')" if names else ""
    params |= bounds | names
    statements: list[str] = []
    for number, arm in enumerate(arms):
        where, values = conditions(arm, number)
        params |= values
        condition = " AND ".join(part for part in [joined, *where, changes, position.condition] if part)
        statements.append(f"SELECT {_SELECT} FROM {tables} WHERE {condition} ORDER BY {position.order} LIMIT :limit")
    if len(statements) > 1:
        union = " UNION ALL ".join(f"SELECT * FROM ({statement}) e{i}" for i, statement in enumerate(statements))
        statements = [f"SELECT * FROM ({union}) a ORDER BY {position.order} LIMIT :limit"]
    return [_event(row) for row in await tx.scan(statements[0], **params)]


class _Position(NamedTuple):
    condition: str
    order: str


def _position(at: str, id: str, filter: AuditFilter, page: AuditSlice) -> tuple[_Position, Params]:
    """Where a page begins, and the parameters: keys are compared as pairs, which an index does at once."""
    since, until = filter.since, filter.until
    if page.oldest_first:
        start = max(page.after or (since, ""), (since, ""))
        position = _Position(f"({at}, {id}) > (:at, :id) AND {at} < :bound", f"{at}, {id}")
        return position, {"at": start[0], "id": start[1], "bound": until}
    start = min(page.after or (until, ""), (until, ""))
    position = _Position(f"({at}, {id}) < (:at, :id) AND {at} >= :bound", f"{at} DESC, {id} DESC")
    return position, {"at": start[0], "id": start[1], "bound": since}


def conditions(filter: AuditFilter, number: int = 0) -> tuple[list[str], Params]:
    """What `filter` requires of an event `a`, but for its time; `number` keeps the parameters of several apart."""
    where: list[str] = []
    params: Params = {}
    for field in ("actor", "source", "request_id", "workspace_id"):
        if value := getattr(filter, field):
            where.append(f"a.{field} = :{field}")
            params[field] = value
    if filter.event.endswith("*"):
        where.append("a.event >= :event AND a.event < :event_end")
        params |= _range("event", filter.event)
    elif filter.event:
        where.append(f"a.event = :event{number}")
        params[f"event{number}"] = filter.event
    if filter.name:
        # Neither EXISTS nor the bare name: PostgreSQL would read every target of that name, at once or for each event.
        prefix = filter.name.endswith("*")
        named = (_NAMED if prefix else "g.name = :name").replace("g.name", "g.name || ''")
        where.append(f"(SELECT 1 FROM audit_targets g WHERE g.audit_id = a.id AND {named} LIMIT 1) = 1")
        params |= _range("name", _key(filter.name)) if prefix else {"name": _key(filter.name)}
    if filter.outcome not in ("", "ok"):
        where.append("a.outcome <> 'ok'")  # in these words: the index of refusals asks for them
    if filter.outcome not in ("", "refused"):
        where.append("a.outcome = :outcome")
        params["outcome"] = filter.outcome
    return where, params


def _range(field: str, prefix: str) -> Params:
    """`prefix*` as bounds: no text that begins so sorts behind the highest character."""
    return {field: prefix.removesuffix("*"), f"{field}_end": prefix.removesuffix("*") + "\U0010ffff"}


async def _few(tx: Tx, name: str) -> bool:
    statement = f"SELECT COUNT(*) FROM (SELECT 1 FROM audit_targets g WHERE {_NAMED} LIMIT {_FEW + 1}) n"
    row = await tx.one(statement, **_range("name", _key(name)))
    return row is not None and row[0] <= _FEW


class Tally(msgspec.Struct, frozen=True):
    """How often one thing was done, and with what outcome."""

    event: str
    outcome: str
    count: int
    """requests: a record may stand for many"""
    actors: int
    first_at: int
    last_at: int


_COUNT = {
    "sqlite": "COALESCE(json_extract(a.changes, '$.count[1]'), 1)",
    "postgresql": "COALESCE(CAST(CAST(a.changes AS jsonb) #>> '{count,1}' AS BIGINT), 1)",
}


async def tally(tx: Tx, dialect: str, securable_id: str, since: int, until: int) -> list[Tally]:
    """What was done with a securable, what was done most first."""
    rows = await tx.scan(
        f"SELECT a.event, a.outcome, SUM({_COUNT[dialect]}), COUNT(DISTINCT a.actor_id), MIN(a.at), MAX(a.at) "
        "FROM audit_targets g CROSS JOIN audit a WHERE a.id = g.audit_id AND g.securable_id = :id "
        "AND g.at >= :since AND g.at < :until GROUP BY a.event, a.outcome ORDER BY 3 DESC, 1, 2",
        id=securable_id,
        since=since,
        until=until,
    )
    return [Tally(row[0], row[1], int(row[2]), *row[3:]) for row in rows]


# --- the chain -------------------------------------------------------------------------------------------------------


def link(previous: str, event: AuditEvent | Params) -> str:
    """The hash of one link: the link before it and every field of the event (in their order, where it is a dict)."""
    return hashlib.sha256(previous.encode() + b"\n" + msgspec.json.encode(event)).hexdigest()


class ChainHead(msgspec.Struct, frozen=True):
    """The last link of the chain: its number, 0 where there is none yet, and its hash."""

    seq: int
    hash: str


async def head(tx: Tx) -> ChainHead:
    row = await tx.one("SELECT seq, hash FROM audit_seals ORDER BY seq DESC LIMIT 1")
    row = row or await tx.one("SELECT last_seq, last_hash FROM audit_archives ORDER BY first_seq DESC LIMIT 1")
    return ChainHead(row[0], row[1]) if row else ChainHead(0, GENESIS)


async def seal(tx: WriteTx, before: int) -> int:
    """Chain up to a batch of unsealed events older than `before` (ms); how many. One sealer at a time (a lease)."""
    last = await head(tx)
    seq, previous = last.seq, last.hash
    rows = await tx.all(
        f"SELECT {_SELECT} FROM audit_pending p JOIN audit a ON a.id = p.audit_id WHERE p.at < :before "
        "ORDER BY p.at, p.audit_id LIMIT :limit",
        before=before,
        limit=_BATCH,
    )
    seals: list[Params] = []
    for row in rows:
        event = _event(row)
        seq, previous = seq + 1, link(previous, event)
        seals.append({"seq": seq, "audit": event.id, "hash": previous})
    if seals:
        await tx.run_many("INSERT INTO audit_seals (seq, audit_id, hash) VALUES (:seq, :audit, :hash)", seals)
        await tx.run_many("DELETE FROM audit_pending WHERE audit_id = :audit", [{"audit": s["audit"]} for s in seals])
    return len(seals)


async def unsealed(tx: Tx, before: int) -> bool:
    """Is there anything to seal? (Reads without a write lock.)"""
    return await tx.one("SELECT 1 FROM audit_pending WHERE at < :before LIMIT 1", before=before) is not None


class ChainLink(msgspec.Struct, frozen=True):
    """One link of the chain, with its event."""

    seq: int
    hash: str
    event: AuditEvent


async def links(
    tx: Tx, after: int, filter: AuditFilter | None = None, *, window: int = _BATCH, without: Sequence[str] = ()
) -> list[ChainLink]:
    """Of the `window` links after that number, those whose event is wanted: in the order in which they were sealed. `without`
    as for `find`."""
    where, params = conditions(filter) if filter else ([], {})
    if filter:
        where.append("a.at >= :since AND a.at < :until")
        params |= {"since": filter.since, "until": filter.until}
    left_out, names = among(without)
    if names:
        where.append(f"(a.event NOT IN ({left_out}) OR a.outcome <> 'ok')")
        params |= names
    rows = await tx.scan(
        f"SELECT s.seq, s.hash, {_SELECT} FROM audit_seals s JOIN audit a ON a.id = s.audit_id "
        f"WHERE {' AND '.join(['s.seq > :after AND s.seq <= :last', *where])} ORDER BY s.seq",
        after=after,
        last=after + window,
        **params,
    )
    return [ChainLink(row[0], row[1], _event(row[2:])) for row in rows]


async def last_link(tx: Tx) -> int:
    return (await head(tx)).seq


class Verdict(msgspec.Struct, frozen=True):
    sealed: int
    unsealed: int
    broken: str
    """'' or the sentence that says where the chain breaks"""
    head: str
    """The last link's hash: kept elsewhere, it proves later that nothing before it was cut off."""
    expected_link: int = 0
    """The number of the link with the hash that was looked for; 0 where no link has it."""


async def verify(tx: Tx, seq: int = 0, previous: str = GENESIS, *, look_for: str = "") -> Verdict:
    """Recompute the chain behind link `seq`, whose hash is `previous`."""
    broken, expected_link = "", 0
    while not broken:
        rows = await tx.scan(
            f"SELECT s.seq, s.hash, s.audit_id, {_SELECT} FROM audit_seals s LEFT JOIN audit a ON a.id = s.audit_id "
            "WHERE s.seq > :seq ORDER BY s.seq LIMIT :limit",
            seq=seq,
            limit=_BATCH,
        )
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
            expected_link = seq if previous == look_for else expected_link
    rest = await tx.scan(
        "SELECT a.id, p.audit_id FROM audit a LEFT JOIN audit_seals s ON s.audit_id = a.id "
        "LEFT JOIN audit_pending p ON p.audit_id = a.id WHERE s.audit_id IS NULL ORDER BY a.id"
    )
    cut = [row[0] for row in rest if row[1] is None]
    if cut and not broken:
        broken = f"Event {cut[0]} is neither sealed nor waiting to be: its link was cut off."
    return Verdict(seq, len(rest), broken, previous, expected_link)
