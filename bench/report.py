"""What a measure yields, and the table that is printed of it."""

import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line of the table: what was compared, and whether the promise about `value` was kept."""

    what: str
    ours: str
    peer: str
    """What ours is compared with, and its figure; '' where the promise is absolute."""
    value: float
    """A ratio, or the absolute figure in the promise's own unit."""
    promise: str
    """As printed: '>= 40'."""
    holds: bool | None
    """None: measured for information, nothing is promised."""


def at_least(what: str, ours: str, peer: str, value: float, bound: float, unit: str = "x") -> Row:
    return Row(what, ours, peer, value, f">= {bound:g} {unit}", value >= bound)


def at_most(what: str, ours: str, peer: str, value: float, bound: float, unit: str = "x") -> Row:
    return Row(what, ours, peer, value, f"<= {bound:g} {unit}", value <= bound)


def known(what: str, ours: str, peer: str, value: float) -> Row:
    """A figure without a promise."""
    return Row(what, ours, peer, value, "", None)


def table(rows: Sequence[Row]) -> str:
    """The rows as a markdown table."""
    lines = ["| measure | Modelkeep | compared with | result | promise | kept |", "|---|---|---|---|---|---|"]
    for row in rows:
        result = {True: "yes", False: "**no**", None: ""}[row.holds]
        lines.append(f"| {row.what} | {row.ours} | {row.peer} | {_number(row.value)} | {row.promise} | {result} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def machine() -> str:
    """The machine in one line."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{len(os.sched_getaffinity(0))} cores ({_cpu()}), {memory:.0f} GiB memory, "
        f"{platform.system()} {platform.release()}, "
        f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f} at the start"
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
