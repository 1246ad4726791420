"""A store that stops answering, or that is slow at the wrong moment: nothing else waits, and no version is half written."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from store.frozen import Proxy
from world import MLMODEL, World, chunks, drop, name, new_place, world

from modelkeep import limits
from modelkeep.blobs.s3 import S3Blobs
from modelkeep.core.operations.files import uploads
from modelkeep.core.operations.files.files import DeleteFile, FileRequest, VendDirectUpload, VendDownload, WriteFile
from modelkeep.core.operations.models import finalize, models, versions
from modelkeep.domain.errors import Conflict, NotSent, RegistryError, Unavailable
from modelkeep.domain.model import Status
from modelkeep.domain.paths import ArtifactPath
from modelkeep.jobs.tasks import WorkerContext, purge
from modelkeep.store import announced_changes
from modelkeep.store.db import now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

MODEL = "prod.ml.churn"
CALLS = 12


@pytest.fixture
async def way(seaweedfs: Any) -> AsyncIterator[Proxy]:
    async with Proxy(seaweedfs.endpoint) as proxy:
        yield proxy


@pytest.fixture
async def w(
    dialect: str,
    way: Proxy,
    seaweedfs: Any,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    """A deployment on each of the databases, whose store is reached through `way`; with a READY and a PENDING version."""
    for variable, value in seaweedfs.env().items():
        monkeypatch.setenv(variable, value)
    server = request.getfixturevalue("postgres") if dialect == "postgresql" else None
    place = await new_place(
        tmp_path,
        server,
        shared_folder="",
        storage_url=f"s3://{seaweedfs.bucket}/{uuid.uuid4().hex}",
        s3_endpoint=way.endpoint,
    )
    async with world(place) as opened_world:
        await opened_world.model(MODEL, owner="olga", olga="USE_CATALOG@prod+USE_SCHEMA@prod.ml")
        await opened_world.version(MODEL)
        await opened_world.pending(MODEL)
        yield opened_world
    drop(place, server)


def file_request(request: type[FileRequest], path: str = "model.pkl", **fields: Any) -> Any:
    return request(path=ArtifactPath.parse(path), name=name(MODEL), version=2, **fields)


async def do(w: World, request: msgspec.Struct, body: bytes | None = None) -> Any:
    actor = await w.actor("olga")
    return await w.engine.execute(actor, request, body=None if body is None else chunks(body))


def finalized() -> finalize.FinalizeVersion:
    return finalize.FinalizeVersion(name(MODEL), 2)


async def objects(w: World) -> list[str]:
    version = await do(w, versions.GetVersion(name(MODEL), 2))
    return [listed.object for listed in await w.blobs.list_set(version.artifact_set_id)]


async def test_reads_and_alias_moves_go_on_while_the_store_is_frozen(w: World, way: Proxy) -> None:
    way.freeze()
    waiting = [
        asyncio.create_task(do(w, request))
        for _ in range(CALLS)
        for request in (file_request(VendDirectUpload), file_request(DeleteFile, "MLmodel"), finalized())
    ]
    while way.statements == 0:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    for number in range(30):
        await do(w, models.SetAlias(name(MODEL), f"a{number % 5}", 1))
        assert (await do(w, versions.GetVersionByAlias(name(MODEL), f"a{number % 5}"))).version == 1
    assert not any(task.done() for task in waiting)
    way.thaw()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(not isinstance(answer, BaseException) or isinstance(answer, RegistryError) for answer in answers)


@pytest.mark.parametrize(
    "request_",
    [file_request(VendDirectUpload), file_request(DeleteFile), file_request(uploads.StartUpload), finalized()],
    ids=lambda request: type(request).__name__,
)
async def test_a_frozen_store_is_refused_at_the_deadline_then_not_asked(
    w: World, way: Proxy, request_: msgspec.Struct, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("STORE_METADATA_S", "STORE_FINALIZE_S", "STORE_STALL_S"):
        monkeypatch.setattr(limits, bound, 0.2)
    way.freeze()
    for _ in range(limits.CIRCUIT_FAILURES):
        with pytest.raises(Unavailable, match="did not answer within"):
            await do(w, request_)
    before = way.statements
    for _ in range(CALLS):
        with pytest.raises(NotSent):
            await do(w, request_)
    assert way.statements == before
    signed = await do(w, VendDownload(path=ArtifactPath.parse("model.pkl"), name=name(MODEL), version=1))
    assert signed.url.url.startswith(way.endpoint)  # nothing of it needs the store

    monkeypatch.undo()
    way.thaw()
    cast(S3Blobs, w.blobs).circuit._closed_from = 0.0  # pyright: ignore  # the time is up
    await do(w, request_)


async def test_a_body_that_the_frozen_store_does_not_take_leaves_nothing(
    w: World, way: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STORE_STALL_S", 0.2)
    monkeypatch.setattr(limits, "FILE_CHANGE_MS", 1)
    way.freeze()
    with pytest.raises(Unavailable):
        await do(w, file_request(WriteFile, "extra.bin"), b"x" * 100)
    way.thaw()
    monkeypatch.undo()
    known = await w.rows(
        "SELECT f.path FROM artifact_files f JOIN model_versions v ON v.artifact_set_id = f.set_id WHERE v.version = 2"
    )
    assert ("extra.bin",) not in known


# --- finalize and changes beside it ----------------------------------------------------------------------------------


class Slow:
    """A call to the store that waits at its start or its end."""

    def __init__(self, w: World, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        plain = getattr(w.blobs, call)

        async def slow(*args: Any, **named: Any) -> Any:
            self.begun.set()
            await self.go.wait()
            return await plain(*args, **named)

        monkeypatch.setattr(w.blobs, call, slow)


CHANGES = {
    "delete": (file_request(DeleteFile), None),
    "put": (file_request(WriteFile), b"other bytes"),
}


@pytest.mark.parametrize("call", CHANGES)
async def test_finalize_waits_for_a_change_that_is_under_way(
    w: World, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(w, call, monkeypatch)
    change = asyncio.create_task(do(w, *CHANGES[call]))
    await slow.begun.wait()
    with pytest.raises(Unavailable, match="is still being written"):
        await do(w, finalized())
    slow.go.set()
    await change
    assert (await do(w, finalized())).status == Status.READY
    sizes = dict(
        await w.rows(
            "SELECT f.path, f.size FROM artifact_files f JOIN model_versions v ON v.artifact_set_id = f.set_id WHERE v.version = 2"
        )
    )
    assert sizes == ({"MLmodel": len(MLMODEL)} | ({"model.pkl": 11} if call == "put" else {}))


@pytest.mark.parametrize("call", CHANGES)
async def test_finalize_refuses_what_changed_since_it_was_listed(
    w: World, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = w.blobs.list_set

    async def listed(set_id: str) -> Any:
        result = await plain(set_id)
        monkeypatch.undo()
        await do(w, *CHANGES[call])
        return result

    monkeypatch.setattr(w.blobs, "list_set", listed)
    with pytest.raises(Conflict, match="changed while it was being finalized"):
        await do(w, finalized())
    assert (await do(w, finalized())).status == Status.READY


async def test_an_upload_url_for_what_is_there_deletes_it_first_and_only_then(w: World) -> None:
    assert "model.pkl" in await objects(w)
    assert (await do(w, file_request(VendDirectUpload))).url is not None
    assert "model.pkl" not in await objects(w)
    count = await w.rows("SELECT MAX(revision) FROM artifact_sets")
    assert (await do(w, file_request(VendDirectUpload, "new.bin"))).url is not None
    assert await w.rows("SELECT MAX(revision) FROM artifact_sets") == count  # nothing there: nothing to announce
    assert await w.count("file_changes") == 0


async def test_a_change_of_a_killed_process_lapses(w: World) -> None:
    version = await do(w, versions.GetVersion(name(MODEL), 2))
    async with w.db.write() as tx:
        await announced_changes.begin(tx, version.artifact_set_id, now_ms(), now_ms() + 60_000)
    with pytest.raises(Unavailable):
        await do(w, finalized())
    async with w.db.write() as tx:
        await tx.run("UPDATE file_changes SET lapses_at = :past", past=now_ms() - 1)
    assert (await do(w, finalized())).status == Status.READY


@pytest.mark.parametrize(
    ("error", "waits"), [(Conflict("no"), False), (NotSent("no"), False), (Unavailable("?"), True)]
)
async def test_a_change_that_the_store_refused_is_over_and_one_that_it_may_have_done_is_not(
    w: World, error: RegistryError, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(w.blobs, "delete", failing)
    with pytest.raises(type(error)):
        await do(w, file_request(DeleteFile))
    assert await w.count("file_changes") == int(waits)


@pytest.mark.parametrize("bodies", [(b"first", b"second"), (b"a" * 100, b"b" * 50), (b"", b"x")])
async def test_two_uploads_of_one_path_at_once_end_as_one_of_them(w: World, bodies: tuple[bytes, bytes]) -> None:
    answers = await asyncio.gather(*(do(w, file_request(WriteFile), body) for body in bodies), return_exceptions=True)
    assert not any(isinstance(answer, BaseException) for answer in answers)
    assert (await do(w, finalized())).status == Status.READY
    version = await do(w, versions.GetVersion(name(MODEL), 2))
    rows = await w.rows(
        "SELECT size FROM artifact_files WHERE set_id = :set AND path = 'model.pkl'", set=version.artifact_set_id
    )
    stored = {listed.object: listed.size for listed in await w.blobs.list_set(version.artifact_set_id)}
    assert rows == [(stored["model.pkl"],)] and stored["model.pkl"] in {len(body) for body in bodies}
    assert await w.count("file_changes") == 0


async def test_what_must_not_be_replaced_is_not(w: World) -> None:
    for request, body in (
        (file_request(WriteFile, overwrite=False), b"x"),
        (file_request(uploads.StartUpload, overwrite=False), None),
    ):
        with pytest.raises(Conflict, match="exists already"):
            await do(w, request, body)
    await do(w, file_request(WriteFile, "fresh.bin", overwrite=False), b"x")
    answers = await asyncio.gather(
        *(do(w, file_request(WriteFile, "race.bin", overwrite=False), b"x" * (n + 1)) for n in range(4)),
        return_exceptions=True,
    )
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1, answers


async def test_a_deleted_set_is_freed_after_the_changes_that_are_under_way(w: World) -> None:
    version = await do(w, versions.GetVersion(name(MODEL), 2))
    async with w.db.write() as tx:
        await announced_changes.begin(tx, version.artifact_set_id, now_ms(), now_ms() + 60_000)
    await do(w, versions.DeleteVersion(name(MODEL), 2))
    at = WorkerContext(w.db, w.blobs, w.registry.auditor, 3_600_000)
    later = await purge(at, version.artifact_set_id)
    assert later is not None and later > now_ms() and await w.blobs.list_set(version.artifact_set_id)
    async with w.db.write() as tx:
        await tx.run("UPDATE file_changes SET lapses_at = :past", past=now_ms() - 1)
    assert await purge(at, version.artifact_set_id) is None and not await w.blobs.list_set(version.artifact_set_id)
