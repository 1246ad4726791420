"""Tables and functions as metadata, through databricks-sdk and as plain requests."""

from typing import Any

import pytest
from api.serving import DATABRICKS_UC, UC, Site, refused, site
from databricks.sdk import WorkspaceClient, errors
from databricks.sdk.service.catalog import (
    ColumnInfo,
    ColumnTypeName,
    CreateFunction,
    CreateFunctionParameterStyle,
    CreateFunctionRoutineBody,
    CreateFunctionSecurityType,
    CreateFunctionSqlDataAccess,
    DataSourceFormat,
    FunctionParameterInfo,
    FunctionParameterInfos,
    TableType,
)
from mlflow.data.delta_dataset_source import DeltaDatasetSource

__all__ = ["site"]
BAD = "INVALID_PARAMETER_VALUE"
OSS = {"user-agent": "OpenAPI-Generator/0.7.0/python"}


def sdk(site: Site, token: str = "") -> WorkspaceClient:
    return WorkspaceClient(host=site.host, token=token or site.admin, auth_type="pat")


def table(schema: str, name: str, **fields: Any) -> dict[str, Any]:
    catalog, team = schema.split(".")
    place = {"catalog_name": catalog, "schema_name": team, "name": name}
    return place | {
        "table_type": "EXTERNAL",
        "data_source_format": "DELTA",
        "storage_location": "s3://lake/t",
        "columns": [],
        **fields,
    }


def function(schema: str, name: str, **fields: Any) -> dict[str, Any]:
    catalog, team = schema.split(".")
    parameter = {"name": "x", "type_text": "double", "type_name": "DOUBLE", "position": 0}
    info = {
        "catalog_name": catalog,
        "schema_name": team,
        "name": name,
        "input_params": {"parameters": [parameter]},
        "data_type": "DOUBLE",
        "full_data_type": "DOUBLE",
        "routine_body": "SQL",
        "routine_definition": "x + 1",
        "parameter_style": "S",
        "is_deterministic": True,
        "sql_data_access": "NO_SQL",
        "is_null_call": False,
        "security_type": "DEFINER",
        "specific_name": name,
        **fields,
    }
    return {"function_info": info}


# --- tables ----------------------------------------------------------------------------------------------------------


def test_a_table_is_made_read_listed_changed_and_deleted(site: Site) -> None:
    w, schema = sdk(site), site.schema()
    catalog, team = schema.split(".")
    columns = [
        ColumnInfo(name="id", type_name=ColumnTypeName.LONG, type_text="bigint", position=0, nullable=False),
        ColumnInfo(name="x", type_name=ColumnTypeName.DECIMAL, type_precision=10, type_scale=2, comment="an x"),
    ]
    new = w.tables.create(
        "Features",
        catalog,
        team,
        TableType.EXTERNAL,
        DataSourceFormat.DELTA,
        "s3://lake/Features",
        columns=columns,
        properties={"a": "b"},
    )
    name = f"{schema}.features"
    assert (new.full_name, new.table_type, new.data_source_format) == (name, TableType.EXTERNAL, DataSourceFormat.DELTA)
    result = w.tables.get(name)
    assert (result.table_id, result.storage_location, result.properties) == (
        new.table_id,
        "s3://lake/Features",
        {"a": "b"},
    )
    assert result.columns == columns
    assert w.tables.exists(name).table_exists
    assert not w.tables.exists(f"{name}x").table_exists
    [listed] = w.tables.list(catalog, team)
    assert listed.columns == columns
    [short] = w.tables.list(catalog, team, omit_columns=True, omit_properties=True)
    assert (short.full_name, short.columns, short.properties) == (name, [], None)
    user, token = site.user()
    w.tables.update(name, owner=user)
    assert w.tables.get(name).owner == user
    with pytest.raises(errors.ResourceConflict, match=r"Table .* already exists"):
        w.tables.create("features", catalog, team, TableType.EXTERNAL, DataSourceFormat.DELTA, "s3://lake/x")
    with pytest.raises(errors.PermissionDenied):
        sdk(site, token).tables.delete(name)
    w.tables.delete(name)
    with pytest.raises(errors.NotFound, match=r"Table .* does not exist"):
        w.tables.get(name)


