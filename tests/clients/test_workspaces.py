"""Two workspaces on one real server, through the command line, databricks-sdk (workspaces and account) and MLflow."""

from pathlib import Path

import pytest
from live import free_port, run_script, running_server, succeeded

FLOW = Path(__file__).parent / "native" / "workspaces.py"
pytestmark = pytest.mark.clients


def test_two_workspaces(tmp_path: Path) -> None:
    """On a laptop a workspace's address is a port, which the server listens on from its next start."""
    port = free_port()
    with running_server(tmp_path, "--no-workspace") as first:
        first.cli("workspaces", "create", "dev", f"127.0.0.1:{port}")
        assert "dev" in first.cli("workspaces", "list")
        first.user("guest")
        first.cli("workspaces", "assign", "dev", "guest", "--admin")
        assert "ADMIN" in first.cli("workspaces", "members", "dev")
        first.cli("workspaces", "unassign", "dev", "guest")
        first.cli("catalogs", "create", "box")
        first.cli("catalogs", "isolate", "box")
        assert "READ_ONLY" in first.cli("catalogs", "bind", "box", "dev", "--read-only")
        first.cli("catalogs", "unbind", "box", "dev")
        assert "READ_ONLY" not in first.cli("catalogs", "bindings", "box")
        first.cli("catalogs", "open", "box")
    with running_server(tmp_path) as server:
        assert "done" in succeeded(run_script(server, FLOW, server.host, f"http://127.0.0.1:{port}"))
