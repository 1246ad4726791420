"""Who may use personal access tokens, by themselves or through groups, and what else rests on one: on both databases."""

import pytest
from world import World

from modelkeep.core.operations.identity import principals
from modelkeep.core.operations.identity import token_users as core
from modelkeep.core.operations.identity.principals import hash_token
from modelkeep.core.operations.identity.token_users import GetTokenUsers, SetTokenUsers, TokenUser
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound, PermissionDenied, RegistryError
from modelkeep.limits import TOKEN_USERS
from modelkeep.store import principals as rows
from modelkeep.store import tokens
from modelkeep.store.db import now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

ANYBODY = ("USER", "GROUP", "SERVICE_PRINCIPAL")
EVERYONE = "account users"


def use(*names: str) -> tuple[TokenUser, ...]:
    return tuple(TokenUser(name, ANYBODY, "CAN_USE") for name in names)


async def permit(w: World, *names: str) -> list[str]:
    """By name, who may use tokens once these replace who did."""
    return [p.name for p in await w.as_("admin").do(SetTokenUsers(use(*names), replace=True))]


async def enters(w: World, secret: str, *, session: bool = False) -> bool:
    async with w.db.read() as tx:
        actor = await rows.actor_of_token(tx, hash_token(secret), now_ms(), "", w.workspace, session=session)
    assert isinstance(actor, Actor) or actor == rows.NOT_PERMITTED
    return isinstance(actor, Actor)


async def test_everyone_may_until_somebody_says_otherwise(w: World) -> None:
    await w.group("team", "ann")
    await w.user("bob")
    assert [p.name for p in await w.as_("admin").do(GetTokenUsers())] == [EVERYONE]
    secrets = {name: (await w.as_(name).do(principals.CreateToken())).token for name in ("ann", "bob", "admin")}
    assert await permit(w, "team") == ["team"]
    assert [await enters(w, secrets[name]) for name in ("ann", "bob", "admin")] == [True, False, True]
    with pytest.raises(PermissionDenied, match="'bob' may not use personal access tokens"):
        await w.as_("admin").do(principals.CreateToken(principal="bob"))
    await w.as_("admin").do(principals.CreateToken(principal="ann"))
    await w.as_("admin").do(principals.RemoveMember("team", "ann"))
    assert not await enters(w, secrets["ann"])
    assert await permit(w, "ANN", "bob") == ["ann", "bob"], "names in any case"
    assert await permit(w) == [], "nobody but the admins"
    assert [await enters(w, secrets[name]) for name in ("ann", "bob", "admin")] == [False, False, True]
    assert await permit(w, "users") == [EVERYONE], "the account has one list, so a workspace's group is everyone"
    assert [await enters(w, secrets[name]) for name in ("ann", "bob", "admin")] == [True, True, True]


async def test_new_users_are_part_of_everyone(w: World) -> None:
    await w.user("late")
    assert (await w.as_("late").do(principals.CreateToken())).token
    await permit(w)
    await w.user("later")
    with pytest.raises(RegistryError):
        await w.as_("admin").do(principals.CreateToken(principal="later"))


async def test_what_rests_on_a_token_goes_with_it_and_other_ways_in_stay(w: World) -> None:
    """A session of a provider's person, what that allowed, a client secret's access token: none needs a personal token."""
    ann, now = await w.user("ann"), now_ms()

    async def token(kind: str, origin_kind: str, origin: str) -> str:
        async with w.db.write() as tx:
            return await tokens.insert(
                tx,
                tokens.TokenRow(
                    ann.id,
                    hash_token(f"{kind} {origin_kind} {origin}"),
                    "",
                    "test",
                    now,
                    now + 60_000,
                    kind=kind,
                    origin_kind=origin_kind,
                    origin_id=origin,
                ),
            )

    personal = await token("PERSONAL", "", "")
    refreshed_by_person = await token("ACCESS", "IDENTITY", "i")
    refreshed_by_token = await token("ACCESS", "TOKEN", personal)
    cases = [
        ("PERSONAL", "IDENTITY", "i", False),
        ("SESSION", "TOKEN", personal, False),
        ("SESSION", "IDENTITY", "i", True),
        ("ACCESS", "CLIENT_SECRET", "s", True),
        ("ACCESS", "FEDERATION_POLICY", "p", True),
        ("ACCESS", "TOKEN", refreshed_by_token, False),
        ("ACCESS", "TOKEN", refreshed_by_person, True),
        ("ACCESS", "TOKEN", "gone", False),
    ]
    for kind, origin_kind, origin, _ in cases:
        await token(kind, origin_kind, origin)
    for allowed in (True, False):
        await permit(w, *(["ann"] if allowed else []))
        for kind, origin_kind, origin, stays in cases:
            secret = f"{kind} {origin_kind} {origin}"
            assert await enters(w, secret, session=kind == "SESSION") == (allowed or stays), secret


async def test_the_list_may_be_added_to_and_a_deleted_principal_leaves_it(w: World) -> None:
    admin = w.as_("admin")
    for name in ("ann", "bob"):
        await w.user(name)
    await permit(w, "ann")
    added = await admin.do(SetTokenUsers(use("bob", "ann"), replace=False))
    assert [p.name for p in added] == ["ann", "bob"]
    await admin.do(principals.DeletePrincipal("ann"))
    assert [p.name for p in await admin.do(GetTokenUsers())] == ["bob"]
    changes = [row[0] for row in await w.rows("SELECT changes FROM audit WHERE event = 'token.set_users' ORDER BY at")]
    assert len(changes) == 2 and "ann" in changes[1] and "bob" in changes[1]


@pytest.mark.parametrize(
    ("users", "error"),
    [
        (use("nobody"), NotFound),
        ((TokenUser("team", ("USER",), "CAN_USE"),), NotFound),
        (use("ann", "Ann"), InvalidArgument),
        ((TokenUser("ann", ANYBODY, "CAN_MANAGE"),), InvalidArgument),
        (use("admins"), InvalidArgument),
        (use("users", "account users"), InvalidArgument),
        (use("ann "), NotFound),
        (use(""), NotFound),
    ],
)
async def test_a_wrong_entry_changes_nothing(
    w: World, users: tuple[TokenUser, ...], error: type[RegistryError]
) -> None:
    await w.group("team", "ann")
    with pytest.raises(error):
        await w.as_("admin").do(SetTokenUsers((*use("team"), *users), replace=True))
    assert [p.name for p in await w.as_("admin").do(GetTokenUsers())] == [EVERYONE]


async def test_the_list_is_bounded(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert core.TOKEN_USERS == TOKEN_USERS
    monkeypatch.setattr(core, "TOKEN_USERS", 2)
    for name in ("ann", "bob", "eve"):
        await w.user(name)
    with pytest.raises(LimitExceeded, match="Name a group"):
        await permit(w, "ann", "bob", "eve")
    await permit(w, "ann", "bob")
    with pytest.raises(LimitExceeded):
        await w.as_("admin").do(SetTokenUsers(use("eve"), replace=False))


async def test_only_account_admins_see_and_change_it(w: World) -> None:
    await w.user("ann")
    for request in (GetTokenUsers(), SetTokenUsers(use("ann"), replace=True)):
        with pytest.raises(PermissionDenied):
            await w.as_("ann").do(request)
