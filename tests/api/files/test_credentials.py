"""Temporary credentials over a real store, whose STS enforces them: what they open, and everything that they must not."""

import asyncio
import contextlib
import itertools
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from api.filing import MLMODEL, Shelf, named, running_shelf
from api.serving import DATABRICKS_UC, UC, refused
from botocore.exceptions import ClientError

from modelkeep.blobs.port import ListedObject
from modelkeep.blobs.s3 import S3Blobs
from modelkeep.blobs.sts import Sts, escaped, session_name, session_policy
from modelkeep.domain.errors import InvalidArgument, Unavailable
from modelkeep.jobs.check import findings
from modelkeep.jobs.tasks import unstage
from modelkeep.serve.parts import issuer
from modelkeep.serve.process import background
from modelkeep.settings import Settings

if TYPE_CHECKING:
    from backends import Seaweed

pytest_plugins = ("backends", "api.filing")

OSS = {"user-agent": "mlflow-python-client/3.17.2"}
READ, WRITE = "READ_MODEL_VERSION", "READ_WRITE_MODEL_VERSION"
Call = Callable[[], Any]


class Vending(Shelf):
    """A server over the store, with its role."""

    store: "Seaweed"

    def credentials(self, root: str, operation: str, token: str | None = None) -> Any:
        name, version = named(root)
        catalog, schema, model = name.split(".")
        body = {"catalog_name": catalog, "schema_name": schema, "model_name": model, "version": version}
        path = f"{UC}/temporary-model-version-credentials"
        return self.call("POST", path, {**body, "operation": operation}, token=token)

    def s3(self, root: str, operation: str) -> Any:
        """A client of the store with nothing but what was handed out for this version."""
        answer = self.credentials(root, operation)
        assert answer.status_code == 200, answer.text
        return client(self.store, answer.json()["aws_temp_credentials"])

    def place(self, root: str) -> tuple[str, str]:
        """(bucket, prefix with a slash at its end) of a version, as `uc:` clients are told."""
        name, version = named(root)
        body = self.call("GET", f"{UC}/models/{name}/versions/{version}", headers=OSS).json()
        bucket, _, prefix = body["storage_location"].removeprefix("s3://").partition("/")
        return bucket, f"{prefix}/"

    def by_credentials(self, files: dict[str, bytes]) -> str:
        """A PENDING version with these files, uploaded with its credentials alone."""
        root = self.pending()
        s3, (bucket, prefix) = self.s3(root, WRITE), self.place(root)
        for path, data in files.items():
            s3.put_object(Bucket=bucket, Key=prefix + path, Body=data)
        return root

    def keys(self, prefix: str) -> list[str]:
        """What the store holds there, as its operator sees it."""
        objects_v2 = operator(self.store).list_objects_v2(Bucket=self.store.bucket, Prefix=prefix)
        return [entry["Key"] for entry in objects_v2.get("Contents", ())]


def client(store: "Seaweed", keys: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
        aws_session_token=keys.get("session_token"),
    )


def operator(store: "Seaweed") -> Any:
    return client(store, {"access_key_id": store.access_key, "secret_access_key": store.secret_key})


@contextlib.contextmanager
def vending(store: "Seaweed", folder: Path, root: str) -> Iterator[Vending]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in store.env().items():
            patch.setenv(name, value)
        settings: dict[str, Any] = {"storage_url": f"s3://{store.bucket}/{root}", "s3_endpoint": store.endpoint}
        with running_shelf(folder, s3_role_arn=store.role, **settings) as running:
            running.__class__ = Vending
            assert isinstance(running, Vending)
            running.store = store
            yield running


@pytest.fixture(scope="module")
def shelf(seaweedfs: "Seaweed", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vending]:
    with vending(seaweedfs, tmp_path_factory.mktemp("vending"), f"t{uuid.uuid4().hex[:12]}/models") as running:
        yield running


def denied(call: Call) -> None:
    with pytest.raises(ClientError) as raised:
        call()
    code = raised.value.response["Error"]["Code"]
    assert code in ("AccessDenied", "403", "InvalidRequest"), raised.value


