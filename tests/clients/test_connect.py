"""Each snippet of the page "Connect your client" that the newest clients run; tests/clients/old has the others."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from connect import GUIDES, run, sections
from live import Server, new_catalog, running_server

pytestmark = pytest.mark.clients
NEWEST = (
    "MLflow 3",
    "MLflow 3.15 and newer, native Unity Catalog REST",
    "Plain MLflow",
    "databricks-sdk",
    "MLflow with `uc:`",
    "curl",
)
OLD = ("MLflow 2.13 to 2.22", "MLflow 2.9 to 2.13.0", "mlflow-skinny", "unitycatalog-client", "databricks-cli 0.18")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: the page's names are the same for all its sections."""
    shared = str(tmp_path_factory.mktemp("shared"))
    with running_server(tmp_path_factory.mktemp("connect"), MODELKEEP_SHARED_FOLDER=shared) as server:
        new_catalog(server, name="prod")
        yield server


# Programs in Go, whose requests tests/api/unity_catalog/test_terraform.py and test_workspace_files.py send.
TOOLS = ("Terraform", "Databricks CLI and bundles", "Databricks' command line")


def test_every_section_is_run_somewhere() -> None:
    assert set(sections()) == {*NEWEST, *OLD, *TOOLS}


@pytest.mark.parametrize("title", NEWEST)
def test_snippet(site: Server, title: str) -> None:
    run(site, title, Path(sys.executable).parent)


def test_from_staging_to_prod(site: Server) -> None:
    """The walk through the page on governance."""
    said = run(site, "From staging to prod", Path(sys.executable).parent, page=GUIDES / "govern.md")
    assert "refused, as it should be" in said
    assert "alice may NOT copy_version: User does not have USE CATALOG on Catalog 'prod'." in said
    assert "User does not have USE CATALOG on Catalog 'staging'." in said


def test_experiments_are_shared(site: Server) -> None:
    before = """
import mlflow
from databricks.sdk import WorkspaceClient
w = WorkspaceClient()
w.groups.create(display_name="analysts")
experiment_id = mlflow.create_experiment("/Users/admin/shared")
"""
    said = run(site, "Experiments", Path(sys.executable).parent, page=GUIDES / "govern.md", before=before)
    assert "analysts" in said and "CAN_READ" in said
