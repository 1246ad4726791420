"""Files through a shared folder, as `uc:` clients move them: who is told of which directory, and what becomes of it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from api.filing import MLMODEL, Shelf, running_shelf
from api.serving import DATABRICKS_UC, UC, refused

from modelkeep.jobs.tasks import clear_shared, reap
from modelkeep.serve.process import background

pytest_plugins = ("api.filing",)

OSS, OTHERS = "mlflow-python-client/3.17.2", "databricks-sdk-py/0.156.0"


class Exchange(Shelf):
    """A server with a shared folder."""

    def oss(self, method: str, path: str, fields: Any = None, token: str | None = None, agent: str = OSS) -> Any:
        return self.call(method, f"{UC}/{path}", fields, token=token, headers={"user-agent": agent})

    def created(self, name: str = "", token: str | None = None) -> tuple[str, int, Path]:
        """A new version: (model, number, directory to write into)."""
        name = name or self.model()
        catalog, schema, model = name.split(".")
        body = {"catalog_name": catalog, "schema_name": schema, "model_name": model, "source": "runs:/r/m"}
        answer = self.oss("POST", "models/versions", body, token)
        assert answer.status_code == 200, answer.text
        return name, answer.json()["version"], there(answer.json()["storage_location"])

    def finalized(self, files: dict[str, bytes]) -> tuple[str, int, Path]:
        name, number, directory = self.created()
        for path, data in {"MLmodel": MLMODEL, **files}.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(data)
        answer = self.oss("PATCH", f"models/{name}/versions/{number}/finalize")
        assert (answer.status_code, answer.json().get("status")) == (200, "READY"), answer.text
        return name, number, directory

    def message_of(self, name: str, number: int, token: str | None = None, agent: str = OSS) -> str:
        answer = self.oss("GET", f"models/{name}/versions/{number}", token=token, agent=agent)
        assert answer.status_code == 200, answer.text
        return answer.json()["storage_location"]

    def reap(self) -> None:
        at = background(self.registry)
        self.run(reap(at))
        if at.shared is not None:
            self.run(clear_shared(at, at.shared))

    @property
    def folder(self) -> Path:
        return Path(self.settings.shared_folder)


def there(uri: str) -> Path:
    assert uri.startswith("file:///"), uri
    return Path(unquote(urlsplit(uri).path))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    folder = tmp_path_factory.mktemp("exchange")
    (folder / "with space & more").mkdir()
    with running_shelf(folder, shared_folder=str(folder / "with space & more")) as running:
        running.__class__ = Exchange
        assert isinstance(running, Exchange)
        yield running


def test_write_finalize_read(shelf: Exchange) -> None:
    files = {"weights": b"x" * 2_000_000, "sub/größe & mehr": b"y"}
    name, number, directory = shelf.finalized(files)
    place = there(shelf.message_of(name, number))
    assert place != directory
    fields = {str(p.relative_to(place)): p.read_bytes() for p in place.rglob("*") if p.is_file()}
    assert fields == {"MLmodel": MLMODEL, **files, "registered_model_meta": b""}
    assert there(shelf.message_of(name, number)) == place
    # The same files by URLs, hashed.
    root = f"/Models/{name.replace('.', '/')}/{number}"
    assert shelf.get(f"{root}/sub/größe & mehr") == b"y"


def test_what_was_finalized_stays_whatever_is_in_the_folder(shelf: Exchange) -> None:
    name, number, directory = shelf.finalized({"weights": b"good"})
    (directory / "weights").write_bytes(b"evil")
    (directory / "more").write_bytes(b"evil")
    assert shelf.oss("PATCH", f"models/{name}/versions/{number}/finalize").status_code == 200
    place = there(shelf.message_of(name, number))
    assert (place / "weights").read_bytes() == b"good"
    assert not (place / "more").exists()
    shelf.reap()
    assert not directory.exists()
    assert place.exists()


def test_directories_are_told_only_to_whom_they_are_for(shelf: Exchange) -> None:
    name, number, directory = shelf.created()
    user, token = shelf.user()
    stable = f"dbfs:/Models/{name.replace('.', '/')}/{number}"
    catalog = name.partition(".")[0]
    shelf.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    refused(shelf.oss("GET", f"models/{name}/versions/{number}", token=token), 403, "PERMISSION_DENIED", "EXECUTE")
    shelf.allow(user, "function", name, "EXECUTE")
    assert shelf.message_of(name, number, token) == stable  # PENDING: a reader is not told where to write
    (directory / "MLmodel").write_bytes(MLMODEL)
    answer = shelf.oss("PATCH", f"models/{name}/versions/{number}/finalize").json()
    assert answer["storage_location"] == stable
    listed = shelf.oss("GET", f"models/{name}/versions", token=token).json()["model_versions"]
    assert [version["storage_location"] for version in listed] == [stable]
    browsed = shelf.oss("GET", f"models/{name}/versions/{number}", {"include_browse": "true"}, token).json()
    assert browsed["storage_location"] == stable
    assert not list(shelf.folder.glob(f"read-{answer['id']}-*"))
    assert there(shelf.message_of(name, number, token)).is_dir()
    assert shelf.message_of(name, number, token, OTHERS) == stable
    fields = {"name": name, "version": str(number)}
    for agent in (OSS, OTHERS):
        body = shelf.call("GET", f"{DATABRICKS_UC}/model-versions/get", fields, headers={"user-agent": agent}).json()
        assert body["model_version"]["storage_location"] == stable

    async def recorded() -> list[Any]:
        await shelf.registry.auditor.flush(minute_over=True)
        async with shelf.registry.db.read() as tx:
            return await tx.all("SELECT event FROM audit WHERE actor = :user", user=user)

    assert ("version.vend_read",) in {tuple(row) for row in shelf.run(recorded())}


def test_credentials_are_none_and_still_authorized(shelf: Exchange) -> None:
    name, number, _ = shelf.created()
    catalog, schema, model = name.split(".")
    body = {"catalog_name": catalog, "schema_name": schema, "model_name": model, "version": number}
    body |= {"operation": "READ_WRITE_MODEL_VERSION"}
    assert "aws_temp_credentials" not in shelf.oss("POST", "temporary-model-version-credentials", body).json()
    _, stranger = shelf.user()
    denied = shelf.oss("POST", "temporary-model-version-credentials", body, stranger)
    refused(denied, 403, "PERMISSION_DENIED")
    denied = shelf.oss("POST", "models/versions", {**body, "source": "x"}, stranger)
    refused(denied, 403, "PERMISSION_DENIED")


@pytest.mark.parametrize("kind", ["link", "pipe", "hard link"])
def test_a_way_out_of_the_folder_is_refused_and_nothing_is_kept(shelf: Exchange, kind: str) -> None:
    name, number, directory = shelf.created()
    database = shelf.settings.data / "modelkeep.db"
    (directory / "MLmodel").write_bytes(MLMODEL)
    evil = directory / "zz"
    {"link": evil.symlink_to, "hard link": evil.hardlink_to, "pipe": lambda _: os.mkfifo(evil)}[kind](database)
    answer = shelf.oss("PATCH", f"models/{name}/versions/{number}/finalize")
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "'zz'")
    shelf.work()  # what was read before is freed
    evil.unlink()
    assert shelf.oss("PATCH", f"models/{name}/versions/{number}/finalize").json()["status"] == "READY"


def test_a_name_that_no_url_would_be_made_for_is_refused(shelf: Exchange) -> None:
    name, number, directory = shelf.created()
    (directory / "MLmodel").write_bytes(MLMODEL)
    (directory / "%2e%2e").write_bytes(b"x")
    answer = shelf.oss("PATCH", f"models/{name}/versions/{number}/finalize")
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "artifact path")


def test_directories_go_with_their_versions(shelf: Exchange) -> None:
    name, number, directory = shelf.created()
    other, ready, _ = shelf.finalized({})
    place = there(shelf.message_of(other, ready))
    shelf.reap()
    assert directory.exists()
    assert place.exists()
    os.utime(place, (0, 0))  # not asked for in a long time
    shelf.reap()
    assert not place.exists()
    assert there(shelf.message_of(other, ready)) == place
    for model, version in ((name, number), (other, ready)):
        assert shelf.oss("DELETE", f"models/{model}/versions/{version}").status_code == 200
    shelf.reap()
    assert not directory.exists()
    assert not place.exists()
