"""SQL through databricks-sdk and `modelkeep sql`, against a real server."""

import json
import subprocess

import pytest
from databricks.sdk.errors import BadRequest, NotFound
from databricks.sdk.service.catalog import ColumnInfo, ColumnTypeName, DataSourceFormat, TableType
from databricks.sdk.service.sql import (
    ServiceErrorCode,
    State,
    StatementParameterListItem,
    StatementResponse,
    StatementState,
)
from live import MODELKEEP, Server

pytestmark = pytest.mark.clients


def test_sdk(server: Server, catalog: str) -> None:
    w = server.sdk()
    [warehouse] = list(w.warehouses.list())
    assert warehouse.id and w.warehouses.get(warehouse.id).state is State.RUNNING
    user = f"sql reader`s friend@{catalog}"
    theirs = server.sdk(server.user(user)["DATABRICKS_TOKEN"])
    quoted = "`" + user.replace("`", "``") + "`"

    def execute(statement: str, **values: str) -> StatementResponse:
        parameters = [StatementParameterListItem(name, value=value) for name, value in values.items()]
        return w.statement_execution.execute_statement(
            statement, str(warehouse.id), catalog=catalog, schema="ml_team", parameters=parameters, wait_timeout="30s"
        )

    def rows(statement: str, **values: str) -> list[list[str]]:
        answer = execute(statement, **values)
        assert answer.status and answer.status.state is StatementState.SUCCEEDED, answer
        assert answer.result
        return answer.result.data_array or []

    server.databricks_uc("POST", "registered-models/create", {"name": f"{catalog}.ml_team.iris"}).raise_for_status()
    assert rows("SHOW MODELS LIKE 'ir*'") == [["ml_team", "iris"]]
    assert rows(f"GRANT USE CATALOG, USE SCHEMA ON CATALOG {catalog} TO {quoted}") == []
    rows(f"GRANT EXECUTE ON FUNCTION iris TO {quoted}")
    assert rows(f"SHOW GRANTS {quoted} ON MODEL iris") == [[user, "EXECUTE", "MODEL", f"{catalog}.ml_team.iris", "NO"]]
    privileges = "SELECT privilege_type FROM information_schema.routine_privileges WHERE grantee = :who"
    assert rows(privileges, who=user) == [["EXECUTE"]]
    seen = theirs.statement_execution.execute_statement("SHOW CATALOGS", warehouse.id)
    assert seen.result and seen.result.data_array == [[catalog]]
    assert seen.manifest and seen.manifest.schema and seen.manifest.schema.columns
    assert [c.name for c in seen.manifest.schema.columns] == ["catalog"]

    assert seen.statement_id and theirs.statement_execution.get_statement(seen.statement_id).as_dict() == seen.as_dict()
    chunk = theirs.statement_execution.get_statement_result_chunk_n(seen.statement_id, 0)
    assert chunk.data_array == [[catalog]]
    theirs.statement_execution.cancel_execution(seen.statement_id)
    with pytest.raises(NotFound):
        w.statement_execution.get_statement(seen.statement_id)
    with pytest.raises(BadRequest, match="only one is"):
        w.statement_execution.execute_statement("SHOW CATALOGS", "abc")

    columns = [ColumnInfo(name="id", type_name=ColumnTypeName.LONG, type_text="bigint", position=0)]
    w.tables.create(
        "measures",
        catalog,
        "ml_team",
        TableType.EXTERNAL,
        DataSourceFormat.DELTA,
        "s3://sql-tables/iris",
        columns=columns,
    )
    assert rows("SHOW TABLES") == [["ml_team", "measures", "false"]]
    assert rows("DESCRIBE TABLE measures") == [["id", "bigint", None]]
    assert "USING delta" in rows("SHOW CREATE TABLE measures")[0][0]
    select = execute("SELECT * FROM measures").status
    assert select and select.error and "is a table" in str(select.error.message)

    failed = execute(f"DROP CATALOG {catalog}; DROP CATALOG main").status
    assert failed and failed.error and (failed.state, failed.sql_state) == (StatementState.FAILED, "42601")
    assert failed.error.error_code is ServiceErrorCode.BAD_REQUEST
    assert "more than one statement" in str(failed.error.message)
    later = w.statement_execution.execute_statement("SHOW CATALOGS", warehouse.id, wait_timeout="0s")
    assert later.status and later.status.state is StatementState.SUCCEEDED


def test_command_line(server: Server, catalog: str) -> None:
    server.cli("sql", f"CREATE SCHEMA {catalog}.reviews COMMENT 'by hand'")
    table = server.cli("sql", "SHOW SCHEMAS LIKE 'rev*'", "--catalog", catalog)
    assert table.splitlines() == ["DATABASENAME", "reviews"]
    select = "SELECT schema_name, comment FROM information_schema.schemata WHERE comment IS NOT NULL ORDER BY 9"
    refused = subprocess.run([MODELKEEP, "sql", select], env=server.env(), capture_output=True, text=True, timeout=60)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("modelkeep: BAD_REQUEST: ") and refused.stderr.count("\n") == 1
    content = json.loads(
        server.cli(
            "sql",
            select.replace(
                "IS NOT NULL ORDER BY 9", "IS NOT NULL AND schema_name <> 'default' ORDER BY schema_name DESC"
            ),
            "--catalog",
            catalog,
            "--json",
        )
    )
    assert content == [{"schema_name": "reviews", "comment": "by hand"}, {"schema_name": "ml_team", "comment": ""}]
