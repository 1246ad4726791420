"""Model files as clients move them: presigned URLs, the Files API through Databricks' own SDK, ranges, multipart."""

import hashlib
import io
import os
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from api.filing import FS, LARGE, MLMODEL, Shelf, named, send
from api.serving import DATABRICKS_UC, refused, wait_until
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.errors import AlreadyExists, NotFound
from databricks.sdk.mixins.files import FilesExt

from modelkeep.api.files.content import disposition

pytest_plugins = ("backends", "api.filing")

MIB = 1024 * 1024
NAMES = (
    "data/model.pkl",
    "sub dir é/bin file.bin",
    "a#b?c=d.txt",
    "100% of+it;x.txt",
    "日本/モデル.bin",
    ".hidden/..twodots",
)


def sdk(shelf: Shelf, **settings: Any) -> FilesExt:
    """The Files API client of databricks-sdk, with small sizes so that little data takes every way."""
    config = Config(host=shelf.host, token=shelf.admin, auth_type="pat", **settings)
    return WorkspaceClient(config=config).files


def small_parts(shelf: Shelf) -> FilesExt:
    return sdk(
        shelf, files_ext_multipart_upload_min_stream_size=1, files_ext_multipart_upload_default_part_size=5 * MIB
    )


# --- presigned URLs --------------------------------------------------------------------------------------------------


def test_files_go_up_and_come_down_by_urls(shelf: Shelf) -> None:
    files = {name: name.encode() * 1000 for name in NAMES} | {"empty": b"", "big": os.urandom(3 * MIB + 7)}
    root = shelf.ready(files)
    for path, data in files.items():
        assert shelf.get(f"{root}/{path}") == data, path
    assert shelf.names(root) == sorted({f"{root}/{p.split('/')[0]}" + "/" * ("/" in p) for p in {*files, "MLmodel"}})
    assert shelf.names(f"{root}/日本/") == [f"{root}/日本/モデル.bin"]


def test_listing_says_what_clients_read_and_echoes_their_spelling(shelf: Shelf) -> None:
    root = shelf.ready({"data/a": b"abc"})
    shouted = root.replace("/Models/c_", "/Models/C_").upper().replace("/MODELS/", "/Models/")
    answer = shelf.fs("GET", "directories", f"{shouted}/").json()
    assert [entry["path"] for entry in answer["contents"]] == [f"{shouted}/MLmodel", f"{shouted}/data"]
    assert answer["next_page_token"] == ""
    mlmodel, data = answer["contents"]
    assert data == {"path": f"{shouted}/data", "name": "data", "is_directory": True}
    assert (mlmodel["name"], mlmodel["is_directory"], mlmodel["file_size"]) == ("MLmodel", False, len(MLMODEL))
    assert abs(mlmodel["last_modified"] / 1000 - time.time()) < 120


def test_listing_goes_on_page_by_page(folder_shelf: Shelf) -> None:
    shelf = folder_shelf
    files = (
        {f"d{i}/x": b"1" for i in range(3)}
        | {f"d{i}-/{j}": b"2" for i in range(2) for j in range(3)}
        | {"d1.txt": b"3"}
    )
    root = shelf.ready(files)
    result, token, pages = list[str](), "", 0
    while pages == 0 or token:
        query = {"page_size": "2", **({"page_token": token} if token else {})}
        page = shelf.fs("GET", "directories", root, params=query).json()
        assert len(page["contents"]) <= 2
        result += [entry["name"] for entry in page["contents"]]
        token, pages = page["next_page_token"], pages + 1
    assert sorted(result) == sorted({"MLmodel", "d0", "d1", "d2", "d0-", "d1-", "d1.txt"})
    refused(shelf.fs("GET", "directories", f"{root}/d0", params={"page_token": "x"}), 400, "INVALID_PARAMETER_VALUE")


