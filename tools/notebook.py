"""Executes notebooks in examples/ and writes their outputs into them: `python tools/notebook.py examples/lifecycle.ipynb`.

The server is the one of DATABRICKS_HOST and DATABRICKS_TOKEN (`eval "$(make -s env)"`).
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

TIMEOUT_S = 240


def execute(notebook: NotebookNode, environment: Mapping[str, str]) -> NotebookNode:
    """Runs all cells in a fresh kernel and a fresh folder, and cleans their outputs. Raises CellExecutionError."""
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, timeout=TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        client.execute(env=dict(environment))
    return clean(notebook)


def clean(notebook: NotebookNode) -> NotebookNode:
    """Drops what differs from run to run or from machine to machine, and HTML, for which each output has a text."""
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type != "code":
            continue
        cell.execution_count = None
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            output.pop("execution_count", None)
            if output.output_type == "execute_result":
                output.execution_count = None
            output.get("data", {}).pop("text/html", None)
    return notebook


def main() -> None:
    for name in sys.argv[1:]:
        path = Path(name)
        notebook = nbformat.read(path, as_version=4)
        nbformat.write(execute(notebook, os.environ), path)


if __name__ == "__main__":
    main()
