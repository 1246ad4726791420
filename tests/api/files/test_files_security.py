"""Signed URLs and paths under attack: what was granted is checked at each use, and no spelling of a path leads out."""

import base64
import contextlib
import os
import socket
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from api.files.test_files import Upload
from api.filing import FS, MLMODEL, Shelf, encoded, named, running_shelf, send
from api.serving import DATABRICKS_UC, UC, V1, refused, wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelkeep.api.files.presigned_urls import ObjectUrl
from modelkeep.core.operations.files.files import FileRequest
from modelkeep.domain.names import FullName
from modelkeep.domain.paths import ArtifactPath

pytest_plugins = ("backends", "api.filing")

OBJECTS = f"{V1}/objects/"


def writer(shelf: Shelf, name: str) -> tuple[str, str]:
    """A user who may add versions to this model, and his token."""
    who, token = shelf.user()
    shelf.allow(who, "catalog", name.split(".")[0], "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL_VERSION")
    return who, token


def reader(shelf: Shelf, name: str) -> tuple[str, str]:
    who, token = shelf.user()
    shelf.allow(who, "catalog", name.split(".")[0], "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    return who, token


def model_of(root: str) -> str:
    return named(root)[0]


def take_away(shelf: Shelf, who: str, name: str, privilege: str) -> None:
    changes = {"changes": [{"principal": who, "remove": [privilege]}]}
    shelf.ok("PATCH", f"{UC}/permissions/catalog/{name.split('.')[0]}", changes)


def rename(shelf: Shelf, name: str, new: str) -> None:
    shelf.ok("PATCH", f"{DATABRICKS_UC}/registered-models/update", {"name": name, "new_name": new})


def delete_version(shelf: Shelf, root: str) -> None:
    name, version = named(root)
    shelf.ok("DELETE", f"{DATABRICKS_UC}/model-versions/delete", {"name": name, "version": str(version)})


# --- who may ask for a URL -------------------------------------------------------------------------------------------


def test_urls_are_for_those_who_may(shelf: Shelf) -> None:
    root = shelf.ready({"a": b"abc"})
    pending = shelf.pending(model_of(root))
    _, stranger = shelf.user()
    _, reading = reader(shelf, model_of(root))
    _, writing = writer(shelf, model_of(root))
    for token, path, method, allowed in (
        (stranger, f"{root}/a", "download", False),
        (reading, f"{root}/a", "download", True),
        (writing, f"{root}/a", "download", False),
        (stranger, f"{pending}/a", "upload", False),
        (reading, f"{pending}/a", "upload", False),
        (writing, f"{pending}/a", "upload", True),
    ):
        answer = shelf.call("POST", f"{FS}/create-{method}-url", {"path": path}, token=token)
        assert answer.status_code == (200 if allowed else 403), (path, method, answer.text)
        if not allowed:
            refused(answer, 403, "PERMISSION_DENIED")
    for method, kind, path in (
        ("GET", "files", f"{root}/a"),
        ("GET", "directories", root),
        ("PUT", "files", f"{pending}/a"),
        ("DELETE", "files", f"{pending}/a"),
        ("POST", "files", f"{pending}/a?action=initiate-upload"),
        ("PUT", "directories", f"{pending}/d"),
        ("DELETE", "directories", f"{pending}/d"),
    ):
        path, _, query = path.partition("?")
        extra = {"params": dict([query.split("=")])} if query else {}
        refused(shelf.fs(method, kind, path, stranger, **extra), 403, "PERMISSION_DENIED")
        assert shelf.fs(method, kind, path, "", **extra).status_code == 401
        assert shelf.fs(method, kind, path, "mk_wrong", **extra).status_code == 401


def test_pending_files_are_not_read_and_ready_ones_not_written(shelf: Shelf) -> None:
    pending = shelf.pending()
    shelf.put(f"{pending}/a", b"1")
    refused(shelf.call("POST", f"{FS}/create-download-url", {"path": f"{pending}/a"}), 400, "INVALID_STATE", "PENDING")
    refused(shelf.fs("GET", "files", f"{pending}/a"), 400, "INVALID_STATE")
    refused(shelf.fs("GET", "directories", pending), 400, "INVALID_STATE")
    ready = shelf.ready({"a": b"1"})
    before = shelf.objects(ready)
    for path in (f"{ready}/a", f"{ready}/new"):
        refused(shelf.call("POST", f"{FS}/create-upload-url", {"path": path}), 400, "INVALID_STATE")
        refused(shelf.fs("PUT", "files", path, params={"overwrite": "true"}, content=b"2"), 400, "INVALID_STATE")
        refused(shelf.fs("DELETE", "files", path), 400, "INVALID_STATE")
        refused(shelf.fs("POST", "files", path, params={"action": "initiate-upload"}), 400, "INVALID_STATE")
    assert shelf.objects(ready) == before and shelf.get(f"{ready}/a") == b"1"


# --- after finalize --------------------------------------------------------------------------------------------------


def test_urls_that_are_still_out_change_nothing_after_finalize(shelf: Shelf) -> None:
    root = shelf.pending()
    shelf.put(f"{root}/MLmodel", MLMODEL)
    shelf.put(f"{root}/a", b"original")
    upload = Upload(shelf, f"{root}/parts")
    tag, part = upload.part(1, b"x" * 10), upload.url(2)
    late = [shelf.upload_url(f"{root}/late"), part]
    if not shelf.settings.storage_url:  # in S3, asking for a URL removes what lies there: the used one is tried below
        late.append(shelf.upload_url(f"{root}/a"))
    shelf.finalize(root)
    for url in late:
        answer = send(url, "PUT", b"changed")
        if shelf.host in url["url"]:
            refused(answer, 400, "INVALID_STATE", "final")
    refused(upload.complete((1, tag)), 400, "INVALID_STATE")
    assert shelf.names(root) == [f"{root}/MLmodel", f"{root}/a"]
    assert shelf.get(f"{root}/a") == b"original"
    assert shelf.fs("GET", "files", f"{root}/late").status_code == 404


def test_a_url_of_the_store_writes_once(s3_shelf: Shelf) -> None:
    root = s3_shelf.pending()
    s3_shelf.put(f"{root}/MLmodel", MLMODEL)
    url = s3_shelf.upload_url(f"{root}/a")
    assert url["url"].startswith(s3_shelf.settings.s3_endpoint)
    assert send(url, "PUT", b"first").status_code == 200
    assert send(url, "PUT", b"second").status_code == 412
    bare = {"url": url["url"], "headers": []}
    assert send(bare, "PUT", b"third").status_code == 403
    again = s3_shelf.upload_url(f"{root}/a")
    assert send(again, "PUT", b"fourth").status_code == 200
    s3_shelf.finalize(root)
    for item in (url, again):
        assert send(item, "PUT", b"fifth").status_code == 412
    assert s3_shelf.get(f"{root}/a") == b"fourth"
    download = s3_shelf.download_url(f"{root}/a")["url"]
    assert download.startswith(s3_shelf.settings.s3_endpoint)
    assert httpx.put(download, content=b"x").status_code == 403


def slow(data: bytes, gate: threading.Event) -> Any:
    yield data[: len(data) // 2]
    assert gate.wait(20)
    yield data[len(data) // 2 :]


@pytest.mark.parametrize("way", ["url", "files", "part"])
def test_finalize_while_a_file_arrives(folder_shelf: Shelf, way: str) -> None:
    shelf = folder_shelf
    root = shelf.pending()
    shelf.put(f"{root}/MLmodel", MLMODEL)
    shelf.put(f"{root}/a", b"original")
    url = Upload(shelf, f"{root}/a").url(1) if way == "part" else shelf.upload_url(f"{root}/a")
    gate, answers = threading.Event(), list[httpx.Response]()

    def put() -> None:
        body = slow(os.urandom(12_000_000), gate)
        if way == "files":
            headers = {"authorization": f"Bearer {shelf.admin}"}
            path = f"{shelf.host}{FS}/files{root}/a?overwrite=true"
            answers.append(httpx.put(path, content=body, headers=headers, timeout=30))
        else:
            answers.append(send(url, "PUT", body))

    thread = threading.Thread(target=put)
    thread.start()
    wait_until(lambda: list(Path(shelf.settings.data_dir).rglob("*.part")))
    shelf.finalize(root)
    before = shelf.objects(root)
    gate.set()
    thread.join(30)
    refused(answers[0], 400, "INVALID_STATE")
    assert shelf.objects(root) == before
    assert shelf.get(f"{root}/a") == b"original"


def test_finalize_while_a_file_arrives_for_s3(s3_shelf: Shelf) -> None:
    root = s3_shelf.pending()
    s3_shelf.put(f"{root}/MLmodel", MLMODEL)
    s3_shelf.put(f"{root}/a", b"original")
    for size in (1_000_000, 40_000_000):
        gate, answers = threading.Event(), list[httpx.Response]()
        headers = {"authorization": f"Bearer {s3_shelf.admin}"}
        path = f"{s3_shelf.host}{FS}/files{root}/a?overwrite=true"
        body = slow(os.urandom(size), gate)
        put = lambda: answers.append(httpx.put(path, content=body, headers=headers, timeout=30))  # noqa: B023, E731
        thread = threading.Thread(target=put)
        thread.start()
        time.sleep(0.3)
        if size == 1_000_000:
            gate.set()
            thread.join(30)
            assert answers[0].status_code == 204
            continue
        s3_shelf.finalize(root)
        answer = s3_shelf.get(f"{root}/a")
        gate.set()
        thread.join(30)
        refused(answers[0], 400, "INVALID_STATE")
        assert s3_shelf.get(f"{root}/a") == answer and len(answer) == 1_000_000


# --- changed, borrowed and old URLs ----------------------------------------------------------------------------------


def test_a_url_works_for_its_method_alone(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"a": b"abc"})
    pending = folder_shelf.pending()
    down, up = folder_shelf.download_url(f"{root}/a"), folder_shelf.upload_url(f"{pending}/a")
    aborting = {"path": f"{pending}/a", "session_token": "none"}
    abort = folder_shelf.ok("POST", f"{FS}/create-abort-upload-url", aborting)["abort_upload_url"]
    allowed = {down["url"]: {"GET", "HEAD"}, up["url"]: {"PUT"}, abort["url"]: {"DELETE"}}
    for url in (down, up, abort):
        for method in {"GET", "HEAD", "PUT", "DELETE"} - allowed[url["url"]]:
            answer = send(url, method, b"x" if method == "PUT" else None)
            assert answer.status_code == 403, (method, answer.text)
        for method in ("POST", "PATCH", "OPTIONS"):
            assert send(url, method).status_code in (401, 404)
    assert send(down, "HEAD").status_code == 200


def test_a_changed_url_is_refused(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"a": b"abc", "b": b"secret"})
    url = folder_shelf.download_url(f"{root}/a")["url"]
    token = url.rpartition("/")[2]
    claims, _, mac = token.rpartition(".")
    payload = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
    other = base64.urlsafe_b64encode(payload.replace(b'"a"', b'"b"')).decode().rstrip("=")
    assert other != claims
    flipped = [token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1 :] for i in range(0, len(token), 7)]
    for bad in (
        f"{other}.{mac}",
        f"{claims}.",
        claims,
        f".{mac}",
        "x",
        "..",
        f"{token}A",
        token[:-1],
        f"{token}.{mac}",
        *flipped,
    ):
        answer = httpx.get(f"{folder_shelf.host}{OBJECTS}{bad}")
        assert answer.status_code in (403, 404), bad
        assert b"secret" not in answer.content and b"abc" not in answer.content
    refused(httpx.get(f"{folder_shelf.host}{OBJECTS}{other}.{mac}"), 403, "PERMISSION_DENIED", "expired")
    # no token that opens anything else opens a file, and the other way round
    refused(httpx.get(f"{folder_shelf.host}{OBJECTS}{folder_shelf.admin}"), 403, "PERMISSION_DENIED")
    assert folder_shelf.fs("GET", "files", f"{root}/a", token).status_code == 401


