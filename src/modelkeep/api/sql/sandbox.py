"""SQLite's engine for one SELECT: in memory, with the rows of the views as the caller sees them, and with nothing else in reach.

The text comes from `translate.py` and holds nothing of the caller's. On top of that an authorizer lets it read the tables that
were loaded, and call the functions below; there is no file, no ATTACH, no PRAGMA and no recursion. A handler that SQLite calls every
few steps ends it at its deadline, when its caller leaves, or when it takes too much memory.
"""

import asyncio
import ctypes
import os
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from modelkeep.api.sql.errors import BadSql
from modelkeep.api.sql.scan import TooMuch, too_long
from modelkeep.api.sql.tables import Cell, Row
from modelkeep.domain.errors import LimitExceeded
from modelkeep.domain.patterns import pattern
from modelkeep.limits import (
    SQL_ANSWER_CHARACTERS,
    SQL_CELL_BYTES,
    SQL_COLUMNS,
    SQL_KEPT_CHARACTERS,
    SQL_MEMORY_BYTES,
    SQL_ROWS,
    SQL_STATEMENTS,
    SQL_STEPS,
)

_T = TypeVar("_T")
_POOL = ThreadPoolExecutor(SQL_STATEMENTS, "select")
_AGGREGATES = ("count", "min", "max", "sum", "avg")
_SCALARS = ("lower", "upper", "trim", "length", "substr", "coalesce", "strftime", "date", "mk_like", "mk_ilike")
_FUNCTIONS = frozenset((*_AGGREGATES, *_SCALARS))
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
_ROWS_AT_ONCE = 500


