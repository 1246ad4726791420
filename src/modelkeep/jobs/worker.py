"""The background loop of one process: flush audit buffers, take jobs, seal the audit chain, reap. Any number of nodes may run it."""

import asyncio
from collections.abc import Awaitable, Callable

from modelkeep import limits
from modelkeep.domain.errors import RegistryError
from modelkeep.jobs import archive, otlp
from modelkeep.jobs.lease import LeaseLost, cancelled, under_lease
from modelkeep.jobs.tasks import TASKS, WorkerContext, clear_shared, reap
from modelkeep.observe import metrics
from modelkeep.observe.logs import log
from modelkeep.store import archives, audit, jobs
from modelkeep.store.db import WriteTx, new_id, now_ms

_SEAL_LEASE_MS = 10_000
_SEAL_DELAY_MS = (
    2_000  # an event this old is committed, or its transaction is the exception that the sealer looks back for
)


class Worker:
    """Started with the server, stopped with it."""

    def __init__(
        self,
        background: WorkerContext,
        *,
        lease_ms: int = limits.JOB_LEASE_MS,
        longest_s: float = limits.JOB_LONGEST_S,
        head_s: float = limits.AUDIT_HEAD_S,
    ) -> None:
        self._at = background
        self._id = new_id()
        self._lease_ms = lease_ms
        self._longest_s = longest_s
        self._head_s = head_s
        self._head_due_s: float | None = None
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._busy: dict[jobs.Lane, set[asyncio.Task[None]]] = {lane: set() for lane in jobs.LANES}

    def start(self) -> None:
        works = [(1.0, self._flush), (1.0, self._work), (2.0, self._seal), (30.0, self._reap)]
        works += [(min(self._head_s, limits.AUDIT_HEAD_CHECK_S), self._report_head)]
        works += [(30.0, self._clear_shared)] if self._at.shared else []
        works += [(limits.DISK_CHECK_S, self._at.disk.check)] if self._at.disk else []
        works += [(60.0, self._archive)] if self._at.audit_ms else []
        works += [(2.0, self._send)] if self._at.otlp else []
        for every, work in works:
            self._tasks.append(asyncio.create_task(self._loop(every, work)))

    async def stop(self, seconds: float = limits.JOBS_STOP_S) -> None:
        """Write what is buffered, then let what runs go on for `seconds`; cancel the rest, whose jobs are put back."""
        self._stop.set()
        await self._flush_all(seconds)
        running = {*self._tasks, *(task for tasks in self._busy.values() for task in tasks)}
        if running:
            await asyncio.wait(running, timeout=seconds)
            await cancelled(running)
        await self._flush_all(seconds)  # what the last of them have recorded
        if self._at.otlp:
            await self._at.otlp.close()

    async def _flush_all(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 1)):
                await self._at.uses.flush(self._at.db)
                await self._at.auditor.flush(minute_over=True)
        except (RegistryError, TimeoutError) as error:
            log.error("audit records of the last second were not stored", reason=str(error) or "no answer in time")

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

    # --- jobs ---------------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Give each lane with due jobs a runner."""
        async with self._at.db.read() as tx:
            lanes = await jobs.due(tx)
        for lane in lanes:
            self._add_runner(lane)

    def _add_runner(self, lane: jobs.Lane) -> None:
        """Unless the lane has as many as it may, or the worker stops."""
        busy = self._busy[lane]
        if len(busy) < limits.JOBS_AT_ONCE_BY_LANE[lane] and not self._stop.is_set():
            runner = asyncio.create_task(self._run_lane(lane))
            busy.add(runner)
            runner.add_done_callback(busy.discard)

    async def _run_lane(self, lane: jobs.Lane) -> None:
        """Take and do jobs of a lane until none is due."""
        try:
            while not self._stop.is_set() and (job := await self._take(lane)) is not None:
                self._add_runner(lane)  # there may be another one
                await self._do(job)
        except RegistryError as error:
            log.warning("background work waits", work=lane, reason=error.message)
        except Exception:
            log.exception("background work failed", work=lane)

    async def work_one(self) -> bool:
        """Take and do one job of whichever lane; False where none is due."""
        async with self._at.db.read() as tx:
            lanes = await jobs.due(tx)
        for lane in lanes:
            if (job := await self._take(lane)) is not None:
                await self._do(job)
                return True
        return False

    async def _take(self, lane: jobs.Lane) -> jobs.TakenJob | None:
        db = self._at.db
        async with db.write() as tx:
            return await jobs.take(tx, db.dialect, lane, f"{self._id}/{new_id()}", self._lease_ms)

    async def _do(self, job: jobs.TakenJob) -> None:
        """Run the task of a job under its lease, and record what came of it."""
        deadline = asyncio.timeout(self._longest_s)
        try:
            async with deadline:
                delay = await under_lease(TASKS[job.task](self._at, job.key), lambda: self._extend(job), self._lease_ms)
        except LeaseLost:
            log.warning("a job's lease was lost, and its task cancelled", task=job.task, key=job.key)
        except asyncio.CancelledError:
            await self._settle(job, lambda tx: jobs.put_back(tx, job))
            raise
        except Exception as error:
            late = f"The task did not end within {self._longest_s} seconds."
            reason = late if deadline.expired() else f"{type(error).__name__}: {error}"
            log.warning("job failed", task=job.task, key=job.key, attempts=job.attempts, reason=reason)
            await self._settle(job, lambda tx: jobs.failed(tx, job, reason))
        else:
            await self._settle(job, lambda tx: jobs.done(tx, job) if delay is None else jobs.put_off(tx, job, delay))

    async def _settle(self, job: jobs.TakenJob, outcome: Callable[[WriteTx], Awaitable[bool]]) -> None:
        """Where the database does not take the outcome, the job is due again when its lease runs out."""
        try:
            async with self._at.db.write() as tx:
                mine = await outcome(tx)
        except RegistryError as error:
            log.warning("a job's outcome was not stored", task=job.task, key=job.key, reason=error.message)
            return
        if not mine:
            log.warning("a job's outcome came too late: its lease was lost", task=job.task, key=job.key)

    async def _extend(self, job: jobs.TakenJob) -> bool:
        async with self._at.db.write() as tx:
            return await jobs.extend(tx, job, self._lease_ms)

    # --- duties of one process at a time ------------------------------------------------------------------------------

    async def _seal(self) -> None:
        """Chain what is committed; the lease is checked in each transaction."""
        while not self._stop.is_set():
            async with self._at.db.read() as tx:
                if not await audit.unsealed(tx, now_ms() - _SEAL_DELAY_MS):
                    return
            async with self._at.db.write() as tx:
                if not await jobs.lease(tx, "sealer", self._id, _SEAL_LEASE_MS):
                    return
                if not await audit.seal(tx, now_ms() - _SEAL_DELAY_MS):
                    return

    async def _report_head(self) -> None:
        """Say in the log, and to the collector, what the head of the chain is: nobody who forges the chain in the database
        changes it there. At each start, then each `head_s` by the process that has the lease for it."""
        clock, starts = asyncio.get_running_loop().time(), self._head_due_s is None
        if self._head_due_s is not None and clock < self._head_due_s:
            return
        async with self._at.db.write() as tx:
            mine = await jobs.lease(tx, "audit head", self._id, int(1500 * self._head_s))
            head = await audit.head(tx)
        if not (mine or starts):
            return
        self._head_due_s = clock + self._head_s
        if head.seq:
            log.info("audit chain head", seq=head.seq, hash=head.hash)
            if self._at.otlp:
                self._at.otlp.offer_head(head, now_ms())

    async def _archive(self) -> None:
        """Archive what is old enough, then remove what is archived."""
        await self._as_singleton("archiver", self._archive_all)

    async def _archive_all(self) -> None:
        at = self._at
        while not self._stop.is_set():
            async with at.db.read() as tx:
                sent = await archives.cursor(tx, otlp.NAME) if at.otlp else None
            archived = await archive.archive(at.db, at.blobs, now_ms() - at.audit_ms, sent=sent)
            removed = await archive.remove(at.db)
            if archived is None:
                return
            log.info(
                "audit records archived",
                first=archived.first_seq,
                last=archived.last_seq,
                file=archived.path,
                removed=removed,
            )

    async def _send(self) -> None:
        """Send what is sealed to the collector; and the head of the chain, which any process may do."""
        at = self._at
        if at.otlp and at.otlp.ready(now_ms()) and await at.otlp.pending(at.db):
            await self._as_singleton("otlp", self._send_all)
        if at.otlp and at.otlp.has_head and at.otlp.ready(now_ms()):
            await at.otlp.send_head()

    async def _send_all(self) -> None:
        at = self._at
        while at.otlp and not self._stop.is_set() and at.otlp.ready(now_ms()) and await at.otlp.pending(at.db):
            if not await at.otlp.send(at.db):
                return

    async def _as_singleton(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do this unless another process has the lease; stop where it is lost meanwhile."""
        if not await self._leased(name):
            return
        try:
            await under_lease(work(), lambda: self._leased(name), self._lease_ms)
        except LeaseLost:
            log.warning("a lease was lost, and its work cancelled", work=name)

    async def _leased(self, name: str) -> bool:
        async with self._at.db.write() as tx:
            return await jobs.lease(tx, name, self._id, self._lease_ms)

    async def _reap(self) -> None:
        await reap(self._at)
        async with self._at.db.read() as tx:
            waiting, dead = await jobs.counts(tx)
        metrics.jobs_waiting.set(waiting)
        metrics.jobs_dead.set(dead)

    async def _clear_shared(self) -> None:
        if self._at.shared is not None:
            await clear_shared(self._at, self._at.shared)
