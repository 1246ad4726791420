"""A server-side copy is rows, not bytes: a version of 1 KiB and one of 10 GiB take the same time."""

import sqlite3
import statistics
import time
from contextlib import closing
from pathlib import Path

from bench.files import DATABRICKS_UC, finish, new_version, put
from bench.program import Server, database, modelkeep
from bench.report import Row, at_most

MODEL = "main.default.copies"
SIZES = {"1 KiB": 1 << 10, "10 GiB": 10 << 30}
COPIES = 100


def measure(folder: Path) -> list[Row]:
    data = folder / "modelkeep"
    with modelkeep(data) as server:
        server.call("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": MODEL})
        versions = [_version(server, size) for size in SIZES]
    _grow(data, versions[1], SIZES["10 GiB"])
    with modelkeep(data) as server:
        times = [_copy(server, version) for _ in range(COPIES) for version in versions]
    small, big = statistics.median(times[0::2]), statistics.median(times[1::2])
    ours, peer = f"10 GiB: {big * 1000:.2f} ms", f"1 KiB: {small * 1000:.2f} ms"
    return [at_most("server-side copy of a version", ours, peer, big / small, 1.3)]


def _version(server: Server, size: str) -> str:
    """A READY version with one file; 10 GiB begin as 1 KiB too."""
    version = new_version(server, MODEL)
    put(server, f"/Models/{MODEL.replace('.', '/')}/{version}/weights.bin", size.encode().ljust(1 << 10))
    finish(server, MODEL, version)
    return version


def _grow(data: Path, version: str, size: int) -> None:
    """Make the version's file that long: in the manifest, and as a sparse file in the storage folder."""
    with closing(sqlite3.connect(database(data))) as db, db:
        row = db.execute(
            "SELECT f.set_id, f.segments FROM artifact_files f JOIN model_versions v ON v.artifact_set_id = f.set_id "
            "JOIN securables m ON m.id = v.model_id WHERE m.name_key = ? AND v.version = ? AND f.path = 'weights.bin'",
            (MODEL.rpartition(".")[2], int(version)),
        ).fetchone()
        grown = row[1].replace(f'"size":{1 << 10}', f'"size":{size}')
        assert grown != row[1], row[1]
        db.execute(
            "UPDATE artifact_files SET size = ?, segments = ? WHERE set_id = ? AND path = 'weights.bin'",
            (size, grown, row[0]),
        )
        db.execute("UPDATE artifact_sets SET size = ? WHERE id = ?", (size, row[0]))
    stored = next(path for path in data.rglob(f"{row[0]}/*") if path.read_bytes()[:6] == b"10 GiB")
    with stored.open("r+b") as file:
        file.truncate(size)


def _copy(server: Server, version: str) -> float:
    """Seconds of one copy."""
    begun = time.perf_counter()
    server.call("POST", f"/api/modelkeep/v1/models/{MODEL}/versions/{version}/copy", {"destination": MODEL})
    return time.perf_counter() - begun
