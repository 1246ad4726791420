"""How databricks-sdk and MLflow sign in as machines: client secrets, and tokens of a trusted issuer, against a real server."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from api.serving import V1, Site, running_site
from databricks.sdk import AccountClient, WorkspaceClient
from databricks.sdk.errors import NotFound
from databricks.sdk.service.oauth2 import FederationPolicy, OidcFederationPolicy
from issuer import Issuer, running_issuer
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), trusted_issuers=issuer.url) as running:
        yield running


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABRICKS_TOKEN", "DATABRICKS_HOST", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def admin(site: Site) -> WorkspaceClient:
    return WorkspaceClient(host=site.host, token=site.admin, auth_type="pat")


@pytest.fixture
def account(site: Site) -> AccountClient:
    id = site.ok("GET", "/.well-known/databricks-config")["account_id"]
    return AccountClient(host=site.host, account_id=id, token=site.admin, auth_type="pat")


@pytest.fixture
def robot(admin: WorkspaceClient) -> tuple[str, str]:
    """(number, application id) of a new service principal."""
    service_principal = admin.service_principals.create(display_name=f"robot {uuid.uuid4().hex[:8]}")
    assert service_principal.id and service_principal.application_id
    return service_principal.id, service_principal.application_id


def test_a_secret_signs_in_until_it_is_deleted(site: Site, admin: WorkspaceClient, robot: tuple[str, str]) -> None:
    number, application_id = robot
    principal_secret = admin.service_principal_secrets_proxy.create(number, lifetime="3600s")
    assert principal_secret.id and principal_secret.secret and principal_secret.status == "ACTIVE"
    listed = list(admin.service_principal_secrets_proxy.list(number))
    assert [(item.id, item.secret_hash) for item in listed] == [(principal_secret.id, principal_secret.secret_hash)]
    machine = WorkspaceClient(host=site.host, client_id=application_id, client_secret=principal_secret.secret)
    assert machine.config.auth_type == "oauth-m2m"
    assert machine.current_user.me().user_name == application_id
    admin.service_principal_secrets_proxy.delete(number, principal_secret.id)
    with pytest.raises(Exception, match="revoked"):
        machine.current_user.me()
    with pytest.raises(Exception, match="invalid_client"):
        WorkspaceClient(
            host=site.host, client_id=application_id, client_secret=principal_secret.secret
        ).current_user.me()
    with pytest.raises(NotFound):
        admin.service_principal_secrets_proxy.delete(number, principal_secret.id)


def test_the_account_has_the_same_secrets(
    site: Site, admin: WorkspaceClient, account: AccountClient, robot: tuple[str, str]
) -> None:
    number, application_id = robot
    principal_secret = account.service_principal_secrets.create(number)
    assert principal_secret.secret
    assert [item.id for item in admin.service_principal_secrets_proxy.list(number)] == [principal_secret.id]
    whole = AccountClient(
        host=site.host,
        account_id=account.config.account_id,
        client_id=application_id,
        client_secret=principal_secret.secret,
    )
    assert whole.config.authenticate()["Authorization"].startswith("Bearer mka_")
    assert principal_secret.id
    account.service_principal_secrets.delete(number, principal_secret.id)


def test_mlflow_signs_in_with_a_secret(
    site: Site, admin: WorkspaceClient, robot: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    number, application_id = robot
    secret = admin.service_principal_secrets_proxy.create(number).secret
    model = site.model()
    catalog, schema, _ = model.split(".")
    monkeypatch.setenv("DATABRICKS_HOST", site.host)
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", application_id)
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", secret or "")
    client = MlflowClient(tracking_uri="databricks", registry_uri="databricks-uc")
    with pytest.raises(MlflowException, match="USE CATALOG"):
        client.get_registered_model(model)
    site.allow(application_id, "catalog", catalog, "USE_CATALOG")
    site.allow(application_id, "schema", f"{catalog}.{schema}", "USE_SCHEMA")
    site.allow(application_id, "function", model, "EXECUTE")
    assert client.get_registered_model(model).name == model
    site.ok("PATCH", f"{V1}/service-principals/{application_id}", {"active": False})
    with pytest.raises(MlflowException, match="deactivated"):
        client.get_registered_model(model)
    site.ok("DELETE", f"{V1}/service-principals/{application_id}")
    with pytest.raises(MlflowException, match="not known"):
        client.get_registered_model(model)


def policy(issuer: Issuer, **rule: object) -> FederationPolicy:
    return FederationPolicy(oidc_policy=OidcFederationPolicy(issuer=issuer.url, **rule))  # type: ignore[arg-type]


def test_a_workload_signs_in_with_its_own_token(
    site: Site,
    account: AccountClient,
    issuer: Issuer,
    robot: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    number, application_id = int(robot[0]), robot[1]
    federation_policy = account.service_principal_federation_policy.create(
        number, policy(issuer, subject="repo:ml/churn", audiences=["modelkeep"]), policy_id="ci"
    )
    assert federation_policy.name and federation_policy.name.endswith(
        f"/servicePrincipals/{number}/federationPolicies/ci"
    )
    assert federation_policy.oidc_policy and federation_policy.oidc_policy.subject_claim == "sub"
    assert [p.uid for p in account.service_principal_federation_policy.list(number)] == [federation_policy.uid]
    token = issuer.token(sub="repo:ml/churn")
    monkeypatch.setenv("DATABRICKS_OIDC_TOKEN", token)
    (tmp_path / "token").write_text(token)
    monkeypatch.setenv("DATABRICKS_OIDC_TOKEN_FILE", str(tmp_path / "token"))
    for auth_type in ("env-oidc", "file-oidc"):
        workload = WorkspaceClient(host=site.host, client_id=application_id, auth_type=auth_type)
        assert workload.current_user.me().user_name == application_id
    updated = account.service_principal_federation_policy.update(
        number,
        "ci",
        FederationPolicy(description="d", oidc_policy=OidcFederationPolicy(audiences=["other"])),
        update_mask="description,oidc_policy.audiences",
    )
    assert updated.oidc_policy and (updated.description, updated.oidc_policy.audiences) == ("d", ["other"])
    assert updated.oidc_policy.subject == "repo:ml/churn"
    with pytest.raises(Exception, match="revoked"):
        workload.current_user.me()
    with pytest.raises(Exception, match="audience"):
        WorkspaceClient(host=site.host, client_id=application_id, auth_type="env-oidc").current_user.me()
    account.service_principal_federation_policy.delete(number, "ci")
    with pytest.raises(NotFound):
        account.service_principal_federation_policy.get(number, "ci")


def test_a_user_signs_in_with_the_token_of_the_accounts_issuer(
    site: Site, account: AccountClient, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, _ = site.user()
    federation_policy = account.federation_policy.create(policy(issuer, subject_claim="upn"))
    assert (
        federation_policy.policy_id
        and federation_policy.oidc_policy
        and federation_policy.oidc_policy.audiences == [account.config.account_id]
    )

    def me(claimed: str) -> str | None:
        token = issuer.token(upn=claimed, aud=account.config.account_id)
        monkeypatch.setenv("DATABRICKS_OIDC_TOKEN", token)
        return WorkspaceClient(host=site.host, auth_type="env-oidc").current_user.me().user_name

    assert me(user) == user
    for claimed in ("admin", "admins", "nobody", "account users", ""):  # a name is not enough to be an admin
        with pytest.raises(Exception, match="No federation policy"):
            me(claimed)
    account.federation_policy.delete(federation_policy.policy_id)
