"""`modelkeep volumes`, `functions` and `tables`: the other objects of a schema."""

import typer

from modelkeep.cli import audit
from modelkeep.cli.client import UC, call, list_all, part, show, show_json
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import (
    Comment,
    Json,
    NewComment,
    NewName,
    NewOwner,
    ObjectName,
    Schema,
    TagKeys,
    Tags,
    change_tags,
    changes,
    split_schema,
)

volumes_app, functions_app, tables_app = new_group(), new_group(), new_group()


def _register(app: typer.Typer, noun: str, columns: tuple[str, ...]) -> None:
    """Adds the commands that all kinds of objects have: list, get, delete, tag, untag and activity."""
    plural = f"{noun}s"

    @app.command("list", help=f"List the {plural} of a schema.")
    def list_(schema: Schema, as_json: Json = False) -> None:
        show(list_all("GET", f"{UC}/{plural}", plural, **split_schema(schema)), columns, as_json)

    @app.command(help=f"Show a {noun}.")
    def get(name: ObjectName, as_json: Json = False) -> None:
        show(call("GET", f"{UC}/{plural}/{part(name)}"), columns, as_json)

    @app.command(help=f"Delete a {noun}.")
    def delete(name: ObjectName, as_json: Json = False) -> None:
        show_json(call("DELETE", f"{UC}/{plural}/{part(name)}"), as_json)

    @app.command(help=f"Set tags of a {noun}.")
    def tag(name: ObjectName, tags: Tags, as_json: Json = False) -> None:
        show_json(change_tags(noun, name, add=tags), as_json)

    @app.command(help=f"Remove tags of a {noun}.")
    def untag(name: ObjectName, keys: TagKeys, as_json: Json = False) -> None:
        show_json(change_tags(noun, name, remove=keys), as_json)

    app.command("activity")(audit.activity(noun.upper()))


_VOLUME_COLUMNS = ("full_name", "volume_type", "owner", "comment")
_FUNCTION_COLUMNS = ("full_name", "data_type", "owner", "comment")
_TABLE_COLUMNS = ("full_name", "table_type", "owner", "comment")
_register(volumes_app, "volume", _VOLUME_COLUMNS)
_register(functions_app, "function", _FUNCTION_COLUMNS)
_register(tables_app, "table", _TABLE_COLUMNS)


@volumes_app.command("create")
def create_volume(name: ObjectName, comment: Comment = "", as_json: Json = False) -> None:
    """Create a managed volume."""
    schema, _, last = name.rpartition(".")
    body = {**split_schema(schema), "name": last, "volume_type": "MANAGED", "comment": comment}
    show(call("POST", f"{UC}/volumes", body), _VOLUME_COLUMNS, as_json)


@volumes_app.command("update")
def update_volume(name: ObjectName, comment: NewComment = None, owner: NewOwner = None, as_json: Json = False) -> None:
    """Change the description or the owner of a volume."""
    body = changes(comment=comment, owner=owner)
    show(call("PATCH", f"{UC}/volumes/{part(name)}", body), _VOLUME_COLUMNS, as_json)


@volumes_app.command("rename")
def rename_volume(name: ObjectName, new_name: NewName, as_json: Json = False) -> None:
    """Rename a volume within its schema."""
    show(call("PATCH", f"{UC}/volumes/{part(name)}", {"new_name": new_name}), _VOLUME_COLUMNS, as_json)


@functions_app.command("update")
def update_function(name: ObjectName, owner: NewOwner = None, as_json: Json = False) -> None:
    """Change the owner of a function."""
    show(call("PATCH", f"{UC}/functions/{part(name)}", changes(owner=owner)), _FUNCTION_COLUMNS, as_json)


@tables_app.command("update")
def update_table(name: ObjectName, owner: NewOwner = None, as_json: Json = False) -> None:
    """Change the owner of a table."""
    call("PATCH", f"{UC}/tables/{part(name)}", changes(owner=owner))
    show(call("GET", f"{UC}/tables/{part(name)}"), _TABLE_COLUMNS, as_json)
