"""Are the files that SQLite writes to still the ones at their paths? A change in an unlinked file is lost with the process."""

import os
import sqlite3
from pathlib import Path

_Identity = tuple[int, int]
"""(device, inode)"""
_FILES = {"file": "", "write-ahead log": "-wal", "index of the write-ahead log": "-shm"}
REMOVED = (
    "The database's {} was removed or replaced while the server ran, so changes are refused. "
    "Operators: put it back, or stop the server and restore a backup."
)
TRUNCATED = (
    "The database's file was truncated while the server ran, so changes are refused. "
    "Operators: stop the server and restore a backup."
)


class FilesOnDisk:
    """The database file, its write-ahead log and the log's index, as they were when they were opened.

    It looks by path alone: to open and close one of these files would drop the locks that this process has on it.
    """

    def __init__(self, path: Path) -> None:
        self._paths = {label: f"{path.absolute()}{suffix}" for label, suffix in _FILES.items()}
        self._opened: dict[str, _Identity] = {}
        self._size = 0

    def remember(self) -> None:
        """Called when a connection has read once: then all three exist until the last connection closes. Raises OSError."""
        self._opened = {label: _identity(path)[0] for label, path in self._paths.items()}
        self._size = _identity(self._paths["file"])[1]

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
                    return TRUNCATED
                self._size = size
        return ""


def _identity(path: str) -> tuple[_Identity, int]:
    status = os.stat(path)  # noqa: PTH116 - asked at each commit
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
