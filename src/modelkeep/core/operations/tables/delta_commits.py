"""Commits to Delta tables and changes of their metadata: one winner a version, all of a request or nothing.

The rules are those of Delta's API to catalogs (api/delta.yaml of open-source Unity Catalog). A commit is a file that its writer
has put under `_delta_log/_staged_commits`; the catalog never opens it. It decides whether that file becomes the next version.
"""

import re

import msgspec

from modelkeep.core.context import ReadCtx, ServiceCtx, WriteCtx
from modelkeep.core.operation import Target
from modelkeep.core.operations.catalog import tables
from modelkeep.core.operations.catalog.tables import Column, Definition
from modelkeep.core.operations.tables import delta_columns
from modelkeep.core.operations.tables.delta_columns import DeltaSchema
from modelkeep.core.operations.tables.delta_tables import (
    CLUSTERING,
    FEATURE,
    LAST_COMMIT_TIMESTAMP,
    LAST_UPDATE_VERSION,
    MIN_READER,
    MIN_WRITER,
    REQUIRED_PROPERTIES,
    ROW_ID_MARK,
    TABLE_ID,
    LoadedTable,
    Protocol,
    check_derived,
    check_properties,
    check_protocol,
    convert_columns,
    loaded,
    protocol_properties,
)
from modelkeep.domain.authorization import holds
from modelkeep.domain.errors import Conflict, InvalidArgument, NotFound, TooManyCommits, VersionConflict
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Securable
from modelkeep.domain.names import MAX_VERSION, FullName, check_comment, missing
from modelkeep.domain.privileges import Privilege
from modelkeep.limits import COMMIT_FILE_BYTES, UNPUBLISHED_COMMITS
from modelkeep.store import delta_tables, securables
from modelkeep.store.db import Database
from modelkeep.store.delta_tables import DeltaCommit, DeltaVersions

MODIFY = (Target("name", holds(Privilege.MODIFY)),)
_FILE = re.compile(r"(\d{20})\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json")


class TableChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What one request changes. None, or nothing in it, leaves a thing as it is."""

    commit: DeltaCommit | None = None
    published: int | None = None
    """Up to this version, the table's own log has the commits."""
    snapshot: tuple[int, int] | None = None
    """Of an external table: (version, epoch ms) of the last commit that changed its metadata."""
    schema: DeltaSchema | None = None
    columns: tuple[Column, ...] | None = None
    """As `schema`, in the form in which they are stored."""
    partition_columns: tuple[str, ...] | None = None
    comment: str | None = None
    protocol: Protocol | None = None
    set_properties: dict[str, str] = {}
    removed_properties: tuple[str, ...] = ()
    set_domains: dict[str, str] = {}
    """Properties that follow from domain metadata."""
    removed_domains: tuple[str, ...] = ()
    all_properties: dict[str, str] | None = None
    """Instead of the properties that are there, as older clients send them."""

    @property
    def of_metadata(self) -> bool:
        texts = (self.schema, self.columns, self.partition_columns, self.comment, self.protocol, self.snapshot)
        many = (self.set_properties, self.removed_properties, self.set_domains, self.removed_domains)
        return any(part is not None for part in (*texts, self.all_properties)) or any(many)


class CommitTable(msgspec.Struct, frozen=True, kw_only=True):
    name: FullName
    table_id: str
    etag: str | None = None
    """The table must have it, so that nothing changed since it was read."""
    changes: TableChanges


class CommitTableById(msgspec.Struct, frozen=True, kw_only=True):
    """As older clients commit, by the id of the table and its location."""

    table_id: str
    location: str
    changes: TableChanges


class CommitsById(msgspec.Struct, frozen=True, kw_only=True):
    """The unpublished commits of a managed table, as older clients read them."""

    table_id: str
    start: int = 0
    end: int | None = None


class ReportMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit added less what it removed, as its writer says."""

    name: FullName
    table_id: str
    files: int = 0
    size: int = 0
    rows: int = 0


def check_commit(commit: DeltaCommit) -> None:
    """Every later reader opens this file. Raises InvalidArgument."""
    match = _FILE.fullmatch(commit.file_name)
    if match is None or int(match[1]) != commit.version:
        raise InvalidArgument(
            f"file-name {commit.file_name[:100]!r} is not a commit file of version {commit.version}. "
            "Write it as <20 digits of the version>.<uuid>.json."
        )
    if not 0 < commit.version < MAX_VERSION or not 0 < commit.file_size <= COMMIT_FILE_BYTES:
        raise InvalidArgument(f"A commit has a version from 1 on and a file-size from 1 to {COMMIT_FILE_BYTES} bytes.")
    if not (0 <= commit.timestamp < MAX_VERSION and 0 <= commit.modified_at < MAX_VERSION):
        raise InvalidArgument("A commit's timestamps are in milliseconds since 1970.")


async def prepare_commit(
    ctx: ServiceCtx, db: Database, req: CommitTable, table: Securable
) -> tuple[Column, ...] | None:
    """New columns as they are stored. Their partition follows in the transaction. Raises InvalidArgument."""
    changes = req.changes
    if changes.schema is None:
        return changes.columns
    properties = {**tables.definition(table).properties, **changes.set_properties}
    return await convert_columns(changes.schema, (), properties)


async def commit_table(ctx: WriteCtx, req: CommitTable, table: Securable) -> LoadedTable:
    """Raises VersionConflict, Conflict, TooManyCommits, InvalidArgument, NotFound."""
    return await _commit(ctx, req, table, ctx.prepared)


async def commit_table_by_id(ctx: WriteCtx, req: CommitTableById) -> LoadedTable:
    """As `commit_table`. An unknown id and one that the caller may not know of get one answer.

    Raises InvalidArgument."""
    name, table = await _reach(ctx, req.table_id, MODIFY[0])
    if req.location.rstrip("/") != tables.definition(table).storage_location.rstrip("/"):
        raise InvalidArgument(f"table_uri {req.location[:300]!r} is not the location of the table.")
    request = CommitTable(name=name, table_id=req.table_id, changes=req.changes)
    return await _commit(ctx, request, table, req.changes.columns)


async def commits_by_id(ctx: ReadCtx, req: CommitsById) -> LoadedTable:
    """None for an external table, whose own log has all commits."""
    _, table = await _reach(ctx, req.table_id, Target("name", holds(Privilege.SELECT, Privilege.MODIFY)))
    latest = await loaded(ctx, table)
    end = MAX_VERSION if req.end is None else req.end
    commits = tuple(commit for commit in latest.commits if req.start <= commit.version <= end)
    return msgspec.structs.replace(latest, commits=commits)


async def _reach(ctx: ReadCtx, table_id: str, on: Target) -> tuple[FullName, Securable]:
    absent = NotFound(f"Table with id '{table_id[:100]}' does not exist.", kind=Kind.TABLE)
    name = await securables.name_of(ctx.tx, table_id)
    if name is None or name.kind is not Kind.TABLE:
        raise absent
    try:
        table = await ctx.reach(on, name)
    except NotFound as error:
        raise absent from error
    ctx.touch(Kind.TABLE, table.id, str(name))
    return name, table


async def report_metrics(ctx: WriteCtx, req: ReportMetrics, table: Securable) -> None:
    """Raises InvalidArgument."""
    if req.table_id != table.id:
        raise InvalidArgument(f"table-id '{req.table_id[:100]}' is not the id of '{req.name}'. Load the table again.")
    await delta_tables.count_files(ctx.tx, table.id, req.files, req.size, req.rows)


async def _commit(ctx: WriteCtx, req: CommitTable, table: Securable, columns: tuple[Column, ...] | None) -> LoadedTable:
    await securables.lock(ctx.tx, table)
    current = await securables.by_name(ctx.tx, req.name)
    if current is None or current.id != table.id:
        raise missing(str(req.name), Kind.TABLE)
    before = await loaded(ctx, current)
    changes = req.changes
    if req.table_id != table.id:
        raise Conflict(f"'{req.name}' is another table than '{req.table_id[:100]}'. Load the table again.")
    if before.versions is not None and _is_resent(changes.commit, before):
        return before
    if req.etag is not None and req.etag != before.etag:
        raise Conflict(f"'{req.name}' has changed since it was loaded. Load the table again.")
    await _advance(ctx, before, changes)
    if changes.of_metadata:
        await _change(ctx, before, changes, columns)
    current = await securables.by_name(ctx.tx, req.name) if changes.of_metadata else current
    assert current is not None
    return await loaded(ctx, current)


def _is_resent(commit: DeltaCommit | None, before: LoadedTable) -> bool:
    """Was this very commit accepted before? A client that lost the answer sends it again."""
    versions = before.versions
    if commit is None or versions is None or commit.version > versions.latest:
        return False
    accepted = {entry.version: entry.file_name for entry in before.commits} | {versions.latest: versions.latest_file}
    return accepted.get(commit.version) == commit.file_name


async def _advance(ctx: WriteCtx, before: LoadedTable, changes: TableChanges) -> None:
    """Accept the commit, and forget published ones."""
    versions, commit, published = before.versions, changes.commit, changes.published
    if versions is None:
        if commit is not None or published is not None:
            raise InvalidArgument(f"'{before.securable.full_name}' is an external table. Commit to its own log.")
        return
    if changes.snapshot is not None:
        raise InvalidArgument("update-metadata-snapshot-version is for external tables. Send add-commit.")
    _check_versions(before.securable.full_name, versions, commit, published)
    if published is not None and published > versions.published:
        await delta_tables.publish(ctx.tx, before.securable.id, published)
    if commit is not None:
        await delta_tables.add_commit(ctx.tx, before.securable.id, commit)
        ctx.changed("version", versions.latest, commit.version)


def _check_versions(name: str, versions: DeltaVersions, commit: DeltaCommit | None, published: int | None) -> None:
    """Raises VersionConflict, TooManyCommits, InvalidArgument."""
    if commit is not None and commit.version <= versions.latest:
        raise VersionConflict(
            f"Version {commit.version} of '{name}' was committed by another writer. The latest is {versions.latest}."
        )
    if commit is not None and commit.version > versions.latest + 1:
        raise InvalidArgument(
            f"Version {commit.version} cannot be committed to '{name}': the next is {versions.latest + 1}."
        )
    if published is not None and not 0 <= published <= versions.latest:
        raise InvalidArgument(
            f"Version {published} of '{name}' cannot be published: the latest accepted version is {versions.latest}."
        )
    latest = versions.latest if commit is None else commit.version
    if commit is not None and latest - max(versions.published, published or 0) > UNPUBLISHED_COMMITS:
        raise TooManyCommits(
            f"'{name}' has {UNPUBLISHED_COMMITS} commits that are not published in its log. Publish them, then commit."
        )


async def _change(
    ctx: WriteCtx, before: LoadedTable, changes: TableChanges, columns: tuple[Column, ...] | None
) -> None:
    """Store the new definition. A new time of change is a new etag, also within one millisecond."""
    table, old = before.securable, before.definition
    properties = _changed_properties(before, changes)
    new_columns = old.columns if columns is None else columns
    if changes.partition_columns is not None:
        new_columns = delta_columns.partitioned(new_columns, changes.partition_columns)
    elif changes.schema is not None:
        names = {column.name.lower() for column in new_columns}
        remaining = [name for name in delta_columns.partition_names(old.columns) if name.lower() in names]
        new_columns = delta_columns.partitioned(new_columns, remaining)
    definition = Definition(old.table_type, old.data_source_format, old.storage_location, new_columns, properties)
    comment = table.comment if changes.comment is None else check_comment(changes.comment)
    ctx.changed("comment", table.comment, comment)
    ctx.changed("properties", _few(old.properties, properties), _few(properties, old.properties))
    ctx.changed("columns", _names(old.columns), _names(new_columns))
    spec = {**table.spec, "definition": msgspec.json.encode(definition).decode()}
    await securables.update(
        ctx.tx,
        table,
        ctx.actor.name,
        max(ctx.now, table.updated_at + 1),
        spec=msgspec.json.encode(spec).decode(),
        comment=comment,
    )


def _changed_properties(before: LoadedTable, changes: TableChanges) -> dict[str, str]:
    """Raises InvalidArgument, LimitExceeded."""
    old, managed = before.definition.properties, before.versions is not None
    check_derived((*changes.set_properties, *changes.removed_properties))
    removed, new = frozenset(changes.removed_properties), changes.set_properties
    if changes.all_properties is not None:
        new = changes.all_properties
        removed = old.keys() - new.keys() - {TABLE_ID}
    if both := sorted(removed & new.keys()):
        raise InvalidArgument(f"Property {both[0][:100]!r} is both set and removed. Send one of them.")
    fixed = {TABLE_ID: before.securable.id, **(REQUIRED_PROPERTIES if changes.all_properties is None else {})}
    for key, value in fixed.items():
        if managed and (key in removed or new.get(key, value) != value):
            raise InvalidArgument(f"A managed table needs the property {key}={value}.")
    properties = {key: value for key, value in old.items() if key not in removed} | new
    if changes.protocol is not None:
        if managed:
            check_protocol(changes.protocol)
        own = (MIN_READER, MIN_WRITER)
        properties = {k: v for k, v in properties.items() if k not in own and not k.startswith(FEATURE)}
        properties |= protocol_properties(changes.protocol)
    gone = {"delta.clustering": CLUSTERING, "delta.rowTracking": ROW_ID_MARK}
    properties = {k: v for k, v in properties.items() if k not in {gone.get(d) for d in changes.removed_domains}}
    properties |= changes.set_domains | _last_update(changes)
    check_properties(properties)
    return properties


def _last_update(changes: TableChanges) -> dict[str, str]:
    version, timestamp = changes.snapshot or (0, 0)
    if changes.commit is not None:
        version, timestamp = changes.commit.version, changes.commit.timestamp
    elif changes.snapshot is None:
        return {}
    return {LAST_UPDATE_VERSION: str(version), LAST_COMMIT_TIMESTAMP: str(timestamp)}


def _few(properties: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """For the audit record: the first of those that differ."""
    differing = sorted(key for key, value in properties.items() if other.get(key) != value)
    return {key[:100]: properties[key][:100] for key in differing[:20]}


def _names(columns: tuple[Column, ...]) -> str:
    """For the audit record."""
    names = ", ".join(column.name for column in columns[:50])
    return names if len(columns) <= 50 else f"{names}, ... ({len(columns)} columns)"
