"""The background loop of one process: flush audit buffers, take jobs, seal the audit chain, reap. Any number of nodes may run it."""

import asyncio
from collections.abc import Awaitable, Callable

from modelkeep.core.errors import RegistryError
from modelkeep.jobs import archive, otlp
from modelkeep.jobs.tasks import TASKS, Background, reap
from modelkeep.observe import metrics
from modelkeep.observe.logs import log
from modelkeep.store import archives, audit, jobs
from modelkeep.store.db import new_id, now_ms

_LEASE_MS = 60_000
_SEAL_DELAY_MS = (
    2_000  # an event this old is committed, or its transaction is the exception that the sealer looks back for
)


class Worker:
    """Started with the server, awaited when it stops."""

    def __init__(self, background: Background) -> None:
        self._at = background
        self._id = new_id()
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        works = [(1.0, self._flush), (1.0, self._work), (2.0, self._seal), (30.0, self._reap)]
        works += [(60.0, self._archive)] if self._at.audit_ms else []
        works += [(2.0, self._send)] if self._at.otlp else []
        for every, work in works:
            self._tasks.append(asyncio.create_task(self._loop(every, work)))

    async def stop(self) -> None:
        """Finish what runs, write what is buffered."""
        self._stop.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._at.uses.flush(self._at.db)
        await self._at.auditor.flush(minute_over=True)
        if self._at.otlp:
            await self._at.otlp.close()

    async def _loop(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stop.is_set():
            try:
                await work()
            except RegistryError as error:
                log.warning("background work waits", work=work.__name__, reason=error.message)
            except Exception:
                log.exception("background work failed", work=work.__name__)
            try:
                await asyncio.wait_for(self._stop.wait(), seconds)
            except TimeoutError:
                continue

    async def _flush(self) -> None:
        await self._at.uses.flush(self._at.db)
        await self._at.auditor.flush()
        metrics.audit_dropped.set(self._at.auditor.dropped)

    async def _work(self) -> None:
        """Take jobs until none is due."""
        while not self._stop.is_set() and await self.work_one():
            pass

    async def work_one(self) -> bool:
        """Take and do one job; False where none is due."""
        db = self._at.db
        async with db.read() as tx:
            if not await jobs.due(tx, now_ms()):
                return False
        async with db.write() as tx:
            job = await jobs.take(tx, db.dialect, now_ms(), _LEASE_MS)
        if job is None:
            return False
        keep = asyncio.create_task(self._keep(job))
        try:
            later = await TASKS[job.task](self._at, job.key)
        except Exception as error:
            log.warning("job failed", task=job.task, key=job.key, attempts=job.attempts, reason=str(error))
            async with db.write() as tx:
                await jobs.failed(tx, job, f"{type(error).__name__}: {error}", now_ms())
            return True
        finally:
            keep.cancel()
        async with db.write() as tx:
            await (jobs.done(tx, job) if later is None else jobs.put_off(tx, job, later))
        return True

    async def _keep(self, job: jobs.Job) -> None:
        """Extend the lease while the job runs."""
        while True:
            await asyncio.sleep(_LEASE_MS / 3000)
            async with self._at.db.write() as tx:
                await jobs.extend(tx, job, now_ms() + _LEASE_MS)

    async def _seal(self) -> None:
        """Chain what is committed; one process at a time holds the lease."""
        while not self._stop.is_set():
            async with self._at.db.read() as tx:
                if not await audit.unsealed(tx, now_ms() - _SEAL_DELAY_MS):
                    return
            async with self._at.db.write() as tx:
                if not await jobs.lease(tx, "sealer", self._id, now_ms(), 10_000):
                    return
                if not await audit.seal(tx, now_ms() - _SEAL_DELAY_MS):
                    return

    async def _archive(self) -> None:
        """Archive what is old enough, then remove what is archived; one process at a time."""
        at = self._at
        while not self._stop.is_set() and await self._leased("archiver", _LEASE_MS):
            async with at.db.read() as tx:
                sent = await archives.cursor(tx, otlp.NAME) if at.otlp else None
            made = await archive.archive(at.db, at.blobs, now_ms() - at.audit_ms, sent=sent)
            removed = await archive.remove(at.db)
            if made is None:
                return
            log.info(
                "audit records archived", first=made.first_seq, last=made.last_seq, file=made.path, removed=removed
            )

    async def _send(self) -> None:
        """Send what is sealed to the collector; one process at a time."""
        at = self._at
        while at.otlp and not self._stop.is_set() and at.otlp.ready(now_ms()) and await at.otlp.pending(at.db):
            if not await self._leased("otlp", _LEASE_MS) or not await at.otlp.send(at.db):
                return

    async def _leased(self, name: str, ms: int) -> bool:
        async with self._at.db.write() as tx:
            return await jobs.lease(tx, name, self._id, now_ms(), ms)

    async def _reap(self) -> None:
        await reap(self._at)
        async with self._at.db.read() as tx:
            waiting, dead = await jobs.counts(tx)
        metrics.jobs_waiting.set(waiting)
        metrics.jobs_dead.set(dead)
