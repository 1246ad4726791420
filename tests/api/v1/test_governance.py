"""Governed tags, protected aliases, requests for access and explanations, through databricks-sdk and MLflow's client."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, refused, site
from databricks.sdk import WorkspaceClient, errors
from databricks.sdk.service.catalog import (
    AccessRequestDestinations,
    CreateAccessRequest,
    DestinationType,
    EntityTagAssignment,
    NotificationDestination,
    PermissionsChange,
    Principal,
    Privilege,
    Securable,
    SecurablePermissions,
    SecurableType,
)
from databricks.sdk.service.iam import GrantRule, RuleSetUpdateRequest
from databricks.sdk.service.tags import TagPolicy, Value
from mlflow import MlflowClient
from mlflow.exceptions import RestException
from typer.testing import CliRunner

from modelkeep.cli import app, exits

__all__ = ["site"]
pytestmark = pytest.mark.clients


def sdk(site: Site, token: str | None = None) -> WorkspaceClient:
    return WorkspaceClient(host=site.host, token=token or site.admin, auth_type="pat")


@pytest.fixture(scope="module")
def admin(site: Site) -> WorkspaceClient:
    return sdk(site)


@pytest.fixture(scope="module")
def account(site: Site) -> str:
    return site.ok("GET", "/.well-known/databricks-config")["account_id"]


@dataclass
class Person:
    name: str
    token: str
    w: WorkspaceClient


def person(site: Site, name: str = "") -> Person:
    name, token = site.user(name)
    return Person(name, token, sdk(site, token))


def assigners(admin: WorkspaceClient, account: str, policy: str, *who: str, role: str = "assigner") -> None:
    name = f"accounts/{account}/tagPolicies/{policy}/ruleSets/default"
    rule_set = admin.account_access_control_proxy.get_rule_set(name, etag="")
    rules = [*(rule_set.grant_rules or []), GrantRule(f"roles/tagPolicy.{role}", principals=list(who))]
    update = RuleSetUpdateRequest(name=name, etag=rule_set.etag, grant_rules=rules)
    admin.account_access_control_proxy.update_rule_set(name, update)


def key() -> str:
    return f"k_{uuid.uuid4().hex[:8]}"


# --- governed tags ---------------------------------------------------------------------------------------------------


def test_tag_policies_come_change_and_go(site: Site, admin: WorkspaceClient) -> None:
    name = key()
    tag_policy = admin.tag_policies.create_tag_policy(
        TagPolicy(name, description="d", values=[Value("ml"), Value("ops")])
    )
    assert (tag_policy.tag_key, tag_policy.description, [v.name for v in tag_policy.values or []]) == (
        name,
        "d",
        ["ml", "ops"],
    )
    assert tag_policy.id and tag_policy.create_time and tag_policy.create_time.endswith("Z")
    assert admin.tag_policies.get_tag_policy(name) == tag_policy
    assert name in [p.tag_key for p in admin.tag_policies.list_tag_policies(page_size=1)]
    with pytest.raises(errors.ResourceAlreadyExists):
        admin.tag_policies.create_tag_policy(TagPolicy(name))
    changed = admin.tag_policies.update_tag_policy(name, TagPolicy(name, values=[Value("ml")]), "values")
    assert (changed.description, [v.name for v in changed.values or []]) == ("d", ["ml"])
    changed = admin.tag_policies.update_tag_policy(name, TagPolicy(name, description="e"), "*")
    assert (changed.description, changed.values or []) == ("e", [])
    for bad in (
        TagPolicy("a.b"),
        TagPolicy(key(), values=[Value("x"), Value("x")]),
        TagPolicy(key(), values=[Value("")]),
    ):
        with pytest.raises(errors.InvalidParameterValue):
            admin.tag_policies.create_tag_policy(bad)
    with pytest.raises(errors.InvalidParameterValue):
        admin.tag_policies.update_tag_policy(name, TagPolicy(name), "tag_key")
    admin.tag_policies.delete_tag_policy(name)
    with pytest.raises(errors.ResourceDoesNotExist):
        admin.tag_policies.get_tag_policy(name)


def test_a_governed_tag_is_assigned_by_who_may_and_with_values_that_fit(
    site: Site, admin: WorkspaceClient, account: str
) -> None:
    schema, name, ann = site.schema(), key(), person(site)
    catalog = schema.partition(".")[0]
    source, model = site.model(schema), site.model(schema)
    site.ok(
        "POST", f"{UC}/volumes", {"catalog_name": catalog, "schema_name": "team", "name": "v", "volume_type": "MANAGED"}
    )
    site.ok(
        "POST",
        f"{DATABRICKS_UC}/model-versions/create",
        {"name": model, "source": "s", "tags": [{"key": name, "value": "old"}]},
    )
    site.allow(ann.name, "catalog", catalog, "ALL_PRIVILEGES")
    policy = admin.tag_policies.create_tag_policy(TagPolicy(name, values=[Value("ml"), Value("ops")]))
    plain = "/api/2.0/mlflow"

    def ways(value: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every way by which a tag of this key comes onto something."""
        tag, add = {"key": name, "value": value}, {"changes": {"add_tags": [{"key": name, "value": value}]}}
        fresh = f"n_{uuid.uuid4().hex[:6]}"
        for kind, entity in (
            ("catalogs", catalog),
            ("schemas", schema),
            ("functions", model),
            ("volumes", f"{schema}.v"),
        ):
            yield (
                "POST",
                f"{UC}/entity-tag-assignments",
                {"entity_type": kind, "entity_name": entity, "tag_key": name, "tag_value": value},
            )
            yield "DELETE", f"{UC}/entity-tag-assignments/{kind}/{entity}/tags/{name}", {}
        yield "PATCH", f"{UC}/securable-tags/FUNCTION/{model}", add
        yield "PATCH", f"{UC}/securable-tags/FUNCTION/{model}", {"changes": {"remove": [name]}}
        yield "PATCH", f"{UC}/subentity-tags/FUNCTION/{model}/1", add
        for base in (DATABRICKS_UC, plain):
            yield "POST", f"{base}/registered-models/set-tag", {"name": model, **tag}
            yield "DELETE", f"{base}/registered-models/delete-tag", {"name": model, "key": name}
            yield "POST", f"{base}/model-versions/set-tag", {"name": model, "version": "1", **tag}
            yield "POST", f"{base}/model-versions/create", {"name": model, "source": "s3://x/y", "tags": [tag]}
            yield "POST", f"{base}/registered-models/create", {"name": f"{schema}.{fresh}{base[-1]}", "tags": [tag]}
        yield (
            "POST",
            f"{UC}/models",
            {"name": f"{fresh}n", "catalog_name": catalog, "schema_name": "team", "tags": [tag]},
        )

    for method, path, fields in ways("ml"):
        if method != "DELETE" and "remove" not in str(fields):  # there is nothing to remove yet, which is no change
            answer = site.call(method, path, fields, token=ann.token)
            refused(answer, 403, "PERMISSION_DENIED", f"ASSIGN on the tag policy '{name}'")
    # An old value stays, and may not be set anew.
    assert site.b("GET", "model-versions/get", {"name": model, "version": "1"}).json()["model_version"]["tags"]
    assigners(admin, account, policy.id or "", f"users/{ann.name}")
    for method, path, fields in ways("finance"):
        if method != "DELETE" and "remove" not in str(fields):
            answer = site.call(method, path, fields, token=ann.token)
            refused(answer, 400, "INVALID_PARAMETER_VALUE", "'ml', 'ops'")
    for method, path, fields in ways("ml"):
        site.ok(method, path, fields, token=ann.token)
    # What it carries comes along with a copy: with the right to assign it alone.
    ready = site.ok(
        "POST",
        f"{plain}/model-versions/create",
        {"name": source, "source": "s3://x/y", "tags": [{"key": name, "value": "ops"}]},
    )["model_version"]["version"]
    bob = person(site)
    site.allow(bob.name, "catalog", catalog, "ALL_PRIVILEGES")
    copy = f"{V1}/models/{source}/versions/{ready}/copy"
    refused(site.call("POST", copy, {"destination": model}, token=bob.token), 403, "PERMISSION_DENIED", name)
    site.ok("POST", copy, {"destination": model}, token=ann.token)
    # Removing one is a change of it, too.
    site.ok("PATCH", f"{UC}/securable-tags/FUNCTION/{model}", {"changes": {"add_tags": [{"key": name, "value": "ml"}]}})
    gone = {"changes": {"remove": [name]}}
    refused(
        site.call("PATCH", f"{UC}/securable-tags/FUNCTION/{model}", gone, token=bob.token), 403, "PERMISSION_DENIED"
    )
    # Other tags of the same thing are nobody's business.
    bob.w.entity_tag_assignments.create(EntityTagAssignment(model, "free", "functions", tag_value="x"))
    # Without a policy it is any tag again, and what was set stays.
    admin.tag_policies.delete_tag_policy(name)
    tag_assignment = bob.w.entity_tag_assignments.get("functions", model, name)
    assert tag_assignment.tag_value == "ml"
    bob.w.entity_tag_assignments.update(
        "functions", model, name, EntityTagAssignment(model, name, "functions", tag_value="any"), "tag_value"
    )


