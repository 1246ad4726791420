"""Deletions of principals that hold much: in steps of bounded size, each of which leaves nobody more than they had."""

from typing import Any

import pytest
from store.test_contract_member_steps import Measured, ProcessDied, crowd, members
from store.test_contract_memberships import many_users, numbers
from store.test_contract_races import closure, closure_anew
from world import World

from modelkeep.core.operations.identity import identities, principal_deletion, principals
from modelkeep.domain.errors import InvalidArgument, NotFound
from modelkeep.store import principals as rows

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

STEP = 4
HELD = (
    "grants",
    "inert_grants",
    "tokens",
    "experiment_permissions",
    "access_requests",
    "memberships",
    "experiment_creators",
    "external_identities",
    "alias_movers",
    "workspace_permissions",
)


class RowsOfSteps(Measured):
    """Counts the rows that each transaction removes, or gives another owner, of all that principals hold."""

    tables = (*HELD, "UPDATE securables SET owner_id")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(principal_deletion, "MEMBERS_PER_STEP", STEP)


async def rich(w: World, who: str = "rich") -> str:
    """A user with rows in every table that may hold many of one principal; its id."""
    await w.group("staff", who)
    for index in range(6):
        await w.model(f"c0.s0.m{index}", **{who: f"EXECUTE+APPLY_TAG@c0.s0.m{index}"})
        await w.group(f"team{index}", who)
    async with w.db.write() as tx:
        user = await rows.by_name(tx, who)
        assert user is not None
        for index in range(5):
            await tx.run(
                "INSERT INTO tokens (id, hash, principal_id, created_at, created_by) VALUES (:id, :id, :user, 0, '')",
                id=f"{who} token {index}",
                user=user.id,
            )
            await tx.run(
                "INSERT INTO experiment_permissions VALUES ('1', :experiment, :user, 'CAN_READ', 0, '')",
                experiment=str(index),
                user=user.id,
            )
            await tx.run(
                "INSERT INTO workspace_permissions VALUES ('1', :object, :user, 1, 0, '')", object=index, user=user.id
            )
            await tx.run(
                "INSERT INTO experiment_creators (workspace_id, name, principal_id, created_at) VALUES ('1', :name, :user, 0)",
                name=str(index),
                user=user.id,
            )
            await tx.run(
                "INSERT INTO external_identities VALUES (:id, 'https://idp.example', :id, :user, 0, '')",
                id=f"{who} {index}",
                user=user.id,
            )
    return user.id


async def rows_of(w: World, id: str) -> int:
    counts = [
        await w.rows(f"SELECT COUNT(*) FROM {table} WHERE {column} = :id", id=id)
        for table, column in (
            *((table, "principal_id") for table in HELD if table != "memberships"),
            ("memberships", "member_id"),
            ("memberships", "group_id"),
        )
    ]
    return sum(count for ((count,),) in counts)


def measured(w: World, monkeypatch: pytest.MonkeyPatch) -> RowsOfSteps:
    db = RowsOfSteps(w.db)
    monkeypatch.setattr(w.engine, "db", db)
    return db


@pytest.mark.parametrize("by", ["name", "number"])
async def test_a_user_with_many_rights_is_deleted_in_steps(w: World, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    id = await rich(w)
    (number,) = await numbers(w, "rich")
    before = await rows_of(w, id)
    assert before > 5 * STEP
    db = measured(w, monkeypatch)
    request = principals.DeletePrincipal("rich") if by == "name" else identities.DeleteIdentity("USER", number)
    await w.as_("admin").do(request)
    assert await rows_of(w, id) == 0
    assert max(db.changed) <= 2 * STEP  # privileges on one securable, and one name in several workspaces, go together
    assert sum(db.changed) >= before - STEP
    with pytest.raises(NotFound):
        await w.as_("admin").do(request)
    assert await closure(w) == await closure_anew(w)


async def test_a_group_with_many_members_is_deleted_in_steps(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await crowd(w)
    await w.group("outer")
    await w.as_("admin").do(principals.AddMember("outer", "crowd"))
    db = measured(w, monkeypatch)
    db.stop_after = 2
    with pytest.raises(ProcessDied):
        await w.as_("admin").do(principals.DeletePrincipal("crowd"))
    assert len(await members(w)) == 15 - 2 * STEP
    assert await closure(w) == await closure_anew(w)
    db.stop_after = 10**9
    await w.as_("admin").do(principals.DeletePrincipal("crowd"))
    assert max(db.changed) <= STEP and not await members(w)
    assert await closure(w) == await closure_anew(w)


async def test_a_deletion_that_dies_half_way_leaves_a_deactivated_user(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await rich(w)
    before = await rows_of(w, id)
    db = measured(w, monkeypatch)
    for stop in (1, 3):
        db.stop_after = len(db.changed) + stop
        with pytest.raises(ProcessDied):
            await w.as_("admin").do(principals.DeletePrincipal("rich"))
        assert await w.rows("SELECT active FROM principals WHERE name = 'rich'") == [(0,)]
        assert 0 < await rows_of(w, id) < before
    db.stop_after = 10**9
    await w.as_("admin").do(principals.DeletePrincipal("rich"))
    assert await w.rows("SELECT 1 FROM principals WHERE name = 'rich'") == []


async def test_what_is_deleted_and_waits_for_its_job_gets_another_owner_in_steps(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await w.catalog("c1")
    for index in range(9):
        await w.model(f"c1.s1.m{index}", owner="rich")
    async with w.db.write() as tx:
        await tx.run("UPDATE securables SET kind = 'DELETED' WHERE name = 'c1'")
    db = measured(w, monkeypatch)
    await w.as_("admin").do(principals.DeletePrincipal("rich"))
    assert max(db.changed) <= STEP and sum(db.changed) == 9


@pytest.mark.parametrize("why", ["owner", "oneself", "built in", "the last admin"])
async def test_a_deletion_that_is_refused_takes_nothing_away(
    w: World, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, who = await rich(w), "rich"
    admin = "admin"
    if why == "owner":
        await w.model("c0.s0.owned", owner="rich")
    elif why == "oneself":
        await w.as_("admin").do(principals.AddMember("admins", "rich"))
        admin = "rich"
    elif why == "built in":
        who = "admins"
    else:
        await many_users(w, "u", 9)
        await w.group("rulers", *(f"u{i}" for i in range(9)))
        await w.as_("admin").do(principals.AddMember("admins", "rulers"))
        await w.as_("admin").do(principals.RemoveMember("admins", "admin"))
        who, admin = "rulers", "u0"
    await w.actor(admin)
    before: Any = await rows_of(w, id), await members(w, who)
    db = measured(w, monkeypatch)
    with pytest.raises(InvalidArgument):
        await w.as_(admin).do(principals.DeletePrincipal(who))
    assert (await rows_of(w, id), await members(w, who)) == before and not db.changed
    assert await w.rows("SELECT active FROM principals WHERE name = 'rich'") == [(1,)]
