"""A server without the extras starts: nothing that it imports belongs to one."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
MODULES = {"flask-swagger-ui": "flask_swagger_ui", "psycopg-pool": "psycopg_pool"}
"""Where a package's module has another name than the package"""


def modules(requirements: list[str]) -> list[str]:
    names = [re.split(r"[\[<>=;~! ]", requirement)[0] for requirement in requirements]
    return [MODULES.get(name, name.replace("-", "_")) for name in names]


def test_the_server_is_imported_without_any_extra() -> None:
    missing = [module for extra in PROJECT["optional-dependencies"].values() for module in modules(extra)]
    assert not set(missing) & set(modules(PROJECT["dependencies"]))
    lines = f"import sys; sys.modules.update(dict.fromkeys({missing})); import modelkeep.serve, modelkeep.cli"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
