"""Lists of members and of tokens come in pages, which together hold every row once, in order."""

from typing import Any

import msgspec
import pytest
from store.test_contract_memberships import many_users
from world import World

from modelkeep.core.operations.identity import principals
from modelkeep.domain.errors import BadPageToken, LimitExceeded
from modelkeep.domain.model import Page
from modelkeep.store import memberships, tokens
from modelkeep.store import principals as rows

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio


async def pages(w: World, request: msgspec.Struct, size: int) -> list[Page[Any]]:
    """All pages of a list, as the admin sees them."""
    listed: list[Page[Any]] = []
    token = ""
    while not listed or token:
        listed.append(await w.as_("admin").do(msgspec.structs.replace(request, max_results=size, page_token=token)))
        token = listed[-1].next_token
    return listed


async def crowd(w: World, group: str, count: int) -> None:
    await w.group(group)
    ids = await many_users(w, f"{group}-", count)
    async with w.db.write() as tx:
        row = await rows.by_name(tx, group)
        assert row is not None
        await memberships.add(tx, row, ids)


@pytest.mark.parametrize(
    ("count", "size", "sizes"), [(25, 10, [10, 10, 5]), (20, 10, [10, 10]), (3, 10, [3]), (0, 1, [0])]
)
async def test_members_come_in_pages(w: World, count: int, size: int, sizes: list[int]) -> None:
    await crowd(w, "crowd", count)
    listed = await pages(w, principals.ListMembers("crowd"), size)
    assert [len(page.items) for page in listed] == sizes
    names = [member.name for page in listed for member in page.items]
    assert names == sorted(f"crowd-{i}" for i in range(count))


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize("same_moment", [True, False])
async def test_tokens_come_in_pages_newest_first(w: World, size: int, same_moment: bool) -> None:
    holder = await w.user("ann")
    async with w.db.write() as tx:
        for i in range(9):
            at = 1000 if same_moment else 1000 + i
            await tokens.insert(tx, tokens.TokenRow(holder.id, f"hash {i}", f"token {i}", "test", at, None))
    listed = await pages(w, principals.ListTokens("ann"), size)
    assert max(len(page.items) for page in listed) <= size
    results = [token for page in listed for token in page.items]
    assert sorted(token.comment for token in results) == [f"token {i}" for i in range(9)]
    order = [(token.created_at, token.id) for token in results]
    assert order == sorted(order, reverse=True)


async def test_a_page_token_works_in_its_own_list_alone(w: World) -> None:
    for group in ("one", "two"):
        await crowd(w, group, 3)
    admin = w.as_("admin")
    token = (await admin.do(principals.ListMembers("one", 2))).next_token
    assert token
    for request in (
        principals.ListMembers("two", 2, token),
        principals.ListTokens("one-0", page_token=token),
        principals.ListMembers("one", 2, token[:-4]),
    ):
        with pytest.raises(BadPageToken):
            await admin.do(request)


async def test_revoked_tokens_leave_usable_ones_on_the_first_page(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databricks' list has no pages: it holds what its reader can use."""
    monkeypatch.setattr(principals, "TOKENS_PER_PAGE", 3)
    ann = w.as_("ann")
    result = (await ann.do(principals.CreateToken("kept"))).info.id
    for _ in range(5):
        entity = await ann.do(principals.CreateToken())
        await ann.do(principals.RevokeToken(entity.info.id))
    usable = await ann.do(principals.ListTokens(usable=True))
    assert result in [token.id for token in usable.items]
    assert not any(token.revoked_at for token in usable.items)
    assert usable.next_token == ""
    assert (await ann.do(principals.ListTokens())).next_token


async def test_a_list_without_pages_that_would_be_too_long_is_refused(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ann", "bob"):
        await w.as_(name).do(principals.CreateToken())
    admin = w.as_("admin")
    count = len(await admin.do(principals.ListAllTokens()))
    monkeypatch.setattr("modelkeep.limits.MANAGED_TOKENS", count)
    assert len(await admin.do(principals.ListAllTokens())) == count
    await w.as_("ann").do(principals.CreateToken())
    with pytest.raises(LimitExceeded, match="Name their creator"):
        await admin.do(principals.ListAllTokens())
    assert len(await admin.do(principals.ListAllTokens(creator_name="bob"))) >= 1
