"""The views that SELECT may name, and where their rows come from: the list operations of the core, as the caller, and nothing else."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

import msgspec

from modelkeep.api import databricks_audit_log
from modelkeep.api.sql.scan import PAGE, Scan
from modelkeep.api.sql.tables import YES_NO, Row, SqlColumn, date
from modelkeep.core.operations.audit import audit_log
from modelkeep.domain import errors
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Grant, ModelVersion, RegisteredModel, Securable
from modelkeep.domain.names import METASTORE, FullName
from modelkeep.store.audit import AuditEvent

Rows = AsyncGenerator[list[Row]]


class View(msgspec.Struct, frozen=True):
    columns: tuple[SqlColumn, ...]
    rows: Callable[[Scan], Rows]
    place: tuple[str, ...] = ()
    """The columns that name catalog, schema and securable, as far as there are such: what is looked at is narrowed by them"""
    newest_first: str = ""
    """The column by which rows come, where they come in an order"""
    day_of_newest: str = ""
    """The column of that time's day"""


def _texts(*names: str) -> tuple[SqlColumn, ...]:
    return tuple(SqlColumn(name) for name in names)


_TIMES = (
    SqlColumn("created", "TIMESTAMP"),
    SqlColumn("created_by"),
    SqlColumn("last_altered", "TIMESTAMP"),
    SqlColumn("last_altered_by"),
)


def _changed(x: Securable | ModelVersion) -> Row:
    return x.created_at, x.created_by, x.updated_at, x.updated_by


def _parts(full_name: str) -> Row:
    return tuple(full_name.split("."))


# --- containers and what is in them -----------------------------------------------------------------------------------


async def _catalogs(scan: Scan) -> Rows:
    async for catalogs in scan.catalogs():
        yield [(x.full_name, x.owner, x.comment, *_changed(x)) for x in catalogs]


async def _schemata(scan: Scan) -> Rows:
    async for schemas in scan.schemas():
        yield [(*_parts(x.full_name), x.owner, x.comment, *_changed(x)) for x in schemas]


def _objects(kind: Kind) -> Callable[[Scan], Rows]:
    async def rows(scan: Scan) -> Rows:
        async for securables in scan.objects(kind):
            yield [(*_parts(x.full_name), x.owner, x.comment, *_changed(x)) for x in securables]

    return rows


async def _models(scan: Scan) -> Rows:
    async for models in scan.models():
        yield [_model(m.securable, m) for m in models]


def _model(x: Securable, m: RegisteredModel) -> Row:
    newest = m.latest.version if m.latest else None
    return *_parts(x.full_name), x.owner, x.comment, newest, *_changed(x)


async def _versions(scan: Scan) -> Rows:
    async for versions in scan.versions():
        yield [
            (
                *_parts(v.model),
                v.version,
                v.status,
                v.comment,
                v.source,
                v.run_id or None,
                v.copied_from or None,
                *_changed(v),
            )
            for v in versions
        ]


async def _aliases(scan: Scan) -> Rows:
    async for models in scan.models():
        yield [(*_parts(m.securable.full_name), *alias) for m in models for alias in m.aliases.items()]


# --- tags ---------------------------------------------------------------------------------------------------------------


def _tags(source: Callable[[Scan], AsyncIterator[Sequence[Securable]]]) -> Callable[[Scan], Rows]:
    async def rows(scan: Scan) -> Rows:
        async for securables in source(scan):
            yield [(*_parts(x.full_name), *tag) for x in securables for tag in sorted(x.tags.items())]

    return rows


async def _model_tags(scan: Scan) -> Rows:
    async for models in scan.models():
        yield [(*_parts(m.securable.full_name), *tag) for m in models for tag in sorted(m.securable.tags.items())]


async def _version_tags(scan: Scan) -> Rows:
    async for versions in scan.versions():
        yield [(*_parts(v.model), v.version, *tag) for v in versions for tag in sorted(v.tags.items())]


# --- privileges ---------------------------------------------------------------------------------------------------------


def _privileges(source: Callable[[Scan], AsyncIterator[Sequence[FullName]]]) -> Callable[[Scan], Rows]:
    async def rows(scan: Scan) -> Rows:
        async for names in source(scan):
            for name, grants in await scan.grants(names):
                yield [_privilege(name, grant) for grant in grants]

    return rows


def _privilege(name: FullName, grant: Grant) -> Row:
    cells = grant.privilege.replace("_", " "), "NO", grant.from_kind or "NONE", YES_NO[grant.inert]
    return grant.principal, *name.parts, *cells


async def _metastore(scan: Scan) -> AsyncIterator[Sequence[FullName]]:
    yield [METASTORE]


def _names(
    source: Callable[[Scan], AsyncIterator[Sequence[Securable]]], leaf: Kind = Kind.MODEL
) -> Callable[[Scan], AsyncIterator[Sequence[FullName]]]:
    async def names(scan: Scan) -> AsyncIterator[Sequence[FullName]]:
        async for securables in source(scan):
            yield [FullName(tuple(x.full_name.split(".")), leaf) for x in securables]

    return names


async def _routine_names(scan: Scan) -> AsyncIterator[Sequence[FullName]]:
    """Models share their names, and Databricks' securable type, with functions."""
    async for models in scan.models():
        yield [FullName(tuple(m.securable.full_name.split("."))) for m in models]
    async for names in _names(lambda scan: scan.objects(Kind.FUNCTION), Kind.FUNCTION)(scan):
        yield names


# --- audit --------------------------------------------------------------------------------------------------------------

