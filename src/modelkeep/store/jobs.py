"""The queue: rows enqueued in the caller's transaction, taken under a lease, tried again with backoff, never lost.

Every time is the database's own (`now_ms()` in SQL), so the clocks of nodes need not agree. The node that takes a job becomes its
holder; an attempt that outlives its lease can no longer extend, finish or put off the job that another holder has by then.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from modelkeep.store.db import Params, Tx, Value, WriteTx, new_id

MAX_ATTEMPTS = 8

Lane = Literal["registrations", "files", "housekeeping"]
LANES: tuple[Lane, ...] = ("registrations", "files", "housekeeping")
"""`registrations`: a client waits for the result. `files`: needs the storage. `housekeeping`: needs the database alone."""
_LANE_OF: dict[str, Lane] = {"bring": "registrations", "delete_detached": "housekeeping"}
"""Of a task; the others are in `files`."""


class Job(msgspec.Struct, frozen=True):
    id: str
    task: str
    key: str
    payload: str
    state: str
    attempts: int
    run_at: int
    error: str


class TakenJob(Job, frozen=True):
    """A job and the holder of its lease. No two takes have the same holder."""

    holder: str


_JOB = "id, task, key, payload, state, attempts, run_at, error"
_NOW = "(SELECT now_ms())"
_MINE = "id = :id AND state = 'running' AND holder = :holder AND attempts = :attempts"
_ENQUEUE = (
    "INSERT INTO jobs (id, task, lane, key, run_at, created_at) "
    f"VALUES (:id, :task, :lane, :key, {_NOW} + :delay, {_NOW}) "
    "ON CONFLICT (task, key) DO UPDATE SET "
    "again_at = CASE WHEN jobs.state = 'running' THEN excluded.run_at END, "
    "attempts = CASE WHEN jobs.state = 'running' THEN jobs.attempts ELSE 0 END, "
    "run_at = CASE WHEN jobs.state = 'running' THEN jobs.run_at ELSE excluded.run_at END, "
    "state = CASE WHEN jobs.state = 'running' THEN 'running' ELSE 'queued' END, "
    "error = CASE WHEN jobs.state = 'running' THEN jobs.error ELSE '' END "
    "WHERE jobs.state = 'dead' OR (jobs.state = 'running' AND COALESCE(jobs.again_at > excluded.run_at, TRUE))"
)


def _row(task: str, key: str, delay_ms: int) -> Params:
    return {"id": new_id(), "task": task, "lane": _LANE_OF.get(task, "files"), "key": key, "delay": delay_ms}


async def enqueue(tx: WriteTx, task: str, key: str, *, delay_ms: int = 0) -> None:
    """One job for each (task, key). A job that waits stays as it is, a dead one is revived, and one that runs now runs again."""
    await tx.run(_ENQUEUE, **_row(task, key, delay_ms))


async def enqueue_all(tx: WriteTx, task: str, keys: Sequence[str]) -> None:
    """As `enqueue`, for many keys at once."""
    if keys:
        await tx.run_many(_ENQUEUE, [_row(task, key, 0) for key in sorted(keys)])


async def take(tx: WriteTx, dialect: str, lane: Lane, holder: str, lease_ms: int) -> TakenJob | None:
    """The next due job of a lane, now `running` under a lease. A job whose lease ran out (a crash) is due again, MAX_ATTEMPTS
    times. `holder`: a new name for each take."""
    skip = " FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    await tx.run(
        "UPDATE jobs SET holder = '', run_at = COALESCE(again_at, run_at), again_at = NULL, "
        "attempts = CASE WHEN again_at IS NULL THEN attempts ELSE 0 END, "
        "state = CASE WHEN again_at IS NULL AND attempts >= :most THEN 'dead' ELSE 'queued' END, "
        "error = CASE WHEN again_at IS NULL AND attempts >= :most THEN 'Every attempt ended with its process.' ELSE error END "
        "WHERE id IN (SELECT id FROM jobs WHERE lane = :lane AND state = 'running' "
        f"AND lease_until <= {_NOW} ORDER BY id{skip})",
        lane=lane,
        most=MAX_ATTEMPTS,
    )
    row = await tx.one(
        f"UPDATE jobs SET state = 'running', attempts = attempts + 1, holder = :holder, lease_until = {_NOW} + :lease "
        f"WHERE id = (SELECT id FROM jobs WHERE lane = :lane AND state = 'queued' AND run_at <= {_NOW} "
        f"ORDER BY run_at LIMIT 1{skip}) RETURNING {_JOB}, holder",
        lane=lane,
        holder=holder,
        lease=lease_ms,
    )
    return TakenJob(*row) if row else None


def _mine(job: TakenJob) -> Params:
    return {"id": job.id, "holder": job.holder, "attempts": job.attempts}


async def extend(tx: WriteTx, job: TakenJob, lease_ms: int) -> bool:
    """False where the lease is another holder's by now, or nobody's. The same holds for all below."""
    return (
        await tx.run(f"UPDATE jobs SET lease_until = {_NOW} + :lease WHERE {_MINE}", lease=lease_ms, **_mine(job)) == 1
    )


async def done(tx: WriteTx, job: TakenJob) -> bool:
    """The job is gone, unless it was enqueued again meanwhile."""
    # The delete comes first: it waits for an `enqueue` that is about to commit, and then leaves the row to the update.
    if await tx.run(f"DELETE FROM jobs WHERE {_MINE} AND again_at IS NULL", **_mine(job)) == 1:
        return True
    changed = await tx.run(
        "UPDATE jobs SET state = 'queued', holder = '', attempts = 0, run_at = again_at, again_at = NULL "
        f"WHERE {_MINE} AND again_at IS NOT NULL",
        **_mine(job),
    )
    return changed == 1


async def put_off(tx: WriteTx, job: TakenJob, delay_ms: int) -> bool:
    """It is not yet time: take it again after `delay_ms`, as if it had not been tried."""
    due = f"CASE WHEN again_at < {_NOW} + :delay THEN again_at ELSE {_NOW} + :delay END"
    return await _queue(tx, job, "0", due, delay=delay_ms)


async def put_back(tx: WriteTx, job: TakenJob) -> bool:
    """The attempt was interrupted, which is not the job's fault: it is due at once, and the attempt does not count."""
    return await _queue(tx, job, "attempts - 1", _NOW)


