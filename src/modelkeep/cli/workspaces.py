"""`modelkeep workspaces`: workspaces, and who may enter them."""

from typing import Annotated

import typer

from modelkeep.cli.client import V1, call, part, show, show_json
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Json, Principal, changes
from modelkeep.domain.errors import NotFound

app = new_group()
_WORKSPACES = f"{V1}/workspaces"
_COLUMNS = ("id", "name", "url")

Workspace = Annotated[str, typer.Argument(help="Name or id of the workspace.")]
Address = Annotated[str, typer.Argument(help="host or host:port that its clients have in DATABRICKS_HOST.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the workspaces that you may enter."""
    show(call("GET", _WORKSPACES)["workspaces"], _COLUMNS, as_json)


@app.command()
def get(workspace: Workspace, as_json: Json = False) -> None:
    """Show a workspace."""
    rows = call("GET", _WORKSPACES)["workspaces"]
    same = [row for row in rows if workspace.casefold() in (row["id"], row["name"].casefold())]
    if not same:
        raise NotFound(f"There is no workspace '{workspace}' that you may enter.")
    show(same[0], _COLUMNS, as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the new workspace.")], address: Address, as_json: Json = False
) -> None:
    """Create a workspace."""
    show(call("POST", _WORKSPACES, {"name": name, "address": address}), _COLUMNS, as_json)


@app.command()
def update(
    workspace: Workspace,
    name: Annotated[str | None, typer.Option(help="The new name.")] = None,
    address: Annotated[str | None, typer.Option(help="The new host or host:port.")] = None,
    as_json: Json = False,
) -> None:
    """Change the name or the address of a workspace."""
    body = changes(name=name, address=address)
    show(call("PATCH", f"{_WORKSPACES}/{part(workspace)}", body), _COLUMNS, as_json)


@app.command()
def delete(workspace: Workspace, as_json: Json = False) -> None:
    """Delete a workspace and its address. Its experiments stay on disk."""
    show_json(call("DELETE", f"{_WORKSPACES}/{part(workspace)}"), as_json)


@app.command()
def members(workspace: Workspace, as_json: Json = False) -> None:
    """List who may enter a workspace, and who manages it."""
    rows = call("GET", f"{_WORKSPACES}/{part(workspace)}/assignments")["assignments"]
    show(rows, ("name", "kind", "level"), as_json)


@app.command()
def assign(
    workspace: Workspace,
    principal: Principal,
    admin: Annotated[bool, typer.Option(help="Let it also manage the members and all experiments.")] = False,
    as_json: Json = False,
) -> None:
    """Let a user, group or service principal enter a workspace."""
    path = f"{_WORKSPACES}/{part(workspace)}/assignments/{part(principal)}"
    show_json(call("PUT", path, {"level": "ADMIN" if admin else "USER"}), as_json)


@app.command()
def unassign(workspace: Workspace, principal: Principal, as_json: Json = False) -> None:
    """End the assignment of a principal to a workspace."""
    show_json(call("DELETE", f"{_WORKSPACES}/{part(workspace)}/assignments/{part(principal)}"), as_json)


def workspace_id(workspace: str) -> int:
    """The id of a workspace that is named by id or name. Raises typer.BadParameter."""
    if workspace.isdecimal():
        return int(workspace)
    rows = call("GET", _WORKSPACES)["workspaces"]
    ids = [row["id"] for row in rows if row["name"].casefold() == workspace.casefold()]
    if not ids:
        raise typer.BadParameter(f"You can enter no workspace named {workspace!r}.")
    return int(ids[0])
