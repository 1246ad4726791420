"""Calls of an S3-compatible store about several objects, whose keys may hold what the store's XML cannot."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from modelkeep.domain.errors import Unavailable

_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def delete(client: Any, bucket: str, keys: Sequence[str]) -> None:
    """Absent ones are no error. A key that XML cannot hold goes by a request of its own. Raises Unavailable."""
    for key in keys:
        if _NOT_XML.search(key):
            client.delete_object(Bucket=bucket, Key=key)
    named = [{"Key": key} for key in keys if not _NOT_XML.search(key)]
    if not named:
        return
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
    if failed := answer.get("Errors"):
        raise Unavailable(f"The store does not delete: {failed[0].get('Code')}. Its operator should look there.")


def abort_all(client: Any, where: Mapping[str, Any]) -> None:
    """End every unfinished upload. `where`: the bucket and the prefix of the keys."""
    seen, has_next_page = set[str](), True
    while has_next_page:  # what was aborted is in no list any more
        page = client.list_multipart_uploads(**where, EncodingType="url")
        decode = unquote if page.get("EncodingType") == "url" else str
        uploads = [upload for upload in page.get("Uploads", ()) if upload["UploadId"] not in seen]
        for upload in uploads:
            seen.add(upload["UploadId"])
            abort(client, {"Bucket": where["Bucket"], "Key": decode(upload["Key"]), "UploadId": upload["UploadId"]})
        has_next_page = bool(page.get("IsTruncated") and uploads)


def abort(client: Any, upload: Mapping[str, Any]) -> None:
    """An absent upload is no error."""
    try:
        client.abort_multipart_upload(**upload)
    except client.exceptions.NoSuchUpload:
        return
