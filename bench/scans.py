"""A scan of a table of 1 GB in polars, by its name in the catalog and by its path, in turns."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench.program import Server, modelkeep
from bench.report import Row, at_most

BYTES = 1_000_000_000
ROUNDS = 9
FILES = 8
COLUMNS = 4
SLACK_S = 0.1
_NAME = ("main", "default", "large")


def measure(folder: Path) -> list[Row]:
    table = folder / "large"
    _write(table)
    with modelkeep(folder / "data", workspace=False) as server:
        by_name = _scan_by_name(server, table)
        named, plain = list[float](), list[float]()
        for _ in range(ROUNDS + 1):
            named.append(_timed(by_name))
            plain.append(_timed(lambda: _scan_by_path(table)))
    ours, path = statistics.median(named[1:]), statistics.median(plain[1:])
    return [
        at_most(
            f"polars scans {BYTES / 1e9:.0f} GB by the table's name, median of {ROUNDS}",
            f"{ours:.3f} s",
            f"by its path: {path:.3f} s",
            ours - path,
            max(0.05 * path, SLACK_S),
            "s more",
        )
    ]


def _write(table: Path) -> None:
    """Doubles that do not compress, so that the files have the size that is said."""
    import numpy
    import polars as pl

    generator, rows = numpy.random.default_rng(7), BYTES // FILES // COLUMNS // 8
    for _ in range(FILES):
        frame = pl.DataFrame({f"x{number}": generator.random(rows) for number in range(COLUMNS)})
        frame.write_delta(str(table), mode="append")


def _scan_by_name(server: Server, table: Path) -> Callable[[], None]:
    import polars as pl

    token = dict(server.headers)["Authorization"].removeprefix("Bearer ")
    catalog = pl.Catalog(f"http://127.0.0.1:{server.port}", bearer_token=token, require_https=False)
    schema = pl.Schema({f"x{number}": pl.Float64 for number in range(COLUMNS)})
    catalog.create_table(
        *_NAME, schema=schema, table_type="EXTERNAL", data_source_format="DELTA", storage_root=table.as_uri()
    )
    return lambda: _consume(catalog.scan_table(*_NAME))


def _scan_by_path(table: Path) -> None:
    import polars as pl

    _consume(pl.scan_delta(str(table)))


def _consume(frame: object) -> None:
    import polars as pl

    assert isinstance(frame, pl.LazyFrame)
    (total,) = frame.select(pl.all().sum()).collect().row(0)[:1]
    assert total > 0


def _timed(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
