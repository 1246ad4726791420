"""No test process may ask anything slow (storage, the tracking server, another host) while the task holds a transaction, nor
change many rows in a statement on the event loop.

`tests/conftest.py` installs this once, so every test that opens a deployment in its own process checks it.
"""

import functools
import inspect
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import httpx

from modelkeep import limits
from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.s3 import S3Blobs
from modelkeep.blobs.shared_folder import SharedFolder
from modelkeep.blobs.sts import StsClient
from modelkeep.store import sqlite
from modelkeep.store.postgres import PostgresDatabase
from modelkeep.store.sqlite import SqliteDatabase


class SlowInTransaction(AssertionError):
    """Something slow was asked for while a transaction was open."""


class SlowOnTheLoop(AssertionError):
    """A statement on the event loop whose rows somebody else chose."""


class _Open:
    """One transaction. Tasks that were begun inside of it inherit the variable, and outlive it."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.open = True


_PACKAGE = str(Path(limits.__file__).parent)
_current: ContextVar[tuple[_Open, ...]] = ContextVar("transactions of this task", default=())
_STORAGE = (
    "write",
    "read",
    "list_set",
    "delete",
    "delete_set",
    "sets",
    "ready",
    "copy",
    "exists",
    "put",
    "start_multipart",
    "write_part",
    "complete_multipart",
    "abort_multipart",
    "presign_put",
    "presign_get",
    "presign_part",
)
_FOLDER = ("open", "given", "export", "places", "remove", "tidy")


def check(what: str) -> None:
    """Raises SlowInTransaction."""
    for transaction in _current.get():
        if transaction.open:
            raise SlowInTransaction(f"{what} inside of a {transaction.what} transaction")


class _Watched:
    """A transaction's block that says so while it lasts."""

    def __init__(self, block: Any, what: str) -> None:
        self._block = block
        self._state = _Open(what)

    async def __aenter__(self) -> Any:
        entered = await self._block.__aenter__()
        _current.set((*(state for state in _current.get() if state.open), self._state))
        return entered

    async def __aexit__(self, *failure: Any) -> Any:
        self._state.open = False
        return await self._block.__aexit__(*failure)


def _watch(database: type[Any]) -> None:
    for what in ("read", "single", "write"):
        plain = getattr(database, what)

        def watched(self: Any, *args: Any, _plain: Any = plain, _what: str = what, **named: Any) -> _Watched:
            return _Watched(_plain(self, *args, **named), _what)

        setattr(database, what, functools.wraps(plain)(watched))


def _guard(owner: type[Any], names: tuple[str, ...]) -> None:
    for name in names:
        if (plain := inspect.getattr_static(owner, name, None)) is None:
            continue

        def guarded(self: Any, *args: Any, _plain: Any = plain, _name: str = name, **named: Any) -> Any:
            check(f"{owner.__name__}.{_name}")
            return _plain(self, *args, **named)

        setattr(owner, name, functools.wraps(plain)(guarded))


def _bound(transaction: type[Any]) -> None:
    """A statement of the package that changes many rows says so (`bulk`): it runs in the writer's thread, and not on the event loop."""
    plain = transaction.run

    async def bounded(self: Any, sql: str, /, **params: Any) -> int:
        changed = await plain(self, sql, **params)
        if max(changed, len(params)) > limits.INLINE_ROWS and _called_from_package():
            raise SlowOnTheLoop(f"{changed} rows changed, {len(params)} values named on the event loop: {sql}")
        return changed

    transaction.run = functools.wraps(plain)(bounded)


def _called_from_package() -> bool:
    """Is the caller's caller the package, and not a test that fills its tables?"""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    return frame.f_code.co_filename.startswith(_PACKAGE)


def install() -> None:
    _bound(sqlite._WriteTx)  # pyright: ignore[reportPrivateUsage]
    _watch(SqliteDatabase)
    _watch(PostgresDatabase)
    for storage in (LocalBlobs, S3Blobs):
        _guard(storage, _STORAGE)
    _guard(SharedFolder, _FOLDER)
    _guard(StsClient, ("assume",))
    _guard(httpx.AsyncClient, ("send",))
