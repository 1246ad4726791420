"""Builds what a release consists of, into dist/: wheel, sdist, two SBOMs (CycloneDX) and SHA256SUMS.

Everything is built twice. A difference in one byte fails the build: from the same commit, anybody gets the same files.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
UV = ROOT / ".tools" / "bin" / "uv"
NODE = ROOT / ".cache" / "node" / "bin"
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 4122's, for URLs


def main() -> None:
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or commit_time()
    shutil.rmtree(DIST, ignore_errors=True)
    build(DIST, epoch)
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), epoch)
        compare(DIST, Path(folder))
    sums = "".join(f"{digest(path)}  {path.name}\n" for path in files_of(DIST))
    (DIST / "SHA256SUMS").write_text(sums)
    sys.stdout.write(sums)


def build(folder: Path, epoch: str) -> None:
    """Wheel, sdist and SBOMs, all dated `epoch` (seconds since 1970)."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    # Not from the sdist: the UI is built already, and the sdist is the same files.
    run([UV, "build", "--quiet", "--wheel", "--sdist", "--out-dir", folder], environment)
    (folder / ".gitignore").unlink(missing_ok=True)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    write_sbom(folder / f"modelkeep-{version}.cdx.json", python_sbom(), epoch)
    write_sbom(folder / f"modelkeep-{version}-ui.cdx.json", ui_sbom(), epoch)


def python_sbom() -> dict[str, Any]:
    """The locked dependencies of the server with all extras."""
    command = [UV, "export", "--quiet", "--locked", "--format", "cyclonedx1.5", "--all-extras", "--no-default-groups"]
    return json.loads(run(command, dict(os.environ)))


def ui_sbom() -> dict[str, Any]:
    """The locked packages that the web UI is built from."""
    environment = {**os.environ, "PATH": f"{NODE}:{os.environ['PATH']}", "npm_config_loglevel": "error"}
    command = ["npm", "-C", "ui", "sbom", "--omit", "dev", "--package-lock-only", "--sbom-format", "cyclonedx"]
    return json.loads(run(command, environment))


def write_sbom(path: Path, sbom: dict[str, Any], epoch: str) -> None:
    """Both tools stamp the time and a random serial number; a reproducible document has the commit's time and its own hash."""
    sbom.pop("serialNumber", None)
    sbom["metadata"]["timestamp"] = datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    content = json.dumps(sbom, sort_keys=True)
    sbom["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, content)}"
    path.write_text(json.dumps(sbom, indent=2, sort_keys=True) + "\n")


def compare(first: Path, second: Path) -> None:
    """Exits with a sentence if the two folders differ."""
    here, there = ({path.name: digest(path) for path in files_of(folder)} for folder in (first, second))
    different = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    if different:
        sys.exit(f"Two builds of the same sources differ: {', '.join(different)}.")


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def commit_time() -> str:
    return run(["git", "log", "-1", "--format=%ct"], dict(os.environ)).strip()


def run(command: list[str | Path], environment: dict[str, str]) -> str:
    """Standard output of a command in the project's folder. Its error output is shown."""
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
