"""The page on backups: its commands, as they are, beside a server that goes on working; what they restore is whole, and serves."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import httpx
from backends import Postgres, Seaweed, installed_postgres, postgres, seaweedfs
from connect import BLOCK, GUIDES, sections
from live import Server, running_server

__all__ = ["postgres", "seaweedfs"]
PAGE = GUIDES / "backup.md"
PROGRAMS = Path(sys.executable).parent
BIG = b"0123456789abcdef" * 8192
"""Too large to stand in the database."""
MLMODEL = """\
flavors:
  python_function: {loader_module: mlflow.pyfunc}
signature:
  inputs: '[{"type": "double", "name": "x"}]'
  outputs: '[{"type": "double"}]'
"""
AWS = """#!{python}
import os, re, sys
from urllib.parse import urlsplit
import boto3
assert sys.argv[1:3] == ["s3", "sync"] and len(sys.argv) == 5
client = boto3.client("s3", endpoint_url=os.environ["MODELKEEP_S3_ENDPOINT"])
source, target = ((url.netloc, url.path.strip("/") + "/") for url in map(urlsplit, sys.argv[3:]))
def keys(bucket, prefix):
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (item["Key"].removeprefix(prefix) for item in page.get("Contents", ()))
present = set(keys(*target))
for key in keys(*source):
    if key not in present:
        body = client.get_object(Bucket=source[0], Key=source[1] + key)["Body"].read()
        client.put_object(Bucket=target[0], Key=target[1] + key, Body=body)
"""
"""`aws s3 sync` as far as the page uses it. The real one is a package that pins another botocore."""


def blocks(title: str) -> list[str]:
    return [code for language, code in BLOCK.findall(sections(PAGE)[title]) if language == "sh"]


def shell(lines: str, folder: Path, path: Path = PROGRAMS, **environment: str) -> str:
    done = subprocess.run(
        ["bash", "-euc", lines],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        env={"PATH": f"{path}:{PROGRAMS}:{os.environ['PATH']}", "HOME": str(folder), **environment},
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def furnish(server: Server, folder: Path) -> None:
    """A catalog with two versions, of a small and of a large file each."""
    server.cli("catalogs", "create", "prod")
    server.cli("schemas", "create", "prod.ml")
    model = folder / "model"
    model.mkdir()
    (model / "MLmodel").write_text(MLMODEL)
    (model / "weights.bin").write_bytes(BIG)
    for _ in range(2):
        server.cli("models", "register", "prod.ml.churn", "--folder", str(model))
    server.cli("models", "alias", "prod.ml.churn", "champion", "2")


@contextmanager
def changes(server: Server) -> Iterator[None]:
    """Somebody creates schemas all the while."""
    stop, count = Event(), 0

    def work() -> None:
        nonlocal count
        with httpx.Client(base_url=server.host, headers={"Authorization": f"Bearer {server.admin_token}"}) as client:
            while not stop.is_set():
                body = {"catalog_name": "prod", "name": f"s{count}"}
                assert client.post("/api/2.1/unity-catalog/schemas", json=body).status_code == 200
                count += 1

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert count > 3, "nothing happened beside the backup"


def holds_all(server: Server, folder: Path) -> None:
    """The restored server has names, aliases and files."""
    target = folder / "downloaded"
    assert "champion" in server.cli("models", "get", "prod.ml.churn")
    server.cli("models", "download", "prod.ml.churn", "2", str(target))
    assert (target / "weights.bin").read_bytes() == BIG


def test_sqlite_and_a_folder(tmp_path: Path) -> None:
    backup, restore = blocks("SQLite and a folder")
    with running_server(tmp_path, MODELKEEP_WORKSPACE="0") as server:
        furnish(server, tmp_path)
        with changes(server):
            output = shell(backup, tmp_path, MODELKEEP_DATA_DIR=str(server.data_dir))
        assert "Database and storage agree." in output and "BROKEN" not in output
        server.cli("models", "delete", "prod.ml.churn")
    assert "Database and storage agree." in shell(restore, tmp_path)
    again = tmp_path / "again"
    again.mkdir()
    (tmp_path / "restored").rename(again / "data")
    with running_server(again, MODELKEEP_WORKSPACE="0") as server:
        holds_all(server, again)


def test_postgresql_and_s3(tmp_path: Path, postgres: Postgres, seaweedfs: Seaweed) -> None:
    backup, restore, check = blocks("PostgreSQL and S3")
    programs = tmp_path / "programs"
    programs.mkdir()
    aws = programs / "aws"
    aws.write_text(AWS.format(python=sys.executable))
    aws.chmod(0o755)
    for name in ("pg_dump", "pg_restore", "createdb"):
        (programs / name).symlink_to(installed_postgres() / "bin" / name)
    prefix = f"s3://{seaweedfs.bucket}/{tmp_path.name}"
    settings = seaweedfs.env() | {
        "MODELKEEP_DATABASE_URL": postgres.new_database(),
        "MODELKEEP_STORAGE_URL": f"{prefix}-live",
        "MODELKEEP_S3_ENDPOINT": seaweedfs.endpoint,
        "MODELKEEP_WORKSPACE": "0",
    }
    name = "modelkeep_restored_" + urlsplit(settings["MODELKEEP_DATABASE_URL"]).path[-8:]
    places = {"BACKUP_STORAGE_URL": f"{prefix}-backup", "RESTORED_STORAGE_URL": f"{prefix}-restored"}
    places["RESTORED_DATABASE_URL"] = postgres.url(name)
    with running_server(tmp_path / "live", **settings) as server:
        furnish(server, tmp_path)
        with changes(server):
            shell(backup, tmp_path, programs, **settings, **places)
        server.cli("models", "delete", "prod.ml.churn")
    shell(restore.replace("modelkeep_restored", name), tmp_path, programs, **settings, **places)
    elsewhere = {"MODELKEEP_DATA_DIR": str(tmp_path / "elsewhere")}
    Path(elsewhere["MODELKEEP_DATA_DIR"]).mkdir()
    output = shell(check, tmp_path, programs, **settings, **places, **elsewhere)
    assert "Database and storage agree." in output and re.search(r"sealed \d+ ", output)
    settings |= {"MODELKEEP_DATABASE_URL": postgres.url(name), "MODELKEEP_STORAGE_URL": places["RESTORED_STORAGE_URL"]}
    with running_server(tmp_path / "again", **settings) as server:
        holds_all(server, tmp_path)
