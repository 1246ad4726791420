"""Jobs and leases, on both databases: lanes, fences, heartbeats, and a stop with a deadline."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from world import World, name

from modelkeep import limits
from modelkeep.core.operations.models import versions
from modelkeep.domain.errors import Unavailable
from modelkeep.jobs.lease import LeaseLost, under_lease
from modelkeep.jobs.tasks import TASKS, WorkerContext
from modelkeep.jobs.worker import Worker
from modelkeep.store import jobs
from modelkeep.store.db import new_id

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M = "prod.ml.churn"
LONG_MS = 3_600_000


async def _take(w: World, lane: jobs.Lane = "files", ms: int = LONG_MS) -> jobs.TakenJob | None:
    async with w.db.write() as tx:
        return await jobs.take(tx, w.db.dialect, lane, new_id(), ms)


async def _taken(w: World, lane: jobs.Lane = "files", ms: int = LONG_MS) -> jobs.TakenJob:
    job = await _take(w, lane, ms)
    assert job is not None
    return job


async def _enqueue(w: World, key: str = "s", task: str = "purge", delay_ms: int = 0) -> None:
    async with w.db.write() as tx:
        await jobs.enqueue(tx, task, key, delay_ms=delay_ms)


async def _pass(w: World, ms: int) -> None:
    """What is in the database becomes older by as much."""
    async with w.db.write() as tx:
        await tx.run(
            "UPDATE jobs SET run_at = run_at - :ms, lease_until = lease_until - :ms, again_at = again_at - :ms", ms=ms
        )
        await tx.run("UPDATE leases SET until = until - :ms", ms=ms)


async def _row(w: World) -> tuple[Any, ...]:
    (row,) = await w.rows("SELECT state, attempts, holder <> '', again_at FROM jobs")
    return row[0], row[1], bool(row[2]), row[3]


async def test_a_job_waits_its_time_runs_under_a_lease_and_is_due_again_when_that_ends(w: World) -> None:
    await _enqueue(w, delay_ms=LONG_MS)
    await _enqueue(w)
    assert await _take(w) is None
    await _pass(w, LONG_MS)
    job = await _taken(w)
    assert (job.key, job.attempts, job.state) == ("s", 1, "running")
    await _pass(w, LONG_MS - 60_000)
    assert await _take(w) is None
    async with w.db.write() as tx:
        assert await jobs.extend(tx, job, LONG_MS)
    await _pass(w, LONG_MS - 60_000)
    assert await _take(w) is None
    await _pass(w, 60_000)
    again = await _taken(w)
    assert (again.id, again.attempts) == (job.id, 2) and again.holder != job.holder
    async with w.db.write() as tx:
        assert await jobs.done(tx, again)
    assert await w.count("jobs") == 0


@pytest.mark.parametrize("late", ["extend", "done", "failed", "put_off", "put_back"])
@pytest.mark.parametrize("meanwhile", ["taken", "waiting", "taken after it was put off", "gone"])
async def test_who_stalled_past_the_lease_changes_nothing(w: World, late: str, meanwhile: str) -> None:
    await _enqueue(w)
    stalled = await _taken(w)
    await _pass(w, LONG_MS)
    current = await _taken(w)
    async with w.db.write() as tx:
        if meanwhile == "waiting":
            assert await jobs.put_off(tx, current, LONG_MS)
        elif meanwhile == "taken after it was put off":
            assert await jobs.put_off(tx, current, 0)
        elif meanwhile == "gone":
            assert await jobs.done(tx, current)
    if meanwhile == "taken after it was put off":
        current = await _taken(w)
        assert current.attempts == stalled.attempts
    before = await w.rows("SELECT * FROM jobs")
    async with w.db.write() as tx:
        assert not await _act(late, tx, stalled)
    assert await w.rows("SELECT * FROM jobs") == before
    async with w.db.write() as tx:
        assert await jobs.done(tx, current) == (meanwhile.startswith("taken"))


async def _act(what: str, tx: Any, job: jobs.TakenJob) -> bool:
    if what in ("extend", "put_off"):
        return await getattr(jobs, what)(tx, job, LONG_MS)
    if what == "failed":
        return await jobs.failed(tx, job, "late")
    return await getattr(jobs, what)(tx, job)


async def test_work_that_outlived_its_lease_counts_where_nobody_else_took_the_job(w: World) -> None:
    await _enqueue(w)
    stalled = await _taken(w)
    await _pass(w, LONG_MS)
    async with w.db.write() as tx:
        assert await jobs.done(tx, stalled)
    assert await w.count("jobs") == 0


async def test_a_job_that_fails_waits_longer_each_time_and_is_dead_in_the_end(w: World) -> None:
    await _enqueue(w)
    waits = list[int]()
    state = ""
    for _ in range(jobs.MAX_ATTEMPTS):
        job = await _taken(w)
        async with w.db.write() as tx:
            assert await jobs.failed(tx, job, "no disk")
        ((wait, state),) = await w.rows("SELECT run_at - (SELECT now_ms()), state FROM jobs")
        waits.append(wait)
        await _pass(w, wait)
    assert waits == sorted(waits) and 1000 < waits[0] <= 4000 and state == "dead"
    await _pass(w, 10**12)
    assert await _take(w) is None
    async with w.db.read() as tx:
        assert await jobs.counts(tx) == (0, 1)
        (dead,) = await jobs.every(tx)
    assert dead.error == "no disk"
    await _enqueue(w)
    assert (await _taken(w)).attempts == 1


async def test_a_job_whose_process_dies_every_time_is_dead_in_the_end(w: World) -> None:
    await _enqueue(w)
    for attempt in range(1, jobs.MAX_ATTEMPTS + 1):
        assert (await _taken(w)).attempts == attempt
        await _pass(w, LONG_MS)
    assert await _take(w) is None
    assert await w.rows("SELECT state FROM jobs") == [("dead",)]


@pytest.mark.parametrize("end", ["done", "failed", "put_off", "put_back", "lease"])
async def test_a_job_enqueued_while_it_runs_runs_again(w: World, end: str) -> None:
    await _enqueue(w)
    job = await _taken(w)
    await _enqueue(w, delay_ms=LONG_MS)
    await _enqueue(w)
    await _enqueue(w, delay_ms=LONG_MS)
    assert await _take(w) is None
    if end == "lease":
        await _pass(w, LONG_MS)
    else:
        async with w.db.write() as tx:
            assert await _act(end, tx, job)
        assert (await _row(w))[0] == "queued"
    again = await _taken(w)
    assert (again.id, again.attempts, again.error) == (job.id, 1, "late" if end == "failed" else "")
    async with w.db.write() as tx:
        assert await jobs.done(tx, again)
    assert await w.count("jobs") == 0


async def test_an_interrupted_attempt_does_not_count(w: World) -> None:
    await _enqueue(w)
    for _ in range(jobs.MAX_ATTEMPTS + 1):
        job = await _taken(w)
        async with w.db.write() as tx:
            assert await jobs.put_back(tx, job)
    assert await _row(w) == ("queued", 0, False, None)


async def test_jobs_and_their_cause_commit_together(w: World) -> None:
    with pytest.raises(ZeroDivisionError):
        async with w.db.write() as tx:
            await jobs.enqueue(tx, "purge", "s")
            raise ZeroDivisionError
    assert await w.count("jobs") == 0


async def test_many_are_enqueued_as_each_would_be(w: World) -> None:
    await _enqueue(w, "running")
    await _taken(w)
    async with w.db.write() as tx:
        await jobs.enqueue_all(tx, "purge", ["b", "running", "a"])
        await jobs.enqueue_all(tx, "purge", [])
    rows = await w.rows("SELECT key, state, again_at IS NOT NULL FROM jobs ORDER BY key")
    assert [(key, state, bool(again)) for key, state, again in rows] == [
        ("a", "queued", False),
        ("b", "queued", False),
        ("running", "running", True),
    ]


async def test_one_holder_has_a_lease_until_it_runs_out(w: World) -> None:
    async def lease(holder: str) -> bool:
        async with w.db.write() as tx:
            return await jobs.lease(tx, "sealer", holder, LONG_MS)

    assert [await lease("a"), await lease("b"), await lease("a")] == [True, False, True]
    await _pass(w, LONG_MS - 60_000)
    assert not await lease("b")
    await _pass(w, 60_000)
    assert [await lease("b"), await lease("a")] == [True, False]


async def test_a_lane_is_due_by_its_own_jobs_alone(w: World) -> None:
    async def due() -> list[jobs.Lane]:
        async with w.db.read() as tx:
            return await jobs.due(tx)

    assert await due() == []
    await _enqueue(w, "v/s/", "bring")
    await _enqueue(w, "s", "hash", delay_ms=LONG_MS)
    assert await due() == ["registrations"] and await _take(w, "files") is None
    await _pass(w, LONG_MS)
    assert await due() == ["registrations", "files"]
    await _taken(w, "files")
    await _taken(w, "registrations")
    assert await due() == []
    await _pass(w, LONG_MS)
    assert await due() == ["registrations", "files"]


# --- workers ---------------------------------------------------------------------------------------------------------


class Tasks:
    """A task `wait`, whose runs end when the test says so."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.started = 0
        self.cancelled: list[str] = []
        self.ended: list[str] = []
        self.gate = asyncio.Event()

    async def wait(self, _: WorkerContext, key: str) -> None:
        self.started += 1
        self.running.append(key)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(key)
            raise
        finally:
            self.running.remove(key)
        self.ended.append(key)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    result = Tasks()
    for task in ("hash", "bring"):
        monkeypatch.setitem(TASKS, task, result.wait)
    return result


