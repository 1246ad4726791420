"""`/api/2.0/permissions/{directories,files,notebooks}/{id}`: what databricks-sdk and terraform-provider-databricks send."""

import uuid
from collections.abc import Iterator
from typing import Any, cast

import pytest
from api.serving import V1, Site, refused, running_site
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.service.iam import AccessControlRequest, PermissionLevel
from databricks.sdk.service.workspace import (
    WorkspaceObjectAccessControlRequest,
    WorkspaceObjectPermissionLevel,
)

ACCESS = "/api/2.0/permissions"
API = "/api/2.0/workspace"
IMPORT = "/api/2.0/workspace-files/import-file"
ME = "admin"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server of its own: what is set on Shared holds for everyone."""
    with running_site(tmp_path_factory.mktemp("permissions")) as running:
        yield running


class Objects:
    """A directory below Shared with a file in it, and what the provider does with them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.path = f"/Shared/{uuid.uuid4().hex[:8]}"
        self.file = f"{self.path}/a.py"
        site.ok("POST", f"{API}/mkdirs", {"path": self.path})
        assert site.call("POST", f"{IMPORT}{self.file}", content=b"print()").status_code == 200

    def id(self, path: str) -> int:
        return self.site.ok("GET", f"{API}/get-status", {"path": path})["object_id"]

    def apply(self, type: str, id: int, *entries: dict[str, str]) -> None:
        self.site.ok("PUT", f"{ACCESS}/{type}/{id}", {"access_control_list": list(entries)})

    def read(self, type: str, id: int) -> list[tuple[str, str]]:
        """As the provider does: without admins, itself, and what is inherited."""
        answer = self.site.ok("GET", f"{ACCESS}/{type}/{id}")
        assert answer["object_id"] == f"/{type}/{id}"
        assert answer["object_type"] == {"directories": "directory", "files": "file", "notebooks": "notebook"}[type]
        entries: list[tuple[str, str]] = []
        for entry in answer["access_control_list"]:
            name = entry.get("user_name") or entry.get("group_name") or entry["service_principal_name"]
            direct = [level["permission_level"] for level in entry["all_permissions"] if not level["inherited"]]
            assert all(level["inherited_from_object"] for level in entry["all_permissions"] if level["inherited"])
            entries += [(name, level) for level in direct if name not in ("admins", ME)]
        return sorted(entries)


@pytest.fixture
def objects(site: Site) -> Objects:
    return Objects(site)


@pytest.mark.parametrize("type", ["directories", "files", "notebooks"])
def test_terraform_applies_plans_changes_and_destroys(site: Site, objects: Objects, type: str) -> None:
    """The provider finds the object by its path, sets the whole list, compares what it reads, and on destroy sets none."""
    id = objects.id(objects.path if type == "directories" else objects.file)
    name, _ = site.user(f"Tf.{uuid.uuid4().hex[:8]}@x.io")
    group = site.ok("POST", f"{V1}/groups", {"name": f"g{uuid.uuid4().hex[:8]}"})["name"]
    robot = site.ok("POST", f"{V1}/service-principals", {"name": f"r{uuid.uuid4().hex[:8]}"})["name"]
    applied = [
        {"user_name": name, "permission_level": "CAN_READ"},
        {"group_name": group, "permission_level": "CAN_RUN"},
        {"service_principal_name": robot, "permission_level": "CAN_EDIT"},
        {"group_name": "users", "permission_level": "CAN_READ"},
    ]
    for _ in range(2):
        objects.apply(type, id, *applied)
        expected = [(name, "CAN_READ"), (group, "CAN_RUN"), (robot, "CAN_EDIT"), ("users", "CAN_READ")]
        assert objects.read(type, id) == sorted(expected)
    objects.apply(type, id, {**applied[0], "permission_level": "CAN_MANAGE"})
    assert objects.read(type, id) == [(name, "CAN_MANAGE")]
    objects.apply(type, id)
    assert objects.read(type, id) == []


