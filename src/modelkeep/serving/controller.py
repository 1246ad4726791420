"""The embedded engine: makes true what the rows of serving endpoints say, and says in them what came of it.

A look reads all endpoints, decides, and never waits for a model: processes load in the background, and their changes cause the next
look. The configuration in force serves until a pending one is loaded as a whole; an entity that follows an alias serves its version
until the next one is loaded. Each look checks the creator's rights again, so a revoke ends serving with the next one.
"""

import asyncio
import contextlib
import logging
import random
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from modelkeep.blobs.port import Blobs
from modelkeep.domain.errors import WrongState
from modelkeep.domain.model import ModelVersion
from modelkeep.domain.serving import SIZES, ConfiguredEntity, EntityStatus, ServingEndpoint
from modelkeep.limits import SERVING_IDLE_S, SERVING_PREDICT_S, SERVING_RETRY_S, SERVING_TICK_S
from modelkeep.serving.deployments import (
    Configured,
    EntityDeployment,
    Live,
    check_hope,
    configured,
    first_reason,
    id_of,
    not_loaded,
    pending_servers,
    pending_status,
    reusable,
    servers_of,
    serves,
)
from modelkeep.serving.environments import Environment, Environments
from modelkeep.serving.model_files import write_out
from modelkeep.serving.resolution import Resolution, resolve
from modelkeep.serving.scoring_server import ScoringServer
from modelkeep.store import serving as rows
from modelkeep.store.db import Database, new_id, now_ms

log = logging.getLogger("modelkeep.serving")
_LOOKED = "serving.controller"
"""The key under which a transaction remembers that nothing changed since the last look"""


