"""What Delta's client reads (api/delta.yaml of open-source Unity Catalog)."""

from typing import Any, NotRequired, TypedDict

from modelkeep.api.delta.credentials import StorageCredential, storage_credential
from modelkeep.core.operations.tables import delta_columns
from modelkeep.core.operations.tables.delta_tables import (
    LAST_COMMIT_TIMESTAMP,
    LAST_UPDATE_VERSION,
    READER_FEATURES,
    REQUIRED_PROPERTIES,
    TABLE_ID,
    WRITER_FEATURES,
    LoadedTable,
    StagedTable,
)
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.storage_urls import parse_storage_url
from modelkeep.store.delta_tables import DeltaCommit


class DeltaColumns(TypedDict):
    type: str
    fields: list[dict[str, Any]]


TableMetadata = TypedDict(
    "TableMetadata",
    {
        "etag": str,
        "table-type": str,
        "table-uuid": str,
        "location": str,
        "created-time": int,
        "updated-time": int,
        "columns": DeltaColumns,
        "partition-columns": list[str],
        "properties": dict[str, str],
        "last-commit-version": NotRequired[int],
        "last-commit-timestamp-ms": NotRequired[int],
    },
)
CommitEntry = TypedDict(
    "CommitEntry",
    {
        "version": int,
        "timestamp": int,
        "file-name": str,
        "file-size": int,
        "file-modification-timestamp": int,
    },
)
LoadTableResponse = TypedDict(
    "LoadTableResponse",
    {"metadata": TableMetadata, "commits": list[CommitEntry], "latest-table-version": NotRequired[int]},
)
RequiredProtocol = TypedDict(
    "RequiredProtocol",
    {
        "min-reader-version": int,
        "min-writer-version": int,
        "reader-features": list[str],
        "writer-features": list[str],
    },
)
SuggestedProtocol = TypedDict("SuggestedProtocol", {"reader-features": list[str], "writer-features": list[str]})
StagingTableResponse = TypedDict(
    "StagingTableResponse",
    {
        "table-id": str,
        "table-type": str,
        "location": str,
        "storage-credentials": list[StorageCredential],
        "required-protocol": RequiredProtocol,
        "suggested-protocol": SuggestedProtocol,
        "required-properties": dict[str, str],
        "suggested-properties": dict[str, str | None],
    },
)
CatalogConfig = TypedDict("CatalogConfig", {"endpoints": list[str], "protocol-version": str})

_SUGGESTED: dict[str, str | None] = {
    "delta.columnMapping.mode": "name",
    "delta.columnMapping.maxColumnId": None,
    "delta.enableRowTracking": "true",
    "delta.rowTracking.materializedRowIdColumnName": None,
    "delta.rowTracking.materializedRowCommitVersionColumnName": None,
    "delta.randomizeFilePrefixes": "true",
    "delta.parquet.compression.codec": "zstd",
}
"""With column mapping by name, Delta accepts names such as `sepal length (cm)`. None: the client chooses the value."""


def load_table(table: LoadedTable, _: Any) -> LoadTableResponse:
    """The newest commit comes first. An external table has no versions here."""
    securable, definition = table.securable, table.definition
    properties = definition.properties
    metadata: TableMetadata = {
        "etag": table.etag,
        "table-type": definition.table_type,
        "table-uuid": securable.id,
        "location": _location(definition.storage_location),
        "created-time": securable.created_at,
        "updated-time": securable.updated_at,
        "columns": {"type": "struct", "fields": delta_columns.delta_fields(definition.columns)},
        "partition-columns": delta_columns.partition_names(definition.columns),
        "properties": properties,
    }
    if (version := _number(properties.get(LAST_UPDATE_VERSION))) is not None:
        metadata["last-commit-version"] = version
    if (timestamp := _number(properties.get(LAST_COMMIT_TIMESTAMP))) is not None:
        metadata["last-commit-timestamp-ms"] = timestamp
    answer: LoadTableResponse = {"metadata": metadata, "commits": [commit(entry) for entry in table.commits]}
    if table.versions is not None:
        answer["latest-table-version"] = table.versions.latest
    return answer


def commit(entry: DeltaCommit) -> CommitEntry:
    return {
        "version": entry.version,
        "timestamp": entry.timestamp,
        "file-name": entry.file_name,
        "file-size": entry.file_size,
        "file-modification-timestamp": entry.modified_at,
    }


def staged_table(table: StagedTable, _: Any) -> StagingTableResponse:
    return {
        "table-id": table.id,
        "table-type": "MANAGED",
        "location": table.storage.url,
        "storage-credentials": [storage_credential(table.storage)],
        "required-protocol": {
            "min-reader-version": 3,
            "min-writer-version": 7,
            "reader-features": list(READER_FEATURES),
            "writer-features": list(WRITER_FEATURES),
        },
        "suggested-protocol": {
            "reader-features": ["columnMapping"],
            "writer-features": ["columnMapping", "domainMetadata", "rowTracking"],
        },
        "required-properties": {**REQUIRED_PROPERTIES, TABLE_ID: table.id},
        "suggested-properties": _SUGGESTED,
    }


def _number(text: str | None) -> int | None:
    """None where somebody else wrote the property."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _location(text: str) -> str:
    """In the one spelling that S3A and Delta both read; as it was registered where it has none."""
    try:
        return str(parse_storage_url(text))
    except InvalidArgument:
        return text
