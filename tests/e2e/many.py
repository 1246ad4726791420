"""A registry with long lists, written straight into the database of a running server: what is measured is looking at them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from modelkeep.store.db import new_id

COUNT = 10_000
ENTITIES = 198
"""With the run and the version itself, a graph of 200."""


def copies_of(database: Path, table: str, row_id: str, changes: Iterator[dict[str, Any]]) -> None:
    """Adds rows like this one, each with a new id and its own changes."""
    with closing(sqlite3.connect(database, timeout=30)) as db:
        db.row_factory = sqlite3.Row
        row = dict(db.execute(f"SELECT * FROM {table} WHERE id = ?", (row_id,)).fetchone())
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{column}' for column in row)})"
        with db:
            db.executemany(sql, ({**row, "id": new_id(), **change} for change in changes))


def model_id(database: Path, full_name: str) -> str:
    sql = """SELECT m.id FROM securables m JOIN securables s ON s.id = m.parent_id JOIN securables c ON c.id = s.parent_id
             WHERE c.name_key = ? AND s.name_key = ? AND m.name_key = ?"""
    with closing(sqlite3.connect(database, timeout=30)) as db:
        return str(db.execute(sql, full_name.split(".")).fetchone()[0])


def many_models(database: Path, full_name: str) -> None:
    """Ten thousand models beside this one, whose only version becomes ten thousand."""
    model = model_id(database, full_name)
    names = (f"model_{number:05}" for number in range(1, COUNT))
    copies_of(database, "securables", model, ({"name": name, "name_key": name, "last_version": 0} for name in names))
    with closing(sqlite3.connect(database, timeout=30)) as db:
        version = str(db.execute("SELECT id FROM model_versions WHERE model_id = ?", (model,)).fetchone()[0])
    copies_of(database, "model_versions", version, ({"version": n, "aliases": "[]"} for n in range(2, COUNT + 1)))
    with closing(sqlite3.connect(database, timeout=30)) as db, db:
        db.execute("UPDATE securables SET last_version = ? WHERE id = ?", (COUNT, model))


def much_lineage(database: Path, full_name: str, version: int) -> None:
    """Half of it tables that a version was made from, half jobs that use it."""
    model = model_id(database, full_name)
    rows = [
        (new_id(), model, version, "UPSTREAM", "TABLE", f"prod.sales.region_{number:03}", "training")
        if number % 2
        else (new_id(), model, version, "DOWNSTREAM", "JOB", f"nightly scoring {number:03}", "serving")
        for number in range(ENTITIES)
    ]
    with closing(sqlite3.connect(database, timeout=30)) as db, db:
        db.executemany(
            "INSERT INTO lineage (id, model_id, version, direction, entity_type, entity_name, context, created_at, created_by)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0, '')",
            rows,
        )
