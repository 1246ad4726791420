"""The engine of serving endpoints, where the settings leave it on and MLflow is installed."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec

from modelkeep.serve.registry import Registry

if TYPE_CHECKING:
    from modelkeep.serving.controller import ServingController

_NEEDED = ("mlflow", "uvicorn", "packaging")


@asynccontextmanager
async def serving_of(registry: Registry) -> AsyncGenerator["ServingController | None"]:
    """The engine, started, and known to operations; None where it is off."""
    settings, engine = registry.settings, registry.engine
    if settings.serving == "off" or any(find_spec(name) is None for name in _NEEDED):
        yield None
        return
    from modelkeep.serving.controller import ServingController

    controller = ServingController(registry.db, registry.blobs, settings.data / "serving", settings.data)
    await controller.start()
    engine.services = msgspec.structs.replace(engine.services, serving=controller)
    try:
        yield controller
    finally:
        await controller.stop()
