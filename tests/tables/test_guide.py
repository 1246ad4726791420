"""Each example of the page on tables runs as it stands, against a table that the first of them creates."""

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from connect import GUIDES, run, sections
from live import Server, new_catalog, running_server

pytestmark = pytest.mark.clients
PAGE = GUIDES / "tables.md"
PROGRAMS = Path(sys.executable).parent
TEXT_ALONE = {"Who may do what"}


def install_extensions(home: Path) -> None:
    """Puts the packaged extensions where DuckDB's INSTALL looks first, so that it downloads nothing."""
    ((platform,),) = duckdb.sql("PRAGMA platform").fetchall()
    folder = home / ".duckdb" / "extensions" / f"v{duckdb.__version__}" / platform
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("httpfs", "delta", "unity_catalog"):
        package = importlib.util.find_spec(f"duckdb_extension_{name}")
        assert package is not None
        assert package.submodule_search_locations is not None
        (library,) = Path(package.submodule_search_locations[0]).rglob(f"{name}.duckdb_extension")
        shutil.copy(library, folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: the page's names are the same in all its sections."""
    with running_server(tmp_path_factory.mktemp("tables")) as server:
        new_catalog(server, name="prod")
        install_extensions(server.home)
        yield server


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"LAKE": f"file://{tmp_path_factory.mktemp('lake')}"}


@pytest.fixture(scope="module", autouse=True)
def polars(site: Server, lake: dict[str, str]) -> str:
    """What the first section prints. It creates the table that the others use."""
    return run(site, "polars", PROGRAMS, lake, page=PAGE)


def test_every_section_is_run() -> None:
    assert (
        set(sections(PAGE))
        == {
            "polars",
            "DuckDB",
            "deltalake and pandas",
            "Lineage of a model",
            "Lineage across systems",  # tests/api/unity_catalog/test_external_lineage.py sends such events and asks for the graph
            "Apache Spark",
            *TEXT_ALONE,
        }
    )


def test_polars_creates_appends_and_reads_an_older_version(polars: str) -> None:
    assert polars.split() == ["4", "3"]


def test_duckdb_appends_and_reads(site: Server, lake: dict[str, str]) -> None:
    assert "6.0)" in run(site, "DuckDB", PROGRAMS, lake, page=PAGE)


def test_deltalake_reads_the_first_version(site: Server, lake: dict[str, str]) -> None:
    rows, version = run(site, "deltalake and pandas", PROGRAMS, lake, page=PAGE).split()
    assert (rows, int(version) >= 2) == ("3", True)


def test_the_version_names_the_table_that_its_run_read(site: Server, lake: dict[str, str]) -> None:
    printed = run(site, "Lineage of a model", PROGRAMS, lake, page=PAGE)
    (edge,) = (line for line in printed.splitlines() if "TABLE" in line and "prod.ml_team.iris " in f"{line} ")
    assert "UPSTREAM" in edge
    assert "training" in edge


def test_the_settings_of_spark_name_this_server(site: Server, lake: dict[str, str]) -> None:
    printed = run(site, "Apache Spark", PROGRAMS, lake, page=PAGE)
    assert f"spark.sql.catalog.prod.uri {site.host}" in printed