def test_a_file_or_nothing_is_no_directory(shelf: Shelf) -> None:
    root = shelf.ready({"data/a": b"abc"})
    for path in (
        f"{root}/MLmodel",
        f"{root}/absent",
        f"{root}/data/a",
        f"{root}/dat",
        f"{root}9",
        "/Models/no/such/model/1",
    ):
        for method in ("GET", "HEAD"):
            answer = shelf.fs(method, "directories", path)
            assert answer.status_code == 404, path
            if method == "GET":
                refused(answer, 404, "NOT_FOUND")
    assert shelf.fs("HEAD", "directories", f"{root}/data").status_code == 200
    refused(shelf.fs("GET", "files", f"{root}/data"), 404, "NOT_FOUND")
    refused(shelf.call("POST", f"{FS}/create-download-url", {"path": f"{root}/data"}), 404, "NOT_FOUND")


def test_other_roots_do_not_exist(folder_shelf: Shelf) -> None:
    for path in (
        "/Volumes/a/b/c/x",
        "/Workspace/x",
        "/models/a/b/c/1/x",
        "/Models",
        "/Models/a/b/c",
        "/WorkspaceInternal/x",
        "/x",
    ):
        refused(folder_shelf.fs("GET", "files", path), 404, "NOT_FOUND")
        refused(folder_shelf.call("POST", f"{FS}/create-upload-url", {"path": path}), 404, "NOT_FOUND")


def test_both_dialects_ask_for_a_download_url(shelf: Shelf) -> None:
    root = shelf.ready({"a b": b"abc"})
    expire = {"expire_time": "2099-01-01T00:00:00Z"}
    answer = shelf.call("POST", f"{FS}/create-download-url", params={"path": f"{root}/a b", **expire})
    assert send(answer.json(), "GET").content == b"abc"
    assert shelf.get(f"{root}/a b") == b"abc"
    different = shelf.call(
        "POST", f"{FS}/create-download-url", {"path": f"{root}/a b"}, params={"path": f"{root}/MLmodel"}
    )
    refused(different, 400, "INVALID_PARAMETER_VALUE", "two values")


def test_a_credential_beside_a_signed_url_is_ignored(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"a": b"abc"})
    url = folder_shelf.download_url(f"{root}/a")
    for header in ("Bearer nonsense", "Basic bmV0cmM6eA==", "x"):
        assert send(url, "GET", authorization=header).content == b"abc"


def test_bytes_are_never_served_as_something_to_run(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"é/page.html": b"<script>alert(1)</script>"})
    url = folder_shelf.download_url(f"{root}/é/page.html")
    for answer in (send(url, "GET"), send(url, "HEAD"), folder_shelf.fs("GET", "files", f"{root}/é/page.html")):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == "attachment; filename=\"page.html\"; filename*=UTF-8''page.html"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-length"] == "25"
        assert answer.headers["last-modified"].endswith("GMT")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a b.txt", "a b.txt"),
        ('say "hi".txt', "say _hi_.txt"),
        ("模型.bin", "__.bin"),
        ("back\\slash", "back_slash"),
        ("two\r\nlines", "two__lines"),
        ("50%.txt", "50_.txt"),
        ("\u202etxt.exe", "_txt.exe"),
    ],
)
def test_a_download_is_named_for_old_readers_and_new_ones(name: str, plain: str) -> None:
    assert disposition(name).decode() == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


@pytest.mark.parametrize(
    ("byte_range", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-", 5, 299_999),
        ("bytes=-7", 299_993, 299_999),
        ("bytes=100-199999", 100, 199_999),
        ("bytes=250000-999999999", 250_000, 299_999),
        ("bytes=-999999999", 0, 299_999),
    ],
)
def test_ranges(shelf: Shelf, byte_range: str, first: int, last: int) -> None:
    data = bytes(i * 7 % 251 for i in range(300_000))
    root = shelf.ready({"data": data})
    for answer in (
        send(shelf.download_url(f"{root}/data"), "GET", range=byte_range),
        shelf.fs("GET", "files", f"{root}/data", headers={"range": byte_range}),
    ):
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {first}-{last}/300000"
        assert answer.headers["content-length"] == str(last - first + 1)
        assert answer.content == data[first : last + 1]


