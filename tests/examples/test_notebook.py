"""The example notebook under plain Jupyter: it runs against a real server, and prints what is committed."""

import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from live import Server, new_catalog

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "lifecycle.ipynb"
pytestmark = pytest.mark.clients


def executor() -> Any:
    """tools/notebook.py, which writes the outputs."""
    spec = importlib.util.spec_from_file_location("notebook", ROOT / "tools" / "notebook.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outputs(notebook: Any) -> list[Any]:
    """Of all code cells, as plain data."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return json.loads(json.dumps([cell.outputs for cell in cells]))


def test_the_notebook_prints_what_is_committed(server: Server) -> None:
    environment = server.env() | {
        "EXAMPLE_SCHEMA": f"{new_catalog(server)}.ml_team",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "IPYTHONDIR": str(server.home / "ipython"),
    }
    committed = nbformat.read(NOTEBOOK, as_version=4)
    executed = executor().execute(nbformat.read(NOTEBOOK, as_version=4), environment)
    assert outputs(executed) == outputs(committed), "execute tools/notebook.py, and look at the difference"


def test_the_notebook_reads_well_on_a_code_host() -> None:
    """Outputs are there, as text, without addresses, folders, ids or errors of one machine; no dbutils and no magic."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    text = json.dumps(outputs(notebook))
    assert len([cell for cell in outputs(notebook) if cell]) >= 9
    assert not re.search(r"127\.0\.0\.1|localhost|/home|/root|/tmp|[0-9a-f]{32}|Traceback|text/html|\\u001b", text), (
        text
    )
    code = "".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert not re.search(r"dbutils|^[%!]", code, re.MULTILINE)
    assert {"register", "describ", "load", "alias", "delet"} <= {
        word
        for word in ("register", "describ", "load", "alias", "delet")
        if word in notebook.cells[0].source.lower() + code
    }


def test_each_section_names_the_cells_that_it_replaces() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    sections = [cell.source for cell in notebook.cells if re.search(r"^## ", cell.source, re.MULTILINE)]
    assert len(sections) >= 9
    assert all("*Replaces the cells" in section for section in sections)
