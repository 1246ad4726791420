"""The Terraform example: formatted, and applied, planned without changes and destroyed where a provider is installed.

TF_CLI_CONFIG_FILE names a configuration with `dev_overrides` or a mirror of databricks/databricks; no registry is asked.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from live import Server

FOLDER = Path(__file__).parents[2] / "examples" / "terraform"
TERRAFORM = shutil.which("terraform") or shutil.which("tofu") or ""
CONFIGURATION = os.environ.get("TF_CLI_CONFIG_FILE", "")
pytestmark = [pytest.mark.clients, pytest.mark.skipif(not TERRAFORM, reason="there is no terraform or tofu here")]


def run(folder: Path, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TERRAFORM, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )


def test_the_files_are_formatted() -> None:
    done = run(FOLDER, "fmt", "-check", "-diff", environment={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(
    not CONFIGURATION or not Path(CONFIGURATION).is_file(),
    reason="no provider is installed: TF_CLI_CONFIG_FILE names none",
)
def test_apply_plan_and_destroy(server: Server, tmp_path: Path) -> None:
    for file in FOLDER.glob("*.tf"):
        shutil.copy(file, tmp_path)
    name = f"tf_{os.urandom(4).hex()}"
    environment = server.env() | {
        "TF_CLI_CONFIG_FILE": CONFIGURATION,
        "CHECKPOINT_DISABLE": "1",
        "TF_VAR_catalog": name,
        "TF_VAR_scientists": f'["{name}@example.com", "{name}.too@example.com"]',
    }
    if "dev_overrides" not in Path(CONFIGURATION).read_text():
        assert run(tmp_path, "init", "-input=false", environment=environment).returncode == 0
    applied = run(tmp_path, "apply", "-auto-approve", "-no-color", "-input=false", environment=environment)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert f'model = "{name}.ml_team.fraud_detection"' in applied.stdout
    assert "EXECUTE" in server.cli("grants", "list", "function", f"{name}.ml_team.fraud_detection")
    planned = run(tmp_path, "plan", "-no-color", "-input=false", "-detailed-exitcode", environment=environment)
    assert planned.returncode == 0, planned.stdout + planned.stderr  # 2 would be changes
    server.cli("models", "create", f"{name}.ml_team.other")
    refused = run(tmp_path, "destroy", "-auto-approve", "-no-color", "-input=false", environment=environment)
    assert refused.returncode == 1 and re.search(r"not empty|still has", refused.stdout + refused.stderr), (
        refused.stderr
    )
    server.cli("models", "delete", f"{name}.ml_team.other")
    destroyed = run(tmp_path, "destroy", "-auto-approve", "-no-color", "-input=false", environment=environment)
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert name not in server.cli("catalogs", "list")
