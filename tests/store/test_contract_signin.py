"""Signing in, on both databases: what a proof makes, what ends it, and what two processes may not both do."""

import asyncio
import json
from typing import Any

import pytest
from issuer import Issuer
from world import World

from modelkeep.core.operations.identity import federation, secrets
from modelkeep.core.operations.identity.principals import CreatePrincipal, RevokeToken, hash_token
from modelkeep.core.signin import Caller, Issued, Person, SignIn
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import AlreadyExists, LimitExceeded, Unauthenticated
from modelkeep.domain.model import Principal
from modelkeep.oidc.issuers import Issuers
from modelkeep.store import identities, principals, signin, tokens, workspaces
from modelkeep.store.db import now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

HERE = Caller("127.0.0.1", "r1", "1")
IDP = "https://idp.example"
ADA = Person(IDP, "s-1", "ada@x.io", "Ada")


def signing_in(w: World, groups: dict[str, str] | None = None) -> SignIn:
    return SignIn(w.db, Issuers(()), 3_600_000, groups or {})  # type: ignore[arg-type]


async def who(w: World, result: Issued, *, session: bool = False) -> Actor | str:
    async with w.db.read() as tx:
        return await principals.actor_of_token(
            tx, hash_token(result.token), now_ms(), "127.0.0.1", w.workspace, session=session
        )


async def robot(w: World, name: str = "robot") -> tuple[Principal, str]:
    """(a service principal, its number)."""
    await w.as_("admin").do(CreatePrincipal("SERVICE_PRINCIPAL", name))
    async with w.db.read() as tx:
        principal = await principals.by_name(tx, name)
        assert principal is not None
        known = await identities.by_id(tx, principal.id)
    assert known is not None
    return principal, str(known.number)


async def caught(work: Any) -> Any:
    return (await asyncio.gather(work, return_exceptions=True))[0]


async def test_a_secret_makes_tokens_until_it_goes(w: World) -> None:
    _, number = await robot(w)
    secret = await w.as_("admin").do(secrets.CreateSecret(number))
    signs = signing_in(w)
    token = await signs.by_secret("ROBOT", secret.secret, HERE)
    result = await who(w, token)
    assert isinstance(result, Actor) and (result.name, result.role) == ("robot", "USER")
    assert await who(w, token, session=True) == principals.UNKNOWN_TOKEN
    await w.as_("admin").do(secrets.DeleteSecret(number, secret.info.id))
    assert await who(w, token) == "The access token was revoked."
    assert isinstance(await caught(signs.by_secret("robot", secret.secret, HERE)), Unauthenticated)
    rows = await w.rows("SELECT event, actor, source, request_id FROM audit WHERE event = 'token.issue'")
    assert rows == [("token.issue", "robot", "127.0.0.1", "r1")]


async def test_the_sixth_secret_is_refused_however_many_ask_at_once(w: World) -> None:
    _, number = await robot(w)
    await w.actor("admin")
    request = (caught(w.as_("admin").do(secrets.CreateSecret(number))) for _ in range(12))
    results = await asyncio.gather(*request)
    assert {type(r) for r in results if isinstance(r, BaseException)} == {LimitExceeded}
    assert await w.count("client_secrets") == secrets.MAX_SECRETS


async def test_a_policy_is_taken_to_the_letter_and_its_tokens_end_with_a_change(w: World) -> None:
    _, number = await robot(w)
    issuer = Issuer("https://ci.example", "one")
    rule = federation.FederationRule("", issuer.url, "job-1", "", ("modelkeep",), json.dumps({"keys": issuer.keys}))
    await w.as_("admin").do(federation.CreatePolicy(number, rule=rule, policy_id="ci"))
    with pytest.raises(AlreadyExists):
        await w.as_("admin").do(federation.CreatePolicy(number, rule=rule, policy_id="ci"))
    signs = signing_in(w)
    token = await signs.by_assertion("robot", issuer.token(), HERE)
    assert isinstance(await who(w, token), Actor)
    for changed in ({"sub": "JOB-1"}, {"sub": "job-1 "}, {"aud": "Modelkeep"}, {"iss": issuer.url + "/"}):
        assert isinstance(await caught(signs.by_assertion("robot", issuer.token(**changed), HERE)), Unauthenticated)
    async with w.db.read() as tx:
        (used,) = await signin.policies(tx, (await robot_id(w)))
    await w.as_("admin").do(
        federation.UpdatePolicy(number, policy_id="ci", rule=federation.FederationRule("more"), fields=("description",))
    )
    async with w.db.write() as tx:
        assert not await signin.hold_policy(tx, used), "whoever read it before the change makes no token of it"
    assert await who(w, token) == "The access token was revoked."


