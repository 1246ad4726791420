"""Delta's own API on the wire: what its client sends, and the words in which it is refused."""

import uuid
from typing import Any

import httpx
import pytest
from api.serving import UC, Site

from modelkeep import limits
from modelkeep.core.operations.tables.delta_tables import READER_FEATURES, REQUIRED_PROPERTIES, WRITER_FEATURES
from modelkeep.store import delta_tables
from modelkeep.store.db import now_ms

pytest_plugins = ("api.serving",)
DELTA = f"{UC}/delta/v1"
AGENT = {"user-agent": "UnityCatalog-Java-Client/0.6.0 Delta/4.3.1 Spark/4.1.4"}
PROTOCOL = {
    "min-reader-version": 3,
    "min-writer-version": 7,
    "reader-features": list(READER_FEATURES),
    "writer-features": list(WRITER_FEATURES),
}


class Lake:
    """A schema, and calls as Delta's client makes them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.schema = site.schema()
        catalog, name = self.schema.split(".")
        self.path = f"{DELTA}/catalogs/{catalog}/schemas/{name}"

    def call(self, method: str, path: str, fields: Any = None, token: str | None = None) -> httpx.Response:
        return self.site.call(method, f"{self.path}{path}", fields, token=token, headers=AGENT)

    def body(self, staged: dict[str, Any], name: str, **changes: Any) -> dict[str, Any]:
        return {
            "name": name,
            "location": staged["location"],
            "table-type": "MANAGED",
            "columns": {"type": "struct", "fields": [field("id")]},
            "protocol": PROTOCOL,
            "properties": {**REQUIRED_PROPERTIES, "io.unitycatalog.tableId": staged["table-id"]},
            "last-commit-timestamp-ms": 1,
            **changes,
        }

    def create(self, name: str, **changes: Any) -> tuple[httpx.Response, str]:
        """The answer, and the table's id."""
        staged = self.call("POST", "/staging-tables", {"name": name}).json()
        return self.call("POST", "/tables", self.body(staged, name, **changes)), staged["table-id"]

    def table(self) -> tuple[str, str]:
        """(name, id) of a new managed table."""
        name = f"t_{uuid.uuid4().hex[:8]}"
        answer, table_id = self.create(name)
        assert answer.status_code == 200, answer.text
        return name, table_id

    def update(self, name: str, table_id: str, *updates: dict[str, Any], token: str | None = None) -> httpx.Response:
        requirements = [{"type": "assert-table-uuid", "uuid": table_id}]
        return self.call("POST", f"/tables/{name}", {"requirements": requirements, "updates": updates}, token)


def field(name: str, delta_type: Any = "long") -> dict[str, Any]:
    return {"name": name, "type": delta_type, "nullable": True, "metadata": {}}


def add_commit(version: int, **changes: Any) -> dict[str, Any]:
    entry = {
        "version": version,
        "timestamp": 1,
        "file-name": f"{version:020}.{uuid.uuid4()}.json",
        "file-size": 10,
        "file-modification-timestamp": 1,
    }
    return {"action": "add-commit", "commit": entry | changes}


def word(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert error["code"] == answer.status_code and len(error["message"]) > 10
    return answer.status_code, error["type"]


@pytest.fixture(scope="module")
def lake(site: Site) -> Lake:
    return Lake(site)


def test_config_names_the_calls_that_there_are(lake: Lake) -> None:
    catalog = lake.schema.partition(".")[0]
    for versions in ({}, {"protocol-versions": "1.0"}, {"protocol-versions": "1.4,2.0"}):
        config = lake.site.ok("GET", f"{DELTA}/config", {"catalog": catalog, **versions})
        assert config["protocol-version"] == "1.0"
        assert "POST /v1/catalogs/{catalog}/schemas/{schema}/staging-tables" in config["endpoints"]
    answer = lake.site.call("GET", f"{DELTA}/config", {"catalog": catalog, "protocol-versions": "2.0"})
    assert word(answer) == (400, "InvalidParameterValueException")
    assert word(lake.site.call("GET", f"{DELTA}/config", {"catalog": "absent"})) == (404, "NoSuchCatalogException")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/views"), ("GET", "/tables"), ("PUT", "/tables/t"), ("PATCH", "/tables/t"), ("POST", "/tables/t/x/y")],
)
def test_an_unknown_path_is_no_missing_table(lake: Lake, method: str, path: str) -> None:
    assert word(lake.call(method, path)) == (501, "NotImplementedException")
    assert lake.call(method, path, token="").status_code == 401


