"""What a process may touch, given up for good: the tracking server's second wall, should a call ever steer it.

Two layers, so that each system has at least one. An audit hook of Python refuses files outside the process's own folder,
other processes, and outgoing connections by name; it sees what Python code does, not what C libraries do. Landlock (Linux
5.13 and later) has the kernel refuse the same for all code of the process. No process can lift either.

Landlock has no binding in the standard library, and those on PyPI are first releases of one author each, too young to
trust with this; three system calls are less code than judging them with every update.
"""

import ctypes
import logging
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

log = logging.getLogger("modelkeep.tracking")

# linux/landlock.h
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, the same on every architecture but alpha
_PATH_RULE, _PORT_RULE = 1, 2
_VERSION_FLAG = 1
_EXECUTE, _WRITE_FILE, _TRUNCATE, _IOCTL = 1 << 0, 1 << 1, 1 << 14, 1 << 15
_READ_FILE = 1 << 2
_READ = _READ_FILE | 1 << 3  # files and directories
_CHANGES = sum(1 << bit for bit in range(4, 13))  # remove and make files, directories, links, devices, sockets
_REFER = 1 << 13  # rename and link across directories
_BIND, _CONNECT = 1 << 0, 1 << 1
_OTHERS = 1 << 0 | 1 << 1  # abstract sockets of others, signals to others
_NO_NEW_PRIVILEGES = 38  # prctl

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = frozenset(
    {
        "os.remove",
        "os.rename",
        "os.link",
        "os.symlink",
        "os.mkdir",
        "os.rmdir",
        "os.truncate",
        "os.chmod",
        "os.chown",
        "os.utime",
        "os.setxattr",
        "os.removexattr",
        "shutil.rmtree",
    }
)
_FORBIDDEN = frozenset(
    {
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "os.fork",
        "os.forkpty",
        "os.startfile",
        "os.kill",
        "os.killpg",
        "pty.spawn",
        "socket.connect",
        "socket.bind",
        "urllib.Request",
        "ftplib.connect",
        "smtplib.connect",
        "http.client.connect",
    }
)


def confine(
    folder: Path,
    *,
    hidden: Path | None = None,
    ports: Sequence[int] | None = (),
    readable: Sequence[Path] | None = None,
) -> bool:
    """Let this process change nothing outside `folder`, start nothing, and connect to nothing.

    `hidden`: a directory of which only `folder` may be read, too. `ports`: of TCP, to which C libraries may connect;
    None leaves TCP to them. `readable`: with `folder`, all that code of any language may read; None leaves reading to `hidden`.
    Call it in the main thread before others begin, as the kernel binds this thread and its offspring. Returns False
    where the kernel has no Landlock and the audit hook stands alone."""
    os.umask(0o077)
    enforced = _landlock(folder.resolve(), ports, _outside(readable, hidden))
    sys.addaudithook(_Guard(folder, hidden))
    return enforced


