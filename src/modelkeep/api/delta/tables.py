"""Delta's API to a catalog: load, stage, create, commit, rename and drop Delta tables by name.

Clients go on without a table at any 404, and read a table over `/tables` after a 400 with UnsupportedTableFormatException. So
every path below the prefix is answered: one that is not known here gets 501.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.api.delta import answers, shapes
from modelkeep.api.delta.credentials import PREFIX, credentials_response
from modelkeep.api.delta.errors import delta
from modelkeep.core.operations.catalog import objects, tables
from modelkeep.core.operations.tables import delta_columns, delta_commits, delta_tables
from modelkeep.core.operations.tables.delta_commits import TableChanges
from modelkeep.core.operations.tables.delta_tables import CLUSTERING, ROW_ID_MARK
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, NoSuchEndpoint
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import METASTORE, FullName
from modelkeep.http.messages import Request, Response
from modelkeep.http.routing import Answer, CoreRequests, Route
from modelkeep.store.delta_tables import DeltaCommit

SCHEMA = f"{PREFIX}/catalogs/{{catalog}}/schemas/{{schema}}"
TABLE = f"{SCHEMA}/tables/{{table}}"
STAGING = f"{PREFIX}/staging-tables/{{table-id}}/credentials"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_VERSION = "1.0"


def table_name(catalog: str, schema: str, table: str) -> FullName:
    return METASTORE.child(catalog).child(schema).child(table, Kind.TABLE)


def _named(f: shapes.DeltaTable) -> FullName:
    return table_name(f.catalog, f.schema, f.table)


def _config(f: shapes.DeltaConfigQuery) -> delta_tables.DeltaConfig:
    """Raises InvalidArgument where the client knows no version of this server."""
    versions = [version.strip() for version in f.protocol_versions.split(",") if version.strip()]
    if versions and not any(version.partition(".")[0] == "1" for version in versions):
        raise InvalidArgument(
            f"protocol-versions {f.protocol_versions[:100]!r} has no 1.x, and this server has {_VERSION}."
        )
    return delta_tables.DeltaConfig(METASTORE.child(f.catalog))


def _stage(f: shapes.NewStaging) -> delta_tables.StageTable:
    return delta_tables.StageTable(table_name(f.catalog, f.schema, f.name))


def _create(f: shapes.NewTable) -> CoreRequests:
    """An external table is registered as `/tables` does it, and then loaded."""
    name, domains = table_name(f.catalog, f.schema, f.name), domain_properties(f.domain_metadata)
    if f.table_type == "MANAGED":
        return delta_tables.CreateStagedTable(
            name=name,
            location=f.location,
            schema=f.columns,
            partition_columns=f.partition_columns,
            protocol=f.protocol,
            properties=f.properties,
            derived=domains,
            comment=f.comment,
            timestamp=f.last_commit_timestamp_ms,
        )
    delta_tables.check_properties(f.properties)
    delta_tables.check_derived(f.properties)
    mapped = delta_tables.is_mapped(f.properties)
    properties = {
        **f.properties,
        **delta_tables.protocol_properties(f.protocol),
        **domains,
        delta_tables.LAST_UPDATE_VERSION: "0",
        delta_tables.LAST_COMMIT_TIMESTAMP: str(f.last_commit_timestamp_ms),
    }
    columns = delta_columns.table_columns(f.columns, f.partition_columns, mapped=mapped)
    definition = tables.Definition("EXTERNAL", "DELTA", f.location, columns, properties)
    return (tables.CreateTable(name, definition, f.comment), delta_tables.LoadTable(name))


def domain_properties(domains: shapes.Domains) -> dict[str, str]:
    """As properties, under which readers find them."""
    properties: dict[str, str] = {}
    if domains.clustering is not None:
        properties[CLUSTERING] = msgspec.json.encode(domains.clustering.columns).decode()
    if domains.row_tracking is not None:
        properties[ROW_ID_MARK] = str(domains.row_tracking.high_water_mark)
    return properties


def _update(f: shapes.DeltaUpdateTable) -> delta_commits.CommitTable:
    """Raises InvalidArgument for two actions or requirements of one kind."""
    _once("requirements", [type(requirement).__struct_config__.tag for requirement in f.requirements])
    _once("updates", [type(update).__struct_config__.tag for update in f.updates])
    if not f.updates:
        raise InvalidArgument("updates is empty. Send an action.")
    uuids = [entry.uuid for entry in f.requirements if isinstance(entry, shapes.AssertTableUuid)]
    if not uuids:
        raise InvalidArgument("requirements needs assert-table-uuid, with the id of the table.")
    etags = [entry.etag for entry in f.requirements if isinstance(entry, shapes.AssertEtag)]
    fields: dict[str, Any] = {}
    for update in f.updates:
        fields |= _change(update)
    name = table_name(f.catalog, f.schema, f.table)
    return delta_commits.CommitTable(
        name=name, table_id=uuids[0], etag=etags[0] if etags else None, changes=TableChanges(**fields)
    )


def _once(field: str, tags: Sequence[Any]) -> None:
    if len(set(tags)) < len(tags):
        raise InvalidArgument(f"{field} has an entry of one kind twice. Send one of each kind.")


def _change(update: shapes.Update) -> dict[str, Any]:
    match update:
        case shapes.AddCommit(commit):
            accepted = DeltaCommit(
                commit.version,
                commit.timestamp,
                commit.file_name,
                commit.file_size,
                commit.file_modification_timestamp,
            )
            delta_commits.check_commit(accepted)
            return {"commit": accepted}
        case shapes.SetLatestBackfilledVersion(version):
            return {"published": version}
        case shapes.UpdateSnapshotVersion(version, timestamp):
            return {"snapshot": (version, timestamp)}
        case shapes.SetColumns(schema):
            return {"schema": schema}
        case shapes.SetPartitionColumns(columns):
            return {"partition_columns": columns}
        case shapes.SetTableComment(comment):
            return {"comment": comment}
        case shapes.SetProtocol(protocol):
            return {"protocol": protocol}
        case shapes.SetProperties(properties):
            return {"set_properties": properties}
        case shapes.RemoveProperties(keys):
            return {"removed_properties": keys}
        case shapes.SetDomainMetadata(domains):
            return {"set_domains": domain_properties(domains)}
        case shapes.RemoveDomainMetadata(names):
            return {"removed_domains": names}


def _rename(f: shapes.RenameTable) -> objects.RenameObject:
    return objects.RenameObject(table_name(f.catalog, f.schema, f.table), table_name(f.catalog, f.schema, f.new_name))


def _metrics(f: shapes.DeltaReportMetrics) -> delta_commits.ReportMetrics:
    report = f.report.commit_report
    return delta_commits.ReportMetrics(
        name=table_name(f.catalog, f.schema, f.table),
        table_id=f.table_id,
        files=report.num_files_added - report.num_files_removed,
        size=report.num_bytes_added - report.num_bytes_removed,
        rows=report.num_rows_inserted - report.num_rows_removed,
    )


def _catalog_config(_: None, __: Any) -> answers.CatalogConfig:
    return {"endpoints": [*_ENDPOINTS], "protocol-version": _VERSION}


async def _unknown(request: Request, actor: Actor, path: dict[str, str]) -> Response:
    """Raises NoSuchEndpoint."""
    raise NoSuchEndpoint(f"No API found for '{request.method} {request.path[:300]}'.")


def _known() -> list[Route]:
    return [
        Route("GET", f"{PREFIX}/config", shapes.DeltaConfigQuery, _config, _catalog_config),
        Route("GET", TABLE, shapes.DeltaTable, lambda f: delta_tables.LoadTable(_named(f)), answers.load_table),
        Route("HEAD", TABLE, shapes.DeltaTable, lambda f: delta_tables.LoadTable(_named(f)), status=204),
        Route("POST", f"{SCHEMA}/staging-tables", shapes.NewStaging, _stage, answers.staged_table),
        Route(
            "GET",
            STAGING,
            shapes.StagingId,
            lambda f: delta_tables.StagingCredentials(f.table_id),
            credentials_response,
        ),
        Route("POST", f"{SCHEMA}/tables", shapes.NewTable, _create, answers.load_table, with_columns=True),
        Route("POST", TABLE, shapes.DeltaUpdateTable, _update, answers.load_table, with_columns=True),
        Route("DELETE", TABLE, shapes.DeltaTable, lambda f: objects.DeleteObject(_named(f)), status=204),
        Route("POST", f"{TABLE}/rename", shapes.RenameTable, _rename, status=204),
        Route("POST", f"{TABLE}/metrics", shapes.DeltaReportMetrics, _metrics, status=204),
    ]


_ENDPOINTS = (
    *(f"{route.method} /v1{route.path.removeprefix(PREFIX)}" for route in _known()),
    f"GET /v1{TABLE.removeprefix(PREFIX)}/credentials",
    "GET /v1/temporary-path-credentials",
)


def routes() -> list[Route]:
    known = [msgspec.structs.replace(route, render=delta) for route in _known()]
    rest = f"{PREFIX}/{{rest*}}"
    return [
        *known,
        *(Route(method, rest, handler=_unknown, render=delta, answers=(Answer(501),)) for method in _METHODS),
    ]
