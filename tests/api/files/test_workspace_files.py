"""Workspace files by databricks-sdk and as the Databricks CLI sends them, over a folder and over S3."""

import base64
import io
import uuid
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from api.filing import Shelf
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.workspace import ImportFormat, ObjectType

from modelkeep.core.operations.files import workspace_files as operations
from modelkeep.limits import WORKSPACE_IMPORT_BYTES

pytest_plugins = ("backends", "api.filing")

API = "/api/2.0/workspace"


class Person:
    """A user with a home folder."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.name, self.token = shelf.user()
        self.home = f"/Workspace/Users/{self.name}"
        client = WorkspaceClient(config=Config(host=shelf.host, token=self.token, auth_type="pat"))
        self.sdk: Any = client.workspace

    def call(self, method: str, path: str, fields: dict[str, Any] | None = None, **extra: Any) -> httpx.Response:
        return self.shelf.call(method, f"{API}/{path}", fields, token=self.token, **extra)

    def write(self, path: str, data: bytes, *, overwrite: bool = False) -> httpx.Response:
        """As the CLI does: the whole path is one escaped part of the address."""
        address = f"/api/2.0/workspace-files/import-file/{quote(path.lstrip('/'), safe='')}?overwrite={str(overwrite).lower()}"
        return self.shelf.call("POST", address, token=self.token, content=data)

    def names(self, path: str) -> list[str]:
        return [(entry.path or "").removeprefix(path).strip("/") for entry in self.sdk.list(path)]


@pytest.fixture
def person(shelf: Shelf) -> Person:
    return Person(shelf)


def refused(answer: httpx.Response, status: int, code: str, words: str = "") -> None:
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
    assert words in answer.json()["message"]


def test_a_bundle_keeps_its_files(person: Person) -> None:
    """The calls of libs/filer: write, make the directory where that is missing, write again, read, list, delete."""
    root = f"{person.home}/.bundle/churn/dev"
    refused(person.write(f"{root}/state/deploy.lock", b"{}"), 404, "RESOURCE_DOES_NOT_EXIST", "doesn't exist")
    assert person.call("POST", "mkdirs", {"path": f"{root}/state"}).json() == {}
    assert person.call("POST", "mkdirs", {"path": f"{root}/state"}).status_code == 200, "and again"
    assert person.write(f"{root}/state/deploy.lock", b"{}").status_code == 200
    refused(person.write(f"{root}/state/deploy.lock", b"{}"), 409, "RESOURCE_ALREADY_EXISTS", "already exists.")
    assert person.write(f"{root}/state/deploy.lock", b"[]", overwrite=True).status_code == 200
    status = person.call(
        "GET", "get-status", {"path": f"{root}/state/deploy.lock", "return_export_info": "true"}
    ).json()
    assert (status["object_type"], status["path"], status["size"]) == ("FILE", f"{root}/state/deploy.lock", 2)
    assert (
        person.call("GET", "export", {"path": f"{root}/state/deploy.lock", "direct_download": "true"}).content == b"[]"
    )
    assert person.names(root) == ["state"]
    refused(person.call("POST", "delete", {"path": root}), 400, "DIRECTORY_NOT_EMPTY")
    assert person.call("POST", "delete", {"path": root, "recursive": True}).json() == {}
    refused(
        person.call("GET", "get-status", {"path": root}),
        404,
        "RESOURCE_DOES_NOT_EXIST",
        f"Path ({root}) doesn't exist.",
    )
    refused(person.call("POST", "delete", {"path": root}), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("size", [0, 1, 70_000, 300_000])
def test_the_sdk_brings_and_takes_files(person: Person, size: int) -> None:
    data, path = bytes(range(256)) * (size // 256 + 1), f"{person.home}/some file {size}.bin"
    data = data[:size]
    person.sdk.upload(path, io.BytesIO(data), format=ImportFormat.AUTO)
    assert person.sdk.download(path).read() == data
    exported = person.sdk.export(path)
    assert base64.b64decode(exported.content or "") == data
    assert exported.file_type == "bin"
    with pytest.raises(DatabricksError, match="already exists"):
        person.sdk.upload(path, io.BytesIO(b"other"), format=ImportFormat.AUTO)
    encoded = base64.b64encode(b"other").decode()
    person.sdk.import_(path, content=encoded, format=ImportFormat.AUTO, overwrite=True)
    assert person.sdk.download(path).read() == b"other"
    info = person.sdk.get_status(path)
    assert (info.object_type, info.size) == (ObjectType.FILE, 5)
    assert info.object_id == person.sdk.get_status(path).object_id
    assert [entry.object_id for entry in person.sdk.list(path)] == [info.object_id], "a file lists itself"


def test_both_spellings_of_a_path_name_the_same_file(person: Person) -> None:
    short = person.home.removeprefix("/Workspace")
    person.sdk.upload(f"{short}/a.txt", io.BytesIO(b"a"), format=ImportFormat.AUTO)
    assert person.sdk.download(f"{person.home}//a.txt").read() == b"a"
    assert [entry.path for entry in person.sdk.list(short)] == [f"{short}/a.txt"]
    assert [entry.path for entry in person.sdk.list(person.home)] == [f"{person.home}/a.txt"]
    assert person.call("GET", "get-status", {"path": short}).json()["object_type"] == "DIRECTORY"


def test_nobody_enters_another_home(shelf: Shelf, person: Person) -> None:
    other = Person(shelf)
    person.sdk.upload(f"{person.home}/secret.txt", io.BytesIO(b"x"), format=ImportFormat.AUTO)
    for path in (
        person.home,
        f"{person.home}/secret.txt",
        f"{person.home}/nothing",
        f"{person.home.upper()}/secret.txt",
    ):
        for method, call, extra in (
            ("GET", "get-status", {}),
            ("GET", "list", {}),
            ("GET", "export", {"direct_download": "true"}),
            ("POST", "mkdirs", {}),
            ("POST", "delete", {"recursive": True}),
            ("POST", "import", {"content": ""}),
        ):
            refused(other.call(method, call, {"path": path, **extra}), 403, "PERMISSION_DENIED")
        assert other.write(path, b"y", overwrite=True).status_code == 403
        assert shelf.call("GET", f"/api/2.0/workspace-files{path}", token=other.token).status_code == 403
    assert other.names("/Users") == [other.name]
    assert other.names("/") == ["Shared", "Users"]
    admin = shelf.call("GET", f"{API}/export", {"path": f"{person.home}/secret.txt", "direct_download": "true"})
    assert admin.content == b"x", "admins read everything"
    assert person.sdk.download(f"{person.home}/secret.txt").read() == b"x"


def test_all_share_a_folder_and_keep_it(shelf: Shelf, person: Person) -> None:
    path = f"/Shared/{uuid.uuid4().hex}"
    person.sdk.mkdirs(path)
    person.sdk.upload(f"{path}/a.txt", io.BytesIO(b"a"), format=ImportFormat.AUTO)
    other = Person(shelf)
    assert other.sdk.download(f"{path}/a.txt").read() == b"a"
    other.sdk.delete(f"{path}/a.txt")
    for top in ("/", "/Users", "/Shared", "/Workspace/Shared"):
        assert other.call("POST", "delete", {"path": top, "recursive": True}).status_code == 403
        assert shelf.call("POST", f"{API}/delete", {"path": top, "recursive": True}).status_code == 400, "nor admins"
    assert other.call("POST", "mkdirs", {"path": "/Elsewhere/a"}).status_code == 403
    assert other.sdk.list(path) is not None


BAD_PATHS = [
    "",
    "relative",
    "/Users/../Shared/x",
    "/Shared/./x",
    "/Shared/\0",
    f"/Shared/{'n' * 300}",
    "/Shared/" + "d/" * 70,
]


@pytest.mark.parametrize("path", BAD_PATHS, ids=[repr(path[:20]) for path in BAD_PATHS])
def test_paths_that_name_nothing(shelf: Shelf, path: str) -> None:
    for method, call in (
        ("GET", "get-status"),
        ("GET", "list"),
        ("POST", "mkdirs"),
        ("POST", "delete"),
        ("POST", "import"),
    ):
        answer = shelf.call(method, f"{API}/{call}", {"path": path})
        assert answer.status_code in (400, 404), (call, answer.text)
        assert len(answer.json()["message"]) < 500


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"path": "/Shared/x", "content": "not base64!"}', "application/json"),
        (b'{"path": "/Shared/x", "path": "/Shared/y", "content": ""}', "application/json"),
        (b"--b\r\n\r\nno name\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b"no boundary", "multipart/form-data"),
        (
            b'--b\r\nContent-Disposition: form-data; name="path"\r\n\r\n/Shared/x\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="path"\r\n\r\n\xff\r\n'
            b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\nx\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
        (b"x" * (WORKSPACE_IMPORT_BYTES * 2), "application/json"),
    ],
)
def test_bodies_that_are_no_file(shelf: Shelf, body: bytes, content_type: str) -> None:
    answer = shelf.call("POST", f"{API}/import", content=body, headers={"content-type": content_type})
    assert answer.status_code == 400, answer.text
    assert shelf.call("GET", f"{API}/get-status", {"path": "/Shared/x"}).status_code == 404


def test_a_form_of_another_site_brings_no_file(shelf: Shelf) -> None:
    answer = httpx.post(
        f"{shelf.host}{API}/import",
        data={"path": "/Shared/forged"},
        files={"content": b"x"},
        headers={"cookie": shelf.session(), "origin": shelf.host},
    )
    assert answer.status_code == 400
    assert shelf.call("GET", f"{API}/get-status", {"path": "/Shared/forged"}).status_code == 404


def test_a_file_and_a_directory_never_share_a_path(person: Person) -> None:
    person.sdk.upload(f"{person.home}/a", io.BytesIO(b"a"), format=ImportFormat.AUTO)
    person.sdk.mkdirs(f"{person.home}/d")
    refused(
        person.call("POST", "mkdirs", {"path": f"{person.home}/a"}), 400, "INVALID_PARAMETER_VALUE", "already exists"
    )
    refused(person.call("POST", "mkdirs", {"path": f"{person.home}/a/b"}), 400, "RESOURCE_ALREADY_EXISTS")
    assert person.write(f"{person.home}/d", b"x", overwrite=True).status_code in (400, 409)
    assert person.write(f"{person.home}/a/b", b"x").status_code == 400
    assert person.call("GET", "export", {"path": f"{person.home}/d"}).status_code == 400


def test_large_directories_go_in_steps(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "DELETE_ROWS", 3)
    monkeypatch.setattr(operations, "WORKSPACE_DIRECTORY_ENTRIES", 20)
    for number in range(10):
        person.sdk.mkdirs(f"{person.home}/d/{number}")
        assert person.write(f"{person.home}/d/{number}/f", bytes(70_000)).status_code == 200
    assert len(person.names(f"{person.home}/d")) == 10
    person.sdk.delete(f"{person.home}/d", recursive=True)
    assert person.names(person.home) == []
    person.shelf.work()