def _background(w: World, db: Any = None) -> WorkerContext:
    return WorkerContext(db or w.db, w.blobs, w.registry.auditor, LONG_MS)


@asynccontextmanager
async def _worker(w: World, db: Any = None, **bounds: Any) -> AsyncIterator[Worker]:
    worker = Worker(_background(w, db), **bounds)
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop(0)


async def _until(check: Any) -> None:
    """`check` returns the condition, or an awaitable of it."""
    async with asyncio.timeout(30):
        while True:
            value = check()
            if await value if inspect.isawaitable(value) else value:
                return
            await asyncio.sleep(0.01)


async def test_a_registration_does_not_wait_for_hashing(w: World, tasks: Tasks) -> None:
    most = limits.JOBS_AT_ONCE_BY_LANE["files"]
    for i in range(most + 3):
        await _enqueue(w, f"large{i}", "hash")
    async with _worker(w):
        await _until(lambda: len(tasks.running) == most)
        await _enqueue(w, "version", "bring")
        await _until(lambda: "version" in tasks.running)
        assert len(tasks.running) == most + 1
        tasks.gate.set()
        await _until(lambda: len(tasks.ended) == most + 4)
        await _gone(w)
    assert tasks.started == most + 4


async def _gone(w: World) -> None:
    async def gone() -> bool:
        return not await w.count("jobs")

    await _until(gone)


