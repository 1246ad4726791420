"""`modelkeep prompts`: prompts of a schema, their versions and aliases."""

from pathlib import Path
from typing import Annotated, Any

import typer

from modelkeep.cli import audit
from modelkeep.cli.client import MLFLOW_UC, V1, call, create_if_missing, list_all, part, show, show_json, show_value
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import (
    Alias,
    Comment,
    Json,
    NewComment,
    NewName,
    NewOwner,
    NewVersionComment,
    Prompt,
    Schema,
    TagKeys,
    Tags,
    Version,
    change_tags,
    changes,
    split_schema,
)

app = new_group()
_PROMPTS, _MLFLOW_PROMPTS = f"{V1}/prompts", f"{MLFLOW_UC}/prompts"
_COLUMNS = ("full_name", "owner", "comment")
_VERSION_COLUMNS = ("version", "type", "aliases", "created_by", "comment")
_ADDED_COLUMNS = ("name", "version", "description")
VersionOrAlias = Annotated[str, typer.Argument(help="Number of the version, or @ and an alias.")]

app.command("activity")(audit.activity("PROMPT"))


def _path(name: str, version: int) -> str:
    return f"{_PROMPTS}/{part(name)}/versions/{version}"


@app.command("list")
def list_(schema: Schema, as_json: Json = False) -> None:
    """List the prompts of a schema."""
    show(list_all("GET", _PROMPTS, "prompts", **split_schema(schema)), _COLUMNS, as_json)


@app.command()
def get(name: Prompt, as_json: Json = False) -> None:
    """Show a prompt with its aliases and tags."""
    show(call("GET", f"{_PROMPTS}/{part(name)}"), (*_COLUMNS, "newest_version", "aliases", "tags"), as_json)


@app.command()
def create(name: Prompt, comment: Comment = "", as_json: Json = False) -> None:
    """Create a prompt without versions."""
    call("POST", _MLFLOW_PROMPTS, {"name": name, "prompt": {"name": name, "description": comment}})
    show(call("GET", f"{_PROMPTS}/{part(name)}"), _COLUMNS, as_json)


@app.command()
def update(name: Prompt, comment: NewComment = None, owner: NewOwner = None, as_json: Json = False) -> None:
    """Change the description or the owner of a prompt."""
    show(call("PATCH", f"{_PROMPTS}/{part(name)}", changes(comment=comment, owner=owner)), _COLUMNS, as_json)


@app.command()
def rename(name: Prompt, new_name: NewName, as_json: Json = False) -> None:
    """Rename a prompt within its schema."""
    show(call("PATCH", f"{_PROMPTS}/{part(name)}", {"new_name": new_name}), _COLUMNS, as_json)