def test_an_expired_url_is_refused(tmp_path: Path) -> None:
    with running_shelf(tmp_path, url_minutes=0.05) as shelf:
        root = shelf.ready({"a": b"abc"})
        url = shelf.download_url(f"{root}/a")
        assert send(url, "GET").content == b"abc"
        time.sleep(3.1)
        refused(send(url, "GET"), 403, "PERMISSION_DENIED", "expired")


def test_a_url_ends_with_the_token_that_asked_for_it(shelf: Shelf) -> None:
    root = shelf.ready({"a": b"abc"})
    who, token = reader(shelf, model_of(root))
    answer = shelf.ok("POST", f"{V1}/tokens", {"principal": who})
    mine = [shelf.download_url(f"{root}/a", item) for item in (token, answer["token_value"])]
    ours = [url for url in mine if shelf.host in url["url"]]
    assert all(send(url, "GET").content == b"abc" for url in mine)
    shelf.ok("DELETE", f"{V1}/tokens/{answer['token_info']['token_id']}")
    if ours:
        assert send(ours[0], "GET").status_code == 200
        refused(send(ours[1], "GET"), 403, "PERMISSION_DENIED", "signed out")
    assert shelf.fs("GET", "files", f"{root}/a", answer["token_value"]).status_code == 401


def test_a_url_ends_with_its_principal(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"a": b"abc"})
    who, token = reader(folder_shelf, model_of(root))
    url = folder_shelf.download_url(f"{root}/a", token)

    async def deactivate() -> None:
        async with folder_shelf.registry.db.write() as tx:
            await tx.run("UPDATE principals SET active = 0 WHERE name = :name", name=who)

    folder_shelf.run(deactivate())
    refused(send(url, "GET"), 403, "PERMISSION_DENIED", "signed out")


