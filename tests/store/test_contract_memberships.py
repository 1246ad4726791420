"""Memberships and grants in bulk: the closure stays true, and the number of statements does not follow the number of members."""

import random
import re
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from store.test_contract_races import closure, closure_anew
from world import Counting, CountingTx, World, engine_on, name

from modelkeep import limits
from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.governance import grants
from modelkeep.core.operations.identity import identities, principals
from modelkeep.domain import suggestions
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound, RegistryError
from modelkeep.domain.scim.patch import changes_of
from modelkeep.domain.scim.resources import read_wanted
from modelkeep.domain.scim.schema import GROUP, TYPES
from modelkeep.store import explain, memberships
from modelkeep.store import principals as rows
from modelkeep.store.db import now_ms

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio


async def numbers(w: World, *names: str) -> list[str]:
    listed = dict(await w.rows("SELECT name, number FROM principals"))  # type: ignore[arg-type]
    return [str(listed[name]) for name in names]


def group_of(name: str, members: list[str], id: str) -> identities.ReplaceIdentity:
    body = {"schemas": [TYPES["GROUP"].urn], "displayName": name, "members": [{"value": member} for member in members]}
    return identities.ReplaceIdentity("GROUP", id, read_wanted(TYPES["GROUP"], body))


async def many_users(w: World, prefix: str, count: int) -> list[str]:
    """The ids of so many new users."""
    async with w.db.write() as tx:
        return [(await rows.insert(tx, "USER", f"{prefix}{i}", "test", now_ms())).id for i in range(count)]


@pytest.mark.parametrize("seed", range(4))
async def test_any_changes_leave_the_closure_true(w: World, seed: int) -> None:
    chance = random.Random(seed)
    groups = [f"g{i}" for i in range(7)]
    for group in groups:
        await w.group(group)
    await many_users(w, "u", 8)
    everybody = [*groups, *(f"u{i}" for i in range(8))]
    ids = dict(zip(everybody, await numbers(w, *everybody), strict=True))
    admin = w.as_("admin")
    for _ in range(25):
        group, members = chance.choice(groups), chance.sample(everybody, chance.randrange(6))
        try:
            await admin.do(group_of(group, [ids[member] for member in members], ids[group]))
        except InvalidArgument as error:
            assert "cannot contain itself" in error.message
        assert await closure(w) == await closure_anew(w)
    for group in groups:
        await admin.do(principals.DeletePrincipal(group))
        assert await closure(w) == await closure_anew(w)


async def test_a_group_reached_in_two_ways_stays_while_one_is_left(w: World) -> None:
    await w.group("top")
    for middle in ("left", "right"):
        await w.group(middle, "ann", "bob")
        await w.as_("admin").do(principals.AddMember("top", middle))
    await w.as_("admin").do(principals.RemoveMember("left", "ann"))
    assert await closure(w) == await closure_anew(w)
    await w.as_("admin").do(principals.DeletePrincipal("right"))
    assert await closure(w) == await closure_anew(w)
    content = await w.rows(
        "SELECT p.name FROM acts_as m JOIN principals p ON p.id = m.member_id JOIN principals g ON g.id = m.group_id "
        "WHERE g.name = 'top' ORDER BY p.name"
    )
    assert content == [("bob",), ("left",), ("top",)]


async def test_statements_do_not_follow_the_members(w: World) -> None:
    """Out of a group, into one, by SCIM, and when the group is deleted: as many statements for 400 members as for 4."""
    counts: dict[int, list[int]] = {}
    actor = await w.actor("admin")
    for size in (4, 400):
        await w.group(f"inner{size}")
        await w.group(f"outer{size}")
        ids = await many_users(w, f"m{size}-", size)
        async with w.db.write() as tx:
            inner = await rows.by_name(tx, f"inner{size}")
            assert inner is not None
            await memberships.add(tx, inner, ids)
        (inner_id, outer_id), listed = (
            await numbers(w, f"inner{size}", f"outer{size}"),
            await numbers(w, *(f"m{size}-{i}" for i in range(size))),
        )
        every_second = changes_of(
            GROUP, [{"op": "remove", "path": "members", "value": [{"value": id} for id in listed[::2]]}]
        )
        requests: list[msgspec.Struct] = [
            principals.AddMember(f"outer{size}", f"inner{size}"),
            principals.RemoveMember(f"outer{size}", f"inner{size}"),
            group_of(f"outer{size}", listed, outer_id),
            group_of(f"outer{size}", [], outer_id),
            identities.PatchIdentity("GROUP", inner_id, every_second),
            principals.DeletePrincipal(f"inner{size}"),
        ]
        counts[size] = []
        for request in requests:
            counted = Counting(w.db)
            await engine_on(w, counted).execute(actor, request)
            counts[size].append(len(counted.sent))
        assert await closure(w) == await closure_anew(w)
    assert counts[4] == counts[400]
    assert max(counts[400]) < 40


