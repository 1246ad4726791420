"""Two workspaces over one metastore, as their people use them. Arguments: the addresses of the default one and of dev."""

import os
import sys

import mlflow
from databricks.sdk import AccountClient, WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied, ResourceAlreadyExists
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import iam, ml
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from refusal import refused
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

prod_host, dev_host = sys.argv[1:]
admin_token = os.environ["DATABRICKS_TOKEN"]


def at(host, token=admin_token):
    return WorkspaceClient(host=host, token=token, auth_type="pat")


# the account: its workspaces, and who may enter dev
w, dev = at(prod_host), at(dev_host)
a = AccountClient(host=prod_host, token=admin_token, account_id=w.config.account_id, auth_type="pat")
listed = {item.workspace_name: item for item in a.workspaces.list()}
assert (w.get_workspace_id(), dev.get_workspace_id()) == (1, listed["dev"].workspace_id) and dev.get_workspace_id() > 1
assert a.workspaces.get(listed["dev"].workspace_id).deployment_name == dev_host.partition("://")[2]
result = a.workspaces.create(workspace_name="brief", deployment_name="brief.example.com").result()
assert result.workspace_status.value == "RUNNING"
a.workspaces.delete(result.workspace_id)
refused(NotFound, a.workspaces.get, result.workspace_id)

dev_id = listed["dev"].workspace_id
ada, bob = (w.users.create(user_name=name) for name in ("ada@x.io", "bob@x.io"))
robot = w.service_principals.create(display_name="robot")
team = w.groups.create(
    display_name="scientists", members=[iam.ComplexValue(value=ada.id), iam.ComplexValue(value=robot.id)]
)
robot_token = w.token_management.create_obo_token(application_id=robot.application_id).token_value
tokens = {
    user: w.api_client.do("POST", "/api/modelkeep/v1/tokens", body={"principal": user})["token_value"]
    for user in ("ada@x.io", "bob@x.io")
}
ada_dev, ada_prod = at(dev_host, tokens["ada@x.io"]), at(prod_host, tokens["ada@x.io"])
assert "not assigned" in refused(PermissionDenied, ada_dev.current_user.me)
value = a.workspace_assignment.update(dev_id, int(team.id), permissions=[iam.WorkspacePermission.USER])
assert value.principal.group_name == "scientists" and value.permissions == [iam.WorkspacePermission.USER]
assert ada_dev.current_user.me().user_name == "ada@x.io"
assert [p.permission_level.value for p in a.workspace_assignment.get(dev_id).permissions] == ["USER", "ADMIN"]
a.workspace_assignment.update(dev_id, int(bob.id), permissions=[iam.WorkspacePermission.ADMIN])
assigned = {p.principal.display_name: p.permissions[0].value for p in a.workspace_assignment.list(dev_id)}
assert assigned == {"scientists": "USER", "bob@x.io": "ADMIN"}, assigned

# prod holds the baseline, dev works beside it
X, y = load_iris(return_X_y=True, as_frame=True)
model = LogisticRegression(max_iter=500).fit(X, y)
signature = infer_signature(X, y)
mlflow.set_tracking_uri("databricks")
mlflow.set_registry_uri("databricks-uc")


def enter(host, token):
    os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"] = host, token


for name in ("prod", "dev"):
    w.catalogs.create(name)
    w.schemas.create("ml_team", name)
enter(prod_host, admin_token)
in_prod = mlflow.set_experiment("/Users/admin/churn").experiment_id
with mlflow.start_run():
    mlflow.sklearn.log_model(model, name="model", signature=signature, registered_model_name="prod.ml_team.iris")
MlflowClient().set_registered_model_alias("prod.ml_team.iris", "Champion", "1")
for catalog, privileges in (("prod", ("USE_CATALOG", "USE_SCHEMA", "EXECUTE")), ("dev", ("ALL_PRIVILEGES",))):
    change = uc.PermissionsChange(principal="scientists", add=[uc.Privilege(p) for p in privileges])
    w.grants.update("catalog", catalog, changes=[change])

enter(dev_host, tokens["ada@x.io"])
baseline = mlflow.pyfunc.load_model("models:/prod.ml_team.iris@Champion")
mine = mlflow.set_experiment("/Users/ada@x.io/churn")
with mlflow.start_run() as run:
    mlflow.sklearn.log_model(model, name="model", signature=signature, registered_model_name="dev.ml_team.iris")
assert (baseline.predict(X) == mlflow.pyfunc.load_model("models:/dev.ml_team.iris/1").predict(X)).all()
version = MlflowClient().get_model_version("dev.ml_team.iris", "1")
assert version.run_id == run.info.run_id
model_version = dev.model_versions.get("dev.ml_team.iris", 1)
assert model_version.run_workspace_id == dev_id, model_version

# each has its own experiments: names and runs do not meet
assert mlflow.get_experiment_by_name("/Users/admin/churn") is None
enter(prod_host, tokens["ada@x.io"])
assert mlflow.get_experiment_by_name("/Users/ada@x.io/churn") is None
refused(MlflowException, MlflowClient().get_run, run.info.run_id)
assert mlflow.set_experiment("/Users/ada@x.io/churn").name == mine.name

