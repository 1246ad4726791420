"""Arguments and options that several commands share, each with its help line."""

from typing import Annotated, Any

import typer

from modelkeep.cli.client import UC, call, part

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

Catalog = Annotated[str, typer.Argument(metavar="CATALOG", help="Name of the catalog.")]
Schema = Annotated[str, typer.Argument(metavar="CATALOG.SCHEMA", help="Full name of the schema.")]
Model = Annotated[str, typer.Argument(metavar="CATALOG.SCHEMA.MODEL", help="Full name of the registered model.")]
Prompt = Annotated[str, typer.Argument(metavar="CATALOG.SCHEMA.PROMPT", help="Full name of the prompt.")]
ObjectName = Annotated[str, typer.Argument(metavar="CATALOG.SCHEMA.NAME", help="Full name of the object.")]
Version = Annotated[int, typer.Argument(help="Number of the version.", min=1)]
Alias = Annotated[str, typer.Argument(help="Name of the alias, without the @.")]
Principal = Annotated[str, typer.Argument(help="Name of a user, group or service principal.")]
SecurableType = Annotated[
    str,
    typer.Argument(
        help="Kind of the securable: catalog, schema, function (also a model), prompt, volume, table, metastore."
    ),
]
FullName = Annotated[str, typer.Argument(help="Full name of the securable, such as prod.ml_team.iris.")]

Comment = Annotated[str, typer.Option(help="A description.")]
NewVersionComment = Annotated[str, typer.Option("--comment", help="The new description; '' clears it.")]
NewComment = Annotated[str | None, typer.Option("--comment", help="The new description; '' clears it.")]
NewName = Annotated[str, typer.Argument(help="The new name, without catalog and schema.")]
NewOwner = Annotated[str | None, typer.Option("--owner", help="The new owner: a user, group or service principal.")]
Force = Annotated[bool, typer.Option(help="Delete it with everything in it.")]
Tags = Annotated[list[str], typer.Argument(metavar="KEY[=VALUE]...", help="The tags to set.")]
TagKeys = Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys of the tags to remove.")]


def changes(**fields: Any) -> dict[str, Any]:
    """The fields that the caller passed. Raises typer.BadParameter if there are none."""
    body = {name: value for name, value in fields.items() if value is not None}
    if not body:
        options = " or ".join(f"--{name.replace('_', '-')}" for name in fields)
        raise typer.BadParameter(f"Nothing to change. Pass {options}.")
    return body


def split_tags(tags: list[str]) -> list[dict[str, str]]:
    """`key=value` words as the API takes them; a bare key has the value ''."""
    pairs = [tag.partition("=") for tag in tags]
    return [{"key": key, "value": value} for key, _, value in pairs]


def change_tags(
    kind: str, name: str, *, add: list[str] | None = None, remove: list[str] | None = None, version: int = 0
) -> Any:
    """Sets and removes tags of a securable, or of one version of it, in one step."""
    noun = "subentity-tags" if version else "securable-tags"
    path = f"{UC}/{noun}/{kind}/{part(name)}" + (f"/{version}" if version else "")
    return call("PATCH", path, {"changes": {"add_tags": split_tags(add or []), "remove": remove or []}})


def split_schema(full_name: str) -> dict[str, str]:
    """`catalog.schema` as two fields. Raises typer.BadParameter."""
    catalog, _, schema = full_name.partition(".")
    if not catalog or not schema or "." in schema:
        raise typer.BadParameter(f"'{full_name}' is not the full name of a schema. Write catalog.schema.")
    return {"catalog_name": catalog, "schema_name": schema}
