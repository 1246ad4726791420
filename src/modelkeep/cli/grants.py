"""`modelkeep grants`: privileges on securables, and why a principal may or may not do something."""

from collections.abc import Collection
from typing import Annotated, Any

import typer

from modelkeep.cli.client import UC, V1, call, part, printable, show, show_json
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import FullName, Json, Principal, SecurableType

app = new_group()
_COLUMNS = ("principal", "privileges")
Privileges = Annotated[list[str], typer.Argument(help="Privileges, such as USE_SCHEMA EXECUTE.")]
Effective = Annotated[bool, typer.Option(help="Include privileges that the parents hand down.")]
PrincipalOrMe = Annotated[str, typer.Argument(help="Name of a principal, or `me` for yourself.")]
Operation = Annotated[str, typer.Argument(help="An operation of the reference, such as delete_model.")]
Field = Annotated[str, typer.Option(help="The securable of the operation: `destination` for the target of a copy.")]
About = Annotated[str, typer.Option(help="The alias that would move, or the key of the tag that would be set.")]


@app.command("list")
def list_(
    securable_type: SecurableType, full_name: FullName, effective: Effective = False, as_json: Json = False
) -> None:
    """List who has which privileges on a securable."""
    prefix = "effective-" if effective else ""
    answer = call("GET", f"{UC}/{prefix}{_path(securable_type, full_name)}")
    show(_marked(answer["privilege_assignments"], as_json=as_json), _COLUMNS, as_json)


@app.command()
def add(
    securable_type: SecurableType,
    full_name: FullName,
    principal: Principal,
    privileges: Privileges,
    as_json: Json = False,
) -> None:
    """Grant privileges. For example: grants add schema prod.ml_team data-scientists USE_SCHEMA CREATE_MODEL"""
    _change(_path(securable_type, full_name), {"principal": principal, "add": privileges}, as_json)


@app.command()
def remove(
    securable_type: SecurableType,
    full_name: FullName,
    principal: Principal,
    privileges: Privileges,
    as_json: Json = False,
) -> None:
    """Revoke privileges."""
    _change(_path(securable_type, full_name), {"principal": principal, "remove": privileges}, as_json)


@app.command()
def explain(  # house: parameters because a command's options are its function's parameters
    securable_type: SecurableType,
    full_name: FullName,
    principal: PrincipalOrMe,
    operation: Operation,
    field: Field = "",
    about: About = "",
    as_json: Json = False,
) -> None:
    """Explain why a principal may or may not do something. For example: grants explain function prod.ml.iris me delete_model"""
    query = {"securable_type": securable_type, "full_name": full_name, "operation": operation}
    name = "" if principal == "me" else principal
    explanation = call("GET", f"{V1}/explain", None, **query, principal=name, field=field, about=about)
    if as_json:
        show_json(explanation, as_json)
        return
    verdict = "may" if explanation["allowed"] else "may NOT"
    _echo(f"{explanation['principal']} {verdict} {operation}: {explanation['reason']}")
    for step in explanation["steps"]:
        _echo_step(step)
    for grant in explanation["without_effect"]:
        _echo(f"  . {_on(grant['what'], grant)}, held by {grant['principal']}, means nothing here")


def _echo_step(step: dict[str, Any]) -> None:
    _echo(f"  {'+' if step['met'] else '-'} {_on(step['needs'], step)}")
    for grant in step["given_by"]:
        through = f" ({' > '.join(grant['groups'])})" if grant["groups"] else ""
        _echo(f"      by {_on(grant['what'], grant)}, held by {grant['principal']}{through}")
    if step["ask"]:
        _echo(f"      ask: {', '.join(step['ask'])}")


@app.command()
def can(securable_type: SecurableType, full_name: FullName, as_json: Json = False) -> None:
    """List what you may do with a securable, and the reason for the rest."""
    operations = call("GET", f"{V1}/can/{part(securable_type)}/{part(full_name)}")["operations"]
    rows = [
        {"operation": name, "may": answer is True, "reason": "" if answer is True else answer}
        for name, answer in operations.items()
    ]
    show(rows, ("operation", "may", "reason"), as_json)


def _path(kind: str, name: str) -> str:
    return f"permissions/{part(kind)}/{part(name)}"


def _change(path: str, change: dict[str, Any], as_json: bool) -> None:
    assignments = call("PATCH", f"{UC}/{path}", {"changes": [change]})["privilege_assignments"]
    show(_marked(assignments, as_json=as_json), _COLUMNS, as_json)


def _marked(assignments: list[dict[str, Any]], *, as_json: bool) -> list[dict[str, Any]]:
    """For people: names the privileges that mean nothing on this server."""
    if as_json:
        return assignments
    return [
        {**row, "privileges": [_with_mark(word, row.get("inert_privileges", ())) for word in row["privileges"]]}
        for row in assignments
    ]


def _with_mark(privilege: Any, inert: Collection[str]) -> Any:
    """`privilege` is a word, or an object if it is an effective privilege."""
    if isinstance(privilege, str):
        return f"{privilege} (no effect)" if privilege in inert else privilege
    return privilege


def _echo(text: str) -> None:
    typer.echo(printable(text))


def _on(what: str, at: dict[str, Any]) -> str:
    return f"{what} on {at['securable_type'].lower()} {at['securable_name']}".rstrip()