def test_only_few_modules_read_the_closure_itself() -> None:
    """It has no rows that lead from users to their groups: all others use `acts_as`."""
    sources = Path(memberships.__file__).parents[1].rglob("*.py")
    readers = {path.name for path in sources if re.search(r"(FROM|JOIN) membership_closure", path.read_text())}
    assert readers == {"acts_as.py", "identities.py", "memberships.py", "principals.py"}


async def test_a_group_of_many_is_one_row_to_the_groups_around_it(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many members a group has, when it joins or leaves another, or when that one joins a third."""
    written: list[int] = []
    for method in ("run", "bulk"):
        plain = getattr(CountingTx, method)

        async def counted(self: Any, sql: str, /, *, plain: Any = plain, **params: Any) -> int:
            rows = await plain(self, sql, **params)
            if rows < 0:  # SQLite's driver does not count the rows of a statement that begins with WITH
                ((rows,),) = await self._tx.all("SELECT changes()")
            written.append(rows if "membership" in sql else 0)
            return rows

        monkeypatch.setattr(CountingTx, method, counted)
    sums: dict[int, list[int]] = {}
    for size in (3, 300):
        for group in ("inner", "outer", "third"):
            await w.group(f"{group}{size}")
        ids = await many_users(w, f"m{size}-", size)
        async with w.db.write() as tx:
            inner = await rows.by_name(tx, f"inner{size}")
            assert inner is not None
            await memberships.add(tx, inner, ids)
        engine, actor = engine_on(w, Counting(w.db)), await w.actor("admin")
        sums[size] = []
        for change in (
            principals.AddMember(f"outer{size}", f"inner{size}"),
            principals.AddMember(f"third{size}", f"outer{size}"),
            principals.RemoveMember(f"outer{size}", f"inner{size}"),
            principals.AddMember(f"third{size}", f"inner{size}"),
            principals.RemoveMember(f"third{size}", f"outer{size}"),
        ):
            written.clear()
            await engine.execute(actor, change)
            sums[size].append(sum(written))
        assert await closure(w) == await closure_anew(w)
    assert sums[3] == sums[300] == [2, 3, 3, 2, 2]


@pytest.mark.parametrize("shape", ["chain", "star", "two levels", "by one request"])
async def test_nested_groups_are_bounded_by_what_one_change_may_touch(
    w: World, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memberships, "NESTED_GROUP_PAIRS", 9)
    names = [f"g{i}" for i in range(12)]
    for group in names:
        await w.group(group)
    ids = dict(zip(names, await numbers(w, *names), strict=True))
    admin = w.as_("admin")
    if shape == "by one request":
        with pytest.raises(LimitExceeded, match="Too many groups are nested around 'g0'"):
            await admin.do(group_of("g0", [ids[item] for item in names[1:11]], ids["g0"]))
        assert await closure(w) == await closure_anew(w)
        await admin.do(group_of("g0", [ids[item] for item in names[1:9]], ids["g0"]))
        return
    pairs = {
        "chain": [(f"g{i + 1}", f"g{i}") for i in range(5)],  # 3 x 3 in the middle of five
        "star": [("g0", f"g{i}") for i in range(1, 10)],  # 9 x 1 at the root of nine
        "two levels": [
            ("g0", "g1"),
            ("g1", "g2"),
            ("g1", "g3"),
            ("g1", "g4"),
            ("g1", "g5"),
            ("g1", "g6"),
            ("g1", "g7"),
        ],
    }[shape]
    fits = {"chain": 4, "star": 8, "two levels": 4}[shape]
    for number, (group, member) in enumerate(pairs):
        if number == fits:
            with pytest.raises(LimitExceeded, match="nested around"):
                await admin.do(principals.AddMember(group, member))
            break
        await admin.do(principals.AddMember(group, member))
    assert await closure(w) == await closure_anew(w)
    for group, member in reversed(pairs[:fits]):
        await admin.do(principals.RemoveMember(group, member))
    assert await closure(w) == await closure_anew(w)


async def test_the_ways_to_a_group_are_read_without_its_other_members(w: World) -> None:
    await w.group("crowd", "ann")
    await w.group("outer")
    await w.as_("admin").do(principals.AddMember("outer", "crowd"))
    ids = await many_users(w, "u", 60)
    async with w.db.write() as tx:
        crowd, outer, ann = [await rows.by_name(tx, who) for who in ("crowd", "outer", "ann")]
        assert crowd and outer and ann
        await memberships.add(tx, crowd, ids)
        lengths: list[int] = []
        plain = tx.all

        async def counted(sql: str, /, **params: Any) -> Any:
            result = await plain(sql, **params)
            lengths.append(len(result))
            return result

        tx.all = counted  # type: ignore[method-assign]
        ways = await explain.ways_up(tx, ann.id)
        assert ways == {ann.id: [], crowd.id: [crowd.id], outer.id: [crowd.id, outer.id]}
        assert lengths == [2]


@pytest.mark.parametrize("shape", ["one principal each", "one principal alone", "granted and revoked"])
async def test_statements_do_not_follow_the_grants(w: World, shape: str) -> None:
    await w.model("c0.s0.m0")
    actor = await w.actor("admin")
    await many_users(w, "u", 400)
    counts: list[int] = []
    for size in (4, 400):
        names = ["u0"] * size if shape == "one principal alone" else [f"u{i}" for i in range(size)]
        changes = [grants.GrantChange(item, ("EXECUTE", "APPLY_TAG")) for item in names]
        if shape == "granted and revoked":
            changes += [grants.GrantChange(item, (), ("ALL PRIVILEGES",)) for item in names[::2]]
        counted = Counting(w.db)
        await engine_on(w, counted).execute(actor, grants.ChangeGrants(name("c0.s0.m0"), tuple(changes)))
        counts.append(len(counted.sent))
    assert counts[0] == counts[1] < 20
    granted = await w.as_("admin").do(grants.GetGrants(name("c0.s0.m0")))
    left = {"one principal each": 400, "one principal alone": 1, "granted and revoked": 400}[shape]
    assert len(granted) == 2 * left


async def test_a_misspelled_name_is_compared_with_a_bounded_number_of_names(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many_users(w, "ann", 300)
    await w.model("c0.s0.m0")
    compared: list[int] = []
    close = suggestions.get_close_matches

    def counted(word: str, possibilities: dict[str, str], **options: Any) -> list[str]:
        compared.append(len(possibilities))
        assert max(map(len, (word, *possibilities))) <= limits.NEAR_CHARACTERS
        return close(word, possibilities, **options)

    monkeypatch.setattr(suggestions, "get_close_matches", counted)
    admin = w.as_("admin")
    for request in (
        principals.SetActive("ann1500", False),
        grants.ChangeGrants(name("c0.s0.m0"), (grants.GrantChange("ann1500", ("EXECUTE",)),)),
        catalogs.TransferOwnership(name("c0.s0.m0"), "ann1500"),
        principals.RemoveMember("admins", "ann1500"),
        principals.SetActive("ann15o" + "0" * 200, False),
    ):
        with pytest.raises(RegistryError, match="" if "0" * 200 in str(request) else "Near it: 'ann"):
            await admin.do(request)
    assert len(compared) == 5
    assert max(compared) <= limits.NEAR_NAMES
    with pytest.raises(NotFound, match="Near it: 'ann150'"):
        await admin.do(principals.SetActive("ann15O0", False))


@pytest.mark.parametrize("change", ["add", "remove", "remove by filter", "replace", "many small ones"])
async def test_a_large_group_is_changed_off_the_event_loop(
    w: World, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = identities.SCIM_INLINE_RELATED
    await w.group("crowd")
    ids = await many_users(w, "u", size + 1)
    async with w.db.write() as tx:
        crowd = await rows.by_name(tx, "crowd")
        assert crowd is not None
        await memberships.add(tx, crowd, ids[:-1])
    (number,), listed = await numbers(w, "crowd"), await numbers(w, *(f"u{i}" for i in range(size + 1)))
    threads: list[str] = []
    plain = identities.apply

    def noting(*args: Any) -> Any:
        threads.append(threading.current_thread().name)
        return plain(*args)

    monkeypatch.setattr(identities, "apply", noting)
    operations = {
        "add": [{"op": "add", "path": "members", "value": [{"value": listed[-1]}]}],
        "remove": [{"op": "remove", "path": "members", "value": [{"value": id} for id in listed[::2]]}],
        "remove by filter": [{"op": "remove", "path": f'members[value eq "{id}"]'} for id in listed[:100]],
        "replace": [{"op": "replace", "path": "members", "value": [{"value": id} for id in listed]}],
        "many small ones": [{"op": "add", "path": "members", "value": [{"value": listed[-1]}]}] * 500,
    }[change]
    left = {"remove": size // 2, "remove by filter": size - 100}.get(change, size + 1)
    changed = await w.as_("admin").do(identities.PatchIdentity("GROUP", number, changes_of(TYPES["GROUP"], operations)))
    assert len(changed.members) == left
    assert await closure(w) == await closure_anew(w)
    assert threads and all(name.startswith("objects") for name in threads)


@pytest.mark.parametrize(
    ("sizes", "most", "pages"),
    [([3, 3, 3, 3], 6, [2, 2]), ([9, 1, 1], 6, [1, 2]), ([1, 9, 1], 6, [1, 1, 1]), ([0, 0, 0], 0, [3])],
)
async def test_a_page_of_groups_ends_where_their_members_are_many(
    w: World, sizes: list[int], most: int, pages: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes on behind the last group gets them all, each with all its members."""
    ids = await many_users(w, "u", max(sizes) or 1)
    for index, size in enumerate(sizes):
        await w.group(f"zz{index}")
        async with w.db.write() as tx:
            group = await rows.by_name(tx, f"zz{index}")
            assert group is not None
            await memberships.add(tx, group, ids[:size])
    monkeypatch.setattr(identities, "SCIM_RELATED_PER_PAGE", most)
    for filter in ('displayName sw "zz"', 'displayName sw "zz" and displayName pr'):
        listed: list[list[int]] = []
        start = 1
        while items := (await w.as_("admin").do(identities.ListIdentities("GROUP", filter, start))).items:
            listed.append([len(item.members) for item in items])
            start += len(items)
        assert [len(page) for page in listed] == pages
        assert [size for page in listed for size in page] == sizes


@pytest.mark.parametrize("part", [1, 3, 10, 11])
async def test_ids_go_in_parts_of_a_bounded_size(w: World, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of the parts, what they do together is the same."""
    for module in ("modelkeep.limits", "modelkeep.store.memberships", "modelkeep.store.grants"):
        monkeypatch.setattr(f"{module}.IDS_PER_STATEMENT", part)
    await w.model("c0.s0.m0")
    await w.group("crowd")
    await many_users(w, "u", 10)
    names = [f"u{i}" for i in range(10)]
    (crowd,), members = await numbers(w, "crowd"), await numbers(w, *names)
    admin = w.as_("admin")
    assert len((await admin.do(group_of("crowd", members, crowd))).members) == 10
    assert await closure(w) == await closure_anew(w)
    changes = tuple(grants.GrantChange(item, ("EXECUTE",)) for item in names)
    granted = await admin.do(grants.ChangeGrants(name("c0.s0.m0"), changes))
    assert sorted(grant.principal for grant in granted) == names
    assert (await admin.do(group_of("crowd", [], crowd))).members == ()
    assert await closure(w) == await closure_anew(w)
