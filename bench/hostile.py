"""What one hostile client costs the others: each attack of bench/attacks.py beside a client that does nothing wrong.

For each attack the bystander's requests are timed in a quiet moment, beside the same generator aimed at a server that does
nothing (the control: what the generator costs the machine), during the attack, and after it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import attacks, crowd
from bench.program import Missing, Server, database, free_port, modelkeep, postgres
from bench.report import Row, at_least, at_most, known

_PRODUCT = {"MODELKEEP_REQUESTS_PER_SECOND": "200", "MODELKEEP_ANONYMOUS_REQUESTS_PER_SECOND": "100"}
"""The limits that the product has by default, and other benchmarks turn off."""
QUIET_S, ATTACK_S, AFTER_S = 4, 8, 2
READ_MS, WRITE_MS = 30.0, 100.0
TIMES = 3
GROWTH_MIB = 100.0
RATE_S = 5


@dataclass(frozen=True)
class Seen:
    """What the bystander saw in one stretch of time, in milliseconds."""

    reads: list[float]
    writes: list[float]
    failed: list[str]

    def text(self) -> str:
        lost = f", {len(self.failed)} failed ({self.failed[0]})" if self.failed else ""
        return f"{_spread(self.reads)}; {_spread(self.writes)}{lost}"


def measure(folder: Path) -> list[Row]:
    rows = _attacked("SQLite", folder / "sqlite", "")
    rows += _frozen_store("SQLite", folder / "sqlite-s3", "")
    try:
        with postgres() as new_database:
            rows += _attacked("PostgreSQL", folder / "postgresql", new_database())
            rows += _frozen_store("PostgreSQL", folder / "postgresql-s3", new_database())
    except Missing as missing:
        rows.append(known(f"PostgreSQL: not measured, {missing}", "", "", 0))
    return rows


def _attacked(what: str, data: Path, url: str) -> list[Row]:
    with modelkeep(data, database_url=url):
        pass
    crowd.fill(None if url else database(data), url)
    chosen = os.environ.get("BENCH_ATTACKS", "").split() or [
        act.__name__ for act in (*attacks.ANONYMOUS, *attacks.SIGNED_IN)
    ]
    with modelkeep(data, workspace=True, database_url=url, env=_PRODUCT) as server, _dummy() as dummy:
        world = data.with_suffix(".world")
        world.write_text(json.dumps(crowd.furnish(server, workspace=True)))
        _bystander(server.port, QUIET_S, world)  # warms up
        rows = list[Row]()
        for name in chosen:
            rows += _attack(what, name, server, dummy, world)
    with modelkeep(data, database_url=url) as server:
        return [*rows, _beside_writers(what, server, world)]


def _attack(what: str, name: str, server: Server, dummy: int, world: Path) -> list[Row]:
    quiet = _bystander(server.port, QUIET_S, world)
    with _attacking(name, dummy, world):
        control = _bystander(server.port, ATTACK_S, world)
    memory, files = _memory(server), _descriptors(server)
    peak = memory
    with _attacking(name, server.port, world) as generator:
        bystander = _start_bystander(server.port, ATTACK_S, world)
        while bystander.poll() is None:
            peak = max(peak, _memory(server))
            time.sleep(0.2)
        attacked = _finished(bystander)
    answers = generator.communicate()[0]
    time.sleep(AFTER_S)
    after = _bystander(server.port, QUIET_S, world)
    left, files_left = _memory(server) - memory, _descriptors(server) - files
    print(
        f"{what} {name}: quiet {quiet.text()} | control {control.text()} | attacked {attacked.text()} | after {after.text()} | "
        f"+{peak - memory:.0f} MiB, left {left:+.0f} MiB, descriptors {files_left:+d} | answers {answers.decode().strip()}",
        file=sys.stderr,
        flush=True,
    )
    label = f"{what}: {name.replace('_', ' ')}"
    shares = [
        _p99(seen) / max(least, TIMES * max(_p99(calm), _p99(beside)))
        for seen, calm, beside, least in (
            (attacked.reads, quiet.reads, control.reads, READ_MS),
            (attacked.writes, quiet.writes, control.writes, WRITE_MS),
        )
    ]
    calm = f"quiet {quiet.text()}, control {control.text()}"
    return [
        at_most(
            f"{label}: reads; writes of another client (p50 / p99, ms)",
            attacked.text(),
            calm,
            max(shares),
            1,
            "of the bound",
        ),
        at_most(
            f"{label}: memory at the most, and what is left",
            f"+{peak - memory:.0f}, {left:+.0f} MiB",
            "",
            peak - memory,
            GROWTH_MIB,
            "MiB",
        ),
        at_most(f"{label}: descriptors left", f"{files_left:+d}", "", max(0, files_left), 8, ""),
    ]


def _beside_writers(what: str, server: Server, world: Path) -> Row:
    """Readers of other models while 64 connections write one, and while the same 64 write to a server that does nothing."""
    alone = _rate("reads", server.port, world)
    with _dummy() as dummy, _attacking("writers_of_one_model", dummy, world):
        control = _rate("reads", server.port, world)
    with _attacking("writers_of_one_model", server.port, world):
        beside = _rate("reads", server.port, world)
    return at_least(
        f"{what}: reads beside 64 writers of one model",
        f"{beside:.0f}/s",
        f"control: {control:.0f}/s, alone: {alone:.0f}/s",
        beside / min(alone, control),
        0.5,
    )


def _frozen_store(what: str, data: Path, url: str) -> list[Row]:
    """Reads and moved aliases while twelve clients ask for upload URLs: of a store that answers, and of one that takes
    connections and answers none."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    try:
        from backends import running_seaweedfs  # pyright: ignore[reportMissingImports]
    except ImportError:
        return [known(f"{what}: frozen store, not measured", "", "", 0)]
    with running_seaweedfs() as store:
        env = {
            **store.env(),
            "MODELKEEP_STORAGE_URL": f"s3://{store.bucket}/hostile",
            "MODELKEEP_S3_ENDPOINT": store.endpoint,
        }
        with modelkeep(data, database_url=url, env=env):
            pass
        crowd.fill(None if url else database(data), url)
        with modelkeep(data, database_url=url, env=env) as server:
            world = data.with_suffix(".world")
            world.write_text(json.dumps(crowd.furnish(server, workspace=False)))
            rows = list[Row]()
            for mode, label in (("reads", "reads"), ("aliases", "moved aliases")):
                with _attacking("upload_urls", server.port, world):
                    awake = _rate(mode, server.port, world)
                pids = _weed(store.endpoint)
                for pid in pids:
                    os.kill(pid, signal.SIGSTOP)
                try:
                    with _attacking("upload_urls", server.port, world):
                        frozen = _rate(mode, server.port, world)
                finally:
                    for pid in pids:
                        os.kill(pid, signal.SIGCONT)
                rows.append(
                    at_least(
                        f"{what}: {label}, store frozen",
                        f"{frozen:.0f}/s",
                        f"the same, store awake: {awake:.0f}/s",
                        frozen / awake,
                        0.9,
                    )
                )
            return rows