def test_select_reads_a_table(site: Site) -> None:
    schema, (user, token) = site.schema(), site.user()
    site.ok("POST", f"{UC}/tables", table(schema, "t", comment="what it is"))
    catalog, team = schema.split(".")
    theirs = sdk(site, token)
    site.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "MODIFY")
    with pytest.raises(errors.PermissionDenied, match="SELECT on Table"):
        theirs.tables.get(f"{schema}.t")
    assert not theirs.tables.exists(f"{schema}.t").table_exists
    assert list(theirs.tables.list(catalog, team)) == []
    assert list(theirs.tables.list_summaries(catalog)) == []
    site.allow(user, "table", f"{schema}.t", "SELECT")
    assert theirs.tables.get(f"{schema}.t").comment == "what it is"
    assert theirs.tables.exists(f"{schema}.t").table_exists
    assert [t.name for t in theirs.tables.list(catalog, team)] == ["t"]
    with pytest.raises(errors.PermissionDenied, match="CREATE TABLE on Schema"):
        theirs.tables.create("u", catalog, team, TableType.EXTERNAL, DataSourceFormat.DELTA, "s3://lake/x")
    refused(
        site.call("PATCH", f"{UC}/tables/{schema}.t", {"comment": "x", "owner": user}, token=token),
        403,
        "PERMISSION_DENIED",
    )


def test_summaries_of_a_catalog_by_pattern(site: Site) -> None:
    schema = site.schema()
    catalog = schema.partition(".")[0]
    site.ok("POST", f"{UC}/schemas", {"name": "other", "catalog_name": catalog})
    for name in (f"{schema}.a_1", f"{schema}.a*1", f"{schema}.b[1]", f"{catalog}.other.a_1"):
        site.ok("POST", f"{UC}/tables", table(name.rpartition(".")[0], name.rpartition(".")[2]))
    w = sdk(site)

    def named(**patterns: str) -> list[str]:
        list_summaries = w.tables.list_summaries(catalog, max_results=1, **patterns)
        return sorted(t.full_name.removeprefix(f"{catalog}.") for t in list_summaries if t.full_name)

    assert named() == ["other.a_1", "team.a*1", "team.a_1", "team.b[1]"]
    assert named(schema_name_pattern="te%", table_name_pattern="A_1") == ["team.a*1", "team.a_1"]
    assert named(table_name_pattern="%*%") == ["team.a*1"]
    assert named(table_name_pattern="b[1]") == ["team.b[1]"]
    refused(
        site.call("GET", f"{UC}/table-summaries", {"catalog_name": catalog, "table_name_pattern": "%" * 600}), 400, BAD
    )


def test_mlflow_finds_the_id_of_a_table(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = site.schema()
    answer = site.ok("POST", f"{UC}/tables", table(schema, "t"))
    monkeypatch.setenv("DATABRICKS_HOST", site.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", site.admin)
    source = DeltaDatasetSource(delta_table_name=f"{schema}.t", delta_table_id=None)
    assert source._lookup_table_id(f"{schema}.t") == answer["table_id"]
    path = f"/api/2.0/unity-catalog/tables/{schema}.t"
    refused(site.call("GET", path, {"full_name_arg": f"{schema}.u"}), 400, BAD, "full_name")


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"table_type": "MANAGED"}, "EXTERNAL"),
        ({"data_source_format": "EXCEL"}, "data_source_format"),
        ({"storage_location": ""}, "storage_location"),
        ({"columns": [{"name": "x", "type_name": "DOUBTFUL"}]}, "type_name"),
        ({"columns": [{"name": "x", "position": -1}]}, "position"),
        ({"columns": [{"name": "x", "position": 10**30}]}, "position"),
        ({"columns": [{"name": "x", "Position": 1}]}, "looks like"),
        ({"columns": "x"}, "columns"),
        ({"properties": {"a": {"b": "c"}}}, "properties"),
    ],
)
def test_bad_tables(site: Site, fields: dict[str, Any], word: str) -> None:
    refused(site.call("POST", f"{UC}/tables", table(site.schema(), "t", **fields)), 400, BAD, word)


