"""A folder that the server shares with clients on the same machine: a directory to write a PENDING version's files
into, and a read-only copy of a READY one's. Everybody with access to the folder is trusted with all that is in it.

What clients leave there is hostile until read: directories are walked by descriptor, and nothing but regular files with
one name is opened, so that neither a link nor a directory that is swapped meanwhile leads out of the folder.
"""

import errno
import hashlib
import hmac
import os
import re
import secrets
import stat
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from modelkeep import limits
from modelkeep.blobs.storage_threads import Circuit, StorageLane
from modelkeep.domain.errors import InvalidArgument, NotSent, Unavailable

_PIECE = 1024 * 1024  # bytes of one read
_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe that takes its place must not block us
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 64
_MOST_FILES = 100_000
_NAME = re.compile(r"(?P<kind>write|read)-(?P<version>[0-9a-f-]{36})-(?P<tag>[0-9a-f]{32})")
_UNFINISHED = ".unfinished-"
_STALE_S = 3600
_LANE = StorageLane("shared-folder", limits.SHARED_FOLDER_THREADS, Circuit("The shared folder"))
WRITABLE = "registered_model_meta"
"""MLflow before 3.18 writes this file into whatever folder it loads a model from."""

Read = Callable[[], AsyncIterator[bytes]]
_T = TypeVar("_T")


class ClientDirectory(msgspec.Struct, frozen=True):
    """One directory of ours in the folder."""

    kind: str
    """write or read"""
    version_id: str
    name: str
    used_s: float
    """when a reader last requested it, or a client last wrote into it: epoch seconds"""


class SharedFolder:
    """Directories `write-<version>-<tag>` and `read-<version>-<tag>` in `root`; only we can tell a version's tag."""

    def __init__(self, root: Path, secret: bytes) -> None:
        self._root, self._secret = root, secret

    def write_uri(self, version_id: str) -> str:
        """Where the files of a PENDING version go, once `open` has made it."""
        return (self._root / self._name("write", version_id)).as_uri()

    def read_uri(self, version_id: str) -> str:
        """Where the files of a READY version are, once `export` has put them there."""
        return (self._root / self._name("read", version_id)).as_uri()

    async def open(self, version_id: str) -> None:
        """Make the directory of a PENDING version. Its mode is the folder's own."""
        await _LANE.run(limits.STORE_STALL_S, self._open, self._name("write", version_id))

    async def written_files(self, version_id: str) -> AsyncGenerator[tuple[str, AsyncIterator[bytes]]]:
        """Every file that a client put into the directory of a PENDING version, as (path, bytes); none where it is absent.

        Read the bytes of a file before you take the next. Raises InvalidArgument for what is no regular file."""
        async with self._root_opened() as root:
            name = self._name("write", version_id)
            if not await _with(root, _exists, name):
                return
            top, is_directory = await _with(root, _open_entry, name, name)
            if not is_directory:
                _close(top)
                raise InvalidArgument(
                    "The version's directory in the shared folder is a file. Register the model again."
                )
            async with aclosing(_walk(top, "", [0])) as files:
                async for file in files:
                    yield file

    async def export(self, version_id: str, files: Sequence[tuple[str, Read]]) -> None:
        """A read-only copy of these files (path, bytes), unless it is there; in either case now is when it was last used."""
        name = self._name("read", version_id)
        async with self._root_opened() as root:
            if await _with(root, _touch, name):
                return
            draft = f"{_UNFINISHED}{secrets.token_hex(16)}"
            try:
                top, mode = await _with(root, _begin, draft)
                try:
                    for path, read in files:
                        await _copy(top, path, read, mode)
                    own = WRITABLE not in (path for path, _ in files)
                    await _with(top, _complete, mode, own)
                    await _with(root, _publish, draft, name)
                finally:
                    _close(top)
            finally:
                await _with(root, _remove, draft)

    async def places(self) -> Sequence[ClientDirectory]:
        """Every directory of ours that is there, sorted by name."""
        return await _LANE.run(limits.STORE_STALL_S, self._places)

    async def remove(self, place: ClientDirectory) -> None:
        """A directory with all that is in it; what is gone already is no error."""
        async with self._root_opened() as root:
            await _with(root, _remove, place.name)

    async def tidy(self) -> None:
        """Remove copies that a killed process left unfinished."""
        async with self._root_opened() as root:
            await _with(root, _tidy)

    @asynccontextmanager
    async def _root_opened(self) -> AsyncGenerator[int]:
        with _folder():
            fd = await _LANE.run(limits.STORE_STALL_S, os.open, self._root, _ROOT)
            try:
                yield fd
            finally:
                _close(fd)

    def _name(self, kind: str, version_id: str) -> str:
        tag = hmac.digest(self._secret, f"shared folder|{kind}|{version_id}".encode(), hashlib.sha256)
        return f"{kind}-{version_id}-{tag.hex()[:32]}"

    @contextmanager
    def _opened(self) -> Generator[int]:
        fd = os.open(self._root, _ROOT)
        try:
            yield fd
        finally:
            os.close(fd)

    def _open(self, name: str) -> None:
        with _folder(), self._opened() as root:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=root)
            fd = os.open(name, _DIRECTORY, dir_fd=root)
            try:
                os.fchmod(fd, stat.S_IMODE(os.fstat(root).st_mode))
            finally:
                os.close(fd)

    def _places(self) -> list[ClientDirectory]:
        with _folder(), self._opened() as root:
            places: list[ClientDirectory] = []
            for name in _names(root):
                match = _NAME.fullmatch(name)
                if match and hmac.compare_digest(name, self._name(match["kind"], match["version"])):
                    with suppress(FileNotFoundError):
                        used_s = os.stat(name, dir_fd=root, follow_symlinks=False).st_mtime
                        places.append(ClientDirectory(match["kind"], match["version"], name, used_s))
            return places


