"""Governed tags as `w.tag_policies` calls them, and who may use them as `w.account_access_control_proxy` does.

Clients: databricks/sdk/service/tags.py, databricks/sdk/service/iam.py (AccountAccessControlProxyAPI). The roles are those of
Databricks' account console: roles/tagPolicy.creator, .manager, .assigner.
"""

import re
from typing import Any

import msgspec

from modelkeep.api.account import answers
from modelkeep.api.model_shapes import next_page
from modelkeep.core.operations.governance import tag_policies as core
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.model import Page
from modelkeep.domain.times import rfc3339
from modelkeep.http.routing import Route
from modelkeep.store.tag_policies import GovernedTag

POLICIES = "/api/2.1/tag-policies"
CONTROL = "/api/2.0/preview/accounts/access-control"
_ROLES = {
    "CREATE": "roles/tagPolicy.creator",
    "MANAGE": "roles/tagPolicy.manager",
    "ASSIGN": "roles/tagPolicy.assigner",
}
_BY_WORD = {word: role for role, word in _ROLES.items()}
_HOLDERS = {"USER": "users", "GROUP": "groups", "SERVICE_PRINCIPAL": "servicePrincipals"}


class Value(msgspec.Struct, frozen=True):
    name: str


class NewPolicy(msgspec.Struct, frozen=True):
    tag_key: str
    description: str = ""
    values: tuple[Value, ...] = ()


class TagPolicyKey(msgspec.Struct, frozen=True):
    tag_key: str


class ListGovernedTags(msgspec.Struct, frozen=True):
    page_size: int | None = None
    page_token: str = ""


class ChangedPolicy(msgspec.Struct, frozen=True):
    """What the mask names and the body leaves out becomes empty."""

    tag_key: str
    update_mask: str
    description: str = ""
    values: tuple[Value, ...] = ()


class RuleSetResource(msgspec.Struct, frozen=True):
    resource: str


class AccountRuleSetRequest(msgspec.Struct, frozen=True):
    name: str
    etag: str = ""


class AccountGrantRuleRequest(msgspec.Struct, frozen=True):
    role: str
    principals: tuple[str, ...] = ()


class Rules(msgspec.Struct, frozen=True):
    etag: str
    name: str = ""
    grant_rules: tuple[AccountGrantRuleRequest, ...] = ()


class NewRuleSet(msgspec.Struct, frozen=True):
    name: str
    rule_set: Rules


def _create(f: NewPolicy) -> core.CreateTagPolicy:
    return core.CreateTagPolicy(f.tag_key, f.description, tuple(value.name for value in f.values))


def _update(f: ChangedPolicy) -> core.UpdateTagPolicy:
    known = {"description", "values"}
    mask = known if f.update_mask == "*" else set(f.update_mask.split(","))
    if not mask or mask - known:
        raise InvalidArgument(
            f"update_mask is {f.update_mask[:100]!r}; of a tag policy, description and values can change."
        )
    return core.UpdateTagPolicy(
        f.tag_key,
        f.description if "description" in mask else None,
        tuple(value.name for value in f.values) if "values" in mask else None,
    )


def _policy_info(policy: GovernedTag, _: Any = None) -> answers.TagPolicy:
    return {
        "tag_key": policy.key,
        "id": policy.id,
        "description": policy.description,
        "values": [{"name": name} for name in policy.allowed],
        "create_time": rfc3339(policy.created_at),
        "update_time": rfc3339(policy.updated_at),
    }


def _page(page: Page[GovernedTag], _: Any) -> answers.TagPolicies:
    return {"tag_policies": [_policy_info(policy) for policy in page.items], **next_page(page.next_token)}


def _replaced(f: NewRuleSet, policy_id: str) -> core.SetTagRules:
    if f.rule_set.name not in ("", f.name):
        raise InvalidArgument("The rule set in the request has another name than the one that is to be replaced.")
    rules = [(_role(rule.role), *_principal(who)) for rule in f.rule_set.grant_rules for who in rule.principals]
    return core.SetTagRules(policy_id, f.rule_set.etag, tuple(dict.fromkeys(rules)))


def _role(word: str) -> str:
    if word not in _BY_WORD:
        raise InvalidArgument(f"Role '{word[:100]}' is not known. Known are: {', '.join(_BY_WORD)}.")
    return _BY_WORD[word]


def _principal(text: str) -> tuple[str, str]:
    """(name, kind)."""
    plural, _, name = text.partition("/")
    kind = next((kind for kind, word in _HOLDERS.items() if word == plural), "")
    if not kind or not name:
        raise InvalidArgument(
            f"'{text[:100]}' names nobody. Write users/NAME, groups/NAME or servicePrincipals/APPLICATION_ID."
        )
    return name, kind


def routes(account_id: str) -> list[Route]:
    def policy_of(resource: str) -> str:
        """The id of a policy, '' for the account. Raises NotFound."""
        match = re.fullmatch(r"accounts/([^/]+)(?:/tagPolicies/([^/]+))?", resource)
        if match is None or match[1] != account_id:
            raise NotFound(
                f"'{resource[:200]}' is not known. Use accounts/{account_id} or accounts/{account_id}/tagPolicies/ID, where "
                "the id is a tag policy's."
            )
        return match[2] or ""

    def rule_set(name: str) -> str:
        resource, _, last = name.partition("/ruleSets/")
        if last != "default":
            raise NotFound(f"There is no rule set '{name[:200]}'. Its name ends in /ruleSets/default.")
        return policy_of(resource)

    def named(policy_id: str) -> str:
        return f"accounts/{account_id}{f'/tagPolicies/{policy_id}' if policy_id else ''}/ruleSets/default"

    def rules(tag_rules: core.TagRules, _: Any) -> answers.AccountRuleSet:
        by_role: dict[str, list[str]] = {}
        for rule in tag_rules.rules:
            by_role.setdefault(_ROLES[rule.role], []).append(f"{_HOLDERS[rule.kind]}/{rule.principal}")
        grant_rules: list[answers.AccountGrantRule] = [
            {"role": role, "principals": who} for role, who in by_role.items()
        ]
        return {"name": named(tag_rules.policy_id), "etag": tag_rules.etag, "grant_rules": grant_rules}

    def assignable(_: Any, f: RuleSetResource) -> answers.AssignableRoles:
        roles = core.POLICY_ROLES if policy_of(f.resource) else core.ACCOUNT_ROLES
        return {"roles": [{"name": _ROLES[role]} for role in roles]}

    def tag_rules(f: RuleSetResource) -> core.GetTagRules:
        return core.GetTagRules(policy_of(f.resource))

    by_key = f"{POLICIES}/{{tag_key}}"
    return [
        Route("GET", POLICIES, ListGovernedTags, lambda f: core.ListTagPolicies(f.page_size, f.page_token), _page),
        Route("POST", POLICIES, NewPolicy, _create, _policy_info),
        Route("GET", by_key, TagPolicyKey, lambda f: core.GetTagPolicy(f.tag_key), _policy_info),
        Route("PATCH", by_key, ChangedPolicy, _update, _policy_info),
        Route("DELETE", by_key, TagPolicyKey, lambda f: core.DeleteTagPolicy(f.tag_key)),
        Route("GET", f"{CONTROL}/assignable-roles", RuleSetResource, tag_rules, assignable),
        Route(
            "GET", f"{CONTROL}/rule-sets", AccountRuleSetRequest, lambda f: core.GetTagRules(rule_set(f.name)), rules
        ),
        Route("PUT", f"{CONTROL}/rule-sets", NewRuleSet, lambda f: _replaced(f, rule_set(f.name)), rules),
    ]
