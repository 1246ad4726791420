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
    "description": "description",
    "oidc_policy.issuer": "issuer",
    "oidc_policy.subject": "subject",
    "oidc_policy.subject_claim": "subject_claim",
    "oidc_policy.audiences": "audiences",
    "oidc_policy.jwks_json": "keys",
}
"""As update masks name them, and as the core does."""


class Id(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    account_id: str = ""
    page_size: int | None = None
    page_token: str = ""


class AccountNewSecret(Id, frozen=True):
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


class FederationPolicies(msgspec.Struct, frozen=True, kw_only=True):
    account_id: str
    id: str = ""
    page_size: int | None = None
    page_token: str = ""


class FederationPolicyFields(FederationPolicies, frozen=True):
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
    """No later answer contains `secret`."""

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

    def policy_info(policy: FederationPolicy, _: Any = None) -> PolicyInfo:
        return _policy(policy, account_id)

    def every(policies: list[FederationPolicy], _: Any) -> PolicyList:
        return {"policies": [policy_info(policy) for policy in policies]}

    table: list[Route] = []
    for base in (PROXY, f"{ACCOUNT}/servicePrincipals/{{id}}/credentials/secrets"):
        table += [
            Route(
                "POST", base, AccountNewSecret, lambda f: secrets.CreateSecret(here(f).id, _lifetime_ms(f)), _created
            ),
            Route("GET", base, Id, lambda f: secrets.ListSecrets(here(f).id), _secrets),
            Route("DELETE", f"{base}/{{secret_id}}", SecretId, lambda f: secrets.DeleteSecret(here(f).id, f.secret_id)),
        ]
    for base in (f"{ACCOUNT}/servicePrincipals/{{id}}/federationPolicies", f"{ACCOUNT}/federationPolicies"):
        by_policy_id = f"{base}/{{policy_id}}"
        table += [
            Route("POST", base, FederationPolicyFields, lambda f: _create(here(f)), policy_info),
            Route("GET", base, FederationPolicies, lambda f: federation.ListPolicies(here(f).id), every),
            Route(
                "GET",
                by_policy_id,
                FederationPolicyFields,
                lambda f: federation.GetPolicy(here(f).id, policy_id=f.policy_id),
                policy_info,
            ),
            Route("PATCH", by_policy_id, FederationPolicyFields, lambda f: _update(here(f)), policy_info),
            Route(
                "DELETE",
                by_policy_id,
                FederationPolicyFields,
                lambda f: federation.DeletePolicy(here(f).id, policy_id=f.policy_id),
            ),
        ]
    return table


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lifetime_ms(f: AccountNewSecret) -> int:
    """Raises InvalidArgument for a secret with scopes: it could do more than its scopes allow."""
    if f.scopes not in ([], ["all-apis"]):
        raise InvalidArgument(
            "Secrets have no scopes here. Leave `scopes` out, or grant less to the service principal."
        )
    if not f.lifetime:
        return secrets.MAX_SECRET_MS
    seconds = re.fullmatch(r"([0-9]{1,12})s?", f.lifetime)
    if seconds is None:
        raise InvalidArgument("`lifetime` is a number of seconds, as in `3600s`.")
    return int(seconds[1]) * 1000


def _info(secret: ClientSecret) -> SecretInfo:
    return {
        "id": secret.id,
        "status": "ACTIVE" if secret.expires_at > now_ms() else "EXPIRED",
        # Enough to tell secrets apart, and not what is looked up.
        "secret_hash": secret.hash[:16],
        "create_time": _time(secret.created_at),
        "update_time": _time(secret.created_at),
        "expire_time": _time(secret.expires_at),
    }


def _created(new_secret: secrets.NewSecret, _: Any) -> CreatedSecret:
    return {**_info(new_secret.info), "secret": new_secret.secret}


def _secrets(client_secrets: list[ClientSecret], _: Any) -> Secrets:
    return {"secrets": [_info(secret) for secret in client_secrets]}


def _policy(policy: FederationPolicy, account_id: str) -> PolicyInfo:
    rule: OidcRule = {
        "issuer": policy.issuer,
        "audiences": list(policy.audiences),
        "subject_claim": policy.subject_claim,
    }
    if policy.subject:
        rule["subject"] = policy.subject
    if policy.keys:
        rule["jwks_json"] = policy.keys
    number = policy.principal_number
    place = f"accounts/{account_id}" + (f"/servicePrincipals/{number}" if number is not None else "")
    info: PolicyInfo = {
        "name": f"{place}/federationPolicies/{policy.policy_id}",
        "policy_id": policy.policy_id,
        "uid": policy.id,
        "description": policy.description,
        "create_time": _time(policy.created_at),
        "update_time": _time(policy.updated_at),
        "oidc_policy": rule,
    }
    if number is not None:
        info["service_principal_id"] = number
    return info


def _rule(f: FederationPolicyFields) -> federation.FederationRule:
    oidc = f.oidc_policy
    if oidc.jwks_uri:
        raise InvalidArgument(
            "Leave `jwks_uri` out: an issuer's keys are where its discovery document says, or in `jwks_json`."
        )
    return federation.FederationRule(
        f.description or "",
        oidc.issuer or "",
        oidc.subject or "",
        oidc.subject_claim or "",
        tuple(oidc.audiences or ()),
        oidc.jwks_json or "",
    )


def _create(f: FederationPolicyFields) -> federation.CreatePolicy:
    return federation.CreatePolicy(f.id, rule=_rule(f), policy_id=f.policy_id)


def _update(f: FederationPolicyFields) -> federation.UpdatePolicy:
    """Without a mask, what is set; with `*`, everything. Raises InvalidArgument."""
    fields = list(_FIELDS.values())
    if not f.update_mask:
        values = {
            "description": f.description,
            **{f"oidc_policy.{k}": v for k, v in msgspec.structs.asdict(f.oidc_policy).items()},
        }
        fields = [name for path, name in _FIELDS.items() if values[path] is not None]
    elif f.update_mask != "*":
        fields = list[str]()
        for path in f.update_mask.split(","):
            below = [name for full, name in _FIELDS.items() if full == path or full.startswith(f"{path}.")]
            if not below:
                raise InvalidArgument(f"`update_mask` names '{path[:100]}'. It may name {', '.join(_FIELDS)}.")
            fields += below
    return federation.UpdatePolicy(f.id, policy_id=f.policy_id, rule=_rule(f), fields=tuple(dict.fromkeys(fields)))