# --- what they are for -----------------------------------------------------------------------------------------------


def test_write_finalize_read(shelf: Vending) -> None:
    root = shelf.by_credentials({"MLmodel": MLMODEL, "sub/größe & 'mehr'.bin": b"x" * 1000})
    _, staging = shelf.place(root)
    shelf.finalize(root)
    bucket, frozen = shelf.place(root)
    assert frozen != staging
    s3 = shelf.s3(root, READ)
    assert s3.get_object(Bucket=bucket, Key=f"{frozen}sub/größe & 'mehr'.bin")["Body"].read() == b"x" * 1000
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=frozen, Delimiter="/")
    assert [entry["Key"] for entry in listed["Contents"]] == [f"{frozen}MLmodel"]
    assert [entry["Prefix"] for entry in listed["CommonPrefixes"]] == [f"{frozen}sub/"]
    # The same files by URLs, and with their hashes once the job has read them.
    assert shelf.get(f"{root}/sub/größe & 'mehr'.bin") == b"x" * 1000
    assert set(shelf.names(root)) == {f"{root}/MLmodel", f"{root}/sub/"}


def test_one_answer_serves_clients_of_both_kinds(shelf: Vending) -> None:
    root = shelf.ready({})
    name, version = named(root)
    fields = {"name": name, "version": str(version), "operation": "MODEL_VERSION_OPERATION_READ"}
    credentials = shelf.b("POST", "model-versions/generate-temporary-credentials", fields).json()["credentials"]
    assert credentials["storage_mode"] == "DEFAULT_STORAGE"
    assert set(credentials["aws_temp_credentials"]) == {"access_key_id", "secret_access_key", "session_token"}
    assert credentials["expiration_time"] > 1_700_000_000_000
    native = shelf.credentials(root, READ).json()
    assert native["storage_mode"] == "DEFAULT_STORAGE"
    assert set(native["aws_temp_credentials"]) == set(credentials["aws_temp_credentials"])


def test_only_clients_without_urls_are_told_of_the_store(shelf: Vending) -> None:
    root = shelf.ready({})
    name, version = named(root)
    assert shelf.place(root)[0] == shelf.store.bucket
    for path, field in (("get-download-uri", "artifact_uri"), ("get", "storage_location")):
        for agent, scheme in (("mlflow-python-client/2.11.4", "s3:"), ("databricks-sdk-py/0.156.0", "dbfs:")):
            query = {"name": name, "version": str(version)}
            headers = {"user-agent": agent}
            body = shelf.call("GET", f"{DATABRICKS_UC}/model-versions/{path}", query, headers=headers).json()
            assert body.get("model_version", body)[field].startswith(scheme), (path, agent)


def test_urls_go_on_as_ever_beside_credentials(shelf: Vending) -> None:
    """The newest clients are handed credentials, too, and do not use them: nothing is copied for them."""
    root = shelf.pending()
    assert shelf.credentials(root, WRITE).json()["storage_mode"] == "DEFAULT_STORAGE"
    before = shelf.objects(root)
    assert shelf.put(f"{root}/MLmodel", MLMODEL).status_code == 200
    set_before = shelf.set_of(root)
    shelf.finalize(root)
    assert (before, shelf.objects(root), shelf.set_of(root)) == ([], ["MLmodel"], set_before)


def test_files_may_not_come_in_two_ways(shelf: Vending) -> None:
    root = shelf.by_credentials({"MLmodel": MLMODEL})
    assert shelf.put(f"{root}/more.bin", b"x").status_code == 200
    name, version = named(root)
    answer = shelf.b("POST", "model-versions/finalize", {"name": name, "version": version})
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "two ways")


def test_a_large_object_is_copied_in_parts(shelf: Vending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3Blobs, "copy_limit", 5 * 1024 * 1024)
    data = b"0123456789abcdef" * 700_000  # 11 MB: three parts
    root = shelf.by_credentials({"MLmodel": MLMODEL, "large.bin": data, "empty": b""})
    shelf.finalize(root)
    assert shelf.get(f"{root}/large.bin") == data
    assert shelf.get(f"{root}/empty") == b""


