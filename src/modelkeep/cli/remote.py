"""Verbs that are HTTP clients of the server."""

from collections.abc import Collection
from typing import Annotated, Any

import typer

from modelkeep.cli import audit, signin, workspaces
from modelkeep.cli.client import Json, call, every, part, show
from modelkeep.cli.governance import register_governance
from modelkeep.cli.prompts import prompts
from modelkeep.cli.sql import run_sql

UC, V1, B = "/api/2.1/unity-catalog", "/api/modelkeep/v1", "/api/2.0/mlflow/unity-catalog"
Comment = Annotated[str, typer.Option(help="A description.")]


def _group(app: typer.Typer, name: str, help: str) -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help=help)
    app.add_typer(group, name=name)
    return group


def register(app: typer.Typer) -> None:
    catalogs = _group(app, "catalogs", "Catalogs, and the workspaces that they are bound to.")
    _catalogs(catalogs)
    workspaces.bindings(catalogs)
    workspaces.workspaces(_group(app, "workspaces", "Workspaces, and who may enter them."))
    _schemas(_group(app, "schemas", "Schemas of a catalog."))
    _models(_group(app, "models", "Registered models and their versions."))
    prompts(_group(app, "prompts", "Prompts of a schema and their versions."))
    grants = _group(app, "grants", "Who holds what, and why.")
    _grants(grants)
    register_governance(app, grants)
    users, robots = (
        _group(app, plural, f"The account's {plural.replace('-', ' ')}.") for plural in ("users", "service-principals")
    )
    _principals(users, "users")
    signin.links(users)
    _principals(robots, "service-principals")
    signin.secrets(robots)
    signin.policies(robots)
    groups = _group(app, "groups", "Groups and their members.")
    _principals(groups, "groups")
    _members(groups)
    _tokens(_group(app, "tokens", "Personal access tokens, and what else one is signed in with."))
    audit.register(_group(app, "audit", "The audit log."))
    _experiments(_group(app, "experiments", "Experiments of the workspace."))

    app.command("sql")(run_sql)

    @app.command()
    def jobs(as_json: Json = False) -> None:
        """Background jobs that wait, run, or were given up."""
        show(call("GET", f"{V1}/jobs")["jobs"], ("task", "key", "state", "attempts", "error"), as_json)


def _catalogs(group: typer.Typer) -> None:
    group.command("activity")(audit.activity("CATALOG"))
    columns = ("name", "owner", "comment")

    @group.command("list")
    def list_(as_json: Json = False) -> None:
        show(every("GET", f"{UC}/catalogs", "catalogs"), columns, as_json)

    @group.command()
    def create(name: str, comment: Comment = "", as_json: Json = False) -> None:
        show(call("POST", f"{UC}/catalogs", {"name": name, "comment": comment}), columns, as_json)

    @group.command()
    def delete(name: str, force: bool = False) -> None:
        call("DELETE", f"{UC}/catalogs/{part(name)}", force=str(force).lower())


def _schemas(group: typer.Typer) -> None:
    group.command("activity")(audit.activity("SCHEMA"))
    columns = ("full_name", "owner", "comment")

    @group.command("list")
    def list_(catalog: str, as_json: Json = False) -> None:
        show(every("GET", f"{UC}/schemas", "schemas", catalog_name=catalog), columns, as_json)

    @group.command()
    def create(full_name: str, comment: Comment = "", as_json: Json = False) -> None:
        """FULL_NAME is catalog.schema."""
        catalog, _, name = full_name.partition(".")
        show(
            call("POST", f"{UC}/schemas", {"catalog_name": catalog, "name": name, "comment": comment}), columns, as_json
        )

    @group.command()
    def delete(full_name: str, force: bool = False) -> None:
        call("DELETE", f"{UC}/schemas/{part(full_name)}", force=str(force).lower())


def _models(group: typer.Typer) -> None:
    @group.command("list")
    def list_(as_json: Json = False) -> None:
        """Every registered model that you may read."""
        show(
            every("GET", f"{B}/registered-models/search", "registered_models"),
            ("name", "user_id", "description"),
            as_json,
        )

    @group.command()
    def get(name: str, as_json: Json = False) -> None:
        model = call("GET", f"{B}/registered-models/get", name=name)["registered_model"]
        show(model, ("name", "user_id", "description", "aliases", "tags"), as_json)

    @group.command()
    def create(name: str, comment: Comment = "", as_json: Json = False) -> None:
        made = call("POST", f"{B}/registered-models/create", {"name": name, "description": comment})
        show(made["registered_model"], ("name", "user_id", "description"), as_json)

    @group.command()
    def versions(name: str, as_json: Json = False) -> None:
        filter = "name = '" + name.replace("'", "''") + "'"
        found = every("GET", f"{B}/model-versions/search", "model_versions", filter=filter)
        show(found, ("version", "status", "user_id", "run_id", "description"), as_json)

    @group.command()
    def copy(name: str, version: int, destination: str, as_json: Json = False) -> None:
        """Copy a version to another model, on the server: no bytes move."""
        made = call("POST", f"{V1}/models/{part(name)}/versions/{version}/copy", {"destination": destination})
        show(made, ("full_name", "version", "status", "copied_from"), as_json)

    @group.command()
    def alias(name: str, alias: str, version: int) -> None:
        """Point an alias at a version."""
        call("POST", f"{B}/registered-models/alias", {"name": name, "alias": alias, "version": str(version)})

    @group.command()
    def lineage(name: str, version: int, as_json: Json = False) -> None:
        """What a version came from and who uses it, with who says so."""
        found = every("GET", f"{V1}/models/{part(name)}/versions/{version}/lineage", "lineage")
        show(found, ("direction", "entity_type", "entity_name", "context", "created_by"), as_json)

    group.command("activity")(audit.activity("MODEL"))

    @group.command()
    def delete(name: str) -> None:
        """Delete a model with all versions and files."""
        call("DELETE", f"{B}/registered-models/delete", {"name": name})


