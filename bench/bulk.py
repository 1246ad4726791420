"""Rows written straight into the database of a server that is stopped, on SQLite and on PostgreSQL."""

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

_BATCH = 20_000  # rows a statement run


class Bulk(Protocol):
    """A database to write into, in one transaction."""

    def first_row(self, sql: str) -> tuple[Any, ...]: ...

    def many(self, table: str, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None: ...


class SqliteBulk:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def first_row(self, sql: str) -> tuple[Any, ...]:
        return self._connection.execute(sql).fetchone()

    def many(self, table: str, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        while batch := list(islice(rows, _BATCH)):
            self._connection.executemany(sql, batch)


class PostgresBulk:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def first_row(self, sql: str) -> tuple[Any, ...]:
        return self._connection.execute(sql).fetchone()

    def many(self, table: str, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
        with self._connection.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


@contextmanager
def sqlite_bulk(database: Path) -> Generator[SqliteBulk]:
    """One transaction, into the file of a server that has run once."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-400000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        yield SqliteBulk(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def postgres_bulk(url: str) -> Generator[PostgresBulk]:
    """One transaction, and then what autovacuum does within the next minutes."""
    import psycopg

    with psycopg.connect(url) as connection:
        yield PostgresBulk(connection)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
