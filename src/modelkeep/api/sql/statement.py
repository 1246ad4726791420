"""One statement from its request to its final answer: the fields that a client may send, and how a failure looks.

A request that is malformed is refused with an HTTP status; a statement that fails is an answer of status 200 whose state is FAILED,
as Databricks has it (databricks/sdk/service/sql.py, execute_statement).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import Annotated, Literal

import msgspec

from modelkeep.api.errors import harmless
from modelkeep.api.sql import answers
from modelkeep.api.sql.errors import BadSql
from modelkeep.api.sql.execute import run
from modelkeep.api.sql.grammar import read
from modelkeep.api.sql.scan import SqlSession, TooMuch
from modelkeep.api.sql.select_tree import Value
from modelkeep.api.sql.tables import Table, cell_text
from modelkeep.domain import errors
from modelkeep.domain.errors import InvalidArgument, RegistryError
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import METASTORE, FullName, fold
from modelkeep.domain.time_slices import Pace, in_parser
from modelkeep.limits import SQL_INLINE_CHARACTERS

MOST_BYTES = 16 * 1024 * 1024
"""Of the rows of one answer"""


class SqlParameter(msgspec.Struct, frozen=True):
    name: str
    value: str | None = None
    type: str = "STRING"


class Execute(msgspec.Struct, frozen=True, kw_only=True):
    """Statements are finished when they are answered, so how long to wait, and what then, is read and changes nothing."""

    statement: str
    warehouse_id: str
    catalog: str = ""
    schema: str = ""
    parameters: tuple[SqlParameter, ...] = ()
    row_limit: Annotated[int, msgspec.Meta(ge=1, le=2**62)] | None = None
    byte_limit: Annotated[int, msgspec.Meta(ge=1, le=2**62)] | None = None
    wait_timeout: str = "10s"
    on_wait_timeout: Literal["CONTINUE", "CANCEL"] = "CONTINUE"
    disposition: Literal["INLINE", "EXTERNAL_LINKS"] = "INLINE"
    format: Literal["JSON_ARRAY", "ARROW_STREAM", "CSV"] = "JSON_ARRAY"


def check(execute: Execute) -> None:
    """Raises InvalidArgument for a form of answer that this server does not write."""
    seconds = execute.wait_timeout.removesuffix("s")
    if (
        execute.wait_timeout == seconds
        or not seconds.isdecimal()
        or not (seconds == "0" or 5 <= int(seconds[:9]) <= 50)
    ):
        raise InvalidArgument("wait_timeout is '0s', or a whole number of seconds from '5s' to '50s'.")
    if (execute.disposition, execute.format) != ("INLINE", "JSON_ARRAY"):
        raise InvalidArgument("Answers come as disposition INLINE and format JSON_ARRAY alone. Leave both out.")


def home_of(execute: Execute, home: FullName) -> FullName:
    """The schema of names that do not say theirs. Raises BadName."""
    catalog = fold(execute.catalog, Kind.CATALOG) if execute.catalog else home.parts[0]
    return METASTORE.child(catalog).child(execute.schema or home.parts[1])


def parameters(execute: Execute) -> dict[str, Value]:
    """The values of the statement's markers. Raises InvalidArgument."""
    values: dict[str, Value] = {}
    for parameter in execute.parameters:
        if parameter.name in values:
            raise InvalidArgument(f"Parameter '{parameter.name[:100]}' is given twice.")
        read = _TYPES.get(parameter.type.upper().partition("(")[0].strip())
        if read is None:
            raise InvalidArgument(
                f"Parameter '{parameter.name[:100]}' has a type that is not known: {', '.join(_TYPES)} are."
            )
        try:
            values[parameter.name] = None if parameter.value is None else read(parameter.value)
        except (ValueError, OverflowError) as error:
            raise InvalidArgument(
                f"The value of parameter '{parameter.name[:100]}' is no {parameter.type.upper()[:40]}."
            ) from error
    return values


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _moment(text: str) -> str:
    datetime.fromisoformat(text.strip())
    return text


