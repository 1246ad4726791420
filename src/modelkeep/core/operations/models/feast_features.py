"""The features of a run's model, in the file that Feast's MLflow integration adds to the run."""

import msgspec

from modelkeep.core.context import ServiceCtx
from modelkeep.core.operation import SourceRun
from modelkeep.limits import FEAST_FEATURES_BYTES
from modelkeep.store import files
from modelkeep.store.db import Database

CUT = "..."
"""At the end of a list that was too long for a tag: Feast makes the file of the tag (logger.py, `_truncate_for_tag`)."""
FILE = "feast_features.json"
"""`["view:feature", ...]`, in the root of the run's files (feast/mlflow_integration/client.py, `_log_required_features`)."""


async def with_features(ctx: ServiceCtx, db: Database, run: SourceRun | None) -> SourceRun | None:
    """The run with the features in its file. A run without tags of Feast has no such file, and a file that cannot be read as a
    list of texts, or is too large, says nothing."""
    if run is None or not run.feast or not run.source_run_id:
        return run
    async with db.read() as tx:
        owner = await files.set_of(tx, files.tracked_key(ctx.actor.workspace, "run", run.source_run_id))
        file = await files.file(tx, owner.id, FILE) if owner else None
    if owner is None or file is None or file.size > FEAST_FEATURES_BYTES:
        return run
    data = b"".join([chunk async for chunk in files.read(db, ctx.services.blobs, owner.id, file, file.size)])
    try:
        references = msgspec.json.decode(data, type=tuple[str, ...])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return run
    whole = (text for text in references if text.isprintable() and not text.endswith(CUT))
    return msgspec.structs.replace(run, features=tuple(whole))
