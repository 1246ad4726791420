"""The answers of Modelkeep's own acts: the writers are checked against these types, and the API's description is made of them."""

from typing import Any, Literal, NotRequired, TypedDict

from modelkeep.core.model import LineageEdge, Principal, Workspace, WorkspaceAssignment
from modelkeep.store.audit import AuditTarget
from modelkeep.store.jobs import Job


class TokenInfo(TypedDict):
    """`expiry_time` is -1 for a token that does not expire."""

    token_id: str
    principal: str
    comment: str
    creation_time: int
    expiry_time: int
    revoked: bool
    created_by: str
    last_used_time: int | None


class NewToken(TypedDict):
    """`token_value` is told this once."""

    token_value: str
    token_info: TokenInfo


class Tokens(TypedDict):
    tokens: list[TokenInfo]


class VersionInfo(TypedDict):
    full_name: str
    version: int
    status: str
    source: str
    run_id: str
    comment: str
    created_at: int
    created_by: str
    model_id: str
    copied_from: dict[str, Any] | None


class Lineage(TypedDict):
    lineage: list[LineageEdge]


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


class AuditPage(TypedDict):
    events: list[AuditRecord]
    next_page_token: str


class Jobs(TypedDict):
    jobs: list[Job]


class Principals(TypedDict):
    principals: list[Principal]


class Members(TypedDict):
    members: list[Principal]


class Email(TypedDict):
    type: str
    value: str
    primary: bool


class GroupRef(TypedDict):
    display: str
    type: str


class Assignment(TypedDict):
    metastore_id: str
    workspace_id: int
    default_catalog_name: str


class Discovery(TypedDict):
    workspace_id: str
    account_id: str


class Health(TypedDict):
    status: Literal["ok", "unavailable"]
    message: NotRequired[str]


class Workspaces(TypedDict):
    workspaces: list[Workspace]


class WorkspaceAssignments(TypedDict):
    assignments: list[WorkspaceAssignment]
