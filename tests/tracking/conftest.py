from collections.abc import Iterator
from pathlib import Path

import pytest
from tracking.tracking_site import Site, serving


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One running workspace for all tests: each makes its own experiments."""
    with serving(tmp_path_factory.mktemp("workspace")) as running:
        yield running


@pytest.fixture(scope="session")
def site_on_postgres(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """As `site`, with both databases in one PostgreSQL. A module that asks for it has the plugin `backends`."""
    url = request.getfixturevalue("postgres").new_database()
    with serving(tmp_path_factory.mktemp("postgres"), url) as running:
        yield running


@pytest.fixture
def as_alice(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """The environment of alice's shell, for MLflow's own client in this process."""
    monkeypatch.setenv("DATABRICKS_HOST", site.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", site.tokens["alice@x.io"])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    return site
