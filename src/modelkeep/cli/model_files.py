"""Files of model versions: how the command line registers a folder, and downloads a version."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from modelkeep.cli.client import MLFLOW_UC, UC, V1, call, create_if_missing, list_all, parse_answer, part, send, stream
from modelkeep.domain.errors import InvalidArgument, Unavailable

_FILES = "/api/2.0/fs/files/Models"
_CHUNK_BYTES = 1 << 20


def create_model_if_missing(name: str) -> None:
    """Creates the registered model if the caller cannot find one of this name."""
    create_if_missing(f"{UC}/models/{part(name)}", f"{MLFLOW_UC}/registered-models/create", {"name": name})


def register_folder(name: str, folder: Path, comment: str) -> int:
    """Uploads a folder as a new version and finalizes it. Returns the version's number.

    If an upload fails, the unfinished version is deleted. Raises InvalidArgument, typer.Exit, and what `client.send` raises.
    """
    paths = _files_of(folder)
    body = {"name": name, "source": folder.resolve().as_uri(), "description": comment}
    version = int(call("POST", f"{MLFLOW_UC}/model-versions/create", body)["model_version"]["version"])
    try:
        for path in paths:
            _upload(_url(name, version, path.relative_to(folder).as_posix()), path)
        call("POST", f"{MLFLOW_UC}/model-versions/finalize", {"name": name, "version": str(version)})
    except BaseException:
        send("DELETE", f"{UC}/models/{part(name)}/versions/{version}")
        raise
    return version


def download(name: str, version: int, folder: Path) -> list[dict[str, Any]]:
    """Downloads all files of a version below `folder`. Returns the server's list of them.

    Raises Unavailable if a file does not have its hash, and InvalidArgument for a path that would leave the folder.
    """
    files = list_all("GET", f"{V1}/models/{part(name)}/versions/{version}/files", "files")
    root = folder.resolve()
    for file in files:
        target = (root / file["path"]).resolve()
        if not target.is_relative_to(root):
            raise InvalidArgument(f"The server names the file '{file['path']}', which is not below {folder}.")
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(_url(name, version, file["path"]), target, file["sha256"])
    return files


def _files_of(folder: Path) -> list[Path]:
    """The files below a folder. Raises InvalidArgument if they are not a model."""
    if not (folder / "MLmodel").is_file():
        raise InvalidArgument(f"There is no file MLmodel in {folder}. Save the model with mlflow first.")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _url(name: str, version: int, path: str) -> str:
    return f"{_FILES}/{quote(name.replace('.', '/'))}/{version}/{quote(path)}"


def _upload(url: str, path: Path) -> None:
    length = str(path.stat().st_size)
    headers = {"content-type": "application/octet-stream", "content-length": length}
    parse_answer(send("PUT", url, content=_chunks(path), headers=headers))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _download(url: str, target: Path, sha256: str) -> None:
    """Writes beside the target first, so that an interrupted download leaves no half file."""
    partial, digest = target.with_name(target.name + ".part"), hashlib.sha256()
    with stream(url) as chunks, partial.open("wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
    if sha256 and digest.hexdigest() != sha256:
        partial.unlink()
        raise Unavailable(f"'{target.name}' arrived with another hash than the registry has. Run the command again.")
    partial.replace(target)
