"""`modelkeep users`, `groups` and `service-principals`: the principals of the account."""

from typing import Annotated, Any

import typer

from modelkeep.cli import signin
from modelkeep.cli.client import V1, call, list_all, part, show, show_json
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Json, Principal
from modelkeep.domain.errors import NotFound

users_app, groups_app, service_principals_app = new_group(), new_group(), new_group()
_COLUMNS = ("name", "display_name", "active", "account_admin")
_GROUPS = f"{V1}/groups"

DisplayName = Annotated[str, typer.Option(help="The name that people read.")]
AccountAdmin = Annotated[bool, typer.Option(help="Make it an account admin.")]
Group = Annotated[str, typer.Argument(help="Name of the group.")]
Member = Annotated[str, typer.Argument(help="Name of a user, a service principal or another group.")]


def _register(app: typer.Typer, plural: str, noun: str) -> None:
    """Adds the commands that all kinds of principals have."""
    base = f"{V1}/{plural}"

    @app.command("list", help=f"List the account's {noun}s.")
    def list_(
        filter: Annotated[str, typer.Option(help="Text that the name or the display name contains.")] = "",
        as_json: Json = False,
    ) -> None:
        show(list_all("GET", base, "principals", filter=filter), _COLUMNS, as_json)

    @app.command(help=f"Show a {noun}.")
    def get(name: Principal, as_json: Json = False) -> None:
        rows = list_all("GET", base, "principals", filter=name)
        if not (same := [row for row in rows if row["name"].casefold() == name.casefold()]):
            raise NotFound(f"{noun.capitalize()} '{name}' does not exist.")
        show(same[0], _COLUMNS, as_json)

    @app.command(help=f"Create a {noun}.")
    def create(
        name: Principal, display_name: DisplayName = "", account_admin: AccountAdmin = False, as_json: Json = False
    ) -> None:
        body = {"name": name, "display_name": display_name, "account_admin": account_admin}
        show(call("POST", base, body), _COLUMNS, as_json)

    @app.command(help=f"Delete a {noun}.")
    def delete(name: Principal, as_json: Json = False) -> None:
        show_json(call("DELETE", f"{base}/{part(name)}"), as_json)


def _register_access(app: typer.Typer, plural: str, noun: str) -> None:
    """Adds the commands of principals that can sign in."""

    def set_active(name: str, active: bool, as_json: bool) -> None:
        show_json(call("PATCH", f"{V1}/{plural}/{part(name)}", {"active": active}), as_json)

    @app.command(help=f"End the access of a {noun} with its next request.")
    def deactivate(name: Principal, as_json: Json = False) -> None:
        set_active(name, False, as_json)

    @app.command(help=f"Give a deactivated {noun} its access back.")
    def activate(name: Principal, as_json: Json = False) -> None:
        set_active(name, True, as_json)

    @app.command(help=f"Change the display name of a {noun}.")
    def update(
        name: Principal,
        display_name: Annotated[str, typer.Option(help="The new name that people read.")],
        as_json: Json = False,
    ) -> None:
        resource, id = signin.scim_resource(plural), signin.scim_id(plural, name)
        change: dict[str, Any] = {"op": "replace", "path": "displayName", "value": display_name}
        show_json(call("PATCH", f"{resource}/{id}", signin.patch(change)), as_json)


_register(users_app, "users", "user")
_register_access(users_app, "users", "user")
signin.add_links(users_app)
_register(service_principals_app, "service-principals", "service principal")
_register_access(service_principals_app, "service-principals", "service principal")
signin.add_secrets(service_principals_app)
signin.add_policies(service_principals_app)
_register(groups_app, "groups", "group")


@groups_app.command()
def members(name: Group, as_json: Json = False) -> None:
    """List the members of a group."""
    rows = list_all("GET", f"{_GROUPS}/{part(name)}/members", "members")
    show(rows, ("name", "kind", "active"), as_json)


@groups_app.command("add-member")
def add_member(name: Group, member: Member, as_json: Json = False) -> None:
    """Add a member to a group."""
    show_json(call("PUT", f"{_GROUPS}/{part(name)}/members/{part(member)}"), as_json)


@groups_app.command("remove-member")
def remove_member(name: Group, member: Member, as_json: Json = False) -> None:
    """Remove a member from a group."""
    show_json(call("DELETE", f"{_GROUPS}/{part(name)}/members/{part(member)}"), as_json)
