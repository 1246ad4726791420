"""`modelkeep spark-conf` prints a file that Spark reads as Java properties, for this caller and these catalogs."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live import MODELKEEP, Server, new_catalog

from modelkeep.cli.spark import RELEASES, escape_key, escape_value

PREFIX = "spark.sql.catalog."


def properties(text: str) -> dict[str, str]:
    """As java.util.Properties reads lines without continuation: a key ends at the first white space, `=` or `:` that no backslash
    precedes."""
    pairs: dict[str, str] = {}
    for line in text.split("\n"):
        if match := re.fullmatch(r"((?:\\.|[^\\\s=:])+)\s*(.*)", line, flags=re.DOTALL):
            key, value = (re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in match.groups())
            pairs[key] = value
    return pairs


def conf(server: Server, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MODELKEEP, "spark-conf", *arguments],
        env=server.env() | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_token_and_the_catalogs_that_are_named(server: Server, catalog: str) -> None:
    other = new_catalog(server)
    settings = properties(conf(server, catalog.upper(), other, catalog).stdout)
    assert settings[f"{PREFIX}{catalog}"] == settings[f"{PREFIX}{other}"] == "io.unitycatalog.spark.UCSingleCatalog"
    assert settings[f"{PREFIX}{other}.uri"] == server.host
    assert settings[f"{PREFIX}{other}.token"] == server.admin_token
    assert settings["spark.sql.defaultCatalog"] == catalog
    assert settings["spark.sql.sources.default"] == "delta"
    assert not [key for key in settings if "s3" in key]


def test_a_user_gets_the_catalogs_that_they_see(server: Server, catalog: str) -> None:
    token = server.user("spark-conf@x.io")["DATABRICKS_TOKEN"]
    settings = properties(conf(server, DATABRICKS_TOKEN=token).stdout)
    assert f"{PREFIX}{catalog}" not in settings
    assert settings["spark.sql.extensions"] == "io.delta.sql.DeltaSparkSessionExtension"


def test_a_service_principal_signs_in_with_its_secret(server: Server, catalog: str) -> None:
    principal = server.sdk().service_principals.create(display_name=f"spark-{catalog}", active=True)
    assert principal.id
    assert principal.application_id
    secret = server.sdk().service_principal_secrets_proxy.create(principal.id).secret
    assert secret
    signed_in = {"DATABRICKS_TOKEN": "", "DATABRICKS_CLIENT_ID": principal.application_id}
    done = conf(server, DATABRICKS_CLIENT_SECRET=secret, **signed_in)
    assert done.returncode == 0, done.stderr
    server.cli("grants", "add", "catalog", catalog, principal.application_id, "USE_CATALOG")
    settings = properties(conf(server, catalog, DATABRICKS_CLIENT_SECRET=secret, **signed_in).stdout)
    assert settings[f"{PREFIX}{catalog}.auth.type"] == "oauth"
    assert settings[f"{PREFIX}{catalog}.auth.oauth.uri"] == f"{server.host}/oidc/v1/token"
    assert settings[f"{PREFIX}{catalog}.auth.oauth.clientSecret"] == secret
    assert f"{PREFIX}{catalog}.token" not in settings


@pytest.mark.parametrize("spark", RELEASES)
def test_the_libraries_fit_the_release(server: Server, catalog: str, spark: str) -> None:
    s3 = ("--s3-endpoint", "http://store:9000", "--s3-region", "eu-west-1")
    settings = properties(conf(server, catalog, "--spark", spark, *s3).stdout)
    delta, connector, hadoop = settings["spark.jars.packages"].split(",")
    assert f"_{spark}_2.13:" in delta
    assert f"_{spark}_2.13:" in connector
    assert hadoop.startswith("org.apache.hadoop:hadoop-aws:3.")
    assert settings["spark.hadoop.fs.s3a.endpoint"] == "http://store:9000"
    assert settings["spark.hadoop.fs.s3a.endpoint.region"] == "eu-west-1"
    assert (settings.get("spark.sql.ansi.enabled") == "false") == (spark == "4.0")
    own = properties(conf(server, catalog, "--spark", spark, "--jars", "/jars/a.jar,/jars/b.jar").stdout)
    assert own["spark.jars"] == "/jars/a.jar,/jars/b.jar"
    assert "spark.jars.packages" not in own


@pytest.mark.parametrize(
    ("arguments", "code"), [(("--spark", "3.5"), 5), (("nowhere",), 9), (("a/b",), 9), (("--spark", ""), 5)]
)
def test_what_is_refused(server: Server, arguments: tuple[str, ...], code: int) -> None:
    done = conf(server, *arguments)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr


TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1)


@given(TEXTS, TEXTS)
def test_names_and_secrets_survive_the_file(key: str, value: str) -> None:
    assert properties(f"{escape_key(key)} {escape_value(value)}") == {key: value}
