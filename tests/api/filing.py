"""A server on a real socket over a folder or a real S3 store, and the few calls that every test of files begins with.

A test module asks for the fixtures with `pytest_plugins = ("backends", "api.filing")`.
"""

import asyncio
import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvloop
from api.serving import DATABRICKS_UC, Site
from live import free_port

from modelkeep.api.app import App
from modelkeep.cli.admin_token import create_admin_token
from modelkeep.core.operations.files import files
from modelkeep.http.server import HttpServer
from modelkeep.jobs.tasks import WorkerContext
from modelkeep.jobs.worker import Worker
from modelkeep.serve.application import application
from modelkeep.serve.listening import listeners, server_options
from modelkeep.serve.registry import Registry, opened
from modelkeep.settings import Settings

FS = "/api/2.0/fs"
Mounted = Callable[[Registry], contextlib.AbstractAsyncContextManager[App]]

LARGE = bytes(files.SMALL + 1)
"""The shortest file that is an object of its own where storage is a folder"""
MLMODEL = b"""flavors:
  python_function: {loader_module: mlflow.sklearn}
signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
  outputs: '[{"type": "long", "required": true}]'
"""


class Shelf(Site):
    """A site with shorthands for files."""

    def pending(self, name: str = "") -> str:
        """The root of a new PENDING version."""
        name = name or self.model()
        model_version = self.ok(
            "POST", f"{DATABRICKS_UC}/model-versions/create", {"name": name, "source": "models:/m-1"}
        )["model_version"]
        return f"/Models/{name.replace('.', '/')}/{model_version['version']}"

    def finalize(self, root: str) -> None:
        name, version = named(root)
        self.ok("POST", f"{DATABRICKS_UC}/model-versions/finalize", {"name": name, "version": version})

    def ready(self, files: dict[str, bytes], name: str = "") -> str:
        """The root of a READY version with these files, and an MLmodel."""
        root = self.pending(name)
        for path, data in {"MLmodel": MLMODEL, **files}.items():
            assert self.put(f"{root}/{path}", data).status_code == 200
        self.finalize(root)
        return root

    def upload_url(self, path: str, token: str | None = None) -> dict[str, Any]:
        return self.ok("POST", f"{FS}/create-upload-url", {"path": path}, token=token)

    def download_url(self, path: str, token: str | None = None) -> dict[str, Any]:
        return self.ok("POST", f"{FS}/create-download-url", {"path": path}, token=token)

    def put(self, path: str, data: bytes) -> httpx.Response:
        """As MLflow uploads: ask for a URL, then send the bytes there with nothing but its headers."""
        return send(self.upload_url(path), "PUT", data)

    def get(self, path: str) -> bytes:
        answer = send(self.download_url(path), "GET")
        assert answer.status_code == 200, answer.text
        return answer.content

    def fs(self, method: str, kind: str, path: str, token: str | None = None, **fields: Any) -> httpx.Response:
        """A call of the Files API with this path, encoded as the SDK encodes it."""
        return self.call(method, f"{FS}/{kind}{encoded(path)}", token=token, **fields)

    def names(self, directory: str) -> list[str]:
        answer = self.fs("GET", "directories", directory)
        assert answer.status_code == 200, answer.text
        return [entry["path"] + ("/" if entry["is_directory"] else "") for entry in answer.json()["contents"]]

    def work(self) -> None:
        """Do every job that is due."""
        at = WorkerContext(self.registry.db, self.registry.blobs, self.registry.auditor, 3_600_000)

        async def all_jobs() -> None:
            worker = Worker(at)
            while await worker.work_one():
                pass

        self.run(all_jobs())

    def set_of(self, root: str) -> str:
        """The artifact set of this version."""
        name, version = named(root)

        async def content() -> str:
            async with self.registry.db.read() as tx:
                row = await tx.one(
                    "SELECT v.artifact_set_id FROM model_versions v JOIN securables x ON x.id = v.model_id "
                    "WHERE x.name_key = :name AND v.version = :version",
                    name=name.rpartition(".")[2],
                    version=version,
                )
            return row[0] if row else ""

        return self.run(content())

    def objects(self, root: str) -> list[str]:
        """What storage holds for this version."""
        set_id = self.set_of(root)

        async def content() -> list[str]:
            return [listed.object for listed in await self.registry.blobs.list_set(set_id)] if set_id else []

        return self.run(content())


def named(root: str) -> tuple[str, int]:
    """The model's full name and the version."""
    _, _, *names, version = root.split("/")
    return ".".join(names), int(version)


def encoded(path: str) -> str:
    from urllib.parse import quote

    return "/".join(quote(part, safe="") for part in path.split("/"))


def send(url: dict[str, Any], method: str, data: Any = None, **headers: str) -> httpx.Response:
    """Use a URL that was handed out, without any credential."""
    fields = {header["name"]: header["value"] for header in url["headers"]}
    return httpx.request(method, url["url"], content=data, headers={**fields, **headers}, timeout=30)


@contextlib.contextmanager
def running_shelf(folder: Path, mounted: Mounted = application, **settings: Any) -> Iterator[Shelf]:
    """The product's own server configuration, on uvloop, in a thread of its own."""
    chosen = msgspec.structs.replace(
        Settings(),
        **{
            "data_dir": str(folder / "data"),
            "port": free_port(),
            "workspace": False,
            "log_level": "critical",
            "requests_per_second": 0,
            "anonymous_requests_per_second": 0,
            **settings,
        },
    )
    shelf = Shelf(chosen, asyncio.run(create_admin_token(chosen, 3_600_000)))
    started, failure, servers = threading.Event(), list[BaseException](), list[HttpServer]()

    async def serve() -> None:
        shelf.loop = asyncio.get_running_loop()
        async with opened(chosen) as shelf.registry, mounted(shelf.registry) as shelf.app:
            server = HttpServer(shelf.app, await listeners(shelf.registry.db, chosen), server_options(chosen))
            servers.append(server)
            serving = asyncio.create_task(server.serve())
            await server.started.wait()
            started.set()
            await serving

    def work() -> None:
        try:
            uvloop.run(serve())
        except BaseException as error:
            failure.append(error)
            started.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert started.wait(60)
    if failure:
        raise failure[0]
    try:
        yield shelf
    finally:
        shelf.http.close()
        shelf.loop.call_soon_threadsafe(servers[0].stop)
        thread.join(20)
        assert not thread.is_alive()


def prefix() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def folder_shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with running_shelf(tmp_path_factory.mktemp("folder")) as running:
        yield running


@pytest.fixture(scope="session")
def s3_shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    store = request.getfixturevalue("seaweedfs")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in store.env().items():
            patch.setenv(name, value)
        url = f"s3://{store.bucket}/{prefix()}"
        with running_shelf(tmp_path_factory.mktemp("s3"), storage_url=url, s3_endpoint=store.endpoint) as running:
            yield running


@pytest.fixture(params=("folder", "s3"))
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """A server over each kind of storage."""
    return request.getfixturevalue(f"{request.param}_shelf")
