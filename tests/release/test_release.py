"""What `make release` builds: complete files with licences, and a wheel that serves on every Python of this machine."""

import calendar
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from live import free_port, server_environment, stop, stop_with_the_tests, tail, wait_until_healthy

ROOT = Path(__file__).parents[2]
DIST, UV = ROOT / "dist", ROOT / ".tools" / "bin" / "uv"
REPOSITORY = os.environ.get("RELEASE_REPOSITORY_URL", "")
NEW_ENOUGH = ["3.11", "3.12", "3.13", "3.14"]
pytestmark = pytest.mark.skipif(not (DIST / "SHA256SUMS").exists(), reason="nothing is built: `make release`")


def only(pattern: str) -> Path:
    (path,) = DIST.glob(pattern)
    return path


def interpreter(version: str) -> str:
    """A Python of this version on PATH, of pyenv, or of `tools/debian_python.py`; '' if there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    unpacked = ROOT / ".cache" / f"python{version}" / "usr" / "bin" / f"python{version}"
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)]
    for candidate in filter(None, [*candidates, unpacked.exists() and str(unpacked)]):
        command = [candidate, "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return str(candidate)
    return ""


# --- the files -------------------------------------------------------------------------------------------------------


def test_the_checksums_are_those_of_the_files() -> None:
    rows = [line.split() for line in (DIST / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in rows} == {path.name for path in DIST.iterdir()} - {"SHA256SUMS"}
    for digest, name in rows:
        assert hashlib.sha256((DIST / name).read_bytes()).hexdigest() == digest


@pytest.fixture(scope="module")
def wheel() -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(only("*.whl")) as file:
        yield file


def test_the_wheel_is_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"modelkeep"}
    assert {"modelkeep/py.typed", "modelkeep/web/index.html", "modelkeep/web/pages.json"} <= set(names)
    assert any(name.startswith("modelkeep/store/migrations/") for name in names)
    assert not [name for name in names if re.search(r"__pycache__|\.pyc$|node_modules|/tests?/", name)]


def test_an_index_can_show_the_page_of_the_project(wheel: zipfile.ZipFile) -> None:
    (path,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = wheel.read(path).decode()
    head, _, page = metadata.partition("\n\n")
    labels = {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    assert set(re.findall(r"Project-URL: (\w+),", head)) == (labels if REPOSITORY else set())
    classifiers = re.findall(r"Python :: (3\.\d+)$", head, re.MULTILINE)
    assert classifiers == NEW_ENOUGH
    links = re.findall(r"\]\(([^)\s]+)", page)
    assert not [link for link in links if not re.match(r"https?://|#", link)], links


def test_the_wheel_has_the_licence_of_each_library_of_the_ui(wheel: zipfile.ZipFile) -> None:
    notices = wheel.read("modelkeep/web/THIRD-PARTY-NOTICES.txt").decode()
    named = dict(re.findall(r"^(\S+) \d\S* \((.+)\)\n-+$", notices, re.MULTILINE))
    direct = json.loads((ROOT / "ui" / "package.json").read_text())["dependencies"]
    assert set(direct) <= set(named), set(direct) - set(named)
    assert len(named) > 2 * len(direct), "libraries of libraries, too"
    assert notices.count("Permission is hereby granted, free of charge") >= len(direct)


def test_the_sdist_has_what_a_build_needs() -> None:
    with tarfile.open(only("*.tar.gz")) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    needed = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "tools/metadata.py",
        "tools/wheel.py",
        "src/modelkeep/web/index.html",
    }
    assert needed <= names
    assert {name.partition("/")[0] for name in names} <= {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "PKG-INFO",
        "tools",
        "src",
        ".gitignore",
        "",
    }


def test_the_sdist_builds_the_same_wheel(tmp_path: Path) -> None:
    with zipfile.ZipFile(only("*.whl")) as file:
        seconds = max(zipfile_time(entry) for entry in file.infolist())
    run(
        UV,
        "build",
        "--quiet",
        "--wheel",
        "--out-dir",
        tmp_path,
        only("*.tar.gz"),
        environment={"SOURCE_DATE_EPOCH": seconds},
    )
    (built,) = tmp_path.glob("*.whl")
    assert built.read_bytes() == only("*.whl").read_bytes()


def zipfile_time(entry: zipfile.ZipInfo) -> str:
    """The seconds since 1970 that an entry of a wheel is dated, in UTC."""
    return str(calendar.timegm((*entry.date_time, 0, 0, 0)))


@pytest.mark.parametrize(("pattern", "library"), [("*-ui.cdx.json", "npm/react"), ("*[0-9].cdx.json", "pypi/msgspec")])
def test_the_sboms_name_libraries_by_version(pattern: str, library: str) -> None:
    sbom = json.loads(only(pattern).read_text())
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["version"][0]) == ("CycloneDX", "0")
    purls = [component["purl"] for component in sbom["components"]]
    assert len(purls) > 50 and all("@" in purl for purl in purls)
    assert any(purl.startswith(f"pkg:{library}@") for purl in purls)


# --- the wheel at work -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", NEW_ENOUGH)
def test_the_wheel_installs_and_serves(version: str, tmp_path: Path) -> None:
    """Without extras: SQLite, files in a folder, the web UI; no tracking workspace, and one line that says how to add it."""
    if not (python := interpreter(version)):
        pytest.skip(f"there is no Python {version} here")
    venv = tmp_path / "venv"
    run(UV, "venv", "--quiet", "--python", python, venv)
    run(UV, "pip", "install", "--quiet", "--python", venv / "bin" / "python", only("*.whl"))
    modelkeep, port, log = venv / "bin" / "modelkeep", free_port(), tmp_path / "log"
    environment = server_environment(tmp_path / "data", port)
    assert run(modelkeep, "--version").startswith("modelkeep ")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [modelkeep, "serve"],
            env=environment,
            cwd=tmp_path,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=stop_with_the_tests,
        )
    try:
        host = f"http://127.0.0.1:{port}"
        wait_until_healthy(host, process, log)
        lines = [line for line in tail(log).splitlines() if "modelkeep[workspace]" in line]
        assert len(lines) == 1 and "pip install" in lines[0], tail(log)
        exports = run(modelkeep, "env", environment=environment)
        client = dict(re.findall(r"export (\w+)=(\S+)", exports))
        assert client["DATABRICKS_HOST"] == host
        run(modelkeep, "catalogs", "create", "prod", environment=client)
        assert "prod" in run(modelkeep, "sql", "SHOW CATALOGS", environment=client)
        page_of_the_ui(host, client["DATABRICKS_TOKEN"])
        explicit = subprocess.run([modelkeep, "serve", "--workspace"], env=environment, capture_output=True, text=True)
        assert explicit.returncode == 5 and "modelkeep[workspace]" in explicit.stderr
    finally:
        stop(process)
    assert "Traceback" not in tail(log)


def page_of_the_ui(host: str, token: str) -> None:
    """The page comes, and every file that it names."""
    headers = {"authorization": f"Bearer {token}"}
    page = httpx.get(f"{host}/explore", headers=headers)
    assert page.status_code == 200
    parts = re.findall(r'(?:src|href)="(/explore/assets/[^"]+)"', page.text)
    assert parts
    for part in parts:
        assert httpx.get(host + part).status_code == 200, part


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MODELKEEP_", "DATABRICKS_", "MLFLOW_"))}
    env = {**inherited, **(environment or {})}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout
