"""`modelkeep doctor`: why a client on this machine does not work, one finding after the other, each with what to do."""

import json
import os
from typing import Annotated

import typer

from modelkeep.cli.commands import new_group
from modelkeep.cli.exits import FINDINGS
from modelkeep.cli.parameters import Json

app = new_group()
Volume = Annotated[
    str,
    typer.Option(metavar="CATALOG.SCHEMA.VOLUME", help="A volume to upload a small file to, which is deleted again."),
]


@app.command("doctor")
def doctor(volume: Volume = "", as_json: Json = False) -> None:
    """Find out why a client does not work: its settings, the way to the server, the credential, MLflow, and files."""
    from modelkeep.cli.client import printable
    from modelkeep.cli.client_settings import FindingLevel
    from modelkeep.cli.diagnosis import diagnose

    counts = dict.fromkeys(FindingLevel, 0)
    findings: list[dict[str, str]] = []
    for finding in diagnose(os.environ, volume):
        counts[finding.level] += 1
        if as_json:
            findings.append({"level": finding.level, "message": finding.message})
        else:
            typer.echo(printable(f"{finding.level:<8} {finding.message}"))
    if as_json:
        typer.echo(json.dumps(findings, indent=2, ensure_ascii=False))
    elif not counts[FindingLevel.PROBLEM]:
        typer.echo("No problem.")
    raise typer.Exit(FINDINGS if counts[FindingLevel.PROBLEM] else 0)