class ServingController:
    """The engine of one process. `folder`: its own, in the data directory."""

    def __init__(self, db: Database, blobs: Blobs, folder: Path, hidden: Path) -> None:
        self._db = db
        self._blobs = blobs
        self._folder = folder
        self._hidden = hidden
        self._environments = Environments(folder / "environments")
        self._live: dict[str, Live] = {}
        self._wake = asyncio.Event()
        self._changes = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._retiring: dict[asyncio.Task[None], ScoringServer] = {}

    # --- beginning and end -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to look; what an earlier process left is removed."""
        await asyncio.to_thread(shutil.rmtree, self._folder / "processes", ignore_errors=True)
        self._task = asyncio.create_task(self._look_forever())

    async def stop(self) -> None:
        """End all processes."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        retiring = dict(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        servers = [*retiring.values(), *(server for live in self._live.values() for server in servers_of(live))]
        await asyncio.gather(*(server.stop() for server in servers))

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def _changed(self) -> None:
        """Of a process: those who wait for one look again, and so do we."""
        self._changes.set()
        self._changes = asyncio.Event()
        self._wake.set()

    # --- looking -----------------------------------------------------------------------------------------------------

    async def _look_forever(self) -> None:
        while True:
            woken = self._wake.is_set()
            self._wake.clear()
            try:
                await self._look(woken=woken)
            except Exception as error:  # the database may be away; the next time counts
                log.warning("serving endpoints could not be looked at", exc_info=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), SERVING_TICK_S)

    async def _look(self, *, woken: bool) -> None:
        async with self._db.read() as tx:
            if tx.cache_get(_LOOKED) and not woken and not self._timely():
                return
            endpoints = await rows.every(tx)
            tx.cache_put(_LOOKED, True)
        for endpoint_id in self._live.keys() - {endpoint.id for endpoint in endpoints}:
            self._retire(servers_of(self._live.pop(endpoint_id)))
        for endpoint in endpoints:
            await self._look_at(endpoint, self._live.setdefault(endpoint.id, Live()))
        self._changes.set()
        self._changes = asyncio.Event()

    def _timely(self) -> bool:
        """Whether time alone asks for a look: something to try again, or to scale to zero."""
        in_force = (live.in_force for live in self._live.values() if live.in_force)
        return any(
            d.failed[0] or (d.entity.scale_to_zero and d.server) for c in in_force for d in c.deployments.values()
        )

    async def _look_at(self, endpoint: ServingEndpoint, live: Live) -> None:
        if endpoint.config_json and (live.in_force is None or live.in_force.json != endpoint.config_json):
            # At our start, or where another process has put a configuration in force.
            self._put_in_force(live, configured(endpoint.config_json))
            for status in endpoint.statuses if live.in_force else ():
                await self._restore(endpoint, live, status)
        if live.in_force is not None:
            for deployment in live.in_force.deployments.values():
                self._follow(deployment, await self._resolve(endpoint, deployment.entity))
            statuses = tuple(sorted((d.status() for d in live.in_force.deployments.values()), key=lambda s: s.name))
            if statuses != endpoint.statuses:
                async with self._db.write() as tx:
                    await rows.update_statuses(tx, endpoint.id, live.in_force.json, statuses)
        if endpoint.pending_json:
            await self._update(endpoint, live)
        elif live.pending is not None:  # another process has ended the update
            self._retire(pending_servers(live))
            live.pending = None

    async def _resolve(self, endpoint: ServingEndpoint, entity: ConfiguredEntity, number: int = 0) -> Resolution:
        async with self._db.read() as tx:
            return await resolve(tx, self._db.dialect, endpoint, entity, now_ms(), number=number)

    async def _restore(self, endpoint: ServingEndpoint, live: Live, status: EntityStatus) -> None:
        """After a restart, an entity begins with the version that it served, also where its alias leads to none."""
        assert live.in_force is not None
        deployment = live.in_force.deployments.get(status.name)
        if deployment is None or deployment.server is not None or not status.version:
            return
        resolution = await self._resolve(endpoint, deployment.entity, status.version)
        if resolution.version is not None:
            deployment.version = resolution.version
            if deployment.needs_process:
                deployment.server = self._serve(deployment, resolution.version)

    def _follow(self, deployment: EntityDeployment, resolution: Resolution) -> None:
        """One entity in force, towards what it means now."""
        if resolution.forbidden:
            self._retire([s for s in (deployment.server, deployment.successor) if s])
            deployment.server = deployment.successor = None
            deployment.refusal = resolution.problem
            return
        deployment.refusal = ""
        deployment.problem = resolution.problem
        version = resolution.version
        self._scale(deployment)
        if version is None or deployment.version is None or version.id == deployment.version.id:
            self._drop_successor(deployment)
            deployment.version = deployment.version or version
            if deployment.server is None and deployment.needs_process and deployment.version is not None:
                deployment.server = self._serve(deployment, deployment.version)
        elif deployment.server is None and not deployment.needs_process:
            deployment.version = version
        else:
            self._roll(deployment, version)

    def _scale(self, deployment: EntityDeployment) -> None:
        server = deployment.server
        if not deployment.entity.scale_to_zero or server is None or server.in_flight or server.state == "starting":
            return
        if asyncio.get_running_loop().time() - server.used_at > SERVING_IDLE_S:
            deployment.server, deployment.needs_process = None, False
            self._retire([server])

    def _roll(self, deployment: EntityDeployment, version: ModelVersion) -> None:
        """Load what comes next beside what serves; switch when it is ready."""
        failed_id, reason, at = deployment.failed
        if failed_id == version.id and asyncio.get_running_loop().time() - at < SERVING_RETRY_S:
            deployment.problem = not_loaded(version, reason)
            return
        if deployment.successor is None or id_of(deployment.successor_version) != version.id:
            self._drop_successor(deployment)
            deployment.successor, deployment.successor_version = self._load(deployment.entity, version), version
        successor = deployment.successor
        if successor.state == "failed":
            deployment.failed = (version.id, successor.reason, asyncio.get_running_loop().time())
            deployment.problem = not_loaded(version, successor.reason)
            self._drop_successor(deployment)
        elif successor.state == "ready":
            successor.persistent = True
            self._retire([deployment.server] if deployment.server else [])
            deployment.server, deployment.version = successor, version
            deployment.successor = deployment.successor_version = None
            deployment.failed = ("", "", 0.0)
        else:
            deployment.problem = f"Version {version.version} is loading."

    def _drop_successor(self, deployment: EntityDeployment) -> None:
        if deployment.successor is not None:
            self._retire([deployment.successor])
            deployment.successor = deployment.successor_version = None

    # --- updates -----------------------------------------------------------------------------------------------------

    async def _update(self, endpoint: ServingEndpoint, live: Live) -> None:
        """The pending configuration: in force when all of it is loaded, dropped when a part of it cannot be."""
        if live.pending is None or live.pending.json != endpoint.pending_json:
            self._retire(pending_servers(live))
            live.pending = configured(endpoint.pending_json)
        pending = live.pending
        for deployment in pending.deployments.values():
            resolution = await self._resolve(endpoint, deployment.entity)
            self._prepare(deployment, resolution, live)
        deployments = list(pending.deployments.values())
        statuses = tuple(
            sorted((pending_status(deployment) for deployment in deployments), key=lambda status: status.name)
        )
        if any(status.state == "DEPLOYMENT_FAILED" for status in statuses):
            async with self._db.write() as tx:
                await rows.fail_update(tx, endpoint.id, pending.json, statuses)
            live.last_failed, live.pending = deployments, None
            self._retire([s for d in deployments if (s := d.server) and not serves(live, s)])
        elif all(status.state == "DEPLOYMENT_READY" for status in statuses):
            async with self._db.write() as tx:
                activated = await rows.activate(tx, endpoint.id, pending.json, statuses, now_ms())
            live.pending = None
            if activated:
                self._put_in_force(live, pending)
        elif statuses != endpoint.pending_statuses:
            async with self._db.write() as tx:
                await rows.update_pending_statuses(tx, endpoint.id, pending.json, statuses)

    def _prepare(self, deployment: EntityDeployment, resolution: Resolution, live: Live) -> None:
        version = resolution.version
        deployment.refusal = resolution.problem
        if version is None or id_of(deployment.version) == version.id:
            return
        if deployment.server is not None and not serves(live, deployment.server):
            self._retire([deployment.server])  # its alias moved while it loaded
        deployment.version = version
        serving = reusable(live.in_force, deployment.entity, version)
        deployment.server = serving or self._load(deployment.entity, version)

    def _put_in_force(self, live: Live, configuration: Configured) -> None:
        before = (
            [s for d in live.in_force.deployments.values() for s in (d.server, d.successor) if s]
            if live.in_force
            else []
        )
        live.in_force = configuration
        used = {id(d.server) for d in configuration.deployments.values()}
        for deployment in configuration.deployments.values():
            if deployment.server is not None:
                deployment.server.persistent = True
        self._retire([server for server in before if id(server) not in used])

    # --- processes ---------------------------------------------------------------------------------------------------

    def _serve(self, deployment: EntityDeployment, version: ModelVersion) -> ScoringServer:
        server = self._load(deployment.entity, version)
        server.persistent = True
        return server

    def _load(self, entity: ConfiguredEntity, version: ModelVersion) -> ScoringServer:
        server = ScoringServer(
            self._folder / "processes" / new_id(),
            self._hidden,
            partial(self._files_and_environment, version),
            self._changed,
            concurrency=SIZES[entity.workload_size],
            environment=entity.environment,
        )
        server.start()
        return server

    async def _files_and_environment(self, version: ModelVersion, folder: Path) -> Environment:
        await write_out(self._db, self._blobs, version, folder)
        return await self._environments.of(folder)

    def _retire(self, servers: Sequence[ScoringServer]) -> None:
        for server in servers:
            task = asyncio.create_task(server.retire())
            self._retiring[task] = server
            task.add_done_callback(lambda task: self._retiring.pop(task, None))

    # --- queries -----------------------------------------------------------------------------------------------------

    async def server_for(self, endpoint: ServingEndpoint, entity: str) -> tuple[str, ScoringServer]:
        """The served entity's name and its process, ready, for one query: the named one, else by the traffic split. Waits for a
        process that starts. Raises WrongState with the reason where there is none."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SERVING_PREDICT_S):
                while True:
                    changes = self._changes
                    deployment = self._deployment(endpoint, entity)
                    if deployment is not None:
                        server = deployment.server
                        if server is not None and server.state == "ready":
                            return deployment.entity.name, server
                        check_hope(endpoint, deployment)
                        if not deployment.needs_process:
                            deployment.needs_process = True
                            self.wake()
                    elif not endpoint.config_json:
                        raise WrongState(
                            f"Serving endpoint '{endpoint.name}' is not ready. {first_reason(endpoint)}".strip()
                        )
                    await changes.wait()
        raise WrongState(f"Serving endpoint '{endpoint.name}' did not become ready in time. Try again later.")

    def _deployment(self, endpoint: ServingEndpoint, entity: str) -> EntityDeployment | None:
        """None where this process has not looked yet."""
        live = self._live.get(endpoint.id)
        if live is None or live.in_force is None:
            return None
        config, deployments = live.in_force.config, live.in_force.deployments
        if not entity:
            names, weights = [r.served_name for r in config.routes], [r.percentage for r in config.routes]
            entity = names[0] if len(names) == 1 else random.choices(names, weights)[0]
        return deployments.get(entity)
