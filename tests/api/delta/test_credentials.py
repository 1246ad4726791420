"""Delta's own way to credentials: by name, in kebab case, with refusals that its client reads."""

from typing import Any

import pytest
from api.serving import UC, Site

pytest_plugins = ("api.serving",)
DELTA = f"{UC}/delta/v1"
AGENT = {"user-agent": "UnityCatalog-Java-Client/0.6.0 Delta/4.3.1 Spark/4.1.4"}


@pytest.fixture(scope="module")
def schema(site: Site) -> str:
    schema = site.schema()
    catalog, name = schema.split(".")
    body = {"catalog_name": catalog, "schema_name": name, "name": "t", "table_type": "EXTERNAL"}
    site.ok("POST", f"{UC}/tables", {**body, "data_source_format": "DELTA", "storage_location": "file:/lake/delta"})
    return schema


def credentials(site: Site, schema: str, table: str, operation: str, token: str | None = None) -> Any:
    catalog, name = schema.split(".")
    path = f"{DELTA}/catalogs/{catalog}/schemas/{name}/tables/{table}/credentials"
    return site.call("GET", path, {"operation": operation}, token=token, headers=AGENT)


@pytest.mark.parametrize("operation", ["READ", "READ_WRITE"])
def test_a_folder_of_this_machine_has_an_empty_config(site: Site, schema: str, operation: str) -> None:
    answer = credentials(site, schema, "t", operation)
    entry = {"prefix": "file:///lake/delta", "operation": operation, "expiration-time-ms": None, "config": {}}
    assert (answer.status_code, answer.json()) == (200, {"storage-credentials": [entry]})


def test_a_reader_is_refused_once_and_then_reads(site: Site, schema: str) -> None:
    who, token = site.user()
    site.allow(who, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA", "SELECT")
    refusal = credentials(site, schema, "t", "READ_WRITE", token)
    assert refusal.status_code == 403 and refusal.json()["error"]["type"] == "PermissionDeniedException"
    assert "MODIFY" in refusal.json()["error"]["message"]
    assert credentials(site, schema, "t", "READ", token).status_code == 200
    site.run(site.registry.auditor.flush(minute_over=True))
    events = site.ok("GET", "/api/modelkeep/v1/audit", {"actor": who})["events"]
    outcomes = [(event["event"], event["outcome"]) for event in events if event["event"].startswith("table.vend")]
    assert sorted(outcomes) == [("table.vend_read", "ok"), ("table.vend_write", "PERMISSION_DENIED")]


@pytest.mark.parametrize(
    ("schema_part", "table", "operation", "status", "word"),
    [
        ("", "absent", "READ", 404, "NoSuchTableException"),
        ("x", "t", "READ", 404, "NoSuchSchemaException"),
        ("", "t", "WRITE", 400, "InvalidParameterValueException"),
        ("", "t", "", 400, "InvalidParameterValueException"),
        ("", "t%00", "READ", 400, "InvalidParameterValueException"),
    ],
)
def test_refusals_have_the_clients_words(
    site: Site, schema: str, schema_part: str, table: str, operation: str, status: int, word: str
) -> None:
    answer = credentials(site, schema + schema_part, table, operation)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, word), answer.text
    assert answer.json()["error"]["code"] == status


def test_a_path_outside_of_all_locations_is_refused(site: Site) -> None:
    for operation in ("READ", "READ_WRITE"):
        fields = {"location": "s3://nowhere/x", "operation": operation}
        answer = site.call("GET", f"{DELTA}/temporary-path-credentials", fields, headers=AGENT)
        assert answer.status_code == 400 and "external location" in answer.json()["error"]["message"]
    answer = site.call("GET", f"{DELTA}/temporary-path-credentials", fields, token="", headers=AGENT)
    assert answer.status_code == 401 and answer.json()["error"]["type"] == "NotAuthorizedException"
