"""Federation policies (which issuer's tokens are taken for whose), and links between people and an OpenID provider's subjects."""

import re

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.identity.principals import named
from modelkeep.core.operations.identity.secrets import service_principal
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound
from modelkeep.domain.model import ExternalIdentity, FederationPolicy
from modelkeep.store import principals, signin, tokens
from modelkeep.store.db import new_id

MAX_POLICIES = 20
"""of one principal, or of the account, as at Databricks"""
_MAX_TEXT, _MAX_KEYS = 1_000, 64 * 1024
_POLICY_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class FederationRule(msgspec.Struct, frozen=True):
    """What a policy says."""

    description: str = ""
    issuer: str = ""
    subject: str = ""
    subject_claim: str = ""
    audiences: tuple[str, ...] = ()
    keys: str = ""


class OnPolicies(msgspec.Struct, frozen=True):
    service_principal_id: str = ""
    """its number; '' are the account's policies"""


class CreatePolicy(OnPolicies, frozen=True, kw_only=True):
    rule: FederationRule
    policy_id: str = ""


class ListPolicies(OnPolicies, frozen=True):
    pass


class GetPolicy(OnPolicies, frozen=True, kw_only=True):
    policy_id: str


class UpdatePolicy(GetPolicy, frozen=True, kw_only=True):
    rule: FederationRule
    fields: tuple[str, ...]
    """of the rule, which get its values"""


class DeletePolicy(GetPolicy, frozen=True):
    pass


async def _scope(ctx: ReadCtx, req: OnPolicies) -> str:
    """The principal's id, '' for the account."""
    if not req.service_principal_id:
        return ""
    principal = await service_principal(ctx, req.service_principal_id)
    ctx.touch(principal.kind, principal.id, principal.name)
    return principal.id


async def create_policy(ctx: WriteCtx, req: CreatePolicy) -> FederationPolicy:
    """Trusts the tokens of an issuer for one principal, or for the account. Raises InvalidArgument, LimitExceeded."""
    scope, id = await _scope(ctx, req), new_id()
    policy_id = req.policy_id or id
    if not _POLICY_ID.fullmatch(policy_id):
        raise InvalidArgument(
            "A policy's id has 1 to 63 lower-case letters, digits and hyphens, none of these last at an end."
        )
    await principals.hold(ctx.tx, scope)
    if len(await signin.policies(ctx.tx, scope)) >= MAX_POLICIES:
        raise LimitExceeded(
            f"There are {MAX_POLICIES} federation policies there, which is the limit. Delete one first."
        )
    rule = _checked(ctx, req.rule, of_account=not scope)
    new = FederationPolicy(
        id,
        policy_id,
        None,
        rule.description,
        rule.issuer,
        rule.subject,
        rule.subject_claim,
        rule.audiences,
        rule.keys,
        ctx.now,
        ctx.now,
    )
    await signin.add_policy(ctx.tx, scope, new)
    ctx.touch("FEDERATION_POLICY", id, policy_id)
    return await _policy(ctx, scope, policy_id)


async def list_policies(ctx: ReadCtx, req: ListPolicies) -> list[FederationPolicy]:
    return await signin.policies(ctx.tx, await _scope(ctx, req))


async def get_policy(ctx: ReadCtx, req: GetPolicy) -> FederationPolicy:
    return await _policy(ctx, await _scope(ctx, req), req.policy_id)


async def update_policy(ctx: WriteCtx, req: UpdatePolicy) -> FederationPolicy:
    """Ends the access tokens that were made by it: they may no longer fit."""
    scope = await _scope(ctx, req)
    await principals.hold(ctx.tx, scope)
    old = await _policy(ctx, scope, req.policy_id)
    was = FederationRule(*(getattr(old, name) for name in FederationRule.__struct_fields__))
    rule = _checked(
        ctx,
        msgspec.structs.replace(was, **{name: getattr(req.rule, name) for name in req.fields}),
        of_account=not scope,
    )
    # Another time than it was, so that a reader of the old one notices.
    at = max(ctx.now, old.updated_at + 1)
    new = msgspec.structs.replace(old, **msgspec.structs.asdict(rule), updated_at=at)
    for name in FederationRule.__struct_fields__:
        ctx.changed(name, getattr(was, name), getattr(rule, name))
    await signin.change_policy(ctx.tx, new)
    await tokens.revoke(ctx.tx, old.id, ctx.now)
    ctx.touch("FEDERATION_POLICY", old.id, old.policy_id)
    return await _policy(ctx, scope, req.policy_id)


