"""Columns as Delta has them, and as Unity Catalog's `/tables` shows them: one stored form for both.

A column keeps Delta's own field as `type_json`, in the log's spelling (PROTOCOL.md, "Schema Serialization Format": `elementType`).
Delta's API to catalogs spells the same keys in kebab case (`element-type`). Names are compared without regard to case, as Delta does.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec

from modelkeep.core.operations.catalog.tables import Column, ColumnType
from modelkeep.domain.errors import InvalidArgument
from modelkeep.limits import COLUMN_NESTING, TABLE_COLUMNS

_DECIMAL = re.compile(r"decimal\((\d{1,2}),\s?(\d{1,2})\)")
_PRIMITIVES: dict[str, tuple[str, ColumnType]] = {
    "boolean": ("boolean", "BOOLEAN"),
    "byte": ("tinyint", "BYTE"),
    "short": ("smallint", "SHORT"),
    "integer": ("int", "INT"),
    "long": ("bigint", "LONG"),
    "float": ("float", "FLOAT"),
    "double": ("double", "DOUBLE"),
    "date": ("date", "DATE"),
    "timestamp": ("timestamp", "TIMESTAMP"),
    "timestamp_ntz": ("timestamp_ntz", "TIMESTAMP_NTZ"),
    "string": ("string", "STRING"),
    "binary": ("binary", "BINARY"),
    "decimal": ("decimal(10,0)", "DECIMAL"),
    "variant": ("variant", "VARIANT"),
    "void": ("void", "NULL"),
    "null": ("void", "NULL"),
}
"""By Delta's word: (SQL's word, Unity Catalog's)."""
_TO_LOG = {
    "element-type": "elementType",
    "contains-null": "containsNull",
    "key-type": "keyType",
    "value-type": "valueType",
    "value-contains-null": "valueContainsNull",
}
_TO_API = {log: api for api, log in _TO_LOG.items()}
_ONLY_MAPPED = re.compile(r"[ ,;{}()\n\t=]")
"""Characters that Delta allows in the name of a column only under column mapping, since Parquet's names cannot hold them."""


class DeltaField(msgspec.Struct, frozen=True):
    name: str
    type: Any
    """A word, or an object with `type` array, map or struct."""
    nullable: bool = True
    metadata: dict[str, Any] = {}


class DeltaSchema(msgspec.Struct, frozen=True):
    fields: tuple[DeltaField, ...]
    type: str = "struct"


class _TypeWords(NamedTuple):
    sql: str
    name: ColumnType
    precision: int | None = None
    scale: int | None = None


def table_columns(schema: DeltaSchema, partition_columns: Sequence[str], *, mapped: bool) -> tuple[Column, ...]:
    """`mapped`: the table has column mapping, so names may hold any character. Raises InvalidArgument."""
    if len(schema.fields) > TABLE_COLUMNS:
        raise InvalidArgument(f"The table has {len(schema.fields)} columns. At most {TABLE_COLUMNS} are supported.")
    _check_names((field.name for field in schema.fields), mapped=mapped)
    partition = partition_indexes(partition_columns, [field.name for field in schema.fields])
    return tuple(
        _column(field, position, partition.get(field.name.lower()), mapped=mapped)
        for position, field in enumerate(schema.fields)
    )


