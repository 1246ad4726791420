"""Apache Spark, Delta and the Java client of Unity Catalog, as Maven and PyPI have them. `make test-spark` installs them.

The connector of Spark is not among them: tests/tables/test_golden.py replays what it sends.
"""

import asyncio
import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from live import Server, stop_with_the_tests

from modelkeep.blobs.folder_credentials import FolderCredentials, StorageRole
from modelkeep.blobs.sts import StsClient
from modelkeep.domain.storage_urls import parse_storage_url

if TYPE_CHECKING:
    from backends import Seaweed

pytest_plugins = ("backends",)
HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "spark"
JARS = CACHE / "jars"
PYTHON = CACHE / "venv" / "bin" / "python"
JAVA_S, SPARK_S = 120, 570
pytestmark = [
    pytest.mark.clients,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not (JARS.is_dir() and PYTHON.exists()), reason="Spark is not installed: run make test-spark"),
]
DRIVER = """
spark.master local[2]
spark.driver.memory 1g
spark.ui.enabled false
spark.sql.shuffle.partitions 1
spark.databricks.delta.snapshotPartitions 1
spark.hadoop.fs.s3.impl.disable.cache true
"""


def test_the_java_client_creates_loads_lists_and_drops_a_table(server: Server, catalog: str, tmp_path: Path) -> None:
    """It offers HTTP/2 on each request, so a server that drops the body of an upgrade answers 400 here."""
    (spark_jars,) = CACHE.glob("venv/lib/python*/site-packages/pyspark/jars")
    command = ["java", "-cp", f"{JARS}/*:{spark_jars}/*", str(HERE / "Tables.java")]
    done = subprocess.run(
        [*command, server.host, catalog, f"file:{tmp_path}/numbers"],
        env=server.env(),
        capture_output=True,
        text=True,
        timeout=JAVA_S,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["schema", "loaded", "listed", "credentials", "dropped"], done.stderr
    assert [line[1:] for line in lines if line[0] in ("loaded", "listed", "dropped")] == [
        ["LONG", "true"],
        ["1"],
        ["404"],
    ]


def vended(store: "Seaweed", url: str, *, write: bool) -> dict[str, str]:
    """Credentials for one folder, as the server issues them."""
    folders = FolderCredentials(StsClient(endpoint=store.endpoint, seconds=900))
    issued = folders.issue(StorageRole(store.role), parse_storage_url(url), "id", "alice@x.io", write=write)
    credentials = asyncio.run(issued)
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
        "session_token": credentials.session_token,
    }


def run_spark(server: Server, conf: str, order: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What delta_tables.py prints, run with this spark-defaults.conf."""
    (folder / "spark-defaults.conf").write_text(conf + DRIVER)
    environment = server.env() | {
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [PYTHON, HERE / "delta_tables.py"],
        input=json.dumps(order),
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SPARK_S,
        preexec_fn=stop_with_the_tests,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def test_spark_on_a_folder_and_on_s3_with_vended_credentials(
    server: Server, catalog: str, seaweedfs: "Seaweed", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One session, because a session takes half a minute to start."""
    for variable, value in seaweedfs.env().items():
        monkeypatch.setenv(variable, value)
    base, prefix = f"s3://{seaweedfs.bucket}/spark/{uuid.uuid4().hex}", f"spark.sql.catalog.{catalog}"
    jars = ",".join(str(path) for path in sorted(JARS.glob("*.jar")))
    s3 = ("--s3-endpoint", seaweedfs.endpoint, "--s3-region", "us-east-1")
    order = {
        "settings": [f"{prefix}.uri", f"{prefix}.token", "spark.sql.defaultCatalog"],
        "folder": f"file:{tmp_path}/lake/iris",
        "url": f"{base}/iris",
        "neighbour": f"{base}/iris2",
        "write": vended(seaweedfs, f"{base}/iris", write=True),
        "read": vended(seaweedfs, f"{base}/iris", write=False),
    }
    conf = server.cli("spark-conf", catalog, "--spark", "4.0", "--jars", jars, *s3)
    # Without the connector's jar its catalogs cannot be loaded, so Spark's own is the default here.
    conf = conf.replace(f"spark.sql.defaultCatalog {catalog}", "spark.sql.defaultCatalog spark_catalog")
    answer = run_spark(server, conf, order, tmp_path)
    assert answer["settings"] == {
        f"{prefix}.uri": server.host,
        f"{prefix}.token": server.admin_token,
        "spark.sql.defaultCatalog": "spark_catalog",
    }
    assert answer["folder"] == [3, 4]
    assert (answer["write"], answer["s3"]) == ("", 3)
    assert (answer["write with READ"], answer["neighbour"]) == ("AccessDenied", "AccessDenied")

    polars = pl.Catalog(server.host, bearer_token=server.admin_token, require_https=False)
    polars.create_table(
        catalog,
        "ml_team",
        "iris",
        schema=pl.Schema({"id": pl.Int64, "petal_length": pl.Float64}),
        table_type="EXTERNAL",
        data_source_format="DELTA",
        storage_root=f"file://{tmp_path}/lake/iris",
    )
    heights = [
        polars.scan_table(catalog, "ml_team", "iris", delta_table_version=version).collect().height
        for version in (0, 1)
    ]
    assert heights == [3, 4]