def test_a_url_ends_with_the_grant(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"a": b"abc"})
    pending = folder_shelf.pending(model_of(root))
    reads, reading = reader(folder_shelf, model_of(root))
    writes, writing = writer(folder_shelf, model_of(root))
    down = folder_shelf.download_url(f"{root}/a", reading)
    up = folder_shelf.upload_url(f"{pending}/a", writing)
    upload = Upload(folder_shelf, f"{pending}/big", writing)
    part = upload.url(1)
    tag = upload.part(2, b"x")
    take_away(folder_shelf, reads, model_of(root), "EXECUTE")
    take_away(folder_shelf, writes, model_of(root), "CREATE_MODEL_VERSION")
    refused(send(down, "GET"), 403, "PERMISSION_DENIED", "EXECUTE")
    for answer in (send(up, "PUT", b"x"), send(part, "PUT", b"x"), upload.complete((2, tag)), upload.ask(3)):
        refused(answer, 403, "PERMISSION_DENIED", "CREATE MODEL VERSION")


def test_a_url_ends_with_the_name_and_never_serves_its_successor(folder_shelf: Shelf) -> None:
    shelf = folder_shelf
    name = shelf.model()
    root = shelf.ready({"a": b"first"}, name)
    pending = shelf.pending(name)
    down, up = shelf.download_url(f"{root}/a"), shelf.upload_url(f"{pending}/a")
    rename(shelf, name, "renamed")
    assert send(down, "GET").status_code == send(up, "PUT", b"x").status_code == 404
    moved = f"{name.rpartition('.')[0]}.renamed"
    assert shelf.get(f"/Models/{moved.replace('.', '/')}/1/a") == b"first"
    shelf.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": name})
    again = shelf.ready({"a": b"another model's"}, name)
    assert again == root
    assert shelf.pending(name) == pending
    for answer in (send(down, "GET"), send(up, "PUT", b"x")):
        refused(answer, 404, "NOT_FOUND", "gone") if answer.json()["error_code"] == "NOT_FOUND" else None
        assert answer.status_code == 404 and b"another" not in answer.content
    assert shelf.get(f"{root}/a") == b"another model's"


