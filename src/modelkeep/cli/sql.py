"""`modelkeep sql`: one statement, and its rows as a table."""

from typing import Annotated, Any

import typer

from modelkeep.cli.client import call, fail, show
from modelkeep.cli.commands import new_group
from modelkeep.cli.exits import of_sql_state
from modelkeep.cli.parameters import Json

app = new_group()
_SQL = "/api/2.0/sql"


@app.command("sql")
def run_sql(
    statement: Annotated[str, typer.Argument(help="The statement. Quote names with other characters in backticks.")],
    catalog: Annotated[str, typer.Option(help="Catalog of names that do not name one.")] = "",
    schema: Annotated[str, typer.Option(help="Schema of names that do not name one.")] = "",
    as_json: Json = False,
) -> None:
    """Run one SQL statement. For example: sql "SHOW GRANTS ON CATALOG prod" """
    warehouse = call("GET", f"{_SQL}/warehouses")["warehouses"][0]["id"]
    body: dict[str, Any] = {"statement": statement, "warehouse_id": warehouse}
    body |= {key: value for key, value in (("catalog", catalog), ("schema", schema)) if value}
    answer = call("POST", f"{_SQL}/statements", body)
    status = answer["status"]
    if "error" in status:
        fail(status["error"]["error_code"], status["error"]["message"])
        raise typer.Exit(of_sql_state(status.get("sql_state", "")))
    columns = tuple(column["name"] for column in answer["manifest"]["schema"]["columns"])
    rows = [dict(zip(columns, row, strict=True)) for row in answer["result"]["data_array"]]
    if columns or as_json:
        show(rows, columns, as_json)
