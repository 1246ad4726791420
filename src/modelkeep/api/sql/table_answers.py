"""DESCRIBE TABLE and SHOW CREATE TABLE: a table as SQL writes it, with Spark's own columns and headings.

(Spark: `DescribeTableCommand` and `ShowCreateTableCommand`; Databricks answers the same.)
"""

import re
from collections.abc import Sequence

from modelkeep.api.sql.tables import Row, SqlColumn, Table
from modelkeep.core.operations.catalog import tables
from modelkeep.domain.model import Securable
from modelkeep.domain.times import rfc3339

_DESCRIBED = (SqlColumn("col_name"), SqlColumn("data_type"), SqlColumn("comment"))
_CREATE = (SqlColumn("createtab_stmt"),)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def describe_table(table: Securable, *, extended: bool) -> Table:
    """The columns; below them, of a partitioned table, those that partition it; if `extended`, what else is known of it."""
    definition = tables.definition(table)
    rows: list[Row] = [_column_row(column) for column in definition.columns]
    if partitions := partition_columns(definition.columns):
        rows += [("# Partition Information", "", ""), ("# col_name", "data_type", "comment")]
        rows += [_column_row(column) for column in partitions]
    if extended:
        rows += [("", "", ""), ("# Detailed Table Information", "", "")]
        rows += [(label, value, "") for label, value in _details(table, definition)]
    return Table(_DESCRIBED, rows)


def show_create_table(table: Securable) -> Table:
    return Table(_CREATE, [(create_statement(table),)])


def create_statement(table: Securable) -> str:
    """The statement that creates such a table. A managed table's location is the server's, so it is left out."""
    definition = tables.definition(table)
    columns = ",\n".join(f"  {_column_clause(column)}" for column in definition.columns)
    name = ".".join(map(quoted_name, table.full_name.split(".")))
    lines = [f"CREATE TABLE {name}" + (f" (\n{columns})" if columns else "")]
    lines.append(f"USING {definition.data_source_format.lower()}")
    if partitions := partition_columns(definition.columns):
        lines.append(f"PARTITIONED BY ({', '.join(quoted_name(column.name) for column in partitions)})")
    if table.comment:
        lines.append(f"COMMENT {quoted_text(table.comment)}")
    if definition.table_type == "EXTERNAL":
        lines.append(f"LOCATION {quoted_text(definition.storage_location)}")
    if definition.properties:
        pairs = [f"  {quoted_text(key)} = {quoted_text(value)}" for key, value in sorted(definition.properties.items())]
        lines.append("TBLPROPERTIES (\n" + ",\n".join(pairs) + ")")
    return "\n".join(lines) + "\n"


def partition_columns(columns: Sequence[tables.Column]) -> list[tables.Column]:
    """Those that partition the table, in the order of the partitions."""
    numbered = [(column.partition_index, column) for column in columns if column.partition_index is not None]
    return [column for _, column in sorted(numbered, key=lambda pair: pair[0])]


def column_type(column: tables.Column) -> str:
    """The type as SQL writes it, in lower case. Clients that send no `type_text` send its name."""
    return column.type_text or (column.type_name or "").lower()


def quoted_name(name: str) -> str:
    """A name in backticks, unless it reads as one word."""
    return name if _PLAIN_NAME.fullmatch(name) else "`" + name.replace("`", "``") + "`"


def quoted_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _column_row(column: tables.Column) -> Row:
    return column.name, column_type(column), column.comment


def _column_clause(column: tables.Column) -> str:
    nullable = " NOT NULL" if column.nullable is False else ""
    comment = f" COMMENT {quoted_text(column.comment)}" if column.comment else ""
    return f"{quoted_name(column.name)} {column_type(column).upper() or 'STRING'}{nullable}{comment}"


def _details(table: Securable, definition: tables.Definition) -> list[tuple[str, str]]:
    catalog, schema, name = table.full_name.split(".")
    details = [
        ("Catalog", catalog),
        ("Database", schema),
        ("Table", name),
        ("Owner", table.owner),
        ("Created Time", rfc3339(table.created_at)),
        ("Last Access", "UNKNOWN"),
        ("Created By", table.created_by),
        ("Type", definition.table_type),
    ]
    if table.comment:
        details.append(("Comment", table.comment))
    details += [("Location", definition.storage_location), ("Provider", definition.data_source_format.lower())]
    if definition.properties:
        pairs = ",".join(f"{key}={value}" for key, value in sorted(definition.properties.items()))
        details.append(("Table Properties", f"[{pairs}]"))
    return details