def test_who_may_do_what_with_tag_policies(site: Site, admin: WorkspaceClient, account: str) -> None:
    ann, bob, name = person(site), person(site), key()
    proxy = admin.account_access_control_proxy
    of_all = f"accounts/{account}/ruleSets/default"
    with pytest.raises(errors.PermissionDenied, match="account admins"):
        ann.w.tag_policies.create_tag_policy(TagPolicy(name))
    with pytest.raises(errors.PermissionDenied):
        ann.w.account_access_control_proxy.get_rule_set(of_all, "")
    before = proxy.get_rule_set(of_all, "")
    rules = [GrantRule("roles/tagPolicy.creator", principals=[f"users/{ann.name}"])]
    proxy.update_rule_set(of_all, RuleSetUpdateRequest(name=of_all, etag=before.etag, grant_rules=rules))
    with pytest.raises(errors.ResourceConflict):
        proxy.update_rule_set(of_all, RuleSetUpdateRequest(name=of_all, etag=before.etag, grant_rules=[]))
    tag_policy = ann.w.tag_policies.create_tag_policy(TagPolicy(name))  # and manages it
    mine = f"accounts/{account}/tagPolicies/{tag_policy.id}/ruleSets/default"
    rule_set = ann.w.account_access_control_proxy.get_rule_set(mine, "")
    assert [(r.role, r.principals) for r in rule_set.grant_rules or []] == [
        ("roles/tagPolicy.manager", [f"users/{ann.name}"])
    ]
    roles = ann.w.account_access_control_proxy.get_assignable_roles_for_resource(
        f"accounts/{account}/tagPolicies/{tag_policy.id}"
    )
    assert {r.name for r in roles.roles or []} == {"roles/tagPolicy.manager", "roles/tagPolicy.assigner"}
    for way in (
        lambda: bob.w.tag_policies.delete_tag_policy(name),
        lambda: bob.w.tag_policies.update_tag_policy(name, TagPolicy(name), "*"),
        lambda: bob.w.account_access_control_proxy.get_rule_set(mine, ""),
        lambda: ann.w.account_access_control_proxy.update_rule_set(
            of_all, RuleSetUpdateRequest(name=of_all, etag="x", grant_rules=[])
        ),
    ):
        with pytest.raises(errors.PermissionDenied):
            way()
    bad = [GrantRule("roles/tagPolicy.assigner", principals=[f"users/{ann.name[:-1]}"])]
    with pytest.raises(errors.ResourceDoesNotExist, match=f"Near it: .*{ann.name}"):
        proxy.update_rule_set(mine, RuleSetUpdateRequest(name=mine, etag=rule_set.etag, grant_rules=bad))
    for rule in (
        GrantRule("roles/owner", principals=[f"users/{ann.name}"]),
        GrantRule("roles/tagPolicy.manager", principals=["x"]),
        GrantRule("roles/tagPolicy.creator", principals=[f"users/{ann.name}"]),
    ):
        with pytest.raises(errors.InvalidParameterValue):
            proxy.update_rule_set(mine, RuleSetUpdateRequest(name=mine, etag=rule_set.etag, grant_rules=[rule]))
    with pytest.raises(errors.ResourceDoesNotExist):
        proxy.get_rule_set("accounts/other/ruleSets/default", "")
    # A policy under an old name knows nobody of the old one's.
    assigners(admin, account, tag_policy.id or "", f"users/{bob.name}")
    ann.w.tag_policies.delete_tag_policy(name)
    again = admin.tag_policies.create_tag_policy(TagPolicy(name))
    rule_set = proxy.get_rule_set(f"accounts/{account}/tagPolicies/{again.id}/ruleSets/default", "")
    assert [(r.role, r.principals) for r in rule_set.grant_rules or []] == [
        ("roles/tagPolicy.manager", ["users/admin"])
    ]