async def robot_id(w: World) -> str:
    return (await w.rows("SELECT id FROM principals WHERE name = 'robot'"))[0][0]


async def test_an_answer_of_the_provider_is_taken_once_by_all_processes(w: World) -> None:
    first, second = signing_in(w), signing_in(w)
    await first.by_provider(ADA, "state-0", HERE)
    results = await asyncio.gather(*(caught(item.by_provider(ADA, "state-1", HERE)) for item in (first, second) * 3))
    assert [type(r) for r in results].count(Issued) == 1
    assert {type(r) for r in results} == {Issued, Unauthenticated}
    async with w.db.write() as tx:
        await signin.forget_used(tx, now_ms() + 1)
    assert await w.count("used_sign_ins") == 0


async def test_one_person_is_one_user_and_never_somebody_of_the_same_name(w: World) -> None:
    signs = signing_in(w)
    results = await asyncio.gather(*(caught(signs.by_provider(ADA, f"state-{i}", HERE)) for i in range(4)))
    assert {type(r) for r in results} == {Issued}, "whoever signs in twice at once for the first time gets in twice"
    assert await w.rows("SELECT COUNT(*) FROM audit WHERE event = 'principal.create' AND actor = 'ada@x.io'") == [(1,)]
    assert await w.rows("SELECT COUNT(*) FROM principals WHERE name_key = 'ada@x.io'") == [(1,)]
    assert await w.count("external_identities") == 1
    other = Person(IDP, "S-1", "ADA@x.io")
    refusal = await caught(signs.by_provider(other, "another", HERE))
    assert isinstance(refusal, Unauthenticated) and "somebody here already" in refusal.message
    with pytest.raises(AlreadyExists):
        await w.as_("admin").do(federation.LinkIdentity("admin", IDP, "s-1"))


async def test_a_session_ends_with_the_link_and_with_the_token_that_it_began_with(w: World) -> None:
    signs = signing_in(w)
    session = await signs.by_provider(ADA, "state", HERE)
    assert isinstance(await who(w, session, session=True), Actor)
    assert await who(w, session) == principals.UNKNOWN_TOKEN, "a session is no bearer token"
    await w.as_("admin").do(federation.UnlinkIdentity("ada@x.io", IDP, "s-1"))
    assert await who(w, session, session=True) == "The access token was revoked."
    bearer = await w.actor("bob")
    session = await signs.by_token(bearer, HERE)
    assert isinstance(await who(w, session, session=True), Actor)
    await w.as_("bob").do(RevokeToken(bearer.token_id))
    assert await who(w, session, session=True) == "The access token was revoked."
    assert isinstance(await caught(signs.by_token(bearer, HERE)), Unauthenticated)


async def test_claims_bind_mapped_groups_and_none_that_makes_an_admin(w: World) -> None:
    for group in ("scientists", "bosses", "owners", "leads"):
        await w.group(group)
    await w.own("", "owners")
    async with w.db.write() as tx:
        leads, bosses = await principals.by_name(tx, "leads"), await principals.by_name(tx, "bosses")
        admins = await principals.by_name(tx, "admins")
        assert leads and bosses and admins
        await workspaces.assign(tx, w.workspace, leads, "ADMIN", "test", 0)
        await principals.add_member(tx, admins, bosses)
    mapped = {"ml": "scientists", "boss": "bosses", "own": "owners", "lead": "leads", "none": "nothing"}
    signs = signing_in(w, mapped)

    async def groups_with(*claimed: str) -> list[str]:
        person = Person(IDP, "s-1", "ada@x.io", "Ada", frozenset(claimed))
        result = await signs.by_provider(person, f"state {claimed}", HERE)
        actor = await who(w, result, session=True)
        assert isinstance(actor, Actor) and not actor.account_admin and actor.role == "USER"
        async with w.db.read() as tx:
            return await principals.groups_of(tx, actor.id)

    assert await groups_with(*mapped) == ["account users", "scientists"]
    assert await groups_with("scientists", "ML") == ["account users"]
    rows = await w.rows("SELECT event, reason FROM audit WHERE event LIKE 'group.%' ORDER BY event")
    assert [event for event, _ in rows] == ["group.add_member", "group.remove_member"]


async def test_short_lived_tokens_are_forgotten_once_they_are_over(w: World) -> None:
    _, number = await robot(w)
    secret = await w.as_("admin").do(secrets.CreateSecret(number, lifetime_ms=60_000))
    await signing_in(w).by_secret("robot", secret.secret, HERE)
    result = await w.count("tokens")
    async with w.db.write() as tx:
        await tokens.forget_expired(tx, now_ms())
    assert await w.count("tokens") == result
    async with w.db.write() as tx:
        await tokens.forget_expired(tx, now_ms() + 61_000)
    assert await w.count("tokens") == result - 1
