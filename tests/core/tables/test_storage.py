"""Where managed tables lie, and credentials for one folder: settings, roles, answers of the STS that are used again."""

import asyncio
import time
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from world import World, name, new_place, world

from modelkeep import limits
from modelkeep.blobs.folder_credentials import FolderCredentials, StorageRole
from modelkeep.blobs.port import TemporaryCredentials
from modelkeep.blobs.sts import StsClient, folder_policy
from modelkeep.core.context import Ctx, ServiceCtx
from modelkeep.core.operations.tables import storage
from modelkeep.domain.errors import BadSetting, InvalidArgument, WrongState
from modelkeep.domain.storage_urls import StorageUrl, parse_storage_url
from modelkeep.limits import TABLE_PURGE_DELAY_MS
from modelkeep.serve.parts import tables_root
from modelkeep.settings import Settings
from modelkeep.store import storage_paths
from modelkeep.store.db import now_ms


class StubSts:
    """Counts sessions instead of assuming roles."""

    seconds = 900

    def __init__(self) -> None:
        self.policies: list[dict[str, Any]] = []

    async def assume(self, role_arn: str, policy: dict[str, Any], holder: str, **_: str) -> TemporaryCredentials:
        self.policies.append(policy)
        number = len(self.policies)
        return TemporaryCredentials(f"key{number}", "secret", "token", int(time.time() + self.seconds) * 1000)


def folders(stub: StubSts, clock: Any = time.time) -> FolderCredentials:
    return FolderCredentials(cast(StsClient, stub), clock)


ROLE = StorageRole("arn:aws:iam::1:role/tables")


def test_an_answer_is_used_again_for_half_of_its_life_by_the_same_caller_alone() -> None:
    stub, clock = StubSts(), [time.time()]
    cache = folders(stub, lambda: clock[0])
    url = parse_storage_url("s3://bucket/t/1")

    def recent(holder: str, folder: StorageUrl = url, *, write: bool = False, role: StorageRole = ROLE) -> Any:
        return cache.recent(role, folder, holder, write=write)

    first = asyncio.run(cache.issue(ROLE, url, "alice", "alice@x", write=False))
    assert recent("alice") == first
    assert recent("bob") is None and recent("alice", write=True) is None
    assert recent("alice", parse_storage_url("s3://bucket/t/2")) is None
    assert recent("alice", role=StorageRole("arn:aws:iam::1:role/other")) is None
    clock[0] += stub.seconds / 2 - 5
    assert recent("alice") == first
    clock[0] += 10
    assert recent("alice") is None


def test_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STS_ANSWERS", 3)
    cache = folders(StubSts())
    urls = [parse_storage_url(f"s3://bucket/t/{number}") for number in range(5)]
    for url in urls:
        asyncio.run(cache.issue(ROLE, url, "alice", "alice", write=False))
    assert [cache.recent(ROLE, url, "alice", write=False) is None for url in urls] == [True, True, False, False, False]


