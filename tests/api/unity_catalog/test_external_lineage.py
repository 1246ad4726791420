"""External metadata and lineage through databricks-sdk, and OpenLineage's run events over HTTP."""

import gzip
import json
import uuid
from typing import Any

import httpx
import pytest
from api.serving import UC, V1, Site, refused
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.service import catalog as c

pytest_plugins = ("api.serving",)
TRACKED = "/api/2.0/lineage-tracking"


@pytest.fixture
def sdk(site: Site) -> WorkspaceClient:
    return WorkspaceClient(config=Config(host=site.host, token=site.admin, auth_type="pat"))


@pytest.fixture
def table(site: Site) -> str:
    """The name of a new table, at `s3://lake/<its name>`."""
    schema = site.schema()
    catalog, _, short = schema.partition(".")
    place = {"catalog_name": catalog, "schema_name": short, "name": "iris"}
    body = {**place, "table_type": "EXTERNAL", "data_source_format": "DELTA", "storage_location": f"s3://lake/{schema}"}
    site.ok("POST", f"{UC}/tables", body)
    return f"{schema}.iris"


def dashboard(name: str, **fields: Any) -> c.ExternalMetadata:
    return c.ExternalMetadata(name=name, system_type=c.SystemType.TABLEAU, entity_type="dashboard", **fields)


def of_table(name: str) -> c.ExternalLineageObject:
    return c.ExternalLineageObject(table=c.ExternalLineageTable(name=name))


def of_metadata(name: str) -> c.ExternalLineageObject:
    return c.ExternalLineageObject(external_metadata=c.ExternalLineageExternalMetadata(name=name))


def fresh() -> str:
    return f"m_{uuid.uuid4().hex[:8]}"


def test_metadata_lives_as_the_sdk_has_it(sdk: WorkspaceClient, site: Site) -> None:
    api, name = sdk.external_metadata, fresh()
    created = api.create_external_metadata(
        dashboard(name, columns=["a", "b"], properties={"team": "x"}, url="https://bi/1", description="Sales")
    )
    assert created == api.get_external_metadata(name) and created in list(api.list_external_metadata(page_size=1))
    assert (created.owner, created.columns, created.system_type) == ("admin", ["a", "b"], c.SystemType.TABLEAU)
    assert (
        site.ok("GET", f"{TRACKED}/external-metadata/{name}", token=site.user()[1])["id"] == created.id
    )  # BROWSE for all
    changed = api.update_external_metadata(name, dashboard(name, description="New"), "description,columns")
    assert (changed.description, changed.columns, changed.url) == ("New", None, "https://bi/1")
    owner, _ = site.user()
    assert api.update_external_metadata(name, dashboard(name, owner=owner), "owner").owner == owner
    for mask, words in (("created_by", "may name"), ("", "may name"), ("entity_type,x", "may name")):
        answer = site.call(
            "PATCH",
            f"{TRACKED}/external-metadata/{name}?update_mask={mask}",
            {"entity_type": "a", "system_type": "SAP"},
        )
        refused(answer, 400, "INVALID_PARAMETER_VALUE", words)
    api.delete_external_metadata(name)
    refused(site.call("GET", f"{TRACKED}/external-metadata/{name}"), 404, "RESOURCE_DOES_NOT_EXIST")


def test_relationships_live_as_the_sdk_has_them(sdk: WorkspaceClient, site: Site, table: str) -> None:
    api, name = sdk.external_lineage, fresh()
    sdk.external_metadata.create_external_metadata(dashboard(name))
    model = site.model(table.rpartition(".")[0], versions=1)
    version = c.ExternalLineageObject(model_version=c.ExternalLineageModelVersion(name=model, version="1"))
    path = c.ExternalLineageObject(path=c.ExternalLineagePath(url="s3://lake/exports"))
    for source in (of_table(table), version, path):
        created = api.create_external_lineage_relationship(
            c.CreateRequestExternalLineage(
                source=source, target=of_metadata(name), columns=[c.ColumnRelationship("a", "b")], properties={"k": "v"}
            )
        )
        assert (created.source, created.target, created.properties) == (source, of_metadata(name), {"k": "v"})
        down = list(api.list_external_lineage_relationships(source, c.LineageDirection.DOWNSTREAM, page_size=1))
        assert [info.external_metadata_info.name for info in down if info.external_metadata_info] == [name]
    up = list(api.list_external_lineage_relationships(of_metadata(name), c.LineageDirection.UPSTREAM, page_size=2))
    assert [(info.table_info or info.model_info or info.file_info) is not None for info in up] == [True] * 3
    changed = api.update_external_lineage_relationship(
        c.UpdateRequestExternalLineage(source=path, target=of_metadata(name), properties={"x": "y"}), "properties"
    )
    assert (changed.properties, len(changed.columns or ())) == ({"x": "y"}, 1)
    for source in (of_table(table), version, path):
        api.delete_external_lineage_relationship(
            c.DeleteRequestExternalLineage(source=source, target=of_metadata(name))
        )
    assert not list(api.list_external_lineage_relationships(of_metadata(name), c.LineageDirection.UPSTREAM))


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (
            {"source": {"path": {"url": "s3://a/b"}}, "target": {"path": {"url": "s3://a/c"}}},
            "external metadata at one end",
        ),
        ({"source": {}, "target": {"path": {"url": "s3://a/c"}}}, "Name one of"),
        (
            {"source": {"path": {"url": "x"}, "table": {"name": "a.b.c"}}, "target": {"path": {"url": "s3://a/c"}}},
            "Name one of",
        ),
        ({"source": {"table": {"name": "a.b"}}, "target": {"path": {"url": "s3://a/c"}}}, "full name"),
        (
            {"source": {"model_version": {"name": "a.b.c", "version": "x"}}, "target": {"path": {"url": "y"}}},
            "positive integer",
        ),
    ],
)
def test_a_relationship_that_cannot_be_is_refused(site: Site, ends: dict[str, Any], words: str) -> None:
    refused(site.call("POST", f"{TRACKED}/external-lineage", ends), 400, "INVALID_PARAMETER_VALUE", words)


