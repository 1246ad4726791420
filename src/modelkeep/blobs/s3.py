"""Artifact sets in an S3-compatible store: one object a file, `<root>/<set>/<path as s3_keys spells it>`, which clients reach by URLs."""

import asyncio
import hashlib
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

from modelkeep import limits
from modelkeep.blobs import s3_keys, s3_objects
from modelkeep.blobs.port import ListedObject, Segment, SignedUrl
from modelkeep.blobs.storage_threads import Circuit, StorageLane
from modelkeep.blobs.streams import Part, cut, draw, pour
from modelkeep.domain.errors import (
    AlreadyExists,
    Conflict,
    FileNotFound,
    InvalidArgument,
    LimitExceeded,
    RegistryError,
    Unavailable,
)

_PIECE = 1024 * 1024  # bytes of one read
_PART = 16 * 1024 * 1024  # bytes of one uploaded part; also the largest object that is stored by one PUT
_PARTS = 10_000  # S3's own limit
_DELETE_BATCH = 1000  # S3's own limit
_T = TypeVar("_T")


class S3Blobs:
    """Storage in `bucket`, under the key prefix `root`. Credentials are found as AWS tools find them."""

    direct = True
    single_put_limit = 5 * 1024**3
    copy_limit = 256 * 1024**2
    """bytes that one request copies inside the store: what it does in a few seconds, well before we stop waiting"""

    def __init__(
        self, bucket: str, root: str = "", *, endpoint: str = "", region: str = "", threads: int = limits.STORE_THREADS
    ) -> None:
        """`endpoint`: URL of the store as clients reach it, '' for AWS; `region`: '' leaves it to the environment.

        Raises Unavailable where the extra `modelkeep[s3]` is not installed.
        """
        self._bucket = bucket
        self._root = f"{root.strip('/')}/" if root.strip("/") else ""
        # Bytes may take their time. What moves none gives its thread back soon, for a call that nobody waits for any more.
        self._client = _client(endpoint, region, threads, limits.STORE_STALL_S, attempts=3)
        self._quick = _client(endpoint, region, threads, limits.STORE_SOCKET_S, attempts=2)
        self.circuit = Circuit("The store")
        self._bytes = StorageLane("s3-bytes", threads, self.circuit)
        self._calls = StorageLane("s3", threads, self.circuit)

    async def write(self, set_id: str, path: str, chunks: AsyncIterator[bytes]) -> Segment:
        sink = _Object(self._client, self._at(set_id, path), path)
        return await pour(self._bytes, chunks, sink, _PART)

    def read(self, set_id: str, segments: Sequence[Segment], start: int, end: int) -> AsyncIterator[bytes]:
        parts = cut(segments, start, end)
        return draw(self._bytes, self._pieces(set_id, parts), end - start)

    async def list_set(self, set_id: str) -> Sequence[ListedObject]:
        return await self._run(limits.STORE_FINALIZE_S, self._list, set_id)

    async def delete(self, set_id: str, objects: Sequence[str]) -> None:
        await self._delete_keys(set_id, [s3_keys.spell(name) for name in objects])

    async def _delete_keys(self, set_id: str, keys: Sequence[str]) -> None:
        for first in range(0, len(keys), _DELETE_BATCH):
            await self._run(limits.STORE_METADATA_S, self._delete, set_id, keys[first : first + _DELETE_BATCH])

    async def delete_set(self, set_id: str) -> None:
        """See the port. Unfinished uploads go first: one that completes in between leaves an object to delete."""
        await self._run(limits.STORE_JOB_S, self._abort_all, set_id)
        await self._delete_keys(set_id, [entry.key for entry in await self.list_set(set_id)])

    async def sets(self) -> AsyncIterator[str]:
        # Without a delimiter: some stores go on listing a "folder" whose objects are gone.
        pages = iter(self._quick.get_paginator("list_objects_v2").paginate(**self._under("")))
        last = ""
        while page := await self._run(limits.STORE_FINALIZE_S, lambda: next(pages, None)):
            for entry in page.get("Contents", ()):
                set_id, inside, _ = entry["Key"][len(self._root) :].partition("/")
                if inside and set_id != last:
                    yield (last := set_id)

    async def ready(self) -> None:
        await self._run(limits.STORE_METADATA_S, self._probe)

    def uri(self, set_id: str) -> str:
        return f"s3://{self._bucket}/{self._root}{set_id}"

    async def copy(self, set_id: str, objects: Sequence[ListedObject], target: str) -> None:
        """See the port. The ETag pins each object: what is copied is what was listed."""
        await _all(self._copy(set_id, entry, target) for entry in objects)

    def presign_put(self, set_id: str, path: str, expires_s: int) -> SignedUrl:
        headers = {"If-None-Match": "*"}
        url = self._presign("put_object", self._at(set_id, path) | {"IfNoneMatch": "*"}, expires_s)
        return SignedUrl(url, headers)

    def presign_get(self, set_id: str, path: str, expires_s: int) -> SignedUrl:
        return SignedUrl(
            self._presign(
                "get_object", {**self._at(set_id, path), "ResponseContentDisposition": "attachment"}, expires_s
            )
        )

    async def exists(self, set_id: str, path: str) -> bool:
        return await self._run(limits.STORE_METADATA_S, _exists, self._quick, self._at(set_id, path))

    async def put(self, set_id: str, path: str, data: bytes, *, overwrite: bool) -> None:
        at = self._at(set_id, path) | _unless_there(overwrite=overwrite)
        await self._run(limits.STORE_STALL_S, lambda: self._client.put_object(**at, Body=data), lane=self._bytes)

    async def start_multipart(self, set_id: str, path: str) -> str:
        at = self._at(set_id, path)
        started = await self._run(limits.STORE_METADATA_S, lambda: self._quick.create_multipart_upload(**at))
        return started["UploadId"]

    def presign_part(self, set_id: str, path: str, upload_id: str, part_number: int, expires_s: int) -> SignedUrl:
        """A URL for one part of a multipart upload. `expires_s`: seconds. Raises InvalidArgument."""
        if not 1 <= part_number <= _PARTS:
            raise InvalidArgument(f"Part numbers go from 1 to {_PARTS}. Upload larger parts.")
        part = self._at(set_id, path) | {"UploadId": upload_id, "PartNumber": part_number}
        return SignedUrl(self._presign("upload_part", part, expires_s))

    async def write_part(self, set_id: str, path: str, upload_id: str, part_number: int, data: bytes) -> str:
        part = self._at(set_id, path) | {"UploadId": upload_id, "PartNumber": part_number}
        sent = await self._run(
            limits.STORE_STALL_S, lambda: self._client.upload_part(**part, Body=data), lane=self._bytes
        )
        return sent["ETag"]

    async def complete_multipart(
        self, set_id: str, path: str, upload_id: str, parts: Sequence[tuple[int, str]], *, overwrite: bool = True
    ) -> None:
        upload = self._at(set_id, path) | {"UploadId": upload_id} | _unless_there(overwrite=overwrite)
        refused = InvalidArgument("The store refuses these parts. Send every part's number and ETag, or upload again.")
        await self._run(limits.STORE_FINALIZE_S, _complete, self._client, upload, parts, refused=refused)

    async def abort_multipart(self, set_id: str, path: str, upload_id: str) -> None:
        upload = self._at(set_id, path) | {"UploadId": upload_id}
        await self._run(limits.STORE_METADATA_S, s3_objects.abort, self._quick, upload)

    def _at(self, set_id: str, path: str) -> dict[str, Any]:
        return self._at_key(set_id, s3_keys.spell(path))

    def _at_key(self, set_id: str, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": f"{self._root}{set_id}/{key}"}

    def _under(self, set_id: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Prefix": f"{self._root}{set_id}/" if set_id else self._root}

    def _presign(self, operation: str, params: dict[str, Any], expires_s: int) -> str:
        with _storage():
            return self._client.generate_presigned_url(operation, Params=params, ExpiresIn=expires_s)

    def _pieces(self, set_id: str, parts: Sequence[Part]) -> Generator[bytes, None, None]:
        for part in parts:
            left = part.end - part.start
            with _storage():
                at = self._at(set_id, part.object)
                body = self._client.get_object(**at, Range=f"bytes={part.start}-{part.end - 1}")["Body"]
                with body:
                    while left:
                        piece = body.read(min(_PIECE, left))
                        if not piece:
                            raise Unavailable(
                                "A stored file is shorter than recorded. Its operator should run `modelkeep check`."
                            )
                        left -= len(piece)
                        yield piece

    def _list(self, set_id: str) -> list[ListedObject]:
        prefix = self._under(set_id)
        listed = [
            ListedObject(
                s3_keys.read(key := entry["Key"][len(prefix["Prefix"]) :]),
                entry["Size"],
                entry["ETag"].strip('"'),
                int(entry["LastModified"].timestamp() * 1000),
                key,
            )
            for page in self._quick.get_paginator("list_objects_v2").paginate(**prefix)
            for entry in page.get("Contents", ())
        ]
        return sorted(listed, key=lambda entry: entry.object)

    async def _copy(self, set_id: str, entry: ListedObject, target: str) -> None:
        source, at = self._at_key(set_id, entry.key), self._at(target, entry.object)
        pinned: dict[str, Any] = {"CopySource": source, "CopySourceIfMatch": f'"{entry.checksum}"'}
        if entry.size <= self.copy_limit:
            await self._run(limits.STORE_STALL_S, lambda: _pinned(self._client.copy_object, **at, **pinned))
            return
        upload = at | {"UploadId": await self.start_multipart(target, entry.object)}
        try:
            parts = await _all(
                self._run(limits.STORE_STALL_S, self._copy_part, upload | pinned, number, start, entry.size)
                for number, start in enumerate(range(0, entry.size, self._part(entry.size)), 1)
            )
            await self._run(limits.STORE_FINALIZE_S, _complete, self._client, upload, parts)
        except BaseException:
            await self._run(limits.STORE_METADATA_S, s3_objects.abort, self._quick, upload)
            raise

    def _part(self, size: int) -> int:
        return max(self.copy_limit, -(-size // _PARTS))

    def _copy_part(self, arguments: dict[str, Any], number: int, start: int, size: int) -> tuple[int, str]:
        span = f"bytes={start}-{min(start + self._part(size), size) - 1}"
        answer = _pinned(self._client.upload_part_copy, **arguments, PartNumber=number, CopySourceRange=span)
        return number, answer["CopyPartResult"]["ETag"]

    def _delete(self, set_id: str, keys: Sequence[str]) -> None:
        s3_objects.delete(self._quick, self._bucket, [self._at_key(set_id, key)["Key"] for key in keys])

    def _abort_all(self, set_id: str) -> None:
        s3_objects.abort_all(self._quick, self._under(set_id))

    def _probe(self) -> None:
        at = {"Bucket": self._bucket, "Key": f"{self._root}.ready"}
        self._quick.head_bucket(Bucket=self._bucket)  # first: some stores make a missing bucket on a write
        self._quick.put_object(**at, Body=b"ready")
        if self._quick.get_object(**at)["Body"].read() != b"ready":
            raise Unavailable("The store does not return what was written to it. Its operator should look there.")

    async def _run(
        self,
        seconds: float,
        call: Callable[..., _T],
        *args: object,
        refused: RegistryError | None = None,
        lane: StorageLane | None = None,
    ) -> _T:
        def guarded() -> _T:
            with _storage(refused):
                return call(*args)

        return await (lane or self._calls).run(seconds, guarded)


class _Object:
    """One object on its way: one PUT where it is small, else parts of one size (some stores insist on that)."""

    def __init__(self, client: Any, at: dict[str, Any], path: str) -> None:
        self._client, self._at, self._path = client, at, path
        self._upload: dict[str, Any] = {}
        self._parts: list[tuple[int, str]] = []
        self._rest = bytearray()
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self._hash.update(chunk)
            self._size += len(chunk)
            self._rest += chunk
        while len(self._rest) > _PART:
            part = bytes(memoryview(self._rest)[:_PART])
            del self._rest[:_PART]
            self._send(part)

    def finish(self, chunks: list[bytes]) -> Segment:
        self.write(chunks)
        if self._upload:
            self._send(bytes(self._rest))
            with _storage():
                _complete(self._client, self._upload, self._parts)
        else:
            with _storage():
                self._client.put_object(**self._at, Body=bytes(self._rest))
        return Segment(self._path, self._size, self._hash.hexdigest())

    def discard(self) -> None:
        if self._upload:
            with suppress(RegistryError), _storage():
                s3_objects.abort(self._client, self._upload)

    def _send(self, part: bytes) -> None:
        number = len(self._parts) + 1
        if number > _PARTS:
            raise LimitExceeded(f"A file sent through this server may have {_PARTS * _PART} bytes. Use upload URLs.")
        with _storage():
            if not self._upload:
                started = self._client.create_multipart_upload(**self._at)
                self._upload = self._at | {"UploadId": started["UploadId"]}
            sent = self._client.upload_part(**self._upload, PartNumber=number, Body=part)
        self._parts.append((number, sent["ETag"]))


def _client(endpoint: str, region: str, connections: int, read_s: float, *, attempts: int) -> Any:
    try:
        session = importlib.import_module("botocore.session").get_session()
        config = importlib.import_module("botocore.config").Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if endpoint else "auto"},
            # The newer default adds checksum headers that several compatible stores refuse.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=connections,
            connect_timeout=5,
            read_timeout=read_s,
            retries={"mode": "standard", "max_attempts": attempts},
        )
    except ModuleNotFoundError as error:
        raise Unavailable("Storage in S3 needs a package that is absent. Install `modelkeep[s3]`.") from error
    with _storage():
        return session.create_client("s3", region_name=region or None, endpoint_url=endpoint or None, config=config)


def _unless_there(*, overwrite: bool) -> dict[str, str]:
    return {} if overwrite else {"IfNoneMatch": "*"}


def _exists(client: Any, at: dict[str, Any]) -> bool:
    errors = importlib.import_module("botocore.exceptions")
    try:
        client.head_object(**at)
    except errors.ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) == 404:
            return False
        raise
    return True


def _complete(client: Any, upload: dict[str, Any], parts: Sequence[tuple[int, str]]) -> None:
    listed = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(parts)]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})


