"""Managed tables as older clients know them (Delta before 4.3, Sail): staging by full name, commits by the table's id.

The same operations as Delta's own API to catalogs (`api/delta`), in Unity Catalog's words. `deltaRestApi.enabled=false` makes newer
clients come here, too.
"""

from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

from modelkeep.core.operations.catalog.tables import Column
from modelkeep.core.operations.tables import delta_commits, delta_tables
from modelkeep.core.operations.tables.delta_commits import TableChanges
from modelkeep.core.operations.tables.delta_tables import LoadedTable, StagedTable
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import MAX_VERSION, METASTORE
from modelkeep.http.routing import Route
from modelkeep.store.delta_tables import DeltaCommit

PREFIX = "/api/2.1/unity-catalog"
COMMITS = f"{PREFIX}/delta/preview/commits"
Whole = Annotated[int, msgspec.Meta(ge=0, le=MAX_VERSION)]


class CreateStagingTable(msgspec.Struct, frozen=True):
    catalog_name: str
    schema_name: str
    name: str


class CommitInfo(msgspec.Struct, frozen=True):
    version: Whole
    timestamp: Whole
    file_name: str
    file_size: Whole
    file_modification_timestamp: Whole


class CommitProperties(msgspec.Struct, frozen=True):
    properties: dict[str, str] = {}


class CommitSchema(msgspec.Struct, frozen=True):
    columns: tuple[Column, ...] = ()


class CommitMetadata(msgspec.Struct, frozen=True):
    description: str | None = None
    properties: CommitProperties | None = None
    schema: CommitSchema | None = None


class CommitToTable(msgspec.Struct, frozen=True):
    table_id: str
    table_uri: str
    commit_info: CommitInfo | None = None
    latest_backfilled_version: Whole | None = None
    metadata: CommitMetadata | None = None


class GetCommits(msgspec.Struct, frozen=True):
    """In the query, or in the body of a GET."""

    table_id: str
    table_uri: str = ""
    start_version: Whole = 0
    end_version: Whole | None = None


class StagingTableInfo(TypedDict):
    id: str
    catalog_name: str
    schema_name: str
    name: str
    staging_location: str


class CommitOfTable(TypedDict):
    version: int
    timestamp: int
    file_name: str
    file_size: int
    file_modification_timestamp: int


class CommitsOfTable(TypedDict):
    commits: NotRequired[list[CommitOfTable]]
    latest_table_version: int


def _stage(f: CreateStagingTable) -> delta_tables.StageTable:
    name = METASTORE.child(f.catalog_name).child(f.schema_name).child(f.name, Kind.TABLE)
    return delta_tables.StageTable(name)


def _staged(table: StagedTable, f: CreateStagingTable) -> StagingTableInfo:
    return {
        "id": table.id,
        "catalog_name": f.catalog_name,
        "schema_name": f.schema_name,
        "name": f.name,
        "staging_location": table.storage.url,
    }


def _commit(f: CommitToTable) -> delta_commits.CommitTableById:
    """Raises InvalidArgument."""
    if f.commit_info is None and f.latest_backfilled_version is None:
        raise InvalidArgument("Either commit_info or latest_backfilled_version must be defined.")
    fields: dict[str, Any] = {"published": f.latest_backfilled_version}
    if (info := f.commit_info) is not None:
        fields["commit"] = DeltaCommit(
            info.version, info.timestamp, info.file_name, info.file_size, info.file_modification_timestamp
        )
        delta_commits.check_commit(fields["commit"])
    if f.metadata is not None:
        fields["comment"] = f.metadata.description
        fields["all_properties"] = f.metadata.properties.properties if f.metadata.properties is not None else None
        fields["columns"] = f.metadata.schema.columns if f.metadata.schema is not None else None
    return delta_commits.CommitTableById(table_id=f.table_id, location=f.table_uri, changes=TableChanges(**fields))


def _commits(table: LoadedTable, _: Any) -> CommitsOfTable:
    """-1: the catalog decides no versions of the table."""
    return {
        "commits": [
            {
                "version": entry.version,
                "timestamp": entry.timestamp,
                "file_name": entry.file_name,
                "file_size": entry.file_size,
                "file_modification_timestamp": entry.modified_at,
            }
            for entry in table.commits
        ],
        "latest_table_version": -1 if table.versions is None else table.versions.latest,
    }


def routes() -> list[Route]:
    return [
        Route("POST", f"{PREFIX}/staging-tables", CreateStagingTable, _stage, _staged),
        Route(
            "GET",
            COMMITS,
            GetCommits,
            lambda f: delta_commits.CommitsById(table_id=f.table_id, start=f.start_version, end=f.end_version),
            _commits,
        ),
        Route("POST", COMMITS, CommitToTable, _commit),
    ]