def _grants(group: typer.Typer) -> None:
    def path(kind: str, name: str) -> str:
        return f"permissions/{part(kind)}/{part(name)}"

    @group.command("list")
    def list_(securable_type: str, full_name: str, effective: bool = False, as_json: Json = False) -> None:
        prefix = "effective-" if effective else ""
        found = call("GET", f"{UC}/{prefix}{path(securable_type, full_name)}")
        show(_marked(found["privilege_assignments"], as_json=as_json), ("principal", "privileges"), as_json)

    @group.command()
    def add(securable_type: str, full_name: str, principal: str, privileges: list[str]) -> None:
        """For example: grants add schema prod.ml_team data-scientists USE_SCHEMA CREATE_MODEL"""
        _change(path(securable_type, full_name), {"principal": principal, "add": privileges})

    @group.command()
    def remove(securable_type: str, full_name: str, principal: str, privileges: list[str]) -> None:
        _change(path(securable_type, full_name), {"principal": principal, "remove": privileges})


def _change(path: str, change: dict[str, Any]) -> None:
    changed = call("PATCH", f"{UC}/{path}", {"changes": [change]})["privilege_assignments"]
    show(_marked(changed, as_json=False), ("principal", "privileges"), False)


def _marked(assignments: list[dict[str, Any]], *, as_json: bool) -> list[dict[str, Any]]:
    """For people: privileges that mean nothing here are named as such."""
    if as_json:
        return assignments
    return [
        {**held, "privileges": [_with_mark(word, held.get("inert_privileges", ())) for word in held["privileges"]]}
        for held in assignments
    ]


def _with_mark(privilege: Any, inert: Collection[str]) -> Any:
    """`privilege`: a word, or (effective ones) an object."""
    if isinstance(privilege, str):
        return f"{privilege} (no effect)" if privilege in inert else privilege
    return privilege


def _principals(group: typer.Typer, plural: str) -> None:
    columns = ("name", "display_name", "active", "account_admin")

    @group.command("list")
    def list_(as_json: Json = False) -> None:
        show(every("GET", f"{V1}/{plural}", "principals"), columns, as_json)

    @group.command()
    def create(name: str, display_name: str = "", account_admin: bool = False, as_json: Json = False) -> None:
        body = {"name": name, "display_name": display_name, "account_admin": account_admin}
        show(call("POST", f"{V1}/{plural}", body), columns, as_json)

    @group.command()
    def delete(name: str) -> None:
        call("DELETE", f"{V1}/{plural}/{part(name)}")

    @group.command()
    def deactivate(name: str) -> None:
        """End its access with the next request."""
        call("PATCH", f"{V1}/{plural}/{part(name)}", {"active": False})

    @group.command()
    def activate(name: str) -> None:
        call("PATCH", f"{V1}/{plural}/{part(name)}", {"active": True})


def _members(group: typer.Typer) -> None:
    @group.command()
    def members(name: str, as_json: Json = False) -> None:
        show(every("GET", f"{V1}/groups/{part(name)}/members", "members"), ("name", "kind", "active"), as_json)

    @group.command("add-member")
    def add_member(name: str, member: str) -> None:
        """A user, service principal or another group."""
        call("PUT", f"{V1}/groups/{part(name)}/members/{part(member)}")

    @group.command("remove-member")
    def remove_member(name: str, member: str) -> None:
        call("DELETE", f"{V1}/groups/{part(name)}/members/{part(member)}")


def _tokens(group: typer.Typer) -> None:
    columns = (
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

    @group.command()
    def create(
        comment: str = "", lifetime_seconds: int | None = None, principal: str = "", as_json: Json = False
    ) -> None:
        """Prints the token: the only time that it is seen. --principal is for account admins."""
        body: dict[str, Any] = {"comment": comment, "principal": principal}
        if lifetime_seconds is not None:
            body["lifetime_seconds"] = lifetime_seconds
        made = call("POST", f"{V1}/tokens", body)
        if as_json:
            show(made, columns, True)
        else:
            typer.echo(made["token_value"])

    @group.command("list")
    def list_(principal: str = "", as_json: Json = False) -> None:
        show(every("GET", f"{V1}/tokens", "tokens", principal=principal), columns, as_json)

    @group.command()
    def revoke(token_id: str) -> None:
        call("DELETE", f"{V1}/tokens/{part(token_id)}")

    @group.command("revoke-origin")
    def revoke_origin(origin_id: str) -> None:
        """Revoke all tokens that came from this origin (`tokens list` names it), and all that came from those."""
        typer.echo(f"{call('DELETE', f'{V1}/token-origins/{part(origin_id)}')['revoked']} tokens revoked.")


def _experiments(group: typer.Typer) -> None:
    @group.command()
    def share(experiment: str, principal: str, level: str) -> None:
        """LEVEL is CAN_READ, CAN_EDIT, CAN_MANAGE, or NONE to take it back. EXPERIMENT is an id or a name."""
        call("PUT", f"{V1}/experiments/permissions", {"experiment": experiment, "principal": principal, "level": level})

    @group.command()
    def permissions(experiment: str, as_json: Json = False) -> None:
        found = call("GET", f"{V1}/experiments/permissions", experiment=experiment)["permissions"]
        show(found, ("principal", "level"), as_json)
