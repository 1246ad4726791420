"""Are the files that SQLite writes to still the ones at their paths? A change in an unlinked file is lost with the process."""

import os
import sqlite3
import struct
from pathlib import Path

_Identity = tuple[int, int]
"""(device, inode)"""
_LOG, _INDEX = "write-ahead log", "index of the write-ahead log"
_FILES = {"file": "", _LOG: "-wal", _INDEX: "-shm"}
REMOVED = (
    "The database's {} was removed or replaced while the server ran, so changes are refused. "
    "Operators: put it back, or stop the server and restore a backup."
)
TRUNCATED = (
    "The database's {} was truncated while the server ran, so changes are refused. "
    "Operators: stop the server and restore a backup."
)


# https://sqlite.org/walformat.html: the index begins with 48 bytes, twice; in them, in the machine's byte order, are the size of a page
# at 14 (1 is 65,536) and the number of valid frames at 16.
_INDEX_HEAD, _PAGE_AND_FRAMES = 48, struct.Struct("=14xHI")
_LOG_HEAD_BYTES, _FRAME_HEAD_BYTES = 32, 24


class FilesOnDisk:
    """The database file, its write-ahead log and the log's index, as they were when they were opened.

    It looks by path alone: to open and close one of these files would drop the locks that this process has on it.
    """

    def __init__(self, path: Path) -> None:
        self._paths = {label: f"{path.absolute()}{suffix}" for label, suffix in _FILES.items()}
        self._opened: dict[str, _Identity] = {}
        self._size = self._log_size = 0
        self._index = -1
        """the log's index, for reading"""

    def remember(self) -> None:
        """Called when a connection has read once: then all three exist until the last connection closes. Raises OSError."""
        self._opened = {label: _identity(path)[0] for label, path in self._paths.items()}
        self._size = _identity(self._paths["file"])[1]
        self._index = os.open(self._paths[_INDEX], os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Called when the last connection is closed: not before, for the locks' sake."""
        if self._index >= 0:
            os.close(self._index)
            self._index = -1

    def problem(self) -> str:
        """What became of them in a sentence; '' while they are in place."""
        for label, opened in self._opened.items():
            try:
                identity, size = _identity(self._paths[label])
            except OSError:
                return REMOVED.format(label)
            if identity != opened:
                return REMOVED.format(label)
            if label == "file" and size != self._size:
                if size < self._size and not _whole(self._paths[label], size):
                    return TRUNCATED.format(label)
                self._size = size
            if label == _LOG and size != self._log_size:
                if size < self._log_size and self._log_is_cut():
                    return TRUNCATED.format(label)
                self._log_size = size
        return ""

    def _log_is_cut(self) -> bool:
        """Has the log fewer bytes than frames that its index counts? A checkpoint that empties it sets their number to zero."""
        head = os.pread(self._index, _INDEX_HEAD, 0)
        size = _identity(self._paths[_LOG])[1]
        if len(head) < _INDEX_HEAD or os.pread(self._index, _INDEX_HEAD, 0) != head:
            return False  # another program changes it at this moment
        page_bytes, frames = _PAGE_AND_FRAMES.unpack_from(head)
        page_bytes = 65_536 if page_bytes == 1 else page_bytes
        return size < (_LOG_HEAD_BYTES + frames * (_FRAME_HEAD_BYTES + page_bytes) if frames else 0)


def _identity(path: str) -> tuple[_Identity, int]:
    status = os.stat(path)  # noqa: PTH116 - read at each commit
    return (status.st_dev, status.st_ino), status.st_size


def _whole(path: str, size: int) -> bool:
    """A file that VACUUM made smaller has all the pages that it counts; one that was cut off has fewer."""
    try:
        connection = sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        finally:
            connection.close()
    except sqlite3.Error:
        return False
    return size >= pages * page_size > 0