def test_a_table_that_is_not_delta_sends_the_client_to_the_other_api(lake: Lake) -> None:
    catalog, schema = lake.schema.split(".")
    body = {"catalog_name": catalog, "schema_name": schema, "name": "csv", "table_type": "EXTERNAL"}
    lake.site.ok("POST", f"{UC}/tables", {**body, "data_source_format": "CSV", "storage_location": "file:/lake/csv"})
    assert word(lake.call("GET", "/tables/csv")) == (400, "UnsupportedTableFormatException")
    assert lake.call("HEAD", "/tables/csv").status_code == 400
    assert word(lake.call("GET", "/tables/absent")) == (404, "NoSuchTableException")
    assert lake.call("HEAD", "/tables/absent").status_code == 404


def test_a_table_from_its_staging_to_its_drop(lake: Lake) -> None:
    name, table_id = lake.table()
    assert lake.call("HEAD", f"/tables/{name}").status_code == 204
    report = {"commit-report": {"num-files-added": 2, "num-bytes-added": 30, "num-rows-inserted": 5}}
    for _ in range(2):
        answer = lake.call("POST", f"/tables/{name}/metrics", {"table-id": table_id, "report": report})
        assert (answer.status_code, answer.content) == (204, b"")

    async def versions() -> Any:
        async with lake.site.registry.db.read() as tx:
            return await delta_tables.versions(tx, table_id)

    counted = lake.site.run(versions())
    assert (counted.file_count, counted.byte_count, counted.row_count) == (4, 60, 10)
    other = lake.call("POST", f"/tables/{name}/metrics", {"table-id": "other"})
    assert word(other) == (400, "InvalidParameterValueException")
    assert lake.call("POST", f"/tables/{name}/rename", {"new-name": f"{name}2"}).status_code == 204
    assert lake.update(f"{name}2", table_id, add_commit(1)).json()["latest-table-version"] == 1
    path = f"{DELTA}/staging-tables/{table_id}/credentials"
    assert lake.site.call("GET", path, headers=AGENT).status_code == 200
    assert word(lake.site.call("GET", path, token=lake.site.user()[1], headers=AGENT))[0] == 404
    assert lake.call("DELETE", f"/tables/{name}2").status_code == 204
    assert word(lake.update(f"{name}2", table_id, add_commit(2))) == (404, "NoSuchTableException")


@pytest.mark.parametrize(
    ("update", "status", "kind"),
    [
        (add_commit(2), 400, "InvalidParameterValueException"),
        (add_commit(0), 400, "InvalidParameterValueException"),
        (add_commit(-1), 400, "InvalidParameterValueException"),
        (add_commit(2**63), 400, "InvalidParameterValueException"),
        (add_commit(1, **{"file-name": "../../x.json"}), 400, "InvalidParameterValueException"),
        (add_commit(1, **{"file-name": f"{2:020}.{uuid.UUID(int=1)}.json"}), 400, "InvalidParameterValueException"),
        (add_commit(1, **{"file-name": f"{1:020}.json"}), 400, "InvalidParameterValueException"),
        (add_commit(1, **{"file-size": 0}), 400, "InvalidParameterValueException"),
        (add_commit(1, **{"file-size": limits.COMMIT_FILE_BYTES + 1}), 400, "InvalidParameterValueException"),
        (add_commit(1, timestamp=-1), 400, "InvalidParameterValueException"),
        ({"action": "unknown"}, 400, "InvalidParameterValueException"),
        ({"action": "set-columns", "columns": {"type": "struct"}}, 400, "InvalidParameterValueException"),
        ({"action": "set-properties", "updates": {"a": 1}}, 400, "InvalidParameterValueException"),
    ],
)
def test_a_wrong_update_is_refused_and_changes_nothing(lake: Lake, update: Any, status: int, kind: str) -> None:
    name, table_id = lake.table()
    before = lake.call("GET", f"/tables/{name}").json()
    assert word(lake.update(name, table_id, update)) == (status, kind)
    assert lake.call("GET", f"/tables/{name}").json() == before


def test_the_shape_of_an_update_is_checked(lake: Lake) -> None:
    name, table_id = lake.table()
    comment, uuids = {"action": "set-table-comment", "comment": "x"}, {"type": "assert-table-uuid", "uuid": table_id}
    bodies: list[tuple[Any, int, str]] = [
        ({"requirements": [uuids], "updates": []}, 400, "InvalidParameterValueException"),
        ({"requirements": [], "updates": [comment]}, 400, "InvalidParameterValueException"),
        ({"requirements": [uuids, uuids], "updates": [comment]}, 400, "InvalidParameterValueException"),
        ({"requirements": [uuids], "updates": [comment, comment]}, 400, "InvalidParameterValueException"),
        (
            {"requirements": [{"type": "assert-etag", "etag": "x"}], "updates": [comment]},
            400,
            "InvalidParameterValueException",
        ),
        (
            {"requirements": [{**uuids, "uuid": "other"}], "updates": [comment]},
            409,
            "UpdateRequirementConflictException",
        ),
        (
            {"requirements": [uuids, {"type": "assert-etag", "etag": "x"}], "updates": [comment]},
            409,
            "UpdateRequirementConflictException",
        ),
    ]
    for body, status, kind in bodies:
        assert word(lake.call("POST", f"/tables/{name}", body)) == (status, kind), body


