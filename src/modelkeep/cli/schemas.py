"""`modelkeep schemas`: schemas of a catalog and their tags."""

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
    Schema,
    TagKeys,
    Tags,
    change_tags,
    changes,
    split_schema,
)

app = new_group()
_COLUMNS = ("full_name", "owner", "comment")

app.command("activity")(audit.activity("SCHEMA"))


@app.command("list")
def list_(catalog: Catalog, as_json: Json = False) -> None:
    """List the schemas of a catalog."""
    show(list_all("GET", f"{UC}/schemas", "schemas", catalog_name=catalog), _COLUMNS, as_json)


@app.command()
def get(full_name: Schema, as_json: Json = False) -> None:
    """Show a schema."""
    show(call("GET", f"{UC}/schemas/{part(full_name)}"), _COLUMNS, as_json)


@app.command()
def create(full_name: Schema, comment: Comment = "", as_json: Json = False) -> None:
    """Create a schema."""
    names = split_schema(full_name)
    body = {"catalog_name": names["catalog_name"], "name": names["schema_name"], "comment": comment}
    show(call("POST", f"{UC}/schemas", body), _COLUMNS, as_json)


@app.command()
def update(full_name: Schema, comment: NewComment = None, owner: NewOwner = None, as_json: Json = False) -> None:
    """Change the description or the owner of a schema."""
    show(call("PATCH", f"{UC}/schemas/{part(full_name)}", changes(comment=comment, owner=owner)), _COLUMNS, as_json)


@app.command()
def delete(full_name: Schema, force: Force = False, as_json: Json = False) -> None:
    """Delete a schema."""
    show_json(call("DELETE", f"{UC}/schemas/{part(full_name)}", force=str(force).lower()), as_json)


@app.command()
def tag(full_name: Schema, tags: Tags, as_json: Json = False) -> None:
    """Set tags of a schema."""
    show_json(change_tags("schema", full_name, add=tags), as_json)


@app.command()
def untag(full_name: Schema, keys: TagKeys, as_json: Json = False) -> None:
    """Remove tags of a schema."""
    show_json(change_tags("schema", full_name, remove=keys), as_json)
