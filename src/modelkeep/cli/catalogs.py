"""`modelkeep catalogs`: catalogs, their tags, and the workspaces that they are bound to."""

from typing import Annotated, Any

import typer

from modelkeep.cli import audit
from modelkeep.cli.client import UC, call, list_all, part, show, show_json
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import (
    Catalog,
    Comment,
    Force,
    Json,
    NewComment,
    NewOwner,
    TagKeys,
    Tags,
    change_tags,
    changes,
)
from modelkeep.cli.workspaces import Workspace, workspace_id

app = new_group()
_COLUMNS = ("name", "owner", "comment")
_BINDING_COLUMNS = ("workspace_id", "binding_type")

app.command("activity")(audit.activity("CATALOG"))


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the catalogs that you can see."""
    show(list_all("GET", f"{UC}/catalogs", "catalogs"), _COLUMNS, as_json)


@app.command()
def get(name: Catalog, as_json: Json = False) -> None:
    """Show a catalog."""
    show(call("GET", f"{UC}/catalogs/{part(name)}"), (*_COLUMNS, "isolation_mode"), as_json)


@app.command()
def create(name: Catalog, comment: Comment = "", as_json: Json = False) -> None:
    """Create a catalog."""
    show(call("POST", f"{UC}/catalogs", {"name": name, "comment": comment}), _COLUMNS, as_json)


@app.command()
def update(name: Catalog, comment: NewComment = None, owner: NewOwner = None, as_json: Json = False) -> None:
    """Change the description or the owner of a catalog."""
    show(call("PATCH", f"{UC}/catalogs/{part(name)}", changes(comment=comment, owner=owner)), _COLUMNS, as_json)


@app.command()
def delete(name: Catalog, force: Force = False, as_json: Json = False) -> None:
    """Delete a catalog."""
    show_json(call("DELETE", f"{UC}/catalogs/{part(name)}", force=str(force).lower()), as_json)


@app.command()
def tag(name: Catalog, tags: Tags, as_json: Json = False) -> None:
    """Set tags of a catalog."""
    show_json(change_tags("catalog", name, add=tags), as_json)


@app.command()
def untag(name: Catalog, keys: TagKeys, as_json: Json = False) -> None:
    """Remove tags of a catalog."""
    show_json(change_tags("catalog", name, remove=keys), as_json)


@app.command()
def isolate(name: Catalog, as_json: Json = False) -> None:
    """Close a catalog to other workspaces. This workspace and those that the catalog is bound to can still reach it."""
    show_json(call("PATCH", f"{UC}/catalogs/{part(name)}", {"isolation_mode": "ISOLATED"}), as_json)


@app.command("open")
def open_(name: Catalog, as_json: Json = False) -> None:
    """Open a catalog to all workspaces."""
    show_json(call("PATCH", f"{UC}/catalogs/{part(name)}", {"isolation_mode": "OPEN"}), as_json)


@app.command("bindings")
def list_bindings(name: Catalog, as_json: Json = False) -> None:
    """List the workspaces that can reach an isolated catalog."""
    show(list_all("GET", f"{UC}/bindings/catalog/{part(name)}", "bindings"), _BINDING_COLUMNS, as_json)


@app.command()
def bind(
    name: Catalog,
    workspace: Workspace,
    read_only: Annotated[bool, typer.Option(help="Let the workspace read, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Let a workspace reach an isolated catalog."""
    access = "BINDING_TYPE_READ_ONLY" if read_only else "BINDING_TYPE_READ_WRITE"
    _change_bindings(name, {"add": [{"workspace_id": workspace_id(workspace), "binding_type": access}]}, as_json)


@app.command()
def unbind(name: Catalog, workspace: Workspace, as_json: Json = False) -> None:
    """Close an isolated catalog to a workspace."""
    _change_bindings(name, {"remove": [{"workspace_id": workspace_id(workspace)}]}, as_json)


def _change_bindings(name: str, change: dict[str, Any], as_json: bool) -> None:
    bindings = call("PATCH", f"{UC}/bindings/catalog/{part(name)}", change)["bindings"]
    show(bindings, _BINDING_COLUMNS, as_json)
