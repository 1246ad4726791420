"""Archived audit records as Parquet: a row a link, in columns named as the fields of an event; JSON stays JSON text."""

import io
from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.domain.errors import InvalidArgument, Unavailable
from modelkeep.store.audit import AuditEvent, ChainLink

_TEXT = [name for name in AuditEvent.__struct_fields__ if name != "at"]
_NUMBERS = ("seq", "at")
_LATER = {f.name for f in msgspec.structs.fields(AuditEvent) if not f.required}


class Row(msgspec.Struct, frozen=True):
    """A link as the file has it. The event is what was hashed: whatever fields events had then, in their order."""

    seq: int
    hash: str
    event: dict[str, Any]


def _arro3() -> tuple[Any, Any]:
    try:
        import arro3.core
        import arro3.io
    except ImportError as error:
        raise Unavailable("Archives of the audit log need the extra: pip install 'modelkeep[archive]'.") from error
    return arro3.core, arro3.io


def encode(links: Sequence[ChainLink]) -> bytes:
    """The file of these links. Raises Unavailable without the extra."""
    core, parquet = _arro3()
    columns = {
        "seq": [link.seq for link in links],
        "at": [link.event.at for link in links],
        "hash": [link.hash for link in links],
    }
    columns |= {name: [_text(link.event, name) for link in links] for name in _TEXT}
    ordered = ["seq", "hash", *AuditEvent.__struct_fields__]
    types = {name: core.DataType.int64() if name in _NUMBERS else core.DataType.utf8() for name in ordered}
    table = core.Table.from_pydict({name: core.Array(columns[name], type=types[name]) for name in ordered})
    ends = {"modelkeep.first_hash": links[0].hash, "modelkeep.last_hash": links[-1].hash}
    file = io.BytesIO()
    parquet.write_parquet(table, file, compression="zstd(3)", key_value_metadata=ends)
    return file.getvalue()


def _text(event: AuditEvent, name: str) -> str:
    value = getattr(event, name)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def decode(data: bytes) -> list[Row]:
    """The links of a file. Raises InvalidArgument where it is none, Unavailable without the extra."""
    _, parquet = _arro3()
    try:
        return _rows(parquet.read_parquet(io.BytesIO(data)).read_all())
    except BaseException as error:  # arro3 panics at what is no Parquet: no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise InvalidArgument("The file is no archive of audit records.") from error


def _rows(table: Any) -> list[Row]:
    columns: dict[str, list[Any]] = {name: table.column(name).to_pylist() for name in table.column_names}
    columns["targets"] = [msgspec.json.decode(text) for text in columns["targets"]]
    seqs, hashes = columns.pop("seq"), columns.pop("hash")
    events = [
        {name: value for name, value in zip(columns, values, strict=True) if value or name not in _LATER}
        for values in zip(*columns.values(), strict=True)
    ]
    return [Row(*row) for row in zip(seqs, hashes, events, strict=True)]
