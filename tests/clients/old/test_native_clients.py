"""`unitycatalog-client`, and an old databricks-sdk, against the native routes, whose answers its classes must accept."""

import sys
from pathlib import Path

import httpx
import pytest
from live import Server, allow, succeeded
from live import run_script as run
from world import MLMODEL

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[2] / ".cache" / "clients"
pytestmark = pytest.mark.clients


@pytest.mark.parametrize("version", ["0.4", "0.7"])
def test_unitycatalog_client(server: Server, catalog: str, version: str) -> None:
    python = ENVIRONMENTS / f"unitycatalog-{version}" / "bin" / "python"
    assert python.exists(), f"There is no client unitycatalog-{version} yet: `make test-clients` installs it."
    ready, user = f"{catalog}.ml_team.ready", f"reader@{catalog}"
    server.user(user)
    server.databricks_uc("POST", "registered-models/create", {"name": ready}).raise_for_status()
    server.databricks_uc("POST", "model-versions/create", {"name": ready, "source": "models:/m-1"}).raise_for_status()
    path = f"{server.host}/api/2.0/fs/files/Models/{ready.replace('.', '/')}/1/MLmodel"
    httpx.put(path, content=MLMODEL, headers={"authorization": f"Bearer {server.admin_token}"}).raise_for_status()
    server.databricks_uc("POST", "model-versions/finalize", {"name": ready, "version": "1"}).raise_for_status()
    allow(server, user, "function", ready, "EXECUTE", "MANAGE", "APPLY_TAG")
    succeeded(run(server, HERE.parent / "native" / "oss.py", catalog, user, ready, python=python))


@pytest.mark.parametrize("version", ["0.30", "newest"])
def test_databricks_sdk(server: Server, catalog: str, version: str) -> None:
    python = ENVIRONMENTS / f"sdk-{version}" / "bin" / "python" if version != "newest" else Path(sys.executable)
    assert python.exists(), f"There is no client sdk-{version} yet: `make test-clients` installs it."
    model = f"{catalog}.ml_team.versioned"
    server.databricks_uc("POST", "registered-models/create", {"name": model}).raise_for_status()
    for _ in range(2):
        server.databricks_uc(
            "POST", "model-versions/create", {"name": model, "source": "models:/m-1"}
        ).raise_for_status()
    succeeded(run(server, HERE.parent / "native" / "sdk.py", catalog, model, python=python))
    succeeded(run(server, HERE.parent / "native" / "account.py", f"{catalog}-{version}", python=python))
    succeeded(run(server, HERE.parent / "native" / "sdk_objects.py", catalog, python=python))


@pytest.mark.parametrize("version", ["0.4", "0.7"])
def test_volumes_tables_and_functions(server: Server, catalog: str, version: str) -> None:
    python = ENVIRONMENTS / f"unitycatalog-{version}" / "bin" / "python"
    server.user(f"reader@{catalog}")
    succeeded(run(server, HERE.parent / "native" / "oss_objects.py", catalog, f"reader@{catalog}", python=python))
