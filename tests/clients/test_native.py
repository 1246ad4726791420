"""Native Unity Catalog REST through the clients that speak it: databricks-sdk, MLflow's native flag, MLflow's `uc:`."""

import time
from pathlib import Path

import httpx
import pytest
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied, ResourceAlreadyExists
from databricks.sdk.service.catalog import EntityTagAssignment, ModelVersionInfoStatus, PermissionsChange, Privilege
from live import Server, allow, new_catalog, run_script, running_server, succeeded

HERE = Path(__file__).parent
FLOW = HERE / "flow"
NATIVE = {"MLFLOW_ENABLE_UC_NATIVE_MODEL_REGISTRY": "true"}
pytestmark = pytest.mark.clients


@pytest.mark.parametrize("script", ["register", "aliases", "delete", "unsigned", "lineage", "foreign"])
def test_flow(server: Server, catalog: str, script: str) -> None:
    """What the default registry client does, MLflow's native client does alike."""
    succeeded(run_script(server, FLOW / f"{script}.py", catalog, settings=NATIVE))


def test_govern(server: Server, catalog: str) -> None:
    succeeded(run_script(server, HERE / "native" / "govern.py", catalog, settings=NATIVE))


def test_promotion(server: Server, catalog: str) -> None:
    succeeded(run_script(server, FLOW / "promote.py", catalog, new_catalog(server), settings=NATIVE))


