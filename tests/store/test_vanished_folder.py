"""A storage folder that is gone, or another one, under the server: files are refused, and nothing is acknowledged into it."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from world import World, chunks, name

from modelkeep.blobs.local import LocalBlobs
from modelkeep.core.operations.files.files import WriteFile
from modelkeep.core.operations.models import versions
from modelkeep.domain.errors import Unavailable
from modelkeep.domain.paths import ArtifactPath
from modelkeep.store.bootstrap import ADMIN

pytest_plugins = ("places",)
pytestmark = pytest.mark.anyio

SET = "0190a0a0-0000-7000-8000-00000000000a"


def deleted(root: Path) -> None:
    """As `rm -r` does where somebody writes a file into it at the same time: again, until it is gone."""
    while root.exists():
        shutil.rmtree(root, ignore_errors=True)


def moved(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))


def replaced(root: Path) -> None:
    """As where a mount is gone and the directory below it comes to light."""
    moved(root)
    root.mkdir()


VANISH = pytest.mark.parametrize("vanish", [deleted, moved, replaced])
Vanish = Callable[[Path], None]


@VANISH
async def test_nothing_is_written_listed_or_freed(tmp_path: Path, vanish: Vanish) -> None:
    blobs = LocalBlobs(tmp_path / "artifacts")
    await blobs.write(SET, "a", chunks(b"kept"))
    vanish(blobs.root)
    for call in (
        blobs.write(SET, "b", chunks(b"x" * 100)),
        blobs.list_set(SET),
        blobs.delete(SET, ["0a-0b"]),
        blobs.delete_set(SET),  # a job that took this for done would forget the set
        blobs.ready(),
    ):
        with pytest.raises(Unavailable, match="is gone, or another directory is in its place"):
            await call
    assert not blobs.root.exists() or not any(blobs.root.iterdir())


@VANISH
async def test_a_file_that_arrives_meanwhile_is_refused(lite: World, vanish: Vanish) -> None:
    root = Path(str(lite.registry.settings.data)) / "artifacts"
    await lite.model("prod.ml.churn")
    version = await lite.as_(ADMIN).do(versions.CreateVersion(name=name("prod.ml.churn")))
    await lite.upload(version, {"first": b"x"})

    async def body() -> AsyncIterator[bytes]:
        yield b"x" * (5 << 20)
        vanish(root)
        yield b"y"

    request = WriteFile(path=ArtifactPath.parse("big.bin"), name=name("prod.ml.churn"), version=version.version)
    with pytest.raises(Unavailable, match="is gone"):
        await lite.engine.execute(await lite.actor(ADMIN), request, body=body())
    assert await lite.rows("SELECT path FROM artifact_files") == [("first",)]


async def test_a_folder_is_made_at_first_use_alone(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "not" / "yet")
    await blobs.ready()
    assert blobs.root.is_dir()
    deleted(blobs.root)
    with pytest.raises(Unavailable):
        await blobs.ready()
    assert not blobs.root.exists()
