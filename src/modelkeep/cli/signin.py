"""Verbs about how machines and people sign in: client secrets, federation policies, links to an OpenID provider's subjects."""

from pathlib import Path
from typing import Annotated, Any

import typer

from modelkeep.cli.client import call, part, show
from modelkeep.core.errors import NotFound

V1, ACCOUNTS = "/api/modelkeep/v1", "/api/2.0/accounts"
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def _number(name: str) -> str:
    """The id of a service principal in Databricks' API."""
    filter = 'applicationId eq "' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    found = call("GET", "/api/2.0/preview/scim/v2/ServicePrincipals", filter=filter, attributes="id")
    if not found.get("Resources"):
        raise NotFound(f"Service principal '{name}' does not exist.")
    return found["Resources"][0]["id"]


def secrets(group: typer.Typer) -> None:
    """Of `modelkeep service-principals`."""
    columns = ("id", "status", "create_time", "expire_time")

    def path(name: str) -> str:
        return f"{ACCOUNTS}/servicePrincipals/{_number(name)}/credentials/secrets"

    @group.command("create-secret")
    def create(name: str, lifetime_seconds: int | None = None, as_json: Json = False) -> None:
        """Prints the secret, which is DATABRICKS_CLIENT_SECRET: the only time that it is seen. The name is DATABRICKS_CLIENT_ID."""
        made = call("POST", path(name), {} if lifetime_seconds is None else {"lifetime": f"{lifetime_seconds}s"})
        if as_json:
            show(made, columns, True)
        else:
            typer.echo(made["secret"])

    @group.command("secrets")
    def list_(name: str, as_json: Json = False) -> None:
        show(call("GET", path(name))["secrets"], columns, as_json)

    @group.command("delete-secret")
    def delete(name: str, secret_id: str) -> None:
        """Ends the access tokens that were made of it, too."""
        call("DELETE", f"{path(name)}/{part(secret_id)}")


def policies(group: typer.Typer) -> None:
    """Of `modelkeep service-principals`."""

    def path(name: str) -> str:
        account = call("GET", "/.well-known/databricks-config")["account_id"]
        return f"{ACCOUNTS}/{account}/servicePrincipals/{_number(name)}/federationPolicies"

    @group.command()
    def trust(
        name: str, policy: str, issuer: str, subject: str,
        audience: Annotated[list[str] | None, typer.Option(help="Default: the account's id.")] = None,
        jwks: Annotated[Path | None, typer.Option(help="A file with the issuer's keys; without it, the issuer is asked.")] = None,
    ) -> None:  # fmt: skip
        """Take the tokens of this issuer for this subject as the service principal's. POLICY is a name for that."""
        rule: dict[str, Any] = {"issuer": issuer, "subject": subject, "audiences": audience or []}
        if jwks is not None:
            rule["jwks_json"] = jwks.read_text()
        call("POST", path(name), {"policy_id": policy, "oidc_policy": rule})

    @group.command()
    def trusted(name: str, as_json: Json = False) -> None:
        found = call("GET", path(name))["policies"]
        rows = found if as_json else [{"policy_id": each["policy_id"], **each["oidc_policy"]} for each in found]
        show(rows, ("policy_id", "issuer", "subject", "audiences"), as_json)

    @group.command()
    def distrust(name: str, policy: str) -> None:
        """Ends the access tokens that were made by it, too."""
        call("DELETE", f"{path(name)}/{part(policy)}")


def links(group: typer.Typer) -> None:
    """Of `modelkeep users`."""

    def path(name: str) -> str:
        return f"{V1}/users/{part(name)}/identities"

    @group.command()
    def link(name: str, issuer: str, subject: str) -> None:
        """Let whoever is this subject to that OpenID provider sign in as this user."""
        call("POST", path(name), {"issuer": issuer, "subject": subject})

    @group.command()
    def unlink(name: str, issuer: str, subject: str) -> None:
        """Ends the sessions that began with it, too."""
        call("DELETE", path(name), issuer=issuer, subject=subject)

    @group.command()
    def identities(name: str, as_json: Json = False) -> None:
        show(call("GET", path(name))["identities"], ("issuer", "subject", "created_at"), as_json)
