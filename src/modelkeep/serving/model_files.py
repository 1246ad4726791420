"""A version's files, written out into a folder for the process that serves it."""

import asyncio
from pathlib import Path

from modelkeep.blobs.port import Blobs
from modelkeep.domain.errors import LimitExceeded, WrongState
from modelkeep.domain.model import ModelVersion
from modelkeep.domain.paths import ArtifactPath
from modelkeep.limits import SERVING_MODEL_BYTES, SERVING_MODEL_FILES
from modelkeep.store import files
from modelkeep.store.db import Database


async def write_out(db: Database, blobs: Blobs, version: ModelVersion, folder: Path) -> None:
    """All files of a READY version, below `folder`. Raises WrongState, LimitExceeded, Unavailable, FileNotFound."""
    async with db.read() as tx:
        manifest = await files.manifest(tx, version.artifact_set_id) if version.artifact_set_id else []
    label = f"Version {version.version} of '{version.model}'"
    if not any(file.path == "MLmodel" for file in manifest):
        raise WrongState(f"{label} has no files of a model here, so it cannot be served. Register it with its files.")
    size = sum(file.size for file in manifest)
    if len(manifest) > SERVING_MODEL_FILES or size > SERVING_MODEL_BYTES:
        raise LimitExceeded(
            f"{label} has {len(manifest)} files of {size} bytes; {SERVING_MODEL_FILES} files and {SERVING_MODEL_BYTES} bytes can be served."
        )
    for file in manifest:
        path = folder / ArtifactPath.file(file.path).text
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        with path.open("wb") as out:
            async for chunk in files.read(db, blobs, version.artifact_set_id, file, file.size):
                await asyncio.to_thread(out.write, chunk)