def _pinned(call: Callable[..., Any], **arguments: Any) -> Any:
    """A copy of an object as it was listed. Raises Conflict where it is no more."""
    errors = importlib.import_module("botocore.exceptions")
    try:
        return call(**arguments)
    except errors.ClientError as error:
        if error.response.get("Error", {}).get("Code", "") in ("PreconditionFailed", "NoSuchKey", "412", "404"):
            raise Conflict("The uploaded files changed while they were being copied. Finalize again.") from error
        raise


async def _all(calls: Iterable[Awaitable[_T]]) -> list[_T]:
    """Waits for all of them before it raises the error of one: what is freed then must not grow again."""
    turns = asyncio.Semaphore(limits.STORE_THREADS)  # a deadline is a call's own, not that of those before it

    async def in_turn(call: Awaitable[_T]) -> _T:
        async with turns:
            return await call

    results = await asyncio.gather(*map(in_turn, calls), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast("list[_T]", results)


@contextmanager
def _storage(refused: RegistryError | None = None) -> Generator[None, None, None]:
    """Turn what the store answers, or does not, into the errors that the port promises.

    `refused` is raised where the store calls the request itself wrong.
    """
    errors = importlib.import_module("botocore.exceptions")
    try:
        yield
    except errors.ClientError as error:
        raise _translated(error, refused) from error
    except errors.BotoCoreError as error:
        reason = type(error).__name__
        raise Unavailable(
            f"The store does not answer ({reason}). Its operator should check endpoint and keys."
        ) from error


def _translated(error: Any, refused: RegistryError | None) -> RegistryError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "PreconditionFailed":
        return AlreadyExists("This file exists already. Send overwrite=true to replace it.")
    if refused and 400 <= status < 500 and status not in (401, 403, 429):
        return refused
    if code in ("NoSuchKey", "NoSuchUpload"):
        return FileNotFound("The store does not hold this file. Its operator should run `modelkeep check`.")
    return Unavailable(f"The store refuses: {code or status}. Its operator should check bucket, keys and permissions.")
