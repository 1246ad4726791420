"""What Databricks' Terraform provider sends for each resource, request by request, and that a second plan finds nothing to change.

The sequences are those of provider 1.x with `terraform apply`, `plan` and `destroy` against a running server.
"""

import uuid
from typing import Any

import httpx
import pytest
from api.serving import UC, Site

pytest_plugins = ("api.serving",)

SCIM = "/api/2.0/preview/scim/v2"
READ = "attributes=userName,displayName,active,externalId,entitlements"


class Provider:
    """The provider's client: what it creates it reads, and what it read must say what was sent."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.word = uuid.uuid4().hex[:8]
        self.catalog = f"tf_{self.word}"

    def __call__(self, method: str, path: str, body: dict[str, Any] | None = None, **fields: Any) -> Any:
        headers = {"user-agent": "databricks-tf-provider/1.90.0 databricks-sdk-go/0.175.0", **fields.pop("headers", {})}
        answer = self.site.call(method, path, headers=headers, **({"json": body} if body is not None else {}), **fields)
        assert answer.status_code < 300, (method, path, answer.text)
        return answer.json() if answer.content and method != "HEAD" else answer

    def make_catalog(self) -> None:
        """The provider deletes the schema that appears by itself, at once, and fails where there is none."""
        self("POST", f"{UC}/catalogs", {"name": self.catalog, "comment": "by terraform"})
        self("DELETE", f"{UC}/schemas/{self.catalog}.default")
        assert self("GET", f"{UC}/catalogs/{self.catalog}")["comment"] == "by terraform"

    def grants(self, kind: str, name: str) -> dict[str, set[str]]:
        assignments = self("GET", f"{UC}/permissions/{kind}/{name}").get("privilege_assignments", [])
        return {entry["principal"]: set(entry["privileges"]) for entry in assignments}


@pytest.fixture
def provider(site: Site) -> Provider:
    provider = Provider(site)
    provider.make_catalog()
    return provider


def test_catalog_schema_model_volume_and_file(provider: Provider) -> None:
    catalog = provider.catalog
    provider("POST", f"{UC}/schemas", {"catalog_name": catalog, "name": "things", "comment": "a"})
    place = {"catalog_name": catalog, "schema_name": "things"}
    provider("POST", f"{UC}/models", {**place, "name": "churn", "comment": "m"})
    provider("POST", f"{UC}/volumes", {**place, "name": "raw", "volume_type": "MANAGED", "comment": "v"})
    for kind, name, comment in (
        ("schemas", "things", "a"),
        ("models", "things.churn", "m"),
        ("volumes", "things.raw", "v"),
    ):
        assert provider("GET", f"{UC}/{kind}/{catalog}.{name}")["comment"] == comment
    path = f"/api/2.0/fs/files/Volumes/{catalog}/things/raw/a.txt"
    for content in (b"hello", b"changed"):  # an update sends the file again, and names no overwrite
        provider("PUT", path, content=content)
        assert provider("HEAD", path).headers["content-length"] == str(len(content))
    provider("DELETE", path)
    for kind, name in (("models", "things.churn"), ("volumes", "things.raw"), ("schemas", "things")):
        provider("DELETE", f"{UC}/{kind}/{catalog}.{name}")
    provider("DELETE", f"{UC}/catalogs/{catalog}?force=true")
    assert provider.site.call("GET", f"{UC}/catalogs/{catalog}").status_code == 404


def test_principals_keep_what_was_set(provider: Provider) -> None:
    name = f"{provider.word}@x.io"
    user = provider("POST", f"{SCIM}/Users", {"userName": name, "active": True, "entitlements": [{}]})["id"]
    job = provider(
        "POST",
        f"{SCIM}/ServicePrincipals",
        {
            "displayName": "tf-sp",
            "active": True,
            "entitlements": [{"value": "databricks-sql-access"}, {"value": "workspace-access"}],
        },
    )
    group = provider(
        "POST", f"{SCIM}/Groups", {"displayName": f"g{provider.word}", "entitlements": [{"value": "workspace-access"}]}
    )
    read = provider("GET", f"{SCIM}/ServicePrincipals/{job['id']}?{READ}")
    assert read["applicationId"] == job["applicationId"], "whatever attributes are asked for"
    assert {entry["value"] for entry in read["entitlements"]} == {"databricks-sql-access", "workspace-access"}
    address = f"{SCIM}/Groups/{group['id']}"
    assert [
        e["value"] for e in provider("GET", f"{address}?attributes=displayName,externalId,entitlements")["entitlements"]
    ] == ["workspace-access"]
    for change in (
        {"op": "add", "path": "members", "value": [{"value": user}]},
        {"op": "add", "path": "members", "value": [{"value": user}]},
    ):
        provider(
            "PATCH", address, {"Operations": [change], "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
        )
        assert [member["value"] for member in provider("GET", f"{address}?attributes=members")["members"]] == [user]
    leave = {"op": "remove", "path": f'members[value eq "{user}"]'}
    provider("PATCH", address, {"Operations": [leave], "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]})
    assert not provider("GET", f"{address}?attributes=members").get("members")
    lease = {"application_id": job["applicationId"], "comment": "obo", "lifetime_seconds": 3600}
    token = provider("POST", "/api/2.0/token-management/on-behalf-of/tokens", lease)["token_info"]["token_id"]
    assert provider("GET", f"/api/2.0/token-management/tokens/{token}")["token_info"]["comment"] == "obo"
    provider("DELETE", f"/api/2.0/token-management/tokens/{token}")
    for kind, id in (("ServicePrincipals", job["id"]), ("Groups", group["id"]), ("Users", user)):
        provider("DELETE", f"{SCIM}/{kind}/{id}")


def test_grants_are_what_was_applied(provider: Provider) -> None:
    """Also privileges that mean nothing here, or each plan would want to grant them again."""
    job = provider("POST", f"{SCIM}/ServicePrincipals", {"displayName": "tf-grants", "active": True})["applicationId"]
    name, _ = provider.site.user()
    applied = {job: {"USE_CATALOG", "CREATE_MATERIALIZED_VIEW"}, name: {"USE_CATALOG", "USE_SCHEMA", "EXECUTE"}}
    address = f"{UC}/permissions/catalog/{provider.catalog}"
    for _ in range(2):  # a second apply changes nothing
        provider(
            "PATCH",
            address,
            {"changes": [{"principal": who, "add": sorted(content)} for who, content in applied.items()]},
        )
        assert provider.grants("catalog", provider.catalog) == applied
    narrowed = [{"principal": name, "add": ["USE_CATALOG"], "remove": ["ALL_PRIVILEGES"]}]
    provider("PATCH", address, {"changes": narrowed})
    assert provider.grants("catalog", provider.catalog) == applied | {name: {"USE_CATALOG"}}
    gone = [{"principal": who, "remove": sorted(content)} for who, content in applied.items()]
    provider("PATCH", address, {"changes": gone})
    assert provider.grants("catalog", provider.catalog) == {}


def test_bindings(provider: Provider) -> None:
    workspace = int(
        httpx.get(f"{provider.site.host}{SCIM}/Me", headers={"authorization": f"Bearer {provider.site.admin}"}).headers[
            "x-databricks-org-id"
        ]
    )
    address = f"{UC}/bindings/catalog/{provider.catalog}"
    bound = {"binding_type": "BINDING_TYPE_READ_WRITE", "workspace_id": workspace}
    for _ in range(2):
        provider("PATCH", address, {"add": [bound]})
        [binding] = provider("GET", address)["bindings"]
        assert {key: binding[key] for key in bound} == bound
    provider("PATCH", address, {"remove": [bound]})
    assert not provider("GET", address).get("bindings")


def test_directory_and_workspace_file(provider: Provider) -> None:
    home = f"/Users/{provider('GET', f'{SCIM}/Me')['userName']}"
    directory = f"{home}/{provider.word}"
    provider("POST", "/api/2.0/workspace/mkdirs", {"path": directory})
    first = provider("GET", f"/api/2.0/workspace/get-status?path={directory}")
    for content in (b"hello", b"changed"):
        provider(
            "POST",
            "/api/2.0/workspace/import",
            data={"path": f"{directory}/a.txt", "format": "AUTO", "overwrite": "true"},
            files={"content": content},
        )
        assert provider("GET", f"/api/2.0/workspace/get-status?path={directory}/a.txt")["size"] == len(content)
    assert provider("GET", f"/api/2.0/workspace/get-status?path={directory}") == first
    provider("POST", "/api/2.0/workspace/delete", {"path": f"{directory}/a.txt"})
    provider("POST", "/api/2.0/workspace/delete", {"path": directory, "recursive": True})


def test_a_model_changes_in_place(provider: Provider) -> None:
    """Comment, owner, tags: each update is read back, and the owner's change comes alone, as the provider sends it."""
    catalog = provider.catalog
    provider("POST", f"{UC}/schemas", {"catalog_name": catalog, "name": "things"})
    place = {"catalog_name": catalog, "schema_name": "things"}
    model = provider("POST", f"{UC}/models", {**place, "name": "churn", "comment": "m"})["full_name"]
    for kind, name in (("catalogs", catalog), ("schemas", f"{catalog}.things"), ("models", model)):
        for body in ({"owner": "admins"}, {"comment": "changed"}, {"comment": ""}, {"owner": "admin"}):
            provider("PATCH", f"{UC}/{kind}/{name}", body)
            read = provider("GET", f"{UC}/{kind}/{name}")
            assert {field: read.get(field, "") for field in body} == body
    provider("PATCH", f"{UC}/catalogs/{catalog}", {"properties": {"a": "2", "b": "3"}})
    assert provider("GET", f"{UC}/catalogs/{catalog}")["properties"] == {"a": "2", "b": "3"}
    tags = f"{UC}/entity-tag-assignments"
    tag = {"entity_type": "functions", "entity_name": model, "tag_key": "team"}
    provider("POST", tags, {**tag, "tag_value": "a"})
    address = f"{tags}/functions/{model}/tags/team"
    provider("PATCH", f"{address}?update_mask=tag_value", {**tag, "tag_value": "b"})
    assert provider("GET", address) == {**tag, "tag_value": "b"}
    provider("DELETE", address)
    assert provider.site.call("GET", address).status_code == 404


