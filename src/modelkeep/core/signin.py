"""How a proof (a client secret, a trusted issuer's token, an OpenID provider's answer) becomes a short-lived token of a principal.

Whatever proved it can be taken back: the token's `origin` ends it with the next request.
"""

import secrets
from typing import Any, Protocol

import msgspec

from modelkeep.core.operations.identity.principals import hash_token
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import AlreadyExists, BadName, InvalidArgument, Unauthenticated
from modelkeep.domain.model import FederationPolicy, Principal
from modelkeep.domain.names import check_principal_name, fold_principal
from modelkeep.store import audit, identities, principals, signin, tokens
from modelkeep.store.audit import AuditEvent, AuditTarget
from modelkeep.store.db import Database, WriteTx, new_id, now_ms

ACCESS_MS = 3_600_000
ACCESS_PREFIX, SESSION_PREFIX = "mka_", "mkw_"
BAD_CLIENT = "The client id or its secret is not known here."
BAD_ASSERTION = "No federation policy takes this token: its issuer, subject or audience is another one."


class Issued(msgspec.Struct, frozen=True):
    """A new token: the only time that it is seen."""

    token: str
    lifetime_ms: int
    id: str = ""


class Caller(msgspec.Struct, frozen=True):
    """Where a sign-in comes from, for the audit log."""

    source: str
    request_id: str
    workspace_id: str


class Person(msgspec.Struct, frozen=True):
    """A person, as a checked answer of an OpenID provider describes them."""

    issuer: str
    subject: str
    name: str
    """what a new user is called"""
    display_name: str = ""
    groups: frozenset[str] = frozenset()
    """values of the groups claim"""


class Assertions(Protocol):
    """Checks issuers' tokens. Raises Unauthenticated, Unavailable."""

    def issuer(self, token: str) -> str:
        """What it says of itself, which proves nothing."""
        ...

    async def verified(self, token: str, issuer: str, audiences: tuple[str, ...], keys: str) -> dict[str, Any]:
        """Its claims: signed by that issuer, for one of these, not expired. `keys`: a JWKS, '' asks the issuer."""
        ...


