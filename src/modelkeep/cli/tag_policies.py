"""`modelkeep tag-policies`: governed tags, their allowed values, and who may assign them."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from modelkeep.cli.client import call, list_all, part, show, show_json
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Json

app = new_group()
_POLICIES, _CONTROL = "/api/2.1/tag-policies", "/api/2.0/preview/accounts/access-control"
_COLUMNS = ("tag_key", "values", "description")
ROLES = {"ASSIGN": "roles/tagPolicy.assigner", "MANAGE": "roles/tagPolicy.manager", "CREATE": "roles/tagPolicy.creator"}

Key = Annotated[str, typer.Argument(help="Key of the governed tag.")]
Values = Annotated[
    list[str] | None, typer.Argument(help="Values that the tag may have; none for a tag without values.")
]
Description = Annotated[str, typer.Option(help="A description.")]
NewDescription = Annotated[str | None, typer.Option("--description", help="The new description; '' clears it.")]
NewValues = Annotated[
    list[str] | None, typer.Option("--value", help="An allowed value; repeat it. Replaces all values.")
]
Role = Annotated[str, typer.Argument(help="ASSIGN (may set the tag) or MANAGE (may change the policy).")]
Principals = Annotated[
    list[str], typer.Argument(help="Principals, as users/NAME, groups/NAME or servicePrincipals/APPLICATION_ID.")
]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the governed tags."""
    show([_with_words(policy) for policy in list_all("GET", _POLICIES, "tag_policies")], _COLUMNS, as_json)


@app.command()
def get(key: Key, as_json: Json = False) -> None:
    """Show a governed tag."""
    show(_with_words(call("GET", f"{_POLICIES}/{part(key)}")), _COLUMNS, as_json)


@app.command()
def create(key: Key, values: Values = None, description: Description = "", as_json: Json = False) -> None:
    """Govern a tag. For example: tag-policies create cost_center ml ops"""
    body = {"tag_key": key, "description": description, "values": _values(values or ())}
    show(_with_words(call("POST", _POLICIES, body)), _COLUMNS, as_json)


@app.command()
def update(key: Key, values: NewValues = None, description: NewDescription = None, as_json: Json = False) -> None:
    """Change the allowed values or the description of a governed tag."""
    body: dict[str, Any] = {} if values is None else {"values": _values(values)}
    body |= {} if description is None else {"description": description}
    if not body:
        raise typer.BadParameter("Nothing to change. Pass --value or --description.")
    policy = call("PATCH", f"{_POLICIES}/{part(key)}", body, update_mask=",".join(body))
    show(_with_words(policy), _COLUMNS, as_json)


@app.command()
def delete(key: Key, as_json: Json = False) -> None:
    """End the governance of a tag. Tags that are set stay."""
    show_json(call("DELETE", f"{_POLICIES}/{part(key)}"), as_json)


@app.command()
def rules(key: Key, as_json: Json = False) -> None:
    """List who may assign a governed tag, and who may change its policy."""
    words = {role: word for word, role in ROLES.items()}
    rows = [
        {"role": words.get(rule["role"], rule["role"]), "principals": rule["principals"]}
        for rule in _rule_set(key)["grant_rules"]
    ]
    show(rows, ("role", "principals"), as_json)


@app.command()
def grant(key: Key, role: Role, principals: Principals, as_json: Json = False) -> None:
    """Give principals a role for a governed tag."""
    _change(key, role, add=principals, as_json=as_json)


@app.command()
def revoke(key: Key, role: Role, principals: Principals, as_json: Json = False) -> None:
    """Take a role for a governed tag away from principals."""
    _change(key, role, remove=principals, as_json=as_json)


def _values(values: Sequence[str]) -> list[dict[str, str]]:
    return [{"name": value} for value in values]


def _with_words(policy: dict[str, Any]) -> dict[str, Any]:
    return policy | {"values": [value["name"] for value in policy["values"]]}


def _rule_set(key: str) -> dict[str, Any]:
    account = call("GET", "/.well-known/databricks-config")["account_id"]
    policy = call("GET", f"{_POLICIES}/{part(key)}")
    return call("GET", f"{_CONTROL}/rule-sets", name=f"accounts/{account}/tagPolicies/{policy['id']}/ruleSets/default")


def _change(key: str, role: str, *, add: Sequence[str] = (), remove: Sequence[str] = (), as_json: bool) -> None:
    """Replaces the rule set; the server refuses if somebody else has changed it in between."""
    current = _rule_set(key)
    rules: dict[str, list[str]] = {rule["role"]: rule["principals"] for rule in current["grant_rules"]}
    word = ROLES.get(role.upper(), role)
    rules[word] = [name for name in dict.fromkeys([*rules.get(word, []), *add]) if name not in remove]
    grants = [{"role": word, "principals": names} for word, names in rules.items() if names]
    rule_set = {"name": current["name"], "etag": current["etag"], "grant_rules": grants}
    show_json(call("PUT", f"{_CONTROL}/rule-sets", {"name": current["name"], "rule_set": rule_set}), as_json)
