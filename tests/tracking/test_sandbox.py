"""The tracking server's second wall, with the first one out of the way."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from tracking.tracking_site import Site

from modelkeep.tracking import reserved_keys, sandbox
from modelkeep.tracking.mlflow_process import database_ports

ROOT = Path(sandbox.__file__).parents[2]
ALICE = "alice@x.io"
V2, V3 = "/api/2.0/mlflow", "/api/3.0/mlflow"

ACTS = """
import ctypes, json, os, shutil, socket, sqlite3, subprocess, sys, tempfile, threading
from pathlib import Path
from modelkeep.tracking import sandbox

root, kernel = Path(sys.argv[1]), sys.argv[2] == "kernel"
own, other = root / "own", root / "other"
sys.path += [str(root), str(root / "packages")]  # as a working directory with an environment in it
libc = ctypes.CDLL(None, use_errno=True)
if kernel:  # the kernel alone
    sandbox._Guard = lambda *_: lambda *_: None
else:
    sandbox._landlock = lambda *_: False
enforced = sandbox.confine(own, hidden=root)

def c(call, *args):
    if getattr(libc, call)(*args) != 0:
        raise OSError(ctypes.get_errno(), call)

def in_thread():
    failed = []
    def run():
        try:
            (other / "new").write_text("x")
        except OSError as error:
            failed.append(error)
    thread = threading.Thread(target=run)
    thread.start(); thread.join()
    if failed:
        raise failed[0]

acts = {
    "write here": lambda: (own / "a").write_text("x"),
    "rename here": lambda: (own / "a").rename(own / "b"),
    "folder here": lambda: tempfile.TemporaryDirectory(dir=own).cleanup(),
    "database here": lambda: sqlite3.connect(own / "x.db").execute("CREATE TABLE t (a)"),
    "devnull": lambda: open(os.devnull, "w").write("x"),
    "import": lambda: __import__("packaged"),
    "read python": lambda: Path(os.__file__).read_text(),
    "write": lambda: (other / "new").write_text("x"),
    "append": lambda: open(other / "f", "a"),
    "truncate": lambda: os.truncate(other / "f", 0),
    "remove": lambda: (other / "f").unlink(),
    "remove by link": lambda: (own / "link" / "f").unlink(),
    "remove by dots": lambda: (own / ".." / "other" / "f").unlink(),
    "rmtree": lambda: shutil.rmtree(other),
    "rmdir": lambda: (other / "empty").rmdir(),
    "mkdir": lambda: (other / "made").mkdir(),
    "symlink": lambda: (other / "l").symlink_to("x"),
    "hard link": lambda: os.link(own / "b", other / "l"),
    "rename in": lambda: (other / "f").rename(own / "f"),
    "rename out": lambda: (own / "b").rename(other / "b"),
    "database": lambda: sqlite3.connect(other / "x.db").execute("CREATE TABLE t (a)"),
    "thread": in_thread,
    "process": lambda: subprocess.run(["/bin/true"], check=True),
    "connect": lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), timeout=5),
}
if kernel:
    acts |= {
        "C remove": lambda: c("unlink", str(other / "f").encode()),
        "C signal": lambda: c("kill", os.getppid(), 0),
    }
else:
    acts |= {"read": lambda: (other / "f").read_text(), "signal": lambda: os.kill(os.getppid(), 0)}

done = []
for name, act in acts.items():
    try:
        act()
        done.append(name)
    except OSError:
        pass
    except Exception as error:
        done.append(f"{name}: {error!r}" if not isinstance(error, sqlite3.OperationalError) else "")
print(json.dumps([enforced, [name for name in done if name]]))
"""
ALLOWED = ["write here", "rename here", "folder here", "database here", "devnull", "import", "read python"]


@pytest.mark.parametrize("layer", ["kernel", "python"])
def test_a_confined_process_changes_nothing_outside_its_folder(tmp_path: Path, layer: str) -> None:
    import socket

    (tmp_path / "own").mkdir()
    (tmp_path / "other" / "empty").mkdir(parents=True)
    (tmp_path / "other" / "f").write_text("precious")
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "packaged.py").touch()
    (tmp_path / "own" / "link").symlink_to(tmp_path / "other")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ran = subprocess.run(
            [sys.executable, "-c", ACTS, str(tmp_path), layer, str(listener.getsockname()[1])],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    assert ran.returncode == 0, ran.stderr
    enforced, done = json.loads(ran.stdout)
    if layer == "kernel" and not enforced:
        pytest.skip("no Landlock on this kernel")
    assert enforced == (layer == "kernel")
    assert done == ALLOWED
    assert sorted(p.name for p in (tmp_path / "other").iterdir()) == ["empty", "f"]
    assert (tmp_path / "other" / "f").read_text() == "precious"


CLOSED = """
import json, sys
from mlflow.server import handlers
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from modelkeep.tracking.mlflow_process import close_artifacts

