"""Tables in native Unity Catalog REST: metadata alone."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from modelkeep.api.model_shapes import next_page
from modelkeep.api.unity_catalog import answers, objects
from modelkeep.core.operations.catalog import objects as core
from modelkeep.core.operations.catalog import tables
from modelkeep.core.operations.models.models import Browsed
from modelkeep.core.operations.tables import delta_tables
from modelkeep.core.operations.tables.delta_tables import LoadedTable
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import METASTORE, parse_full_name
from modelkeep.http.routing import CoreRequests, Route

TABLES = "/api/2.1/unity-catalog/tables"
SUMMARIES = "/api/2.1/unity-catalog/table-summaries"
TABLE_OF_MLFLOW = "/api/2.0/unity-catalog/tables/{full_name}"
"""MLflow asks here for the id of a Delta table that a run read (mlflow/data/delta_dataset_source.py)."""


class UnityCatalogCreateTable(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    catalog_name: str
    schema_name: str
    table_type: str
    data_source_format: tables.Format
    storage_location: str = ""
    columns: tuple[tables.Column, ...] = ()
    comment: str = ""
    properties: dict[str, str] = {}
    full_name: str = ""


class ListTables(objects.ListIn, frozen=True):
    omit_columns: bool = False
    omit_properties: bool = False
    omit_username: bool = False


class GetTable(msgspec.Struct, frozen=True):
    full_name: str
    include_browse: bool = False


class GetTableOfMlflow(msgspec.Struct, frozen=True):
    full_name: str
    full_name_arg: str = ""


class UpdateTable(msgspec.Struct, frozen=True):
    full_name: str
    owner: str | None = None
    comment: str | None = None
    columns: tuple[tables.Column, ...] | None = None
    properties: dict[str, str] | None = None


class ListSummaries(msgspec.Struct, frozen=True):
    catalog_name: str
    schema_name_pattern: str = ""
    table_name_pattern: str = ""
    max_results: int | None = None
    page_token: str = ""


def _create(f: UnityCatalogCreateTable) -> CoreRequests:
    """A managed table is made of a staging, as older Delta clients make it."""
    name = METASTORE.child(f.catalog_name).child(f.schema_name).child(f.name, Kind.TABLE)
    objects.agreed(name, full_name=f.full_name)
    if f.table_type == "MANAGED" and f.storage_location and f.data_source_format == "DELTA":
        return delta_tables.CreateStagedTable(
            name=name,
            location=f.storage_location,
            columns=f.columns,
            properties=f.properties,
            comment=f.comment,
        )
    definition = tables.Definition(f.table_type, f.data_source_format, f.storage_location, f.columns, f.properties)
    return tables.CreateTable(name, definition, f.comment)


def _update(f: UpdateTable) -> Sequence[msgspec.Struct]:
    name = parse_full_name(f.full_name, Kind.TABLE)
    if f.columns is None and f.properties is None:
        return objects.changes(name, f.comment, None, f.owner, "comment, owner, columns or properties")
    change = tables.ChangeTable(name, f.columns, f.properties)
    if f.comment is None and f.owner is None:
        return (change,)
    return (change, *objects.changes(name, f.comment, None, f.owner, "comment or owner"))


def _mlflow(f: GetTableOfMlflow) -> core.GetObject:
    name = parse_full_name(f.full_name, Kind.TABLE)
    return core.GetObject(objects.agreed(name, full_name=f.full_name_arg))


def _summaries(f: ListSummaries) -> tables.ListTableSummaries:
    return tables.ListTableSummaries(
        METASTORE.child(f.catalog_name), f.schema_name_pattern, f.table_name_pattern, f.max_results, f.page_token
    )


def _summary_page(result: Page[Securable], _: Any) -> answers.TableSummaryPage:
    summaries: list[answers.TableSummary] = [
        {"full_name": t.full_name, "table_type": tables.definition(t).table_type} for t in result.items
    ]
    return {"tables": summaries, **next_page(result.next_token)}


def _exists(exists: bool, _: Any) -> answers.UnityCatalogTableExists:
    return {"table_exists": exists}


def routes(metastore_id: str) -> list[Route]:
    def brief(t: Securable) -> answers.TableInfo:
        definition = tables.definition(t)
        return {
            **objects.brief(t, metastore_id, browse_only=True),
            "table_id": t.id,
            "table_type": definition.table_type,
            "data_source_format": definition.data_source_format,
        }

    def info(t: Securable) -> answers.TableInfo:
        definition = tables.definition(t)
        return {
            **brief(t),
            "browse_only": False,
            "storage_location": definition.storage_location,
            "properties": definition.properties,
            "columns": definition.columns,
        }

    def whole_or_brief(result: Securable | Browsed[Securable] | LoadedTable, _: Any) -> answers.TableInfo:
        if isinstance(result, LoadedTable):
            return info(result.securable)
        return objects.visible_info(result, info, brief)

    def page(result: Page[Securable | Browsed[Securable]], f: ListTables) -> answers.TablePage:
        items = [objects.visible_info(item, info, brief) for item in result.items]
        omitted = {
            *(("columns",) if f.omit_columns else ()),
            *(("properties",) if f.omit_properties else ()),
            *(("owner", "created_by", "updated_by") if f.omit_username else ()),
        }
        table_infos = [cast("answers.TableInfo", {k: v for k, v in item.items() if k not in omitted}) for item in items]
        return {"tables": table_infos, **next_page(result.next_token)}

    path = f"{TABLES}/{{full_name}}"
    return [
        Route("POST", TABLES, UnityCatalogCreateTable, _create, whole_or_brief, with_columns=True),
        Route("GET", TABLES, ListTables, lambda f: objects.in_schema(f, Kind.TABLE), page),
        Route(
            "GET",
            path,
            GetTable,
            lambda f: objects.get_object(f.full_name, Kind.TABLE, browse=f.include_browse),
            whole_or_brief,
        ),
        Route("PATCH", path, UpdateTable, _update, whole_or_brief, with_columns=True),
        Route("DELETE", path, GetTable, lambda f: core.DeleteObject(parse_full_name(f.full_name, Kind.TABLE))),
        Route(
            "GET",
            f"{path}/exists",
            GetTable,
            lambda f: tables.TableExists(parse_full_name(f.full_name, Kind.TABLE)),
            _exists,
        ),
        Route("GET", SUMMARIES, ListSummaries, _summaries, _summary_page),
        Route("GET", TABLE_OF_MLFLOW, GetTableOfMlflow, _mlflow, whole_or_brief),
    ]
