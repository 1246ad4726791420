"""Changes end before a disk is full; reads, deletions and revocations go on."""

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from authz.rows import build, rows
from world import Rehearsal, RolledBack, World, chunks, engine_on, name

from modelkeep import limits
from modelkeep.core.full_disk import needs_space
from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.models import models
from modelkeep.core.table import BY_REQUEST, OPERATIONS
from modelkeep.domain.disk_state import DiskState
from modelkeep.domain.errors import Unavailable
from modelkeep.jobs.tasks import TASKS, WorkerContext
from modelkeep.observe import disk, metrics
from modelkeep.observe.disk import DiskGuard
from modelkeep.observe.health import ProcessHealth
from modelkeep.serve.application import health_of

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

Usage = namedtuple("Usage", "total used free")
GIB = 2**30


class Disks:
    """What `shutil.disk_usage` says of each path."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by_path: dict[str, Usage] = {}
        monkeypatch.setattr(shutil, "disk_usage", self._usage)

    def _usage(self, path: Path) -> Usage:
        if str(path) not in self.by_path:
            raise OSError("no such disk")
        return self.by_path[str(path)]

    def set(self, path: str, total: int, free: int) -> None:
        self.by_path[path] = Usage(total, total - free, free)


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch) -> Disks:
    return Disks(monkeypatch)


@pytest.mark.parametrize(
    ("min_free_mb", "total", "free", "refused"),
    [
        (512, 100 * GIB, 513 * 2**20, False),
        (512, 100 * GIB, 511 * 2**20, True),
        (512, GIB, 60 * 2**20, False),
        (512, GIB, 40 * 2**20, True),
        (0, GIB, 0, False),
        (4096, 1000 * GIB, 3 * GIB, True),
    ],
)
async def test_changes_are_refused_below_the_limit_and_its_share_of_a_small_disk(
    disks: Disks, min_free_mb: float, total: int, free: int, refused: bool
) -> None:
    disks.set("/data", total, free)
    guard = DiskGuard(DiskState(), [Path("/data")], min_free_mb)
    await guard.check()
    assert bool(guard.reason) is refused
    assert metrics.writes_refused._value.get() == refused  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]


async def test_any_of_the_disks_counts_and_one_that_is_away_hides_no_other(disks: Disks) -> None:
    disks.set("/b", 100 * GIB, 100)
    guard = DiskGuard(DiskState(), [Path("/a"), Path("/b")], 512)
    await guard.check()
    assert "/b has 0 MiB free, and 512 MiB must stay free" in guard.reason


class Recorder:
    """A logger that keeps its messages: where the real one writes to is another test's choice."""

    def __init__(self, lines: list[str]) -> None:
        self.error = self.warning = lambda message, **fields: lines.append(message)


async def test_the_log_has_one_line_for_each_change_and_the_edge_is_not_crossed_by_turns(
    disks: Disks, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(disk, "log", Recorder(lines))
    guard = DiskGuard(DiskState(), [Path("/data")], 512)
    states: list[bool] = []
    for free in (600, 500, 513, 511, 520, int(512 * limits.DISK_AGAIN_FACTOR) + 1, 513):
        disks.set("/data", 100 * GIB, free * 2**20)
        await guard.check()
        states.append(bool(guard.reason))
    assert states == [False, True, True, True, True, False, False]
    assert len(lines) == 2 and "refused" in lines[0] and "again" in lines[1]


async def test_each_operation_that_needs_space_is_refused_and_every_other_goes_on(lite: World) -> None:
    ids = await build(lite)
    engine = engine_on(lite, Rehearsal(lite.db))  # type: ignore[arg-type]
    engine.auditor = lite.registry.auditor
    admin = await lite.actor("account-admin")
    engine.disk.reason = "full"
    refused = set[str]()
    for row in rows(ids):
        op = BY_REQUEST[type(row.request)]
        try:
            await engine.execute(admin, row.request, body=None if row.body is None else chunks(row.body))
        except Unavailable as error:
            assert needs_space(op) and "almost full" in error.message
            refused.add(op.name)
        except (RolledBack, Exception):
            assert not needs_space(op), op.name
    assert refused == {op.name for op in OPERATIONS if needs_space(op)} - {"vend_direct_upload"}
    await lite.registry.auditor.flush()
    assert await lite.count("audit WHERE reason LIKE '%almost full%'") == 0


def test_deletions_and_revocations_need_no_space_and_uploads_do() -> None:
    needs = {op.name for op in OPERATIONS if needs_space(op)}
    free = {op.name for op in OPERATIONS} - needs
    assert {
        op.name for op in OPERATIONS if op.name.startswith(("delete_", "revoke_", "abort_", "get_", "list_"))
    } <= free
    assert {
        "patch_identity",
        "replace_identity",
        "change_grants",
        "remove_member",
        "set_active",
        "unassign",
        "search_versions",
    } <= free
    assert {
        "write_file",
        "write_small_file",
        "start_upload",
        "write_part",
        "complete_upload",
        "create_version",
        "register_version",
        "write_credentials",
        "vend_direct_upload",
        "create_model",
        "set_alias",
    } <= needs


def test_what_takes_away_is_marked_in_the_table() -> None:
    """So that nobody forgets it of a new row: each verb that frees space or ends a right."""
    verbs = {"abort", "delete", "remove_member", "revoke", "unassign", "unlink", "withdraw"}
    unmarked = [
        op.name
        for op in OPERATIONS
        if op.effect == "write" and op.audit.rpartition(".")[2] in verbs and not op.full_disk
    ]
    assert not unmarked
    assert all(op.effect == "write" for op in OPERATIONS if op.full_disk)


async def test_a_full_disk_is_degraded_and_reads_and_deletions_answer(w: World, disks: Disks) -> None:
    await w.model("prod.ml.churn")
    guard = DiskGuard(w.engine.disk, [Path("/data")], 10**9)
    disks.set("/data", 100 * GIB, GIB)
    await guard.check()
    health: ProcessHealth = health_of(w.registry, None, None)
    state = await health.readiness()
    await health.close()
    assert (state.status, state.degraded, state.ready) == ("degraded", ("disk",), True)
    admin = w.as_("admin")
    with pytest.raises(Unavailable, match="almost full"):
        await admin.do(catalogs.CreateCatalog(name=name("more")))
    await admin.do(models.GetModel(name("prod.ml.churn")))
    await admin.do(models.DeleteModel(name("prod.ml.churn")))
    disks.set("/data", 100 * GIB, 50 * GIB)
    await guard.check()
    await admin.do(catalogs.CreateCatalog(name=name("more")))


async def test_copies_wait_while_the_disk_is_full(w: World, disks: Disks) -> None:
    guard: Any = DiskGuard(w.engine.disk, [Path("/data")], 512)
    background = WorkerContext(w.db, w.blobs, w.registry.auditor, 0, disk=guard)
    disks.set("/data", 100 * GIB, 0)
    await guard.check()
    assert await TASKS["bring"](background, "no version/no set/x") == 60_000
    disks.set("/data", 100 * GIB, 50 * GIB)
    await guard.check()
    assert await TASKS["bring"](background, "no version/no set/x") is None
