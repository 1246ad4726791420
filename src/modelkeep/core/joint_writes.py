"""Audit events that wait together are committed together: many refusals at once cost the database a few transactions."""

import asyncio
from collections.abc import Awaitable, Callable

from modelkeep.domain.errors import RegistryError
from modelkeep.limits import AUDIT_EVENTS_TOGETHER
from modelkeep.store.audit import AuditEvent


class JointWrites:
    """One transaction at a time. The callers wait, so no more events than requests are ever here."""

    def __init__(self, write: Callable[[list[AuditEvent]], Awaitable[None]]) -> None:
        """`write` commits the events of its list, all of them or none."""
        self._write = write
        self._waiting: list[tuple[AuditEvent, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, event: AuditEvent) -> None:
        """Return when the event is committed. Raises what the commit raised."""
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, committed))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())
        await committed

    async def _write_all(self) -> None:
        while self._waiting:
            batch = self._waiting[:AUDIT_EVENTS_TOGETHER]
            del self._waiting[: len(batch)]
            try:
                await self._commit(batch)
            except BaseException:  # the loop is ending
                for _, committed in (*batch, *self._waiting):
                    committed.cancel()
                raise

    async def _commit(self, batch: list[tuple[AuditEvent, asyncio.Future[None]]]) -> None:
        try:
            await self._write([event for event, _ in batch])
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            if len(batch) > 1 and not isinstance(
                error, RegistryError
            ):  # an event of another caller is at fault, perhaps
                for entry in batch:
                    await self._commit([entry])
                return
            for _, committed in batch:
                if not committed.done():
                    committed.set_exception(error)
            return
        for _, committed in batch:
            if not committed.done():
                committed.set_result(None)