async def _queue(tx: WriteTx, job: TakenJob, attempts: str, due: str, **params: Value) -> bool:
    """The job waits again. `attempts`, `due`: SQL of what counts as tried, and of when it is taken next."""
    changed = await tx.run(
        f"UPDATE jobs SET state = 'queued', holder = '', attempts = {attempts}, again_at = NULL, run_at = {due} WHERE {_MINE}",
        **params,
        **_mine(job),
    )
    return changed == 1


async def failed(tx: WriteTx, job: TakenJob, error: str) -> bool:
    """Queue it again, later and later; after MAX_ATTEMPTS it is `dead`, kept for people to look at."""
    changed = await tx.run(
        "UPDATE jobs SET holder = '', error = :error, again_at = NULL, "
        "state = CASE WHEN again_at IS NULL AND attempts >= :most THEN 'dead' ELSE 'queued' END, "
        "attempts = CASE WHEN again_at IS NULL THEN attempts ELSE 0 END, "
        f"run_at = COALESCE(again_at, {_NOW} + :wait) WHERE {_MINE}",
        error=error[:2000],
        most=MAX_ATTEMPTS,
        wait=1000 * 4**job.attempts,
        **_mine(job),
    )
    return changed == 1


async def every(tx: Tx, limit: int = 200) -> list[Job]:
    return (await page(tx, None, limit))[0]


class JobPage(NamedTuple):
    jobs: list[Job]
    following: tuple[int, str] | None
    """(time, id) after which the list continues; None at its end"""


class JobCounts(NamedTuple):
    pending: int
    """that wait or run"""
    dead: int


async def page(tx: Tx, after: tuple[int, str] | None, limit: int) -> JobPage:
    """In the order of the time at which they are due (epoch ms)."""
    at, id = after or (-1, "")
    rows = await tx.scan(
        f"SELECT {_JOB}, run_at, id FROM jobs WHERE run_at > :at OR (run_at = :at AND id > :id) ORDER BY run_at, id LIMIT :limit",
        at=at,
        id=id,
        limit=limit + 1,
    )
    following = (rows[limit - 1][-2], rows[limit - 1][-1]) if len(rows) > limit else None
    return JobPage([Job(*row[:-2]) for row in rows[:limit]], following)


async def lease(tx: WriteTx, name: str, holder: str, ms: int) -> bool:
    """Take or keep a named lease: one holder among all processes on this database."""
    changed = await tx.run(
        f"INSERT INTO leases (name, holder, until) VALUES (:name, :holder, {_NOW} + :ms) ON CONFLICT (name) DO UPDATE "
        f"SET holder = excluded.holder, until = excluded.until WHERE leases.holder = :holder OR leases.until <= {_NOW}",
        name=name,
        holder=holder,
        ms=ms,
    )
    return changed == 1


_DUE = " UNION ALL ".join(
    f"SELECT {number} WHERE EXISTS (SELECT 1 FROM jobs WHERE lane = '{lane}' AND state = 'queued' AND run_at <= {_NOW}) "
    f"OR EXISTS (SELECT 1 FROM jobs WHERE lane = '{lane}' AND state = 'running' AND lease_until <= {_NOW})"
    for number, lane in enumerate(LANES)
)


async def due(tx: Tx) -> list[Lane]:
    """The lanes with something to take. (Reads without a write lock.)"""
    return [LANES[row[0]] for row in await tx.all(_DUE)]


async def counts(tx: Tx) -> JobCounts:
    row = await tx.one("SELECT COUNT(*), COALESCE(SUM(CASE WHEN state = 'dead' THEN 1 ELSE 0 END), 0) FROM jobs")
    assert row is not None
    return JobCounts(row[0] - row[1], row[1])