@pytest.mark.parametrize("path", ["t/1", "we*rd/${aws:username}/t?", "a$b", "*", "${*}"])
def test_a_policy_is_about_one_folder_whatever_its_name_holds(path: str) -> None:
    policy = folder_policy("bucket", path, write=True)
    (objects, listing) = policy["Statement"]
    literal = path.replace("$", "\0").replace("*", "${*}").replace("?", "${?}").replace("\0", "${$}")
    assert objects["Resource"] == [f"arn:aws:s3:::bucket/{literal}", f"arn:aws:s3:::bucket/{literal}/*"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": [literal, f"{literal}/*"]}}
    assert set(folder_policy("bucket", path, write=False)["Statement"][0]["Action"]) == {"s3:GetObject"}


# --- the setting -----------------------------------------------------------------------------------------------------


def test_a_root_is_an_existing_folder_or_a_bucket(tmp_path: Path) -> None:
    assert tables_root(Settings()) is None
    (tmp_path / "tables").mkdir()
    root = tables_root(Settings(tables_url=f"file://{tmp_path}/tables/", data_dir=str(tmp_path / "data")))
    assert str(root) == f"file://{tmp_path}/tables"
    assert str(tables_root(Settings(tables_url="s3://bucket/tables"))) == "s3://bucket/tables"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file://{tmp}/none", "is no directory"),
        ("file://{tmp}/data", "overlaps the data directory"),
        ("file://{tmp}/data/tables", "overlaps the data directory"),
        ("file://{tmp}/link", "overlaps the data directory"),
        ("file://{tmp}", "overlaps the data directory"),
        ("file://{tmp}/shared", "overlaps MODELKEEP_SHARED_FOLDER"),
        ("s3://models/files/tables", "overlaps MODELKEEP_STORAGE_URL"),
        ("s3://models", "overlaps MODELKEEP_STORAGE_URL"),
        ("s3://models/a/../files", "empty part"),
        ("gs://bucket/x", "is not supported"),
        ("s3://user:secret@bucket/x", "names no bucket"),
        ("tables", "is not supported"),
    ],
)
def test_a_root_that_is_missing_or_part_of_other_storage_is_refused(url: str, words: str, tmp_path: Path) -> None:
    for folder in ("data/tables", "shared"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    settings = Settings(
        tables_url=url.format(tmp=tmp_path),
        data_dir=str(tmp_path / "data"),
        shared_folder=str(tmp_path / "shared"),
        storage_url="s3://models/files",
    )
    with pytest.raises(BadSetting, match=words):
        tables_root(settings)


# --- locations and vending -------------------------------------------------------------------------------------------


async def _ctx(w: World, tx: Any, **config: Any) -> Any:
    known = msgspec.structs.replace(w.engine.config, **config)
    return Ctx(tx, w.db.dialect, await w.actor("alice"), now_ms(), known)


async def _locations(folder: Path) -> None:
    async with world(await new_place(folder)) as w:
        schema = await w.schema("prod.ml")
        catalog = await w.find("prod")
        async with w.db.read() as tx:
            with pytest.raises(InvalidArgument, match="no storage for managed tables"):
                await storage.managed_location(await _ctx(w, tx), schema, "id1")
            ctx = await _ctx(w, tx, tables_root=parse_storage_url("s3://bucket/tables"))
            assert str(await storage.managed_location(ctx, schema, "id1")) == "s3://bucket/tables/tables/id1"
        for owner, folder_name in ((catalog, "catalogs"), (schema, "schemas")):
            async with w.db.write() as tx:
                await tx.run(
                    "UPDATE securables SET spec = :spec WHERE id = :id",
                    spec='{"storage_root": "s3://other/root"}',
                    id=owner.id,
                )
            async with w.db.read() as tx:
                ctx = await _ctx(w, tx, tables_root=parse_storage_url("s3://bucket/tables"))
                location = str(await storage.managed_location(ctx, schema, "id1"))
            assert location == f"s3://other/root/__unitystorage/{folder_name}/{owner.id}/tables/id1"


def test_the_schemas_root_comes_before_the_catalogs_and_that_before_the_deployments(tmp_path: Path) -> None:
    asyncio.run(_locations(tmp_path))


async def _vendings(folder: Path) -> None:
    async with world(await new_place(folder)) as w:
        stub = StubSts()
        services = msgspec.structs.replace(w.engine.services, folders=folders(stub))
        async with w.db.read() as tx:
            ctx = await _ctx(w, tx, tables_root=parse_storage_url("s3://bucket"), storage_role=ROLE.arn)
            read = await storage.folder_grant(ctx, "t1", "s3://bucket/tables/t1", write=False)
            write = await storage.folder_grant(ctx, "t1", "s3a://bucket/tables/t1/", write=True)
            local = await storage.folder_grant(ctx, "t2", "file:/data/t2", write=True)
            for outside in (
                "s3://bucket/tables2/t3",
                "s3://other/x",
                "s3://bucket/tables/t1",
                "s3://bucket/t3",
                "s3://bucket/tables/t3/x",
            ):
                with pytest.raises(InvalidArgument, match="not created under an external location"):
                    await storage.folder_grant(ctx, "t3", outside, write=False)
        outer = ServiceCtx(ctx.actor, ctx.now, ctx.config, services)
        first = await storage.vend(outer, w.db, write)
        assert await storage.vend(outer, w.db, write) == first and len(stub.policies) == 1
        assert (await storage.vend(outer, w.db, read)).credentials != first.credentials
        assert await storage.vend(outer, w.db, local) == storage.VendedStorage("file:///data/t2", True)
        async with w.db.read() as tx:
            assert await storage_paths.write_expiry(tx, "t1") == first.expires_at
            assert await storage.purge_not_before(tx, "t1", now_ms()) == first.expires_at
            assert await storage.purge_not_before(tx, "t2", 5) == 5 + TABLE_PURGE_DELAY_MS
        nothing = ServiceCtx(ctx.actor, ctx.now, ctx.config, msgspec.structs.replace(services, folders=None))
        with pytest.raises(WrongState, match="knows no STS"):
            await storage.vend(nothing, w.db, read)


def test_credentials_that_write_are_on_record_before_they_are_handed_out(tmp_path: Path) -> None:
    asyncio.run(_vendings(tmp_path))
    assert name("a.b.c!TABLE").kind == "TABLE"