def test_conflicts_have_the_words_that_make_delta_retry(lake: Lake) -> None:
    name, table_id = lake.table()
    first = add_commit(1)
    answer = lake.update(name, table_id, first).json()
    assert lake.update(name, table_id, first).json() == answer
    assert word(lake.update(name, table_id, add_commit(1))) == (409, "CommitVersionConflictException")
    for version in range(2, limits.UNPUBLISHED_COMMITS + 1):
        assert lake.update(name, table_id, add_commit(version)).status_code == 200
    assert word(lake.update(name, table_id, add_commit(11))) == (429, "ResourceExhaustedException")
    other = lake.table()[1]
    assert word(lake.update(name, other, add_commit(11))) == (409, "UpdateRequirementConflictException")


@pytest.mark.parametrize(
    "properties",
    [
        {str(i): "" for i in range(limits.TABLE_PROPERTIES)},
        {"a": "b" * limits.TABLE_PROPERTY_CHARACTERS},
        {"": "b"},
    ],
    ids=["many", "long", "without a name"],
)
def test_properties_are_bounded(lake: Lake, properties: dict[str, str]) -> None:
    name, table_id = lake.table()
    answer = lake.update(name, table_id, {"action": "set-properties", "updates": properties})
    assert word(answer) == (400, "InvalidParameterValueException")


def test_features_of_a_protocol_are_bounded(lake: Lake) -> None:
    many = [*WRITER_FEATURES, *(f"f{i}" for i in range(limits.DELTA_FEATURES))]
    for features in (many, [*WRITER_FEATURES, ""], [*WRITER_FEATURES, "x" * 256]):
        answer, _ = lake.create("featured", protocol={**PROTOCOL, "writer-features": features})
        assert word(answer) == (400, "InvalidParameterValueException")


def test_ten_thousand_columns_are_created_and_loaded(lake: Lake) -> None:
    """A field of Delta's has eight keys with column mapping: more than other bodies may have."""
    fields = [
        {
            **field(f"a column {i}"),
            "metadata": {"delta.columnMapping.id": i, "delta.columnMapping.physicalName": f"c{i}", "comment": "x"},
        }
        for i in range(limits.TABLE_COLUMNS)
    ]
    assert limits.COLUMN_JSON_KEYS > 70_000
    staged = lake.call("POST", "/staging-tables", {"name": "wide"}).json()
    body = lake.body(staged, "wide", columns={"type": "struct", "fields": fields})
    body["properties"]["delta.columnMapping.mode"] = "name"
    answer = lake.call("POST", "/tables", body)
    assert answer.status_code == 200, answer.text[:300]
    assert lake.call("GET", "/tables/wide").json()["metadata"]["columns"]["fields"] == fields


def test_only_routes_with_columns_take_so_many_keys(lake: Lake) -> None:
    paths = {route.path for route in lake.site.routes if route.keys_limit == limits.COLUMN_JSON_KEYS}
    prefix = f"{DELTA}/catalogs/{{catalog}}/schemas/{{schema}}/tables"
    assert {prefix, f"{prefix}/{{table}}", f"{UC}/tables"} <= paths
    assert all("tables" in path for path in paths), paths