def test_ranges_that_are_none_give_the_whole_file(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"data": b"0123456789"})
    for text in ("bytes=5-2", "items=0-1", "bytes=", "bytes=-", "bytes=0-1,3-4", "bytes=a-b", "bytes=0x1-2"):
        answer = folder_shelf.fs("GET", "files", f"{root}/data", headers={"range": text})
        assert (answer.status_code, answer.content) == (200, b"0123456789"), text
    etag = folder_shelf.fs("HEAD", "files", f"{root}/data").headers["etag"]
    ranges = {"range": "bytes=1-2", "if-range": etag}
    assert folder_shelf.fs("GET", "files", f"{root}/data", headers=ranges).content == b"12"
    ranges["if-range"] = '"other"'
    assert folder_shelf.fs("GET", "files", f"{root}/data", headers=ranges).status_code == 200


@pytest.mark.parametrize(
    ("path", "byte_range"),
    [("data", "bytes=10-"), ("data", "bytes=99-100"), ("data", "bytes=-0"), ("empty", "bytes=0-")],
)
def test_a_range_past_the_end_is_told_the_size(shelf: Shelf, path: str, byte_range: str) -> None:
    """Of files in a row, in an object of their own, and in the store that clients read themselves."""
    root = shelf.ready({"data": b"0123456789", "empty": b"", "large": LARGE})
    size = 10 if path == "data" else 0
    for answer in (
        shelf.fs("GET", "files", f"{root}/{path}", headers={"range": byte_range}),
        send(shelf.download_url(f"{root}/{path}"), "GET", range=byte_range),
    ):
        if shelf.host in str(answer.url):
            refused(answer, 416, "INVALID_PARAMETER_VALUE", f"{size} bytes")
            assert answer.headers["content-range"] == f"bytes */{size}"
    large = shelf.fs("GET", "files", f"{root}/large", headers={"range": f"bytes={len(LARGE)}-"})
    assert (large.status_code, large.headers["content-range"]) == (416, f"bytes */{len(LARGE)}")


def test_a_replaced_file_frees_the_old_object(folder_shelf: Shelf) -> None:
    root = folder_shelf.pending()
    for data in (LARGE, b"one" + LARGE, b"two" + LARGE):
        assert folder_shelf.put(f"{root}/data", data).status_code == 200
    folder_shelf.put(f"{root}/MLmodel", MLMODEL)
    folder_shelf.work()
    assert len(folder_shelf.objects(root)) == 1
    folder_shelf.finalize(root)
    assert folder_shelf.get(f"{root}/data") == b"two" + LARGE


@pytest.mark.parametrize("name", ["", "none", "one", "most"])
def test_a_small_file_needs_no_object(folder_shelf: Shelf, name: str) -> None:
    """It is in the database, from where it is read as any other: whole, in part, by a download, and after a restart."""
    data = {"": b"0123456789", "none": b"", "one": b"x", "most": LARGE[1:]}[name]
    root = folder_shelf.pending()
    assert folder_shelf.put(f"{root}/data", data).headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert folder_shelf.objects(root) == []
    folder_shelf.put(f"{root}/MLmodel", MLMODEL)
    folder_shelf.finalize(root)
    folder_shelf.work()
    assert folder_shelf.get(f"{root}/data") == data
    answer = folder_shelf.fs("HEAD", "files", f"{root}/data")
    assert (answer.headers["content-length"], answer.content) == (str(len(data)), b"")
    if len(data) > 1:
        part = folder_shelf.fs("GET", "files", f"{root}/data", headers={"range": "bytes=2-4"})
        assert (part.status_code, part.content, part.headers["content-length"]) == (206, data[2:5], "3")
    assert sdk(folder_shelf).download(f"{root}/data").contents.read() == data  # pyright: ignore[reportOptionalMemberAccess]
    assert folder_shelf.objects(root) == []


def test_a_file_that_grows_and_shrinks_leaves_nothing_behind(folder_shelf: Shelf) -> None:
    root = folder_shelf.pending()
    folder_shelf.put(f"{root}/MLmodel", MLMODEL)
    for data, objects in ((b"small", 0), (LARGE, 1), (b"again", 0), (b"x" + LARGE, 1)):
        assert folder_shelf.put(f"{root}/data", data).status_code == 200
        folder_shelf.work()
        assert len(folder_shelf.objects(root)) == objects
    folder_shelf.finalize(root)
    assert folder_shelf.get(f"{root}/data") == b"x" + LARGE