_STATUS = {
    kind.code: kind.status
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.RegistryError)
}
_AUDIT = (
    SqlColumn("event_id"),
    SqlColumn("event_time", "TIMESTAMP"),
    SqlColumn("event_date", "DATE"),
    SqlColumn("workspace_id"),
    SqlColumn("user_identity.email"),
    SqlColumn("source_ip_address"),
    SqlColumn("service_name"),
    SqlColumn("action_name"),
    SqlColumn("request_id"),
    SqlColumn("request_params"),
    SqlColumn("response.status_code", "LONG"),
    SqlColumn("response.error_message"),
    SqlColumn("outcome"),
    SqlColumn("event"),
    SqlColumn("operation"),
    SqlColumn("targets"),
    SqlColumn("changes"),
)


async def _audit(scan: Scan) -> Rows:
    def ask(token: str) -> audit_log.FindAudit:
        equal = scan.equal
        return audit_log.FindAudit(
            equal.get("user_identity.email", ""),
            equal.get("event", ""),
            equal.get("outcome", ""),
            scan.since,
            scan.until,
            PAGE,
            token,
            source=equal.get("source_ip_address", ""),
            request_id=equal.get("request_id", ""),
            workspace_id=equal.get("workspace_id", ""),
        )

    async for events in scan.pages(ask):
        yield [_event(event) for event in events]


def _event(e: AuditEvent) -> Row:
    refused = e.outcome != "ok"
    return (
        e.id,
        e.at,
        date(e.at),
        e.workspace_id or None,
        e.actor,
        e.source or None,
        *databricks_audit_log.names(e),
        e.request_id or None,
        e.request,
        _STATUS.get(e.outcome, 500) if refused else 200,
        e.reason or None,
        e.outcome,
        e.event,
        e.operation,
        msgspec.json.encode(e.targets).decode(),
        e.changes,
    )


# --- all of them ----------------------------------------------------------------------------------------------------------


def _place(leaf: str, above: str = "") -> tuple[str, str, str]:
    """The columns that name something in a schema; `above` is what Databricks' view puts before `catalog` and `schema`."""
    return (f"{above}_catalog", f"{above}_schema", leaf) if above else ("catalog_name", "schema_name", leaf)


def _of_kind(word: str, kind: Kind) -> View:
    place = _place(f"{word}_name", word)
    return View((*_texts(*place, f"{word}_owner", "comment"), *_TIMES), _objects(kind), place)


def _privileges_view(place: tuple[str, ...], names: Callable[[Scan], AsyncIterator[Sequence[FullName]]]) -> View:
    columns = _texts("grantee", *place, "privilege_type", "is_grantable", "inherited_from", "is_inert")
    return View(columns, _privileges(names), place)


def _tagged(place: tuple[str, ...], rows: Callable[[Scan], Rows]) -> View:
    return View(_texts(*place, "tag_name", "tag_value"), rows, place)


_CATALOG, _SCHEMA, _MODEL = ("catalog_name",), ("catalog_name", "schema_name"), _place("model_name")
_VERSION = SqlColumn("version", "LONG")

INFORMATION_SCHEMA: dict[str, View] = {
    "catalogs": View((*_texts("catalog_name", "catalog_owner", "comment"), *_TIMES), _catalogs, _CATALOG),
    "schemata": View((*_texts(*_SCHEMA, "schema_owner", "comment"), *_TIMES), _schemata, _SCHEMA),
    "tables": _of_kind("table", Kind.TABLE),
    "volumes": _of_kind("volume", Kind.VOLUME),
    "routines": _of_kind("routine", Kind.FUNCTION),
    "registered_models": View(
        (*_texts(*_MODEL, "model_owner", "comment"), SqlColumn("latest_version", "LONG"), *_TIMES), _models, _MODEL
    ),
    "model_versions": View(
        (*_texts(*_MODEL), _VERSION, *_texts("status", "comment", "source", "run_id", "copied_from"), *_TIMES),
        _versions,
        _MODEL,
    ),
    "model_aliases": View((*_texts(*_MODEL, "alias_name"), _VERSION), _aliases, _MODEL),
    "catalog_tags": _tagged(_CATALOG, _tags(lambda scan: scan.catalogs())),
    "schema_tags": _tagged(_SCHEMA, _tags(lambda scan: scan.schemas())),
    "table_tags": _tagged(_place("table_name"), _tags(lambda scan: scan.objects(Kind.TABLE))),
    "volume_tags": _tagged(_place("volume_name"), _tags(lambda scan: scan.objects(Kind.VOLUME))),
    "model_tags": _tagged(_MODEL, _model_tags),
    "model_version_tags": View((*_texts(*_MODEL), _VERSION, *_texts("tag_name", "tag_value")), _version_tags, _MODEL),
    "metastore_privileges": _privileges_view((), _metastore),
    "catalog_privileges": _privileges_view(_CATALOG, _names(lambda scan: scan.catalogs())),
    "schema_privileges": _privileges_view(_SCHEMA, _names(lambda scan: scan.schemas())),
    "table_privileges": _privileges_view(
        _place("table_name", "table"), _names(lambda scan: scan.objects(Kind.TABLE), Kind.TABLE)
    ),
    "volume_privileges": _privileges_view(
        _place("volume_name", "volume"), _names(lambda scan: scan.objects(Kind.VOLUME), Kind.VOLUME)
    ),
    "routine_privileges": _privileges_view(_place("routine_name", "routine"), _routine_names),
}

AUDIT = View(_AUDIT, _audit, (), "event_time", "event_date")
