"""Work that ends, even where the request that it belongs to is cut short."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work`, which goes on where its caller is cancelled: who leaves before the answer still leaves a record."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((task,))
        raise
