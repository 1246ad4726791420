"""Run the measures (all, or those named), print the table, and exit with 1 where a promise is not kept."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import (
    alias,
    copies,
    discovery,
    explorer,
    files,
    governance,
    hostile,
    load,
    registering,
    scale,
    scans,
    search,
    start,
    tables,
)
from bench.program import Missing
from bench.report import Row, machine, table

MEASURES: dict[str, Callable[[Path], list[Row]]] = {
    module.__name__.removeprefix("bench."): module.measure
    for module in (
        alias,
        scale,
        governance,
        discovery,
        registering,
        files,
        copies,
        start,
        explorer,
        search,
        tables,
        scans,
        hostile,
    )
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "measures", nargs="*", metavar="measure", help=f"of {', '.join(MEASURES)}; all when none is named"
    )
    parser.add_argument("--dir", type=Path, default=None, help="where to work: about 8 GiB on the disk to be measured")
    arguments = parser.parse_args()
    if unknown := set(arguments.measures) - set(MEASURES):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    head, rows, skipped = machine(), list[Row](), list[str]()
    for name in arguments.measures or MEASURES:
        try:
            rows += _run(name, arguments.dir)
        except Missing as missing:
            skipped.append(f"- {name}: not measured, {missing}.")
    print(f"Machine: {head}.\nLoad: {load.generator()}.\n\n{table(rows)}", *skipped, sep="\n")
    return 1 if any(row.holds is False for row in rows) else 0


def _run(name: str, parent: Path | None) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=parent))
    folder.chmod(0o755)
    begun = time.perf_counter()
    try:
        rows = MEASURES[name](folder)
    except Exception:
        print(f"bench: {name} failed; its files and logs stay in {folder}", file=sys.stderr)
        raise
    print(f"bench: {name} took {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    shutil.rmtree(folder)
    return rows


if __name__ == "__main__":
    sys.exit(main())
