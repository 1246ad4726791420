"""`modelkeep admins`: the account admins, for anybody who can read the data directory. It works when nobody can sign in."""

import asyncio
from typing import Annotated

import typer

from modelkeep.cli.admin_token import LocalChange
from modelkeep.cli.client import show
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Json
from modelkeep.cli.server import DataDir, log_to_stderr, must_exist
from modelkeep.settings import Settings, load

app = new_group()


@app.command()
def add(name: Annotated[str, typer.Argument(help="Name of the user.")], data_dir: DataDir = None) -> None:
    """Make a user an account admin. Creates or reactivates the user if necessary, and writes an audit record."""
    settings = load(data_dir=data_dir)
    must_exist(settings)
    log_to_stderr()
    typer.echo(asyncio.run(add_admin(settings, name)))


@app.command("list")
def list_(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the account admins, deactivated ones too."""
    settings = load(data_dir=data_dir)
    must_exist(settings)
    log_to_stderr()
    show(asyncio.run(list_admins(settings)), ("name", "kind", "active"), as_json)


async def add_admin(settings: Settings, name: str) -> str:
    """Returns a sentence that says what changed. Raises BadName, InvalidArgument."""
    from modelkeep.cli.admin_token import record
    from modelkeep.domain.errors import InvalidArgument
    from modelkeep.domain.names import check_principal_name
    from modelkeep.serve.registry import opened
    from modelkeep.store import principals
    from modelkeep.store.audit import AuditTarget
    from modelkeep.store.bootstrap import ADMINS
    from modelkeep.store.db import now_ms

    async with opened(settings) as registry, registry.db.write() as tx:
        await principals.lock_account(tx)
        user = await principals.by_name(tx, name)
        admins = await principals.by_name(tx, ADMINS)
        assert admins is not None
        target = AuditTarget(admins.kind, admins.id, admins.name)
        steps: list[str] = []
        if user is not None and user.kind == "GROUP":
            raise InvalidArgument(f"'{user.name}' is a group. Name a user or a service principal.")
        if user is None:
            user = await principals.insert(tx, "USER", check_principal_name(name), "modelkeep admins", now_ms())
            await record(tx, LocalChange("principal.create", "admins_add", target), user)
            steps.append("created")
        if not user.active:
            await principals.set_active(tx, user, True)
            await record(
                tx, LocalChange("principal.update", "admins_add", target, changes='{"active":[false,true]}'), user
            )
            steps.append("reactivated")
        if not await principals.is_account_admin(tx, user.id):
            await principals.add_member(tx, admins, user)
            await record(tx, LocalChange("group.add_member", "add_member", target), user)
            steps.append(f"added to '{ADMINS}'")
    return f"'{user.name}' is an account admin ({', '.join(steps) or 'as before'})."


async def list_admins(settings: Settings) -> list[dict[str, object]]:
    from modelkeep.serve.registry import opened
    from modelkeep.store import principals

    async with opened(settings, upgrade=False) as registry, registry.db.read() as tx:
        rows = await principals.account_admins(tx)
    return [{"name": row.name, "kind": row.kind, "active": row.active} for row in rows]