def test_the_root_and_shared_as_the_provider_sets_them(site: Site, objects: Objects) -> None:
    """It names the root by 0, and adds the admins there."""
    assert objects.id("/") == 0
    admins = {"group_name": "admins", "permission_level": "CAN_MANAGE"}
    name, token = site.user()
    objects.apply("directories", 0, admins, {"user_name": name, "permission_level": "CAN_READ"})
    assert objects.read("directories", 0) == [(name, "CAN_READ")]
    assert site.call("GET", f"{API}/get-status", {"path": "/Users"}, token=token).status_code == 200
    objects.apply("directories", 0, admins)
    shared = objects.id("/Shared")
    assert objects.read("directories", shared) == [("users", "CAN_MANAGE")]
    refused(site.call("PUT", f"{ACCESS}/directories/{shared}", {}, token=token), 403, "PERMISSION_DENIED")
    for levels, status in (([], 403), ([("users", "CAN_EDIT")], 403), ([("users", "CAN_MANAGE")], 200)):
        objects.apply("directories", shared, *({"group_name": g, "permission_level": p} for g, p in levels))
        assert objects.read("directories", shared) == levels
        assert site.call("POST", f"{IMPORT}{objects.path}/new.txt", token=token, content=b"x").status_code == status


def test_the_sdk_shares_a_home(site: Site) -> None:
    name, token = site.user()
    other, other_token = site.user()
    mine, theirs = cast(
        "list[Any]", [WorkspaceClient(host=site.host, token=secret, auth_type="pat") for secret in (token, other_token)]
    )
    path = f"/Users/{name}/proj"
    mine.workspace.mkdirs(path)
    id = str(mine.workspace.get_status(path).object_id)
    with pytest.raises(NotFound):
        theirs.workspace.get_permissions("directories", id)
    words: Any = mine.workspace.get_permission_levels("directories", id).permission_levels
    assert [level.permission_level.value for level in words] == ["CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"]
    grant = WorkspaceObjectAccessControlRequest(
        user_name=other, permission_level=WorkspaceObjectPermissionLevel.CAN_READ
    )
    mine.workspace.update_permissions("directories", id, access_control_list=[grant])
    assert theirs.workspace.get_status(path).object_id == int(id)
    with pytest.raises(PermissionDenied):
        theirs.permissions.get("directories", id)
    with pytest.raises(PermissionDenied):
        theirs.workspace.delete(path)
    entries = [AccessControlRequest(user_name=other, permission_level=PermissionLevel.CAN_MANAGE)]
    listed: Any = mine.permissions.set("directories", id, access_control_list=entries)
    levels = {entry.user_name or entry.group_name: entry.all_permissions for entry in listed.access_control_list}
    assert levels[other][0].permission_level is PermissionLevel.CAN_MANAGE and not levels[other][0].inherited
    home = mine.workspace.get_status(f"/Users/{name}").object_id
    assert levels[name][0].inherited_from_object == [f"/directories/{home}"]
    assert theirs.permissions.get("directories", id).as_dict() == listed.as_dict()
    theirs.workspace.delete(path)


@pytest.mark.parametrize(
    ("entries", "status"),
    [
        ([{"user_name": "nobody@x.io", "permission_level": "CAN_READ"}], 404),
        ([{"user_name": ME, "group_name": "admins", "permission_level": "CAN_READ"}], 400),
        ([{"permission_level": "CAN_READ"}], 400),
        ([{"group_name": "users", "permission_level": "CAN_VIEW"}], 400),
        ([{"group_name": "users", "permission_level": "NONE"}], 400),
        ([{"group_name": "users"}], 400),
        ([{"group_name": ME, "permission_level": "CAN_READ"}], 404),
        ([{"user_name": ME, "permission_level": "CAN_READ"}] * 2, 400),
        ([{"group_name": "users", "permission_level": "CAN_READ"}] * 300, 400),
    ],
    ids=["missing", "two names", "no name", "view", "none", "no level", "kind", "twice", "many"],
)
def test_lists_that_are_refused_change_nothing(objects: Objects, entries: list[Any], status: int) -> None:
    site, id = objects.site, objects.id(objects.path)
    objects.apply("directories", id, {"group_name": "users", "permission_level": "CAN_RUN"})
    for method in ("PUT", "PATCH"):
        answer = site.call(method, f"{ACCESS}/directories/{id}", {"access_control_list": entries})
        assert answer.status_code == status, answer.text
    assert objects.read("directories", id) == [("users", "CAN_RUN")]


@pytest.mark.parametrize("id", ["x", "-1", "1e3", "٣", "9" * 400, "0x0", "00000000000000000000", "9007199254740993"])
@pytest.mark.parametrize("type", ["directories", "files", "notebooks"])
def test_ids_that_name_nothing(site: Site, type: str, id: str) -> None:
    for method, path in (("GET", ""), ("PUT", ""), ("PATCH", ""), ("GET", "/permissionLevels")):
        answer = site.call(method, f"{ACCESS}/{type}/{id}{path}", {})
        refused(answer, 404, "RESOURCE_DOES_NOT_EXIST")
