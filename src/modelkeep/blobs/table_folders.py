"""Deletes the folders of dropped managed tables, in a store or on this machine, a bounded number of files at a time."""

import importlib
import os
import shutil
from pathlib import Path
from typing import Any

from modelkeep import limits
from modelkeep.blobs.port import TemporaryCredentials
from modelkeep.blobs.storage_threads import Circuit, StorageLane
from modelkeep.domain.errors import Unavailable
from modelkeep.domain.storage_urls import StorageUrl


class TableFolders:
    """On threads of its own: a store that does not answer delays nobody else."""

    def __init__(self, endpoint: str = "", region: str = "") -> None:
        """`endpoint`: of the store, '' for AWS."""
        self._endpoint, self._region = endpoint, region
        self._lane = StorageLane("table-folders", 2, Circuit("The store of tables"))

    async def delete_some(self, url: StorageUrl, credentials: TemporaryCredentials | None) -> bool:
        """Delete up to `limits.PURGE_FILES` files. True where nothing is left.

        Raises Unavailable, also for files that the server's account may not delete."""
        if credentials is None:
            return await self._lane.run(limits.PURGE_S, _delete_in_folder, f"/{url.path}")
        return await self._lane.run(limits.PURGE_S, self._delete_in_bucket, url, credentials)

    def _delete_in_bucket(self, url: StorageUrl, credentials: TemporaryCredentials) -> bool:
        session = importlib.import_module("botocore.session").get_session()
        config = importlib.import_module("botocore.config").Config(
            connect_timeout=5, read_timeout=limits.STORE_SOCKET_S, retries={"max_attempts": 2}
        )
        errors = importlib.import_module("botocore.exceptions")
        client: Any = session.create_client(
            "s3",
            region_name=self._region or None,
            endpoint_url=self._endpoint or None,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=config,
        )
        try:
            listed = client.list_objects_v2(Bucket=url.bucket, Prefix=f"{url.path}/", MaxKeys=limits.PURGE_FILES)
            for entry in listed.get("Contents", ()):
                client.delete_object(Bucket=url.bucket, Key=entry["Key"])
        except (errors.ClientError, errors.BotoCoreError) as error:
            raise Unavailable(f"The store did not delete files of {url}: {str(error)[:200]}") from error
        return not listed.get("IsTruncated", False)


def _delete_in_folder(folder: str) -> bool:
    """Users of the table may write there, so symbolic links are removed and never followed: names count below open directories.

    Raises Unavailable."""
    left = limits.PURGE_FILES
    path = Path(folder)
    try:
        if path.is_symlink():
            path.unlink()
        if not path.exists():
            return True
        for _, _, names, descriptor in os.fwalk(folder, topdown=False):
            for name in names:
                os.unlink(name, dir_fd=descriptor)
                left -= 1
                if left == 0:
                    return False
        shutil.rmtree(folder)
    except OSError as error:
        raise Unavailable(f"The server cannot delete files in {folder}: {error.strerror}.") from error
    return True
