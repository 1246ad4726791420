"""The one path of a request: find the names, decide, run, record, commit."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import msgspec

from modelkeep.core.auditor import Auditor
from modelkeep.core.context import Ctx, Performed, ReadCtx, ServiceCtx
from modelkeep.core.full_disk import refuse_changes
from modelkeep.core.operation import Operation, Services, Target
from modelkeep.core.operations.audit.audit_log import may_audit
from modelkeep.core.operations.models.copy_sources import hide_sources
from modelkeep.core.steps import StepLock, Steps
from modelkeep.core.table import BY_NAME, BY_REQUEST
from modelkeep.domain.authorization import (
    ANY_PRIVILEGE_OR_BROWSE,
    CAN_REQUEST_ACCESS,
    Actor,
    Requirement,
    SecurableWithGrants,
    blocked_at,
    decide_inside,
    knows,
)
from modelkeep.domain.disk_state import DiskState
from modelkeep.domain.errors import AlreadyExists, NotFound, PermissionDenied, RegistryError
from modelkeep.domain.kinds import RULES
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName, missing
from modelkeep.domain.shielding import to_its_end
from modelkeep.limits import CONTENDED_TRIES
from modelkeep.store import securables, workspaces
from modelkeep.store.db import Contended, Database, ReadForScans, ReadTx, WriteTx, now_ms


class Engine:
    """Executes typed requests for an actor."""

    def __init__(self, db: Database, services: Services, auditor: Auditor, *, conceal: bool = False) -> None:
        self.db = db
        self.services = services
        self.auditor = auditor
        self.disk = DiskState()
        self._step_lock = StepLock()
        self._conceal = conceal

    @property
    def services(self) -> Services:
        return self._services

    @services.setter
    def services(self, services: Services) -> None:
        self._services = services
        self.config = msgspec.structs.replace(services.config, operations=BY_NAME)

    async def execute(
        self, actor: Actor, request: msgspec.Struct, *, request_id: str = "", body: AsyncIterator[bytes] | None = None
    ) -> Any:
        """The result of the operation that this type of request stands for. Raises RegistryError."""
        if (op := BY_REQUEST[type(request)]).plain(request):
            return await self._plain(actor, op, request, request_id)
        if op.steps is not None:
            refuse_changes(self.disk, [op])
            return await op.steps(self._steps(actor, op, request, request_id), request)
        return (await self.execute_all(actor, (request,), request_id=request_id, body=body))[0]

    async def execute_all(
        self,
        actor: Actor,
        requests: Sequence[msgspec.Struct],
        *,
        request_id: str = "",
        body: AsyncIterator[bytes] | None = None,
    ) -> list[Any]:
        """Several operations as one transaction: all of them happen, or none. Raises RegistryError.

        Only the first may have a `prepare`, which would not see what those before it change, and only the last a `finish`,
        which must not fail what those after it committed. Raises ValueError for others."""
        operations = [BY_REQUEST[type(request)] for request in requests]
        _check_order(operations, requests)
        refuse_changes(self.disk, operations)
        outside = ServiceCtx(actor, now_ms(), self.config, self.services, body)
        done: list[tuple[Operation, msgspec.Struct, Ctx[Any]]] = []
        try:
            prepared = await self._prepare(outside, operations[0], requests[0])
            results = await self._transact(actor, requests, prepared, request_id, done)
            if operations[-1].finish is not None:
                results[-1] = await operations[-1].finish(_after(outside, done[-1][2]), self.db, results[-1])
        except BaseException as error:
            # Cancelled while it is committed, nobody knows what became of it. What it stored may be referred to by now, and
            # what is not is found by `modelkeep check`.
            if not (len(done) == len(requests) and isinstance(error, asyncio.CancelledError)):
                await outside.run_undo()
            if isinstance(error, RegistryError):
                failed = min(len(done), len(requests) - 1)
                await self._refused(operations[failed], requests[failed], actor, error, request_id)
            raise
        if unrecorded := [entry for entry in done if entry[0].record != "in_tx"]:
            await to_its_end(self.auditor.after(unrecorded, request_id))
        return results

    def _steps(self, actor: Actor, op: Operation, request: msgspec.Struct, request_id: str) -> Steps:
        @asynccontextmanager
        async def read() -> AsyncGenerator[ReadCtx]:
            try:
                async with self.db.read() as tx:
                    ctx: ReadCtx = Ctx(tx, self.db.dialect, actor, now_ms(), self.config)
                    await self._authorize(ctx, op, request)
                    yield ctx
            except RegistryError as error:
                await self._refused(op, request, actor, error, request_id)
                raise

        async def perform(step: msgspec.Struct) -> Any:
            return (await self.execute_all(actor, (step,), request_id=request_id))[0]

        return Steps(read, perform, self._step_lock)

    async def _transact(
        self,
        actor: Actor,
        requests: Sequence[msgspec.Struct],
        prepared: Any,
        request_id: str,
        done: list[tuple[Operation, msgspec.Struct, Ctx[Any]]],
    ) -> list[Any]:
        """The transaction that counts; `done` grows with it. One that the database undid for the sake of another is run again."""
        operations = [BY_REQUEST[type(request)] for request in requests]
        write, scans = any(op.effect == "write" for op in operations), any(op.scans for op in operations)
        tries = 0
        while True:
            done.clear()
            results: list[Any] = []
            try:
                async with self.db.write(actor.id) if write else self._read(actor, scans=scans) as tx:
                    for op, request in zip(operations, requests, strict=True):
                        ctx: Ctx[Any] = Ctx(tx, self.db.dialect, actor, now_ms(), self.config, prepared)
                        ctx.performer = self._perform
                        targets = await self._authorize(ctx, op, request)
                        results.append(await hide_sources(ctx, await op.run(ctx, request, *targets)))
                        await self._record(cast("WriteTx", tx), op, request, ctx, request_id)
                        done.append((op, request, ctx))
                return results
            except Contended:
                tries += 1
                if tries == CONTENDED_TRIES:
                    raise

    async def _record(
        self, tx: WriteTx, op: Operation, request: msgspec.Struct, ctx: Ctx[Any], request_id: str
    ) -> None:
        """An operation's event, with those of the operations that it performed."""
        own = [Performed(request, ctx, False)] if op.record == "in_tx" else []
        first = [inner for inner in ctx.performed if inner.first]
        for event in (*first, *own, *(inner for inner in ctx.performed if not inner.first)):
            await self.auditor.in_tx(tx, BY_REQUEST[type(event.request)], event.request, event.ctx, request_id)

    async def _perform(self, outer: Ctx[Any], request: msgspec.Struct) -> tuple[Any, Ctx[Any]]:
        """Raises ValueError for an operation that is more than its transaction."""
        op = BY_REQUEST[type(request)]
        if op.slow(request) is not None or op.finish is not None or op.record != "in_tx":
            raise ValueError(f"{op.name} cannot be part of another operation")
        ctx: Ctx[Any] = Ctx(outer.tx, self.db.dialect, outer.actor, outer.now, self.config)
        targets = await self._authorize(ctx, op, request)
        return await op.run(ctx, request, *targets), ctx

    async def _plain(self, actor: Actor, op: Operation, request: msgspec.Struct, request_id: str) -> Any:
        """A read that was decided and answered in this very state of the database is not decided and answered again."""
        key = (request, actor.id, actor.account_admin, actor.workspace)
        try:
            async with self._read(actor, scans=op.scans) as tx:
                if (cached := tx.cache_get(key)) is None:
                    ctx: ReadCtx = Ctx(tx, self.db.dialect, actor, now_ms(), self.config)
                    targets = await self._authorize(ctx, op, request)
                    cached = await hide_sources(ctx, await op.run(ctx, request, *targets)), ctx.touched
                    tx.cache_put(key, cached)
        except RegistryError as error:
            await self._refused(op, request, actor, error, request_id)
            raise
        self.auditor.read(op, request, actor, cached[1], request_id)
        return cached[0]

    def _read(self, actor: Actor, *, scans: bool) -> AbstractAsyncContextManager[ReadTx]:
        return ReadForScans(self.db, actor.id) if scans else self.db.read()

    async def _refused(
        self, op: Operation, request: msgspec.Struct, actor: Actor, error: RegistryError, request_id: str
    ) -> None:
        refusal = cast("RegistryError", error.__cause__) if isinstance(error, Concealed) else error
        await to_its_end(self.auditor.refused(op, request, actor, refusal, request_id, same=self._conceal))

    async def _prepare(self, outside: ServiceCtx, op: Operation, request: msgspec.Struct) -> Any:
        """Authorize, then do the slow part outside any transaction; what it stored is undone if the rest fails."""
        if (slow := op.slow(request)) is None:
            return None
        async with self.db.read() as tx:
            ctx: ReadCtx = Ctx(tx, self.db.dialect, outside.actor, outside.now, self.config)
            targets = await self._authorize(ctx, op, request)
        return await slow(outside, self.db, request, *targets)

    async def _authorize(self, ctx: ReadCtx, op: Operation, request: msgspec.Struct) -> list[Securable | None]:
        """The securables that the request names, each checked. Raises PermissionDenied, NotFound, AlreadyExists."""
        await self._check_role(ctx, op, request)
        ctx.reacher = self._reached
        targets: list[Securable | None] = []
        for index, on in enumerate(op.targets_for(account_admin=ctx.actor.account_admin)):
            name: FullName | None = getattr(request, on.field)
            if name is None and on.optional:
                targets.append(None)
                continue
            assert name is not None
            chain = ctx.chains.get(name.chain_key)
            if chain is None:
                chain = ctx.chains[name.chain_key] = await securables.chain(ctx.tx, self.db.dialect, ctx.actor, name)
            if (
                op.creates
                and index == 0
                and len(chain) > len(name.parts)
                and not blocked_at(chain[:-1])
                and knows(chain)
            ):
                kind = chain[
                    -1
                ].securable.kind  # not always the kind that the request names: some share their name space
                raise AlreadyExists(f"{RULES[kind].label} '{name}' already exists.", kind=kind)
            if on.created is not None and len(chain) == len(name.parts):
                self._check_creatable(on.created, name, chain)
                targets.append(None)
                continue
            targets.append(self._checked(on, name, chain))
        for securable in targets:
            if securable is not None:
                ctx.touch(RULES[securable.kind].kind, securable.id, securable.full_name)
        return targets

    async def _check_role(self, ctx: ReadCtx, op: Operation, request: msgspec.Struct) -> None:
        """What an operation asks of the caller apart from securables. Raises PermissionDenied."""
        if ctx.actor.account_admin or not (op.account_admin or op.workspace_admin):
            return
        if op.workspace_admin:
            workspace: str = getattr(request, "workspace", "")
            if await workspaces.role_of(ctx.tx, workspace, ctx.actor.id) != "ADMIN":
                raise PermissionDenied(
                    "Only account admins and the workspace's own admins may do this. Ask one of them."
                )
        elif not (op.auditors and await may_audit(ctx)):
            raise PermissionDenied("Only account admins may do this. Ask one, or use a token of one.")

    async def _reached(self, ctx: ReadCtx, on: Target, name: FullName) -> Securable:
        """One more securable, which the operation's function came upon."""
        chain = ctx.chains[name.chain_key] = await securables.chain(ctx.tx, self.db.dialect, ctx.actor, name)
        return self._checked(on, name, chain)

    def _check_creatable(self, need: Requirement, name: FullName, parents: list[SecurableWithGrants]) -> None:
        """May the actor create what is missing? In conceal mode a refusal is the answer that a forbidden one gets."""
        decision = decide_inside(need, parents, writes=True)
        if decision.allowed:
            return
        refusal = PermissionDenied(decision.reason, kind=parents[-1].securable.kind)
        if self._conceal:
            raise Concealed(missing(str(name), name.leaf).message, kind=name.kind) from refusal
        raise refusal

    def _checked(self, on: Target, name: FullName, chain: list[SecurableWithGrants]) -> Securable:
        """In conceal mode what is forbidden and what is missing is one answer, whichever part of the name it is about."""
        if self._conceal and on.need == CAN_REQUEST_ACCESS and name.parts:
            on = msgspec.structs.replace(
                on, need=ANY_PRIVILEGE_OR_BROWSE
            )  # to ask for something is no way to learn that it exists
        try:
            return _check(on, name, chain)
        except (NotFound, PermissionDenied) as error:
            hidden = name.parent if on.parent else name
            if self._conceal and hidden.parts:
                raise Concealed(missing(str(hidden), hidden.leaf).message, kind=hidden.kind) from error
            raise


