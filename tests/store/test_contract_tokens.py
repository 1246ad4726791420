"""A token ends with what it was made from, and none outlives the longest lifetime: on both databases, races included."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from world import World

from modelkeep.core.operations.identity import federation, principals, secrets
from modelkeep.core.operations.identity.principals import hash_token
from modelkeep.core.signin import Caller, Person, SignIn
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import InvalidArgument, NotFound, RegistryError, Unauthenticated
from modelkeep.store import principals as rows
from modelkeep.store import signin, tokens
from modelkeep.store.db import now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000
ISSUER = "https://issuer.test"
KEYS = '{"keys":[]}'
CALLER = Caller("", "", "1")


class Trusting:
    """An issuer whose every token says the same."""

    def issuer(self, token: str) -> str:
        return ISSUER

    async def verified(self, token: str, issuer: str, audiences: tuple[str, ...], keys: str) -> dict[str, Any]:
        return {"sub": "job"}


@dataclass
class Root:
    """What somebody signed in with, what ends it, and when it ends by itself (None: only by that)."""

    actor: Actor
    end: msgspec.Struct
    expires_at: int | None = None


@pytest.fixture
async def door(w: World) -> SignIn:
    async with w.db.write() as tx:
        await rows.insert(tx, "SERVICE_PRINCIPAL", "robot", "test", now_ms())
    await w.user("ann")
    return SignIn(w.db, Trusting(), 12 * 3_600_000, {})


async def who(w: World, secret: str, *, session: bool = False) -> Actor | str:
    async with w.db.read() as tx:
        return await rows.actor_of_token(tx, hash_token(secret), now_ms(), "", w.workspace, session=session)


async def signed_in(w: World, secret: str, *, session: bool = False) -> Actor:
    actor = await who(w, secret, session=session)
    assert isinstance(actor, Actor), actor
    return actor


async def number(w: World, name: str) -> str:
    return str((await w.rows("SELECT number FROM principals WHERE name = :name", name=name))[0][0])


async def by_secret(w: World, door: SignIn) -> Root:
    robot = await number(w, "robot")
    secret = await w.as_("admin").do(secrets.CreateSecret(robot, 10 * DAY_MS))
    issued = await door.by_secret("robot", secret.secret, CALLER)
    return Root(await signed_in(w, issued.token), secrets.DeleteSecret(robot, secret.info.id), secret.info.expires_at)


async def _policy(w: World, door: SignIn) -> tuple[str, Actor]:
    robot = await number(w, "robot")
    rule = federation.FederationRule(issuer=ISSUER, subject="job", keys=KEYS, audiences=("a",))
    w.engine.services = msgspec.structs.replace(
        w.engine.services,
        settings=msgspec.structs.replace(w.engine.services.settings, federation=federation_settings()),
    )
    await w.as_("admin").do(federation.CreatePolicy(robot, rule=rule, policy_id="ci"))
    issued = await door.by_assertion("robot", "token", CALLER)
    return robot, await signed_in(w, issued.token)


def federation_settings() -> Any:
    from modelkeep.core.operation import Federation

    return Federation(frozenset({ISSUER}), "a")


async def by_policy(w: World, door: SignIn) -> Root:
    robot, actor = await _policy(w, door)
    return Root(actor, federation.DeletePolicy(robot, policy_id="ci"))


async def by_changed_policy(w: World, door: SignIn) -> Root:
    robot, actor = await _policy(w, door)
    rule = federation.FederationRule(description="other")
    return Root(actor, federation.UpdatePolicy(robot, policy_id="ci", rule=rule, fields=("description",)))


async def by_token(w: World, door: SignIn) -> Root:
    token = await w.as_("ann").do(principals.CreateToken("root", 3_600_000))
    return Root(await signed_in(w, token.token), principals.RevokeToken(token.info.id), token.info.expires_at)


async def by_session_of_a_token(w: World, door: SignIn) -> Root:
    root = await by_token(w, door)
    issued = await door.by_token(root.actor, CALLER)
    return Root(await signed_in(w, issued.token, session=True), root.end, root.expires_at)


Make = Callable[[World, SignIn], Awaitable[Root]]
ROOTS: list[Make] = [by_secret, by_policy, by_changed_policy, by_token, by_session_of_a_token]
each_root = pytest.mark.parametrize("make", ROOTS, ids=lambda make: make.__name__)


@each_root
async def test_what_a_credential_mints_for_itself_ends_with_its_root(w: World, door: SignIn, make: Make) -> None:
    root = await make(w, door)
    bystander = await w.as_("ann").do(principals.CreateToken("other"))
    child = await w.engine.execute(root.actor, principals.CreateToken("child"))
    grandchild = await w.engine.execute(await signed_in(w, child.token), principals.CreateToken("grandchild", DAY_MS))
    assert child.info.bound
    assert grandchild.info.origin_id == child.info.id
    if root.expires_at is not None:
        assert max(child.info.expires_at, grandchild.info.expires_at) <= root.expires_at
    # The access token itself comes and goes within the hour: what it minted does not end with it.
    if root.actor.kind == "SERVICE_PRINCIPAL":
        assert child.info.expires_at > now_ms() + 2 * 3_600_000
        async with w.db.write() as tx:
            await tokens.forget_expired(tx, now_ms() + 2 * 3_600_000)
    assert (await signed_in(w, grandchild.token)).name == root.actor.name
    await w.as_("admin").do(root.end)
    for secret in (child.token, grandchild.token):
        assert await who(w, secret) == "The access token was revoked."
    assert (await signed_in(w, bystander.token)).name == "ann"


@each_root
async def test_an_ended_root_mints_nothing(w: World, door: SignIn, make: Make) -> None:
    """The caller was signed in before the root ended."""
    root = await make(w, door)
    await w.as_("admin").do(root.end)
    with pytest.raises(Unauthenticated):
        await w.engine.execute(root.actor, principals.CreateToken("late"))
    assert await w.rows("SELECT id FROM tokens WHERE comment = 'late'") == []


@each_root
async def test_minting_while_the_root_ends_leaves_no_valid_token(w: World, door: SignIn, make: Make) -> None:
    root, admin = await make(w, door), await w.actor("admin")
    child = await w.engine.execute(root.actor, principals.CreateToken("child"))
    heir = await signed_in(w, child.token)
    mints = [(root.actor, "a"), (heir, "b"), (heir, "c"), (root.actor, "d")]
    requests = [w.engine.execute(actor, principals.CreateToken(comment)) for actor, comment in mints]
    requests.insert(2, w.engine.execute(admin, root.end))
    answers = await asyncio.gather(*requests, return_exceptions=True)
    assert not isinstance(answers.pop(2), BaseException)
    assert all(isinstance(answer, principals.NewToken | Unauthenticated) for answer in answers), answers
    for answer in (child, *answers):
        if not isinstance(answer, BaseException):
            assert await who(w, answer.token) == "The access token was revoked."
    valid = await w.rows(
        "SELECT comment FROM tokens WHERE revoked_at IS NULL AND comment IN ('a', 'b', 'c', 'd', 'child')"
    )
    assert valid == []


async def test_a_revocation_waits_for_what_is_being_minted(w: World, door: SignIn) -> None:
    root, admin = await by_token(w, door), await w.actor("admin")
    async with w.db.write() as tx:
        row = await tokens.lock(tx, root.actor.token_id)
        assert row is not None
        await tokens.insert(
            tx,
            tokens.TokenRow(
                root.actor.id,
                "hash",
                "late",
                "test",
                now_ms(),
                row[1],
                origin_kind="TOKEN",
                origin_id=root.actor.token_id,
            ),
        )
        revoking = asyncio.create_task(w.engine.execute(admin, root.end))
        await asyncio.sleep(0.3)
        assert not revoking.done()
    await revoking
    assert (await w.rows("SELECT revoked_at FROM tokens WHERE comment = 'late'"))[0][0] is not None


async def test_lifetimes_have_a_limit(w: World, door: SignIn) -> None:
    longest = w.engine.config.token_ms
    assert longest == 90 * DAY_MS
    ann = w.as_("ann")
    assert longest - 60_000 < (await ann.do(principals.CreateToken())).info.expires_at - now_ms() <= longest
    assert (await ann.do(principals.CreateToken("", longest))).info.expires_at - now_ms() <= longest
    for lifetime in (longest + 1, 10 * longest, 0, -1):
        with pytest.raises(InvalidArgument, match=f"from 1 to {longest // 1000} seconds"):
            await ann.do(principals.CreateToken("", lifetime))
    admin = w.as_("admin")
    with pytest.raises(InvalidArgument):
        await admin.do(principals.CreateTokenFor("robot", "", longest + 1))
    assert (await admin.do(principals.CreateTokenFor("robot"))).info.expires_at - now_ms() <= longest


async def test_a_token_without_expiry_from_before_stays_and_is_listed_so(w: World, door: SignIn) -> None:
    async with w.db.write() as tx:
        ann = await rows.by_name(tx, "ann")
        assert ann is not None
        await tokens.insert(tx, tokens.TokenRow(ann.id, hash_token("old"), "old", "test", now_ms(), None))
    assert (await signed_in(w, "old")).name == "ann"
    listed = await w.as_("ann").do(principals.ListTokens())
    assert [item.expires_at for item in listed.items if item.comment == "old"] == [None]


async def test_people_mint_up_to_the_longest_lifetime(w: World, door: SignIn) -> None:
    """A session of an OpenID provider, and the token of `modelkeep env`, prove somebody: what they mint stays."""
    person = await signed_in(w, (await door.by_provider(Person(ISSUER, "p", "pat"), "s", CALLER)).token, session=True)
    async with w.db.write() as tx:
        admin = await rows.by_name(tx, "admin")
        assert admin is not None
        await tokens.insert(
            tx,
            tokens.TokenRow(
                admin.id, hash_token("env"), "env", "modelkeep env", now_ms(), now_ms() + 60_000, origin_kind="ENV"
            ),
        )
    env = await signed_in(w, "env")
    of_env = await signed_in(w, (await door.by_token(env, CALLER)).token, session=True)
    for actor, kind in ((person, "SESSION"), (of_env, "SESSION"), (env, "TOKEN")):
        child = await w.engine.execute(actor, principals.CreateToken("mine"))
        assert (child.info.origin_kind, child.info.origin_id, child.info.bound) == (kind, actor.token_id, False)
        assert child.info.expires_at - now_ms() > 89 * DAY_MS
        async with w.db.write() as tx:
            await tokens.revoke(tx, actor.token_id, now_ms())
        grandchild = await w.engine.execute(await signed_in(w, child.token), principals.CreateToken("next"))
        assert grandchild.info.bound
        assert (await signed_in(w, child.token)).name == actor.name


async def test_a_token_for_another_hangs_on_that_principal(w: World, door: SignIn) -> None:
    await w.as_("admin").do(principals.AddMember("admins", "ann"))
    admin = await by_token(w, door)
    for request in (principals.CreateTokenFor("robot"), principals.CreateToken(principal="robot")):
        child = await w.engine.execute(admin.actor, request)
        assert (child.info.origin_kind, child.info.origin_id, child.info.bound) == (
            "TOKEN",
            admin.actor.token_id,
            False,
        )
    await w.as_("admin").do(admin.end)
    assert (await signed_in(w, child.token)).name == "robot"
    await w.as_("admin").do(principals.SetActive("robot", False))
    assert await who(w, child.token) == "The token's principal is deactivated."
    await w.as_("admin").do(principals.DeletePrincipal("robot"))
    assert await who(w, child.token) == rows.UNKNOWN_TOKEN


async def test_on_behalf_of_oneself_is_for_oneself(w: World, door: SignIn) -> None:
    await w.as_("admin").do(principals.AddMember("admins", "robot"))
    root = await by_secret(w, door)
    for request in (principals.CreateTokenFor("robot"), principals.CreateToken(principal="robot")):
        assert (await w.engine.execute(root.actor, request)).info.bound
    await w.as_("admin").do(root.end)
    assert await w.rows("SELECT id FROM tokens WHERE revoked_at IS NULL AND origin_kind = 'CLIENT_SECRET'") == []


async def test_all_from_one_origin_are_revoked(w: World, door: SignIn) -> None:
    ann, root = w.as_("ann"), await by_token(w, door)
    children = [await w.engine.execute(root.actor, principals.CreateToken(f"c{i}")) for i in range(3)]
    grandchild = await w.engine.execute(await signed_in(w, children[0].token), principals.CreateToken("g"))
    await w.user("bob")
    for stranger, id in (("bob", root.actor.token_id), ("ann", "no such origin"), ("ann", ""), ("admin", "")):
        with pytest.raises(NotFound):
            await w.as_(stranger).do(principals.RevokeOrigin(id))
    assert await ann.do(principals.RevokeOrigin(root.actor.token_id)) == 4
    assert await ann.do(principals.RevokeOrigin(root.actor.token_id)) == 0
    for item in (*children, grandchild):
        assert await who(w, item.token) == "The access token was revoked."
    assert not isinstance(await w.as_("ann").do(principals.CreateToken()), RegistryError)


async def test_an_admin_revokes_what_came_from_anybodys_session(w: World, door: SignIn) -> None:
    person = await signed_in(w, (await door.by_provider(Person(ISSUER, "p", "pat"), "s", CALLER)).token, session=True)
    child = await w.engine.execute(person, principals.CreateToken("mine"))
    assert await w.as_("admin").do(principals.RevokeOrigin(person.token_id)) == 1
    assert await who(w, child.token) == "The access token was revoked."
    link = (await w.rows("SELECT id FROM external_identities"))[0][0]
    assert await w.as_("admin").do(principals.RevokeOrigin(link)) == 1  # the session; its token is revoked already
    async with w.db.read() as tx:
        assert await signin.links_of(tx, person.id)
