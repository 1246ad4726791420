"""Runs one block of the page as a notebook would: preamble, block, look at the effect.  Arguments: page, block number.

Two kinds of line are not run as they stand. A call with `...` for arguments says that something is left out, and is
left out. What needs Spark goes another way: the table is not written, and the dataset comes from the data frame, with
the same Delta table for a source.
"""

import ast
import contextlib
import runpy
import sys
from pathlib import Path

from blocks import blocks
from cells import CELLS, Names

_DATASET = "mlflow.data.from_pandas({frame}, source=__delta(delta_table_name={table}, delta_table_version={version}))"


class Replaced(ast.NodeTransformer):
    """The block without Spark and without calls that are left out."""

    spark = ""
    frame = ""

    def visit_Import(self, node: ast.Import) -> ast.Import | None:
        for alias in node.names:
            if alias.name.startswith("pyspark"):
                self.spark = alias.asname or alias.name
                return None
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        named = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
        if self.spark and any(name.id == self.spark for name in named):
            self.frame = next(name.id for name in named if name.id != self.spark)
            return None
        if isinstance(node.value, ast.Call) and any(_is_ellipsis(argument) for argument in node.value.args):
            return None
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "load_delta":
            fields = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            text = _DATASET.format(frame=self.frame, table=fields["table_name"], version=fields["version"])
            return ast.parse(text, mode="eval").body
        if isinstance(node.func, ast.Attribute) and node.func.attr == "toPandas":
            return node.func.value
        return node


class Kept(ast.NodeTransformer):
    """Keeps what the block's own bare expressions come to, as a notebook shows it."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        keep = ast.parse("values.append", mode="eval").body
        return ast.Expr(ast.Call(keep, [node.value], []))


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def main(page: str, number: int) -> None:
    block, cell = blocks(Path(page).read_text())[number - 1], CELLS[number - 1]
    names = runpy.run_path(str(Path(__file__).with_name("preamble.py")))
    names["values"] = []
    with contextlib.suppress(ImportError):
        from mlflow.data.delta_dataset_source import DeltaDatasetSource

        names["__delta"] = DeltaDatasetSource
    tree = Kept().visit(Replaced().visit(ast.parse(block.filled(names["placeholders"]))))
    code = compile(ast.fix_missing_locations(tree), f"{page}, block {number} in line {block.line}", "exec")

    check = cell.run(Names(names))
    next(check)
    exec(code, names)
    with contextlib.suppress(StopIteration):
        next(check)
        raise AssertionError(f"{cell.name} yields twice")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
