"""The shared folder against clients who mean harm, and against themselves."""

import asyncio
import os
import socket
import stat
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from modelkeep import limits
from modelkeep.blobs import shared_folder as shared_module
from modelkeep.blobs.shared_folder import SharedFolder, checked
from modelkeep.blobs.storage_threads import Circuit, StorageLane
from modelkeep.domain.errors import InvalidArgument, Unavailable

VERSION, OTHER = "01899999-aaaa-7bbb-8ccc-000000000001", "01899999-aaaa-7bbb-8ccc-000000000002"
SECRET = b"s" * 32


@pytest.fixture
def root(tmp_path: Path) -> Path:
    result = tmp_path / "shared"
    result.mkdir(mode=0o755)
    return result


@pytest.fixture
def shared(root: Path) -> SharedFolder:
    return SharedFolder(root, SECRET)


@pytest.fixture
def directory(shared: SharedFolder) -> Path:
    """Where a client writes."""
    asyncio.run(shared.open(VERSION))
    return there(shared.write_uri(VERSION))


def there(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def vended(shared: SharedFolder, between: Callable[[str], None] = lambda _: None) -> dict[str, bytes]:
    """What finalize reads; `between` is called with each path before its bytes are read."""

    async def read() -> dict[str, bytes]:
        fields: dict[str, bytes] = {}
        async for path, chunks in shared.written_files(VERSION):
            between(path)
            fields[path] = b"".join([chunk async for chunk in chunks])
        return fields

    return asyncio.run(read())


def reading(data: bytes) -> Callable[[], AsyncIterator[bytes]]:
    async def read() -> AsyncIterator[bytes]:
        yield data

    return read


def export(shared: SharedFolder, files: dict[str, bytes]) -> Path:
    asyncio.run(shared.export(VERSION, [(path, reading(data)) for path, data in files.items()]))
    return there(shared.read_uri(VERSION))


# --- reading what a client left --------------------------------------------------------------------------------------


def test_every_plain_file_is_read(shared: SharedFolder, directory: Path) -> None:
    (directory / "sub" / "deep").mkdir(parents=True)
    (directory / "MLmodel").write_bytes(b"m")
    (directory / "sub" / "a").write_bytes(b"")
    (directory / "sub" / "deep" / "größe & mehr").write_bytes(b"x" * 3_000_000)
    (directory / "empty").mkdir()
    result = vended(shared)
    assert {path: len(data) for path, data in result.items()} == {
        "MLmodel": 1,
        "sub/a": 0,
        "sub/deep/größe & mehr": 3_000_000,
    }


def test_a_version_without_a_directory_has_no_files(shared: SharedFolder) -> None:
    assert vended(shared) == {}


@pytest.mark.parametrize("kind", ["link", "link to a directory", "hard link", "pipe", "socket", "dangling link"])
def test_nothing_leads_out_of_the_folder(shared: SharedFolder, directory: Path, tmp_path: Path, kind: str) -> None:
    (directory / "MLmodel").write_bytes(b"m")
    (directory / "sub").mkdir()
    secret, evil = tmp_path / "secret", directory / "sub" / "evil"
    secret.write_bytes(b"not for clients")
    if kind == "link":
        evil.symlink_to(secret)
    elif kind == "link to a directory":
        evil.symlink_to(tmp_path)
    elif kind == "dangling link":
        evil.symlink_to(tmp_path / "nothing")
    elif kind == "hard link":
        evil.hardlink_to(secret)
    elif kind == "pipe":
        os.mkfifo(evil)
    else:
        server = socket.socket(socket.AF_UNIX)
        os.chdir(evil.parent)  # the path of a socket must be short
        server.bind("evil")
        server.close()
    with pytest.raises(InvalidArgument, match="'sub/evil' is neither a directory nor a plain file"):
        vended(shared)


def test_the_directory_itself_may_not_be_a_link(shared: SharedFolder, directory: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "MLmodel").write_bytes(b"secret")
    directory.rmdir()
    directory.symlink_to(elsewhere)
    with pytest.raises(InvalidArgument, match="plain file"):
        vended(shared)
    with pytest.raises(Unavailable):
        asyncio.run(shared.open(VERSION))
    (place,) = asyncio.run(shared.places())
    asyncio.run(shared.remove(place))
    assert not directory.is_symlink()
    assert (elsewhere / "MLmodel").exists()


def test_a_directory_that_is_swapped_meanwhile_leads_nowhere(
    shared: SharedFolder, directory: Path, tmp_path: Path
) -> None:
    """Between two files the client puts a link where the directory was: what is read stays what was opened."""
    secret = tmp_path / "secret"
    secret.mkdir()
    for folder, data in ((directory / "sub", b"mine"), (secret, b"secret")):
        folder.mkdir(exist_ok=True)
        for name in ("1", "2", "3"):
            (folder / name).write_bytes(data)

    def swap(path: str) -> None:
        if path == "sub/1":
            (directory / "sub").rename(directory / "away")
            (directory / "sub").symlink_to(secret)

    assert vended(shared, swap) == {"sub/1": b"mine", "sub/2": b"mine", "sub/3": b"mine"}


def test_a_file_that_is_swapped_meanwhile_is_refused(shared: SharedFolder, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    for name in ("1", "2"):
        (directory / name).write_bytes(b"mine")

    def swap(path: str) -> None:
        if path == "1":
            (directory / "2").unlink()
            (directory / "2").symlink_to(tmp_path / "secret")

    with pytest.raises(InvalidArgument, match="plain file"):
        vended(shared, swap)
    (directory / "2").unlink()
    assert vended(shared, lambda path: (directory / "1").unlink()) == {"1": b"mine"}  # opened, then gone


def test_too_deep(shared: SharedFolder, directory: Path) -> None:
    deep = directory
    for _ in range(70):
        deep /= "d"
    deep.mkdir(parents=True)
    with pytest.raises(InvalidArgument, match="deeper"):
        vended(shared)


# --- what clients read -----------------------------------------------------------------------------------------------


def test_an_export_is_read_only_but_for_the_file_that_mlflow_writes(shared: SharedFolder) -> None:
    place = export(shared, {"MLmodel": b"m", "sub/deep/a": b"x" * 3_000_000, "sub/b": b""})
    assert (place / "sub" / "deep" / "a").read_bytes() == b"x" * 3_000_000
    modes = {str(p.relative_to(place)): stat.S_IMODE(p.stat().st_mode) for p in (place, *place.rglob("*"))}
    assert modes == {
        ".": 0o555,
        "MLmodel": 0o444,
        "registered_model_meta": 0o644,
        "sub": 0o555,
        "sub/b": 0o444,
        "sub/deep": 0o555,
        "sub/deep/a": 0o444,
    }
    assert export(shared, {"MLmodel": b"other"}) == place  # it is there: not made again
    assert (place / "MLmodel").read_bytes() == b"m"
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_an_export_that_fails_leaves_nothing(shared: SharedFolder, root: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise Unavailable("The store does not answer.")

    with pytest.raises(Unavailable):
        asyncio.run(shared.export(VERSION, [("MLmodel", reading(b"m")), ("weights", broken)]))
    assert list(root.iterdir()) == []


def test_two_exports_at_once_are_one(shared: SharedFolder, root: Path) -> None:
    async def both() -> None:
        files = [(name, reading(b"x" * 2_000_000)) for name in ("a", "b", "sub/c")]
        await asyncio.gather(*(shared.export(VERSION, files) for _ in range(5)))

    asyncio.run(both())
    assert [path.name for path in root.iterdir()] == [there(shared.read_uri(VERSION)).name]


# --- names, and removal ----------------------------------------------------------------------------------------------


def test_nobody_can_tell_a_directory_from_a_version(shared: SharedFolder, root: Path) -> None:
    names = {shared.write_uri(VERSION), shared.read_uri(VERSION), shared.write_uri(OTHER)}
    names |= {SharedFolder(root, b"t" * 32).write_uri(VERSION)}
    assert len(names) == 4
    assert shared.write_uri(VERSION) == SharedFolder(root, SECRET).write_uri(VERSION)


def test_only_what_is_ours_is_removed(shared: SharedFolder, directory: Path, root: Path) -> None:
    export(shared, {"sub/a": b"x"})
    forged = root / directory.name.replace(directory.name[-32:], "0" * 32)
    for foreign in (forged, root / "results", root / ".hidden"):
        foreign.mkdir()
    (directory / "sub").mkdir()
    (directory / "sub" / "link").symlink_to(root / "results")
    (root / "results" / "keep").touch()
    places = asyncio.run(shared.places())
    assert [(place.kind, place.version_id) for place in places] == [("read", VERSION), ("write", VERSION)]
    for place in places:
        asyncio.run(shared.remove(place))
        asyncio.run(shared.remove(place))  # gone already
    asyncio.run(shared.tidy())
    assert sorted(path.name for path in root.iterdir()) == sorted((".hidden", forged.name, "results"))
    assert (root / "results" / "keep").exists()


def test_what_a_killed_process_left_goes_after_an_hour(shared: SharedFolder, root: Path) -> None:
    old, fresh = root / ".unfinished-1", root / ".unfinished-2"
    for draft in (old, fresh):
        (draft / "sub").mkdir(parents=True)
        (draft / "sub" / "a").touch()
    os.utime(old, (0, 0))
    asyncio.run(shared.tidy())
    assert [path.name for path in root.iterdir()] == [fresh.name]


def test_the_folder_must_be_one_that_clients_may_have(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "inside").mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    (tmp_path / "link").symlink_to(data)
    assert checked(tmp_path / "shared", data) == tmp_path / "shared"
    for bad in (data, data / "inside", tmp_path, tmp_path / "link", tmp_path / "absent", Path("shared")):
        with pytest.raises(InvalidArgument, match="MODELKEEP_SHARED_FOLDER"):
            checked(bad, data)


def test_a_disk_that_hangs_costs_its_caller_a_deadline_and_no_other_file_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that is still at work writes with a descriptor of its own: the caller's number is another file's by then."""
    root = tmp_path / "shared"
    root.mkdir()
    folder, go, plain = SharedFolder(root, bytes(32)), threading.Event(), shared_module._write_all  # pyright: ignore
    ended = threading.Event()

    def hanging(fd: int, data: bytes) -> None:
        go.wait(30)
        plain(fd, data)
        ended.set()

    async def body() -> AsyncIterator[bytes]:
        yield b"of the model"

    async def case() -> None:
        monkeypatch.setattr(limits, "STORE_STALL_S", 0.2)
        with pytest.raises(Unavailable, match="did not answer within"):
            await folder.export(str(uuid.uuid4()), [("model.pkl", body)])
        await asyncio.sleep(0.1)
        others = [(tmp_path / f"other-{n}").open("wb") for n in range(20)]  # which take every number that is free
        go.set()
        assert await asyncio.to_thread(ended.wait, 30)
        for other in others:
            other.close()
            assert (tmp_path / Path(other.name).name).read_bytes() == b""

    monkeypatch.setattr(shared_module, "_write_all", hanging)
    monkeypatch.setattr(shared_module, "_LANE", StorageLane("hanging", 4, Circuit("The shared folder")))
    asyncio.run(case())