def test_a_finalize_that_is_repeated_goes_on_with_the_copy(shelf: Vending, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request lasts as long as the copy may: the client repeats it, as MLflow's do after a 503."""
    root, copied = shelf.by_credentials({"MLmodel": MLMODEL, "a": b"1", "b": b"2"}), list[str]()
    name, version = named(root)
    plain, copies = S3Blobs.copy, shelf.registry.engine.services.copies

    async def slow(self: S3Blobs, set_id: str, objects: Sequence[ListedObject], target: str) -> None:
        copied.append(target)
        await asyncio.sleep(2)
        await plain(self, set_id, objects, target)

    monkeypatch.setattr(S3Blobs, "copy", slow)
    monkeypatch.setattr(copies, "wait_s", 0.3)

    def finalize() -> httpx.Response:
        return shelf.b("POST", "model-versions/finalize", {"name": name, "version": version})

    first = finalize()
    assert "Finalize again" in refused(first, 503, "TEMPORARILY_UNAVAILABLE") and int(first.headers["retry-after"]) > 0
    with ThreadPoolExecutor(2) as pool:
        again = [answer.status_code for answer in pool.map(lambda _: finalize(), range(2))]
    while again[-1] == 503 and len(again) < 40:
        again.append(finalize().status_code)
    assert (set(again), again[-1], len(copied)) == ({503, 200}, 200, 1), (again, copied)
    assert finalize().status_code == 200
    assert {path: shelf.get(f"{root}/{path}") for path in shelf.objects(root)} == {
        "MLmodel": MLMODEL,
        "a": b"1",
        "b": b"2",
    }


# --- who may ---------------------------------------------------------------------------------------------------------


def test_each_is_authorized_and_recorded(shelf: Vending) -> None:
    root, pending = shelf.ready({}), shelf.pending()
    user, token = shelf.user()
    name, _ = named(root)
    catalog = name.partition(".")[0]
    for path, operation in ((root, READ), (pending, WRITE)):
        refused(shelf.credentials(path, operation, token), 403, "PERMISSION_DENIED")
    shelf.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    refused(shelf.credentials(root, READ, token), 403, "PERMISSION_DENIED", "EXECUTE")
    shelf.allow(user, "function", name, "EXECUTE")
    assert "aws_temp_credentials" in shelf.credentials(root, READ, token).json()
    again = shelf.pending(name)
    refused(shelf.credentials(again, WRITE, token), 403, "PERMISSION_DENIED")
    shelf.allow(user, "function", name, "CREATE_MODEL_VERSION")
    assert "aws_temp_credentials" in shelf.credentials(again, WRITE, token).json()

    async def recorded() -> list[Any]:
        await shelf.registry.auditor.flush(minute_over=True)
        async with shelf.registry.db.read() as tx:
            return await tx.all("SELECT event FROM audit WHERE actor = :user", user=user)

    events = [row[0] for row in shelf.run(recorded())]
    assert {"version.vend_read", "version.vend_write"} <= set(events), events


def test_only_in_the_right_state(shelf: Vending) -> None:
    pending, ready = shelf.pending(), shelf.ready({})
    refused(shelf.credentials(pending, READ), 400, "INVALID_STATE", "READY")
    refused(shelf.credentials(ready, WRITE), 400, "INVALID_STATE", "final")


# --- attacks ---------------------------------------------------------------------------------------------------------


def test_reading_one_version_opens_no_other_and_changes_nothing(shelf: Vending) -> None:
    mine, other = shelf.ready({"secret.bin": b"mine"}), shelf.ready({"secret.bin": b"theirs"})
    bucket, own = shelf.place(mine)
    _, theirs = shelf.place(other)
    above = own.rpartition("/models/")[0]
    s3, at = shelf.s3(mine, READ), {"Bucket": bucket}
    for call in (
        lambda: s3.get_object(**at, Key=f"{theirs}secret.bin"),
        lambda: s3.head_object(**at, Key=f"{theirs}secret.bin"),
        lambda: s3.get_object(**at, Key=f"{own}../{theirs.split('/')[-2]}/secret.bin"),
        lambda: s3.list_objects_v2(**at, Prefix=theirs),
        lambda: s3.list_objects_v2(**at, Prefix=above),
        lambda: s3.list_objects_v2(**at, Prefix=own[:-1]),
        lambda: s3.list_objects_v2(**at),
        lambda: s3.list_object_versions(**at),
        lambda: s3.put_object(**at, Key=f"{own}secret.bin", Body=b"evil"),
        lambda: s3.put_object(**at, Key=f"{own}new.bin", Body=b"evil"),
        lambda: s3.delete_object(**at, Key=f"{own}secret.bin"),
        lambda: s3.create_multipart_upload(**at, Key=f"{own}new.bin"),
        lambda: s3.copy_object(**at, Key=f"{own}new.bin", CopySource={**at, "Key": f"{theirs}secret.bin"}),
        lambda: s3.put_bucket_policy(**at, Policy=json.dumps(session_policy(bucket, "", write=True))),
    ):
        denied(call)
    assert not s3.list_objects_v2(**at, Prefix=f"{own}../").get("Contents")
    assert not s3.list_buckets().get("Buckets")
    assert s3.delete_objects(**at, Delete={"Objects": [{"Key": f"{own}secret.bin"}]})["Errors"]
    assert shelf.get(f"{mine}/secret.bin") == b"mine"
    assert shelf.get(f"{other}/secret.bin") == b"theirs"


def test_writing_one_version_reaches_no_other(shelf: Vending) -> None:
    other = shelf.ready({"secret.bin": b"theirs"})
    neighbour = shelf.by_credentials({"MLmodel": MLMODEL})
    _, theirs = shelf.place(other)
    _, staged = shelf.place(neighbour)
    mine = shelf.pending()
    s3, (bucket, own) = shelf.s3(mine, WRITE), shelf.place(mine)
    at = {"Bucket": bucket}
    for prefix in (theirs, staged):
        denied(lambda prefix=prefix: s3.put_object(**at, Key=f"{prefix}MLmodel", Body=b"evil"))
        denied(lambda prefix=prefix: s3.get_object(**at, Key=f"{prefix}MLmodel"))
        denied(lambda prefix=prefix: s3.delete_object(**at, Key=f"{prefix}MLmodel"))
        denied(lambda prefix=prefix: s3.list_objects_v2(**at, Prefix=prefix))
        denied(lambda prefix=prefix: s3.create_multipart_upload(**at, Key=f"{prefix}large"))
    denied(lambda: s3.copy_object(**at, Key=f"{own}x", CopySource={**at, "Key": f"{theirs}secret.bin"}))
    denied(lambda: s3.put_object(**at, Key=f"{own}../{theirs.split('/')[-2]}/MLmodel", Body=b"evil"))
    denied(lambda: s3.put_object(**at, Key="anywhere", Body=b"evil"))


def test_what_was_finalized_stays_whatever_its_writer_still_holds(shelf: Vending) -> None:
    root = shelf.by_credentials({"MLmodel": MLMODEL, "weights": b"good"})
    s3, (bucket, staging) = shelf.s3(root, WRITE), shelf.place(root)
    shelf.finalize(root)
    _, frozen = shelf.place(root)
    s3.put_object(Bucket=bucket, Key=f"{staging}weights", Body=b"evil")  # still his, and nobody's model
    denied(lambda: s3.put_object(Bucket=bucket, Key=f"{frozen}weights", Body=b"evil"))
    denied(lambda: s3.get_object(Bucket=bucket, Key=f"{frozen}weights"))
    denied(lambda: s3.delete_object(Bucket=bucket, Key=f"{frozen}weights"))
    shelf.finalize(root)  # again: nothing happens
    assert shelf.get(f"{root}/weights") == b"good"
    assert shelf.s3(root, READ).get_object(Bucket=bucket, Key=f"{frozen}weights")["Body"].read() == b"good"


def test_finalizing_twice_at_once_while_the_files_change(shelf: Vending) -> None:
    """Whichever finalize wins: the files are those that it checked, and what the other one copied is in nobody's model."""
    root = shelf.by_credentials({"MLmodel": MLMODEL, **{f"part-{n}": b"first" for n in range(20)}})
    s3, (bucket, staging) = shelf.s3(root, WRITE), shelf.place(root)
    name, version = named(root)
    stop = threading.Event()

    def rewrite() -> None:
        for n in itertools.cycle(range(20)):
            if stop.is_set():
                return
            s3.put_object(Bucket=bucket, Key=f"{staging}part-{n}", Body=b"later")

    def finalize() -> int:
        return shelf.b("POST", "model-versions/finalize", {"name": name, "version": version}).status_code

    with ThreadPoolExecutor(4) as pool:
        writer = pool.submit(rewrite)
        done = list(pool.map(lambda _: finalize(), range(3)))
        stop.set()
        writer.result()
    assert set(done) <= {200, 400, 409}, done
    if 200 not in done:  # each met a change: once they have stopped, it goes through
        assert finalize() == 200
    before = {path: shelf.get(f"{root}/{path}") for path in shelf.objects(root)}
    assert set(before) == {"MLmodel", *(f"part-{n}" for n in range(20))}
    for n in range(20):
        s3.put_object(Bucket=bucket, Key=f"{staging}part-{n}", Body=b"evil")
    assert finalize() == 200
    assert {path: shelf.get(f"{root}/{path}") for path in shelf.objects(root)} == before


def test_names_that_only_credentials_can_write_are_refused(shelf: Vending) -> None:
    for path in ("a//b", "nul/%2e%2e/up", "dots/．．/up", "x%2f..%2fy"):
        root = shelf.by_credentials({"MLmodel": MLMODEL, path: b"x"})
        name, version = named(root)
        answer = shelf.b("POST", "model-versions/finalize", {"name": name, "version": version})
        if answer.status_code == 200:  # the store itself made a plain name of it
            assert path not in shelf.objects(root)
            continue
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "artifact path")
        assert shelf.call("GET", f"{UC}/models/{name}/versions/{version}").json()["status"] == "PENDING_REGISTRATION"