def test_a_small_file_sent_in_chunks_is_a_file_too(folder_shelf: Shelf) -> None:
    """Without Content-Length nobody knows beforehand that it is small."""
    root = folder_shelf.pending()
    folder_shelf.put(f"{root}/MLmodel", MLMODEL)
    assert send(folder_shelf.upload_url(f"{root}/data"), "PUT", iter([b"in ", b"pieces"])).status_code == 200
    assert len(folder_shelf.objects(root)) == 1
    folder_shelf.finalize(root)
    assert folder_shelf.get(f"{root}/data") == b"in pieces"


def test_a_file_is_deleted_while_pending(shelf: Shelf) -> None:
    root = shelf.pending()
    for path in ("data", "more"):
        shelf.put(f"{root}/{path}", LARGE if path == "more" else b"x")
        assert shelf.fs("DELETE", "files", f"{root}/{path}").status_code == 204
        refused(shelf.fs("DELETE", "files", f"{root}/{path}"), 404, "NOT_FOUND")
    shelf.put(f"{root}/MLmodel", MLMODEL)
    shelf.work()
    assert len(shelf.objects(root)) == (1 if shelf.settings.storage_url else 0)
    shelf.finalize(root)
    assert shelf.names(root) == [f"{root}/MLmodel"]


def test_a_broken_upload_leaves_nothing(folder_shelf: Shelf) -> None:
    root = folder_shelf.pending()
    url = httpx.URL(folder_shelf.upload_url(f"{root}/data")["url"])
    with socket.create_connection((url.host, url.port)) as connection:
        head = f"PUT {url.raw_path.decode()} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 6_000_000)
        wait_until(lambda: list(Path(folder_shelf.settings.data_dir).rglob("*.part")))
    wait_until(lambda: not list(Path(folder_shelf.settings.data_dir).rglob("*.part")))
    assert folder_shelf.objects(root) == []
    answer = folder_shelf.call(
        "POST", f"{DATABRICKS_UC}/model-versions/finalize", dict(zip(("name", "version"), named(root), strict=True))
    )
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "MLmodel")


