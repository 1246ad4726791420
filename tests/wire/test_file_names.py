"""Names of files are opaque: each is stored, listed and given back as it was sent, whatever it holds, over each storage."""

import io
import unicodedata

from databricks.sdk.mixins.files import FilesExt
from wire.filing import Shelf, send
from wire.serving import UC
from wire.test_files import sdk

pytest_plugins = ("backends", "wire.filing")

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