def test_a_governed_tag(provider: Provider) -> None:
    key = f"k_{provider.word}"
    address = f"/api/2.1/tag-policies/{key}"
    provider("POST", "/api/2.1/tag-policies", {"tag_key": key, "description": "d", "values": [{"name": "eng"}]})
    provider(
        "POST",
        f"{UC}/entity-tag-assignments",
        {"entity_type": "catalogs", "entity_name": provider.catalog, "tag_key": key, "tag_value": "eng"},
    )
    values = [{"name": "eng"}, {"name": "ops"}]
    changed = {"tag_key": key, "description": "changed", "values": values}
    provider("PATCH", f"{address}?update_mask=description,values", changed)
    read = provider("GET", address)
    assert {field: read[field] for field in changed} == changed
    provider("DELETE", address)


def test_the_default_namespace(provider: Provider) -> None:
    """The provider sends no etag first, and repeats the request with the one in the refusal; so it does to delete."""
    address = "/api/2.0/settings/types/default_namespace_ws/names/default"
    for value in ("first", "second"):
        setting = {"namespace": {"value": value}, "setting_name": "default"}
        body = {"allow_missing": True, "field_mask": "namespace.value", "setting": setting}
        refused = provider.site.call("PATCH", address, body)
        assert (refused.status_code, refused.json()["error_code"]) == (409, "RESOURCE_CONFLICT"), refused.text
        etag = refused.json()["details"][0]["metadata"]["etag"]
        provider("PATCH", address, {**body, "setting": {**setting, "etag": etag}})
        read = provider("GET", f"{address}?etag={etag}")
        assert (read["namespace"]["value"], read["setting_name"]) == (value, "default")
    refused = provider.site.call("DELETE", f"{address}?etag=")
    assert refused.status_code == 409
    provider("DELETE", f"{address}?etag={refused.json()['details'][0]['metadata']['etag']}")


