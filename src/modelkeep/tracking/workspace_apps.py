"""Every workspace's tracking app: an actor reaches that of its own workspace, whose server starts at the first call.

A tracking server each: experiments of the same name may exist in two workspaces, and no fault of MLflow's can show one
the other's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from modelkeep.core.operation import SourceOrigin, SourceRun
from modelkeep.domain.authorization import Actor
from modelkeep.http.messages import Request, Response
from modelkeep.limits import TRACKING_IDLE_S, TRACKING_SWEEP_S
from modelkeep.tracking.app import TrackingApp
from modelkeep.tracking.artifacts import ArtifactPlace
from modelkeep.tracking.child import TrackingServer

Start = Callable[[str], Awaitable[tuple[TrackingApp, TrackingServer]]]
Existing = Callable[[], Awaitable[set[str]]]
log = logging.getLogger("modelkeep.tracking")


class TrackingApps:
    """Those that somebody has come through lately. The servers of idle and deleted ones are stopped."""

    def __init__(self, start: Start, default_id: str, existing: Existing) -> None:
        """`start`: makes the workspace of this id, with its tracking server begun. `existing`: the ids of all there are.
        The default workspace is never stopped."""
        self._start = start
        self._default = default_id
        self._existing = existing
        self._open: dict[str, tuple[TrackingApp, TrackingServer]] = {}
        self._starting = asyncio.Lock()
        self._sweeper: asyncio.Task[None] | None = None

    async def of(self, workspace_id: str) -> TrackingApp:
        if workspace_id not in self._open:
            async with self._starting:
                if workspace_id not in self._open:
                    self._open[workspace_id] = await self._start(workspace_id)
                    self._sweeper = self._sweeper or asyncio.create_task(self._sweep_forever())
        workspace, child = self._open[workspace_id]
        child.touch()
        return workspace

    async def stop(self) -> None:
        if self._sweeper:
            self._sweeper.cancel()
        for _, child in self._open.values():
            await child.stop()
        self._open.clear()

    async def sweep(self) -> None:
        """Stop the servers of workspaces that are deleted, or that nobody called for TRACKING_IDLE_S."""
        others = set(self._open) - {self._default}
        if not others:
            return
        deleted = others - await self._existing()
        for workspace_id in others:
            async with self._starting:  # a call that comes now starts a new one after this one has let go of its socket
                child = self._open[workspace_id][1]
                if workspace_id in deleted or child.idle_s > TRACKING_IDLE_S:
                    del self._open[workspace_id]
                    await child.stop()

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(TRACKING_SWEEP_S)
            try:
                await self.sweep()
            except Exception as error:  # the database may be away; the next time counts
                log.warning("idle tracking servers could not be stopped", exc_info=error)

    async def state(self) -> str:
        """Why tracking does not work in one of the workspaces; '' where all work. For readiness: cheap, never raises."""
        reasons = await asyncio.gather(*(child.state() for _, child in self._open.values()))
        return next(filter(None, reasons), "")

    async def handle(self, request: Request, actor: Actor) -> Response | None:
        return await (await self.of(actor.workspace)).handle(request, actor)

    async def source_run(self, actor: Actor, run_id: str) -> SourceRun | None:
        return await (await self.of(actor.workspace)).source_run(actor, run_id)

    async def source_logged_model(self, actor: Actor, model_id: str) -> SourceRun | None:
        return await (await self.of(actor.workspace)).source_logged_model(actor, model_id)

    async def internal(self, actor: Actor, path: str, *, write: bool) -> ArtifactPlace | None:
        return await (await self.of(actor.workspace)).internal(actor, path, write=write)

    async def proxied(self, actor: Actor, path: str, *, write: bool) -> ArtifactPlace:
        return await (await self.of(actor.workspace)).proxied(actor, path, write=write)

    async def may(self, actor: Actor, kind: str, id: str, *, write: bool) -> None:
        await (await self.of(actor.workspace)).may(actor, kind, id, write=write)

    async def describe(self, actor: Actor, kind: str, id: str) -> tuple[str, str]:
        return await (await self.of(actor.workspace)).describe(actor, kind, id)

    async def places(self, actor: Actor, origin: SourceOrigin) -> tuple[SourceOrigin, ...]:
        return await (await self.of(actor.workspace)).places(actor, origin)
