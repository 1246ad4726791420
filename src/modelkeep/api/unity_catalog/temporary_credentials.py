"""Temporary credentials of tables and volumes, in the flat shape that Databricks and open-source Unity Catalog share."""

from typing import Any, Literal

import msgspec

from modelkeep.api.model_shapes import AwsCredentials
from modelkeep.api.unity_catalog.storage_answers import UnityCatalogTemporaryCredentials
from modelkeep.core.operations.tables import credentials
from modelkeep.core.operations.tables.storage import VendedStorage
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.http.routing import Route
from modelkeep.store.db import now_ms

PREFIX = "/api/2.1/unity-catalog"
_NOTHING_TO_RENEW_MS = 3_600_000
"""Clients require an expiry; a folder of this machine needs no credentials, so this is when they ask again."""
_TABLE_OPERATIONS = {"READ": False, "READ_WRITE": True}
_VOLUME_OPERATIONS = {"READ_VOLUME": False, "WRITE_VOLUME": True}


class UnityCatalogTableCredentials(msgspec.Struct, frozen=True):
    """Without an operation, to read: older open-source clients leave it out."""

    table_id: str
    operation: str = "READ"


class UnityCatalogPathCredentials(msgspec.Struct, frozen=True):
    url: str
    operation: Literal["PATH_READ", "PATH_READ_WRITE", "PATH_CREATE_TABLE"]
    dry_run: bool = False


class VolumeCredentials(msgspec.Struct, frozen=True):
    volume_id: str
    operation: str = "READ_VOLUME"


def writes(operation: str, known: dict[str, bool]) -> bool:
    """Raises InvalidArgument."""
    write = known.get(operation)
    if write is None:
        raise InvalidArgument(f"Operation '{operation[:100]}' is not known. Use {' or '.join(known)}.")
    return write


def _table(f: UnityCatalogTableCredentials) -> credentials.TableCredentialsById:
    return credentials.TableCredentialsById(f.table_id, Kind.TABLE, writes(f.operation, _TABLE_OPERATIONS))


def _volume(f: VolumeCredentials) -> credentials.VolumeCredentialsById:
    return credentials.VolumeCredentialsById(f.volume_id, Kind.VOLUME, writes(f.operation, _VOLUME_OPERATIONS))


def _path(f: UnityCatalogPathCredentials) -> credentials.PathCredentials:
    return credentials.PathCredentials(f.url, f.operation, f.dry_run)


def vended(storage: VendedStorage, _: Any) -> UnityCatalogTemporaryCredentials:
    answer: UnityCatalogTemporaryCredentials = {
        "url": storage.url,
        "expiration_time": storage.expires_at or now_ms() + _NOTHING_TO_RENEW_MS,
    }
    if storage.credentials is not None:
        keys: AwsCredentials = {
            "access_key_id": storage.credentials.access_key_id,
            "secret_access_key": storage.credentials.secret_access_key,
            "session_token": storage.credentials.session_token,
        }
        answer["aws_temp_credentials"] = keys
    return answer


def routes() -> list[Route]:
    return [
        Route("POST", f"{PREFIX}/temporary-table-credentials", UnityCatalogTableCredentials, _table, vended),
        Route("POST", f"{PREFIX}/temporary-path-credentials", UnityCatalogPathCredentials, _path, vended),
        Route("POST", f"{PREFIX}/temporary-volume-credentials", VolumeCredentials, _volume, vended),
    ]
