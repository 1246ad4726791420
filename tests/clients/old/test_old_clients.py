"""Clients of earlier years against the same server; each in an environment of its own under .cache/clients."""

import uuid
from pathlib import Path

import pytest
from live import Server, allow, new_catalog, run_script, succeeded
from vending import OnStore

HERE = Path(__file__).parent
FLOW = HERE.parent / "flow"
PLAIN = HERE.parent / "plain"
ENVIRONMENTS = HERE.parents[2] / ".cache" / "clients"
FLOWS = ["register", "aliases", "govern", "promote", "delete", "refusals"]
pytest_plugins = ("backends", "vending")
pytestmark = pytest.mark.clients


def python(version: str) -> Path:
    result = ENVIRONMENTS / version / "bin" / "python"
    assert result.exists(), f"There is no client {version} yet: `make test-clients` installs it."
    return result


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("version", ["3.0", "2.22", "2.16"])
def test_flow(server: Server, catalog: str, version: str, flow: str) -> None:
    extra = [new_catalog(server)] if flow == "promote" else []
    succeeded(run_script(server, FLOW / f"{flow}.py", catalog, *extra, python=python(version)))


@pytest.mark.parametrize(
    ("version", "script"),
    [
        ("3.0", FLOW / "foreign.py"),
        ("2.22", HERE / "limits_2.py"),
        ("2.16", HERE / "limits_2.py"),
        ("2.16", HERE / "limits_2_16.py"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.stem,
)
def test_limits(server: Server, catalog: str, version: str, script: Path) -> None:
    succeeded(run_script(server, script, catalog, python=python(version)))


@pytest.mark.parametrize("version", ["3.0", "2.22", "2.16", "2.11"])
def test_plain_rest(server: Server, version: str) -> None:
    settings = {
        "MLFLOW_TRACKING_URI": server.host,
        "MLFLOW_REGISTRY_URI": server.host,
        "MLFLOW_TRACKING_TOKEN": server.admin_token,
    }
    arguments = uuid.uuid4().hex[:6]
    succeeded(run_script(server, PLAIN / "registry.py", arguments, python=python(version), settings=settings))


def test_2_11_with_temporary_credentials(on_store: OnStore) -> None:
    """It knows no signed URLs: over a store, whose address it is told, it does all else."""
    catalog = new_catalog(on_store.server)
    done = run_script(
        on_store.server, HERE / "limits_2_11.py", catalog, python=python("2.11"), settings=on_store.settings
    )
    succeeded(done)


def test_2_11_without_a_store(server: Server, catalog: str) -> None:
    done = run_script(server, HERE / "limits_2_11.py", catalog, "no store", python=python("2.11"))
    succeeded(done)


def test_execute_is_enough_to_copy_with_3_0(server: Server, catalog: str) -> None:
    model = f"{catalog}.ml_team.lent"
    succeeded(run_script(server, FLOW / "release.py", model, "4", python=python("3.0")))
    name = f"borrower@{catalog}"
    token = server.user(name)["DATABRICKS_TOKEN"]
    mine = new_catalog(server)
    allow(server, name, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    allow(server, name, "catalog", mine, "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL")
    allow(server, name, "function", model, "EXECUTE")
    arguments = f"models:/{model}/1", f"{mine}.ml_team.copied", "4"
    succeeded(run_script(server, FLOW / "borrow.py", *arguments, token=token, python=python("3.0")))
