"""What an operation's steps may touch, as types: a transaction or the slow services, never both.

`run` gets a `ReadCtx`, whose transaction cannot write, or a `WriteCtx`. Neither knows storage, the tracking server, the
store's STS or a language model. `prepare` and `finish` get a `ServiceCtx`, which knows all of them and holds no transaction.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec

from modelkeep.core.operation import Config, Services, Target
from modelkeep.domain.authorization import Actor, SecurableWithGrants
from modelkeep.domain.errors import RegistryError
from modelkeep.domain.model import Securable
from modelkeep.domain.names import FullName
from modelkeep.store.audit import AuditTarget
from modelkeep.store.db import Tx, WriteTx

_T_co = TypeVar("_T_co", bound=Tx, covariant=True)


class BaseCtx:
    """Who acts, when, under which settings; and what the audit record will say."""

    __slots__ = ("actor", "changes", "config", "now", "touched")

    def __init__(self, actor: Actor, now: int, config: Config) -> None:
        """`now`: epoch milliseconds."""
        self.actor = actor
        self.now = now
        self.config = config
        self.touched: list[AuditTarget] = []
        self.changes: dict[str, tuple[Any, Any]] = {}

    def touch(self, kind: str, id: str, name: str) -> None:
        """Name something that the operation made or met, for the audit record."""
        self.touched.append(AuditTarget(kind, id, name))

    def changed(self, field: str, old: Any, new: Any) -> None:
        """For the audit record: what a field was and is."""
        if old != new:
            self.changes[field] = (old, new)


class Ctx(BaseCtx, Generic[_T_co]):
    """One transaction of an operation."""

    __slots__ = ("chains", "dialect", "performed", "performer", "prepared", "reacher", "tx")

    def __init__(
        self,
        tx: _T_co,
        dialect: str,
        actor: Actor,
        now: int,
        config: Config,
        prepared: Any = None,
    ) -> None:
        """`prepared`: what the operation's `prepare` returned."""
        super().__init__(actor, now, config)
        self.tx = tx
        self.dialect = dialect
        self.prepared = prepared
        self.chains: dict[str, list[SecurableWithGrants]] = {}
        self.reacher: Callable[[ReadCtx, Target, FullName], Awaitable[Securable]] | None = None
        self.performer: Callable[[Ctx[_T_co], msgspec.Struct], Awaitable[tuple[Any, BaseCtx]]] | None = None
        self.performed: list[Performed] = []

    async def reach(self, on: Target, name: FullName) -> Securable:
        """The engine's own check, for a securable that only the function knows the name of; `chains` then has its links.
        Raises PermissionDenied, NotFound."""
        assert self.reacher is not None
        return await self.reacher(self, on, name)

    async def perform(self, request: msgspec.Struct, *, first: bool = False) -> Any:
        """The result of another operation of the table that is part of this one: authorized by its own row, in this transaction, and
        recorded as its own event, before this operation's event where it comes `first`. Raises RegistryError."""
        assert self.performer is not None
        result, ctx = await self.performer(self, request)
        self.performed.append(Performed(request, ctx, first))
        return result


class Performed(NamedTuple):
    """An operation that another one performed."""

    request: msgspec.Struct
    ctx: BaseCtx
    first: bool


ReadCtx: TypeAlias = Ctx[Tx]
"""Of a transaction that may only read. A WriteCtx is one, too."""

WriteCtx: TypeAlias = Ctx[WriteTx]
"""Of a transaction that commits what it changes."""


class ServiceCtx(BaseCtx):
    """The slow services, outside of any transaction."""

    __slots__ = ("_undo", "body", "services")

    def __init__(
        self, actor: Actor, now: int, config: Config, services: Services, body: AsyncIterator[bytes] | None = None
    ) -> None:
        super().__init__(actor, now, config)
        self.services = services
        self.body = body
        self._undo: list[Callable[[], Awaitable[None]]] = []

    def undo(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run this when the operation fails after all (bytes written for nothing). The transaction may have committed by then,
        so the action looks first whether what it undoes became part of something."""
        self._undo.append(action)

    async def run_undo(self) -> None:
        """All of them, the last first. What one cannot undo, because its storage is away, `modelkeep check` finds."""
        for action in reversed(self._undo):
            with suppress(RegistryError):
                await action()