class SignIn:
    """Makes tokens. Shared by all dialects of a process."""

    def __init__(self, db: Database, assertions: Assertions, session_ms: int, groups: dict[str, str]) -> None:
        """`groups`: of a claim's value, the group here that it stands for."""
        self._db = db
        self._assertions = assertions
        self._session_ms = session_ms
        self._groups = groups

    # --- machines ----------------------------------------------------------------------------------------------------

    async def by_secret(self, client_id: str, secret: str, caller: Caller) -> Issued:
        """OAuth client credentials. Raises Unauthenticated."""
        async with self._db.single() as tx:
            row = await signin.holder_of_secret(tx, hash_token(secret))
        # One answer for all that a guesser could learn from; only the holder of the secret learns the rest.
        if row is None or fold_principal(client_id) != fold_principal(row[3]):
            raise Unauthenticated(BAD_CLIENT)
        secret_id, expires_at, holder_id, name, active = row
        now = now_ms()
        if expires_at <= now:
            raise Unauthenticated("The client secret has expired. Have a new one made.")
        if not active:
            raise Unauthenticated("The service principal is deactivated.")
        lifetime = min(ACCESS_MS, expires_at - now)
        async with self._db.write() as tx:
            if not await signin.hold_secret(tx, secret_id):
                raise Unauthenticated(BAD_CLIENT)
            return await issue(
                tx,
                Actor(holder_id, name, "SERVICE_PRINCIPAL"),
                TokenTerms("ACCESS", "CLIENT_SECRET", secret_id, "client secret", lifetime),
                caller,
            )

    async def by_assertion(self, client_id: str, token: str, caller: Caller) -> Issued:
        """Workload identity federation. No request goes out for an issuer that no policy names. Raises Unauthenticated."""
        issuer = self._assertions.issuer(token)
        async with self._db.read() as tx:
            holder = await principals.by_name(tx, client_id) if client_id else None
            if client_id and (holder is None or holder.kind != "SERVICE_PRINCIPAL"):
                raise Unauthenticated(BAD_ASSERTION)
            policies = [
                policy for policy in await signin.policies(tx, holder.id if holder else "") if policy.issuer == issuer
            ]
        refusal = Unauthenticated(BAD_ASSERTION)
        for policy in policies:
            try:
                claims = await self._assertions.verified(token, issuer, policy.audiences, policy.keys)
            except Unauthenticated as error:
                refusal = error
                continue
            if (holder_ := await self._named_by(policy, holder, claims.get(policy.subject_claim))) is not None:
                return await self._by_policy(policy, holder_, caller)
        raise refusal

    async def _named_by(self, policy: FederationPolicy, holder: Principal | None, subject: Any) -> Principal | None:
        if not isinstance(subject, str) or not subject:
            return None
        if holder is not None:
            return holder if subject == policy.subject else None
        async with self._db.read() as tx:
            principal = await principals.by_name(tx, subject)
            # A name that an issuer chose must never be enough to become an admin.
            if principal is None or principal.kind == "GROUP" or await signin.grants_admin(tx, principal.id):
                return None
        return principal

    async def _by_policy(self, policy: FederationPolicy, holder: Principal, caller: Caller) -> Issued:
        if not holder.active:
            raise Unauthenticated(f"'{holder.name}' is deactivated.")
        async with self._db.write() as tx:
            if not await signin.hold_policy(tx, policy):
                raise Unauthenticated(BAD_ASSERTION)
            actor = Actor(holder.id, holder.name, holder.kind)
            return await issue(
                tx,
                actor,
                TokenTerms("ACCESS", "FEDERATION_POLICY", policy.id, f"federation {policy.policy_id}", ACCESS_MS),
                caller,
            )

    # --- browsers ----------------------------------------------------------------------------------------------------

    async def by_token(self, actor: Actor, caller: Caller) -> Issued:
        """A browser's session for the holder of a personal access token; it ends with that token. Raises Unauthenticated."""
        async with self._db.write() as tx:
            row = await tokens.lock(tx, actor.token_id)
            if row is None or row[0] != "PERSONAL":
                raise Unauthenticated("Sign in with a personal access token.")
            lifetime = self._session_ms if row[1] is None else min(self._session_ms, row[1] - now_ms())
            return await issue(tx, actor, TokenTerms("SESSION", "TOKEN", actor.token_id, "browser", lifetime), caller)

    async def by_provider(self, person: Person, state: str, caller: Caller) -> Issued:
        """A browser's session for somebody whom the provider vouches for; a user is made of a stranger. Raises Unauthenticated."""
        try:
            return await self._vouched_for(person, state, caller)
        except AlreadyExists:
            # The same person (or name) came in for the first time at this very moment: now that they are here, look again.
            return await self._vouched_for(person, state, caller)

    async def _vouched_for(self, person: Person, state: str, caller: Caller) -> Issued:
        now = now_ms()
        async with self._db.write() as tx:
            if not await signin.use_once(tx, state, now):
                raise Unauthenticated("This answer of the provider was used before. Sign in again.")
            row = await signin.linked(tx, person.issuer, person.subject)
            if row is None:
                # The same person may come in at this moment: the first to take the lock has committed when we get it.
                await principals.lock_account(tx)
                row = await signin.linked(tx, person.issuer, person.subject)
            link_id, user = (
                (row[0], await identities.by_id(tx, row[1])) if row else await _new_user(tx, person, now, caller)
            )
            if user is None or not await signin.hold_link(tx, link_id):
                raise Unauthenticated("You are no longer known here. Sign in again.")
            if not user.principal.active:
                raise Unauthenticated("Your user is deactivated. Ask an account admin.")
            actor = Actor(user.principal.id, user.principal.name, "USER")
            await self._bind_groups(tx, user.principal, person.groups, actor, caller)
            return await issue(
                tx, actor, TokenTerms("SESSION", "IDENTITY", link_id, "browser", self._session_ms), caller
            )

    async def _bind_groups(
        self, tx: WriteTx, user: Principal, claimed: frozenset[str], actor: Actor, caller: Caller
    ) -> None:
        """The mapped groups are the provider's: somebody is in one as long as the claim says so. None makes an admin."""
        mapped = {fold_principal(name) for value, name in self._groups.items() if value in claimed}
        if self._groups:
            await principals.lock_account(tx)
        now_in = await signin.direct_groups(tx, user.id) if self._groups else set[str]()
        for name in sorted(set(self._groups.values())):
            group = await principals.by_name(tx, name)
            if group is None or group.kind != "GROUP" or (fold_principal(name) in mapped) is (group.id in now_in):
                continue
            if group.name == principals.ACCOUNT_USERS or await signin.grants_admin(tx, group.id):
                continue
            leaves = group.id in now_in
            await (principals.remove_member if leaves else principals.add_member)(tx, group, user)
            event = "group.remove_member" if leaves else "group.add_member"
            await record(tx, actor, SignInEvent(event, "", "sign-in: the provider's claim", group), caller)

    async def end_session(self, secret: str, caller: Caller) -> None:
        """Sign out: of what is no session, nothing."""
        async with self._db.write() as tx:
            row = await tokens.session(tx, hash_token(secret))
            if row is not None:
                await tokens.revoke(tx, row[0], now_ms())
                await record(tx, Actor(row[1], row[2], "USER"), SignInEvent("session.end", row[0], "sign out"), caller)