class Sandbox:
    """One connection. Its methods block: run them by `in_thread`."""

    def __init__(self, deadline: float) -> None:
        """`deadline`: of `time.monotonic()`."""
        self._deadline = deadline
        self._left = False
        self._status = _open_status()
        self._memory = _memory_used(self._status)
        self._why = ""
        self._loading = True
        self._size = 0
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=0)
        self._connection = connection
        connection.execute("PRAGMA temp_store = MEMORY")
        for limit, value in (
            (sqlite3.SQLITE_LIMIT_LENGTH, SQL_CELL_BYTES),
            (sqlite3.SQLITE_LIMIT_COLUMN, SQL_COLUMNS),
            (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
            (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 50),
            (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0),
            (sqlite3.SQLITE_LIMIT_VDBE_OP, 100_000),
            (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 0),
            (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
        ):
            connection.setlimit(limit, value)
        connection.create_function("mk_like", 2, _like, deterministic=True)
        connection.create_function("mk_ilike", 2, _ilike, deterministic=True)
        connection.create_function("lower", 1, _lower, deterministic=True)
        connection.create_function("upper", 1, _upper, deterministic=True)
        connection.set_progress_handler(self._check, SQL_STEPS)
        connection.set_authorizer(self._authorize)

    async def in_thread(self, call: Callable[..., _T], *args: Any) -> _T:
        """Runs one of the methods below; SQLite stops when the caller leaves."""
        work = asyncio.get_running_loop().run_in_executor(_POOL, call, *args)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self._left = True
            self._connection.interrupt()
            await asyncio.wait([work])
            raise

    def create(self, table: str, width: int) -> None:
        """Columns without types: SQLite keeps and compares values as they are."""
        self._connection.execute(f"CREATE TABLE {table} ({', '.join(f'c{i}' for i in range(width))})")

    def load(self, table: str, rows: list[Row], filter: str, values: dict[str, Cell], most: int | None) -> int:
        """Adds the rows that pass the filter, the first `most` of them; returns how many. Raises TooMuch, BadSql."""
        try:
            return self._load(table, rows, filter, values, most)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _load(self, table: str, rows: list[Row], filter: str, values: dict[str, Cell], most: int | None) -> int:
        connection = self._connection
        [(last,)] = connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}")
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        if filter:
            fresh = {**values, "last": last}
            connection.execute(f"DELETE FROM {table} WHERE rowid > :last AND ({filter}) IS NOT 1", fresh)
        if most is not None:
            after = f"SELECT rowid FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT -1 OFFSET ?"
            connection.execute(f"DELETE FROM {table} WHERE rowid IN ({after})", (last, most))
        sizes = " + ".join(f"coalesce(length(c{i}), 0)" for i in range(len(rows[0])))
        [(count, size)] = connection.execute(
            f"SELECT count(*), coalesce(sum({sizes}), 0) FROM {table} WHERE rowid > ?", (last,)
        )
        if most is None or count < most:
            self._grow(size)
        return count

    def select(self, sql: str, values: dict[str, Cell]) -> list[Row]:
        """Raises TooMuch, BadSql."""
        self._loading = False
        answer: list[Row] = []
        size = 0
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, values)
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                answer += rows
                size += sum(len(cell) for row in rows for cell in row if isinstance(cell, str))
                if size > SQL_ANSWER_CHARACTERS:
                    raise TooMuch(
                        f"The answer has more than {SQL_ANSWER_CHARACTERS} characters. Ask for fewer columns or rows."
                    )
                if len(answer) > SQL_ROWS:
                    raise TooMuch(f"The answer has more than {SQL_ROWS} rows. Narrow it with WHERE, or use LIMIT.")
        except sqlite3.Error as error:
            raise self._failure(error) from error
        finally:
            cursor.close()
        return answer

    def close(self) -> None:
        """Frees its memory now: handlers that lead back to this object would keep it until the garbage collector runs."""
        self._connection.set_progress_handler(None, 0)
        self._connection.set_authorizer(None)
        self._connection.close()
        del self._connection
        if _memory_used(self._status) - self._memory > SQL_MEMORY_BYTES // 8:
            _give_back()
        if self._status >= 0:
            os.close(self._status)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > SQL_KEPT_CHARACTERS:
            raise TooMuch(
                f"The rows that the statement keeps have more than {SQL_KEPT_CHARACTERS} characters. Ask for fewer columns, or "
                "narrow it with WHERE."
            )

    def _check(self) -> int:
        """Anything but 0 stops SQLite."""
        if time.monotonic() > self._deadline:
            self._why = "time"
        elif _memory_used(self._status) - self._memory > SQL_MEMORY_BYTES:
            self._why = "memory"
        return 1 if self._left or self._why else 0

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_OK if second in _FUNCTIONS else sqlite3.SQLITE_DENY
        loads = (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_UPDATE)
        return sqlite3.SQLITE_OK if self._loading and action in loads else sqlite3.SQLITE_DENY

    def _failure(self, error: sqlite3.Error) -> LimitExceeded | BadSql:
        if self._why == "memory":
            return TooMuch("The statement needs too much memory. Join fewer rows: narrow them with WHERE and =.")
        if self._why:
            return too_long()
        text = str(error)
        if "too big" in text or "too large" in text or "too many" in text:
            return TooMuch("A value or an expression of the statement is too large. Split the statement.")
        return BadSql("This SELECT cannot be run. Write it with fewer subqueries, or in simpler terms.")


def _memory_used(status: int) -> int:
    """Resident bytes of this process, by /proc/self/statm; its peak where there is no such file."""
    if status < 0:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
    return int(os.pread(status, 100, 0).split()[1]) * resource.getpagesize()


def _give_back() -> None:
    """Return freed memory to the system (glibc), or the next statement's bound would begin above it."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _open_status() -> int:
    try:
        return os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return -1


def _like(text: str | None, like: str | None) -> bool | None:
    return None if text is None or like is None else pattern(like)(text)


def _ilike(text: str | None, like: str | None) -> bool | None:
    return None if text is None or like is None else pattern(like, any_case=True)(text)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _upper(text: str | None) -> str | None:
    return None if text is None else text.upper()
