"""The closure of memberships, which every decision reads, against the memberships themselves, after any history of changes."""

import asyncio
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import new_place, world

from modelkeep.domain.errors import InvalidArgument
from modelkeep.store import principals
from modelkeep.store.db import WriteTx

GROUPS = ("g0", "g1", "g2", "g3")
USERS = ("u0", "u1")
EVERYONE = "account users"
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "remove", "delete"]), st.sampled_from(GROUPS), st.sampled_from((*GROUPS, *USERS))
    ),
    max_size=25,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_the_closure_is_what_the_memberships_say(changes: list[tuple[str, str, str]], tmp_path: Path) -> None:
    asyncio.run(_play(changes, tmp_path))


async def _play(changes: list[tuple[str, str, str]], folder: Path) -> None:
    members: set[tuple[str, str]] = set()
    async with world(await new_place(folder)) as w, w.db.write() as tx:
        for who in (*GROUPS, *USERS):
            await _make(tx, who)
        for change, group, member in changes:
            a, b = [await principals.by_name(tx, who) for who in (group, member)]
            assert a and b
            if change == "add":
                circle = (group, member) in _expected(members)  # the group acts as the member already
                try:
                    await principals.add_member(tx, a, b)
                    assert not circle
                    members.add((group, member))
                except InvalidArgument:
                    assert circle
            elif change == "remove":
                await principals.remove_member(tx, a, b)
                members.discard((group, member))
            else:  # and made anew: a name is not an identity
                await principals.delete(tx, b)
                members = {(g, m) for g, m in members if member not in (g, m)}
                await _make(tx, member)
            assert await _closure(tx) == _expected(members)


async def _make(tx: WriteTx, who: str) -> None:
    await principals.insert(tx, "GROUP" if who in GROUPS else "USER", who, "test", 0)


def _expected(members: set[tuple[str, str]]) -> set[tuple[str, str]]:
    result = {(who, who) for who in (*GROUPS, *USERS)} | {(user, EVERYONE) for user in USERS}
    while True:
        extra = {(who, above) for who, group in result for above, member in members if member == group} - result
        if not extra:
            return result
        result |= extra


async def _closure(tx: WriteTx) -> set[tuple[str, str]]:
    rows = await tx.all(
        "SELECT m.name, g.name FROM acts_as c JOIN principals m ON m.id = c.member_id JOIN principals g ON g.id = c.group_id"
    )
    return {(m, g) for m, g in rows if m not in ("admin", "admins", EVERYONE)}
