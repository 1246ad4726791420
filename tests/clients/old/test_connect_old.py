"""The snippets of the page "Connect your client" for clients that need an environment of their own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from connect import run
from live import Server, new_catalog, running_server
from vending import OnStore

ENVIRONMENTS = Path(__file__).resolve().parents[3] / ".cache" / "clients"
pytest_plugins = ("backends", "vending")
pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the model that the first section registers."""
    with running_server(tmp_path_factory.mktemp("connect")) as server:
        new_catalog(server, name="prod")
        run(server, "MLflow 3", Path(sys.executable).parent)
        yield server


@pytest.mark.parametrize(
    ("title", "version"),
    [
        ("MLflow 2.13 to 2.22", "2.22"),
        ("mlflow-skinny", "skinny"),
        ("databricks-sdk", "sdk-0.30"),
        ("unitycatalog-client", "unitycatalog-0.4"),
        ("databricks-cli 0.18", "databricks-cli-0.18"),
    ],
)
def test_snippet(site: Server, title: str, version: str) -> None:
    programs = ENVIRONMENTS / version / "bin"
    assert programs.exists(), f"There is no client {version} yet: `make test-clients` installs it."
    run(site, title, programs)


def test_snippet_with_temporary_credentials(on_store: OnStore) -> None:
    new_catalog(on_store.server, name="prod")
    run(on_store.server, "MLflow 2.9 to 2.13.0", ENVIRONMENTS / "2.11" / "bin", on_store.settings)
