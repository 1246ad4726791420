"""Governed tags: which values a key may have, and who may assign it, on whatever and by whatever way."""

import hashlib
from collections.abc import Mapping

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.governance.grants import grantee
from modelkeep.domain.errors import Conflict, InvalidArgument, LimitExceeded, NotFound, PermissionDenied
from modelkeep.domain.model import Page
from modelkeep.domain.names import check_comment, check_platform_tag, check_tag_key
from modelkeep.domain.paging import page_size
from modelkeep.domain.suggestions import near
from modelkeep.store import tag_policies
from modelkeep.store.tag_policies import ACCOUNT, AssignmentRule, GovernedTag

MAX_VALUES = 500
MAX_DESCRIPTION = 4096  # characters
MAX_RULES = 500
ACCOUNT_ROLES = ("ASSIGN", "CREATE", "MANAGE")
POLICY_ROLES = ("ASSIGN", "MANAGE")
"""What can be given for one policy; for all of them, also CREATE (Databricks, governed tag permissions)."""


class CreateTagPolicy(msgspec.Struct, frozen=True):
    key: str
    description: str = ""
    allowed: tuple[str, ...] = ()


class GetTagPolicy(msgspec.Struct, frozen=True):
    key: str


class ListTagPolicies(msgspec.Struct, frozen=True):
    max_results: int | None = None
    page_token: str = ""


class UpdateTagPolicy(msgspec.Struct, frozen=True):
    """None changes nothing."""

    key: str
    description: str | None = None
    allowed: tuple[str, ...] | None = None


class DeleteTagPolicy(msgspec.Struct, frozen=True):
    key: str


class GetTagRules(msgspec.Struct, frozen=True):
    """Of one policy, by its id; '' is the account: every policy."""

    policy_id: str = ACCOUNT


class SetTagRules(msgspec.Struct, frozen=True):
    """Replaces them, where they are what the etag stands for."""

    policy_id: str
    etag: str
    rules: tuple[tuple[str, str] | tuple[str, str, str], ...]
    """(role, name of a principal[, its kind])"""


class TagRules(msgspec.Struct, frozen=True):
    policy_id: str
    etag: str
    rules: tuple[AssignmentRule, ...]


async def list_tag_policies(ctx: ReadCtx, req: ListTagPolicies) -> Page[GovernedTag]:
    scope = f"tag policies|{ctx.actor.id}"
    after = ctx.config.page_tokens.open(scope, req.page_token, (str,)) or ("",)
    limit = page_size(req.max_results, 1000, 1000)
    policies = await tag_policies.page(ctx.tx, str(after[0]), limit + 1)
    has_next = len(policies) > limit
    return Page(
        tuple(policies[:limit]), ctx.config.page_tokens.seal(scope, (policies[limit - 1].key,)) if has_next else ""
    )


async def get_tag_policy(ctx: ReadCtx, req: GetTagPolicy) -> GovernedTag:
    return await _of_key(ctx, req.key)


async def create_tag_policy(ctx: WriteCtx, req: CreateTagPolicy) -> GovernedTag:
    """Its creator manages it."""
    await _check_role(ctx, ACCOUNT, "CREATE", "Only account admins, and who has CREATE on tag policies, may make one.")
    check_tag_key(req.key)
    _check(req.key, req.description, req.allowed)
    id = await tag_policies.insert(ctx.tx, req.key, req.description, req.allowed, ctx.now)
    await tag_policies.put_rules(ctx.tx, id, [("MANAGE", ctx.actor.id)])
    ctx.touch("TAG_POLICY", id, req.key)
    ctx.changed("values", None, req.allowed)
    return await _of_key(ctx, req.key)


async def update_tag_policy(ctx: WriteCtx, req: UpdateTagPolicy) -> GovernedTag:
    """Tags that were set keep their values; the next change has to fit."""
    await tag_policies.lock(ctx.tx, (await _managed(ctx, await _of_key(ctx, req.key))).id)
    policy = await _of_key(ctx, req.key)
    description = policy.description if req.description is None else req.description
    allowed = policy.allowed if req.allowed is None else req.allowed
    _check(req.key, description, allowed)
    ctx.changed("description", policy.description, description)
    ctx.changed("values", policy.allowed, allowed)
    await tag_policies.update(ctx.tx, policy, description, allowed, ctx.now)
    return await _of_key(ctx, req.key)


async def delete_tag_policy(ctx: WriteCtx, req: DeleteTagPolicy) -> None:
    """The tags stay, ungoverned."""
    policy = await _managed(ctx, await _of_key(ctx, req.key))
    await tag_policies.delete(ctx.tx, policy)


async def get_tag_rules(ctx: ReadCtx, req: GetTagRules) -> TagRules:
    await _managing(ctx, req.policy_id)
    return await _rules(ctx, req.policy_id)


