"""Verbs about rights: explanations, protected aliases, governed tags, requests for access. All are HTTP clients."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from modelkeep.cli.client import Json, call, every, part, show

V1 = "/api/modelkeep/v1"
POLICIES, CONTROL = "/api/2.1/tag-policies", "/api/2.0/preview/accounts/access-control"
Values = Annotated[list[str] | None, typer.Argument(help="The values that the tag may have.")]
ROLES = {"ASSIGN": "roles/tagPolicy.assigner", "MANAGE": "roles/tagPolicy.manager", "CREATE": "roles/tagPolicy.creator"}


def register_governance(app: typer.Typer, grants: typer.Typer) -> None:
    _explain(grants)
    for name, help, verbs in (
        ("aliases", "Aliases that only some may move.", _aliases),
        ("tag-policies", "Governed tags: allowed values, and who may assign them.", _tag_policies),
        ("access", "Requests for access, and the inbox of those who decide.", _access),
    ):
        group = typer.Typer(no_args_is_help=True, help=help)
        app.add_typer(group, name=name)
        verbs(group)


def _explain(group: typer.Typer) -> None:
    @group.command()
    def explain(
        securable_type: str,
        full_name: str,
        principal: str,
        operation: str,
        field: Annotated[str, typer.Option(help="Which securable of the operation: `destination` of a copy.")] = "",
        about: Annotated[str, typer.Option(help="The alias that is moved, the key of the tag that is set.")] = "",
        as_json: Json = False,
    ) -> None:
        """Why a principal may, or may not, do an operation (a row of the operation table) there. `me` is yourself."""
        query = {"securable_type": securable_type, "full_name": full_name, "operation": operation}
        who = "" if principal == "me" else principal
        told = call("GET", f"{V1}/explain", None, **query, principal=who, field=field, about=about)
        if as_json:
            typer.echo(json.dumps(told, ensure_ascii=False))
            return
        _say(f"{told['principal']} {'may' if told['allowed'] else 'may NOT'} {operation}: {told['reason']}")
        for step in told["steps"]:
            _say(f"  {'+' if step['met'] else '-'} {_place(step['needs'], step)}")
            for way in step["given_by"]:
                through = f" ({' > '.join(way['groups'])})" if way["groups"] else ""
                _say(f"      by {_place(way['what'], way)}, held by {way['principal']}{through}")
            if step["ask"]:
                _say(f"      ask: {', '.join(step['ask'])}")
        for way in told["without_effect"]:
            _say(f"  . {_place(way['what'], way)}, held by {way['principal']}, means nothing here")

    @group.command()
    def can(securable_type: str, full_name: str, as_json: Json = False) -> None:
        """What you may do with a securable, and why not."""
        told = call("GET", f"{V1}/can/{part(securable_type)}/{part(full_name)}")["operations"]
        rows = [
            {"operation": name, "may": may is True, "reason": "" if may is True else may} for name, may in told.items()
        ]
        show(rows, ("operation", "may", "reason"), as_json)


def _say(text: str) -> None:
    typer.echo("".join(c if c.isprintable() else "?" for c in text))  # names may hold what a terminal would obey


def _place(what: str, at: dict[str, Any]) -> str:
    return f"{what} on {at['securable_type'].lower()} {at['securable_name']}".rstrip()


def _aliases(group: typer.Typer) -> None:
    def path(kind: str, name: str, alias: str = "") -> str:
        return f"{V1}/protected-aliases/{part(kind)}/{part(name)}" + (f"/{part(alias)}" if alias else "")

    @group.command("list")
    def list_(securable_type: str, full_name: str, as_json: Json = False) -> None:
        """The protections that hold for a model, schema or catalog."""
        found = call("GET", path(securable_type, full_name))["protected_aliases"]
        show(found, ("alias", "principals", "securable_type", "securable_name"), as_json)

    @group.command()
    def protect(securable_type: str, full_name: str, alias: str, principals: list[str]) -> None:
        """For example: aliases protect schema prod.ml_team champion release-managers"""
        call("PUT", path(securable_type, full_name, alias), {"principals": principals})

    @group.command()
    def unprotect(securable_type: str, full_name: str, alias: str) -> None:
        call("DELETE", path(securable_type, full_name, alias))

    @group.command()
    def move(model: str, moves: list[str]) -> None:
        """All or nothing: aliases move prod.ml_team.iris champion=7 challenger=8 old= (nothing after = removes it)."""
        if bare := [move for move in moves if "=" not in move]:
            raise typer.BadParameter(
                f"'{bare[0]}' says no version: write {bare[0]}=7, or {bare[0]}= to remove the alias."
            )
        pairs = [move.partition("=")[::2] for move in moves]
        body = {
            "set": [{"alias_name": alias, "version_num": number} for alias, number in pairs if number],
            "remove": [alias for alias, number in pairs if not number],
        }
        call("PATCH", f"{V1}/models/{part(model)}/aliases", body)


def _tag_policies(group: typer.Typer) -> None:
    columns = ("tag_key", "values", "description")

    def shown(policy: dict[str, Any]) -> dict[str, Any]:
        return policy | {"values": [value["name"] for value in policy["values"]]}

    @group.command("list")
    def list_(as_json: Json = False) -> None:
        show([shown(policy) for policy in every("GET", POLICIES, "tag_policies")], columns, as_json)

    @group.command()
    def create(key: str, values: Values = None, description: str = "", as_json: Json = False) -> None:
        """Govern a tag: tag-policies create cost_center ml ops (without values, it is a key alone)."""
        body = {"tag_key": key, "description": description, "values": [{"name": value} for value in values or ()]}
        show(shown(call("POST", POLICIES, body)), columns, as_json)

    @group.command()
    def delete(key: str) -> None:
        """The tags stay, ungoverned."""
        call("DELETE", f"{POLICIES}/{part(key)}")

    @group.command()
    def grant(key: str, role: str, principals: list[str]) -> None:
        """ROLE is ASSIGN or MANAGE. PRINCIPALS are written users/NAME, groups/NAME, servicePrincipals/APPLICATION_ID."""
        _change(key, role, add=principals)

    @group.command()
    def revoke(key: str, role: str, principals: list[str]) -> None:
        _change(key, role, remove=principals)


def _change(key: str, role: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
    account = call("GET", "/.well-known/databricks-config")["account_id"]
    policy = call("GET", f"{POLICIES}/{part(key)}")
    name = f"accounts/{account}/tagPolicies/{policy['id']}/ruleSets/default"
    found = call("GET", f"{CONTROL}/rule-sets", name=name)
    rules: dict[str, list[str]] = {rule["role"]: rule["principals"] for rule in found["grant_rules"]}
    word = ROLES.get(role.upper(), role)
    rules[word] = [who for who in dict.fromkeys([*rules.get(word, []), *add]) if who not in remove]
    grants = [{"role": word, "principals": who} for word, who in rules.items() if who]
    call(
        "PUT",
        f"{CONTROL}/rule-sets",
        {"name": name, "rule_set": {"name": name, "etag": found["etag"], "grant_rules": grants}},
    )


def _access(group: typer.Typer) -> None:
    columns = ("request_id", "state", "principal", "privileges", "securable_type", "full_name", "comment", "reason")

    @group.command()
    def ask(securable_type: str, full_name: str, privileges: list[str], comment: str = "") -> None:
        """For example: access ask function prod.ml_team.iris EXECUTE --comment "nightly scoring" """
        wanted = {"securable": {"type": securable_type.upper(), "full_name": full_name}, "permissions": privileges}
        asked = call(
            "POST", "/api/3.0/rfa/requests", {"requests": [{"comment": comment, "securable_permissions": [wanted]}]}
        )
        typer.echo(asked["responses"][0]["request_ids"][0])

    @group.command()
    def inbox(state: str = "PENDING", as_json: Json = False) -> None:
        """Requests on what you manage, and your own. --state APPROVED, REJECTED, WITHDRAWN, or ALL."""
        show(every("GET", f"{V1}/access-requests", "access_requests", state=state), columns, as_json)

    @group.command()
    def approve(request_id: str, reason: str = "") -> None:
        """Grants what was asked for."""
        call("POST", f"{V1}/access-requests/{part(request_id)}/approve", {"reason": reason})

    @group.command()
    def reject(request_id: str, reason: str) -> None:
        call("POST", f"{V1}/access-requests/{part(request_id)}/reject", {"reason": reason})

    @group.command()
    def withdraw(request_id: str) -> None:
        call("DELETE", f"{V1}/access-requests/{part(request_id)}")
