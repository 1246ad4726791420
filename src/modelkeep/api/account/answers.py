"""The bodies and answers of the account's routes, as the API's description tells them."""

from typing import Any, NotRequired, TypedDict

import msgspec

from modelkeep.domain.scim.schema import ScimType


class ScimError(TypedDict):
    schemas: list[str]
    status: str
    detail: str
    scimType: NotRequired[ScimType]


class AccountName(TypedDict, total=False):
    givenName: str
    familyName: str


class AccountEmail(TypedDict, total=False):
    value: str
    type: str
    primary: bool


class User(TypedDict):
    schemas: list[str]
    id: str
    userName: NotRequired[str]
    displayName: NotRequired[str]
    name: NotRequired[AccountName]
    active: NotRequired[bool]
    emails: NotRequired[list[AccountEmail]]
    externalId: NotRequired[str]
    groups: NotRequired[list[dict[str, Any]]]
    entitlements: NotRequired[list[dict[str, Any]]]
    meta: NotRequired[dict[str, str]]


class Group(TypedDict):
    schemas: list[str]
    id: str
    displayName: NotRequired[str]
    externalId: NotRequired[str]
    members: NotRequired[list[dict[str, Any]]]
    groups: NotRequired[list[dict[str, Any]]]
    entitlements: NotRequired[list[dict[str, Any]]]
    meta: NotRequired[dict[str, str]]


class ServicePrincipal(TypedDict):
    schemas: list[str]
    id: str
    applicationId: str
    displayName: NotRequired[str]
    active: NotRequired[bool]
    externalId: NotRequired[str]
    groups: NotRequired[list[dict[str, Any]]]
    entitlements: NotRequired[list[dict[str, Any]]]
    meta: NotRequired[dict[str, str]]


class Resources(TypedDict):
    """A page; `Resources` is absent beyond the last one."""

    schemas: list[str]
    totalResults: int
    startIndex: int
    itemsPerPage: int
    Resources: NotRequired[list[dict[str, Any]]]


class UserBody(msgspec.Struct, rename="camel"):
    user_name: str
    display_name: str = ""
    active: bool = True
    external_id: str = ""
    name: dict[str, str] = {}
    emails: list[dict[str, Any]] = []
    entitlements: list[dict[str, Any]] = []


class GroupBody(msgspec.Struct, rename="camel"):
    display_name: str
    external_id: str = ""
    members: list[dict[str, Any]] = []
    entitlements: list[dict[str, Any]] = []


class ServicePrincipalBody(msgspec.Struct, rename="camel"):
    application_id: str = ""
    display_name: str = ""
    active: bool = True
    external_id: str = ""
    entitlements: list[dict[str, Any]] = []


class Operations(msgspec.Struct):
    """Each has `op` (add, replace, remove), `path` and `value`."""

    operations: list[dict[str, Any]] = msgspec.field(name="Operations")


class OwnToken(TypedDict):
    """`expiry_time` is -1 for a token that does not expire."""

    token_id: str
    comment: str
    creation_time: int
    expiry_time: int


class NewOwnToken(TypedDict):
    """No later answer contains `token_value`."""

    token_value: str
    token_info: OwnToken


class OwnTokens(TypedDict):
    token_infos: list[OwnToken]


class ManagedToken(OwnToken):
    created_by_id: NotRequired[int]
    created_by_username: str
    owner_id: int
    workspace_id: int
    last_used_day: NotRequired[int]


class NewManagedToken(TypedDict):
    token_value: str
    token_info: ManagedToken


class ManagedTokenInfo(TypedDict):
    token_info: ManagedToken


class ManagedTokens(TypedDict):
    token_infos: list[ManagedToken]


class TagValue(TypedDict):
    name: str


class TagPolicy(TypedDict):
    """A governed tag; without values it is a key alone."""

    tag_key: str
    id: str
    description: str
    values: list[TagValue]
    create_time: str
    update_time: str


class TagPolicies(TypedDict):
    tag_policies: list[TagPolicy]
    next_page_token: NotRequired[str]


class AccountGrantRule(TypedDict):
    role: str
    principals: list[str]


class AccountRuleSet(TypedDict):
    name: str
    etag: str
    grant_rules: list[AccountGrantRule]


class AssignableRole(TypedDict):
    name: str


class AssignableRoles(TypedDict):
    roles: list[AssignableRole]


class WorkspaceInfo(TypedDict):
    """`deployment_name` is the whole address without its scheme."""

    account_id: str
    workspace_id: int
    workspace_name: str
    deployment_name: str
    workspace_url: str
    workspace_status: str
    workspace_status_message: str
    creation_time: int
    cloud: str


class AssignedPrincipal(TypedDict):
    principal_id: int
    display_name: str
    user_name: NotRequired[str]
    group_name: NotRequired[str]
    service_principal_name: NotRequired[str]


class PermissionAssignment(TypedDict):
    """Without a principal: it has no permissions any more."""

    permissions: list[str]
    principal: NotRequired[AssignedPrincipal]


class PermissionAssignments(TypedDict):
    permission_assignments: list[PermissionAssignment]


class PermissionLevel(TypedDict):
    permission_level: str
    description: str


class PermissionLevels(TypedDict):
    permissions: list[PermissionLevel]


class HeldLevel(TypedDict):
    permission_level: str
    inherited: bool
    inherited_from_object: NotRequired[list[str]]


class AccessEntry(TypedDict):
    """Exactly one of the names."""

    all_permissions: list[HeldLevel]
    user_name: NotRequired[str]
    group_name: NotRequired[str]
    service_principal_name: NotRequired[str]
    display_name: NotRequired[str]


class ObjectPermissions(TypedDict):
    object_id: str
    object_type: str
    access_control_list: list[AccessEntry]


class AccessLevel(TypedDict):
    permission_level: str
    description: str


class AccessLevels(TypedDict):
    permission_levels: list[AccessLevel]


class Namespace(TypedDict):
    value: str


class DefaultNamespace(TypedDict):
    etag: str
    namespace: Namespace
    setting_name: str


class DeletedSetting(TypedDict):
    etag: str
