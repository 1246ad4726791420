"""The answers of native Unity Catalog REST: the writers are checked against these types, and the API's description is made of them."""

from typing import Any, NotRequired, TypedDict

from modelkeep.api.model_shapes import KeyValue, NameValue
from modelkeep.core.operations.catalog.functions import Dependencies, Parameters
from modelkeep.core.operations.catalog.tables import Column


class ModelAlias(TypedDict):
    alias_name: str
    version_num: int
    catalog_name: str
    schema_name: str
    model_name: str


class RegisteredModelInfo(TypedDict):
    """Lists, and callers who may only browse, get it without the fields that are not required."""

    name: str
    catalog_name: str
    schema_name: str
    full_name: str
    comment: str
    owner: str
    id: str
    metastore_id: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    securable_type: str
    securable_kind: str
    browse_only: bool
    storage_location: NotRequired[str]
    tags: NotRequired[list[KeyValue]]
    aliases: NotRequired[list[ModelAlias]]
    deployment_job_id: NotRequired[str]
    deployment_job_state: NotRequired[str]
    etag: NotRequired[str]
    """Of the comment"""


class RegisteredModelPage(TypedDict):
    registered_models: list[RegisteredModelInfo]
    next_page_token: NotRequired[str]


class FeatureDeps(TypedDict):
    feature_deps: NotRequired[str]


class ModelVersionInfo(TypedDict):
    """Lists, and callers who may only browse, get it without the fields that are not required."""

    model_name: str
    catalog_name: str
    schema_name: str
    version: int
    id: str
    metastore_id: str
    comment: str
    status: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    browse_only: bool
    source: NotRequired[str]
    run_id: NotRequired[str]
    model_id: NotRequired[str]
    run_workspace_id: NotRequired[int]
    storage_location: NotRequired[str]
    aliases: NotRequired[list[ModelAlias]]
    tags: NotRequired[list[KeyValue]]
    feature_deps: NotRequired[str]
    """As its client sent it; absent where it sent none"""
    model_params: NotRequired[list[NameValue]]
    model_metrics: NotRequired[list[dict[str, Any]]]
    etag: NotRequired[str]
    """Of the comment"""


class ModelVersionPage(TypedDict):
    model_versions: list[ModelVersionInfo]
    next_page_token: NotRequired[str]


class ContainerInfo(TypedDict):
    """What catalogs and schemas share; callers who may only browse get it without `properties`."""

    name: str
    full_name: str
    comment: str
    owner: str
    id: str
    metastore_id: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    browse_only: bool
    securable_type: str
    properties: NotRequired[dict[str, str]]
    storage_root: NotRequired[str]
    storage_location: NotRequired[str]
    etag: NotRequired[str]
    """Of the comment"""


class CatalogInfo(ContainerInfo):
    catalog_type: str
    isolation_mode: str
    securable_kind: str
    accessible_in_current_workspace: bool


class SchemaInfo(ContainerInfo):
    catalog_name: str
    catalog_type: str
    schema_id: str


class CatalogPage(TypedDict):
    catalogs: list[CatalogInfo]
    next_page_token: NotRequired[str]


class SchemaPage(TypedDict):
    schemas: list[SchemaInfo]
    next_page_token: NotRequired[str]


class ObjectInfo(TypedDict):
    """What volumes, tables and functions share. Callers who may only browse get them without the fields that are not required."""

    name: str
    catalog_name: str
    schema_name: str
    full_name: str
    comment: NotRequired[str]
    """Left out where it is empty: unitycatalog-client refuses a volume with an empty one."""
    owner: str
    metastore_id: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    browse_only: bool


class VolumeInfo(ObjectInfo):
    volume_id: str
    volume_type: str
    storage_location: NotRequired[str]


class VolumePage(TypedDict):
    volumes: list[VolumeInfo]
    next_page_token: NotRequired[str]


class TableInfo(ObjectInfo):
    table_id: str
    table_type: str
    data_source_format: str
    storage_location: NotRequired[str]
    properties: NotRequired[dict[str, str]]
    columns: NotRequired[tuple[Column, ...]]


class TablePage(TypedDict):
    tables: list[TableInfo]
    next_page_token: NotRequired[str]


class UnityCatalogTableExists(TypedDict):
    table_exists: bool


class TableSummary(TypedDict):
    full_name: str
    table_type: str


class TableSummaryPage(TypedDict):
    tables: list[TableSummary]
    next_page_token: NotRequired[str]


