"""What service principals sign in with, in Databricks' shapes: client secrets, and federation policies (theirs and the account's).

Clients: databricks/sdk/service/oauth2.py (ServicePrincipalSecretsProxyAPI, ServicePrincipalSecretsAPI,
ServicePrincipalFederationPolicyAPI, AccountFederationPolicyAPI).
"""

import re
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

import msgspec

from modelkeep.core.operations.identity import federation, secrets
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.domain.model import ClientSecret, FederationPolicy
from modelkeep.http.routing import Route
from modelkeep.store.db import now_ms

PROXY = "/api/2.0/accounts/servicePrincipals/{id}/credentials/secrets"
ACCOUNT = "/api/2.0/accounts/{account_id}"
_FIELDS = {
    "description": "description", "oidc_policy.issuer": "issuer", "oidc_policy.subject": "subject",
    "oidc_policy.subject_claim": "subject_claim", "oidc_policy.audiences": "audiences", "oidc_policy.jwks_json": "keys",
}  # fmt: skip
"""As update masks name them, and as the core does."""


class Id(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    account_id: str = ""
    page_size: int | None = None
    page_token: str = ""


class NewSecret(Id, frozen=True):
    lifetime: str = ""
    """seconds, as `3600s`"""
    scopes: list[str] = []


class SecretId(Id, frozen=True):
    secret_id: str


class OidcPolicy(msgspec.Struct, frozen=True):
    issuer: str | None = None
    subject: str | None = None
    subject_claim: str | None = None
    audiences: list[str] | None = None
    jwks_json: str | None = None
    jwks_uri: str | None = None


class Policies(msgspec.Struct, frozen=True, kw_only=True):
    account_id: str
    id: str = ""
    page_size: int | None = None
    page_token: str = ""


class Policy(Policies, frozen=True):
    policy_id: str = ""
    description: str | None = None
    oidc_policy: OidcPolicy = OidcPolicy()
    update_mask: str = ""


class SecretInfo(TypedDict):
    id: str
    status: str
    secret_hash: str
    create_time: str
    update_time: str
    expire_time: str


class CreatedSecret(SecretInfo):
    """`secret` is told this once."""

    secret: str


class Secrets(TypedDict):
    secrets: list[SecretInfo]


class OidcRule(TypedDict):
    issuer: str
    audiences: list[str]
    subject_claim: str
    subject: NotRequired[str]
    jwks_json: NotRequired[str]


class PolicyInfo(TypedDict):
    name: str
    policy_id: str
    uid: str
    description: str
    create_time: str
    update_time: str
    oidc_policy: OidcRule
    service_principal_id: NotRequired[int]


class PolicyList(TypedDict):
    policies: list[PolicyInfo]


def routes(account_id: str) -> list[Route]:
    def here(f: Any) -> Any:
        if f.account_id not in ("", account_id):
            raise NotFound("There is no such account here. GET /.well-known/databricks-config tells the account's id.")
        if f.page_token:
            raise InvalidArgument("There was no page token: lists come whole.")
        if f.page_size is not None and f.page_size < 0:
            raise InvalidArgument(f"page_size must not be negative, got {f.page_size}.")
        return f

    def shown(found: FederationPolicy, _: Any = None) -> PolicyInfo:
        return _policy(found, account_id)

    def every(found: list[FederationPolicy], _: Any) -> PolicyList:
        return {"policies": [shown(each) for each in found]}

    made: list[Route] = []
    for base in (PROXY, f"{ACCOUNT}/servicePrincipals/{{id}}/credentials/secrets"):
        made += [
            Route("POST", base, NewSecret, lambda f: secrets.CreateSecret(here(f).id, _lifetime_ms(f)), _created),
            Route("GET", base, Id, lambda f: secrets.ListSecrets(here(f).id), _secrets),
            Route("DELETE", f"{base}/{{secret_id}}", SecretId, lambda f: secrets.DeleteSecret(here(f).id, f.secret_id)),
        ]
    for base in (f"{ACCOUNT}/servicePrincipals/{{id}}/federationPolicies", f"{ACCOUNT}/federationPolicies"):
        one = f"{base}/{{policy_id}}"
        made += [
            Route("POST", base, Policy, lambda f: _create(here(f)), shown),
            Route("GET", base, Policies, lambda f: federation.ListPolicies(here(f).id), every),
            Route("GET", one, Policy, lambda f: federation.GetPolicy(here(f).id, policy_id=f.policy_id), shown),
            Route("PATCH", one, Policy, lambda f: _update(here(f)), shown),
            Route("DELETE", one, Policy, lambda f: federation.DeletePolicy(here(f).id, policy_id=f.policy_id)),
        ]
    return made


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lifetime_ms(f: NewSecret) -> int:
    """Raises InvalidArgument for a secret that should do less than its holder: it would do more than was asked."""
    if f.scopes not in ([], ["all-apis"]):
        raise InvalidArgument(
            "Secrets have no scopes here. Leave `scopes` out, or grant less to the service principal."
        )
    if not f.lifetime:
        return secrets.MAX_SECRET_MS
    told = re.fullmatch(r"([0-9]{1,12})s?", f.lifetime)
    if told is None:
        raise InvalidArgument("`lifetime` is a number of seconds, as in `3600s`.")
    return int(told[1]) * 1000


def _info(found: ClientSecret) -> SecretInfo:
    return {
        "id": found.id, "status": "ACTIVE" if found.expires_at > now_ms() else "EXPIRED",
        # Enough to tell secrets apart, and not what is looked up.
        "secret_hash": found.hash[:16],
        "create_time": _time(found.created_at), "update_time": _time(found.created_at), "expire_time": _time(found.expires_at),
    }  # fmt: skip


def _created(made: secrets.NewSecret, _: Any) -> CreatedSecret:
    return {**_info(made.info), "secret": made.secret}


def _secrets(found: list[ClientSecret], _: Any) -> Secrets:
    return {"secrets": [_info(each) for each in found]}


def _policy(found: FederationPolicy, account_id: str) -> PolicyInfo:
    rule: OidcRule = {
        "issuer": found.issuer, "audiences": list(found.audiences), "subject_claim": found.subject_claim,
    }  # fmt: skip
    if found.subject:
        rule["subject"] = found.subject
    if found.keys:
        rule["jwks_json"] = found.keys
    number = found.principal_number
    place = f"accounts/{account_id}" + (f"/servicePrincipals/{number}" if number is not None else "")
    told: PolicyInfo = {
        "name": f"{place}/federationPolicies/{found.policy_id}", "policy_id": found.policy_id, "uid": found.id,
        "description": found.description, "create_time": _time(found.created_at), "update_time": _time(found.updated_at),
        "oidc_policy": rule,
    }  # fmt: skip
    if number is not None:
        told["service_principal_id"] = number
    return told


def _rule(f: Policy) -> federation.Rule:
    told = f.oidc_policy
    if told.jwks_uri:
        raise InvalidArgument(
            "Leave `jwks_uri` out: an issuer's keys are where its discovery document says, or in `jwks_json`."
        )
    return federation.Rule(
        f.description or "", told.issuer or "", told.subject or "", told.subject_claim or "", tuple(told.audiences or ()),
        told.jwks_json or "",
    )  # fmt: skip


def _create(f: Policy) -> federation.CreatePolicy:
    return federation.CreatePolicy(f.id, rule=_rule(f), policy_id=f.policy_id)


def _update(f: Policy) -> federation.UpdatePolicy:
    """Without a mask, what is set; with `*`, everything. Raises InvalidArgument."""
    fields = list(_FIELDS.values())
    if not f.update_mask:
        told = {
            "description": f.description,
            **{f"oidc_policy.{k}": v for k, v in msgspec.structs.asdict(f.oidc_policy).items()},
        }
        fields = [name for path, name in _FIELDS.items() if told[path] is not None]
    elif f.update_mask != "*":
        fields = list[str]()
        for path in f.update_mask.split(","):
            below = [name for full, name in _FIELDS.items() if full == path or full.startswith(f"{path}.")]
            if not below:
                raise InvalidArgument(f"`update_mask` names '{path[:100]}'. It may name {', '.join(_FIELDS)}.")
            fields += below
    return federation.UpdatePolicy(f.id, policy_id=f.policy_id, rule=_rule(f), fields=tuple(dict.fromkeys(fields)))
