"""Names of files are opaque: each is stored, listed and given back as it was sent, whatever it holds, over each storage."""

import io
import posixpath
import unicodedata

import pytest
import requests
from api.files.test_files import sdk
from api.filing import FS, Shelf, named, send
from api.serving import DATABRICKS_UC, UC, V1, refused
from databricks.sdk.mixins.files import FilesExt

pytest_plugins = ("backends", "api.filing")

OPAQUE = (
    "dense/kernel:0",
    "v:0/part.npy",
    "C:/data",
    "計画：案.txt",
    "表＼二.csv",
    "…/more…",
    ".../three",
    "step%7%at%17960",
    "half%5cway",
    "x%00y%1f",
    "a%2e%2e.bin",
    "pic%c0ffee.png",
    "pic%e0%80.png",
    "%17",
    "%5c",
    "%%",
    "key=%2Fdata%2Fx",
    "\u202eright\u200fto\u2066left",
    "tab\there",
    "two\nlines\r.txt",
    "bell\x07\x01\x7f",
    "back\\slash",
    "\\first",
    "last\\",
    " lead",
    "trail ",
    "   ",
    "a / b",
    "quo\"te's.bin",
    "\u2028line\u2029",
    "soft\u00adhyphen\ufeff",
    "\ufffd\ufffe\U0010ffff",
    unicodedata.normalize("NFC", "é.bin"),
    unicodedata.normalize("NFD", "é.bin"),
    "Case.bin",
    "case.bin",
    "x" * 255,
    "/".join(["d"] * 30) + "/deep",
    "#/?/&=+",
    "a0",
    "a/z",
    "a\x01",
)


def _volume(shelf: Shelf) -> str:
    """The root of a new volume."""
    catalog, schema = shelf.schema().split(".")
    place = {"catalog_name": catalog, "schema_name": schema, "name": "v", "volume_type": "MANAGED"}
    shelf.ok("POST", f"{UC}/volumes", place)
    return f"/Volumes/{catalog}/{schema}/v"


def _read(api: FilesExt, path: str) -> bytes:
    contents = api.download(path).contents
    assert contents is not None
    return contents.read()


def _walk(api: FilesExt, directory: str, page_size: int) -> list[str]:
    """All files below, as databricks-sdk lists them, page by page."""
    paths = list[str]()
    for entry in api.list_directory_contents(directory, page_size=page_size):
        assert entry.path and entry.name == entry.path.rpartition("/")[2]
        paths += _walk(api, entry.path, page_size) if entry.is_directory else [entry.path]
    return paths


def test_a_model_keeps_each_file_under_its_own_name(shelf: Shelf) -> None:
    files = {f"x/{name}": name.encode() for name in OPAQUE}
    root, api = shelf.ready(files), sdk(shelf)
    for name, data in files.items():
        assert shelf.get(f"{root}/{name}") == data, name
        assert _read(api, f"{root}/{name}") == data, name
    for page_size in (1000, 3):
        assert sorted(_walk(api, root, page_size)) == sorted([f"{root}/MLmodel", *(f"{root}/{name}" for name in files)])
    shelf.work()  # the jobs that hash and sweep meet the names, too
    assert shelf.get(f"{root}/x/bell\x07\x01\x7f") == b"bell\x07\x01\x7f"


def test_a_volume_keeps_each_file_under_its_own_name(shelf: Shelf) -> None:
    root, api = _volume(shelf), sdk(shelf)
    for name in OPAQUE:
        api.upload(f"{root}/{name}", io.BytesIO(name.encode()))
    assert sorted(_walk(api, root, 1000)) == sorted(f"{root}/{name}" for name in OPAQUE)
    for name in OPAQUE:
        assert _read(api, f"{root}/{name}") == name.encode(), name
        assert send(shelf.download_url(f"{root}/{name}"), "GET").content == name.encode()
        api.delete(f"{root}/{name}")
    for name in ("\t", "a:b", "％2f"):
        api.create_directory(f"{root}/{name}/below")
        assert [entry.name for entry in api.list_directory_contents(f"{root}/{name}")] == ["below"]


_AGENTS = {"mlflow": "mlflow-python-client/3.17.2", "mlflow by the sdk": "databricks-sdk-py/0.156.0 python/3.11.2"}
_DIRECTORIES = ("C#", "what?", "key=%41", "key=A", "day=1 00%3A00", "x%2Fy", "50%", "a b", "é/C#/%25", "q?x=1&y")


@pytest.mark.parametrize("agent", _AGENTS.values(), ids=_AGENTS)
def test_mlflow_finds_directories_that_it_does_not_quote(folder_shelf: Shelf, agent: str) -> None:
    """As its repository of signed URLs walks: what one answer calls a directory goes into the next URL as it is."""
    shelf = folder_shelf
    files = {f"{name}/part": name.encode() for name in _DIRECTORIES}
    root = shelf.ready(files)
    with requests.Session() as http:
        http.headers.update({"user-agent": agent, "authorization": f"Bearer {shelf.admin}"})

        def walk(path: str) -> list[str]:
            answer = http.get(f"{shelf.host}{FS}/directories{posixpath.join(root, path)}").json()
            results = list[str]()
            for entry in answer["contents"]:
                inside = posixpath.relpath(entry["path"], root)
                results += walk(inside) if entry["is_directory"] else [inside]
            return results

        assert sorted(walk("")) == sorted(["MLmodel", *files])
        for path in ("day=1 00%3A00", "x%2Fy"):  # as somebody names them
            (entry,) = http.get(f"{shelf.host}{FS}/directories{root}/{path}").json()["contents"]
            assert entry["path"] == f"{root}/{path}/part"
        assert http.get(f"{shelf.host}{FS}/directories{root}/no%3Asuch").status_code == 404


