"""`modelkeep spark-conf`: the settings with which Apache Spark reads and writes tables through this server.

Spark reads `spark-defaults.conf` as a file of Java properties. The connector takes an address without a path, one entry for each
catalog, and no store: where tables are in S3, Spark's own S3A client must know the endpoint and region.
"""

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from modelkeep.cli.commands import new_group
from modelkeep.domain.errors import BadSetting

if TYPE_CHECKING:
    from modelkeep.cli.client_settings import ClientCredential

app = new_group()


class Release(NamedTuple):
    """The libraries that fit one release of Spark."""

    delta: str
    connector: str
    hadoop: str


RELEASES = {
    "4.0": Release("4.3.1", "0.6.0", "3.4.1"),
    "4.1": Release("4.3.1", "0.6.0", "3.4.2"),
    "4.2": Release("4.4.0", "0.6.0", "3.5.0"),
}
"""The connector is built for these. Delta and Hadoop are the versions that each of them was released with."""
_DELTA = "io.delta.sql.DeltaSparkSessionExtension", "org.apache.spark.sql.delta.catalog.DeltaCatalog"
_CONNECTOR = "io.unitycatalog.spark.UCSingleCatalog"
_S3A = "org.apache.hadoop.fs.s3a.S3AFileSystem"

Catalogs = Annotated[
    list[str] | None, typer.Argument(metavar="[CATALOG]...", help="The first is Spark's default. Default: all you see.")
]
Spark = Annotated[str, typer.Option("--spark", help=f"Release of Spark: {', '.join(RELEASES)}.")]
Jars = Annotated[
    str, typer.Option(help="Paths of the jars, with commas. Default: Spark fetches them from Maven Central.")
]
Endpoint = Annotated[str, typer.Option(help="Address of the S3 store, if it is not AWS.")]
Region = Annotated[str, typer.Option(help="Region of the S3 store. Leave it out if no table is in S3.")]


@app.command("spark-conf")
def spark_conf(
    catalogs: Catalogs = None,
    spark: Spark = "4.1",
    jars: Jars = "",
    s3_endpoint: Endpoint = "",
    s3_region: Region = "",
) -> None:
    """Print a spark-defaults.conf for this server. It has your credential."""
    from modelkeep.cli.client import UC, call, list_all, part, send
    from modelkeep.cli.client_settings import read

    if spark not in RELEASES:
        raise BadSetting(f"--spark is '{spark[:20]}'. Use one of {', '.join(RELEASES)}.")
    if catalogs:
        names = [str(call("GET", f"{UC}/catalogs/{part(name)}")["name"]) for name in dict.fromkeys(catalogs)]
    else:
        names = [str(catalog["name"]) for catalog in list_all("GET", f"{UC}/catalogs", "catalogs")]
    settings = read(os.environ)
    delta_api = bool(names) and send("GET", f"{UC}/delta/v1/config", params={"catalog": names[0]}).status_code != 404
    lines = [
        *_libraries(spark, jars, s3=bool(s3_endpoint or s3_region)),
        *(line for name in names for line in _catalog(name, settings.host, settings.credential, delta_api=delta_api)),
        *_defaults(names, spark, chosen=bool(catalogs)),
        *_s3(s3_endpoint, s3_region),
    ]
    for key, value in lines:
        typer.echo(f"{escape_key(key)} {escape_value(value)}")


def _libraries(spark: str, jars: str, *, s3: bool) -> Iterator[tuple[str, str]]:
    release = RELEASES[spark]
    packages = [
        f"io.delta:delta-spark_{spark}_2.13:{release.delta}",
        f"io.unitycatalog:unitycatalog-spark_{spark}_2.13:{release.connector}",
        *([f"org.apache.hadoop:hadoop-aws:{release.hadoop}"] if s3 else []),
    ]
    yield ("spark.jars", jars) if jars else ("spark.jars.packages", ",".join(packages))
    yield "spark.sql.extensions", _DELTA[0]
    yield "spark.sql.catalog.spark_catalog", _DELTA[1]


def _catalog(name: str, host: str, credential: "ClientCredential", *, delta_api: bool) -> Iterator[tuple[str, str]]:
    """Delta takes a missing Delta API for a missing table, so the connector must know that there is none."""
    prefix = f"spark.sql.catalog.{name}"
    yield prefix, _CONNECTOR
    yield f"{prefix}.uri", host
    if credential.token:
        yield f"{prefix}.token", credential.token
    else:
        yield f"{prefix}.auth.type", "oauth"
        yield f"{prefix}.auth.oauth.uri", f"{host}/oidc/v1/token"
        yield f"{prefix}.auth.oauth.clientId", credential.client_id
        yield f"{prefix}.auth.oauth.clientSecret", credential.client_secret
    if not delta_api:
        yield f"{prefix}.deltaRestApi.enabled", "false"


def _defaults(names: list[str], spark: str, *, chosen: bool) -> Iterator[tuple[str, str]]:
    """`to_table()` without a format needs Delta as the default. Spark 4.0's pandas API refuses ANSI mode."""
    if names and (chosen or len(names) == 1):
        yield "spark.sql.defaultCatalog", names[0]
    yield "spark.sql.sources.default", "delta"
    if spark == "4.0":
        yield "spark.sql.ansi.enabled", "false"


def _s3(endpoint: str, region: str) -> Iterator[tuple[str, str]]:
    """Locations begin with s3://, which S3A must be named for."""
    if endpoint or region:
        yield "spark.hadoop.fs.s3.impl", _S3A
        yield "spark.hadoop.fs.s3a.endpoint.region", region or "us-east-1"
    if endpoint:
        yield "spark.hadoop.fs.s3a.endpoint", endpoint
        yield "spark.hadoop.fs.s3a.path.style.access", "true"


def escape_key(text: str) -> str:
    """A key in a file of Java properties (java.util.Properties, `load`)."""
    return re.sub(r"([\\\s:=#!])", r"\\\1", text)


def escape_value(text: str) -> str:
    """A value in such a file. Only a backslash and leading white space have a meaning there."""
    return re.sub(r"^(?=\s)", r"\\", text.replace("\\", "\\\\"))
