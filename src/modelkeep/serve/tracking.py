"""The tracking servers of all workspaces, where the settings turn them on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any

from modelkeep.core.operations.models import versions
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import BadSetting
from modelkeep.domain.model import ModelVersion
from modelkeep.domain.signed_tokens import Signer
from modelkeep.serve.registry import Registry
from modelkeep.store import workspaces
from modelkeep.tracking.proxy import TrackingServices


@asynccontextmanager
async def tracking_of(registry: Registry, signer: Signer) -> AsyncGenerator[Any]:
    """The workspaces, each with MLflow's tracking server as a child; None where the settings say so.
    Raises BadSetting."""
    settings, engine = registry.settings, registry.engine
    if not settings.workspace:
        yield None
        return
    from modelkeep.api.files.presigned_urls import Urls
    from modelkeep.api.files.run_artifacts import RunArtifacts
    from modelkeep.tracking.app import TrackingApp
    from modelkeep.tracking.child import TrackingServer
    from modelkeep.tracking.proxy import KnownModel
    from modelkeep.tracking.workspace_apps import TrackingApps

    if find_spec("mlflow") is None:
        raise BadSetting(
            "The workspace needs MLflow: pip install 'modelkeep[workspace]', or run without it (--no-workspace, MODELKEEP_WORKSPACE=0)."
        )

    async def known(actor: Actor, model_id: str) -> KnownModel | None:
        version: ModelVersion | None = await engine.execute(actor, versions.FindLoggedModel(model_id))
        if version is None:
            return None
        name = version.model.rpartition(".")[2]
        return KnownModel(
            model_id,
            name,
            version.experiment_id or "0",
            version.run_id,
            tuple(version.params),
            tuple(version.metrics),
            version.created_at,
            version.updated_at,
        )

    async def start(workspace_id: str) -> tuple[TrackingApp, TrackingServer]:
        other = "" if workspace_id == settings.workspace_id else workspace_id
        child = TrackingServer(settings.data, settings.database_url, other)
        await child.start()
        urls = Urls(registry.db, signer, engine.config.url_ms)
        artifacts = RunArtifacts(engine, urls, workspace_id)
        services = TrackingServices(
            registry.db, child, artifacts, registry.auditor, known, workspace_id, engine.config.page_tokens
        )
        return TrackingApp(services), child

    async def existing() -> set[str]:
        async with registry.db.read() as tx:
            return {workspace.id for workspace in await workspaces.every(tx)}

    workspaces_by_id = TrackingApps(start, settings.workspace_id, existing)
    try:
        await workspaces_by_id.of(settings.workspace_id)
        yield workspaces_by_id
    finally:
        await workspaces_by_id.stop()
