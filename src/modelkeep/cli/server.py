"""Commands that open the data directory themselves: serve, migrate, check and env."""

import asyncio
import logging
import os
import sys
from typing import Annotated, Any

import typer

from modelkeep.cli.commands import new_group
from modelkeep.cli.exits import FINDINGS, PORT_IN_USE
from modelkeep.settings import Settings, load

DataDir = Annotated[str | None, typer.Option("--data-dir", help="Default: MODELKEEP_DATA_DIR, else ./modelkeep-data.")]
Port = Annotated[int | None, typer.Option(help="Default: MODELKEEP_PORT, else 8080.")]
TOKEN_MS = 24 * 3_600_000
"""The lifetime of the token that `modelkeep env` prints."""

serve_app, migrate_app, check_app, env_app = new_group(), new_group(), new_group(), new_group()
_NO_WORKSPACE = "The tracking workspace is off, because MLflow is not installed"
_ADD_WORKSPACE = "pip install 'modelkeep[workspace]'"


@serve_app.command("serve")
def serve(
    host: Annotated[str | None, typer.Option(help="Default: MODELKEEP_HOST, else 127.0.0.1.")] = None,
    port: Port = None,
    data_dir: DataDir = None,
    workspace: Annotated[
        bool | None, typer.Option(help="Run MLflow's tracking server behind this one. Default: if MLflow is installed.")
    ] = None,
) -> None:
    """Start the server in the foreground."""
    from modelkeep.domain.errors import PortInUse
    from modelkeep.observe.logs import configure, log
    from modelkeep.serve.process import run

    settings, lacks_mlflow = with_workspace_if_installed(
        load(host=host, port=port, data_dir=data_dir, workspace=workspace), chosen=workspace is not None
    )
    configure(level=settings.log_level, json=settings.log_json)
    if lacks_mlflow:
        log.info(_NO_WORKSPACE, add_it=_ADD_WORKSPACE)
    try:
        asyncio.run(run(settings)) if os.name == "nt" else _run_with_uvloop(run(settings))
    except PortInUse as error:
        log.critical("Modelkeep cannot start", reason=error.message)
        raise typer.Exit(PORT_IN_USE) from None


def with_workspace_if_installed(settings: Settings, *, chosen: bool = False) -> tuple[Settings, bool]:
    """The settings that the server runs with, and whether they leave out the workspace because MLflow is not installed.

    `chosen`: a flag has set `workspace`; MODELKEEP_WORKSPACE counts as well. Raises BadSetting if it is chosen and MLflow is not
    installed.
    """
    from importlib.util import find_spec

    import msgspec

    from modelkeep.domain.errors import BadSetting
    from modelkeep.settings import variable_of

    if not settings.workspace or find_spec("mlflow") is not None:
        return settings, False
    if chosen or variable_of("workspace") in os.environ:
        raise BadSetting(
            f"The workspace needs MLflow: {_ADD_WORKSPACE}, or run without it (--no-workspace, MODELKEEP_WORKSPACE=0)."
        )
    return msgspec.structs.replace(settings, workspace=False), True


def log_to_stderr() -> None:
    """Keeps log lines out of standard output, which is the command's result alone."""
    import structlog

    if not structlog.is_configured():
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # a failure is our one line, not its attempts


def _run_with_uvloop(main: Any) -> None:
    import uvloop

    uvloop.run(main)


@migrate_app.command("migrate")
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's schema up to date."""
    from modelkeep.serve.parts import database, private_folder
    from modelkeep.store.db import migrate as apply

    async def work(settings: Settings) -> None:
        private_folder(settings.data)
        db = database(settings)
        await db.open()
        try:
            names = await apply(db)
        finally:
            await db.close()
        typer.echo("\n".join(f"applied {name}" for name in names) or "The schema is up to date.")

    log_to_stderr()
    asyncio.run(work(load(data_dir=data_dir)))


@check_app.command("check")
def check(
    data_dir: DataDir = None,
    repair: Annotated[bool, typer.Option(help="Queue the deletion of files that nothing refers to.")] = False,
) -> None:
    """Prove that database and storage agree: every file of every version exists, and no other file does."""
    from modelkeep.jobs.check import findings, notes
    from modelkeep.serve.registry import opened

    async def work(settings: Settings) -> int:
        must_exist(settings)
        async with opened(settings, upgrade=False) as registry:
            problems = [text async for text in findings(registry.db, registry.blobs, repair=repair)]
            remarks = [text async for text in notes(registry.db)]
        for text in (*remarks, *problems):
            typer.echo(text)
        typer.echo(f"{len(problems)} problems" if problems else "Database and storage agree.")
        return FINDINGS if problems else 0

    log_to_stderr()
    raise typer.Exit(asyncio.run(work(load(data_dir=data_dir))))


@env_app.command("env")
def env(
    port: Port = None,
    data_dir: DataDir = None,
    user: Annotated[str, typer.Option(help="Name of another account admin than the built-in one.")] = "",
) -> None:
    """Print the exports for an MLflow client, with an admin token that lives 24 hours. Reads the data directory."""
    from modelkeep.cli.admin_token import create_admin_token

    settings = load(port=port, data_dir=data_dir)
    must_exist(settings)
    log_to_stderr()
    token = asyncio.run(create_admin_token(settings, TOKEN_MS, user))
    for line in (
        f"export DATABRICKS_HOST={settings.address}",
        f"export DATABRICKS_TOKEN={token}",
        "export MLFLOW_TRACKING_URI=databricks",
        "export MLFLOW_REGISTRY_URI=databricks-uc",
    ):
        typer.echo(line)


def must_exist(settings: Settings) -> None:
    """Raises NotFound if the data directory holds no deployment."""
    from modelkeep.domain.errors import NotFound

    if not settings.data.is_dir() or (not settings.database_url and not (settings.data / "modelkeep.db").exists()):
        raise NotFound(
            f"There is no deployment in {settings.data}. Start one with `modelkeep serve`, or name its data directory."
        )