def test_a_url_ends_with_the_version(folder_shelf: Shelf) -> None:
    name = folder_shelf.model()
    root, pending = folder_shelf.ready({"a": b"abc"}, name), folder_shelf.pending(name)
    down, up = folder_shelf.download_url(f"{root}/a"), folder_shelf.upload_url(f"{pending}/a")
    for item in (root, pending):
        delete_version(folder_shelf, item)
    assert send(down, "GET").status_code == send(up, "PUT", b"x").status_code == 404
    folder_shelf.ok("DELETE", f"{DATABRICKS_UC}/registered-models/delete", {"name": name})
    assert send(down, "GET").status_code == send(up, "PUT", b"x").status_code == 404


def test_a_signed_url_reveals_no_place_on_the_disk_and_no_secret(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"a": b"abc"})
    token = folder_shelf.download_url(f"{root}/a")["url"].rpartition("/")[2]
    claims = base64.urlsafe_b64decode(token.partition(".")[0] + "===")
    for secret in (folder_shelf.admin, folder_shelf.registry.facts.signing_key, folder_shelf.settings.data_dir):
        assert secret.encode() not in claims


# --- paths -----------------------------------------------------------------------------------------------------------

STEPS = (
    "..",
    ".",
    "",
    ".. ",
    "%2e%2e",
    "%2E%2E",
    ".%2e",
    "%252e%252e",
    "%25252e%25252e",
    "..\\",
    "\\..",
    "..%5c",
    "%5c..",
    "..%2f",
    "%2f..",
    "%252f..",
    "．．",
    "‥",
    "..／",
    "%c0%ae%c0%ae",
    "%uff0e%uff0e",
    "%u002e%u002e",
    "\0",
    "a\0b",
)
CANARY = b"canary-that-no-path-reaches"


