"""unitycatalog-client's volumes, tables and functions, whose classes check every answer.  Arguments: a catalog, a user."""

import asyncio
import os
import sys
from collections.abc import Awaitable
from typing import Any

from unitycatalog.client import (
    ApiClient,
    CatalogsApi,
    ColumnInfo,
    ColumnTypeName,
    Configuration,
    CreateCatalog,
    CreateFunction,
    CreateFunctionRequest,
    CreateSchema,
    CreateTable,
    CreateVolumeRequestContent,
    DataSourceFormat,
    FunctionParameterInfo,
    FunctionParameterInfos,
    FunctionsApi,
    GrantsApi,
    PermissionsChange,
    Privilege,
    SchemasApi,
    SecurableType,
    TablesApi,
    TableType,
    UpdateCatalog,
    UpdatePermissions,
    UpdateSchema,
    UpdateVolumeRequestContent,
    VolumesApi,
    VolumeType,
)
from unitycatalog.client.exceptions import ApiException

catalog, user = sys.argv[1:]
SCHEMA, PARTS = f"{catalog}.ml_team", {"catalog_name": catalog, "schema_name": "ml_team"}


async def refused(call: Awaitable[Any], status: int, reason: str) -> None:
    try:
        await call
    except ApiException as error:
        assert error.status == status, error
        assert f'"reason":"{reason}"' in error.body, error.body
        return
    raise AssertionError(f"not refused with {reason}")


async def use_volumes(api: VolumesApi, grants: GrantsApi) -> None:
    volume = await api.create_volume(CreateVolumeRequestContent(name="raw", volume_type=VolumeType.MANAGED, **PARTS))
    assert (volume.full_name, volume.volume_type, volume.comment) == (f"{SCHEMA}.raw", VolumeType.MANAGED, None)
    location = "s3://elsewhere/x"
    outside = CreateVolumeRequestContent(
        name="outside", volume_type=VolumeType.EXTERNAL, storage_location=location, comment="far", **PARTS
    )
    assert (await api.create_volume(outside)).storage_location == location
    await refused(api.create_volume(outside), 409, "ALREADY_EXISTS")
    assert [v.name for v in (await api.list_volumes(catalog, "ml_team")).volumes] == ["outside", "raw"]
    changed = await api.update_volume(f"{SCHEMA}.raw", UpdateVolumeRequestContent(comment="landed", new_name="landed"))
    assert (changed.full_name, changed.comment, changed.volume_id) == (f"{SCHEMA}.landed", "landed", volume.volume_id)
    assert (await api.get_volume(f"{SCHEMA}.landed")).name == "landed"
    add = [Privilege.READ_VOLUME]
    change = UpdatePermissions(changes=[PermissionsChange(principal=user, add=add, remove=[])])
    [privilege_assignment] = (
        await grants.update(SecurableType.VOLUME, f"{SCHEMA}.landed", change)
    ).privilege_assignments
    assert (privilege_assignment.principal, privilege_assignment.privileges) == (user, add)
    await api.delete_volume(f"{SCHEMA}.landed")
    await refused(api.get_volume(f"{SCHEMA}.landed"), 404, "NOT_FOUND")


async def use_tables(api: TablesApi, grants: GrantsApi) -> None:
    columns = [ColumnInfo(name="id", type_name=ColumnTypeName.LONG, type_text="bigint", type_json="{}", position=0)]
    new = CreateTable(
        name="t",
        table_type=TableType.EXTERNAL,
        data_source_format=DataSourceFormat.PARQUET,
        columns=columns,
        storage_location="s3://elsewhere/t",
        comment="a table",
        properties={"a": "b"},
        **PARTS,
    )
    table = await api.create_table(new)
    assert (table.table_id, table.columns[0].name, table.properties) == (table.table_id, "id", {"a": "b"})
    assert (await api.get_table(f"{SCHEMA}.t")).storage_location == "s3://elsewhere/t"
    assert [t.name for t in (await api.list_tables(catalog, "ml_team")).tables] == ["t"]
    add = [Privilege.SELECT, Privilege.MODIFY]
    change = UpdatePermissions(changes=[PermissionsChange(principal=user, add=add, remove=[])])
    [privilege_assignment] = (await grants.update(SecurableType.TABLE, f"{SCHEMA}.t", change)).privilege_assignments
    assert set(privilege_assignment.privileges) == set(add)
    await api.delete_table(f"{SCHEMA}.t")
    await refused(api.get_table(f"{SCHEMA}.t"), 404, "TABLE_NOT_FOUND")


async def use_functions(api: FunctionsApi) -> None:
    x = FunctionParameterInfo(name="x", type_text="double", type_json="{}", type_name=ColumnTypeName.DOUBLE, position=0)
    new = CreateFunction(
        name="f",
        input_params=FunctionParameterInfos(parameters=[x]),
        data_type=ColumnTypeName.DOUBLE,
        full_data_type="DOUBLE",
        routine_body="EXTERNAL",
        routine_definition="return x",
        parameter_style="S",
        is_deterministic=True,
        sql_data_access="NO_SQL",
        is_null_call=False,
        security_type="DEFINER",
        specific_name="f",
        external_language="PYTHON",
        properties="null",
        **PARTS,
    )
    function = await api.create_function(CreateFunctionRequest(function_info=new))
    assert (function.full_name, function.input_params.parameters[0].name) == (f"{SCHEMA}.f", "x")
    assert (await api.get_function(f"{SCHEMA}.f")).external_language == "PYTHON"
    assert [f.name for f in (await api.list_functions(catalog, "ml_team")).functions] == ["f"]
    await api.delete_function(f"{SCHEMA}.f")
    await refused(api.get_function(f"{SCHEMA}.f"), 404, "NOT_FOUND")


async def use_containers(catalogs: CatalogsApi, schemas: SchemasApi) -> None:
    name = f"{catalog}_oss"
    result = await catalogs.create_catalog(CreateCatalog(name=name, comment="a", properties={"a": "b"}))
    assert (result.name, result.comment, result.properties) == (name, "a", {"a": "b"})
    changed = await catalogs.update_catalog(
        name, UpdateCatalog(comment="b", new_name=f"{name}2", properties={"c": "d"})
    )
    assert (changed.name, changed.comment, changed.properties, changed.id) == (f"{name}2", "b", {"c": "d"}, result.id)
    new = CreateSchema(name="s", catalog_name=f"{name}2", comment="c", properties={"e": "f"})
    assert (await schemas.create_schema(new)).properties == {"e": "f"}
    moved = await schemas.update_schema(f"{name}2.s", UpdateSchema(comment="d", new_name="t"))
    assert (moved.full_name, moved.comment) == (f"{name}2.t", "d")
    await refused(catalogs.update_catalog(f"{name}2", UpdateCatalog()), 400, "INVALID_ARGUMENT")
    await refused(catalogs.delete_catalog(f"{name}2"), 409, "ABORTED")
    await catalogs.delete_catalog(f"{name}2", force=True)
    await refused(schemas.get_schema(f"{name}2.t"), 404, "CATALOG_NOT_FOUND")


async def main() -> None:
    base = f"{os.environ['DATABRICKS_HOST']}/api/2.1/unity-catalog"
    async with ApiClient(Configuration(host=base)) as api:
        api.default_headers["Authorization"] = f"Bearer {os.environ['DATABRICKS_TOKEN']}"
        grants = GrantsApi(api)
        await use_volumes(VolumesApi(api), grants)
        await use_tables(TablesApi(api), grants)
        await use_functions(FunctionsApi(api))
        await use_containers(CatalogsApi(api), SchemasApi(api))


asyncio.run(main())