# --- OpenLineage -----------------------------------------------------------------------------------------------------


def event(*outputs: dict[str, Any], kind: str = "COMPLETE", **fields: Any) -> dict[str, Any]:
    """As OpenLineage's clients send one, with facets that are not read here."""
    return {
        "eventType": kind,
        "eventTime": "2026-01-01T00:00:00.000Z",
        "run": {"runId": str(uuid.uuid4()), "facets": {"parent": {"job": {"name": "x"}}}},
        "job": {"namespace": "airflow", "name": "dag.task", "facets": {}},
        "inputs": [{"namespace": "postgres://db", "name": "shop.public.orders", "facets": {"schema": {"fields": []}}}],
        "outputs": list(outputs),
        "producer": "https://example/producer",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        **fields,
    }


def graph(site: Site, table: str, **fields: Any) -> dict[str, Any]:
    return site.ok("GET", f"{V1}/lineage/graph", {"type": "TABLE", "name": table, **fields})


@pytest.mark.parametrize("form", ["databricks", "symlink", "folder", "gzip"])
def test_a_run_event_leads_into_the_table(site: Site, table: str, form: str) -> None:
    folder = {"namespace": "s3://lake", "name": table.rpartition(".")[0]}
    symlinks = {"symlinks": {"identifiers": [{"namespace": "x", "name": table, "type": "TABLE"}]}}
    output = {
        "symlink": {"namespace": "s3://other", "name": "x", "facets": symlinks},
        "folder": folder,
    }.get(form, {"namespace": "databricks://host", "name": table})
    body = json.dumps(event(output)).encode()
    headers = {"authorization": f"Bearer {site.admin}", "content-type": "application/json"}
    if form == "gzip":
        body, headers["content-encoding"] = gzip.compress(body), "gzip"
    answer = httpx.post(f"{site.host}/api/v1/lineage", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"recorded": 1, "dropped": 0}), answer.text
    result = graph(site, table, direction="UPSTREAM")
    assert [node["name"] for node in result["nodes"]] == [table, "postgres://db/shop.public.orders"]
    assert [(edge["source"], edge["target"], edge["context"]) for edge in result["edges"]] == [
        ("1", "0", "airflow/dag.task")
    ]


@pytest.mark.parametrize("kind", ["START", "FAIL", "ABORT"])
def test_a_run_that_did_not_complete_wrote_nothing(site: Site, table: str, kind: str) -> None:
    sent = event({"namespace": "databricks://host", "name": table}, kind=kind)
    assert site.ok("POST", "/api/v1/lineage", sent) == {"recorded": 0, "dropped": 0}
    assert graph(site, table)["edges"] == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"job": None}, "job"),
        ({"job": {"name": "x"}}, "namespace"),
        ({"outputs": [{"namespace": "x"}]}, "name"),
        ({"outputs": [{"namespace": "x", "name": ""}]}, "has no name"),
        ({"outputs": "x"}, "outputs"),
        ({"inputs": [{"namespace": "x", "name": str(n)} for n in range(101)]}, "at most 100"),
    ],
)
def test_an_event_that_cannot_be_read_is_one_sentence(site: Site, changed: dict[str, Any], words: str) -> None:
    sent = event({"namespace": "x", "name": "y"}, **changed)
    refused(site.call("POST", "/api/v1/lineage", sent), 400, "INVALID_PARAMETER_VALUE", words)


def test_a_graph_is_exported_as_events_that_another_server_can_read(site: Site, table: str) -> None:
    site.ok("POST", "/api/v1/lineage", event({"namespace": "databricks://host", "name": table}))
    query = {"type": "TABLE", "name": table, "depth": 2}
    (written,) = site.ok("GET", f"{V1}/lineage/openlineage", query)["events"]
    assert written["inputs"] == [
        {"namespace": "postgres://db/shop.public.orders".rpartition("/")[0], "name": "shop.public.orders"}
    ]
    assert written["outputs"] == [{"namespace": "modelkeep", "name": table}]
    assert written["job"] == {"namespace": "airflow", "name": "dag.task"} and uuid.UUID(written["run"]["runId"])
    assert site.ok("POST", "/api/v1/lineage", written) == {"recorded": 1, "dropped": 0}
    assert len(graph(site, table)["edges"]) == 1
    assert site.ok("GET", f"{V1}/lineage/openlineage", query)["events"] == [written]
