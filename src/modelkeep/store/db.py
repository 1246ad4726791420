"""What a transaction is, for both databases, and how the schema gets there (numbered SQL files, applied once)."""

import re
import secrets
import time
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from importlib import resources
from typing import Any, Protocol

from modelkeep.domain.errors import RegistryError, Unavailable

Row = tuple[Any, ...]
"""One row as a driver gives it. Its statement alone says what each column holds, so rows never leave the store."""
Value = str | int | float | bytes | Sequence[str] | None
"""What a parameter of a statement holds."""
Params = dict[str, Value]


class UniqueViolation(Exception):
    """A UNIQUE constraint refused a row; the store function that knows what it means turns it into AlreadyExists."""


class Contended(Unavailable):
    """The database undid a change that met another one (a deadlock): the same change may pass at once when it is run again."""


class Tx(Protocol):
    """A read transaction: one snapshot, no way to write (the connection itself refuses)."""

    async def all(self, sql: str, /, **params: Value) -> list[Row]: ...

    async def one(self, sql: str, /, **params: Value) -> Row | None: ...  # house: name because `all` has a sibling

    async def scan(self, sql: str, /, **params: Value) -> list[Row]:
        """As `all`, for statements that may read many rows: never on the event loop's own time."""
        ...


class ReadTx(Tx, Protocol):
    """What `Database.read` gives."""

    def cache_get(self, key: Hashable) -> Any:
        """What was kept under `key` by a transaction that saw this very state of the database; else None."""
        ...

    def cache_put(self, key: Hashable, value: Any) -> None:
        """Keep what follows from `key` and the state of the database alone, until that changes (by any process)."""
        ...


class WriteTx(Tx, Protocol):
    """A write transaction: commits when the block ends, leaves nothing when it raises."""

    async def run(self, sql: str, /, **params: Value) -> int:
        """The number of rows changed. Raises UniqueViolation."""
        ...

    async def bulk(self, sql: str, /, **params: Value) -> int:
        """As `run`, for statements that may change or name many rows: never on the event loop's own time."""
        ...

    async def run_many(self, sql: str, rows: Sequence[Mapping[str, Value]], /) -> None: ...


_scans_for: ContextVar[str] = ContextVar("_scans_for", default="")


def scans_for() -> str:
    """The principal whose scans the read transaction that begins now is for; '' where it is a short one, or our own work."""
    return _scans_for.get()


class ReadForScans:
    """A read transaction in which a principal's scans run: in the lane of scans, under its limits."""

    __slots__ = ("_principal", "_transaction")

    def __init__(self, db: "Database", principal: str) -> None:
        token = _scans_for.set(principal)
        try:
            self._transaction = db.read()
        finally:
            _scans_for.reset(token)
        self._principal = principal

    async def __aenter__(self) -> ReadTx:
        token = _scans_for.set(self._principal)
        try:
            return await self._transaction.__aenter__()
        finally:
            _scans_for.reset(token)

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._transaction.__aexit__(*error)


class Database(Protocol):
    """SQLite or PostgreSQL."""

    dialect: str

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self, seconds: float) -> None:
        """Can this database read and store now? Raises Unavailable with the reason, after `seconds` at the latest."""
        ...

    def read(self) -> AbstractAsyncContextManager[ReadTx]: ...

    def single(self) -> AbstractAsyncContextManager[Tx]:
        """For one statement that reads: without the cost of a transaction around it."""
        ...

    def write(self, principal: str = "") -> AbstractAsyncContextManager[WriteTx]:
        """`principal`: whose change it is ('' is our own work): principals take turns."""
        ...

    async def script(self, statements: list[str]) -> None:
        """Run DDL statements in one transaction, holding the migration lock."""
        ...


def among(values: Iterable[Value]) -> tuple[str, Params]:
    """What stands between the parentheses of an IN, and its parameters."""
    params: Params = {f"v{i}": value for i, value in enumerate(values)}
    return ", ".join(f":{name}" for name in params), params


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A UUIDv7 in text: unique for ever, sorts by creation time."""
    value = (now_ms() << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (2 << 62) | secrets.randbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Migration:
    """One numbered file of store/migrations."""

    def __init__(self, filename: str, text: str) -> None:
        self.number = int(filename[:4])
        self.name = filename.removesuffix(".sql")
        self._text = text

    def statements(self, dialect: str) -> list[str]:
        """The file's statements for this dialect: all but those marked for the other one."""
        lines: list[str] = []
        text = self._text.replace(" KEYTEXT", ' TEXT COLLATE "C"' if dialect == "postgresql" else " TEXT")
        for part in re.split(r"^--;$", text, flags=re.MULTILINE):
            statement = part.strip()
            marked = re.match(r"--(sqlite|postgresql)\n", statement)
            if statement and (marked is None or marked[1] == dialect):
                lines.append(statement)
        return lines


def migrations() -> list[Migration]:
    """Every migration, in order."""
    folder = resources.files("modelkeep.store.migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(f.name, f.read_text()) for f in files]


_APPLIED = (
    "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)"
)


async def applied(db: Database) -> list[int]:
    """The numbers of the migrations that this database has."""
    await db.script([_APPLIED])
    async with db.read() as tx:
        return [row[0] for row in await tx.all("SELECT number FROM migrations ORDER BY number")]


async def migrate(db: Database) -> list[str]:
    """Bring the schema up to date; the names of what was applied. Raises RegistryError where the database is newer than us."""
    done = set(await applied(db))
    known = migrations()
    if done - {m.number for m in known}:
        raise RegistryError("This database was written by a newer Modelkeep. Upgrade the program, or restore a backup.")
    names: list[str] = []
    for migration in known:
        if migration.number not in done:
            mark = f"INSERT INTO migrations VALUES ({migration.number}, '{migration.name}', {now_ms()})"
            try:
                await db.script([mark, *migration.statements(db.dialect)])
            except UniqueViolation:
                continue  # another process brought it in since we looked
            names.append(migration.name)
    return names
