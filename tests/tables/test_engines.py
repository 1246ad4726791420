"""polars and DuckDB on tables of a folder, as users with and without grants: what the server refuses, and what only the operating
system could."""

import importlib.util
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pytest
from live import Server, allow, new_catalog
from polars.exceptions import ComputeError

pytestmark = pytest.mark.clients
ROWS = pl.DataFrame({"id": [1, 2], "sepal length (cm)": [5.1, 4.9]})


@dataclass(frozen=True)
class Lake:
    """A catalog with one Delta table of two commits, and a user who has only USE CATALOG and USE SCHEMA."""

    server: Server
    catalog: str
    folder: Path
    user: str
    token: str

    def polars(self, token: str = "") -> pl.Catalog:
        return pl.Catalog(self.server.host, bearer_token=token or self.server.admin_token, require_https=False)

    def create(self, name: str, token: str = "") -> None:
        self.polars(token).create_table(
            self.catalog,
            "ml_team",
            name,
            schema=ROWS.schema,
            table_type="EXTERNAL",
            data_source_format="DELTA",
            storage_root=f"file://{self.folder}/{name}",
        )

    def count(self, name: str, token: str = "", version: int | None = None) -> int:
        scan = self.polars(token).scan_table(self.catalog, "ml_team", name, delta_table_version=version)
        return scan.collect().height

    def duckdb(self, token: str = "") -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"extension_directory": str(self.folder / "extensions")})
        for name in ("httpfs", "delta", "unity_catalog"):
            package = importlib.util.find_spec(f"duckdb_extension_{name}")
            assert package is not None
            assert package.submodule_search_locations is not None
            (library,) = Path(package.submodule_search_locations[0]).rglob(f"{name}.duckdb_extension")
            connection.execute(f"LOAD '{library}'")
        secret = token or self.server.admin_token
        connection.execute(
            f"CREATE SECRET (TYPE unity_catalog, TOKEN '{secret}', ENDPOINT '{self.server.host}', AWS_REGION 'us-east-1')"
        )
        connection.execute(f"ATTACH '{self.catalog}' AS lake (TYPE unity_catalog)")
        return connection


@pytest.fixture
def lake(server: Server, tmp_path: Path) -> Lake:
    catalog, user = new_catalog(server), f"u_{uuid.uuid4().hex[:8]}@x.io"
    token = server.user(user)["DATABRICKS_TOKEN"]
    allow(server, user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    lake = Lake(server, catalog, tmp_path, user, token)
    lake.create("flowers")
    for mode in ("overwrite", "append"):
        lake.polars().write_table(ROWS, catalog, "ml_team", "flowers", delta_mode=mode)
    return lake


def test_polars_reads_each_version_and_drops_by_name(lake: Lake) -> None:
    assert [lake.count("flowers", version=version) for version in (None, 0, 1)] == [4, 2, 4]
    (info,) = lake.polars().list_tables(lake.catalog, "ml_team")
    assert [(column.name, column.type_name) for column in info.columns or ()] == [
        ("id", "LONG"),
        ("sepal length (cm)", "DOUBLE"),
    ]
    lake.polars().delete_table(lake.catalog, "ml_team", "flowers")
    with pytest.raises(ComputeError, match="404"):
        lake.count("flowers")
    assert (lake.folder / "flowers" / "_delta_log").is_dir()


def test_duckdb_reads_and_appends_by_name(lake: Lake) -> None:
    connection = lake.duckdb()
    connection.execute("INSERT INTO lake.ml_team.flowers VALUES (3, 4.7)")
    assert connection.execute("SELECT count(*), max(id) FROM lake.ml_team.flowers").fetchall() == [(5, 3)]
    assert lake.count("flowers") == 5


def test_without_select_a_table_is_not_loaded(lake: Lake) -> None:
    with pytest.raises(ComputeError, match=re.escape("User does not have SELECT on Table")):
        lake.count("flowers", lake.token)
    with pytest.raises(duckdb.Error):
        lake.duckdb(lake.token).execute("SELECT * FROM lake.ml_team.flowers")


def test_with_select_a_table_is_read_and_neither_created_nor_dropped(lake: Lake) -> None:
    allow(lake.server, lake.user, "table", f"{lake.catalog}.ml_team.flowers", "SELECT")
    assert lake.count("flowers", lake.token) == 4
    assert lake.duckdb(lake.token).execute("SELECT count(*) FROM lake.ml_team.flowers").fetchall() == [(4,)]
    with pytest.raises(ComputeError, match=re.escape("User does not have CREATE TABLE on Schema")):
        lake.create("own", lake.token)
    with pytest.raises(ComputeError, match=re.escape("User does not have MANAGE on Table")):
        lake.polars(lake.token).delete_table(lake.catalog, "ml_team", "flowers")


def test_in_a_folder_the_operating_system_alone_guards_the_bytes(lake: Lake) -> None:
    """docs/guides/tables.md says so: a reader whose account may write to the folder writes, whatever the server answers."""
    allow(lake.server, lake.user, "table", f"{lake.catalog}.ml_team.flowers", "SELECT")
    lake.polars(lake.token).write_table(ROWS, lake.catalog, "ml_team", "flowers", delta_mode="append")
    assert lake.count("flowers") == 6
