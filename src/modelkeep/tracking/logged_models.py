"""Acts on logged models, and the read-only view of one whose experiment the caller may not see."""

from typing import Any

from modelkeep.domain.errors import NotFound, PermissionDenied
from modelkeep.http.messages import Response
from modelkeep.store.experiments import Level
from modelkeep.tracking import answers
from modelkeep.tracking.access import missing
from modelkeep.tracking.calls import values
from modelkeep.tracking.proxy import KnownModel, ProxiedCall, TrackingProxy
from modelkeep.tracking.route_rules import TrackedKind

_VERSIONS_TAG = "mlflow.modelVersions"


async def create_logged_model(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """A new logged model of one of the caller's experiments."""
    document = await proxy.forward(proxied.call)
    info = document["model"]["info"]
    await proxy.access.place(TrackedKind.LOGGED_MODEL, info["model_id"], info["experiment_id"])
    await proxy.record(proxied, [("logged_model", info["model_id"]), ("experiment", info["experiment_id"])])
    return await proxy.respond(proxied, document)


async def get_logged_model(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """The logged model, or what a model version that the caller may execute remembers of it."""
    model_id = proxied.call.text("model_id")
    try:
        await proxy.access.require(proxied.actor, TrackedKind.LOGGED_MODEL, model_id, Level.READ)
    except NotFound:
        known = await proxy.resolver(proxied.actor, model_id)
        if known is None:
            raise
        return await proxy.respond(proxied, {"model": _remembered(known)})
    return await proxy.respond(proxied, await proxy.forward(proxied.call))


async def tag_logged_model(proxy: TrackingProxy, proxied: ProxiedCall) -> Response:
    """Tags, for those who may edit."""
    try:
        await proxy.access.require(proxied.actor, TrackedKind.LOGGED_MODEL, proxied.call.text("model_id"), Level.EDIT)
    except PermissionDenied as error:
        # After registering, the client notes the version on the logged model and gives up on any code but this one
        # (mlflow/tracking/_model_registry/fluent.py), though a reader may register what he can read.
        if values(proxied.call.fields, "tags[].key") == [_VERSIONS_TAG]:
            raise missing(TrackedKind.LOGGED_MODEL, proxied.call.text("model_id")) from error
        raise
    return answers.respond(await proxy.forward(proxied.call))


def _remembered(known: KnownModel) -> dict[str, Any]:
    metrics = [
        {name: getattr(metric, name) for name in metric.__struct_fields__ if getattr(metric, name) not in ("", None)}
        for metric in known.metrics
    ]
    info = {
        "model_id": known.model_id,
        "experiment_id": known.experiment_id,
        "name": known.name,
        "creation_timestamp_ms": known.created_at,
        "last_updated_timestamp_ms": known.updated_at,
        "status": "LOGGED_MODEL_READY",
        "artifact_uri": "",
    }
    if known.source_run_id:
        info["source_run_id"] = known.source_run_id
    return {
        "info": info,
        "data": {"params": [{"key": p.name, "value": p.value} for p in known.params], "metrics": metrics},
    }