def test_a_reader_that_leaves_disturbs_nobody(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"big": os.urandom(20 * MIB)})
    url = httpx.URL(folder_shelf.download_url(f"{root}/big")["url"])
    for _ in range(3):
        with socket.create_connection((url.host, url.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(f"GET {url.raw_path.decode()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    with httpx.Client() as client:  # one connection, several answers: nothing of one runs into the next
        for text in ("bytes=0-99999", "bytes=1048576-3145727", "bytes=7-8"):
            first, last = (int(n) for n in text[6:].split("-"))
            assert len(client.get(url, headers={"range": text}).content) == last - first + 1


# --- the Files API, by Databricks' SDK -------------------------------------------------------------------------------


def test_the_sdk_uploads_lists_and_downloads(shelf: Shelf, tmp_path: Path) -> None:
    api, root = sdk(shelf), shelf.pending()
    files = {"MLmodel": MLMODEL, "data/a b é.bin": os.urandom(100_000), "empty": b""}
    for path, data in files.items():
        api.upload(f"{root}/{path}", io.BytesIO(data), overwrite=True)
    api.create_directory(f"{root}/data")
    shelf.finalize(root)
    listed = {entry.path: entry.file_size for entry in api.list_directory_contents(root)}
    assert listed == {f"{root}/MLmodel": len(MLMODEL), f"{root}/data": None, f"{root}/empty": 0}
    api.get_directory_metadata(f"{root}/data")
    with pytest.raises(NotFound):
        api.get_directory_metadata(f"{root}/MLmodel")
    for path, data in files.items():
        assert api.get_metadata(f"{root}/{path}").content_length == len(data)
        contents = api.download(f"{root}/{path}").contents
        assert contents is not None and contents.read() == data
        api.download_to(f"{root}/{path}", str(tmp_path / "x"), overwrite=True)
        assert (tmp_path / "x").read_bytes() == data


def test_the_sdk_uploads_in_parts(shelf: Shelf, tmp_path: Path) -> None:
    api, root = small_parts(shelf), shelf.pending()
    data = os.urandom(17 * MIB + 3)
    source = tmp_path / "source"
    source.write_bytes(data)
    api.upload(f"{root}/MLmodel", io.BytesIO(MLMODEL), overwrite=True)
    api.upload(f"{root}/streamed", io.BytesIO(data), overwrite=True, part_size=5 * MIB, use_parallel=False)
    api.upload_from(f"{root}/parallel", str(source), overwrite=True, part_size=5 * MIB, use_parallel=True)
    shelf.finalize(root)
    for name in ("streamed", "parallel"):
        assert hashlib.sha256(shelf.get(f"{root}/{name}")).digest() == hashlib.sha256(data).digest()
        # a range across the border of two parts
        border = send(
            shelf.download_url(f"{root}/{name}"), "GET", range=f"bytes={5 * MIB - 70_000}-{10 * MIB + 70_000}"
        )
        assert border.content == data[5 * MIB - 70_000 : 10 * MIB + 70_001]
    api.download_to(f"{root}/parallel", str(tmp_path / "x"), use_parallel=True)
    assert (tmp_path / "x").read_bytes() == data


def test_a_large_body_through_this_server(shelf: Shelf) -> None:
    root, data = shelf.pending(), os.urandom(35 * MIB)
    assert shelf.fs("PUT", "files", f"{root}/MLmodel", content=MLMODEL).status_code == 204
    assert shelf.fs("PUT", "files", f"{root}/big", content=iter([data[:MIB], data[MIB:]])).status_code == 204  # chunked
    shelf.finalize(root)
    assert shelf.fs("GET", "files", f"{root}/big").content == data


def test_a_file_is_replaced_unless_the_caller_refuses(shelf: Shelf) -> None:
    """As databricks-sdk documents `overwrite`: true where nothing is said."""
    root, api = shelf.pending(), sdk(shelf)
    api.upload(f"{root}/a/b", io.BytesIO(b"1"))
    api.upload(f"{root}/a/b", io.BytesIO(b"2"))
    refused(
        shelf.fs("PUT", "files", f"{root}/a/b", content=b"3", params={"overwrite": "false"}),
        409,
        "ALREADY_EXISTS",
        "overwrite=true",
    )
    with pytest.raises(AlreadyExists):
        api.upload(f"{root}/a/b", io.BytesIO(b"4"), overwrite=False)
    for overwrite in (None, True):
        data = os.urandom(5 * MIB + 1)
        small_parts(shelf).upload(f"{root}/big", io.BytesIO(data), overwrite=overwrite)
    query = {"action": "initiate-upload", "overwrite": "false"}
    if not shelf.settings.storage_url:
        refused(shelf.fs("POST", "files", f"{root}/big", params=query), 409, "ALREADY_EXISTS")
    shelf.put(f"{root}/MLmodel", MLMODEL)
    shelf.finalize(root)
    assert shelf.get(f"{root}/a/b") == b"2" and shelf.get(f"{root}/big") == data


def test_a_path_is_a_file_or_a_directory(folder_shelf: Shelf) -> None:
    root = folder_shelf.pending()
    assert folder_shelf.put(f"{root}/a/b", LARGE).status_code == 200
    for path in ("a", "a/b/c", "a/b/c/d"):
        for data in (b"1", LARGE):
            refused(folder_shelf.put(f"{root}/{path}", data), 409, "RESOURCE_ALREADY_EXISTS", "a file or a directory")
    assert len(folder_shelf.objects(root)) == 1
    refused(folder_shelf.fs("DELETE", "directories", f"{root}/a"), 409, "RESOURCE_CONFLICT")
    assert folder_shelf.fs("DELETE", "directories", f"{root}/absent").status_code == 204


def test_a_part_of_a_file_cannot_be_put(folder_shelf: Shelf) -> None:
    root = folder_shelf.pending()
    answer = send(folder_shelf.upload_url(f"{root}/a"), "PUT", b"x", **{"content-range": "bytes 0-0/5"})
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "sent whole")


# --- multipart -------------------------------------------------------------------------------------------------------


class Upload:
    """A multipart upload, by hand."""

    def __init__(self, shelf: Shelf, path: str, token: str | None = None) -> None:
        self.shelf, self.path, self.token = shelf, path, token
        answer = shelf.fs("POST", "files", path, token, params={"action": "initiate-upload", "overwrite": "true"})
        assert answer.status_code == 200, answer.text
        self.id = answer.json()["multipart_upload"]["session_token"]

    def ask(self, number: int, **extra: Any) -> httpx.Response:
        fields = {"path": self.path, "session_token": self.id, "start_part_number": number, "count": 1, **extra}
        return self.shelf.call("POST", f"{FS}/create-upload-part-urls", fields, token=self.token)

    def url(self, number: int) -> dict[str, Any]:
        answer = self.ask(number)
        assert answer.status_code == 200, answer.text
        (url,) = answer.json()["upload_part_urls"]
        assert url["part_number"] == number
        return url

    def part(self, number: int, data: bytes) -> str:
        answer = send(self.url(number), "PUT", data)
        assert answer.status_code == 200, answer.text
        return answer.headers["etag"]

    def complete(self, *parts: tuple[int, str], token: str | None = None, path: str = "") -> httpx.Response:
        query = {"action": "complete-upload", "upload_type": "multipart", "session_token": self.id}
        body = {"parts": [{"part_number": number, "etag": etag} for number, etag in parts]}
        return self.shelf.fs("POST", "files", path or self.path, token or self.token, params=query, json=body)

    def abort(self) -> httpx.Response:
        fields = {"path": self.path, "session_token": self.id, "expire_time": "2099-01-01T00:00:00Z"}
        answer = self.shelf.call("POST", f"{FS}/create-abort-upload-url", fields, token=self.token)
        assert answer.status_code == 200, answer.text
        return send(answer.json()["abort_upload_url"], "DELETE")


def test_parts_out_of_order_and_replaced(shelf: Shelf) -> None:
    root = shelf.pending()
    shelf.put(f"{root}/MLmodel", MLMODEL)
    upload = Upload(shelf, f"{root}/big")
    first, two, three = (bytes([n]) * (5 * MIB + n) for n in (1, 2, 3))
    tags = {3: upload.part(3, three), 1: upload.part(1, two), 2: upload.part(2, two)}
    tags[1] = upload.part(1, first)
    assert upload.complete(*sorted(tags.items())).status_code == 200
    shelf.work()
    assert len(shelf.objects(root)) == (3 if not shelf.settings.storage_url else 2)
    shelf.finalize(root)
    assert shelf.get(f"{root}/big") == first + two + three


def test_completing_twice_is_harmless_in_a_folder(folder_shelf: Shelf) -> None:
    root = folder_shelf.pending()
    upload = Upload(folder_shelf, f"{root}/big")
    parts = [(1, upload.part(1, b"a" * 100)), (2, upload.part(2, b"b"))]
    assert upload.complete(*parts).status_code == 200
    assert upload.complete(*parts).status_code == 200
    refused(upload.complete(parts[0]), 404, "NOT_FOUND", "upload")


def test_what_was_not_sent_cannot_be_completed(shelf: Shelf) -> None:
    root = shelf.pending()
    upload = Upload(shelf, f"{root}/big")
    tag = upload.part(1, b"a" * 5 * MIB)
    for parts in ([], [(1, '"' + "0" * 64 + '"')], [(1, tag), (2, tag)], [(1, tag), (1, tag)], [(0, tag)], [(1, "")]):
        refused(upload.complete(*parts), 400, "INVALID_PARAMETER_VALUE")
    assert upload.complete((1, tag)).status_code == 200


def test_an_aborted_upload_leaves_nothing(shelf: Shelf) -> None:
    root = shelf.pending()
    upload = Upload(shelf, f"{root}/big")
    tag = upload.part(1, b"a" * 5 * MIB)
    result = upload.url(2)
    assert upload.abort().status_code == 200
    assert upload.abort().status_code == 200
    shelf.work()
    assert shelf.objects(root) == []
    assert send(result, "PUT", b"b").status_code == 404
    refused(upload.ask(2), 404, "NOT_FOUND")
    refused(upload.complete((1, tag)), 404, "NOT_FOUND")
    assert shelf.objects(root) == []


def test_an_upload_belongs_to_one_caller_one_file_and_one_version(shelf: Shelf) -> None:
    schema = shelf.schema()
    name = shelf.model(schema)
    root, sibling = shelf.pending(name), shelf.pending(name)
    upload = Upload(shelf, f"{root}/big")
    tag = upload.part(1, b"a")
    who, token = shelf.user()
    catalog = schema.split(".")[0]
    shelf.allow(who, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL_VERSION")
    refused(upload.complete((1, tag), token=token), 404, "NOT_FOUND")
    refused(upload.complete((1, tag), path=f"{root}/other"), 404, "NOT_FOUND")
    refused(upload.complete((1, tag), path=f"{sibling}/big"), 404, "NOT_FOUND")
    for thief, path in ((token, upload.path), (None, f"{root}/other"), (None, f"{sibling}/big")):
        fields = {"path": path, "session_token": upload.id, "start_part_number": 2, "count": 1}
        refused(shelf.call("POST", f"{FS}/create-upload-part-urls", fields, token=thief), 404, "NOT_FOUND")
        aborting = shelf.call("POST", f"{FS}/create-abort-upload-url", fields, token=thief).json()["abort_upload_url"]
        assert send(aborting, "DELETE").status_code == 200  # of nothing that is theirs
    assert upload.complete((1, tag)).status_code == 200


def test_part_numbers_and_counts_have_limits(folder_shelf: Shelf) -> None:
    upload = Upload(folder_shelf, f"{folder_shelf.pending()}/big")
    for number, count in ((0, 1), (-1, 1), (10_001, 1), (9_999, 3), (1, 0), (1, 101), (1, -1)):
        refused(upload.ask(number, count=count), 400, "INVALID_PARAMETER_VALUE")
    refused(send(upload.url(1), "PUT", b""), 400, "INVALID_PARAMETER_VALUE", "empty")
    for action in ("", "resume", "complete-upload&upload_type=resumable"):
        query = dict(pair.split("=") for pair in f"action={action}".split("&"))
        refused(folder_shelf.fs("POST", "files", upload.path, params=query), 400, "INVALID_PARAMETER_VALUE")


def test_hashes_of_multipart_files_come_with_the_job(folder_shelf: Shelf) -> None:
    root = folder_shelf.pending()
    folder_shelf.put(f"{root}/MLmodel", MLMODEL)
    upload = Upload(folder_shelf, f"{root}/big")
    upload.complete((1, upload.part(1, b"a" * 70_000)), (2, upload.part(2, b"b")))
    folder_shelf.finalize(root)
    whole = hashlib.sha256(b"a" * 70_000 + b"b").hexdigest()
    assert whole not in folder_shelf.fs("HEAD", "files", f"{root}/big").headers["etag"]
    folder_shelf.work()
    assert folder_shelf.fs("HEAD", "files", f"{root}/big").headers["etag"] == f'"{whole}"'


def test_a_copy_sent_in_parts_shares_the_files_of_its_source(folder_shelf: Shelf) -> None:
    shelf, name = folder_shelf, folder_shelf.model()
    root, parts = shelf.pending(name), [(1, b"a" * 70_000), (2, b"b" * 7)]

    def send_all(root: str) -> None:
        shelf.put(f"{root}/MLmodel", MLMODEL)
        upload = Upload(shelf, f"{root}/big")
        assert upload.complete(*[(number, upload.part(number, data)) for number, data in parts]).status_code == 200
        shelf.finalize(root)

    send_all(root)
    shelf.work()  # the source's hashes are known by now, the copy's are not
    body = {"name": name, "source": f"models:/{name}/1"}
    copy = shelf.ok("POST", f"{DATABRICKS_UC}/model-versions/create", body)["model_version"]["version"]
    send_all(f"{root[:-1]}{copy}")
    assert shelf.objects(f"{root[:-1]}{copy}") == shelf.objects(root)
    shelf.work()
    assert shelf.get(f"{root[:-1]}{copy}/big") == b"a" * 70_000 + b"b" * 7