def test_no_table_lies_in_our_own_storage(site: Site) -> None:
    place = f"file://{site.settings.data}/artifacts/x"
    refused(site.call("POST", f"{UC}/tables", table(site.schema(), "t", storage_location=place)), 400, BAD, "overlaps")


# --- functions -------------------------------------------------------------------------------------------------------


def test_a_function_is_made_read_listed_changed_and_deleted(site: Site) -> None:
    w, schema = sdk(site), site.schema()
    catalog, team = schema.split(".")
    x = FunctionParameterInfo("x", "double", ColumnTypeName.DOUBLE, 0, type_json='{"type":"double"}', comment="an x")
    new = w.functions.create(
        CreateFunction(
            "Plus_one",
            catalog,
            team,
            FunctionParameterInfos([x]),
            ColumnTypeName.DOUBLE,
            "DOUBLE",
            CreateFunctionRoutineBody.SQL,
            "x + 1",
            CreateFunctionParameterStyle.S,
            True,
            CreateFunctionSqlDataAccess.NO_SQL,
            False,
            CreateFunctionSecurityType.DEFINER,
            "plus_one",
            comment="adds",
            properties='{"a": "b"}',
        )
    )
    name = f"{schema}.plus_one"
    assert (new.full_name, new.comment, new.routine_definition, new.is_null_call) == (name, "adds", "x + 1", False)
    result = w.functions.get(name)
    assert result == new
    assert result.input_params == FunctionParameterInfos([x])
    assert [f.full_name for f in w.functions.list(catalog, team)] == [name]
    user, token = site.user()
    site.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    with pytest.raises(errors.PermissionDenied, match="EXECUTE on Routine or Model"):
        sdk(site, token).functions.get(name)
    site.allow(user, "function", name, "EXECUTE")
    assert sdk(site, token).functions.get(name).owner == "admin"
    assert w.functions.update(name, owner=user).owner == user
    with pytest.raises(errors.BadRequest, match="cannot be granted"):
        site_allow = [{"principal": user, "add": ["CREATE_MODEL_VERSION"]}]
        w.api_client.do("PATCH", f"{UC}/permissions/function/{name}", body={"changes": site_allow})
    w.functions.delete(name, force=True)
    with pytest.raises(errors.NotFound, match=r"Routine or Model .* does not exist"):
        w.functions.get(name)


