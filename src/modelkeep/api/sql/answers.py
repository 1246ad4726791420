"""Answers in the shapes of Databricks' SQL Statement Execution and SQL Warehouses APIs (databricks/sdk/service/sql.py)."""

from typing import NotRequired, TypedDict


class ServiceError(TypedDict):
    error_code: str
    """A word of databricks-sdk's ServiceErrorCode"""
    message: str


class StatementStatus(TypedDict):
    state: str
    """SUCCEEDED or FAILED"""
    error: NotRequired[ServiceError]
    sql_state: NotRequired[str]


class ColumnInfo(TypedDict):
    name: str
    position: int
    type_name: str
    type_text: str


class ResultSchema(TypedDict):
    column_count: int
    columns: list[ColumnInfo]


class ChunkInfo(TypedDict):
    chunk_index: int
    row_count: int
    row_offset: int


class ResultManifest(TypedDict):
    format: str
    schema: ResultSchema
    total_chunk_count: int
    total_row_count: int
    truncated: bool
    chunks: list[ChunkInfo]


class ResultData(ChunkInfo):
    data_array: list[list[str | None]]


class SqlStatement(TypedDict):
    statement_id: str
    status: StatementStatus
    manifest: NotRequired[ResultManifest]
    result: NotRequired[ResultData]


class Nothing(TypedDict):
    pass


class Warehouse(TypedDict):
    id: str
    name: str
    state: str
    warehouse_type: str
    cluster_size: str
    min_num_clusters: int
    max_num_clusters: int
    num_clusters: int
    auto_stop_mins: int
    enable_serverless_compute: bool
    enable_photon: bool


class Warehouses(TypedDict):
    warehouses: list[Warehouse]
