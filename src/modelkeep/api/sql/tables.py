"""What a statement answers: typed columns and rows, and the text that each value becomes (Databricks' JSON_ARRAY format)."""

from typing import Literal

import msgspec

from modelkeep.domain.times import rfc3339

Cell = str | int | float | bool | None
Row = tuple[Cell, ...]


YES_NO = {True: "YES", False: "NO"}


Type = Literal["STRING", "LONG", "INT", "DOUBLE", "BOOLEAN", "TIMESTAMP", "DATE"]


class SqlColumn(msgspec.Struct, frozen=True):
    name: str
    type: Type = "STRING"
    """TIMESTAMP cells are epoch ms, DATE cells `2026-01-31`, which sorts as it should"""

    @property
    def label(self) -> str:
        """The column's name in an answer: of a field, the field's own."""
        return self.name.rpartition(".")[2]

    @property
    def type_text(self) -> str:
        return "BIGINT" if self.type == "LONG" else self.type


class Table(msgspec.Struct, frozen=True):
    columns: tuple[SqlColumn, ...] = ()
    rows: list[Row] = []


def date(at: int) -> str:
    return rfc3339(at)[:10]


def cell_text(cell: Cell, column: SqlColumn) -> str | None:
    """The text of a cell in an answer."""
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if column.type == "DOUBLE":
        return str(float(cell))
    return rfc3339(cell) if column.type == "TIMESTAMP" and isinstance(cell, int) else str(cell)