def test_names_that_credentials_wrote_come_back_as_they_were(shelf: Vending) -> None:
    names = (
        "sub/\x01bell",
        "w:0/part",
        "tab\there",
        "計画：案",
        "%5cway",
        "\u202eright",
        "C#/a?b",
        "e\u0301",
        "\u00e9",
    )
    root = shelf.by_credentials({"MLmodel": MLMODEL, **{name: name.encode() for name in names}})
    shelf.finalize(root)
    for name in names:
        assert shelf.get(f"{root}/{name}") == name.encode()
    model, version = named(root)
    model_version = shelf.b("GET", "model-versions/get", {"name": model, "version": str(version)}).json()[
        "model_version"
    ]
    assert "'C#'" in model_version["status_message"] and "x01bell" in model_version["status_message"]


def test_staging_is_freed_once_nobody_can_write_there(shelf: Vending) -> None:
    root = shelf.by_credentials({"MLmodel": MLMODEL})
    _, staging = shelf.place(root)
    staged, at = staging.split("/")[-2], background(shelf.registry)
    assert shelf.run(unstage(at, staged)) is not None  # PENDING
    shelf.finalize(root)
    assert shelf.run(unstage(at, staged)) is not None  # the credentials still live
    shelf.work()
    assert shelf.keys(staging)

    async def long_ago() -> None:
        async with shelf.registry.db.write() as tx:
            await tx.run("UPDATE artifact_sets SET created_at = 0 WHERE id = :id", id=staged)

    shelf.run(long_ago())
    assert shelf.run(unstage(at, staged)) is None
    shelf.work()
    assert not shelf.keys(staging)
    assert shelf.get(f"{root}/MLmodel") == MLMODEL


