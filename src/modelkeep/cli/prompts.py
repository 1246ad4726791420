"""`modelkeep prompts`: what a schema has, what a version says, aliases, and deletion."""

from typing import Annotated

import typer

from modelkeep.cli import audit
from modelkeep.cli.client import Json, call, every, part, show

V1, B = "/api/modelkeep/v1/prompts", "/api/2.0/mlflow/unity-catalog/prompts"


def prompts(group: typer.Typer) -> None:
    """The verbs of the group."""
    group.command("activity")(audit.activity("PROMPT"))

    @group.command("list")
    def list_(schema: str, as_json: Json = False) -> None:
        """SCHEMA is catalog.schema."""
        catalog, _, name = schema.partition(".")
        rows = every("GET", V1, "prompts", catalog_name=catalog, schema_name=name)
        show(rows, ("full_name", "owner", "comment"), as_json)

    @group.command()
    def get(name: str, as_json: Json = False) -> None:
        """A prompt with its aliases and tags."""
        columns = ("full_name", "owner", "comment", "newest_version", "aliases", "tags")
        show(call("GET", f"{V1}/{part(name)}"), columns, as_json)

    @group.command()
    def versions(name: str, as_json: Json = False) -> None:
        columns = ("version", "type", "aliases", "created_by", "comment")
        show(every("GET", f"{V1}/{part(name)}/versions", "versions"), columns, as_json)

    @group.command("show")
    def show_version(
        name: str, version: Annotated[str, typer.Argument(help="A number, or @ and an alias.")] = "@latest"
    ) -> None:
        """Print the template of a version, as JSON text."""
        at = f"by-alias/{part(version[1:])}" if version.startswith("@") else part(version)
        typer.echo(call("GET", f"{B}/{part(name)}/versions/{at}")["template"])

    @group.command()
    def alias(name: str, alias: str, version: int) -> None:
        """Point an alias at a version."""
        call("POST", f"{B}/{part(name)}/aliases/{part(alias)}", {"version": str(version)})

    @group.command()
    def delete(name: str, force: Annotated[bool, typer.Option(help="Delete its versions, too.")] = False) -> None:
        call("DELETE", f"{V1}/{part(name)}", force=str(force).lower())
