"""Temporary credentials of tables and volumes on the wire: who gets them, for a folder of this machine without keys."""

import zlib
from typing import Any

import pytest
from api.serving import UC, Site, refused

pytest_plugins = ("api.serving",)
OSS = {"user-agent": "OpenAPI-Generator/0.7.0/python"}
SPARK = {"user-agent": "UnityCatalog-Java-Client/0.6.0 Delta/4.3.1 Spark/4.1.4"}


@pytest.fixture(scope="module")
def schema(site: Site) -> str:
    return site.schema()


def create_at(site: Site, schema: str, kind: str, location: str) -> str:
    """The id of a new external table or volume."""
    catalog, name = schema.split(".")
    body: dict[str, Any] = {"catalog_name": catalog, "schema_name": name, "storage_location": location}
    body |= {"name": f"x{zlib.crc32(location.encode())}"}
    if kind == "table":
        body |= {"table_type": "EXTERNAL", "data_source_format": "DELTA"}
    else:
        body |= {"volume_type": "EXTERNAL"}
    return site.ok("POST", f"{UC}/{kind}s", body)[f"{kind}_id"]


@pytest.mark.parametrize("headers", [{}, OSS, SPARK], ids=["databricks", "open source", "spark"])
@pytest.mark.parametrize("version", ["2.0", "2.1"])
@pytest.mark.parametrize(("kind", "operation"), [("table", "READ"), ("table", "READ_WRITE"), ("volume", "READ_VOLUME")])
def test_a_folder_of_this_machine_needs_no_keys(
    site: Site, schema: str, kind: str, operation: str, version: str, headers: dict[str, str]
) -> None:
    location = f"file:///lake/{kind}/{operation}/{version}/{len(headers.get('user-agent', ''))}/"
    body = {f"{kind}_id": create_at(site, schema, kind, location), "operation": operation}
    path = f"/api/{version}/unity-catalog/temporary-{kind}-credentials"
    answer = site.call("POST", path, body, headers=headers).json()
    assert answer.pop("expiration_time") > 1_700_000_000_000
    assert answer == {"url": location.rstrip("/")}


def test_reading_needs_select_and_writing_modify_as_well(site: Site, schema: str) -> None:
    path, (who, token) = f"{UC}/temporary-table-credentials", site.user()
    id, catalog = create_at(site, schema, "table", "file:///lake/rights"), schema.partition(".")[0]
    name = site.ok("GET", f"{UC}/tables/{schema}.x{zlib.crc32(b'file:///lake/rights')}")["full_name"]
    read, write = ({"table_id": id, "operation": operation} for operation in ("READ", "READ_WRITE"))
    refused(site.call("POST", path, read, token=token), 403, "PERMISSION_DENIED", "USE CATALOG")
    site.allow(who, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "MODIFY")
    refused(site.call("POST", path, write, token=token), 403, "PERMISSION_DENIED", "SELECT")
    site.allow(who, "table", name, "SELECT")
    assert site.ok("POST", path, write, token)["url"] == "file:///lake/rights"
    changes = [{"principal": who, "remove": ["MODIFY"]}]
    site.ok("PATCH", f"{UC}/permissions/catalog/{catalog}", {"changes": changes})
    refused(site.call("POST", path, write, token=token), 403, "PERMISSION_DENIED", "MODIFY")
    assert site.ok("POST", path, read, token)["url"] == "file:///lake/rights"


@pytest.mark.parametrize("kind", ["table", "volume"])
def test_what_is_not_there_and_what_is_not_known(site: Site, schema: str, kind: str) -> None:
    path = f"{UC}/temporary-{kind}-credentials"
    other = create_at(site, schema, {"table": "volume", "volume": "table"}[kind], f"file:///lake/other-{kind}")
    for id in ("", "x", other, "0" * 36, "%", schema):
        refused(site.call("POST", path, {f"{kind}_id": id}), 404, "RESOURCE_DOES_NOT_EXIST", "does not exist")
    id = create_at(site, schema, kind, f"file:///lake/known-{kind}")
    refused(site.call("POST", path, {f"{kind}_id": id, "operation": "WRITE"}), 400, "INVALID_PARAMETER_VALUE", "READ")
    refused(site.call("POST", path, {}), 400, "INVALID_PARAMETER_VALUE", f"{kind}_id")


def test_a_managed_volume_in_a_folder_is_for_the_files_api(site: Site, schema: str) -> None:
    catalog, name = schema.split(".")
    body = {"catalog_name": catalog, "schema_name": name, "name": "kept", "volume_type": "MANAGED"}
    id = site.ok("POST", f"{UC}/volumes", body)["volume_id"]
    answer = site.call("POST", f"{UC}/temporary-volume-credentials", {"volume_id": id})
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "Files API")


def test_a_table_in_s3_outside_of_all_external_locations_gets_none(site: Site, schema: str) -> None:
    id = create_at(site, schema, "table", "s3://somewhere/else")
    answer = site.call("POST", f"{UC}/temporary-table-credentials", {"table_id": id})
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "external location")