def raw(shelf: Shelf, method: str, target: bytes, body: bytes = b"", token: str | None = None) -> tuple[int, bytes]:
    """A request whose target is sent exactly so: no client library tidies it up first."""
    head = method.encode() + b" " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {token or shelf.admin}\r\nContent-Type: application/json\r\n".encode()
    with socket.create_connection(("127.0.0.1", shelf.settings.port), 20) as connection:
        connection.sendall(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                answer += chunk
    return int(answer.split(b" ", 2)[1]), answer


@pytest.fixture(scope="module")
def attacked(folder_shelf: Shelf) -> tuple[Shelf, str, str]:
    """A server with something to steal above and beside the artifacts, a READY and a PENDING version."""
    data = Path(folder_shelf.settings.data_dir)
    for folder in (data, data / "artifacts", *list((data / "artifacts").glob("*"))):
        folder.mkdir(exist_ok=True)
        (folder / "canary").write_bytes(CANARY)
    return folder_shelf, folder_shelf.ready({"d/a": b"1"}), folder_shelf.pending()


def unchanged(shelf: Shelf) -> bool:
    return all(f.read_bytes() == CANARY for f in Path(shelf.settings.data_dir).rglob("canary")) and not list(
        Path(shelf.settings.data_dir).parent.glob("canary*")
    )


_segment = st.sampled_from(STEPS) | st.text(st.sampled_from("./%\\2ef5cC: a\0"), max_size=6)
_path = st.lists(_segment, min_size=1, max_size=6).map(lambda steps: "/".join([*steps, "canary"]))


def spellings(path: str) -> list[bytes]:
    """As it is where that is possible, encoded once, and encoded twice."""
    once = urllib.parse.quote(path, safe="/").encode()
    plain = "".join(c if " " < c < "\x7f" and c not in "?#" else urllib.parse.quote(c) for c in path).encode()
    return [plain, once, urllib.parse.quote(path, safe="").encode(), once.replace(b"%", b"%25")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=_path)
def test_no_path_in_a_url_leads_out(attacked: tuple[Shelf, str, str], path: str) -> None:
    shelf, ready, pending = attacked
    for spelled in spellings(path):
        for root, method, kind, body in (
            (ready, "GET", b"files", b""),
            (ready, "GET", b"directories", b""),
            (pending, "PUT", b"files", b"x"),
            (pending, "DELETE", b"files", b""),
            (pending, "POST", b"files", b""),
            ("", "GET", b"files", b""),
            ("/Models", "PUT", b"files", b""),
            ("/WorkspaceInternal/Mlflow/Artifacts", "GET", b"files", b""),
        ):
            query = b"?action=initiate-upload" if method == "POST" else b""
            status, answer = raw(
                shelf, method, FS.encode() + b"/" + kind + root.encode() + b"/" + spelled + query, body
            )
            assert status in (200, 204, 400, 404), answer
            assert CANARY not in answer
            if status == 200 and method == "GET":
                raise AssertionError(answer)
    assert unchanged(shelf)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=_path)