# --- protected aliases -----------------------------------------------------------------------------------------------


def test_a_protected_alias_is_moved_by_those_who_are_named(site: Site) -> None:
    schema, olga, rita, group = site.schema(), person(site), person(site), f"g_{uuid.uuid4().hex[:6]}"
    site.ok("POST", f"{V1}/groups", {"name": group})
    site.ok("PUT", f"{V1}/groups/{group}/members/{rita.name}")
    for who in (olga, rita):
        site.allow(who.name, "catalog", schema.partition(".")[0], "ALL_PRIVILEGES", "MANAGE")
    model = site.model(schema, versions=3)
    site.ok("PATCH", f"{UC}/models/{model}", {"owner": olga.name})
    of_schema, of_model = f"{V1}/protected-aliases/schema/{schema}", f"{V1}/protected-aliases/function/{model}"
    site.ok("PUT", f"{of_schema}/champion", {"principals": [group]})
    protected_aliases = site.ok("GET", of_model, token=olga.token)["protected_aliases"]
    assert protected_aliases == [
        {"alias": "champion", "principals": [group], "securable_type": "SCHEMA", "securable_name": schema}
    ]
    moves = [
        ("PUT", f"{UC}/models/{model}/aliases/champion", {"version_num": 2}),
        ("POST", f"{DATABRICKS_UC}/registered-models/alias", {"name": model, "alias": "champion", "version": "2"}),
        ("POST", "/api/2.0/mlflow/registered-models/alias", {"name": model, "alias": "champion", "version": "2"}),
        ("PATCH", f"{V1}/models/{model}/aliases", {"set": [{"alias_name": "champion", "version_num": 2}]}),
        ("DELETE", f"{UC}/models/{model}/versions/2", {}),
        ("DELETE", f"{DATABRICKS_UC}/model-versions/delete", {"name": model, "version": "2"}),
        ("DELETE", f"{UC}/models/{model}/aliases/champion", {}),
        ("DELETE", f"{DATABRICKS_UC}/registered-models/alias", {"name": model, "alias": "champion"}),
        ("DELETE", "/api/2.0/mlflow/registered-models/alias", {"name": model, "alias": "champion"}),
        ("PATCH", f"{V1}/models/{model}/aliases", {"remove": ["champion"]}),
    ]
    site.ok(*moves[0][:2], moves[0][2], token=rita.token)
    for method, path, fields in moves:
        answer = site.call(method, path, fields, token=olga.token)
        refused(answer, 403, "PERMISSION_DENIED", f"'champion' is protected on Schema '{schema}'", group)
    both = {"set": [{"alias_name": "challenger", "version_num": 1}, {"alias_name": "champion", "version_num": 1}]}
    refused(site.call("PATCH", f"{V1}/models/{model}/aliases", both, token=olga.token), 403, "PERMISSION_DENIED")
    assert _aliases(site, model) == {"champion": 2}  # nothing of it happened
    site.ok("PATCH", f"{V1}/models/{model}/aliases", both, token=rita.token)
    moved = {"set": [{"alias_name": "new", "version_num": "3"}], "remove": ["challenger"]}
    said = site.ok("PATCH", f"{V1}/models/{model}/aliases", moved, token=rita.token)
    assert said == {"set": [{"alias_name": "new", "version_num": 3}], "removed": ["challenger"]}
    assert _aliases(site, model) == {"champion": 1, "new": 3}
    absent = {"set": [{"alias_name": "a", "version_num": 1}, {"alias_name": "b", "version_num": 9}]}
    refused(site.call("PATCH", f"{V1}/models/{model}/aliases", absent), 404, "RESOURCE_DOES_NOT_EXIST")
    assert "a" not in _aliases(site, model)
    # The model's own protection comes on top: both have to let one through.
    site.ok("PUT", f"{of_model}/champion", {"principals": [olga.name]}, token=olga.token)
    for who in (olga, rita):
        refused(site.call(*moves[0][:2], moves[0][2], token=who.token), 403, "PERMISSION_DENIED", "protected on")
    site.ok("DELETE", f"{of_model}/champion", token=olga.token)
    refused(site.call("DELETE", f"{of_model}/champion", token=olga.token), 404, "RESOURCE_DOES_NOT_EXIST")
    # Whoever leaves the group is out with the next request; with nobody left the alias stays protected.
    site.ok("DELETE", f"{V1}/groups/{group}/members/{rita.name}")
    refused(site.call(*moves[0][:2], moves[0][2], token=rita.token), 403, "PERMISSION_DENIED")
    site.ok("DELETE", f"{V1}/groups/{group}")
    refused(site.call(*moves[0][:2], moves[0][2]), 403, "PERMISSION_DENIED", "nobody")
    site.ok("DELETE", f"{of_schema}/champion")
    site.ok(*moves[0][:2], moves[0][2], token=olga.token)


def _aliases(site: Site, model: str) -> dict[str, int]:
    aliases = site.ok("GET", f"{UC}/models/{model}", {"include_aliases": "true"})["aliases"]
    return {alias["alias_name"]: alias["version_num"] for alias in aliases}