_TYPES: dict[str, Callable[[str], Value]] = {
    "STRING": str,
    "INT": int,
    "INTEGER": int,
    "BIGINT": int,
    "LONG": int,
    "SMALLINT": int,
    "TINYINT": int,
    "BOOLEAN": _boolean,
    "DATE": _moment,
    "TIMESTAMP": _moment,
    "TIMESTAMP_NTZ": _moment,
    "DOUBLE": float,
    "FLOAT": float,
    "DECIMAL": float,
}


async def executed(session: SqlSession, execute: Execute, id: str) -> answers.SqlStatement:
    """The final answer. Raises InvalidArgument for a malformed request."""
    check(execute)
    values = parameters(execute)
    session = msgspec.structs.replace(session, home=home_of(execute, session.home))
    try:
        # sqlglot is half a second of imports, which a server that never sees SQL does not pay.
        await asyncio.to_thread(_load)
        short = len(execute.statement) <= SQL_INLINE_CHARACTERS
        statement = read(execute.statement, values) if short else await in_parser(read, execute.statement, values)
        return await _succeeded(id, await run(session, statement), execute)
    except RegistryError as error:
        return {"statement_id": id, "status": failed(error)}


def _load() -> None:
    import_module("sqlglot.dialects.databricks")


async def _succeeded(id: str, table: Table, execute: Execute) -> answers.SqlStatement:
    rows: list[list[str | None]] = []
    size, cut, pace = 0, False, Pace()
    for row in table.rows:
        await pace.breathe()
        cells = [cell_text(cell, column) for cell, column in zip(row, table.columns, strict=True)]
        size += sum(len(cell.encode()) + 3 if cell is not None else 5 for cell in cells)
        if len(rows) == execute.row_limit or (execute.byte_limit is not None and size > execute.byte_limit):
            cut = True
            break
        if size > MOST_BYTES:
            raise TooMuch(f"The answer is larger than {MOST_BYTES} bytes. Ask for fewer columns or rows.")
        rows.append(cells)
    columns: list[answers.ColumnInfo] = [
        {"name": c.name, "position": place, "type_name": c.type, "type_text": c.type_text}
        for place, c in enumerate(table.columns)
    ]
    chunk: answers.ChunkInfo = {"chunk_index": 0, "row_count": len(rows), "row_offset": 0}
    return {
        "statement_id": id,
        "status": {"state": "SUCCEEDED"},
        "manifest": {
            "format": "JSON_ARRAY",
            "schema": {"column_count": len(columns), "columns": columns},
            "total_chunk_count": 1,
            "total_row_count": len(rows),
            "truncated": cut,
            "chunks": [chunk],
        },
        "result": {**chunk, "data_array": rows},
    }


# The first class that an error is of: (word of databricks-sdk's ServiceErrorCode, SQLSTATE). The code that REST would answer is
# in the message: that enumeration has none for a lacking privilege.
_FAILURES: tuple[tuple[type[RegistryError], str, str], ...] = (
    (BadSql, "BAD_REQUEST", "42601"),
    (TooMuch, "RESOURCE_EXHAUSTED", "54000"),
    (errors.PermissionDenied, "BAD_REQUEST", "42501"),
    (errors.NotFound, "NOT_FOUND", "42704"),
    (errors.AlreadyExists, "ALREADY_EXISTS", "42710"),
    (errors.NotEmpty, "BAD_REQUEST", "2BP01"),
    (errors.Throttled, "RESOURCE_EXHAUSTED", "53000"),
    (errors.Unavailable, "TEMPORARILY_UNAVAILABLE", "08000"),
    (errors.Conflict, "ABORTED", "40000"),
    (InvalidArgument, "BAD_REQUEST", "22023"),
)


def failed(error: RegistryError) -> answers.StatementStatus:
    word, state = next(
        ((word, state) for kind, word, state in _FAILURES if isinstance(error, kind)), ("INTERNAL_ERROR", "XX000")
    )
    said: answers.ServiceError = {"error_code": word, "message": harmless(f"[{error.code}] {error.message}")}
    return {"state": "FAILED", "error": said, "sql_state": state}