# prod is bound read-only to dev, dev to dev alone
ws = w.workspace_bindings
assert w.catalogs.update("prod", isolation_mode=uc.CatalogIsolationMode.ISOLATED).isolation_mode.value == "ISOLATED"
assert ws.get("prod").workspaces == [1], "the workspace that isolates it stays bound"
enter(dev_host, tokens["ada@x.io"])
words = "Catalog 'prod' is not accessible in current workspace"
assert words in refused(MlflowException, mlflow.pyfunc.load_model, "models:/prod.ml_team.iris@Champion")
assert words in refused(PermissionDenied, ada_dev.catalogs.get, "prod")
assert words in refused(PermissionDenied, dev.registered_models.get, "prod.ml_team.iris"), "an admin, too"
assert "prod" not in [c.name for c in dev.catalogs.list()] and "prod" in [c.name for c in w.catalogs.list()]
read_only = uc.WorkspaceBindingBindingType.BINDING_TYPE_READ_ONLY
ws.update_bindings("catalog", "prod", add=[uc.WorkspaceBinding(dev_id, read_only)])
assert {b.workspace_id for b in ws.get_bindings("catalog", "prod")} == {1, dev_id}
assert (mlflow.pyfunc.load_model("models:/prod.ml_team.iris@Champion").predict(X) == baseline.predict(X)).all()
enter(dev_host, admin_token)
words = "Catalog 'prod' has been designated as read-only in current workspace"
copying = ("models:/dev.ml_team.iris/1", "prod.ml_team.iris")
assert words in refused(MlflowException, MlflowClient().copy_model_version, *copying)
assert words in refused(PermissionDenied, dev.registered_models.update, "prod.ml_team.iris", comment="x")
assert words in refused(PermissionDenied, dev.schemas.create, "x", "prod")
MlflowClient().copy_model_version("models:/prod.ml_team.iris/1", "dev.ml_team.baseline")
enter(prod_host, admin_token)
assert MlflowClient().copy_model_version(*copying).version == "2"
w.catalogs.update("dev", isolation_mode=uc.CatalogIsolationMode.ISOLATED)
ws.update("dev", assign_workspaces=[dev_id], unassign_workspaces=[1])
refused(PermissionDenied, w.catalogs.get, "dev")
assert dev.catalogs.get("dev").isolation_mode.value == "ISOLATED"
assert w.catalogs.update("dev", isolation_mode=uc.CatalogIsolationMode.OPEN).isolation_mode.value == "OPEN"

# who may do what with an experiment
id = mine.experiment_id
bob_dev, robot_dev = at(dev_host, tokens["bob@x.io"]), at(dev_host, robot_token)
Level, Entry = ml.ExperimentPermissionLevel, ml.ExperimentAccessControlRequest
levels = [level.permission_level for level in ada_dev.experiments.get_permission_levels(id).permission_levels]
assert levels == [Level.CAN_READ, Level.CAN_EDIT, Level.CAN_MANAGE]


def direct(permissions):
    return {
        e.user_name or e.group_name or e.service_principal_name: p.permission_level.value
        for e in permissions.access_control_list
        for p in e.all_permissions
        if not p.inherited
    }


get_permissions = ada_dev.experiments.get_permissions(id)
assert (get_permissions.object_id, get_permissions.object_type, direct(get_permissions)) == (
    f"/experiments/{id}",
    "mlflowExperiment",
    {"ada@x.io": "CAN_MANAGE"},
)
inherited = {
    e.user_name or e.group_name for e in get_permissions.access_control_list for p in e.all_permissions if p.inherited
}
assert inherited == {"admins", "bob@x.io"}, "the workspace's admins and the account's"
assert bob_dev.experiments.get_run(run.info.run_id).run.info.run_id, "an admin of dev manages its experiments"
refused(NotFound, robot_dev.experiments.get_experiment, id)
ada_dev.experiments.update_permissions(
    id, access_control_list=[Entry(service_principal_name=robot.application_id, permission_level=Level.CAN_READ)]
)
assert robot_dev.experiments.get_experiment(id).experiment.experiment_id == id
refused(PermissionDenied, robot_dev.experiments.set_experiment_tag, id, "k", "v")
refused(PermissionDenied, robot_dev.experiments.get_permissions, id)
edit = iam.AccessControlRequest(group_name="scientists", permission_level=iam.PermissionLevel.CAN_EDIT)
changed = ada_dev.permissions.update("experiments", id, access_control_list=[edit])
assert {e.group_name for e in changed.access_control_list} >= {"scientists", "admins"}
robot_dev.experiments.set_experiment_tag(id, "k", "v")
put = bob_dev.experiments.set_permissions(
    id, access_control_list=[Entry(user_name="bob@x.io", permission_level=Level.CAN_EDIT)]
)
assert direct(put) == {"bob@x.io": "CAN_EDIT"}
enter(dev_host, tokens["ada@x.io"])
assert mlflow.get_experiment_by_name("/Users/ada@x.io/churn") is None, "what was taken from its creator stays taken"
for api in (robot_dev, ada_dev):
    refused(NotFound, api.experiments.get_experiment, id)
    refused(NotFound, api.permissions.get, "experiments", id)
assert direct(bob_dev.experiments.set_permissions(id)) == {}
assert "does not exist" in refused(
    NotFound,
    bob_dev.experiments.update_permissions,
    id,
    access_control_list=[Entry(user_name="nobody@x.io", permission_level=Level.CAN_READ)],
)
for bad in (
    [Entry(permission_level=Level.CAN_READ)],
    [Entry(user_name="ada@x.io", group_name="x", permission_level=Level.CAN_READ)],
    [Entry(user_name="ada@x.io")],
):
    refused(BadRequest, bob_dev.experiments.update_permissions, id, access_control_list=bad)
refused(NotFound, bob_dev.permissions.get, "jobs", "1")
refused(NotFound, w.experiments.get_permissions, "987654")

# leaving: the very next request is refused
a.workspace_assignment.delete(dev_id, int(team.id))
assert "not assigned" in refused(PermissionDenied, ada_dev.current_user.me)
assert ada_prod.current_user.me().user_name == "ada@x.io"
refused(
    ResourceAlreadyExists, lambda: a.workspaces.create(workspace_name="DEV", deployment_name="x.example.com").result()
)
print("done")