def test_mlflow_hears_what_is_protected_and_governed(
    site: Site, admin: WorkspaceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, ann, tag = site.model(versions=1), person(site), key()
    site.allow(ann.name, "catalog", model.partition(".")[0], "ALL_PRIVILEGES", "MANAGE")
    site.ok("PUT", f"{V1}/protected-aliases/function/{model}/champion", {"principals": []})
    admin.tag_policies.create_tag_policy(TagPolicy(tag))
    monkeypatch.setenv("DATABRICKS_HOST", site.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", ann.token)
    client = MlflowClient(tracking_uri="databricks", registry_uri="databricks-uc")
    client.set_registered_model_alias(model, "other", 1)
    client.set_model_version_tag(model, "1", "free", "x")
    for act in (
        lambda: client.set_registered_model_alias(model, "champion", 1),
        lambda: client.delete_registered_model_alias(model, "champion"),
        lambda: client.set_registered_model_tag(model, tag, ""),
        lambda: client.set_model_version_tag(model, "1", tag, ""),
    ):
        with pytest.raises(RestException, match=r"is protected|ASSIGN on the tag policy") as caught:
            act()
        assert caught.value.error_code == "PERMISSION_DENIED"


def test_protections_go_with_what_they_are_on_and_hold_for_what_comes(site: Site) -> None:
    schema, ann = site.schema(), person(site)
    model = site.model(schema, versions=1)
    bare = model.rpartition(".")[2]
    site.allow(ann.name, "schema", schema, "ALL_PRIVILEGES", "MANAGE")
    site.allow(ann.name, "catalog", schema.partition(".")[0], "USE_CATALOG")
    site.ok("PUT", f"{V1}/protected-aliases/function/{model}/mine", {"principals": ["admin"]})
    site.ok("PUT", f"{V1}/protected-aliases/schema/{schema}/ours", {"principals": ["admin"]})

    def may(name: str, alias: str) -> bool:
        answer = site.call("PUT", f"{UC}/models/{name}/aliases/{alias}", {"version_num": 1}, token=ann.token)
        return answer.status_code == 200

    renamed = f"{schema}.{bare}_renamed"
    site.ok("PATCH", f"{UC}/models/{model}", {"new_name": f"{bare}_renamed", "owner": ann.name})
    assert not may(renamed, "mine") and not may(renamed, "ours")  # a rename or a new owner changes nothing
    fresh = {"name": bare, "catalog_name": schema.partition(".")[0], "schema_name": schema.partition(".")[2]}
    for _ in range(2):  # a new model under an old name
        site.ok("POST", f"{UC}/models", fresh, token=ann.token)
        site.ok("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": model, "source": "x"}, token=ann.token)
        assert may(model, "mine") and not may(model, "ours")
        site.ok("DELETE", f"{UC}/models/{model}", token=ann.token)
    refused(
        site.call("PUT", f"{V1}/protected-aliases/schema/{schema}/latest", {"principals": []}),
        400,
        "INVALID_PARAMETER_VALUE",
    )
    refused(
        site.call("PUT", f"{V1}/protected-aliases/schema/{schema}/x", {"principals": ["admim"]}),
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "'admin'",
    )
    refused(
        site.call("PUT", f"{V1}/protected-aliases/metastore/x/y", {"principals": []}),
        400,
        "INVALID_PARAMETER_VALUE",
        "has no aliases",
    )


# --- requests for access ---------------------------------------------------------------------------------------------


def permissions_on(kind: SecurableType, name: str, *privileges: str) -> SecurablePermissions:
    return SecurablePermissions(list(privileges), Securable(full_name=name, type=kind))


def inbox(site: Site, who: Person | None = None, **query: Any) -> list[dict[str, Any]]:
    return site.ok("GET", f"{V1}/access-requests", query or None, token=who.token if who else None)["access_requests"]


def test_asking_seeing_and_approving(site: Site, admin: WorkspaceClient) -> None:
    schema, asker, owner = site.schema(), person(site), person(site)
    catalog, model = schema.partition(".")[0], site.model(schema)
    site.ok("PATCH", f"{UC}/models/{model}", {"owner": owner.name})
    site.allow(owner.name, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    access_request = CreateAccessRequest(
        comment="nightly scoring",
        securable_permissions=[
            permissions_on(SecurableType.FUNCTION, model, "EXECUTE"),
            permissions_on(SecurableType.SCHEMA, schema, "USE_SCHEMA"),
            permissions_on(SecurableType.CATALOG, catalog, "USE CATALOG"),
        ],
    )
    with pytest.raises(errors.PermissionDenied, match="USE CATALOG"):  # nobody asks for what they cannot know
        asker.w.rfa.batch_create_access_requests(requests=[access_request])
    site.allow(asker.name, "catalog", catalog, "BROWSE")
    (answer,) = asker.w.rfa.batch_create_access_requests(requests=[access_request]).responses or []
    assert answer.behalf_of and answer.behalf_of.id == asker.w.current_user.me().id
    (of_model, of_schema, _) = answer.request_destinations or []
    assert of_model.destinations and of_model.destinations[0].special_destination
    assert of_model.destinations[0].destination_id == owner.name
    assert of_model.securable.full_name == model and of_schema.securable.full_name == schema
    asker.w.rfa.batch_create_access_requests(requests=[access_request])  # asking twice is one request
    (mine,) = [r for r in inbox(site, owner) if r["full_name"] == model]
    assert (mine["principal"], mine["privileges"], mine["comment"]) == (asker.name, ["EXECUTE"], "nightly scoring")
    assert (mine["state"], mine["mine"], mine["to_decide"]) == ("PENDING", False, True)
    assert len([r for r in inbox(site, asker) if not r["to_decide"] and r["mine"]]) == 3
    stranger = person(site)
    assert inbox(site, stranger) == []
    decide = f"{V1}/access-requests/{mine['request_id']}"
    refused(site.call("POST", f"{decide}/approve", {}, token=stranger.token), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("POST", f"{decide}/approve", {}, token=asker.token), 403, "PERMISSION_DENIED", "MANAGE")
    site.ok("POST", f"{decide}/approve", {"reason": "fine"}, token=owner.token)
    refused(
        site.call("POST", f"{decide}/reject", {"reason": "no"}, token=owner.token), 400, "INVALID_STATE", "APPROVED"
    )
    for request in inbox(site, asker):
        site.ok("POST", f"{V1}/access-requests/{request['request_id']}/approve", {})
    assert asker.w.registered_models.get(model).full_name == model  # at once
    (granted,) = admin.grants.get("function", model).privilege_assignments or []
    assert (granted["principal"] if isinstance(granted, dict) else granted.principal) == asker.name
    events = site.ok("GET", f"{V1}/audit", {"event": "access.*"})["events"]
    done = [
        (e["event"], e["actor"]) for e in events if model in {t["name"] for t in e["targets"]} and e["outcome"] == "ok"
    ]
    assert done == [("access.decide", owner.name), ("access.ask", asker.name), ("access.ask", asker.name)]
    assert any("EXECUTE" in str(e["changes"]) for e in events if e["event"] == "access.decide")


def test_rejecting_withdrawing_and_what_does_not_outlive_its_securable(site: Site) -> None:
    schema, asker = site.schema(), person(site)
    model = site.model(schema)
    site.allow(asker.name, "catalog", schema.partition(".")[0], "BROWSE")
    fields = {
        "securable_permissions": [{"securable": {"type": "FUNCTION", "full_name": model}, "permissions": ["EXECUTE"]}]
    }

    def ask() -> str:
        return site.ok("POST", "/api/3.0/rfa/requests", {"requests": [fields]}, token=asker.token)["responses"][0][
            "request_ids"
        ][0]

    first = ask()
    refused(site.call("POST", f"{V1}/access-requests/{first}/reject", {}), 400, "INVALID_PARAMETER_VALUE", "reason")
    answer = site.ok("POST", f"{V1}/access-requests/{first}/reject", {"reason": "use the batch account"})
    assert (answer["state"], answer["decided_by"]) == ("REJECTED", "admin")
    (seen,) = inbox(site, asker, state="REJECTED")
    assert seen["reason"] == "use the batch account"
    second = ask()
    assert second != first
    refused(site.call("DELETE", f"{V1}/access-requests/{second}"), 403, "PERMISSION_DENIED", "withdraw")
    site.ok("DELETE", f"{V1}/access-requests/{second}", token=asker.token)
    third = ask()
    site.ok("DELETE", f"{UC}/models/{model}")
    site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": model})
    refused(site.call("POST", f"{V1}/access-requests/{third}/approve", {}), 404, "RESOURCE_DOES_NOT_EXIST")
    assert inbox(site, asker, state="ALL") == []
    fourth = ask()
    site.ok("PATCH", f"{UC}/models/{model}", {"new_name": "renamed"})  # a rename keeps it
    assert [r["full_name"] for r in inbox(site, asker)] == [f"{schema}.renamed"]
    site.ok("DELETE", f"{V1}/users/{asker.name}")
    refused(site.call("POST", f"{V1}/access-requests/{fourth}/approve", {}), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"permissions": ["FLY"]}, "FLY"),
        ({"permissions": ["EXECUT"]}, "'EXECUTE'"),
        ({"permissions": []}, "privilege"),
        ({"permissions": ["USE_CATALOG"]}, "cannot be granted"),
        ({"twice": True}, "once"),
        ({"comment": "x" * 201}, "200"),
        ({"behalf_of": {"id": "nobody"}}, "principal"),
        ({"behalf_of": {"id": "1" * 400}}, "principal"),
        ({"requests": 31}, "30"),
        ({"requests": 2}, "same principal"),
        ({"requests": 0}, "30"),
    ],
)
def test_requests_that_cannot_be(site: Site, change: dict[str, Any], word: str) -> None:
    model = site.model("main.default")
    item = {
        "securable": {"type": "FUNCTION", "full_name": model},
        "permissions": change.get("permissions", ["EXECUTE"]),
    }
    fields = {"securable_permissions": [item] * (1 + ("twice" in change))}
    fields |= {field: change[field] for field in ("comment", "behalf_of") if field in change}
    answer = site.call("POST", "/api/3.0/rfa/requests", {"requests": [fields] * change.get("requests", 1)})
    assert answer.status_code in (400, 404), answer.text
    assert word in answer.json()["message"]