@app.command()
def delete(
    name: Prompt,
    force: Annotated[bool, typer.Option(help="Delete it with its versions.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a prompt."""
    show_json(call("DELETE", f"{_PROMPTS}/{part(name)}", force=str(force).lower()), as_json)


@app.command()
def tag(name: Prompt, tags: Tags, as_json: Json = False) -> None:
    """Set tags of a prompt."""
    show_json(change_tags("prompt", name, add=tags), as_json)


@app.command()
def untag(name: Prompt, keys: TagKeys, as_json: Json = False) -> None:
    """Remove tags of a prompt."""
    show_json(change_tags("prompt", name, remove=keys), as_json)


@app.command()
def versions(name: Prompt, as_json: Json = False) -> None:
    """List the versions of a prompt."""
    show(list_all("GET", f"{_PROMPTS}/{part(name)}/versions", "versions"), _VERSION_COLUMNS, as_json)


@app.command("show")
def show_version(name: Prompt, version: VersionOrAlias = "@latest", as_json: Json = False) -> None:
    """Print the template of a version, as JSON text."""
    at = f"by-alias/{part(version[1:])}" if version.startswith("@") else part(version)
    message = call("GET", f"{_MLFLOW_PROMPTS}/{part(name)}/versions/{at}")
    show_value(message["template"], message, as_json)


@app.command("get-version")
def get_version(name: Prompt, version: Version, as_json: Json = False) -> None:
    """Show a version with its aliases and tags."""
    show(call("GET", _path(name, version)), (*_VERSION_COLUMNS, "tags"), as_json)


@app.command("create-version")
def create_version(
    name: Prompt,
    template: Annotated[Path, typer.Argument(help="File with the template's text.", exists=True, dir_okay=False)],
    comment: Comment = "",
    as_json: Json = False,
) -> None:
    """Add a version with the text of a file as its template."""
    import json

    show(_add_version(name, json.dumps(template.read_text()), comment, []), _ADDED_COLUMNS, as_json)


def _add_version(name: str, template: str, comment: str, tags: list[dict[str, str]]) -> dict[str, Any]:
    """`template`: JSON text."""
    message = {"name": name, "template": template, "description": comment, "tags": tags}
    return call("POST", f"{_MLFLOW_PROMPTS}/{part(name)}/versions", {"name": name, "prompt_version": message})


@app.command("update-version")
def update_version(name: Prompt, version: Version, comment: NewVersionComment, as_json: Json = False) -> None:
    """Change the description of a version."""
    show(call("PATCH", _path(name, version), {"comment": comment}), _VERSION_COLUMNS, as_json)


@app.command("delete-version")
def delete_version(name: Prompt, version: Version, as_json: Json = False) -> None:
    """Delete a version."""
    show_json(call("DELETE", _path(name, version)), as_json)


@app.command("tag-version")
def tag_version(name: Prompt, version: Version, tags: Tags, as_json: Json = False) -> None:
    """Set tags of a version."""
    show_json(change_tags("prompt", name, add=tags, version=version), as_json)


@app.command("untag-version")
def untag_version(name: Prompt, version: Version, keys: TagKeys, as_json: Json = False) -> None:
    """Remove tags of a version."""
    show_json(change_tags("prompt", name, remove=keys, version=version), as_json)


@app.command()
def copy(
    name: Prompt,
    version: Version,
    destination: Annotated[str, typer.Argument(help="Full name of the prompt that gets the copy.")],
    as_json: Json = False,
) -> None:
    """Copy a version to another prompt, which may be new."""
    source = call("GET", f"{_MLFLOW_PROMPTS}/{part(name)}/versions/{version}")
    body = {"name": destination, "prompt": {"name": destination}}
    create_if_missing(f"{_PROMPTS}/{part(destination)}", _MLFLOW_PROMPTS, body)
    tags: list[dict[str, str]] = source.get("tags", [])
    copied = _add_version(destination, source["template"], source.get("description", ""), tags)
    show(copied, _ADDED_COLUMNS, as_json)


@app.command()
def lineage(
    name: Prompt,
    version: Annotated[int, typer.Argument(help="Number of the version. Without it, all versions.")] = 0,
    as_json: Json = False,
) -> None:
    """List the runs, logged models and traces that use a prompt."""
    links = list_all("GET", f"{_PROMPTS}/{part(name)}/links", "links")
    rows = [link for link in links if version in (0, link["version"])]
    show(rows, ("version", "kind", "id", "name", "experiment_id", "created_by"), as_json)


@app.command()
def alias(name: Prompt, alias: Alias, version: Version, as_json: Json = False) -> None:
    """Point an alias at a version."""
    path = f"{_MLFLOW_PROMPTS}/{part(name)}/aliases/{part(alias)}"
    show_json(call("POST", path, {"version": str(version)}), as_json)


@app.command()
def unalias(name: Prompt, alias: Alias, as_json: Json = False) -> None:
    """Remove an alias."""
    show_json(call("DELETE", f"{_MLFLOW_PROMPTS}/{part(name)}/aliases/{part(alias)}"), as_json)