def test_database_and_storage_agree_after_all_this(shelf: Vending) -> None:
    root = shelf.by_credentials({"MLmodel": MLMODEL})
    shelf.by_credentials({"MLmodel": MLMODEL})  # and one that is never finalized
    shelf.finalize(root)
    shelf.work()

    async def disagreements() -> list[str]:
        return [text async for text in findings(shelf.registry.db, shelf.registry.blobs)]

    assert shelf.run(disagreements()) == []


# --- policies --------------------------------------------------------------------------------------------------------


def test_a_policy_takes_every_character_for_itself() -> None:
    assert escaped("a*b?c$d{e}${x}") == "a${*}b${?}c${$}d{e}${$}{x}"
    policy = session_policy("bucket", "ro*ot/set/", write=False)
    assert policy["Statement"][0]["Resource"] == ["arn:aws:s3:::bucket/ro${*}ot/set/*"]
    assert policy["Statement"][1]["Condition"] == {"StringLike": {"s3:prefix": ["ro${*}ot/set/*"]}}
    assert len(json.dumps(session_policy("b" * 63, f"{'r' * 200}/{'s' * 36}/", write=True))) < 2048
    assert session_name("müller+x@y.io") == "m-ller+x@y.io"
    assert (session_name(""), len(session_name("x" * 300))) == ("--", 64)


