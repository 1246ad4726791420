"""A storage folder whose file system hangs: calls end at their deadlines, and nobody else waits for them."""

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from world import World, chunks, name

from modelkeep import limits
from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.port import Segment
from modelkeep.core.full_disk import DiskState
from modelkeep.core.operations.models import models, versions
from modelkeep.domain.errors import NotSent, Unavailable
from modelkeep.http import sendfile
from modelkeep.observe.disk import DiskGuard

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M, SET = "c0.s0.m0", "0000-01"


class Hung:
    """A folder one file of which is a pipe that nobody writes to: opening it hangs, as on a mount whose server is away."""

    def __init__(self, root: Path) -> None:
        self.blobs = LocalBlobs(root, threads=4)
        self._root = root

    async def fill(self) -> None:
        self.good = await self.blobs.write(SET, "good", chunks(b"good"))
        self.bad = await self.blobs.write(SET, "bad", chunks(b"bad"))
        self.path = self._root / SET[-2:] / SET / self.bad.object
        self.path.unlink()
        os.mkfifo(self.path)

    def answer(self) -> None:
        """Whoever hangs goes on, and finds the end of the file."""
        with suppress(OSError):
            os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))


@pytest.fixture
async def hung(tmp_path: Path) -> Any:
    folder = Hung(tmp_path / "storage")
    await folder.fill()
    yield folder
    folder.answer()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("STORE_METADATA_S", "STORE_STALL_S", "STORE_FINALIZE_S"):
        monkeypatch.setattr(limits, limit, 0.5)


async def _all(blobs: LocalBlobs, segment: Segment) -> bytes:
    return b"".join([piece async for piece in blobs.read(SET, [segment], 0, segment.size)])


CALLS: dict[str, Callable[[Hung], Awaitable[Any]]] = {
    "a small file": lambda at: at.blobs.read_small(SET, [at.bad], 0, 3),
    "a descriptor": lambda at: at.blobs.open_object(SET, at.bad.object),
    "a stream": lambda at: _all(at.blobs, at.bad),
    "a range": lambda at: at.blobs.read_small(SET, [at.good, at.bad], 1, 6),
}


@pytest.mark.parametrize("call", CALLS)
async def test_while_a_file_hangs_others_go_on(w: World, hung: Hung, call: str) -> None:
    await w.model(M, reader="EXECUTE+USE_CATALOG@c0+USE_SCHEMA@c0.s0")
    await w.version(M)
    await w.as_("admin").do(models.SetAlias(name(M), "champion", 1))
    waiting = [asyncio.ensure_future(CALLS[call](hung)) for _ in range(2)]
    await asyncio.sleep(0)
    version = await w.as_("reader").do(versions.GetVersionByAlias(name(M), "champion"))
    assert version.version == 1
    await w.as_("admin").do(models.SetAlias(name(M), "other", 1))
    assert await hung.blobs.read_small(SET, [hung.good], 0, 4) == b"good"  # another file of the same folder
    assert not any(task.done() for task in waiting)
    hung.answer()
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        if isinstance(result, int):
            os.close(result)
        else:
            assert isinstance(result, Unavailable), result


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.usefixtures("short")
async def test_a_file_that_hangs_ends_at_its_deadline(hung: Hung, call: str) -> None:
    await hung.blobs.read_small(SET, [hung.good], 0, 4)
    before = descriptors()
    with pytest.raises(Unavailable, match=r"The storage folder did not answer within 0\.5 seconds"):
        await CALLS[call](hung)
    for _ in range(500):  # what was opened too late is closed
        hung.answer()
        if descriptors() <= before:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("a descriptor was left open")


@pytest.mark.usefixtures("short")
async def test_a_folder_that_hangs_is_not_asked_again_and_again(hung: Hung) -> None:
    for _ in range(limits.CIRCUIT_FAILURES):
        with pytest.raises(Unavailable):
            await hung.blobs.read_small(SET, [hung.bad], 0, 3)
    assert hung.blobs.circuit.open
    for call in CALLS.values():
        with pytest.raises(NotSent, match="does not answer at the moment"):
            await call(hung)
    hung.answer()
    hung.blobs.circuit._closed_from = 0.0  # pyright: ignore[reportPrivateUsage]
    assert await hung.blobs.read_small(SET, [hung.good], 0, 4) == b"good"
    assert not hung.blobs.circuit.open


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


class Receiver:
    def __init__(self, sock: socket.socket) -> None:
        self.disconnected = False
        self.transport: Any = self
        self._socket = sock

    def get_extra_info(self, _: str) -> socket.socket:
        return self._socket

    def get_write_buffer_size(self) -> int:
        return 0

    def sent(self, count: int) -> None:
        raise AssertionError("nothing can be sent")


@pytest.mark.parametrize("left", ["deadline", "client leaves"])
async def test_a_disk_that_hangs_while_the_kernel_sends_keeps_its_descriptors_until_then(
    tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """Closed earlier, their numbers could be another file's while the thread still uses them."""
    used: list[int] = []

    def hanging(out: int, file: int, offset: int, count: int) -> int:
        used.extend((out, file))
        gate.wait(10)
        return 0

    monkeypatch.setattr(os, "sendfile", hanging)
    monkeypatch.setattr(sendfile, "STORE_STALL_S", 0.2 if left == "deadline" else 60)
    (tmp_path / "file").write_bytes(b"x" * 100)
    ours, theirs = socket.socketpair()
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    sending = asyncio.ensure_future(sendfile.send_file(Receiver(ours), descriptor, 0, 100))
    while not used:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    if left == "deadline":
        with pytest.raises(Unavailable, match="did not answer"):
            await sending
    else:
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert all(Path(f"/proc/self/fd/{number}").exists() for number in used)
    gate.set()
    while any(Path(f"/proc/self/fd/{number}").exists() for number in used):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    ours.close()
    theirs.close()


async def test_a_disk_that_hangs_hides_no_other_from_the_guard(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    class Full:
        total, free = 2**40, 0

    def usage(path: Path) -> Full:
        looks.append(str(path))
        if str(path) == "/hung":
            gate.wait(10)
        return Full()

    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr(limits, "DISK_ANSWER_S", 0.1)
    guard = DiskGuard(DiskState(), [Path("/hung"), Path("/data")], 512)
    for _ in range(3):
        await guard.check()
        assert "/data has 0 MiB free" in guard.reason
    assert looks == ["/hung", "/data", "/data", "/data"]  # no thread more for each look