def _weed(endpoint: str) -> list[int]:
    """The processes of the store at this address."""
    port = endpoint.rpartition(":")[2]
    lines = [(path, path.read_bytes()) for path in Path("/proc").glob("[0-9]*/cmdline") if _readable(path)]
    return [int(path.parent.name) for path, line in lines if f"-s3.port={port}".encode() in line]


def _readable(path: Path) -> bool:
    with contextlib.suppress(OSError):
        path.read_bytes()
        return True
    return False


@contextlib.contextmanager
def _dummy() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.dummy", str(port)])
    try:
        time.sleep(1)
        yield port
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _attacking(name: str, port: int, world: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The attack, a second before the block and somewhat beyond it."""
    command = [sys.executable, "-m", "bench.attacks", name, str(port), str(ATTACK_S + 3), str(world)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        time.sleep(1)
        yield process
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ATTACK_S + 30)
    finally:
        process.kill()


def _start_bystander(port: int, seconds: float, world: Path, mode: str = "paced") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.bystander", mode, str(port), str(seconds), str(world)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _finished(process: subprocess.Popen[bytes]) -> Seen:
    output = json.loads(process.communicate()[0])
    return Seen(output["reads"], output["writes"], output["failed"])


def _bystander(port: int, seconds: float, world: Path) -> Seen:
    return _finished(_start_bystander(port, seconds, world))


def _rate(mode: str, port: int, world: Path) -> float:
    output: dict[str, Any] = json.loads(_start_bystander(port, RATE_S, world, mode).communicate()[0])
    assert not output["failed"], output["failed"][:5]
    return output["reads" if mode == "reads" else "writes"]


def _memory(server: Server) -> float:
    """MiB resident, of the server's own process."""
    return server.memory()[0]


def _descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def _spread(times: list[float]) -> str:
    return f"{sorted(times)[len(times) // 2]:.1f} / {_p99(times):.0f}"