def test_execute_is_enough_to_copy(server: Server, catalog: str) -> None:
    model, name = f"{catalog}.ml_team.lent", f"borrower@{catalog}"
    succeeded(run_script(server, FLOW / "release.py", model, "4", settings=NATIVE))
    token = server.user(name)["DATABRICKS_TOKEN"]
    allow(server, name, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    mine = new_catalog(server)
    allow(server, name, "catalog", mine, "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL")
    arguments = f"models:/{model}/1", f"{mine}.ml_team.copied", "4"
    denied = run_script(server, FLOW / "borrow.py", *arguments, token=token, settings=NATIVE)
    assert "PERMISSION_DENIED: User does not have EXECUTE" in denied.stderr
    allow(server, name, "function", model, "EXECUTE")
    succeeded(run_script(server, FLOW / "borrow.py", *arguments, token=token, settings=NATIVE))


def test_uc_client_without_a_way_to_files(tmp_path: Path) -> None:
    with running_server(tmp_path, "--no-workspace") as bare:
        succeeded(run_script(bare, HERE / "native" / "uc_mlflow.py", new_catalog(bare)))


# --- databricks-sdk --------------------------------------------------------------------------------------------------


def made_by_b(server: Server, name: str, versions: int = 1) -> None:
    body = {"name": name, "description": "made by B", "tags": [{"key": "team", "value": "ds"}]}
    server.databricks_uc("POST", "registered-models/create", body).raise_for_status()
    for _ in range(versions):
        server.databricks_uc(
            "POST", "model-versions/create", {"name": name, "source": "models:/m-1"}
        ).raise_for_status()


def test_registered_models(server: Server, catalog: str) -> None:
    w = server.sdk()
    registered_model = w.registered_models.create(catalog_name=catalog, schema_name="ml_team", name="Iris", comment="c")
    assert registered_model.full_name == f"{catalog}.ml_team.iris"
    assert registered_model.metastore_id == w.metastores.summary().metastore_id
    with pytest.raises(ResourceAlreadyExists):
        w.registered_models.create(catalog_name=catalog, schema_name="ml_team", name="iris")
    with pytest.raises(NotFound):
        w.registered_models.get(f"{catalog}.ml_team.rose")
    with pytest.raises(BadRequest, match="specify all three levels"):
        w.registered_models.get("iris")
    assert w.registered_models.update(registered_model.full_name, comment="d").comment == "d"
    w.registered_models.update(registered_model.full_name, new_name="rose")
    rose = w.registered_models.get(f"{catalog}.ml_team.rose", include_aliases=True, include_browse=True)
    assert (rose.comment, rose.browse_only, rose.owner) == ("d", False, registered_model.owner)
    for n in range(3):
        w.registered_models.create(catalog_name=catalog, schema_name="ml_team", name=f"m{n}")
    paged = w.registered_models.list(catalog_name=catalog, schema_name="ml_team", max_results=1)
    assert [m.name for m in paged] == ["m0", "m1", "m2", "rose"]
    assert {f"{catalog}.ml_team.m0"} <= {m.full_name for m in w.registered_models.list(include_browse=True)}
    owner = f"owner@{catalog}"
    server.user(owner)
    assert w.registered_models.update(rose.full_name or "", owner=owner).owner == owner
    w.registered_models.delete(f"{catalog}.ml_team.rose")
    with pytest.raises(NotFound):
        w.registered_models.delete(f"{catalog}.ml_team.rose")


def test_model_versions_and_aliases(server: Server, catalog: str) -> None:
    w, name = server.sdk(), f"{catalog}.ml_team.iris"
    made_by_b(server, name, versions=3)
    alias = w.registered_models.set_alias(name, "Champion", 2)
    assert (alias.alias_name, alias.version_num, alias.model_name) == ("Champion", 2, "iris")
    version = w.model_versions.get_by_alias(name, "Champion", include_aliases=True)
    assert (version.version, version.status) == (2, ModelVersionInfoStatus.PENDING_REGISTRATION)
    assert [(a.alias_name, a.version_num) for a in version.aliases or ()] == [("Champion", 2)]
    assert not w.model_versions.get(name, 2).aliases
    registered_model = w.registered_models.get(name, include_aliases=True)
    assert [(a.alias_name, a.version_num) for a in registered_model.aliases or ()] == [("Champion", 2)]
    assert w.model_versions.update(name, 2, comment="c").comment == "c"
    assert [v.version for v in w.model_versions.list(name, max_results=1)] == [3, 2, 1]
    w.registered_models.delete_alias(name, "Champion")
    with pytest.raises(NotFound):
        w.model_versions.get_by_alias(name, "Champion")
    w.model_versions.delete(name, 3)
    assert [v.version for v in w.model_versions.list(name)] == [2, 1]
    with pytest.raises(NotFound):
        w.model_versions.get(name, 3)


def test_users_groups_service_principals_and_tokens(server: Server, catalog: str) -> None:
    succeeded(run_script(server, HERE / "native" / "account.py", catalog))


def test_the_account_has_the_same_principals(server: Server, catalog: str) -> None:
    from databricks.sdk import AccountClient

    body = httpx.get(f"{server.host}/.well-known/databricks-config").json()
    a = AccountClient(host=server.host, token=server.admin_token, account_id=body["account_id"], auth_type="pat")
    result = server.sdk().users.create(user_name=f"both@{catalog}")
    assert [user.id for user in a.users_v2.list(filter=f'userName eq "both@{catalog}"')] == [result.id]
    a.users_v2.delete(result.id or "")
    with pytest.raises(NotFound):
        server.sdk().users.get(result.id or "")


def test_a_token_tells_when_it_was_used_last(server: Server, catalog: str) -> None:
    """Written by the background, a second or two later."""
    w = server.sdk()
    token = w.tokens.create(comment=catalog)
    assert token.token_info and token.token_value
    id = token.token_info.token_id or ""
    assert w.token_management.get(id).token_info.last_used_day is None  # pyright: ignore[reportOptionalMemberAccess]
    server.sdk(token.token_value).current_user.me()
    deadline = time.monotonic() + 60
    while (used := w.token_management.get(id).token_info.last_used_day) is None:  # pyright: ignore[reportOptionalMemberAccess]
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert abs(used / 1000 - time.time()) < 2 * 86_400


def test_entity_tag_assignments(server: Server, catalog: str) -> None:
    w, name = server.sdk(), f"{catalog}.ml_team.iris"
    made_by_b(server, name)
    for entity, of in (
        ("catalogs", catalog),
        ("schemas", f"{catalog}.ml_team"),
        ("functions", name),
        ("registered_models", name),
    ):
        key = f"cost center {entity}"
        tag_assignment = w.entity_tag_assignments.create(
            EntityTagAssignment(entity_type=entity, entity_name=of, tag_key=key, tag_value="1")
        )
        assert (tag_assignment.tag_value, w.entity_tag_assignments.get(entity, of, key).tag_value) == ("1", "1")
        changed = EntityTagAssignment(entity_type=entity, entity_name=of, tag_key=key, tag_value="2")
        assert w.entity_tag_assignments.update(entity, of, key, changed, "tag_value").tag_value == "2"
        assert key in [t.tag_key for t in w.entity_tag_assignments.list(entity, of, max_results=1)]
        w.entity_tag_assignments.delete(entity, of, key)
        with pytest.raises(NotFound):
            w.entity_tag_assignments.get(entity, of, key)
    assert [t.tag_key for t in w.entity_tag_assignments.list("functions", name)] == ["team"]


@pytest.mark.parametrize("kind", ["FUNCTION", "REGISTERED_MODEL", "Model"])
def test_grants(server: Server, catalog: str, kind: str) -> None:
    w, name, user = server.sdk(), f"{catalog}.ml_team.iris", f"user@{catalog}"
    made_by_b(server, name)
    theirs = server.sdk(server.user(user)["DATABRICKS_TOKEN"])
    allow(server, user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    with pytest.raises(PermissionDenied):
        theirs.registered_models.get(name)
    changed = w.grants.update(kind, name, changes=[PermissionsChange(principal=user, add=[Privilege.EXECUTE])])
    assert [(a.principal, a.privileges) for a in changed.privilege_assignments or ()] == [(user, [Privilege.EXECUTE])]
    assert theirs.registered_models.get(name).full_name == name
    assert [v.version for v in theirs.model_versions.list(name)] == [1]
    effective = w.grants.get_effective(kind, name, principal=user).privilege_assignments or []
    assert [p.privilege for a in effective for p in a.privileges or ()] == [Privilege.EXECUTE]
    with pytest.raises(PermissionDenied):
        theirs.registered_models.update(name, comment="mine")
