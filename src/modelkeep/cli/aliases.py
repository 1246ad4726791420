"""`modelkeep aliases`: protected aliases, and moves of several aliases at once."""

from typing import Annotated

import typer

from modelkeep.cli.client import V1, call, part, show, show_json
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Alias, FullName, Json, Model, SecurableType

app = new_group()
Principals = Annotated[list[str], typer.Argument(help="Users, groups and service principals that may move the alias.")]
Moves = Annotated[
    list[str], typer.Argument(metavar="ALIAS=VERSION...", help="Aliases and their new versions. ALIAS= removes one.")
]


@app.command("list")
def list_(securable_type: SecurableType, full_name: FullName, as_json: Json = False) -> None:
    """List the protected aliases of a model, schema or catalog."""
    rows = call("GET", _path(securable_type, full_name))["protected_aliases"]
    show(rows, ("alias", "principals", "securable_type", "securable_name"), as_json)


@app.command()
def protect(
    securable_type: SecurableType, full_name: FullName, alias: Alias, principals: Principals, as_json: Json = False
) -> None:
    """Let only these principals move an alias. For example: aliases protect schema prod.ml_team champion releasers"""
    show_json(call("PUT", _path(securable_type, full_name, alias), {"principals": principals}), as_json)


@app.command()
def unprotect(securable_type: SecurableType, full_name: FullName, alias: Alias, as_json: Json = False) -> None:
    """Let everybody with the privilege move an alias again."""
    show_json(call("DELETE", _path(securable_type, full_name, alias)), as_json)


@app.command()
def move(model: Model, moves: Moves, as_json: Json = False) -> None:
    """Move several aliases in one step. For example: aliases move prod.ml_team.iris champion=7 challenger=8 old="""
    if bare := [move for move in moves if "=" not in move]:
        raise typer.BadParameter(f"'{bare[0]}' says no version: write {bare[0]}=7, or {bare[0]}= to remove the alias.")
    pairs = [move.partition("=")[::2] for move in moves]
    body = {
        "set": [{"alias_name": alias, "version_num": number} for alias, number in pairs if number],
        "remove": [alias for alias, number in pairs if not number],
    }
    show_json(call("PATCH", f"{V1}/models/{part(model)}/aliases", body), as_json)


def _path(kind: str, name: str, alias: str = "") -> str:
    return f"{V1}/protected-aliases/{part(kind)}/{part(name)}" + (f"/{part(alias)}" if alias else "")