async def _new_user(tx: WriteTx, person: Person, now: int, caller: Caller) -> tuple[str, Any]:
    """(link's id, the user). Raises Unauthenticated where the name is somebody's: a name or an e-mail address proves nothing."""
    try:
        name = check_principal_name(person.name)
    except BadName as error:
        raise Unauthenticated(f"The provider's name for you cannot be a user's here. {error.message}") from error
    if await principals.by_name(tx, name) is not None:
        raise Unauthenticated(
            f"'{name}' is somebody here already, who is not linked to your sign-in. If that is you, have an account admin say: "
            f"modelkeep users link '{name}' {person.issuer} '{person.subject}'."
        )
    try:
        await principals.lock_account(tx)
        await principals.check_looks(tx, name)
    except AlreadyExists as error:
        raise Unauthenticated(f"The provider's name for you cannot be a user's here. {error.message}") from error
    user = await principals.insert(
        tx, "USER", name, "sign-in", now, principals.PrincipalDetails(display_name=person.display_name[:255])
    )
    link_id = await signin.link(tx, person.issuer, person.subject, user.id, "sign-in", now)
    await record(tx, Actor(user.id, user.name, "USER"), SignInEvent("principal.create", "", "first sign-in"), caller)
    return link_id, await identities.by_id(tx, user.id)


class TokenTerms(msgspec.Struct, frozen=True):
    """What a new token is, what it ends with, and after how many ms at the latest."""

    kind: str
    """SESSION or ACCESS"""
    origin_kind: str
    origin_id: str
    comment: str
    lifetime_ms: int


async def issue(tx: WriteTx, holder: Actor, terms: TokenTerms, caller: Caller) -> Issued:
    """A new token, with its event in the audit log."""
    kind, comment, lifetime_ms = terms.kind, terms.comment, terms.lifetime_ms
    secret = (SESSION_PREFIX if kind == "SESSION" else ACCESS_PREFIX) + secrets.token_urlsafe(32)
    now = now_ms()
    id = await tokens.insert(
        tx,
        tokens.TokenRow(
            holder.id,
            hash_token(secret),
            comment,
            holder.name,
            now,
            now + lifetime_ms,
            holder.id,
            kind=kind,
            origin_kind=terms.origin_kind,
            origin_id=terms.origin_id,
        ),
    )
    await record(tx, holder, SignInEvent("session.start" if kind == "SESSION" else "token.issue", id, comment), caller)
    return Issued(secret, lifetime_ms, id)


class SignInEvent(msgspec.Struct, frozen=True):
    """One event of a sign-in, for the audit log."""

    event: str
    token_id: str
    reason: str
    group: Principal | None = None
    """That the holder joined or left"""


async def record(tx: WriteTx, holder: Actor, what: SignInEvent, caller: Caller) -> None:
    """Writes the event in the transaction of its cause."""
    group = what.group
    targets = (AuditTarget(holder.kind, holder.id, holder.name),)
    if group is not None:
        targets = (AuditTarget(group.kind, group.id, group.name), *targets)
    audit_event = AuditEvent(
        new_id(),
        now_ms(),
        what.event,
        "sign_in",
        holder.id,
        holder.name,
        what.token_id,
        caller.source,
        caller.request_id,
        targets,
        "{}",
        "{}",
        "ok",
        what.reason,
        caller.workspace_id,
    )
    await audit.add(tx, [audit_event])


def group_map(text: str) -> dict[str, str]:
    """A setting: {"value of the claim": "group here"} in JSON. Raises InvalidArgument."""
    try:
        groups = msgspec.json.decode(text or "{}", type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise InvalidArgument(
            'MODELKEEP_OIDC_GROUPS must be JSON: {"value of the claim": "group here", ...}.'
        ) from error
    for name in groups.values():
        if fold_principal(name) in ("admins", principals.ACCOUNT_USERS):
            raise InvalidArgument(f"MODELKEEP_OIDC_GROUPS may not name '{name}': no claim makes an admin.")
    return groups