@pytest.mark.parametrize("special", ["*", "$", "{", "${x}"])
def test_a_prefix_with_wildcards_opens_nothing_that_resembles_it(
    seaweedfs: "Seaweed", tmp_path: Path, special: str
) -> None:
    """AWS reads the escapes. A store that does not, such as this one, denies; it never opens more."""
    base = f"t{uuid.uuid4().hex[:8]}"
    with vending(seaweedfs, tmp_path, f"{base}{special}z") as shelf:
        root = shelf.ready({})
        bucket, prefix = shelf.place(root)
        s3 = shelf.s3(root, READ)
        for other in ("", "Q", "QQQ", "$"):
            alike = prefix.replace(f"{base}{special}z", f"{base}{other}z", 1)
            operator(seaweedfs).put_object(Bucket=bucket, Key=f"{alike}MLmodel", Body=b"another's")
            denied(lambda alike=alike: s3.get_object(Bucket=bucket, Key=f"{alike}MLmodel"))
            denied(lambda alike=alike: s3.list_objects_v2(Bucket=bucket, Prefix=alike))
        if special == "{":  # no wildcard, no variable: an ordinary character
            assert s3.get_object(Bucket=bucket, Key=f"{prefix}MLmodel")["Body"].read() == MLMODEL


# --- settings --------------------------------------------------------------------------------------------------------


def test_a_store_that_refuses_or_is_away_is_told_in_one_sentence(
    seaweedfs: "Seaweed", monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in seaweedfs.env().items():
        monkeypatch.setenv(variable, value)
    for role, endpoint, words in (
        (seaweedfs.role + "x", seaweedfs.endpoint, "MODELKEEP_S3_ROLE_ARN"),
        (seaweedfs.role, "http://127.0.0.1:9", "MODELKEEP_STS_ENDPOINT"),
    ):
        sts = Sts(seaweedfs.bucket, "", role, endpoint=endpoint)
        with pytest.raises(Unavailable, match=words):
            asyncio.run(sts.issue("set", "alice", write=False))


def test_settings_that_cannot_work_are_refused() -> None:
    arn = "arn:aws:iam::000000000000:role/ModelFiles"
    with pytest.raises(InvalidArgument, match="MODELKEEP_STORAGE_URL"):
        issuer(Settings(s3_role_arn=arn))
    for minutes in (14, 721):
        with pytest.raises(InvalidArgument, match="15 and 720"):
            issuer(Settings(s3_role_arn=arn, storage_url="s3://bucket", credential_minutes=minutes))
    assert issuer(Settings(storage_url="s3://bucket")) is None