async def test_two_workers_do_each_job_once(w: World) -> None:
    seen: list[str] = []
    keys = [f"k{i}" for i in range(30)]

    async def note(_: WorkerContext, key: str) -> None:
        seen.append(key)
        await asyncio.sleep(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, "hash", note)
        async with w.db.write() as tx:
            await jobs.enqueue_all(tx, "hash", keys)
        async with _worker(w), _worker(w):
            await _gone(w)
    assert sorted(seen) == sorted(keys)


async def test_who_loses_the_lease_is_cancelled_and_leaves_the_job_to_its_holder(w: World, tasks: Tasks) -> None:
    await _enqueue(w, "large", "hash")
    async with _worker(w, lease_ms=300):
        await _until(lambda: tasks.running)
        async with w.db.write() as tx:  # as if this process had stalled, and another one had taken the job
            await tx.run("UPDATE jobs SET holder = 'another', attempts = 2, lease_until = lease_until + 3600000")
        await _until(lambda: tasks.cancelled)
    assert await w.rows("SELECT state, holder, attempts, error FROM jobs") == [("running", "another", 2, "")]


class Failing:
    """A database whose next write transactions fail."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self.dialect = db.dialect
        self.failures = 0

    def read(self) -> Any:
        return self._db.read()

    def write(self, principal: str = "") -> Any:
        if self.failures:
            self.failures -= 1
            raise Unavailable("The database does not answer. Try again in a moment.")
        return self._db.write()


async def test_a_heartbeat_survives_an_error_of_the_database(w: World) -> None:
    db, extended = Failing(w.db), 0
    await _enqueue(w)
    job = await _taken(w)

    async def extend() -> bool:
        nonlocal extended
        extended += 1
        db.failures = int(extended in (1, 3))
        async with db.write() as tx:
            return await jobs.extend(tx, job, 600)

    async def work() -> str:
        await _until(lambda: extended >= 5)
        return "done"

    assert await under_lease(work(), extend, 600) == "done"


@pytest.mark.parametrize("fault", ["refuses", "hangs", "is another's"])
async def test_work_is_cancelled_once_its_lease_cannot_be_extended(fault: str) -> None:
    ended = asyncio.Event()

    async def extend() -> bool:
        if fault == "hangs":
            await asyncio.Event().wait()
        if fault == "refuses":
            raise Unavailable("The database does not answer.")
        return False

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(LeaseLost):
        await under_lease(work(), extend, 60)
    assert ended.is_set()


async def test_an_attempt_that_never_ends_is_cancelled_and_counts_as_failed(w: World, tasks: Tasks) -> None:
    await _enqueue(w, "endless", "hash")
    await _enqueue(w, "next", "hash", delay_ms=1)
    async with _worker(w, longest_s=0.2):
        await _until(lambda: "endless" in tasks.cancelled)
        await _until(lambda: "next" in tasks.cancelled or "next" in tasks.running)
    rows = await w.rows("SELECT state, attempts, error FROM jobs WHERE key = 'endless'")
    assert rows == [("queued", 1, "The task did not end within 0.2 seconds.")]


async def test_a_stop_writes_the_audit_buffer_first_and_puts_back_what_runs_too_long(w: World, tasks: Tasks) -> None:
    await w.model(M)
    await _enqueue(w, "large", "hash")
    worker = Worker(_background(w))
    worker.start()
    await _until(lambda: tasks.running)
    await w.as_("admin").do(versions.ListVersions(name(M)))
    stopping = asyncio.create_task(worker.stop(LONG_MS / 1000))
    await _until(lambda: w.rows("SELECT 1 FROM audit WHERE operation = 'list_versions'"))
    assert tasks.running and not stopping.done()
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await worker.stop(0)
    assert tasks.cancelled == ["large"]
    assert await w.rows("SELECT state, attempts, holder FROM jobs") == [("queued", 0, "")]
    tasks.gate.set()
    async with _worker(w):
        await _gone(w)
    assert tasks.ended == ["large"]


async def test_a_stop_lets_short_work_end(w: World, tasks: Tasks) -> None:
    await _enqueue(w, "short", "hash")
    worker = Worker(_background(w))
    worker.start()
    await _until(lambda: tasks.running)
    stopping = asyncio.create_task(worker.stop(30))
    await asyncio.sleep(0.05)
    tasks.gate.set()
    await stopping
    assert tasks.ended == ["short"] and await w.count("jobs") == 0


async def test_a_stop_does_not_wait_for_a_database_that_is_away(w: World, tasks: Tasks) -> None:
    db = Failing(w.db)
    await _enqueue(w, "large", "hash")
    worker = Worker(_background(w, db))
    worker.start()
    await _until(lambda: tasks.running)
    db.failures = 10**6
    await worker.stop(0)
    assert tasks.cancelled == ["large"]
    assert (await _row(w))[0] == "running", "due again when its lease runs out"


async def test_a_singleton_stops_when_another_process_has_its_lease(w: World) -> None:
    worker, ended = Worker(_background(w), lease_ms=300), asyncio.Event()
    as_singleton = worker._as_singleton  # pyright: ignore[reportPrivateUsage]

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    running = asyncio.create_task(as_singleton("archiver", work))
    await _until(lambda: w.count("leases"))
    async with w.db.write() as tx:
        await tx.run("UPDATE leases SET holder = 'another', until = until + 3600000")
    await running
    assert ended.is_set()
    ran = False

    async def never() -> None:
        nonlocal ran
        ran = True

    await as_singleton("archiver", never)
    assert not ran


async def test_every_task_is_in_a_lane_with_room() -> None:
    assert set(limits.JOBS_AT_ONCE_BY_LANE) == set(jobs.LANES) and min(limits.JOBS_AT_ONCE_BY_LANE.values()) > 0
    assert msgspec.json.encode(limits.JOBS_AT_ONCE_BY_LANE)


async def test_a_multipart_upload_left_behind_is_ended_by_a_job(w: World) -> None:
    await _enqueue(w, "no upload of this id", "abort")
    assert await Worker(_background(w)).work_one()
    assert await w.count("jobs") == 0