close_artifacts()
opened = []
for uri in sys.argv[1:]:
    get_artifact_repository(uri).delete_artifacts("x")
    handlers.get_artifact_repository(uri).delete_artifacts()
    for act in ("list_artifacts", "download_artifacts", "log_artifact", "_download_file"):
        try:
            getattr(get_artifact_repository(uri), act)("x")
            opened.append((uri, act))
        except Exception as error:
            assert "opens no artifact locations" in str(error), error
try:
    LocalArtifactRepository(sys.argv[1])
    opened.append("direct")
except Exception as error:
    assert "opens no artifact locations" in str(error), error
print(json.dumps(opened))
"""


def test_no_artifact_location_opens(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("precious")
    uris = [
        str(tmp_path),
        f"file://{tmp_path}",
        "s3://b/k",
        "http://127.0.0.1:1/x",
        "dbfs:/x",
        "mlflow-artifacts:/1",
        "plug://x",
    ]
    ran = subprocess.run(
        [sys.executable, "-c", CLOSED, *uris],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert json.loads(ran.stdout) == []
    assert (tmp_path / "x").read_text() == "precious"


def test_which_ports_the_database_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPORT", raising=False)
    monkeypatch.delenv("PGSERVICE", raising=False)
    assert database_ports("sqlite:////x/tracking.db") == []
    assert database_ports("postgresql+psycopg://u@h/db") == [5432]
    assert database_ports("postgresql+psycopg://u@h:6000/db?options=-c") == [6000]
    assert database_ports("postgresql+psycopg:///db?host=/run/pg&port=7,8") == [7, 8]
    assert database_ports("postgresql+psycopg:///db?host=a:1&host=b:2") == [1, 2]
    assert database_ports("postgresql+psycopg:///db?service=x") is None


@pytest.mark.parametrize("address", ["file://{}", "file:%66ile://{}%23", "{}"])
def test_a_steered_tracking_server_deletes_no_files(
    site: Site, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    folder = tmp_path / "victim"
    folder.mkdir()
    for name in ("a", "traces.pb"):
        (folder / name).write_text("precious")
    monkeypatch.setattr(reserved_keys, "is_reserved", lambda _: False)
    steer = [
        {"key": "mlflow.trace.spansLocation", "value": "ARCHIVE_REPO"},
        {"key": "mlflow.trace.archiveLocation", "value": address.format(folder)},
    ]
    with site.client(ALICE) as http:
        experiment = http.post(f"{V2}/experiments/create", json={"name": uuid.uuid4().hex}).json()["experiment_id"]
        body = {"experiment_id": experiment, "timestamp_ms": 1, "request_metadata": [], "tags": []}
        trace = http.post(f"{V2}/traces", json=body).json()["trace_info"]["request_id"]
        end = {"timestamp_ms": 2, "status": "OK", "request_metadata": [], "tags": steer}
        http.patch(f"{V2}/traces/{trace}", json=end)
        stored = http.get(f"{V3}/traces/{trace}").json()["trace"]["trace_info"]["tags"]
        assert stored["mlflow.trace.archiveLocation"] == address.format(folder)  # the first wall is down
        gone = http.post(f"{V3}/traces/delete-traces", json={"experiment_id": experiment, "request_ids": [trace]})
        assert gone.json() == {"traces_deleted": 1}
    assert sorted(p.name for p in folder.iterdir()) == ["a", "traces.pb"]


def test_what_the_running_process_has(site: Site) -> None:
    pid = site.proxy.child.pid
    assert pid is not None
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    own = str(site.proxy.child.log_file.parent)
    assert f"HOME={own}/tmp".encode() in environment and f"TMPDIR={own}/tmp".encode() in environment
    names = {entry.partition(b"=")[0].decode() for entry in environment if entry}
    assert not {name for name in names if name.lower().endswith("_proxy") or name.startswith(("AWS", "MODELKEEP"))}
    assert Path(f"/proc/{pid}/cwd").readlink() == Path(own)
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    assert status["Umask"] == "0077"
    data = str(site.settings.data.resolve())
    opened = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
    assert not [path for path in opened if path.startswith(data) and not path.startswith(own)]
    if sys.platform == "linux" and "no Landlock" not in site.proxy.child.log_file.read_text():
        assert status["NoNewPrivs"] == "1"
