"""Files of runs, logged models and traces through the Files API and by signed URLs, over the real tracking server."""

import io
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api.files.test_files import MIB, Upload, sdk, small_parts
from api.filing import FS, Shelf, prefix, running_shelf, send
from api.serving import refused
from databricks.sdk.errors import NotFound

pytest_plugins = ("backends", "api.filing")
pytest.importorskip("mlflow")

V2 = "/api/2.0/mlflow"
ROOT = "/WorkspaceInternal/Mlflow/Artifacts"


@pytest.fixture(scope="module", params=("folder", "s3"))
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A server with its workspace, over each kind of storage."""
    chosen: dict[str, Any] = {"workspace": True}
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "s3":
            store = request.getfixturevalue("seaweedfs")
            for name, value in store.env().items():
                patch.setenv(name, value)
            chosen |= {"storage_url": f"s3://{store.bucket}/{prefix()}", "s3_endpoint": store.endpoint}
        with running_shelf(tmp_path_factory.mktemp("bench"), **chosen) as running:
            running.http.timeout = 120  # the tracking server loads behind the first call
            experiment(running)
            yield running


def experiment(bench: Shelf, token: str | None = None) -> str:
    return bench.ok("POST", f"{V2}/experiments/create", {"name": uuid.uuid4().hex}, token)["experiment_id"]


def run(bench: Shelf, home: str, token: str | None = None) -> str:
    return bench.ok("POST", f"{V2}/runs/create", {"experiment_id": home}, token)["run"]["info"]["run_id"]


def root_of(home: str, run_id: str) -> str:
    return f"{ROOT}/{home}/Runs/{run_id}/artifacts"


def test_the_sdk_moves_files_of_a_run(bench: Shelf, tmp_path: Path) -> None:
    home = experiment(bench)
    root = root_of(home, run(bench, home))
    api, big = sdk(bench), os.urandom(17 * MIB + 1)
    assert list(api.list_directory_contents(root)) == []
    with pytest.raises(NotFound):
        api.download(f"{root}/absent")
    for data in (b"first", b"second", b""):  # the last write wins
        api.upload(f"{root}/d/a é.txt", io.BytesIO(data), overwrite=True)
        contents = api.download(f"{root}/d/a é.txt").contents
        assert contents is not None and contents.read() == data
    small_parts(bench).upload(f"{root}/big", io.BytesIO(big), overwrite=True, part_size=5 * MIB)
    api.download_to(f"{root}/big", str(tmp_path / "big"))
    assert (tmp_path / "big").read_bytes() == big
    border = bench.fs("GET", "files", f"{root}/big", headers={"range": f"bytes={5 * MIB - 9}-{5 * MIB + 99_999}"})
    assert border.content == big[5 * MIB - 9 : 5 * MIB + 100_000]
    assert [entry.path for entry in api.list_directory_contents(root)] == [f"{root}/big", f"{root}/d"]
    api.delete(f"{root}/big")
    with pytest.raises(NotFound):
        api.delete(f"{root}/big")
    assert bench.names(root) == [f"{root}/d/"]


def test_replaced_and_aborted_bytes_of_runs_go(bench: Shelf) -> None:
    home = experiment(bench)
    root = root_of(home, run(bench, home))
    for data in (b"one", b"two"):
        assert bench.fs("PUT", "files", f"{root}/a", params={"overwrite": "true"}, content=data).status_code == 204
    upload = Upload(bench, f"{root}/b")
    upload.part(1, b"x")
    assert upload.abort().status_code == 200

    async def objects() -> tuple[int, int]:
        async with bench.registry.db.write() as tx:
            await tx.run("UPDATE jobs SET run_at = 0 WHERE task = 'drop'")
            row = await tx.one(
                "SELECT id FROM artifact_sets WHERE owner_key = :key", key=f"1/run:{root.split('/')[-2]}"
            )
        assert row is not None
        return len(await bench.registry.blobs.list_set(row[0])), 0

    assert bench.run(objects())[0] == 3
    bench.work()
    assert bench.run(objects())[0] == 1
    assert bench.fs("GET", "files", f"{root}/a").content == b"two"


def test_files_by_the_credentials_api(bench: Shelf) -> None:
    home = experiment(bench)
    run_id = run(bench, home)
    fields = {"run_id": run_id, "path": ["d/a b.txt", "big"]}
    for info in bench.ok("POST", f"{V2}/artifacts/credentials-for-write", fields)["credential_infos"]:
        assert httpx.put(info["signed_uri"], content=info["path"].encode() * 100_000).status_code == 200
        assert httpx.get(info["signed_uri"]).status_code == 403
    for info in bench.ok("POST", f"{V2}/artifacts/credentials-for-read", fields)["credential_infos"]:
        assert httpx.get(info["signed_uri"]).content == info["path"].encode() * 100_000
    listed = bench.ok("GET", f"{V2}/artifacts/list", {"run_id": run_id})["files"]
    assert listed == [{"path": "big", "is_dir": False, "file_size": 300_000}, {"path": "d", "is_dir": True}]
    assert bench.names(root_of(home, run_id)) == [f"{root_of(home, run_id)}/{name}" for name in ("big", "d/")]


def test_strangers_learn_nothing_and_readers_do_not_write(bench: Shelf) -> None:
    home = experiment(bench)
    run_id = run(bench, home)
    root = root_of(home, run_id)
    bench.fs("PUT", "files", f"{root}/a", content=b"secret")
    _, token = bench.user()
    for method, kind, path in (
        ("GET", "files", f"{root}/a"),
        ("HEAD", "directories", root),
        ("PUT", "files", f"{root}/a"),
        ("DELETE", "files", f"{root}/a"),
        ("PUT", "directories", f"{root}/d"),
        ("DELETE", "directories", f"{root}/d"),
    ):
        answer = bench.fs(method, kind, path, token)
        assert answer.status_code == 404 and b"secret" not in answer.content
        unknown = bench.fs(method, kind, path.replace(run_id, "0" * 32), token)
        assert unknown.status_code == 404
        assert unknown.content.replace(b"0" * 32, run_id.encode()) == answer.content
    for route in ("create-upload-url", "create-download-url"):
        refused(bench.call("POST", f"{FS}/{route}", {"path": f"{root}/a"}, token=token), 404, "NOT_FOUND")
    assert bench.fs("GET", "files", f"{root}/a").content == b"secret"


def test_ids_that_do_not_belong_together_are_refused(bench: Shelf) -> None:
    mine, other = experiment(bench), experiment(bench)
    run_id = run(bench, mine)
    bench.fs("PUT", "files", f"{root_of(mine, run_id)}/a", content=b"1")
    for path in (
        root_of(other, run_id),
        f"{ROOT}/{mine}/LoggedModels/{run_id}/artifacts",
        f"{ROOT}/{mine}/Runs/{run_id}",
        f"{ROOT}/{mine}",
        ROOT,
        f"{ROOT}/{mine}/Runs/{run_id}/other",
    ):
        for method in ("GET", "PUT", "DELETE"):
            refused(bench.fs(method, "files", f"{path}/a", content=b"2" if method == "PUT" else None), 404, "NOT_FOUND")
    around = {"path": f"{root_of(mine, run_id)}/../../{run_id}/artifacts/a"}
    refused(bench.call("POST", f"{FS}/create-download-url", around), 400, "INVALID_PARAMETER_VALUE")


def test_a_url_ends_with_the_permission_and_the_run_stays(bench: Shelf) -> None:
    _, token = bench.user()
    home = experiment(bench, token)
    root = root_of(home, run(bench, home, token))
    down_of = {"path": f"{root}/a"}
    up = bench.ok("POST", f"{FS}/create-upload-url", down_of, token)
    assert send(up, "PUT", b"1").status_code == 200
    down = bench.ok("POST", f"{FS}/create-download-url", down_of, token)
    assert send(down, "GET").content == b"1"

    async def take_away() -> None:
        async with bench.registry.db.write() as tx:
            await tx.run("DELETE FROM experiment_permissions WHERE experiment_id = :id", id=home)

    bench.run(take_away())
    for answer in (send(down, "GET"), send(up, "PUT", b"2")):
        assert answer.status_code == 404
    assert bench.fs("GET", "files", f"{root}/a").content == b"1"
