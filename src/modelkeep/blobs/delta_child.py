"""The process that opens one Delta table: reads a request from its standard input, writes one JSON answer, and ends.

It runs files that other people wrote through a library, so it has nothing worth taking: an empty environment, keys for one
folder at most, and limits on memory, processor time and files. It imports nothing of the server.
"""

import importlib
import json
import os
import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote


class TableRefused(Exception):
    """The table is not read. `args[0]` is a word that the parent turns into a sentence."""


def main() -> None:
    request = json.load(sys.stdin)
    _limit(request["memory_bytes"], request["cpu_s"])
    try:
        answer = _READS[request["read"]](_open(request), request)
    except TableRefused as refusal:
        answer = {"refused": refusal.args[0]}
    except Exception as error:  # whatever the library says of a file that somebody wrote
        answer = {"refused": "missing" if type(error).__name__ == "TableNotFoundError" else "unreadable"}
    json.dump(answer, sys.stdout)


def _limit(memory_bytes: int, cpu_s: int) -> None:
    """No file of any size is written, either."""
    for limit, value in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(limit, (value, value))


def _open(request: dict[str, Any]) -> Any:
    if request["root"]:
        _check_folder(request["url"].removeprefix("file://"), request["root"])
    deltalake = importlib.import_module("deltalake")
    return deltalake.DeltaTable(request["url"], storage_options=request["options"] or None)


def _check_folder(folder: str, root: str) -> None:
    """A link in a folder of this machine would lead out of what the table's readers may see. Raises TableRefused."""
    base, log = os.path.realpath(folder), Path(folder, "_delta_log")
    if not _inside(base, os.path.realpath(root)):
        raise TableRefused("outside")
    if not log.is_dir():
        raise TableRefused("missing")
    if log.is_symlink() or any(entry.is_symlink() for entry in os.scandir(log)):
        raise TableRefused("outside")


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _check_files(table: Any, request: dict[str, Any]) -> None:
    """A commit may name any path, and the library opens absolute ones, also of this machine for a table on S3: only files in the
    table's own folder are opened. (`file_uris` says otherwise: it joins them to the folder.) Raises TableRefused."""
    folder = request["url"].removeprefix("file://")
    for cell in table.get_add_actions().column("path"):
        path = cell.as_py()
        for spelling in (path, once := unquote(path), unquote(once)):
            if spelling.startswith(("/", "\\")) or _SCHEME.match(spelling) or ".." in spelling.split("/"):
                raise TableRefused("outside")
            if request["root"] and not _inside(os.path.realpath(f"{folder}/{spelling}"), os.path.realpath(folder)):
                raise TableRefused("outside")


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def _history(table: Any, request: dict[str, Any]) -> dict[str, Any]:
    actions = table.get_add_actions(flatten=True)
    sizes = [size.as_py() or 0 for size in actions.column("size_bytes")]
    named = "num_records" in actions.schema.names
    rows: list[Any] = [count.as_py() for count in actions.column("num_records")] if named else [None]
    return {
        "version": table.version(),
        "files": len(sizes),
        "bytes": sum(sizes),
        "rows": None if None in rows else sum(rows),
        "commits": [_commit(entry) for entry in table.history(request["rows"])],
    }


_ROWS = ("numOutputRows", "num_added_rows", "numUpdatedRows", "numDeletedRows", "num_deleted_rows")
_BYTES = ("numOutputBytes", "numAddedBytes")


def _commit(entry: dict[str, Any]) -> dict[str, Any]:
    metrics: dict[str, Any] = entry.get("operationMetrics") or {}
    parameters: dict[str, Any] = entry.get("operationParameters") or {}
    return {
        "version": _number(entry.get("version")),
        "timestamp": _number(entry.get("timestamp")),
        "operation": str(entry.get("operation", ""))[:200],
        "mode": str(parameters.get("mode", ""))[:200],
        "user": str(entry.get("userName", ""))[:200],
        "engine": str(entry.get("engineInfo", ""))[:200],
        "rows": _metric(metrics, _ROWS),
        "bytes": _metric(metrics, _BYTES),
    }


def _metric(metrics: dict[str, Any], names: tuple[str, ...]) -> int | None:
    return next((number for name in names if (number := _number(metrics.get(name))) is not None), None)


def _number(value: Any) -> int | None:
    """Spark writes numbers as texts."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _sample(table: Any, request: dict[str, Any]) -> dict[str, Any]:
    _check_files(table, request)
    names = [field.name for field in table.schema().fields]
    columns = names[: request["columns"]]
    answer: dict[str, Any] = {
        "version": table.version(),
        "columns": columns,
        "hidden_columns": len(names) - len(columns),
    }
    if _has_deletion_vectors(table):
        return {**answer, "rows": [], "deletion_vectors": True}
    builder = importlib.import_module("deltalake").QueryBuilder().register("sampled", table)
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    batches = builder.execute(f"SELECT {quoted} FROM sampled LIMIT {request['rows']}")
    return {**answer, "rows": list(_cells(batches, request)), "deletion_vectors": False}


def _has_deletion_vectors(table: Any) -> bool:
    """Looking into them would open files that a commit names by any path."""
    return "deletionVectors" in (table.protocol().reader_features or ())


def _cells(batches: Any, request: dict[str, Any]) -> Iterator[list[str | None]]:
    size = 0
    for batch in batches:
        for index in range(batch.num_rows):
            row = [_cell(batch.column(place)[index].as_py(), request["cell"]) for place in range(batch.num_columns)]
            size += sum(len(cell or "") for cell in row)
            if size > request["characters"]:
                return
            yield row


def _cell(value: Any, most: int) -> str | None:
    if value is None:
        return None
    text = f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
    return text if len(text) <= most else f"{text[:most]}…"


_READS = {"history": _history, "sample": _sample}

if __name__ == "__main__":
    main()
