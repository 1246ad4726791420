"""Large changes of a group's members: in steps of bounded size, which end in the state that the request asks for."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from store.test_contract_memberships import group_of, many_users, numbers
from store.test_contract_races import closure, closure_anew
from world import CountingTx, World

from modelkeep.core import engine
from modelkeep.core.operations.identity import group_members, identities, identity_steps, principals
from modelkeep.core.steps import Overtaken
from modelkeep.domain.errors import AlreadyExists, InvalidArgument, RegistryError
from modelkeep.domain.scim.patch import changes_of
from modelkeep.domain.scim.resources import DesiredPrincipal
from modelkeep.domain.scim.schema import GROUP
from modelkeep.store import memberships
from modelkeep.store import principals as rows

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

STEP, CROWD = 4, 15


class Measured:
    """A database that counts the rows of some tables that each of its write transactions changes."""

    tables = ("memberships",)

    def __init__(self, db: Any) -> None:
        self._db = db
        self.dialect = db.dialect
        self.changed: list[int] = []
        self.stop_after = 10**9
        """Transactions that change memberships until the process dies"""

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._db, attribute)

    @asynccontextmanager
    async def write(self, principal: str = "") -> AsyncIterator[Any]:
        if len(self.changed) >= self.stop_after:
            raise ProcessDied
        measured = _MeasuredTx(self.tables)
        async with self._db.write(principal) as tx:
            measured.wrap(tx)
            yield measured
        if measured.changed:
            self.changed.append(measured.changed)


class ProcessDied(BaseException):
    pass


class _MeasuredTx(CountingTx):
    changed = 0

    def __init__(self, tables: tuple[str, ...]) -> None:
        super().__init__(None, [])  # type: ignore[arg-type]
        self._tables = tables

    def wrap(self, tx: Any) -> None:
        self._tx = tx

    async def bulk(self, sql: str, /, **params: Any) -> int:
        count = await self._tx.bulk(sql, **params)
        head = sql.partition("WHERE")[0]
        self.changed += max(count, 0) if any(re.search(rf"\b{table}\b", head) for table in self._tables) else 0
        return count


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (identities, identity_steps, group_members):
        monkeypatch.setattr(module, "MEMBERS_PER_STEP", STEP)


async def crowd(w: World, name: str = "crowd", prefix: str = "u", size: int = CROWD) -> tuple[str, list[str]]:
    """A group of so many users: its number, and theirs."""
    await w.group(name)
    ids = await many_users(w, prefix, size)
    async with w.db.write() as tx:
        group = await rows.by_name(tx, name)
        assert group is not None
        await memberships.add(tx, group, ids)
    (number,) = await numbers(w, name)
    return number, await numbers(w, *(f"{prefix}{i}" for i in range(size)))


async def members(w: World, group: str = "crowd") -> set[str]:
    result = await w.rows(
        "SELECT p.number FROM memberships m JOIN principals p ON p.id = m.member_id "
        "JOIN principals g ON g.id = m.group_id WHERE g.name = :group",
        group=group,
    )
    return {str(row[0]) for row in result}


def measured(w: World, monkeypatch: pytest.MonkeyPatch) -> Measured:
    db = Measured(w.db)
    monkeypatch.setattr(w.engine, "db", db)
    return db


def patch(number: str, *operations: dict[str, Any]) -> identities.PatchIdentity:
    return identities.PatchIdentity("GROUP", number, changes_of(GROUP, list(operations)))


def values(listed: Sequence[str]) -> list[dict[str, str]]:
    return [{"value": item} for item in listed]


REQUESTS = [
    "replaced",
    "emptied",
    "patched: add",
    "patched: remove",
    "patched: replace",
    "patched: cleared",
    "patched: by name",
    "patched: with a new name",
]


def request_of(kind: str, number: str, old: list[str], new: list[str]) -> tuple[msgspec.Struct, set[str]]:
    """A change of a group with the members `old`, and the members that it has afterwards."""
    mixed = {"displayName": "crowd of old", "members": values(new)}
    match kind:
        case "replaced":
            return group_of("crowd", [*old[:3], *new], number), {*old[:3], *new}
        case "emptied":
            return group_of("crowd", [], number), set()
        case "patched: add":
            return patch(number, {"op": "add", "path": "members", "value": values(new)}), {*old, *new}
        case "patched: remove":
            removed = old[2:]
            return patch(number, {"op": "remove", "path": "members", "value": values(removed)}), set(old[:2])
        case "patched: replace":
            return patch(number, {"op": "replace", "path": "members", "value": values(new)}), set(new)
        case "patched: cleared":
            return patch(number, {"op": "remove", "path": "members"}), set()
        case "patched: by name":
            return patch(number, {"op": "remove", "path": 'members[display sw "u1"]'}), {old[0], *old[2:10]}
        case _:
            return patch(number, {"op": "add", "value": mixed}), {*old, *new}


@pytest.mark.parametrize("kind", REQUESTS)
async def test_no_transaction_changes_more_members_than_a_step(
    w: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, old = await crowd(w)
    await many_users(w, "n", 9)
    new = await numbers(w, *(f"n{i}" for i in range(9)))
    db = measured(w, monkeypatch)
    request, after = request_of(kind, number, old, new)
    answer: Any = await w.as_("admin").do(request)
    name = "crowd of old" if "new name" in kind else "crowd"
    assert {str(member.number) for member in answer.members} == after == await members(w, name)
    assert answer.principal.name == name
    assert max(db.changed) <= STEP and sum(db.changed) == len(set(old) ^ after)
    assert await closure(w) == await closure_anew(w)


async def test_a_new_group_gets_many_members_in_steps(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await many_users(w, "n", 11)
    new = await numbers(w, *(f"n{i}" for i in range(11)))
    db = measured(w, monkeypatch)
    admin = w.as_("admin")
    for listed, refusal in (([*new, "17"], "Nobody has the id '17'"), ([*new, "x"], "Nobody has the id 'x'")):
        with pytest.raises(RegistryError, match=refusal):
            await admin.do(
                identities.CreateIdentity("GROUP", DesiredPrincipal("large", "large", members=tuple(listed)))
            )
    answer = await admin.do(identities.CreateIdentity("GROUP", DesiredPrincipal("large", "large", members=tuple(new))))
    assert {str(member.number) for member in answer.members} == set(new) == await members(w, "large")
    assert max(db.changed) <= STEP


@pytest.mark.parametrize("kind", REQUESTS)
async def test_a_request_that_dies_half_way_is_safe_and_can_be_sent_again(
    w: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each of its steps: nobody has joined before all who leave have left, and sent again it ends as it should."""
    number, old = await crowd(w)
    await many_users(w, "n", 9)
    new = await numbers(w, *(f"n{i}" for i in range(9)))
    request, after = request_of(kind, number, old, new)
    db = measured(w, monkeypatch)
    for stop in (1, 2, 3):
        db.stop_after = len(db.changed) + stop
        if stop == 1 or await members(w) != after:
            try:
                await w.as_("admin").do(request)
            except ProcessDied:
                between = await members(w, "crowd of old" if "new name" in kind else "crowd")
                assert not between - set(old) or not (set(old) - after) & between, "joined before others had left"
                assert await closure(w) == await closure_anew(w)
    db.stop_after = 10**9
    answer: Any = await w.as_("admin").do(request)
    assert {str(member.number) for member in answer.members} == after


