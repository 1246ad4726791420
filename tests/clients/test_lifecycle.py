"""The newest client's whole use of a registry: every script of flow/, run as a user runs it."""

from pathlib import Path

import pytest
from live import Server, allow, new_catalog, run_script, succeeded

FLOW = Path(__file__).with_name("flow")
pytestmark = pytest.mark.clients


@pytest.mark.parametrize(
    "script",
    ["register", "aliases", "govern", "delete", "refusals", "unsigned", "lineage", "foreign", "volume", "prompts"],
)
def test_flow(server: Server, catalog: str, script: str) -> None:
    succeeded(run_script(server, FLOW / f"{script}.py", catalog))


def test_promotion(server: Server, catalog: str) -> None:
    succeeded(run_script(server, FLOW / "promote.py", catalog, new_catalog(server)))


def test_execute_is_enough_to_copy_and_for_nothing_else(server: Server, catalog: str) -> None:
    model = f"{catalog}.ml_team.lent"
    succeeded(run_script(server, FLOW / "release.py", model, "4"))
    name = f"borrower@{catalog}"
    token = server.user(name)["DATABRICKS_TOKEN"]
    allow(server, name, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    mine = new_catalog(server)
    allow(server, name, "catalog", mine, "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL")
    succeeded(run_script(server, FLOW / "trespass.py", f"models:/{model}/1", f"{mine}.ml_team.copy", token=token))
    allow(server, name, "function", model, "EXECUTE")
    succeeded(run_script(server, FLOW / "borrow.py", f"models:/{model}/1", f"{mine}.ml_team.copied", "4", token=token))
