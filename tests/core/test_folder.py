"""A version's way through the shared folder, over both databases."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from world import MODEL_FILES, World, name

from modelkeep.blobs.shared_folder import SharedFolder
from modelkeep.core.operations.files import credentials
from modelkeep.core.operations.models import finalize, versions
from modelkeep.domain.errors import InvalidArgument, WrongState
from modelkeep.domain.model import Status
from modelkeep.jobs.check import findings
from modelkeep.jobs.tasks import unstage
from modelkeep.jobs.worker import Worker
from modelkeep.serve.process import background
from modelkeep.store import files

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio
M = "prod.ml.churn"


def folder(w: World) -> SharedFolder:
    shared = w.engine.services.shared
    assert shared is not None
    return shared


def there(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


async def created(w: World) -> tuple[int, Path]:
    """A new version: its number and its directory."""
    in_folder = await w.as_("admin").do(credentials.CreateInFolder(name=name(M), source="runs:/r/m"))
    assert in_folder.status == Status.PENDING
    return in_folder.version, there(folder(w).write_uri(in_folder.id))


async def jobs_done(w: World) -> None:
    worker = Worker(background(w.registry))
    while await worker.work_one():
        pass


async def test_written_finalized_and_read(w: World) -> None:
    await w.model(M)
    number, directory = await created(w)
    with pytest.raises(InvalidArgument, match="no MLmodel"):
        await w.as_("admin").do(finalize.FinalizeVersion(name(M), number))
    for path, data in MODEL_FILES.items():
        (directory / path).write_bytes(data)
    with pytest.raises(WrongState):
        await w.as_("admin").do(credentials.ReadCredentials(name(M), number))
    ready = await w.as_("admin").do(finalize.FinalizeVersion(name(M), number))
    assert ready.status == Status.READY
    again = await w.as_("admin").do(finalize.FinalizeVersion(name(M), number))
    assert again.artifact_set_id == ready.artifact_set_id
    await w.as_("admin").do(credentials.GetInFolder(name(M), number))
    place = there(folder(w).read_uri(ready.id))
    assert {path: (place / path).read_bytes() for path in MODEL_FILES} == MODEL_FILES
    vended = await w.as_("admin").do(credentials.ReadCredentials(name(M), number))
    assert (vended.set_id, vended.credentials) == (ready.artifact_set_id, None)
    with pytest.raises(WrongState, match="final"):
        await w.as_("admin").do(credentials.WriteCredentials(name(M), number))


async def test_files_that_are_refused_are_freed(w: World) -> None:
    await w.model(M)
    number, directory = await created(w)
    (directory / "MLmodel").write_bytes(b"flavors: {}\n")  # without a signature
    (directory / "weights").write_bytes(b"x" * 100)
    for _ in range(2):
        with pytest.raises(InvalidArgument, match="signature"):
            await w.as_("admin").do(finalize.FinalizeVersion(name(M), number))
    await jobs_done(w)
    assert [set_id async for set_id in w.blobs.sets()] == []
    assert [text async for text in findings(w.db, w.blobs)] == []
    version = await w.as_("admin").do(versions.GetVersion(name(M), number))
    assert version.status == Status.PENDING


async def test_a_staging_set_waits_for_its_version_and_its_time(w: World) -> None:
    await w.model(M)
    number, directory = await created(w)
    version = await w.as_("admin").do(versions.GetVersion(name(M), number))
    async with w.db.write() as tx:
        await files.stage_set(tx, version.id, 1)
        await files.stage_set(tx, version.id, 2)  # asked for again
    at = background(w.registry)
    assert await unstage(at, version.id) is not None  # long ago, and PENDING
    for path, data in MODEL_FILES.items():
        (directory / path).write_bytes(data)
    ready = await w.as_("admin").do(finalize.FinalizeVersion(name(M), number))
    assert await unstage(at, version.id) is None
    assert await unstage(at, ready.artifact_set_id) is None  # a version's by now: stays
    await jobs_done(w)
    async with w.db.read() as tx:
        items = [await files.get_set(tx, set_id) for set_id in (version.id, ready.artifact_set_id)]
    assert items[0] is None
    assert items[1] is not None
    assert (items[1].kind, items[1].state, items[1].refs) == ("version", "live", 1)
    assert [text async for text in findings(w.db, w.blobs)] == []
