"""The queue: rows enqueued in the caller's transaction, taken under a lease, tried again with backoff, never lost."""

from typing import Any

import msgspec

from modelkeep.store.db import Tx, WriteTx, new_id

MAX_ATTEMPTS = 8


class Job(msgspec.Struct, frozen=True):
    id: str
    task: str
    key: str
    payload: str
    state: str
    attempts: int
    run_at: int
    error: str


_JOB = "id, task, key, payload, state, attempts, run_at, error"


async def enqueue(tx: WriteTx, task: str, key: str, at: int, payload: dict[str, Any] | None = None) -> None:
    """One job for each (task, key): asking again while it waits changes nothing, and revives a dead one."""
    await tx.run(
        "INSERT INTO jobs (id, task, key, payload, run_at, created_at) VALUES (:id, :task, :key, :payload, :at, :at) "
        "ON CONFLICT (task, key) DO UPDATE SET state = 'queued', attempts = 0, run_at = excluded.run_at, error = '' "
        "WHERE jobs.state = 'dead'",
        id=new_id(), task=task, key=key, payload=msgspec.json.encode(payload or {}).decode(), at=at,
    )  # fmt: skip


async def take(tx: WriteTx, dialect: str, now: int, lease_ms: int) -> Job | None:
    """The next due job, now `running` under a lease; a job whose lease ran out (a crash) is due again, MAX_ATTEMPTS times."""
    await tx.run(
        "UPDATE jobs SET state = 'dead', error = 'Every attempt ended with its process.' "
        "WHERE state = 'running' AND lease_until <= :now AND attempts >= :most",
        now=now, most=MAX_ATTEMPTS,
    )  # fmt: skip
    skip = " FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    row = await tx.one(
        "UPDATE jobs SET state = 'running', attempts = attempts + 1, lease_until = :lease WHERE id = (SELECT id FROM jobs "
        "WHERE (state = 'queued' AND run_at <= :now) OR (state = 'running' AND lease_until <= :now) "
        f"ORDER BY run_at LIMIT 1{skip}) RETURNING {_JOB}",
        now=now, lease=now + lease_ms,
    )  # fmt: skip
    return Job(*row) if row else None


async def extend(tx: WriteTx, job: Job, until: int) -> None:
    await tx.run("UPDATE jobs SET lease_until = :until WHERE id = :id", id=job.id, until=until)


async def done(tx: WriteTx, job: Job) -> None:
    await tx.run("DELETE FROM jobs WHERE id = :id", id=job.id)


async def put_off(tx: WriteTx, job: Job, at: int) -> None:
    """It is not yet time: take it again at `at`, as if it had not been tried."""
    await tx.run("UPDATE jobs SET state = 'queued', attempts = 0, run_at = :at WHERE id = :id", id=job.id, at=at)


async def failed(tx: WriteTx, job: Job, error: str, now: int) -> None:
    """Queue it again, later and later; after MAX_ATTEMPTS it is `dead`, kept for people to look at."""
    state = "dead" if job.attempts >= MAX_ATTEMPTS else "queued"
    await tx.run(
        "UPDATE jobs SET state = :state, error = :error, run_at = :at WHERE id = :id",
        id=job.id, state=state, error=error[:2000], at=now + 1000 * 4**job.attempts,
    )  # fmt: skip


async def every(tx: Tx, limit: int = 200) -> list[Job]:
    rows = await tx.all(f"SELECT {_JOB} FROM jobs ORDER BY run_at LIMIT :limit", limit=limit)
    return [Job(*row) for row in rows]


async def lease(tx: WriteTx, name: str, holder: str, now: int, ms: int) -> bool:
    """Take or keep a named lease: one holder among all processes on this database."""
    changed = await tx.run(
        "INSERT INTO leases (name, holder, until) VALUES (:name, :holder, :until) ON CONFLICT (name) DO UPDATE "
        "SET holder = excluded.holder, until = excluded.until WHERE leases.holder = :holder OR leases.until <= :now",
        name=name, holder=holder, until=now + ms, now=now,
    )  # fmt: skip
    return changed == 1


async def due(tx: Tx, now: int) -> bool:
    """Is there anything to take? (Asked without a write lock.)"""
    return (
        await tx.one(
            "SELECT 1 FROM jobs WHERE (state = 'queued' AND run_at <= :now) OR (state = 'running' AND lease_until <= :now) LIMIT 1",
            now=now,
        )
        is not None
    )


async def counts(tx: Tx) -> tuple[int, int]:
    """Jobs that wait or run, and dead ones."""
    row = await tx.one("SELECT COUNT(*), COALESCE(SUM(CASE WHEN state = 'dead' THEN 1 ELSE 0 END), 0) FROM jobs")
    assert row is not None
    return row[0] - row[1], row[1]
