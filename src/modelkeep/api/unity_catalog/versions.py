"""Model versions and credentials in native Unity Catalog REST (databricks-sdk, MLflow's native flag, `uc:` clients)."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from modelkeep.api import client_lineage as said
from modelkeep.api.model_shapes import (
    FileAccess,
    Id,
    Place,
    StorageMode,
    Tag,
    model_in,
    model_name,
    named,
    next_page,
    platform_tags,
    source_model,
    storage_mode,
)
from modelkeep.api.unity_catalog.answers import FeatureDeps, ModelAlias, ModelVersionInfo, ModelVersionPage
from modelkeep.core.operations.files import credentials
from modelkeep.core.operations.models import finalize, versions
from modelkeep.core.operations.models.models import Browsed
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.model import ModelVersion, Page, Status
from modelkeep.domain.names import comment_etag, parse_version
from modelkeep.http.messages import Request
from modelkeep.http.routing import Route

PREFIX = "/api/2.1/unity-catalog"
VERSIONS = f"{PREFIX}/models/{{full_name}}/versions"
_INT64 = re.compile(r"[0-9]{1,18}")


class UnityCatalogTableDependency(msgspec.Struct, frozen=True):
    table_full_name: str = ""


class UnityCatalogFunctionDependency(msgspec.Struct, frozen=True):
    function_full_name: str = ""


class ConnectionDependency(msgspec.Struct, frozen=True):
    connection_name: str = ""


class UnityCatalogDependency(msgspec.Struct, frozen=True):
    """One of the three."""

    table: UnityCatalogTableDependency | None = None
    function: UnityCatalogFunctionDependency | None = None
    connection: ConnectionDependency | None = None


class DependencyList(msgspec.Struct, frozen=True):
    dependencies: tuple[UnityCatalogDependency, ...] = ()


class UnityCatalogCreateVersion(msgspec.Struct, frozen=True):
    model_name: str
    catalog_name: str = ""
    schema_name: str = ""
    source: str = ""
    run_id: Id = ""
    comment: str = ""
    tags: tuple[Tag, ...] = ()
    model_version_dependencies: DependencyList = DependencyList()
    model_id: Id = ""
    feature_deps: str = ""
    run_tracking_server_id: Id = ""


class UnityCatalogListVersions(msgspec.Struct, frozen=True):
    full_name: str
    include_browse: bool = False
    max_results: int | None = None
    page_token: str = ""


class UnityCatalogGetVersion(msgspec.Struct, frozen=True):
    full_name: str
    version: str | int
    include_aliases: bool = False
    include_browse: bool = False


class UnityCatalogUpdateVersion(msgspec.Struct, frozen=True):
    full_name: str
    version: str | int
    comment: str | None = None
    etag: str = ""
    """Of the comment that the caller has read. With it, a newer comment is not overwritten."""


class UnityCatalogVersion(msgspec.Struct, frozen=True):
    full_name: str
    version: str | int


class UnityCatalogCredentials(msgspec.Struct, frozen=True):
    model_name: str
    version: str | int
    catalog_name: str = ""
    schema_name: str = ""
    operation: str = "READ_MODEL_VERSION"


def _create_version(
    f: UnityCatalogCreateVersion, request: Request, kind: type[versions.CreateVersion] = versions.CreateVersion
) -> versions.CreateVersion:
    source, source_version = source_model(f.source)
    return kind(
        name=model_in(f.catalog_name, f.schema_name, f.model_name),
        source=f.source,
        source_model=source,
        source_version=source_version,
        run_id=f.run_id,
        logged_model_id=f.model_id,
        comment=f.comment,
        tags=platform_tags(f.tags),
        workspace_id=f.run_tracking_server_id,
        upstream=(
            *said.of_header(request.header(b"x-databricks-lineage-identifier")),
            *said.of_dependencies(_dependencies(f.model_version_dependencies)),
            *said.of_features(f.feature_deps),
        ),
        feature_deps=f.feature_deps,
    )


def _dependencies(listed: DependencyList) -> Iterator[tuple[str, str]]:
    """In the words of `databricks-uc`."""
    for dependency in listed.dependencies:
        if dependency.table:
            yield "DATABRICKS_TABLE", dependency.table.table_full_name
        if dependency.function:
            yield "DATABRICKS_UC_FUNCTION", dependency.function.function_full_name
        if dependency.connection:
            yield "DATABRICKS_UC_CONNECTION", dependency.connection.connection_name


def _list_versions(f: UnityCatalogListVersions) -> versions.ListVersions:
    kind = versions.BrowseVersions if f.include_browse else versions.ListVersions
    return kind(model_name(f.full_name), f.max_results, f.page_token)


def _get_version(f: UnityCatalogGetVersion) -> versions.GetVersion:
    kind = versions.BrowseVersion if f.include_browse else versions.GetVersion
    return kind(model_name(f.full_name), parse_version(f.version))


def _update_version(f: UnityCatalogUpdateVersion) -> versions.UpdateVersion:
    if f.comment is None:
        raise InvalidArgument("The request changes nothing. Send comment: it is all of a version that can be updated.")
    return versions.UpdateVersion(model_name(f.full_name), parse_version(f.version), f.comment, f.etag)


def _delete_version(f: UnityCatalogVersion) -> versions.DeleteVersion:
    return versions.DeleteVersion(model_name(f.full_name), parse_version(f.version))


def _finalize(f: UnityCatalogVersion) -> finalize.FinalizeVersion:
    return finalize.FinalizeVersion(model_name(f.full_name), parse_version(f.version))


def _finalize_unsigned(f: UnityCatalogVersion) -> finalize.FinalizeVersion:
    return msgspec.structs.replace(_finalize(f), unsigned=True)


_OPERATIONS = {
    "READ_MODEL_VERSION": credentials.ReadCredentials,
    "READ_WRITE_MODEL_VERSION": credentials.WriteCredentials,
}


def _credentials(f: UnityCatalogCredentials) -> versions.VersionRequest:
    kind = _OPERATIONS.get(f.operation)
    if kind is None:
        raise InvalidArgument(f"Operation '{f.operation[:100]}' is not known. Use {' or '.join(_OPERATIONS)}.")
    return kind(model_in(f.catalog_name, f.schema_name, f.model_name), parse_version(f.version))


def _no_files(*_: Any) -> versions.VersionRequest:
    raise InvalidArgument(
        "This server hands model files out by signed URLs, which this client cannot use. Use MLflow's registry URI "
        "`databricks-uc` (DATABRICKS_HOST, DATABRICKS_TOKEN), or ask the server's operator to set MODELKEEP_SHARED_FOLDER, "
        "or MODELKEEP_S3_ROLE_ARN where files are in S3. All but the files works as it is."
    )


def _create_in_folder(f: UnityCatalogCreateVersion, request: Request) -> versions.CreateVersion:
    return _create_version(f, request, credentials.CreateInFolder)


def _get_in_folder(f: UnityCatalogGetVersion) -> versions.GetVersion:
    request = _get_version(f)
    return request if f.include_browse else credentials.GetInFolder(request.name, request.version)


def _vended(result: credentials.Vended, _: Any) -> StorageMode:
    return storage_mode(result)  # not wrapped as for `databricks-uc`


def brief(
    version: ModelVersion, metastore_id: str, place: Place = named, *, browse_only: bool = False
) -> ModelVersionInfo:
    """A ModelVersionInfo as lists hold it ("will not contain any aliases or tags"), or as BROWSE alone shows it."""
    catalog, schema, name = version.model.split(".")
    info: ModelVersionInfo = {
        "model_name": name,
        "catalog_name": catalog,
        "schema_name": schema,
        "version": version.version,
        "id": version.id,
        "metastore_id": metastore_id,
        "comment": version.comment,
        "status": version.status,
        "created_at": version.created_at,
        "created_by": version.created_by,
        "updated_at": version.updated_at,
        "updated_by": version.updated_by,
        "browse_only": browse_only,
    }
    if browse_only:
        return info
    info["source"], info["run_id"], info["model_id"] = version.source, version.run_id, version.logged_model_id
    info["storage_location"] = place(version)
    if _INT64.fullmatch(version.workspace_id):
        info["run_workspace_id"] = int(version.workspace_id)
    return info


def info(version: ModelVersion, metastore_id: str, place: Place = named) -> ModelVersionInfo:
    """A whole ModelVersionInfo."""
    catalog, schema, name = version.model.split(".")
    aliases: list[ModelAlias] = [
        {
            "alias_name": alias,
            "version_num": version.version,
            "catalog_name": catalog,
            "schema_name": schema,
            "model_name": name,
        }
        for alias in version.aliases
    ]
    features: FeatureDeps = {"feature_deps": version.feature_deps} if version.feature_deps else {}
    return {
        **brief(version, metastore_id, place),
        **features,
        "aliases": aliases,
        "tags": [{"key": key, "value": value} for key, value in version.tags.items()],
        "model_params": [{"name": p.name, "value": p.value} for p in version.params],
        "model_metrics": [msgspec.to_builtins(m) for m in version.metrics],
        "etag": comment_etag(version.comment),
    }


def one_version(metastore_id: str, place: Place = named) -> Callable[..., Any]:
    """The writer of a version, with or without its aliases; for a caller who may only browse, its brief form."""

    def write(result: ModelVersion | Browsed[ModelVersion], f: Any) -> ModelVersionInfo:
        version = result.entity if isinstance(result, Browsed) else result
        if isinstance(result, Browsed) and result.only:
            return brief(version, metastore_id, browse_only=True)
        answer = info(version, metastore_id, place)
        if not f.include_aliases:
            del answer["aliases"]
        return answer

    return write


def routes(metastore_id: str, file_access: FileAccess | None = None) -> list[Route]:
    """`file_access`: how the clients get to files; None if they fetch the files of DEFAULT_STORAGE by signed URLs."""
    place = file_access.place if file_access else named
    create, read_one, created = _create_version, _get_version, place
    read_place = place
    if file_access and file_access.way == "folder":
        create, read_one, created = _create_in_folder, _get_in_folder, file_access.uri
        read_place = _exported(file_access)
    elif file_access and not file_access.way:
        create = _no_files

    def create_from_source(f: UnityCatalogCreateVersion, request: Request) -> msgspec.Struct:
        if file_access is not None and not f.source:  # required by open-source Unity Catalog's specification
            raise InvalidArgument("Field 'source' is missing from the request.")
        return create(f, request)

    def whole(result: ModelVersion, _: Any) -> ModelVersionInfo:
        return info(result, metastore_id, place)

    def new_version(result: ModelVersion, _: Any) -> ModelVersionInfo:
        return info(result, metastore_id, created)

    def page(result: Page[ModelVersion] | Browsed[Page[ModelVersion]], _: Any) -> ModelVersionPage:
        only = isinstance(result, Browsed) and result.only
        listed = result.entity if isinstance(result, Browsed) else result
        items = [brief(version, metastore_id, place, browse_only=only) for version in listed.items]
        return {"model_versions": items, **next_page(listed.next_token)}

    # A request with include_browse exports nothing.
    exported, browsed = one_version(metastore_id, read_place), one_version(metastore_id, place)

    def visible_version(result: ModelVersion | Browsed[ModelVersion], f: Any) -> ModelVersionInfo:
        return (browsed if isinstance(result, Browsed) else exported)(result, f)

    by_number = f"{VERSIONS}/{{version}}"
    return [
        Route(
            "POST",
            f"{PREFIX}/models/versions",
            UnityCatalogCreateVersion,
            write=new_version,
            read_request=create_from_source,
        ),
        Route("GET", VERSIONS, UnityCatalogListVersions, _list_versions, page),
        Route("GET", by_number, UnityCatalogGetVersion, read_one, visible_version),
        Route("PATCH", by_number, UnityCatalogUpdateVersion, _update_version, whole),
        Route("DELETE", by_number, UnityCatalogVersion, _delete_version),
        Route(
            "PATCH",
            f"{by_number}/finalize",
            UnityCatalogVersion,
            _finalize_unsigned if file_access else _finalize,
            whole,
        ),
        Route(
            "POST",
            f"{PREFIX}/temporary-model-version-credentials",
            UnityCatalogCredentials,
            _credentials if file_access is None or file_access.way else _no_files,
            _vended,
        ),
    ]


def _exported(file_access: FileAccess) -> Place:
    """The folder of a version that has been exported, for a request that reads this version."""
    return lambda version: file_access.uri(version) if version.status == Status.READY else named(version)
