"""Tries what temporary credentials open in a store: list, write, read and delete one small object."""

import importlib
import secrets
from typing import Any

from modelkeep import limits
from modelkeep.blobs.port import TemporaryCredentials
from modelkeep.blobs.storage_threads import Circuit, StorageLane
from modelkeep.domain.storage_urls import StorageUrl

_OPERATIONS = {"LIST": "list_objects_v2", "WRITE": "put_object", "READ": "get_object", "DELETE": "delete_object"}


class FolderProbe:
    """On threads of its own: a store that does not answer delays nobody else."""

    def __init__(self, endpoint: str = "", region: str = "") -> None:
        """`endpoint`: of the store, '' for AWS."""
        self._endpoint, self._region = endpoint, region
        self._lane = StorageLane("folder-probe", limits.STS_THREADS, Circuit("The store"))

    async def try_folder(self, url: StorageUrl, credentials: TemporaryCredentials, *, write: bool) -> dict[str, str]:
        """By operation: '' where it worked, else why it did not; those that were not tried are absent. Raises Unavailable."""
        return await self._lane.run(limits.STORE_METADATA_S, self._try, url, credentials, write)

    def _try(self, url: StorageUrl, credentials: TemporaryCredentials, write: bool) -> dict[str, str]:
        session = importlib.import_module("botocore.session").get_session()
        config = importlib.import_module("botocore.config").Config(
            connect_timeout=5, read_timeout=limits.STORE_SOCKET_S, retries={"max_attempts": 1}
        )
        client = session.create_client(
            "s3",
            region_name=self._region or None,
            endpoint_url=self._endpoint or None,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=config,
        )
        prefix = f"{url.path}/" if url.path else ""
        key = f"{prefix}.modelkeep-validation-{secrets.token_hex(8)}"
        results = {"LIST": _failure(client, "LIST", Bucket=url.bucket, Prefix=prefix, MaxKeys=1)}
        if write:
            results["WRITE"] = _failure(client, "WRITE", Bucket=url.bucket, Key=key, Body=b"modelkeep")
            if not results["WRITE"]:
                for operation in ("READ", "DELETE"):
                    results[operation] = _failure(client, operation, Bucket=url.bucket, Key=key)
        return results


def _failure(client: Any, operation: str, **fields: Any) -> str:
    """'' where the store did it, else its code."""
    errors = importlib.import_module("botocore.exceptions")
    try:
        getattr(client, _OPERATIONS[operation])(**fields)
    except errors.ClientError as error:
        return f"The store refuses: {error.response.get('Error', {}).get('Code', '')[:100]}."
    except errors.BotoCoreError as error:
        return f"The store does not answer ({type(error).__name__})."
    return ""