async def delete_policy(ctx: WriteCtx, req: DeletePolicy) -> None:
    """Ends the access tokens that were made by it, too."""
    policy = await _policy(ctx, await _scope(ctx, req), req.policy_id)
    await signin.drop_policy(ctx.tx, policy.id)
    await tokens.revoke(ctx.tx, policy.id, ctx.now)
    ctx.touch("FEDERATION_POLICY", policy.id, policy.policy_id)


async def _policy(ctx: ReadCtx, scope: str, policy_id: str) -> FederationPolicy:
    policy = await signin.policy(ctx.tx, scope, policy_id)
    if policy is None:
        raise NotFound(f"Federation policy '{policy_id[:100]}' does not exist there.", kind="TOKEN")
    return policy


def _checked(ctx: ReadCtx, rule: FederationRule, *, of_account: bool) -> FederationRule:
    """The rule with its defaults. Raises InvalidArgument."""
    for name in ("description", "issuer", "subject", "subject_claim"):
        if len(getattr(rule, name)) > _MAX_TEXT:
            raise InvalidArgument(f"`{name}` has more than {_MAX_TEXT} characters.")
    if not rule.issuer.startswith(("https://", "http://")) or rule.issuer != rule.issuer.strip():
        raise InvalidArgument("`issuer` is the address that tokens name as `iss`, https://... to the letter.")
    if of_account and rule.subject:
        raise InvalidArgument("A policy of the account has no `subject`: the token's names the user.")
    if not of_account and not rule.subject:
        raise InvalidArgument("`subject` is missing: whose tokens of that issuer are the service principal's?")
    if len(rule.audiences) > MAX_POLICIES or any(not 0 < len(audience) <= _MAX_TEXT for audience in rule.audiences):
        raise InvalidArgument(f"`audiences` has at most {MAX_POLICIES} texts of 1 to {_MAX_TEXT} characters.")
    signin_ = ctx.config.federation
    if len(rule.keys) > _MAX_KEYS:
        raise InvalidArgument(f"`jwks_json` has more than {_MAX_KEYS} characters.")
    if rule.keys:
        signin_.check_keys(rule.keys)
    elif rule.issuer not in signin_.issuers:
        raise InvalidArgument(
            f"This server asks no issuer for keys that MODELKEEP_TRUSTED_ISSUERS does not list, and '{rule.issuer[:200]}' is not "
            "there. Have it listed, or give its keys as `jwks_json`."
        )
    return msgspec.structs.replace(
        rule, subject_claim=rule.subject_claim or "sub", audiences=rule.audiences or (signin_.audience,)
    )


# --- people ----------------------------------------------------------------------------------------------------------


class OnIdentity(msgspec.Struct, frozen=True):
    principal: str
    issuer: str
    subject: str


class LinkIdentity(OnIdentity, frozen=True):
    """From now on, who is this subject to that issuer signs in as this user."""


class UnlinkIdentity(OnIdentity, frozen=True):
    pass


class ListLinks(msgspec.Struct, frozen=True):
    principal: str


async def link_identity(ctx: WriteCtx, req: LinkIdentity) -> None:
    """A user of an issuer signs in as this principal from now on. Raises InvalidArgument."""
    user = await named(ctx, req.principal, "USER")
    if not req.issuer or not req.subject or max(len(req.issuer), len(req.subject)) > _MAX_TEXT:
        raise InvalidArgument("`issuer` and `subject` are the `iss` and `sub` of the provider's tokens, to the letter.")
    await signin.link(ctx.tx, req.issuer, req.subject, user.id, ctx.actor.name, ctx.now)
    ctx.touch(user.kind, user.id, user.name)


async def unlink_identity(ctx: WriteCtx, req: UnlinkIdentity) -> None:
    """Ends the sessions that began with it, too. Raises NotFound."""
    user = await named(ctx, req.principal, "USER")
    linked = await signin.linked(ctx.tx, req.issuer, req.subject)
    if linked is None or linked[1] != user.id:
        raise NotFound(f"User '{user.name}' has no such link.", kind="PRINCIPAL")
    await signin.unlink(ctx.tx, linked[0])
    await tokens.revoke(ctx.tx, linked[0], ctx.now)
    ctx.touch(user.kind, user.id, user.name)


async def list_links(ctx: ReadCtx, req: ListLinks) -> list[ExternalIdentity]:
    return await signin.links_of(ctx.tx, (await named(ctx, req.principal, "USER")).id)