class Concealed(NotFound):
    """Missing or forbidden: its cause says which, to the audit log alone."""


def _check_order(operations: Sequence[Operation], requests: Sequence[msgspec.Struct]) -> None:
    for op, request in zip(operations[1:], requests[1:], strict=True):
        if op.slow(request) is not None:
            raise ValueError(f"{op.name} prepares outside of the transaction: it can only come first")
    for op in operations[:-1]:
        if op.finish is not None:
            raise ValueError(f"{op.name} finishes outside of the transaction: it can only come last")


def _after(outside: ServiceCtx, ctx: Ctx[Any]) -> ServiceCtx:
    """The context of `finish`: what it notes goes into the record of what the transaction did."""
    outside.now, outside.touched, outside.changes = ctx.now, ctx.touched, ctx.changes
    return outside


def _check(on: Target, name: FullName, chain: list[SecurableWithGrants]) -> Securable:
    """Top-down: the first parent that is closed to the actor answers 403, whether or not anything exists below it."""
    depth = len(name.parts) + (0 if on.parent else 1)
    chain = chain[:depth]
    if len(chain) < depth:
        if blocked := blocked_at(chain):
            raise PermissionDenied(blocked.reason, kind=chain[-1].securable.kind)
        raise missing(".".join(name.parts[: len(chain)]), name.leaf)
    if chain[-1].securable.kind != name.kind and not on.parent and not on.any_kind:
        if blocked := blocked_at(chain[:-1]):
            raise PermissionDenied(blocked.reason, kind=chain[-1].securable.kind)
        raise missing(str(name), name.leaf)
    decision = on.decide(name.kind, chain)
    if not decision.allowed:
        raise PermissionDenied(decision.reason, kind=name.kind)
    return chain[-1].securable
