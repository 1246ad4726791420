"""Verbs about workspaces, who may enter them, and which catalogs they may reach."""

from typing import Annotated, Any

import typer

from modelkeep.cli.client import call, every, part, show

UC, V1 = "/api/2.1/unity-catalog", "/api/modelkeep/v1/workspaces"
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
_COLUMNS = ("id", "name", "url")
_TYPE = "BINDING_TYPE_"


def workspaces(group: typer.Typer) -> None:
    @group.command("list")
    def list_(as_json: Json = False) -> None:
        """Those that you may enter."""
        show(call("GET", V1)["workspaces"], _COLUMNS, as_json)

    @group.command()
    def create(name: str, address: str, as_json: Json = False) -> None:
        """ADDRESS is host or host:port: what its clients have in DATABRICKS_HOST."""
        show(call("POST", V1, {"name": name, "address": address}), _COLUMNS, as_json)

    @group.command()
    def update(workspace: str, name: str | None = None, address: str | None = None, as_json: Json = False) -> None:
        """A new name, a new address, or both."""
        show(call("PATCH", f"{V1}/{part(workspace)}", {"name": name, "address": address}), _COLUMNS, as_json)

    @group.command()
    def delete(workspace: str) -> None:
        """End its address. What was tracked in it stays on disk."""
        call("DELETE", f"{V1}/{part(workspace)}")

    @group.command()
    def members(workspace: str, as_json: Json = False) -> None:
        """Who may enter it, and who manages it."""
        found = call("GET", f"{V1}/{part(workspace)}/assignments")["assignments"]
        show(found, ("name", "kind", "level"), as_json)

    @group.command()
    def assign(workspace: str, principal: str, admin: bool = False) -> None:
        """Let a user, group or service principal in; --admin lets it manage who enters, and all experiments."""
        level = "ADMIN" if admin else "USER"
        call("PUT", f"{V1}/{part(workspace)}/assignments/{part(principal)}", {"level": level})

    @group.command()
    def unassign(workspace: str, principal: str) -> None:
        call("DELETE", f"{V1}/{part(workspace)}/assignments/{part(principal)}")


def bindings(group: typer.Typer) -> None:
    """Among the verbs of catalogs."""

    @group.command()
    def isolate(name: str) -> None:
        """Close a catalog to all workspaces but this one, and those that it is bound to."""
        call("PATCH", f"{UC}/catalogs/{part(name)}", {"isolation_mode": "ISOLATED"})

    @group.command("open")
    def open_(name: str) -> None:
        """Open a catalog to all workspaces."""
        call("PATCH", f"{UC}/catalogs/{part(name)}", {"isolation_mode": "OPEN"})

    @group.command("bindings")
    def list_(name: str, as_json: Json = False) -> None:
        """The workspaces through which an isolated catalog can be reached."""
        found = every("GET", f"{UC}/bindings/catalog/{part(name)}", "bindings")
        show(found, ("workspace_id", "binding_type"), as_json)

    @group.command()
    def bind(name: str, workspace: str, read_only: bool = False) -> None:
        """WORKSPACE is a name or an id."""
        access = "READ_ONLY" if read_only else "READ_WRITE"
        _change(name, {"add": [{"workspace_id": _id(workspace), "binding_type": _TYPE + access}]})

    @group.command()
    def unbind(name: str, workspace: str) -> None:
        _change(name, {"remove": [{"workspace_id": _id(workspace)}]})


def _change(name: str, change: dict[str, Any]) -> None:
    show(
        call("PATCH", f"{UC}/bindings/catalog/{part(name)}", change)["bindings"],
        ("workspace_id", "binding_type"),
        False,
    )


def _id(workspace: str) -> int:
    if workspace.isdecimal():
        return int(workspace)
    found = [w["id"] for w in call("GET", V1)["workspaces"] if w["name"].casefold() == workspace.casefold()]
    if not found:
        raise typer.BadParameter(f"You can enter no workspace named {workspace!r}.")
    return int(found[0])
