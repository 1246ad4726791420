"""The answers about external locations, storage credentials and temporary credentials, as `answers`."""

from typing import NotRequired, TypedDict

from modelkeep.api.model_shapes import AwsCredentials


class BesideCatalogs(TypedDict):
    """What external locations and storage credentials share."""

    name: str
    owner: str
    comment: str
    read_only: bool
    metastore_id: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    isolation_mode: str


class IamRoleInfo(TypedDict):
    role_arn: str
    external_id: str


class StorageCredentialInfo(BesideCatalogs):
    id: str
    full_name: str
    aws_iam_role: IamRoleInfo
    purpose: str


class ExternalLocationInfo(BesideCatalogs):
    id: str
    url: NotRequired[str]
    credential_name: NotRequired[str]
    credential_id: NotRequired[str]
    fallback: NotRequired[bool]
    browse_only: NotRequired[bool]


class ExternalLocationPage(TypedDict):
    external_locations: list[ExternalLocationInfo]
    next_page_token: NotRequired[str]


class StorageCredentialPage(TypedDict):
    storage_credentials: list[StorageCredentialInfo]
    next_page_token: NotRequired[str]


class CredentialPage(TypedDict):
    credentials: list[StorageCredentialInfo]
    next_page_token: NotRequired[str]


class ValidationResult(TypedDict):
    operation: str
    result: str
    message: str


class CredentialValidation(TypedDict):
    isDir: bool
    results: list[ValidationResult]


class UnityCatalogTemporaryCredentials(TypedDict):
    """For one folder: the keys of one store, or none for a folder of this machine."""

    url: str
    expiration_time: int
    aws_temp_credentials: NotRequired[AwsCredentials]
