"""Verbs that open the data directory themselves: for whoever runs the server."""

import asyncio
import os
import re
from typing import Annotated, Any

import typer

from modelkeep.cli.exits import FINDINGS, PORT_IN_USE
from modelkeep.settings import Settings, load

DataDir = Annotated[str | None, typer.Option("--data-dir", help="Default: MODELKEEP_DATA_DIR, else ./modelkeep-data.")]
Port = Annotated[int | None, typer.Option(help="Default: MODELKEEP_PORT, else 8080.")]
TOKEN_MS = 24 * 3_600_000


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(migrate)
    app.command()(check)
    app.command()(env)


def serve(
    host: Annotated[str | None, typer.Option(help="Default: MODELKEEP_HOST, else 127.0.0.1.")] = None,
    port: Port = None,
    data_dir: DataDir = None,
    workspace: Annotated[bool | None, typer.Option(help="Run MLflow's tracking server behind this one.")] = None,
) -> None:
    """Start the server, in the foreground."""
    from modelkeep.core.errors import PortInUse
    from modelkeep.observe.logs import configure, log
    from modelkeep.serve import run

    settings = load(host=host, port=port, data_dir=data_dir, workspace=workspace)
    configure(level=settings.log_level, json=settings.log_json)
    try:
        asyncio.run(run(settings)) if os.name == "nt" else _run_fast(run(settings))
    except PortInUse as error:
        log.critical("Modelkeep cannot start", reason=error.message)
        raise typer.Exit(PORT_IN_USE) from None


def _run_fast(main: Any) -> None:
    import uvloop

    uvloop.run(main)


def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's schema up to date."""
    from modelkeep.serve import database, private_folder
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

    asyncio.run(work(load(data_dir=data_dir)))


def check(
    data_dir: DataDir = None,
    repair: Annotated[bool, typer.Option(help="Queue the clean-up of what nothing refers to.")] = False,
) -> None:
    """Prove that database and storage agree: every file of every version is there, and nothing else is."""
    from modelkeep.jobs.check import findings, notes
    from modelkeep.serve import opened

    async def work(settings: Settings) -> int:
        must_exist(settings)
        async with opened(settings, upgrade=False) as registry:
            problems = [text async for text in findings(registry.db, registry.blobs, repair=repair)]
            remarks = [text async for text in notes(registry.db)]
        for text in (*remarks, *problems):
            typer.echo(text)
        typer.echo(f"{len(problems)} problems" if problems else "Database and storage agree.")
        return 3 if problems else 0

    raise typer.Exit(asyncio.run(work(load(data_dir=data_dir))))


def env(
    port: Port = None,
    data_dir: DataDir = None,
    user: Annotated[str, typer.Option(help="Another account admin than the built-in one.")] = "",
) -> None:
    """Print the exports for an MLflow client, with an admin token that lives 24 hours. Needs to read the data directory."""
    from modelkeep.cli.mint import admin_token

    settings = load(port=port, data_dir=data_dir)
    must_exist(settings)
    token = asyncio.run(admin_token(settings, TOKEN_MS, user))
    for line in (
        f"export DATABRICKS_HOST={settings.address}",
        f"export DATABRICKS_TOKEN={token}",
        "export MLFLOW_TRACKING_URI=databricks",
        "export MLFLOW_REGISTRY_URI=databricks-uc",
    ):
        typer.echo(line)


def must_exist(settings: Settings) -> None:
    """Raises NotFound if the data directory holds no deployment."""
    from modelkeep.core.errors import NotFound

    if not settings.data.is_dir() or (not settings.database_url and not (settings.data / "modelkeep.db").exists()):
        raise NotFound(
            f"There is no deployment in {settings.data}. Start one with `modelkeep serve`, or name its data directory."
        )


def verify_audit(
    data_dir: DataDir = None,
    head: Annotated[str, typer.Option(help="A hash that an earlier run printed: is it still in the chain?")] = "",
) -> None:
    """Recompute the audit chain, archives included: exit 0 where it holds (and has the head that is asked for), else 3."""
    from modelkeep.jobs.archive import verify
    from modelkeep.serve import opened
    from modelkeep.store import audit_guards

    # A head that was copied short is no proof of anything, least of all that the chain is broken.
    if head and not re.fullmatch(r"[0-9a-f]{64}", head.strip().lower()):
        raise typer.BadParameter("A head is the 64 hexadecimal digits that `modelkeep audit verify` printed.")

    async def work(settings: Settings) -> int:
        must_exist(settings)
        async with opened(settings, upgrade=False) as registry:
            proof = await verify(registry.db, registry.blobs, head=head.strip().lower())
            async with registry.db.read() as tx:
                unguarded = await audit_guards.missing(tx, registry.db.dialect)
        verdict = proof.verdict
        typer.echo(
            f"sealed {verdict.sealed} · archived {proof.archived} · unsealed {verdict.unsealed} · head {verdict.head}"
        )
        broken = verdict.broken
        if head and not broken and not verdict.found:
            broken = f"No link of the chain has the hash {head}: what it stood for was cut off or replaced."
        if verdict.found:
            typer.echo(f"The head asked for is link {verdict.found}.")
        if unguarded and not broken:
            broken = (
                f"The database no longer keeps the log append-only: these triggers are gone: {', '.join(unguarded)}."
            )
        if broken:
            typer.echo(f"BROKEN: {broken}")
        return FINDINGS if broken else 0

    raise typer.Exit(asyncio.run(work(load(data_dir=data_dir))))
