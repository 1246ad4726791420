"""Somebody is always an account admin, whatever two admins do to each other at the same moment, and in whatever way."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from world import World

from modelkeep.core.operations.identity import identities, principals
from modelkeep.core.signin import Caller, Person, SignIn
from modelkeep.domain.errors import InvalidArgument, RegistryError
from modelkeep.domain.scim.patch import changes_of
from modelkeep.domain.scim.resources import read_wanted
from modelkeep.domain.scim.schema import TYPES
from modelkeep.store import principals as rows
from modelkeep.store import signin
from modelkeep.store.db import now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

Loss = Callable[[World, str], Awaitable[msgspec.Struct]]


async def number(w: World, who: str) -> str:
    return str((await w.rows("SELECT number FROM principals WHERE name = :who", who=who))[0][0])


def patch(kind: str, id: str, **operation: Any) -> identities.PatchIdentity:
    return identities.PatchIdentity(kind, id, changes_of(TYPES[kind], [operation]))


async def deactivate(w: World, who: str) -> msgspec.Struct:
    return principals.SetActive(who, False)


async def delete(w: World, who: str) -> msgspec.Struct:
    return principals.DeletePrincipal(who)


async def leave_the_group(w: World, who: str) -> msgspec.Struct:
    return principals.RemoveMember(f"team {who}", who)


async def group_leaves_the_admins(w: World, who: str) -> msgspec.Struct:
    return principals.RemoveMember("admins", f"team {who}")


async def group_is_deleted(w: World, who: str) -> msgspec.Struct:
    return principals.DeletePrincipal(f"team {who}")


async def scim_deactivate(w: World, who: str) -> msgspec.Struct:
    return patch("USER", await number(w, who), op="replace", path="active", value=False)


async def scim_replace(w: World, who: str) -> msgspec.Struct:
    body = {"schemas": [TYPES["USER"].urn], "userName": who, "active": False}
    return identities.ReplaceIdentity("USER", await number(w, who), read_wanted(TYPES["USER"], body))


async def scim_delete(w: World, who: str) -> msgspec.Struct:
    return identities.DeleteIdentity("USER", await number(w, who))


async def scim_empties_the_group(w: World, who: str) -> msgspec.Struct:
    return patch("GROUP", await number(w, f"team {who}"), op="remove", path="members")


async def scim_replaces_the_group(w: World, who: str) -> msgspec.Struct:
    body = {"schemas": [TYPES["GROUP"].urn], "displayName": f"team {who}"}
    return identities.ReplaceIdentity("GROUP", await number(w, f"team {who}"), read_wanted(TYPES["GROUP"], body))


async def scim_removes_from_the_admins(w: World, who: str) -> msgspec.Struct:
    path = f'members[value eq "{await number(w, f"team {who}")}"]'
    return patch("GROUP", await number(w, "admins"), op="remove", path=path)


async def scim_deletes_the_group(w: World, who: str) -> msgspec.Struct:
    return identities.DeleteIdentity("GROUP", await number(w, f"team {who}"))


LOSSES: list[Loss] = [
    deactivate,
    delete,
    leave_the_group,
    group_leaves_the_admins,
    group_is_deleted,
    scim_deactivate,
    scim_replace,
    scim_delete,
    scim_empties_the_group,
    scim_replaces_the_group,
    scim_removes_from_the_admins,
    scim_deletes_the_group,
]
PAIRS = [(loss, loss) for loss in LOSSES] + list(itertools.pairwise(LOSSES))


@pytest.fixture
async def two(w: World) -> World:
    """ann and bob are the only account admins, each through a group of their own."""
    for who in ("ann", "bob"):
        await w.group(f"team {who}", who)
        await w.as_("admin").do(principals.AddMember("admins", f"team {who}"))
    await w.as_("ann").do(principals.RemoveMember("admins", "admin"))
    return w


async def admins(w: World) -> set[str]:
    async with w.db.read() as tx:
        return {item.name for item in await rows.account_admins(tx) if item.active}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].__name__}-{pair[1].__name__}")
async def test_of_two_admins_who_remove_each_other_one_succeeds(two: World, pair: tuple[Loss, Loss]) -> None:
    ann, bob = await two.actor("ann"), await two.actor("bob")  # both are signed in before anything happens
    requests = [(ann, await pair[0](two, "bob")), (bob, await pair[1](two, "ann"))]
    answers = await asyncio.gather(*(two.engine.execute(*request) for request in requests), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(item) for item in refused] == [InvalidArgument], answers
    assert "account admin" in str(refused[0])
    assert await admins(two) == ({"bob"} if isinstance(answers[0], BaseException) else {"ann"})


async def test_of_three_admins_who_leave_at_once_one_stays(two: World) -> None:
    await two.as_("ann").do(principals.AddMember("admins", "admin"))
    actors = [
        (await two.actor(who), group, who)
        for who, group in (("ann", "team ann"), ("bob", "team bob"), ("admin", "admins"))
    ]
    answers = await asyncio.gather(
        *(two.engine.execute(actor, principals.RemoveMember(group, who)) for actor, group, who in actors),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["InvalidArgument", "NoneType", "NoneType"]
    assert len(await admins(two)) == 1


async def test_a_claim_takes_nobody_out_of_a_group_that_makes_admins_meanwhile(w: World) -> None:
    """The group becomes the last that makes admins while its only member signs in without the claim for it."""
    await w.group("staff", "ann")
    async with w.db.write() as tx:
        ann = await rows.by_name(tx, "ann")
        assert ann is not None
        await signin.link(tx, "https://idp", "a", ann.id, "test", now_ms())
    door = SignIn(w.db, None, 60_000, {"staff claim": "staff"})  # type: ignore[arg-type]
    person = Person("https://idp", "a", "ann")
    async with w.db.write() as tx:
        await rows.lock_account(tx)
        admins_group, staff, admin = [await rows.by_name(tx, name) for name in ("admins", "staff", "admin")]
        assert admins_group and staff and admin
        await rows.add_member(tx, admins_group, staff)
        signing_in = asyncio.create_task(door.by_provider(person, "state", Caller("", "", w.workspace)))
        await asyncio.sleep(0.3)
        await rows.remove_member(tx, admins_group, admin)
    await signing_in
    assert await admins(w) == {"ann"}


@pytest.mark.parametrize(
    "change",
    [
        {"op": "replace", "path": "displayName", "value": "Ann"},
        {"op": "add", "path": "externalId", "value": "7"},
        {"op": "replace", "value": {"name": {"givenName": "Ann"}}},
    ],
    ids=["display name", "external id", "given name"],
)
async def test_a_change_of_a_name_brings_no_deactivated_user_back(w: World, change: dict[str, Any]) -> None:
    await w.user("ann")
    request = identities.PatchIdentity("USER", await number(w, "ann"), changes_of(TYPES["USER"], [change]))
    actor = await w.actor("admin")
    async with w.db.write() as tx:
        await rows.lock_account(tx)
        ann = await rows.by_name(tx, "ann")
        assert ann is not None
        await rows.set_active(tx, ann, False)
        changing = asyncio.create_task(w.engine.execute(actor, request))
        await asyncio.sleep(0.3)
    answer = await changing
    assert answer.principal.active is False
    assert await w.rows("SELECT active FROM principals WHERE name = 'ann'") == [(0,)]


async def test_without_a_race_the_last_admin_stays(two: World) -> None:
    await two.as_("ann").do(principals.SetActive("bob", False))
    for request in (
        await leave_the_group(two, "ann"),
        await group_leaves_the_admins(two, "ann"),
        await scim_deletes_the_group(two, "ann"),
    ):
        with pytest.raises(RegistryError, match="account admin"):
            await two.as_("ann").do(request)
    assert await admins(two) == {"ann"}