def test_who_asks_for_more_is_not_granted_it_unseen(site: Site) -> None:
    model, asker = site.model(), person(site)
    site.allow(asker.name, "catalog", model.partition(".")[0], "BROWSE")

    def ask(*privileges: str) -> str:
        item = {"securable": {"type": "FUNCTION", "full_name": model}, "permissions": privileges}
        body = {"requests": [{"securable_permissions": [item]}]}
        return site.ok("POST", "/api/3.0/rfa/requests", body, token=asker.token)["responses"][0]["request_ids"][0]

    seen = ask("EXECUTE")
    assert ask("EXECUTE") == seen
    extra = ask("MANAGE")
    assert extra != seen
    refused(site.call("POST", f"{V1}/access-requests/{seen}/approve", {}), 400, "INVALID_STATE", "WITHDRAWN")
    (pending,) = [r for r in inbox(site) if r["full_name"] == model]
    assert (pending["request_id"], pending["privileges"]) == (extra, ["EXECUTE", "MANAGE"])


def test_on_behalf_of_another(site: Site, admin: WorkspaceClient) -> None:
    model, other = site.model(), person(site)
    number = other.w.current_user.me().id
    for who in (number, other.name):
        access_request = CreateAccessRequest(
            Principal(id=who), securable_permissions=[permissions_on(SecurableType.FUNCTION, model, "EXECUTE")]
        )
        (answer,) = admin.rfa.batch_create_access_requests(requests=[access_request]).responses or []
        assert answer.behalf_of and answer.behalf_of.id == number
    (reply,) = [r for r in inbox(site) if r["full_name"] == model]
    assert (reply["principal"], reply["requester"]) == (other.name, "admin")


def test_destinations(site: Site, admin: WorkspaceClient) -> None:
    schema, ann = site.schema(), person(site)
    model = site.model(schema)
    mail = NotificationDestination("ml@x.io", DestinationType.EMAIL)
    on_schema = AccessRequestDestinations(Securable(full_name=schema, type=SecurableType.SCHEMA), destinations=[mail])
    request_destinations = admin.rfa.update_access_request_destinations(on_schema, "destinations")
    assert request_destinations.destinations == [mail]
    request_destinations = admin.rfa.get_access_request_destinations("function", model)
    assert request_destinations.destinations == [mail] and request_destinations.destination_source_securable
    assert (request_destinations.destination_source_securable.full_name, request_destinations.securable.full_name) == (
        schema,
        model,
    )
    with pytest.raises(errors.PermissionDenied):
        ann.w.rfa.get_access_request_destinations("function", model)
    site.allow(ann.name, "catalog", schema.partition(".")[0], "BROWSE")
    assert ann.w.rfa.get_access_request_destinations("function", model).destinations == [mail]
    with pytest.raises(errors.PermissionDenied):
        ann.w.rfa.update_access_request_destinations(on_schema, "destinations")
    elsewhere, ftp = (NotificationDestination(url, DestinationType.URL) for url in ("https://x.io", "ftp://x"))
    for bad in ([mail] * 6, [NotificationDestination("x", DestinationType.EMAIL)], [ftp], [mail, elsewhere]):
        with pytest.raises(errors.InvalidParameterValue):
            admin.rfa.update_access_request_destinations(
                AccessRequestDestinations(on_schema.securable, destinations=bad), "destinations"
            )
    admin.rfa.update_access_request_destinations(AccessRequestDestinations(on_schema.securable), "destinations")
    request_destinations = admin.rfa.get_access_request_destinations("schema", schema)
    assert request_destinations.destinations and request_destinations.destinations[0].destination_id == "admin"
    metastore = site.ok("GET", f"{UC}/metastore_summary")["metastore_id"]
    assert admin.rfa.get_access_request_destinations("metastore", metastore).destinations


