"""Looks at the disks that this process writes to, so that changes end before a disk is full."""

import asyncio
import shutil
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from modelkeep import limits
from modelkeep.domain.disk_state import DiskState
from modelkeep.observe import metrics
from modelkeep.observe.logs import log


class DiskUsage(Protocol):
    """Bytes, as `shutil.disk_usage` tells them."""

    @property
    def total(self) -> int: ...

    @property
    def free(self) -> int: ...


class DiskGuard:
    """Turns changes off in a DiskState while one of the disks has too little space."""

    def __init__(self, state: DiskState, paths: Sequence[Path], min_free_mb: float) -> None:
        """`min_free_mb`: mebibytes that stay free, though not more than a share of a small disk; 0 looks at nothing."""
        self._state = state
        self._paths = paths
        self._min_free_bytes = int(min_free_mb * 2**20)
        # One thread a disk: what hangs is looked at by nobody else, and the others are looked at all the same.
        self._threads = {path: ThreadPoolExecutor(1, "disk") for path in paths}
        self._looking: dict[Path, Future[DiskUsage]] = {}

    @property
    def reason(self) -> str:
        """Why changes are refused; '' where they are not."""
        return self._state.reason

    async def check(self) -> None:
        """Look once; a line of the log says when that changes something."""
        reason = await self._look() if self._min_free_bytes else ""
        if bool(reason) != bool(self._state.reason):
            if reason:
                log.error("changes are refused: a disk is almost full", reason=reason)
            else:
                log.warning("changes are taken again: the disk has space")
        self._state.reason = reason
        metrics.writes_refused.set(bool(reason))

    async def _look(self) -> str:
        for path in self._paths:
            try:
                disk = await self._usage(path)
            except (OSError, TimeoutError) as error:
                log.warning("a disk could not be looked at", path=str(path), reason=str(error) or "it does not answer")
                continue
            metrics.disk_free_bytes.labels(str(path)).set(disk.free)
            least = min(self._min_free_bytes, int(disk.total * limits.DISK_MOST_SHARE))
            if self._state.reason:
                least = int(least * limits.DISK_AGAIN_FACTOR)
            if disk.free < least:
                return f"The disk of {path} has {disk.free >> 20} MiB free, and {least >> 20} MiB must stay free."
        return ""

    async def _usage(self, path: Path) -> DiskUsage:
        """Raises OSError, TimeoutError after `limits.DISK_ANSWER_S`; a look that hangs is not begun a second time."""
        if (look := self._looking.get(path)) is None or look.done():
            look = self._looking[path] = self._threads[path].submit(shutil.disk_usage, path)
        async with asyncio.timeout(limits.DISK_ANSWER_S):
            return await asyncio.shield(asyncio.wrap_future(look))