def test_whoever_quotes_is_told_names_as_they_are(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"C#/%3A/a": b"1", "b": b""})
    assert f"{root}/C#/" in folder_shelf.names(root)
    entries = list(sdk(folder_shelf).list_directory_contents(f"{root}/C#"))
    assert [entry.path for entry in entries] == [f"{root}/C#/%3A"]
    refused(folder_shelf.fs("GET", "directories", f"{root}/C#/:"), 404, "NOT_FOUND")


def test_a_path_that_is_no_utf_8_is_refused(folder_shelf: Shelf) -> None:
    root = folder_shelf.ready({"\ufffd": b"1"})
    for kind in ("files", "directories"):
        answer = folder_shelf.call("GET", f"{FS}/{kind}{root}/%ff")
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "UTF-8")
    assert folder_shelf.call("GET", f"{FS}/files{root}/%EF%BF%BD").content == b"1"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x" * 4096, "too long"),
        ("é" * 128, "at most 255 bytes"),
        ("x" * 1000, "at most 900 bytes"),
        ("d/" * 64 + "f", "64 levels"),
        ("/".join(["\\" * 100] * 3), "counts as four"),
    ],
)
def test_a_name_that_is_too_long_is_refused_in_a_sentence(folder_shelf: Shelf, name: str, said: str) -> None:
    path = f"{folder_shelf.pending()}/{name}"
    refused(folder_shelf.call("POST", f"{FS}/create-upload-url", {"path": path}), 400, "INVALID_PARAMETER_VALUE", said)


@pytest.mark.parametrize("directory", ["C#", "what?", "key=%41", "q?x=1&y", "deep/er/x%2Fy"])
def test_finalize_says_which_directories_some_clients_miss(folder_shelf: Shelf, directory: str) -> None:
    root = folder_shelf.ready({f"{directory}/part": b"1"})
    name, version = named(root)
    fields = {"name": name, "version": str(version)}
    model_version = folder_shelf.call("GET", f"{DATABRICKS_UC}/model-versions/get", params=fields).json()[
        "model_version"
    ]
    assert model_version["status"] == "READY" and f"'{directory.rpartition('/')[2]}'" in model_version["status_message"]
    copied = folder_shelf.ok(
        "POST", f"{V1}/models/{name}/versions/{version}/copy", {"destination": folder_shelf.model()}
    )
    assert copied["status_message"] == model_version["status_message"]


@pytest.mark.parametrize("file", ["a#b", "what?", "%41", "50%/x", "é/a b"])
def test_finalize_says_nothing_of_names_that_come_back(folder_shelf: Shelf, file: str) -> None:
    name, version = named(folder_shelf.ready({file: b"1"}))
    fields = {"name": name, "version": str(version)}
    model_version = folder_shelf.call("GET", f"{DATABRICKS_UC}/model-versions/get", params=fields).json()[
        "model_version"
    ]
    assert model_version["status_message"] == ""


@pytest.mark.parametrize("part", ["a#b", "what?", "a%41b", "%2f", "#"])
def test_a_new_name_that_urls_break_is_refused(folder_shelf: Shelf, part: str) -> None:
    schema = folder_shelf.schema()
    catalog, team = schema.split(".")
    place = {"catalog_name": catalog, "schema_name": team, "name": part}
    for path, fields in (
        (f"{DATABRICKS_UC}/registered-models/create", {"name": f"{schema}.{part}"}),
        (f"{UC}/models", place),
        (f"{UC}/volumes", {**place, "volume_type": "MANAGED"}),
        (f"{UC}/schemas", {"catalog_name": catalog, "name": part}),
        (f"{UC}/catalogs", {"name": part}),
        ("/api/2.0/mlflow/registered-models/create", {"name": part}),
    ):
        refused(folder_shelf.call("POST", path, fields), 400, "INVALID_PARAMETER_VALUE", "percent escape")
    name = folder_shelf.model(schema)
    renamed = {"name": name, "new_name": f"{schema}.{part}"}
    answer = folder_shelf.call("PATCH", f"{DATABRICKS_UC}/registered-models/update", renamed)
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "percent escape")


def test_an_old_name_that_urls_break_is_used_and_renamed(folder_shelf: Shelf) -> None:
    """A model from before the rule."""
    name = folder_shelf.model(versions=1)
    schema, _, leaf = name.rpartition(".")
    old = f"{schema}.{leaf}#1"

    async def age() -> None:
        async with folder_shelf.registry.db.write() as tx:
            await tx.run(
                "UPDATE securables SET name = :new, name_key = :new WHERE name_key = :old", new=f"{leaf}#1", old=leaf
            )

    folder_shelf.run(age())
    fields = {"name": old, "version": "1"}
    assert folder_shelf.call("GET", f"{DATABRICKS_UC}/model-versions/get", params=fields).status_code == 200
    folder_shelf.ok("PATCH", f"{DATABRICKS_UC}/registered-models/update", {"name": old, "description": "kept"})
    folder_shelf.ok("PATCH", f"{DATABRICKS_UC}/registered-models/update", {"name": old, "new_name": f"{schema}.{leaf}"})
    folder_shelf.ok("DELETE", f"{DATABRICKS_UC}/registered-models/delete", {"name": name})


@pytest.mark.parametrize("name", ["50%", "a%zz", "a&b=c", "café", "a+b"])
def test_other_new_names_stay_allowed(folder_shelf: Shelf, name: str) -> None:
    folder_shelf.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": f"{folder_shelf.schema()}.{name}"})