# --- why, and what may I ---------------------------------------------------------------------------------------------


def explained(
    site: Site, kind: str, name: str, operation: str, principal: str = "", token: str | None = None
) -> dict[str, Any]:
    query = {"securable_type": kind, "full_name": name, "operation": operation} | (
        {"principal": principal} if principal else {}
    )
    return site.ok("GET", f"{V1}/explain", query, token=token)


def test_explaining_names_grants_groups_owners_and_who_to_ask(site: Site) -> None:
    schema, ann, olga = site.schema(), person(site), person(site)
    catalog, model = schema.partition(".")[0], site.model(schema)
    inner, outer = f"in_{uuid.uuid4().hex[:6]}", f"out_{uuid.uuid4().hex[:6]}"
    for group in (inner, outer):
        site.ok("POST", f"{V1}/groups", {"name": group})
    site.ok("PUT", f"{V1}/groups/{outer}/members/{inner}")
    site.ok("PUT", f"{V1}/groups/{inner}/members/{ann.name}")
    site.allow(outer, "catalog", catalog, "USE_CATALOG")
    site.allow("account users", "schema", schema, "USE_SCHEMA")
    site.ok("PATCH", f"{UC}/models/{model}", {"owner": olga.name})
    answer = explained(site, "function", model, "get_model", ann.name)
    assert (answer["allowed"], answer["reason"]) == (
        False,
        f"User does not have EXECUTE on Routine or Model '{model}'.",
    )
    of_catalog, of_schema, of_model = answer["steps"]
    assert of_catalog["given_by"] == [
        {
            "what": "USE_CATALOG",
            "securable_type": "CATALOG",
            "securable_name": catalog,
            "principal": outer,
            "groups": [inner, outer],
        }
    ]
    assert [w["groups"] for w in of_schema["given_by"]] == [["account users"]]
    assert (of_model["met"], of_model["given_by"], of_model["ask"][0]) == (False, [], olga.name)
    assert "EXECUTE" in of_model["needs"]
    site.allow(ann.name, "catalog", catalog, "ALL_PRIVILEGES")
    answer = explained(site, "function", model, "get_model", ann.name)
    assert answer["allowed"] and all(step["met"] for step in answer["steps"])
    assert {w["what"] for w in answer["steps"][-1]["given_by"]} == {"ALL_PRIVILEGES"}
    answer = explained(site, "function", model, "get_model", olga.name)
    assert (answer["allowed"], answer["reason"]) == (False, f"User does not have USE CATALOG on Catalog '{catalog}'.")
    assert answer["steps"][-1]["given_by"][0]["what"] == "OWNERSHIP"
    answer = explained(site, "function", model, "get_model", "admin")
    assert {(w["what"], w["securable_type"], tuple(w["groups"])) for w in answer["steps"][-1]["given_by"]} == {
        ("OWNERSHIP", "METASTORE", ("admins",))
    }
    # Others are explained by whoever manages the model, oneself by everybody.
    query = {"securable_type": "function", "full_name": model, "operation": "get_model", "principal": "admin"}
    refused(site.call("GET", f"{V1}/explain", query, token=ann.token), 403, "PERMISSION_DENIED", "MANAGE")
    assert explained(site, "function", model, "get_model", ann.name, ann.token)["allowed"]
    stranger = person(site)
    first = explained(site, "function", model, "get_model", "", stranger.token)
    none = explained(site, "function", f"{catalog}.no.thing", "get_model", "", stranger.token)
    assert first == none and first["reason"] == f"User does not have USE CATALOG on Catalog '{catalog}'."
    refused(
        site.call("GET", f"{V1}/explain", query | {"operation": "get_modle"}),
        400,
        "INVALID_PARAMETER_VALUE",
        "'get_model'",
    )
    refused(
        site.call("GET", f"{V1}/explain", query | {"operation": "get_catalog"}),
        400,
        "INVALID_PARAMETER_VALUE",
        "not about",
    )
    refused(site.call("GET", f"{V1}/explain", query | {"full_name": f"{model}x"}), 404, "RESOURCE_DOES_NOT_EXIST")
    assert not explained(site, "metastore", "x", "find_audit", ann.name)["allowed"]
    by = explained(site, "metastore", "x", "find_audit", "admin")["steps"][0]["given_by"]
    assert [(w["what"], w["groups"]) for w in by] == [("account admin", ["admins"])]


