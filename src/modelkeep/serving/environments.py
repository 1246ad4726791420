"""The Python environment of a model: this server's own where it satisfies the model's requirements, else one that uv builds.

A model's requirements are untrusted: only names with versions are taken (no addresses, paths, options or source distributions, whose
builds run code), and uv installs wheels alone, in a bounded process without credentials. An environment is kept by the hash of what
is in it, so models with the same requirements share it.
"""

import asyncio
import contextlib
import hashlib
import importlib.metadata
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec
import yaml

from modelkeep.domain.errors import RegistryError, WrongState
from modelkeep.limits import (
    SERVING_BUILD_S,
    SERVING_BUILDS,
    SERVING_REASON_CHARACTERS,
    SERVING_REQUIREMENTS,
    SERVING_REQUIREMENTS_BYTES,
)

_PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_CACHE_DIR",
    "UV_OFFLINE",
)
"""Of our environment. An index that needs a password gets it from uv's own configuration, not from here."""
_LOG_LINES = 400


class Requirements(msgspec.Struct, frozen=True):
    """What a model asks of its environment."""

    python: str
    """major.minor; '' for any"""
    packages: tuple[str, ...]
    """Each a name, perhaps with extras, versions and a marker."""

    @property
    def key(self) -> str:
        text = "\n".join((self.python, *sorted(self.packages)))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class Environment(msgspec.Struct, frozen=True):
    """A Python to run a model with. `log`: what was done to get it."""

    python: Path
    label: str
    """local, or the key of its requirements"""
    log: str


class BuildFailed(RegistryError):
    """uv cannot build the environment. The message is the end of its log."""

    code, status = "INVALID_STATE", 400

    def __init__(self, message: str, log: str = "", *, kind: str = "") -> None:
        super().__init__(message, kind=kind)
        self.log = log


def read_requirements(model: Path) -> Requirements:
    """Of the files of a model. Raises WrongState for a line that is not a name with versions."""
    from packaging.requirements import InvalidRequirement, Requirement

    packages: list[str] = []
    for line in _lines(model / "requirements.txt"):
        text = line.partition(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            requirement = None
        if requirement is None or requirement.url:
            raise WrongState(
                f"The model's requirements.txt has the line '{text[:200]}'. Only names of packages with versions can be installed."
            )
        packages.append(str(requirement))
    if len(packages) > SERVING_REQUIREMENTS:
        raise WrongState(f"The model's requirements.txt has more than {SERVING_REQUIREMENTS} packages.")
    return Requirements(_python_version(model), tuple(packages))


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    if path.stat().st_size > SERVING_REQUIREMENTS_BYTES:
        raise WrongState(f"The model's {path.name} is larger than {SERVING_REQUIREMENTS_BYTES} bytes.")
    return path.read_text("utf-8", "replace").splitlines()


def _python_version(model: Path) -> str:
    """major.minor of the Python that the model was logged with; '' where it does not say."""
    try:
        document = yaml.safe_load("\n".join(_lines(model / "python_env.yaml")))
        parts = str(document["python"]).split(".")
    except (yaml.YAMLError, KeyError, TypeError):
        return ""
    return ".".join(parts[:2]) if len(parts) > 1 and all(part.isdecimal() for part in parts[:2]) else ""


def unsatisfied(requirements: Requirements) -> str:
    """Why this server's own environment does not do; '' where it does."""
    from packaging.requirements import Requirement

    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if requirements.python not in ("", own):
        return f"The model was logged with Python {requirements.python}; this server runs {own}."
    for text in requirements.packages:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            return f"{requirement.name} is not installed here."
        if not requirement.specifier.contains(version, prereleases=True):
            return f"The model needs {text}; this server has {version}."
    return ""


class Environments:
    """Those below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._building = asyncio.Semaphore(SERVING_BUILDS)

    async def of(self, model: Path) -> Environment:
        """For the files of a model. Raises WrongState, BuildFailed."""
        requirements = await asyncio.to_thread(read_requirements, model)
        reason = await asyncio.to_thread(unsatisfied, requirements)
        if not reason:
            return Environment(Path(sys.executable), "local", "This server's own Python environment is used.\n")
        async with self._building:
            return await self._built(requirements, reason)

    async def _built(self, requirements: Requirements, reason: str) -> Environment:
        place = self._folder / requirements.key
        python = place / "bin" / "python"
        log_file = place.with_suffix(".log")
        if python.exists() and log_file.exists():
            return Environment(python, requirements.key, await asyncio.to_thread(log_file.read_text))
        uv = uv_binary()
        if not uv:
            raise BuildFailed(f"{reason} Install uv to build environments: pip install 'modelkeep[serving]'.", reason)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = self._folder / f"{requirements.key}.new"
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        log = _Log(f"{reason}\n")
        listed = self._folder / f"{requirements.key}.txt"
        listed.write_text("".join(f"{package}\n" for package in _with_server(requirements)))
        version = requirements.python or f"{sys.version_info.major}.{sys.version_info.minor}"
        try:
            await self._run(log, uv, "venv", "--no-config", "--relocatable", "--python", version, str(unfinished))
            await self._run(
                log,
                uv,
                "pip",
                "install",
                "--no-build",
                "--python",
                str(unfinished / "bin" / "python"),
                "--requirements",
                str(listed),
            )
        except BuildFailed:
            await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
            raise
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        unfinished.rename(place)
        log_file.write_text(log.text)
        return Environment(python, requirements.key, log.text)

    async def _run(self, log: "_Log", uv: str, *arguments: str) -> None:
        """Raises BuildFailed with the last lines of what uv says."""
        log.add(f"$ uv {' '.join(arguments)}\n")
        process = await asyncio.create_subprocess_exec(
            uv,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment(),
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(SERVING_BUILD_S):
                while line := await process.stdout.readline():
                    log.add(line.decode("utf-8", "replace"))
                code = await process.wait()
        except (TimeoutError, ValueError) as error:
            raise BuildFailed(
                f"Building the environment took longer than {SERVING_BUILD_S:.0f} s.", log.text
            ) from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code != 0:
            raise BuildFailed(f"The model's environment cannot be built: {log.end}", log.text)

    def _environment(self) -> dict[str, str]:
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        home = self._folder / "home"
        home.mkdir(exist_ok=True, mode=0o700)
        return {
            "HOME": str(home),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
            **passed,
        }


class _Log:
    """The last lines of a build."""

    def __init__(self, text: str) -> None:
        self._lines = deque([text], maxlen=_LOG_LINES)

    def add(self, line: str) -> None:
        self._lines.append(line[:SERVING_REASON_CHARACTERS])

    @property
    def text(self) -> str:
        return "".join(self._lines)

    @property
    def end(self) -> str:
        """The last lines, as the reason of a failure."""
        return last_lines(self.text)


def last_lines(text: str, most: int = 12) -> str:
    """The end of a log, for a sentence of a state."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[-most:])[-SERVING_REASON_CHARACTERS:]


def _with_server(requirements: Requirements) -> Sequence[str]:
    """What the scoring server itself needs stands in the requirements of every model that MLflow has logged but these."""
    return (*requirements.packages, "mlflow", "uvicorn", "fastapi")


def uv_binary() -> str:
    """uv of the extra, else of the PATH; '' where there is none."""
    with contextlib.suppress(ImportError, FileNotFoundError):
        from uv import find_uv_bin  # pyright: ignore

        return str(find_uv_bin())  # pyright: ignore[reportUnknownArgumentType]
    return shutil.which("uv") or ""