def test_who_enters_the_workspace(provider: Provider) -> None:
    address = "/api/2.0/preview/permissionassignments"
    group = provider("POST", f"{SCIM}/Groups", {"displayName": f"w{provider.word}"})["id"]
    name, _ = provider.site.user()
    for level in ("USER", "ADMIN", "USER"):
        provider("PUT", f"{address}/principals/{group}", {"permissions": [level]})
        listed = provider("GET", address)["permission_assignments"]
        assert [entry["permissions"] for entry in listed if str(entry["principal"]["principal_id"]) == group] == [
            [level]
        ]
    by_name = {"permission_assignments": [{"user_name": name, "permissions": ["USER"]}]}
    [assigned] = provider("POST", address, by_name)["permission_assignments"]
    for number in (group, assigned["principal"]["principal_id"]):
        provider("DELETE", f"{address}/principals/{number}")
    left = {str(entry["principal"]["principal_id"]) for entry in provider("GET", address)["permission_assignments"]}
    assert not left & {group, str(assigned["principal"]["principal_id"])}


def test_destinations_of_requests_for_access(provider: Provider) -> None:
    securable = {"type": "CATALOG", "full_name": provider.catalog}
    address = f"/api/3.0/rfa/destinations/CATALOG/{provider.catalog}"
    for sent in (
        [{"destination_id": "a@x.io", "destination_type": "EMAIL"}],
        [{"destination_id": "b@x.io", "destination_type": "EMAIL"}],
        [],
    ):
        body = {"securable": securable, "destinations": sent}
        provider("PATCH", "/api/3.0/rfa/destinations?update_mask=destinations,securable", body)
        destinations = provider("GET", address)["destinations"]
        assert destinations == sent or (not sent and destinations[0]["special_destination"].endswith("_OWNER"))