def test_explaining_protected_aliases_and_governed_tags(site: Site, admin: WorkspaceClient, account: str) -> None:
    model, ann, bob, group, tag = site.model(), person(site), person(site), f"g_{uuid.uuid4().hex[:6]}", key()
    site.ok("POST", f"{V1}/groups", {"name": group})
    site.ok("PUT", f"{V1}/groups/{group}/members/{ann.name}")
    for who in (ann, bob):
        site.allow(who.name, "catalog", model.partition(".")[0], "ALL_PRIVILEGES", "MANAGE")
    site.ok("PUT", f"{V1}/protected-aliases/function/{model}/champion", {"principals": [group]})
    policy = admin.tag_policies.create_tag_policy(TagPolicy(tag))
    assigners(admin, account, policy.id or "", f"groups/{group}")

    def why(who: Person, operation: str, about: str) -> dict[str, Any]:
        query = {
            "securable_type": "function",
            "full_name": model,
            "operation": operation,
            "principal": who.name,
            "about": about,
        }
        return site.ok("GET", f"{V1}/explain", query)

    reply = why(ann, "set_alias", "champion")
    assert reply["allowed"] and reply["steps"][-1]["given_by"][0]["groups"] == [group]
    reply = why(bob, "set_alias", "champion")
    answer = site.call("DELETE", f"{UC}/models/{model}/aliases/champion", token=bob.token)
    assert (reply["allowed"], reply["reason"]) == (False, answer.json()["message"])
    assert reply["steps"][-1]["ask"][0] == "admin"
    assert why(bob, "set_alias", "other")["allowed"]
    assert why(ann, "change_tags", tag)["allowed"]
    reply = why(bob, "change_tags", tag)
    add = {"changes": {"add_tags": [{"key": tag}]}}
    answer = site.call("PATCH", f"{UC}/securable-tags/FUNCTION/{model}", add, token=bob.token)
    assert (reply["allowed"], reply["reason"]) == (False, answer.json()["message"])
    assert reply["steps"][-1]["ask"] == ["admin"]
    query = {"securable_type": "function", "full_name": model, "operation": "get_model", "about": "x"}
    refused(site.call("GET", f"{V1}/explain", query), 400, "INVALID_PARAMETER_VALUE", "about")


# --- the command line ------------------------------------------------------------------------------------------------


def test_the_command_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    runner, schema, ann = CliRunner(), site.schema(), person(site)
    catalog, model = schema.partition(".")[0], site.model(schema, versions=2)
    monkeypatch.setenv("DATABRICKS_HOST", site.host)

    def cli(*words: str, token: str | None = None, code: int = 0) -> str:
        monkeypatch.setenv("DATABRICKS_TOKEN", token or site.admin)
        done = runner.invoke(app, list(words))
        assert done.exit_code == code, (words, done.output, done.exception)
        return done.output

    cli("grants", "add", "catalog", catalog, ann.name, "BROWSE", "USE_CATALOG", "USE_SCHEMA")
    said = cli("grants", "explain", "function", model, ann.name, "get_model")
    assert (
        said.splitlines()[0]
        == f"{ann.name} may NOT get_model: User does not have EXECUTE on Routine or Model '{model}'."
    )
    assert (
        f"  + USE CATALOG on catalog {catalog}\n      by USE_CATALOG on catalog {catalog}, held by {ann.name}\n" in said
    )
    assert f"  - EXECUTE, ownership, metastore admin on model {model}\n      ask: admin" in said
    assert cli("grants", "explain", "function", model, "me", "get_model", token=ann.token) == said
    assert "delete_model" in cli("grants", "can", "function", model, token=ann.token)
    request = cli("access", "ask", "function", model, "EXECUTE", "--comment", "why not", token=ann.token).strip()
    assert request in cli("access", "inbox")
    cli("access", "approve", request, token=ann.token, code=exits.REFUSED)
    cli("access", "approve", request)
    assert cli("grants", "explain", "function", model, "me", "get_model", token=ann.token).startswith(
        f"{ann.name} may get_model"
    )
    request = cli("access", "ask", "function", model, "MANAGE", token=ann.token).strip()
    cli("access", "reject", request, "ask bob")
    assert "ask bob" in cli("access", "inbox", "--state", "ALL", token=ann.token)
    request = cli("access", "ask", "function", model, "MANAGE", token=ann.token).strip()
    cli("access", "withdraw", request, token=ann.token)
    cli("aliases", "protect", "schema", schema, "champion", "admin")
    assert "champion" in cli("aliases", "list", "function", model)
    cli("aliases", "move", model, "champion=2", "other=1")
    cli("aliases", "move", model, "other=", "champion=1")
    cli("aliases", "move", model, "champion", code=2)  # without "=" it is no removal
    assert _aliases(site, model) == {"champion": 1}
    cli("aliases", "unprotect", "schema", schema, "champion")
    tag = key()
    cli("tag-policies", "create", tag, "ml", "ops", "--description", "who pays")
    assert f'{tag}  ["ml", "ops"]' in cli("tag-policies", "list")
    cli("tag-policies", "grant", tag, "ASSIGN", f"users/{ann.name}")
    cli("grants", "add", "function", model, ann.name, "APPLY_TAG")
    add = {"changes": {"add_tags": [{"key": tag, "value": "ml"}]}}
    site.ok("PATCH", f"{UC}/securable-tags/FUNCTION/{model}", add, token=ann.token)
    cli("tag-policies", "revoke", tag, "ASSIGN", f"users/{ann.name}")
    answer = site.call(
        "PATCH", f"{UC}/securable-tags/FUNCTION/{model}", {"changes": {"remove": [tag]}}, token=ann.token
    )
    refused(answer, 403, "PERMISSION_DENIED")
    cli("tag-policies", "delete", tag)


