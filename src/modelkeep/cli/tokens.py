"""`modelkeep tokens`: personal access tokens, sessions, and what they were issued for."""

from typing import Annotated, Any

import typer

from modelkeep.cli.client import V1, call, list_all, part, show, show_json, show_value
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Json

app = new_group()
_COLUMNS = (
    "token_id",
    "kind",
    "principal",
    "comment",
    "created_by",
    "last_used_time",
    "expiry_time",
    "revoked",
    "origin_kind",
    "origin_id",
)
TokenPrincipal = Annotated[str, typer.Option(help="Another principal than yourself. For account admins.")]


@app.command()
def create(
    comment: Annotated[str, typer.Option(help="What the token is for.")] = "",
    lifetime_seconds: Annotated[
        int | None, typer.Option(help="Seconds until it expires. Default: the longest lifetime of the server.")
    ] = None,
    principal: TokenPrincipal = "",
    as_json: Json = False,
) -> None:
    """Create and print a token. It is shown only now."""
    body: dict[str, Any] = {"comment": comment, "principal": principal}
    if lifetime_seconds is not None:
        body["lifetime_seconds"] = lifetime_seconds
    token = call("POST", f"{V1}/tokens", body)
    show_value(token["token_value"], token, as_json)


@app.command("list")
def list_(principal: TokenPrincipal = "", as_json: Json = False) -> None:
    """List tokens and sessions."""
    show(list_all("GET", f"{V1}/tokens", "tokens", principal=principal), _COLUMNS, as_json)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="Id of the token, as `tokens list` prints it.")],
    as_json: Json = False,
) -> None:
    """Revoke a token."""
    show_json(call("DELETE", f"{V1}/tokens/{part(token_id)}"), as_json)


@app.command("revoke-origin")
def revoke_origin(
    origin_id: Annotated[str, typer.Argument(help="Id of the origin, as `tokens list` prints it.")],
    as_json: Json = False,
) -> None:
    """Revoke all tokens of an origin. Tokens that were created with those are revoked, too."""
    answer = call("DELETE", f"{V1}/token-origins/{part(origin_id)}")
    show_value(f"{answer['revoked']} tokens revoked.", answer, as_json)
