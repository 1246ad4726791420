"""Artifact sets in a folder: one file an object, under names that this server makes, never a client's path."""

import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from modelkeep import limits
from modelkeep.blobs.port import ListedObject, Segment
from modelkeep.blobs.storage_threads import Circuit, StorageLane
from modelkeep.blobs.streams import Part, cut, draw, pour
from modelkeep.domain.errors import FileNotFound, RegistryError, Unavailable, WrongState

_PIECE = 1024 * 1024  # bytes of one read
_BATCH = 4 * 1024 * 1024  # bytes that arrive while as many are hashed and written
_SMALL = 256 * 1024  # bytes that are hashed sooner than a thread for it wakes up
_SYNC = 64 * 1024 * 1024  # bytes between two flushes to the disk while a file still arrives
_STALE_S = 3600
_PART = ".part"
_REMOVE_TRIES = 20

_SET_ID = re.compile(r"[0-9a-f-]{2,64}")
_OBJECT = re.compile(r"[0-9a-f-]{1,64}(\.part)?")
_T = TypeVar("_T")


class LocalBlobs:
    """Storage in `root`: objects are `<root>/<last two of the set>/<set>/<name>`. Bytes pass through this server."""

    direct = False
    single_put_limit = 0

    def __init__(self, root: Path, threads: int = 8) -> None:
        """`threads`: how many files may be read or written at the same instant."""
        self.root = root
        self.circuit = Circuit("The storage folder")
        self._bytes = StorageLane("blobs", threads, self.circuit)
        self._calls = StorageLane("blobs-calls", threads, self.circuit)
        self._root = _Root(root)
        # What a step of a write waits for must not queue behind such steps.
        self._side = ThreadPoolExecutor(threads, "blobs-side")

    async def write(self, set_id: str, path: str, chunks: AsyncIterator[bytes]) -> Segment:
        """See the port. Raises WrongState where the set is deleted meanwhile."""
        return await pour(self._bytes, chunks, _NewFile(self._root, self._folder(set_id), self._side), _BATCH)

    def read(self, set_id: str, segments: Sequence[Segment], start: int, end: int) -> AsyncIterator[bytes]:
        parts = cut(segments, start, end)
        return draw(self._bytes, _pieces(self._folder(set_id), parts), end - start)

    async def read_small(self, set_id: str, segments: Sequence[Segment], start: int, end: int) -> bytes | None:
        """As `read`, whole; None for more than a few hundred kilobytes. In a thread, even where the bytes are in memory: a file
        system that hangs already hangs when a file is opened, and the event loop would hang with it."""
        if end - start > _SMALL:
            return None
        return await self._calls.run(limits.STORE_METADATA_S, _whole, self._folder(set_id), cut(segments, start, end))

    def local_path(self, set_id: str, object: str) -> Path:
        """Where an object lies. Raises ValueError for what is no name of ours."""
        return self._folder(set_id) / _checked(object)

    async def open_object(self, set_id: str, object: str) -> int:
        """The descriptor of an object, for a caller who lets the kernel send it and closes it. Raises ValueError for what is no
        name of ours, FileNotFound, Unavailable."""
        opening = self._calls.submit(_open, self.local_path(set_id, object))
        try:
            return await self._calls.result(limits.STORE_METADATA_S, opening)
        except BaseException:
            opening.add_done_callback(_close_late)
            raise

    async def list_set(self, set_id: str) -> Sequence[ListedObject]:
        """See the port. What a killed process left unfinished is listed once nothing has touched it for an hour."""
        return await self._run(limits.STORE_FINALIZE_S, _list, self._folder(set_id))

    async def delete(self, set_id: str, objects: Sequence[str]) -> None:
        await self._run(limits.STORE_METADATA_S, _unlink, [self._folder(set_id) / _checked(name) for name in objects])

    async def delete_set(self, set_id: str) -> None:
        await self._run(limits.STORE_JOB_S, _remove, self._folder(set_id))

    async def sets(self) -> AsyncIterator[str]:
        for bucket in await self._run(limits.STORE_JOB_S, _subfolders, self.root):
            for folder in await self._run(limits.STORE_JOB_S, _subfolders, bucket):
                if await self._run(limits.STORE_JOB_S, _list, folder):
                    yield folder.name

    async def ready(self) -> None:
        await self._run(limits.STORE_METADATA_S, _probe, self.root)

    def _folder(self, set_id: str) -> Path:
        if not _SET_ID.fullmatch(set_id):
            raise ValueError(f"not an artifact set's id: {set_id!r}")
        return self.root / set_id[-2:] / set_id  # ids begin with their time, which would fill one folder

    async def _run(self, seconds: float, call: Callable[..., _T], *args: object) -> _T:
        def checked() -> _T:
            self._root.check()
            return call(*args)

        return await self._calls.run(seconds, checked)