def test_functions_and_models_share_their_names(site: Site) -> None:
    schema = site.schema()
    site.ok("POST", f"{UC}/functions", function(schema, "f"))
    site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": f"{schema}.m"})
    taken = "RESOURCE_ALREADY_EXISTS"
    refused(site.call("POST", f"{UC}/functions", function(schema, "M")), 409, taken, "Routine or Model")
    refused(site.b("POST", "registered-models/create", {"name": f"{schema}.f"}), 409, taken, "Routine or Model")
    refused(site.call("PATCH", f"{UC}/models/{schema}.m", {"new_name": "f"}), 409, taken)
    # Each is found as what it is, and as a FUNCTION to whoever asks for grants or tags.
    absent = "RESOURCE_DOES_NOT_EXIST"
    for method, path in (
        ("GET", f"models/{schema}.f"),
        ("DELETE", f"models/{schema}.f"),
        ("GET", f"functions/{schema}.m"),
        ("DELETE", f"functions/{schema}.m"),
        ("GET", f"models/{schema}.f/versions"),
    ):
        refused(site.call(method, f"{UC}/{path}"), 404, absent)
    version = {"name": f"{schema}.f", "source": "models:/m-1"}
    refused(site.b("POST", "model-versions/create", version), 404, absent)
    user, _ = site.user()
    for name in ("f", "m"):
        site.allow(user, "function", f"{schema}.{name}", "EXECUTE")
        privilege_assignments = site.ok("GET", f"{UC}/effective-permissions/FUNCTION/{schema}.{name}")[
            "privilege_assignments"
        ]
        assert [h["principal"] for h in privilege_assignments] == [user]
        site.ok(
            "PATCH",
            f"{UC}/securable-tags/FUNCTION/{schema}.{name}",
            {"changes": {"add_tags": [{"key": "k", "value": name}]}},
        )
        tags = site.ok("GET", f"{UC}/entity-tag-assignments/functions/{schema}.{name}/tags")["tag_assignments"]
        assert [(t["tag_key"], t["tag_value"]) for t in tags] == [("k", name)]
    listed = {"catalog_name": schema.partition(".")[0], "schema_name": "team"}
    assert [f["name"] for f in site.ok("GET", f"{UC}/functions", listed)["functions"]] == ["f"]
    assert [m["name"] for m in site.ok("GET", f"{UC}/models", listed)["registered_models"]] == ["m"]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"routine_body": "PYTHON"}, "routine_body"),
        ({"data_type": "X"}, "data_type"),
        ({"is_deterministic": "perhaps"}, "is_deterministic"),
        ({"input_params": []}, "input_params"),
        ({"input_params": {"parameters": [{"name": "x"}]}}, "type_text"),
        ({"specific_name": None}, "specific_name"),
        ({"Name": "g"}, "looks like"),
        ({"full_name": "a.b.c"}, "full_name"),
    ],
)
def test_bad_functions(site: Site, fields: dict[str, Any], word: str) -> None:
    refused(site.call("POST", f"{UC}/functions", function(site.schema(), "f", **fields)), 400, BAD, word)


@pytest.mark.parametrize("kind", ["tables", "functions"])
def test_bad_pages(site: Site, kind: str) -> None:
    schema = site.schema()
    for name in ("a", "b"):
        site.ok("POST", f"{UC}/{kind}", table(schema, name) if kind == "tables" else function(schema, name))
    place = {"catalog_name": schema.partition(".")[0], "schema_name": "team"}
    first = site.ok("GET", f"{UC}/{kind}", place | {"max_results": 1})
    rest = site.ok("GET", f"{UC}/{kind}", place | {"page_token": first["next_page_token"], "max_results": 10**30})
    assert [x["name"] for x in (*first[kind], *rest[kind])] == ["a", "b"]
    for item in ({"max_results": -1}, {"page_token": first["next_page_token"][:-2]}, {"include_browse": "perhaps"}):
        refused(site.call("GET", f"{UC}/{kind}", place | item), 400, BAD)
    browsing = place | {"page_token": first["next_page_token"], "include_browse": "true"}
    refused(site.call("GET", f"{UC}/{kind}", browsing), 400, BAD, "page token")
    refused(site.call("PATCH", f"{UC}/{kind}/{schema}.a", {}), 400, BAD, "changes nothing")


def test_a_schema_goes_with_all_that_is_in_it(site: Site) -> None:
    schema = site.schema()
    site.ok("POST", f"{UC}/tables", table(schema, "t"))
    site.ok("POST", f"{UC}/functions", function(schema, "f"))
    refused(site.call("DELETE", f"{UC}/schemas/{schema}"), 409, "SCHEMA_NOT_EMPTY", "force")
    site.ok("DELETE", f"{UC}/schemas/{schema}?force=true")
    refused(site.call("GET", f"{UC}/tables/{schema}.t"), 404, "RESOURCE_DOES_NOT_EXIST", "Schema")


def test_open_source_clients_hear_their_own_word_for_a_missing_table(site: Site) -> None:
    answer = site.call("GET", f"{UC}/tables/{site.schema()}.t", headers=OSS)
    refused(answer, 404, "RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
    assert answer.json()["details"][0]["reason"] == "TABLE_NOT_FOUND"