def test_no_path_in_a_body_or_query_leads_out(attacked: tuple[Shelf, str, str], path: str) -> None:
    shelf, ready, pending = attacked
    upload = Upload(shelf, f"{pending}/fine")
    for spelled in {path, urllib.parse.quote(path), urllib.parse.quote(urllib.parse.quote(path, safe=""), safe="")}:
        for root in (ready, pending, "", "/Models"):
            full = f"{root}/{spelled}"
            session = {"session_token": upload.id, "start_part_number": 1, "count": 1}
            for route, fields in (
                ("create-upload-url", {"path": full}),
                ("create-download-url", {"path": full}),
                ("create-upload-part-urls", {"path": full, **session}),
                ("create-abort-upload-url", {"path": full, **session}),
            ):
                answer = shelf.call("POST", f"{FS}/{route}", fields)
                assert answer.status_code in (200, 400, 404), answer.text
                if (
                    answer.status_code == 200
                ):  # a harmless name after all: the URL puts a file of that very name into the set
                    assert root == pending
            by_query = shelf.call("POST", f"{FS}/create-download-url", params={"path": full})
            assert by_query.status_code in (400, 404)
    assert unchanged(shelf)


@pytest.mark.parametrize("step", STEPS)
def test_every_way_out_is_refused_in_words(attacked: tuple[Shelf, str, str], step: str) -> None:
    shelf, ready, pending = attacked
    for root, route in ((pending, "create-upload-url"), (ready, "create-download-url")):
        refused(
            shelf.call("POST", f"{FS}/{route}", {"path": f"{root}/x/{step}/canary"}), 400, "INVALID_PARAMETER_VALUE"
        )


def test_names_and_versions_in_paths_are_checked(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"a": b"1"})
    catalog, schema, model = model_of(root).split(".")
    for path in (
        f"/Models/{catalog}/{schema}/{model}/0/a",
        f"/Models/{catalog}/{schema}/{model}/-1/a",
        f"/Models/{catalog}/{schema}/{model}/1.0/a",
        f"/Models/{catalog}/{schema}/{model}/latest/a",
        f"/Models/{catalog}/{schema}/{model}/{2**63}/a",
        f"/Models/{catalog}/{schema}.{model}/x/1/a",
        f"/Models/{catalog}.{schema}.{model}/x/y/1/a",
        f"/Models/../{schema}/{model}/1/a",
        f"/Models/{'c' * 256}/s/m/1/a",
    ):
        refused(folder_shelf.call("POST", f"{FS}/create-download-url", {"path": path}), 400, "INVALID_PARAMETER_VALUE")
    refused(
        folder_shelf.call("POST", f"{FS}/create-download-url", {"path": "/Models/" + "a" * 5000}),
        400,
        "INVALID_PARAMETER_VALUE",
    )
    for path in (f"{root}", f"{root}/", f"{root}/a/"):
        refused(
            folder_shelf.call("POST", f"{FS}/create-download-url", {"path": path}),
            400,
            "INVALID_PARAMETER_VALUE",
            "file",
        )


