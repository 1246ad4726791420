"""History and sample rows over the API: whose rights, which folders, and what the audit log keeps."""

import uuid
from pathlib import Path
from typing import Any

import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
import pytest
from api.serving import UC, V1, Site, refused, site
from deltalake import write_deltalake

__all__ = ["site"]


@pytest.fixture(scope="module")
def lake(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that an external location covers."""
    folder = tmp_path_factory.mktemp("lake").resolve()
    name = f"lake_{uuid.uuid4().hex[:8]}"
    body = {"name": name, "url": f"file://{folder}", "skip_validation": True}
    site.ok("POST", f"{UC}/external-locations", body)
    return folder


def register(site: Site, schema: str, location: str, **fields: Any) -> str:
    name = f"t_{uuid.uuid4().hex[:8]}"
    catalog, leaf = schema.split(".")
    body = {"name": name, "catalog_name": catalog, "schema_name": leaf, "table_type": "EXTERNAL"}
    body |= {"data_source_format": "DELTA", "storage_location": location, **fields}
    site.ok("POST", f"{UC}/tables", body)
    return f"{schema}.{name}"


def test_history_and_rows_of_a_table_in_an_external_location(site: Site, lake: Path) -> None:
    schema, folder = site.schema(), lake / "good"
    write_deltalake(str(folder), pd.DataFrame({"id": [1, 2]}))
    table = register(site, schema, f"file://{folder}")
    user, token = site.user()
    paths = [f"{V1}/tables/{table}/{read}" for read in ("history", "sample")]
    for path in paths:
        refused(site.call("GET", path, token=token), 403, "PERMISSION_DENIED", "USE CATALOG")
    site.allow(user, "catalog", schema.split(".")[0], "USE_CATALOG", "USE_SCHEMA")
    for path in paths:
        refused(site.call("GET", path, token=token), 403, "PERMISSION_DENIED", "SELECT")
    site.allow(user, "table", table, "SELECT")
    history, sample = (site.ok("GET", path, token=token) for path in paths)
    assert [commit["operation"] for commit in history["commits"]] == ["WRITE"]
    assert (history["files"], history["rows"]) == (1, 2)
    assert (sample["columns"], sample["rows"]) == (["id"], [["1"], ["2"]])
    site.run(site.registry.auditor.flush())
    events = site.ok("GET", f"{V1}/audit", {"actor": user, "max_results": 100})["events"]
    assert [e["outcome"] for e in events if e["event"] == "table.sample"] == [
        "ok",
        "PERMISSION_DENIED",
        "PERMISSION_DENIED",
    ]


@pytest.mark.parametrize(
    ("location", "fields", "words"),
    [
        ("file:///etc", {}, "outside of all external locations"),
        ("file:///{lake}x/t", {}, "outside of all external locations"),
        ("s3://elsewhere/t", {}, "no credentials"),
        ("file:///{lake}/csv", {"data_source_format": "CSV"}, "format is CSV"),
        ("file:///{lake}/absent", {}, "no Delta table"),
    ],
)
def test_what_the_server_does_not_open(
    site: Site, lake: Path, location: str, fields: dict[str, str], words: str
) -> None:
    table = register(site, site.schema(), location.format(lake=str(lake)[1:]), **fields)
    for read in ("history", "sample"):
        answer = site.call("GET", f"{V1}/tables/{table}/{read}")
        assert answer.status_code in (400, 409), answer.text
        assert words in answer.json()["message"]
