"""No two principals whose names look alike, in whatever way the second one is created or renamed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from world import World

from modelkeep.cli.admins import add_admin
from modelkeep.core.operations.identity import identities, principals
from modelkeep.core.signin import Caller, Person, SignIn
from modelkeep.domain.errors import AlreadyExists, RegistryError, Unauthenticated
from modelkeep.domain.lookalikes import look_key
from modelkeep.domain.scim.patch import changes_of
from modelkeep.domain.scim.resources import read_wanted
from modelkeep.domain.scim.schema import TYPES
from modelkeep.settings import Settings
from modelkeep.store import principals as rows

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

LIKE_ADMIN = {
    "fullwidth": "\uff21\uff24\uff2d\uff29\uff2e",
    "one fullwidth letter": "\uff21DMIN",
    "Cyrillic": "\u0430dmin",
    "Greek": "\u0391DM\u0399N",
    "dotless i": "adm\u0131n",
    "bold mathematical letters": "\U0001d41a\U0001d41d\U0001d426\U0001d422\U0001d427",
    "a variation selector": "admin\ufe0f",
    "a grapheme joiner": "ad\u034fmin",
    "a Hangul filler": "admin\u3164",
}
Create = Callable[[World, Settings, str], Awaitable[object]]


async def by_api(w: World, place: Settings, name: str) -> object:
    return await w.as_("admin").do(principals.CreatePrincipal("GROUP", name))


async def by_scim(w: World, place: Settings, name: str) -> object:
    body = {"schemas": [TYPES["USER"].urn], "userName": name}
    return await w.as_("admin").do(identities.CreateIdentity("USER", read_wanted(TYPES["USER"], body)))


async def by_rename(w: World, place: Settings, name: str) -> object:
    await w.user("ann")
    ((id,),) = await w.rows("SELECT number FROM principals WHERE name = 'ann'")
    change = changes_of(TYPES["USER"], [{"op": "replace", "path": "userName", "value": name}])
    return await w.as_("admin").do(identities.PatchIdentity("USER", str(id), change))


async def by_sign_in(w: World, place: Settings, name: str) -> object:
    door = SignIn(w.db, None, 60_000, {})  # type: ignore[arg-type]
    return await door.by_provider(Person("https://idp", "s", name), "state", Caller("", "", w.workspace))


async def by_command(w: World, place: Settings, name: str) -> object:
    return await add_admin(place, name)


@pytest.mark.parametrize(
    "create", [by_api, by_scim, by_rename, by_sign_in, by_command], ids=lambda create: create.__name__
)
async def test_a_look_alike_is_refused(w: World, place: Settings, create: Create) -> None:
    await w.actor("admin")
    for name in LIKE_ADMIN.values():
        with pytest.raises((AlreadyExists, Unauthenticated), match="looks like 'admin'"):
            await create(w, place, name)
    assert await w.rows("SELECT name FROM principals WHERE look_key = 'admin'") == [("admin",)]


async def test_names_that_people_tell_apart_are_two(w: World) -> None:
    admin = w.as_("admin")
    for name in (
        "jose@x.io",
        "jos\u00e9@x.io",
        "user1",
        "userl",
        "\u0432\u0430\u0441\u044f",
        "\u6d4b\u8bd5",
        "a-b",
        "a_b",
        "a b",
        "ab",
    ):
        await admin.do(principals.CreatePrincipal("USER", name))
    with pytest.raises(AlreadyExists, match="already exists"):
        await admin.do(principals.CreatePrincipal("USER", "JOSE@x.io"))
    for name in ("a  b", "a\u2011b", "a\u00a0b", "account  users", "\uff41ccount users"):
        with pytest.raises(AlreadyExists, match="looks like"):
            await admin.do(principals.CreatePrincipal("USER", name))


async def test_a_principal_may_change_how_its_own_name_is_written(w: World) -> None:
    await w.user("\u0430nn")
    ((id,),) = await w.rows("SELECT number FROM principals WHERE name = :name", name="\u0430nn")
    change = changes_of(TYPES["USER"], [{"op": "replace", "path": "userName", "value": "ann"}])
    assert (await w.as_("admin").do(identities.PatchIdentity("USER", str(id), change))).principal.name == "ann"


async def test_of_look_alikes_at_once_one_is_created(w: World) -> None:
    await w.actor("admin")
    for round_ in range(4):
        names = [f"b{round_}a", f"b{round_}\u0430", f"b{round_}\uff41", f"b{round_}\u0391"]
        answers = await asyncio.gather(
            *(by_api(w, w.registry.settings, name) for name in names), return_exceptions=True
        )
        assert sorted(isinstance(answer, RegistryError) for answer in answers) == [False, True, True, True]
        assert len(await w.rows("SELECT name FROM principals WHERE look_key = :key", key=look_key(names[0]))) == 1


async def test_names_from_before_count_after_the_next_start(w: World) -> None:
    await w.user("zoe")
    async with w.db.write() as tx:
        await tx.run("UPDATE principals SET look_key = ''")
    await rows.fill_look_keys(w.db)
    with pytest.raises(AlreadyExists, match="looks like 'zoe'"):
        await by_api(w, w.registry.settings, "z\u043ee")
    assert await w.rows("SELECT id FROM principals WHERE look_key = ''") == []
