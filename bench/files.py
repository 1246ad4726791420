"""One file of 1 GiB up and down through the presigned URLs, against nginx on the same disk; both by curl."""

import os
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.program import Server, modelkeep, nginx, tool
from bench.report import Row, at_least, at_most

SIZE = 1 << 30  # bytes
ROUNDS = 7
MODEL = "main.default.files"
DATABRICKS_UC = "/api/2.0/mlflow/unity-catalog"
MLMODEL = """\
artifact_path: model
flavors:
  python_function: {loader_module: bench, python_version: 3.11.0}
model_uuid: 0123456789abcdef0123456789abcdef
mlflow_version: 3.0.0
signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
  outputs: '[{"type": "double", "name": "y", "required": true}]'
  params: null
utc_time_created: '2026-01-01 00:00:00.000000'
"""


def measure(folder: Path) -> list[Row]:
    tool("curl")
    source = folder / "source.bin"
    with source.open("wb") as file:
        for _ in range(SIZE >> 20):
            file.write(os.urandom(1 << 20))  # so that nothing on the way gains by compressing
    with modelkeep(folder / "modelkeep") as ours, nginx(folder / "nginx") as theirs:
        ours.call("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": MODEL})
        ours.forget_peak()
        rounds = [_round(ours, theirs, source, folder / "received.bin", turn) for turn in range(ROUNDS)]
        _, peak = ours.memory()
    rows = [
        _row(what, rounds, index)
        for index, what in enumerate(("upload", "download to /dev/null", "download to a file"))
    ]
    return [*rows, at_most("our process while files move, peak", f"{peak:.0f} MiB", "", peak, 300, "MiB")]


Pair = tuple[float, float]
"""Seconds that ours took, and the peer."""


def _row(what: str, rounds: list[list[Pair]], index: int) -> Row:
    pairs = [pairs[index] for pairs in rounds]
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    mib = SIZE / 2**20
    return at_least(f"1 GiB {what}", f"{mib / ours:.0f} MiB/s", f"nginx: {mib / theirs:.0f} MiB/s", theirs / ours, 0.8)


def _round(ours: Server, theirs: Server, source: Path, received: Path, turn: int) -> list[Pair]:
    """One upload and two downloads of each; who goes first changes with the turn."""
    version = new_version(ours, MODEL)
    path, peer = f"/Models/{MODEL.replace('.', '/')}/{version}", f"{theirs.url}/big{turn}.bin"
    nowhere = Path("/dev/null")
    up = _pair(
        ["-T", str(source), *_target(upload_url(ours, f"{path}/big.bin"))], ["-T", str(source), peer], nowhere, turn
    )
    finish(ours, MODEL, version)
    target = _target(ours.call("POST", "/api/2.0/fs/create-download-url", {"path": f"{path}/big.bin"}))
    downs = [_pair(target, [peer], to, turn) for to in (nowhere, received)]
    ours.call("DELETE", f"{DATABRICKS_UC}/model-versions/delete", {"name": MODEL, "version": version})
    return [up, *downs]


def _pair(ours: list[str], theirs: list[str], to: Path, turn: int) -> Pair:
    if turn % 2:
        second = _curl(theirs, to)
        return _curl(ours, to), second
    return _curl(ours, to), _curl(theirs, to)


def _curl(arguments: list[str], to: Path) -> float:
    """Seconds that curl takes, begun when the disk has nothing left to do."""
    if to.is_file():
        to.unlink()
    os.sync()
    begun = time.perf_counter()
    subprocess.run([tool("curl"), "--silent", "--show-error", "--fail", "-o", str(to), *arguments], check=True)
    return time.perf_counter() - begun


def _target(signed: Mapping[str, Any]) -> list[str]:
    """A presigned answer as curl's arguments."""
    headers = [f"{header['name']}: {header['value']}" for header in signed.get("headers") or []]
    return [*(part for header in headers for part in ("-H", header)), signed["url"]]


# --- a version with files, step by step as the client does it --------------------------------------------------------


def new_version(server: Server, model: str) -> str:
    """The number of a new PENDING version."""
    answer = server.call("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": model, "source": "local"})
    return answer["model_version"]["version"]


def upload_url(server: Server, path: str) -> Mapping[str, Any]:
    return server.call("POST", "/api/2.0/fs/create-upload-url", {"path": path})


def put(server: Server, path: str, data: bytes) -> None:
    """One small file of a version, by its presigned URL."""
    signed = upload_url(server, path)
    headers = {header["name"]: header["value"] for header in signed.get("headers") or []}
    with urllib.request.urlopen(urllib.request.Request(signed["url"], data, headers, method="PUT"), timeout=60):
        pass


def finish(server: Server, model: str, version: str) -> None:
    """Upload the MLmodel and finalize."""
    put(server, f"/Models/{model.replace('.', '/')}/{version}/MLmodel", MLMODEL.encode())
    server.call("POST", f"{DATABRICKS_UC}/model-versions/finalize", {"name": model, "version": version})
