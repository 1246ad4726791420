"""`modelkeep env` and `modelkeep admins`: a token that is printed is accepted, and who reads the data directory gets back in."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner
from world import World, new_place, world

from modelkeep.cli import app
from modelkeep.cli.admin_token import create_admin_token
from modelkeep.cli.admins import add_admin, list_admins
from modelkeep.core.operations.identity import principals
from modelkeep.core.operations.identity.principals import hash_token
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import BadName, InvalidArgument, NotFound, RegistryError, WrongState
from modelkeep.settings import Settings
from modelkeep.store import principals as rows
from modelkeep.store.db import now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

Loss = Callable[[World], Awaitable[None]]


async def actor(w: World, secret: str) -> Actor | str:
    async with w.db.read() as tx:
        return await rows.actor_of_token(tx, hash_token(secret), now_ms(), "", w.workspace)


async def minted(w: World, place: Settings, user: str = "") -> Actor:
    """Whom a token of `modelkeep env` signs in."""
    holder = await actor(w, await create_admin_token(place, 60_000, user))
    assert isinstance(holder, Actor), holder
    assert holder.account_admin
    return holder


async def removed_from_admins(w: World) -> None:
    await w.as_("colleague").do(principals.RemoveMember("admins", "admin"))


async def deactivated(w: World) -> None:
    await w.as_("colleague").do(principals.SetActive("admin", False))


async def deleted(w: World) -> None:
    await w.own("main", "colleague")
    await w.own("main.default", "colleague")
    await w.as_("colleague").do(principals.DeletePrincipal("admin"))


@pytest.mark.parametrize("loss", [removed_from_admins, deactivated, deleted], ids=lambda loss: loss.__name__)
async def test_env_prints_what_is_accepted_or_says_what_to_run(w: World, place: Settings, loss: Loss) -> None:
    assert (await minted(w, place)).name == "admin"
    await w.user("colleague")
    await w.as_("admin").do(principals.AddMember("admins", "colleague"))
    await loss(w)
    before = await w.count("tokens")
    with pytest.raises(RegistryError, match="modelkeep admins add admin"):
        await create_admin_token(place, 60_000)
    assert await w.count("tokens") == before
    assert "'admin' is an account admin" in await add_admin(place, "admin")
    assert (await minted(w, place, "admin")).name == "admin"
    recorded = await w.rows(
        "SELECT event, actor, outcome, reason FROM audit WHERE operation IN ('admins_add', 'add_member')"
    )
    ours = [row for row in recorded if row[1].startswith("local user ")]
    assert ours
    assert all(row[2:] == ("ok", "read access to the data directory") for row in ours)


async def test_a_new_admin_is_created_and_listed(w: World, place: Settings) -> None:
    assert await add_admin(place, "ops@x.io") == "'ops@x.io' is an account admin (created, added to 'admins')."
    assert await add_admin(place, "OPS@x.io") == "'ops@x.io' is an account admin (as before)."
    assert (await minted(w, place, "ops@x.io")).name == "ops@x.io"
    assert [(row["name"], row["active"]) for row in await list_admins(place)] == [
        ("admin", True),
        ("ops@x.io", True),
    ]


async def test_nobody_else_becomes_an_admin(w: World, place: Settings) -> None:
    await w.group("staff", "ann")
    for name, error in (
        ("staff", InvalidArgument),
        ("account users", InvalidArgument),
        ("", BadName),
        ("a\nb", BadName),
    ):
        with pytest.raises(error):
            await add_admin(place, name)
    for user, mismatch in (("nobody", NotFound), ("staff", NotFound), ("ann", WrongState)):
        with pytest.raises(mismatch, match="modelkeep admins add"):
            await create_admin_token(place, 60_000, user)
    assert [row["name"] for row in await list_admins(place)] == ["admin"]


def test_the_command_line_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = asyncio.run(new_place(tmp_path))
    monkeypatch.setenv("MODELKEEP_DATA_DIR", str(place.data))

    async def deactivate() -> None:
        async with world(place) as w, w.db.write() as tx:
            admin = await rows.by_name(tx, "admin")
            assert admin is not None
            await rows.set_active(tx, admin, False)

    asyncio.run(deactivate())
    failed = CliRunner().invoke(app, ["env"])
    assert isinstance(failed.exception, WrongState), failed.output
    assert "DATABRICKS_TOKEN" not in failed.output
    done = CliRunner().invoke(app, ["admins", "add", "admin"])
    assert (done.exit_code, done.output) == (0, "'admin' is an account admin (reactivated).\n")
    assert "export DATABRICKS_TOKEN=mk_" in CliRunner().invoke(app, ["env"]).output
    assert CliRunner().invoke(app, ["admins", "list"]).output.splitlines()[1].split() == ["admin", "USER", "true"]
