"""The storage contract, once, against a folder and a real S3 store; then what only S3 has."""

import asyncio
import hashlib
import os
import resource
import tracemalloc
import urllib.parse
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.port import Blobs, DirectBlobs, Segment, SignedUrl
from modelkeep.blobs.s3 import S3Blobs
from modelkeep.domain.errors import FileNotFound, InvalidArgument, Unavailable, WrongState

if TYPE_CHECKING:
    from backends import Seaweed

pytest_plugins = ("backends",)

T = TypeVar("T")
MIB = 1024 * 1024
ODD_NAMES = (
    "MLmodel",
    "model.pkl",
    "a/b/c/d.txt",
    "with space/and  two.bin",
    "ünïcödé/模型.bin",
    "emoji-🧠.bin",
    "hash#mark",
    "question?x=1&y=2",
    "percent%2e%2e%2fname",
    "plus+and=equals;semicolon,comma",
    "quote'\"double",
    ".hidden",
    "..twodots",
    "brackets[0]{1}(2)<3>",
    "colon:at@dollar$caret^tilde~",
)


def new_set() -> str:
    return str(uuid.uuid4())


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def broken(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise ConnectionError("the client went away")


async def read(blobs: Blobs, set_id: str, segments: Sequence[Segment], start: int = 0, end: int = -1) -> bytes:
    whole = sum(segment.size for segment in segments)
    chunks = [chunk async for chunk in blobs.read(set_id, segments, start, whole if end < 0 else end)]
    assert all(0 < len(chunk) <= MIB for chunk in chunks)
    return b"".join(chunks)


async def names(blobs: Blobs, set_id: str) -> list[str]:
    return [item.object for item in await blobs.list_set(set_id)]


async def all_sets(blobs: Blobs) -> set[str]:
    return {set_id async for set_id in blobs.sets()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> LocalBlobs:
    return LocalBlobs(tmp_path_factory.mktemp("blobs") / "made" / "at first use")


@pytest.fixture(scope="module")
def s3(seaweedfs: "Seaweed") -> Iterator[S3Blobs]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in seaweedfs.env().items():
            patch.setenv(name, value)
        yield S3Blobs(seaweedfs.bucket, "tests/artifacts", endpoint=seaweedfs.endpoint)


@pytest.fixture(scope="module", params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest) -> Blobs:
    return request.getfixturevalue(request.param)


# --- the contract -----------------------------------------------------------------------------------------------------


def test_ready(blobs: Blobs) -> None:
    run(blobs.ready())


def test_what_is_written_is_read_hashed_and_listed(blobs: Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        segment = await blobs.write(set_id, "a/model.pkl", stream(b"hello ", b"", b"world"))
        assert (segment.size, segment.sha256) == (11, hashlib.sha256(b"hello world").hexdigest())
        assert await read(blobs, set_id, [segment]) == b"hello world"
        (listed,) = await blobs.list_set(set_id)
        assert (listed.object, listed.size) == (segment.object, 11)
        assert bool(listed.checksum) == blobs.direct
        assert listed.modified_ms > 1_700_000_000_000

    run(case())


def test_an_empty_file(blobs: Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        segment = await blobs.write(set_id, "empty", stream())
        assert (segment.size, segment.sha256) == (0, hashlib.sha256().hexdigest())
        assert await read(blobs, set_id, [segment]) == b""
        assert await names(blobs, set_id) == [segment.object]

    run(case())


@pytest.mark.parametrize("size", [16 * MIB - 1, 16 * MIB, 16 * MIB + 1, 37 * MIB + 5])
def test_a_large_file_in_network_sized_chunks(blobs: Blobs, size: int) -> None:
    async def case() -> None:
        set_id, data = new_set(), os.urandom(size)
        chunks = (data[at : at + 200_000] for at in range(0, size, 200_000))
        segment = await blobs.write(set_id, "large.bin", stream(*chunks))
        assert (segment.size, segment.sha256) == (size, hashlib.sha256(data).hexdigest())
        assert await read(blobs, set_id, [segment]) == data
        assert await read(blobs, set_id, [segment], size - 3, size) == data[-3:]
        await blobs.delete_set(set_id)

    run(case())


def test_many_tiny_chunks(blobs: Blobs) -> None:
    async def case() -> None:
        set_id, data = new_set(), os.urandom(5000)
        segment = await blobs.write(set_id, "drip", stream(*(data[at : at + 1] for at in range(len(data)))))
        assert await read(blobs, set_id, [segment]) == data

    run(case())


def test_odd_names_are_kept_apart(blobs: Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        segments = {name: await blobs.write(set_id, name, stream(name.encode())) for name in ODD_NAMES}
        for name, segment in segments.items():
            assert await read(blobs, set_id, [segment]) == name.encode()
        assert await names(blobs, set_id) == sorted(segment.object for segment in segments.values())
        odd = segments.pop("percent%2e%2e%2fname")
        await blobs.delete(set_id, [odd.object])
        assert await names(blobs, set_id) == sorted(segment.object for segment in segments.values())

    run(case())


@pytest.mark.parametrize("sent", [0, 5, 6 * MIB, 40 * MIB])
def test_a_failing_stream_leaves_nothing(blobs: Blobs, sent: int) -> None:
    async def case() -> None:
        set_id = new_set()
        with pytest.raises(ConnectionError):
            await blobs.write(set_id, "f", broken(*[bytes(MIB)] * (sent // MIB), bytes(sent % MIB)))
        assert await names(blobs, set_id) == []
        assert set_id not in await all_sets(blobs)
        if isinstance(blobs, LocalBlobs):
            assert not [path for path in blobs.root.rglob("*") if path.is_file() and set_id in path.parts]
        if isinstance(blobs, S3Blobs):
            assert unfinished(blobs, set_id) == []

    run(case())


@pytest.mark.parametrize("batches", [0, 1, 20, 60])
def test_a_cancelled_write_leaves_nothing(blobs: Blobs, batches: int) -> None:
    async def case() -> None:
        set_id, sent = new_set(), asyncio.Event()

        async def stalled() -> AsyncIterator[bytes]:
            for _ in range(batches):
                yield bytes(MIB)
            sent.set()
            await asyncio.sleep(3600)

        writing = asyncio.create_task(blobs.write(set_id, "f", stalled()))
        await sent.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert await names(blobs, set_id) == []

    run(case())


def test_delete_leaves_the_others_and_forgives_the_absent(blobs: Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        result, gone = [await blobs.write(set_id, name, stream(name.encode())) for name in ("kept", "gone")]
        for _ in range(2):
            await blobs.delete(set_id, [gone.object])
            assert await names(blobs, set_id) == [result.object]
        await blobs.delete(new_set(), [gone.object])
        await blobs.delete(set_id, [])
        assert await read(blobs, set_id, [result]) == b"kept"

    run(case())


def test_delete_set_takes_the_whole_set_and_no_other(blobs: Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        longer = set_id + "0"  # its name starts with the other's
        for item in (set_id, longer):
            for path in ("a", "b/c", "b/d/e"):
                await blobs.write(item, path, stream(b"x"))
        assert {set_id, longer} <= await all_sets(blobs)
        for _ in range(2):
            await blobs.delete_set(set_id)
            assert await names(blobs, set_id) == []
        assert len(await names(blobs, longer)) == 3
        result = await all_sets(blobs)
        assert longer in result
        assert set_id not in result

    run(case())


def test_more_objects_than_one_page_of_a_store(blobs: Blobs) -> None:
    async def case() -> None:
        set_id, count = new_set(), 1005
        todo = iter(range(count))

        async def worker() -> None:
            for number in todo:
                await blobs.write(set_id, f"many/{number:04}", stream(b"x"))

        await asyncio.gather(*(worker() for _ in range(8)))
        result = await names(blobs, set_id)
        assert len(set(result)) == count
        assert result == sorted(result)
        await blobs.delete_set(set_id)
        assert await names(blobs, set_id) == []

    run(case())


def test_sizes_and_ranges_that_storage_cannot_serve(blobs: Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        segment = await blobs.write(set_id, "f", stream(b"12345"))
        for start, end in ((-1, 2), (3, 2), (0, 6), (6, 6)):
            with pytest.raises(InvalidArgument):
                blobs.read(set_id, [segment], start, end)
        await blobs.delete(set_id, [segment.object])
        with pytest.raises(FileNotFound):
            await read(blobs, set_id, [segment])

    run(case())


def test_a_file_shorter_than_recorded_is_an_error_not_a_short_answer(blobs: Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        segment = await blobs.write(set_id, "f", stream(b"12345"))
        with pytest.raises(Unavailable):
            await read(blobs, set_id, [Segment(segment.object, 9)])

    run(case())


def test_a_reader_that_leaves_early_leaves_storage_usable(blobs: Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        segment = await blobs.write(set_id, "f", stream(bytes(5 * MIB)))
        for _ in range(20):
            async for _chunk in blobs.read(set_id, [segment], 0, segment.size):
                break
        assert await read(blobs, set_id, [segment]) == bytes(5 * MIB)
        if isinstance(blobs, LocalBlobs):
            assert not [fd for fd in Path("/proc/self/fd").iterdir() if segment.object in os.path.realpath(fd)]

    run(case())


@pytest.fixture(scope="module")
def pieces(blobs: Blobs) -> tuple[str, list[Segment], bytes]:
    """One file in six segments, an empty one among them: set, segments, content."""
    set_id, contents = new_set(), [os.urandom(size) for size in (5, 1, 0, 3 * MIB + 1, 7, MIB)]

    async def write() -> list[Segment]:
        return [await blobs.write(set_id, f"part-{n}", stream(data)) for n, data in enumerate(contents)]

    return set_id, run(write()), b"".join(contents)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_ranges_over_segments(blobs: Blobs, pieces: tuple[str, list[Segment], bytes], data: st.DataObject) -> None:
    set_id, segments, whole = pieces
    edges = [sum(segment.size for segment in segments[:n]) for n in range(len(segments) + 1)]
    near_an_edge = st.builds(
        lambda edge, step: min(max(edge + step, 0), len(whole)), st.sampled_from(edges), st.integers(-2, 2)
    )
    position = near_an_edge | st.integers(0, len(whole))
    start, end = sorted((data.draw(position, "start"), data.draw(position, "end")))
    assert run(read(blobs, set_id, segments, start, end)) == whole[start:end]


def test_memory_of_a_write_and_of_a_read_stays_small(folder: LocalBlobs) -> None:
    async def fresh(count: int) -> AsyncIterator[bytes]:
        for number in range(count):
            yield number.to_bytes(4, "big") * (MIB // 16)

    async def case() -> int:
        set_id = new_set()
        segment = await folder.write(set_id, "f", fresh(400))
        async for _chunk in folder.read(set_id, [segment], 0, segment.size):
            pass
        await folder.delete_set(set_id)
        return segment.size

    tracemalloc.start()
    try:
        size = run(case())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 100 * MIB
    assert peak < 20 * MIB


# --- the folder alone -------------------------------------------------------------------------------------------------


def test_a_folder_never_uses_the_clients_path(folder: LocalBlobs) -> None:
    async def case() -> None:
        set_id = new_set()
        segment = await folder.write(set_id, "../../secret name", stream(b"x"))
        assert (folder.root / set_id[-2:] / set_id / segment.object).read_bytes() == b"x"
        assert folder.local_path(set_id, segment.object).read_bytes() == b"x"
        again = await folder.write(set_id, "../../secret name", stream(b"y"))
        assert again.object > segment.object
        assert await read(folder, set_id, [segment, again]) == b"xy"
        for hostile in ("../x", "a/b", "", ".", "..", "/etc/passwd", "a\n"):
            with pytest.raises(ValueError):
                await folder.delete(set_id, [hostile])
            with pytest.raises(ValueError):
                await folder.delete_set(hostile)
            with pytest.raises(ValueError):
                folder.local_path(set_id, hostile)

    run(case())


def test_a_small_file_is_read_as_one(folder: LocalBlobs) -> None:
    async def case() -> None:
        set_id = new_set()
        first, other = (
            await folder.write(set_id, "a", stream(b"hello")),
            await folder.write(set_id, "b", stream(b"x" * MIB)),
        )
        assert await folder.read_small(set_id, [first], 1, 4) == b"ell"
        assert await folder.read_small(set_id, [first], 5, 5) == b""
        assert await folder.read_small(set_id, [other], 0, MIB) is None
        assert await folder.read_small(set_id, [first, other], 4, 6) == b"ox"
        with pytest.raises(InvalidArgument):
            await folder.read_small(set_id, [first], 0, 6)
        await folder.delete(set_id, [first.object])
        with pytest.raises(FileNotFound):
            await folder.read_small(set_id, [first], 0, 5)
        with pytest.raises(FileNotFound):
            await folder.open_object(set_id, first.object)

    run(case())


def test_what_a_killed_process_left_is_listed_when_it_is_old(folder: LocalBlobs) -> None:
    async def case() -> None:
        set_id = new_set()
        segment = await folder.write(set_id, "f", stream(b"x"))
        left = folder.root / set_id[-2:] / set_id / f"{segment.object}0.part"
        left.write_bytes(b"half")
        assert await names(folder, set_id) == [segment.object]
        os.utime(left, (0, 0))
        assert await names(folder, set_id) == [segment.object, left.name]
        await folder.delete(set_id, [left.name])
        assert not left.exists()

    run(case())


def test_a_set_deleted_while_a_file_arrives(folder: LocalBlobs) -> None:
    async def case() -> None:
        set_id = new_set()

        async def interrupted() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield bytes(MIB)
            await folder.delete_set(set_id)
            yield bytes(MIB)

        with pytest.raises(WrongState):
            await folder.write(set_id, "f", interrupted())
        assert await names(folder, set_id) == []

    run(case())


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    blobs = LocalBlobs(tmp_path / "file")
    with pytest.raises(Unavailable, match="cannot be used"):
        run(blobs.ready())
    with pytest.raises(Unavailable, match="cannot be used"):
        run(blobs.write(new_set(), "f", stream(b"x")))


def test_a_disk_that_takes_no_more(folder: LocalBlobs) -> None:
    set_id = new_set()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (3 * MIB + 17, hard)
    )  # the kernel takes this much of a file, then refuses
    try:
        with pytest.raises(Unavailable, match="File too large"):
            run(folder.write(set_id, "f", stream(*[bytes(200_000)] * 50)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((folder.root / set_id[-2:] / set_id).iterdir()) == []


# --- S3 alone ---------------------------------------------------------------------------------------------------------


def unfinished(s3: S3Blobs, set_id: str) -> list[str]:
    """The keys under the set for which the store still keeps parts."""
    answer = s3._client.list_multipart_uploads(Bucket=s3._bucket, Prefix=f"{s3._root}{set_id}/")
    return [upload["Key"] for upload in answer.get("Uploads", ())]


def send(signed: SignedUrl, method: str = "PUT", content: bytes | None = None, **headers: str) -> httpx.Response:
    return httpx.request(method, signed.url, headers={**signed.headers, **headers}, content=content)


def test_s3_is_direct_storage(s3: S3Blobs) -> None:
    direct: DirectBlobs = s3
    assert direct.direct
    assert direct.single_put_limit == 5 * 1024**3


@pytest.mark.parametrize("path", ODD_NAMES)
def test_presigned_put_and_get(s3: S3Blobs, path: str) -> None:
    set_id = new_set()
    assert send(s3.presign_put(set_id, path, 60), content=b"bytes").status_code == 200
    got = send(s3.presign_get(set_id, path, 60), "GET")
    assert (got.status_code, got.content) == (200, b"bytes")
    (listed,) = run(s3.list_set(set_id))
    assert (listed.object, listed.size, listed.checksum) == (path, 5, hashlib.md5(b"bytes").hexdigest())
    assert run(read(s3, set_id, [Segment(path, 5)])) == b"bytes"


def test_a_presigned_put_does_not_overwrite(s3: S3Blobs) -> None:
    set_id = new_set()
    signed = s3.presign_put(set_id, "f", 60)
    assert dict(signed.headers) == {"If-None-Match": "*"}
    assert send(signed, content=b"first").status_code == 200
    assert send(signed, content=b"second").status_code == 412
    assert send(s3.presign_put(set_id, "f", 60), content=b"third").status_code == 412
    assert send(SignedUrl(signed.url), content=b"without the header").status_code == 403
    assert send(s3.presign_get(set_id, "f", 60), "GET").content == b"first"
    run(s3.delete(set_id, ["f"]))
    assert send(signed, content=b"after removal").status_code == 200


def test_a_changed_url_is_refused(s3: S3Blobs) -> None:
    set_id = new_set()
    put, get = s3.presign_put(set_id, "f", 60), s3.presign_get(set_id, "f", 60)
    assert send(SignedUrl(put.url.replace("/f?", "/g?"), put.headers), content=b"x").status_code == 403
    assert send(SignedUrl(put.url.replace("Expires=60", "Expires=600"), put.headers), content=b"x").status_code == 403
    assert send(get, "PUT", content=b"x").status_code == 403
    assert send(put, "DELETE").status_code == 403
    other = SignedUrl(get.url.replace(set_id, new_set()))
    assert send(other, "GET").status_code == 403
    assert run(names(s3, set_id)) == []


def test_an_expired_url_is_refused(s3: S3Blobs) -> None:
    signed = s3.presign_put(new_set(), "f", 1)
    run(asyncio.sleep(2.1))
    assert send(signed, content=b"late").status_code == 403


def test_multipart_by_presigned_parts(s3: S3Blobs) -> None:
    async def case() -> None:
        set_id, path = new_set(), "deep/ünï code#1.bin"
        upload = await s3.start_multipart(set_id, path)
        contents = {1: os.urandom(5 * MIB), 2: os.urandom(5 * MIB), 3: b"tail"}
        etags: list[tuple[int, str]] = []
        for number in (3, 1, 2):
            signed = s3.presign_part(set_id, path, upload, number, 60)
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(signed.url).query)
            assert (query["uploadId"], query["partNumber"]) == ([upload], [str(number)])
            sent = send(signed, content=contents[number])
            assert sent.status_code == 200
            etags.append((number, sent.headers["etag"]))
        moved = signed.url.replace("partNumber=2", "partNumber=4")
        assert send(SignedUrl(moved), content=b"x").status_code == 403
        assert await names(s3, set_id) == []
        await s3.complete_multipart(set_id, path, upload, etags)
        whole = contents[1] + contents[2] + contents[3]
        assert await names(s3, set_id) == [path]
        assert await read(s3, set_id, [Segment(path, len(whole))]) == whole
        assert unfinished(s3, set_id) == []

    run(case())


def test_multipart_through_this_server(s3: S3Blobs) -> None:
    async def case() -> None:
        set_id, contents = new_set(), [os.urandom(5 * MIB), b"tail"]
        upload = await s3.start_multipart(set_id, "f")
        parts = [(n, await s3.write_part(set_id, "f", upload, n, data)) for n, data in enumerate(contents, 1)]
        await s3.complete_multipart(set_id, "f", upload, parts)
        assert await read(s3, set_id, [Segment("f", 5 * MIB + 4)]) == b"".join(contents)

    run(case())


def test_parts_that_the_store_refuses(s3: S3Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        upload = await s3.start_multipart(set_id, "f")
        assert send(s3.presign_part(set_id, "f", upload, 1, 60), content=b"x").status_code == 200
        with pytest.raises(InvalidArgument, match="part"):
            await s3.complete_multipart(set_id, "f", upload, [(1, '"00000000000000000000000000000000"')])
        with pytest.raises(InvalidArgument, match="part"):
            await s3.complete_multipart(set_id, "f", upload, [])
        with pytest.raises(InvalidArgument, match="part"):
            await s3.complete_multipart(set_id, "f", "no-such-upload", [(1, '"0"')])
        for number in (0, 10_001):
            with pytest.raises(InvalidArgument, match="10000"):
                s3.presign_part(set_id, "f", upload, number, 60)
        assert await names(s3, set_id) == []

    run(case())


def test_an_aborted_multipart_upload_leaves_nothing(s3: S3Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        upload = await s3.start_multipart(set_id, "f")
        part = s3.presign_part(set_id, "f", upload, 1, 60)
        assert send(part, content=b"x").status_code == 200
        assert unfinished(s3, set_id) != []
        for _ in range(2):
            await s3.abort_multipart(set_id, "f", upload)
        assert unfinished(s3, set_id) == []
        assert send(part, content=b"x").status_code == 404
        assert await names(s3, set_id) == []

    run(case())


def test_delete_set_aborts_unfinished_uploads(s3: S3Blobs) -> None:
    async def case() -> None:
        set_id, other = new_set(), new_set()
        for path in ("a", "b/c d", "b/ü"):
            await s3.start_multipart(set_id, path)
        await s3.start_multipart(other, "kept")
        await s3.write(set_id, "whole", stream(b"x"))
        await s3.delete_set(set_id)
        assert unfinished(s3, set_id) == []
        assert await names(s3, set_id) == []
        assert len(unfinished(s3, other)) == 1

    run(case())


def test_writing_again_replaces_the_object(s3: S3Blobs) -> None:
    async def case() -> None:
        set_id = new_set()
        for content in (b"first", b"second"):
            segment = await s3.write(set_id, "f", stream(content))
        assert segment.object == "f"
        assert await read(s3, set_id, [segment]) == b"second"
        assert await names(s3, set_id) == ["f"]

    run(case())


def test_a_store_that_cannot_be_used(seaweedfs: "Seaweed", monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(blobs: S3Blobs, *, write: bool = True) -> None:
        with pytest.raises(Unavailable):
            await blobs.ready()
        with pytest.raises(Unavailable):
            await blobs.list_set(new_set())
        if write:
            with pytest.raises(Unavailable):
                await blobs.write(new_set(), "f", stream(b"x"))

    for name, value in seaweedfs.env().items():
        monkeypatch.setenv(name, value)
    run(refused(S3Blobs(seaweedfs.bucket, endpoint="http://127.0.0.1:9")))
    run(refused(S3Blobs("no-such-bucket", endpoint=seaweedfs.endpoint), write=False))  # SeaweedFS would make the bucket
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    run(refused(S3Blobs(seaweedfs.bucket, endpoint=seaweedfs.endpoint)))
    for name in seaweedfs.env():
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    no_keys = S3Blobs(seaweedfs.bucket, endpoint=seaweedfs.endpoint)
    run(refused(no_keys))
    with pytest.raises(Unavailable):
        no_keys.presign_put(new_set(), "f", 60)
