"""Credentials for one folder against a real store: what they open, what they leave closed, whatever the folder is called."""

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from modelkeep.blobs.folder_credentials import FolderCredentials, StorageRole
from modelkeep.blobs.port import TemporaryCredentials
from modelkeep.blobs.sts import StsClient
from modelkeep.domain.errors import Unavailable
from modelkeep.domain.storage_urls import StorageUrl, parse_storage_url

if TYPE_CHECKING:
    from backends import Seaweed

pytest_plugins = ("backends",)


def client(store: "Seaweed", keys: TemporaryCredentials | None = None) -> Any:
    own = (store.access_key, store.secret_key, None)
    key, secret, token = (keys.access_key_id, keys.secret_access_key, keys.session_token) if keys else own
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def denied(call: Callable[[], Any]) -> None:
    with pytest.raises(ClientError) as refused:
        call()
    assert refused.value.response["Error"]["Code"] in ("AccessDenied", "403")


@pytest.fixture
def issue(seaweedfs: "Seaweed", monkeypatch: pytest.MonkeyPatch) -> Callable[..., TemporaryCredentials]:
    for variable, value in seaweedfs.env().items():
        monkeypatch.setenv(variable, value)
    folders = FolderCredentials(StsClient(endpoint=seaweedfs.endpoint, seconds=900))

    def issued(url: StorageUrl, *, write: bool) -> TemporaryCredentials:
        return asyncio.run(folders.issue(StorageRole(seaweedfs.role), url, "id", "alice@x.io", write=write))

    return issued


def test_a_table_is_read_and_written_and_its_neighbours_are_not(
    seaweedfs: "Seaweed", issue: Callable[..., TemporaryCredentials]
) -> None:
    base, bucket = f"tables/{uuid.uuid4().hex}", seaweedfs.bucket
    url = parse_storage_url(f"s3://{bucket}/{base}/t1")
    operator = client(seaweedfs)
    neighbours = (f"{base}/t10/x", f"{base}/t1x", f"{base}/x", "x")
    for key in (f"{base}/t1/_delta_log/0.json", *neighbours):
        operator.put_object(Bucket=bucket, Key=key, Body=b"data")
    writer, reader = (client(seaweedfs, issue(url, write=write)) for write in (True, False))
    writer.put_object(Bucket=bucket, Key=f"{base}/t1/part-0.parquet", Body=b"rows")
    upload = writer.create_multipart_upload(Bucket=bucket, Key=f"{base}/t1/big")["UploadId"]
    writer.abort_multipart_upload(Bucket=bucket, Key=f"{base}/t1/big", UploadId=upload)
    for s3 in (writer, reader):
        assert s3.get_object(Bucket=bucket, Key=f"{base}/t1/part-0.parquet")["Body"].read() == b"rows"
        for prefix in (f"{base}/t1", f"{base}/t1/", f"{base}/t1/_delta_log/"):
            assert s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] > 0
        for key in neighbours:
            denied(lambda s3=s3, key=key: s3.get_object(Bucket=bucket, Key=key))
            denied(lambda s3=s3, key=key: s3.put_object(Bucket=bucket, Key=key, Body=b"mine"))
            denied(lambda s3=s3, key=key: s3.delete_object(Bucket=bucket, Key=key))
        for prefix in ("", base, f"{base}/", f"{base}/t10", f"{base}/t10/"):
            denied(lambda s3=s3, prefix=prefix: s3.list_objects_v2(Bucket=bucket, Prefix=prefix))
        assert s3.list_objects_v2(Bucket=bucket, Prefix=f"{base}/t1/../t10/")["KeyCount"] == 0
        with pytest.raises(ClientError):
            s3.get_object(Bucket=bucket, Key=f"{base}/t1/../t10/x")
    denied(lambda: reader.put_object(Bucket=bucket, Key=f"{base}/t1/part-1.parquet", Body=b"rows"))
    denied(lambda: reader.delete_object(Bucket=bucket, Key=f"{base}/t1/part-0.parquet"))
    denied(lambda: reader.create_multipart_upload(Bucket=bucket, Key=f"{base}/t1/big"))
    for s3, key in ((writer, f"{base}/t10/x"), (reader, f"{base}/t1/copy")):
        source = {"Bucket": bucket, "Key": f"{base}/t10/x" if s3 is writer else f"{base}/t1/part-0.parquet"}
        denied(lambda s3=s3, key=key, source=source: s3.copy_object(Bucket=bucket, Key=key, CopySource=source))
    writer.delete_object(Bucket=bucket, Key=f"{base}/t1/part-0.parquet")


@pytest.mark.parametrize("special", ["*", "?", "t*", "${*}", "${aws:username}", "$", "[ab]", "+", "t'1"])
def test_what_a_folder_is_called_opens_no_other(
    seaweedfs: "Seaweed", issue: Callable[..., TemporaryCredentials], special: str
) -> None:
    """A store that reads the escapes opens the folder; one that does not denies. Neither opens more."""
    base, bucket = f"odd/{uuid.uuid4().hex}", seaweedfs.bucket
    url = StorageUrl("s3", bucket, f"{base}/{special}")
    operator = client(seaweedfs)
    others = ("a", "t1", "tests", "alice@x.io", "*x", "tt", "b")
    for other in others:
        operator.put_object(Bucket=bucket, Key=f"{base}/{other}/x", Body=b"another's")
    s3 = client(seaweedfs, issue(url, write=True))
    for other in others:
        denied(lambda other=other: s3.get_object(Bucket=bucket, Key=f"{base}/{other}/x"))
        denied(lambda other=other: s3.put_object(Bucket=bucket, Key=f"{base}/{other}/y", Body=b"mine"))
        denied(lambda other=other: s3.list_objects_v2(Bucket=bucket, Prefix=f"{base}/{other}/"))
    denied(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=base))
    if not set(special) & set("*?$"):
        s3.put_object(Bucket=bucket, Key=f"{base}/{special}/x", Body=b"mine")


def test_a_role_that_nobody_may_assume_is_named_with_where_it_was_configured(
    seaweedfs: "Seaweed", monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in seaweedfs.env().items():
        monkeypatch.setenv(variable, value)
    url = parse_storage_url(f"s3://{seaweedfs.bucket}/t")
    for role, endpoint, words in (
        (StorageRole(f"{seaweedfs.role}x", "", "the storage credential"), seaweedfs.endpoint, "storage credential"),
        (StorageRole(seaweedfs.role), "http://127.0.0.1:9", "MODELKEEP_STS_ENDPOINT"),
    ):
        folders = FolderCredentials(StsClient(endpoint=endpoint))
        with pytest.raises(Unavailable, match=words):
            asyncio.run(folders.issue(role, url, "id", "alice", write=False))
