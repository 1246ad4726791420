"""`modelkeep sql`: one statement, and its rows as a table."""

import sys
from typing import Annotated, Any

import typer

from modelkeep.cli.client import Json, call, show

SQL = "/api/2.0/sql"


def run_sql(
    statement: str,
    catalog: Annotated[str, typer.Option(help="Of names that do not say theirs.")] = "",
    schema: Annotated[str, typer.Option(help="Of names that do not say theirs.")] = "",
    as_json: Json = False,
) -> None:
    """For example: sql "SHOW GRANTS ON CATALOG prod". Names with more than letters, digits and _ stand in backticks."""
    warehouse = call("GET", f"{SQL}/warehouses")["warehouses"][0]["id"]
    body: dict[str, Any] = {"statement": statement, "warehouse_id": warehouse}
    body |= {key: value for key, value in (("catalog", catalog), ("schema", schema)) if value}
    answer = call("POST", f"{SQL}/statements", body)
    if "error" in answer["status"]:
        error = answer["status"]["error"]
        print(f"modelkeep: {error['error_code']}: {error['message']}", file=sys.stderr)
        raise typer.Exit(1)
    columns = tuple(column["name"] for column in answer["manifest"]["schema"]["columns"])
    rows = [dict(zip(columns, row, strict=True)) for row in answer["result"]["data_array"]]
    if columns or as_json:
        show(rows, columns, as_json)