class UnityCatalogFunctionInfo(ObjectInfo):
    function_id: str
    input_params: NotRequired[Parameters]
    return_params: NotRequired[Parameters]
    routine_dependencies: NotRequired[Dependencies]
    data_type: NotRequired[str]
    full_data_type: NotRequired[str]
    routine_body: NotRequired[str]
    routine_definition: NotRequired[str]
    parameter_style: NotRequired[str]
    is_deterministic: NotRequired[bool]
    sql_data_access: NotRequired[str]
    is_null_call: NotRequired[bool]
    security_type: NotRequired[str]
    specific_name: NotRequired[str]
    external_language: NotRequired[str]
    external_name: NotRequired[str]
    sql_path: NotRequired[str]
    properties: NotRequired[str]


class FunctionPage(TypedDict):
    functions: list[UnityCatalogFunctionInfo]
    next_page_token: NotRequired[str]


class PrivilegeAssignment(TypedDict):
    principal: str
    privileges: list[str]
    inert_privileges: NotRequired[list[str]]
    """Those of `privileges` that mean nothing here: they are kept and shown, and no decision reads them."""


class UnityCatalogPermissions(TypedDict):
    """Empty if the request omits the permissions from its answer."""

    privilege_assignments: NotRequired[list[PrivilegeAssignment]]


class EffectivePrivilege(TypedDict):
    privilege: str
    inert: NotRequired[bool]
    """It means nothing here, and no decision reads it."""
    inherited_from_type: NotRequired[str]
    inherited_from_name: NotRequired[str]


class EffectivePrivilegeAssignment(TypedDict):
    principal: str
    privileges: list[EffectivePrivilege]


class EffectivePermissions(TypedDict):
    privilege_assignments: list[EffectivePrivilegeAssignment]


class EffectiveAssignments(TypedDict):
    effective_privilege_assignments: list[EffectivePrivilegeAssignment]


class MetastoreSummary(TypedDict):
    metastore_id: str
    name: str
    owner: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    cloud: str
    region: str
    global_metastore_id: str
    privilege_model_version: str


class MetastorePage(TypedDict):
    metastores: list[MetastoreSummary]
    next_page_token: NotRequired[str]


class AccountMetastore(TypedDict):
    metastore_info: MetastoreSummary


class AccountMetastores(TypedDict):
    metastores: list[MetastoreSummary]


class UnityCatalogQuota(TypedDict):
    parent_securable_type: str
    parent_full_name: str
    quota_name: str
    quota_count: int
    quota_limit: int


class QuotaOf(TypedDict):
    quota_info: UnityCatalogQuota


class QuotaPage(TypedDict):
    quotas: list[UnityCatalogQuota]
    next_page_token: NotRequired[str]


class BoundWorkspaces(TypedDict):
    workspaces: list[int]


class WorkspaceBinding(TypedDict):
    workspace_id: int
    binding_type: str


class WorkspaceBindings(TypedDict):
    """A change answers all of them on one page."""

    bindings: list[WorkspaceBinding]
    next_page_token: NotRequired[str]


class TagAssignment(TypedDict):
    entity_type: str
    entity_name: str
    tag_key: str
    tag_value: str


class TagAssignmentPage(TypedDict):
    tag_assignments: list[TagAssignment]
    next_page_token: NotRequired[str]


class RfaSecurable(TypedDict):
    type: str
    full_name: str


class AccessDestination(TypedDict):
    """`special_destination` stands for the owner, where nothing was set."""

    destination_id: str
    destination_type: str
    special_destination: NotRequired[str]


class AccessDestinations(TypedDict):
    """Where to ask for access: those of the nearest securable, upwards, that has some."""

    securable: RfaSecurable
    securable_type: str
    full_name: str
    destinations: list[AccessDestination]
    destination_source_securable: RfaSecurable
    are_any_destinations_hidden: bool


class UnityCatalogBehalfOf(TypedDict):
    id: str
    principal_type: str


class AskedForOne(TypedDict):
    behalf_of: UnityCatalogBehalfOf
    request_destinations: list[AccessDestinations]
    request_ids: list[str]


class AskedAccess(TypedDict):
    responses: list[AskedForOne]


class ErrorInfo(TypedDict("AtType", {"@type": str})):
    reason: str
    domain: str
    metadata: dict[str, str]


class OssError(TypedDict):
    """A refusal as clients of open-source Unity Catalog read it."""

    error_code: str
    message: str
    details: list[ErrorInfo]
