"""The command line's verbs about signing in: secrets, trusted issuers, and links to a provider's subjects."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from api.serving import Site, site
from api.test_adversary import EXCHANGE, GRANT, JWT, ME
from click.testing import Result
from issuer import Issuer
from typer.testing import CliRunner

from modelkeep.cli import app, exits

__all__ = ["site"]
Cli = Callable[..., Result]


@pytest.fixture
def cli(site: Site, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("DATABRICKS_HOST", site.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", site.admin)
    return lambda *args: CliRunner().invoke(app, list(args))


def said(done: Result) -> str:
    assert done.exit_code == 0, f"{done.output} {done.exception}"
    return done.stdout


@pytest.fixture
def robot(cli: Cli) -> str:
    name = f'nightly "{uuid.uuid4().hex[:6]}"'  # as awkward as a name may be in a filter
    said(cli("service-principals", "create", name))
    return name


def test_a_secret_signs_the_command_line_in_until_it_is_deleted(
    cli: Cli, robot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = said(cli("service-principals", "create-secret", robot)).strip()
    content = json.loads(said(cli("service-principals", "create-secret", robot, "--lifetime-seconds", "60", "--json")))
    assert secret.startswith("mks_") and content["secret"].startswith("mks_") and secret != content["secret"]
    listed = json.loads(said(cli("service-principals", "secrets", robot, "--json")))
    assert len(listed) == 2 and secret not in str(listed)
    with monkeypatch.context() as patched:
        patched.delenv("DATABRICKS_TOKEN")
        patched.setenv("DATABRICKS_CLIENT_ID", robot)
        patched.setenv("DATABRICKS_CLIENT_SECRET", secret)
        mine = json.loads(said(cli("tokens", "list", "--json")))
        assert mine and {token["kind"] for token in mine} == {"ACCESS"}
        patched.setenv("DATABRICKS_CLIENT_SECRET", f"{secret}x")
        refusal = cli("tokens", "list")
        assert refusal.exit_code == 1 and "does not sign in this client" in str(refusal.exception)
    for row in listed:
        said(cli("service-principals", "delete-secret", robot, row["id"]))
    assert json.loads(said(cli("service-principals", "secrets", robot, "--json"))) == []
    assert cli("service-principals", "delete-secret", robot, listed[0]["id"]).exit_code == exits.NOT_FOUND
    assert cli("service-principals", "create-secret", "nobody").exit_code == exits.FAILED


def test_an_issuer_is_trusted_until_it_is_not(cli: Cli, site: Site, robot: str, tmp_path: Path) -> None:
    issuer, keys = Issuer("https://ci.example", "one"), tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": issuer.keys}))
    refusal = cli("service-principals", "trust", robot, "ci", issuer.url, "job-1")
    assert refusal.exit_code == 1 and "MODELKEEP_TRUSTED_ISSUERS" in refusal.stderr
    said(
        cli(
            "service-principals",
            "trust",
            robot,
            "ci",
            issuer.url,
            "job-1",
            "--audience",
            "modelkeep",
            "--jwks",
            str(keys),
        )
    )
    table = said(cli("service-principals", "trusted", robot))
    assert "ci" in table and issuer.url in table and "job-1" in table and "modelkeep" in table
    (policy,) = json.loads(said(cli("service-principals", "trusted", robot, "--json")))
    assert policy["policy_id"] == "ci"
    form = {"grant_type": EXCHANGE, "subject_token_type": JWT, "subject_token": issuer.token(), "client_id": robot}
    token = httpx.post(f"{site.host}/oidc/v1/token", data=form).json()["access_token"]
    assert site.call("GET", ME, token=token).json()["userName"] == robot
    said(cli("service-principals", "distrust", robot, "ci"))
    assert site.call("GET", ME, token=token).status_code == 401
    assert httpx.post(f"{site.host}/oidc/v1/token", data=form).status_code == 401
    assert cli("service-principals", "distrust", robot, "ci").exit_code == exits.NOT_FOUND
    assert httpx.post(f"{site.host}/oidc/v1/token", data=GRANT, auth=(robot, "x")).status_code == 401


def test_a_user_is_linked_to_a_subject_and_unlinked(cli: Cli, site: Site) -> None:
    user, _ = site.user()
    other, _ = site.user()
    idp, subject = "https://idp.example", f"s-{uuid.uuid4().hex}"
    said(cli("users", "link", user, idp, subject))
    assert subject in said(cli("users", "identities", user)) and idp in said(cli("users", "identities", user, "--json"))
    taken = cli("users", "link", other, idp, subject)
    assert taken.exit_code == exits.CONFLICT and "linked to somebody already" in taken.stderr
    said(cli("users", "unlink", user, idp, subject))
    assert subject not in said(cli("users", "identities", user))
    said(cli("users", "link", other, idp, subject))
    assert cli("users", "link", "nobody@x.io", idp, "s").exit_code == exits.NOT_FOUND
