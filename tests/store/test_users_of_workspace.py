"""The workspace's own group `users`: those who are assigned to the workspace, by themselves or through groups, on both databases."""

import pytest
from world import World

from modelkeep.core.operations.catalog import workspaces
from modelkeep.core.operations.identity import principals
from modelkeep.store import experiments
from modelkeep.store.experiments import Level
from modelkeep.store.principals import WORKSPACE_USERS

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio


async def levels(w: World, name: str, workspace: str) -> tuple[dict[str, Level], list[str]]:
    """Of a principal: the levels on experiments 1 and 2, and the experiments that it sees."""
    ((id,),) = await w.rows(f"SELECT id FROM principals WHERE name = '{name}'")
    async with w.db.read() as tx:
        return (
            await experiments.levels_of(tx, workspace, ["1", "2"], id),
            sorted(await experiments.visible(tx, workspace, id)),
        )


async def test_users_are_who_is_assigned(w: World) -> None:
    admin = w.as_("admin")
    for name in ("ann", "bob", "eve"):
        await w.user(name)
    await w.group("team", "bob")
    workspace = await admin.do(workspaces.CreateWorkspace("dev", "dev.example.com"))
    for assigned in ("ann", "team"):
        await admin.do(workspaces.Assign("dev", assigned))
    async with w.db.write() as tx:
        await experiments.permit(
            tx, experiments.ExperimentLevel(workspace.id, "1", WORKSPACE_USERS, Level.EDIT), by="t", at=1
        )
        await experiments.permit(
            tx, experiments.ExperimentLevel(workspace.id, "1", WORKSPACE_USERS, Level.READ), by="t", at=2
        )
        await experiments.permit(
            tx, experiments.ExperimentLevel("elsewhere", "2", WORKSPACE_USERS, Level.READ), by="t", at=1
        )
    for name, expected in (("ann", {"1": Level.READ}), ("bob", {"1": Level.READ}), ("eve", {})):
        assert await levels(w, name, workspace.id) == (expected, list(expected))
    ((ann,),) = await w.rows("SELECT id FROM principals WHERE name = 'ann'")
    async with w.db.write() as tx:
        await experiments.permit(tx, experiments.ExperimentLevel(workspace.id, "1", ann, Level.MANAGE), by="t", at=1)
    assert await levels(w, "ann", workspace.id) == ({"1": Level.MANAGE}, ["1"])
    await admin.do(principals.RemoveMember("team", "bob"))
    assert await levels(w, "bob", workspace.id) == ({}, [])
    await admin.do(workspaces.Assign("dev", "account users"))
    assert await levels(w, "eve", workspace.id) == ({"1": Level.READ}, ["1"])
    async with w.db.write() as tx:
        await experiments.forbid(tx, workspace.id, "1", WORKSPACE_USERS)
        await experiments.forbid(tx, workspace.id, "1", WORKSPACE_USERS)
    assert await levels(w, "eve", workspace.id) == ({}, [])
