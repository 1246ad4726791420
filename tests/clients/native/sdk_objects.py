"""Volumes with their files, tables and functions of databricks-sdk, in the words that 0.30 and the newest share.  Argument: a catalog."""

import io
import sys

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import DatabricksError, NotFound
from databricks.sdk.service import catalog as uc
from refusal import refused

(catalog,) = sys.argv[1:]
w = WorkspaceClient()
HOME = f"{catalog}.ml_team"

# Volumes.
volume = w.volumes.create(catalog, "ml_team", "files", uc.VolumeType.MANAGED, comment="first")
assert (volume.full_name, volume.volume_type, volume.comment) == (f"{HOME}.files", uc.VolumeType.MANAGED, "first"), (
    volume
)
outside = w.volumes.create(catalog, "ml_team", "outside", uc.VolumeType.EXTERNAL, storage_location="s3://elsewhere/x")
assert (outside.volume_type, outside.storage_location) == (uc.VolumeType.EXTERNAL, "s3://elsewhere/x"), outside
listed = [v.name for v in w.volumes.list(catalog, "ml_team", max_results=1)]
assert sorted(listed) == ["files", "outside"], listed
assert w.volumes.update(volume.full_name, comment="second").comment == "second"
assert w.volumes.update(volume.full_name, new_name="renamed").full_name == f"{HOME}.renamed"
assert w.volumes.read(f"{HOME}.renamed").volume_id == volume.volume_id
refused(NotFound, w.volumes.read, volume.full_name)

# Files of a volume.
root = f"/Volumes/{catalog}/ml_team/renamed"
w.files.create_directory(f"{root}/a/b")
for data in (b"old", b"new"):
    w.files.upload(f"{root}/a/b c.txt", io.BytesIO(data), overwrite=True)
refused(DatabricksError, w.files.upload, f"{root}/a/b c.txt", io.BytesIO(b"x"), overwrite=False)
assert w.files.download(f"{root}/a/b c.txt").contents.read() == b"new"
assert int(w.files.get_metadata(f"{root}/a/b c.txt").content_length) == 3
w.files.get_directory_metadata(f"{root}/a")
entries = {(e.name, bool(e.is_directory), e.path) for e in w.files.list_directory_contents(f"{root}/a")}
assert entries == {("b", True, f"{root}/a/b"), ("b c.txt", False, f"{root}/a/b c.txt")}, entries
refused(DatabricksError, w.files.delete_directory, f"{root}/a")
w.files.delete(f"{root}/a/b c.txt")
refused(NotFound, w.files.download, f"{root}/a/b c.txt")
w.files.delete_directory(f"{root}/a/b")
assert "external" in refused(DatabricksError, w.files.upload, f"/Volumes/{catalog}/ml_team/outside/x", io.BytesIO(b"x"))
for name in ("renamed", "outside"):
    w.volumes.delete(f"{HOME}.{name}")
assert not list(w.volumes.list(catalog, "ml_team"))

# Tables: old versions cannot create one, so it comes as plain REST.
column = {"name": "id", "type_name": "LONG", "type_text": "bigint", "type_json": "{}", "position": 0, "nullable": False}
table = {
    "name": "t",
    "catalog_name": catalog,
    "schema_name": "ml_team",
    "table_type": "EXTERNAL",
    "data_source_format": "DELTA",
    "storage_location": "s3://elsewhere/t",
    "columns": [column],
    "properties": {"k": "v"},
}
w.api_client.do("POST", "/api/2.1/unity-catalog/tables", body=table)
result = w.tables.get(f"{HOME}.t")
assert (result.table_type, result.data_source_format) == (uc.TableType.EXTERNAL, uc.DataSourceFormat.DELTA), result
assert [(c.name, c.type_name, c.nullable) for c in result.columns] == [("id", uc.ColumnTypeName.LONG, False)], result
assert result.properties == {"k": "v"} and result.full_name == f"{HOME}.t"
assert [t.name for t in w.tables.list(catalog, "ml_team", max_results=1)] == ["t"]
assert [t.full_name for t in w.tables.list_summaries(catalog, schema_name_pattern="ml%")] == [f"{HOME}.t"]
assert w.tables.exists(f"{HOME}.t").table_exists and not w.tables.exists(f"{HOME}.u").table_exists
w.tables.update(f"{HOME}.t", owner="account users")
assert w.tables.get(f"{HOME}.t").owner == "account users"
w.tables.delete(f"{HOME}.t")
refused(NotFound, w.tables.get, f"{HOME}.t")

# Functions.
number = uc.ColumnTypeName.INT
parameter = uc.FunctionParameterInfo(name="x", type_text="int", type_name=number, position=0)
function = w.functions.create(
    uc.CreateFunction(
        name="f",
        catalog_name=catalog,
        schema_name="ml_team",
        input_params=uc.FunctionParameterInfos([parameter]),
        data_type=number,
        full_data_type="INT",
        return_params=uc.FunctionParameterInfos([]),
        properties="{}",
        routine_body=uc.CreateFunctionRoutineBody.SQL,
        routine_definition="x + 1",
        routine_dependencies=uc.DependencyList([]),
        parameter_style=uc.CreateFunctionParameterStyle.S,
        is_deterministic=True,
        is_null_call=False,
        specific_name="f",
        sql_data_access=uc.CreateFunctionSqlDataAccess.CONTAINS_SQL,
        security_type=uc.CreateFunctionSecurityType.DEFINER,
    )
)
assert (function.full_name, function.data_type, function.routine_definition) == (f"{HOME}.f", number, "x + 1"), function
assert [p.name for p in w.functions.get(f"{HOME}.f").input_params.parameters] == ["x"]
assert [f.name for f in w.functions.list(catalog, "ml_team")] == ["f"]
assert w.functions.update(f"{HOME}.f", owner="account users").owner == "account users"
w.functions.delete(f"{HOME}.f")
refused(NotFound, w.functions.get, f"{HOME}.f")
