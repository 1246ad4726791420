"""What is written to the audit log, and when: with the change, on its own, buffered for a second, or counted by the minute."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from modelkeep.core.context import BaseCtx
from modelkeep.core.joint_writes import JointWrites
from modelkeep.core.operation import Operation
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import NotFound, PermissionDenied, RegistryError
from modelkeep.domain.names import FullName
from modelkeep.domain.redaction import changes_json, request_json, short
from modelkeep.limits import AUDIT_READS_APART, AUDIT_REASON_CHARS
from modelkeep.store import audit, vendings
from modelkeep.store.audit import AuditEvent, AuditTarget
from modelkeep.store.db import Database, WriteTx, new_id, now_ms
from modelkeep.store.vendings import Vending

_MAX_BUFFERED = 50_000
_MAX_NAMES = 100


class Act(msgspec.Struct, frozen=True):
    """Something outside the operation table that the audit log records."""

    event: str
    operation: str
    targets: list[AuditTarget]
    outcome: str = "ok"
    reason: str = ""
    request_id: str = ""


class _Result(msgspec.Struct, frozen=True):
    """What came of a request."""

    request_id: str
    outcome: str = "ok"
    reason: str = ""


class Auditor:
    """Keeps the buffers of one process. A kill -9 loses at most the last second of plain reads, never a change."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._reads: list[AuditEvent] = []
        self._same: dict[Any, list[Any]] = {}
        self._alike: dict[Any, int] = {}
        """How many different requests of one kind `_same` has"""
        self._vended: dict[str, Vending] = {}
        self._refusals = JointWrites(self.write)
        self.dropped = 0
        """Buffered reads that did not fit; a metric."""

    async def in_tx(self, tx: WriteTx, op: Operation, request: msgspec.Struct, ctx: BaseCtx, request_id: str) -> None:
        await audit.add(tx, [_event(op, request, ctx.actor, ctx.touched, _Result(request_id), ctx.changes)])

    async def after(self, done: Sequence[tuple[Operation, msgspec.Struct, BaseCtx]], request_id: str) -> None:
        """Record what succeeded without its own row in the change's transaction."""
        own: list[AuditEvent] = []
        for op, request, ctx in done:
            if op.record == "buffered":
                self.read(op, request, ctx.actor, ctx.touched, request_id)
                continue
            event = _event(op, request, ctx.actor, ctx.touched, _Result(request_id), ctx.changes)
            if op.record == "own_tx":
                own.append(event)
            else:
                self.vended(event)
        if own:
            await self.write(own)

    async def refused(
        self,
        op: Operation,
        request: msgspec.Struct,
        actor: Actor,
        error: RegistryError,
        request_id: str,
        *,
        same: bool = False,
    ) -> None:
        """A refusal leaves a record of its own at once; other failures of changes are buffered. `same`: so does what is not
        there (where refusals are concealed as that, neither the answer nor the time it takes may tell them apart)."""
        if not op.audit:
            return
        named = [getattr(request, on.field, None) for on in op.targets] if op.targets else [request]
        targets = [AuditTarget("", "", text) for value in named for text in _names(value)][:_MAX_NAMES]
        event = _event(op, request, actor, targets, _Result(request_id, error.code, error.message))
        if isinstance(error, PermissionDenied) or (same and isinstance(error, NotFound)):
            await self._refusals.add(event)
        elif op.effect == "write" and not isinstance(error, NotFound):
            self._buffer(event)

    async def record(self, actor: Actor, act: Act, *, now: bool = True) -> None:
        """For acts outside the operation table (the tracking server's routes, the command line)."""
        audit_event = AuditEvent(
            new_id(),
            now_ms(),
            act.event,
            act.operation,
            actor.id,
            actor.name,
            actor.token_id,
            actor.source,
            act.request_id,
            tuple(act.targets),
            "{}",
            "{}",
            act.outcome,
            act.reason,
            actor.workspace,
        )
        if now:
            await self.write([audit_event], actor.id)
        else:
            self._buffer(audit_event)

    async def write(self, events: list[AuditEvent], principal: str = "") -> None:
        """`principal`: whose acts these are, where they are one principal's."""
        async with self._db.write(principal) as tx:
            await audit.add(tx, events)

    def read(
        self, op: Operation, request: msgspec.Struct, actor: Actor, targets: list[AuditTarget], request_id: str
    ) -> None:
        """A plain read. The same read by the same token within one flush is one record with a count: clients resolve a busy alias
        thousands of times a second, and must not fill the log with copies. Nor must one caller with a new filter each time:
        different requests of one kind about the same securables are recorded one by one up to AUDIT_READS_APART, then counted."""
        key = (request, actor.id, actor.token_id, actor.source, actor.workspace)
        entry = self._same.get(key)
        if entry is None:
            alike = (op.name, tuple(targets), *key[1:])
            if (count := self._alike.get(alike, 0)) >= AUDIT_READS_APART:
                key, entry = alike, self._same.get(alike)
            else:
                self._alike[alike] = count + 1
        if entry is not None:
            entry[1] += 1
        elif len(self._same) >= _MAX_BUFFERED:
            self.dropped += 1
        else:
            self._same[key] = [_event(op, request, actor, targets, _Result(request_id)), 1]

    def _buffer(self, event: AuditEvent) -> None:
        if len(self._reads) >= _MAX_BUFFERED:
            self.dropped += 1
        else:
            self._reads.append(event)

    def _take(self) -> list[AuditEvent]:
        """What is buffered, which is empty from here on."""
        reads, self._reads = self._reads, []
        same, self._same = self._same, {}
        self._alike = {}
        return [*reads, *(event if count == 1 else _counted(event, count) for event, count in same.values())]

    def vended(self, event: AuditEvent) -> None:
        """One record for each version, principal, kind of access and minute, with the first and the last time."""
        minute = event.at // 60_000
        key = "|".join((str(minute), event.actor_id, event.event, *(target.id for target in event.targets)))
        self._add_vending(key, Vending(minute, 1, event.at, event.at, event))

    def _add_vending(self, key: str, vending: Vending) -> None:
        before = self._vended.get(key)
        self._vended[key] = vending if before is None else before.with_(vending)

    async def flush(self, *, minute_over: bool = False) -> None:
        """Write what is buffered; vendings of past minutes become audit rows (all of them at `minute_over`)."""
        reads = self._take()
        vended, self._vended = self._vended, {}
        try:
            await self._write_buffered(reads, vended, now_ms() // 60_000, minute_over)
        except BaseException:
            self._put_back(reads, vended)
            raise

    async def _write_buffered(
        self, reads: list[AuditEvent], vended: dict[str, Vending], now: int, minute_over: bool
    ) -> None:
        if not reads and not vended and not minute_over:
            async with self._db.read() as tx:
                if not await vendings.due(tx, now):
                    return
        async with self._db.write() as tx:
            for key, vending in vended.items():
                await vendings.count(tx, key, vending)
            over = await vendings.take(tx, now + 1 if minute_over else now)
            closed = [_closed(vending) for vending in over]
            if reads or closed:
                await audit.add(tx, [*reads, *closed])

    def _put_back(self, reads: list[AuditEvent], vended: dict[str, Vending]) -> None:
        """The database did not take them: they wait for the next flush, with what came meanwhile."""
        for event in reads:
            self._buffer(event)
        for key, vending in vended.items():
            self._add_vending(key, vending)


def _names(value: Any) -> list[str]:
    """The securables and workspaces that a request is about, as it names them."""
    if isinstance(value, FullName):
        return [str(value)]
    if isinstance(value, msgspec.Struct):
        workspace = [text for text in (getattr(value, "workspace", ""),) if isinstance(text, str) and text]
        return workspace + [name for field in value.__struct_fields__ for name in _names(getattr(value, field))]
    if isinstance(value, tuple):
        return [name for element in cast("tuple[Any, ...]", value) for name in _names(element)]
    return []


def _counted(event: AuditEvent, count: int) -> AuditEvent:
    return msgspec.structs.replace(event, changes=f'{{"count": [0, {count}]}}')


def _closed(vending: Vending) -> AuditEvent:
    """As of the last time; the first one is beside it."""
    changes = f'{{"count": [0, {vending.count}], "at": [{vending.first_at}, {vending.last_at}]}}'
    return msgspec.structs.replace(vending.event, id=new_id(), at=vending.last_at, changes=changes)


def _event(
    op: Operation,
    request: msgspec.Struct,
    actor: Actor,
    targets: list[AuditTarget],
    result: _Result,
    changes: dict[str, tuple[Any, Any]] | None = None,
) -> AuditEvent:
    return AuditEvent(
        new_id(),
        now_ms(),
        op.audit,
        op.name,
        actor.id,
        actor.name,
        actor.token_id,
        actor.source,
        result.request_id,
        tuple(dict.fromkeys(targets)),
        request_json(request),
        changes_json(changes or {}),
        result.outcome,
        short(result.reason, AUDIT_REASON_CHARS),
        actor.workspace,
    )
