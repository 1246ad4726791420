"""Nothing slow happens while a transaction is open: the check of `guard`, which every suite runs under, can fail."""

import asyncio
from typing import Any

import httpx
import pytest
from guard import SlowInTransaction
from world import World, chunks

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

SET = "0190a0a0-0000-7000-8000-00000000000a"


@pytest.mark.parametrize("kind", ["read", "single", "write"])
async def test_storage_and_other_hosts_are_refused_inside_of_a_transaction(w: World, kind: str) -> None:
    async with getattr(w.db, kind)():
        with pytest.raises(SlowInTransaction, match=f"inside of a {kind} transaction"):
            await w.blobs.list_set(SET)
        with pytest.raises(SlowInTransaction):
            await w.blobs.write(SET, "a", chunks(b"x"))
        with pytest.raises(SlowInTransaction):
            w.blobs.read(SET, [], 0, 0)
        async with httpx.AsyncClient() as http:
            with pytest.raises(SlowInTransaction):
                await http.get("http://127.0.0.1:9/")
    assert await w.blobs.list_set(SET) == []


async def test_other_tasks_and_tasks_that_outlive_a_transaction_are_not_in_it(w: World) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def later() -> Any:
        await over.wait()
        return await w.blobs.list_set(SET)

    async def beside() -> Any:
        await begun.wait()
        return await w.blobs.list_set(SET)

    other = asyncio.create_task(beside())
    async with w.db.write():
        inherited = asyncio.create_task(later())
        begun.set()
        assert await other == []
    over.set()
    assert await inherited == []