async def set_tag_rules(ctx: WriteCtx, req: SetTagRules) -> TagRules:
    """Raises Conflict where they have changed since they were read."""
    await _managing(ctx, req.policy_id)
    if len(req.rules) > MAX_RULES:
        raise LimitExceeded(f"{len(req.rules)} rules were given; at most {MAX_RULES} are allowed. Name a group.")
    await tag_policies.lock(ctx.tx, req.policy_id)
    before = await _rules(ctx, req.policy_id)
    if req.etag != before.etag:
        raise Conflict("The rules have changed since they were read, or the etag is not theirs. Read them again.")
    roles = POLICY_ROLES if req.policy_id else ACCOUNT_ROLES
    granted: list[tuple[str, str]] = []
    for role, name, *kind in req.rules:
        if role not in roles:
            raise InvalidArgument(f"Role '{role[:100]}' cannot be given here. These can: {', '.join(roles)}.")
        granted.append((role, (await grantee(ctx, name, *kind)).id))
    await tag_policies.put_rules(ctx.tx, req.policy_id, granted)
    after = await _rules(ctx, req.policy_id)
    ctx.changed("rules", [[r.role, r.principal] for r in before.rules], [[r.role, r.principal] for r in after.rules])
    return after


async def _rules(ctx: ReadCtx, policy_id: str) -> TagRules:
    rules = tuple(await tag_policies.rules(ctx.tx, policy_id))
    etag = hashlib.sha256(msgspec.json.encode((policy_id, rules))).hexdigest()[:32]
    return TagRules(policy_id, etag, rules)


async def _of_key(ctx: ReadCtx, key: str) -> GovernedTag:
    policy = await tag_policies.by_key(ctx.tx, key)
    if policy is None:
        raise NotFound(f"Tag key '{key[:255]}' has no tag policy.", kind="TAG_POLICY")
    return policy


async def _managing(ctx: ReadCtx, policy_id: str) -> None:
    """Account admins alone change what holds for every policy, or the manager of one could make himself manage them all."""
    if policy_id == ACCOUNT:
        if not ctx.actor.account_admin:
            raise PermissionDenied("Only account admins say who may do what with every tag policy.")
        return
    policy = await tag_policies.by_id(ctx.tx, policy_id)
    if policy is None:
        raise NotFound(f"There is no tag policy with the id '{policy_id[:100]}'.", kind="TAG_POLICY")
    await _managed(ctx, policy)


async def _managed(ctx: ReadCtx, policy: GovernedTag) -> GovernedTag:
    words = f"Only account admins, and who has MANAGE on the tag policy '{policy.key}', may do this."
    await _check_role(ctx, policy.id, "MANAGE", words)
    ctx.touch("TAG_POLICY", policy.id, policy.key)
    return policy


async def _check_role(ctx: ReadCtx, policy_id: str, role: str, words: str) -> None:
    if not ctx.actor.account_admin and not await tag_policies.may(ctx.tx, policy_id, ctx.actor.id, role):
        raise PermissionDenied(words)


def _check(key: str, description: str, allowed: tuple[str, ...]) -> None:
    """Raises InvalidArgument."""
    check_comment(description)
    if len(description) > MAX_DESCRIPTION:
        raise LimitExceeded(
            f"The description is {len(description)} characters long; at most {MAX_DESCRIPTION} are allowed."
        )
    if len(allowed) > MAX_VALUES:
        raise LimitExceeded(f"{len(allowed)} values were given; at most {MAX_VALUES} are allowed.")
    if len(set(allowed)) != len(allowed):
        raise InvalidArgument("A value is given twice. Give each allowed value once.")
    for value in allowed:
        check_platform_tag(key, value)
        if not 1 <= len(value) <= 256:
            raise InvalidArgument(
                "An allowed value has 1 to 256 characters. For a tag without a value, give no values."
            )


async def check_governed(ctx: ReadCtx, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """A change of tags, against the policies of the keys that change. Raises PermissionDenied, InvalidArgument."""
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    for policy, may in await tag_policies.of_keys(ctx.tx, changed, ctx.actor.id) if changed else []:
        if not may and not ctx.actor.account_admin:
            raise PermissionDenied(refusal(policy))
        value = after.get(policy.key)
        if value is not None and value not in (policy.allowed or ("",)):
            fitting = f"one of {', '.join(repr(v) for v in policy.allowed[:20])}" if policy.allowed else "none"
            raise InvalidArgument(
                f"Tag '{policy.key}' is governed: its value is {fitting}, got {value[:100]!r}.{near(value, policy.allowed)}"
            )


def refusal(policy: GovernedTag) -> str:
    return (
        f"User does not have ASSIGN on the tag policy '{policy.key}', which governs tags of this key. Ask an account admin, or who "
        "manages the policy."
    )
