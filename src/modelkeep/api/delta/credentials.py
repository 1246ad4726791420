"""Temporary credentials as Delta's client asks for them: of a table by name, and of a path for a new external table."""

from typing import Any, Literal, TypedDict

import msgspec

from modelkeep.api.delta.errors import delta
from modelkeep.core.operations.tables import credentials
from modelkeep.core.operations.tables.storage import VendedStorage
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import METASTORE
from modelkeep.http.routing import Route

PREFIX = "/api/2.1/unity-catalog/delta/v1"
CredentialOperation = Literal["READ", "READ_WRITE"]


class DeltaTableCredentials(msgspec.Struct, frozen=True):
    catalog: str
    schema: str
    table: str
    operation: CredentialOperation


class DeltaPathCredentials(msgspec.Struct, frozen=True):
    location: str
    operation: CredentialOperation


S3Config = TypedDict(
    "S3Config", {"s3.access-key-id": str, "s3.secret-access-key": str, "s3.session-token": str}, total=False
)
"""All three for a folder in S3, none for a folder of this machine: a lone missing session token breaks the client."""
StorageCredential = TypedDict(
    "StorageCredential",
    {"prefix": str, "operation": str, "expiration-time-ms": int | None, "config": S3Config},
)
CredentialsResponse = TypedDict("CredentialsResponse", {"storage-credentials": list[StorageCredential]})


def storage_credential(storage: VendedStorage) -> StorageCredential:
    """As this API has one, in answers about stagings, too."""
    config: S3Config = {}
    if (keys := storage.credentials) is not None:
        config = {
            "s3.access-key-id": keys.access_key_id,
            "s3.secret-access-key": keys.secret_access_key,
            "s3.session-token": keys.session_token,
        }
    return {
        "prefix": storage.url,
        "operation": "READ_WRITE" if storage.write else "READ",
        "expiration-time-ms": storage.expires_at,
        "config": config,
    }


def _table(f: DeltaTableCredentials) -> credentials.TableCredentials:
    name = METASTORE.child(f.catalog).child(f.schema).child(f.table, Kind.TABLE)
    write = f.operation == "READ_WRITE"
    return (credentials.WriteTableCredentials if write else credentials.ReadTableCredentials)(name)


def _path(f: DeltaPathCredentials) -> credentials.PathCredentials:
    """What may be written here is a table that is about to be created."""
    return credentials.PathCredentials(f.location, "PATH_READ" if f.operation == "READ" else "PATH_CREATE_TABLE")


def credentials_response(storage: VendedStorage, _: Any) -> CredentialsResponse:
    return {"storage-credentials": [storage_credential(storage)]}


def routes() -> list[Route]:
    table = f"{PREFIX}/catalogs/{{catalog}}/schemas/{{schema}}/tables/{{table}}/credentials"
    path = f"{PREFIX}/temporary-path-credentials"
    return [
        Route("GET", table, DeltaTableCredentials, _table, credentials_response, render=delta),
        Route("GET", path, DeltaPathCredentials, _path, credentials_response, render=delta),
    ]
