"""What Delta's client sends (api/delta.yaml of open-source Unity Catalog): names in kebab case, changes as a list of actions."""

from typing import Annotated, Literal

import msgspec

from modelkeep.core.operations.tables.delta_columns import DeltaSchema
from modelkeep.core.operations.tables.delta_tables import Protocol
from modelkeep.domain.names import MAX_VERSION

Whole = Annotated[int, msgspec.Meta(ge=0, le=MAX_VERSION)]
Number = Annotated[int, msgspec.Meta(ge=-MAX_VERSION, le=MAX_VERSION)]


class DeltaConfigQuery(msgspec.Struct, frozen=True, rename="kebab"):
    catalog: str
    protocol_versions: str = ""
    """The highest version that the client knows of each major one, as `1.1,2.3`."""


class DeltaTable(msgspec.Struct, frozen=True):
    catalog: str
    schema: str
    table: str


class NewStaging(msgspec.Struct, frozen=True):
    catalog: str
    schema: str
    name: str


class StagingId(msgspec.Struct, frozen=True, rename="kebab"):
    table_id: str


class Clustering(msgspec.Struct, frozen=True):
    columns: tuple[tuple[str, ...], ...] = msgspec.field(name="clusteringColumns")


class RowTracking(msgspec.Struct, frozen=True):
    high_water_mark: Number = msgspec.field(name="rowIdHighWaterMark")


class Domains(msgspec.Struct, frozen=True):
    clustering: Clustering | None = msgspec.field(default=None, name="delta.clustering")
    row_tracking: RowTracking | None = msgspec.field(default=None, name="delta.rowTracking")


class NewTable(msgspec.Struct, frozen=True, rename="kebab", kw_only=True):
    catalog: str
    schema: str
    name: str
    location: str
    table_type: Literal["MANAGED", "EXTERNAL"]
    columns: DeltaSchema
    protocol: Protocol
    properties: dict[str, str]
    last_commit_timestamp_ms: Whole
    partition_columns: tuple[str, ...] = ()
    comment: str = ""
    domain_metadata: Domains = Domains()


class Commit(msgspec.Struct, frozen=True, rename="kebab"):
    version: Whole
    timestamp: Whole
    file_name: str
    file_size: Whole
    file_modification_timestamp: Whole


class _Update(msgspec.Struct, frozen=True, rename="kebab", tag_field="action"):
    pass


class AddCommit(_Update, frozen=True, rename="kebab", tag="add-commit"):
    commit: Commit


class SetLatestBackfilledVersion(_Update, frozen=True, rename="kebab", tag="set-latest-backfilled-version"):
    latest_published_version: Whole


class UpdateSnapshotVersion(_Update, frozen=True, rename="kebab", tag="update-metadata-snapshot-version"):
    last_commit_version: Whole
    last_commit_timestamp_ms: Whole


class SetColumns(_Update, frozen=True, rename="kebab", tag="set-columns"):
    columns: DeltaSchema


class SetPartitionColumns(_Update, frozen=True, rename="kebab", tag="set-partition-columns"):
    partition_columns: tuple[str, ...]


class SetTableComment(_Update, frozen=True, rename="kebab", tag="set-table-comment"):
    comment: str


class SetProtocol(_Update, frozen=True, rename="kebab", tag="set-protocol"):
    protocol: Protocol


class SetProperties(_Update, frozen=True, rename="kebab", tag="set-properties"):
    updates: dict[str, str]


class RemoveProperties(_Update, frozen=True, rename="kebab", tag="remove-properties"):
    removals: tuple[str, ...]


class SetDomainMetadata(_Update, frozen=True, rename="kebab", tag="set-domain-metadata"):
    updates: Domains


class RemoveDomainMetadata(_Update, frozen=True, rename="kebab", tag="remove-domain-metadata"):
    domains: tuple[str, ...]


Update = (
    AddCommit
    | SetLatestBackfilledVersion
    | UpdateSnapshotVersion
    | SetColumns
    | SetPartitionColumns
    | SetTableComment
    | SetProtocol
    | SetProperties
    | RemoveProperties
    | SetDomainMetadata
    | RemoveDomainMetadata
)


class AssertTableUuid(msgspec.Struct, frozen=True, tag_field="type", tag="assert-table-uuid"):
    uuid: str


class AssertEtag(msgspec.Struct, frozen=True, tag_field="type", tag="assert-etag"):
    etag: str


class DeltaUpdateTable(msgspec.Struct, frozen=True):
    catalog: str
    schema: str
    table: str
    requirements: tuple[AssertTableUuid | AssertEtag, ...]
    updates: tuple[Update, ...]


class RenameTable(msgspec.Struct, frozen=True, rename="kebab"):
    catalog: str
    schema: str
    table: str
    new_name: str


class CommitReport(msgspec.Struct, frozen=True, rename="kebab"):
    num_files_added: Whole = 0
    num_bytes_added: Whole = 0
    num_files_removed: Whole = 0
    num_bytes_removed: Whole = 0
    num_rows_inserted: Whole = 0
    num_rows_removed: Whole = 0


class Report(msgspec.Struct, frozen=True, rename="kebab"):
    commit_report: CommitReport = CommitReport()


class DeltaReportMetrics(msgspec.Struct, frozen=True, rename="kebab"):
    catalog: str
    schema: str
    table: str
    table_id: str
    report: Report = Report()