class _Root:
    """The folder that holds everything: made at first use, and from then on that very one.

    Where a mount is gone, another directory (or none) is at its path, and what is written there is lost with the next one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[int, int] | None = None

    def check(self) -> None:
        """Raises Unavailable where it is gone."""
        with _storage(_vanished(self.path)):
            if self._known is None:
                _make_folder(self.path, self.path)
            stat = self.path.stat()
        if self._known is None:
            self._known = stat.st_dev, stat.st_ino
        elif self._known != (stat.st_dev, stat.st_ino):
            raise _vanished(self.path)


def _vanished(path: Path) -> Unavailable:
    return Unavailable(
        f"The storage folder '{path}' is gone, or another directory is in its place. Its operator should mount or restore it, "
        "then restart the server."
    )


class _NewFile:
    """One object on its way: written beside its final name, and renamed once it is on the disk.

    Bytes are hashed and written at once, and flushed as they come, so that the last fsync has little left to do.
    """

    def __init__(self, root: _Root, folder: Path, side: ThreadPoolExecutor) -> None:
        self._root, self._folder, self._side = root, folder, side
        self._name = f"{time.time_ns() // 1000:014x}-{secrets.token_hex(8)}"
        self._part = folder / (self._name + _PART)
        self._fd = -1
        self._hash = hashlib.sha256()
        self._size = self._synced = 0
        self._sync: Future[None] | None = None

    def write(self, chunks: list[bytes]) -> None:
        with _storage(_deleted()):
            self._open()
            if sum(map(len, chunks)) < _SMALL:
                self._digest(chunks)
                hashed = None
            else:
                hashed = self._side.submit(self._digest, chunks)
            try:
                for chunk in chunks:  # not joined: large writes ask the kernel for large pages, which it finds slowly
                    _write_all(self._fd, chunk)
            finally:
                if hashed is not None:
                    hashed.result()
            if self._size - self._synced >= _SYNC and (self._sync is None or self._sync.done()):
                self._settle()
                self._sync = self._side.submit(os.fdatasync, self._fd)
                self._synced = self._size

    def finish(self, chunks: list[bytes]) -> Segment:
        self.write(chunks)
        self._root.check()
        with _storage(_deleted()):
            self._settle()
            os.fsync(self._fd)
            self._close()
            self._part.rename(self._folder / self._name)
            _sync_folder(self._folder)
        self._root.check()
        return Segment(self._name, self._size, self._hash.hexdigest())

    def _open(self) -> None:
        if self._fd < 0:
            self._root.check()
            _make_folder(self._folder, self._root.path)
            self._fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def discard(self) -> None:
        with suppress(OSError):
            self._settle()
        with suppress(OSError):
            self._close()
            self._part.unlink(missing_ok=True)
            (self._folder / self._name).unlink(missing_ok=True)

    def _digest(self, chunks: Sequence[bytes]) -> None:
        for chunk in chunks:
            self._hash.update(chunk)
            self._size += len(chunk)

    def _settle(self) -> None:
        """Wait for the flush that runs. It raises here, for the disk reports an error once only."""
        flush, self._sync = self._sync, None
        if flush is not None:
            flush.result()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    done = os.write(fd, data)
    while done < len(data):  # a disk that runs full takes a part first
        done += os.write(fd, memoryview(data)[done:])


def _make_folder(folder: Path, root: Path) -> None:
    """Create `folder` and its parents down from `root`, each durable before anything is put into it."""
    if folder.is_dir():
        return
    if folder != root:
        _make_folder(folder.parent, root)
    folder.mkdir(mode=0o700, parents=folder == root, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    with _storage():
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _close_late(opening: "Future[int]") -> None:
    """Of a call that nobody waits for any more."""
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result())


def _whole(folder: Path, parts: Sequence[Part]) -> bytes:
    return b"".join(_pieces(folder, parts))


def _pieces(folder: Path, parts: Sequence[Part]) -> Generator[bytes, None, None]:
    for part in parts:
        with _storage(), (folder / _checked(part.object)).open("rb", buffering=0) as file:
            file.seek(part.start)
            left = part.end - part.start
            while left:
                piece = file.read(min(_PIECE, left))
                if not piece:
                    raise Unavailable(
                        "A stored file is shorter than recorded. Its operator should run `modelkeep check`."
                    )
                left -= len(piece)
                yield piece


def _list(folder: Path) -> list[ListedObject]:
    now, listed = time.time(), list[ListedObject]()
    with _storage():
        for name in sorted(_names(folder)):
            with suppress(FileNotFoundError):  # deleted, or finished, since the folder was read
                stat = (folder / name).stat()
                if not name.endswith(_PART) or now - stat.st_mtime > _STALE_S:
                    listed.append(ListedObject(name, stat.st_size, modified_ms=stat.st_mtime_ns // 1_000_000))
    return listed


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []


def _subfolders(folder: Path) -> list[Path]:
    with _storage():
        return [folder / name for name in sorted(_names(folder)) if (folder / name).is_dir()]


def _unlink(paths: Sequence[Path]) -> None:
    with _storage():
        for path in paths:
            path.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    with _storage():
        for _ in range(_REMOVE_TRIES):
            _unlink([folder / name for name in _names(folder)])
            try:
                return folder.rmdir()
            except FileNotFoundError:
                return None
            except OSError as error:  # a write slipped in between
                if error.errno != errno.ENOTEMPTY:
                    raise
    raise Unavailable("Files are still being written to this artifact set. Retry its deletion later.")


def _probe(root: Path) -> None:
    with _storage():
        _make_folder(root, root)
        probe = root / f".ready-{secrets.token_hex(8)}"
        probe.write_bytes(b"ready")
        read = probe.read_bytes()
        probe.unlink()
    if read != b"ready":
        raise Unavailable("The storage folder does not return what was written to it. Check the disk.")


def _checked(name: str) -> str:
    if not _OBJECT.fullmatch(name):
        raise ValueError(f"not an object's name: {name!r}")
    return name


def _deleted() -> WrongState:
    return WrongState("These artifacts were deleted while the file arrived. Upload it to a new version or run.")


@contextmanager
def _storage(gone: RegistryError | None = None) -> Generator[None, None, None]:
    """Turn what the file system refuses into the errors that the port promises; `gone` is for what is not there."""
    try:
        yield
    except FileNotFoundError as error:
        lost = "The stored bytes of this file are gone. Its operator should run `modelkeep check`."
        raise gone or FileNotFound(lost) from error
    except OSError as error:
        reason = error.strerror or "input/output error"
        raise Unavailable(
            f"The storage folder cannot be used: {reason}. Its operator should check that disk."
        ) from error
