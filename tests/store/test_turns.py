"""Turns of writers: in which order changes are admitted, and that none is lost where callers leave."""

import asyncio
import random
from collections import Counter

import pytest

from modelkeep.store.writer_turns import WriterTurns

pytestmark = pytest.mark.anyio
PATIENCE_S = 30.0


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def order(turns: WriterTurns, principals: str) -> str:
    """The order in which these are admitted that come one after the other while `first` writes."""
    await turns.enter("first", PATIENCE_S)
    admitted: list[str] = []

    async def change(principal: str) -> None:
        await turns.enter(principal, PATIENCE_S)
        admitted.append(principal)
        await asyncio.sleep(0)
        turns.leave(principal)

    async with asyncio.TaskGroup() as group:
        for principal in principals:
            group.create_task(change(principal))
        await settle()
        turns.leave("first")
    return "".join(admitted)


@pytest.mark.parametrize(
    ("come", "admitted"),
    [("aaaab", "abaaa"), ("aaabbc", "abcaba"), ("abc", "abc"), ("aaaa", "aaaa"), ("aabab", "ababa")],
)
async def test_principals_take_turns(come: str, admitted: str) -> None:
    assert await order(WriterTurns(1, 1), come) == admitted


@pytest.mark.parametrize(("at_once", "of_principal"), [(8, 4), (2, 1), (3, 1), (1, 1)])
async def test_one_principal_leaves_room_for_the_others(at_once: int, of_principal: int) -> None:
    turns = WriterTurns(at_once, of_principal)
    many = [asyncio.create_task(turns.enter("a", PATIENCE_S)) for _ in range(20)]
    await settle()
    assert sum(task.done() for task in many) == of_principal
    if at_once > of_principal:
        await asyncio.wait_for(turns.enter("b", PATIENCE_S), 1)
    for task in many:
        task.cancel()


async def test_who_waits_too_long_is_refused_and_leaves_no_trace() -> None:
    turns = WriterTurns(1, 1)
    await turns.enter("a", PATIENCE_S)
    for principal in ("a", "b", "c"):
        with pytest.raises(TimeoutError):
            await turns.enter(principal, 0.001)
    assert not turns.anyone_waits()
    turns.leave("a")
    await turns.enter("c", 0.001)


@pytest.mark.parametrize("seed", range(20))
async def test_callers_that_leave_at_any_moment_block_nobody(seed: int) -> None:
    choice, running, most = random.Random(seed), Counter[str](), 0
    turns = WriterTurns(3, 2)

    async def change(principal: str) -> None:
        nonlocal most
        await turns.enter(principal, PATIENCE_S)
        try:
            running[principal] += 1
            most = max(most, running.total())
            assert running[principal] <= 2
            for _ in range(choice.randrange(3)):
                await asyncio.sleep(0)
        finally:
            running[principal] -= 1
            turns.leave(principal)

    tasks = [asyncio.create_task(change(choice.choice("abcd"))) for _ in range(60)]
    for _ in range(60):
        await asyncio.sleep(0)
        if choice.random() < 0.5:
            choice.choice(tasks).cancel()
    ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENCE_S)
    assert {type(item) for item in ended} <= {type(None), asyncio.CancelledError}
    assert most == 3
    assert not turns.anyone_waits()
    assert running.total() == 0