def checked(root: Path, data: Path) -> Path:
    """The folder, resolved. Raises InvalidArgument where it is no directory, or the data directory has part in it."""
    folder = root.resolve()
    if not root.is_absolute() or not folder.is_dir():
        raise InvalidArgument("MODELKEEP_SHARED_FOLDER must be the absolute path of a directory that exists.")
    if folder == data or data in folder.parents or folder in data.parents:
        raise InvalidArgument(
            "MODELKEEP_SHARED_FOLDER must lie outside of the data directory: clients have access to it."
        )
    return folder


# --- reading what clients left ---------------------------------------------------------------------------------------


async def _walk(fd: int, prefix: str, seen: list[int]) -> AsyncGenerator[tuple[str, AsyncIterator[bytes]]]:
    """The files below an opened directory, which is closed at the end. `seen`: how many there were so far."""
    try:
        if prefix.count("/") > _DEEPEST:
            raise InvalidArgument(f"'{prefix[:200]}' lies deeper than {_DEEPEST} directories.")
        for name in await _with(fd, _names):
            path = prefix + name
            child, is_directory = await _with(fd, _open_entry, name, path)
            if is_directory:
                async with aclosing(_walk(child, f"{path}/", seen)) as below:
                    async for file in below:
                        yield file
                continue
            try:
                seen[0] += 1
                if seen[0] > _MOST_FILES:
                    raise InvalidArgument(f"A model version has at most {_MOST_FILES} files here.")
                yield path, _chunks(child)
            finally:
                _close(child)
    finally:
        _close(fd)


def _open_entry(directory: int, name: str, path: str) -> tuple[int, bool]:
    """A descriptor of a directory (True), or of a regular file that has no other name. Raises InvalidArgument."""
    refused = InvalidArgument(
        f"'{path[:200]}' is neither a directory nor a plain file of its own (a link, a pipe or a device). Remove it."
    )
    try:
        seen = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not _acceptable(seen):
            raise refused
        fd = os.open(name, _DIRECTORY if stat.S_ISDIR(seen.st_mode) else _FILE, dir_fd=directory)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidArgument(f"'{path[:200]}' changed while it was read. Finalize again.") from error
    except PermissionError as error:
        raise InvalidArgument(
            f"The server may not read '{path[:200]}'. Run the client as the server's user, or let that user read its files."
        ) from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise refused from error
        raise
    opened = os.fstat(fd)
    if not _acceptable(opened):
        os.close(fd)
        raise refused
    return fd, stat.S_ISDIR(opened.st_mode)


