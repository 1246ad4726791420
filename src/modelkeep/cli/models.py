"""`modelkeep models`: registered models, their versions, aliases and tags."""

from pathlib import Path
from typing import Annotated

import typer

from modelkeep.cli import audit, model_files
from modelkeep.cli.client import MLFLOW_UC, UC, V1, call, list_all, part, show, show_json
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import (
    Alias,
    Comment,
    Json,
    Model,
    NewComment,
    NewName,
    NewOwner,
    NewVersionComment,
    TagKeys,
    Tags,
    Version,
    change_tags,
    changes,
)

app = new_group()
_VERSION_COLUMNS = ("full_name", "version", "status", "created_by", "run_id", "aliases", "comment")
_MODEL_COLUMNS = ("name", "user_id", "description")
_UC_COLUMNS = ("full_name", "owner", "comment")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the registered models that you can read."""
    show(list_all("GET", f"{MLFLOW_UC}/registered-models/search", "registered_models"), _MODEL_COLUMNS, as_json)


@app.command()
def get(name: Model, as_json: Json = False) -> None:
    """Show a model with its aliases and tags."""
    model = call("GET", f"{MLFLOW_UC}/registered-models/get", name=name)["registered_model"]
    show(model, (*_MODEL_COLUMNS, "aliases", "tags"), as_json)


@app.command()
def create(name: Model, comment: Comment = "", as_json: Json = False) -> None:
    """Create a model without versions."""
    body = {"name": name, "description": comment}
    model = call("POST", f"{MLFLOW_UC}/registered-models/create", body)["registered_model"]
    show(model, _MODEL_COLUMNS, as_json)


@app.command()
def update(name: Model, comment: NewComment = None, owner: NewOwner = None, as_json: Json = False) -> None:
    """Change the description or the owner of a model."""
    show(call("PATCH", f"{UC}/models/{part(name)}", changes(comment=comment, owner=owner)), _UC_COLUMNS, as_json)


@app.command()
def rename(
    name: Model,
    new_name: NewName,
    as_json: Json = False,
) -> None:
    """Rename a model within its schema."""
    show(call("PATCH", f"{UC}/models/{part(name)}", {"new_name": new_name}), _UC_COLUMNS, as_json)


@app.command()
def delete(name: Model, as_json: Json = False) -> None:
    """Delete a model with all versions and files."""
    show_json(call("DELETE", f"{MLFLOW_UC}/registered-models/delete", {"name": name}), as_json)


@app.command()
def tag(name: Model, tags: Tags, as_json: Json = False) -> None:
    """Set tags of a model."""
    show_json(change_tags("function", name, add=tags), as_json)


@app.command()
def untag(name: Model, keys: TagKeys, as_json: Json = False) -> None:
    """Remove tags of a model."""
    show_json(change_tags("function", name, remove=keys), as_json)


@app.command()
def alias(name: Model, alias: Alias, version: Version, as_json: Json = False) -> None:
    """Point an alias at a version."""
    body = {"name": name, "alias": alias, "version": str(version)}
    show_json(call("POST", f"{MLFLOW_UC}/registered-models/alias", body), as_json)


@app.command()
def unalias(name: Model, alias: Alias, as_json: Json = False) -> None:
    """Remove an alias."""
    show_json(call("DELETE", f"{UC}/models/{part(name)}/aliases/{part(alias)}"), as_json)


app.command("activity")(audit.activity("MODEL"))


@app.command()
def versions(name: Model, as_json: Json = False) -> None:
    """List the versions of a model."""
    filter = "name = '" + name.replace("'", "''") + "'"
    rows = list_all("GET", f"{MLFLOW_UC}/model-versions/search", "model_versions", filter=filter)
    show(rows, ("version", "status", "user_id", "run_id", "description"), as_json)


def _path(name: str, version: int | None = None) -> str:
    path = f"{V1}/models/{part(name)}/versions"
    return path if version is None else f"{path}/{version}"


@app.command("get-version")
def get_version(name: Model, version: Version, as_json: Json = False) -> None:
    """Show a version with its aliases and tags."""
    show(call("GET", _path(name, version)), (*_VERSION_COLUMNS, "tags"), as_json)


@app.command()
def register(  # house: parameters because a command's options are its function's parameters
    name: Model,
    run: Annotated[str, typer.Option(metavar="RUN_ID", help="The MLflow run that logged the model.")] = "",
    path: Annotated[str, typer.Option(help="With --run: the directory of the run's artifacts, such as `model`.")] = "",
    model_id: Annotated[str, typer.Option(help="With --run: the id of the logged model, instead of --path.")] = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Instead of --run: a folder with an MLmodel file, as mlflow saves it.", exists=True, file_okay=False
        ),
    ] = None,
    comment: Comment = "",
    as_json: Json = False,
) -> None:
    """Register a version from an MLflow run or a folder. Creates the model if there is none."""
    if bool(run) == bool(folder) or (run and bool(path) == bool(model_id)) or (folder and (path or model_id)):
        raise typer.BadParameter("Pass --run with --path or --model-id, or pass --folder.")
    model_files.create_model_if_missing(name)
    if folder:
        version = model_files.register_folder(name, folder, comment)
        show(call("GET", _path(name, version)), _VERSION_COLUMNS, as_json)
        return
    origin = {"model_id": model_id} if model_id else {"path": path}
    show(call("POST", _path(name), {"run_id": run, "comment": comment, **origin}), _VERSION_COLUMNS, as_json)


@app.command()
def download(
    name: Model,
    version: Version,
    folder: Annotated[Path, typer.Argument(help="Folder for the files. It is created if it does not exist.")],
    as_json: Json = False,
) -> None:
    """Download the files of a version, and verify their hashes."""
    show(model_files.download(name, version, folder), ("path", "size", "sha256"), as_json)


@app.command()
def files(name: Model, version: Version, as_json: Json = False) -> None:
    """List the files of a version."""
    show(list_all("GET", f"{_path(name, version)}/files", "files"), ("path", "size", "sha256"), as_json)


@app.command("update-version")
def update_version(name: Model, version: Version, comment: NewVersionComment, as_json: Json = False) -> None:
    """Change the description of a version."""
    call("PATCH", f"{UC}/models/{part(name)}/versions/{version}", {"comment": comment})
    show(call("GET", _path(name, version)), _VERSION_COLUMNS, as_json)


@app.command("delete-version")
def delete_version(name: Model, version: Version, as_json: Json = False) -> None:
    """Delete a version with its files."""
    show_json(call("DELETE", f"{UC}/models/{part(name)}/versions/{version}"), as_json)


@app.command("tag-version")
def tag_version(name: Model, version: Version, tags: Tags, as_json: Json = False) -> None:
    """Set tags of a version."""
    show_json(change_tags("function", name, add=tags, version=version), as_json)


@app.command("untag-version")
def untag_version(name: Model, version: Version, keys: TagKeys, as_json: Json = False) -> None:
    """Remove tags of a version."""
    show_json(change_tags("function", name, remove=keys, version=version), as_json)


@app.command()
def copy(
    name: Model,
    version: Version,
    destination: Annotated[str, typer.Argument(help="Full name of the model that gets the copy.")],
    as_json: Json = False,
) -> None:
    """Copy a version to another model on the server. No file is transferred."""
    copied = call("POST", f"{_path(name, version)}/copy", {"destination": destination})
    show(copied, ("full_name", "version", "status", "copied_from"), as_json)


@app.command()
def lineage(name: Model, version: Version, as_json: Json = False) -> None:
    """List what a version was made from and what uses it."""
    edges = list_all("GET", f"{_path(name, version)}/lineage", "lineage")
    show(edges, ("direction", "entity_type", "entity_name", "context", "created_by"), as_json)
