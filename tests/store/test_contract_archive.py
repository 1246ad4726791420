"""Old audit records leave the database for Parquet files, and nothing is lost, doubled or forged on the way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import arro3.io
import pytest
from backends import Seaweed
from world import World, name, new_place, world

from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.port import Segment
from modelkeep.core.operations.audit import audit_log
from modelkeep.core.operations.catalog import catalogs
from modelkeep.domain.errors import PermissionDenied, WrongState
from modelkeep.jobs import archive
from modelkeep.jobs.archive import Proof
from modelkeep.jobs.tasks import WorkerContext
from modelkeep.jobs.worker import Worker
from modelkeep.store import archives, audit, jobs
from modelkeep.store.audit import AuditEvent, AuditTarget
from modelkeep.store.db import new_id, now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

LATER = 2**62
DAY = 24 * 3_600_000


def event(number: int, at: int) -> AuditEvent:
    target = AuditTarget("MODEL", f"m{number % 3}", f"Prod.ml.m{number % 3}")
    request = json.dumps({"name": f"prod.ml.m{number % 3}", "note": "ü \\ \u0007 名"})
    return AuditEvent(
        new_id(),
        at,
        "model.get",
        "get_model",
        "a",
        "alice",
        "t",
        "::1",
        f"r{number}",
        (target,),
        request,
        "{}",
        "ok",
        "",
        "7" * (number % 2),
    )


async def old(w: World, count: int, days: int = 10) -> list[str]:
    """So many sealed records, that many days old; their ids in the order of the chain."""
    results = [event(number, now_ms() - days * DAY + number) for number in range(count)]
    async with w.db.write() as tx:
        await audit.add(tx, results)
    async with w.db.write() as tx:
        while await audit.seal(tx, LATER):
            pass
    return [e.id for e in results]


async def run(w: World, days: float = 7, **fields: Any) -> int:
    """All that is due; how many files."""
    result = 0
    while await archive.archive(w.db, w.blobs, int(now_ms() - days * DAY), **fields):
        result += 1
    await archive.remove(w.db)
    return result


async def proof(w: World, head: str = "") -> Proof:
    return await archive.verify(w.db, w.blobs, head=head)


async def everywhere(w: World) -> list[str]:
    """The ids in the files that are entered, then those in the table behind them."""
    results: list[str] = []
    async with w.db.read() as tx:
        entered = await archives.every(tx)
    for item in entered:
        results += (await columns(w, item))["id"]
    last = entered[-1].last_seq if entered else 0
    rows = await w.rows("SELECT audit_id FROM audit_seals WHERE seq > :last ORDER BY seq", last=last)
    return results + [row[0] for row in rows]


async def columns(w: World, first: archives.Archive) -> dict[str, list[Any]]:
    """A file as any reader of Parquet sees it."""
    ((segments,),) = await w.rows("SELECT segments FROM artifact_files WHERE path = :path", path=first.path)
    (segment,) = json.loads(segments)
    data = b"".join([c async for c in w.blobs.read(first.set_id, [Segment(**segment)], 0, segment["size"])])
    table = arro3.io.read_parquet(data).read_all()
    return {column: table.column(column).to_pylist() for column in table.column_names}


async def test_old_records_move_to_files_and_the_chain_goes_on_through_them(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_FILE", 400)
    ids = await old(w, 1000)
    await w.as_("admin").do(catalogs.CreateCatalog(name=name("fresh")))
    whole = await proof(w)
    assert await run(w) == 3
    left = await w.count("audit")
    assert left < 10 and await w.rows("SELECT COUNT(*) FROM audit_targets WHERE securable_id LIKE 'm%'") == [(0,)]
    assert (await everywhere(w))[:1000] == ids
    async with w.db.read() as tx:
        first, *_, last = await archives.every(tx)
    content = await columns(w, first)
    assert content["seq"] == list(range(1, 401)) and content["actor"] == ["alice"] * 400
    assert json.loads(content["targets"][1]) == [{"kind": "MODEL", "id": "m1", "name": "Prod.ml.m1"}]
    async with w.db.write() as tx:
        await audit.seal(tx, LATER)
    after = await proof(w, head=whole.verdict.head)
    assert (after.verdict.broken, after.archived, after.verdict.expected_link) == ("", 1000, 1000)
    assert (await proof(w, head=first.first_hash)).verdict.expected_link == 1
    assert (await proof(w, head="f" * 64)).verdict.expected_link == 0
    assert last.last_hash == whole.verdict.head
    assert await run(w) == 0


async def test_the_chain_goes_on_where_nothing_is_left_in_the_table(w: World) -> None:
    await old(w, 20)
    await run(w)
    assert await w.count("audit_seals") == 0
    await old(w, 5)
    result = await proof(w)
    assert (result.verdict.broken, result.archived, result.verdict.sealed) == ("", 20, 25)


class Crash(BaseException):
    """The process ends here."""


class CrashingBlobs(LocalBlobs):
    """Ends before or after the file is there."""

    after = False

    async def write(self, set_id: str, path: str, chunks: AsyncIterator[bytes]) -> Any:
        if self.after:
            await super().write(set_id, path, chunks)
        raise Crash


class CrashingDatabase:
    """Ends at the n-th write transaction: before it commits, or right after."""

    def __init__(self, db: Any, at: int, *, committed: bool) -> None:
        self._db, self._left, self._committed, self.dialect = db, at, committed, db.dialect

    def read(self) -> Any:
        return self._db.read()

    @asynccontextmanager
    async def write(self, principal: str = "") -> AsyncIterator[Any]:
        self._left -= 1
        async with self._db.write(principal) as tx:
            yield tx
            if self._left == 0 and not self._committed:
                raise Crash
        if self._left == 0:
            raise Crash


async def test_a_crash_at_any_point_loses_and_doubles_nothing(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_FILE", 60)
    monkeypatch.setattr(archives, "_SLICE", 20)
    ids = await old(w, 180)
    before = int(now_ms() - 7 * DAY)

    async def crashed(db: Any, blobs: Any) -> None:
        with suppress(Crash):
            await archive.archive(db, blobs, before)
            await archive.remove(db)
        assert await everywhere(w) == ids
        verdict = (await proof(w)).verdict
        assert (verdict.broken, verdict.sealed) == ("", 180)

    root = w.registry.settings.data / "artifacts"
    for after in (False, True):
        blobs = CrashingBlobs(root)
        blobs.after = after
        await crashed(w.db, blobs)
    for at in range(1, 6):
        for committed in (False, True):
            await crashed(CrashingDatabase(w.db, at, committed=committed), w.blobs)
    await run(w)
    assert await everywhere(w) == ids and await w.count("audit_seals") == 0


async def test_two_archivers_at_once_enter_each_record_once(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_FILE", 50)
    ids = await old(w, 100)
    before = int(now_ms() - 7 * DAY)
    result = await asyncio.gather(*(archive.archive(w.db, w.blobs, before) for _ in range(3)))
    assert sum(item is not None for item in result) == 1
    assert await w.rows("SELECT COUNT(*) FROM jobs WHERE task = 'drop'") == [(2,)]
    await run(w)
    assert await everywhere(w) == ids and (await proof(w)).verdict.broken == ""


async def test_what_is_fresh_few_or_not_sent_waits(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_FILE", 50)
    await old(w, 49, days=10)
    assert await run(w, days=9.5) == 0, "few wait a day for more"
    assert await run(w, days=11) == 0
    assert await run(w, days=8, sent=0) == 0
    assert await run(w, days=8, sent=10) == 1
    assert (await proof(w)).archived == 10
    assert await run(w, days=8) == 1
    assert (await proof(w)).verdict.broken == ""


async def test_the_worker_archives_under_its_lease(lite: World) -> None:
    await old(lite, 30)
    background = WorkerContext(lite.db, lite.blobs, lite.registry.auditor, 0, audit_ms=7 * DAY)
    async with lite.db.write() as tx:
        assert await jobs.lease(tx, "archiver", "another", 60_000)
    await Worker(background)._archive()  # pyright: ignore[reportPrivateUsage]
    assert await lite.count("audit_archives") == 0
    async with lite.db.write() as tx:
        await tx.run("DELETE FROM leases")
    await Worker(background)._archive()  # pyright: ignore[reportPrivateUsage]
    result = await proof(lite)
    assert (result.archived, result.verdict.broken, await lite.count("audit_seals")) == (30, "", 0)


async def test_a_broken_chain_is_not_archived(lite: World) -> None:
    await old(lite, 10)
    async with lite.db.write() as tx:
        await tx.run("DROP TRIGGER audit_no_update")
        await tx.run("UPDATE audit SET actor = 'mallory' WHERE id = (SELECT audit_id FROM audit_seals WHERE seq = 4)")
    with pytest.raises(WrongState, match=r"Link 4 .* is broken"):
        await run(lite)
    assert await lite.count("audit") == 10


async def test_a_file_that_is_changed_gone_or_left_out_is_named(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_FILE", 10)
    await old(lite, 30)
    await run(lite)
    async with lite.db.read() as tx:
        _, second, _ = await archives.every(tx)
    ((segments,),) = await lite.rows("SELECT segments FROM artifact_files WHERE path = :path", path=second.path)
    assert isinstance(lite.blobs, LocalBlobs)
    file = lite.blobs.local_path(second.set_id, json.loads(segments)[0]["object"])
    whole = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(whole[:-1] + b"\0")
    assert (await proof(lite)).verdict.broken.endswith("is not the file that was written.")
    file.unlink()
    assert (await proof(lite)).verdict.broken == f"Archive '{second.path}' (links 11 to 20) is gone from the storage."
    async with lite.db.write() as tx:
        await tx.run("DROP TRIGGER archives_no_delete")
        await tx.run("DELETE FROM audit_archives WHERE first_seq = 11")
    assert "does not go on where the chain before it ends, at link 10" in (await proof(lite)).verdict.broken


async def test_only_what_is_archived_may_be_removed(w: World) -> None:
    await old(w, 5)
    await run(w)
    await old(w, 5)
    for statement in (
        "DELETE FROM audit",
        "DELETE FROM audit_seals",
        "DELETE FROM audit_archives",
        "UPDATE audit_archives SET path = ''",
    ):
        with pytest.raises(Exception, match="append-only"):
            async with w.db.write() as tx:
                await tx.run(statement)


async def test_auditors_and_account_admins_see_the_archives(w: World) -> None:
    await old(w, 5)
    await run(w)
    (first,) = await w.as_("admin").do(audit_log.ListArchives())
    assert (first.first_seq, first.last_seq) == (1, 5)
    with pytest.raises(PermissionDenied):
        await w.as_("eve").do(audit_log.ListArchives())


async def test_archives_in_s3(tmp_path: Path, seaweedfs: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in seaweedfs.env().items():
        monkeypatch.setenv(key, value)
    place = await new_place(
        tmp_path, storage_url=f"s3://{seaweedfs.bucket}/{new_id()}", s3_endpoint=seaweedfs.endpoint, shared_folder=""
    )
    async with world(place) as w:
        ids = await old(w, 20)
        await run(w)
        assert await everywhere(w) == ids and (await proof(w)).verdict.broken == ""
        async with w.db.read() as tx:
            (first,) = await archives.every(tx)
        assert [listed.object for listed in await w.blobs.list_set(first.set_id)] == [first.path]
