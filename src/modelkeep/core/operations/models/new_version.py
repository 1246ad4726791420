"""The row of a new model version: what every version begins with."""

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.domain.model import ModelVersion, Securable, Status
from modelkeep.store.db import new_id


def new_version(ctx: ReadCtx, model: Securable, number: int, **fields: str) -> ModelVersion:
    """A PENDING version without files, unless `fields` (columns of `ModelVersion`) say otherwise."""
    id = new_id()
    # Clients refuse to copy or re-register a version whose model_id is empty (mlflow#22012), so every version has one.
    fields["logged_model_id"] = fields.get("logged_model_id") or f"m-{id.replace('-', '')}"
    values = {
        "status": Status.PENDING,
        "aliases_json": "[]",
        "tags_json": "{}",
        "params_json": "[]",
        "metrics_json": "[]",
        **fields,
        "id": id,
        "model_id": model.id,
        "version": number,
        "created_at": ctx.now,
        "created_by": ctx.actor.name,
        "updated_at": ctx.now,
        "updated_by": ctx.actor.name,
        "model": model.full_name,
        "spelled": model.name,
    }
    return msgspec.convert({name: values.get(name, "") for name in ModelVersion.__struct_fields__}, ModelVersion)
