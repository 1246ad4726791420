"""The answers of Modelkeep's own acts: the writers are checked against these types, and the API's description is made of them."""

from typing import Any, Literal, NotRequired, TypedDict

from modelkeep.api.databricks_audit_log import AuditLogRecord
from modelkeep.api.model_shapes import KeyValue
from modelkeep.core.operations.models.protected_aliases import Protected
from modelkeep.domain.model import ExternalIdentity, LineageEdge, Metric, Param, Principal, WorkspaceAssignment
from modelkeep.store.archives import Archive
from modelkeep.store.audit import AuditTarget, Tally
from modelkeep.store.jobs import Job


class TokenInfo(TypedDict):
    """`expiry_time` is -1 for a token that does not expire: none is created like that any more. `origin_kind` says what `origin_id` is
    the id of (TOKEN, SESSION, CLIENT_SECRET, FEDERATION_POLICY, IDENTITY), or that it came from `modelkeep env` (ENV)."""

    token_id: str
    principal: str
    comment: str
    creation_time: int
    expiry_time: int
    revoked: bool
    created_by: str
    last_used_time: int | None
    kind: str
    origin_kind: str
    origin_id: str
    ends_with_origin: bool


class RevokedTokens(TypedDict):
    """How many tokens were valid until now."""

    revoked: int


class V1NewToken(TypedDict):
    """No later answer contains `token_value`."""

    token_value: str
    token_info: TokenInfo


class V1Tokens(TypedDict):
    tokens: list[TokenInfo]
    next_page_token: str


class VersionInfo(TypedDict):
    """`signature` is the MLmodel's (inputs, outputs, params: JSON texts), null where there is none (yet)."""

    full_name: str
    version: int
    status: str
    status_message: str
    source: str
    run_id: str
    experiment_id: str
    comment: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    model_id: str
    aliases: list[str]
    tags: list[KeyValue]
    params: list[Param]
    metrics: list[Metric]
    signature: dict[str, Any] | None
    copied_from: dict[str, Any] | None
    workspace_id: str
    """Of the run; '' where the registry does not know it"""
    etag: str
    """Of the comment"""


class VersionPage(TypedDict):
    versions: list[VersionInfo]
    next_page_token: str


class PromptInfo(TypedDict):
    """`aliases` are name to version number. Of a caller who may only browse, and on a list, aliases and the newest version are left out."""

    full_name: str
    name: str
    comment: str
    etag: str
    owner: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    tags: list[KeyValue]
    aliases: dict[str, int]
    newest_version: int | None
    browse_only: bool


class PromptPage(TypedDict):
    prompts: list[PromptInfo]
    next_page_token: str


class PromptVersionInfo(TypedDict):
    """`template` is the JSON text of a string (`type` text), or of a list of messages (`type` chat). `response_format` and `model_config`
    are JSON texts, '' where there is none."""

    full_name: str
    version: int
    comment: str
    template: str
    type: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    aliases: list[str]
    tags: list[KeyValue]
    response_format: str
    model_config: str


class PromptVersionPage(TypedDict):
    versions: list[PromptVersionInfo]
    next_page_token: str


class PromptLinkInfo(TypedDict):
    """`kind` is run, logged_model or trace; the experiment is where it lies in this workspace."""

    version: int
    kind: str
    id: str
    name: str
    experiment_id: str
    created_at: int
    created_by: str


class PromptLinks(TypedDict):
    links: list[PromptLinkInfo]
    next_page_token: str


class FileOfVersion(TypedDict):
    """`size` in bytes, `sha256` '' until a job has read it, `modified_at` in epoch ms."""

    path: str
    size: int
    sha256: str
    modified_at: int


class VersionFiles(TypedDict):
    files: list[FileOfVersion]
    next_page_token: str


class SearchResult(TypedDict):
    """`aliases` are those of a model: name -> version. `browse_only`: BROWSE is all that leads there, so the answer has
    neither aliases nor tags."""

    kind: str
    full_name: str
    comment: str
    owner: str
    updated_at: int
    tags: list[KeyValue]
    aliases: dict[str, int]
    browse_only: bool


class FoundPage(TypedDict):
    results: list[SearchResult]
    next_page_token: str


class Grantable(TypedDict):
    type: str
    privileges: list[str]


class Privileges(TypedDict):
    securables: list[Grantable]


class Lineage(TypedDict):
    lineage: list[LineageEdge]
    next_page_token: str


class AuditRecord(TypedDict):
    """Who did what to which securables, and what came of it; `changes` is {field: [old, new]}."""

    id: str
    at: int
    event: str
    operation: str
    actor_id: str
    actor: str
    token_id: str
    source: str
    request_id: str
    targets: list[AuditTarget]
    request: dict[str, Any]
    changes: dict[str, Any]
    outcome: str
    reason: str
    workspace_id: str


class AuditPage(TypedDict):
    events: list[AuditRecord]
    next_page_token: str


class ActivitySummary(TypedDict):
    """What was done most comes first."""

    summary: list[Tally]


class AuditArchives(TypedDict):
    """In the order of the chain."""

    archives: list[Archive]


class AuditExport(TypedDict):
    """Ask again with `after` = `cursor`. Records up to link `archived` are in the archive, and not in the database."""

    records: list[AuditLogRecord]
    cursor: int
    more: bool  # house: name because it is a field of the API
    archived: int


class Jobs(TypedDict):
    jobs: list[Job]
    next_page_token: str


class V1Principals(TypedDict):
    principals: list[Principal]
    next_page_token: str


class Identities(TypedDict):
    identities: list[ExternalIdentity]


class V1Members(TypedDict):
    members: list[Principal]
    next_page_token: str


class May(TypedDict):
    """operations: {operation: true, or the sentence that refuses it}; labels: {operation: what it does to the securable}, of
    the changes and of one read, each label once."""

    operations: dict[str, bool | str]
    labels: dict[str, str]


class AliasOf(TypedDict):
    alias_name: str
    version_num: int


class MovedAliases(TypedDict):
    set: list[AliasOf]
    removed: list[str]


class ProtectedAliases(TypedDict):
    protected_aliases: list[Protected]


class V1AccessRequest(TypedDict):
    """`mine`: requested by the caller or for the caller; `to_decide`: pending, and the caller may."""

    request_id: str
    securable_type: str
    full_name: str
    principal: str
    requester: str
    privileges: list[str]
    comment: str
    state: str
    reason: str
    created_at: int
    decided_at: int | None
    decided_by: str
    mine: bool
    to_decide: bool


class AccessRequests(TypedDict):
    access_requests: list[V1AccessRequest]
    next_page_token: str


class V1Email(TypedDict):
    type: str
    value: str
    primary: bool


class GroupRef(TypedDict):
    display: str
    type: str


class V1Assignment(TypedDict):
    metastore_id: str
    workspace_id: int
    default_catalog_name: str


class Discovery(TypedDict):
    workspace_id: str
    account_id: str
    oidc_endpoint: str
    token_federation_default_oidc_audiences: list[str]


class Health(TypedDict):
    status: Literal["ok", "degraded", "unavailable", "draining"]
    degraded: NotRequired[list[str]]
    message: NotRequired[str]


class AddressedWorkspace(TypedDict):
    """`default`: the settings say its address, and nobody can change that here."""

    id: str
    name: str
    url: str
    default: bool
    created_at: int
    created_by: str


class Workspaces(TypedDict):
    workspaces: list[AddressedWorkspace]


class WorkspaceAssignments(TypedDict):
    assignments: list[WorkspaceAssignment]