def test_a_flat_model_a_token_and_a_secret(provider: Provider) -> None:
    """`databricks_mlflow_model`, `databricks_token`, `databricks_service_principal_secret`."""
    registry, name = "/api/2.0/mlflow", f"flat_{provider.word}"
    provider("POST", f"{registry}/registered-models/create", {"name": name, "description": "d"})
    for description in ("d", "changed"):
        provider("PATCH", f"{registry}/registered-models/update", {"name": name, "description": description})
        read = provider("GET", f"{registry}/databricks/registered-models/get?name={name}")
        assert read["registered_model_databricks"]["description"] == description
    provider("DELETE", f"{registry}/registered-models/delete", {"name": name})
    created = provider("POST", "/api/2.0/token/create", {"comment": "mine", "lifetime_seconds": 86_400})
    token = created["token_info"]["token_id"]
    assert token in {info["token_id"] for info in provider("GET", "/api/2.0/token/list")["token_infos"]}
    provider("POST", "/api/2.0/token/delete", {"token_id": token})
    robot = provider("POST", f"{SCIM}/ServicePrincipals", {"displayName": "tf-secrets", "active": True})["id"]
    secrets = f"/api/2.0/accounts/servicePrincipals/{robot}/credentials/secrets"
    secret = provider("POST", secrets, {})
    assert [info["id"] for info in provider("GET", secrets)["secrets"]] == [secret["id"]]
    provider("DELETE", f"{secrets}/{secret['id']}")


def test_aliases_of_a_model(provider: Provider) -> None:
    """The provider sends all of the model with each change, and reads no aliases back: what it does not set would be lost in silence."""
    site, model = provider.site, provider.site.model(versions=3)
    catalog, schema, name = model.split(".")
    whole = {
        "catalog_name": catalog,
        "schema_name": schema,
        "name": name,
        "full_name": model,
        "created_at": 1,
        "created_by": "x",
        "metastore_id": "m",
        "comment": "c",
    }
    address = f"{UC}/models/{model}"

    def aliases() -> dict[str, int]:
        listed = provider("GET", f"{address}?include_aliases=true").get("aliases", [])
        return {alias["alias_name"]: alias["version_num"] for alias in listed}

    site.ok("PUT", f"{address}/aliases/other", {"version_num": 3})
    for version in (1, 2, 2):
        answer = provider("PATCH", address, {**whole, "aliases": [{"alias_name": "champion", "version_num": version}]})
        assert answer["comment"] == "c" and aliases() == {"champion": version, "other": 3}
    provider("PATCH", address, whole)
    assert aliases() == {"champion": 2, "other": 3}
    wrong: list[Any] = [
        [{"alias_name": "a", "version_num": 9}],
        [{"alias_name": "latest", "version_num": 1}],
        [{"alias_name": "a"}],
        [{}],
        [{"alias_name": "a", "version_num": 1}] * 2,
        [{"alias_name": "a", "version_num": "x"}],
        "champion",
        {},
        [{"Alias_Name": "a", "version_num": 1}],
        [{"alias_name": f"a{i}", "version_num": 1} for i in range(101)],
    ]
    for sent in wrong:
        refusal = site.call("PATCH", address, {**whole, "comment": "lost", "aliases": sent})
        assert refusal.status_code in (400, 404), (sent, refusal.text)
    assert provider("GET", address)["comment"] == "c" and aliases() == {"champion": 2, "other": 3}
    reader, token = site.user()
    site.allow(reader, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    refusal = site.call("PATCH", address, {"aliases": [{"alias_name": "champion", "version_num": 1}]}, token=token)
    assert refusal.status_code == 403 and aliases()["champion"] == 2
    new = {**whole, "name": "fresh", "full_name": f"{catalog}.{schema}.fresh"}
    refusal = site.call("POST", f"{UC}/models", {**new, "aliases": [{"alias_name": "a", "version_num": 1}]})
    assert refusal.status_code == 400 and "no versions" in refusal.json()["message"]
    provider("POST", f"{UC}/models", {**new, "aliases": []})
