"""`modelkeep access`: requests for privileges, and the decisions on them."""

from typing import Annotated

import typer

from modelkeep.cli.client import V1, call, list_all, part, show, show_json, show_value
from modelkeep.cli.commands import new_group
from modelkeep.cli.grants import Privileges
from modelkeep.cli.parameters import FullName, Json, SecurableType

app = new_group()
_REQUESTS = f"{V1}/access-requests"
_COLUMNS = ("request_id", "state", "principal", "privileges", "securable_type", "full_name", "comment", "reason")

RequestId = Annotated[str, typer.Argument(help="Id of the request, as `access ask` and `access inbox` print it.")]
Reason = Annotated[str, typer.Argument(help="The reason that the requester reads.")]
State = Annotated[str, typer.Option(help="PENDING, APPROVED, REJECTED, WITHDRAWN or ALL.")]


@app.command()
def ask(
    securable_type: SecurableType,
    full_name: FullName,
    privileges: Privileges,
    comment: Annotated[str, typer.Option(help="Why you need them.")] = "",
    as_json: Json = False,
) -> None:
    """Request privileges. For example: access ask function prod.ml_team.iris EXECUTE --comment "nightly scoring" """
    securable = {"type": securable_type.upper(), "full_name": full_name}
    request = {"comment": comment, "securable_permissions": [{"securable": securable, "permissions": privileges}]}
    answer = call("POST", "/api/3.0/rfa/requests", {"requests": [request]})
    show_value(answer["responses"][0]["request_ids"][0], answer, as_json)


@app.command()
def inbox(state: State = "PENDING", as_json: Json = False) -> None:
    """List requests for what you manage, and your own requests."""
    show(list_all("GET", _REQUESTS, "access_requests", state=state), _COLUMNS, as_json)


@app.command()
def approve(
    request_id: RequestId,
    reason: Annotated[str, typer.Option(help="The reason that the requester reads.")] = "",
    as_json: Json = False,
) -> None:
    """Approve a request, and grant its privileges."""
    show_json(call("POST", f"{_REQUESTS}/{part(request_id)}/approve", {"reason": reason}), as_json)


@app.command()
def reject(request_id: RequestId, reason: Reason, as_json: Json = False) -> None:
    """Reject a request."""
    show_json(call("POST", f"{_REQUESTS}/{part(request_id)}/reject", {"reason": reason}), as_json)


@app.command()
def withdraw(request_id: RequestId, as_json: Json = False) -> None:
    """Withdraw a request of your own."""
    show_json(call("DELETE", f"{_REQUESTS}/{part(request_id)}"), as_json)
