"""The whole model API of databricks-sdk, in the words that 0.30 and the newest share.  Arguments: a catalog, a model with two versions."""

import sys

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound
from databricks.sdk.service.catalog import PermissionsChange, Privilege, SecurableType
from refusal import refused

catalog, versioned = sys.argv[1:]
w = WorkspaceClient()
NAME = f"{catalog}.ml_team.by_sdk"

# The containers.
metastore = w.metastores.summary()
assert w.metastores.current().metastore_id == metastore.metastore_id
assert catalog in [c.name for c in w.catalogs.list()]
assert w.catalogs.update(catalog, comment="by the SDK").comment == "by the SDK"
w.schemas.create("scratch", catalog, comment="soon gone")
assert [s.name for s in w.schemas.list(catalog) if s.name == "scratch"] == ["scratch"]
assert w.schemas.update(f"{catalog}.scratch", comment="changed").comment == "changed"
w.schemas.delete(f"{catalog}.scratch")
refused(NotFound, w.schemas.get, f"{catalog}.scratch")

# Registered models.
registered_model = w.registered_models.create(
    catalog_name=catalog, schema_name="ml_team", name="by_sdk", comment="first"
)
assert (registered_model.full_name, registered_model.comment, registered_model.metastore_id) == (
    NAME,
    "first",
    metastore.metastore_id,
)
assert w.registered_models.get(NAME).owner == registered_model.owner
assert w.registered_models.update(NAME, comment="second").comment == "second"
names = [m.full_name for m in w.registered_models.list(catalog_name=catalog, schema_name="ml_team", max_results=1)]
assert sorted(names) == sorted([NAME, versioned]), names
assert "specify all three levels" in refused(BadRequest, w.registered_models.get, "by_sdk")
w.registered_models.update(NAME, new_name="renamed")
refused(NotFound, w.registered_models.get, NAME)
w.registered_models.delete(f"{catalog}.ml_team.renamed")
refused(NotFound, w.registered_models.delete, f"{catalog}.ml_team.renamed")

# Versions and aliases.
assert sorted(v.version for v in w.model_versions.list(versioned, max_results=1)) == [1, 2]
assert w.registered_models.set_alias(versioned, "Champion", 2).alias_name == "Champion"
assert w.model_versions.get_by_alias(versioned, "Champion").version == 2
w.registered_models.delete_alias(versioned, "Champion")
refused(NotFound, w.model_versions.get_by_alias, versioned, "Champion")
assert w.model_versions.update(versioned, 1, comment="told").comment == "told"
assert w.model_versions.get(versioned, 1).comment == "told"
w.model_versions.delete(versioned, 2)
assert [v.version for v in w.model_versions.list(versioned)] == [1]

# Grants. Old versions want the enumeration's member, new ones its value.
kind = SecurableType.FUNCTION
try:
    w.grants.get(kind, versioned)
except (BadRequest, NotFound):
    kind = kind.value
change = PermissionsChange(principal="account users", add=[Privilege.EXECUTE])
w.grants.update(kind, versioned, changes=[change])
content = w.grants.get(kind, versioned).privilege_assignments or []
assert [(a.principal, a.privileges) for a in content] == [("account users", [Privilege.EXECUTE])], content
w.grants.update(kind, versioned, changes=[PermissionsChange(principal="account users", remove=[Privilege.EXECUTE])])
assert not w.grants.get(kind, versioned).privilege_assignments
effective = w.grants.get_effective(kind, versioned, principal="account users").privilege_assignments or []
assert not any(a.privileges for a in effective), effective
assert w.current_user.me().user_name == registered_model.owner