def test_can_tells_every_operation_as_it_would_end(site: Site) -> None:
    schema, ann = site.schema(), person(site)
    model = site.model(schema)
    refused(site.call("GET", f"{V1}/can/function/{model}", token=ann.token), 403, "PERMISSION_DENIED")
    site.allow(ann.name, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    operations = site.ok("GET", f"{V1}/can/function/{model}", token=ann.token)["operations"]
    assert operations["get_model"] is True and operations["copy_version"] is True
    answer = site.call("DELETE", f"{UC}/models/{model}", token=ann.token)
    assert operations["delete_model"] == answer.json()["message"]
    assert "get_catalog" not in operations
    assert set(site.ok("GET", f"{V1}/can/schema/{schema}")["operations"].values()) == {True}
    assert site.ok("GET", f"{V1}/can/schema/{schema}", token=ann.token)["operations"]["create_model"] is not True


@pytest.mark.parametrize(
    ("kind", "operation", "label"),
    [
        ("catalog", "rename_catalog", "Rename it"),
        ("schema", "create_model", "Create a model in it"),
        ("function", "set_alias", "Set an alias"),
        ("function", "get_model", "See and load it"),
    ],
)
def test_can_labels_the_changes_and_one_read(site: Site, kind: str, operation: str, label: str) -> None:
    model = site.model()
    name = {"catalog": model.partition(".")[0], "schema": model.rpartition(".")[0], "function": model}[kind]
    answer = site.ok("GET", f"{V1}/can/{kind}/{name}")
    assert answer["labels"][operation] == label
    assert set(answer["labels"]) <= set(answer["operations"])
    assert len(set(answer["labels"].values())) == len(answer["labels"])


# --- grants and owners -----------------------------------------------------------------------------------------------


def test_what_cannot_be_granted_is_said_with_what_can(site: Site, admin: WorkspaceClient) -> None:
    model, ann = site.model(), person(site, f"annabel_{uuid.uuid4().hex[:6]}@x.io")
    path = f"{UC}/permissions/function/{model}"

    def change(*changes: dict[str, Any]) -> Any:
        return site.call("PATCH", path, {"changes": changes})

    refused(change({"principal": ann.name[1:], "add": ["EXECUTE"]}), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(
        change({"principal": ann.name.replace("bel", "ble"), "add": ["EXECUTE"]}),
        404,
        "RESOURCE_DOES_NOT_EXIST",
        f"Near it: '{ann.name}'",
    )
    refused(change({"principal": ann.name, "add": ["EXECUTES"]}), 400, "INVALID_PARAMETER_VALUE", "Near it: 'EXECUTE'")
    refused(change({"principal": ann.name, "add": ["SELECT"]}), 400, "INVALID_PARAMETER_VALUE", "CREATE_MODEL_VERSION")
    refused(
        change({"principal": ann.name, "add": ["EXECUTE"]}, {"principal": ann.name, "add": ["X"]}),
        400,
        "INVALID_PARAMETER_VALUE",
    )
    assert site.ok("GET", path)["privilege_assignments"] == []  # all, or nothing
    refused(
        site.call("PATCH", f"{UC}/models/{model}", {"owner": ann.name[:-1]}),
        400,
        "INVALID_PARAMETER_VALUE",
        f"'{ann.name}'",
    )
    with pytest.raises(errors.PermissionDenied):  # whoever may not manage it grants nothing
        ann.w.grants.update("function", model, changes=[PermissionsChange([Privilege.EXECUTE], ann.name)])


@pytest.mark.parametrize("heir", ["user", "group", "service principal"])
def test_every_kind_is_granted_inherited_and_given_away(site: Site, admin: WorkspaceClient, heir: str) -> None:
    schema = site.schema()
    catalog, model = schema.partition(".")[0], site.model(schema)
    from api.serving import FUNCTION

    place = {"catalog_name": catalog, "schema_name": "team"}
    site.ok("POST", f"{UC}/volumes", {**place, "name": "v", "volume_type": "MANAGED"})
    table = {
        **place,
        "name": "t",
        "table_type": "EXTERNAL",
        "data_source_format": "CSV",
        "storage_location": "s3://x/y",
    }
    site.ok("POST", f"{UC}/tables", table)
    site.ok("POST", f"{UC}/functions", {"function_info": {**place, **FUNCTION, "name": "f"}})
    ann = person(site)
    who = ann.name
    if heir == "group":
        who = f"g_{uuid.uuid4().hex[:6]}"
        site.ok("POST", f"{V1}/groups", {"name": who})
        site.ok("PUT", f"{V1}/groups/{who}/members/{ann.name}")
    if heir == "service principal":
        who = f"sp_{uuid.uuid4().hex[:6]}"
        site.ok("POST", f"{V1}/service-principals", {"name": who})
        ann = Person(who, token := site.ok("POST", f"{V1}/tokens", {"principal": who})["token_value"], sdk(site, token))
    above = {"catalog": ["USE_CATALOG"], "schema": ["USE_SCHEMA", "SELECT", "READ_VOLUME", "EXECUTE"]}
    for kind, name in (("catalog", catalog), ("schema", schema)):
        site.allow(who, kind, name, *above[kind])
    inherited = {
        "table": (f"{schema}.t", "SELECT"),
        "volume": (f"{schema}.v", "READ_VOLUME"),
        "function": (f"{schema}.f", "EXECUTE"),
        "registered_model": (model, "EXECUTE"),
    }
    for kind, (name, privilege) in inherited.items():
        (answers,) = ann.w.grants.get_effective(kind, name, principal=who).privilege_assignments or []
        rows = [
            (
                p.privilege and p.privilege.value,
                p.inherited_from_type and p.inherited_from_type.value,
                p.inherited_from_name,
            )
            for p in answers.privileges or []
        ]
        assert rows == [(privilege, "SCHEMA", schema)], kind
    w = admin
    assert w.tables.get(f"{schema}.t").owner == "admin"
    w.volumes.update(f"{schema}.v", owner=who)
    w.functions.update(f"{schema}.f", owner=who)
    w.registered_models.update(model, owner=who)
    w.tables.update(f"{schema}.t", owner=who)
    metastore = w.metastores.summary().metastore_id or ""
    w.grants.update("metastore", metastore, changes=[PermissionsChange([Privilege.CREATE_CATALOG], who)])
    for kind, name in (("metastore", metastore), ("catalog", catalog), ("schema", schema)):
        (own,) = w.grants.get(kind, name, principal=who).privilege_assignments or []
        (effective,) = w.grants.get_effective(kind, name, principal=who).privilege_assignments or []
        direct = {p.privilege for p in effective.privileges or [] if not p.inherited_from_name}
        assert direct == set(own.privileges or [])
    answers = [
        w.volumes.read(f"{schema}.v").owner,
        w.registered_models.get(model).owner,
        w.tables.get(f"{schema}.t").owner,
    ]
    answers.append(w.functions.get(f"{schema}.f").owner)
    assert answers == [who] * 4
    for kind, (name, privilege) in inherited.items():  # an owner grants
        ann.w.grants.update(kind, name, changes=[PermissionsChange([Privilege(privilege)], "account users")])
    assert w.schemas.update(schema, owner=who).owner == who
    assert w.catalogs.update(catalog, owner=who).owner == who
    # The owner of a container gives away what is in it, and gets it back.
    ann.w.tables.update(f"{schema}.t", owner="admin")
    ann.w.tables.update(f"{schema}.t", owner=who)
    assert ann.w.catalogs.update(catalog, owner="admin").owner == "admin"
    with pytest.raises(errors.PermissionDenied):
        ann.w.catalogs.update(catalog, comment="mine no more")
