"""A version's files become a process's folder, within bounds; a process gets its limits from the kernel."""

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelkeep import limits
from modelkeep.domain.errors import LimitExceeded, WrongState
from modelkeep.domain.model import ArtifactFile
from modelkeep.serving import model_files, scoring_process

pytestmark = pytest.mark.anyio


class _Nothing:
    """In the place of a database and its transactions."""

    def read(self) -> "_Nothing":
        return self

    async def __aenter__(self) -> "_Nothing":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to do."""


def _files(monkeypatch: pytest.MonkeyPatch, *files: ArtifactFile) -> None:
    async def manifest(*_: Any) -> list[ArtifactFile]:
        return list(files)

    async def read(_: Any, __: Any, set_id: str, file: ArtifactFile, end: int) -> Any:
        yield file.path.encode()

    monkeypatch.setattr(model_files.files, "manifest", manifest)
    monkeypatch.setattr(model_files.files, "read", read)


class _Version:
    artifact_set_id = "set"
    version = 3
    model = "a.b.c"


def _file(path: str, size: int = 1) -> ArtifactFile:
    return ArtifactFile(path, size, "", "", "[]", 0)


async def _write(tmp_path: Path) -> None:
    await model_files.write_out(_Nothing(), None, _Version(), tmp_path)  # type: ignore[arg-type]


async def test_files_are_written_with_their_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _files(monkeypatch, _file("MLmodel"), _file("code/a/b.py"))
    await _write(tmp_path)
    assert (tmp_path / "code/a/b.py").read_text() == "code/a/b.py"


async def test_what_is_no_model_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _files(monkeypatch, _file("other"))
    with pytest.raises(WrongState, match="no files of a model"):
        await _write(tmp_path)
    _files(monkeypatch, _file("MLmodel", limits.SERVING_MODEL_BYTES + 1))
    with pytest.raises(LimitExceeded):
        await _write(tmp_path)
    _files(monkeypatch, *[_file("MLmodel")] * (limits.SERVING_MODEL_FILES + 1))
    with pytest.raises(LimitExceeded):
        await _write(tmp_path)


def test_a_process_gets_its_limits() -> None:
    """In a process of its own, since a limit cannot be raised again."""
    program = Path(scoring_process.__file__)
    most = (limits.SERVING_MEMORY_BYTES, limits.SERVING_FILE_BYTES, limits.SERVING_DESCRIPTORS)
    code = (
        f"import sys, resource; sys.path.insert(0, {str(program.parent)!r}); import scoring_process as s; s.limit{most}; "
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0], resource.getrlimit(resource.RLIMIT_FSIZE)[0], "
        "resource.getrlimit(resource.RLIMIT_NOFILE)[0], resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert printed == [str(most[0]), str(most[1]), str(min(most[2], hard)), "0"]