def test_a_signed_path_is_checked_again(folder_shelf: Shelf) -> None:
    """Even a token of our own with a bad path, as an older release might have signed it, opens nothing."""
    from modelkeep.domain.signed_tokens import Signer

    root = folder_shelf.ready({"a": b"1"})
    name, version = named(root)
    signer = Signer(bytes.fromhex(folder_shelf.registry.facts.signing_key))
    for path in ("../../../modelkeep.db", "/etc/passwd", "%2e%2e/x", ""):
        url = ObjectUrl("GET", path, folder_shelf.registry.facts.admin_id, "", "1", name, version)
        token = signer.sign(url, int(time.time() * 1000) + 60_000)
        refused(httpx.get(f"{folder_shelf.host}{OBJECTS}{token}"), 400, "INVALID_PARAMETER_VALUE")
    fine = ObjectUrl("GET", "a", folder_shelf.registry.facts.admin_id, "", "1", name, version)
    token = signer.sign(fine, int(time.time() * 1000) + 60_000)
    assert httpx.get(f"{folder_shelf.host}{OBJECTS}{token}").content == b"1"


def test_bodies_of_every_kind_get_a_clear_refusal(folder_shelf: Shelf) -> None:
    root = folder_shelf.pending()
    path = msgspec.json.encode({"path": f"{root}/a"})
    for body, kind in (
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b'"x"', "application/json"),
        (b"{", "application/json"),
        (b'{"path": 5}', "application/json"),
        (b'{"path": null}', "application/json"),
        (path[:-1] + b', "path": "/x"}', "application/json"),
        (path.replace(b"path", b"Path"), "application/json"),
        (path, "text/plain"),
        (path, "multipart/form-data"),
        (b"path=x", "application/x-www-form-urlencoded"),
        (b"\xff", "application/json"),
    ):
        for route in ("create-upload-url", "create-download-url"):
            answer = folder_shelf.call("POST", f"{FS}/{route}", content=body, headers={"content-type": kind})
            refused(answer, 400, "INVALID_PARAMETER_VALUE")


# --- audit -----------------------------------------------------------------------------------------------------------


def test_vending_and_refusals_leave_records(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"a": b"1"})
    who, token = reader(folder_shelf, model_of(root))
    for _ in range(3):
        folder_shelf.download_url(f"{root}/a", token)
    folder_shelf.call("POST", f"{FS}/create-upload-url", {"path": f"{root}/a"}, token=token)

    async def events() -> list[tuple[Any, ...]]:
        await folder_shelf.registry.auditor.flush(minute_over=True)
        async with folder_shelf.registry.db.read() as tx:
            return await tx.all("SELECT event, outcome, changes FROM audit WHERE actor = :who ORDER BY at, id", who=who)

    done = folder_shelf.run(events())
    assert ("file.vend_write", "PERMISSION_DENIED", "{}") in done
    vended = [msgspec.json.decode(changes)["count"][1] for event, _, changes in done if event == "file.vend_read"]
    assert sum(vended) == 3


def test_requests_about_files_name_paths_by_their_type() -> None:
    """No operation on files takes a path that was not parsed."""
    for request in [FileRequest, *_below(FileRequest)]:
        fields = {field.name: field.type for field in msgspec.structs.fields(request)}
        assert fields["path"] is ArtifactPath and fields["name"] == FullName | None
    assert encoded("/a b/é") == "/a%20b/%C3%A9"


def _below(kind: type) -> list[type]:
    return [item for sub in kind.__subclasses__() for item in (sub, *_below(sub))]