def _exists(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _acceptable(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1)


async def _chunks(fd: int) -> AsyncIterator[bytes]:
    while chunk := await _with(fd, os.read, _PIECE):
        yield chunk


# --- writing what clients read ---------------------------------------------------------------------------------------


def _touch(root: int, name: str) -> bool:
    """Marks the copy as used now; False where there is none."""
    try:
        os.utime(name, dir_fd=root, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _begin(root: int, draft: str) -> tuple[int, int]:
    """A descriptor of a new directory, and the mode of the folder."""
    os.mkdir(draft, 0o700, dir_fd=root)
    return os.open(draft, _DIRECTORY, dir_fd=root), stat.S_IMODE(os.fstat(root).st_mode)


async def _copy(top: int, path: str, read: Read, mode: int) -> None:
    fd = await _with(top, _create_below, path, mode if path == WRITABLE else mode & ~0o222)
    try:
        async for chunk in read():
            await _with(fd, _write_all, chunk)
    finally:
        _close(fd)


def _create_below(top: int, path: str, mode: int) -> int:
    *directories, name = path.split("/")
    opened = [top]
    try:
        for directory in directories:
            with suppress(FileExistsError):
                os.mkdir(directory, 0o700, dir_fd=opened[-1])
            opened.append(os.open(directory, _DIRECTORY, dir_fd=opened[-1]))
        return _create(opened[-1], name, mode)
    finally:
        for fd in opened[1:]:
            os.close(fd)


def _complete(top: int, mode: int, own: bool) -> None:
    """`own`: the file that old clients write to is not among the model's."""
    if own:
        os.close(_create(top, WRITABLE, mode))
    _close_directories(top, mode)


def _tidy(root: int) -> None:
    for name in _names(root):
        with suppress(FileNotFoundError):
            at = os.stat(name, dir_fd=root, follow_symlinks=False).st_mtime
            if name.startswith(_UNFINISHED) and time.time() - at > _STALE_S:
                _remove(root, name)


def _publish(root: int, draft: str, name: str) -> None:
    try:
        os.rename(draft, name, src_dir_fd=root, dst_dir_fd=root)
    except OSError as error:  # somebody else was quicker: that copy is as good
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise


def _create(directory: int, name: str, mode: int) -> int:
    fd = os.open(name, _NEW, 0o600, dir_fd=directory)
    os.fchmod(fd, (mode & 0o666) | 0o400)
    return fd


def _write_all(fd: int, data: bytes) -> None:
    done = os.write(fd, data)
    while done < len(data):
        done += os.write(fd, memoryview(data)[done:])


def _close_directories(fd: int, mode: int) -> None:
    """No more entries: the readers of a model may change none of its files."""
    for name in _names(fd):
        if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            child = os.open(name, _DIRECTORY, dir_fd=fd)
            try:
                _close_directories(child, mode)
            finally:
                os.close(child)
    os.fchmod(fd, (mode & ~0o222) | 0o500)


def _names(directory: int) -> list[str]:
    """The entries of an opened directory, sorted."""
    return sorted(os.listdir(directory))


def _remove(directory: int, name: str) -> None:
    """A directory with all that is in it, by descriptors: a link in its place, or below it, goes and is not followed."""
    try:
        fd = os.open(name, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        os.unlink(name, dir_fd=directory)
        return
    try:
        with suppress(PermissionError):
            os.fchmod(fd, 0o700)
        for entry in _names(fd):
            _remove(fd, entry)
    finally:
        os.close(fd)
    with suppress(FileNotFoundError):
        os.rmdir(name, dir_fd=directory)


@contextmanager
def _folder() -> Generator[None]:
    """Turn what the file system refuses into an error that says whose folder it is."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or "input/output error"
        raise Unavailable(
            f"The shared folder cannot be used: {reason}. Its operator should check it and who owns what is in it."
        ) from error


async def _with(fd: int, call: Callable[..., _T], *args: object) -> _T:
    """`call` with a descriptor of its thread's own. That of a caller who has left may be closed, and its number be another
    file's, before the call ends."""
    own = os.dup(fd)
    try:
        future = _LANE.submit(call, own, *args)
    except NotSent:
        os.close(own)
        raise
    future.add_done_callback(lambda _: os.close(own))
    return await _LANE.result(limits.STORE_STALL_S, future)


def _close(fd: int) -> None:
    """In a thread: a file system that hangs may want to flush."""
    _LANE.always(os.close, fd)