class _Guard:
    """The audit hook. Raises PermissionError for what this process must not do."""

    def __init__(self, folder: Path, hidden: Path | None) -> None:
        self._own = os.path.realpath(folder)
        self._hidden = os.path.realpath(hidden) if hidden else ""
        # Python itself may lie below the hidden directory; what it imports must stay readable.
        imports = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, *sys.path) if path}
        self._readable = tuple(path for path in imports if self._hidden and not _inside(self._hidden, path))

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            self._check_open(args[0], args[2])
        elif event in _CHANGING:
            self._check_change(event, args)
        elif event == "sqlite3.connect":
            self._check_database(args[0])
        elif event in _FORBIDDEN:
            raise PermissionError(f"{event} is not allowed in this process")

    def _check_open(self, path: Any, flags: Any) -> None:
        if isinstance(path, int) or path is None:
            return
        real = os.path.realpath(os.fsdecode(path))
        if isinstance(flags, int) and flags & _WRITES:
            if not self._owns(real) and real != os.devnull:
                raise PermissionError(f"this process must not write '{real}'")
        elif self._hidden and _inside(real, self._hidden) and not self._may_read(real):
            raise PermissionError(f"this process must not read '{real}'")

    def _check_change(self, event: str, args: tuple[Any, ...]) -> None:
        names = args[1:2] if event == "os.symlink" else args[:2] if event in ("os.rename", "os.link") else args[:1]
        folders = [folder for a in args[len(names) :] if isinstance(a, int) and (folder := _directory(a))]
        for name in names:
            if isinstance(name, str | bytes):
                # An argument may be a mode as well as a descriptor: each that is an open directory must be ours.
                for folder in folders or [Path.cwd()]:
                    self._check_path(folder / os.fsdecode(name))

    def _check_path(self, path: Path) -> None:
        if not self._owns(str(Path(os.path.realpath(path.parent)) / path.name)):
            raise PermissionError(f"this process must not change '{path}'")

    def _check_database(self, name: Any) -> None:
        text = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""  # pyright: ignore
        if text in ("", ":memory:"):
            return
        path = text.removeprefix("file:").partition("?")[0] if text.startswith("file:") else text
        if not self._owns(os.path.realpath(path)):
            raise PermissionError(f"this process must not open the database '{text}'")

    def _may_read(self, real: str) -> bool:
        return self._owns(real) or any(_inside(real, path) for path in self._readable)

    def _owns(self, real: str) -> bool:
        return _inside(real, self._own)


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def _directory(descriptor: int) -> Path | None:
    for root in ("/proc/self/fd", "/dev/fd"):
        try:
            path = Path(root, str(descriptor)).readlink()
        except OSError:
            continue
        if path.is_dir():
            return path
    return None


# --- Landlock --------------------------------------------------------------------------------------------------------


def _outside(readable: Sequence[Path] | None, hidden: Path | None) -> list[Path] | None:
    """Those that exist and do not contain the hidden directory."""
    if readable is None:
        return None
    real = dict.fromkeys(Path(os.path.realpath(path)) for path in readable)
    secret = os.path.realpath(hidden) if hidden else ""
    return [path for path in real if path.exists() and not (secret and _inside(secret, str(path)))]


def _landlock(folder: Path, ports: Sequence[int] | None, readable: Sequence[Path] | None) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    try:
        _restrict(libc, version, folder, ports, readable)
    except OSError as error:
        log.warning("the kernel refuses Landlock", exc_info=error)
        return False
    return True


def _restrict(
    libc: Any, version: int, folder: Path, ports: Sequence[int] | None, readable: Sequence[Path] | None
) -> None:
    writing = _WRITE_FILE | (_TRUNCATE if version >= 3 else 0)
    changes = _CHANGES | (_REFER if version >= 2 else 0)
    reading = _READ if readable is not None else 0
    handled = _EXECUTE | writing | changes | reading | (_IOCTL if version >= 5 else 0)
    network = _BIND | _CONNECT if version >= 4 and ports is not None else 0
    attributes = struct.pack("=QQQ", handled, network, _OTHERS if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _call(libc, _CREATE_RULESET, attributes[:size], ctypes.c_size_t(size), 0)
    try:
        _allow_path(libc, ruleset, folder, writing | changes | reading)
        for path in readable or ():
            _allow_path(libc, ruleset, path, _READ if path.is_dir() else _READ_FILE)
        _allow_path(libc, ruleset, Path(os.devnull), writing)
        for port in (ports or ()) if network else ():
            _call(libc, _ADD_RULE, ruleset, _PORT_RULE, struct.pack("=QQ", _CONNECT, port), 0)
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        _call(libc, _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_path(libc: Any, ruleset: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _call(libc, _ADD_RULE, ruleset, _PATH_RULE, struct.pack("=Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)


def _call(libc: Any, number: int, *args: Any) -> int:
    result = libc.syscall(number, *args)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
