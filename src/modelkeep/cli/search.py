"""`modelkeep search`: the search of the explorer."""

from typing import Annotated

import typer

from modelkeep.cli.client import V1, call, show
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Json

app = new_group()
_MOST_RESULTS = 1000


@app.command("search")
def search(
    query: Annotated[str, typer.Argument(help="Words of the name, the description, a tag or an alias.")] = "",
    kinds: Annotated[
        str, typer.Option(help="Kinds to search, separated by commas: CATALOG, SCHEMA, MODEL, PROMPT ...")
    ] = "",
    tag: Annotated[str, typer.Option(help="A tag: key, or key=value.")] = "",
    owner: Annotated[str, typer.Option(help="The owner's name.")] = "",
    limit: Annotated[int, typer.Option(help="Results at most.", min=1, max=_MOST_RESULTS)] = 50,
    as_json: Json = False,
) -> None:
    """Search catalogs, schemas, models and other objects."""
    rows: list[dict[str, object]] = []
    token = ""
    while len(rows) < limit:
        page = call("GET", f"{V1}/search", query=query, kinds=kinds, tag=tag, owner=owner, page_token=token)
        rows += page["results"]
        token = page["next_page_token"]
        if not token:
            break
    show(rows[:limit], ("kind", "full_name", "owner", "comment"), as_json)
