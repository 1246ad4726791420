"""Commands for the ways in which machines and people sign in: client secrets, trusted issuers, links to an OpenID provider."""

from pathlib import Path
from typing import Annotated, Any

import typer

from modelkeep.cli.client import V1, call, part, show, show_json, show_value
from modelkeep.cli.parameters import Json
from modelkeep.domain.errors import NotFound

_ACCOUNTS, _SCIM = "/api/2.0/accounts", "/api/2.0/preview/scim/v2"
_SCIM_KINDS = {
    "users": ("Users", "userName", "User"),
    "service-principals": ("ServicePrincipals", "applicationId", "Service principal"),
}
"""{noun of the command line: (SCIM resource, attribute with the name, noun of a sentence)}"""

ServicePrincipal = Annotated[str, typer.Argument(help="Name of the service principal.")]
User = Annotated[str, typer.Argument(help="Name of the user.")]
Policy = Annotated[str, typer.Argument(help="Name of the federation policy.")]
Issuer = Annotated[str, typer.Argument(help="Address of the issuer, https://...")]
Subject = Annotated[str, typer.Argument(help="The `sub` claim of its tokens.")]
SecretId = Annotated[str, typer.Argument(help="Id of the secret, as `secrets` lists it.")]


def scim_resource(plural: str) -> str:
    """The SCIM collection of `users` or `service-principals`."""
    return f"{_SCIM}/{_SCIM_KINDS[plural][0]}"


def scim_id(plural: str, name: str) -> str:
    """The id of a principal in Databricks' API. Raises NotFound."""
    _, attribute, noun = _SCIM_KINDS[plural]
    filter = f'{attribute} eq "' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    answer = call("GET", scim_resource(plural), filter=filter, attributes="id")
    if not answer.get("Resources"):
        raise NotFound(f"{noun} '{name}' does not exist.")
    return answer["Resources"][0]["id"]


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """The body of a SCIM PATCH."""
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


def add_secrets(app: typer.Typer) -> None:
    """Adds the commands for client secrets of service principals."""
    columns = ("id", "status", "create_time", "expire_time")

    def path(name: str) -> str:
        return f"{_ACCOUNTS}/servicePrincipals/{scim_id('service-principals', name)}/credentials/secrets"

    @app.command("create-secret")
    def create(
        name: ServicePrincipal,
        lifetime_seconds: Annotated[int | None, typer.Option(help="Seconds until it expires.", min=1)] = None,
        as_json: Json = False,
    ) -> None:
        """Create and print a client secret. It is shown only now. Use it as DATABRICKS_CLIENT_SECRET."""
        secret = call("POST", path(name), {} if lifetime_seconds is None else {"lifetime": f"{lifetime_seconds}s"})
        show_value(secret["secret"], secret, as_json)

    @app.command("secrets")
    def list_(name: ServicePrincipal, as_json: Json = False) -> None:
        """List the client secrets of a service principal."""
        show(call("GET", path(name))["secrets"], columns, as_json)

    @app.command("delete-secret")
    def delete(name: ServicePrincipal, secret_id: SecretId, as_json: Json = False) -> None:
        """Delete a client secret. Access tokens that were issued for it end."""
        show_json(call("DELETE", f"{path(name)}/{part(secret_id)}"), as_json)


def add_policies(app: typer.Typer) -> None:
    """Adds the commands for federation policies of service principals."""

    def path(name: str) -> str:
        account = call("GET", "/.well-known/databricks-config")["account_id"]
        return f"{_ACCOUNTS}/{account}/servicePrincipals/{scim_id('service-principals', name)}/federationPolicies"

    @app.command()
    def trust(  # house: parameters because a command's options are its function's parameters
        name: ServicePrincipal,
        policy: Policy,
        issuer: Issuer,
        subject: Subject,
        audience: Annotated[
            list[str] | None, typer.Option(help="Accepted audience; repeat it. Default: the account's id.")
        ] = None,
        jwks: Annotated[
            Path | None,
            typer.Option(help="File with the issuer's keys. Without it, the server fetches them.", exists=True),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Trust the tokens of an issuer. A token with this subject signs in as the service principal."""
        rule: dict[str, Any] = {"issuer": issuer, "subject": subject, "audiences": audience or []}
        if jwks is not None:
            rule["jwks_json"] = jwks.read_text()
        show_json(call("POST", path(name), {"policy_id": policy, "oidc_policy": rule}), as_json)

    @app.command()
    def trusted(name: ServicePrincipal, as_json: Json = False) -> None:
        """List the federation policies of a service principal."""
        policies = call("GET", path(name))["policies"]
        rows = [{"policy_id": row["policy_id"], **row["oidc_policy"]} for row in policies]
        show(policies if as_json else rows, ("policy_id", "issuer", "subject", "audiences"), as_json)

    @app.command()
    def distrust(name: ServicePrincipal, policy: Policy, as_json: Json = False) -> None:
        """Delete a federation policy. Access tokens that were issued by it end."""
        show_json(call("DELETE", f"{path(name)}/{part(policy)}"), as_json)


def add_links(app: typer.Typer) -> None:
    """Adds the commands that link users to subjects of an OpenID provider."""

    def path(name: str) -> str:
        return f"{V1}/users/{part(name)}/identities"

    @app.command()
    def link(name: User, issuer: Issuer, subject: Subject, as_json: Json = False) -> None:
        """Let a subject of an OpenID provider sign in as a user."""
        show_json(call("POST", path(name), {"issuer": issuer, "subject": subject}), as_json)

    @app.command()
    def unlink(name: User, issuer: Issuer, subject: Subject, as_json: Json = False) -> None:
        """Remove a link to a subject. Sessions that began with it end."""
        show_json(call("DELETE", path(name), issuer=issuer, subject=subject), as_json)

    @app.command()
    def identities(name: User, as_json: Json = False) -> None:
        """List the subjects that may sign in as a user."""
        show(call("GET", path(name))["identities"], ("issuer", "subject", "created_at"), as_json)
