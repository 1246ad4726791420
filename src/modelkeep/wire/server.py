"""The HTTP server: uvicorn, as this program needs it."""

import uvicorn

from modelkeep.wire.app import App


async def serve(app: App, host: str, port: int) -> None:
    """Answer requests until a signal says stop."""
    config = uvicorn.Config(
        app, host=host, port=port, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None,
        server_header=False, backlog=2048, timeout_graceful_shutdown=5,
    )  # fmt: skip
    await uvicorn.Server(config).serve()