def test_a_sweep_gives_up_a_bounded_number_of_old_stagings(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelkeep.jobs.table_purge import give_up_stagings

    assert limits.STAGED_TABLE_MS > 3_600_000 and limits.PURGE_S > limits.STORE_METADATA_S
    monkeypatch.setattr(limits, "STAGINGS_PER_SWEEP", 2)
    old = [lake.call("POST", "/staging-tables", {"name": "old"}).json()["table-id"] for _ in range(3)]

    async def sweep() -> list[str]:
        async with lake.site.registry.db.write() as tx:
            for table_id in old:
                await tx.run(
                    "UPDATE table_folders SET since = :at WHERE table_id = :id",
                    at=now_ms() - limits.STAGED_TABLE_MS - 1,
                    id=table_id,
                )
        await give_up_stagings(lake.site.registry.db)
        async with lake.site.registry.db.read() as tx:
            folders = [await delta_tables.folder(tx, table_id) for table_id in old]
        return sorted(folder.state for folder in folders if folder is not None)

    assert lake.site.run(sweep()) == ["dropped", "dropped", "staged"]


def test_a_reader_neither_stages_nor_commits(lake: Lake) -> None:
    name, table_id = lake.table()
    who, token = lake.site.user()
    lake.site.allow(who, "catalog", lake.schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA", "SELECT")
    assert lake.call("GET", f"/tables/{name}", token=token).status_code == 200
    for answer in (
        lake.update(name, table_id, add_commit(1), token=token),
        lake.call("POST", "/staging-tables", {"name": "own"}, token),
        lake.call("DELETE", f"/tables/{name}", token=token),
        lake.call("POST", f"/tables/{name}/rename", {"new-name": "x"}, token),
        lake.call("POST", f"/tables/{name}/metrics", {"table-id": table_id}, token),
    ):
        assert word(answer) == (403, "PermissionDeniedException")


def test_older_clients_stage_create_and_commit(lake: Lake) -> None:
    site, (catalog, schema) = lake.site, lake.schema.split(".")
    place = {"catalog_name": catalog, "schema_name": schema, "name": "older"}
    staged = site.ok("POST", f"{UC}/staging-tables", place)
    vended = site.ok("POST", f"{UC}/temporary-table-credentials", {"table_id": staged["id"], "operation": "READ_WRITE"})
    assert vended["url"] == staged["staging_location"]
    column = {"name": "id", "type_text": "bigint", "type_name": "LONG", "position": 0}
    body = {"table_type": "MANAGED", "data_source_format": "DELTA", "columns": [column]}
    created = site.ok("POST", f"{UC}/tables", {**place, **body, "storage_location": staged["staging_location"]})
    assert (created["table_id"], created["table_type"]) == (staged["id"], "MANAGED")
    commits = f"{UC}/delta/preview/commits"
    info = {"version": 1, "timestamp": 1, "file_name": f"{1:020}.{uuid.uuid4()}.json", "file_size": 1}
    info["file_modification_timestamp"] = 1
    commit = {"table_id": staged["id"], "table_uri": staged["staging_location"], "commit_info": info}
    assert site.ok("POST", commits, commit) == site.ok("POST", commits, commit) == {}
    answer = site.ok("GET", commits, {"table_id": staged["id"], "start_version": 0})
    assert answer == {"commits": [info], "latest_table_version": 1}
    in_body = site.call("GET", commits, json={"table_id": staged["id"], "table_uri": "", "start_version": 2})
    assert in_body.json() == {"commits": [], "latest_table_version": 1}
    other = {**commit, "commit_info": {**info, "file_name": f"{1:020}.{uuid.uuid4()}.json"}}
    assert site.call("POST", commits, other).status_code == 409
    metadata = {"description": "new", "properties": {"properties": {"a": "b"}}, "schema": {"columns": [column] * 1}}
    second = {**info, "version": 2, "file_name": f"{2:020}.{uuid.uuid4()}.json"}
    site.ok("POST", commits, {**commit, "commit_info": second, "latest_backfilled_version": 1, "metadata": metadata})
    table = site.ok("GET", f"{UC}/tables/{lake.schema}.older")
    assert (table["comment"], table["properties"]["a"]) == ("new", "b")
    assert table["properties"]["io.unitycatalog.tableId"] == staged["id"]
    for wrong in ({"table_id": staged["id"], "table_uri": "x"}, {**commit, "table_uri": "file:///other"}):
        assert site.call("POST", commits, wrong).status_code == 400
    assert site.call("POST", commits, {**commit, "table_id": "x"}).status_code == 404


def test_the_columns_of_an_external_table_can_be_updated(lake: Lake) -> None:
    catalog, schema = lake.schema.split(".")
    body = {"catalog_name": catalog, "schema_name": schema, "name": "ext", "table_type": "EXTERNAL"}
    lake.site.ok("POST", f"{UC}/tables", {**body, "data_source_format": "DELTA", "storage_location": "s3://else/x"})
    column = {"name": "id", "type_text": "int", "type_json": '{"name":"id","type":"integer"}', "type_name": "INT"}
    path = f"{UC}/tables/{lake.schema}.ext"
    table = lake.site.ok("PATCH", path, {"columns": [column], "properties": {"k": "v"}, "comment": "c"})
    assert (table["columns"], table["properties"], table["comment"]) == ([column], {"k": "v"}, "c")
    assert lake.site.ok("PATCH", path, {"properties": {}})["columns"] == [column]
    loaded = lake.call("GET", "/tables/ext").json()["metadata"]
    assert loaded["columns"]["fields"] == [{"name": "id", "type": "integer", "nullable": True, "metadata": {}}]
    who, token = lake.site.user()
    lake.site.allow(who, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "SELECT")
    assert lake.site.call("PATCH", path, {"columns": []}, token=token).status_code == 403
