"""`modelkeep audit verify`: recomputes the audit chain of a data directory."""

import asyncio
import re
from typing import TYPE_CHECKING, Annotated

import typer

from modelkeep.cli.exits import FINDINGS
from modelkeep.cli.server import DataDir, log_to_stderr, must_exist
from modelkeep.settings import Settings, load

if TYPE_CHECKING:
    from modelkeep.jobs.archive import Proof

Head = Annotated[str, typer.Option(help="A hash that an earlier run printed. Fails if the chain no longer has it.")]


def verify(data_dir: DataDir = None, head: Head = "") -> None:
    """Recompute the audit chain, archives included. Exits with 0 if it holds and has the head, else with 3."""
    head = head.strip().lower()
    # A head that was copied short is no proof of anything, least of all that the chain is broken.
    if head and not re.fullmatch(r"[0-9a-f]{64}", head):
        raise typer.BadParameter("A head is the 64 hexadecimal digits that `modelkeep audit verify` printed.")
    log_to_stderr()
    raise typer.Exit(asyncio.run(_verify(load(data_dir=data_dir), head)))


async def _verify(settings: Settings, head: str) -> int:
    from modelkeep.jobs import archive
    from modelkeep.serve.registry import opened
    from modelkeep.store import audit_guards

    must_exist(settings)
    async with opened(settings, upgrade=False) as registry:
        proof = await archive.verify(registry.db, registry.blobs, head=head)
        async with registry.db.read() as tx:
            lost_triggers = await audit_guards.missing(tx, registry.db.dialect)
    verdict = proof.verdict
    typer.echo(
        f"sealed {verdict.sealed} · archived {proof.archived} · unsealed {verdict.unsealed} · head {verdict.head}"
    )
    if verdict.expected_link:
        typer.echo(f"That head is link {verdict.expected_link}.")
    problem = _problem(proof, head, lost_triggers)
    if problem:
        typer.echo(f"BROKEN: {problem}")
    return FINDINGS if problem else 0


def _problem(proof: "Proof", head: str, lost_triggers: list[str]) -> str:
    """Why the log cannot be trusted, '' if it can."""
    broken = proof.verdict.broken
    if not broken and head and not proof.verdict.expected_link:
        broken = f"No link of the chain has the hash {head}: what it stood for was cut off or replaced."
    if not broken and lost_triggers:
        broken = (
            f"The database no longer keeps the log append-only: these triggers are gone: {', '.join(lost_triggers)}."
        )
    return broken