def partition_indexes(partition_columns: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """Positions by lower-case name. Raises InvalidArgument for a name twice, or of no column."""
    indexes = {name.lower(): index for index, name in enumerate(partition_columns)}
    unknown = indexes.keys() - {name.lower() for name in names}
    if len(indexes) < len(partition_columns) or unknown:
        named = sorted(unknown)[0][:100] if unknown else "twice"
        raise InvalidArgument(f"partition-columns must name columns of the table, each once. It names '{named}'.")
    return indexes


def partitioned(columns: Sequence[Column], partition_columns: Sequence[str]) -> tuple[Column, ...]:
    """The same columns with other partition columns. Raises InvalidArgument."""
    indexes = partition_indexes(partition_columns, [column.name for column in columns])
    return tuple(
        msgspec.structs.replace(column, partition_index=indexes.get(column.name.lower())) for column in columns
    )


def partition_names(columns: Sequence[Column]) -> list[str]:
    """Of the partition columns, in their order."""
    indexed = [(column.partition_index, column.name) for column in columns if column.partition_index is not None]
    return [name for _, name in sorted(indexed)]


def delta_fields(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """As Delta's API has them. [] where a column does not say its Delta type: Delta then reads the schema from the log alone."""
    fields: list[dict[str, Any]] = []
    for column in columns:
        try:
            field = msgspec.json.decode(column.type_json, type=DeltaField)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return []
        fields.append(
            {
                "name": field.name,
                "type": field.type if isinstance(field.type, str) else _respelled(field.type, _TO_API),
                "nullable": field.nullable,
                "metadata": field.metadata,
            }
        )
    return fields


def _column(field: DeltaField, position: int, partition_index: int | None, *, mapped: bool) -> Column:
    words = _type_words(field.type, 1, mapped=mapped)
    in_log = {
        "name": field.name,
        "type": field.type if isinstance(field.type, str) else _respelled(field.type, _TO_LOG),
        "nullable": field.nullable,
        "metadata": field.metadata,
    }
    comment = field.metadata.get("comment")
    return Column(
        name=field.name,
        type_text=words.sql,
        type_json=msgspec.json.encode(in_log).decode(),
        type_name=words.name,
        type_precision=words.precision,
        type_scale=words.scale,
        position=position,
        comment=comment if isinstance(comment, str) else None,
        nullable=field.nullable,
        partition_index=partition_index,
    )


def _type_words(delta_type: Any, depth: int, *, mapped: bool) -> _TypeWords:
    """Raises InvalidArgument for a type that Delta does not have."""
    if depth > COLUMN_NESTING:
        raise InvalidArgument(f"A column's type is nested more than {COLUMN_NESTING} levels deep. Use fewer levels.")
    if isinstance(delta_type, str):
        return _primitive(delta_type)
    if isinstance(delta_type, dict):
        parts = cast("dict[str, Any]", delta_type)

        def inner(key: str) -> str:
            return _type_words(parts.get(key, parts.get(_TO_LOG[key])), depth + 1, mapped=mapped).sql

        match parts.get("type"):
            case "array":
                return _TypeWords(f"array<{inner('element-type')}>", "ARRAY")
            case "map":
                return _TypeWords(f"map<{inner('key-type')},{inner('value-type')}>", "MAP")
            case "struct":
                return _TypeWords(f"struct<{_struct_words(parts, depth, mapped=mapped)}>", "STRUCT")
            case _:
                pass
    raise InvalidArgument(f"{str(cast('object', delta_type))[:100]!r} is no type of a Delta column.")


def _primitive(word: str) -> _TypeWords:
    if match := _DECIMAL.fullmatch(word):
        precision, scale = int(match[1]), int(match[2])
        if 0 < precision <= 38 and scale <= precision:
            return _TypeWords(f"decimal({precision},{scale})", "DECIMAL", precision, scale)
    elif words := _PRIMITIVES.get(word):
        return _TypeWords(*words)
    elif word.startswith(("varchar(", "char(", "interval", "geometry", "geography")) and len(word) <= 100:
        return _TypeWords(word, "INTERVAL" if word.startswith("interval") else "STRING")
    raise InvalidArgument(f"{word[:100]!r} is no type of a Delta column.")


def _struct_words(parts: dict[str, Any], depth: int, *, mapped: bool) -> str:
    try:
        fields = msgspec.convert(parts.get("fields"), type=tuple[DeltaField, ...])
    except msgspec.ValidationError as error:
        raise InvalidArgument("A struct's fields need a name, type, nullable and metadata.") from error
    _check_names((field.name for field in fields), mapped=mapped)
    return ",".join(f"{field.name}:{_type_words(field.type, depth + 1, mapped=mapped).sql}" for field in fields)


def _check_names(names: Any, *, mapped: bool) -> None:
    """Raises InvalidArgument."""
    seen: set[str] = set()
    for name in names:
        if not name or len(name) > 255:
            raise InvalidArgument("A column's name has 1 to 255 characters.")
        if not mapped and _ONLY_MAPPED.search(name):
            raise InvalidArgument(
                f"Column name {name!r} has a character among ' ,;{{}}()\\n\\t='. "
                "Set delta.columnMapping.mode to 'name', or rename the column."
            )
        if name.lower() in seen:
            raise InvalidArgument(f"Two columns are named {name!r}. Names differ by more than case.")
        seen.add(name.lower())


def _respelled(value: Any, spelling: dict[str, str]) -> Any:
    """A nested type with its keys in the other spelling. Metadata stay as they are."""
    if isinstance(value, dict):
        parts = cast("dict[str, Any]", value)
        return {
            spelling.get(key, key): part if key == "metadata" else _respelled(part, spelling)
            for key, part in parts.items()
        }
    if isinstance(value, list):
        return [_respelled(part, spelling) for part in cast("list[Any]", value)]
    return value
