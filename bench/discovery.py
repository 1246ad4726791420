"""What every client asks first, again and again, on a connection of its own."""

import statistics
from pathlib import Path

from bench import load
from bench.program import modelkeep
from bench.report import Row, at_most

REQUESTS = 500


def measure(folder: Path) -> list[Row]:
    with modelkeep(folder / "modelkeep") as server:
        raw = load.request("/.well-known/databricks-config", {}, keep=False)
        median = statistics.median([load.time_fresh(server.port, raw) for _ in range(REQUESTS)]) * 1000
    return [at_most("discovery, a new connection each, median", f"{median:.2f} ms", "", median, 1, "ms")]