async def test_each_step_is_in_the_audit_log(w: World) -> None:
    number, old = await crowd(w)
    await w.as_("admin").do(group_of("crowd", old[:2], number))
    records = await w.rows("SELECT operation, changes FROM audit WHERE event = 'principal.update' ORDER BY at, id")
    assert [row[0] for row in records] == ["replace_identity", *["change_members"] * 4]
    removed = [name for row in records for name in json.loads(row[1]).get("members_removed", [[], []])[1]]
    assert sorted(removed) == sorted(f"u{i}" for i in range(2, CROWD))


@pytest.mark.parametrize("refused", ["unknown member", "everyone", "itself", "name taken", "bad attribute"])
async def test_what_is_refused_changes_nothing(w: World, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    number, old = await crowd(w)
    (everyone,) = await numbers(w, "account users")
    db = measured(w, monkeypatch)
    request: msgspec.Struct
    match refused:
        case "unknown member":
            request = group_of("crowd", ["3", *old[7:]], number)
        case "everyone":
            request = patch(number, {"op": "replace", "path": "members", "value": values([everyone, *old[7:]])})
        case "itself":
            request = group_of("crowd", [*old[:12], number], number)
        case "name taken":
            request = group_of("admin", old[10:], number)
        case _:
            request = patch(number, {"op": "replace", "value": {"externalId": 5, "members": values(old[9:])}})
    with pytest.raises((InvalidArgument, AlreadyExists, RegistryError)):
        await w.as_("admin").do(request)
    assert await members(w) == set(old) and not db.changed
    assert await closure(w) == await closure_anew(w)


async def test_a_group_of_account_admins_always_has_one(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its members are replaced: those who join come first."""
    number, _ = await crowd(w, "rulers")
    async with w.db.write() as tx:
        await tx.run("UPDATE principals SET account_admin = 1 WHERE name = 'rulers'")
        await tx.run("DELETE FROM memberships WHERE group_id = (SELECT id FROM principals WHERE name = 'admins')")
        await tx.run(
            "INSERT INTO memberships SELECT (SELECT id FROM principals WHERE name = 'rulers'), id FROM principals "
            "WHERE name = 'admin'"
        )
    await many_users(w, "n", 9)
    new = await numbers(w, *(f"n{i}" for i in range(9)), "admin")
    answer: Any = await w.as_("admin").do(group_of("rulers", new, number))
    assert {str(member.number) for member in answer.members} == set(new)
    with pytest.raises(InvalidArgument, match="Nobody would be an account admin"):
        await w.as_("admin").do(group_of("rulers", [], number))
    assert await members(w, "rulers")


async def test_replacements_at_once_end_as_one_of_them(w: World) -> None:
    """With additions and removals of single members between their steps; every answer that says 200 was true at its time."""
    number, old = await crowd(w)
    await many_users(w, "a", 9)
    await many_users(w, "b", 9)
    left, right = await numbers(w, *(f"a{i}" for i in range(9))), await numbers(w, *(f"b{i}" for i in range(9)))
    admin = w.as_("admin")
    await w.actor("admin")
    results = await asyncio.gather(
        admin.do(group_of("crowd", left, number)),
        admin.do(patch(number, {"op": "replace", "path": "members", "value": values(right)})),
        admin.do(principals.RemoveMember("crowd", "u3")),
        return_exceptions=True,
    )
    assert all(not isinstance(result, BaseException) for result in results), results
    assert await members(w) in (set(left), set(right))
    results = await asyncio.gather(
        admin.do(group_of("crowd", old, number)),
        admin.do(principals.AddMember("crowd", "a1")),
        admin.do(patch(number, {"op": "add", "path": "members", "value": values(right)})),
    )
    assert set(old) | set(right) >= await members(w) - {left[1]} and await members(w) >= set(old)
    assert await closure(w) == await closure_anew(w)


async def test_what_others_changed_meanwhile_is_repaired_or_refused(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step that ends an exact change looks at all members, and begins again where that are too many."""
    number, old = await crowd(w)
    await many_users(w, "n", 9)
    new = await numbers(w, *(f"n{i}" for i in range(9)))
    plain, interruptions = group_members.change_members, [0]

    async def interrupted(ctx: Any, req: group_members.ChangeMembers) -> None:
        if req.members.exact is not None and interruptions[0]:
            interruptions[0] -= 1
            everybody = await w.rows("SELECT id FROM principals WHERE name LIKE 'u%'")
            group = (await rows.by_name(ctx.tx, "crowd")) or pytest.fail()
            await memberships.add(ctx.tx, group, [row[0] for row in everybody])
            if len(everybody) > STEP:
                raise Overtaken("others")
        await plain(ctx, req)

    row = engine.BY_REQUEST[group_members.ChangeMembers]
    monkeypatch.setitem(engine.BY_REQUEST, group_members.ChangeMembers, msgspec.structs.replace(row, run=interrupted))
    for interruptions[0] in (1, 2):
        answer: Any = await w.as_("admin").do(group_of("crowd", new, number))
        assert {str(member.number) for member in answer.members} == set(new) == await members(w)
        await w.as_("admin").do(group_of("crowd", old, number))
    interruptions[0] = 3
    with pytest.raises(Overtaken):
        await w.as_("admin").do(group_of("crowd", new, number))
